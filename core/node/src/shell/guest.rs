//! The thread that an agent's guest code runs on: it has the stack that the engine asks for, and
//! nothing on it waits for anything but the next command.

use std::sync::mpsc;
use std::thread::{Builder, JoinHandle};

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::driver::{Command, Event};
use crate::purse::Purse;
use crate::worker::{Carried, Worker};

/// A worker on a thread of its own.
pub(super) struct GuestThread {
    commands: Option<mpsc::Sender<(Command, Purse)>>,
    events: UnboundedReceiver<Event>,
    thread: Option<JoinHandle<()>>,
}

impl GuestThread {
    /// Starts the thread.
    pub(super) fn start(mut worker: Worker, stack_bytes: usize) -> std::io::Result<Self> {
        let (commands, to_do) = mpsc::channel::<(Command, Purse)>();
        let (done, events) = unbounded_channel();
        let work = move || {
            for (command, purse) in to_do {
                if let Carried::Out(event) = worker.carry_out(command, &purse)
                    && done.send(event).is_err()
                {
                    return;
                }
            }
        };
        let name = "guest".to_owned();
        let thread = Builder::new().name(name).stack_size(stack_bytes).spawn(work)?;
        Ok(Self { commands: Some(commands), events, thread: Some(thread) })
    }

    /// Hands over a command about the guest.
    pub(super) fn carry_out(&self, command: Command, purse: &Purse) {
        if let Some(commands) = &self.commands {
            // A thread that is gone has panicked, which the next event tells.
            let _ = commands.send((command, purse.clone()));
        }
    }

    /// What the next command came to.
    pub(super) async fn event(&mut self) -> Event {
        match self.events.recv().await {
            Some(event) => event,
            None => {
                self.join();
                std::future::pending().await
            }
        }
    }

    /// Ends the thread; a panic on it goes on here.
    fn join(&mut self) {
        self.commands = None;
        if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join)
            && !std::thread::panicking()
        {
            std::panic::resume_unwind(panic);
        }
    }
}

impl Drop for GuestThread {
    fn drop(&mut self) {
        self.join();
    }
}
