//! Runs a launched agent to its end on the calling thread, letting a [`SteppingClock`] jump from timer
//! to timer. It is the node's shell without waiting, and decides as little.

use igor_core::{Clock, Storage};
use igor_node::{Carried, Command, Event, Launched, RunEvent, StopReason};

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
    let Launched { driver, worker, verifier, .. } = launched;
    let mut events = Vec::new();
    let mut timer_ns = 0;
    driver.begin(clock.monotonic_ns());
    loop {
        let Some(command) = driver.poll() else {
            clock.advance_to(timer_ns);
            driver.handle(clock.monotonic_ns(), Event::Timer);
            continue;
        };
        let event = match worker.carry_out(command, driver.purse()) {
            Carried::Out(event) => event,
            Carried::Back(Command::Commit(batch)) => {
                let result = pollster::block_on(storage.commit(batch)).pop();
                Event::Committed(result.expect("a batch of one group has one result"))
            }
            Carried::Back(Command::Verify(job)) => {
                let verifier = verifier.as_mut().expect("what is checked has a verifier");
                Event::Verified(verifier.check(job))
            }
            Carried::Back(Command::SetTimer(at_ns)) => {
                timer_ns = at_ns;
                continue;
            }
            Carried::Back(Command::Emit(event)) => {
                let is_enough = is_enough(&event);
                events.push(event);
                if is_enough {
                    return (events, None);
                }
                continue;
            }
            Carried::Back(Command::Finish(reason)) => return (events, Some(reason)),
            Carried::Back(_) => continue,
        };
        driver.handle(clock.monotonic_ns(), event);
    }
}
