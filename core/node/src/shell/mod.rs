//! The only part of the node that waits: it carries out a driver's commands under tokio, with real
//! timers, until the run is over. It decides nothing.

mod stop;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use igor_core::{Clock, Storage};

pub use stop::{StopHandle, StopSignal};

use crate::driver::{Command, Driver, Event};
use crate::event::{RunEvent, StopReason};
use crate::worker::Worker;

/// Drives an agent to its end. Events go to `sink`; when it breaks, the run ends as if it had been
/// asked to stop.
///
/// Guest calls run on the calling thread; see [`on_guest_thread`].
pub async fn drive(
    driver: &mut Driver,
    worker: &mut Worker,
    storage: &Arc<dyn Storage>,
    clock: &dyn Clock,
    stop: &mut StopSignal,
    sink: &mut dyn FnMut(RunEvent) -> ControlFlow<()>,
) -> StopReason {
    let mut timer_ns = u64::MAX;
    let mut is_stop_passed_on = false;
    driver.begin(clock.monotonic_ns());
    loop {
        while let Some(command) = driver.poll() {
            let event = match command {
                Command::Start { tick, state } => {
                    worker.start(tick, state.as_deref(), driver.purse())
                }
                Command::Tick(tick) => worker.tick(tick, driver.purse()),
                Command::Commit(batch) => {
                    let result = storage.commit(batch).await.pop();
                    Event::Committed(result.unwrap_or_else(|| Ok(Default::default())))
                }
                Command::SetTimer(at_ns) => {
                    timer_ns = at_ns;
                    continue;
                }
                Command::Emit(event) => match sink(event) {
                    ControlFlow::Continue(()) => continue,
                    ControlFlow::Break(()) => Event::Stop,
                },
                Command::Finish(reason) => return reason,
            };
            driver.handle(clock.monotonic_ns(), event);
        }
        let wait = Duration::from_nanos(timer_ns.saturating_sub(clock.monotonic_ns()));
        let event = tokio::select! {
            biased;
            () = stop.asked(), if !is_stop_passed_on => {
                is_stop_passed_on = true;
                Event::Stop
            }
            () = tokio::time::sleep(wait) => Event::Timer,
        };
        driver.handle(clock.monotonic_ns(), event);
    }
}

/// Runs `body` on a thread of its own that has `stack_bytes` of stack, within a single-threaded tokio
/// runtime.
///
/// # Errors
/// When the thread or the runtime cannot be made.
pub fn on_guest_thread<T, F>(
    stack_bytes: usize,
    body: impl FnOnce() -> F + Send,
) -> std::io::Result<T>
where
    T: Send,
    F: Future<Output = T>,
{
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("guest".to_owned())
            .stack_size(stack_bytes)
            .spawn_scoped(scope, || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
            Ok(runtime.block_on(body()))
        })?;
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
