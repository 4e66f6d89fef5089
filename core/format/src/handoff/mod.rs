//! What two nodes sign when an agent moves: the offer, which is the agent's and the source's statement to
//! which node the agent goes and as what, and the answer, by which the target takes or refuses it. Both are
//! evidence and stay with the agent's history. How and when they are exchanged is not here.
//!
//! The bytes are specified in `docs/spec/handoff.md`.

mod answer;
mod offer;

pub use answer::{Answer, AnswerError, Verdict};
pub use offer::{Offer, OfferError, OfferTerms, TransferId};
