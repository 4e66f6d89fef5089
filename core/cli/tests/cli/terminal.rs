//! What a terminal shows: the width is respected, and colours appear only there.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::process::Command;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::support::{Place, igor};

/// Runs `command` on a terminal of so many columns; returns its exit code and all it shows.
fn on_terminal(mut command: Command, columns: u16) -> (Option<i32>, String) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
    let controller: OwnedFd = openpt(flags).expect("a terminal can be made");
    grantpt(&controller).expect("it can be granted");
    unlockpt(&controller).expect("it can be unlocked");
    let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&controller, size).expect("it has a size");
    let name = ptsname(&controller, Vec::new()).expect("it has a name");
    let name = name.to_str().expect("a plain name");
    let open = || File::options().read(true).write(true).open(name).expect("it can be opened");
    command.stdout(open()).stderr(open()).env("TERM", "xterm-256color");
    let mut child = command.spawn().expect("the program starts");
    drop(command);
    let mut shown = Vec::new();
    // A terminal whose other side is closed answers with an error instead of an end.
    let _ = File::from(controller).read_to_end(&mut shown);
    let status = child.wait().expect("the program ends");
    (status.code(), String::from_utf8(shown).expect("UTF-8").replace("\r\n", "\n"))
}

#[test]
fn a_narrow_terminal_shows_one_line_for_each_tick() {
    let place = Place::new();
    let module = place.prebuilt("heartbeat");
    let long = "an-agent-with-a-name-that-is-longer-than-any-line-has-room-for";
    for agent in ["heartbeat", long] {
        let mut command = igor(["run", &module, "--checkpoint-dir", &place.data()]);
        command.args(["--agent-id", agent, "--ticks", "12", "--tick-interval", "0"]);
        let (code, shown) = on_terminal(command, 60);
        assert_eq!(code, Some(0), "{shown}");
        let ticks: Vec<_> = shown.lines().filter(|line| line.contains(" obs ")).collect();
        assert_eq!(ticks.len(), 12, "{shown}");
        for line in ticks {
            assert!(line.chars().count() <= 60 && line.contains(" tick "), "{line}");
        }
    }
}

#[test]
fn an_error_is_wrapped_to_the_terminal() {
    for columns in [40, 60, 100] {
        let command = igor(["run", "/nowhere/at/all.wasm"]);
        let (code, shown) = on_terminal(command, columns);
        assert_eq!(code, Some(1), "{shown}");
        assert!(shown.starts_with("\u{1b}[") && shown.contains("error:"), "{shown:?}");
        let plain = strip_colours(&shown);
        assert!(plain.starts_with("error: read the") && plain.lines().count() > 1, "{plain:?}");
        for line in plain.lines() {
            assert!(line.chars().count() <= usize::from(columns), "{columns}: {line:?}");
        }
    }
}

#[test]
fn no_color_is_respected() {
    let mut command = igor(["run", "/nowhere/at/all.wasm"]);
    command.env("NO_COLOR", "1");
    let (_, shown) = on_terminal(command, 80);
    assert!(shown.starts_with("error: "), "{shown:?}");
}

fn strip_colours(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        rest = after.split_once('m').map_or("", |(_, after)| after);
    }
    plain + rest
}
