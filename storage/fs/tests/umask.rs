//! Rights do not depend on the umask. A test program of its own, because the umask is the whole
//! process's.

use std::fs;
use std::os::unix::fs::MetadataExt;

use igor_core::Storage;
use igor_core::format::{AgentId, Seq, Tick};
use igor_core::storage::{Batch, Claim, Group, Key, Precondition};
use igor_storage_fs::{FsConfig, FsStorage};
use pollster::block_on;
use rustix::fs::Mode;

#[test]
fn files_and_directories_are_their_owners_alone_whatever_the_umask() {
    for umask in [0o000, 0o022, 0o077, 0o777] {
        let directory = tempfile::tempdir().expect("temporary files can be made");
        let root = directory.path().join("store");
        let before = rustix::process::umask(Mode::from_raw_mode(umask));
        let store = FsStorage::open(&root, &FsConfig::default()).expect("the path is absolute");
        let id: AgentId = "a".parse().expect("an agent id");
        let group = Group::new(id.clone())
            .put(Key::Checkpoint(id.clone()), b"value".to_vec(), Precondition::Absent)
            .put(Key::History(id.clone(), Tick(0), 0), b"value".to_vec(), Precondition::Absent)
            .append(Seq(0), vec![b"record".to_vec()]);
        let results = block_on(store.commit(Batch::from(group)));
        let held = block_on(store.hold(&Claim::Agent(id)));
        rustix::process::umask(before);
        assert!(results.iter().all(Result::is_ok) && held.is_ok(), "{umask:o}: {results:?}");
        let mut folders = vec![root];
        while let Some(folder) = folders.pop() {
            let mode = fs::metadata(&folder).expect("it is there").mode() & 0o7777;
            assert_eq!(mode, 0o700, "umask {umask:o}: {}", folder.display());
            for entry in fs::read_dir(&folder).expect("it is readable") {
                let path = entry.expect("it is readable").path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let mode = fs::metadata(&path).expect("it is there").mode() & 0o7777;
                assert_eq!(mode, 0o600, "umask {umask:o}: {}", path.display());
            }
        }
    }
}
