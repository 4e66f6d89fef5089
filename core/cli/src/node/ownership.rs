//! Who holds an agent, as people are told: from what is durable, with the one state that is not, in the original's
//! words. It decides nothing.

use igor_core::format::AgentId;
use igor_core::handoff::{Custody, Holding};
use igor_core::transport::NodeId;
use igor_node::whereabouts;

use super::station::Station;
use crate::control::refusal::Refusal;
use crate::control::wire::{Ownership, Status};

impl Station {
    /// How an agent stands, and who holds it.
    pub(crate) async fn status(&self, agent: &AgentId) -> Result<Status, Refusal> {
        let status = self.known.status(agent)?;
        let is_leaving = match self.network() {
            Some(network) => network.moves.is_leaving(agent).await,
            None => false,
        };
        let ownership = match whereabouts(&*self.assembly.node.storage.0, agent).await {
            Ok(found) => found.and_then(|found| ownership(&found.custody, is_leaving)),
            Err(error) => {
                tracing::warn!(%agent, %error, "it is not known where an agent is");
                None
            }
        };
        Ok(Status { ownership, ..status })
    }
}

fn ownership(custody: &Custody, is_leaving: bool) -> Option<Ownership> {
    let state = match &custody.holding {
        Holding::Held(_) if is_leaving => Holding::INITIATED,
        holding => holding.name()?,
    };
    let (epoch, node_id) = match &custody.holding {
        Holding::Absent => return None,
        Holding::Held(held) | Holding::Contested { held, .. } => (*held, None),
        Holding::Offered { offer, .. } | Holding::Released { offer, .. } => {
            (offer.epoch(), Some(NodeId::of(&offer.terms().target).to_string()))
        }
    };
    Some(Ownership { state: state.to_owned(), epoch, node_id })
}
