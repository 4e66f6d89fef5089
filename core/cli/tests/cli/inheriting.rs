//! Agents that a node of the original sends to `igor node --accept-original`: a program that speaks its protocol
//! over libp2p, and knows nothing of igor's, is at the other end.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use igor_core::format::migrate::{
    AgentPackage, AgentStarted, AgentTransfer, MigrateMessage, ReplayData, ReplayEntry,
};
use igor_core::format::{
    Base64, Checkpoint, Hash, HistoryFile, NodeKey, Record, SecretBase64, Segment,
};
use igor_core::plugin::{ConfigSection, Context, Registry};
use igor_core::transport::{Address, ProtocolId, TransportError};
use igor_core::{Limits, Transport};
use igor_transport_libp2p as _;
use rustix::process::Signal;
use serde_json::Value;

use crate::support::{Place, Running, ask, igor, snapshot};

const NAME: &str = "heartbeat";

/// A node that takes what is sent to it.
struct Node {
    place: Place,
    running: Running,
    address: String,
}

impl Node {
    fn new(args: &[&str]) -> Self {
        Self::on(Place::new(), args)
    }

    fn on(place: Place, args: &[&str]) -> Self {
        let runtime = place.path("run");
        fs::create_dir_all(&runtime).expect("a folder can be made");
        let mut igor = igor(["node", "--transport", "libp2p", "--output", "json"]);
        igor.args(["--tick-interval", "5ms", "--checkpoint-interval", "50ms", "--meter", "gas"]);
        igor.args(["--checkpoint-dir", &place.data()]).args(args).env("XDG_RUNTIME_DIR", runtime);
        let mut running = Running::start(igor);
        let listening = running.event("listening", |_| true);
        let address = listening["addresses"][0].as_str().expect("an address").to_owned();
        Self { place, running, address }
    }

    /// What the node answers to this text, sent by a node whose key grows from `seed`.
    fn told_by(&self, seed: u8, text: &str) -> Result<AgentStarted, TransportError> {
        send(seed, &self.address, text)
    }

    fn told(&self, text: &str) -> AgentStarted {
        self.told_by(9, text).unwrap_or_else(|error| panic!("{error}"))
    }

    fn tick(&mut self) -> u64 {
        self.running.event("tick", |_| true)["tick"].as_u64().expect("a number")
    }

    fn end(mut self) -> Place {
        self.running.signal(Signal::TERM);
        self.running.answer().done();
        self.place
    }
}

/// Says `text` on a stream of the original's protocol and reads the answer.
fn send(seed: u8, address: &str, text: &str) -> Result<AgentStarted, TransportError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("it starts").block_on(async {
        let key = Arc::new(NodeKey::from_seed(&[seed; 32]));
        let context = Context::new("nowhere", Limits::default()).with_node_key(key);
        let section = ConfigSection::empty("transport.libp2p");
        let linked = Registry::<dyn Transport>::linked().expect("one of each name");
        let transport = linked.build("libp2p", &section, &context).expect("it is built");
        let connection = transport.connect(&Address(address.to_owned())).await?;
        let protocol = ProtocolId::new("/igor/migrate/1.0.0")?;
        let mut stream = connection.open(&protocol).await?;
        stream.writer.write_all(text.as_bytes()).await?;
        let (mut answer, mut buffer) = (Vec::new(), [0; 512]);
        // A node of the original does not say that nothing follows.
        while !answer.ends_with(b"\n") {
            match stream.reader.read(&mut buffer).await? {
                0 => break,
                count => answer.extend_from_slice(&buffer[..count]),
            }
        }
        let attempt = "read an answer".to_owned();
        AgentStarted::from_json(&answer, 10_000)
            .map_err(|error| TransportError::Refused { attempt, problem: error.to_string() })
    })
}

/// What a node of the original sends of an agent that ticked five times there.
struct Sender {
    place: Place,
}

impl Sender {
    fn new() -> Self {
        let place = Place::new();
        let module = place.prebuilt(NAME);
        // The state before the last tick is that of the first run's last checkpoint.
        place.ran(&module, &["--ticks", "4"]);
        place.ran(&module, &["--ticks", "1"]);
        Self { place }
    }

    fn history(&self) -> PathBuf {
        self.place.path("data/history").join(NAME)
    }

    fn read(&self, path: &str) -> Vec<u8> {
        fs::read(self.place.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    fn replay(&self) -> ReplayData {
        let mut before = None;
        let mut entries = Vec::new();
        for path in snapshot(&self.history()).into_keys() {
            let bytes = fs::read(&path).expect("a file");
            let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
            match name.parse::<HistoryFile>() {
                Ok(HistoryFile::Checkpoint { tick, .. }) if tick.0 == 4 => {
                    let checkpoint = Checkpoint::decode(&bytes, 1 << 20).expect("one");
                    before = Some(Base64(checkpoint.state().to_vec()));
                }
                Ok(HistoryFile::Segment { tick, .. }) if tick.0 == 5 => {
                    let segment = Segment::decode(&bytes).expect("a segment");
                    let records = segment.verify().expect("it is sealed").records;
                    let last = records.into_iter().rev().find_map(|record| match record {
                        Record::Tick(tick) => Some(tick.observations),
                        _ => None,
                    });
                    let last = last.expect("a tick");
                    entries.extend(last.iter().map(|(kind, payload)| ReplayEntry {
                        hostcall_id: kind.0,
                        payload: Some(Base64(payload.to_vec())),
                    }));
                }
                _ => {}
            }
        }
        ReplayData { pre_tick_state: before, tick_number: 5, entries: Some(entries) }
    }

    fn package(&self) -> AgentPackage {
        let module = self.read(&format!("{NAME}.wasm"));
        let checkpoint = self.read(&format!("data/{NAME}.checkpoint"));
        let header = *Checkpoint::decode(&checkpoint, 1 << 20).expect("one").header();
        AgentPackage {
            agent_id: NAME.to_owned(),
            wasm_hash: Some(Base64(Hash::of(&module).as_bytes().to_vec())),
            wasm_binary: Some(Base64(module)),
            checkpoint: Some(Base64(checkpoint)),
            manifest_data: Some(Base64(self.read(&format!("{NAME}.manifest.json")))),
            budget: header.budget.get(),
            price_per_second: header.price.microcents().get(),
            replay_data: Some(self.replay()),
            receipts: None,
            major_version: 3,
            lease_generation: 1,
            agent_identity: Some(SecretBase64::new(
                self.read(&format!("data/{NAME}.identity")).into(),
            )),
        }
    }

    fn text(&self, edit: impl FnOnce(&mut AgentPackage)) -> String {
        let mut package = self.package();
        edit(&mut package);
        let source_node_id = "12D3KooWsource".to_owned();
        AgentTransfer { package, source_node_id }.to_json_line()
    }
}

/// What a node keeps of agents: everything but its own files.
fn kept(place: &Place) -> Vec<(PathBuf, Option<Vec<u8>>)> {
    let is_agents = |path: &Path| path.to_string_lossy().contains(NAME);
    snapshot(&place.path("data")).into_iter().filter(|(path, _)| is_agents(path)).collect()
}

#[test]
fn an_agent_of_the_original_is_taken_and_ticks_and_its_history_can_be_judged() {
    let sender = Sender::new();
    let mut node = Node::new(&["--accept-original"]);
    let said = node.running.event("accepting_original", |_| true);
    assert_eq!((&said["protocol"], &said["meter"]), (&"/igor/migrate/1.0.0".into(), &"gas".into()));
    let statement = said["statement"].as_str().expect("a text");
    assert!(statement.contains("outside what igor promises"), "{statement}");
    let answer = node.told(&sender.text(|_| {}));
    assert!(answer.success, "{answer:?}");
    assert_eq!((&*answer.agent_id, &*answer.error), (NAME, ""));
    let came = node.running.event("came", |_| true);
    assert_eq!((&came["agent_id"], &came["tick"]), (&NAME.into(), &5.into()));
    assert_eq!((node.tick(), node.tick()), (6, 7));
    let again = node.told(&sender.text(|_| {}));
    assert!(!again.success && !again.error.is_empty(), "{again:?}");
    let declined = node.running.event("declined", |_| true);
    assert_eq!(declined["code"], "held");
    let last = node.tick();
    // It runs again whenever the node does, in an epoch above the sender's.
    let mut node = Node::on(node.end(), &[]);
    assert!(node.tick() > last);
    let place = node.end();
    let current = fs::read(place.path(&format!("data/{NAME}.checkpoint"))).expect("a file");
    let header = *Checkpoint::decode(&current, 1 << 20).expect("one").header();
    assert_eq!(header.epoch.major, 4);
    judged(&place, &sender);
}

/// The agent's history begins where it came, as its certificate says; with what it left at the sender it is whole.
fn judged(place: &Place, sender: &Sender) {
    let history = place.path("data/history").join(NAME);
    let dir = history.to_str().expect("UTF-8");
    let module = place.prebuilt(NAME);
    let audit = || ask(["audit", dir, "--wasm", &module, "--output", "json"]).document();
    let verified = place.verify(NAME).document();
    assert_eq!((&verified["valid"], &verified["first_tick"]), (&true.into(), &5.into()));
    assert_eq!(verified["findings"][0]["kind"], "begun_elsewhere", "{verified:#}");
    let handover = &verified["handovers"][0];
    assert_eq!((&handover["kind"], &handover["valid"]), (&"inheritance".into(), &true.into()));
    assert_eq!((&handover["epoch"], &handover["tick"]), (&4.into(), &5.into()));
    let source = NodeKey::from_seed(&[9; 32]).public_key().to_string();
    assert_eq!(handover["source"], source.as_str());
    let audited = audit();
    assert_eq!(audited["refutations"], serde_json::json!([]), "{audited:#}");
    assert_eq!(audited["verdict"], "partly_proven");
    let certificate = history.join("0000000004.cert");
    let certificate = certificate.to_str().expect("UTF-8");
    let shown = ask(["inspect", certificate, "--output", "json"]).document();
    assert_eq!((&shown["form"], &shown["signature"]), (&"inheritance".into(), &"valid".into()));
    for (path, bytes) in snapshot(&sender.history()) {
        let name = path.file_name().expect("a name");
        let is_checkpoint = name.to_str().is_some_and(HistoryFile::is_checkpoint);
        if let Some(bytes) = bytes.filter(|_| is_checkpoint) {
            fs::write(history.join(name), bytes).expect("written");
        }
    }
    let verified = place.verify(NAME).document();
    assert_eq!((&verified["valid"], &verified["first_tick"]), (&true.into(), &0.into()));
    assert_eq!(verified["findings"], serde_json::json!([]));
    let document = audit();
    assert_eq!(document["verdict"], "partly_proven", "{document:#}");
    assert_eq!(document["refutations"], serde_json::json!([]));
    assert_eq!(document["proven"][0]["after"], 5, "{document:#}");
}

#[test]
fn what_is_not_in_order_is_refused_with_a_reason_and_leaves_nothing() {
    type Edit = fn(&mut AgentPackage);
    let sender = Sender::new();
    let mut node = Node::new(&["--accept-original"]);
    let edits: [(Edit, &str, &str); 5] = [
        (|it| it.wasm_hash = Some(Base64(vec![0; 32])), "WASM binary hash mismatch", "hash"),
        (|it| it.agent_identity = None, "agent identity missing", "unsupported"),
        (|it| it.replay_data = None, "replay verification failed", "replay"),
        (
            |it| it.checkpoint.as_mut().expect("there").0[6] ^= 1,
            "signature is invalid",
            "signature",
        ),
        (
            |it| {
                let text = br#"{"capabilities":{"clock":{"version":1},"log":{"version":1},"rand":{"version":1}},"migration_policy":{"enabled":false}}"#;
                it.manifest_data = Some(Base64(text.to_vec()));
            },
            "agent migration policy disabled",
            "policy",
        ),
    ];
    for (edit, says, code) in edits {
        let answer = node.told(&sender.text(edit));
        assert!(!answer.success && answer.error.contains(says), "{answer:?}");
        assert_eq!(answer.agent_id, NAME);
        assert_eq!(node.running.event("declined", |_| true)["code"], code, "{says}");
        assert_eq!(kept(&node.place), [], "{says}");
    }
    let nonsense = node.told("{\"Package\": 5}\n");
    assert_eq!((&*nonsense.agent_id, nonsense.success), ("", false));
    assert!(!nonsense.error.is_empty());
    let answer = node.told(&sender.text(|_| {}));
    assert!(answer.success, "what is in order still comes: {answer:?}");
}

#[test]
fn what_is_larger_than_anything_allowed_is_not_read_to_its_end() {
    let node = Node::new(&["--accept-original"]);
    let endless = format!("{{\"Package\":{{\"AgentID\":\"{}\"}}}}", "x".repeat(40 << 20));
    match node.told_by(9, &endless) {
        Ok(answer) => assert!(answer.error.contains("at most"), "{answer:?}"),
        // Who reads nothing while it sends does not hear why.
        Err(error) => assert!(!matches!(error, TransportError::Address { .. }), "{error}"),
    }
    assert_eq!(kept(&node.place), []);
    let place = node.end();
    drop(place);
}

#[test]
fn who_is_not_named_sends_nothing_and_who_sends_rubbish_is_barred() {
    let sender = Sender::new();
    let friend = NodeKey::from_seed(&[9; 32]).public_key();
    let named: String = friend.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let node = Node::new(&["--accept-original", "--accept", &named]);
    let text = sender.text(|_| {});
    assert!(node.told_by(8, &text).is_err(), "nobody named it");
    assert_eq!(kept(&node.place), []);
    let foul = sender.text(|it| it.wasm_binary = None);
    for _ in 0..10 {
        assert!(!node.told_by(9, &foul).is_ok_and(|answer| answer.success));
    }
    let barred = node.told_by(9, &text);
    assert!(!barred.is_ok_and(|answer| answer.success), "it has sent too much that is foul");
    assert_eq!(kept(&node.place), []);
}

#[test]
fn unless_it_is_asked_for_nothing_of_the_original_is_taken() {
    let sender = Sender::new();
    let node = Node::new(&[]);
    assert!(node.told_by(9, &sender.text(|_| {})).is_err());
    assert_eq!(kept(&node.place), []);
    let place = Place::new();
    let quic = ask(["node", "--accept-original", "--checkpoint-dir", &place.data()]);
    quic.refused(2, &["--accept-original", "quic", "--transport libp2p"]);
    let shown = ask(["config", "show", "--output", "json"]).document();
    let settings = shown["settings"].as_array().expect("a list");
    let setting = settings.iter().find(|it| it["path"] == "handoff.accept_original");
    let value = setting.map(|it| (it["value"].clone(), it["source"].clone()));
    assert_eq!(value, Some((Value::from("\"no\""), Value::from("default"))));
}
