//! Agents that a node of the original sends by its own protocol: what it would have refused is refused in
//! its words, what it would have let pass unchecked is not, and what is taken really runs and moves on.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use conformance::world::sent_by_the_original as honest;
use conformance::world::{SeededEntropy, Transcript, World, lockstep};
use igor_core::format::migrate::{AgentPackage, AgentStarted, MigrateMessage};
use igor_core::format::{
    AgentId, AgentKey, Base64, Checkpoint, Hash, Header, MeterName, NodeKey, SecretBase64, Tick,
    encode_identity,
};
use igor_core::gas::CancelFlag;
use igor_core::handoff::{Custody, Holding};
use igor_core::storage::{Key, Scope};
use igor_core::transport::NodeId;
use igor_core::{Limits, Storage};
use igor_node::handoff::original::{Parcel, Rejection, answer, transfer_bytes_max};
use igor_node::handoff::package::{Known, Receiving, stock};
use igor_node::{Plan, StopReason};

mod linked {
    #![allow(dead_code, reason = "the expected names are for the harness")]

    include!(concat!(env!("OUT_DIR"), "/linked.rs"));
}

/// The lines with which the original answers.
const STARTED: &str = include_str!("../../core/format/tests/fixtures/derived/agent_started.jsonl");
/// A message that the original wrote; what is in it is no module.
const TRANSFER: &[u8] =
    include_bytes!("../../core/format/tests/fixtures/derived/agent_transfer.json");
/// The original's first message: nothing in it.
const ZERO: &[u8] =
    include_bytes!("../../core/format/tests/fixtures/derived/agent_transfer_zero.json");

const PEER: &str = "12D3KooWtarget";

/// A node that takes agents of the original.
struct Site {
    world: World,
    accepts_unproven: bool,
}

impl Site {
    fn new() -> Self {
        let mut world = World::in_memory("wasmtime");
        world.node.entropy = Arc::new(SeededEntropy::new(2));
        Self { world, accepts_unproven: false }
    }

    fn storage(&self) -> &dyn Storage {
        &*self.world.node.storage.0
    }

    /// Takes what arrives, as far as it can be; answers, and runs it for so many ticks.
    fn receive(&self, json: &[u8], ticks: u64) -> (AgentStarted, Option<Transcript>) {
        let meter = MeterName::new("gas").unwrap();
        let (name, parcel) = Parcel::read(json, &meter, &self.world.limits);
        let taken = parcel.and_then(|parcel| self.take(parcel, ticks));
        let answer = answer(&name, PEER, taken.as_ref().map(|_| ()));
        assert!(answer.ends_with(b"\n"));
        (AgentStarted::from_json(&answer, 10_000).unwrap(), taken.ok())
    }

    fn take(&self, parcel: Parcel, ticks: u64) -> Result<Transcript, Rejection> {
        let known = Known::read(self.storage(), parcel.expected(), parcel.inventory());
        let known = pollster::block_on(known)?;
        let (cancel, world) = (CancelFlag::default(), &self.world);
        let receiving = Receiving {
            node: &world.node,
            limits: &world.limits,
            accepts_unproven: self.accepts_unproven,
            cancel: &cancel,
        };
        let admitted = world.with_stack(|| parcel.examine(known, &receiving))?;
        let inherited = pollster::block_on(admitted.stage(self.storage()))?;
        let custody = Custody::default().inherited(inherited.epoch_min()).unwrap();
        let (me, source) = (NodeKey::from_seed(&[2; 32]), NodeKey::from_seed(&[1; 32]));
        let source = NodeId::of(&source.public_key());
        let complete = inherited.complete(&me, source, &custody)?;
        let batch = complete.group(me.public_key(), &custody).into();
        let committed = pollster::block_on(self.storage().commit(batch)).pop().unwrap().unwrap();
        let taken = complete.taken(&committed).unwrap();
        let plan = Plan { ticks: Some(ticks), ..world.plan.clone() };
        let launched = taken.launch(&world.node, plan, CancelFlag::default());
        let mut launched = pollster::block_on(launched).unwrap_or_else(|error| panic!("{error}"));
        Ok(world.with_stack(|| lockstep(&mut launched, self.storage(), &world.clock)))
    }

    fn is_empty(&self) -> bool {
        let agent: AgentId = "counter".parse().unwrap();
        let get = |key: Key| pollster::block_on(self.storage().get(&key)).unwrap();
        let list = pollster::block_on(self.storage().list(&Scope::History(agent.clone()), None, 9));
        get(Key::Checkpoint(agent.clone())).is_none()
            && get(Key::Identity(agent.clone())).is_none()
            && get(Key::Custody(agent)).is_none()
            && list.unwrap().is_empty()
    }
}

type Edit = fn(&mut AgentPackage);

fn manifest(package: &mut AgentPackage, rest: &str) {
    let text = conformance::world::COUNTER_MANIFEST.trim_end_matches('}');
    package.manifest_data = Some(Base64(format!("{text}}}}},{rest}}}").into_bytes()));
}

fn sign_again(package: &mut AgentPackage, edit: impl FnOnce(&mut Header, &mut Vec<u8>)) {
    let bytes = &package.checkpoint.as_ref().unwrap().0;
    let read = Checkpoint::decode(bytes, u64::MAX).unwrap();
    let (mut header, mut state) = (*read.header(), read.state().to_vec());
    edit(&mut header, &mut state);
    let key = AgentKey::from_seed(&[7; 32]);
    let forged = Checkpoint::sign(&key, header, read.lineage().unwrap().prev, state);
    package.checkpoint = Some(Base64(forged.encode()));
}

fn set_module(package: &mut AgentPackage, module: &[u8]) {
    package.wasm_hash = Some(Base64(Hash::of(module).as_bytes().to_vec()));
    package.wasm_binary = Some(Base64(module.to_vec()));
}

/// What the original refuses, in its words; the retries of its senders depend on them.
const AS_BEFORE: &[(&str, Edit, &str)] = &[
    ("no hash", |it| it.wasm_hash = None, "WASM hash missing or invalid length"),
    (
        "a short hash",
        |it| it.wasm_hash = Some(Base64(vec![0; 31])),
        "WASM hash missing or invalid length",
    ),
    ("another hash", |it| it.wasm_hash = Some(Base64(vec![0; 32])), "WASM binary hash mismatch"),
    ("another module", |it| it.wasm_binary = None, "WASM binary hash mismatch"),
    (
        "no manifest that is one",
        |it| it.manifest_data = Some(Base64(b"nonsense".to_vec())),
        "invalid manifest: ",
    ),
    (
        "migration forbidden",
        |it| manifest(it, r#""migration_policy":{"enabled":false}"#),
        "agent migration policy disabled",
    ),
    (
        "migration not allowed",
        |it| manifest(it, r#""migration_policy":{}"#),
        "agent migration policy disabled",
    ),
    (
        "too dear here",
        |it| manifest(it, r#""migration_policy":{"enabled":true,"max_price_per_second":999}"#),
        "node price 1000 exceeds agent max 999",
    ),
    (
        "too large",
        |it| manifest(it, r#""resource_limits":{"max_memory_bytes":134217728}"#),
        "agent requires 134217728 bytes memory, node provides 67108864",
    ),
    (
        "capabilities",
        |it| {
            let text = r#"{"capabilities":{"http":{"version":1},"x402":{"version":1}}}"#;
            it.manifest_data = Some(Base64(text.as_bytes().to_vec()));
        },
        "capability check failed: node cannot satisfy capabilities: [http x402]",
    ),
    (
        "another state before",
        |it| {
            let replay = it.replay_data.as_mut().unwrap();
            replay.pre_tick_state = Some(Base64(3_u64.to_le_bytes().to_vec()));
        },
        "replay divergence at tick 3, first diff byte 0",
    ),
    (
        "another state after",
        |it| sign_again(it, |_, state| state[7] = 1),
        "replay divergence at tick 3, first diff byte 7",
    ),
    (
        "too little observed",
        |it| {
            it.replay_data.as_mut().unwrap().entries.as_mut().unwrap().pop();
        },
        "replay verification failed: ",
    ),
    (
        "another line logged",
        |it| {
            let entries = it.replay_data.as_mut().unwrap().entries.as_mut().unwrap();
            entries.last_mut().unwrap().payload = Some(Base64(b"tock".to_vec()));
        },
        "replay verification failed: ",
    ),
];

/// What the original lets pass.
const BEYOND: &[(&str, Edit, &str)] = &[
    ("no replay data", |it| it.replay_data = None, "replay verification failed: there is no"),
    (
        "replay data of another tick",
        |it| it.replay_data.as_mut().unwrap().tick_number = 2,
        "replay verification failed: the replay data is of tick 2",
    ),
    ("no name", |it| it.agent_id.clear(), "is empty"),
    ("a name that is a path", |it| it.agent_id = "../../x".to_owned(), "path separator"),
    ("no checkpoint", |it| it.checkpoint = None, "checkpoint missing"),
    ("an empty checkpoint", |it| it.checkpoint = Some(Base64(Vec::new())), "it is empty"),
    ("no identity", |it| it.agent_identity = None, "agent identity missing"),
    (
        "no identity that is one",
        |it| it.agent_identity = Some(SecretBase64::new(vec![1; 68].into())),
        "identity",
    ),
    (
        "another agent's identity",
        |it| {
            let other = encode_identity(&AgentKey::from_seed(&[8; 32])).to_vec();
            it.agent_identity = Some(SecretBase64::new(other.into()));
        },
        "instead of",
    ),
    (
        "a checkpoint that nobody signed",
        |it| it.checkpoint.as_mut().unwrap().0[0] = 3,
        "carries no signature",
    ),
    (
        "more money, unsigned",
        |it| it.checkpoint.as_mut().unwrap().0[6] ^= 1,
        "the signature is invalid",
    ),
    ("another program", |it| set_module(it, b"\0asm\x01\0\0\0"), "its module was announced"),
    (
        "an epoch that is made up",
        |it| it.major_version = u64::MAX,
        "major version 18446744073709551615 is out of range",
    ),
    (
        "receipts without end",
        |it| it.receipts = Some(Base64(vec![0; (1 << 20) + 1])),
        "at most 1048576 are allowed",
    ),
];

fn check(site: &Site, edit: Edit, name: &str, says: &str) {
    let mut transfer = honest();
    edit(&mut transfer.package);
    let (started, transcript) = site.receive(transfer.to_json_line().as_bytes(), 1);
    assert!(!started.success && transcript.is_none(), "{name}");
    assert_eq!((started.agent_id, &*started.node_id), (transfer.package.agent_id, PEER), "{name}");
    assert!(started.error.contains(says), "{name}: {}", started.error);
    assert!(site.is_empty(), "{name}: something was written");
}

#[test]
fn what_the_original_refuses_is_refused_in_its_words() {
    let site = Site::new();
    for (name, edit, says) in AS_BEFORE {
        check(&site, *edit, name, says);
    }
}

#[test]
fn what_the_original_lets_pass_unchecked_is_refused_too() {
    let site = Site::new();
    for (name, edit, says) in BEYOND {
        check(&site, *edit, name, says);
    }
}

#[test]
fn messages_of_the_original_are_answered_with_its_own_bytes() {
    let lines: Vec<_> = STARTED.split_inclusive('\n').map(str::as_bytes).collect();
    assert_eq!(answer("golden-agent", PEER, Ok(())), lines[0]);
    let meter = MeterName::new("gas").unwrap();
    let (name, parcel) = Parcel::read(TRANSFER, &meter, &Limits::default());
    let rejection = parcel.map(|_| ()).unwrap_err();
    assert_eq!(answer(&name, PEER, Err(&rejection)), lines[1]);
    let site = Site::new();
    let (started, _) = site.receive(ZERO, 1);
    assert_eq!(started.error, "WASM hash missing or invalid length");
    let (started, _) = site.receive(b"{", 1);
    assert_eq!((&*started.agent_id, started.success), ("", false));
    assert!(!started.error.is_empty());
}

#[test]
fn a_message_is_read_up_to_what_its_parts_may_have() {
    let limits = Limits::default();
    let max = transfer_bytes_max(&limits);
    assert!(max > (limits.module_bytes_max + limits.state_bytes_max) * 4 / 3, "{max}");
    assert!(max < limits.package_bytes_max, "{max}");
    let meter = MeterName::new("gas").unwrap();
    for (bytes, is_too_long) in [(max, false), (max + 1, true), (max * 3, true)] {
        let text = vec![b' '; usize::try_from(bytes).unwrap()];
        let (_, parcel) = Parcel::read(&text, &meter, &limits);
        let rejection = parcel.map(|_| ()).unwrap_err().to_string();
        assert_eq!(rejection.contains("at most"), is_too_long, "{bytes}: {rejection}");
    }
}

#[test]
fn an_agent_of_the_original_that_is_taken_really_runs_in_a_new_epoch() {
    let site = Site::new();
    let json = honest().to_json_line();
    let (started, transcript) = site.receive(json.as_bytes(), 4);
    assert!(started.success, "{}", started.error);
    assert_eq!((&*started.agent_id, &*started.node_id, &*started.error), ("counter", PEER, ""));
    let transcript = transcript.unwrap();
    assert_eq!(transcript.reason, StopReason::Ticks);
    assert_eq!(transcript.ticks().map(|it| it.tick.0).collect::<Vec<_>>(), [4, 5, 6, 7]);
    let agent: AgentId = "counter".parse().unwrap();
    let stored = pollster::block_on(site.storage().get(&Key::Custody(agent.clone())));
    let custody = Custody::decode(&stored.unwrap().unwrap().bytes).unwrap().1;
    assert_eq!(custody.holding, Holding::Held(5));
    // It is igor's now: it can be listed to move on, and does not come a second time.
    let stock = pollster::block_on(stock(site.storage(), &agent, &site.world.limits)).unwrap();
    assert_eq!(stock.expected.tick, Tick(7));
    let (started, _) = site.receive(json.as_bytes(), 1);
    assert!(!started.success && started.error.contains("this node holds it"), "{}", started.error);
}

#[test]
fn one_without_replay_data_is_taken_only_where_that_is_accepted() {
    let mut transfer = honest();
    transfer.package.replay_data = None;
    let site = Site { accepts_unproven: true, ..Site::new() };
    let (started, transcript) = site.receive(transfer.to_json_line().as_bytes(), 1);
    assert!(started.success && transcript.is_some(), "{}", started.error);
    let mut wrong = honest();
    sign_again(&mut wrong.package, |_, state| state[0] = 9);
    let site = Site { accepts_unproven: true, ..Site::new() };
    let (started, _) = site.receive(wrong.to_json_line().as_bytes(), 1);
    assert!(!started.success, "what is wrong is never accepted");
}
