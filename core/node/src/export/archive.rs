//! Reads the archive of an export: the one form it has, and no other. What is not exactly as the first member says
//! is refused, so every byte counts; and nothing is allocated that the archive is not long enough for.

use std::io::{self, Read, Seek, SeekFrom};

use igor_core::Limits;
use igor_core::format::Hash;
use igor_core::format::HistoryFile;
use igor_core::format::export::{
    CONTENTS_NAME, ExportContents, ExportError, ExportItem, ExportPart, MEMBER_BLOCK, member_end,
    member_header, member_size, padding,
};

const BLOCK_BYTES: u64 = 512;
/// More than any list of parts: half a million of them.
const CONTENTS_BYTES_MAX: u64 = 64 << 20;
/// More than a checkpoint has beside its state.
const HEADER_BYTES_MAX: u64 = 4_096;
/// More than any record, fund record, certificate or sealed identity.
const SMALL_BYTES_MAX: u64 = 64 << 10;
/// More than any segment, log or summary: what is in them is bounded when it is written.
const LARGE_BYTES_MAX: u64 = 1 << 30;

/// An export that can be read part by part.
pub struct Archive<R> {
    source: R,
    contents: ExportContents,
    /// Where the header of the first part is.
    start: u64,
    bytes: u64,
}

/// Why an archive cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// It is not what it says that it is.
    #[error("{0}")]
    Contents(#[from] ExportError),
    /// It is not an export, or not in the one form that exports have.
    #[error("byte {at}: {expected} is expected there")]
    Form {
        /// Where.
        at: u64,
        /// What should be there.
        expected: String,
    },
    /// The medium failed.
    #[error("read: {0}")]
    Io(#[from] io::Error),
    /// It has another size than its parts.
    #[error("it has {found} bytes, and its parts {expected}: it was cut or added to")]
    Length {
        /// How long it should be.
        expected: u64,
        /// How long it is.
        found: u64,
    },
    /// A part is not in it.
    #[error("the part {0} is not in it")]
    Missing(ExportPart),
    /// A part is not the one that was put in.
    #[error("the part {0} was changed: it has another hash")]
    Changed(ExportPart),
    /// A part is larger than such a part may be.
    #[error("the part {part} has {bytes} bytes, at most {max} are allowed")]
    TooLarge {
        /// Which.
        part: ExportPart,
        /// How many it has.
        bytes: u64,
        /// How many it may have.
        max: u64,
    },
}

impl<R: Read + Seek> Archive<R> {
    /// Reads what an archive says it holds, and whether it has the size of that.
    ///
    /// # Errors
    /// [`ArchiveError`].
    pub fn open(mut source: R) -> Result<Self, ArchiveError> {
        let found = source.seek(SeekFrom::End(0))?;
        source.seek(SeekFrom::Start(0))?;
        let form = |at: u64, expected: &str| {
            let expected = expected.to_owned();
            ArchiveError::Form { at, expected }
        };
        let not_one = || form(0, "the first member of an export");
        let header = read_block(&mut source)?.ok_or_else(not_one)?;
        let size = member_size(&header, CONTENTS_NAME).ok_or_else(not_one)?;
        if size > CONTENTS_BYTES_MAX {
            return Err(form(0, "a list of parts of at most 64 MiB"));
        }
        let text = read_content(&mut source, size, BLOCK_BYTES)?;
        let contents = ExportContents::decode(&text)?;
        let start = BLOCK_BYTES.saturating_add(filled(size));
        let mut expected = start;
        for item in contents.items() {
            let max = bytes_max(item.part);
            if item.bytes > max {
                let ExportItem { part, bytes, .. } = *item;
                return Err(ArchiveError::TooLarge { part, bytes, max });
            }
            expected = expected.saturating_add(BLOCK_BYTES).saturating_add(filled(item.bytes));
        }
        let end = expected;
        expected = expected.saturating_add(2 * BLOCK_BYTES);
        if found != expected {
            return Err(ArchiveError::Length { expected, found });
        }
        source.seek(SeekFrom::Start(end))?;
        let mut last = [1; 2 * MEMBER_BLOCK];
        source.read_exact(&mut last)?;
        if last != member_end() {
            return Err(form(end, "the end of an archive"));
        }
        Ok(Self { source, contents, start, bytes: found })
    }

    /// What it holds.
    pub const fn contents(&self) -> &ExportContents {
        &self.contents
    }

    /// How long it is.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The bytes of a part, which are those that were put in.
    ///
    /// # Errors
    /// [`ArchiveError`].
    pub fn read(&mut self, part: ExportPart) -> Result<Vec<u8>, ArchiveError> {
        let mut at = self.start;
        for item in self.contents.items() {
            if item.part == part {
                let item = *item;
                return self.read_at(at, &item);
            }
            at = at.saturating_add(BLOCK_BYTES).saturating_add(filled(item.bytes));
        }
        Err(ArchiveError::Missing(part))
    }

    /// Hands over every part in turn, until `take` fails.
    ///
    /// # Errors
    /// That of `take`, or that a part cannot be read.
    pub fn each<E: From<ArchiveError>>(
        &mut self,
        mut take: impl FnMut(&ExportItem, Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut at = self.start;
        for item in self.contents.items().to_vec() {
            take(&item, self.read_at(at, &item)?)?;
            at = at.saturating_add(BLOCK_BYTES).saturating_add(filled(item.bytes));
        }
        Ok(())
    }

    fn read_at(&mut self, at: u64, item: &ExportItem) -> Result<Vec<u8>, ArchiveError> {
        self.source.seek(SeekFrom::Start(at))?;
        let expected = member_header(&item.part.to_string(), item.bytes);
        if read_block(&mut self.source)? != expected {
            let expected = format!("the header of the part {}", item.part);
            return Err(ArchiveError::Form { at, expected });
        }
        let bytes = read_content(&mut self.source, item.bytes, at.saturating_add(BLOCK_BYTES))?;
        if Hash::of(&bytes) != item.hash {
            return Err(ArchiveError::Changed(item.part));
        }
        Ok(bytes)
    }
}

/// How large a part may be.
const fn bytes_max(part: ExportPart) -> u64 {
    match part {
        ExportPart::Checkpoint | ExportPart::History(HistoryFile::Checkpoint { .. }) => {
            Limits::CEILING.state_bytes_max + HEADER_BYTES_MAX
        }
        ExportPart::Module => Limits::CEILING.module_bytes_max,
        ExportPart::Manifest => Limits::CEILING.manifest_bytes_max,
        ExportPart::Receipts
        | ExportPart::Journal
        | ExportPart::History(HistoryFile::Segment { .. } | HistoryFile::Summary) => {
            LARGE_BYTES_MAX
        }
        ExportPart::Record | ExportPart::History(_) | ExportPart::Identity => SMALL_BYTES_MAX,
    }
}

/// A content with the zeros behind it.
fn filled(bytes: u64) -> u64 {
    bytes.saturating_add(u64::try_from(padding(bytes)).unwrap_or(BLOCK_BYTES))
}

/// The next block; `None` if the archive ends before its end.
fn read_block(source: &mut impl Read) -> Result<Option<[u8; MEMBER_BLOCK]>, io::Error> {
    let mut block = [0; MEMBER_BLOCK];
    match source.read_exact(&mut block) {
        Ok(()) => Ok(Some(block)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

/// A content of `size` bytes that begins at `at`, without the zeros behind it.
fn read_content(source: &mut impl Read, size: u64, at: u64) -> Result<Vec<u8>, ArchiveError> {
    let mut bytes = Vec::new();
    source.take(filled(size)).read_to_end(&mut bytes)?;
    let length = usize::try_from(size).unwrap_or(usize::MAX);
    let zeros = bytes.get(length..).unwrap_or_default();
    if zeros.len() != padding(size) || zeros.iter().any(|byte| *byte != 0) {
        let expected = format!("a content of {size} bytes, filled up with zeros,");
        return Err(ArchiveError::Form { at, expected });
    }
    bytes.truncate(length);
    Ok(bytes)
}
