//! The parts of an agent that travel, and the bill that names each of them by hash and size before any
//! of its bytes are sent. It is not the content, and says nothing of where a node keeps a part.

use core::fmt;

use crate::{Decoder, Encoder, FundId, Hash, HistoryFile, Tick};

use super::{BILL_MESSAGE_ITEMS_MAX, MessageError};

/// A part of an agent. The order of parts is that of a bill: what is bulky and never changes comes
/// first, what every tick changes last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The module's original bytes.
    Module,
    /// The manifest's text.
    Manifest,
    /// A signed fund record, by its id.
    Fund([u8; 16]),
    /// The summary of the segments that were removed.
    Summary,
    /// The offer under which the agent began the epoch with this major number.
    Certificate(u64),
    /// A past checkpoint, by tick and by its number among the checkpoints of that tick.
    History(Tick, u32),
    /// A segment of the audit, by tick and number of the checkpoint that closes it.
    Segment(Tick, u32),
    /// The receipts that the original's research node wrote.
    Receipts,
    /// The agent record.
    Record,
    /// The current checkpoint.
    Checkpoint,
}

/// A part as it is announced: what it must hash to, and how long it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BillItem {
    /// Which part.
    pub part: Part,
    /// The SHA-256 of its bytes.
    pub hash: Hash,
    /// How many bytes it has. A part without bytes is never sent.
    pub bytes: u64,
}

impl Part {
    pub(super) fn encode(self, encoder: &mut Encoder) {
        match self {
            Self::Module => encoder.u8(1),
            Self::Manifest => encoder.u8(2),
            Self::Fund(id) => encoder.u8(3).raw(&id),
            Self::Summary => encoder.u8(4),
            Self::Certificate(major) => encoder.u8(5).u64(major),
            Self::History(tick, copy) => encoder.u8(6).u64(tick.0).u32(copy),
            Self::Segment(tick, copy) => encoder.u8(7).u64(tick.0).u32(copy),
            Self::Receipts => encoder.u8(8),
            Self::Record => encoder.u8(9),
            Self::Checkpoint => encoder.u8(10),
        };
    }

    pub(super) fn decode(decoder: &mut Decoder<'_>) -> Result<Self, MessageError> {
        let kind = decoder.u8();
        decoder.status()?;
        Ok(match kind {
            1 => Self::Module,
            2 => Self::Manifest,
            3 => Self::Fund(decoder.array()),
            4 => Self::Summary,
            5 => Self::Certificate(decoder.u64()),
            6 => Self::History(Tick(decoder.u64()), decoder.u32()),
            7 => Self::Segment(Tick(decoder.u64()), decoder.u32()),
            8 => Self::Receipts,
            9 => Self::Record,
            10 => Self::Checkpoint,
            other => return Err(MessageError::Part(other)),
        })
    }
}

impl fmt::Display for Part {
    /// As a person is told of it, such as `history 0000000016.ckpt`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Module => f.write_str("module"),
            Self::Manifest => f.write_str("manifest"),
            Self::Fund(id) => write!(f, "fund {}", FundId::from_bytes(id)),
            Self::Summary => f.write_str("summary"),
            Self::Certificate(major) => write!(f, "certificate of epoch {major}"),
            Self::History(tick, copy) => {
                write!(f, "history {}", HistoryFile::Checkpoint { tick, copy })
            }
            Self::Segment(tick, copy) => {
                write!(f, "segment {}", HistoryFile::Segment { tick, copy })
            }
            Self::Receipts => f.write_str("receipts"),
            Self::Record => f.write_str("record"),
            Self::Checkpoint => f.write_str("checkpoint"),
        }
    }
}

impl BillItem {
    /// Bytes of the shortest item.
    const BYTES_MIN: usize = 1 + 32 + 8;

    fn encode(&self, encoder: &mut Encoder) {
        self.part.encode(encoder);
        encoder.raw(self.hash.as_bytes()).u64(self.bytes);
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, MessageError> {
        let part = Part::decode(decoder)?;
        let item = Self { part, hash: Hash::from_bytes(decoder.array()), bytes: decoder.u64() };
        decoder.status()?;
        Ok(item)
    }
}

/// Writes the count and the items.
pub(super) fn encode_bill(bill: &[BillItem], encoder: &mut Encoder) {
    encoder.u32(u32::try_from(bill.len()).unwrap_or(u32::MAX));
    for item in bill {
        item.encode(encoder);
    }
}

/// Reads the count and the items, which must stand in the order of their parts, each part once.
pub(super) fn decode_bill(decoder: &mut Decoder<'_>) -> Result<Vec<BillItem>, MessageError> {
    let count = super::count(decoder, BillItem::BYTES_MIN, BILL_MESSAGE_ITEMS_MAX)?;
    let mut bill: Vec<BillItem> = Vec::with_capacity(count);
    for _ in 0..count {
        let item = BillItem::decode(decoder)?;
        if bill.last().is_some_and(|last| last.part >= item.part) {
            return Err(MessageError::Order(item.part));
        }
        bill.push(item);
    }
    Ok(bill)
}
