//! The way out of each failure: turns the typed errors of the layers below into a [`Problem`]. The
//! errors say what happened; what to do about it is only known here, where the flags and file names
//! are.

mod export;

use std::path::{Path, PathBuf};

use igor_core::format::AgentId;
use igor_core::plugin::BuildError;
use igor_core::storage::StorageError;
use igor_node::abi::AbiError;
use igor_node::{
    AdoptError, CollectError, CustodyProblem, ForceError, FundingError, JournalError, LaunchError,
    LoadError, NodeKeyProblem, OpenError, RecoveryError, SurveyError,
};

use crate::problem::Problem;

pub(crate) use export::unfit;

/// What was being done, on which files.
#[derive(Debug, Clone)]
pub(crate) struct Scene {
    /// The agent.
    pub(crate) agent: AgentId,
    /// The data directory.
    pub(crate) dir: PathBuf,
    /// The module, if one was given.
    pub(crate) module: Option<PathBuf>,
}

impl Scene {
    fn dir(&self) -> std::path::Display<'_> {
        self.dir.display()
    }

    /// The agent's file of this kind, as in `checkpoints/heartbeat.identity`.
    fn file(&self, extension: &str) -> String {
        self.dir.join(format!("{}.{extension}", self.agent)).display().to_string()
    }

    fn history(&self) -> String {
        self.dir.join("history").join(self.agent.as_str()).display().to_string()
    }

    fn module(&self) -> String {
        let module = self.module.as_deref().unwrap_or(Path::new("the module"));
        module.display().to_string()
    }

    /// It is not known where an agent is.
    pub(crate) fn custody(&self, error: &CustodyProblem) -> Problem {
        Problem::new(error, self.check_directory())
    }

    /// The node has no key.
    pub(crate) fn node_key(&self, error: &NodeKeyProblem) -> Problem {
        Problem::new(error, self.check_directory())
    }

    /// A plugin could not be built.
    pub(crate) fn build(&self, error: &BuildError) -> Problem {
        match error {
            BuildError::Failed { .. } => Problem::new(error, self.check_directory()),
            _ => Problem::usage(
                error,
                "`igor plugins` lists what there is, `igor config show` what is in force.",
            ),
        }
    }

    /// An agent could not be launched.
    pub(crate) fn launch(&self, error: &LaunchError) -> Problem {
        match error {
            LaunchError::Load(error) => self.load(error),
            LaunchError::Manifest(error) => Problem::new(
                format_args!("run {}: {error}", self.module()),
                "Correct the manifest; docs/spec/abi.md describes it.",
            ),
            LaunchError::Meter(error) => self.build(error),
            LaunchError::Open(error) => self.open(error),
            _ => Problem::new(error, self.check_directory()),
        }
    }

    /// A module does not fit.
    pub(crate) fn load(&self, error: &LoadError) -> Problem {
        let way_out = match error {
            LoadError::Abi(AbiError::Exports(_)) => {
                "An agent built with igor-sdk has all of them; docs/spec/abi.md lists them."
            }
            LoadError::Abi(AbiError::Undeclared(_)) => {
                "Declare it in X.manifest.json beside X.wasm, or in a file given by --manifest."
            }
            LoadError::Abi(_) => "docs/spec/abi.md lists what an agent may import.",
            LoadError::Capabilities(_) => "Take it out of the manifest.",
            LoadError::Engine(_) => "Try another engine with --engine; `igor plugins` lists them.",
            LoadError::Memory { .. } => {
                "Lower max_memory_bytes in the manifest or raise [limits] memory_pages_max."
            }
            LoadError::Prepare(_) => {
                "Give a WebAssembly module within igor's limits, such as \
                 agents/prebuilt/heartbeat.wasm; `igor config show` prints the limits."
            }
            _ => "Give another module.",
        };
        Problem::new(format_args!("load {}: {error}", self.module()), way_out)
    }

    /// An agent cannot be opened.
    pub(crate) fn open(&self, error: &OpenError) -> Problem {
        let agent = &self.agent;
        let way_out = match error {
            OpenError::OtherBudget { .. } => format!(
                "Leave the budget away to continue it; `igor fund {agent} UNITS` adds to what it has."
            ),
            OpenError::OtherManifest { .. } => format!(
                "An agent keeps the manifest it was created with: give that one or none, or create \
                 another agent with --agent-id. It is kept in {}.",
                self.dir.join(".igor").display()
            ),
            OpenError::OtherMeter { kept, .. } => {
                format!("Leave the meter away or give --meter {kept}.")
            }
            OpenError::OtherModule { .. } => "An agent continues only with the module it was created \
                 with, whose hash every checkpoint signs: give that module, or create another agent \
                 with --agent-id."
                .to_owned(),
            OpenError::OtherPreparation { .. } => {
                "Continue it with the version of igor that ran it before.".to_owned()
            }
            OpenError::Journal(JournalError::Storage(error)) | OpenError::Storage(error) => {
                return self.storage(error);
            }
            OpenError::Journal(_) => format!(
                "Nothing was changed. Put the checkpoint back that the journal continues, or restore \
                 {} and {} from one backup; `igor recover {agent} --from checkpoint --dry-run` says \
                 what giving up the journal would mean.",
                self.file("checkpoint"),
                self.dir.join(".igor").display()
            ),
            OpenError::RecoveryRequired { .. } => format!(
                "`igor audit {} --wasm {}` says what differs; `igor recover {agent} --from checkpoint` \
                 sets it going again.",
                self.history(),
                self.module()
            ),
            OpenError::Survey(error) => return self.survey(error),
            OpenError::Offered { .. } => format!(
                "`igor node` asks that node until it answers. If it is gone for good, `igor recover \
                 {agent} --force-epoch` takes the agent back, at the risk that it runs twice."
            ),
            OpenError::Released { .. } => {
                "It goes on there; that node can give it back with `igor migrate`.".to_owned()
            }
            OpenError::Contested { .. } => format!(
                "Find out which of the two is right, and stop the other one: `igor recover {agent} \
                 --force-epoch` decides for this node, removing it here for the other one."
            ),
            OpenError::NotHere { .. } => "If it was imported without its identity, import it with it; \
                 otherwise give another name with --agent-id, or another --checkpoint-dir."
                .to_owned(),
            OpenError::Custody(CustodyProblem::Storage(error)) => return self.storage(error),
            OpenError::Custody(CustodyProblem::Unreadable { .. })
            | OpenError::CustodyOfOther { .. } => format!(
                "Nothing was changed. Restore {} from a backup; without it nobody knows whether the \
                 agent is at another node by now.",
                self.dir.join(".igor/.custodies").join(agent.as_str()).display()
            ),
            _ => self.check_directory(),
        };
        Problem::new(error, way_out)
    }

    /// What is stored of an agent cannot be continued.
    fn survey(&self, error: &SurveyError) -> Problem {
        let (checkpoint, history) = (self.file("checkpoint"), self.history());
        let way_out = match error {
            SurveyError::Storage(error) => return self.storage(error),
            SurveyError::Checkpoint { .. } | SurveyError::Unverified { .. } => format!(
                "Nothing was changed. `igor verify {history}` says which checkpoints are intact; copy \
                 the newest of those over {checkpoint} to continue from it."
            ),
            SurveyError::BadHistory { .. } => format!(
                "Nothing was changed. Restore that file in {history} from a backup; \
                 `igor verify {history}` shows what is intact."
            ),
            SurveyError::CheckpointMissing { .. } => format!(
                "Copy the newest checkpoint of {history} to {checkpoint} to continue from it, or give \
                 another --agent-id to create another agent."
            ),
            SurveyError::RolledBack { .. } => format!(
                "Put the newest checkpoint of {history} back to {checkpoint}; an agent does not go \
                 back in time."
            ),
            SurveyError::Identity { .. } | SurveyError::IdentityMissing { .. } => format!(
                "Restore {} from a backup; an agent is never given a new identity.",
                self.file("identity")
            ),
            _ => format!("Restore {} from a backup.", self.dir.join(".igor").display()),
        };
        Problem::new(error, way_out)
    }

    /// The store failed.
    pub(crate) fn storage(&self, error: &StorageError) -> Problem {
        let way_out = match error {
            StorageError::Held { .. } => {
                return Problem::in_use(
                    error,
                    "An agent runs in one process at a time: stop the other one, or wait for it.",
                );
            }
            StorageError::Conflict { .. } => {
                "Another program wrote to this agent at the same time; stop it and try again."
                    .to_owned()
            }
            StorageError::Corrupt { .. } => format!(
                "Restore it from a backup; `igor verify {}` shows what is intact.",
                self.history()
            ),
            StorageError::NoSpace { .. } => {
                "Free some space and run it again; what was there before is intact.".to_owned()
            }
            StorageError::Refused { .. } => {
                "Remove or replace it, or give another --checkpoint-dir.".to_owned()
            }
            StorageError::TooLarge { .. } => "Raise value_bytes_max of the storage.".to_owned(),
            _ => self.check_directory(),
        };
        Problem::new(error, way_out)
    }

    /// A checkpoint from elsewhere was not taken.
    pub(crate) fn adopt(&self, error: &AdoptError, checkpoint: &Path) -> Problem {
        let way_out = match error {
            AdoptError::Checkpoint(_) => {
                "Give an intact checkpoint; `igor inspect` shows what one holds.".to_owned()
            }
            AdoptError::Identity(_) => "Give the agent's own identity file, intact.".to_owned(),
            AdoptError::IdentityMissing { .. } => {
                "Give the agent's identity with --identity FILE; without it nobody can continue the \
                 agent, and igor never makes up another one."
                    .to_owned()
            }
            AdoptError::Newer { .. } => format!(
                "Continue the agent that is here with `igor run {}`, or give another \
                 --checkpoint-dir.",
                self.module()
            ),
            AdoptError::OtherAgent { .. } => {
                "Give another name with --agent-id, or another --checkpoint-dir.".to_owned()
            }
            AdoptError::OtherModule { .. } => {
                "An agent continues only with the module it was created with: give that one."
                    .to_owned()
            }
            AdoptError::Open(error) => return self.open(error),
            AdoptError::Unverified(_) => {
                "Only a checkpoint that the agent's own key signed is continued: give another \
                 checkpoint or the right --identity."
                    .to_owned()
            }
            _ => self.check_directory(),
        };
        Problem::new(format_args!("resume {}: {error}", checkpoint.display()), way_out)
    }

    /// An agent was not funded.
    pub(crate) fn fund(&self, error: &FundingError) -> Problem {
        let what = format!("fund {}: {error}", self.agent);
        match error {
            FundingError::Amount(_) => Problem::usage(what, "Give more than 0 units."),
            FundingError::TooMuch { .. } => Problem::usage(what, "Give less."),
            FundingError::NoAgent(_) => Problem::new(what, self.its_agents()),
            FundingError::NotRecovered(_) => {
                Problem::new(what, "Run it once with `igor run`, then fund it.")
            }
            FundingError::NoRecord(_) => {
                Problem::new(what, "Run it once with `igor run`, then fund it.")
            }
            FundingError::Open(error) => self.open(error),
            _ => Problem::new(what, self.check_directory()),
        }
    }

    /// An agent was not recovered.
    pub(crate) fn recover(&self, error: &RecoveryError) -> Problem {
        let what = format!("recover {}: {error}", self.agent);
        match error {
            RecoveryError::Meter(error) => self.build(error),
            RecoveryError::NoAgent(_) => Problem::new(what, self.its_agents()),
            RecoveryError::NoRecord(_) => {
                Problem::new(what, "There is no journal to give up: run it with `igor run`.")
            }
            RecoveryError::Open(error) => self.open(error),
            _ => Problem::new(what, self.check_directory()),
        }
    }

    /// No epoch was forced.
    pub(crate) fn force(&self, error: &ForceError) -> Problem {
        let what = format!("force an epoch of {}: {error}", self.agent);
        match error {
            ForceError::NoAgent(_) => Problem::new(what, self.its_agents()),
            ForceError::Open(error) => self.open(error),
            _ => Problem::new(what, self.check_directory()),
        }
    }

    /// An agent's segments were not collected.
    pub(crate) fn collect(&self, error: &CollectError) -> Problem {
        let what = format!("collect segments of {}: {error}", self.agent);
        match error {
            CollectError::NoAgent(_) => Problem::new(what, self.its_agents()),
            CollectError::Segment { .. } | CollectError::Sums(_) | CollectError::Summary { .. } => {
                Problem::new(
                    what,
                    format!(
                        "Nothing was removed. `igor verify {}` says more; restore it from a backup.",
                        self.history()
                    ),
                )
            }
            CollectError::Storage(error) => self.storage(error),
            CollectError::Survey(error) => self.survey(error),
            _ => Problem::new(what, self.check_directory()),
        }
    }

    /// There is no such agent to be read.
    pub(crate) fn no_agent(&self) -> Problem {
        Problem::new(
            format_args!("there is no agent {} in {}", self.agent, self.dir()),
            self.its_agents(),
        )
    }

    fn its_agents(&self) -> String {
        format!("The agents of {} are its files *.checkpoint.", self.dir())
    }

    fn check_directory(&self) -> String {
        format!("`igor doctor --checkpoint-dir {}` checks the directory.", self.dir())
    }
}
