//! One module for each command. A command takes its arguments and the output, and answers with the
//! exit code or a problem.

pub(crate) mod audit;
pub(crate) mod bisect;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod control;
pub(crate) mod doctor;
pub(crate) mod export;
pub(crate) mod fund;
pub(crate) mod gc;
pub(crate) mod import;
pub(crate) mod inspect;
pub(crate) mod man;
pub(crate) mod moving;
pub(crate) mod node;
pub(crate) mod plugins;
pub(crate) mod prove;
pub(crate) mod recover;
pub(crate) mod replay;
pub(crate) mod resume;
pub(crate) mod run;
pub(crate) mod simulate;
pub(crate) mod verify;
