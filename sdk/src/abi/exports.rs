//! The bodies of the exported functions: where the one agent of a module lives, and how a call that
//! cannot go on is reported and trapped. It does not decide what an agent's state is.

#![expect(unsafe_code, reason = "the node passes pointers, and one agent lives in a static")]

use alloc::format;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

use crate::abi::imports;
use crate::{Agent, from_state, state_of};

/// Where the one agent of a module lives, between the calls of the node.
pub struct Slot<A> {
    agent: RefCell<Option<A>>,
    state: Cell<Vec<u8>>,
    report: fn(&str),
}

// SAFETY: a module without the threads proposal, which igor refuses, has one thread.
unsafe impl<A> Sync for Slot<A> {}

/// The buffer that the node wrote a state into; `None` if there is none where there should be.
pub struct StateBuffer(Option<&'static [u8]>);

impl StateBuffer {
    /// Takes what the node passed to `agent_resume`.
    pub fn of_node(state: *const u8, length: usize) -> Self {
        if length == 0 {
            return Self(Some(&[]));
        }
        if state.is_null() {
            return Self(None);
        }
        // SAFETY: the node passes a buffer that `malloc` made for this length and that it has
        // written in full; nobody frees it.
        Self(Some(unsafe { core::slice::from_raw_parts(state, length) }))
    }
}

impl<A: Agent> Slot<A> {
    /// An empty slot that tells `report` why a call traps.
    pub const fn new(report: fn(&str)) -> Self {
        Self { agent: RefCell::new(None), state: Cell::new(Vec::new()), report }
    }

    /// `agent_init`.
    pub fn init(&self) {
        let agent = A::init();
        self.replace("agent_init", agent);
    }

    /// `agent_tick`.
    pub fn tick(&self) -> i32 {
        let Ok(mut agent) = self.agent.try_borrow_mut() else {
            self.fail("agent_tick: called from within another call")
        };
        match agent.as_mut() {
            Some(agent) => i32::from(agent.tick()),
            None => self.fail("agent_tick: called before agent_init"),
        }
    }

    /// `agent_checkpoint`.
    pub fn checkpoint(&self) -> usize {
        let Ok(agent) = self.agent.try_borrow() else {
            self.fail("agent_checkpoint: called from within another call")
        };
        let Some(agent) = agent.as_ref() else {
            self.fail("agent_checkpoint: called before agent_init")
        };
        let state = state_of(agent);
        let length = state.len();
        self.state.set(state);
        length
    }

    /// `agent_checkpoint_ptr`.
    pub fn checkpoint_ptr(&self) -> *const u8 {
        let state = self.state.take();
        let pointer = state.as_ptr();
        self.state.set(state);
        pointer
    }

    /// `agent_resume`; an empty state leaves the agent as it was born.
    pub fn resume(&self, state: StateBuffer) {
        let Some(state) = state.0 else { self.fail("agent_resume: the state is nowhere") };
        if state.is_empty() {
            return;
        }
        match from_state(state) {
            Ok(agent) => self.replace("agent_resume", agent),
            Err(error) => self.fail(&format!("agent_resume: {error}")),
        }
    }

    fn replace(&self, call: &str, agent: A) {
        match self.agent.try_borrow_mut() {
            Ok(mut slot) => *slot = Some(agent),
            Err(_) => self.fail(&format!("{call}: called from within another call")),
        }
    }

    fn fail(&self, why: &str) -> ! {
        (self.report)(why);
        core::arch::wasm32::unreachable()
    }
}

/// Says why a call traps, in the log.
pub fn report(why: &str) {
    imports::log_emit(why.as_bytes());
}

/// Says nothing: for agents without the capability `log`.
pub fn stay_silent(_why: &str) {}

/// `malloc`: memory for the node to write a state into. The agent that resumes from it never gives
/// it back, so it lasts as long as the instance.
#[cfg(target_os = "unknown")]
pub fn allocate(length: usize) -> *mut u8 {
    use core::alloc::Layout;
    match Layout::from_size_align(length.max(1), 16) {
        // SAFETY: the layout is not empty.
        Ok(layout) => unsafe { alloc::alloc::alloc(layout) },
        Err(_) => core::ptr::null_mut(),
    }
}

/// Reports a panic, then traps. A panic while reporting one, as when no memory is left, only traps.
#[cfg(target_os = "unknown")]
pub fn panicked(info: &core::panic::PanicInfo<'_>, report: fn(&str)) -> ! {
    use core::sync::atomic::{AtomicBool, Ordering};
    static PANICKED: AtomicBool = AtomicBool::new(false);
    if PANICKED.swap(true, Ordering::Relaxed) {
        core::arch::wasm32::unreachable()
    }
    match info.location() {
        Some(location) => report(&format!("panicked at {location}: {}", info.message())),
        None => report(&format!("panicked: {}", info.message())),
    }
    core::arch::wasm32::unreachable()
}
