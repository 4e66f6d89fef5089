//! What a history says of an agent's money: every charge and every gift in its segments, from the first checkpoint to
//! the last, wherever they were written. Whether the segments are true is for an audit.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::path::Path;

use igor_core::format::{
    Carry, Hash, ObservationKind, Predecessor, Record, Segment, SegmentContents,
};

/// What the audit segments of a history say.
#[derive(Default)]
pub(crate) struct Account {
    /// For each tick, its state's hash, its charge, the budget after it and whether it logged.
    pub(crate) ticks: BTreeMap<u64, (String, i64, i64, bool)>,
    /// Every budget that there ever was at a tick.
    pub(crate) budgets: BTreeSet<(u64, i64)>,
    pub(crate) charged: i64,
    pub(crate) funded: i64,
    pub(crate) budget: i64,
}

impl Account {
    /// Adds up all segments of the history in this folder, from the first to the last checkpoint, of an agent
    /// that was given so much.
    pub(crate) fn of(folder: &Path, initial: i64) -> Self {
        let (segments, checkpoints) = history(folder);
        let mut account = Self { budget: initial, ..Self::default() };
        let (mut predecessor, mut carry) = (Predecessor::Genesis, Carry::ZERO);
        let mut followed = 0;
        // A save that did not get to its end leaves a segment that leads nowhere.
        let goes_on = |segment: &&SegmentContents, predecessor| {
            segment.opening.predecessor == predecessor
                && checkpoints.contains(&segment.closing.checkpoint)
        };
        while let Some(segment) = segments.iter().find(|segment| goes_on(segment, predecessor)) {
            let opening = (segment.opening.budget.get(), segment.opening.carry);
            assert_eq!(opening, (account.budget, carry), "a segment begins where one ended");
            for record in &segment.records {
                account.add(segment.opening.tick.0, record);
            }
            assert_eq!(segment.closing.budget.get(), account.budget, "records lead to the end");
            (predecessor, carry) =
                (Predecessor::Segment(segment.closing.hash()), segment.closing.carry);
            followed += 1;
        }
        let named = segments.iter().filter(|s| checkpoints.contains(&s.closing.checkpoint));
        assert_eq!(followed, named.count(), "every segment is part of one life");
        account
    }

    fn add(&mut self, opened_at: u64, record: &Record) {
        let at = self.ticks.last_key_value().map_or(opened_at, |(tick, _)| *tick);
        let charge = match record {
            Record::Started(started) => started.charge.get(),
            Record::TickFailed(failed) => failed.charge.get(),
            Record::Tick(tick) => tick.charge.get(),
            Record::Funded(funded) => {
                self.funded += funded.amount.get();
                -funded.amount.get()
            }
            _ => 0,
        };
        self.budget -= charge;
        self.charged += charge.max(0);
        self.budgets.insert((at, self.budget));
        if let Record::Tick(tick) = record {
            let logs = tick.observations.iter().any(|(kind, _)| kind == ObservationKind::LOG_EMIT);
            let facts = (tick.state.to_string(), charge, self.budget, logs);
            assert_eq!(self.ticks.insert(tick.tick.0, facts), None, "a tick happens once");
            self.budgets.insert((tick.tick.0, self.budget));
        }
    }
}

fn history(folder: &Path) -> (Vec<SegmentContents>, HashSet<Hash>) {
    let (mut segments, mut checkpoints) = (Vec::new(), HashSet::new());
    for entry in fs::read_dir(folder).expect("there is a history") {
        let path = entry.expect("it can be listed").path();
        let bytes = fs::read(&path).expect("it can be read");
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("ckpt") => drop(checkpoints.insert(Hash::of(&bytes))),
            Some("seg") => {
                let segment = Segment::decode(&bytes).and_then(|segment| segment.verify());
                segments
                    .push(segment.unwrap_or_else(|error| panic!("{}: {error}", path.display())));
            }
            _ => {}
        }
    }
    (segments, checkpoints)
}
