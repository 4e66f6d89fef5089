//! The order in which wanted parts arrive: item after item, each from its offset to its end without a
//! gap. It looks at what a chunk says of itself and keeps no content.

use std::collections::VecDeque;

use igor_core::format::{BillItem, Chunk};

/// What is still to arrive.
#[derive(Debug, Clone)]
pub struct Course {
    /// Number, next offset and end of each item.
    due: VecDeque<(u32, u64, u64)>,
    bytes: u64,
}

/// A chunk, or what is wanted, is out of order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CourseError {
    /// What is wanted is not in the bill, or has nothing left to send.
    #[error("item {item} from {offset} on cannot be wanted")]
    Want {
        /// The number of the item.
        item: u32,
        /// From where on.
        offset: u64,
    },
    /// A chunk came that was not next.
    #[error("a chunk of item {item} at {offset} arrived where {due} was due")]
    Chunk {
        /// The number of the item.
        item: u32,
        /// Where it begins.
        offset: u64,
        /// What was due.
        due: String,
    },
    /// A chunk reaches beyond its part.
    #[error("a chunk of item {item} reaches to {end}, the part has {bytes} bytes")]
    TooLong {
        /// The number of the item.
        item: u32,
        /// Where the chunk ends.
        end: u64,
        /// The bytes of the part.
        bytes: u64,
    },
}

impl Course {
    /// The course of what is wanted of a bill.
    ///
    /// # Errors
    /// [`CourseError::Want`].
    pub fn new(bill: &[BillItem], wanted: &[(u32, u64)]) -> Result<Self, CourseError> {
        let mut course = Self { due: VecDeque::with_capacity(wanted.len()), bytes: 0 };
        for &(item, offset) in wanted {
            let named = usize::try_from(item).ok().and_then(|index| bill.get(index));
            let bytes = named.map_or(0, |named| named.bytes);
            if offset >= bytes {
                return Err(CourseError::Want { item, offset });
            }
            course.due.push_back((item, offset, bytes));
            course.bytes = course.bytes.saturating_add(bytes.saturating_sub(offset));
        }
        Ok(course)
    }

    /// The bytes that are still to arrive.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether everything has arrived.
    pub fn is_over(&self) -> bool {
        self.due.is_empty()
    }

    /// What is to come next: the number of an item and from where on.
    pub fn next(&self) -> Option<(u32, u64)> {
        self.due.front().map(|(item, offset, _)| (*item, *offset))
    }

    /// Notes that a chunk has arrived.
    ///
    /// # Errors
    /// [`CourseError::Chunk`], [`CourseError::TooLong`]; nothing is noted then.
    pub fn arrived(&mut self, chunk: &Chunk) -> Result<(), CourseError> {
        let Chunk { item, offset, .. } = *chunk;
        let Some((due, next, bytes)) = self.due.front_mut() else {
            return Err(CourseError::Chunk { item, offset, due: "nothing".to_owned() });
        };
        if (item, offset) != (*due, *next) {
            let due = format!("item {due} at {next}");
            return Err(CourseError::Chunk { item, offset, due });
        }
        let plain = chunk.content.plain_bytes();
        let end = offset.saturating_add(plain);
        if end > *bytes {
            return Err(CourseError::TooLong { item, end, bytes: *bytes });
        }
        *next = end;
        if end == *bytes {
            self.due.pop_front();
        }
        self.bytes = self.bytes.saturating_sub(plain);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use igor_core::format::{ChunkContent, Hash, Part, Tick};

    use super::*;

    fn bill() -> Vec<BillItem> {
        let item = |(tick, bytes)| {
            let part = Part::History(Tick(tick), 0);
            BillItem { part, hash: Hash::ZERO, bytes }
        };
        (0..).zip([5, 0, 9, 3]).map(item).collect()
    }

    fn chunk(item: u32, offset: u64, bytes: usize) -> Chunk {
        Chunk { item, offset, content: ChunkContent::Raw(vec![1; bytes]) }
    }

    #[test]
    fn what_is_wanted_arrives_in_order_and_then_it_is_over() {
        let mut course = Course::new(&bill(), &[(0, 2), (2, 0)]).expect("it is in the bill");
        assert_eq!(course.bytes(), 12);
        for (item, offset, bytes) in [(0, 2, 1), (0, 3, 2), (2, 0, 4), (2, 4, 5)] {
            assert_eq!(course.next(), Some((item, offset)));
            assert_eq!(course.arrived(&chunk(item, offset, bytes)), Ok(()));
        }
        assert!(course.is_over() && course.bytes() == 0);
        let expected = CourseError::Chunk { item: 3, offset: 0, due: "nothing".to_owned() };
        assert_eq!(course.arrived(&chunk(3, 0, 1)), Err(expected));
    }

    #[test]
    fn gaps_repetitions_other_items_and_too_much_are_refused() {
        let mut course = Course::new(&bill(), &[(0, 2), (2, 0)]).expect("it is in the bill");
        for (item, offset) in [(0, 0), (0, 1), (0, 3), (1, 0), (2, 0), (9, 2)] {
            let due = "item 0 at 2".to_owned();
            let expected = CourseError::Chunk { item, offset, due };
            assert_eq!(course.arrived(&chunk(item, offset, 1)), Err(expected));
        }
        let expected = CourseError::TooLong { item: 0, end: 6, bytes: 5 };
        assert_eq!(course.arrived(&chunk(0, 2, 4)), Err(expected));
        assert_eq!(course.arrived(&chunk(0, 2, 3)), Ok(()));
        let huge = Chunk {
            item: 2,
            offset: 0,
            content: ChunkContent::Lz4 { plain_bytes: u32::MAX, bytes: Vec::new() },
        };
        let expected = CourseError::TooLong { item: 2, end: u64::from(u32::MAX), bytes: 9 };
        assert_eq!(course.arrived(&huge), Err(expected));
    }

    #[test]
    fn only_what_is_left_of_a_bill_can_be_wanted() {
        for (item, offset) in [(0, 5), (0, 6), (1, 0), (4, 0), (u32::MAX, 0)] {
            let expected = CourseError::Want { item, offset };
            assert_eq!(Course::new(&bill(), &[(item, offset)]).err(), Some(expected));
        }
    }
}
