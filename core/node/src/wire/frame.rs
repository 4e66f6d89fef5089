//! Frames: a length of four bytes, then a message of that many bytes. The decoder takes bytes as they
//! come, in pieces of any size, and holds one frame at most. It does not look at the message.

use igor_core::format::Message;

/// Bytes before a message.
const HEADER_BYTES: usize = 4;
/// Room that is made for a message of which nothing has arrived.
const ROOM_BYTES_MIN: usize = 256;

/// Why bytes are no frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// There is no message in it.
    #[error("a frame of 0 bytes")]
    Empty,
    /// It is longer than is allowed.
    #[error("a frame of {bytes} bytes, at most {max} are allowed")]
    TooLarge {
        /// The length that it announces.
        bytes: u64,
        /// The limit.
        max: u64,
    },
}

/// Takes frames out of a flow of bytes.
#[derive(Debug, Clone)]
pub struct FrameDecoder {
    frame_bytes_max: u64,
    /// What has arrived of the length.
    header: Vec<u8>,
    /// The length, once it is there.
    length: Option<usize>,
    /// What has arrived of the message.
    body: Vec<u8>,
    failed: Option<FrameError>,
}

impl FrameDecoder {
    /// A decoder at the beginning of a frame.
    pub const fn new(frame_bytes_max: u64) -> Self {
        Self { frame_bytes_max, header: Vec::new(), length: None, body: Vec::new(), failed: None }
    }

    /// Takes bytes from the front of `input` up to the end of the frame, and gives the message's bytes if
    /// that was reached. What is left in `input` belongs to the next frame.
    ///
    /// # Errors
    /// [`FrameError`]; the decoder then gives nothing but this error.
    pub fn take(&mut self, input: &mut &[u8]) -> Result<Option<Vec<u8>>, FrameError> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        let length = match self.length {
            Some(length) => length,
            None => match self.take_header(input) {
                Ok(Some(length)) => length,
                Ok(None) => return Ok(None),
                Err(error) => {
                    self.failed = Some(error.clone());
                    return Err(error);
                }
            },
        };
        let piece = split_front(input, length.saturating_sub(self.body.len()));
        self.make_room(length, piece.len());
        self.body.extend_from_slice(piece);
        if self.body.len() < length {
            return Ok(None);
        }
        self.header.clear();
        self.length = None;
        Ok(Some(std::mem::take(&mut self.body)))
    }

    /// Whether a direction may end here.
    pub fn is_between_frames(&self) -> bool {
        self.header.is_empty()
    }

    /// The bytes that are held.
    pub fn buffered(&self) -> usize {
        self.header.len().saturating_add(self.body.len())
    }

    /// The bytes that are reserved.
    pub fn reserved(&self) -> usize {
        self.header.capacity().saturating_add(self.body.capacity())
    }

    /// The length that the frame announces, once that is known.
    pub const fn announced(&self) -> Option<usize> {
        self.length
    }

    fn take_header(&mut self, input: &mut &[u8]) -> Result<Option<usize>, FrameError> {
        let piece = split_front(input, HEADER_BYTES.saturating_sub(self.header.len()));
        self.header.extend_from_slice(piece);
        let Ok(header) = <[u8; HEADER_BYTES]>::try_from(self.header.as_slice()) else {
            return Ok(None);
        };
        let bytes = u32::from_le_bytes(header);
        let too_large = FrameError::TooLarge { bytes: u64::from(bytes), max: self.frame_bytes_max };
        if bytes == 0 {
            return Err(FrameError::Empty);
        }
        if u64::from(bytes) > self.frame_bytes_max {
            return Err(too_large);
        }
        let length = usize::try_from(bytes).map_err(|_| too_large)?;
        self.length = Some(length);
        Ok(Some(length))
    }

    /// Reserves as much again as is there, and never more than the frame has: what is only announced
    /// costs nothing.
    fn make_room(&mut self, length: usize, coming: usize) {
        let (held, room) = (self.body.len(), self.body.capacity());
        let needed = held.saturating_add(coming);
        if needed > room {
            let wanted = needed.max(room.saturating_mul(2)).max(ROOM_BYTES_MIN).min(length);
            self.body.reserve_exact(wanted.saturating_sub(held));
        }
    }
}

/// The frame of a message.
///
/// # Errors
/// [`FrameError::TooLarge`].
pub fn frame(message: &Message, frame_bytes_max: u64) -> Result<Vec<u8>, FrameError> {
    let body = message.encode();
    let bytes = u64::try_from(body.len()).unwrap_or(u64::MAX);
    let too_large = FrameError::TooLarge { bytes, max: frame_bytes_max };
    let length = u32::try_from(body.len()).map_err(|_| too_large.clone())?;
    if bytes > frame_bytes_max {
        return Err(too_large);
    }
    Ok([&length.to_le_bytes()[..], &body].concat())
}

/// Takes up to `count` bytes from the front.
fn split_front<'a>(input: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (front, rest) = input.split_at(count.min(input.len()));
    *input = rest;
    front
}

#[cfg(test)]
mod tests {
    use igor_core::format::{Reason, RefusalCode, TransferId};

    use super::*;

    const MAX: u64 = 64;

    fn message() -> Message {
        let transfer = TransferId::from_bytes([7; 16]);
        Message::NotReady { transfer, code: RefusalCode::Busy, reason: Reason::new("full") }
    }

    /// What a decoder makes of pieces.
    fn decode(pieces: &[&[u8]]) -> Result<Vec<Vec<u8>>, FrameError> {
        let (mut decoder, mut frames) = (FrameDecoder::new(MAX), Vec::new());
        for mut piece in pieces.iter().copied() {
            loop {
                let before = piece.len();
                frames.extend(decoder.take(&mut piece)?);
                assert!(decoder.buffered() <= 4 + 64, "{} bytes are held", decoder.buffered());
                if piece.is_empty() || piece.len() == before {
                    break;
                }
            }
            assert!(piece.is_empty(), "{} bytes were not taken", piece.len());
        }
        Ok(frames)
    }

    #[test]
    fn frames_are_found_however_they_are_cut() {
        let one = frame(&message(), MAX).expect("it is short");
        let other = [&[3, 0, 0, 0][..], b"abc"].concat();
        let flow = [&one[..], &other, &one].concat();
        let expected = [&one[4..], b"abc", &one[4..]];
        for first in 0..=flow.len() {
            for second in first..=flow.len() {
                let pieces = [&flow[..first], &flow[first..second], &flow[second..]];
                assert_eq!(decode(&pieces).expect("frames"), expected, "{first} {second}");
            }
        }
        let bytes: Vec<&[u8]> = flow.chunks(1).collect();
        assert_eq!(decode(&bytes).expect("frames"), expected);
    }

    #[test]
    fn lengths_are_bounded_before_anything_is_kept() {
        for (length, expected) in [
            (0, Some(FrameError::Empty)),
            (1, None),
            (64, None),
            (65, Some(FrameError::TooLarge { bytes: 65, max: 64 })),
            (u32::MAX, Some(FrameError::TooLarge { bytes: u64::from(u32::MAX), max: 64 })),
        ] {
            let mut decoder = FrameDecoder::new(MAX);
            let header = length.to_le_bytes();
            let taken = decoder.take(&mut &header[..]);
            assert_eq!(taken.err(), expected);
            // It stays so, whatever comes.
            assert_eq!(decoder.take(&mut &b"more"[..]).err(), expected);
        }
    }

    #[test]
    fn what_is_only_announced_costs_nothing() {
        let mut decoder = FrameDecoder::new(1 << 20);
        let header = (1_u32 << 20).to_le_bytes();
        assert_eq!(decoder.take(&mut &header[..]), Ok(None));
        assert_eq!(decoder.announced(), Some(1 << 20));
        let mut sent = 0;
        for piece in vec![5; 1 << 20].chunks(1_000) {
            assert!(
                decoder.reserved() <= 2 * sent + 256 + 8,
                "{} after {sent}",
                decoder.reserved()
            );
            let taken = decoder.take(&mut &piece[..]).expect("it is allowed");
            sent += piece.len();
            assert_eq!(taken.is_some(), sent == 1 << 20);
        }
        assert!(decoder.is_between_frames() && decoder.reserved() <= 8);
    }

    #[test]
    fn a_message_that_is_too_long_is_not_framed() {
        let length = message().encode().len();
        let max = u64::try_from(length).expect("it is short");
        assert_eq!(frame(&message(), max).map(|frame| frame.len()), Ok(length + 4));
        let expected = FrameError::TooLarge { bytes: max, max: max - 1 };
        assert_eq!(frame(&message(), max - 1), Err(expected));
    }
}
