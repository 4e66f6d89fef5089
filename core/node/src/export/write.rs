//! Writes an export: every part is read twice, once for its hash and once for the archive, as the first member
//! says what follows. The agent is claimed meanwhile, so it does not run and nothing changes.

use std::io::{self, Write};

use igor_core::format::export::{
    CONTENTS_NAME, ExportContents, ExportError, ExportItem, ExportPart, member_end, member_header,
    padding,
};
use igor_core::format::{AgentId, Hash};
use igor_core::handoff::Holding;
use igor_core::storage::StorageError;
use igor_core::{Entropy, Storage};

use super::Copying;
use super::seal::{SealError, seal_identity};
use super::shelf::{Content, Shelf, gather};
use crate::custody::CustodyProblem;
use crate::open::claim;
use crate::survey::SurveyError;
use crate::tail::JournalError;

/// What is to be exported.
pub struct Wanted<'a> {
    /// The agent.
    pub agent: &'a AgentId,
    /// The largest state to read, in bytes.
    pub state_bytes_max: u64,
    /// What the identity is sealed with; without it, it stays out.
    pub passphrase: Option<&'a [u8]>,
    /// Where the randomness for that comes from.
    pub entropy: &'a dyn Entropy,
}

/// What was exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// What the archive holds.
    pub contents: ExportContents,
    /// How long it is.
    pub bytes: u64,
}

/// Why an agent was not exported. What was written by then is of no use.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotExported {
    /// A part is larger than a member can be, or another contradiction.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// What was decided about it cannot be read.
    #[error(transparent)]
    Custody(#[from] CustodyProblem),
    /// The node does not hold the agent, so it may not hand out its identity.
    #[error("{agent} is {state}: it may be running elsewhere")]
    NotHeld {
        /// The agent.
        agent: AgentId,
        /// Where it is.
        state: &'static str,
    },
    /// What is behind its checkpoint cannot be continued.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// There is no such agent.
    #[error("no agent {0} here")]
    NoAgent(AgentId),
    /// It has never run under igor, so its module and terms are not kept.
    #[error("{0} has no record: it has not run under this igor yet")]
    NoRecord(AgentId),
    /// A part is not what it should be, or too large.
    #[error("export: the part {part}: {problem}")]
    Part {
        /// Which.
        part: ExportPart,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The identity was not sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The store failed, or the agent is in use.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// What is stored of it cannot be continued.
    #[error(transparent)]
    Survey(#[from] SurveyError),
    /// The archive could not be written.
    #[error("write the export: {0}")]
    Io(#[from] io::Error),
}

/// Writes an archive of a stopped agent to `out`.
///
/// # Errors
/// See [`NotExported`].
pub async fn export(
    storage: &dyn Storage,
    wanted: &Wanted<'_>,
    out: &mut dyn Write,
    watch: &mut dyn FnMut(Copying),
) -> Result<Exported, NotExported> {
    let holds = claim(storage, wanted.agent).await?;
    let Shelf { key, facts, holding, mut parts } =
        gather(storage, wanted.agent, wanted.state_bytes_max).await?;
    if let Some(passphrase) = wanted.passphrase {
        if !matches!(holding, Holding::Held(_)) {
            let state = holding.name().unwrap_or("not here");
            return Err(NotExported::NotHeld { agent: wanted.agent.clone(), state });
        }
        let sealed = seal_identity(&key, passphrase, wanted.entropy)?;
        parts.insert(ExportPart::Identity, Content::Here(sealed));
    }
    let total = u64::try_from(parts.len()).unwrap_or(u64::MAX).saturating_mul(2);
    let mut done = 0;
    let mut step = || {
        done += 1;
        watch(Copying { done, total });
    };
    let mut items = Vec::new();
    for (part, content) in &parts {
        let bytes = content.read(storage).await?;
        items.push(item_of(*part, &bytes, &facts.checkpoint)?);
        step();
    }
    let contents = ExportContents::sign(&key, facts, items)?;
    let mut out = Counted { out, bytes: 0 };
    out.member(CONTENTS_NAME, contents.encode().as_bytes())?;
    for item in contents.items() {
        let Some(content) = parts.get(&item.part) else { continue };
        let bytes = content.read(storage).await?;
        if Hash::of(&bytes) != item.hash {
            let (part, problem) = (item.part, "it changed while it was read");
            return Err(NotExported::Part { part, problem });
        }
        out.member(&item.part.to_string(), &bytes)?;
        step();
    }
    out.all(&member_end())?;
    out.out.flush()?;
    drop(holds);
    Ok(Exported { bytes: out.bytes, contents })
}

/// What the archive says of a part, if the part is what its name says.
fn item_of(part: ExportPart, bytes: &[u8], checkpoint: &Hash) -> Result<ExportItem, NotExported> {
    let hash = Hash::of(bytes);
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if member_header(&part.to_string(), length).is_none() {
        let problem = "it is larger than a member of an archive can be";
        return Err(NotExported::Part { part, problem });
    }
    if part == ExportPart::Checkpoint && hash != *checkpoint {
        let problem = "it is not the checkpoint that was looked at";
        return Err(NotExported::Part { part, problem });
    }
    Ok(ExportItem { part, hash, bytes: length })
}

/// What is written to, and how much was.
struct Counted<'a> {
    out: &'a mut dyn Write,
    bytes: u64,
}

impl Counted<'_> {
    fn all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.bytes = self.bytes.saturating_add(length);
        self.out.write_all(bytes)
    }

    fn member(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        let length = u64::try_from(content.len()).unwrap_or(u64::MAX);
        let header = member_header(name, length).ok_or(io::ErrorKind::FileTooLarge)?;
        self.all(&header)?;
        self.all(content)?;
        self.all(&vec![0; padding(length)])
    }
}
