//! What an agent's log holds behind its checkpoint: the segment that a process before left open, or
//! the journal of another line of the agent's life, which is set aside. It reads and judges; it
//! writes nothing and runs no guest.

use igor_core::Storage;
use igor_core::format::{
    AgentId, Checkpoint, Entry, EntryError, Hash, JournalTail, OpenSegment, Predecessor, Record,
    Seq, read_journal,
};
use igor_core::storage::{Key, StorageError};

use crate::survey::{Living, list_history};

/// Bytes that are read from a log at a time.
const PAGE_BYTES: usize = 8 << 20;

/// What a log holds behind a checkpoint.
#[derive(Debug)]
pub(crate) struct LogEnd {
    /// The position of the next record.
    pub(crate) next: Seq,
    /// What the next segment names as its predecessor.
    pub(crate) predecessor: Predecessor,
    /// The segment that is open.
    pub(crate) open: Option<OpenSegment>,
    /// Whether the log goes on behind it with records that never happened.
    pub(crate) is_torn: bool,
    /// Records that continue another checkpoint, with the position of the first.
    pub(crate) aside: Option<(Seq, Vec<Vec<u8>>)>,
}

/// Why a log cannot be continued.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// What was durable is damaged.
    #[error("journal of {agent}: {error}")]
    Damaged {
        /// The agent.
        agent: AgentId,
        /// What is wrong.
        error: EntryError,
    },
    /// The journal continues a checkpoint from which the current one does not descend.
    #[error(
        "the journal of {agent} continues another checkpoint, {base}, from which the current one \
         does not descend"
    )]
    OtherLine {
        /// The agent.
        agent: AgentId,
        /// The checkpoint that the agent's record knows.
        base: Hash,
    },
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// A log whose end is given up where it cannot be continued.
pub(crate) struct Salvaged {
    /// What can be read.
    pub(crate) end: LogEnd,
    /// Records behind the damage, with the position of the first; what can be read is not trimmed
    /// before they are kept elsewhere.
    pub(crate) beyond: Option<(Seq, Vec<Vec<u8>>)>,
    /// Why the log cannot be continued.
    pub(crate) problem: Option<JournalError>,
}

/// Reads what the log of `agent` holds behind its checkpoint, for an operator who gives it up: where
/// it cannot be continued it ends.
pub(crate) async fn salvage_log_end(
    storage: &dyn Storage,
    agent: &AgentId,
    living: &Living,
) -> Result<Salvaged, StorageError> {
    let problem = match read_log_end(storage, agent, living).await {
        Ok(end) => return Ok(Salvaged { end, beyond: None, problem: None }),
        Err(JournalError::Storage(error)) => return Err(error),
        Err(problem) => problem,
    };
    let (mut end, from) = log_start(storage, agent, living).await?;
    let mut records = read_from(storage, agent, from, end.next).await?;
    let sound = match &problem {
        JournalError::Damaged { error: EntryError::Corrupt { seq, .. }, .. } => {
            usize::try_from(seq.0.saturating_sub(from.0)).unwrap_or(usize::MAX).min(records.len())
        }
        _ => 0,
    };
    let behind = records.split_off(sound);
    let base = Entry::base(living.checkpoint.hash());
    let journal = read_journal(from, &records).ok();
    let mut segments = journal.into_iter().flat_map(|journal| journal.segments);
    end.open = segments.next().filter(|segment| segment.base == base);
    let problem = Some(problem);
    if end.open.is_none() {
        records.extend(behind);
        end.aside = Some((from, records));
        return Ok(Salvaged { end, beyond: None, problem });
    }
    end.is_torn = true;
    let at = Seq(from.0.saturating_add(u64::try_from(sound).unwrap_or(u64::MAX)));
    Ok(Salvaged { end, beyond: Some((at, behind)), problem })
}

/// The end of a log of which nothing was read yet, and where to read from.
async fn log_start(
    storage: &dyn Storage,
    agent: &AgentId,
    living: &Living,
) -> Result<(LogEnd, Seq), StorageError> {
    let bounds = storage.log_bounds(agent).await?;
    let checkpoint = living.checkpoint.hash();
    let record = living.record.as_ref();
    let head = record.and_then(|record| record.head_of(&checkpoint));
    let from = match (head, record) {
        (Some(head), _) => head.journal,
        (None, Some(record)) => record.current.journal,
        (None, None) => bounds.start,
    };
    let end = LogEnd {
        next: bounds.end,
        predecessor: head.map_or(Predecessor::NotJournaled, |head| head.predecessor),
        open: None,
        is_torn: false,
        aside: None,
    };
    Ok((end, from.max(bounds.start)))
}

/// Reads what the log of `agent` holds behind its checkpoint.
pub(crate) async fn read_log_end(
    storage: &dyn Storage,
    agent: &AgentId,
    living: &Living,
) -> Result<LogEnd, JournalError> {
    let (mut end, from) = log_start(storage, agent, living).await?;
    let records = read_from(storage, agent, from, end.next).await?;
    let checkpoint = living.checkpoint.hash();
    let record = living.record.as_ref();
    if records.is_empty() {
        return Ok(end);
    }
    let damaged = |error| JournalError::Damaged { agent: agent.clone(), error };
    let journal = read_journal(from, &records).map_err(damaged)?;
    end.is_torn = journal.tail != JournalTail::Whole;
    let mut segments = journal.segments.into_iter();
    match segments.next() {
        None => {}
        Some(segment) if segment.base == Entry::base(checkpoint) => {
            if let Some(other) = segments.next() {
                let problem = Box::new(EntryError::NoOwner);
                return Err(damaged(EntryError::Corrupt { seq: other.first, problem }));
            }
            end.open = Some(segment);
        }
        Some(_) => {
            if let Some(base) = record.map(|record| record.current.checkpoint)
                && !descends(storage, agent, living, base).await?
            {
                return Err(JournalError::OtherLine { agent: agent.clone(), base });
            }
            end.aside = Some((from, records));
        }
    }
    Ok(end)
}

/// Whether the history leads from `base` to the current checkpoint, each one signed by the agent. Links
/// are not followed: the original archives only one of two checkpoints of a tick.
async fn descends(
    storage: &dyn Storage,
    agent: &AgentId,
    living: &Living,
    base: Hash,
) -> Result<bool, StorageError> {
    let mut is_found = false;
    for (tick, copy) in list_history(storage, agent).await? {
        let key = Key::History(agent.clone(), tick, copy);
        let bytes = storage.get(&key).await?.map(|stored| stored.bytes).unwrap_or_default();
        let Ok(checkpoint) = Checkpoint::decode(&bytes, u64::MAX) else { return Ok(false) };
        if is_found && checkpoint.verify_by(living.key.public_key()).is_err() {
            return Ok(false);
        }
        is_found |= checkpoint.hash() == base;
    }
    Ok(is_found)
}

/// Whether more happened than a start.
pub(crate) fn has_news(segment: &OpenSegment) -> bool {
    let news = |record: &Record| !matches!(record, Record::Owner(_) | Record::Started(_));
    segment.entries.iter().any(|(_, record)| news(record))
}

/// The records of a log from one position to another.
pub(crate) async fn read_from(
    storage: &dyn Storage,
    agent: &AgentId,
    from: Seq,
    end: Seq,
) -> Result<Vec<Vec<u8>>, StorageError> {
    let mut records = Vec::new();
    let mut next = from;
    while next < end {
        let page = storage.read_log(agent, next, PAGE_BYTES).await?;
        if page.is_empty() {
            break;
        }
        next = Seq(next.0.saturating_add(u64::try_from(page.len()).unwrap_or(u64::MAX)));
        records.extend(page);
    }
    Ok(records)
}
