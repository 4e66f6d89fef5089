//! The words in which the cases speak to a store. Every call waits for its answer; an error that a case
//! does not ask for is the case's failure.

use igor_core::format::{AgentId, Hash, Seq, Tick};
use igor_core::storage::{
    Batch, Claim, Committed, Group, Hold, Key, Operation, Precondition, Scope, Storage,
    StorageError, Stored, Version,
};
use pollster::block_on;

pub(super) fn agent(name: &str) -> AgentId {
    name.parse().expect("the suite's agent ids are valid")
}

pub(super) fn checkpoint(name: &str) -> Key {
    Key::Checkpoint(agent(name))
}

pub(super) fn history(name: &str, tick: u64, copy: u32) -> Key {
    Key::History(agent(name), Tick(tick), copy)
}

/// A key of each kind, of one agent.
pub(super) fn every_kind(name: &str) -> Vec<Key> {
    vec![
        checkpoint(name),
        Key::Identity(agent(name)),
        Key::Receipts(agent(name)),
        Key::Record(agent(name)),
        history(name, 7, 0),
        history(name, 7, 1),
        Key::Segment(agent(name), Tick(7), 0),
        Key::Segment(agent(name), Tick(7), 1),
        Key::Summary(agent(name)),
        Key::Fund(agent(name), *b"0123456789abcdef"),
        Key::Certificate(agent(name), 7),
        Key::Aside(agent(name), Seq(7)),
        Key::Wish(agent(name)),
        Key::Custody(agent(name)),
        Key::Module(Hash::of(name.as_bytes())),
        Key::Manifest(Hash::of(name.as_bytes())),
    ]
}

/// Every scope in which the keys of one agent are listed.
pub(super) fn every_scope(agent: &AgentId) -> [Scope; 7] {
    [
        Scope::Checkpoints,
        Scope::History(agent.clone()),
        Scope::Segments(agent.clone()),
        Scope::Funds(agent.clone()),
        Scope::Asides(agent.clone()),
        Scope::Certificates(agent.clone()),
        Scope::Custodies,
    ]
}

pub(super) fn try_get(store: &dyn Storage, key: &Key) -> Result<Option<Stored>, StorageError> {
    block_on(store.get(key))
}

pub(super) fn stored(store: &dyn Storage, key: &Key) -> Option<Stored> {
    try_get(store, key).unwrap_or_else(|error| panic!("get {key}: {error}"))
}

/// The value of a key.
pub(super) fn value(store: &dyn Storage, key: &Key) -> Option<Vec<u8>> {
    stored(store, key).map(|stored| stored.bytes)
}

/// The version of a value that must be there.
pub(super) fn version(store: &dyn Storage, key: &Key) -> Version {
    stored(store, key).unwrap_or_else(|| panic!("{key} is absent")).version
}

pub(super) fn commit_all(
    store: &dyn Storage,
    groups: Vec<Group>,
) -> Vec<Result<Committed, StorageError>> {
    let count = groups.len();
    let results = block_on(store.commit(Batch { groups }));
    assert_eq!(results.len(), count, "there is one result for each group");
    results
}

pub(super) fn try_commit(store: &dyn Storage, group: Group) -> Result<Committed, StorageError> {
    commit_all(store, vec![group]).pop().expect("one group has one result")
}

pub(super) fn commit(store: &dyn Storage, group: Group) -> Committed {
    let shown = format!("{group:.0?}");
    try_commit(store, group).unwrap_or_else(|error| panic!("commit {shown:.300}: {error}"))
}

/// A group of `name` that puts `bytes` under `key`, in any case.
pub(super) fn putting(name: &str, key: &Key, bytes: &[u8]) -> Group {
    Group::new(agent(name)).put(key.clone(), bytes.to_vec(), Precondition::Always)
}

/// Puts a value and gives its version.
pub(super) fn put(store: &dyn Storage, name: &str, key: &Key, bytes: &[u8]) -> Version {
    commit(store, putting(name, key, bytes)).versions.pop().expect("a put has a version")
}

pub(super) fn delete(store: &dyn Storage, name: &str, key: &Key) {
    commit(store, Group::new(agent(name)).delete(key.clone(), Precondition::Always));
}

/// A group of `name` that appends records at `at`.
pub(super) fn appending(name: &str, at: u64, records: &[&[u8]]) -> Group {
    let records = records.iter().map(|record| record.to_vec()).collect();
    Group::new(agent(name)).append(Seq(at), records)
}

pub(super) fn append(store: &dyn Storage, name: &str, at: u64, records: &[&[u8]]) {
    commit(store, appending(name, at, records));
}

pub(super) fn try_log(store: &dyn Storage, name: &str) -> Result<Vec<Vec<u8>>, StorageError> {
    try_log_from(store, name, 0)
}

pub(super) fn try_log_from(
    store: &dyn Storage,
    name: &str,
    from: u64,
) -> Result<Vec<Vec<u8>>, StorageError> {
    block_on(store.read_log(&agent(name), Seq(from), usize::MAX))
}

/// The first position of a log that can be read, and its length.
pub(super) fn bounds(store: &dyn Storage, name: &str) -> (u64, u64) {
    let bounds = block_on(store.log_bounds(&agent(name)));
    let bounds = bounds.unwrap_or_else(|error| panic!("bounds of the log of {name}: {error}"));
    (bounds.start.0, bounds.end.0)
}

/// A group of `name` that trims its log.
pub(super) fn trimming(name: &str, before: u64) -> Group {
    Group::new(agent(name)).trim(Seq(before))
}

pub(super) fn trim(store: &dyn Storage, name: &str, before: u64) {
    commit(store, trimming(name, before));
}

/// All records of a log.
pub(super) fn log(store: &dyn Storage, name: &str) -> Vec<Vec<u8>> {
    log_from(store, name, 0, usize::MAX)
}

pub(super) fn log_from(
    store: &dyn Storage,
    name: &str,
    from: u64,
    bytes_max: usize,
) -> Vec<Vec<u8>> {
    block_on(store.read_log(&agent(name), Seq(from), bytes_max))
        .unwrap_or_else(|error| panic!("read the log of {name} from {from}: {error}"))
}

pub(super) fn list(
    store: &dyn Storage,
    scope: &Scope,
    after: Option<&Key>,
    limit: usize,
) -> Vec<Key> {
    block_on(store.list(scope, after, limit))
        .unwrap_or_else(|error| panic!("list {scope:?}: {error}"))
}

/// All keys of a scope.
pub(super) fn all(store: &dyn Storage, scope: &Scope) -> Vec<Key> {
    list(store, scope, None, usize::MAX)
}

pub(super) fn try_hold(store: &dyn Storage, claim: &Claim) -> Result<Hold, StorageError> {
    block_on(store.hold(claim))
}

pub(super) fn hold(store: &dyn Storage, claim: &Claim) -> Hold {
    try_hold(store, claim).unwrap_or_else(|error| panic!("hold {claim:?}: {error}"))
}

#[track_caller]
pub(super) fn assert_conflict<T: std::fmt::Debug>(result: &Result<T, StorageError>) {
    assert!(matches!(result, Err(StorageError::Conflict { .. })), "not a conflict: {result:?}");
}

#[track_caller]
pub(super) fn assert_poisoned<T: std::fmt::Debug>(result: &Result<T, StorageError>) {
    assert!(matches!(result, Err(StorageError::Poisoned { .. })), "not poisoned: {result:?}");
}

/// That every call is refused as poisoned.
#[track_caller]
pub(super) fn assert_all_poisoned(store: &dyn Storage, name: &str) {
    let key = checkpoint(name);
    assert_poisoned(&try_get(store, &key));
    assert_poisoned(&try_commit(store, putting(name, &key, b"later")));
    assert_poisoned(&block_on(store.list(&Scope::Checkpoints, None, 1)));
    assert_poisoned(&block_on(store.log_bounds(&agent(name))));
    assert_poisoned(&block_on(store.read_log(&agent(name), Seq(0), 1)));
    assert_poisoned(&try_hold(store, &Claim::Agent(agent(name))));
}

/// One operation, to be put into a group.
pub(super) fn with(mut group: Group, operation: Operation) -> Group {
    group.operations.push(operation);
    group
}
