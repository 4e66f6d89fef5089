//! What passes between two nodes, as bytes: frames, chunks, bills over several messages, and what the original's
//! nodes speak too. It reads no stream and knows no time; what waits is in
//! [`crate::shell::wire`]. The messages themselves are igor-format's, their order that of
//! `docs/spec/handoff-wire.md`.

mod bill;
mod chunk;
mod close;
mod course;
mod frame;
mod object;
mod patience;
mod price;
mod room;

use igor_core::transport::{ProtocolId, TransportError};

pub use bill::{Bill, BillError, pages};
pub use chunk::{ChunkError, pieces, unpack};
pub use close::Close;
pub use course::{Course, CourseError};
pub use frame::{FrameDecoder, FrameError, frame};
pub use object::ObjectEnd;
pub use patience::Patience;
pub use price::{
    LINE_BYTES_MAX, PriceError, PriceReply, PriceRequest, read_reply, read_request, write_reply,
    write_request,
};
pub use room::{NoRoom, Place, Room};

/// What is asked by a ping, and the whole of it.
pub const PING: [u8; 4] = *b"ping";
/// What is answered, and the whole of it.
pub const PONG: [u8; 4] = *b"pong";

/// What a node understands on a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Spoken {
    /// An agent moves.
    Handoff,
    /// What a second costs.
    Price,
    /// Whether anybody is there.
    Ping,
    /// An agent comes from a node of the original.
    Migrate,
}

impl Spoken {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Handoff, Self::Price, Self::Ping, Self::Migrate];

    /// The name of the protocol.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Handoff => "/igor/handoff/1",
            Self::Price => "/igor/price/1.0.0",
            Self::Ping => "/igor/ping/1.0.0",
            Self::Migrate => "/igor/migrate/1.0.0",
        }
    }

    /// What is spoken under this name, if it is known.
    pub fn of(protocol: &ProtocolId) -> Option<Self> {
        Self::ALL.into_iter().find(|spoken| spoken.name() == protocol.as_str())
    }

    /// The protocol.
    ///
    /// # Errors
    /// None in fact: each name is one. It is an error and no panic, as names are checked when they are read.
    pub fn protocol(self) -> Result<ProtocolId, TransportError> {
        ProtocolId::new(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols_are_known_by_their_exact_names() {
        for spoken in Spoken::ALL {
            let protocol = spoken.protocol().expect("it is a name");
            assert_eq!(Spoken::of(&protocol), Some(spoken));
        }
        for other in ["/igor/handoff/2", "/igor/handoff/1.0.0", "/igor/ping/1.0.1", "/IGOR/ping"] {
            assert_eq!(Spoken::of(&ProtocolId::new(other).expect("it is a name")), None);
        }
    }
}
