//! Threads that guest code runs on: each has the stack that its engine asks for, and nothing on it
//! waits for anything but the next thing to do.

use std::sync::mpsc;
use std::thread::{Builder, JoinHandle};

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Native stack for the node's own calls below the guest's.
const NODE_STACK_BYTES: usize = 1 << 20;

/// Does one thing after the other on a thread of its own.
pub(super) struct GuestThread<I, O> {
    inputs: Option<mpsc::Sender<I>>,
    outputs: UnboundedReceiver<O>,
    thread: Option<JoinHandle<()>>,
}

impl<I: Send + 'static, O: Send + 'static> GuestThread<I, O> {
    /// Starts a thread with so much stack for the guest; `work` may answer what it is given.
    pub(super) fn start(
        name: &str,
        stack_bytes: usize,
        mut work: impl FnMut(I) -> Option<O> + Send + 'static,
    ) -> std::io::Result<Self> {
        let (inputs, to_do) = mpsc::channel();
        let (done, outputs) = unbounded_channel();
        let body = move || {
            for input in to_do {
                if work(input).is_some_and(|output| done.send(output).is_err()) {
                    return;
                }
            }
        };
        let stack_bytes = stack_bytes.saturating_add(NODE_STACK_BYTES);
        let thread = Builder::new().name(name.to_owned()).stack_size(stack_bytes).spawn(body)?;
        Ok(Self { inputs: Some(inputs), outputs, thread: Some(thread) })
    }

    /// Hands over something to do.
    pub(super) fn give(&self, input: I) {
        if let Some(inputs) = &self.inputs {
            // A thread that is gone has panicked, which the next answer tells.
            let _ = inputs.send(input);
        }
    }

    /// The next answer.
    pub(super) async fn answer(&mut self) -> O {
        match self.outputs.recv().await {
            Some(output) => output,
            None => {
                self.join();
                std::future::pending().await
            }
        }
    }

    /// Lets go of the thread, which ends after what it is doing.
    pub(super) fn detach(mut self) {
        self.inputs = None;
        self.thread = None;
    }
}

impl<I, O> GuestThread<I, O> {
    /// Ends the thread; a panic on it goes on here.
    fn join(&mut self) {
        self.inputs = None;
        if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join)
            && !std::thread::panicking()
        {
            std::panic::resume_unwind(panic);
        }
    }
}

impl<I, O> Drop for GuestThread<I, O> {
    fn drop(&mut self) {
        self.join();
    }
}
