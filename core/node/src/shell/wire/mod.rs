//! Streams between nodes: messages read and written in frames within their time limits, parts in chunks, and
//! what the original's nodes say without frames. It keeps order and time, and judges nothing that is said.
//!
//! Whatever fails here names the code with which the stream is to be abandoned ([`WireError::close`]); a
//! reader that found a fault has stopped reading with it.

mod error;
mod object;
mod parts;
mod question;
mod reader;
mod writer;

use igor_core::Limits;
use igor_core::transport::Stream;

pub use error::WireError;
pub use object::{read_object, write_line};
pub use parts::{Piece, Pieces, receive_bill, send_bill, send_part};
pub use question::{answer_ping, answer_price, ping, price};
pub use reader::FrameReader;
pub use writer::FrameWriter;

use crate::wire::Close;

/// A stream of messages in both directions.
#[derive(Debug)]
pub struct Wire {
    /// What the peer says.
    pub reader: FrameReader,
    /// What this end says.
    pub writer: FrameWriter,
}

impl Wire {
    /// The stream under these limits.
    pub fn new(stream: Stream, limits: &Limits) -> Self {
        let Stream { writer, reader } = stream;
        Self { reader: FrameReader::new(reader, limits), writer: FrameWriter::new(writer, limits) }
    }

    /// Abandons both directions.
    pub fn abandon(&mut self, close: Close) {
        self.writer.abandon(close);
        self.reader.abandon(close);
    }
}
