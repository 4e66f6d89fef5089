//! The exit codes, which are part of the interface: scripts and supervisors act on them. What went
//! wrong is said on stderr; a code only says which kind of thing.

use std::process::ExitCode;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// What was asked for is done.
    Done,
    /// It could not be done, or the answer is "no".
    Failure,
    /// The command line, the environment or the configuration file is wrong.
    Usage,
    /// Another process holds the agent or the data directory.
    InUse,
    /// Nothing speaks against a history, but not all of it can be proven.
    Partly,
}

/// The explanation in `igor --help` and in the man page.
pub(crate) const EXPLAINED: &str = "\
Exit codes:
  0    done; for `run` also when the budget is exhausted, a signal arrived or stdout was closed
  1    failure: the agent trapped or ran into its time limit, a history or file is not valid,
       something was refuted or differs, something could not be read or written
  2    wrong use: an unknown flag, value, plugin or configuration field
  3    another process holds the agent or the data directory; for `audit`, which takes no lock:
       nothing speaks against the history, but not all of it can be proven
  101  a defect of igor itself";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failure => 1,
            Exit::Usage => 2,
            Exit::InUse | Exit::Partly => 3,
        })
    }
}
