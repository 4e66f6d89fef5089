//! What an error of libp2p means to a caller.

use std::error::Error;
use std::io;

use igor_core::transport::{NodeId, TransportError};
use libp2p_swarm::DialError;

use crate::address::node_of;
use crate::identity::Unproven;

/// Why the network did not reach the other end. libp2p's own wrapping hides an error itself and shows what lies
/// below it, so this is what it is given to wrap.
#[derive(Debug)]
pub(crate) struct Network(pub(crate) io::Error);

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Network {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

/// Why `expected` was not reached.
pub(crate) fn dial(attempt: &str, expected: NodeId, error: DialError) -> TransportError {
    let attempt = attempt.to_owned();
    match error {
        DialError::WrongPeerId { obtained, .. } => match node_of(&obtained) {
            Some(found) => TransportError::WrongPeer { expected, found },
            None => {
                let problem = Unproven::OtherKey.to_string();
                TransportError::Unproven { attempt, problem }
            }
        },
        DialError::LocalPeerId { .. } => {
            TransportError::Refused { attempt, problem: "that is this node itself".to_owned() }
        }
        DialError::Denied { cause } => match cause.downcast::<Unproven>() {
            Ok(problem) => TransportError::Unproven { attempt, problem: problem.to_string() },
            Err(cause) => TransportError::Refused { attempt, problem: cause.to_string() },
        },
        DialError::Transport(mut tried) => match tried.pop() {
            Some((_, error)) => transport(attempt, error),
            None => TransportError::TimedOut { attempt },
        },
        error => TransportError::Io { attempt, source: io::Error::other(error.to_string()) },
    }
}

/// Tells what the network did from what the other end said.
fn transport(
    attempt: String,
    error: libp2p_core::transport::TransportError<io::Error>,
) -> TransportError {
    let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
    let mut said = Vec::new();
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<io::Error>()
            && !matches!(io.kind(), io::ErrorKind::Other | io::ErrorKind::InvalidData)
        {
            let source = io::Error::new(io.kind(), io.to_string());
            return TransportError::Io { attempt, source };
        }
        let text = error.to_string();
        if said.last() != Some(&text) {
            said.push(text);
        }
        cause = error.source();
    }
    TransportError::Unproven { attempt, problem: said.join(": ").escape_debug().to_string() }
}
