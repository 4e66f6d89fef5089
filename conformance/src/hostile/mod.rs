//! Agents that attack the node that runs them: the files of `agents/hostile`, and those that are too
//! large to be files. Each says what must happen to it. They are data; running them is the business
//! of whoever has a node.
//!
//! A file's first line is `;; expect: OUTCOME`, its second `;; attack: NUMBER`, which is the attack's in the
//! reliability plan. Then `;; grants: CAPABILITY …` may follow, and
//! `;; gas: full` where the danger grows with the gas that is used: such an agent runs under the default
//! limit, the others under a lower one that saves time. The outcome is one of
//!
//! - `ticks`: the attack achieves nothing, the agent lives on;
//! - `trap NAME in CALL`: this guest call ends with this trap (the names of [`Trap::name`]), where
//!   `start` is the start function and `instantiate` the placing of its segments;
//! - `bad result of CALL`: what the call answers cannot be used;
//! - `refused REASON`: the module never runs.

mod generated;
mod grammar;
mod judge;

use std::path::{Path, PathBuf};

use igor_core::Trap;

pub use grammar::ExpectationError;
use grammar::Head;
pub use judge::{Outcome, judge, run, world_for};

/// An agent that attacks.
#[derive(Debug, Clone)]
pub struct Hostile {
    /// Its name.
    pub name: String,
    /// The number of the attack in the reliability plan.
    pub attack: u32,
    /// The module.
    pub bytes: Vec<u8>,
    /// Its manifest, JSON.
    pub manifest: String,
    /// Whether it is to run under the default gas limit.
    pub has_full_gas: bool,
    /// What must happen.
    pub expectation: Expectation,
}

/// What must happen to a hostile agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expectation {
    /// The answer of this guest call cannot be used.
    BadResult {
        /// The export that was called.
        call: String,
    },
    /// The module never runs.
    Refused(Refusal),
    /// The attack achieves nothing and the agent lives on.
    Ticks,
    /// This guest call ends with this trap; of [`Trap::Exit`], whatever the code.
    Trap {
        /// The trap.
        trap: Trap,
        /// The export that was called, `start` or `instantiate`.
        call: String,
    },
}

/// Why a module never runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It imports what its manifest does not declare.
    Capability,
    /// Its exports are not those of an agent.
    Exports,
    /// It imports what no node has.
    Import,
    /// It is no valid module within the feature set.
    Invalid,
    /// It exceeds the limits table.
    Limit,
    /// It uses the reserved namespace.
    Reserved,
    /// It uses what igor does not offer.
    Unsupported,
}

/// The hostile agents could not be read.
#[derive(Debug, thiserror::Error)]
pub enum HostileError {
    /// A file is no module.
    #[error("assemble hostile agent {name}: {message}")]
    Assemble {
        /// The agent.
        name: String,
        /// What the assembler says.
        message: String,
    },
    /// A file's first lines are not as described above.
    #[error("read the expectation of hostile agent {name}: {source}")]
    Expectation {
        /// The agent.
        name: String,
        /// What is wrong.
        source: ExpectationError,
    },
    /// The folder or a file cannot be read.
    #[error("read {}: {source}", .path.display())]
    Read {
        /// What was read.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
}

/// All hostile agents, sorted by name: those of `agents/hostile` and the generated ones.
///
/// # Errors
/// When a file cannot be read or does not assemble.
pub fn all() -> Result<Vec<Hostile>, HostileError> {
    let mut agents = generated::all()?;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../agents/hostile");
    let read = |path: &Path, source| HostileError::Read { path: path.to_owned(), source };
    for entry in std::fs::read_dir(&folder).map_err(|error| read(&folder, error))? {
        let path = entry.map_err(|error| read(&folder, error))?.path();
        if path.extension().is_some_and(|extension| extension == "wat") {
            let text = std::fs::read_to_string(&path).map_err(|error| read(&path, error))?;
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            agents.push(Hostile::from_text(name, &text)?);
        }
    }
    agents.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(agents)
}

impl Hostile {
    fn from_text(name: String, text: &str) -> Result<Self, HostileError> {
        let bytes = wat::parse_str(text).map_err(|error| HostileError::Assemble {
            name: name.clone(),
            message: error.to_string(),
        })?;
        Self::from_bytes(name, text, bytes)
    }

    fn from_bytes(name: String, head: &str, bytes: Vec<u8>) -> Result<Self, HostileError> {
        match grammar::head(head) {
            Ok(Head { expectation, attack, grants, has_full_gas }) => {
                let manifest = grammar::manifest(&grants);
                Ok(Self { name, attack, bytes, manifest, has_full_gas, expectation })
            }
            Err(source) => Err(HostileError::Expectation { name, source }),
        }
    }
}
