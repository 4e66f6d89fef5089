//! How many records a second become durable on the file store when 64 agents write: beside raw appends
//! with one sync for 64 records, and beside what the original does for each tick, which replaces the
//! checkpoint and archives it. All alternate in one run; the medians count.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use igor_core::Storage;
use igor_core::format::{AgentId, Seq};
use igor_core::storage::{Batch, Group};
use igor_storage_fs::{FsConfig, FsStorage};
use pollster::block_on;

const AGENTS: usize = 64;
/// The size of a record, and of a checkpoint of the original.
const BYTES: usize = 237;
const ROUNDS: usize = 15;
/// How many syncs a round is made of, where there are as many records to a sync as agents.
const SYNCS: usize = 8;

/// Prints the rates.
pub(crate) fn compare() {
    println!(
        "\n{AGENTS} writers, records of {BYTES} bytes: medians of {ROUNDS} alternating rounds"
    );
    println!("{:<44} {:>11} {:>8} {:>12}", "", "records/s", "of raw", "of original");
    // Below the build, as temporary files may lie on a disk that is none.
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let place = |name: &str| place.path().join(name);
    let mut writers: [(&str, Box<dyn Writer>); 5] = [
        ("raw append, a sync for 64 records", Box::new(Raw::new(&place("raw")))),
        ("a batch of 64 groups", Box::new(Batched(Agents::new(&place("batch"), AGENTS)))),
        ("64 callers at once", Box::new(Callers(Agents::new(&place("callers"), AGENTS)))),
        ("one caller alone", Box::new(Callers(Agents::new(&place("alone"), 1)))),
        ("a save of the original for each", Box::new(Original::new(&place("original")))),
    ];
    let mut rates = writers.each_ref().map(|_| Vec::new());
    for _ in 0..ROUNDS {
        for ((_, writer), rates) in writers.iter_mut().zip(&mut rates) {
            let start = Instant::now();
            let records = writer.write();
            rates.push(rate(records, start.elapsed()));
        }
    }
    let rates = rates.map(median);
    let [raw, .., original] = rates;
    for ((name, _), rate) in writers.iter().zip(rates) {
        println!("{name:<44} {rate:>11.0} {:>8.2} {:>12.1}", rate / raw, rate / original);
    }
}

fn rate(records: usize, elapsed: Duration) -> f64 {
    f64::from(u32::try_from(records).unwrap()) / elapsed.as_secs_f64()
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_unstable_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// Makes records durable.
trait Writer {
    /// Writes some and says how many.
    fn write(&mut self) -> usize;
}

/// One file, written by nobody else.
struct Raw(File);

impl Raw {
    fn new(place: &Path) -> Self {
        fs::create_dir_all(place).unwrap();
        let file = File::options().append(true).create(true).open(place.join("journal"));
        Self(file.unwrap())
    }
}

impl Writer for Raw {
    fn write(&mut self) -> usize {
        for _ in 0..SYNCS {
            self.0.write_all(&[3; BYTES * AGENTS]).unwrap();
            self.0.sync_data().unwrap();
        }
        SYNCS * AGENTS
    }
}

/// Agents of a store, and how much each has in its journal.
struct Agents {
    store: FsStorage,
    agents: Vec<AgentId>,
    next: u64,
}

impl Agents {
    fn new(place: &Path, count: usize) -> Self {
        let store = FsStorage::open(place, &FsConfig::default()).unwrap();
        let agents = (0..count).map(|number| format!("a{number}").parse().unwrap()).collect();
        Self { store, agents, next: 0 }
    }

    fn group(agent: &AgentId, next: u64) -> Group {
        Group::new(agent.clone()).append(Seq(next), vec![vec![3; BYTES]])
    }

    fn commit(&self, batch: Batch) {
        for result in block_on(self.store.commit(batch)) {
            result.unwrap();
        }
    }
}

/// What all agents write is handed over at once.
struct Batched(Agents);

impl Writer for Batched {
    fn write(&mut self) -> usize {
        let Self(agents) = self;
        for _ in 0..SYNCS {
            let groups = agents.agents.iter().map(|agent| Agents::group(agent, agents.next));
            agents.commit(Batch { groups: groups.collect() });
            agents.next += 1;
        }
        SYNCS * agents.agents.len()
    }
}

/// Each agent writes on its own and waits for nobody else.
struct Callers(Agents);

impl Writer for Callers {
    fn write(&mut self) -> usize {
        let Self(agents) = self;
        std::thread::scope(|scope| {
            for agent in &agents.agents {
                let agents = &*agents;
                scope.spawn(move || {
                    for next in (agents.next..).take(SYNCS) {
                        agents.commit(Agents::group(agent, next).into());
                    }
                });
            }
        });
        agents.next += u64::try_from(SYNCS).unwrap();
        SYNCS * agents.agents.len()
    }
}

/// A checkpoint that is replaced, with a copy in the history, for each tick.
struct Original {
    root: PathBuf,
    tick: u64,
}

impl Original {
    fn new(place: &Path) -> Self {
        fs::create_dir_all(place.join("history")).unwrap();
        Self { root: place.to_owned(), tick: 0 }
    }

    fn replace(folder: &Path, name: &str) {
        let temporary = folder.join("temporary");
        let mut file = File::create(&temporary).unwrap();
        file.write_all(&[3; BYTES]).unwrap();
        file.sync_all().unwrap();
        fs::rename(&temporary, folder.join(name)).unwrap();
        File::open(folder).unwrap().sync_all().unwrap();
    }
}

impl Writer for Original {
    fn write(&mut self) -> usize {
        for _ in 0..SYNCS {
            self.tick += 1;
            Self::replace(&self.root, "a.checkpoint");
            Self::replace(&self.root.join("history"), &format!("{:010}.ckpt", self.tick));
        }
        SYNCS
    }
}
