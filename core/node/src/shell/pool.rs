//! Threads that do one thing after the other, each taking the next from a common queue: guest work and
//! checks run here, because they need more stack than others and do not wait. A thread belongs to no
//! agent.

use std::io;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{Builder, JoinHandle};

/// Native stack for the node's own calls below the guest's.
const NODE_STACK_BYTES: usize = 1 << 20;

/// How many threads of which kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crew {
    /// How many threads.
    pub threads: usize,
    /// The stack that each needs for a guest, in bytes.
    pub stack_bytes: usize,
}

/// Threads with a queue.
pub(super) struct Pool<I> {
    inputs: Option<mpsc::Sender<I>>,
    threads: Vec<JoinHandle<()>>,
}

impl<I: Send + 'static> Pool<I> {
    /// Starts the threads; each does `work` on what it takes.
    pub(super) fn start(
        name: &str,
        crew: Crew,
        work: impl Fn(I) + Clone + Send + 'static,
    ) -> io::Result<Self> {
        let (inputs, queue) = mpsc::channel::<I>();
        let queue = Arc::new(Mutex::new(queue));
        let stack_bytes = crew.stack_bytes.saturating_add(NODE_STACK_BYTES);
        let mut pool = Self { inputs: Some(inputs), threads: Vec::new() };
        for _ in 0..crew.threads {
            let (queue, work) = (Arc::clone(&queue), work.clone());
            let next = move || queue.lock().unwrap_or_else(PoisonError::into_inner).recv().ok();
            let body = move || {
                while let Some(input) = next() {
                    work(input);
                }
            };
            let builder = Builder::new().name(name.to_owned()).stack_size(stack_bytes);
            pool.threads.push(builder.spawn(body)?);
        }
        Ok(pool)
    }

    /// Hands over something to do.
    pub(super) fn give(&self, input: I) {
        if let Some(inputs) = &self.inputs {
            // The threads only end when nothing more can be given.
            let _ = inputs.send(input);
        }
    }

    /// Lets go of the threads, which end after what they are doing.
    pub(super) fn detach(mut self) {
        self.inputs = None;
        self.threads.clear();
    }
}

impl<I> Drop for Pool<I> {
    fn drop(&mut self) {
        self.inputs = None;
        for thread in self.threads.drain(..) {
            if let Err(panic) = thread.join()
                && !std::thread::panicking()
            {
                std::panic::resume_unwind(panic);
            }
        }
    }
}
