//! Tests of the log alone, on a file in memory: what it reads after an append was torn, cut or damaged.

use std::sync::Mutex;

use super::*;
use crate::vfs::Lock;

/// A file in memory that cannot fail.
#[derive(Default)]
struct Memory(Mutex<Vec<u8>>);

impl Memory {
    fn content(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
    }

    fn of(content: Vec<u8>) -> Self {
        Self(Mutex::new(content))
    }
}

impl VfsFile for Memory {
    fn size(&self) -> io::Result<u64> {
        Ok(to_u64(self.content().len()))
    }

    fn size_if_named(&self) -> io::Result<Option<u64>> {
        self.size().map(Some)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let content = self.content();
        let rest = content.get(usize::try_from(offset).unwrap()..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let mut content = self.0.lock().unwrap();
        let start = usize::try_from(offset).unwrap();
        let end = start + bytes.len();
        if content.len() < end {
            content.resize(end, 0);
        }
        content[start..end].copy_from_slice(bytes);
        Ok(bytes.len())
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        self.0.lock().unwrap().truncate(usize::try_from(size).unwrap());
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn forget_cached(&self) {}

    fn lock(&self, _: Lock, _: bool) -> io::Result<bool> {
        Ok(true)
    }

    fn unlock(&self) -> io::Result<()> {
        Ok(())
    }
}

fn append(log: &mut Log, file: &Memory, records: &[Vec<u8>]) {
    let append = log.encode(records);
    assert_eq!(append.start, log.file_end());
    append.write(file).unwrap();
    log.appended(&append);
}

/// A log of appends of one record each, of these sizes; and where the file ended after each.
fn written(sizes: &[usize]) -> (Memory, Vec<usize>) {
    let (mut log, file) = (Log::default(), Memory::default());
    let ends = sizes.iter().map(|size| {
        append(&mut log, &file, &[record(*size)]);
        file.content().len()
    });
    let ends = ends.collect();
    (file, ends)
}

fn record(size: usize) -> Vec<u8> {
    vec![u8::try_from(size % 255).unwrap(); size]
}

fn read(content: Vec<u8>) -> Result<Vec<Vec<u8>>, LogError> {
    let (mut log, file) = (Log::default(), Memory::of(content));
    log.catch_up(&file)?;
    log.read(&file, Seq(0), usize::MAX)
}

const SIZES: [usize; 9] = [0, 1, 400, 0, 453, 454, 1_500, 37, 12];

#[test]
fn a_log_cut_anywhere_holds_the_appends_before() {
    let (file, ends) = written(&SIZES);
    let content = file.content();
    for length in 0..=content.len() {
        let whole = ends.iter().filter(|end| **end <= length).count();
        let records = read(content[..length].to_vec()).unwrap();
        let expected: Vec<_> = SIZES[..records.len()].iter().map(|size| record(*size)).collect();
        assert!(records == expected, "cut to {length}");
        // An append may lack nothing but the mark of a sector that its last byte fills.
        let lacks_a_mark = (length + 1).is_multiple_of(512);
        assert!(
            records.len() == whole || lacks_a_mark && records.len() == whole + 1,
            "cut to {length}: {} records",
            records.len()
        );
    }
}

/// Sectors of the last append survive independently of each other, and what is lost is zero.
#[test]
fn a_last_append_with_any_sectors_missing_is_not_there() {
    let (file, ends) = written(&SIZES[..7]);
    let content = file.content();
    let start = ends[5];
    let sectors: Vec<_> = (start / 512..content.len().div_ceil(512)).collect();
    for missing in 1..1_u32 << sectors.len() {
        let mut content = content.clone();
        for (bit, sector) in sectors.iter().enumerate() {
            if missing & 1 << bit != 0 {
                let from = (sector * 512).max(start);
                let to = (sector * 512 + 512).min(content.len());
                content[from..to].fill(0);
            }
        }
        let records = read(content).unwrap();
        assert_eq!(records.len(), 6, "sectors missing: {missing:b}");
    }
}

#[test]
fn a_missing_sector_before_the_last_append_is_damage() {
    let (file, ends) = written(&SIZES);
    let content = file.content();
    for sector in 0..ends[7] / 512 {
        let mut content = content.clone();
        content[sector * 512..sector * 512 + 512].fill(0);
        let result = read(content);
        assert!(matches!(result, Err(LogError::Corrupt(_))), "sector {sector}: {result:?}");
    }
}

#[test]
fn what_follows_a_torn_append_in_its_own_records_is_no_later_append() {
    let (inner, _) = written(&[5, 6]);
    let (mut log, file) = (Log::default(), Memory::default());
    append(&mut log, &file, &[record(3)]);
    let end = file.content().len();
    // A record that holds a log, torn at its end.
    append(&mut log, &file, &[inner.content(), record(2_000)]);
    let mut content = file.content();
    content.truncate(end + 700);
    assert_eq!(read(content).unwrap(), [record(3)]);
}

#[test]
fn a_torn_append_is_overwritten_by_the_next() {
    let (file, ends) = written(&SIZES);
    file.truncate(to_u64(ends[8] - 3)).unwrap();
    let mut log = Log::default();
    log.catch_up(&file).unwrap();
    assert_eq!((log.bounds().end, log.file_end()), (Seq(8), to_u64(ends[7])));
    append(&mut log, &file, &[record(1_000), record(2)]);
    let mut expected: Vec<_> = SIZES[..8].iter().map(|size| record(*size)).collect();
    expected.extend([record(1_000), record(2)]);
    assert_eq!(read(file.content()).unwrap(), expected);
}

#[test]
fn an_append_that_is_taken_back_is_forgotten() {
    let (file, _) = written(&SIZES[..2]);
    let (mut reader, mut writer) = (Log::default(), Log::default());
    writer.catch_up(&file).unwrap();
    let end = writer.file_end();
    append(&mut writer, &file, &[record(900)]);
    reader.catch_up(&file).unwrap();
    assert_eq!(reader.bounds().end, Seq(3));
    file.truncate(end).unwrap();
    reader.catch_up(&file).unwrap();
    assert_eq!(reader.bounds().end, Seq(2));
    let mut writer = Log::default();
    writer.catch_up(&file).unwrap();
    append(&mut writer, &file, &[record(7), record(8)]);
    reader.catch_up(&file).unwrap();
    assert_eq!(reader.read(&file, Seq(2), usize::MAX).unwrap(), [record(7), record(8)]);
}

#[test]
fn reading_from_the_middle_starts_near_it() {
    let (file, _) = written(&[900; 400]);
    let mut log = Log::default();
    log.catch_up(&file).unwrap();
    assert!(log.marks.len() > 4, "only {} places are known", log.marks.len());
    for from in [0, 1, 72, 73, 74, 399] {
        let records = log.read(&file, Seq(from), 1).unwrap();
        assert_eq!(records, [record(900)], "from {from}");
        let rest = log.read(&file, Seq(from), usize::MAX).unwrap().len();
        assert_eq!(to_u64(rest), 400 - from, "from {from}");
    }
    assert!(log.read(&file, Seq(400), usize::MAX).unwrap().is_empty());
}

#[test]
fn a_trimmed_log_is_another_file() {
    let (old, _) = written(&SIZES);
    let mut reader = Log::default();
    reader.catch_up(&old).unwrap();
    // As long as the old one, so that its length does not tell them apart.
    let (mut log, header) = Log::beginning_at(Seq(9));
    let new = Memory::default();
    header.write(&new).unwrap();
    let empty = new.content();
    let room = usize::try_from(reader.file_end()).unwrap() - empty.len();
    append(&mut log, &new, &[vec![5; room - 25 - 4 - 33 - room / 512]]);
    assert_eq!(new.content().len(), old.content().len());
    reader.catch_up(&new).unwrap();
    assert_eq!(reader.bounds(), Seq(9)..Seq(10));
    assert_eq!(reader.read(&new, Seq(9), 0).unwrap().len(), 1);
    reader.catch_up(&Memory::of(empty)).unwrap();
    assert_eq!(reader.bounds(), Seq(9)..Seq(9));
}

#[test]
fn a_damaged_beginning_of_a_trimmed_log_is_reported() {
    let (_, header) = Log::beginning_at(Seq(300));
    let file = Memory::default();
    header.write(&file).unwrap();
    let content = file.content();
    assert_eq!(content[..23], *b"igor-trimmed 1\xff\x2c\x01\0\0\0\0\0\0");
    assert_eq!((content.len(), content[31]), (32, 0xff));
    for at in 0..content.len() {
        for wrong in [content[at] ^ 1, !content[at], 0, 0xff] {
            let mut content = content.clone();
            content[at] = wrong;
            let result = Log::default().catch_up(&Memory::of(content.clone()));
            let is_damaged = content != file.content();
            assert_eq!(result.is_err(), is_damaged, "byte {at} is {wrong:#x}");
        }
    }
    for length in 15..content.len() {
        let result = Log::default().catch_up(&Memory::of(content[..length].to_vec()));
        assert!(matches!(result, Err(LogError::Corrupt(_))), "cut to {length}");
    }
}

#[test]
fn a_log_of_another_version_is_refused() {
    let (file, _) = written(&SIZES);
    let mut content = file.content();
    content[13] = b'2';
    assert!(matches!(read(content), Err(LogError::Corrupt(_))));
}

/// The first bytes that this version writes, kept for all time.
#[test]
fn the_format_is_what_it_was() {
    let (mut log, file) = (Log::default(), Memory::default());
    append(&mut log, &file, &[b"ab".to_vec(), Vec::new()]);
    let content = file.content();
    assert_eq!(content[..15], *b"igor-journal 1\xff");
    assert_eq!(content[15..31], [0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 10, 0, 0, 0]);
    assert_eq!(content[39], 0xff);
    assert_eq!(content[40..50], [2, 0, 0, 0, b'a', b'b', 0, 0, 0, 0]);
    let hash = igor_core::format::Hash::of(&content[15..50]);
    assert_eq!(content[50..82], *hash.as_bytes());
    assert_eq!(content[82..], [0xff]);
}
