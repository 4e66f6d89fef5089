//! Agents that go because they asked to, or because their node is asked to end: to whom they are given, in which
//! order. How an agent is given to a node is the same as when the operator asks for it.

use std::sync::Arc;

use igor_core::format::AgentId;
use igor_node::peers::Wanted;
use igor_node::shell::Told;
use igor_node::{MoveWish, RunEvent, manifest_of};

use super::station::Station;
use crate::control::wire::State;

impl Station {
    /// Gives an agent that asks to move to the node that it names, or to the known one that charges the least.
    pub(super) fn follow(self: &Arc<Self>, agent: &AgentId, told: &Told) {
        let Told::Event(RunEvent::AsksToMove { wish, .. }) = told else { return };
        let (station, agent, wish) = (Arc::clone(self), agent.clone(), wish.clone());
        tokio::spawn(async move {
            let places = station.places_for(&agent, &wish).await;
            if places.is_empty() {
                return tracing::warn!(%agent, "no known node comes into question for an agent that asks to move");
            }
            if let Err(refusal) = station.migrate(&agent, places, false).await {
                tracing::warn!(%agent, error = refusal.message(), "an agent that asked to move stays");
            }
        });
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
