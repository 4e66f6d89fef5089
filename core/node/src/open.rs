//! Opens an agent in a store: compares what is asked for with what is there, claims the agent, and
//! finishes what a crash left unfinished. An agent that is not there is only described, and comes
//! into being with its first checkpoint.
//!
//! Everything that can be refused is refused before anything is claimed or written.

mod error;

use std::sync::Arc;

use igor_core::format::encode_identity;
use igor_core::format::{AgentId, AgentKey, Carry, Epoch, Hash, Microcents, Price, Tick};
use igor_core::format::{AgentRecord, ExecutionLimits, Manifest, MeterName, Standing};
use igor_core::format::{NodeKey, OpenSegment, Predecessor};
use igor_core::handoff::Holding;
use igor_core::limits::Limits;
use igor_core::prepare;
use igor_core::storage::{Claim, Group, Hold, Key, Precondition, StorageError};
use igor_core::{Entropy, Storage};

use crate::commit::commit_one;
use crate::custody::held;
use crate::driver::Tail;
use crate::journal::Journal;
use crate::ledger::{Content, Ledger, Saved, Terms};
use crate::node_key::node_key;
use crate::survey::{Living, Repair, Survey, survey};
use crate::tail::{LogEnd, has_news, read_log_end};
pub use error::OpenError;

/// What the operator wants to run. What is `None` was not asked for explicitly and is taken from the
/// agent if it exists.
pub struct Request {
    /// The agent's name on this node.
    pub agent: AgentId,
    /// The module, as its author built it.
    pub module: Vec<u8>,
    /// The text of its manifest, if one was found.
    pub manifest: Option<Vec<u8>>,
    /// The budget for a new agent, which an existing one must have been created with.
    pub budget: Option<Microcents>,
    /// The meter for a new agent, which must be the one that an existing one was created with.
    pub meter: Option<String>,
    /// What a new agent gets where nothing was asked for.
    pub defaults: Defaults,
}

/// What a new agent gets where nothing was asked for.
pub struct Defaults {
    /// Its budget.
    pub budget: Microcents,
    /// Its meter.
    pub meter: String,
    /// Its limits.
    pub limits: Limits,
    /// Its key, from 32 random bytes.
    pub key: AgentKey,
}

/// When what a tick did is durable.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum CommitMode {
    /// Before it is shown: each tick is recorded in the journal.
    #[default]
    Journal,
    /// With the next checkpoint; a crash loses the ticks since the last one.
    Checkpoint,
}

/// What opening an agent takes besides the store.
#[derive(Clone, Copy)]
pub(crate) struct Means<'a> {
    /// When ticks are durable.
    pub(crate) mode: CommitMode,
    /// Where a node without a key gets one from.
    pub(crate) entropy: &'a dyn Entropy,
}

/// What running the agent takes, known before it is claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outlook {
    /// The text of the manifest in force.
    pub manifest: Vec<u8>,
    /// The name of the meter in force.
    pub meter: String,
    /// The limits in force.
    pub limits: Limits,
}

/// An agent that is claimed and ready to run.
pub(crate) struct Opened {
    /// Its books.
    pub(crate) ledger: Ledger,
    /// The state of its last checkpoint, or `None` if it has never run.
    pub(crate) state: Option<Vec<u8>>,
    /// What happened since, if a process before did not come to a checkpoint.
    pub(crate) tail: Option<Tail>,
    /// The tick of its last checkpoint.
    pub(crate) tick: Tick,
    /// Its budget then.
    pub(crate) budget: Microcents,
    /// What it had used then but not yet paid.
    pub(crate) carry: Carry,
    /// The price in its last checkpoint.
    pub(crate) price: Option<Price>,
    /// Its receipts.
    pub(crate) receipts: Arc<[Vec<u8>]>,
    /// What the operator should know.
    pub(crate) notices: Vec<String>,
    /// Keeps others away while it runs.
    pub(crate) holds: [Hold; 2],
}

/// Looks at an agent without claiming or changing anything.
///
/// # Errors
/// When what is stored cannot be continued, or not as asked.
pub async fn look(storage: &dyn Storage, request: &Request) -> Result<Outlook, OpenError> {
    held(storage, &request.agent).await?;
    let state_max = request.defaults.limits.state_bytes_max;
    let found = survey(storage, &request.agent, state_max).await?;
    let record = match &found {
        Survey::Unborn(_) => None,
        Survey::Living(living) => {
            agree(request, living)?;
            living.record.as_ref()
        }
    };
    let manifest = match (&request.manifest, record) {
        (Some(text), _) => text.clone(),
        (None, None) => Vec::new(),
        (None, Some(record)) => stored_manifest(storage, record).await?,
    };
    let defaults = &request.defaults;
    let chosen = request.meter.as_ref().unwrap_or(&defaults.meter);
    let meter = record.map_or(chosen.as_str(), |record| record.meter.as_str()).to_owned();
    let limits = match record {
        Some(record) => with_execution_limits(&defaults.limits, &record.limits),
        None => defaults.limits.clone(),
    };
    Ok(Outlook { manifest, meter, limits })
}

/// The module of an agent that is kept in the store, if both are there.
///
/// # Errors
/// When the store cannot be read.
pub async fn stored_module(
    storage: &dyn Storage,
    agent: &AgentId,
) -> Result<Option<Vec<u8>>, StorageError> {
    let Some(stored) = storage.get(&Key::Record(agent.clone())).await? else { return Ok(None) };
    let Ok(record) = AgentRecord::decode(&stored.bytes) else { return Ok(None) };
    let module = storage.get(&Key::Module(record.module)).await?;
    Ok(module.map(|stored| stored.bytes).filter(|bytes| Hash::of(bytes) == record.module))
}

/// The manifest that an agent lives under.
///
/// # Errors
/// When it cannot be read.
pub async fn manifest_of(storage: &dyn Storage, agent: &AgentId) -> Result<Manifest, StorageError> {
    let key = Key::Record(agent.clone());
    let corrupt = |problem: String| StorageError::Corrupt { object: key.to_string(), problem };
    let stored = storage.get(&key).await?;
    let bytes = stored.map(|stored| stored.bytes).unwrap_or_default();
    let record = AgentRecord::decode(&bytes).map_err(|error| corrupt(error.to_string()))?;
    let text = stored_manifest(storage, &record).await?;
    Manifest::parse(&text, u64::MAX).map_err(|error| corrupt(error.to_string()))
}

/// The text of the manifest that an agent lives under.
pub(crate) async fn stored_manifest(
    storage: &dyn Storage,
    record: &AgentRecord,
) -> Result<Vec<u8>, StorageError> {
    let key = Key::Manifest(record.manifest);
    let stored = storage.get(&key).await?.map(|stored| stored.bytes).unwrap_or_default();
    if Hash::of(&stored) != record.manifest {
        let problem = "it is missing or is not the text with this hash".to_owned();
        return Err(StorageError::Corrupt { object: key.to_string(), problem });
    }
    Ok(stored)
}

/// Claims the agent and opens it.
///
/// # Errors
/// When someone else holds it, when what is stored cannot be continued, or not as asked.
pub(crate) async fn open(
    storage: &dyn Storage,
    request: Request,
    outlook: &Outlook,
    means: Means<'_>,
) -> Result<Opened, OpenError> {
    let holds = claim(storage, &request.agent).await?;
    let state_max = outlook.limits.state_bytes_max;
    match survey(storage, &request.agent, state_max).await? {
        Survey::Unborn(left_behind) => {
            if held(storage, &request.agent).await?.is_some() {
                return Err(OpenError::NotHere { agent: request.agent });
            }
            let key = node_key(storage, &request.agent, means.entropy).await?;
            let next = storage.log_bounds(&request.agent).await?.end;
            let journal = match means.mode {
                CommitMode::Journal => {
                    Some(Journal::new(Arc::clone(&key), next, Predecessor::Genesis))
                }
                CommitMode::Checkpoint => None,
            };
            conceive(request, outlook, left_behind, (key, journal), holds)
        }
        Survey::Living(living) => {
            agree(&request, &living)?;
            let attachments = match living.record {
                Some(_) => Vec::new(),
                None => belongings(&request, outlook),
            };
            let terms = terms_of(&request, outlook, living.record.as_ref())?;
            take_over(storage, terms, *living, attachments, means, holds).await
        }
    }
}

/// Claims an agent and the store it is in.
pub(crate) async fn claim(
    storage: &dyn Storage,
    agent: &AgentId,
) -> Result<[Hold; 2], StorageError> {
    let store = storage.hold(&Claim::StoreShared).await?;
    let agent = storage.hold(&Claim::Agent(agent.clone())).await?;
    Ok([agent, store])
}

/// Finishes what a crash left unfinished and opens the agent.
pub(crate) async fn take_over(
    storage: &dyn Storage,
    terms: Terms,
    living: Living,
    attachments: Vec<(Key, Vec<u8>)>,
    means: Means<'_>,
    holds: [Hold; 2],
) -> Result<Opened, OpenError> {
    let agent = terms.agent.clone();
    if let Some(Standing::RecoveryRequired { tick, reason }) =
        living.record.as_ref().map(|record| record.standing.clone())
    {
        return Err(OpenError::RecoveryRequired { agent, tick, reason });
    }
    let end = read_log_end(storage, &agent, &living).await?;
    go_on_from(storage, terms, (living, end), attachments, means, holds).await
}

/// Finishes what a crash left unfinished and opens the agent, whose log ends so.
pub(crate) async fn go_on_from(
    storage: &dyn Storage,
    terms: Terms,
    (living, end): (Living, LogEnd),
    attachments: Vec<(Key, Vec<u8>)>,
    means: Means<'_>,
    holds: [Hold; 2],
) -> Result<Opened, OpenError> {
    let agent = terms.agent.clone();
    let hash = living.checkpoint.hash();
    let held = epoch_held(storage, &agent, &living).await?;
    let mut notices = Vec::new();
    let carry = match &living.record {
        None => Carry::ZERO,
        Some(record) => record.carry_of(&hash).unwrap_or_else(|| {
            notices.push(format!(
                "{agent} was advanced by another program: its checkpoint at tick {} is not the one \
                 in its record",
                living.checkpoint.header().tick
            ));
            Carry::ZERO
        }),
    };
    let version = repair(storage, &agent, &living, &mut notices).await?;
    set_aside(storage, &agent, &end, &mut notices).await?;
    let key = node_key(storage, &agent, means.entropy).await?;
    let Living { key: agent_key, checkpoint, place, receipts, .. } = living;
    let saved = Saved {
        checkpoint: hash,
        carry,
        content: Content::of(&checkpoint),
        place,
        journal: end.open.as_ref().map_or(end.next, |segment| segment.first),
        predecessor: end.predecessor,
    };
    let (journal, tail) = continue_journal(end, Arc::clone(&key), means.mode);
    let header = *checkpoint.header();
    let ends = means.mode == CommitMode::Checkpoint;
    let saved = (saved, version);
    let ledger = Ledger::continued(agent_key, key, terms, saved, attachments, journal, held);
    // What was begun in an epoch ends in it.
    let ledger = match &tail {
        Some(tail) => ledger.within(tail.opening.epoch),
        None => ledger,
    };
    Ok(Opened {
        ledger: if ends { ledger.without_further_segments() } else { ledger },
        state: Some(checkpoint.into_state()),
        tail,
        tick: header.tick,
        budget: header.budget,
        carry,
        price: Some(header.price),
        receipts: receipts.into(),
        notices,
        holds,
    })
}

/// The epoch in which the agent is held here: that of its checkpoint, unless it came or was forced later.
async fn epoch_held(
    storage: &dyn Storage,
    agent: &AgentId,
    living: &Living,
) -> Result<Epoch, OpenError> {
    let epoch = living.checkpoint.header().epoch;
    let Some(kept) = held(storage, agent).await? else { return Ok(epoch) };
    if kept.agent != living.key.public_key() {
        return Err(OpenError::CustodyOfOther { agent: agent.clone(), found: kept.agent.did() });
    }
    match kept.custody.holding {
        Holding::Held(held) if held > epoch.major => Ok(Epoch { major: held, generation: 0 }),
        _ => Ok(epoch),
    }
}

/// The journal that goes on where the log ends, and what is to be repeated first. Where nothing is to
/// be journaled any more, only a segment that is open is brought to its end.
fn continue_journal(
    end: LogEnd,
    key: Arc<NodeKey>,
    mode: CommitMode,
) -> (Option<Journal>, Option<Tail>) {
    let mut journal = Journal::new(key, end.next, end.predecessor);
    let Some(segment) = end.open else {
        return (Some(journal).filter(|_| mode == CommitMode::Journal), None);
    };
    let news = has_news(&segment);
    let OpenSegment { first, opening, entries, chain, .. } = segment;
    let (entries, records) = entries.into_iter().unzip();
    journal.take_up(first, entries, chain, news);
    let tail = Tail { opening, records, is_torn: end.is_torn };
    (Some(journal), Some(tail))
}

/// Puts the journal of another line of the agent's life out of the way.
async fn set_aside(
    storage: &dyn Storage,
    agent: &AgentId,
    end: &LogEnd,
    notices: &mut Vec<String>,
) -> Result<(), StorageError> {
    let Some((from, records)) = &end.aside else { return Ok(()) };
    let key = Key::Aside(agent.clone(), *from);
    notices.push(format!(
        "{} records of the journal of {agent} continue another checkpoint; they are kept as the {key}",
        records.len()
    ));
    let bytes = aside_bytes(records);
    let group = Group::new(agent.clone()).put(key, bytes, Precondition::Always).trim(end.next);
    commit_one(storage, group).await?;
    Ok(())
}

/// What is kept of records that are set aside.
pub(crate) fn aside_bytes(records: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = igor_core::format::Encoder::new();
    for record in records {
        bytes.bytes(record);
    }
    bytes.into_bytes()
}

/// The terms that an existing agent's record holds.
pub(crate) fn recorded_terms(record: &AgentRecord, manifest: Vec<u8>) -> Terms {
    Terms {
        agent: record.agent_id.clone(),
        module: record.module,
        manifest,
        meter: record.meter.clone(),
        preparation_version: record.preparation_version,
        cost_table_version: record.cost_table_version,
        limits: record.limits,
        initial_budget: record.initial_budget,
    }
}

fn agree(request: &Request, living: &Living) -> Result<(), OpenError> {
    let agent = request.agent.clone();
    let (asked, kept) = (Hash::of(&request.module), living.checkpoint.header().code_hash);
    if asked != kept {
        return Err(OpenError::OtherModule { agent, asked, kept });
    }
    let record = living.record.as_ref();
    if let Some(asked) = request.budget {
        let initial = record.and_then(|record| record.initial_budget);
        if initial != Some(asked) {
            let initial = initial.map_or("an unknown amount".to_owned(), |known| known.to_string());
            return Err(OpenError::OtherBudget { agent, asked, initial });
        }
    }
    let Some(record) = record else { return Ok(()) };
    let needed = (record.preparation_version, record.cost_table_version);
    let available = (prepare::VERSION, prepare::COST_TABLE_VERSION);
    if needed != available {
        return Err(OpenError::OtherPreparation { agent, needed, available });
    }
    if let Some(text) = &request.manifest
        && Hash::of(text) != record.manifest
    {
        let (asked, kept) = (Hash::of(text), record.manifest);
        return Err(OpenError::OtherManifest { agent, asked, kept });
    }
    match &request.meter {
        Some(asked) if asked != record.meter.as_str() => {
            let (asked, kept) = (asked.clone(), record.meter.as_str().to_owned());
            Err(OpenError::OtherMeter { agent, asked, kept })
        }
        _ => Ok(()),
    }
}

fn terms_of(
    request: &Request,
    outlook: &Outlook,
    record: Option<&AgentRecord>,
) -> Result<Terms, OpenError> {
    Ok(match record {
        Some(record) => recorded_terms(record, outlook.manifest.clone()),
        None => Terms {
            agent: request.agent.clone(),
            module: Hash::of(&request.module),
            manifest: outlook.manifest.clone(),
            meter: MeterName::new(&outlook.meter)?,
            preparation_version: prepare::VERSION,
            cost_table_version: prepare::COST_TABLE_VERSION,
            limits: execution_limits(&outlook.limits),
            initial_budget: None,
        },
    })
}

/// Describes an agent that does not exist yet.
fn conceive(
    request: Request,
    outlook: &Outlook,
    left_behind: Option<Box<AgentKey>>,
    (node, journal): (Arc<NodeKey>, Option<Journal>),
    holds: [Hold; 2],
) -> Result<Opened, OpenError> {
    let budget = request.budget.unwrap_or(request.defaults.budget);
    let terms = Terms { initial_budget: Some(budget), ..terms_of(&request, outlook, None)? };
    let mut attachments = belongings(&request, outlook);
    let key = left_behind.map_or(request.defaults.key, |key| *key);
    let identity = encode_identity(&key).to_vec();
    attachments.insert(0, (Key::Identity(request.agent.clone()), identity));
    Ok(Opened {
        ledger: Ledger::unborn(key, node, terms, attachments, journal),
        state: None,
        tail: None,
        tick: Tick(0),
        budget,
        carry: Carry::ZERO,
        price: None,
        receipts: Arc::new([]),
        notices: Vec::new(),
        holds,
    })
}

/// What must lie in the store for the agent to continue from the store alone.
fn belongings(request: &Request, outlook: &Outlook) -> Vec<(Key, Vec<u8>)> {
    let module = (Key::Module(Hash::of(&request.module)), request.module.clone());
    let manifest = (Key::Manifest(Hash::of(&outlook.manifest)), outlook.manifest.clone());
    vec![module, manifest]
}

/// Brings checkpoint and history to agree; returns the current checkpoint's version.
async fn repair(
    storage: &dyn Storage,
    agent: &AgentId,
    living: &Living,
    notices: &mut Vec<String>,
) -> Result<igor_core::storage::Version, StorageError> {
    let bytes = living.checkpoint.encode();
    let tick = living.checkpoint.header().tick;
    let group = Group::new(agent.clone());
    let group = match living.repair {
        Repair::None => None,
        Repair::Adopt => {
            notices.push(format!(
                "a save of {agent} at tick {tick} did not get to its end; it is complete now"
            ));
            let precondition =
                living.version.clone().map_or(Precondition::Absent, Precondition::Matches);
            Some(group.put(Key::Checkpoint(agent.clone()), bytes, precondition))
        }
        Repair::Archive => {
            notices.push(format!(
                "the checkpoint of {agent} at tick {tick} was missing in its history; it is there now"
            ));
            let (tick, copy) = living.place;
            let key = Key::History(agent.clone(), tick, copy);
            Some(group.put(key, bytes, Precondition::Absent))
        }
    };
    let written = match group {
        None => None,
        Some(group) => Some(commit_one(storage, group).await?),
    };
    let adopted = written.and_then(|committed| committed.versions.into_iter().next());
    let version = match living.repair {
        Repair::Adopt => adopted,
        Repair::None | Repair::Archive => living.version.clone(),
    };
    version.ok_or_else(|| StorageError::Corrupt {
        object: Key::Checkpoint(agent.clone()).to_string(),
        problem: "it vanished while it was opened".to_owned(),
    })
}

/// The rows of the limits table that decide what an execution does.
pub(crate) fn execution_limits(limits: &Limits) -> ExecutionLimits {
    ExecutionLimits {
        tick_gas_max: limits.tick_gas_max,
        stack_slots_max: limits.stack_slots_max,
        memory_pages_max: limits.memory_pages_max,
        table_elements_max: limits.table_elements_max,
        state_bytes_max: limits.state_bytes_max,
        observations_max: limits.observations_max,
        observation_bytes_max: limits.observation_bytes_max,
        entropy_bytes_max: limits.entropy_bytes_max,
        log_line_bytes_max: limits.log_line_bytes_max,
        log_bytes_max: limits.log_bytes_max,
    }
}

/// `limits` with the recorded rows of what decides an execution.
pub(crate) fn with_execution_limits(limits: &Limits, recorded: &ExecutionLimits) -> Limits {
    Limits {
        tick_gas_max: recorded.tick_gas_max,
        stack_slots_max: recorded.stack_slots_max,
        memory_pages_max: recorded.memory_pages_max,
        table_elements_max: recorded.table_elements_max,
        state_bytes_max: recorded.state_bytes_max,
        observations_max: recorded.observations_max,
        observation_bytes_max: recorded.observation_bytes_max,
        entropy_bytes_max: recorded.entropy_bytes_max,
        log_line_bytes_max: recorded.log_line_bytes_max,
        log_bytes_max: recorded.log_bytes_max,
        ..limits.clone()
    }
}
