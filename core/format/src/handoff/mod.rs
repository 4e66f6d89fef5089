//! What two nodes sign and say when an agent moves: the offer, which is the agent's and the source's
//! statement to which node the agent goes and as what; the answer, by which the target takes or refuses
//! it; both are evidence and stay with the agent's history, as does the inheritance, where there was no
//! offer; and the messages that carry them and the agent's parts. How and when they are exchanged is not
//! here.
//!
//! The bytes are specified in `docs/spec/handoff.md` and `docs/spec/handoff-wire.md`.

mod answer;
mod inheritance;
mod message;
mod offer;
mod part;
mod refusal;
mod sealed_key;

use message::count;

pub use answer::{Answer, AnswerError, Verdict};
pub use inheritance::{Inheritance, InheritanceError, InheritanceTerms};
pub use message::{
    BILL_ITEMS_MAX, BILL_MESSAGE_ITEMS_MAX, CHUNK_BYTES_MAX, Chunk, ChunkContent, Message,
    MessageError, Prepare,
};
pub use offer::{Offer, OfferError, OfferTerms, TransferId};
pub use part::{BillItem, Part};
pub use refusal::{Reason, RefusalCode, Retry};
pub use sealed_key::{SealError, SealedKey, SealedKeyError};
