//! What a checkpoint save costs on the file store, beside raw writes of the same files with the same
//! syncs: temporary file, sync, rename, sync of the directory, for each file. Both alternate in one run;
//! the medians count. What appends cost is measured with the journal.
//! `cargo bench -p conformance --bench storage`

#![allow(clippy::print_stdout, reason = "a benchmark reports to its caller")]
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a benchmark stops at what it did not expect"
)]

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use igor_core::Storage;
use igor_core::format::{AgentId, Tick};
use igor_core::storage::{Batch, Group, Key, Precondition, Version};
use igor_storage_fs::{FsConfig, FsStorage};
use pollster::block_on;

const ROUNDS: u64 = 200;

fn main() {
    println!("medians of {ROUNDS} alternating rounds");
    println!("{:<44} {:>11} {:>11} {:>7}", "", "raw", "store", "ratio");
    for (name, size) in [("save of a checkpoint of 237 bytes", 237), ("... of 1 MiB", 1 << 20)] {
        compare(
            name,
            |place| Box::new(RawSave::new(place, size)),
            |place| Box::new(StoreSave::new(place, size)),
        );
    }
}

/// Something that is repeated; `number` differs each time.
trait Work {
    fn run(&mut self, number: u64);
}

fn compare(
    name: &str,
    raw: impl Fn(&Path) -> Box<dyn Work>,
    store: impl Fn(&Path) -> Box<dyn Work>,
) {
    // Below the build, as temporary files may lie on a disk that is none.
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut works = [raw(&place.path().join("raw")), store(&place.path().join("store"))];
    let mut times = [Vec::new(), Vec::new()];
    for number in 0..ROUNDS + 10 {
        for (work, times) in works.iter_mut().zip(&mut times) {
            let start = Instant::now();
            work.run(number);
            if number >= 10 {
                times.push(start.elapsed());
            }
        }
    }
    let [raw, store] = times.map(median);
    let ratio = store.as_secs_f64() / raw.as_secs_f64();
    println!("{name:<44} {:>8} us {:>8} us {ratio:>7.2}", raw.as_micros(), store.as_micros());
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn blob(size: usize, number: u64) -> Vec<u8> {
    let mut blob = vec![7; size];
    blob[..8].copy_from_slice(&number.to_le_bytes());
    blob
}

/// The files of a save, written as directly as it can be done.
struct RawSave {
    root: std::path::PathBuf,
    size: usize,
}

impl RawSave {
    fn new(place: &Path, size: usize) -> Self {
        for folder in ["history/a", ".igor/a"] {
            fs::create_dir_all(place.join(folder)).unwrap();
        }
        Self { root: place.to_owned(), size }
    }

    fn write(&self, folder: &str, name: &str, bytes: &[u8]) {
        let folder = self.root.join(folder);
        let temporary = folder.join("temporary");
        let mut file = File::create_new(&temporary).unwrap();
        file.write_all(bytes).unwrap();
        file.sync_all().unwrap();
        fs::rename(&temporary, folder.join(name)).unwrap();
        File::open(&folder).unwrap().sync_all().unwrap();
    }
}

impl Work for RawSave {
    fn run(&mut self, number: u64) {
        let blob = blob(self.size, number);
        self.write(".igor/a", "record", &[1; 300]);
        self.write("history/a", &format!("{number:010}.ckpt"), &blob);
        self.write("", "a.checkpoint", &blob);
    }
}

/// The same through the store, with the preconditions that the node gives.
struct StoreSave {
    store: FsStorage,
    agent: AgentId,
    size: usize,
    versions: Option<[Version; 2]>,
}

impl StoreSave {
    fn new(place: &Path, size: usize) -> Self {
        let store = FsStorage::open(place, &FsConfig::default()).unwrap();
        Self { store, agent: "a".parse().unwrap(), size, versions: None }
    }
}

impl Work for StoreSave {
    fn run(&mut self, number: u64) {
        let blob = blob(self.size, number);
        let [record, checkpoint] = match self.versions.take() {
            Some(versions) => versions.map(Precondition::Matches),
            None => [Precondition::Absent, Precondition::Absent],
        };
        let id = self.agent.clone();
        let group = Group::new(id.clone())
            .put(Key::Record(id.clone()), vec![1; 300], record)
            .put(Key::History(id.clone(), Tick(number), 0), blob.clone(), Precondition::Absent)
            .put(Key::Checkpoint(id), blob, checkpoint);
        let committed = block_on(self.store.commit(Batch::from(group))).pop().unwrap().unwrap();
        let [record, _, checkpoint] = committed.versions.try_into().unwrap();
        self.versions = Some([record, checkpoint]);
    }
}
