//! Bills and parts over a stream, each end for itself: announced and sent, and received in their order and
//! within their time, so that a peer that says little by little does not hold a stream for days. Where the
//! bytes come from and go to is the caller's.

use std::time::Duration;

use igor_core::Limits;
use igor_core::format::{BillItem, Chunk, Message, Prepare};
use tokio::time::{Instant, timeout_at};

use super::{FrameReader, FrameWriter, WireError};
use crate::wire::{Bill, Course, Patience, pages, pieces, unpack};

/// About the bytes of an item of a bill in a message.
const ITEM_BYTES: u64 = 64;
/// The bytes that an item of a bill is kept in, in the bill itself and in what is made of it.
const KEPT_ITEM_BYTES: usize = 3 * size_of::<BillItem>();

/// Announces an agent with this bill, in as many messages as it takes.
///
/// # Errors
/// Those of [`FrameWriter::send`], and [`WireError::Bill`].
pub async fn send_bill(
    writer: &mut FrameWriter,
    prepare: Prepare,
    bill: &[BillItem],
) -> Result<(), WireError> {
    for message in pages(prepare, bill)? {
        writer.send(&message).await?;
    }
    Ok(())
}

/// Receives the bill that begins with this message; the reader counts it as kept.
///
/// # Errors
/// [`WireError`].
pub async fn receive_bill(
    reader: &mut FrameReader,
    limits: &Limits,
    begun: &Prepare,
) -> Result<Vec<BillItem>, WireError> {
    let begin = Bill::begin(begun.bill.clone(), begun.more, limits.package_bytes_max);
    let mut bill = begin.map_err(|error| reader.fault(error.into()))?;
    keep(reader, begun.bill.len())?;
    let patience = Patience::new(limits);
    let time = Time::new(patience.all(u64::from(begun.more).saturating_mul(ITEM_BYTES)), "a bill");
    while !bill.is_complete() {
        let items = match time.expect(reader, "the rest of a bill").await? {
            Message::Bill { items } => items,
            other => return Err(unexpected(reader, &other, "the rest of a bill")),
        };
        keep(reader, items.len())?;
        bill.go_on(items).map_err(|error| reader.fault(error.into()))?;
    }
    Ok(bill.into_items())
}

/// Sends the content of the item of this number, from `offset` on.
///
/// # Errors
/// Those of [`FrameWriter::send`].
pub async fn send_part(
    writer: &mut FrameWriter,
    item: u32,
    part: &[u8],
    offset: u64,
) -> Result<(), WireError> {
    for chunk in pieces(item, part, offset) {
        writer.send(&Message::Chunk(chunk)).await?;
    }
    Ok(())
}

/// A piece of a part, unfolded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The number of the item.
    pub item: u32,
    /// Where in the part it begins.
    pub offset: u64,
    /// Its bytes; at least one.
    pub bytes: Vec<u8>,
}

/// Receives everything on a course.
#[derive(Debug)]
pub struct Pieces {
    course: Course,
    time: Time,
}

impl Pieces {
    /// From now on; all of it has as long as its size warrants.
    pub fn new(course: Course, limits: &Limits) -> Self {
        let time = Time::new(Patience::new(limits).all(course.bytes()), "what is wanted");
        Self { course, time }
    }

    /// The next piece; `None` when all are there. If the future is dropped, nothing is lost.
    ///
    /// # Errors
    /// [`WireError`].
    pub async fn next(&mut self, reader: &mut FrameReader) -> Result<Option<Piece>, WireError> {
        if self.course.is_over() {
            return Ok(None);
        }
        let chunk = match self.time.expect(reader, "a chunk").await? {
            Message::Chunk(chunk) => chunk,
            other => return Err(unexpected(reader, &other, "a chunk")),
        };
        let piece = self.take(chunk).map_err(|error| reader.fault(error))?;
        Ok(Some(piece))
    }

    fn take(&mut self, chunk: Chunk) -> Result<Piece, WireError> {
        self.course.arrived(&chunk)?;
        let Chunk { item, offset, .. } = chunk;
        Ok(Piece { item, offset, bytes: unpack(chunk)? })
    }
}

/// What several messages may take together.
#[derive(Debug, Clone, Copy)]
struct Time {
    deadline: Instant,
    limit: Duration,
    what: &'static str,
}

impl Time {
    fn new(limit: Duration, what: &'static str) -> Self {
        let now = Instant::now();
        Self { deadline: now.checked_add(limit).unwrap_or(now), limit, what }
    }

    async fn expect(
        &self,
        reader: &mut FrameReader,
        due: &'static str,
    ) -> Result<Message, WireError> {
        match timeout_at(self.deadline, reader.expect(due)).await {
            Ok(message) => message,
            Err(_) => {
                let (what, limit) = (self.what, self.limit);
                Err(reader.fault(WireError::TooSlow { what, limit }))
            }
        }
    }
}

/// Counts so many items of a bill as kept.
fn keep(reader: &mut FrameReader, items: usize) -> Result<(), WireError> {
    let bytes = u64::try_from(items.saturating_mul(KEPT_ITEM_BYTES)).unwrap_or(u64::MAX);
    let kept = reader.kept().saturating_add(bytes);
    reader.keep(kept).map_err(|error| reader.fault(error))
}

fn unexpected(reader: &mut FrameReader, found: &Message, due: &'static str) -> WireError {
    reader.fault(WireError::Unexpected { found: found.name(), due })
}
