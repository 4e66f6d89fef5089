//! How a run is asked to end from outside, by a signal handler for one. It knows no signals itself.

use igor_core::gas::CancelFlag;
use tokio::sync::watch;

/// Asks a run to end.
#[derive(Debug, Clone)]
pub struct StopHandle {
    asked: watch::Sender<bool>,
    cancel: CancelFlag,
}

/// Hears that a run is to end.
#[derive(Debug, Clone)]
pub struct StopSignal(watch::Receiver<bool>);

impl StopHandle {
    /// A handle whose second request cancels the running guest call through `cancel`.
    pub fn new(cancel: CancelFlag) -> (Self, StopSignal) {
        let (asked, signal) = watch::channel(false);
        (Self { asked, cancel }, StopSignal(signal))
    }

    /// Asks the run to end after the running guest call; asked again, to give up that call too.
    pub fn stop(&self) {
        if self.asked.send_replace(true) {
            self.cancel.cancel();
        }
    }
}

impl StopSignal {
    /// Returns when the run is to end; never, if there is no one left to ask.
    pub async fn asked(&mut self) {
        if self.0.wait_for(|asked| *asked).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
