//! What two nodes say on a stream beside its bytes: that a direction is finished, abandoned or no longer read,
//! how much may be sent, and that everything has arrived. Streams of libp2p have no words for most of it. This
//! is the encoding alone; what it means is decided elsewhere.

/// Bytes that one frame carries at most.
pub(crate) const DATA_BYTES_MAX: usize = 16 << 10;

const DATA: u8 = 0;
const FINISH: u8 = 1;
const RESET: u8 = 2;
const STOP: u8 = 3;
const CREDIT: u8 = 4;
const RECEIVED: u8 = 5;

/// A frame, apart from the bytes of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frame {
    /// Nothing more is written.
    Finish,
    /// What is written is abandoned, with a code.
    Reset(u32),
    /// Nothing more is read, with a code.
    Stop(u32),
    /// So many bytes more may be sent.
    Credit(u32),
    /// Everything up to the finish has arrived.
    Received,
}

/// A part of what arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    /// Bytes of the stream.
    Data(&'a [u8]),
    /// Something about it.
    Frame(Frame),
}

/// What arrived is no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Appends a frame.
pub(crate) fn encode(frame: Frame, out: &mut Vec<u8>) {
    let (kind, number) = match frame {
        Frame::Finish => (FINISH, None),
        Frame::Reset(code) => (RESET, Some(code)),
        Frame::Stop(code) => (STOP, Some(code)),
        Frame::Credit(bytes) => (CREDIT, Some(bytes)),
        Frame::Received => (RECEIVED, None),
    };
    out.push(kind);
    out.extend(number.into_iter().flat_map(u32::to_le_bytes));
}

/// Appends what precedes `count` bytes of a stream, of which there are 1 to [`DATA_BYTES_MAX`].
pub(crate) fn encode_data(count: usize, out: &mut Vec<u8>) {
    out.push(DATA);
    out.extend(u32::try_from(count).unwrap_or_default().to_le_bytes());
}

/// Takes apart what arrives, in whatever pieces.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    /// The beginning of a frame that is not complete.
    head: Vec<u8>,
    /// Bytes of the stream that are still to come in this frame.
    data_left: usize,
}

impl Decoder {
    /// The next part of `input`, which is shortened by it; `None` if it takes more.
    pub(crate) fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Part<'a>>, Malformed> {
        loop {
            if self.data_left > 0 && !input.is_empty() {
                let (data, rest) = input.split_at(self.data_left.min(input.len()));
                *input = rest;
                self.data_left -= data.len();
                return Ok(Some(Part::Data(data)));
            }
            let Some((byte, rest)) = input.split_first() else { return Ok(None) };
            *input = rest;
            self.head.push(*byte);
            if let Some(frame) = self.complete()? {
                self.head.clear();
                return Ok(Some(Part::Frame(frame)));
            }
        }
    }

    /// The frame whose last byte has just arrived.
    fn complete(&mut self) -> Result<Option<Frame>, Malformed> {
        let Some((kind, number)) = self.head.split_first() else { return Ok(None) };
        let frame = match *kind {
            FINISH => return Ok(Some(Frame::Finish)),
            RECEIVED => return Ok(Some(Frame::Received)),
            DATA => |_| None,
            RESET => |code| Some(Frame::Reset(code)),
            STOP => |code| Some(Frame::Stop(code)),
            CREDIT => |bytes| Some(Frame::Credit(bytes)),
            _ => return Err(Malformed),
        };
        let Ok(number) = <[u8; 4]>::try_from(number) else { return Ok(None) };
        let number = u32::from_le_bytes(number);
        let frame: Option<Frame> = frame(number);
        if frame.is_none() {
            let count = usize::try_from(number).map_err(|_| Malformed)?;
            if count == 0 || count > DATA_BYTES_MAX {
                return Err(Malformed);
            }
            self.data_left = count;
            self.head.clear();
        }
        Ok(frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All parts, with neighbouring bytes put together.
    fn decode(bytes: &[u8], piece: usize) -> Result<(Vec<u8>, Vec<Frame>), Malformed> {
        let (mut decoder, mut data, mut frames) = (Decoder::default(), Vec::new(), Vec::new());
        for mut input in bytes.chunks(piece) {
            while let Some(part) = decoder.next(&mut input)? {
                match part {
                    Part::Data(bytes) => data.extend_from_slice(bytes),
                    Part::Frame(frame) => frames.push(frame),
                }
            }
        }
        Ok((data, frames))
    }

    #[test]
    fn frames_are_read_as_they_are_written_whatever_the_pieces() {
        let frames = [
            Frame::Credit(7),
            Frame::Stop(u32::MAX),
            Frame::Finish,
            Frame::Received,
            Frame::Reset(0x0102_0304),
        ];
        let mut bytes = Vec::new();
        let mut data = Vec::new();
        for (frame, count) in frames.into_iter().zip([1, 2, 300, DATA_BYTES_MAX, 5]) {
            encode_data(count, &mut bytes);
            bytes.extend(vec![9; count]);
            data.extend(vec![9; count]);
            encode(frame, &mut bytes);
        }
        assert!(bytes.ends_with(&[RESET, 4, 3, 2, 1]));
        for piece in [1, 2, 3, 5, 7, 64, 1 << 20] {
            assert_eq!(decode(&bytes, piece), Ok((data.clone(), frames.to_vec())), "by {piece}");
        }
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        let data = |count: u32| [&[DATA][..], &count.to_le_bytes()].concat();
        let too_many = u32::try_from(DATA_BYTES_MAX).expect("it is small") + 1;
        for bytes in [vec![6], vec![255, 0, 0, 0, 0], data(0), data(too_many), data(u32::MAX)] {
            for piece in [1, 5] {
                assert_eq!(decode(&bytes, piece), Err(Malformed), "{bytes:?}");
            }
        }
    }

    #[test]
    fn a_part_of_a_frame_is_nothing_yet() {
        for bytes in [&[][..], &[DATA], &[DATA, 1, 0, 0], &[CREDIT, 1, 0, 0]] {
            assert_eq!(decode(bytes, 9), Ok((Vec::new(), Vec::new())), "{bytes:?}");
        }
    }
}
