//! Drives a launched agent to its end on the thread that calls, one thing after the other: a shell that
//! waits for nothing. What time it is, and that it passes when nothing else is to be done, is the
//! caller's; so is a thread with the stack that the engines ask for.

use std::ops::ControlFlow;

use igor_core::Storage;

use crate::commit::commit_one;
use crate::driver::{Command, Event};
use crate::event::{RunEvent, StopReason};
use crate::launch::Launched;
use crate::worker::Carried;

/// Drives `launched` until its run is over. `time` says what time it is on the driver's clock, after it
/// let time pass until the moment it is given, if any. Events go to `sink`; when it breaks, nothing more
/// is done, as when the process is killed, and there is no reason for an end.
pub async fn lockstep(
    launched: &mut Launched,
    storage: &dyn Storage,
    time: &mut dyn FnMut(Option<u64>) -> u64,
    sink: &mut dyn FnMut(RunEvent) -> ControlFlow<()>,
) -> Option<StopReason> {
    let Launched { driver, worker, verifier, .. } = launched;
    let mut timer_ns = None;
    driver.begin(time(None));
    loop {
        let Some(command) = driver.poll() else {
            driver.handle(time(timer_ns.take()), Event::Timer);
            continue;
        };
        let event = match worker.carry_out(command, driver.purse()) {
            Carried::Out(event) => Some(event),
            Carried::Back(Command::Commit(batch)) => {
                Some(Event::Committed(commit_one(storage, batch).await))
            }
            Carried::Back(Command::Verify(job)) => {
                verifier.as_mut().map(|verifier| Event::Verified(verifier.check(job)))
            }
            Carried::Back(Command::SetTimer(at_ns)) => {
                timer_ns = Some(at_ns);
                None
            }
            Carried::Back(Command::Emit(event)) => {
                if sink(event).is_break() {
                    return None;
                }
                None
            }
            Carried::Back(Command::Finish(reason)) => return Some(reason),
            Carried::Back(_) => None,
        };
        if let Some(event) = event {
            driver.handle(time(None), event);
        }
    }
}
