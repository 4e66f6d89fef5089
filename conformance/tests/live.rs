//! Checks of a running node: an engine that computes something else is caught, an honest one never,
//! however slow the verifier, and an agent that keeps something outside its state is told apart from
//! both.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use conformance::engine::mutant::{Fault, mutant};
use conformance::world::{Guest, SteppingClock, Transcript, World, run_fleet};
use igor_core::Clock;
use igor_core::engine::{Engine, EngineError, Host, InjectedGlobal, Instance, Module, Value};
use igor_core::prepare::PreparedModule;
use igor_core::trap::CallError;
use igor_engine_wasmi as _;
use igor_engine_wasmtime as _;
use igor_meter_gas as _;
use igor_node::audit::ContrastKind;
use igor_node::fleet::Fleet;
use igor_node::{
    CheckKind, CheckPlan, Event, LaunchError, OnDivergence, OnHiddenState, OpenError, RunEvent,
    StopReason, Verdict, Verification,
};
use igor_storage_memory as _;

/// An agent whose state is one number. What it does in a tick is to be filled in.
fn guest(name: &str, tick: &str) -> Guest {
    let text = format!(
        r#"(module
          (memory (export "memory") 1)
          (global $hidden (mut i64) (i64.const 0))
          (func (export "agent_init"))
          (func (export "agent_tick") (result i32) {tick} (i32.const 0))
          (func (export "agent_checkpoint") (result i32) (i32.const 8))
          (func (export "agent_checkpoint_ptr") (result i32) (i32.const 0))
          (func (export "malloc") (param i32) (result i32) (i32.const 64))
          (func (export "agent_resume") (param i32 i32)
            (i64.store (i32.const 0) (i64.load (local.get 0)))))"#
    );
    Guest::wat(name, &text, "{}")
}

/// Counts in floats, so that every engine must round alike.
fn honest() -> Guest {
    guest("honest", "(f64.store (i32.const 0) (f64.add (f64.load (i32.const 0)) (f64.const 0.1)))")
}

/// Adds to its state how many ticks its instance has seen.
fn forgetful() -> Guest {
    guest(
        "forgetful",
        "(global.set $hidden (i64.add (global.get $hidden) (i64.const 1)))
         (i64.store (i32.const 0) (i64.add (i64.load (i32.const 0)) (global.get $hidden)))",
    )
}

fn plan() -> CheckPlan {
    CheckPlan {
        engine: String::new(),
        window: 16,
        interval: 5,
        on_divergence: OnDivergence::Pause,
        on_hidden_state: OnHiddenState::Log,
        tells_cost: false,
    }
}

/// A node that runs on `engine` and is checked on `verifier`.
fn world(engine: &str, verifier: &str, plan: CheckPlan) -> World {
    let mut world = World::in_memory(engine);
    world.node.verifier = Some(World::in_memory(verifier).node.engine);
    world.plan.checks = Some(CheckPlan { engine: verifier.to_owned(), ..plan });
    world
}

fn verifications(transcript: &Transcript) -> Vec<&Verification> {
    let found = transcript.events.iter().filter_map(|event| match event {
        RunEvent::Verified(verification) => Some(verification),
        _ => None,
    });
    found.collect()
}

fn count(transcript: &Transcript, kind: CheckKind, verdict: &str) -> usize {
    let matches = |found: &&&Verification| found.kind == kind && found.verdict.name() == verdict;
    verifications(transcript).iter().filter(matches).count()
}

#[test]
fn an_honest_life_is_verified_on_the_other_engine() {
    for (engine, verifier) in [("wasmtime", "wasmi"), ("wasmi", "wasmtime"), ("wasmi", "wasmi")] {
        let transcript = world(engine, verifier, plan()).run(&honest(), 23).unwrap();
        assert_eq!(transcript.reason, StopReason::Ticks);
        let verifications = verifications(&transcript);
        assert!(verifications.iter().all(|found| found.verdict == Verdict::Verified));
        assert_eq!(count(&transcript, CheckKind::Segment, "verified"), 6, "{verifications:#?}");
        assert!(count(&transcript, CheckKind::Chain, "verified") >= 3, "{verifications:#?}");
        let segments = verifications.iter().filter(|found| found.kind == CheckKind::Segment);
        let ranges: Vec<_> = segments.map(|found| (found.from.0, found.to.0)).collect();
        assert_eq!(ranges.first(), Some(&(0, 0)), "the first start is a segment of its own");
        assert!(ranges.windows(2).all(|pair| pair[1].0 == pair[0].1 + 1), "{ranges:?}");
        assert_eq!(ranges.last().map(|range| range.1), Some(23));
    }
}

#[test]
fn an_engine_that_computes_something_else_is_caught_within_one_segment() {
    let miscompiling = |inner| miscompiling(inner, 7);
    let miscounting = |inner| mutant(inner, Fault::MiscountsGas);
    let table: [(&str, &dyn Fn(_) -> _, u64, &str); 2] = [
        ("miscompiling", &miscompiling, 12, "tick 7: "),
        ("miscounting", &miscounting, 5, "tick 0: "),
    ];
    for (name, spoil, latest, detail) in table {
        let mut world = world("wasmtime", "wasmi", plan());
        world.node.engine.0 = spoil(Arc::clone(&world.node.engine.0));
        let transcript = world.run(&honest(), 100).unwrap();
        let stopped = transcript.stopped();
        assert_eq!(stopped.reason, StopReason::Divergence, "{name}: {stopped:?}");
        assert!(stopped.tick.0 <= latest, "{name}: {stopped:?}");
        let found = stopped.detail.as_deref().unwrap_or_default();
        assert!(found.starts_with(detail), "{name}: the tick is named: {found}");
        let again = world.launch(&honest(), None).map(|_| ()).unwrap_err();
        assert!(
            matches!(&again, LaunchError::Open(OpenError::RecoveryRequired { .. })),
            "it stays stopped: {again}"
        );
    }
}

#[test]
fn bisecting_names_the_tick_in_which_an_engine_computes_something_else() {
    let (sound, honest) = (World::in_memory("wasmi"), honest());
    sound.run(&honest, 23).unwrap();
    let past = sound.past(&honest);
    let other = World::in_memory("wasmtime");
    let module = &honest.module[..];
    assert_eq!(past.bisect((&sound, module), (&other, module)), (23, None));
    for tick in [1, 7, 23] {
        let mut spoilt = World::in_memory("wasmtime");
        spoilt.node.engine.0 = miscompiling(Arc::clone(&spoilt.node.engine.0), tick);
        let (before, contrast) = past.bisect((&sound, module), (&spoilt, module));
        let contrast = contrast.unwrap_or_else(|| panic!("tick {tick} is not found"));
        let found = (usize::try_from(contrast.tick.0).unwrap(), contrast.kind);
        assert_eq!(found, (tick, ContrastKind::State(0)));
        assert_eq!(usize::try_from(before).unwrap(), tick - 1);
    }
    let mut spoilt = World::in_memory("wasmtime");
    spoilt.node.engine.0 = mutant(Arc::clone(&spoilt.node.engine.0), Fault::MiscountsGas);
    let (_, contrast) = past.bisect((&spoilt, module), (&sound, module));
    let contrast = contrast.map(|contrast| (contrast.tick.0, contrast.kind.name()));
    assert_eq!(contrast, Some((0, "gas")), "the first start counts, too");
}

#[test]
fn a_divergence_that_is_only_logged_stops_nothing() {
    let plan = CheckPlan { on_divergence: OnDivergence::Log, ..plan() };
    let mut world = world("wasmtime", "wasmi", plan);
    world.node.engine.0 = mutant(Arc::clone(&world.node.engine.0), Fault::MiscountsGas);
    let transcript = world.run(&honest(), 23).unwrap();
    assert_eq!(transcript.reason, StopReason::Ticks);
    assert!(count(&transcript, CheckKind::Segment, "divergence") >= 4);
}

#[test]
fn after_a_divergence_every_tick_is_repeated_until_a_segment_is_clean() {
    let plan = CheckPlan { on_divergence: OnDivergence::Intensify, ..plan() };
    let mut world = world("wasmtime", "wasmi", plan.clone());
    let sound = Arc::clone(&world.node.engine.0);
    world.node.engine.0 = mutant(Arc::clone(&sound), Fault::MiscountsGas);
    let transcript = world.run(&honest(), 20).unwrap();
    let ticks = |transcript: &Transcript| {
        verifications(transcript).iter().filter(|f| f.kind != CheckKind::Segment).count()
    };
    assert!(ticks(&transcript) >= 14, "from the first divergence on, each tick");
    world.node.engine.0 = sound;
    let transcript = world.run(&honest(), 20).unwrap();
    assert!(ticks(&transcript) <= 5, "{:#?}", verifications(&transcript));
}

#[test]
fn an_agent_that_must_move_rests_until_it_is_taken_or_given_up() {
    let plan = CheckPlan { on_divergence: OnDivergence::Migrate, ..plan() };
    for seed in 0..20 {
        let mut world = world("wasmtime", "wasmi", plan.clone());
        world.node.engine.0 = miscompiling(Arc::clone(&world.node.engine.0), 7);
        let launched = world.launch(&honest(), Some(100)).unwrap();
        let mut told = Vec::new();
        let (storage, clock) = (Arc::clone(&world.node.storage.0), Arc::clone(&world.clock));
        let transcript = world.with_stack(|| {
            let mut fleet = Fleet::default();
            fleet.add(clock.monotonic_ns(), launched).unwrap();
            run_fleet(&mut fleet, &*storage, &clock, seed, |fleet, agent, event| {
                if let RunEvent::MustMove { tick, reason } = event {
                    told.push(tick.0);
                    let given_up = Event::Distrusted(reason.clone());
                    fleet.ask(clock.monotonic_ns(), agent, given_up);
                }
            })
        });
        let stopped = transcript.agents.values().next().unwrap().stopped();
        let ending = (told.len(), stopped.reason);
        assert_eq!(ending, (1, StopReason::Divergence), "seed {seed}: {stopped:?}");
        assert_eq!(stopped.tick.0, told[0], "seed {seed}: no tick follows");
        assert!(stopped.detail.as_deref().is_some_and(|detail| detail.starts_with("tick 7: ")));
        let again = world.launch(&honest(), None).map(|_| ()).unwrap_err();
        let stays = matches!(&again, LaunchError::Open(OpenError::RecoveryRequired { .. }));
        assert!(stays, "seed {seed}: {again}");
    }
}

#[test]
fn hidden_state_is_a_finding_about_the_agent_and_told_once() {
    let transcript = world("wasmtime", "wasmi", plan()).run(&forgetful(), 23).unwrap();
    assert_eq!(transcript.reason, StopReason::Ticks, "it only says so");
    let found = verifications(&transcript);
    let hidden = found.iter().filter(|found| matches!(found.verdict, Verdict::HiddenState(_)));
    assert_eq!(hidden.count(), 1, "{found:#?}");
    assert_eq!(count(&transcript, CheckKind::Segment, "verified"), 6, "the node told the truth");

    let plan = CheckPlan { on_hidden_state: OnHiddenState::Pause, ..plan() };
    let world = world("wasmtime", "wasmi", plan);
    let transcript = world.run(&forgetful(), 23).unwrap();
    assert_eq!(transcript.reason, StopReason::HiddenState);
    assert!(world.launch(&forgetful(), None).is_err(), "it stays stopped");
}

#[test]
fn a_verifier_that_is_too_slow_knows_nothing_and_claims_nothing() {
    let busy = guest(
        "busy",
        "(local $i i32) (local.set $i (i32.const 1000000))
         (loop $again (br_if $again (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
         (i64.store (i32.const 0) (i64.add (i64.load (i32.const 0)) (i64.const 1)))",
    );
    let mut world = world("wasmtime", "wasmi", plan());
    let verifier = world.node.verifier.take().expect("there is one");
    let slow = slow(verifier.0, Arc::clone(&world.clock));
    world.node.verifier = Some((slow, verifier.1));
    let transcript = world.run(&busy, 12).unwrap();
    assert_eq!(transcript.reason, StopReason::Ticks);
    let found = verifications(&transcript);
    assert!(count(&transcript, CheckKind::Segment, "unverified") >= 2, "{found:#?}");
    assert!(found.iter().all(|found| found.verdict.name() != "divergence"), "{found:#?}");
    assert!(found.iter().all(|found| found.verdict.name() != "hidden_state"), "{found:#?}");
}

/// What is done at each call of an export, by name.
type Hook = Arc<dyn Fn(&str, &mut dyn Instance) + Send + Sync>;

/// An engine that does something before and after each call.
#[derive(Clone)]
struct Hooked<T> {
    inner: T,
    before: Hook,
    after: Hook,
}

impl<T> Hooked<T> {
    fn with<U>(&self, inner: U) -> Hooked<U> {
        Hooked { inner, before: Arc::clone(&self.before), after: Arc::clone(&self.after) }
    }
}

/// An engine that gets one bit of the state wrong, in the tick of this number of each instance.
fn miscompiling(inner: Arc<dyn Engine>, tick: usize) -> Arc<dyn Engine> {
    let ticks = AtomicUsize::new(0);
    let after = move |export: &str, instance: &mut dyn Instance| {
        if export == "agent_tick" && ticks.fetch_add(1, Ordering::Relaxed) + 1 == tick {
            instance.memory_mut().iter_mut().take(1).for_each(|byte| *byte ^= 1);
        }
    };
    Arc::new(Hooked { inner, before: Arc::new(|_, _| {}), after: Arc::new(after) })
}

/// An engine on which an hour passes before each call has begun.
fn slow(inner: Arc<dyn Engine>, clock: Arc<SteppingClock>) -> Arc<dyn Engine> {
    let before = move |_: &str, _: &mut dyn Instance| {
        clock.advance_to(clock.monotonic_ns() + 3_600_000_000_000);
    };
    Arc::new(Hooked { inner, before: Arc::new(before), after: Arc::new(|_, _| {}) })
}

impl Engine for Hooked<Arc<dyn Engine>> {
    fn native_stack_bytes(&self) -> usize {
        self.inner.native_stack_bytes()
    }

    fn compile(&self, module: &PreparedModule) -> Result<Arc<dyn Module>, EngineError> {
        Ok(Arc::new(self.with(self.inner.compile(module)?)))
    }
}

impl Module for Hooked<Arc<dyn Module>> {
    fn instantiate(&self, host: Box<dyn Host>) -> Result<Box<dyn Instance>, CallError> {
        Ok(Box::new(self.with(self.inner.instantiate(host)?)))
    }
}

impl Instance for Hooked<Box<dyn Instance>> {
    fn call(&mut self, export: &str, args: &[Value]) -> Result<Vec<Value>, CallError> {
        (self.before)(export, &mut *self.inner);
        let result = self.inner.call(export, args);
        (self.after)(export, &mut *self.inner);
        result
    }

    fn memory(&self) -> &[u8] {
        self.inner.memory()
    }

    fn memory_mut(&mut self) -> &mut [u8] {
        self.inner.memory_mut()
    }

    fn global(&mut self, global: InjectedGlobal) -> i64 {
        self.inner.global(global)
    }

    fn set_global(&mut self, global: InjectedGlobal, value: i64) {
        self.inner.set_global(global, value);
    }

    fn host(&self) -> &dyn Host {
        self.inner.host()
    }

    fn host_mut(&mut self) -> &mut dyn Host {
        self.inner.host_mut()
    }
}
