//! The books of an agent that leaves: its last checkpoint here, the offer of it, and the one group that makes
//! both durable. Nothing of it counts before that group is written, and all of it can be taken back.

use igor_core::format::{Epoch, Hash, Offer, OfferError, OfferTerms, PublicKey, TransferId};
use igor_core::format::{SignatureError, Standing};
use igor_core::handoff::{Custody, VerifiedOffer};
use igor_core::storage::{Batch, Group, Key, Operation, Precondition};

use super::{Content, Ledger, Snapshot};

/// Where an agent is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Departure {
    /// The name of the attempt.
    pub(crate) transfer: TransferId,
    /// The node that it goes to.
    pub(crate) target: PublicKey,
    /// The epoch that begins there.
    pub(crate) epoch: u64,
}

/// Why an agent cannot be offered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CannotDepart {
    /// There is nothing to take along.
    #[error("nothing was ever saved of it")]
    Unborn,
    /// Its journal must be repaired first.
    #[error("it is not to go on by itself: {0}")]
    Halted(String),
    /// The epoch does not follow.
    #[error("the epoch {asked} does not follow {held}, in which it is held")]
    Epoch {
        /// The epoch that was to begin.
        asked: u64,
        /// The epoch in which it is held.
        held: u64,
    },
    /// The terms are those of no offer.
    #[error(transparent)]
    Offer(#[from] OfferError),
    /// What was signed does not hold.
    #[error(transparent)]
    Signature(#[from] SignatureError),
}

impl Ledger {
    /// Builds the last checkpoint here and the offer of it. Either [`Ledger::offer`] or
    /// [`Ledger::refused`] follows.
    ///
    /// # Errors
    /// [`CannotDepart`]; nothing was built then.
    pub(crate) fn depart(
        &mut self,
        snapshot: &Snapshot<'_>,
        departure: Departure,
    ) -> Result<Box<VerifiedOffer>, CannotDepart> {
        let (asked, held) = (departure.epoch, self.held.major);
        if self.is_unborn() {
            return Err(CannotDepart::Unborn);
        }
        if let Standing::RecoveryRequired { reason, .. } = &self.standing {
            return Err(CannotDepart::Halted(reason.clone()));
        }
        if asked <= held {
            return Err(CannotDepart::Epoch { asked, held });
        }
        let checkpoint = self.sign(snapshot);
        let (hash, content) = (checkpoint.hash(), Content::of(&checkpoint));
        let group = self.group(&checkpoint, content, snapshot.carry, None, true);
        let offer = self.sign_offer(snapshot, departure, (hash, record_in(&group)));
        match offer {
            Ok(_) => self.departing = Some(group),
            Err(_) => self.refused(),
        }
        offer
    }

    fn sign_offer(
        &self,
        snapshot: &Snapshot<'_>,
        Departure { transfer, target, epoch }: Departure,
        (checkpoint, record): (Hash, Hash),
    ) -> Result<Box<VerifiedOffer>, CannotDepart> {
        let terms = OfferTerms {
            transfer,
            agent: self.key.public_key(),
            epoch: Epoch { major: epoch, generation: 0 },
            tick: snapshot.tick,
            budget: snapshot.budget,
            checkpoint,
            module: self.terms.module,
            manifest: Hash::of(&self.terms.manifest),
            record,
            source: self.node.public_key(),
            target,
        };
        let offer = Offer::sign(&self.key, &self.node, terms)?;
        Ok(Box::new(VerifiedOffer::new(offer)?))
    }

    /// The batch that makes the offer durable with the last checkpoint. That the agent is offered comes
    /// right before the checkpoint: a crash before it leaves an agent that is held and whose history is one step
    /// ahead, one after it an agent that is offered and never ticked here. `None` if nothing is
    /// offered.
    pub(crate) fn offer(&mut self, custody: &Custody) -> Option<Batch> {
        let mut group = self.departing.take()?;
        let is_checkpoint = |operation: &Operation| {
            matches!(operation, Operation::Put { key: Key::Checkpoint(_), .. })
        };
        let before = group.operations.iter().position(is_checkpoint)?;
        let put = Operation::Put {
            key: Key::Custody(self.terms.agent.clone()),
            bytes: custody.encode(&self.key.public_key()),
            // Nobody else writes it while this process has the agent, and the checkpoint behind it is
            // written only if nobody did.
            precondition: Precondition::Always,
        };
        group.operations.insert(before, put);
        Some(group.into())
    }
}

/// The hash of the agent record in a group.
fn record_in(group: &Group) -> Hash {
    let record = group.operations.iter().find_map(|operation| match operation {
        Operation::Put { key: Key::Record(_), bytes, .. } => Some(Hash::of(bytes)),
        _ => None,
    });
    record.unwrap_or(Hash::ZERO)
}
