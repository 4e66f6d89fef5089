//! A bill over several messages: cut by the one who sends it, put together by the other. It checks that the
//! bill is one, and bounds it; what it lists is not looked at.

use igor_core::format::{BILL_ITEMS_MAX, BILL_MESSAGE_ITEMS_MAX, BillItem, Message, Part, Prepare};

/// The bill of an agent, as far as it has arrived.
#[derive(Debug, Clone)]
pub struct Bill {
    items: Vec<BillItem>,
    bytes: u64,
    bytes_max: u64,
    /// How many items are still to come.
    more: usize,
}

/// Why messages are no bill.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BillError {
    /// There are more items than there may be.
    #[error("a bill of {items} items, at most {BILL_ITEMS_MAX} are allowed")]
    TooMany {
        /// How many there are.
        items: usize,
    },
    /// Everything together is larger than is allowed.
    #[error("a bill of {bytes} bytes, at most {max} are allowed")]
    TooLarge {
        /// The bytes of the items up to the first that is too much.
        bytes: u64,
        /// The limit.
        max: u64,
    },
    /// A part does not come after the one before it.
    #[error("in the bill, {0} does not stand in its place")]
    Order(Part),
    /// A message brings nothing, or more than was to come.
    #[error("{items} items arrived where {more} were to come")]
    Count {
        /// How many came.
        items: usize,
        /// How many were to come.
        more: usize,
    },
}

impl Bill {
    /// The bill that begins with these items; `more` follow. All of its parts have at most `bytes_max`.
    ///
    /// # Errors
    /// [`BillError`].
    pub fn begin(items: Vec<BillItem>, more: u32, bytes_max: u64) -> Result<Self, BillError> {
        let more = usize::try_from(more).unwrap_or(usize::MAX);
        let all = items.len().saturating_add(more);
        if all > BILL_ITEMS_MAX {
            return Err(BillError::TooMany { items: all });
        }
        let more = items.len().saturating_add(more);
        let mut bill = Self { items: Vec::new(), bytes: 0, bytes_max, more };
        bill.add(items)?;
        Ok(bill)
    }

    /// The bill goes on.
    ///
    /// # Errors
    /// [`BillError`].
    pub fn go_on(&mut self, items: Vec<BillItem>) -> Result<(), BillError> {
        if items.is_empty() {
            return Err(BillError::Count { items: 0, more: self.more });
        }
        self.add(items)
    }

    fn add(&mut self, items: Vec<BillItem>) -> Result<(), BillError> {
        let (count, more) = (items.len(), self.more);
        self.more = more.checked_sub(count).ok_or(BillError::Count { items: count, more })?;
        for item in items {
            if self.items.last().is_some_and(|last| last.part >= item.part) {
                return Err(BillError::Order(item.part));
            }
            let (bytes, max) = (self.bytes.saturating_add(item.bytes), self.bytes_max);
            if bytes > max {
                return Err(BillError::TooLarge { bytes, max });
            }
            self.bytes = bytes;
            self.items.push(item);
        }
        Ok(())
    }

    /// Whether nothing is to come any more.
    pub const fn is_complete(&self) -> bool {
        self.more == 0
    }

    /// The bytes of all parts.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What has arrived.
    pub fn into_items(self) -> Vec<BillItem> {
        self.items
    }
}

/// The messages that announce an agent with this bill; what `prepare` says of its own bill is not looked at.
///
/// # Errors
/// [`BillError::TooMany`].
pub fn pages(prepare: Prepare, bill: &[BillItem]) -> Result<Vec<Message>, BillError> {
    let too_many = BillError::TooMany { items: bill.len() };
    if bill.len() > BILL_ITEMS_MAX {
        return Err(too_many);
    }
    let (first, rest) = bill.split_at(bill.len().min(BILL_MESSAGE_ITEMS_MAX));
    let more = u32::try_from(rest.len()).map_err(|_| too_many)?;
    let begin = Prepare { bill: first.to_vec(), more, ..prepare };
    let next = rest.chunks(BILL_MESSAGE_ITEMS_MAX);
    let next = next.map(|items| Message::Bill { items: items.to_vec() });
    Ok(std::iter::once(Message::Prepare(Box::new(begin))).chain(next).collect())
}

#[cfg(test)]
mod tests {
    use igor_core::format::{AgentKey, Hash, Microcents, Price, Tick, TransferId};

    use super::*;

    fn items(from: u64, count: u64) -> Vec<BillItem> {
        let item =
            |tick| BillItem { part: Part::History(Tick(tick), 0), hash: Hash::ZERO, bytes: 1 };
        (from..from + count).map(item).collect()
    }

    fn prepare() -> Prepare {
        Prepare {
            transfer: TransferId::from_bytes([1; 16]),
            agent: AgentKey::from_seed(&[3; 32]).public_key(),
            name: "agent".parse().expect("a name"),
            tick: Tick(1),
            budget: Microcents::ZERO,
            price: Price::default(),
            module: Hash::ZERO,
            manifest: Hash::ZERO,
            bill: Vec::new(),
            more: 0,
        }
    }

    #[test]
    fn a_bill_of_any_length_arrives_as_it_was() {
        for count in [0, 1, 8_191, 8_192, 8_193, 16_384, 20_000, 65_536] {
            let all = items(0, count);
            let mut messages = pages(prepare(), &all).expect("it is allowed").into_iter();
            let Some(Message::Prepare(first)) = messages.next() else { panic!("it comes first") };
            let mut bill = Bill::begin(first.bill, first.more, 1 << 20).expect("it is allowed");
            for message in messages {
                assert!(!bill.is_complete());
                let read = Message::decode(&message.encode());
                let Ok(Message::Bill { items }) = read else { panic!("{count}: {read:?}") };
                bill.go_on(items).expect("it is allowed");
            }
            assert!(bill.is_complete());
            assert_eq!(bill.bytes(), count);
            assert_eq!(bill.into_items(), all);
        }
        let expected = BillError::TooMany { items: 65_537 };
        assert_eq!(pages(prepare(), &items(0, 65_537)), Err(expected));
    }

    #[test]
    fn what_is_no_bill_is_refused_by_reason() {
        let begin = |items, more| Bill::begin(items, more, 10);
        let check = |bill: Result<Bill, BillError>, expected| {
            assert_eq!(bill.err(), Some(expected));
        };
        check(begin(items(0, 5), 65_532), BillError::TooMany { items: 65_537 });
        check(begin(items(0, 1), u32::MAX), BillError::TooMany { items: 4_294_967_296 });
        check(begin(items(0, 11), 0), BillError::TooLarge { bytes: 11, max: 10 });
        let huge = BillItem { bytes: u64::MAX, ..items(2, 1)[0] };
        let huge = [items(0, 2), vec![huge]].concat();
        check(begin(huge, 0), BillError::TooLarge { bytes: u64::MAX, max: 10 });

        let begun = begin(items(0, 5), 2).expect("it is allowed");
        let go_on = |items| begun.clone().go_on(items);
        assert_eq!(go_on(Vec::new()), Err(BillError::Count { items: 0, more: 2 }));
        assert_eq!(go_on(items(5, 3)), Err(BillError::Count { items: 3, more: 2 }));
        let late = Part::History(Tick(4), 0);
        assert_eq!(go_on(items(4, 1)), Err(BillError::Order(late)));
        assert_eq!(go_on(items(5, 2)), Ok(()));
    }
}
