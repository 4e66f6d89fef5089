//! The list of what an agent consists of: each part once, in their order, with its hash and its size, and
//! bounded as a whole. It holds no content.

use std::collections::{BTreeMap, BTreeSet};

use igor_core::Limits;
use igor_core::format::{BILL_ITEMS_MAX, BillItem, Part};

/// What an agent consists of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory {
    items: Vec<BillItem>,
    bytes: u64,
}

/// Why a list is no inventory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InventoryError {
    /// A part occurs twice, or not in its place.
    #[error("{0} occurs twice, or not in its place")]
    Order(Part),
    /// There are more parts than can move.
    #[error("{count} parts, at most {max} can move")]
    TooMany {
        /// How many.
        count: usize,
        /// The limit.
        max: usize,
    },
    /// Together the parts are larger than can move.
    #[error("{bytes} bytes, at most {max} can move")]
    TooLarge {
        /// Their size, in bytes.
        bytes: u64,
        /// The limit.
        max: u64,
    },
}

impl Inventory {
    /// Takes a list that is in the order of the parts.
    ///
    /// # Errors
    /// [`InventoryError`].
    pub fn new(items: Vec<BillItem>, limits: &Limits) -> Result<Self, InventoryError> {
        if items.len() > BILL_ITEMS_MAX {
            return Err(InventoryError::TooMany { count: items.len(), max: BILL_ITEMS_MAX });
        }
        let pairs = items.iter().zip(items.iter().skip(1));
        if let Some((_, late)) = pairs.into_iter().find(|(one, next)| one.part >= next.part) {
            return Err(InventoryError::Order(late.part));
        }
        let bytes = items.iter().fold(0_u64, |sum, item| sum.saturating_add(item.bytes));
        let max = limits.package_bytes_max;
        if bytes > max {
            return Err(InventoryError::TooLarge { bytes, max });
        }
        Ok(Self { items, bytes })
    }

    /// The list, in the order of the parts.
    pub fn items(&self) -> &[BillItem] {
        &self.items
    }

    /// The size of all parts, in bytes.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The item of a part, if there is such a part.
    pub fn item(&self, part: Part) -> Option<&BillItem> {
        let index = self.items.binary_search_by_key(&part, |item| item.part).ok()?;
        self.items.get(index)
    }

    /// The numbers of the items that have to be sent for everything to be there: of parts with the same
    /// content only the first, and none of those without any.
    pub fn distinct(&self) -> Vec<u32> {
        let mut seen = BTreeSet::new();
        let numbered = (0_u32..).zip(&self.items);
        let sent = numbered.filter(|(_, item)| item.bytes > 0 && seen.insert(item.hash));
        sent.map(|(number, _)| number).collect()
    }

    /// What is in this list and not, or not so, in `other`.
    pub fn without(&self, other: &Self) -> Self {
        let is_new = |item: &&BillItem| other.item(item.part) != Some(item);
        let items: Vec<_> = self.items.iter().filter(is_new).copied().collect();
        let bytes = items.iter().fold(0_u64, |sum, item| sum.saturating_add(item.bytes));
        Self { items, bytes }
    }

    /// This list with what is in `newer` added or put in its place.
    ///
    /// # Errors
    /// When the two together are more than can move.
    pub fn and(&self, newer: &Self, limits: &Limits) -> Result<Self, InventoryError> {
        let all = self.items.iter().chain(&newer.items).map(|item| (item.part, *item));
        let all: BTreeMap<Part, BillItem> = all.collect();
        Self::new(all.into_values().collect(), limits)
    }
}
