//! What has arrived of an agent: the content of its parts, put together piece by piece and kept by hash,
//! so that the same content is there once. It never holds more bytes than were announced, and checks
//! nothing but sizes and hashes.

use std::collections::{BTreeMap, BTreeSet};

use igor_core::Storage;
use igor_core::format::{BillItem, Hash, Part};

use super::part::key_of;
use super::{Expected, Inventory, Known, Refusal};

/// An agent that is arriving.
#[derive(Debug, Clone, Default)]
pub struct Package {
    inventory: Inventory,
    contents: BTreeMap<Hash, Vec<u8>>,
    /// What has begun to arrive, by the number of its item.
    partial: BTreeMap<u32, Vec<u8>>,
}

/// What had arrived of an agent that was given up on the way.
#[derive(Debug, Default)]
pub struct Remains {
    contents: BTreeMap<Hash, Vec<u8>>,
    /// What had begun to arrive, by the hash that it was announced with.
    partial: BTreeMap<Hash, Vec<u8>>,
}

impl Remains {
    /// How much it is, in bytes.
    pub fn bytes(&self) -> u64 {
        let all = self.contents.values().chain(self.partial.values());
        all.map(|bytes| length(bytes)).fold(0, u64::saturating_add)
    }
}

impl Package {
    /// A package of which nothing has arrived yet.
    pub fn new(inventory: Inventory) -> Self {
        let contents = BTreeMap::from([(Hash::of(&[]), Vec::new())]);
        Self { inventory, contents, partial: BTreeMap::new() }
    }

    /// A package of which what is in `remains` has arrived, as far as it was announced again. They are to be the
    /// same sender's: of what had only begun to arrive it is not known yet whether it is what was announced.
    pub fn resumed(inventory: Inventory, remains: Remains) -> Self {
        let mut package = Self::new(inventory);
        let Remains { mut contents, mut partial } = remains;
        for (number, item) in (0..).zip(package.inventory.items()) {
            if let Some(whole) = contents.remove(&item.hash) {
                if length(&whole) == item.bytes {
                    package.contents.insert(item.hash, whole);
                }
            } else if let Some(begun) = partial.remove(&item.hash)
                && length(&begun) < item.bytes
            {
                package.partial.insert(number, begun);
            }
        }
        package
    }

    /// What has arrived, of a package that is given up.
    pub fn into_remains(self) -> Remains {
        let Self { inventory, contents, partial } = self;
        let hash = |number| {
            let index = usize::try_from(number).ok()?;
            inventory.items().get(index).map(|item| item.hash)
        };
        let named = |(number, begun)| Some((hash(number)?, begun));
        Remains { contents, partial: partial.into_iter().filter_map(named).collect() }
    }

    /// What is still to come of these items, and from where on.
    pub fn rest(&self, numbers: &[u32]) -> Vec<(u32, u64)> {
        let items = self.inventory.items();
        let is_whole = |number: u32, arrived: u64| {
            let item = usize::try_from(number).ok().and_then(|index| items.get(index));
            item.is_some_and(|item| arrived >= item.bytes)
        };
        let rest = numbers.iter().map(|number| (*number, self.arrived(*number)));
        rest.filter(|(number, arrived)| !is_whole(*number, *arrived)).collect()
    }

    /// What it consists of.
    pub const fn inventory(&self) -> &Inventory {
        &self.inventory
    }

    /// Takes the next piece of the item of this number; `offset` is where in the part it begins.
    ///
    /// # Errors
    /// [`Refusal::Part`] if there is no such item, if the piece does not continue what is there or is too
    /// long; [`Refusal::Hash`] if the part is whole and is another one than was announced.
    pub fn take(&mut self, number: u32, offset: u64, piece: &[u8]) -> Result<(), Refusal> {
        let index = usize::try_from(number).unwrap_or(usize::MAX);
        let Some(item) = self.inventory.items().get(index).copied() else {
            return Err(self.not_announced());
        };
        let refuse = |problem| Err(Refusal::Part { part: item.part, problem });
        if self.contents.contains_key(&item.hash) {
            return refuse("arrives again");
        }
        let begun = self.partial.entry(number).or_default();
        let length = length(begun);
        if offset != length {
            return refuse("does not arrive in order");
        }
        let reached = length.saturating_add(self::length(piece));
        if reached > item.bytes {
            return refuse("is longer than was announced");
        }
        // Twice what is there, as a vector grows, but never more than was announced.
        let room = length.saturating_mul(2).clamp(reached, item.bytes).saturating_sub(length);
        begun.reserve_exact(usize::try_from(room).unwrap_or(piece.len()));
        begun.extend_from_slice(piece);
        if reached == item.bytes {
            let whole = self.partial.remove(&number).unwrap_or_default();
            self.keep(&item, whole)?;
        }
        Ok(())
    }

    /// How much of the item of this number has arrived, in bytes.
    pub fn arrived(&self, number: u32) -> u64 {
        let index = usize::try_from(number).unwrap_or(usize::MAX);
        match self.inventory.items().get(index) {
            Some(item) if self.contents.contains_key(&item.hash) => item.bytes,
            _ => self.partial.get(&number).map_or(0, |begun| length(begun)),
        }
    }

    /// Whether nothing is missing that `known` does not have.
    pub fn is_whole(&self, known: &Known) -> bool {
        let here = self.inventory.items().iter().filter(|item| known.has(item.part));
        let here: BTreeSet<Hash> = here.map(|item| item.hash).collect();
        let is_here = |hash| self.contents.contains_key(hash) || here.contains(hash);
        self.inventory.items().iter().all(|item| is_here(&item.hash))
    }

    /// Adds a part that is here.
    ///
    /// # Errors
    /// [`Refusal::Hash`] if it is another one than was announced.
    pub fn put(&mut self, part: Part, bytes: Vec<u8>) -> Result<(), Refusal> {
        let item = self.inventory.item(part).copied();
        let item = item.ok_or(Refusal::Part { part, problem: "was not announced" })?;
        self.keep(&item, bytes)
    }

    /// Reads from the store what `known` has.
    ///
    /// # Errors
    /// When the store fails, or a part is no longer what it was.
    pub async fn fill(
        &mut self,
        storage: &dyn Storage,
        expected: &Expected,
        known: &Known,
    ) -> Result<(), Refusal> {
        for item in self.inventory.items().to_vec() {
            if known.has(item.part) && !self.contents.contains_key(&item.hash) {
                let stored = storage.get(&key_of(&item, &expected.name)).await?;
                self.keep(&item, stored.map(|stored| stored.bytes).unwrap_or_default())?;
            }
        }
        Ok(())
    }

    /// The content of a part, if it was announced and is here.
    pub(super) fn part(&self, part: Part) -> Option<&[u8]> {
        self.content(self.inventory.item(part)?)
    }

    /// The content of an item, if it is here.
    pub(super) fn content(&self, item: &BillItem) -> Option<&[u8]> {
        self.contents.get(&item.hash).map(Vec::as_slice)
    }

    /// Everything that was announced, with its content.
    ///
    /// # Errors
    /// [`Refusal::Part`] for the first part that is missing.
    pub(super) fn parts(&self) -> Result<Vec<(BillItem, &[u8])>, Refusal> {
        let whole = |item: &BillItem| {
            let missing = Refusal::Part { part: item.part, problem: "did not arrive" };
            Ok((*item, self.content(item).ok_or(missing)?))
        };
        self.inventory.items().iter().map(whole).collect()
    }

    fn keep(&mut self, item: &BillItem, bytes: Vec<u8>) -> Result<(), Refusal> {
        if Hash::of(&bytes) != item.hash || length(&bytes) != item.bytes {
            return Err(Refusal::Hash(item.part));
        }
        self.contents.insert(item.hash, bytes);
        Ok(())
    }

    fn not_announced(&self) -> Refusal {
        let last = self.inventory.items().last().map_or(Part::Module, |item| item.part);
        Refusal::Part { part: last, problem: "is the last one that was announced, others arrive" }
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
