//! Lists what an agent consists of at the node that holds it, and reads single parts. The agent may run
//! meanwhile: what is listed belongs to one of its checkpoints, and what came later is left out. It
//! claims nothing and changes nothing.

use std::collections::BTreeMap;

use igor_core::format::{
    AgentId, AgentRecord, AgentRecordError, BillItem, Checkpoint, CheckpointError, Hash, Part, Tick,
};
use igor_core::storage::{Key, StorageError};
use igor_core::{Limits, Storage};

use super::part::{key_of, part_of, scopes};
use super::{Expected, Inventory, InventoryError};
use crate::survey::list_keys;

/// How often an agent that saves meanwhile is looked at again.
const LOOKS_MAX: u32 = 16;

/// An agent as it can be announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stock {
    /// What its checkpoint says.
    pub expected: Expected,
    /// What it consists of.
    pub inventory: Inventory,
    /// The parts that change as the agent lives, as they were then.
    kept: BTreeMap<Part, Vec<u8>>,
}

/// Why an agent cannot be listed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StockError {
    /// There is no such agent.
    #[error("no agent {0} here")]
    NoAgent(AgentId),
    /// It has never run under igor, so its terms are not recorded.
    #[error("{0} has no record: it has not run under this igor yet")]
    NoRecord(AgentId),
    /// It consists of more than can move.
    #[error("{agent} consists of {error}")]
    TooMuch {
        /// The agent.
        agent: AgentId,
        /// How much it is.
        error: InventoryError,
    },
    /// The checkpoint cannot be read.
    #[error("checkpoint of {agent}: {error}")]
    Checkpoint {
        /// The agent.
        agent: AgentId,
        /// What is wrong.
        error: CheckpointError,
    },
    /// The record cannot be read.
    #[error("record of {agent}: {error}")]
    Record {
        /// The agent.
        agent: AgentId,
        /// What is wrong.
        error: AgentRecordError,
    },
    /// A part that belongs to it is not in the store, or is not what it was.
    #[error("{0} is missing or is not what it should be")]
    Part(Key),
    /// Its checkpoint, its record and its history do not belong together, however often they are read.
    #[error("the checkpoint of {0} does not go with its record and its history")]
    Unsettled(AgentId),
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Lists what `agent` consists of.
///
/// # Errors
/// See [`StockError`].
pub async fn stock(
    storage: &dyn Storage,
    agent: &AgentId,
    limits: &Limits,
) -> Result<Stock, StockError> {
    stock_since(storage, agent, limits, &Inventory::default()).await
}

/// Lists what `agent` consists of, without reading again what never changes and was listed in `earlier`.
///
/// # Errors
/// See [`StockError`].
pub async fn stock_since(
    storage: &dyn Storage,
    agent: &AgentId,
    limits: &Limits,
    earlier: &Inventory,
) -> Result<Stock, StockError> {
    let mut teller =
        Teller { storage, agent, earlier, listed: BTreeMap::new(), kept: BTreeMap::new() };
    for _ in 0..LOOKS_MAX {
        if let Some((expected, items)) = teller.look().await? {
            let inventory = Inventory::new(items, limits)
                .map_err(|error| StockError::TooMuch { agent: agent.clone(), error })?;
            return Ok(Stock { expected, inventory, kept: teller.kept });
        }
    }
    Err(StockError::Unsettled(agent.clone()))
}

impl Stock {
    /// A part of `agent` as it was when it was listed.
    ///
    /// # Errors
    /// Those of [`read_part`].
    pub async fn read(
        &self,
        storage: &dyn Storage,
        agent: &AgentId,
        item: &BillItem,
    ) -> Result<Vec<u8>, StockError> {
        match self.kept.get(&item.part) {
            Some(bytes) if Hash::of(bytes) == item.hash => Ok(bytes.clone()),
            _ => read_part(storage, agent, item).await,
        }
    }
}

/// Reads a part of `agent` that was listed. An agent that runs may have replaced it: see [`Stock::read`].
///
/// # Errors
/// [`StockError::Part`] if it is not there as it was listed; otherwise when the store fails.
pub async fn read_part(
    storage: &dyn Storage,
    agent: &AgentId,
    item: &BillItem,
) -> Result<Vec<u8>, StockError> {
    let key = key_of(item, agent);
    match storage.get(&key).await? {
        Some(stored) if Hash::of(&stored.bytes) == item.hash => Ok(stored.bytes),
        _ => Err(StockError::Part(key)),
    }
}

/// Goes through what a store has of an agent.
struct Teller<'a> {
    storage: &'a dyn Storage,
    agent: &'a AgentId,
    earlier: &'a Inventory,
    /// What never changes and was read already.
    listed: BTreeMap<Part, BillItem>,
    /// What changes, as it was seen last.
    kept: BTreeMap<Part, Vec<u8>>,
}

impl Teller<'_> {
    /// Looks once; `None` if the agent saved meanwhile.
    async fn look(&mut self) -> Result<Option<(Expected, Vec<BillItem>)>, StockError> {
        let agent = || self.agent.clone();
        let bytes = self.get(Key::Checkpoint(agent())).await?;
        let bytes = bytes.ok_or_else(|| StockError::NoAgent(agent()))?;
        let checkpoint = Checkpoint::decode(&bytes, u64::MAX)
            .map_err(|error| StockError::Checkpoint { agent: agent(), error })?;
        let current = item(Part::Checkpoint, &bytes);
        self.kept.insert(Part::Checkpoint, bytes);
        let bytes = self.get(Key::Record(agent())).await?;
        let bytes = bytes.ok_or_else(|| StockError::NoRecord(agent()))?;
        let record = AgentRecord::decode(&bytes)
            .map_err(|error| StockError::Record { agent: agent(), error })?;
        if record.head_of(&current.hash).is_none() {
            return Ok(None);
        }
        let mut items = vec![current, item(Part::Record, &bytes)];
        self.kept.insert(Part::Record, bytes);
        for (part, key) in
            [(Part::Summary, Key::Summary(agent())), (Part::Receipts, Key::Receipts(agent()))]
        {
            if let Some(bytes) = self.get(key).await? {
                items.push(item(part, &bytes));
                self.kept.insert(part, bytes);
            }
        }
        for (part, hash) in [(Part::Module, record.module), (Part::Manifest, record.manifest)] {
            items.push(self.lasting(part, Some(hash)).await?);
        }
        let mut parts = Vec::new();
        for scope in scopes(self.agent) {
            for key in list_keys(self.storage, &scope).await? {
                let Some(part) = part_of(&key) else { continue };
                parts.push(self.lasting(part, None).await?);
            }
        }
        let Some(place) = place_of(&parts, current.hash) else { return Ok(None) };
        items.extend(parts.into_iter().filter(|item| !is_later(item.part, place)));
        items.sort_unstable();
        let header = *checkpoint.header();
        let expected = Expected {
            agent: record.public_key,
            name: record.agent_id,
            tick: header.tick,
            budget: header.budget,
            price: header.price,
            module: record.module,
            manifest: record.manifest,
        };
        Ok(Some((expected, items)))
    }

    /// The item of a part that never changes once it is there. Of module and manifest the hash is known.
    async fn lasting(&mut self, part: Part, hash: Option<Hash>) -> Result<BillItem, StockError> {
        let known = self.earlier.item(part).or_else(|| self.listed.get(&part));
        if let Some(known) = known.filter(|known| hash.is_none_or(|hash| hash == known.hash)) {
            return Ok(*known);
        }
        let sought = BillItem { part, hash: hash.unwrap_or(Hash::ZERO), bytes: 0 };
        let key = key_of(&sought, self.agent);
        let bytes = self.get(key.clone()).await?.ok_or_else(|| StockError::Part(key.clone()))?;
        let found = item(part, &bytes);
        if hash.is_some_and(|hash| hash != found.hash) {
            return Err(StockError::Part(key));
        }
        // A segment whose checkpoint was never made is written again.
        if !matches!(part, Part::Segment(..)) {
            self.listed.insert(part, found);
        }
        Ok(found)
    }

    async fn get(&self, key: Key) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(self.storage.get(&key).await?.map(|stored| stored.bytes))
    }
}

fn item(part: Part, bytes: &[u8]) -> BillItem {
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    BillItem { part, hash: Hash::of(bytes), bytes: length }
}

/// The place of the current checkpoint in the history.
fn place_of(parts: &[BillItem], current: Hash) -> Option<(Tick, u32)> {
    parts.iter().rev().find_map(|item| match item.part {
        Part::History(tick, copy) if item.hash == current => Some((tick, copy)),
        _ => None,
    })
}

/// Whether a part belongs to a checkpoint that came after the one at `place`.
fn is_later(part: Part, place: (Tick, u32)) -> bool {
    match part {
        Part::History(tick, copy) | Part::Segment(tick, copy) => (tick, copy) > place,
        _ => false,
    }
}
