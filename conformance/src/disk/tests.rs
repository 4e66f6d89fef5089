//! Tests of the disk itself: that it loses what a real one may lose, and nothing else.

use super::*;

fn write(disk: &SimDisk, path: &str, bytes: &[u8]) -> Box<dyn VfsFile> {
    let file = disk.create_new(path).unwrap();
    assert_eq!(file.write_at(bytes, 0).unwrap(), bytes.len());
    file
}

#[test]
fn nothing_is_durable_before_its_sync() {
    let disk = SimDisk::new();
    let file = write(&disk, "a", b"content");
    assert_eq!(disk.image(Image::Nothing).files(), [""; 0]);
    disk.sync_dir("").unwrap();
    assert_eq!(disk.image(Image::Nothing).content("a"), b"");
    assert_eq!(disk.image(Image::NamesAndLengths).content("a"), [0; 7]);
    assert_eq!(disk.image(Image::Everything).content("a"), b"content");
    assert_eq!(disk.image(Image::Torn(1)).content("a"), b"c\0\0\0\0\0\0");
    file.sync().unwrap();
    assert_eq!(disk.image(Image::Nothing).content("a"), b"content");
    assert_eq!(disk.image(Image::Torn(1)).content("a"), b"content");
}

#[test]
fn a_rename_is_durable_with_its_directory() {
    let disk = SimDisk::new();
    write(&disk, "new", b"2").sync().unwrap();
    write(&disk, "value", b"1").sync().unwrap();
    disk.sync_dir("").unwrap();
    disk.rename("new", "value").unwrap();
    assert_eq!(disk.content("value"), b"2");
    assert_eq!(disk.image(Image::Nothing).content("value"), b"1");
    disk.sync_dir("").unwrap();
    assert_eq!(disk.image(Image::Nothing).content("value"), b"2");
    assert_eq!(disk.files(), ["value"]);
}

#[test]
fn a_failed_sync_loses_data_that_reading_still_shows() {
    let disk = SimDisk::new();
    let file = write(&disk, "a", b"kept");
    file.sync().unwrap();
    disk.sync_dir("").unwrap();
    file.write_at(b"lost", 0).unwrap();
    disk.fail_next(OperationKind::Sync, Fault::Error);
    file.sync().unwrap_err();
    file.sync().unwrap();
    assert_eq!(disk.content("a"), b"lost");
    assert_eq!(disk.image(Image::Everything).content("a"), b"kept");
    file.forget_cached();
    assert_eq!(disk.content("a"), b"kept");
}

#[test]
fn random_images_differ_by_sector() {
    let disk = SimDisk::new();
    let file = write(&disk, "a", &[1; 4096]);
    disk.sync_dir("").unwrap();
    file.sync().unwrap();
    file.write_at(&[2; 4096], 0).unwrap();
    let contents: BTreeSet<_> =
        (0..20).map(|seed| disk.image(Image::Random(seed)).content("a")).collect();
    assert!(contents.len() > 10, "only {} contents", contents.len());
    assert!(contents.iter().flatten().all(|byte| matches!(byte, 1 | 2)));
}

#[test]
fn a_full_disk_takes_nothing_until_space_is_freed() {
    let disk = SimDisk::new();
    let file = write(&disk, "a", b"1");
    disk.fail_next(OperationKind::Write, Fault::Full);
    assert_eq!(file.write_at(b"2", 0).unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert!(disk.create_new("b").is_err());
    disk.free_space();
    assert!(disk.create_new("b").is_ok());
}

#[test]
fn locks_exclude_and_end_with_their_file() {
    let disk = SimDisk::new();
    let first = write(&disk, "lock", b"");
    let second = disk.open("lock", Access::ReadWrite).unwrap();
    assert!(first.lock(Lock::Shared, false).unwrap());
    assert!(second.lock(Lock::Shared, false).unwrap());
    let third = disk.open("lock", Access::ReadWrite).unwrap();
    assert!(!third.lock(Lock::Exclusive, false).unwrap());
    drop((first, second));
    assert!(third.lock(Lock::Exclusive, false).unwrap());
}
