//! A node for native tests: it answers an agent's hostcalls on the current thread, so that `cargo
//! test` tests an agent without wasm. It charges nothing, limits nothing but the size of one
//! [`rand_bytes`](crate::rand_bytes) call, and records only what the agent wrote to its log.
//!
//! Every answer is determined by how the mock was built. Without a mock, a hostcall panics.

pub(crate) mod answers;
mod source;

use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::marker::PhantomData;
use std::thread_local;

use source::{Clock, Random};

thread_local! {
    static NODE: RefCell<Option<Node>> = const { RefCell::new(None) };
}

/// What the installed mock answers from.
struct Node {
    clock: Clock,
    random: Random,
    balance: i64,
    receipts: Vec<Vec<u8>>,
    price: i64,
    log: Vec<String>,
    may_move: bool,
    wishes: Vec<(i64, String)>,
}

/// A node to be installed. By default its clock starts at one second and advances by one second
/// with each reading, its random bytes come from a fixed seed, and balance, price and receipts are
/// nothing.
pub struct Mock(Node);

impl Mock {
    /// A mock with the defaults.
    pub fn new() -> Self {
        Self(Node {
            clock: Clock::Steps { next_ns: 1_000_000_000, step_ns: 1_000_000_000 },
            random: Random::Seeded(0),
            balance: 0,
            receipts: Vec::new(),
            price: 0,
            log: Vec::new(),
            may_move: true,
            wishes: Vec::new(),
        })
    }

    /// The clock shows `first_ns`, and with each reading `step_ns` more.
    #[must_use]
    pub fn clock_steps(mut self, first_ns: i64, step_ns: i64) -> Self {
        self.0.clock = Clock::Steps { next_ns: first_ns, step_ns };
        self
    }

    /// The clock shows these values in turn; a reading after the last one panics.
    #[must_use]
    pub fn clock_script(mut self, values_ns: impl IntoIterator<Item = i64>) -> Self {
        self.0.clock = Clock::Script(values_ns.into_iter().collect());
        self
    }

    /// The clock shows what `read` returns.
    #[must_use]
    pub fn clock_from(mut self, read: impl Fn() -> i64 + 'static) -> Self {
        self.0.clock = Clock::Function(Rc::new(read));
        self
    }

    /// Random bytes come from a generator with this seed.
    #[must_use]
    pub fn random_seed(mut self, seed: u64) -> Self {
        self.0.random = Random::Seeded(seed);
        self
    }

    /// Random bytes are these in turn; asking for more than are left panics.
    #[must_use]
    pub fn random_script(mut self, bytes: impl IntoIterator<Item = u8>) -> Self {
        self.0.random = Random::Script(bytes.into_iter().collect());
        self
    }

    /// The node has no random bytes to give.
    #[must_use]
    pub fn without_random(mut self) -> Self {
        self.0.random = Random::Absent;
        self
    }

    /// The agent's budget in microcents.
    #[must_use]
    pub fn balance(mut self, microcents: i64) -> Self {
        self.0.balance = microcents;
        self
    }

    /// One more receipt.
    #[must_use]
    pub fn receipt(mut self, receipt: impl Into<Vec<u8>>) -> Self {
        self.0.receipts.push(receipt.into());
        self
    }

    /// What the node charges, in microcents per second.
    #[must_use]
    pub fn price(mut self, microcents_per_second: i64) -> Self {
        self.0.price = microcents_per_second;
        self
    }

    /// The manifest forbids that the agent is moved.
    #[must_use]
    pub fn without_moves(mut self) -> Self {
        self.0.may_move = false;
        self
    }

    /// Answers hostcalls on this thread until the returned value is dropped.
    ///
    /// # Panics
    /// When a mock answers on this thread already.
    #[must_use = "the mock answers until this is dropped"]
    pub fn install(self) -> Installed {
        NODE.with_borrow_mut(|node| {
            assert!(node.is_none(), "a mock answers on this thread already; drop it first");
            *node = Some(self.0);
        });
        Installed { on_this_thread: PhantomData }
    }
}

impl Default for Mock {
    fn default() -> Self {
        Self::new()
    }
}

/// A mock that answers. It stops when dropped.
pub struct Installed {
    on_this_thread: PhantomData<*const ()>,
}

impl Installed {
    /// The log lines written so far, and forgets them.
    pub fn take_log(&self) -> Vec<String> {
        change(|node| core::mem::take(&mut node.log))
    }

    /// Where the agent asked to go so far, by price and name, and forgets it.
    pub fn take_wishes(&self) -> Vec<(i64, String)> {
        change(|node| core::mem::take(&mut node.wishes))
    }

    /// Changes the clock as [`Mock::clock_steps`] does.
    pub fn set_clock(&self, next_ns: i64, step_ns: i64) {
        change(|node| node.clock = Clock::Steps { next_ns, step_ns });
    }

    /// Changes the agent's budget.
    pub fn set_balance(&self, microcents: i64) {
        change(|node| node.balance = microcents);
    }

    /// Changes what the node charges.
    pub fn set_price(&self, microcents_per_second: i64) {
        change(|node| node.price = microcents_per_second);
    }

    /// Adds a receipt.
    pub fn add_receipt(&self, receipt: impl Into<Vec<u8>>) {
        let receipt = receipt.into();
        change(|node| node.receipts.push(receipt));
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        NODE.with_borrow_mut(|node| *node = None);
    }
}

fn change<T>(change: impl FnOnce(&mut Node) -> T) -> T {
    NODE.with_borrow_mut(|node| {
        change(node.as_mut().expect("an `Installed` lives only while its node is installed"))
    })
}
