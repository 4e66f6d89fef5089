//! An agent's log as one file: what is in it, and how a record is added. It knows nothing of agents,
//! locks or poisoning; the caller holds the commit lock while it appends.

pub(crate) mod frame;
mod stream;

use std::io;
use std::ops::{ControlFlow, Range};

use igor_core::format::Seq;

use crate::tree::{to_u64, write_all};
use crate::vfs::VfsFile;
use frame::Parsed;
use stream::Stream;

/// Why a log cannot be read.
#[derive(Debug)]
pub(crate) enum LogError {
    /// The file system's error.
    Io(io::Error),
    /// What it holds was not written so.
    Corrupt(String),
}

impl From<io::Error> for LogError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// What is known of a log's file. The valid part of it never changes, so what was once read stays true,
/// whoever appends; only the end must be looked for again. A trim puts another file in its place, which
/// begins with a later record.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// Where the first frame begins.
    begin: Position,
    /// Where the valid part ends.
    end: Position,
    /// The beginnings of some frames, in order.
    marks: Vec<Position>,
}

/// A place between two frames.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    /// Bytes of the stream before it.
    pub(crate) offset: u64,
    /// Records before it.
    pub(crate) seq: u64,
}

/// From where to where a log reaches. Two logs of one agent that both reach from one place to the other
/// are the same.
pub(crate) type Span = Range<Position>;

/// What stands behind the last whole frame.
enum Ending {
    /// Nothing.
    Clean,
    /// Something incomplete.
    Torn,
}

/// Stream bytes from one remembered beginning of a frame to the next.
const MARK_EVERY: u64 = 64 << 10;

impl Log {
    /// A log without records whose first will have position `first`, and what its file begins with.
    pub(crate) fn beginning_at(first: Seq) -> (Self, Append) {
        let bytes = frame::file_header(first.0);
        let begin = Position { offset: to_u64(bytes.len()), seq: first.0 };
        (Self { begin, end: begin, marks: Vec::new() }, Append { start: 0, bytes, end: begin })
    }

    /// The positions of the records known so far.
    pub(crate) fn bounds(&self) -> Range<Seq> {
        Seq(self.begin.seq)..Seq(self.end.seq)
    }

    /// Where its first frame begins and its last one ends, as far as is known.
    pub(crate) fn span(&self) -> Span {
        self.begin..self.end
    }

    /// The valid part of a file whose end may have anything behind it.
    pub(crate) fn valid_part(file: &dyn VfsFile) -> Result<Self, LogError> {
        let mut log = Self::default();
        let stream = Stream::of(file)?;
        if let Parsed::Whole((seq, offset)) = frame::parse_file_header(&stream)? {
            let begin = Position { offset, seq };
            log = Self { begin, end: begin, marks: Vec::new() };
            log.read_whole(&stream)?;
        }
        Ok(log)
    }

    /// The same, after more of the file was made valid.
    pub(crate) fn read_more(&mut self, file: &dyn VfsFile) -> Result<(), LogError> {
        self.read_whole(&Stream::of(file)?).map(drop)
    }

    /// Reads what was appended or trimmed since the last time.
    pub(crate) fn catch_up(&mut self, file: &dyn VfsFile) -> Result<(), LogError> {
        let stream = Stream::of(file)?;
        let begin = match frame::parse_file_header(&stream)? {
            Parsed::Whole((seq, offset)) => Position { offset, seq },
            Parsed::End => {
                *self = Self::default();
                return Ok(());
            }
            Parsed::Torn => {
                *self = Self::default();
                return self.expect_nothing_behind(&stream);
            }
        };
        // Each trim makes another beginning.
        let is_known = begin == self.begin && stream.length >= self.end.offset;
        if is_known && self.read_on(&stream).is_ok() {
            return Ok(());
        }
        // What was read last may have been an append that then failed and was taken back.
        *self = Self { begin, end: begin, marks: Vec::new() };
        self.read_on(&stream)
    }

    fn read_on(&mut self, stream: &Stream<'_>) -> Result<(), LogError> {
        match self.read_whole(stream)? {
            Ending::Clean => Ok(()),
            Ending::Torn => self.expect_nothing_behind(stream),
        }
    }

    /// Reads the whole frames from the end so far.
    fn read_whole(&mut self, stream: &Stream<'_>) -> Result<Ending, LogError> {
        loop {
            match frame::parse(stream, self.end.offset, self.end.seq)? {
                Parsed::End => return Ok(Ending::Clean),
                Parsed::Torn => return Ok(Ending::Torn),
                Parsed::Whole(frame) => {
                    self.advance(Position { offset: frame.end, seq: frame.next_seq });
                }
            }
        }
    }

    /// The frame from the end so far to `end` is valid.
    fn advance(&mut self, end: Position) {
        let last = self.marks.last().map(|mark| mark.offset);
        if self.end.offset > 0 && last.is_none_or(|last| self.end.offset - last >= MARK_EVERY) {
            self.marks.push(self.end);
        }
        self.end = end;
    }

    /// A torn append is the last thing in its file: the next one is written only after its remains
    /// were cut off durably. With anything whole behind it, it is no torn append.
    fn expect_nothing_behind(&self, stream: &Stream<'_>) -> Result<(), LogError> {
        match frame::any_behind(stream, self.end.offset, self.end.seq)? {
            true => Err(LogError::Corrupt(format!("record {} is damaged", self.end.seq))),
            false => Ok(()),
        }
    }

    /// The records from `from`, until `bytes_max` is reached; at least one if there is one.
    pub(crate) fn read(
        &self,
        file: &dyn VfsFile,
        from: Seq,
        bytes_max: usize,
    ) -> Result<Vec<Vec<u8>>, LogError> {
        let (mut records, mut bytes) = (Vec::new(), 0_usize);
        self.visit(file, from, |frame| {
            for record in frame {
                let total = bytes.saturating_add(record.len());
                if !records.is_empty() && total > bytes_max {
                    return Ok(ControlFlow::Break(()));
                }
                bytes = total;
                records.push(record);
            }
            Ok::<_, LogError>(ControlFlow::Continue(()))
        })?;
        Ok(records)
    }

    /// Gives `each` the records from `from`, those of one frame at a time, until it has enough.
    pub(crate) fn visit<E: From<LogError>>(
        &self,
        file: &dyn VfsFile,
        from: Seq,
        mut each: impl FnMut(Vec<Vec<u8>>) -> Result<ControlFlow<()>, E>,
    ) -> Result<(), E> {
        if from.0 >= self.end.seq {
            return Ok(());
        }
        let stream = Stream::of(file).map_err(LogError::Io)?;
        let before = self.marks.partition_point(|mark| mark.seq <= from.0);
        let mut position = before
            .checked_sub(1)
            .and_then(|index| self.marks.get(index))
            .copied()
            .unwrap_or(self.begin);
        while position.offset < self.end.offset {
            let Parsed::Whole(frame) = frame::parse(&stream, position.offset, position.seq)? else {
                let problem = format!("record {} is damaged", position.seq);
                return Err(LogError::Corrupt(problem).into());
            };
            let mut records = frame.records;
            let before = usize::try_from(from.0.saturating_sub(position.seq)).unwrap_or(usize::MAX);
            records.drain(..before.min(records.len()));
            if !records.is_empty() && each(records)?.is_break() {
                return Ok(());
            }
            position = Position { offset: frame.end, seq: frame.next_seq };
        }
        Ok(())
    }

    /// The bytes that append `records`, and where they go. The file must be caught up with.
    pub(crate) fn encode(&self, records: &[Vec<u8>]) -> Append {
        let mut bytes = Vec::new();
        if self.end.offset == 0 {
            bytes = frame::file_header(self.end.seq);
        }
        frame::encode(&mut bytes, self.end.seq, records);
        let start = stream::place(self.end.offset);
        let seq = self.end.seq.saturating_add(to_u64(records.len()));
        let end = Position { offset: self.end.offset + to_u64(bytes.len()), seq };
        Append { start, bytes: stream::with_marks(self.end.offset, &bytes), end }
    }

    /// Where the valid part of the file ends.
    pub(crate) fn file_end(&self) -> u64 {
        stream::place(self.end.offset)
    }

    /// Takes note that `append` is written and durable.
    pub(crate) fn appended(&mut self, append: &Append) {
        if self.end.offset == 0 {
            *self = Self::beginning_at(Seq(self.end.seq)).0;
        }
        self.advance(append.end);
    }
}

/// One append, ready to be written.
pub(crate) struct Append {
    /// Where in the file it begins.
    pub(crate) start: u64,
    /// What is written there.
    pub(crate) bytes: Vec<u8>,
    end: Position,
}

impl Append {
    /// Writes it; it is not yet durable then.
    pub(crate) fn write(&self, file: &dyn VfsFile) -> io::Result<()> {
        write_all(file, &self.bytes, self.start)
    }
}

#[cfg(test)]
mod tests;
