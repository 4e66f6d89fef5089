//! An agent whose ticks a benchmark calls for one by one, with everything that the node does for a tick
//! but the waiting: what is to be written is written at once.

use std::hint::black_box;
use std::sync::Arc;

use conformance::world::{Guest, World, amount};
use igor_core::{Clock, Storage};
use igor_node::{Carried, Command, CommitMode, Event, Launched, RunEvent};

use super::clock::OsClock;

/// An agent that is ticked by hand instead of by timers.
pub(crate) struct Ticking {
    launched: Launched,
    storage: Arc<dyn Storage>,
    clock: Arc<OsClock>,
}

impl Ticking {
    /// The guest in a world of memory, waiting for its first tick.
    pub(crate) fn new(engine: &str, guest: &Guest, mode: CommitMode) -> Self {
        let clock = Arc::new(OsClock::new());
        let mut world = World::in_memory(engine);
        world.node.mode = mode;
        world.node.clock = clock.clone();
        world.plan.tick_interval_ns = 0;
        world.plan.checkpoint_interval_ns = u64::MAX;
        world.budget = amount("9000000000");
        let launched = world.launch(guest, None).unwrap();
        let mut ticking = Self { launched, storage: world.node.storage.0, clock };
        ticking.launched.driver.begin(0);
        // The first save goes before it.
        while !ticking.has_ticked() {}
        ticking
    }

    /// Runs a tick until it is shown.
    pub(crate) fn tick(&mut self) {
        self.launched.driver.handle(self.clock.monotonic_ns(), Event::Timer);
        while !self.has_ticked() {}
    }

    /// Carries out one command; whether it showed a tick.
    fn has_ticked(&mut self) -> bool {
        let Launched { driver, worker, .. } = &mut self.launched;
        let Some(command) = driver.poll() else {
            driver.handle(u64::MAX / 2, Event::Timer);
            return false;
        };
        let event = match worker.carry_out(command, driver.purse()) {
            Carried::Out(event) => event,
            Carried::Back(Command::Commit(batch)) => {
                Event::Committed(pollster::block_on(self.storage.commit(batch)).pop().unwrap())
            }
            Carried::Back(Command::Emit(RunEvent::Ticked(ticked))) => {
                black_box(ticked);
                return true;
            }
            Carried::Back(Command::Emit(RunEvent::Stopped(stopped))) => panic!("{stopped:?}"),
            Carried::Back(Command::Emit(event)) => {
                black_box(event);
                return false;
            }
            Carried::Back(Command::Finish(reason)) => panic!("{reason}"),
            Carried::Back(_) => return false,
        };
        driver.handle(u64::MAX / 2, event);
        false
    }
}
