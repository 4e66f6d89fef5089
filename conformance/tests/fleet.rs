//! Many agents in one process: each lives as if it were alone, whatever the others do and in whatever
//! order things come to their end; what they write goes together; and an agent that breaks ends alone.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use conformance::world::{FleetTranscript, Guest, SteppingClock, Transcript, World, amount};
use conformance::world::{run_fleet, verify};
use igor_core::Clock;
use igor_core::format::{AgentId, FundId};
use igor_core::lease::{Lease, LeaseTerms, Moment};
use igor_core::storage::Key;
use igor_engine_wasmi as _;
use igor_engine_wasmtime as _;
use igor_meter_gas as _;
use igor_node::fleet::{Fleet, Task};
use igor_node::shell::{Crew, Deck, FleetHandle, Told, block_on};
use igor_node::{
    CheckPlan, Event, Launched, OnDivergence, OnHiddenState, RunEvent, StopReason, Tenure,
};
use igor_storage_memory as _;

const AGENTS: u8 = 50;
const TICKS: u64 = 20;
const CLOCK: &str = r#"{"capabilities":{"clock":{"version":1}}}"#;

/// An agent whose state is one number. What it does in a tick is to be filled in.
fn guest(name: &str, tick: &str, manifest: &str) -> Guest {
    let import = if manifest == CLOCK {
        r#"(import "igor" "clock_now" (func $now (result i64)))"#
    } else {
        ""
    };
    let text = format!(
        r#"(module
          {import}
          (memory (export "memory") 1)
          (func (export "agent_init"))
          (func (export "agent_tick") (result i32) {tick} (i32.const 0))
          (func (export "agent_checkpoint") (result i32) (i32.const 8))
          (func (export "agent_checkpoint_ptr") (result i32) (i32.const 0))
          (func (export "malloc") (param i32) (result i32) (i32.const 64))
          (func (export "agent_resume") (param i32 i32)
            (i64.store (i32.const 0) (i64.load (local.get 0)))))"#
    );
    Guest::wat(name, &text, manifest)
}

/// Counts, in steps of its own.
fn counter(name: &str, step: u8) -> Guest {
    let tick =
        format!("(i64.store (i32.const 0) (i64.add (i64.load (i32.const 0)) (i64.const {step})))");
    guest(name, &tick, "{}")
}

/// Sums up what the clock says.
fn clock_reader(name: &str) -> Guest {
    let tick = "(i64.store (i32.const 0) (i64.add (i64.load (i32.const 0)) (call $now)))";
    guest(name, tick, CLOCK)
}

/// Never comes to the end of a tick.
fn endless(name: &str) -> Guest {
    guest(name, "(loop $again (br $again))", "{}")
}

/// A world in which time stands still while anything is under way.
fn still(engine: &str) -> World {
    let mut world = World::in_memory(engine);
    let clock = Arc::new(SteppingClock::new(1_700_000_000_000_000_000, 0));
    world.node.clock = Arc::<SteppingClock>::clone(&clock);
    world.clock = clock;
    world
}

/// Fifty agents of several kinds.
fn guests() -> Vec<Guest> {
    let of = |number: u8| {
        let name = format!("agent-{number:02}");
        match number % 5 {
            0 => clock_reader(&name),
            1 => Guest { agent: name, ..Guest::prebuilt("heartbeat") },
            step => counter(&name, step),
        }
    };
    (0..AGENTS).map(of).collect()
}

/// Each guest with a key of its own, ready for so many ticks. The store belongs to a node already, so
/// that it does not matter who comes first.
fn launch(world: &mut World, guests: &[Guest], ticks: Option<u64>) -> Vec<Launched> {
    let launched = guests.iter().zip(1_u8..).map(|(guest, number)| {
        world.key_seed = [number; 32];
        world.launch(guest, ticks).unwrap_or_else(|error| panic!("{}: {error}", guest.agent))
    });
    launched.collect()
}

fn together(
    world: &World,
    launched: Vec<Launched>,
    seed: u64,
    watch: impl FnMut(&mut Fleet, &AgentId, &RunEvent) + Send,
) -> FleetTranscript {
    world.with_stack(|| {
        let mut fleet = Fleet::default();
        for launched in launched {
            fleet.add(world.clock.monotonic_ns(), launched).expect("names differ");
        }
        run_fleet(&mut fleet, &*world.node.storage.0, &world.clock, seed, watch)
    })
}

/// What each guest does when it is the only one in its world.
fn alone(engine: &str, guests: &[Guest]) -> BTreeMap<AgentId, Transcript> {
    let each = guests.iter().zip(1_u8..).map(|(guest, number)| {
        let mut world = still(engine);
        world.key_seed = [number; 32];
        let transcript = world.run(guest, TICKS).expect("it is launched");
        (guest.agent.parse().expect("an agent id"), transcript)
    });
    each.collect()
}

#[test]
fn fifty_agents_live_as_each_does_alone() {
    let guests = guests();
    for engine in ["wasmi", "wasmtime"] {
        let alone = alone(engine, &guests);
        for seed in 0..3 {
            let mut world = still(engine);
            let launched = launch(&mut world, &guests, Some(TICKS));
            let found = together(&world, launched, seed, |_, _, _| {});
            assert_eq!(found.agents, alone, "{engine}, seed {seed}");
            for agent in alone.keys() {
                let storage = &*world.node.storage.0;
                let report = pollster::block_on(verify(storage, agent, 1 << 20));
                assert!(report.is_valid(), "{engine}, seed {seed}, {agent}: {report:#?}");
            }
        }
    }
}

#[test]
fn what_agents_write_at_one_time_goes_together() {
    let mut world = still("wasmi");
    let launched = launch(&mut world, &guests(), Some(TICKS));
    let found = together(&world, launched, 1, |_, _, _| {});
    let groups: usize = found.batches.iter().sum();
    let largest = found.batches.iter().max();
    assert!(found.batches.len() * 5 < groups, "{} for {groups} groups", found.batches.len());
    assert!(largest.is_some_and(|groups| *groups > 10), "{largest:?}");
}

#[test]
fn a_group_that_the_store_does_not_answer_for_is_not_taken_for_durable() {
    let mut world = still("wasmi");
    let (mut fleet, clock) = (Fleet::default(), Arc::clone(&world.clock));
    for launched in launch(&mut world, &[counter("a", 1)], Some(3)) {
        fleet.add(clock.monotonic_ns(), launched).expect("it is not here");
    }
    let mut shown = Vec::new();
    let reason = world.with_stack(|| {
        loop {
            match fleet.poll() {
                Some(Task::Work(work)) => fleet.worked(clock.monotonic_ns(), work.carry_out()),
                Some(Task::Emit(_, event)) => shown.push(event),
                Some(Task::Ended(_, reason)) => return reason,
                Some(Task::Check(_) | Task::Read(_)) => unreachable!("nothing is checked"),
                Some(Task::Offer(..) | Task::CannotOffer(..) | Task::NotOffered(..)) => {
                    unreachable!("nobody asked it to leave")
                }
                None if fleet.take_batch().is_some() => {
                    fleet.committed(clock.monotonic_ns(), Vec::new());
                }
                None => {
                    clock.advance_to(fleet.next_timer_ns().expect("it waits for something"));
                    fleet.wake(clock.monotonic_ns());
                }
            }
        }
    });
    assert_eq!(reason, StopReason::Storage);
    assert!(!shown.iter().any(|event| matches!(event, RunEvent::Ticked(_))), "{shown:?}");
}

#[test]
fn an_agent_that_joins_long_after_it_was_read_is_read_before_it_ticks() {
    let mut world = still("wasmi");
    let clock = Arc::clone(&world.clock);
    let now = || Moment::of(&*clock);
    let terms = LeaseTerms::new(Duration::from_secs(60), Duration::from_secs(10));
    let mut fleet = Fleet::under(Lease::new(terms.expect("a duration"), now()));
    let launched = launch(&mut world, &[counter("a", 1)], Some(3)).remove(0).read_at(now());
    clock.advance_to(now().monotonic_ns + 3_600_000_000_000);
    fleet.look(now());
    fleet.add(now().monotonic_ns, launched).expect("it is not here");
    let (mut ticks, mut ticks_unread, mut was_read) = (0, 0, false);
    world.with_stack(|| {
        loop {
            match fleet.poll() {
                Some(Task::Work(work)) => fleet.worked(now().monotonic_ns, work.carry_out()),
                Some(Task::Emit(_, RunEvent::Ticked(_))) => ticks += 1,
                Some(Task::Emit(..)) => {}
                Some(Task::Read(reading)) => {
                    (ticks_unread, was_read) = (ticks, true);
                    let ours = reading.carry_out(|_, _| std::future::ready(Tenure::Ours));
                    fleet.found(now(), pollster::block_on(ours));
                }
                Some(Task::Ended(..)) => return,
                Some(_) => unreachable!("nothing is checked or offered"),
                None => match fleet.take_batch() {
                    Some(batch) => {
                        let written = pollster::block_on(world.node.storage.0.commit(batch));
                        fleet.committed(now().monotonic_ns, written);
                    }
                    None => {
                        clock.advance_to(fleet.next_timer_ns().expect("it waits for something"));
                        fleet.look(now());
                        fleet.wake(now().monotonic_ns);
                    }
                },
            }
        }
    });
    assert_eq!((was_read, ticks_unread, ticks), (true, 0, 3));
}

#[test]
fn an_agent_that_never_returns_ends_alone() {
    let mut guests = guests();
    guests.insert(7, endless("endless"));
    let mut world = still("wasmtime");
    world.limits.tick_gas_max = 50_000_000;
    let launched = launch(&mut world, &guests, Some(TICKS));
    let found = together(&world, launched, 2, |_, _, _| {});
    assert_eq!(found.reason("endless"), StopReason::Trap);
    let well = found.agents.values().filter(|transcript| transcript.reason == StopReason::Ticks);
    assert_eq!(well.count(), usize::from(AGENTS));
}

/// A clock that breaks down when it is asked for the time of day.
#[derive(Debug)]
struct Broken(Arc<SteppingClock>);

impl Clock for Broken {
    fn unix_ns(&self) -> i64 {
        panic!("the clock is broken, as this test wants it")
    }

    fn monotonic_ns(&self) -> u64 {
        self.0.monotonic_ns()
    }
}

#[test]
fn an_agent_whose_worker_breaks_down_ends_alone_and_can_start_again() {
    for seed in 0..16 {
        breaks_down(seed);
    }
}

/// One of two agents breaks down, with things coming to their end in this order.
fn breaks_down(seed: u64) {
    // On the other engine a host that breaks down takes its thread's frames with it, and the process.
    let mut world = still("wasmtime");
    // A tick does not wait for what is being written of the one before.
    world.plan.tick_interval_ns = 0;
    let sound = Arc::clone(&world.node.clock);
    let mut launched = launch(&mut world, &[counter("sound", 1)], Some(TICKS));
    world.node.clock = Arc::new(Broken(Arc::clone(&world.clock)));
    let unlucky = clock_reader("unlucky");
    launched.extend(launch(&mut world, std::slice::from_ref(&unlucky), Some(TICKS)));
    let found = together(&world, launched, seed, |_, _, _| {});
    assert_eq!(found.reason("sound"), StopReason::Ticks);
    assert_eq!(found.reason("unlucky"), StopReason::Fault);
    let unlucky_events = found.agents.values().next_back().expect("both ended");
    let detail = unlucky_events.stopped().detail.clone().unwrap_or_default();
    assert!(detail.contains("as this test wants it"), "{detail}");
    world.node.clock = sound;
    assert_eq!(world.run(&unlucky, 3).expect("it starts").reason, StopReason::Ticks);
}

#[test]
fn a_paused_agent_runs_no_tick_and_goes_on_where_it_was() {
    let mut world = still("wasmi");
    let launched = launch(&mut world, &[counter("a", 1), counter("b", 1)], Some(TICKS));
    let (mut paused_at, mut others) = (None, 0);
    let found = together(&world, launched, 4, |fleet, agent, event| {
        let RunEvent::Ticked(ticked) = event else { return };
        let a: AgentId = "a".parse().unwrap();
        if *agent == a && ticked.tick.0 == 3 {
            assert!(fleet.ask(3_000_000_000, &a, Event::Pause));
            paused_at = Some(ticked.tick);
        } else if *agent != a && paused_at.is_some() {
            others += 1;
            if ticked.tick.0 == 12 {
                fleet.ask(12_000_000_000, &a, Event::Unpause);
            }
        } else if *agent == a && paused_at.is_some() {
            assert!(others >= 8, "tick {} while it rests", ticked.tick);
        }
    });
    for agent in ["a", "b"] {
        assert_eq!(found.reason(agent), StopReason::Ticks, "{agent}");
    }
    let events = &found.agents.values().next().unwrap().events;
    let told: Vec<_> = events
        .iter()
        .filter(|event| matches!(event, RunEvent::Paused(_) | RunEvent::Unpaused(_)))
        .collect();
    assert_eq!(told.len(), 2, "{told:?}");
}

/// Funds an agent at these ticks of its life; returns what it told.
fn funded(engine: &str, at: &'static [u64], checks: bool) -> (World, Transcript) {
    let mut world = still(engine);
    if checks {
        world.node.verifier = Some(World::in_memory("wasmi").node.engine);
        world.plan.checks = Some(CheckPlan {
            engine: "wasmi".to_owned(),
            window: 16,
            interval: 1,
            on_divergence: OnDivergence::Pause,
            on_hidden_state: OnHiddenState::Pause,
            tells_cost: false,
        });
    }
    world.budget = amount("0.05");
    let launched = launch(&mut world, &[counter("rich", 1)], Some(14));
    let mut found = together(&world, launched, 5, |fleet, agent, event| {
        let tick = match event {
            RunEvent::Started(_) => 0,
            RunEvent::Ticked(ticked) => ticked.tick.0,
            _ => return,
        };
        if at.contains(&tick) {
            let id = FundId::from_bytes([u8::try_from(tick).expect("a small number"); 16]);
            let (amount, now_ns) = (amount("1.5"), tick * 1_000_000_000);
            assert!(fleet.ask(now_ns, agent, Event::Fund { amount, id }));
        }
    });
    let (_, transcript) = found.agents.pop_first().expect("it ended");
    (world, transcript)
}

#[test]
fn a_running_agent_is_given_money_that_its_history_explains() {
    for (engine, at, checks) in [
        ("wasmi", &[0][..], false),
        ("wasmi", &[0, 3, 4], true),
        ("wasmtime", &[5, 7, 11], true),
        ("wasmi", &[12], false),
    ] {
        let (world, transcript) = funded(engine, at, checks);
        assert_eq!(transcript.reason, StopReason::Ticks, "{at:?}: {transcript:#?}");
        let grants = transcript.events.iter().filter_map(|event| match event {
            RunEvent::Granted(granted) => Some(granted),
            _ => None,
        });
        let mut count = 0;
        for granted in grants {
            assert_eq!(granted.before.checked_add(amount("1.5")), Some(granted.budget));
            count += 1;
        }
        assert_eq!(count, at.len(), "{at:?}");
        let agent: AgentId = "rich".parse().unwrap();
        let storage = &*world.node.storage.0;
        let report = pollster::block_on(verify(storage, &agent, 1 << 20));
        assert!(report.is_valid(), "{at:?}: {report:#?}");
        assert_eq!(report.funds.iter().filter(|fund| fund.applied).count(), at.len());
        let key = Key::Checkpoint(agent);
        let kept = pollster::block_on(storage.get(&key)).unwrap().unwrap().bytes;
        let kept = igor_core::format::Checkpoint::decode(&kept, 1 << 20).unwrap();
        assert_eq!(kept.header().budget, transcript.stopped().budget);
        assert!(transcript.stopped().budget > amount("1.5"));
        let again = world.run(&counter("rich", 1), 2).unwrap();
        assert_eq!(again.reason, StopReason::Ticks, "{at:?}");
    }
}

/// A clock that goes by itself.
#[derive(Debug)]
struct Real(Instant);

impl Clock for Real {
    fn unix_ns(&self) -> i64 {
        1_700_000_000_000_000_000
    }

    fn monotonic_ns(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_nanos()).expect("no test takes centuries")
    }
}

#[test]
fn the_shell_runs_many_agents_on_two_threads() {
    let mut guests = guests();
    guests.insert(3, endless("endless"));
    let mut world = still("wasmtime");
    world.node.clock = Arc::new(Real(Instant::now()));
    world.limits.tick_gas_max = 100_000_000;
    world.plan.tick_interval_ns = 1_000_000;
    world.plan.checkpoint_interval_ns = 10_000_000;
    let (handle, orders) = FleetHandle::new();
    let launched = launch(&mut world, &guests, Some(TICKS));
    let name = launched[0].driver.agent().clone();
    for launched in launched {
        handle.add(launched);
    }
    let again = launch(&mut still("wasmtime"), &[counter("agent-00", 1)], Some(TICKS));
    again.into_iter().for_each(|launched| handle.add(launched));
    let stack_bytes = world.node.engine.0.native_stack_bytes();
    let deck = Deck {
        guests: Crew { threads: 2, stack_bytes },
        checks: Crew { threads: 0, stack_bytes },
        storage: Arc::clone(&world.node.storage.0),
        clock: Arc::clone(&world.node.clock),
        lease: None,
    };
    let (mut reasons, mut refused) = (BTreeMap::new(), Vec::new());
    let mut sink = |agent: &AgentId, told: Told| {
        match told {
            Told::Ended(reason) => {
                reasons.insert(agent.clone(), reason);
            }
            Told::Refused => refused.push(agent.clone()),
            Told::Event(_) | Told::Offer(_) | Told::CannotOffer(_) | Told::NotOffered(_) => {}
        }
        ControlFlow::Continue(())
    };
    let begun = Instant::now();
    let left = block_on(igor_node::shell::run_fleet(deck, orders, true, &mut sink)).unwrap();
    assert_eq!(left.unwrap(), 0);
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    assert_eq!(refused, [name], "one of its name was here");
    assert_eq!(reasons.len(), guests.len());
    for (agent, reason) in reasons {
        let expected =
            if agent.as_str() == "endless" { StopReason::Trap } else { StopReason::Ticks };
        assert_eq!(reason, expected, "{agent}");
    }
}
