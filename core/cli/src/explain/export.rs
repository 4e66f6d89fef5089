//! The way out where an agent is put into a file, or taken from one.

use std::path::Path;

use igor_node::export::{ImportError, NotExported, SealError, Unfit};

use super::Scene;
use crate::problem::Problem;

/// An export was found not to be in order.
pub(crate) fn unfit(error: &Unfit, file: &Path) -> Problem {
    let way_out = match error {
        Unfit::History { .. } => {
            "Nothing was changed. `tar xf` takes it apart, and `igor verify` says more about the \
             folder history in it."
        }
        _ => "Nothing was changed. Give the whole file as `igor export` wrote it.",
    };
    Problem::new(format_args!("import {}: {error}", file.display()), way_out)
}

impl Scene {
    /// An agent was not exported.
    pub(crate) fn export(&self, error: &NotExported, file: &Path) -> Problem {
        let what = format!("export {} to {}: {error}", self.agent, file.display());
        let way_out = match error {
            NotExported::NoAgent(_) => self.its_agents(),
            NotExported::NoRecord(_) => "Run it once with `igor run`, then export it.".to_owned(),
            NotExported::NotHeld { .. } => "Leave --with-identity away: what is here of it can be \
                 exported as evidence."
                .to_owned(),
            NotExported::Storage(error) => return self.storage(error),
            NotExported::Survey(error) => return self.survey(error),
            NotExported::Io(_) => "Give a file on a disk with more space.".to_owned(),
            NotExported::Journal(_) => format!(
                "Restore the journal from a backup; `igor recover {} --from checkpoint --dry-run` says \
                 what giving it up would mean.",
                self.agent
            ),
            _ => self.check_directory(),
        };
        Problem::new(what, way_out)
    }

    /// An identity in a file was not opened.
    pub(crate) fn unseal(&self, error: &SealError, file: &Path) -> Problem {
        let way_out = match error {
            SealError::Passphrase => {
                "Give the passphrase that it was exported with, or --without-identity to look at the \
                 agent only; nothing was changed."
            }
            _ => "Nothing was changed. Give the file as `igor export` wrote it.",
        };
        Problem::new(format_args!("import {}: {error}", file.display()), way_out)
    }

    /// An export was not brought in.
    pub(crate) fn import(&self, error: &ImportError, file: &Path) -> Problem {
        let agent = &self.agent;
        let what = format!("import {}: {error}", file.display());
        let way_out = match error {
            ImportError::Elsewhere { .. } => format!(
                "Nothing was changed. If the other node is gone for good, `igor recover {agent} \
                 --force-epoch` says what taking it back means."
            ),
            ImportError::Here { here, arriving, .. } if here > arriving => {
                "Nothing was changed: an agent does not go back in time.".to_owned()
            }
            ImportError::Here { .. } => format!(
                "Nothing was changed. `igor rm {agent}` removes what is here and leaves its history; \
                 then import again."
            ),
            ImportError::Newer { .. } => format!(
                "Nothing was changed: an agent does not go back in time. `igor resume` continues it \
                 from a checkpoint in {}.",
                self.history()
            ),
            ImportError::OtherAgent { .. } | ImportError::OtherLine(_) => {
                "Nothing was changed. Give another --checkpoint-dir.".to_owned()
            }
            ImportError::OtherNode { .. } => format!(
                "Nothing was changed. Run {agent} where it was, so that it comes to a checkpoint, and \
                 export it again; or look at it with --without-identity."
            ),
            ImportError::Damaged { .. } | ImportError::Custody(_) => {
                format!("Nothing was changed. Restore it in {} from a backup.", self.dir())
            }
            ImportError::Storage(error) => return self.storage(error),
            ImportError::OtherIdentity | ImportError::Archive(_) => {
                "Give the whole file as `igor export` wrote it.".to_owned()
            }
            _ => self.check_directory(),
        };
        Problem::new(what, way_out)
    }
}
