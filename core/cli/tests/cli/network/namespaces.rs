//! Network namespaces, one for each node, and a wire between them that loses, delays and doubles frames and can be
//! cut. Each lives as long as a process that reads from a pipe of this one: nothing is left of them when the test
//! ends, however it does.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::support::repository;

/// How many namespaces there are.
pub(super) const NODES: usize = 3;
/// Set to `require`, what cannot be tested fails.
const VARIABLE: &str = "IGOR_NAMESPACES";

/// The wire and what is attached to it.
pub(super) struct Network {
    homes: Vec<Member>,
    wire: Member,
    nsenter: PathBuf,
}

/// A process in a namespace of its own.
struct Member {
    child: Child,
    said: BufReader<ChildStdout>,
}

/// What the wire did to frames.
#[derive(Debug)]
pub(super) struct Frames {
    pub(super) carried: u64,
    pub(super) lost: u64,
    pub(super) doubled: u64,
    pub(super) stopped: u64,
}

impl Network {
    /// Sets namespaces up. Where that cannot be done, it says so on the terminal.
    pub(super) fn new(test: &str, seed: u64) -> Option<Self> {
        match Self::try_new(seed) {
            Ok(network) => Some(network),
            Err(problem) => {
                let is_required = env::var(VARIABLE).is_ok_and(|value| value == "require");
                assert!(!is_required, "{test} cannot be run: {problem}");
                // Past what captures the output of tests.
                let line = format!("\nSKIPPED {test}: {problem}\n");
                std::io::stderr().write_all(line.as_bytes()).expect("stderr can be written to");
                None
            }
        }
    }

    fn try_new(seed: u64) -> Result<Self, String> {
        let [unshare, nsenter, ip, sh, python] =
            ["unshare", "nsenter", "ip", "sh", "python3"].map(find);
        let (unshare, nsenter, ip, sh, python) = (unshare?, nsenter?, ip?, sh?, python?);
        if !Path::new("/dev/net/tun").exists() {
            return Err("there is no /dev/net/tun".to_owned());
        }
        let homes = (0..NODES).map(|_| {
            let waits = [sh.as_os_str(), "-c".as_ref(), "echo ready; exec cat".as_ref()];
            Member::new(Command::new(&unshare).arg("--net").args(waits))
        });
        let homes = homes.collect::<Result<Vec<_>, _>>()?;
        let script = repository().join("core/cli/tests/cli/network/wire.py");
        let numbers = [seed.to_string(), NODES.to_string()];
        let mut wire = Command::new(&unshare);
        wire.arg("--net").arg(python).arg(script).args(numbers);
        let wire = Member::new(&mut wire)?;
        let network = Self { homes, wire, nsenter };
        for (number, home) in network.homes.iter().enumerate() {
            let (device, pid) = (format!("igor{number}"), home.child.id().to_string());
            let address = format!("{}/24", place(number));
            network.enter(&network.wire, &ip, &["link", "set", &device, "netns", &pid])?;
            network.enter(home, &ip, &["address", "add", &address, "dev", &device])?;
            network.enter(home, &ip, &["link", "set", &device, "up"])?;
        }
        Ok(network)
    }

    /// Runs a program in the namespace of a member.
    fn enter(&self, member: &Member, program: &Path, args: &[&str]) -> Result<(), String> {
        let pid = member.child.id().to_string();
        let mut command = Command::new(&self.nsenter);
        command.args(["--net", "--target", &pid, "--"]).arg(program).args(args);
        let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        output.status.success().then_some(()).ok_or_else(|| format!("{command:?}: {stderr}"))
    }

    /// What runs a program in this namespace.
    pub(super) fn around(&self, number: usize) -> [String; 5] {
        let nsenter = self.nsenter.to_str().expect("UTF-8").to_owned();
        let pid = self.homes[number].child.id().to_string();
        [nsenter, "--net".to_owned(), "--target".to_owned(), pid, "--".to_owned()]
    }

    /// Loses so many of a thousand frames, delays each by so many milliseconds, and doubles so many of a thousand.
    pub(super) fn faults(&mut self, loss: u64, delay_ms: u64, duplication: u64) {
        self.say(&format!("faults {loss} {delay_ms} {duplication}"));
    }

    /// Lets nothing pass between two namespaces.
    pub(super) fn cut(&mut self, one: usize, other: usize) {
        self.say(&format!("cut {one} {other}"));
    }

    /// Lets everything pass again.
    pub(super) fn heal(&mut self) {
        self.say("heal");
    }

    /// What became of the frames until now.
    pub(super) fn frames(&mut self) -> Frames {
        self.say("count")
    }

    fn say(&mut self, line: &str) -> Frames {
        let input = self.wire.child.stdin.as_mut().expect("a pipe");
        writeln!(input, "{line}").expect("the wire listens");
        let answer = self.wire.line().expect("the wire answers");
        let numbers: Vec<u64> = answer.split(' ').filter_map(|it| it.parse().ok()).collect();
        let [carried, lost, doubled, stopped] = numbers[..] else { panic!("no count: {answer}") };
        Frames { carried, lost, doubled, stopped }
    }
}

impl Member {
    /// Starts it and waits until it says that it is ready.
    fn new(command: &mut Command) -> Result<Self, String> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("{command:?}: {error}"))?;
        let said = BufReader::new(child.stdout.take().ok_or("no pipe")?);
        let mut member = Self { child, said };
        match member.line() {
            Some(line) if line == "ready" => Ok(member),
            other => {
                let mut stderr = String::new();
                if let Some(mut pipe) = member.child.stderr.take() {
                    let read = std::io::Read::read_to_string(&mut pipe, &mut stderr);
                    read.map_err(|error| error.to_string())?;
                }
                Err(format!("{command:?} said {other:?}: {}", stderr.trim()))
            }
        }
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        self.said.read_line(&mut line).ok().filter(|bytes| *bytes > 0)?;
        Some(line.trim().to_owned())
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The address in a namespace.
pub(super) fn place(number: usize) -> String {
    format!("10.77.0.{}", number + 1)
}

/// Where a program is.
fn find(program: &str) -> Result<PathBuf, String> {
    let path = env::var_os("PATH").unwrap_or_default();
    let beside = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    let mut folders = env::split_paths(&path).chain(beside);
    let found = folders.find_map(|folder| Some(folder.join(program)).filter(|it| it.is_file()));
    found.ok_or_else(|| format!("there is no program `{program}`"))
}
