//! Turns what a guest writes to stdout and stderr into lines. Only as much of a line is kept as a log
//! line may have; the rest is counted.

/// A line that is being written.
#[derive(Debug, Default)]
pub(crate) struct LineBuffer {
    kept: Vec<u8>,
    written: usize,
}

/// The unfinished lines of stdout and stderr.
#[derive(Debug, Default)]
pub(crate) struct LineBuffers {
    pub(super) out: LineBuffer,
    pub(super) err: LineBuffer,
}

/// A finished line: what is kept of it, and how long it was.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) kept: Vec<u8>,
    pub(crate) written: usize,
}

impl LineBuffer {
    /// Takes written bytes, keeping at most `kept_max` of each line, and hands each line that they
    /// finish to `finish`, until that fails. There may be millions; no list of them is made.
    pub(super) fn write<E>(
        &mut self,
        bytes: &[u8],
        kept_max: usize,
        mut finish: impl FnMut(Line) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut parts = bytes.split(|byte| *byte == b'\n').peekable();
        while let Some(part) = parts.next() {
            let room = kept_max.saturating_sub(self.kept.len());
            self.kept.extend_from_slice(part.get(..room).unwrap_or(part));
            self.written = self.written.saturating_add(part.len());
            if parts.peek().is_some() {
                finish(self.take())?;
            }
        }
        Ok(())
    }

    fn take(&mut self) -> Line {
        let Self { kept, written } = std::mem::take(self);
        Line { kept, written }
    }
}

impl LineBuffers {
    /// The unfinished lines, which are thereby finished.
    pub(crate) fn flush(&mut self) -> impl Iterator<Item = Line> {
        [self.out.take(), self.err.take()].into_iter().filter(|line| line.written > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(kept: &str, written: usize) -> Line {
        Line { kept: kept.as_bytes().to_vec(), written }
    }

    fn write(buffer: &mut LineBuffer, bytes: &[u8], kept_max: usize) -> Vec<Line> {
        let mut lines = Vec::new();
        let finish = |line| -> Result<(), ()> {
            lines.push(line);
            Ok(())
        };
        assert_eq!(buffer.write(bytes, kept_max, finish), Ok(()));
        lines
    }

    #[test]
    fn lines_end_at_newlines_wherever_the_writes_are_cut() {
        let mut buffer = LineBuffer::default();
        assert_eq!(write(&mut buffer, b"ab", 10), []);
        assert_eq!(write(&mut buffer, b"c\n\nd", 10), [line("abc", 3), line("", 0)]);
        assert_eq!(write(&mut buffer, b"\n", 10), [line("d", 1)]);
    }

    #[test]
    fn a_line_that_is_refused_is_the_last_one() {
        let mut refused = 0;
        let finish = |_| {
            refused += 1;
            Err("no more")
        };
        assert_eq!(LineBuffer::default().write(b"\n\n\n", 10, finish), Err("no more"));
        assert_eq!(refused, 1);
    }

    #[test]
    fn a_long_line_is_counted_but_not_kept() {
        let mut buffers = LineBuffers::default();
        assert_eq!(write(&mut buffers.out, &[b'x'; 100], 4), []);
        assert_eq!(write(&mut buffers.out, &[b'x'; 100], 4), []);
        assert_eq!(buffers.flush().collect::<Vec<_>>(), [line("xxxx", 200)]);
        assert_eq!(buffers.flush().count(), 0);
    }
}
