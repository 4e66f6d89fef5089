//! One group committed, and what came of it. Whoever writes more than one group at a time matches the answers
//! itself; what a missing one means is said here for all.

use igor_core::Storage;
use igor_core::storage::{Batch, Committed, StorageError};

/// Commits a batch of one group.
///
/// # Errors
/// As [`Storage::commit`] answers for the group, or that it did not.
pub(crate) async fn commit_one(
    storage: &dyn Storage,
    batch: impl Into<Batch>,
) -> Result<Committed, StorageError> {
    storage.commit(batch.into()).await.pop().unwrap_or_else(|| Err(unanswered()))
}

/// A store that does not answer for a group has not said that it is durable.
pub(crate) fn unanswered() -> StorageError {
    let cause = "it did not answer for every group of a batch".to_owned();
    StorageError::Poisoned { cause }
}
