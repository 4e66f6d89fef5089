//! Agents that arrive: they go on at the next tick with what they had, on either engine and either store,
//! and come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use conformance::world::{Guest, World, amount};
use igor_core::engine::EngineError;
use igor_core::format::{FundId, Part, Price, Tick};
use igor_core::storage::{Group, Key, Precondition};
use igor_core::{Engine, Module, PreparedModule};
use igor_node::audit::Verdict;
use igor_node::{CommitMode, StopReason, collect, fund};

use crate::support::{Site, carry, name};

fn round_trip(engines: [&str; 3], on_disk: bool) {
    let guest = Guest::counter();
    let mut sites: Vec<_> = (1..).zip(engines).map(|(n, e)| Site::new(n, e, on_disk)).collect();
    for (site, price) in sites.iter_mut().zip(["100", "50", "200"]) {
        site.world.node.price = Price::per_second(amount(price));
    }
    sites[0].world.run(&guest, 3).unwrap();
    let mut tick = 3;
    for (epoch, (from, to)) in (1..).zip([(0, 1), (1, 2), (2, 0), (0, 1)]) {
        let before = sites[from].stock(&guest).expected;
        let taken = carry(&sites[from], &sites[to], &guest, epoch);
        let transcript = sites[to].run(sites[to].launch(taken, 4));
        assert_eq!(transcript.reason, StopReason::Ticks, "{transcript:?}");
        let ticks: Vec<_> = transcript.ticks().map(|ticked| ticked.tick.0).collect();
        assert_eq!(ticks, (tick + 1..=tick + 4).collect::<Vec<_>>());
        tick += 4;
        let after = sites[to].stock(&guest).expected;
        assert_eq!((before.agent, after.tick), (after.agent, Tick(tick)));
        let past = sites[to].world.past(&guest);
        for engine in ["wasmtime", "wasmi"] {
            let audit = past.audit(engine);
            assert_eq!(audit.verdict(), Verdict::Proven, "{engine}: {:#?}", audit.refutations);
            assert_eq!(audit.ticks, tick, "{engine}");
            let (spent, left) = (audit.charges.exact, after.budget);
            assert_eq!(left.checked_add(spent), Some(amount("1")), "{engine}");
        }
        let price = sites[to].world.node.price;
        assert_eq!(after.price, price, "it pays what its holder asks for");
        assert!(after.budget < before.budget);
        let again = sites[from].world.launch(&guest, Some(1)).map(|_| ());
        assert!(again.is_err(), "it runs where it is and not where it was");
    }
}

#[test]
fn an_agent_goes_round_and_comes_back_in_memory() {
    round_trip(["wasmtime", "wasmi", "wasmtime"], false);
}

#[test]
fn an_agent_goes_round_and_comes_back_on_disk() {
    round_trip(["wasmi", "wasmtime", "wasmi"], true);
}

/// An engine that counts what it compiles.
struct Counting {
    engine: Arc<dyn Engine>,
    compiled: AtomicUsize,
}

impl Engine for Counting {
    fn native_stack_bytes(&self) -> usize {
        self.engine.native_stack_bytes()
    }

    fn compile(&self, module: &PreparedModule) -> Result<Arc<dyn Module>, EngineError> {
        self.compiled.fetch_add(1, Ordering::Relaxed);
        self.engine.compile(module)
    }
}

#[test]
fn an_agent_that_comes_is_compiled_once_before_it_is_offered() {
    let guest = Guest::counter();
    let from = Site::new(1, "wasmi", false);
    from.world.run(&guest, 3).unwrap();
    let engine = World::in_memory("wasmi").node.engine.0;
    let engine = Arc::new(Counting { engine, compiled: AtomicUsize::new(0) });
    let to = Site::over(2, World::running((engine.clone(), "counting".to_owned())));
    let delivery = from.deliver(&guest);
    let staged = to.stage(to.examine(&delivery).unwrap()).unwrap();
    assert_eq!(engine.compiled.load(Ordering::Relaxed), 1);
    let taken = crate::support::finish(&from, &to, &guest, staged, &delivery, 1);
    let transcript = to.run(to.launch(taken, 2));
    assert_eq!(transcript.ticks().count(), 2);
    assert_eq!(engine.compiled.load(Ordering::Relaxed), 1, "and not again");
}

#[test]
fn what_was_funded_and_what_was_removed_goes_along() {
    let guest = Guest::counter();
    let (from, to) = (Site::new(1, "wasmi", true), Site::new(2, "wasmtime", true));
    from.world.run(&guest, 12).unwrap();
    let means = (CommitMode::Journal, &*from.world.node.entropy);
    let (agent, id) = (name(&guest), FundId::from_bytes([1; 16]));
    let funded = fund(from.storage(), &agent, amount("1"), id, 1 << 20, means);
    pollster::block_on(funded).unwrap();
    from.world.run(&guest, 6).unwrap();
    let keep = 4_000;
    let gone = collect(&from.world.node, &agent, keep, 1 << 20, false);
    let gone = pollster::block_on(gone).unwrap();
    assert!(gone.removed > 0 && gone.kept > 0, "{gone:?}");
    let receipts = igor_core::format::encode_receipts(&[]);
    let key = Key::Receipts(name(&guest));
    from.commit(Group::new(name(&guest)).put(key, receipts, Precondition::Absent));

    let before = from.deliver(&guest);
    for part in [Part::Summary, Part::Fund([1; 16]), Part::Receipts] {
        assert!(before.parts.contains_key(&part), "{part}");
    }
    let transcript = to.run(to.launch(carry(&from, &to, &guest, 1), 3));
    assert_eq!(transcript.reason, StopReason::Ticks);
    let after = to.deliver(&guest);
    for (part, bytes) in &before.parts {
        if !matches!(part, Part::Record | Part::Checkpoint) {
            assert!(after.parts.get(part) == Some(bytes), "{part}");
        }
    }
    assert_eq!(after.expected.tick, Tick(21));
    let audit = to.world.past(&guest).audit("wasmi");
    assert_eq!(audit.verdict(), Verdict::Partly, "{:#?}", audit.refutations);
}
