//! What can go wrong on a stream between nodes, and with which code it is then abandoned. The messages say
//! what was read or written; who the peer was is known to whoever holds the connection.

use std::time::Duration;

use igor_core::format::MessageError;
use igor_core::transport::TransportError;

use crate::wire::{BillError, ChunkError, Close, CourseError, FrameError, NoRoom, PriceError};

/// Why a stream went wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// The transport failed, or the peer abandoned the stream.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// What came, or was to be sent, is no frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// What came in a frame is no message.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// The peer finished within a frame, or before it had said what was due.
    #[error("the peer finished where {due} was due")]
    Cut {
        /// What was due.
        due: &'static str,
    },
    /// Another message came than was due.
    #[error("{found} arrived where {due} was due")]
    Unexpected {
        /// What came.
        found: &'static str,
        /// What was due.
        due: &'static str,
    },
    /// The peer took too long.
    #[error("{what} took longer than {} s", limit.as_secs_f32())]
    TooSlow {
        /// What took so long.
        what: &'static str,
        /// How long it may take.
        limit: Duration,
    },
    /// The messages are no bill.
    #[error(transparent)]
    Bill(#[from] BillError),
    /// A chunk, or what is wanted, is out of order.
    #[error(transparent)]
    Course(#[from] CourseError),
    /// A chunk cannot be unfolded.
    #[error(transparent)]
    Chunk(#[from] ChunkError),
    /// There is no room for what arrives.
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
    /// A line of the question for a price is none.
    #[error("price: {0}")]
    Price(#[from] PriceError),
    /// A peer that says how much follows nowhere said more than it may.
    #[error("{what} of more than {bytes_max} bytes")]
    TooLong {
        /// What.
        what: &'static str,
        /// How many bytes it may have.
        bytes_max: u64,
    },
    /// Something else than a ping, or than its answer, came.
    #[error("ping: something else arrived")]
    NoPing,
}

impl WireError {
    /// The code with which the stream is abandoned.
    pub const fn close(&self) -> Close {
        match self {
            Self::Transport(_) => Close::Done,
            Self::Frame(FrameError::TooLarge { .. }) => Close::TooLarge,
            Self::TooSlow { .. } => Close::TooSlow,
            Self::TooLong { .. } => Close::TooLarge,
            Self::NoRoom(_) => Close::Busy,
            Self::Bill(BillError::TooLarge { .. } | BillError::TooMany { .. }) => Close::TooLarge,
            Self::Frame(FrameError::Empty)
            | Self::Message(_)
            | Self::Cut { .. }
            | Self::Unexpected { .. }
            | Self::Bill(_)
            | Self::Course(_)
            | Self::Chunk(_)
            | Self::Price(_)
            | Self::NoPing => Close::Malformed,
        }
    }

    /// What the peer meant when it abandoned the stream or the connection, if that is what happened and
    /// its code is known.
    pub fn told(&self) -> Option<Close> {
        match self {
            Self::Transport(
                TransportError::Closed { code, .. } | TransportError::Reset { code, .. },
            ) => Close::of(*code),
            _ => None,
        }
    }
}
