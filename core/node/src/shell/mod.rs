//! The only part of the node that waits: it carries out a driver's commands under tokio, with real
//! timers, until the run is over. It decides nothing.

mod guest;
mod stop;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use igor_core::storage::{Batch, Committed, StorageError};
use igor_core::{Clock, Storage};

use tokio::task::JoinHandle;

use guest::GuestThread;
pub use stop::{StopHandle, StopSignal};

use crate::driver::{Command, Event};
use crate::event::{RunEvent, StopReason};
use crate::launch::Launched;
use crate::purse::Purse;
use crate::verify::{Job, Verification, Verifier};
use crate::worker::Carried;

/// Drives a launched agent to its end, with its guest code on threads of their own. Events go to
/// `sink`; when it breaks, the run ends as if it had been asked to stop.
///
/// # Errors
/// When a thread cannot be made.
pub async fn drive(
    launched: Launched,
    storage: &Arc<dyn Storage>,
    clock: &dyn Clock,
    stop: &mut StopSignal,
    sink: &mut dyn FnMut(RunEvent) -> ControlFlow<()>,
) -> std::io::Result<StopReason> {
    let Launched { mut driver, mut worker, verifier, holds, .. } = launched;
    let mut guest = GuestThread::start("guest", worker.native_stack_bytes(), {
        move |(command, purse): (Command, Purse)| match worker.carry_out(command, &purse) {
            Carried::Out(event) => Some(event),
            Carried::Back(_) => None,
        }
    })?;
    let mut checking = Checking::start(verifier)?;
    let mut timer_ns = u64::MAX;
    let mut is_stop_passed_on = false;
    let mut writing = Writing(None);
    driver.begin(clock.monotonic_ns());
    loop {
        while let Some(command) = driver.poll() {
            match command {
                Command::Commit(batch) => writing.begin(storage, batch),
                Command::Verify(job) => checking.begin(job),
                Command::SetTimer(at_ns) => timer_ns = at_ns,
                Command::Emit(event) => {
                    if sink(event).is_break() {
                        driver.handle(clock.monotonic_ns(), Event::Stop);
                    }
                }
                Command::Finish(reason) => {
                    checking.detach();
                    drop(holds);
                    return Ok(reason);
                }
                command => guest.give((command, driver.purse().clone())),
            }
        }
        let wait = Duration::from_nanos(timer_ns.saturating_sub(clock.monotonic_ns()));
        let event = tokio::select! {
            biased;
            () = stop.asked(), if !is_stop_passed_on => {
                is_stop_passed_on = true;
                Event::Stop
            }
            written = writing.end() => Event::Committed(written),
            event = guest.answer() => event,
            verification = checking.end() => Event::Verified(verification),
            () = tokio::time::sleep(wait), if timer_ns != u64::MAX => {
                timer_ns = u64::MAX;
                Event::Timer
            }
        };
        driver.handle(clock.monotonic_ns(), event);
    }
}

/// The thread that checks what happens, if anything does.
struct Checking(Option<GuestThread<Job, Verification>>);

impl Checking {
    fn start(verifier: Option<Verifier>) -> std::io::Result<Self> {
        let Some(mut verifier) = verifier else { return Ok(Self(None)) };
        let stack_bytes = verifier.native_stack_bytes();
        let check = move |job| Some(verifier.check(job));
        Ok(Self(Some(GuestThread::start("verifier", stack_bytes, check)?)))
    }

    fn begin(&self, job: Job) {
        if let Some(thread) = &self.0 {
            thread.give(job);
        }
    }

    async fn end(&mut self) -> Verification {
        match &mut self.0 {
            Some(thread) => thread.answer().await,
            None => std::future::pending().await,
        }
    }

    /// Nobody waits for a check any more.
    fn detach(self) {
        if let Some(thread) = self.0 {
            thread.detach();
        }
    }
}

/// The one batch that may be on its way to the store, beside the guest's work.
struct Writing(Option<JoinHandle<Result<Committed, StorageError>>>);

impl Writing {
    fn begin(&mut self, storage: &Arc<dyn Storage>, batch: Batch) {
        let storage = Arc::clone(storage);
        self.0 = Some(tokio::spawn(async move {
            let result = storage.commit(batch).await.pop();
            result.unwrap_or_else(|| Ok(Committed::default()))
        }));
    }

    /// Waits until the batch is written, or forever if there is none. May be cancelled.
    async fn end(&mut self) -> Result<Committed, StorageError> {
        let Some(handle) = &mut self.0 else { return std::future::pending().await };
        let joined = handle.await;
        self.0 = None;
        joined.unwrap_or_else(|error| match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => Err(StorageError::Poisoned { cause: error.to_string() }),
        })
    }
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
