//! Drives agents: guest calls, hostcalls, charging, checkpoints and recovery. The [`Driver`] of an
//! agent takes events and gives commands; the [`Worker`] runs its guest code; a [`fleet`] is many of
//! both; [`shell`] is the thin layer that waits. Nothing outside the shell reads a clock, waits or
//! spawns, and nothing here knows any plugin by name.

pub mod abi;
mod adopt;
mod arguments;
pub mod audit;
mod collect;
mod commit;
mod driver;
mod event;
pub mod export;
pub mod fleet;
mod fund;
pub mod handoff;
mod host;
mod hostcall;
mod incarnation;
mod journal;
mod launch;
mod ledger;
mod lockstep;
mod node_key;
mod open;
pub mod peers;
mod program;
mod purse;
mod recover;
mod remove;
mod replay;
pub mod shell;
mod simulate;
mod survey;
mod tail;
mod verify;
mod wasi;
mod whole_store;
pub mod wire;
mod wish;
mod worker;

pub use adopt::{AdoptError, Arrival, adopt};
pub use collect::{CollectError, Collection, collect};
pub use driver::{Command, Driver, Event, Plan};
pub use event::{Granted, NotGranted, RunEvent, Started, StopReason, Stopped, Ticked};
pub use fund::{Funded, FundingError, fund};
pub use host::{Environment, GuestIdentity};
pub use hostcall::Hostcall;
pub use incarnation::{Failure, Incarnation, Opening, Report, TickOutput};
pub use launch::{LaunchError, Launched, NamedEngine, Node, check, launch};
pub use lockstep::lockstep;
pub use node_key::NodeKeyProblem;
pub use open::{CommitMode, Defaults, OpenError, Outlook, Request, look, stored_module};
pub use program::{CheckedModule, LoadError, Program};
pub use purse::{Purse, Settlement};
pub use recover::{Recovery, RecoveryError, Shown, recover};
pub use remove::{Removed, remove};
pub use replay::{Difference, Mismatch, Refutation, SegmentReplay, Step, first_difference};
pub use simulate::{Bytes, Scenario, Script, Simulated, Simulation};
pub use survey::SurveyError;
pub use tail::JournalError;
pub use verify::{CheckKind, CheckPlan, Job, OnDivergence, OnHiddenState, RecordedTick};
pub use verify::{Verdict, Verification, Verifier};
pub use wasi::WasiCall;
pub use whole_store::claim_whole;
pub use wish::{WishProblem, agents, set_wishes, wish};
pub use worker::{Carried, RecoverError, Recovered, Worker};
