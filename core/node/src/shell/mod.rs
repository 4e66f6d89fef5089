//! The only part of the node that waits: it carries out what drivers command under tokio, with real
//! timers, for one agent or for many. It decides nothing.

mod fleet;
mod guest;
pub mod moving;
mod pool;
mod stop;
pub mod wire;

use std::ops::ControlFlow;
use std::sync::Arc;

use igor_core::format::AgentId;
use igor_core::lease::LeaseTerms;
use igor_core::{Clock, Storage};

pub use fleet::{Deck, FleetHandle, FleetOrders, Told, run_fleet};
pub(crate) use guest::on_guest_stack;
pub use pool::Crew;
pub use stop::{StopHandle, StopSignal};

use crate::event::{RunEvent, StopReason};
use crate::launch::Launched;

/// Drives a launched agent to its end: a fleet of one, with a thread for its guest code and one for
/// checks, if anything is checked. Events go to `sink`; when it breaks, the run ends as if it had been
/// asked to stop.
///
/// # Errors
/// When a thread cannot be made.
pub async fn drive(
    launched: Launched,
    storage: &Arc<dyn Storage>,
    clock: &Arc<dyn Clock>,
    lease: Option<LeaseTerms>,
    stop: &mut StopSignal,
    sink: &mut dyn FnMut(RunEvent) -> ControlFlow<()>,
) -> std::io::Result<StopReason> {
    let agent = launched.driver.agent().clone();
    let checks = launched.verifier.as_ref().map(|verifier| verifier.native_stack_bytes());
    let deck = Deck {
        guests: Crew { threads: 1, stack_bytes: launched.worker.native_stack_bytes() },
        checks: Crew {
            threads: usize::from(checks.is_some()),
            stack_bytes: checks.unwrap_or_default(),
        },
        storage: Arc::clone(storage),
        clock: Arc::clone(clock),
        lease,
    };
    let (handle, orders) = FleetHandle::new();
    handle.add(launched);
    let mut reason = StopReason::Fault;
    let mut told = |_: &AgentId, told: Told| match told {
        Told::Event(event) => sink(event),
        Told::Ended(why) => {
            reason = why;
            ControlFlow::Continue(())
        }
        // Nobody asks it to leave.
        Told::Offer(_) | Told::CannotOffer(_) | Told::NotOffered(_) | Told::Refused => {
            ControlFlow::Continue(())
        }
    };
    {
        let mut run = std::pin::pin!(run_fleet(deck, orders, true, &mut told));
        tokio::select! {
            ended = &mut run => ended,
            () = stop.asked() => {
                handle.stop(agent);
                run.await
            }
        }?;
    }
    Ok(reason)
}

/// Waits for `body` within a tokio runtime that has one thread more for what goes on beside it.
///
/// # Errors
/// When the runtime cannot be made.
pub fn block_on<T>(body: impl Future<Output = T>) -> std::io::Result<T> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build()?;
    Ok(runtime.block_on(body))
}
