//! What the node that an agent comes to has of it already: what it decided about it, what it was when it
//! was here, and which of its parts lie in the store. Reading it claims nothing and changes nothing.

use std::collections::BTreeSet;

use igor_core::Storage;
use igor_core::format::{
    AgentId, BillItem, Checkpoint, Hash, HistoryFile, Part, PublicKey, Seq, Tick, decode_identity,
};
use igor_core::handoff::{Custody, Holding};
use igor_core::storage::{Key, StorageError, Version};

use super::part::{key_of, part_of, scopes};
use super::{Expected, Inventory, Refusal};
use crate::custody::{CustodyProblem, KeptCustody, kept_custody};
use crate::survey::list_keys;

/// What a node has of an agent that is announced to it.
#[derive(Debug, Clone)]
pub struct Known {
    pub(super) custody: Option<(Custody, Version)>,
    /// Whose identity lies under the name, or whose checkpoint.
    owner: Option<PublicKey>,
    pub(super) has_identity: bool,
    /// The checkpoint: its tick, and its version in the store.
    pub(super) checkpoint: Option<(Tick, Version)>,
    /// Where the log ends.
    pub(super) log_end: Seq,
    pub(super) log_start: Seq,
    /// The parts that are here as they were announced.
    present: BTreeSet<Part>,
    /// Past checkpoints that are here but were not announced, or not so.
    strange: Vec<(Tick, u32)>,
    /// The last past checkpoint that was announced.
    announced: Option<(Tick, u32)>,
    /// What is here of an agent of this name, but was not announced.
    pub(super) extra: Vec<Key>,
}

impl Known {
    /// Reads what is here.
    ///
    /// # Errors
    /// When the store fails, or what it has of the agent cannot be read.
    pub async fn read(
        storage: &dyn Storage,
        expected: &Expected,
        inventory: &Inventory,
    ) -> Result<Self, Refusal> {
        let agent = &expected.name;
        let bounds = storage.log_bounds(agent).await?;
        let places = inventory.items().iter().filter_map(|item| place(item.part));
        let kept = custody(storage, agent).await?;
        // A note that says nothing but that something was to come keeps the name for nobody.
        let decided = kept.as_ref().filter(|kept| kept.custody != Custody::default());
        let mut known = Self {
            owner: decided.map(|kept| kept.agent),
            custody: kept.map(|kept| (kept.custody, kept.version)),
            has_identity: false,
            checkpoint: None,
            log_end: bounds.end,
            log_start: bounds.start,
            present: BTreeSet::new(),
            strange: Vec::new(),
            announced: places.max(),
            extra: Vec::new(),
        };
        known.read_owner(storage, expected).await?;
        known.read_parts(storage, expected, inventory).await?;
        Ok(known)
    }

    async fn read_owner(
        &mut self,
        storage: &dyn Storage,
        expected: &Expected,
    ) -> Result<(), Refusal> {
        let agent = &expected.name;
        if let Some(stored) = storage.get(&Key::Checkpoint(agent.clone())).await? {
            let checkpoint = Checkpoint::decode(&stored.bytes, u64::MAX)
                .map_err(|error| corrupt(&Key::Checkpoint(agent.clone()), &error))?;
            self.owner = checkpoint.lineage().map(|lineage| lineage.public_key).or(self.owner);
            self.checkpoint = Some((checkpoint.header().tick, stored.version));
        }
        if let Some(stored) = storage.get(&Key::Identity(agent.clone())).await? {
            let identity = decode_identity(&stored.bytes)
                .map_err(|error| corrupt(&Key::Identity(agent.clone()), &error))?;
            self.owner = Some(identity.public_key());
            self.has_identity = true;
        }
        Ok(())
    }

    async fn read_parts(
        &mut self,
        storage: &dyn Storage,
        expected: &Expected,
        inventory: &Inventory,
    ) -> Result<(), StorageError> {
        for item in inventory.items() {
            let found = storage.get(&key_of(item, &expected.name)).await?;
            let Some(found) = found else { continue };
            if Hash::of(&found.bytes) == item.hash {
                self.present.insert(item.part);
            } else {
                self.strange.extend(place(item.part));
            }
        }
        for scope in scopes(&expected.name) {
            for key in list_keys(storage, &scope).await? {
                let Some(part) = part_of(&key) else { continue };
                if inventory.item(part).is_none() {
                    self.strange.extend(place(part));
                    self.extra.push(key);
                }
            }
        }
        let summary = Key::Summary(expected.name.clone());
        if inventory.item(Part::Summary).is_none() && storage.get(&summary).await?.is_some() {
            self.extra.push(summary);
        }
        Ok(())
    }

    /// Whether the agent can come at all, as far as this node knows it.
    ///
    /// # Errors
    /// [`Refusal::Held`], [`Refusal::NameTaken`], [`Refusal::Stale`], [`Refusal::Fork`].
    pub fn check(&self, expected: &Expected) -> Result<(), Refusal> {
        if let Some(owner) = self.owner.filter(|owner| *owner != expected.agent) {
            let name = expected.name.clone();
            return Err(Refusal::NameTaken { name, owner });
        }
        match self.custody.as_ref().map(|(custody, _)| &custody.holding) {
            None if self.checkpoint.is_some() => return Err(Refusal::Held),
            Some(Holding::Absent) if !self.has_identity => return Ok(()),
            None | Some(Holding::Absent | Holding::Released { .. }) => {}
            Some(Holding::Held(_) | Holding::Offered { .. } | Holding::Contested { .. }) => {
                return Err(Refusal::Held);
            }
        }
        if let Some((here, _)) = self.checkpoint.as_ref().filter(|it| it.0 > expected.tick) {
            return Err(Refusal::Stale { here: *here, arriving: expected.tick });
        }
        match self.strange.iter().max() {
            None => Ok(()),
            Some((here, _)) if self.strange.iter().all(|place| Some(*place) > self.announced) => {
                Err(Refusal::Stale { here: *here, arriving: expected.tick })
            }
            Some((tick, copy)) => {
                let file = HistoryFile::Checkpoint { tick: *tick, copy: *copy }.to_string();
                Err(Refusal::Fork { file })
            }
        }
    }

    /// Whether a part is here as it was announced.
    pub(super) fn has(&self, part: Part) -> bool {
        self.present.contains(&part)
    }

    /// The numbers of the items that are not here yet. Of parts with the same content only the first is
    /// named, and none of those without any.
    pub fn lacks(&self, inventory: &Inventory) -> Vec<u32> {
        let here = inventory.items().iter().filter(|item| self.has(item.part));
        let mut seen: BTreeSet<Hash> = here.map(|item| item.hash).collect();
        let numbered = (0_u32..).zip(inventory.items());
        let is_lacking = |(_, item): &(u32, &BillItem)| item.bytes > 0 && seen.insert(item.hash);
        numbered.filter(is_lacking).map(|(number, _)| number).collect()
    }

    /// Whether what is here of an agent of this name is nothing but what an earlier attempt left: an agent that
    /// was here once left its identity.
    pub(super) fn is_leftover(&self) -> bool {
        let is_absent = |(custody, _): &(Custody, Version)| custody.holding == Holding::Absent;
        !self.has_identity && self.custody.as_ref().is_some_and(is_absent)
    }
}

/// What this node decided about an agent, if it ever did.
pub(super) async fn custody(
    storage: &dyn Storage,
    agent: &AgentId,
) -> Result<Option<KeptCustody>, Refusal> {
    kept_custody(storage, agent).await.map_err(|error| match error {
        CustodyProblem::Storage(error) => error.into(),
        error => corrupt(&Key::Custody(agent.clone()), &error),
    })
}

fn place(part: Part) -> Option<(Tick, u32)> {
    match part {
        Part::History(tick, copy) => Some((tick, copy)),
        _ => None,
    }
}

fn corrupt(key: &Key, error: &dyn std::fmt::Display) -> Refusal {
    let (object, problem) = (key.to_string(), error.to_string());
    StorageError::Corrupt { object, problem }.into()
}
