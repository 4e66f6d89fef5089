//! Help, completions, man pages, the list of plugins, and what is not understood.

use crate::support::{answer, ask, igor};

#[test]
fn asking_for_nothing_shows_the_help_as_wrong_use() {
    let answer = ask::<[&str; 0]>([]);
    assert_eq!((answer.code, answer.stdout.as_str()), (Some(2), ""), "{answer:#?}");
    assert!(answer.stderr.contains("Usage: igor"), "{answer:#?}");
}

#[test]
fn help_explains_the_exit_codes_and_shows_examples() {
    let help = ask(["--help"]).done();
    for code in ["0    done", "1    failure", "2    wrong use", "3    another", "101  a defect"] {
        assert!(help.contains(code), "{help}");
    }
    for command in
        ["run", "resume", "fund", "verify", "inspect", "plugins", "config", "doctor", "completions"]
    {
        assert!(help.contains(&format!("\n  {command} ")), "{command} is not listed: {help}");
        let help = ask([command, "--help"]).done();
        assert!(help.contains("Examples:"), "{help}");
    }
}

#[test]
fn what_is_not_understood_is_wrong_use() {
    let table: &[(&[&str], &str)] = &[
        (&["frobnicate"], "frobnicate"),
        (&["plugins", "--frobnicate"], "--frobnicate"),
        (&["verify"], "HISTORY_DIR"),
        (&["verify", "x", "--did", "did:key:z6Mk"], "--did"),
        (&["plugins", "--output", "yaml"], "yaml"),
        (&["plugins", "--log-level", "loud"], "loud"),
        (&["inspect", "a", "b"], "'b'"),
    ];
    for (args, word) in table {
        ask(*args).refused(2, &[word, "--help"]);
    }
}

#[test]
fn flags_may_stand_before_and_after_the_command() {
    let before = ask(["--output", "json", "plugins"]).document();
    let after = ask(["plugins", "--output=json"]).document();
    assert_eq!(before, after);
}

#[test]
fn every_linked_plugin_is_listed_with_the_defaults_marked() {
    let document = ask(["plugins", "--output", "json"]).document();
    let plugins = document["plugins"].as_array().expect("a list");
    let name = |plugin: &serde_json::Value| {
        let field = |key: &str| plugin[key].as_str().expect("text").to_owned();
        let mark = if plugin["default"] == true { "*" } else { "" };
        format!("{}/{}{mark}", field("kind"), field("name"))
    };
    let names: Vec<_> = plugins.iter().map(name).collect();
    assert_eq!(
        names,
        [
            "engine/wasmi",
            "engine/wasmtime*",
            "storage/fs*",
            "storage/memory",
            "meter/gas",
            "meter/wall*",
            "transport/libp2p",
            "transport/memory",
            "transport/quic*"
        ]
    );
    let text = ask(["plugins"]).done();
    assert_eq!(text.lines().count(), names.len() + 1, "{text}");
}

#[test]
fn completions_name_the_commands_in_every_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = ask(["completions", shell]).done();
        assert!(script.contains("verify") && script.contains("inspect"), "{shell}: {script}");
    }
    ask(["completions", "csh"]).refused(2, &["csh", "bash"]);
}

#[test]
fn man_pages_are_written_where_asked() {
    let dir = tempfile::tempdir().expect("a folder can be made");
    let path = dir.path().to_str().expect("a plain path");
    assert_eq!(ask(["man", path]).done(), "");
    let page = std::fs::read_to_string(dir.path().join("igor-verify.1")).expect("a page");
    assert!(page.contains(".TH"), "{page}");
    ask(["man", "/nowhere/at/all"]).refused(1, &["/nowhere/at/all", "folder that exists"]);
}

#[test]
fn a_reader_who_leaves_is_no_failure() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command = igor(["completions", "bash"]);
    command.stdout(writer);
    let status = command.status().expect("the program starts");
    assert_eq!(status.code(), Some(0));
}

#[test]
fn a_full_disk_behind_stdout_is_a_failure() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
    let mut command = igor(["plugins"]);
    command.stdout(full).stderr(std::process::Stdio::piped());
    let output = command.spawn().and_then(|child| child.wait_with_output()).expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("error: write to stdout"));
}

#[test]
fn nothing_is_coloured_outside_a_terminal() {
    let mut command = igor(["frobnicate"]);
    command.env("TERM", "xterm-256color").env("COLORTERM", "truecolor");
    let answer = answer(command);
    assert!(!answer.stderr.contains('\u{1b}'), "{answer:#?}");
}

#[test]
fn the_schema_keeps_every_field_of_a_run() {
    let path = crate::support::repository().join("docs/schema/output.schema.json");
    let text = std::fs::read_to_string(path).expect("the schema can be read");
    let schema: serde_json::Value = serde_json::from_str(&text).expect("the schema is JSON");
    for (event, fields) in [
        ("started", &["did", "engine", "storage", "meter", "price", "tick", "budget"][..]),
        (
            "tick",
            &[
                "tick",
                "gas",
                "charge",
                "budget",
                "observations",
                "elapsed_ns",
                "state_hash",
                "more",
            ],
        ),
        ("log", &["tick", "message"]),
        ("checkpoint", &["tick", "hash"]),
        ("stopped", &["reason", "tick", "budget"]),
    ] {
        let required = &schema["$defs"][event]["required"];
        let required = required.as_array().unwrap_or_else(|| panic!("no event {event}"));
        for field in ["schema", "event", "agent_id", "time"].iter().chain(fields) {
            assert!(required.iter().any(|name| name == field), "{event} lost {field}");
        }
    }
}
