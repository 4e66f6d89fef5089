//! The storage trait: keep values under keys and records in logs, durably, with one write operation.
//! A store knows nothing of what it keeps: it checks no signature and decodes no checkpoint. The set
//! of keys is closed and lives here ([`Key`]), so that every store can lay it out as it likes.

mod batch;
mod key;

use std::any::Any;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use igor_format::{AgentId, Seq};

pub use batch::{Batch, Group, Operation, Precondition};
pub use key::{Key, Scope};

/// Where in time a value stands; equal versions mean equal content. Opaque outside the store that
/// made it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Version(Arc<[u8]>);

impl Version {
    /// A version known to its store by `token`.
    pub fn new(token: &[u8]) -> Self {
        Self(token.into())
    }

    /// The store's token.
    pub fn token(&self) -> &[u8] {
        &self.0
    }
}

/// A value with its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The value.
    pub bytes: Vec<u8>,
    /// Its version, for [`Precondition::Matches`].
    pub version: Version,
}

/// What an `Ok` of [`Storage::commit`] survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Durability {
    /// Nothing: it is gone with the process.
    Process,
    /// The process being killed.
    ProcessKill,
    /// A power cut, on a disk that keeps what was synced.
    PowerLoss,
}

/// A plugin that keeps values and logs.
///
/// A [`Batch`] is a list of independent groups, one per agent. A group is all an agent writes at one
/// moment: puts and deletes with preconditions, appends at an expected position, and trims of the log.
///
/// # Behaviour
/// - `get-returns-last-put`: a value reads back as it was last put, with a version that changes when the
///   value does; an absent key is `None`.
/// - `list-is-ordered-and-paged`: a scope lists its keys in ascending order, after a given key, at most
///   as many as asked.
/// - `preconditions-come-first`: if any precondition of a group fails, nothing of the group is applied;
///   all are checked against the state before the group, except that a second append of a group is
///   expected to continue the first, and a trim may reach to the end of the appends before it.
/// - `absent-means-absent`: `Absent` succeeds only where there is no value, `Matches` only where the
///   value has that version, `Always` in any case.
/// - `groups-are-independent`: a failed group does not affect the others; results come per group, in
///   order.
/// - `group-order-holds`: within a group later operations see earlier ones, and a crash leaves a prefix.
/// - `append-at-expected`: an append succeeds only if the log's length is the expected position; this is
///   linearizable across all openers of the store, in this process or another.
/// - `read-log-returns-records`: records read back in order from a position, at most as many bytes as
///   asked but at least one record; from the log's end or beyond, there are none.
/// - `trim-forgets-the-front`: a trim removes the records before a position and nothing else: the others
///   keep their positions and the log keeps its length, so that appends go on as if nothing had
///   happened. Trimming to or below what is trimmed already does nothing; beyond the log's length it is
///   a conflict.
/// - `trimmed-is-said`: reading from a position that was trimmed is [`StorageError::Trimmed`], which
///   names the first position that is left, as does [`Storage::log_bounds`], beside the log's length.
/// - `ok-is-durable`: what was acknowledged survives what [`Storage::durability`] says.
/// - `failed-sync-poisons`: after a failed write or sync every later call is [`StorageError::Poisoned`]
///   until the store is opened again; nothing is retried.
/// - `clean-failures-do-not-poison`: a conflict, a refused key or value, and a clean lack of space leave
///   the old content intact and the store usable.
/// - `hold-excludes`: a claim that conflicts with a held one is [`StorageError::Held`] across all openers;
///   it is free again when the hold is dropped or its process ends. Claims on the store and on agents
///   do not conflict with each other.
#[async_trait]
pub trait Storage: Send + Sync {
    /// What an acknowledged commit survives.
    fn durability(&self) -> Durability;

    /// The largest value that can be put, in bytes.
    fn value_bytes_max(&self) -> u64;

    /// The value under `key`.
    ///
    /// # Errors
    /// When it cannot be read.
    async fn get(&self, key: &Key) -> Result<Option<Stored>, StorageError>;

    /// At most `limit` keys of `scope`, in ascending order, after `after` if given.
    ///
    /// # Errors
    /// When they cannot be listed.
    async fn list(
        &self,
        scope: &Scope,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<Key>, StorageError>;

    /// The positions of the agent's log that can be read: from the first that was not trimmed to the
    /// log's length, which is where the next append goes. `0..0` if it has none.
    ///
    /// # Errors
    /// When the log cannot be read.
    async fn log_bounds(&self, agent: &AgentId) -> Result<Range<Seq>, StorageError>;

    /// Records of the agent's log from position `from`, until `bytes_max` is reached.
    ///
    /// # Errors
    /// [`StorageError::Trimmed`] if `from` was trimmed; otherwise when they cannot be read.
    async fn read_log(
        &self,
        agent: &AgentId,
        from: Seq,
        bytes_max: usize,
    ) -> Result<Vec<Vec<u8>>, StorageError>;

    /// Writes each group of `batch`; one result for each, in order.
    async fn commit(&self, batch: Batch) -> Vec<Result<Committed, StorageError>>;

    /// Claims exclusive or shared use until the returned hold is dropped. This keeps a second process
    /// away early and politely; what makes a stale writer harmless are the preconditions.
    ///
    /// # Errors
    /// [`StorageError::Held`] if someone else holds a conflicting claim.
    async fn hold(&self, claim: &Claim) -> Result<Hold, StorageError>;
}

/// What became of a group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Committed {
    /// The new version of each put, in the order of the group's puts.
    pub versions: Vec<Version>,
}

/// Something that only one holder, or only sharers, may use at a time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Claim {
    /// The whole store, against every other claim on the whole store.
    StoreExclusive,
    /// The store, beside others who share it.
    StoreShared,
    /// One agent.
    Agent(AgentId),
}

/// A held claim; dropping it frees the claim.
pub struct Hold(#[expect(dead_code, reason = "held for its drop")] Box<dyn Any + Send + Sync>);

impl Hold {
    /// A claim that is held as long as `guard` lives.
    pub fn new(guard: impl Any + Send + Sync) -> Self {
        Self(Box::new(guard))
    }
}

impl std::fmt::Debug for Hold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hold")
    }
}

/// Why a storage call failed. Messages name the object; the way out is the caller's to add.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// A precondition or an expected log position did not hold.
    #[error("{object}: {problem}")]
    Conflict {
        /// The key or log.
        object: String,
        /// What was expected and what was found.
        problem: String,
    },
    /// What is stored is not what was written.
    #[error("{object} is corrupt: {problem}")]
    Corrupt {
        /// The key, log or file.
        object: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Someone else holds the claim.
    #[error("{object} is in use by {holder}")]
    Held {
        /// What was claimed.
        object: String,
        /// Who holds it, as far as known.
        holder: String,
    },
    /// An operation of the underlying medium failed.
    #[error("{attempt}: {source}")]
    Io {
        /// What was attempted, on which object.
        attempt: String,
        /// The medium's error.
        source: std::io::Error,
    },
    /// The medium is full; the old content is intact.
    #[error("{attempt}: no space left")]
    NoSpace {
        /// What was attempted, on which object.
        attempt: String,
    },
    /// An earlier write or sync failed; the store must be opened again.
    #[error("the store is poisoned: {cause}")]
    Poisoned {
        /// The first failure.
        cause: String,
    },
    /// The store refuses to touch something that is not safely its own.
    #[error("{object}: {problem}")]
    Refused {
        /// The file or key.
        object: String,
        /// Why it is refused.
        problem: String,
    },
    /// The records from there on were trimmed.
    #[error("{object} has no record {from} any more, its first is {first}")]
    Trimmed {
        /// The log.
        object: String,
        /// The position that was asked for.
        from: Seq,
        /// The first position that is left.
        first: Seq,
    },
    /// A value is larger than the store takes.
    #[error("{object} has {bytes} bytes, at most {max} are allowed")]
    TooLarge {
        /// The key or log.
        object: String,
        /// Its size.
        bytes: u64,
        /// The largest size.
        max: u64,
    },
}
