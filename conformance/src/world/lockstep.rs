//! Runs a launched agent to its end on the calling thread, letting a [`SteppingClock`] jump from timer
//! to timer. It is the node's shell without waiting, and decides as little.

use std::ops::ControlFlow;

use igor_core::{Clock, Storage};
use igor_node::{Launched, RunEvent, StopReason};

use super::SteppingClock;

/// Everything a run told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transcript {
    /// The events, in order.
    pub events: Vec<RunEvent>,
    /// Why it ended.
    pub reason: StopReason,
}

impl Transcript {
    /// The committed ticks, in order.
    pub fn ticks(&self) -> impl Iterator<Item = &igor_node::Ticked> {
        self.events.iter().filter_map(|event| match event {
            RunEvent::Ticked(ticked) => Some(ticked),
            _ => None,
        })
    }

    /// The lines that were logged, in order.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.events.iter().filter_map(|event| match event {
            RunEvent::Logged { message, .. } => Some(message.as_str()),
            _ => None,
        })
    }

    /// The last event of the run.
    pub fn stopped(&self) -> &igor_node::Stopped {
        match self.events.last() {
            Some(RunEvent::Stopped(stopped)) => stopped,
            other => panic!("a run ends with `stopped`, not with {other:?}"),
        }
    }
}

/// Runs the agent until it stops by itself.
pub fn lockstep(
    launched: &mut Launched,
    storage: &dyn Storage,
    clock: &SteppingClock,
) -> Transcript {
    let (events, reason) = lockstep_until(launched, storage, clock, |_| false);
    Transcript { events, reason: reason.expect("nothing else ends it") }
}

/// Runs the agent until it stops or an event is enough, and says why it stopped, if it did. An agent
/// that is not run any further is in the state of one whose process was killed.
pub fn lockstep_until(
    launched: &mut Launched,
    storage: &dyn Storage,
    clock: &SteppingClock,
    mut is_enough: impl FnMut(&RunEvent) -> bool,
) -> (Vec<RunEvent>, Option<StopReason>) {
    let mut events = Vec::new();
    let mut time = |timer_ns: Option<u64>| {
        timer_ns.iter().for_each(|at_ns| clock.advance_to(*at_ns));
        clock.monotonic_ns()
    };
    let mut sink = |event| {
        let is_enough = is_enough(&event);
        events.push(event);
        if is_enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let run = igor_node::lockstep(launched, storage, &mut time, &mut sink);
    let reason = pollster::block_on(run);
    (events, reason)
}
