//! What a node writes down of an agent's life so that others can re-execute it: the records of a
//! journal, chained by hash, and the audit segments in which they are sealed. Bytes only: nothing
//! here runs an agent, prices a tick or touches a store. The bytes are specified in
//! `docs/spec/journal.md`.
//!
//! A *segment* is the life of one instance of the agent's module: it begins with an
//! [`Owner`](Record::Owner) record, which states the terms, and ends with the checkpoint that closes
//! it. Its records lie in the agent's log until then, and afterwards, sealed by the agent's and the
//! node's signature, beside the checkpoints.

mod entry;
mod field;
mod observations;
mod opening;
mod reader;
mod record;
mod segment;
mod summary;

pub use entry::{Entry, EntryError};
pub use field::FieldError;
pub(crate) use field::{REASON_BYTES_MAX, cut};
pub use observations::{ObservationKind, Observations};
pub use opening::{Predecessor, SegmentOpening};
pub use reader::{JournalTail, OpenJournal, OpenSegment, read_journal};
pub use record::{
    EffectOutcome, FailedOperation, FundedRecord, OwnerRecord, Record, RecordError,
    RecoveredRecord, StartedRecord, TickFailedRecord, TickPart, TickRecord,
};
pub use segment::{Segment, SegmentClosing, SegmentContents, SegmentError};
pub use summary::{CollectedSegment, SegmentSummary, SummaryError};
