//! Reads what a store holds of an agent and checks that it makes sense together: checkpoint,
//! identity, record and history. It changes nothing; what a crash left unfinished it names, for
//! others to finish. Anything it cannot vouch for is an error, never a fresh start.

use igor_core::Storage;
use igor_core::format::{AgentId, AgentKey, Did, Hash, Tick};
use igor_core::format::{AgentRecord, AgentRecordError};
use igor_core::format::{Checkpoint, CheckpointError, VerifyError};
use igor_core::format::{IdentityError, decode_identity};
use igor_core::storage::{Key, Scope, StorageError, Version};

/// How many keys are asked for at a time. It is large, as a store may go through all that it has for each answer.
const PAGE: usize = 1 << 16;

/// What a store holds of an agent.
pub(crate) enum Survey {
    /// No checkpoint; perhaps an identity that a first start left behind.
    Unborn(Option<Box<AgentKey>>),
    /// An agent.
    Living(Box<Living>),
}

/// An agent that can continue.
pub(crate) struct Living {
    pub(crate) key: AgentKey,
    /// The checkpoint to continue from.
    pub(crate) checkpoint: Checkpoint,
    /// Where it stands among the past checkpoints, or is to be put.
    pub(crate) place: (Tick, u32),
    /// The version of the current checkpoint in the store, if there is one.
    pub(crate) version: Option<Version>,
    pub(crate) record: Option<AgentRecord>,
    pub(crate) repair: Repair,
    pub(crate) receipts: Vec<Vec<u8>>,
}

/// What a crash left unfinished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repair {
    /// Nothing.
    None,
    /// The history is one step ahead: its last entry becomes the current checkpoint.
    Adopt,
    /// The history is one step behind: the current checkpoint is added to it.
    Archive,
}

/// Why what is stored of an agent cannot be continued.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SurveyError {
    /// A past checkpoint cannot be read.
    #[error("{key}: {error}")]
    BadHistory {
        /// Which.
        key: Key,
        /// What is wrong.
        error: CheckpointError,
    },
    /// The current checkpoint cannot be read.
    #[error("checkpoint of {agent}: {error}")]
    Checkpoint {
        /// The agent.
        agent: AgentId,
        /// What is wrong.
        error: CheckpointError,
    },
    /// There is a history but no current checkpoint.
    #[error("{agent} has no current checkpoint, but {count} past ones, the last of tick {newest}")]
    CheckpointMissing {
        /// The agent.
        agent: AgentId,
        /// How many past checkpoints there are.
        count: usize,
        /// The newest one's tick.
        newest: Tick,
    },
    /// The identity cannot be read.
    #[error("identity of {agent}: {error}")]
    Identity {
        /// The agent.
        agent: AgentId,
        /// What is wrong.
        error: IdentityError,
    },
    /// There is a checkpoint but no identity.
    #[error("{agent} has a checkpoint of {did}, but no identity to continue it with")]
    IdentityMissing {
        /// The agent.
        agent: AgentId,
        /// Whose the checkpoint says it is, or "an agent without a key".
        did: String,
    },
    /// The record cannot be read.
    #[error("record of {agent}: {error}")]
    Record {
        /// The agent.
        agent: AgentId,
        /// What is wrong.
        error: AgentRecordError,
    },
    /// The record belongs to another agent.
    #[error("record of {agent} is about another agent, {found}")]
    RecordOfOther {
        /// The agent.
        agent: AgentId,
        /// Whose it is.
        found: Did,
    },
    /// The history goes on past the current checkpoint.
    #[error(
        "the checkpoint of {agent} is of tick {current}, but its history goes on to tick {newest}: \
         the checkpoint was replaced by an older one"
    )]
    RolledBack {
        /// The agent.
        agent: AgentId,
        /// The current checkpoint's tick.
        current: Tick,
        /// The newest past checkpoint's tick.
        newest: Tick,
    },
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The current checkpoint is not signed by the agent's key.
    #[error("checkpoint of {agent}: {error}")]
    Unverified {
        /// The agent.
        agent: AgentId,
        /// What is wrong.
        error: VerifyError,
    },
}

/// Reads everything that is stored of `agent`.
pub(crate) async fn survey(
    storage: &dyn Storage,
    agent: &AgentId,
    state_bytes_max: u64,
) -> Result<Survey, SurveyError> {
    let stored = storage.get(&Key::Checkpoint(agent.clone())).await?;
    let key = read_identity(storage, agent).await?;
    let past = list_history(storage, agent).await?;
    let archive = Archive { storage, agent, state_bytes_max, past: &past };
    let (key, current) = match (key, stored) {
        (key, None) if past.is_empty() => return Ok(Survey::Unborn(key.map(Box::new))),
        (Some(key), None) => (key, None),
        (None, None) => return Err(archive.missing_identity(None)),
        (key, Some(stored)) => {
            let checkpoint = Checkpoint::decode(&stored.bytes, state_bytes_max)
                .map_err(|error| SurveyError::Checkpoint { agent: agent.clone(), error })?;
            let Some(key) = key else { return Err(archive.missing_identity(Some(&checkpoint))) };
            checkpoint
                .verify_by(key.public_key())
                .map_err(|error| SurveyError::Unverified { agent: agent.clone(), error })?;
            (key, Some((checkpoint, stored.version)))
        }
    };
    let record = read_record(storage, agent, &key).await?;
    let receipts = read_receipts(storage, agent).await?;
    let (version, found) = match current {
        None => (None, archive.first_of(&key).await?),
        Some((checkpoint, version)) => (Some(version), archive.place(checkpoint, &key).await?),
    };
    let Found { checkpoint, place, repair } = found;
    let living = Living { key, checkpoint, place, version, record, repair, receipts };
    Ok(Survey::Living(Box::new(living)))
}

/// A checkpoint, where it stands in the history, and what is to be finished.
struct Found {
    checkpoint: Checkpoint,
    place: (Tick, u32),
    repair: Repair,
}

/// An agent's past checkpoints, by place.
struct Archive<'a> {
    storage: &'a dyn Storage,
    agent: &'a AgentId,
    state_bytes_max: u64,
    past: &'a [(Tick, u32)],
}

impl Archive<'_> {
    /// Finds the current checkpoint among the past ones, or the one step that is missing.
    async fn place(&self, current: Checkpoint, key: &AgentKey) -> Result<Found, SurveyError> {
        let tick = current.header().tick;
        let hash = current.hash();
        let mut places = self.past.iter().copied().filter(|place| *place >= (tick, 0));
        let mut last_before = None;
        while let Some(place) = places.next() {
            let past = self.read(place).await?;
            if past.hash() == hash {
                let ahead: Vec<_> = places.collect();
                return self
                    .look_ahead(
                        Found { checkpoint: current, place, repair: Repair::None },
                        &ahead,
                        key,
                    )
                    .await;
            }
            last_before = Some((place, past.hash()));
        }
        let prev = current.lineage().map_or(Hash::ZERO, |lineage| lineage.prev);
        let place = match last_before {
            None => (tick, 0),
            // The original saves a tick twice but archives it once.
            Some(((last, copy), before)) if last == tick && before == prev => (tick, copy + 1),
            Some(((newest, _), _)) => {
                let agent = self.agent.clone();
                return Err(SurveyError::RolledBack { agent, current: tick, newest });
            }
        };
        Ok(Found { checkpoint: current, place, repair: Repair::Archive })
    }

    /// Adopts the one checkpoint that follows the current one, if there is exactly one.
    async fn look_ahead(
        &self,
        current: Found,
        ahead: &[(Tick, u32)],
        key: &AgentKey,
    ) -> Result<Found, SurveyError> {
        match ahead {
            [] => return Ok(current),
            [place] => {
                let next = self.read(*place).await?;
                let follows = next
                    .verify_by(key.public_key())
                    .is_ok_and(|lineage| lineage.prev == current.checkpoint.hash());
                if follows {
                    return Ok(Found { checkpoint: next, place: *place, repair: Repair::Adopt });
                }
            }
            _ => {}
        }
        Err(SurveyError::RolledBack {
            agent: self.agent.clone(),
            current: current.checkpoint.header().tick,
            newest: ahead.last().map_or(Tick(0), |(tick, _)| *tick),
        })
    }

    /// Adopts the first checkpoint of an agent whose first save did not get to its end.
    async fn first_of(&self, key: &AgentKey) -> Result<Found, SurveyError> {
        if let [place] = self.past {
            let first = self.read(*place).await?;
            let is_first =
                first.verify_by(key.public_key()).is_ok_and(|lineage| lineage.prev == Hash::ZERO);
            if is_first {
                return Ok(Found { checkpoint: first, place: *place, repair: Repair::Adopt });
            }
        }
        Err(SurveyError::CheckpointMissing {
            agent: self.agent.clone(),
            count: self.past.len(),
            newest: self.past.last().map_or(Tick(0), |(tick, _)| *tick),
        })
    }

    async fn read(&self, (tick, copy): (Tick, u32)) -> Result<Checkpoint, SurveyError> {
        let key = Key::History(self.agent.clone(), tick, copy);
        let bytes = self.storage.get(&key).await?.map(|stored| stored.bytes).unwrap_or_default();
        Checkpoint::decode(&bytes, self.state_bytes_max)
            .map_err(|error| SurveyError::BadHistory { key, error })
    }

    fn missing_identity(&self, checkpoint: Option<&Checkpoint>) -> SurveyError {
        let lineage = checkpoint.and_then(Checkpoint::lineage);
        let did = lineage.map_or("an agent without a key".to_owned(), |lineage| {
            lineage.public_key.did().to_string()
        });
        SurveyError::IdentityMissing { agent: self.agent.clone(), did }
    }
}

async fn read_identity(
    storage: &dyn Storage,
    agent: &AgentId,
) -> Result<Option<AgentKey>, SurveyError> {
    let Some(stored) = storage.get(&Key::Identity(agent.clone())).await? else { return Ok(None) };
    match decode_identity(&stored.bytes) {
        Ok(key) => Ok(Some(key)),
        Err(error) => Err(SurveyError::Identity { agent: agent.clone(), error }),
    }
}

async fn read_record(
    storage: &dyn Storage,
    agent: &AgentId,
    key: &AgentKey,
) -> Result<Option<AgentRecord>, SurveyError> {
    let Some(stored) = storage.get(&Key::Record(agent.clone())).await? else { return Ok(None) };
    let record = AgentRecord::decode(&stored.bytes)
        .map_err(|error| SurveyError::Record { agent: agent.clone(), error })?;
    if record.public_key != key.public_key() {
        let found = record.public_key.did();
        return Err(SurveyError::RecordOfOther { agent: agent.clone(), found });
    }
    Ok(Some(record))
}

/// The receipts that the original kept beside the checkpoint; unreadable ones count as none, as they
/// decide nothing.
async fn read_receipts(
    storage: &dyn Storage,
    agent: &AgentId,
) -> Result<Vec<Vec<u8>>, SurveyError> {
    let stored = storage.get(&Key::Receipts(agent.clone())).await?;
    let receipts = stored.map(|stored| igor_core::format::decode_receipts(&stored.bytes));
    Ok(match receipts {
        Some(Ok(receipts)) => receipts.iter().map(|receipt| receipt.encode()).collect(),
        _ => Vec::new(),
    })
}

/// The places of the past checkpoints, in order.
pub(crate) async fn list_history(
    storage: &dyn Storage,
    agent: &AgentId,
) -> Result<Vec<(Tick, u32)>, StorageError> {
    let keys = list_keys(storage, &Scope::History(agent.clone())).await?;
    let place = |key: Key| match key {
        Key::History(_, tick, copy) => Some((tick, copy)),
        _ => None,
    };
    Ok(keys.into_iter().filter_map(place).collect())
}

/// All keys of a scope, in order.
pub(crate) async fn list_keys(
    storage: &dyn Storage,
    scope: &Scope,
) -> Result<Vec<Key>, StorageError> {
    let mut keys: Vec<Key> = Vec::new();
    loop {
        let page = storage.list(scope, keys.last(), PAGE).await?;
        let is_last = page.len() < PAGE;
        keys.extend(page);
        if is_last {
            return Ok(keys);
        }
    }
}
