//! What a station does for agents that come and go: it lets them in, lets them out, sets down what is wanted of
//! them, and carries out what the operator asks of them. Who may have an agent is decided in igor-node.

use std::sync::Arc;

use async_trait::async_trait;
use igor_core::Limits;
use igor_core::format::{AgentId, Nanos, NodeKey, Retry, Wish};
use igor_core::gas::CancelFlag;
use igor_core::lease::Moment;
use igor_core::transport::NodeId;
use igor_node::handoff::package::Taken;
use igor_node::peers::{Failure, Itinerary, RetryPolicy, Step, Wanted};
use igor_node::shell::moving::{Departed, MoveError, Outcome, Premises, Stay, prewarm};
use igor_node::shell::{FleetHandle, Told};
use igor_node::{Node, Plan, RunEvent, StopReason, Stopped, manifest_of, whereabouts};

use super::network::Network;
use super::station::Station;
use crate::control::refusal::{Code, Refusal};
use crate::control::wire::{Moved, State};
use crate::report::Report;

/// A station, as moving needs it.
pub(super) struct Home(pub(super) Arc<Station>);

#[async_trait]
impl Premises for Home {
    fn node(&self) -> &Node {
        &self.0.assembly.node
    }

    fn key(&self) -> &Arc<NodeKey> {
        &self.0.key
    }

    fn limits(&self) -> &Limits {
        self.0.assembly.limits()
    }

    fn takes_agents(&self) -> bool {
        !self.0.is_alone()
    }

    fn accepts_unproven(&self) -> bool {
        self.0.assembly.config().handoff().accept_unproven
    }

    fn fleet(&self) -> &FleetHandle {
        &self.0.handle
    }

    async fn move_in(&self, taken: Taken) {
        let agent = taken.agent().clone();
        let cancel = CancelFlag::default();
        self.0.arrives(&agent, cancel.clone());
        let plan = Plan { first_tick_ns: 0, ..self.0.assembly.plan(None) };
        let began = Moment::of(&*self.0.assembly.node.clock);
        match taken.launch(&self.0.assembly.node, plan, cancel).await {
            Ok(launched) => self.0.handle.add(launched.read_at(began)),
            Err(error) => {
                let problem = self.0.scene(&agent).launch(&error);
                self.0.rest(&agent, "not_started", &problem.to_string());
            }
        }
    }

    async fn start_again(&self, agent: &AgentId) {
        if let Err(refusal) = self.0.start_kept(agent.clone()).await {
            tracing::warn!(%agent, error = refusal.message(), "an agent that stays did not start");
        }
    }

    fn told(&self, agent: &AgentId, event: RunEvent) {
        if let RunEvent::Came(came) = &event {
            tracing::info!(%agent, from = %came.source, "an agent came");
        }
        self.0.say(agent, &event);
    }

    fn moved_out(&self, agent: &AgentId, target: NodeId, place: &str) {
        let detail = if place.is_empty() { target.to_string() } else { place.to_owned() };
        let (mut tick, mut budget) = (0, 0);
        self.0.known.update(agent, self.0.time(), |status| {
            (tick, budget) = (status.tick, status.budget);
            status.state = State::Stopped;
            status.reason = Some(StopReason::Migrated.name().to_owned());
            status.detail = Some(detail.clone());
        });
        let reason = StopReason::Migrated.name().to_owned();
        if !self.0.is_alone() {
            let wish = Wish::Rest { reason, detail: Some(detail.clone()) };
            drop(self.0.scribe.note(agent.clone(), wish));
        }
        let stopped = Stopped {
            reason: StopReason::Migrated,
            tick: igor_core::format::Tick(tick),
            budget: igor_core::format::Microcents::new(budget).unwrap_or_default(),
            detail: Some(detail),
        };
        self.0.say(agent, &RunEvent::Stopped(stopped));
        if self.0.is_alone() {
            self.0.drain();
        }
    }

    fn halted(&self, agent: &AgentId, reason: &str) {
        self.0.rest(agent, StopReason::RecoveryRequired.name(), reason);
        self.0.say(agent, &RunEvent::Notice(format!("stopped at once: {reason}")));
    }
}

impl Station {
    /// Tells whoever reads along, and those who follow the agent.
    fn say(&self, agent: &AgentId, event: &RunEvent) {
        self.known.told(agent, &Told::Event(event.clone()), &self.time());
        let mut report = Report::new(&self.output, &*self.assembly.node.clock, agent.clone());
        if report.event(event).is_break() {
            self.drain();
        }
    }

    /// Passes on what the fleet says of an agent that may have been asked to depart.
    pub(super) fn departed(&self, agent: &AgentId, told: &Told) {
        let Some(network) = self.network() else { return };
        let departed = match told {
            Told::Offer(offer) => Departed::Offer(offer.clone()),
            Told::CannotOffer(why) => Departed::Cannot(why.clone()),
            Told::NotOffered(_) => Departed::NotWritten,
            Told::Ended(StopReason::Offered) => Departed::Written,
            Told::Ended(_) => Departed::Ended,
            Told::Event(RunEvent::Started(_)) => return self.make_known(agent),
            Told::Event(_) | Told::Refused => return,
        };
        network.moves.departed(agent, departed);
    }

    /// Lets the node's moves know an agent that ticks here.
    pub(super) fn make_known(&self, agent: &AgentId) {
        let Some(network) = self.network() else { return };
        let (storage, moves) = (Arc::clone(&self.assembly.node.storage.0), network.moves.clone());
        let agent = agent.clone();
        tokio::spawn(async move {
            match whereabouts(&*storage, &agent).await {
                Ok(found) => found.into_iter().for_each(|found| moves.know(found)),
                Err(error) => tracing::warn!(%agent, %error, "it is not known where an agent is"),
            }
        });
    }

    /// Lets the node's moves know what is left of an agent that was removed.
    pub(super) async fn removed(&self, agent: &AgentId) {
        let Some(network) = self.network() else { return };
        match whereabouts(&*self.assembly.node.storage.0, agent).await {
            Ok(left) => network.moves.renew(agent, left),
            Err(error) => tracing::warn!(%agent, %error, "it is not known where an agent is"),
        }
    }

    /// Gives an agent to one of the nodes at these places: the first that takes it.
    pub(crate) async fn migrate(
        self: &Arc<Self>,
        agent: &AgentId,
        places: Vec<String>,
        prewarm: bool,
    ) -> Result<Moved, Refusal> {
        let network = self.network().ok_or_else(no_network)?;
        self.known.status(agent)?;
        let targets = if places.is_empty() {
            self.candidates(network, agent).await?
        } else {
            named(network, places)?
        };
        let Some((first, place)) = targets.first() else {
            return Err(Refusal::new(
                Code::BadRequest,
                "no other node is known that could take it",
                "Name one with --to, or let this one get to know some with `igor price ADDR`.",
            ));
        };
        if prewarm {
            return self.send_ahead(network, agent, (*first, place)).await;
        }
        let policy = RetryPolicy::of(self.assembly.config().handoff());
        let others = targets.iter().skip(1).map(|(target, _)| *target);
        let mut itinerary = Itinerary::new(policy, *first, others);
        let mut step = itinerary.start();
        let mut last = None;
        while let Step::Try { target, after } = step {
            tokio::time::sleep(after).await;
            let place = targets.iter().find(|(other, _)| *other == target);
            let place = place.map_or("", |(_, place)| place.as_str());
            match self.attempt(network, agent, (target, place)).await? {
                Outcome::Moved(target) => {
                    network.saw(target, place, None, self.now());
                    return Ok(Moved {
                        agent_id: agent.to_string(),
                        node_id: target.to_string(),
                        address: place.to_owned(),
                        is_there: true,
                    });
                }
                Outcome::Stayed(why) => {
                    step = match &why {
                        Stay::Refused(_) | Stay::Late => itinerary.refused(Failure::NotHere),
                        why => itinerary.failed(failure(why)),
                    };
                    if matches!(why, Stay::Unreached(_)) {
                        network.missed(target, place);
                    }
                    last = Some(why);
                }
            }
        }
        let way_out = match &last {
            Some(Stay::TooMuch(_)) => format!(
                "It goes on here. `igor gc {agent} --keep SIZE` leaves sums in the place of its \
                 oldest audit segments; or raise `package_bytes_max` in [limits] on both nodes."
            ),
            _ => "It goes on here as if nothing had happened.".to_owned(),
        };
        let why = last.map_or("nobody was asked".to_owned(), |why| why.to_string());
        Err(Refusal::new(Code::NotMoved, format_args!("{agent} stays: {why}"), way_out))
    }

    /// The known nodes that come into question, the best first.
    async fn candidates(
        &self,
        network: &Network,
        agent: &AgentId,
    ) -> Result<Vec<(NodeId, String)>, Refusal> {
        let found = manifest_of(&*self.assembly.node.storage.0, agent).await;
        let manifest = found
            .map_err(|error| Refusal::new(Code::CannotMove, error, "Name a node with --to."))?;
        Ok(network.candidates(&Wanted::of(&manifest)))
    }

    async fn send_ahead(
        self: &Arc<Self>,
        network: &Network,
        agent: &AgentId,
        (target, place): (NodeId, &str),
    ) -> Result<Moved, Refusal> {
        let found = whereabouts(&*self.assembly.node.storage.0, agent).await;
        let stays = |error: &dyn std::fmt::Display| {
            let way_out = "It goes on here as if nothing had happened.";
            Refusal::new(
                Code::NotMoved,
                format_args!("{agent} was not sent ahead: {error}"),
                way_out,
            )
        };
        let found =
            found.map_err(|error| stays(&error))?.ok_or_else(|| stays(&"it is not here"))?;
        let to = (target, place);
        let home = Home(Arc::clone(self));
        let sent = prewarm(&home, &network.dialer, (found.agent, agent), to).await;
        sent.map_err(|error| stays(&error))?;
        network.saw(target, place, None, self.now());
        Ok(Moved {
            agent_id: agent.to_string(),
            node_id: target.to_string(),
            address: place.to_owned(),
            is_there: false,
        })
    }

    /// The time, for what is remembered of other nodes.
    pub(super) fn now(&self) -> Nanos {
        Nanos(u64::try_from(self.assembly.node.clock.unix_ns()).unwrap_or_default())
    }

    async fn attempt(
        &self,
        network: &Network,
        agent: &AgentId,
        to: (NodeId, &str),
    ) -> Result<Outcome, Refusal> {
        let begun = network.moves.give(agent, to).await;
        let ended = begun.map_err(|error| match error {
            MoveError::NotGiven(error) => {
                Refusal::new(Code::CannotMove, error, "`igor ps` says how each agent stands.")
            }
            error => Refusal::new(Code::Refused, error, "Nothing was begun."),
        })?;
        ended.await.map_err(|_| Refusal::new(Code::Draining, "the node ends", "Start it again."))
    }
}

/// Who is at these places, as they say.
fn named(network: &Network, places: Vec<String>) -> Result<Vec<(NodeId, String)>, Refusal> {
    let name = |place: String| match network.dialer.who(&place) {
        Ok(target) => Ok((target, place)),
        Err(error) => {
            Err(Refusal::new(Code::BadRequest, error, "A node prints its address when it starts."))
        }
    };
    places.into_iter().map(name).collect()
}

/// What an attempt that failed before the offer means for the next one.
const fn failure(why: &Stay) -> Failure {
    match why {
        Stay::Declined { code, .. } => match code.retry() {
            Retry::Here => Failure::Retriable,
            Retry::Elsewhere => Failure::NotHere,
            Retry::Never => Failure::Nowhere,
        },
        Stay::Unreached(_) => Failure::Retriable,
        _ => Failure::Nowhere,
    }
}

pub(super) fn no_network() -> Refusal {
    Refusal::new(
        Code::CannotMove,
        "this process is not reached by other nodes",
        "Start it with --transport.",
    )
}
