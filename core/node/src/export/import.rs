//! Brings an export that was found in order into a store. What is there is never replaced by something older or
//! other; the bulk is written first and does no harm alone, and the agent is there when its checkpoint is, which is
//! written last: after a crash in between, the same import goes on.

use std::io::{Read, Seek};

use igor_core::Storage;
use igor_core::format::export::{ExportItem, ExportPart};
use igor_core::format::{
    AgentId, AgentKey, AgentRecord, Carry, Checkpoint, Epoch, Hash, Head, HistoryFile, Predecessor,
    PublicKey, Tick, decode_identity, decode_node_key, encode_identity,
};
use igor_core::handoff::{Custody, Holding};
use igor_core::storage::{Group, Key, Precondition, StorageError};

use super::Copying;
use super::archive::{Archive, ArchiveError};
use super::examine::Examined;
use super::shelf::{file_of, history, key_of};
use crate::commit::commit_one;
use crate::custody::{CustodyProblem, kept_custody};
use crate::open::claim;

/// How much is written at a time.
const GROUP_BYTES: usize = 8 << 20;

/// What an import came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Imported {
    /// The epoch in which this node holds the agent; `None` if it cannot run here, as there is no identity.
    pub epoch: Option<Epoch>,
    /// Whether the agent was here before, so that nothing changed.
    pub was_here: bool,
}

/// Why an export was not brought in. What was written by then does no harm, and the same import can go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The archive cannot be read any more.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// What was decided about the agent cannot be read.
    #[error(transparent)]
    Custody(#[from] CustodyProblem),
    /// The agent was given to another node, or may have been.
    #[error("{agent} is {state} here: another node may have it")]
    Elsewhere {
        /// The agent.
        agent: AgentId,
        /// Where it is.
        state: &'static str,
    },
    /// The agent is here, at another time.
    #[error("{agent} is here at tick {here}; the export is of tick {arriving}")]
    Here {
        /// The agent.
        agent: AgentId,
        /// The stored checkpoint's tick.
        here: Tick,
        /// That of the export.
        arriving: Tick,
    },
    /// What is here of the agent goes on where the export ends.
    #[error("the history of {agent} here goes on to tick {here}; the export is of tick {arriving}")]
    Newer {
        /// The agent.
        agent: AgentId,
        /// The newest past checkpoint's tick.
        here: Tick,
        /// That of the export.
        arriving: Tick,
    },
    /// The key is another agent's.
    #[error("the identity belongs to another agent than the export")]
    OtherIdentity,
    /// There is another agent of this name.
    #[error("{agent} here is another agent, {here}")]
    OtherAgent {
        /// The name.
        agent: AgentId,
        /// Who it is.
        here: String,
    },
    /// Something that is here under the same name is not what is in the export.
    #[error("the {0} here is another one than in the export")]
    OtherLine(Key),
    /// The journal behind the checkpoint can only be ended by the node that began it.
    #[error(
        "the journal of {agent} goes on behind its checkpoint, and only the node {node} can end it"
    )]
    OtherNode {
        /// The agent.
        agent: AgentId,
        /// The node.
        node: PublicKey,
    },
    /// Something that is here cannot be read.
    #[error("{key}: {problem}")]
    Damaged {
        /// What.
        key: Key,
        /// What is wrong with it.
        problem: String,
    },
    /// The store failed, or the agent is in use.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Brings the export into the store. With `key`, or if the store has the agent's identity, it can run here from
/// then on; otherwise it can be looked at only.
///
/// # Errors
/// See [`ImportError`].
pub async fn import<R: Read + Seek>(
    storage: &dyn Storage,
    archive: &mut Archive<R>,
    examined: &Examined,
    key: Option<AgentKey>,
    watch: &mut dyn FnMut(Copying),
) -> Result<Imported, ImportError> {
    let facts = examined.contents.facts();
    if key.as_ref().is_some_and(|key| key.public_key() != facts.public_key) {
        return Err(ImportError::OtherIdentity);
    }
    let place = Place { storage, agent: &facts.agent, examined };
    place.check(key.is_some()).await?;
    let holds = claim(storage, &facts.agent).await?;
    let found = place.check(key.is_some()).await?;
    place.put_bulk(archive, watch).await?;
    let imported = place.put_head(archive, key, found).await?;
    drop(holds);
    Ok(imported)
}

/// Where an export goes.
struct Place<'a> {
    storage: &'a dyn Storage,
    agent: &'a AgentId,
    examined: &'a Examined,
}

/// What of the agent is here already.
struct Found {
    has_identity: bool,
    has_checkpoint: bool,
    custody: Option<Custody>,
}

impl Place<'_> {
    async fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(self.storage.get(key).await?.map(|stored| stored.bytes))
    }

    /// Refuses what would replace or contradict what is here.
    async fn check(&self, has_key: bool) -> Result<Found, ImportError> {
        let agent = self.agent;
        let identity = Key::Identity(agent.clone());
        let has_identity = match self.get(&identity).await? {
            None => false,
            Some(bytes) => {
                let stored = decode_identity(&bytes).map_err(|error| {
                    let problem = error.to_string();
                    ImportError::Damaged { key: identity, problem }
                })?;
                self.is_ours(stored.public_key())?;
                true
            }
        };
        let has_checkpoint = self.check_checkpoint().await?;
        self.check_history().await?;
        let custody = match kept_custody(self.storage, agent).await? {
            None => None,
            Some(kept) => {
                self.is_ours(kept.agent)?;
                Some(kept.custody)
            }
        };
        if let Some(Custody { holding, .. }) = &custody
            && !matches!(holding, Holding::Absent | Holding::Held(_))
        {
            let state = holding.name().unwrap_or("away");
            return Err(ImportError::Elsewhere { agent: agent.clone(), state });
        }
        let is_complete = has_checkpoint && has_identity;
        if (has_key || has_identity) && !is_complete {
            self.check_journal().await?;
        }
        Ok(Found { has_identity, has_checkpoint, custody })
    }

    fn is_ours(&self, key: PublicKey) -> Result<(), ImportError> {
        if key == self.examined.contents.facts().public_key {
            return Ok(());
        }
        let here = key.did().to_string();
        Err(ImportError::OtherAgent { agent: self.agent.clone(), here })
    }

    /// Whether the very checkpoint of the export is the current one; any other is not replaced.
    async fn check_checkpoint(&self) -> Result<bool, ImportError> {
        let key = Key::Checkpoint(self.agent.clone());
        let Some(bytes) = self.get(&key).await? else { return Ok(false) };
        let facts = self.examined.contents.facts();
        if Hash::of(&bytes) == facts.checkpoint {
            return Ok(true);
        }
        let checkpoint = Checkpoint::decode(&bytes, u64::MAX).map_err(|error| {
            let problem = error.to_string();
            ImportError::Damaged { key, problem }
        })?;
        if let Some(lineage) = checkpoint.lineage() {
            self.is_ours(lineage.public_key)?;
        }
        let here = checkpoint.header().tick;
        Err(ImportError::Here { agent: self.agent.clone(), here, arriving: facts.tick })
    }

    /// Refuses an export beside a history that goes on behind it, or that is another one.
    async fn check_history(&self) -> Result<(), ImportError> {
        let contents = &self.examined.contents;
        for key in history(self.storage, self.agent).await?.into_iter().rev() {
            let item = file_of(&key).and_then(|file| contents.item(ExportPart::History(file)));
            match (&key, item) {
                // What is here is at most as new, as no checkpoint here is newer.
                (Key::Summary(_), _) => {}
                (_, Some(item)) => {
                    self.compare(&key, item).await?;
                }
                (Key::History(_, tick, _), None) => {
                    return Err(self.other_checkpoint(&key, *tick).await?);
                }
                // What went beside a checkpoint may have been removed since.
                (_, None) => {}
            }
        }
        Ok(())
    }

    /// What speaks against the export where there is a past checkpoint that it does not hold.
    async fn other_checkpoint(&self, key: &Key, here: Tick) -> Result<ImportError, ImportError> {
        if let Some(bytes) = self.get(key).await?
            && let Ok(past) = Checkpoint::decode(&bytes, u64::MAX)
            && let Some(lineage) = past.lineage()
        {
            self.is_ours(lineage.public_key)?;
        }
        let (agent, arriving) = (self.agent.clone(), self.examined.contents.facts().tick);
        Ok(match here >= arriving {
            true => ImportError::Newer { agent, here, arriving },
            false => ImportError::OtherLine(key.clone()),
        })
    }

    /// Whether something is here; refuses it if it is another thing than the part.
    async fn compare(&self, key: &Key, item: &ExportItem) -> Result<bool, ImportError> {
        match self.get(key).await? {
            None => Ok(false),
            Some(bytes) if Hash::of(&bytes) == item.hash => Ok(true),
            Some(_) => Err(ImportError::OtherLine(key.clone())),
        }
    }

    /// Refuses a journal that this node could not end.
    async fn check_journal(&self) -> Result<(), ImportError> {
        let Some(log) = &self.examined.journal else { return Ok(()) };
        let stored = self.get(&Key::Node).await?;
        let here = stored.and_then(|bytes| decode_node_key(&bytes).ok());
        if here.is_some_and(|key| key.public_key() == log.node) {
            return Ok(());
        }
        Err(ImportError::OtherNode { agent: self.agent.clone(), node: log.node })
    }

    /// Writes what may lie there without the agent: module, manifest and history.
    async fn put_bulk<R: Read + Seek>(
        &self,
        archive: &mut Archive<R>,
        watch: &mut dyn FnMut(Copying),
    ) -> Result<(), ImportError> {
        let items = self.examined.contents.items();
        let count = u64::try_from(items.len()).unwrap_or(u64::MAX);
        let total = count.saturating_mul(2);
        let (mut group, mut bytes) = (Group::new(self.agent.clone()), 0);
        for (done, item) in (count..).zip(items) {
            if let Some((key, precondition)) = self.lacks(item).await? {
                let content = archive.read(item.part)?;
                bytes += content.len();
                group = group.put(key, content, precondition);
            }
            if bytes >= GROUP_BYTES {
                let full = std::mem::replace(&mut group, Group::new(self.agent.clone()));
                commit_one(self.storage, full).await?;
                bytes = 0;
            }
            watch(Copying { done: done.saturating_add(1), total });
        }
        if !group.operations.is_empty() {
            commit_one(self.storage, group).await?;
        }
        Ok(())
    }

    /// Where a part of the bulk is to be put, if it is one and not there.
    async fn lacks(&self, item: &ExportItem) -> Result<Option<(Key, Precondition)>, ImportError> {
        let (key, precondition) = match item.part {
            // Another agent's process may put the same.
            ExportPart::Module => (Key::Module(item.hash), Precondition::Always),
            ExportPart::Manifest => (Key::Manifest(item.hash), Precondition::Always),
            ExportPart::History(HistoryFile::Summary) => {
                let key = Key::Summary(self.agent.clone());
                let is_same = self.get(&key).await?.is_some_and(|it| Hash::of(&it) == item.hash);
                return Ok((!is_same).then_some((key, Precondition::Always)));
            }
            ExportPart::History(file) => (key_of(self.agent, file), Precondition::Absent),
            _ => return Ok(None),
        };
        let is_here = self.compare(&key, item).await?;
        Ok((!is_here).then_some((key, precondition)))
    }

    /// Writes what makes it an agent of this node; the checkpoint is last.
    async fn put_head<R: Read + Seek>(
        &self,
        archive: &mut Archive<R>,
        key: Option<AgentKey>,
        found: Found,
    ) -> Result<Imported, ImportError> {
        let Found { has_identity, has_checkpoint, custody } = found;
        let can_run = has_identity || key.is_some();
        let before = custody.clone().unwrap_or_default();
        if has_checkpoint && (has_identity || key.is_none()) {
            let epoch = match before.holding {
                Holding::Held(major) if can_run => Some(Epoch { major, generation: 0 }),
                _ if can_run => Some(self.examined.contents.facts().epoch),
                _ => None,
            };
            return Ok(Imported { epoch, was_here: true });
        }
        let agent = || self.agent.clone();
        let mut group = Group::new(agent());
        if !has_checkpoint {
            group = self.put_log_and_record(group, archive).await?;
        }
        let custody = self.custody_after(before, can_run);
        let epoch = match custody.holding {
            Holding::Held(major) => Some(Epoch { major, generation: 0 }),
            _ => None,
        };
        let bytes = custody.encode(&self.examined.contents.facts().public_key);
        group = group.put(Key::Custody(agent()), bytes, Precondition::Always);
        if let Some(key) = key.filter(|_| !has_identity) {
            let identity = encode_identity(&key).to_vec();
            group = group.put(Key::Identity(agent()), identity, Precondition::Absent);
        }
        if !has_checkpoint {
            let bytes = self.examined.checkpoint.clone();
            group = group.put(Key::Checkpoint(agent()), bytes, Precondition::Absent);
        }
        commit_one(self.storage, group).await?;
        Ok(Imported { epoch, was_here: false })
    }

    /// Whoever can run the agent holds it in an epoch of its own.
    fn custody_after(&self, before: Custody, can_run: bool) -> Custody {
        if !can_run {
            return Custody { holding: Holding::Absent, ..before };
        }
        let epoch = self.examined.contents.facts().epoch.major.max(before.decided);
        let epoch = epoch.saturating_add(1);
        Custody { decided: epoch, holding: Holding::Held(epoch), ..before }
    }

    /// The log goes on where it ends here, and the record says where that is.
    async fn put_log_and_record<R: Read + Seek>(
        &self,
        group: Group,
        archive: &mut Archive<R>,
    ) -> Result<Group, ImportError> {
        let Examined { contents, record, journal, .. } = self.examined;
        let bounds = self.storage.log_bounds(self.agent).await?;
        let mut group = group;
        if bounds.start < bounds.end {
            group = group.trim(bounds.end);
        }
        if let Some(log) = journal {
            group = group.append(bounds.end, log.records.1.clone());
        }
        if contents.item(ExportPart::Receipts).is_some() {
            let receipts = archive.read(ExportPart::Receipts)?;
            group = group.put(Key::Receipts(self.agent.clone()), receipts, Precondition::Always);
        }
        let checkpoint = contents.facts().checkpoint;
        let unknown = Head {
            checkpoint,
            carry: Carry::ZERO,
            journal: bounds.end,
            predecessor: Predecessor::NotJournaled,
        };
        let head = record.head_of(&checkpoint).copied().unwrap_or(unknown);
        let record = AgentRecord {
            current: Head { journal: bounds.end, ..head },
            previous: None,
            holder: None,
            ..record.clone()
        };
        Ok(group.put(Key::Record(self.agent.clone()), record.encode(), Precondition::Always))
    }
}
