//! Nodes with one known fault each, switched on while the program runs. A fault lies in what the simulator puts
//! around the product's parts: in the glue, in the store, in what is said to the machines or taken from them. So
//! the product holds no trace of them, and each must be caught by an invariant.

use igor_core::handoff::{Custody, Holding};
use igor_core::storage::{Batch, Key, Operation};

use crate::disk::Omission;

/// A fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mutant {
    /// A source ticks the agent again when its offer was not answered for a while.
    ResumesOnTimeout,
    /// A source takes an offer that was not answered for a while for accepted.
    ReleasesOnTimeout,
    /// A source sends its offer before it is durable.
    SendsBeforeDurable,
    /// A source makes the offer and lets the agent tick on.
    StopsWithoutStopping,
    /// A source asks once and never again.
    NeverAsksAgain,
    /// A source keeps no record of having released an agent.
    ForgetsWhatItReleased,
    /// A target says that it accepts before that is durable.
    AcceptsBeforeDurable,
    /// A target says that it refuses, and writes nothing down.
    RefusesWithoutRecord,
    /// A target refuses, and says that it accepted.
    AnswersTheOpposite,
    /// A target forgets with each restart what it decided.
    ForgetsDecisions,
    /// A target takes an offer with what was announced, without what came last.
    TakesWithoutLastParts,
    /// A target takes the agent with more money than it came with.
    RaisesBudget,
    /// A node ticks with each restart every agent that it has a checkpoint of.
    IgnoresCustody,
    /// A node takes it for granted that it still holds its agents, however long it stood still.
    NeverReadsAgain,
    /// A store acknowledges what is not yet on the disk.
    AcknowledgesBeforeSync,
    /// A store writes a checkpoint before what must come before it.
    WritesCheckpointFirst,
    /// A store does not sync directories.
    SkipsDirectorySync,
    /// A store tries a failed sync again.
    RetriesFailedSync,
    /// A node runs an agent with an empty journal after each restart.
    ForgetsTheJournal,
}

impl Mutant {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::ResumesOnTimeout,
        Self::ReleasesOnTimeout,
        Self::SendsBeforeDurable,
        Self::StopsWithoutStopping,
        Self::NeverAsksAgain,
        Self::ForgetsWhatItReleased,
        Self::AcceptsBeforeDurable,
        Self::RefusesWithoutRecord,
        Self::AnswersTheOpposite,
        Self::ForgetsDecisions,
        Self::TakesWithoutLastParts,
        Self::RaisesBudget,
        Self::IgnoresCustody,
        Self::NeverReadsAgain,
        Self::AcknowledgesBeforeSync,
        Self::WritesCheckpointFirst,
        Self::SkipsDirectorySync,
        Self::RetriesFailedSync,
        Self::ForgetsTheJournal,
    ];

    /// The mutant of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mutant| format!("{mutant:?}") == name)
    }

    /// What the store in files leaves out.
    pub(super) const fn omission(self) -> Option<Omission> {
        match self {
            Self::SkipsDirectorySync => Some(Omission::DirectorySync),
            Self::RetriesFailedSync => Some(Omission::FailedSync),
            _ => None,
        }
    }
}

/// The batch as a store with this fault writes it.
pub(super) fn reorder(mutant: Option<Mutant>, mut batch: Batch) -> Batch {
    if mutant == Some(Mutant::WritesCheckpointFirst) {
        for group in &mut batch.groups {
            group.operations.sort_by_key(|operation| !is_checkpoint(operation));
        }
    }
    batch
}

fn is_checkpoint(operation: &Operation) -> bool {
    matches!(operation, Operation::Put { key: Key::Checkpoint(_), .. })
}

/// What a node with this fault reads of what it decided when it starts.
pub(super) fn read_at_start(mutant: Option<Mutant>, custody: Custody) -> Custody {
    match (mutant, &custody.holding) {
        (Some(Mutant::ForgetsDecisions), Holding::Released { .. } | Holding::Absent) => {
            Custody::default()
        }
        (Some(Mutant::IgnoresCustody), Holding::Offered { held, .. }) => Custody::held(*held),
        _ => custody,
    }
}
