//! The replay suite: what is recorded on one engine is executed again on every linked one, and proves
//! what happened, or names what was changed. It asks about records and their re-execution; that engines
//! compute the same is the engine suite's, what a history must look like is igor-format's.

mod bounded;
mod changed;
mod honest;
mod outside;

use std::sync::Arc;

use igor_core::Engine;
use igor_core::format::Tick;
use igor_core::plugin::Registry;
use igor_node::audit::{Audit, Piece, Proof, Scope, Verdict};
use igor_node::{StopReason, audit};

use crate::Case;
use crate::world::{Guest, Past, World, engine};

/// Every capability that needs nothing from outside the node.
const ALL: &str = r#"{"capabilities":{"clock":{"version":1},"rand":{"version":1},
    "log":{"version":1},"wallet":{"version":1},"pricing":{"version":1},
    "migrate":{"version":1}}}"#;

/// An engine with its name.
pub type Named = (Arc<dyn Engine>, String);

/// The engine that records, and those that execute again.
pub struct ReplaySubject {
    /// The engine that records.
    pub recorder: Named,
    /// The engines that execute again.
    pub verifiers: Vec<Named>,
}

/// All cases.
pub fn cases() -> Vec<Case<ReplaySubject>> {
    [honest::cases(), outside::cases(), changed::cases(), bounded::cases()].concat()
}

/// What is found to speak against a history first.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    kind: &'static str,
    tick: Option<u64>,
    observation: Option<usize>,
    first_byte: Option<usize>,
}

impl Found {
    /// Something in this tick.
    fn at(kind: &'static str, tick: u64) -> Self {
        Self { kind, tick: Some(tick), observation: None, first_byte: None }
    }
}

impl ReplaySubject {
    /// The linked engine of this name, and all linked engines.
    ///
    /// # Panics
    /// If there is none of this name.
    pub fn linked(name: &str) -> Self {
        let registry = Registry::<dyn Engine>::linked().expect("plugin names differ");
        let named = |name: &str| (engine(name), name.to_owned());
        let verifiers = registry.entries().iter().map(|entry| named(entry.name)).collect();
        Self { recorder: named(name), verifiers }
    }

    /// The same without the recorder among the engines that execute again, unless it is the only one.
    fn with_others(&self) -> Self {
        let (recorder, mut verifiers) = (self.recorder.clone(), self.verifiers.clone());
        if verifiers.len() > 1 {
            verifiers.retain(|(_, name)| *name != recorder.1);
        }
        Self { recorder, verifiers }
    }

    /// A node that records.
    fn world(&self) -> World {
        World::running(self.recorder.clone())
    }

    /// A life of so many ticks.
    fn lived(&self, guest: &Guest, ticks: u64) -> Past {
        let world = self.world();
        run(&world, guest, ticks);
        world.past(guest)
    }

    /// The audits of a history, one on each engine.
    fn audits(&self, past: &Past) -> impl Iterator<Item = (&str, Audit)> {
        self.verifiers.iter().map(|named| {
            let world = World::running(named.clone());
            (named.1.as_str(), past.audit_in(&world, &Scope::default()))
        })
    }

    /// Checks that every engine proves a life of so many ticks, charges and all.
    #[track_caller]
    fn prove(&self, past: &Past, ticks: u64) {
        for (engine, audit) in self.audits(past) {
            assert_eq!(audit.verdict(), Verdict::Proven, "{engine}: {:#?}", audit.refutations);
            let whole = Piece { after: Tick(0), to: Tick(ticks), standing: Proof::Proven };
            assert_eq!(audit.pieces, [whole], "{engine}");
            let charges = audit::Charges { exact: audit.charges.exact, ..Default::default() };
            assert_eq!((audit.ticks, audit.charges), (ticks, charges), "{engine}");
        }
    }

    /// What all engines find to speak against a history first.
    #[track_caller]
    fn refute(&self, past: &Past) -> Found {
        let found = self.audits(past).map(|(engine, audit)| {
            assert_eq!(audit.verdict(), Verdict::Refuted, "{engine}: {audit:#?}");
            let problem = &audit.refutations[0].problem;
            let mismatch = problem.mismatch();
            Found {
                kind: problem.name(),
                tick: mismatch.map(|mismatch| mismatch.tick.0),
                observation: mismatch.and_then(|mismatch| mismatch.difference.observation()),
                first_byte: mismatch.and_then(|mismatch| mismatch.difference.first_byte()),
            }
        });
        let found: Vec<_> = found.collect();
        assert!(found.windows(2).all(|pair| pair[0] == pair[1]), "engines differ: {found:#?}");
        found.into_iter().next().expect("an engine is linked")
    }
}

/// Lets a guest live for so many ticks.
#[track_caller]
fn run(world: &World, guest: &Guest, ticks: u64) {
    let transcript = world.run(guest, ticks).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(transcript.reason, StopReason::Ticks, "{:?}", transcript.stopped());
}

/// The whole node interface of an agent, written as text; each part is to be filled in.
struct Text<'a> {
    init: &'a str,
    tick: &'a str,
    checkpoint: &'a str,
    resume: &'a str,
    malloc: &'a str,
}

impl Text<'_> {
    /// An agent that does nothing.
    const EMPTY: Self = Self { init: "", tick: "", checkpoint: "", resume: "", malloc: "" };

    /// The agent. Its state are the first 32 bytes of its memory, of which the first eight count its
    /// ticks; `$hidden` is a global, and `$observe` reads the clock and randomness into its state and
    /// logs four bytes.
    fn guest(&self, name: &str) -> Guest {
        let Self { init, tick, checkpoint, resume, malloc } = self;
        let text = format!(
            r#"(module
              (import "igor" "clock_now" (func $clock_now (result i64)))
              (import "igor" "rand_bytes" (func $rand_bytes (param i32 i32) (result i32)))
              (import "igor" "log_emit" (func $log_emit (param i32 i32)))
              (import "igor" "wallet_balance" (func $wallet_balance (result i64)))
              (import "igor" "wallet_receipt_count" (func $wallet_receipt_count (result i32)))
              (import "igor" "wallet_receipt"
                (func $wallet_receipt (param i32 i32 i32) (result i32)))
              (import "igor" "node_price" (func $node_price (result i64)))
              (import "igor" "migrate_request"
                (func $migrate_request (param i64 i32 i32) (result i32)))
              (memory (export "memory") 1)
              (global $hidden (mut i64) (i64.const 0))
              (data (i32.const 64) "tick")
              (func $observe
                (i64.store (i32.const 8) (i64.xor (i64.load (i32.const 8)) (call $clock_now)))
                (drop (call $rand_bytes (i32.const 16) (i32.const 8)))
                (call $log_emit (i32.const 64) (i32.const 4)))
              (func $forever (loop $again (br $again)))
              (func (export "agent_init") {init})
              (func (export "agent_tick") (result i32)
                (i64.store (i32.const 0) (i64.add (i64.load (i32.const 0)) (i64.const 1)))
                {tick}
                (i32.const 0))
              (func (export "agent_checkpoint") (result i32) {checkpoint} (i32.const 32))
              (func (export "agent_checkpoint_ptr") (result i32) (i32.const 0))
              (func (export "malloc") (param i32) (result i32) {malloc} (i32.const 1024))
              (func (export "agent_resume") (param $ptr i32) (param $len i32)
                (memory.copy (i32.const 0) (local.get $ptr) (local.get $len))
                {resume}))"#
        );
        Guest::wat(name, &text, ALL)
    }
}

/// An agent that makes three observations in each tick, and keeps the first two.
fn witness() -> Guest {
    Text { tick: "(call $observe)", ..Text::EMPTY }.guest("witness")
}
