//! What can go wrong with a transport. The messages say what was attempted and on what; what to do about
//! it belongs to whoever talks to a person.

use super::{CloseCode, NodeId};

/// Why a transport call failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The address is not in this transport's notation.
    #[error("address {address:?}: {problem}")]
    Address {
        /// The address.
        address: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The peer closed the connection.
    #[error("{attempt}: the connection was closed by the peer with code {}", .code.0)]
    Closed {
        /// What was attempted.
        attempt: String,
        /// The peer's reason.
        code: CloseCode,
    },
    /// This end had closed or finished it before.
    #[error("{attempt}: it is over at this end")]
    Ended {
        /// What was attempted.
        attempt: String,
    },
    /// The network or the system failed.
    #[error("{attempt}: {source}")]
    Io {
        /// What was attempted.
        attempt: String,
        /// The system's error.
        source: std::io::Error,
    },
    /// The text is no name of a protocol.
    #[error("protocol {name:?}: {problem}")]
    Protocol {
        /// The text.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A limit of this node or of the other is reached, or the other wants no connection.
    #[error("{attempt}: {problem}")]
    Refused {
        /// What was attempted.
        attempt: String,
        /// Which limit, or what the other said.
        problem: String,
    },
    /// The peer abandoned the stream.
    #[error("{attempt}: the stream was abandoned by the peer with code {}", .code.0)]
    Reset {
        /// What was attempted.
        attempt: String,
        /// The peer's reason.
        code: CloseCode,
    },
    /// Nothing was heard in time.
    #[error("{attempt}: no answer in time")]
    TimedOut {
        /// What was attempted.
        attempt: String,
    },
    /// Who answered did not prove to be a node, or does not speak as one.
    #[error("{attempt}: {problem}")]
    Unproven {
        /// What was attempted.
        attempt: String,
        /// What is missing or wrong.
        problem: String,
    },
    /// Someone else answered.
    #[error("connect to {expected}: {found} answered")]
    WrongPeer {
        /// Who was dialled.
        expected: NodeId,
        /// Who answered.
        found: NodeId,
    },
}
