//! Makes durable what was checked of an agent that wants to come, before it comes: claimed, so that nobody
//! else touches it, and with a custody that says that it is not here, so that nobody runs it. What is
//! staged does no harm and is not sent again in another attempt.

use igor_core::Storage;
use igor_core::format::{AgentId, Part};
use igor_core::handoff::{Custody, Holding};
use igor_core::storage::{Group, Hold, Key, Operation, Precondition, StorageError, Version};

use super::examine::{Footing, Last};
use super::known::{Known, custody};
use super::part::{key_of, scopes};
use super::{Examined, Expected, Inventory, Refusal};
use crate::commit::commit_one;
use crate::custody::KeptCustody;
use crate::open::claim;
use crate::survey::list_keys;

/// About how many bytes are written at a time.
const GROUP_BYTES: usize = 4 << 20;

/// An agent that was checked and whose bulk is durable.
pub struct Staged {
    pub(super) expected: Expected,
    pub(super) inventory: Inventory,
    pub(super) known: Known,
    /// The version of its custody.
    pub(super) custody: Version,
    pub(super) footing: Footing,
    pub(super) last: Last,
    /// Record, checkpoint and receipts as they were announced.
    pub(super) record: Vec<u8>,
    pub(super) checkpoint: Vec<u8>,
    pub(super) receipts: Option<Vec<u8>>,
    pub(super) holds: [Hold; 2],
}

/// Claims the agent and writes everything of it but what makes it this node's.
///
/// # Errors
/// When somebody else uses the agent here or has changed it meanwhile, or the store fails.
pub async fn stage(storage: &dyn Storage, examined: Examined) -> Result<Staged, Refusal> {
    let Examined { expected, package, known: seen, footing, last } = examined;
    let holds = claim(storage, &expected.name).await?;
    let known = Known::read(storage, &expected, package.inventory()).await?;
    known.check(&expected)?;
    if known.custody != seen.custody {
        return Err(Refusal::Held);
    }
    let agent = &expected.name;
    let mut group = Group::new(agent.clone());
    if known.custody.is_none() {
        let key = Key::Custody(agent.clone());
        group = group.put(key, Custody::default().encode(&expected.agent), Precondition::Absent);
    }
    for key in known.extra.iter().filter(|key| is_obsolete(key, &known)) {
        group = group.delete(key.clone(), Precondition::Always);
    }
    for (item, bytes) in package.parts()? {
        // What its holder runs it from comes when it comes itself.
        let waits = matches!(item.part, Part::Record | Part::Checkpoint);
        if !waits && !known.has(item.part) {
            let key = key_of(&item, agent);
            group = group.put(key, bytes.to_vec(), Precondition::Always);
            if bytes_of(&group) >= GROUP_BYTES {
                commit_one(storage, std::mem::replace(&mut group, Group::new(agent.clone())))
                    .await?;
            }
        }
    }
    if !group.operations.is_empty() {
        commit_one(storage, group).await?;
    }
    let custody = match &known.custody {
        Some((_, version)) => version.clone(),
        None => version_of(storage, &Key::Custody(agent.clone())).await?,
    };
    let copied = |part| package.part(part).map(<[u8]>::to_vec);
    let record = copied(Part::Record).unwrap_or_default();
    let checkpoint = copied(Part::Checkpoint).unwrap_or_default();
    let receipts = copied(Part::Receipts);
    let inventory = package.inventory().clone();
    Ok(Staged {
        expected,
        inventory,
        known,
        custody,
        footing,
        last,
        record,
        checkpoint,
        receipts,
        holds,
    })
}

/// Whether something that was not announced is in the way of what was. Of an agent that was here before only
/// segments and certificates can be: of a save, or of a coming, that did not get to its end.
fn is_obsolete(key: &Key, known: &Known) -> bool {
    known.is_leftover() || matches!(key, Key::Segment(..) | Key::Certificate(..))
}

fn bytes_of(group: &Group) -> usize {
    let bytes = group.operations.iter().map(|operation| match operation {
        Operation::Put { bytes, .. } => bytes.len(),
        Operation::Delete { .. } | Operation::Append { .. } | Operation::Trim { .. } => 0,
    });
    bytes.sum()
}

async fn version_of(storage: &dyn Storage, key: &Key) -> Result<Version, StorageError> {
    let stored = storage.get(key).await?;
    stored.map(|stored| stored.version).ok_or_else(|| StorageError::Corrupt {
        object: key.to_string(),
        problem: "it vanished after it was written".to_owned(),
    })
}

/// Removes what was staged of an agent that never came. `false` if there is nothing of that kind.
///
/// # Errors
/// When somebody uses the agent here, or the store fails.
pub async fn discard(storage: &dyn Storage, agent: &AgentId) -> Result<bool, Refusal> {
    let holds = claim(storage, agent).await?;
    let Some(kept) = custody(storage, agent).await? else { return Ok(false) };
    let KeptCustody { custody, version, .. } = kept;
    // An agent that was here once left its identity; its history is not this function's to remove.
    let was_here = storage.get(&Key::Identity(agent.clone())).await?.is_some();
    if was_here || custody.holding != Holding::Absent || !custody.taken.is_empty() {
        return Ok(false);
    }
    let mut keys = vec![
        Key::Checkpoint(agent.clone()),
        Key::Record(agent.clone()),
        Key::Receipts(agent.clone()),
        Key::Summary(agent.clone()),
    ];
    for scope in scopes(agent) {
        keys.extend(list_keys(storage, &scope).await?);
    }
    let mut group = Group::new(agent.clone());
    for key in keys {
        group = group.delete(key, Precondition::Always);
    }
    // Last: as long as it is there, nobody takes the rest for an agent. What was refused is remembered.
    if custody == Custody::default() {
        group = group.delete(Key::Custody(agent.clone()), Precondition::Matches(version));
    }
    commit_one(storage, group).await?;
    drop(holds);
    Ok(true)
}
