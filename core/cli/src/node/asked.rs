//! Agents that go because they asked to, because another engine came to another result than this node's, or because
//! their node is asked to end: to whom they are given, in which order. How an agent is given to a node is the same
//! as when the operator asks for it.

use std::sync::Arc;

use igor_core::format::AgentId;
use igor_node::peers::Wanted;
use igor_node::shell::Told;
use igor_node::{MoveWish, RunEvent, manifest_of};

use super::station::{Station, patient};
use crate::control::wire::{State, Status};

impl Station {
    /// Gives an agent away that asks to move, or that may not tick here any more.
    pub(super) fn follow(self: &Arc<Self>, agent: &AgentId, told: &Told) {
        match told {
            Told::Event(RunEvent::AsksToMove { wish, .. }) => {
                let (station, agent, wish) = (Arc::clone(self), agent.clone(), wish.clone());
                tokio::spawn(async move { station.grant(&agent, &wish).await });
            }
            Told::Event(RunEvent::MustMove { reason, .. }) => {
                let (station, agent, reason) = (Arc::clone(self), agent.clone(), reason.clone());
                tokio::spawn(async move { station.expel(agent, reason).await });
            }
            _ => {}
        }
    }

    /// Gives an agent to the node that it names, or to the known one that charges the least.
    async fn grant(self: &Arc<Self>, agent: &AgentId, wish: &MoveWish) {
        let places = self.places_for(agent, wish).await;
        if places.is_empty() {
            return tracing::warn!(%agent, "no known node comes into question for an agent that asks to move");
        }
        if let Err(refusal) = self.migrate(agent, places, false).await {
            tracing::warn!(%agent, error = refusal.message(), "an agent that asked to move stays");
        }
    }

    /// Gives an agent to the known node that charges the least, or to the one that is named for the node's end; it is
    /// stopped for this reason if none takes it.
    async fn expel(self: &Arc<Self>, agent: AgentId, reason: String) {
        let mut places = self.places_for(&agent, &MoveWish { price_max: None, node: None }).await;
        let last = self.assembly.config().node().drain_to.iter();
        places.extend(last.filter(|place| !places.contains(place)).cloned().collect::<Vec<_>>());
        if let Err(refusal) = self.migrate(&agent, places, false).await {
            tracing::warn!(%agent, error = refusal.message(), "an agent that was to go elsewhere stays");
            // It may have been offered, and start again.
            let is_settled = |status: &Status| status.state != State::Starting;
            if patient(self.known.until(&agent, is_settled), "starting").await.is_ok() {
                self.handle.distrust(agent, reason);
            }
        }
    }

    /// Where the nodes are that an agent wants, the best first.
    async fn places_for(&self, agent: &AgentId, wish: &MoveWish) -> Vec<String> {
        let Some(network) = self.network() else { return Vec::new() };
        let Ok(manifest) = manifest_of(&*self.assembly.node.storage.0, agent).await else {
            return Vec::new();
        };
        let mut wanted = Wanted { exclude: vec![network.me], ..Wanted::of(&manifest) };
        wanted.price_max = match (wanted.price_max, wish.price_max) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        let is_named = |node: &igor_core::transport::NodeId| {
            wish.node.as_ref().is_none_or(|named| *named == node.to_string())
        };
        let candidates = network.candidates(&wanted).into_iter();
        candidates.filter(|(node, _)| is_named(node)).map(|(_, place)| place).collect()
    }

    /// Ends the node: its agents go to the node that is named for that, if one is, and those that stay are brought
    /// to a checkpoint.
    pub(super) async fn leave(self: &Arc<Self>) {
        if let Some(place) = self.assembly.config().node().drain_to.clone() {
            let runs = |state| matches!(state, State::Running | State::Paused);
            for status in self.known.all().into_iter().filter(|status| runs(status.state)) {
                let Ok(agent) = status.agent_id.parse::<AgentId>() else { continue };
                if let Err(refusal) = self.migrate(&agent, vec![place.clone()], false).await {
                    tracing::warn!(%agent, error = refusal.message(), "an agent stays where the node ends");
                }
            }
        }
        self.drain();
    }
}
