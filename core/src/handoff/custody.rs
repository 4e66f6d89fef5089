//! What a node keeps of an agent's whereabouts: the durable half of a handoff. It is the node's own note; what
//! others can check are the offers and answers in it.

mod codec;

use std::collections::BTreeMap;

use igor_format::{Answer, Hash, Offer, OfferTerms, SignatureError};

pub use codec::CustodyError;

/// An offer whose signatures hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VerifiedOffer(Offer);

impl VerifiedOffer {
    /// Takes an offer whose signatures it checks.
    ///
    /// # Errors
    /// [`SignatureError`].
    pub fn new(offer: Offer) -> Result<Self, SignatureError> {
        offer.verify()?;
        Ok(Self(offer))
    }

    /// The offer.
    pub const fn offer(&self) -> &Offer {
        &self.0
    }

    /// What it states.
    pub const fn terms(&self) -> &OfferTerms {
        self.0.terms()
    }

    /// Its epoch. Generations are not used.
    pub const fn epoch(&self) -> u64 {
        self.0.terms().epoch.major
    }
}

/// What a node knows and has decided about one agent. It is durable before anything follows from it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Custody {
    /// The highest epoch that was used for the agent here: held, offered, taken or refused. An offer in this
    /// epoch or a lower one is never taken any more.
    pub decided: u64,
    /// The offers under which the agent was taken, by epoch.
    pub taken: BTreeMap<u64, Hash>,
    /// Where the agent is.
    pub holding: Holding,
    /// The address of the node that it was offered to last, as the operator gave it; empty if there was none.
    /// A hint: who is there proves to be that node.
    pub place: String,
}

/// Where an agent is, as far as this node is concerned. The names shown to people are the original's, see
/// [`Holding::name`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub enum Holding {
    /// Not here.
    #[default]
    Absent,
    /// Here, in this epoch. This node may tick it.
    Held(u64),
    /// Offered to another node, whose answer is not known. It must not be ticked.
    Offered {
        /// The epoch in which it was held.
        held: u64,
        /// The offer.
        offer: VerifiedOffer,
    },
    /// Given to another node.
    Released {
        /// The offer.
        offer: VerifiedOffer,
        /// What the other node said; `None` if it was only seen that it holds the agent.
        answer: Option<Answer>,
    },
    /// Held in this epoch until another node was seen to hold it in a higher one. It must not be ticked,
    /// and only an operator can say what is right.
    Contested {
        /// The epoch in which it was held.
        held: u64,
        /// The higher epoch that was seen.
        seen: u64,
    },
}

impl Custody {
    /// Of an agent that comes into being here, or that was here before there were handoffs.
    pub fn held(epoch: u64) -> Self {
        Self { decided: epoch, holding: Holding::Held(epoch), ..Self::default() }
    }

    /// What is to be kept of an agent that is taken without an offer: it is held in a new epoch, which is at least
    /// `epoch_min`. `None` if no epoch is left.
    pub fn inherited(&self, epoch_min: u64) -> Option<Self> {
        let epoch = self.decided.checked_add(1)?.max(epoch_min);
        Some(Self { decided: epoch, holding: Holding::Held(epoch), ..self.clone() })
    }

    /// Whether the agent was taken under this very offer.
    pub(super) fn has_taken(&self, offer: &VerifiedOffer) -> bool {
        self.taken.get(&offer.epoch()) == Some(&offer.offer().hash())
    }
}

impl Holding {
    /// The original's name of the state in which an agent ticks while its move is prepared. Nothing of it is
    /// durable.
    pub const INITIATED: &str = "HANDOFF_INITIATED";

    /// The original's name of the state; `None` if the agent is not here and never was.
    pub const fn name(&self) -> Option<&'static str> {
        match self {
            Self::Absent => None,
            Self::Held(_) => Some("ACTIVE_OWNER"),
            Self::Offered { .. } => Some("HANDOFF_PENDING"),
            Self::Released { .. } => Some("RETIRED"),
            Self::Contested { .. } => Some("RECOVERY_REQUIRED"),
        }
    }
}
