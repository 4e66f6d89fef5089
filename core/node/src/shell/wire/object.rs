//! One JSON object on a stream without frames, as the original's nodes send an agent, and the line that answers
//! it. Nobody says beforehand how long the object is, so it has time as it comes: less is waited for who sends
//! little. What is in it is not looked at.

use std::time::Duration;

use igor_core::Limits;
use igor_core::transport::{ReadHalf, WriteHalf};
use tokio::time::{Instant, timeout, timeout_at};

use super::WireError;
use crate::wire::{NoRoom, ObjectEnd, Patience};

/// Bytes that are read at once.
const READ_BYTES: usize = 16 << 10;
/// What is read, in messages.
const WHAT: &str = "an object";

/// Reads up to the end of an object, or of what the peer says. `keep` is asked before more bytes are kept: how
/// many there are then.
///
/// # Errors
/// [`WireError::TooLong`], [`WireError::TooSlow`], [`WireError::NoRoom`], and whatever the transport says.
pub async fn read_object(
    reader: &mut dyn ReadHalf,
    limits: &Limits,
    bytes_max: u64,
    mut keep: impl FnMut(u64) -> Result<(), NoRoom>,
) -> Result<Vec<u8>, WireError> {
    let patience = Patience::new(limits);
    let (mut object, mut end) = (Vec::new(), ObjectEnd::default());
    let mut buffer = vec![0; READ_BYTES];
    let begun = Instant::now();
    loop {
        let (deadline, limit) = deadline(&patience, begun, object.len());
        let count = match timeout_at(deadline, reader.read(&mut buffer)).await {
            Ok(read) => read?,
            Err(_) => return Err(WireError::TooSlow { what: WHAT, limit }),
        };
        let piece = buffer.get(..count).unwrap_or_default();
        let found = end.find(piece);
        let piece = found.and_then(|end| piece.get(..end)).unwrap_or(piece);
        let bytes = length(object.len()).saturating_add(length(piece.len()));
        if bytes > bytes_max {
            return Err(WireError::TooLong { what: WHAT, bytes_max });
        }
        keep(bytes)?;
        object.extend_from_slice(piece);
        if found.is_some() || count == 0 {
            return Ok(object);
        }
    }
}

/// Until when more has to come, and how long that is: for the first byte briefly, then never longer than a pause
/// may be, nor than all of it at the lowest rate.
fn deadline(patience: &Patience, begun: Instant, bytes: usize) -> (Instant, Duration) {
    let (from, limit) = if bytes == 0 {
        (begun, patience.first_byte)
    } else {
        let (now, all) = (Instant::now(), patience.all(length(bytes)));
        let left = all.saturating_sub(now.duration_since(begun));
        if left < patience.idle { (begun, all) } else { (now, patience.idle) }
    };
    (from.checked_add(limit).unwrap_or(from), limit)
}

/// Writes a line and that nothing follows it, and waits until the peer has it.
///
/// # Errors
/// [`WireError::TooSlow`], and whatever the transport says.
pub async fn write_line(
    writer: &mut dyn WriteHalf,
    limits: &Limits,
    line: &[u8],
) -> Result<(), WireError> {
    let limit = Patience::new(limits).question;
    let written = timeout(limit, async {
        writer.write_all(line).await?;
        writer.finish()?;
        Ok(writer.delivered().await?)
    });
    written.await.unwrap_or(Err(WireError::TooSlow { what: "taking an answer", limit }))
}

fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
