//! S4: money is conserved. In every segment that reaches a disk, what it opens with and what was added is what it
//! closes with and what was charged; it opens with what the checkpoint before it holds; and no checkpoint holds
//! less than nothing.

use std::collections::BTreeMap;

use igor_core::format::{Checkpoint, Entry, Hash, Record, Segment};
use igor_core::storage::Key;
use igor_node::RunEvent;

use super::Invariant;
use crate::sim::oracle::{Fact, View};

pub(super) struct BudgetConserved {
    /// What agents begin with.
    initial: i64,
    /// The budget in each checkpoint.
    budgets: BTreeMap<Hash, i64>,
    /// What each agent was last told to have, by its tick.
    told: BTreeMap<usize, (u64, i64)>,
}

impl BudgetConserved {
    pub(super) const fn new(initial: i64) -> Self {
        Self { initial, budgets: BTreeMap::new(), told: BTreeMap::new() }
    }

    fn segment(&self, agent: usize, bytes: &[u8]) -> Result<(), String> {
        let segment = Segment::decode(bytes).map_err(|error| error.to_string())?;
        let (mut opened, mut balance) = (None, 0);
        for entry in segment.entries() {
            let (entry, _) = Entry::decode(entry).map_err(|error| error.to_string())?;
            match entry.record {
                Record::Owner(owner) => opened = opened.or(Some(owner.opening)),
                Record::Started(started) => balance -= started.charge.get(),
                Record::Tick(tick) => balance -= tick.charge.get(),
                Record::TickFailed(failed) => balance -= failed.charge.get(),
                Record::Funded(funded) => balance += funded.amount.get(),
                _ => {}
            }
        }
        let opening = opened.ok_or("a segment does not say under which terms it opens")?;
        let (from, to) = (opening.budget.get(), segment.closing().budget.get());
        if from + balance != to {
            return Err(format!("agent {agent}: a segment goes from {from} by {balance} to {to}"));
        }
        let before = match self.budgets.get(&opening.checkpoint) {
            Some(before) => *before,
            None if opening.checkpoint == Hash::ZERO => self.initial,
            None => return Ok(()),
        };
        if before != from {
            return Err(format!("agent {agent}: a segment opens with {from} after {before}"));
        }
        Ok(())
    }
}

impl Invariant for BudgetConserved {
    fn name(&self) -> &'static str {
        "budget_conserved"
    }

    fn see(&mut self, view: &View, fact: &Fact<'_>) -> Result<(), String> {
        match fact {
            Fact::Kept((_, agent), Key::Segment(..), bytes) => self.segment(*agent, bytes),
            Fact::Kept((_, agent), Key::Checkpoint(_), bytes) => {
                let checkpoint = Checkpoint::decode(bytes, u64::MAX);
                let budget = checkpoint.map_err(|error| error.to_string())?.header().budget.get();
                self.budgets.insert(Hash::of(bytes), budget);
                if budget < 0 { Err(format!("agent {agent} has {budget}")) } else { Ok(()) }
            }
            Fact::Told((node, agent), RunEvent::Ticked(ticked))
                if !view.doubled.contains(agent) =>
            {
                let (tick, budget) = (ticked.tick.0, ticked.budget.get());
                let told = self.told.insert(*agent, (tick, budget));
                let (before, charge) = (told.map_or(0, |told| told.0), ticked.charge.get());
                if tick <= before {
                    return Err(format!("node {node} charges agent {agent} again for tick {tick}"));
                }
                if budget < 0 || charge < 0 {
                    return Err(format!("agent {agent} has {budget} after a charge of {charge}"));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
