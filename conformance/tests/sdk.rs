//! What the SDK makes of an agent, as a node sees it on every linked engine: the ABI, the allocator, what
//! is said when a call cannot go on, and that a module imports what its manifest declares.

use std::path::Path;
use std::sync::Arc;

use conformance::world::{Guest, World, amount};
use igor_core::Engine;
use igor_core::format::{Carry, Checkpoint, Decoder, Manifest, Tick};
use igor_core::gas::CancelFlag;
use igor_core::plugin::Registry;
use igor_core::storage::Key;
use igor_core::trap::Trap;
use igor_node::{
    CheckedModule, Environment, Failure, GuestIdentity, Hostcall, Incarnation, Opening, Purse,
    StopReason,
};

include!(concat!(env!("OUT_DIR"), "/linked.rs"));

const ENDS: &[u8] = include_bytes!("../fixtures/sdk/ends.wasm");
const HEARTBEAT: &[u8] = include_bytes!("../../agents/prebuilt/heartbeat.wasm");

/// Everything that there is.
const ALL: &str = r#"{"capabilities":{"clock":{"version":1},"log":{"version":1},
    "pricing":{"version":1},"rand":{"version":1},"wallet":{"version":1}}}"#;

/// Calls `body` with each linked engine's name.
fn on_each_engine(body: impl Fn(&str)) {
    let registry = Registry::<dyn Engine>::linked().expect("plugin names differ");
    let engines = EXPECTED.iter().filter(|plugin| plugin.starts_with("engine::")).count();
    assert_eq!(registry.entries().len(), engines, "every engine is linked");
    registry.entries().iter().for_each(|entry| body(entry.name));
}

/// Starts `module` from `state` and returns why that failed, if it did, and what was logged.
fn resume(engine: &str, module: &[u8], state: &[u8]) -> (Option<Failure>, Vec<String>) {
    let world = World::in_memory(engine);
    let manifest = Manifest::parse(ALL.as_bytes(), u64::MAX).expect("it is a manifest");
    let checked = CheckedModule::new(module, &manifest, &world.limits).expect("it is an agent");
    let program = checked.compile(&*world.node.engine.0).expect("it compiles");
    let environment = Environment {
        clock: Arc::clone(&world.node.clock),
        entropy: Arc::clone(&world.node.entropy),
        limits: world.limits.clone(),
        cancel: CancelFlag::default(),
    };
    let purse = Purse {
        meter: (world.node.meter)("gas").expect("the meter is linked"),
        price: world.node.price,
        budget: amount("1"),
        carry: Carry::default(),
    };
    let identity = GuestIdentity { code_hash: checked.code_hash(), public_key: [1; 32] };
    let opening = Opening { identity, tick: Tick(4), state: Some(state) };
    let receipts: Arc<[Vec<u8>]> = Arc::new([]);
    let report = world.with_stack(|| {
        Incarnation::start(&program, &environment, &receipts, &purse, &opening, None)
    });
    (report.outcome.err(), report.lines)
}

#[test]
fn an_agent_lives_until_it_panics_and_says_why() {
    on_each_engine(|engine| {
        let world = World::in_memory(engine);
        let transcript = world.run(&Guest::new("ends", ENDS, ALL), 5).expect("it is an agent");
        let more: Vec<bool> = transcript.ticks().map(|tick| tick.more).collect();
        assert_eq!(more, [true, false]);
        let lines: Vec<&str> = transcript.lines().collect();
        let [first, second, third, panic] = lines[..] else { panic!("{engine}: {lines:?}") };
        assert_eq!([first, second, third], ["tick 1", "tick 2", "tick 3"]);
        assert!(panic.starts_with("panicked at src/lib.rs:"), "{panic}");
        assert!(panic.ends_with(": tick 3 is one too many"), "{panic}");
        let stopped = transcript.stopped();
        assert_eq!((stopped.reason, stopped.tick), (StopReason::Trap, Tick(2)));
        let detail = stopped.detail.as_deref().unwrap_or_default();
        assert!(detail.starts_with("agent_tick trapped (unreachable)"), "{detail}");
    });
}

#[test]
fn every_hostcall_is_answered_through_the_sdk() {
    on_each_engine(|engine| {
        let world = World::in_memory(engine);
        world.run(&Guest::new("ends", ENDS, ALL), 1).expect("it is an agent");
        let key = Key::Checkpoint("ends".parse().expect("a good name"));
        let stored =
            pollster::block_on(world.node.storage.0.get(&key)).expect("memory is readable");
        let bytes = stored.expect("a stopped agent has a checkpoint").bytes;
        let checkpoint = Checkpoint::decode(&bytes, u64::MAX).expect("the node wrote it");
        let mut state = Decoder::new(checkpoint.state());
        assert_eq!(state.u64(), 1);
        let mut told = Decoder::new(state.bytes());
        assert_eq!(state.finish(), Ok(()));
        assert!(told.i64() > 1_700_000_000_000_000_000, "the clock");
        assert_eq!(told.i64(), 1_000, "the price");
        assert!((1..=1_000_000).contains(&told.i64()), "the balance");
        assert_eq!(told.u32(), 0, "no receipts");
        let [has_receipt, has_random, has_too_much] = [(); 3].map(|()| told.bool());
        assert_eq!((has_receipt, has_random, has_too_much), (false, true, false));
        assert_eq!(told.finish(), Ok(()));
    });
}

#[test]
fn a_broken_state_is_named_and_traps() {
    let golden = [
        4, 0, 0, 0, 0, 0, 0, 0, 0x7f, 0x7f, 0x29, 0x72, 0x10, 0xf4, 0xe9, 0x18, 0xce, 0xcb, 0x13,
        0x25, 0x11, 0xf4, 0xe9, 0x18, 0, 0, 0, 0,
    ];
    let longer = [&golden[..], &[0]].concat();
    let short = "igor: short read during decode";
    let cases: [(&[u8], &[u8], &str); 4] = [
        (HEARTBEAT, &golden[..27], short),
        (HEARTBEAT, &longer, "igor: trailing bytes after decode"),
        (ENDS, &[1, 2, 3], short),
        (ENDS, &[0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], "the number is above 1,000"),
    ];
    on_each_engine(|engine| {
        assert_eq!(resume(engine, HEARTBEAT, &golden), (None, vec![]), "the original's state");
        assert_eq!(resume(engine, HEARTBEAT, &[]), (None, vec![]), "no state");
        for (module, state, why) in cases {
            let (failure, lines) = resume(engine, module, state);
            let trap = Failure::Trap { export: "agent_resume", trap: Trap::Unreachable };
            assert_eq!(failure, Some(trap), "{engine}: {why}");
            assert_eq!(lines, [format!("agent_resume: read the agent's state: {why}")]);
        }
    });
}

#[test]
fn a_prebuilt_agent_imports_exactly_what_its_manifest_declares() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../agents/prebuilt");
    for name in ["heartbeat", "liquidation", "survivor"] {
        let read = |extension: &str| {
            let path = folder.join(format!("{name}.{extension}"));
            std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        };
        let (module, text) = (read("wasm"), read("manifest.json"));
        let manifest = Manifest::parse(&text, u64::MAX).expect("it is a manifest");
        assert_eq!(manifest.resource_limits().max_memory_bytes, 67_108_864, "{name}");
        let limits = igor_core::Limits::default();
        let prepared = igor_core::prepare::prepare(&module, &limits).expect("it is a module");
        let capability = |import: &igor_core::prepare::Import| {
            assert_eq!(import.module, "igor", "{name}");
            Hostcall::named(&import.name).expect("a hostcall").capability()
        };
        for declared in ["clock", "log", "pricing", "rand", "wallet"] {
            let is_imported = prepared.imports().iter().any(|i| capability(i) == declared);
            let is_declared = manifest.capability(declared).is_some();
            assert_eq!(is_imported, is_declared, "{name}: {declared}");
        }
    }
}
