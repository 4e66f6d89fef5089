//! What moving needs of the process around it: the node that agents run on, and somebody who takes in those
//! that come, starts those that come back, and hears what happens. It is not the fleet: that is asked
//! through its own handle.

use std::sync::Arc;

use async_trait::async_trait;
use igor_core::Limits;
use igor_core::format::{AgentId, NodeKey, RefusalCode};
use igor_core::transport::NodeId;

use crate::event::RunEvent;
use crate::handoff::package::Taken;
use crate::launch::Node;
use crate::shell::FleetHandle;

/// The process in which agents come and go.
#[async_trait]
pub trait Premises: Send + Sync + 'static {
    /// What agents run on.
    fn node(&self) -> &Node;

    /// Who this node is.
    fn key(&self) -> &Arc<NodeKey>;

    /// The limits in force for agents that come.
    fn limits(&self) -> &Limits;

    /// Whether agents may come at all.
    fn takes_agents(&self) -> bool;

    /// Whether agents may come whose last segment cannot be re-executed.
    fn accepts_unproven(&self) -> bool;

    /// The agents that run here.
    fn fleet(&self) -> &FleetHandle;

    /// Lets an agent tick that is this node's from now on.
    async fn move_in(&self, taken: Taken);

    /// Lets an agent tick again that was to go and stays.
    async fn start_again(&self, agent: &AgentId);

    /// Hears what happens to an agent that comes or goes.
    fn told(&self, agent: &AgentId, event: RunEvent);

    /// Hears that an agent has gone for good, to the node `target` at `place`.
    fn moved_out(&self, agent: &AgentId, target: NodeId, place: &str);

    /// Hears that an agent stopped at once, as it is not certain that it may tick here.
    fn halted(&self, agent: &AgentId, reason: &str);
}

/// Why an agent did not go.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Stay {
    /// The other node does not take it.
    #[error("the other node does not take it ({}): {reason}", .code.as_str())]
    Declined {
        /// Why, for programs.
        code: RefusalCode,
        /// Why, for people.
        reason: String,
    },
    /// The other node was not reached, or was lost before the agent was offered to it.
    #[error("{0}")]
    Unreached(String),
    /// It cannot be sent.
    #[error("{0}")]
    Unfit(String),
    /// It consists of more than may move.
    #[error("{0}")]
    TooMuch(String),
    /// It was called off.
    #[error("it was called off")]
    Cancelled,
    /// The other node refused the offer.
    #[error("the other node has refused it: {0}")]
    Refused(String),
    /// The other node has refused an offer whose answer came late.
    #[error("the other node did not take it in time and has refused it")]
    Late,
}
