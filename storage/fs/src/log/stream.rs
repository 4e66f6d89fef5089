//! The log's bytes as a stream with a mark at the end of each disk sector. A power cut keeps any subset
//! of the sectors of an append, each whole or up to some byte, and zeros in place of the rest. So
//! wherever an append is torn, some mark is zero; and where all marks stand, what does not match its
//! checksum was damaged later. That is how a torn append and rot are told apart.

use std::io;

use crate::tree::{read_exactly, to_u64};
use crate::vfs::VfsFile;

/// What stands where something is complete. Not zero.
pub(super) const MARK: u8 = 0xff;

/// Bytes of a sector; every disk writes these as one or in parts that are multiples of them.
const SECTOR: u64 = 512;
/// Bytes of the stream in a sector.
const PAYLOAD: u64 = SECTOR - 1;

/// The offset in the file of a place in the stream. A sector that is full has its mark.
pub(super) fn place(offset: u64) -> u64 {
    offset + offset / PAYLOAD
}

/// `bytes` as they are written at `offset` of the stream.
pub(super) fn with_marks(offset: u64, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 511 + 1);
    let mut room = usize::try_from(PAYLOAD - offset % PAYLOAD).unwrap_or(1);
    let mut rest = bytes;
    while let Some((part, behind)) = rest.split_at_checked(room) {
        out.extend_from_slice(part);
        out.push(MARK);
        rest = behind;
        room = 511;
    }
    out.extend_from_slice(rest);
    out
}

/// A log's file, read as a stream.
pub(super) struct Stream<'a> {
    file: &'a dyn VfsFile,
    /// Bytes of the stream, as far as the file goes.
    pub(super) length: u64,
}

/// A part of a stream.
pub(super) struct Part {
    /// Its bytes; fewer than asked if the file ends before.
    pub(super) bytes: Vec<u8>,
    /// What its marks say.
    pub(super) marks: Marks,
}

/// What a number of marks say together; the worst wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Marks {
    /// All stand: everything was written completely.
    Stand,
    /// Some are zero: something was not.
    Missing,
    /// Some are neither: this is damage.
    Damaged,
}

impl Marks {
    /// What one byte says where a mark belongs.
    pub(super) fn of(byte: u8) -> Self {
        match byte {
            MARK => Self::Stand,
            0 => Self::Missing,
            _ => Self::Damaged,
        }
    }
}

impl<'a> Stream<'a> {
    pub(super) fn of(file: &'a dyn VfsFile) -> io::Result<Self> {
        let size = file.size()?;
        Ok(Self { file, length: size - size / SECTOR })
    }

    /// `count` bytes from `offset`, as far as there are.
    pub(super) fn read(&self, offset: u64, count: u64) -> io::Result<Part> {
        let end = offset.saturating_add(count).min(self.length);
        let start = place(offset.min(end));
        let size = usize::try_from(place(end) - start).map_err(|_| io::ErrorKind::OutOfMemory)?;
        let raw = read_exactly(self.file, size, start)?;
        let mut bytes = Vec::with_capacity(raw.len());
        let mut marks = Marks::Stand;
        let mut room = usize::try_from(PAYLOAD - offset % PAYLOAD).unwrap_or(1);
        let mut rest = raw.as_slice();
        while let Some((part, behind)) = rest.split_at_checked(room) {
            bytes.extend_from_slice(part);
            rest = match behind.split_first() {
                Some((mark, behind)) => {
                    marks = marks.max(Marks::of(*mark));
                    behind
                }
                None => behind,
            };
            room = 511;
            if rest.is_empty() {
                break;
            }
        }
        bytes.extend_from_slice(rest);
        if to_u64(bytes.len()) < count {
            marks = marks.max(Marks::Missing);
        }
        Ok(Part { bytes, marks })
    }
}
