//! Agents about which two engines of one process disagree, as a user sees it who lets them go elsewhere then. One
//! engine is made to lie from outside: compiled code of another module lies in its cache, under a valid MAC, as only
//! the owner of the directory can put it there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use igor_core::format::Hash;
use serde_json::Value;

use crate::nodes::Node;
use crate::support::{Place, ask, counter};

/// What an entry of the cache begins with, and its MAC after that.
const MAGIC: &[u8] = b"igor code cache\x01";
const MAC_BYTES: usize = 32;

/// How the counter counts, and how it counts in the code that lies in its place.
const TRUE: &str = "(i64.const 1)";
const LIE: &str = "(i64.const 2)";

/// Flags of a node that gives an agent away about which its engines disagree, on this engine.
const fn on(engine: &str) -> [&str; 6] {
    ["--engine", engine, "--replay-on-divergence", "migrate", "--migration-retry-delay", "1ms"]
}

fn mac(secret: &[u8], entry: &str, code: &[u8]) -> Hash {
    let padded = |pad: u8| -> Vec<u8> {
        let zeros = std::iter::repeat_n(&0, 64 - secret.len());
        secret.iter().chain(zeros).map(|byte| byte ^ pad).collect()
    };
    let key: Hash = entry.parse().expect("entries are named by a hash");
    let inner = Hash::of_parts(&[&padded(0x36), MAGIC, key.as_bytes(), code]);
    Hash::of_parts(&[&padded(0x5c), inner.as_bytes()])
}

fn entries(cache: &Path) -> BTreeSet<PathBuf> {
    let listed = fs::read_dir(cache).into_iter().flatten();
    listed.map(|entry| entry.expect("a directory can be listed").path()).collect()
}

/// A place at which wasmtime runs the counter as if it counted by two.
fn lied_to() -> Place {
    let place = Place::new();
    let own = place.path("data").join(".igor");
    let cache = own.join(".cache").join("wasmtime");
    let compiled = |name: &str, text: &str| {
        let before = entries(&cache);
        place.ran(&place.module(name, text), &["--engine", "wasmtime", "--ticks", "1"]);
        let new = entries(&cache).difference(&before).cloned().collect::<Vec<_>>();
        let [entry] = <[PathBuf; 1]>::try_from(new).expect("one module is compiled once");
        entry
    };
    let honest = compiled("honest", &counter(""));
    let lying = compiled("lying", &counter("").replace(TRUE, LIE));
    let bytes = fs::read(lying).expect("an entry can be read");
    let code = &bytes[MAGIC.len() + MAC_BYTES..];
    let secret = fs::read(own.join(".secrets").join("code-cache-key")).expect("a secret");
    let name = honest.file_name().and_then(|name| name.to_str()).expect("a name");
    let forged = [MAGIC, mac(&secret, name, code).as_bytes(), code].concat();
    fs::write(&honest, forged).expect("an entry can be written");
    place
}

/// Starts the counter and waits until the engines disagree about it.
fn fall_out(source: &mut Node) -> Value {
    let module = source.place.module("counter", &counter(""));
    source.done(&["start", &module]);
    source.running.event("must_move", |event| event["agent_id"] == "counter")
}

fn stopped(source: &mut Node) -> Value {
    source.running.event("stopped", |event| event["agent_id"] == "counter")
}

#[test]
fn an_agent_that_the_verifier_denies_goes_to_the_cheapest_known_node() {
    let mut source = Node::on(lied_to(), &on("wasmi"));
    let dear = Node::on(Place::new(), &["--price", "0.5"]);
    let mut cheap = Node::on(Place::new(), &["--price", "0.0001"]);
    source.done(&["price", dear.address(), cheap.address()]);
    let told = fall_out(&mut source);
    assert!(told["reason"].is_string(), "{told}");
    assert_eq!(stopped(&mut source)["reason"], "migrated");
    cheap.running.event("came", |event| event["agent_id"] == "counter");
    cheap.ticks("counter", 3);
    let there = cheap.done(&["status", "counter"]);
    assert_eq!(there["state"], "running", "{there}");
    dear.ask(&["status", "counter"]).refused(1, &["counter"]);
}

#[test]
fn an_agent_that_the_verifier_denies_is_stopped_where_no_other_node_is_known() {
    let mut source = Node::on(lied_to(), &on("wasmi"));
    fall_out(&mut source);
    let told = stopped(&mut source);
    assert_eq!(told["reason"], "divergence", "{told}");
    let status = source.done(&["status", "counter"]);
    assert_eq!((&status["state"], &status["reason"]), (&"stopped".into(), &"divergence".into()));
}

#[test]
fn what_an_engine_made_up_is_taken_by_nobody_and_stopped() {
    let mut source = Node::on(lied_to(), &on("wasmtime"));
    let other = Node::on(Place::new(), &["--engine", "wasmi"]);
    source.done(&["price", other.address()]);
    fall_out(&mut source);
    let told = stopped(&mut source);
    assert_eq!(told["reason"], "divergence", "{told}");
    other.ask(&["status", "counter"]).refused(1, &["counter"]);
    let (data, module) = (source.place.data(), source.place.text("counter.wasm"));
    let history = format!("{data}/history/counter");
    let audited = ask(["audit", &history, "--wasm", &module, "--engine", "wasmi"]);
    assert_eq!(audited.code, Some(1), "{audited:#?}");
}
