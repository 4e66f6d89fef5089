//! Removes an agent's oldest audit segments beyond a number of bytes, after a signed summary says what
//! they were. Checkpoints, fund records and the journal stay. It runs no guest code and decides
//! neither when this is done nor how many bytes are kept.

use igor_core::Storage;
use igor_core::format::{
    AgentId, AgentKey, Checkpoint, CollectedSegment, Entry, Predecessor, Record, Segment,
    SegmentContents, SegmentError, SegmentSummary, SummaryError, Tick,
};
use igor_core::storage::{Group, Key, Precondition, Scope, StorageError};

use crate::commit::commit_one;
use crate::launch::Node;
use crate::node_key::{NodeKeyProblem, node_key};
use crate::open::claim;
use crate::survey::{Survey, SurveyError, survey};

/// What collecting came to, or would come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collection {
    /// How many segments are removed.
    pub removed: usize,
    /// Their size, in bytes.
    pub removed_bytes: u64,
    /// The last tick that they reach, if any is removed: up to there only sums are left.
    pub removed_to: Option<Tick>,
    /// How many segments stay.
    pub kept: usize,
    /// Their size, in bytes.
    pub kept_bytes: u64,
    /// How many segments the summary names then.
    pub summarized: usize,
}

/// Why nothing was collected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CollectError {
    /// There is no such agent.
    #[error("no agent {0} here")]
    NoAgent(AgentId),
    /// A segment that was to be removed proves nothing, so it cannot be summarized.
    #[error("{key}: {error}")]
    Segment {
        /// Which.
        key: Key,
        /// What is wrong with it.
        error: SegmentError,
    },
    /// The sums of a segment that was to be removed are no amounts.
    #[error("{0}: what it charges is more than an amount can be")]
    Sums(Key),
    /// The summary that is there cannot be continued.
    #[error("{key}: {error}")]
    Summary {
        /// Which.
        key: Key,
        /// What is wrong with it.
        error: SummaryError,
    },
    /// The node has no key.
    #[error(transparent)]
    NodeKey(#[from] NodeKeyProblem),
    /// What is stored cannot be continued.
    #[error(transparent)]
    Survey(#[from] SurveyError),
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Removes the oldest segments of `agent` until the others have at most `keep_bytes`. With
/// `is_dry_run` it says what would be removed and changes nothing.
///
/// # Errors
/// When there is no such agent, it is in use, or what is stored of it is damaged.
pub async fn collect(
    node: &Node,
    agent: &AgentId,
    keep_bytes: u64,
    state_bytes_max: u64,
    is_dry_run: bool,
) -> Result<Collection, CollectError> {
    let storage = &*node.storage.0;
    agent_key(storage, agent, state_bytes_max).await?;
    let holds = claim(storage, agent).await?;
    let key = agent_key(storage, agent, state_bytes_max).await?;
    let shelf = Shelf { storage, agent, state_bytes_max };
    let found = shelf.segments().await?;
    let (old, kept) = found.split_at(oldest_beyond(&found, keep_bytes));
    let before = shelf.summary(&key).await?;
    let mut summary = before.clone();
    for segment in old {
        summary.extend(shelf.summarize(segment, &found, &before).await?);
    }
    let collection = Collection {
        removed: old.len(),
        removed_bytes: bytes_of(old),
        removed_to: old.last().map(|segment| segment.place.0),
        kept: kept.len(),
        kept_bytes: bytes_of(kept),
        summarized: summary.len(),
    };
    if is_dry_run || old.is_empty() {
        return Ok(collection);
    }
    let mut group = Group::new(agent.clone());
    if summary.len() > before.len() {
        let node_key = node_key(storage, agent, &*node.entropy).await?;
        let bytes = SegmentSummary::sign(&key, &node_key, summary).encode();
        group = group.put(Key::Summary(agent.clone()), bytes, Precondition::Always);
    }
    for segment in old {
        group = group.delete(shelf.key(segment.place), Precondition::Always);
    }
    commit_one(storage, group).await?;
    drop(holds);
    Ok(collection)
}

async fn agent_key(
    storage: &dyn Storage,
    agent: &AgentId,
    state_bytes_max: u64,
) -> Result<AgentKey, CollectError> {
    match survey(storage, agent, state_bytes_max).await? {
        Survey::Unborn(_) => Err(CollectError::NoAgent(agent.clone())),
        Survey::Living(living) => Ok(living.key),
    }
}

/// A segment in the store.
struct Found {
    place: (Tick, u32),
    bytes: u64,
    /// What it names as its predecessor, if that can be read.
    predecessor: Option<Predecessor>,
}

fn bytes_of(found: &[Found]) -> u64 {
    found.iter().fold(0, |sum, segment| sum.saturating_add(segment.bytes))
}

/// How many segments, the oldest first, are more than fit into `keep_bytes`.
fn oldest_beyond(found: &[Found], keep_bytes: u64) -> usize {
    let mut left = keep_bytes;
    let fits = |segment: &&Found| match left.checked_sub(segment.bytes) {
        Some(rest) => {
            left = rest;
            true
        }
        None => false,
    };
    found.len() - found.iter().rev().take_while(fits).count()
}

/// The audit segments of one agent.
struct Shelf<'a> {
    storage: &'a dyn Storage,
    agent: &'a AgentId,
    state_bytes_max: u64,
}

impl Shelf<'_> {
    fn key(&self, (tick, copy): (Tick, u32)) -> Key {
        Key::Segment(self.agent.clone(), tick, copy)
    }

    async fn read(&self, key: &Key) -> Result<Vec<u8>, StorageError> {
        Ok(self.storage.get(key).await?.map(|stored| stored.bytes).unwrap_or_default())
    }

    /// The segments, the oldest first.
    async fn segments(&self) -> Result<Vec<Found>, StorageError> {
        let scope = Scope::Segments(self.agent.clone());
        let mut found = Vec::new();
        for key in self.storage.list(&scope, None, usize::MAX).await? {
            if let Key::Segment(_, tick, copy) = key {
                let bytes = self.read(&key).await?;
                let predecessor = Segment::decode(&bytes).ok().and_then(|it| predecessor(&it));
                let bytes = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                found.push(Found { place: (tick, copy), bytes, predecessor });
            }
        }
        Ok(found)
    }

    /// What the summary names already.
    async fn summary(&self, agent: &AgentKey) -> Result<Vec<CollectedSegment>, CollectError> {
        let key = Key::Summary(self.agent.clone());
        let Some(stored) = self.storage.get(&key).await? else { return Ok(Vec::new()) };
        let checked = SegmentSummary::decode(&stored.bytes)
            .and_then(|summary| summary.verify(&agent.public_key()).map(|()| summary));
        match checked {
            Ok(summary) => Ok(summary.segments().to_vec()),
            Err(error) => Err(CollectError::Summary { key, error }),
        }
    }

    /// What the summary is to say of a segment: nothing if it does so already, or if the segment ends
    /// with a checkpoint that was never made and another one took its place.
    async fn summarize(
        &self,
        segment: &Found,
        all: &[Found],
        before: &[CollectedSegment],
    ) -> Result<Option<CollectedSegment>, CollectError> {
        let key = self.key(segment.place);
        let bytes = self.read(&key).await?;
        let contents = Segment::decode(&bytes).and_then(|segment| segment.verify());
        let contents = match contents {
            Ok(contents) => contents,
            Err(error) => return Err(CollectError::Segment { key, error }),
        };
        let hash = contents.closing.hash();
        if before.iter().any(|collected| collected.closing.hash() == hash) {
            return Ok(None);
        }
        let rivals = all.iter().filter(|other| other.predecessor == segment.predecessor).count()
            + before.iter().filter(|other| Some(other.predecessor) == segment.predecessor).count();
        if rivals > 1 && !self.is_closed(segment.place, &contents).await? {
            return Ok(None);
        }
        CollectedSegment::of(&contents).map(Some).ok_or(CollectError::Sums(key))
    }

    /// Whether the checkpoint that closes the segment at `place` was made.
    async fn is_closed(
        &self,
        (tick, copy): (Tick, u32),
        contents: &SegmentContents,
    ) -> Result<bool, StorageError> {
        let bytes = self.read(&Key::History(self.agent.clone(), tick, copy)).await?;
        let checkpoint = Checkpoint::decode(&bytes, self.state_bytes_max);
        Ok(checkpoint.is_ok_and(|checkpoint| checkpoint.hash() == contents.closing.checkpoint))
    }
}

fn predecessor(segment: &Segment) -> Option<Predecessor> {
    match Entry::decode(segment.entries().first()?).ok()?.0.record {
        Record::Owner(owner) => Some(owner.opening.predecessor),
        _ => None,
    }
}
