//! Every byte that igor keeps on disk or sends over the wire: checkpoints, lineage, identities,
//! receipts, agent records, fund records, manifests and the encoding of guest state.
//!
//! It is not a store and not a runtime: it knows no file names, no clock and no engine, allocates
//! no more than a small multiple of its input, and builds for `wasm32` so that a browser can verify
//! a history. With default features off it is `no_std` and holds only what a guest needs
//! ([`codec`] and [`effect_log`]).

#![cfg_attr(not(feature = "full"), no_std)]

extern crate alloc;

pub mod codec;
pub mod effect_log;

#[cfg(feature = "full")]
mod agent_id;
#[cfg(feature = "full")]
mod agent_record;
#[cfg(feature = "full")]
mod checkpoint;
#[cfg(feature = "full")]
mod did;
#[cfg(feature = "full")]
pub mod export;
#[cfg(feature = "full")]
mod fork;
#[cfg(feature = "full")]
mod fund;
#[cfg(feature = "full")]
mod go_json;
#[cfg(feature = "full")]
mod handoff;
#[cfg(feature = "full")]
mod handshake;
#[cfg(feature = "full")]
mod hash;
#[cfg(feature = "full")]
mod history;
#[cfg(feature = "full")]
mod identity;
#[cfg(feature = "full")]
mod journal;
#[cfg(feature = "full")]
mod key;
#[cfg(feature = "full")]
mod manifest;
#[cfg(feature = "full")]
pub mod migrate;
#[cfg(feature = "full")]
mod money;
#[cfg(feature = "full")]
mod node_key;
#[cfg(feature = "full")]
mod payment;
#[cfg(feature = "full")]
mod quantity;
#[cfg(feature = "full")]
mod receipt;
#[cfg(feature = "full")]
mod wish;

pub use codec::{DecodeError, Decoder, Encoder};

#[cfg(feature = "full")]
pub use agent_id::{AgentId, AgentIdError};
#[cfg(feature = "full")]
pub use agent_record::{AgentRecord, AgentRecordError, ExecutionLimits, Head, MeterName, Standing};
#[cfg(feature = "full")]
pub use checkpoint::{
    Checkpoint, CheckpointError, CheckpointVersion, Header, Lineage, VerifyError,
};
#[cfg(feature = "full")]
pub use did::{Did, DidError};
#[cfg(feature = "full")]
pub use fork::{Fork, NoFork, prove_fork};
#[cfg(feature = "full")]
pub use fund::{FundError, FundId, FundIdError, FundRecord, Funding};
#[cfg(feature = "full")]
pub use go_json::{Base64, SecretBase64};
#[cfg(feature = "full")]
pub use handoff::{
    Answer, AnswerError, BILL_ITEMS_MAX, BILL_MESSAGE_ITEMS_MAX, BillItem, CHUNK_BYTES_MAX, Chunk,
    ChunkContent, Inheritance, InheritanceError, InheritanceTerms, Message, MessageError, Offer,
    OfferError, OfferTerms, Part, Prepare, Reason, RefusalCode, Retry, SealError, SealedKey,
    SealedKeyError, TransferId, Verdict,
};
#[cfg(feature = "full")]
pub use handshake::HandshakeError;
#[cfg(feature = "full")]
pub use hash::{Hash, HashError};
#[cfg(feature = "full")]
pub use history::{
    AuditSegmentFacts, CertificateFacts, CertificateTerms, CheckpointFacts, Finding, FindingKind,
    FundFacts, HistoryFile, HistoryFileError, HistoryReport, HistorySegment, HistoryVerifier,
    Holder, Severity, SignatureStatus, SummaryFacts,
};
#[cfg(feature = "full")]
pub use identity::{IDENTITY_BYTES, IdentityError, decode_identity, encode_identity};
#[cfg(feature = "full")]
pub use journal::{
    CollectedSegment, EffectOutcome, Entry, EntryError, FailedOperation, FieldError, FundedRecord,
    JournalTail, ObservationKind, Observations, OpenJournal, OpenSegment, OwnerRecord, Predecessor,
    Record, RecordError, RecoveredRecord, Segment, SegmentClosing, SegmentContents, SegmentError,
    SegmentOpening, SegmentSummary, StartedRecord, SummaryError, TickFailedRecord, TickPart,
    TickRecord, read_journal,
};
#[cfg(feature = "full")]
pub use key::{AgentKey, Domain, NodeKey, PublicKey, Signature, SignatureError};
#[cfg(feature = "full")]
pub use manifest::{Capability, Manifest, ManifestError, MigrationPolicy, ResourceLimits};
#[cfg(feature = "full")]
pub use money::{AmountError, Microcents, Price};
#[cfg(feature = "full")]
pub use node_key::{NODE_KEY_BYTES, NodeKeyError, decode_node_key, encode_node_key};
#[cfg(feature = "full")]
pub use payment::{PaymentError, PaymentReceipt};
#[cfg(feature = "full")]
pub use quantity::{Carry, CarryError, Epoch, Gas, Nanos, Seq, Tick};
#[cfg(feature = "full")]
pub use receipt::{EpochReceipt, ReceiptError, decode_receipts, encode_receipts};
#[cfg(feature = "full")]
pub use wish::{Wish, WishError};
