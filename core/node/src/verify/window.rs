//! The last ticks, as far as single ones can be repeated: a sliding window that lets go of what says
//! least. It runs nothing.

use std::sync::Arc;

use igor_core::format::{Observations, Tick};

use super::{Job, RecordedTick};

/// A tick with what repeating it takes.
#[derive(Debug)]
struct Snapshot {
    recorded: RecordedTick,
    /// The state before it.
    state: Vec<u8>,
    /// What its incarnation's start observed; the same for all ticks of an incarnation.
    started: Arc<Observations>,
    is_checked: bool,
}

/// The window.
#[derive(Debug)]
pub(super) struct Window {
    capacity: usize,
    /// In order of their ticks.
    snapshots: Vec<Snapshot>,
    started: Arc<Observations>,
}

impl Window {
    /// An empty window of this many ticks, at least one.
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity: capacity.max(1), snapshots: Vec::new(), started: Arc::default() }
    }

    /// A new incarnation begins.
    pub(super) fn begin(&mut self, started: Observations) {
        self.started = Arc::new(started);
    }

    /// Takes in a tick. If there are too many then, the one with the fewest observations goes, the
    /// oldest of those, but never the newest.
    pub(super) fn push(&mut self, recorded: RecordedTick, state: Vec<u8>) {
        let started = Arc::clone(&self.started);
        self.snapshots.push(Snapshot { recorded, state, started, is_checked: false });
        if self.snapshots.len() <= self.capacity {
            return;
        }
        let older = self.snapshots.split_last().map_or(&[][..], |(_, older)| older);
        let least = (0_usize..)
            .zip(older)
            .min_by_key(|(_, snapshot)| snapshot.recorded.observations.len())
            .map_or(0, |(index, _)| index);
        self.snapshots.remove(least);
    }

    /// The oldest tick that was not checked, with those that follow it without a gap in the same
    /// incarnation. It counts as checked from now on.
    pub(super) fn next(&mut self) -> Option<Job> {
        let first = self.snapshots.iter().position(|snapshot| !snapshot.is_checked)?;
        let snapshot = self.snapshots.get_mut(first)?;
        snapshot.is_checked = true;
        let (state, started) = (snapshot.state.clone(), Arc::clone(&snapshot.started));
        let mut due = snapshot.recorded.tick;
        let mut ticks = Vec::new();
        for snapshot in self.snapshots.get(first..).unwrap_or_default() {
            if snapshot.recorded.tick != due || !Arc::ptr_eq(&snapshot.started, &started) {
                break;
            }
            ticks.push(snapshot.recorded.clone());
            due = Tick(due.0.saturating_add(1));
        }
        Some(Job::Ticks { started, state, ticks })
    }
}

#[cfg(test)]
mod tests {
    use igor_core::format::{Hash, ObservationKind};

    use super::*;

    fn recorded(tick: u64, observations: usize) -> RecordedTick {
        let mut observed = Observations::default();
        (0..observations).for_each(|_| observed.push(ObservationKind::CLOCK_NOW, &[0; 8]));
        RecordedTick { tick: Tick(tick), observations: observed, state: Hash::ZERO }
    }

    fn window(capacity: usize, scores: &[usize]) -> Window {
        let mut window = Window::new(capacity);
        window.begin(Observations::default());
        for (tick, score) in (1..).zip(scores) {
            window.push(recorded(tick, *score), Vec::new());
        }
        window
    }

    fn kept(window: &Window) -> Vec<u64> {
        window.snapshots.iter().map(|snapshot| snapshot.recorded.tick.0).collect()
    }

    fn checked(window: &mut Window) -> Vec<u64> {
        match window.next() {
            Some(Job::Ticks { ticks, .. }) => ticks.iter().map(|tick| tick.tick.0).collect(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn the_window_slides_and_lets_go_of_what_says_least() {
        for (capacity, scores, left) in [
            (3, &[3, 3, 3, 3, 3][..], vec![3, 4, 5]),
            (3, &[3, 0, 3, 3], vec![1, 3, 4]),
            (3, &[3, 3, 3, 0], vec![2, 3, 4]),
            (2, &[1, 2, 0], vec![2, 3]),
            (1, &[9, 0], vec![2]),
            (16, &[1, 1], vec![1, 2]),
        ] {
            assert_eq!(kept(&window(capacity, scores)), left, "{capacity} of {scores:?}");
        }
    }

    #[test]
    fn each_tick_is_checked_once_with_those_that_follow_it() {
        let mut window = window(3, &[3, 0, 3, 3]);
        assert_eq!(checked(&mut window), [1]);
        assert_eq!(checked(&mut window), [3, 4]);
        window.begin(Observations::default());
        window.push(recorded(5, 3), Vec::new());
        assert_eq!(kept(&window), [3, 4, 5]);
        assert_eq!(checked(&mut window), [4], "a chain ends with its incarnation");
        assert_eq!(checked(&mut window), [5]);
        assert_eq!(checked(&mut window), [0; 0]);
    }
}
