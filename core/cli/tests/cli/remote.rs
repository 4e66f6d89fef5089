//! The control API over TCP: with the token everything that the socket offers, without it nothing; and who may read
//! the token.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;

use rustix::process::Signal;

use crate::support::{Answer, Place, Running, ask, igor};

/// A node that listens at a free port of this machine, and its address.
fn listening(place: &Place, args: &[&str]) -> (Running, String) {
    let mut command = igor(["node", "--output", "json", "--tick-interval", "5ms"]);
    command.args(["--checkpoint-dir", &place.data(), "--control-listen", "0"]).args(args);
    let mut running = Running::start(command_in(place, command));
    let ready = running.event("ready", |_| true);
    let address = ready["control_address"].as_str().expect("an address").to_owned();
    assert!(address.starts_with("127.0.0.1:"), "{address}");
    (running, address)
}

fn command_in(place: &Place, mut command: std::process::Command) -> std::process::Command {
    let runtime = place.path("run");
    fs::create_dir_all(&runtime).expect("a folder can be made");
    command.env("XDG_RUNTIME_DIR", runtime);
    command
}

/// What is answered to a request with these lines in its head.
fn request(address: &str, lines: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("the node listens");
    let head = format!("GET /v1/health HTTP/1.1\r\nhost: igor\r\nconnection: close\r\n{lines}\r\n");
    stream.write_all(head.as_bytes()).expect("sent");
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer
}

fn from_elsewhere(address: &str, token: &str, args: &[&str]) -> Answer {
    let nowhere = ["--checkpoint-dir", "/nowhere", "--output", "json"];
    let way = ["--control", address, "--control-token-file", token];
    ask([args, &way, &nowhere].concat())
}

#[test]
fn a_node_is_asked_over_tcp_by_who_has_the_token() {
    let place = Place::new();
    let module = place.prebuilt("heartbeat");
    let (mut running, address) = listening(&place, &[]);
    let file = place.path("data/.igor/.control-token");
    let mode = fs::metadata(&file).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let token = file.to_str().expect("a plain path");

    let started = from_elsewhere(&address, token, &["start", &module]).document();
    assert_eq!(started["agent_id"], "heartbeat");
    running.event("tick", |event| event["tick"].as_u64() >= Some(2));
    let listing = from_elsewhere(&address, token, &["ps"]).document();
    assert_eq!(listing["agents"].as_array().map(Vec::len), Some(1));
    let before = from_elsewhere(&address, token, &["fund", "heartbeat", "2"]).document();
    assert_eq!(before["amount"], 2_000_000);
    from_elsewhere(&address, token, &["logs", "heartbeat", "-n", "1"]).document();
    from_elsewhere(&address, token, &["stop", "heartbeat"]).document();
    from_elsewhere(&address, token, &["status", "nobody"]).refused(1, &["nobody"]);
    let data = place.data();
    ask(["ps", "--checkpoint-dir", &data, "--control", &address]).done();
    ask(["ps", "--checkpoint-dir", &data]).done();

    let kept = fs::read_to_string(&file).expect("it can be read");
    running.signal(Signal::TERM);
    running.answer().done();
    let (mut running, _) = listening(&place, &[]);
    assert_eq!(fs::read_to_string(&file).expect("it can be read"), kept, "it stays");
    running.signal(Signal::TERM);
    running.answer().done();
    from_elsewhere(&address, token, &["ps"]).refused(1, &["no node runs at", "--control-listen"]);
}

#[test]
fn without_the_token_nothing_is_answered() {
    let place = Place::new();
    let secret = "0123456789abcdef".repeat(4);
    let file = place.write("token", format!("{secret}\n").as_bytes());
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("changed");
    let (mut running, address) = listening(&place, &["--control-token-file", &file]);
    assert!(request(&address, &format!("authorization: Bearer {secret}\r\n")).contains(" 200 "));
    let wrong = secret.replace('0', "1");
    for lines in [
        String::new(),
        "authorization: Bearer \r\n".to_owned(),
        format!("authorization: Bearer {wrong}\r\n"),
        format!("authorization: Basic {secret}\r\n"),
        format!("authorization: Bearer {secret}x\r\n"),
        format!("authorization: Bearer {}\r\n", &secret[1..]),
        format!("x-token: {secret}\r\n"),
    ] {
        let answer = request(&address, &lines);
        assert!(answer.contains(" 401 ") && answer.contains("unauthorized"), "{lines}: {answer}");
        assert!(answer.to_lowercase().contains("www-authenticate: bearer"), "{answer}");
        assert!(!answer.contains("agents"), "{answer}");
    }
    let other = place.write("other", "y".repeat(64).as_bytes());
    from_elsewhere(&address, &other, &["ps"]).refused(1, &["others may use it", "0600"]);
    fs::set_permissions(&other, fs::Permissions::from_mode(0o600)).expect("changed");
    from_elsewhere(&address, &other, &["ps"])
        .refused(1, &["does not carry the node's token", "--control-token-file"]);
    running.signal(Signal::TERM);
    running.answer().done();
}

#[test]
fn a_token_that_others_may_read_and_an_address_that_is_taken_are_refused() {
    let place = Place::new();
    let open = place.write("open", "y".repeat(64).as_bytes());
    fs::set_permissions(&open, fs::Permissions::from_mode(0o644)).expect("changed");
    let data = place.data();
    let node = |args: &[&str]| {
        let mut command = igor(["node", "--checkpoint-dir", &data]);
        command.args(args);
        crate::support::answer(command_in(&place, command))
    };
    node(&["--control-listen", "0", "--control-token-file", &open])
        .refused(1, &["others may use it", "0600"]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken = taken.local_addr().map(|it| it.port().to_string()).map(|port| (port, taken));
    let (port, _held) = taken.expect("it has an address");
    node(&["--control-listen", &port]).refused(1, &["listen at", "--control-listen"]);
    node(&["--control-listen", "nowhere"]).refused(2, &["HOST:PORT"]);
    node(&["--control-token-file", &open]).refused(2, &["--control-listen"]);
    ask(["ps", "--control-token-file", &open]).refused(2, &["--control"]);
}
