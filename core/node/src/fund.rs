//! Adds budget to a stopped agent: a signed fund record and a checkpoint of the same state with the
//! higher budget, written as one. It runs no guest code.

use igor_core::format::{AgentId, Hash, Microcents, Tick};
use igor_core::format::{FundError, FundId};
use igor_core::storage::StorageError;
use igor_core::{Entropy, Storage};

use crate::commit::commit_one;
use crate::custody::held;
use crate::driver::Tail;
use crate::ledger::{Snapshot, Written};
use crate::open::{CommitMode, Means, OpenError, Opened, claim};
use crate::open::{recorded_terms, stored_manifest, take_over};
use crate::survey::{Survey, survey};

/// What funding came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Funded {
    /// The last committed tick, which stays.
    pub tick: Tick,
    /// The budget before.
    pub before: Microcents,
    /// The budget now.
    pub budget: Microcents,
    /// The hash of the new checkpoint.
    pub checkpoint: Hash,
    /// What the operator should know.
    pub notices: Vec<String>,
}

/// Why an agent was not funded; nothing was added then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FundingError {
    /// The amount is nothing.
    #[error(transparent)]
    Amount(#[from] FundError),
    /// It cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// There is no such agent.
    #[error("no agent {0} here")]
    NoAgent(AgentId),
    /// A crash left ticks in its journal, which must be repeated first.
    #[error("{0} did not come to its last checkpoint: what is in its journal comes first")]
    NotRecovered(AgentId),
    /// It has never run under igor, so its terms are not recorded.
    #[error("{0} has no record: it has not run under this igor yet")]
    NoRecord(AgentId),
    /// The sum is more than an amount can be.
    #[error("{agent} has {budget}; adding {amount} would exceed {max}", max = Microcents::MAX)]
    TooMuch {
        /// The agent.
        agent: AgentId,
        /// What it has.
        budget: Microcents,
        /// What was to be added.
        amount: Microcents,
    },
}

impl From<StorageError> for FundingError {
    fn from(error: StorageError) -> Self {
        Self::Open(error.into())
    }
}

/// Adds `amount` to the budget of `agent`; `id` names the record and must never be used again. In
/// journal mode the funding is a segment of its own.
///
/// # Errors
/// When there is no such agent, it is in use, or what is stored cannot be continued.
pub async fn fund(
    storage: &dyn Storage,
    agent: &AgentId,
    amount: Microcents,
    id: FundId,
    state_bytes_max: u64,
    (mode, entropy): (CommitMode, &dyn Entropy),
) -> Result<Funded, FundingError> {
    check(storage, agent, amount, state_bytes_max).await?;
    let holds = claim(storage, agent).await?;
    let living = check(storage, agent, amount, state_bytes_max).await?;
    let record = living.record.as_ref().ok_or_else(|| FundingError::NoRecord(agent.clone()))?;
    let terms = recorded_terms(record, stored_manifest(storage, record).await?);
    let means = Means { mode, entropy };
    let opened = take_over(storage, terms, *living, Vec::new(), means, holds).await?;
    if opened.ledger.has_news() || opened.tail.as_ref().is_some_and(Tail::is_charged) {
        return Err(FundingError::NotRecovered(agent.clone()));
    }
    let Opened { mut ledger, state, tick, budget: before, carry, price, notices, holds, .. } =
        opened;
    ledger.abandon_segment();
    let budget = sum(agent, before, amount)?;
    let snapshot = Snapshot {
        tick,
        budget,
        carry,
        price: price.unwrap_or_default(),
        state: state.as_deref().unwrap_or_default(),
    };
    let batch = ledger.fund(&snapshot, before, amount, id)?;
    let committed = commit_one(storage, batch).await?;
    let checkpoint = match ledger.committed(&committed) {
        Written::Checkpoint(hash, _) => hash,
        Written::Records => Hash::ZERO,
    };
    drop(holds);
    Ok(Funded { tick, before, budget, checkpoint, notices })
}

/// Refuses what can be refused without claiming or changing anything.
async fn check(
    storage: &dyn Storage,
    agent: &AgentId,
    amount: Microcents,
    state_bytes_max: u64,
) -> Result<Box<crate::survey::Living>, FundingError> {
    held(storage, agent).await?;
    let found = survey(storage, agent, state_bytes_max).await.map_err(OpenError::from)?;
    let Survey::Living(living) = found else { return Err(FundingError::NoAgent(agent.clone())) };
    if amount.is_zero() {
        return Err(FundError::Zero.into());
    }
    if living.record.is_none() {
        return Err(FundingError::NoRecord(agent.clone()));
    }
    sum(agent, living.checkpoint.header().budget, amount)?;
    Ok(living)
}

fn sum(
    agent: &AgentId,
    budget: Microcents,
    amount: Microcents,
) -> Result<Microcents, FundingError> {
    budget.checked_add(amount).ok_or_else(|| FundingError::TooMuch {
        agent: agent.clone(),
        budget,
        amount,
    })
}
