//! A store as plain maps, what it should hold; and scripts, what is done to a store so that it should
//! hold it. Neither knows a particular store or a disk.

use std::collections::BTreeMap;
use std::fmt;

use igor_core::Storage;
use igor_core::format::{AgentId, Hash, Seq, Tick};
use igor_core::storage::{
    Batch, Claim, Group, Hold, Key, Operation, Precondition, StorageError, Version,
};
use pollster::block_on;

use super::support::{agent, checkpoint, history};

/// What a store holds.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Model {
    /// The values.
    pub values: BTreeMap<Key, Vec<u8>>,
    /// The logs that have or had records.
    pub logs: BTreeMap<AgentId, Log>,
}

/// What a log holds.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Log {
    /// The records before this position were trimmed.
    pub first: usize,
    /// The others.
    pub records: Vec<Vec<u8>>,
}

impl Log {
    fn trim(&mut self, before: Seq) {
        let before = usize::try_from(before.0).expect("a position in a script");
        self.records.drain(..before.saturating_sub(self.first));
        self.first = self.first.max(before);
    }
}

impl fmt::Debug for Model {
    /// Sizes and first bytes, which is what tells the scripts' values apart.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = |bytes: &Vec<u8>| format!("{} x {:?}", bytes.len(), bytes.first());
        for (key, bytes) in &self.values {
            write!(f, "\n  {key}: {}", short(bytes))?;
        }
        for (agent, log) in &self.logs {
            let records: Vec<_> = log.records.iter().map(short).collect();
            write!(f, "\n  log of {agent} from {}: {}", log.first, records.join(", "))?;
        }
        Ok(())
    }
}

impl Model {
    /// Applies the first `count` operations of a group.
    pub fn apply(&mut self, group: &Group, count: usize) {
        for operation in group.operations.iter().take(count) {
            match operation.clone() {
                Operation::Put { key, bytes, .. } => drop(self.values.insert(key, bytes)),
                Operation::Delete { key, .. } => drop(self.values.remove(&key)),
                Operation::Append { records, .. } if records.is_empty() => {}
                Operation::Append { records, .. } => {
                    self.logs.entry(group.agent.clone()).or_default().records.extend(records);
                }
                Operation::Trim { before: Seq(0) } => {}
                Operation::Trim { before } => {
                    self.logs.entry(group.agent.clone()).or_default().trim(before);
                }
            }
        }
    }

    /// What `store` holds of `keys` and of the logs of `agents`.
    ///
    /// # Errors
    /// The first of a call.
    ///
    /// # Panics
    /// When listing and reading contradict each other.
    pub fn read(store: &dyn Storage, script: &Script) -> Result<Self, StorageError> {
        let mut model = Self::default();
        for key in script.keys() {
            if let Some(stored) = block_on(store.get(&key))? {
                model.values.insert(key, stored.bytes);
            }
        }
        for agent in script.agents() {
            let bounds = block_on(store.log_bounds(&agent))?;
            let records = block_on(store.read_log(&agent, bounds.start, usize::MAX))?;
            let first = usize::try_from(bounds.start.0).expect("a position in a script");
            let end = u64::try_from(first + records.len()).expect("a length fits 64 bits");
            assert_eq!(bounds.end, Seq(end), "the length is not that of what is read");
            if end > 0 {
                model.logs.insert(agent.clone(), Log { first, records });
            }
            for scope in super::support::every_scope(&agent) {
                let listed = block_on(store.list(&scope, None, usize::MAX))?;
                let read = model.values.keys().filter(|key| scope.contains(key));
                assert!(listed.iter().eq(read), "{scope:?} lists {listed:?}");
            }
        }
        Ok(model)
    }
}

/// What is done to a store, one batch after the other.
#[derive(Debug, Clone, Default)]
pub struct Script {
    /// The batches.
    pub steps: Vec<Step>,
}

/// One batch of a script.
#[derive(Debug, Clone)]
pub struct Step {
    /// Its groups, of different agents.
    pub parts: Vec<Part>,
}

/// One group of a script.
#[derive(Debug, Clone)]
pub struct Part {
    /// Who writes.
    pub agent: AgentId,
    /// What, in order.
    pub operations: Vec<Planned>,
}

/// An operation whose position or version is looked up when it is its turn.
#[derive(Debug, Clone)]
pub enum Planned {
    /// A put.
    Put(Key, Vec<u8>, When),
    /// A delete.
    Delete(Key, When),
    /// An append at the end of the log.
    Append(Vec<Vec<u8>>),
    /// A trim of the log that leaves at most so many records.
    Trim(u64),
}

/// The precondition of a planned operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Always.
    Always,
    /// If there is nothing.
    Absent,
    /// If nobody else has changed it.
    Unchanged,
    /// If it has a version that it does not have: a conflict.
    Stale,
}

/// How far a script got.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// What was acknowledged.
    pub acknowledged: Model,
    /// The steps that were answered, by an acknowledgement or a conflict.
    pub done: usize,
    /// The groups that failed, if any did; all of one batch.
    pub failed: Vec<Group>,
}

impl Progress {
    /// Whether a store that holds `found` has kept its promises: everything acknowledged, and of each
    /// group that failed a first part.
    pub fn allows(&self, found: &Model) -> bool {
        let mut allowed = vec![self.acknowledged.clone()];
        for group in &self.failed {
            let parts = allowed.iter().flat_map(|model| {
                (0..=group.operations.len()).map(|count| {
                    let mut model = model.clone();
                    model.apply(group, count);
                    model
                })
            });
            allowed = parts.collect();
        }
        allowed.contains(found)
    }
}

impl Script {
    /// A short life: created, saved twice, funded, something removed.
    pub fn short() -> Self {
        let steps = vec![
            Step::creation("a", 40),
            Step::save("a", 1, 700),
            Step::append("a", &[b"one", &[1; 600]]),
            Step::append("a", &[&[2; 20]]),
            Step::of("a", vec![Planned::Put(checkpoint("a"), vec![9], When::Stale)]),
            Step::of("a", vec![Planned::Delete(history("a", 0, 0), When::Unchanged)]),
            Step::of("a", vec![Planned::Trim(2)]),
            Step::append("a", &[&[3; 20]]),
            Step::of(
                "a",
                vec![
                    Planned::Append(vec![vec![4; 500]]),
                    Planned::Put(Key::Segment(agent("a"), Tick(1), 0), vec![5; 40], When::Absent),
                    Planned::Trim(0),
                ],
            ),
        ];
        Self { steps }
    }

    /// A whole life: two agents, created, ticking, saved, funded, in conflict, removed.
    pub fn whole() -> Self {
        let mut steps = vec![Step::creation("a", 237), Step::creation("b", 5_000)];
        for tick in 1..=6_u8 {
            let size = 200 + 400 * usize::from(tick);
            steps.push(Step::append("a", &[&[tick; 237]]));
            steps.push(Step::append("a", &[&[tick; 3], b"", &vec![tick; size]]));
            steps.push(Step::save("a", u64::from(tick), size));
            steps.push(Step::of(
                "b",
                vec![
                    Planned::Append(vec![vec![tick; 900]]),
                    Planned::Put(Key::Record(agent("b")), vec![tick; 300], When::Unchanged),
                    Planned::Append(vec![vec![tick; 90]]),
                ],
            ));
            if tick == 4 {
                steps
                    .push(Step::of("b", vec![Planned::Trim(3), Planned::Append(vec![vec![9; 5]])]));
                steps.push(Step::audited_save("a", 44, 900));
            }
        }
        steps.push(Step::of("a", vec![Planned::Trim(1), Planned::Trim(0)]));
        steps.push(Step::append("a", &[&[7; 70]]));
        steps.extend(Step::endings());
        Self { steps }
    }

    /// A life of three agents who mostly only append, together: with what else may befall their logs in
    /// between, and an append that fails beside others.
    pub fn together() -> Self {
        let all = |step: u8| {
            let size = usize::from(step);
            Step::together(vec![
                Step::append("a", &[&vec![step; 237 + size]]),
                Step::append("b", &[&[step; 3], b"", &vec![step; 40 * size]]),
                Step::append("c", &[&vec![step; 500 * (size % 3)]]),
            ])
        };
        let firsts = ["a", "b", "c"].map(|name| {
            let record = Planned::Put(Key::Record(agent(name)), vec![2; 300], When::Absent);
            Step::of(name, vec![Planned::Append(vec![vec![0; 20]]), record])
        });
        let mut steps = Vec::from(firsts);
        steps.extend([all(1), all(2)]);
        let record = Planned::Put(Key::Record(agent("b")), vec![3; 300], When::Always);
        steps.push(Step::of("b", vec![Planned::Append(vec![vec![3; 30]]), record]));
        steps.push(all(4));
        steps.push(Step::together(vec![
            Step::append("c", &[&[5; 70]]),
            Step::append("a", &[&[5; 700]]),
            Step::of("b", vec![Planned::Put(checkpoint("b"), vec![5], When::Stale)]),
        ]));
        steps.push(Step::of("a", vec![Planned::Trim(1)]));
        steps.extend([all(6), all(7)]);
        steps.push(Step::together(vec![
            Step::append("a", &[&[8; 80]]),
            Step::of("b", vec![Planned::Append(vec![vec![8; 90]]), Planned::Trim(2)]),
            Step::append("c", &[&[8; 800]]),
        ]));
        steps.extend([all(9), Step::of("c", vec![Planned::Trim(0)]), all(10), all(11)]);
        Self { steps }
    }

    /// So many of its steps, or all.
    pub fn first_steps(&self, count: usize) -> Self {
        Self { steps: self.steps.iter().take(count).cloned().collect() }
    }

    /// The keys that it may write, in order.
    pub fn keys(&self) -> Vec<Key> {
        let operations = self.parts().flat_map(|part| &part.operations);
        let mut keys: Vec<_> = operations
            .filter_map(|operation| match operation {
                Planned::Put(key, ..) | Planned::Delete(key, _) => Some(key.clone()),
                Planned::Append(_) | Planned::Trim(_) => None,
            })
            .collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// The agents that it writes for, in order.
    pub fn agents(&self) -> Vec<AgentId> {
        let mut agents: Vec<_> = self.parts().map(|part| part.agent.clone()).collect();
        agents.sort_unstable();
        agents.dedup();
        agents
    }

    fn parts(&self) -> impl Iterator<Item = &Part> {
        self.steps.iter().flat_map(|step| &step.parts)
    }

    /// Claims every agent of the script.
    ///
    /// # Errors
    /// The store's.
    pub fn hold(&self, store: &dyn Storage) -> Result<Vec<Hold>, StorageError> {
        self.agents().into_iter().map(|agent| block_on(store.hold(&Claim::Agent(agent)))).collect()
    }

    /// Does what is not done yet according to `progress`, up to the first error other than the
    /// conflicts that the script plans.
    ///
    /// # Errors
    /// That error.
    ///
    /// # Panics
    /// When a planned conflict is none.
    pub fn run(&self, store: &dyn Storage, progress: &mut Progress) -> Result<(), StorageError> {
        progress.failed.clear();
        while let Some(step) = self.steps.get(progress.done) {
            let resolved: Result<Vec<_>, _> =
                step.parts.iter().map(|part| part.resolve(store)).collect();
            let groups = resolved?;
            let results = block_on(store.commit(Batch { groups: groups.clone() }));
            assert_eq!(results.len(), groups.len(), "there is one result for each group");
            let mut failure = None;
            for ((part, group), result) in step.parts.iter().zip(groups).zip(results) {
                match (result, part.is_stale()) {
                    (Ok(_), false) => progress.acknowledged.apply(&group, usize::MAX),
                    (Err(StorageError::Conflict { .. }), true) => {}
                    (Ok(_), true) => panic!("a stale precondition was no conflict: {part:?}"),
                    (Err(error), _) => {
                        progress.failed.push(group);
                        failure.get_or_insert(error);
                    }
                }
            }
            if let Some(error) = failure {
                return Err(error);
            }
            progress.done += 1;
        }
        Ok(())
    }
}

impl Step {
    /// One group of an agent.
    pub fn of(name: &str, operations: Vec<Planned>) -> Self {
        Self { parts: vec![Part { agent: agent(name), operations }] }
    }

    /// One batch of the groups of several steps.
    pub fn together(steps: Vec<Self>) -> Self {
        Self { parts: steps.into_iter().flat_map(|step| step.parts).collect() }
    }

    /// Everything that a new agent has.
    fn creation(name: &str, size: usize) -> Self {
        let absent = |key, bytes| Planned::Put(key, bytes, When::Absent);
        let module = Hash::of(name.as_bytes());
        Self::of(
            name,
            vec![
                Planned::Put(Key::Module(module), vec![1; 2_000], When::Always),
                Planned::Put(Key::Manifest(module), b"{}".to_vec(), When::Always),
                absent(Key::Identity(agent(name)), vec![2; 68]),
                absent(Key::Record(agent(name)), vec![3; 300]),
                absent(history(name, 0, 0), vec![4; size]),
                absent(checkpoint(name), vec![4; size]),
            ],
        )
    }

    /// A checkpoint.
    fn save(name: &str, tick: u64, size: usize) -> Self {
        let blob = vec![u8::try_from(tick).expect("a small tick"); size];
        Self::of(
            name,
            vec![
                Planned::Put(Key::Record(agent(name)), vec![5; 301], When::Unchanged),
                Planned::Put(history(name, tick, 0), blob.clone(), When::Absent),
                Planned::Put(checkpoint(name), blob, When::Unchanged),
            ],
        )
    }

    /// What ends two lives: a fund, conflicts, repeated puts, deletes.
    fn endings() -> Vec<Self> {
        let fund = Key::Fund(agent("a"), [7; 16]);
        vec![
            Step::of(
                "a",
                vec![
                    Planned::Put(fund.clone(), vec![3; 137], When::Absent),
                    Planned::Put(Key::Record(agent("a")), vec![4; 310], When::Unchanged),
                    Planned::Put(history("a", 6, 1), vec![5; 237], When::Absent),
                    Planned::Put(checkpoint("a"), vec![5; 237], When::Unchanged),
                ],
            ),
            Step::of("a", vec![Planned::Put(fund.clone(), vec![6; 10], When::Stale)]),
            Step::of(
                "b",
                vec![
                    Planned::Append(vec![vec![1; 10]]),
                    Planned::Put(checkpoint("b"), vec![8; 10], When::Stale),
                ],
            ),
            Step::of(
                "b",
                vec![
                    Planned::Put(checkpoint("b"), vec![1], When::Always),
                    Planned::Put(Key::Receipts(agent("b")), Vec::new(), When::Always),
                    Planned::Put(checkpoint("b"), vec![2; 600], When::Always),
                ],
            ),
            Step::of(
                "a",
                vec![
                    Planned::Delete(fund, When::Unchanged),
                    Planned::Delete(history("a", 0, 0), When::Always),
                    Planned::Delete(history("a", 77, 0), When::Always),
                    Planned::Put(Key::Identity(agent("a")), vec![9; 68], When::Unchanged),
                ],
            ),
            Step::of(
                "b",
                vec![
                    Planned::Delete(checkpoint("b"), When::Unchanged),
                    Planned::Delete(Key::Identity(agent("b")), When::Always),
                    Planned::Delete(Key::Module(Hash::of(b"b")), When::Always),
                ],
            ),
            Step::append("b", &[b"the end"]),
        ]
    }

    /// A checkpoint that closes a segment: what the log held lies in the history then, and a log that
    /// belongs to another line is set aside.
    fn audited_save(name: &str, tick: u64, size: usize) -> Self {
        let mut step = Self::save(name, tick, size);
        let (id, absent) = (agent(name), When::Absent);
        let part = step.parts.first_mut().expect("a save is one group");
        part.operations.extend([
            Planned::Put(Key::Segment(id.clone(), Tick(tick), 0), vec![6; 1_300], absent),
            Planned::Put(Key::Segment(id.clone(), Tick(tick), 1), vec![7; 30], absent),
            Planned::Put(Key::Summary(id.clone()), vec![8; 100], When::Unchanged),
            Planned::Put(Key::Certificate(id.clone(), tick), vec![5; 413], absent),
            Planned::Put(Key::Aside(id.clone(), Seq(3)), vec![9; 700], absent),
            Planned::Put(Key::Custody(id), vec![4; 480], When::Unchanged),
            Planned::Put(Key::Node, vec![1; 68], absent),
            Planned::Append(vec![vec![2; 600], vec![3; 60]]),
            Planned::Trim(1),
            Planned::Append(vec![vec![4; 200]]),
        ]);
        step
    }

    /// One append of an agent.
    pub fn append(name: &str, records: &[&[u8]]) -> Self {
        let records = records.iter().map(|record| record.to_vec()).collect();
        Self::of(name, vec![Planned::Append(records)])
    }
}

impl Part {
    fn is_stale(&self) -> bool {
        self.operations.iter().any(|operation| match operation {
            Planned::Put(_, _, when) | Planned::Delete(_, when) => *when == When::Stale,
            Planned::Append(_) | Planned::Trim(_) => false,
        })
    }

    /// The group, with the positions and versions of the moment.
    fn resolve(&self, store: &dyn Storage) -> Result<Group, StorageError> {
        let mut group = Group::new(self.agent.clone());
        let mut end = block_on(store.log_bounds(&self.agent))?.end;
        for operation in &self.operations {
            group = match operation {
                Planned::Put(key, bytes, when) => {
                    group.put(key.clone(), bytes.clone(), precondition(store, key, *when)?)
                }
                Planned::Delete(key, when) => {
                    group.delete(key.clone(), precondition(store, key, *when)?)
                }
                Planned::Append(records) => {
                    let at = end;
                    end.0 += u64::try_from(records.len()).expect("a length fits 64 bits");
                    group.append(at, records.clone())
                }
                Planned::Trim(left) => group.trim(Seq(end.0.saturating_sub(*left))),
            };
        }
        Ok(group)
    }
}

fn precondition(store: &dyn Storage, key: &Key, when: When) -> Result<Precondition, StorageError> {
    Ok(match when {
        When::Always => Precondition::Always,
        When::Absent => Precondition::Absent,
        When::Stale => Precondition::Matches(Version::new(b"stale")),
        When::Unchanged => match block_on(store.get(key))? {
            Some(stored) => Precondition::Matches(stored.version),
            None => Precondition::Absent,
        },
    })
}
