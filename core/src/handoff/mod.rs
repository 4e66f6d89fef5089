//! How an agent passes from one node to another so that it is never active on both, whatever is lost, crashes
//! or comes late. One [`Custodian`] for each agent on each node, for both roles: events go in
//! ([`Custodian::handle`]), actions come out ([`Custodian::poll`]). It has no clock, no socket and no store, and
//! knows nothing of modules, checkpoints or bytes on a wire; those who carry its actions out do.
//!
//! One rule decides: *the target's durable record*. The source stops, records its offer durably, sends it, and
//! from then on does not tick again until it has learned what the target's record says. The target takes the
//! agent durably, or refuses the offer durably, before it says so. Every attempt has an epoch of its own, and a
//! node never takes an agent in an epoch that it has decided on already, so nothing that comes late or twice
//! means anything. The clauses are in `docs/spec/handoff.md`.

mod custodian;
mod custody;

#[cfg(test)]
mod explore;
#[cfg(test)]
mod tests;

pub use custodian::{Action, Custodian, Ended, Event, Message, Schedule, WriteFailed};
pub use custody::{Custody, CustodyError, Holding, VerifiedOffer};
