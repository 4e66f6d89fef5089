//! Sets an agent going again from its last checkpoint when its journal cannot be repeated, or when a
//! policy stopped it: a signed record of what is given up, closed by a checkpoint of the same state in
//! a new epoch. What was charged stays charged. It runs no guest code, and so does not know whether
//! the journal could have been repeated: that is the operator's to find out first.

use igor_core::Storage;
use igor_core::format::{
    AgentId, Carry, Checkpoint, Entry, Epoch, FailedOperation, Gas, Hash, Microcents, Nanos,
    ObservationKind, Observations, Record, RecoveredRecord, Standing, Tick,
};
use igor_core::handoff::{Custody, Holding};
use igor_core::meter::Usage;
use igor_core::plugin::BuildError;
use igor_core::storage::{Key, StorageError};

use crate::commit::commit_one;
use crate::custody::{KeptCustody, held};
use crate::launch::Node;
use crate::ledger::{Snapshot, Written};
use crate::open::{
    Means, OpenError, Opened, aside_bytes, claim, go_on_from, recorded_terms, stored_manifest,
};
use crate::purse::Purse;
use crate::survey::{Living, Survey, survey};
use crate::tail::{Salvaged, salvage_log_end};

/// What recovering an agent came to, or would come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// The tick of the checkpoint, to which the agent returns.
    pub tick: Tick,
    /// The last tick that is given up; `tick` if none is.
    pub discarded_to: Tick,
    /// The budget in the checkpoint.
    pub before: Microcents,
    /// What was charged since, which stays charged.
    pub charges: Microcents,
    /// The budget that is left.
    pub budget: Microcents,
    /// The epoch that begins.
    pub epoch: Epoch,
    /// Why it was needed, in words.
    pub reason: String,
    /// What was shown of the ticks that are given up and cannot be taken back.
    pub shown: Vec<Shown>,
    /// The hash of the new checkpoint; `None` if nothing was written.
    pub checkpoint: Option<Hash>,
    /// What the operator should know.
    pub notices: Vec<String>,
}

/// A line that was logged in a tick that is given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The tick; during a start, the last committed one.
    pub tick: Tick,
    /// The line, as the guest wrote it; not safe for a terminal.
    pub message: String,
}

/// Why an agent was not recovered; nothing was changed then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecoveryError {
    /// The meter that charged it cannot be built.
    #[error(transparent)]
    Meter(#[from] BuildError),
    /// There is no such agent.
    #[error("no agent {0} here")]
    NoAgent(AgentId),
    /// It has never run under igor, so there is no journal of it.
    #[error("{0} has no record: it has not run under this igor yet")]
    NoRecord(AgentId),
    /// It cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
}

impl From<StorageError> for RecoveryError {
    fn from(error: StorageError) -> Self {
        Self::Open(error.into())
    }
}

/// Gives up what `agent` did since its last checkpoint, and lets it go on from there. `None` if there
/// is nothing to recover. With `is_dry_run` it says what would be given up and changes nothing.
///
/// # Errors
/// When there is no such agent, it is in use, or its checkpoint itself cannot be continued.
pub async fn recover(
    node: &Node,
    agent: &AgentId,
    state_bytes_max: u64,
    is_dry_run: bool,
) -> Result<Option<Recovery>, RecoveryError> {
    let storage = &*node.storage.0;
    held(storage, agent).await?;
    read(storage, agent, state_bytes_max).await?;
    let holds = claim(storage, agent).await?;
    let kept = held(storage, agent).await?;
    let mut living = read(storage, agent, state_bytes_max).await?;
    let no_record = || RecoveryError::NoRecord(agent.clone());
    let standing = living.record.as_mut().ok_or_else(no_record)?;
    let standing = std::mem::replace(&mut standing.standing, Standing::Active);
    let record = living.record.as_ref().ok_or_else(no_record)?;
    let terms = recorded_terms(record, stored_manifest(storage, record).await?);
    let salvaged = salvage_log_end(storage, agent, &living).await?;
    let Some(reason) = reason(&standing, &salvaged) else { return Ok(None) };
    let carry = record.carry_of(&living.checkpoint.hash()).unwrap_or(Carry::ZERO);
    let meter = (node.meter)(terms.meter.as_str())?;
    let decided = kept.as_ref().map_or(0, |kept| kept.custody.decided);
    let mut loss = Loss::new(&living.checkpoint, decided, meter, carry);
    loss.count(&salvaged);
    let mut recovery = loss.recovery(living.checkpoint.header().budget, reason);
    if is_dry_run {
        return Ok(Some(recovery));
    }
    let record = loss.record(&recovery);
    let Salvaged { end, beyond, .. } = salvaged;
    let attachments = beyond.into_iter().filter(|(_, records)| !records.is_empty());
    let mut attachments: Vec<_> = attachments
        .map(|(at, records)| (Key::Aside(agent.clone(), at), aside_bytes(&records)))
        .collect();
    recovery.notices.extend(attachments.iter().map(|(key, _)| {
        format!("what could not be read in the journal of {agent} is kept as the {key}")
    }));
    attachments.extend(kept.map(|kept| in_epoch(agent, kept, loss.epoch.major)));
    let means = Means { mode: node.mode, entropy: &*node.entropy };
    let opened = go_on_from(storage, terms, (*living, end), attachments, means, holds).await?;
    let Opened { mut ledger, state, tick, price, notices, holds, .. } = opened;
    recovery.notices.extend(notices);
    let snapshot = Snapshot {
        tick,
        budget: recovery.budget,
        carry: loss.purse.carry,
        price: price.unwrap_or_default(),
        state: state.as_deref().unwrap_or_default(),
    };
    let batch = ledger.recover(&snapshot, (recovery.before, carry), record);
    let committed = commit_one(storage, batch).await?;
    if let Written::Checkpoint(hash, _) = ledger.committed(&committed) {
        recovery.checkpoint = Some(hash);
    }
    drop(holds);
    Ok(Some(recovery))
}

/// What is decided about where an agent is once it is held in this epoch.
fn in_epoch(agent: &AgentId, kept: KeptCustody, epoch: u64) -> (Key, Vec<u8>) {
    let custody = Custody { decided: epoch, holding: Holding::Held(epoch), ..kept.custody };
    (Key::Custody(agent.clone()), custody.encode(&kept.agent))
}

/// Reads an agent that igor has run before, without claiming or changing anything.
async fn read(
    storage: &dyn Storage,
    agent: &AgentId,
    state_bytes_max: u64,
) -> Result<Box<Living>, RecoveryError> {
    match survey(storage, agent, state_bytes_max).await.map_err(OpenError::from)? {
        Survey::Unborn(_) => Err(RecoveryError::NoAgent(agent.clone())),
        Survey::Living(living) if living.record.is_none() => {
            Err(RecoveryError::NoRecord(agent.clone()))
        }
        Survey::Living(living) => Ok(living),
    }
}

/// Why there is something to recover, if there is.
fn reason(standing: &Standing, salvaged: &Salvaged) -> Option<String> {
    if let Standing::RecoveryRequired { reason, .. } = standing {
        return Some(reason.clone());
    }
    if let Some(problem) = &salvaged.problem {
        return Some(problem.to_string());
    }
    let given_up = "the operator gave up the journal since the last checkpoint";
    salvaged.end.open.is_some().then(|| given_up.to_owned())
}

/// What is given up, added up.
struct Loss {
    tick: Tick,
    discarded_to: Tick,
    epoch: Epoch,
    /// What is left after the charges.
    purse: Purse,
    /// The charges of records that stay in the segment.
    kept: Microcents,
    /// The charges of records that do not.
    beyond: Microcents,
    shown: Vec<Shown>,
}

/// What a record says of an operation.
struct Spent<'a> {
    /// The tick; `None` for a start.
    tick: Option<Tick>,
    /// Whether it counted.
    is_committed: bool,
    usage: Usage,
    charge: Microcents,
    observations: &'a Observations,
}

impl Loss {
    fn new(
        checkpoint: &Checkpoint,
        decided: u64,
        meter: std::sync::Arc<dyn igor_core::Meter>,
        carry: Carry,
    ) -> Self {
        let header = checkpoint.header();
        let major = header.epoch.major.max(decided).saturating_add(1);
        let epoch = Epoch { major, generation: 0 };
        Self {
            tick: header.tick,
            discarded_to: header.tick,
            epoch,
            purse: Purse { meter, price: header.price, budget: header.budget, carry },
            kept: Microcents::ZERO,
            beyond: Microcents::ZERO,
            shown: Vec::new(),
        }
    }

    /// Adds up what can be read of the log.
    fn count(&mut self, salvaged: &Salvaged) {
        if let Some(segment) = &salvaged.end.open {
            self.purse.price = segment.opening.price;
            for (_, record) in &segment.entries {
                if let Some(spent) = spent(record) {
                    let before = self.purse.budget;
                    self.purse.settle(spent.usage);
                    self.purse.budget = before;
                    self.kept = self.pay(self.kept, spent.charge);
                    self.show(&spent);
                }
            }
        }
        for bytes in salvaged.beyond.iter().flat_map(|(_, records)| records) {
            let entry = Entry::decode(bytes).ok();
            if let Some(spent) = entry.as_ref().and_then(|(entry, _)| spent(&entry.record)) {
                self.beyond = self.pay(self.beyond, spent.charge);
                self.show(&spent);
            }
        }
    }

    /// Takes a charge from the budget, as far as it reaches, and adds it to `sum`.
    fn pay(&mut self, sum: Microcents, charge: Microcents) -> Microcents {
        let paid = charge.min(self.purse.budget);
        self.purse.budget = self.purse.budget.checked_sub(paid).unwrap_or(Microcents::ZERO);
        sum.checked_add(paid).unwrap_or(Microcents::MAX)
    }

    fn show(&mut self, spent: &Spent<'_>) {
        let tick = spent.tick.unwrap_or(self.discarded_to);
        if spent.is_committed {
            self.discarded_to = self.discarded_to.max(tick);
        }
        let sent = [ObservationKind::LOG_EMIT, ObservationKind::WASI_WRITE];
        let lines = spent.observations.iter().filter(|(kind, _)| sent.contains(kind));
        self.shown.extend(lines.map(|(_, line)| {
            let message = String::from_utf8_lossy(line).into_owned();
            Shown { tick, message }
        }));
    }

    fn recovery(&self, before: Microcents, reason: String) -> Recovery {
        Recovery {
            tick: self.tick,
            discarded_to: self.discarded_to,
            before,
            charges: self.kept.checked_add(self.beyond).unwrap_or(Microcents::MAX),
            budget: self.purse.budget,
            epoch: self.epoch,
            reason,
            shown: self.shown.clone(),
            checkpoint: None,
            notices: Vec::new(),
        }
    }

    fn record(&self, recovery: &Recovery) -> RecoveredRecord {
        RecoveredRecord {
            epoch: self.epoch,
            tick: self.tick,
            discarded_to: self.discarded_to,
            charges: self.beyond,
            reason: recovery.reason.clone(),
        }
    }
}

/// What was used and charged according to `record`, if it is about an operation.
fn spent(record: &Record) -> Option<Spent<'_>> {
    let usage = |gas: Gas, elapsed: Nanos| Usage { gas, elapsed };
    match record {
        Record::Started(started) => Some(Spent {
            tick: None,
            is_committed: true,
            usage: usage(started.gas, started.elapsed),
            charge: started.charge,
            observations: &started.observations,
        }),
        Record::Tick(tick) => Some(Spent {
            tick: Some(tick.tick),
            is_committed: true,
            usage: usage(tick.gas, tick.elapsed),
            charge: tick.charge,
            observations: &tick.observations,
        }),
        Record::TickFailed(failed) => Some(Spent {
            tick: match failed.operation {
                FailedOperation::Start => None,
                FailedOperation::Tick(tick) => Some(tick),
            },
            is_committed: false,
            usage: usage(failed.gas, failed.elapsed),
            charge: failed.charge,
            observations: &failed.observations,
        }),
        Record::Owner(_)
        | Record::TickPart(_)
        | Record::EffectOutcome(_)
        | Record::Funded(_)
        | Record::Recovered(_) => None,
    }
}
