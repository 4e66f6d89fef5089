//! What a guest saw and sent during one operation: kinds and payloads, in order. Who produces them,
//! and within which limits, is the business of the recorder.

use crate::{DecodeError, Decoder, Encoder};

/// Bytes in front of each payload: its kind and its length.
const HEAD_BYTES: usize = 6;

/// What kind of thing was observed. Numbers are part of the journal's format and never reused; 1 to
/// 9 are the original's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObservationKind(pub u16);

impl ObservationKind {
    /// `clock_now`: i64 nanoseconds.
    pub const CLOCK_NOW: Self = Self(1);
    /// `rand_bytes`: the bytes, or none if the source failed.
    pub const RAND_BYTES: Self = Self(2);
    /// `log_emit`: the text, sent out.
    pub const LOG_EMIT: Self = Self(3);
    /// `wallet_balance`: i64 microcents.
    pub const WALLET_BALANCE: Self = Self(4);
    /// `wallet_receipt_count`: i32.
    pub const WALLET_RECEIPT_COUNT: Self = Self(5);
    /// `wallet_receipt`: the receipt, or nothing if there is none of that index.
    pub const WALLET_RECEIPT: Self = Self(6);
    /// `node_price`: i64 microcents per second.
    pub const NODE_PRICE: Self = Self(7);
    /// WASI `clock_time_get`: i64 nanoseconds.
    pub const WASI_CLOCK: Self = Self(10);
    /// WASI `random_get`: the bytes, or none if the source failed.
    pub const WASI_RANDOM: Self = Self(11);
    /// WASI `fd_write` to stdout or stderr: a line, sent out.
    pub const WASI_WRITE: Self = Self(12);
    /// `migrate_request`: i64 microcents per second and the name of a node, sent out.
    pub const MIGRATE_REQUEST: Self = Self(13);
}

/// The observations of one operation, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observations {
    entries: Vec<(ObservationKind, usize)>,
    payloads: Vec<u8>,
}

impl Observations {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes of all payloads together.
    pub fn bytes(&self) -> usize {
        self.payloads.len()
    }

    /// The observation at `index`.
    pub fn get(&self, index: usize) -> Option<(ObservationKind, &[u8])> {
        let (kind, end) = *self.entries.get(index)?;
        let start = match index.checked_sub(1) {
            Some(before) => self.entries.get(before)?.1,
            None => 0,
        };
        Some((kind, self.payloads.get(start..end)?))
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = (ObservationKind, &[u8])> {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    /// Appends one.
    pub fn push(&mut self, kind: ObservationKind, payload: &[u8]) {
        self.push_with(kind, |payloads| payloads.extend_from_slice(payload));
    }

    /// Appends one whose payload is what `produce` appends to the bytes it is given; returns it.
    pub fn push_with(
        &mut self,
        kind: ObservationKind,
        produce: impl FnOnce(&mut Vec<u8>),
    ) -> &[u8] {
        let start = self.payloads.len();
        produce(&mut self.payloads);
        self.entries.push((kind, self.payloads.len()));
        self.payloads.get(start..).unwrap_or_default()
    }

    /// Takes back the last one.
    pub fn pop(&mut self) {
        self.entries.pop();
        let end = self.entries.last().map_or(0, |(_, end)| *end);
        self.payloads.truncate(end);
    }

    /// Forgets all of them and keeps the room they took.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.payloads.clear();
    }
    /// Bytes of the encoding.
    pub(super) fn encoded_bytes(&self) -> usize {
        self.len().saturating_mul(HEAD_BYTES).saturating_add(self.bytes()).saturating_add(4)
    }

    /// Writes a number of 4 bytes, then of each one the kind, the length and the payload.
    ///
    /// # Panics
    /// If there are 2^32 or more, or a payload has as many bytes; the limits of a tick are below.
    pub(super) fn encode(&self, encoder: &mut Encoder) {
        encoder.u32(u32::try_from(self.len()).expect("fewer observations than 2^32"));
        for (kind, payload) in self.iter() {
            encoder.raw(&kind.0.to_le_bytes()).bytes(payload);
        }
    }

    /// Reads what `encode` wrote. The number in front is believed only as far as the bytes reach.
    pub(super) fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let count = usize::try_from(decoder.u32()).unwrap_or(usize::MAX);
        let heads = count.saturating_mul(HEAD_BYTES);
        let payloads = decoder.remaining().checked_sub(heads).ok_or(DecodeError::ShortRead)?;
        let mut read =
            Self { entries: Vec::with_capacity(count), payloads: Vec::with_capacity(payloads) };
        for _ in 0..count {
            let kind = ObservationKind(u16::from_le_bytes(decoder.array()));
            read.push(kind, decoder.bytes());
        }
        decoder.status()?;
        Ok(read)
    }
}
