//! Codes on the wire, and what an error of QUIC means to a caller. A code of the layers above is sent as it
//! is; the transport's own lie above 32 bits, where no caller's can.

use std::io;

use igor_core::transport::{CloseCode, TransportError};
use quinn::{ConnectionError, ReadError, StoppedError, TransportErrorCode, VarInt, WriteError};

/// A connection is closed because a limit is reached.
pub(crate) const REFUSED: u64 = 1 << 32;
/// A connection is closed because the other end does not keep to the protocol.
pub(crate) const MISBEHAVED: u64 = (1 << 32) + 1;
/// A stream is abandoned because it did not say its protocol, or not in time.
pub(crate) const NAMELESS: u64 = (1 << 32) + 2;

/// A code of this transport's own.
pub(crate) fn own(code: u64) -> VarInt {
    VarInt::from_u64(code).unwrap_or(VarInt::MAX)
}

/// A caller's code.
pub(crate) fn sent(code: CloseCode) -> VarInt {
    VarInt::from_u32(code.0)
}

/// A code that arrived on a stream.
fn received(code: VarInt) -> CloseCode {
    CloseCode(u32::try_from(code.into_inner()).unwrap_or(u32::MAX))
}

fn other(attempt: &str, error: &ConnectionError) -> TransportError {
    let source = io::Error::other(error.to_string());
    TransportError::Io { attempt: attempt.to_owned(), source }
}

/// The range of codes for alerts of TLS (RFC 9001, 4.8).
fn is_tls(code: TransportErrorCode) -> bool {
    (0x100..0x200).contains(&u64::from(code))
}

/// Why a connection is gone.
pub(crate) fn connection(attempt: &str, error: &ConnectionError) -> TransportError {
    let attempt_text = attempt.to_owned();
    let unproven =
        |problem: String| TransportError::Unproven { attempt: attempt.to_owned(), problem };
    match error {
        ConnectionError::ApplicationClosed(close) => {
            let code = close.error_code.into_inner();
            let reason = String::from_utf8_lossy(&close.reason);
            match u32::try_from(code) {
                Ok(code) => TransportError::Closed { attempt: attempt_text, code: CloseCode(code) },
                Err(_) if code == REFUSED => {
                    let problem = format!("refused by the peer: {}", reason.escape_debug());
                    TransportError::Refused { attempt: attempt_text, problem }
                }
                Err(_) => unproven(format!("the peer gave up: {}", reason.escape_debug())),
            }
        }
        ConnectionError::LocallyClosed => TransportError::Ended { attempt: attempt_text },
        ConnectionError::TimedOut => TransportError::TimedOut { attempt: attempt_text },
        // The peer's node was started again and knows nothing of it.
        ConnectionError::Reset => TransportError::Io {
            attempt: attempt_text,
            source: io::ErrorKind::ConnectionReset.into(),
        },
        ConnectionError::ConnectionClosed(close)
            if close.error_code == TransportErrorCode::CONNECTION_REFUSED =>
        {
            let problem = "refused by the peer, which has no room".to_owned();
            TransportError::Refused { attempt: attempt_text, problem }
        }
        ConnectionError::ConnectionClosed(close) if is_tls(close.error_code) => {
            unproven(format!("the peer ended the handshake: {}", close.error_code))
        }
        ConnectionError::TransportError(error) if is_tls(error.code) => {
            unproven(format!("the handshake failed: {}", error.reason.escape_debug()))
        }
        ConnectionError::VersionMismatch => {
            unproven("speaks no QUIC that is known here".to_owned())
        }
        error => other(attempt, error),
    }
}

/// Why a read failed.
pub(crate) fn read(attempt: &str, error: ReadError) -> TransportError {
    match error {
        ReadError::Reset(code) => {
            TransportError::Reset { attempt: attempt.to_owned(), code: received(code) }
        }
        ReadError::ConnectionLost(error) => connection(attempt, &error),
        _ => TransportError::Ended { attempt: attempt.to_owned() },
    }
}

/// Why a write failed.
pub(crate) fn write(attempt: &str, error: WriteError) -> TransportError {
    match error {
        WriteError::Stopped(code) => stopped(attempt, code),
        WriteError::ConnectionLost(error) => connection(attempt, &error),
        _ => TransportError::Ended { attempt: attempt.to_owned() },
    }
}

/// Why a finished half was not delivered.
pub(crate) fn undelivered(attempt: &str, error: StoppedError) -> TransportError {
    match error {
        StoppedError::ConnectionLost(error) => connection(attempt, &error),
        StoppedError::ZeroRttRejected => TransportError::Ended { attempt: attempt.to_owned() },
    }
}

/// That the peer reads no more.
pub(crate) fn stopped(attempt: &str, code: VarInt) -> TransportError {
    TransportError::Reset { attempt: attempt.to_owned(), code: received(code) }
}
