//! What must hold in every world, at every moment: one invariant in each file. An invariant sees every fact after
//! the view was brought up to date with it, and remembers what it needs.

mod acked_checkpoint_kept;
mod bounded_queues;
mod budget_conserved;
mod epoch_monotonic;
mod journal_matches_state;
mod lineage_linear;
mod no_message_after_close;
mod refused_never_accepted;
mod released_never_ticks;
mod single_active;
mod stale_epoch_never_ticks;

use super::oracle::{Fact, View};

/// Something that must hold.
pub(super) trait Invariant {
    /// What it is called.
    fn name(&self) -> &'static str;

    /// Takes note of a fact; says what is wrong with it, if anything is.
    fn see(&mut self, view: &View, fact: &Fact<'_>) -> Result<(), String>;
}

/// All of them, in a world whose agents begin with this budget.
pub(super) fn all(budget: i64) -> Vec<Box<dyn Invariant>> {
    vec![
        Box::new(single_active::SingleActive),
        Box::<acked_checkpoint_kept::AckedCheckpointKept>::default(),
        Box::<lineage_linear::LineageLinear>::default(),
        Box::new(budget_conserved::BudgetConserved::new(budget)),
        Box::<epoch_monotonic::EpochMonotonic>::default(),
        Box::<refused_never_accepted::RefusedNeverAccepted>::default(),
        Box::new(released_never_ticks::ReleasedNeverTicks),
        Box::<stale_epoch_never_ticks::StaleEpochNeverTicks>::default(),
        Box::<journal_matches_state::JournalMatchesState>::default(),
        Box::new(no_message_after_close::NoMessageAfterClose),
        Box::new(bounded_queues::BoundedQueues),
    ]
}
