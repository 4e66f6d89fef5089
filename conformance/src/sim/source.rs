//! A node that gives an agent away: it announces what the agent consists of, stops it, and sends what came last.

use std::sync::Arc;

use igor_core::format::{AgentId, Answer, PublicKey, TransferId, Verdict};
use igor_core::handoff::{Custody, Event, Holding, Message, VerifiedOffer, WriteFailed};
use igor_core::transport::NodeId;
use igor_core::{Limits, Storage};
use igor_node::StopReason;
use igor_node::handoff::Whereabouts;
use igor_node::handoff::package::{Stock, stock, stock_since};

use super::mutant::Mutant;
use super::oracle::Fact;
use super::station::{Agent, Bulk, Letter, Load, Outgoing, Up};
use super::swarm::SECOND;
use super::world::{Plan, World, Write};

impl World {
    /// Sends a message about an agent, with what belongs to it.
    pub(super) fn speak(&mut self, up: &mut Up, (agent, to): (usize, usize), message: Message) {
        let load = match &message {
            Message::Prepare(transfer) => self.announce(up, agent, *transfer),
            Message::Offer(offer) => self.last_parts(up, agent, offer),
            _ => Some(Load::Nothing),
        };
        let from = up.number;
        match load {
            Some(load) => self.send(Letter { from, to, agent, message, load }),
            None => self.note(format_args!("node {from} cannot list agent {agent}")),
        }
    }

    fn announce(&mut self, up: &mut Up, agent: usize, transfer: TransferId) -> Option<Load> {
        let name = &self.agents[agent].name;
        let found = pollster::block_on(stock(&*up.store, name, &Limits::default())).ok()?;
        let announced = found.inventory.clone();
        let bulk = read(up, name, found)?;
        up.outgoing.insert(agent, Outgoing { transfer, announced, is_sent: false });
        Some(Load::Bulk(Arc::new(bulk)))
    }

    /// What came since the agent was announced, the first time that it is asked for.
    fn last_parts(&mut self, up: &mut Up, agent: usize, offer: &VerifiedOffer) -> Option<Load> {
        let name = self.agents[agent].name.clone();
        let Some(outgoing) = up.outgoing.get_mut(&agent) else { return Some(Load::Nothing) };
        if outgoing.is_sent || outgoing.transfer != offer.terms().transfer {
            return Some(Load::Nothing);
        }
        outgoing.is_sent = true;
        let announced = outgoing.announced.clone();
        let limits = Limits::default();
        let found = stock_since(&*up.store, &name, &limits, &announced);
        let mut stock = pollster::block_on(found).ok()?;
        stock.inventory = stock.inventory.without(&announced);
        let bulk = read(up, &name, stock)?;
        Some(Load::Last(Arc::new(bulk), self.agents[agent].seed))
    }

    /// Asks an agent to stop for an offer.
    pub(super) fn stop(
        &mut self,
        up: &mut Up,
        agent: usize,
        (transfer, target, epoch): (TransferId, PublicKey, u64),
    ) {
        let Agent { name, public, .. } = &self.agents[agent];
        let depart = igor_node::Event::Depart { transfer, target, epoch };
        if !up.fleet.ask(self.now_ns, name, depart) {
            up.handoffs.happened(self.now_ns, *public, Event::NotStopped);
        }
    }

    /// An agent has stopped, and this is what it can be offered by.
    pub(super) fn offer(&mut self, up: &mut Up, name: &AgentId, offer: VerifiedOffer) {
        let agent = self.agents[self.named(name)].public;
        up.handoffs.happened(self.now_ns, agent, Event::Stopped(offer));
        if self.mutant == Some(Mutant::StopsWithoutStopping) {
            up.fleet.ask(self.now_ns, name, igor_node::Event::GoOn);
        }
    }

    /// Makes an offer durable, with the agent's last checkpoint.
    pub(super) fn depart(&mut self, up: &mut Up, whereabouts: Box<Whereabouts>) {
        let agent = self.agent(&whereabouts.agent);
        let impatient = [Mutant::ResumesOnTimeout, Mutant::ReleasesOnTimeout];
        if self.mutant.is_some_and(|mutant| impatient.contains(&mutant)) {
            let (node, life) = (up.number, up.life);
            self.plan(5 * SECOND, Plan::Tempt { node, life, agent });
        }
        if self.mutant == Some(Mutant::StopsWithoutStopping) {
            return self.plan_write(up, Write::Custody(whereabouts));
        }
        let (key, name) = (whereabouts.agent, whereabouts.name);
        let keep = igor_node::Event::Keep(Box::new(whereabouts.custody));
        if !up.fleet.ask(self.now_ns, &name, keep) {
            let failed = Event::Written(Err(WriteFailed::Clean));
            up.handoffs.happened(self.now_ns, key, failed);
        } else if self.mutant == Some(Mutant::SendsBeforeDurable) {
            up.handoffs.happened(self.now_ns, key, Event::Written(Ok(())));
        } else {
            up.leaving.insert(agent);
        }
    }

    /// An offer was not written, and the agent goes on.
    pub(super) fn not_offered(&mut self, up: &mut Up, name: &AgentId, why: &str) {
        let agent = self.named(name);
        self.note(format_args!("node {} does not offer agent {agent}: {why}", up.number));
        if up.leaving.remove(&agent) {
            let failed = Event::Written(Err(WriteFailed::Clean));
            up.handoffs.happened(self.now_ns, self.agents[agent].public, failed);
        }
    }

    /// Takes note of the end of a run, which may be that an offer was written.
    pub(super) fn departed(&mut self, up: &mut Up, agent: usize, reason: StopReason) {
        if up.leaving.remove(&agent) {
            let is_written = reason == StopReason::Offered;
            let result = if is_written { Ok(()) } else { Err(WriteFailed::InDoubt) };
            let agent = self.agents[agent].public;
            up.handoffs.happened(self.now_ns, agent, Event::Written(result));
        }
    }

    /// A mutant has waited long enough for an answer.
    pub(super) fn tempt(&mut self, up: &mut Up, agent: usize) {
        let place = (up.number, agent);
        let custody = self.oracle.view.holds.get(&place);
        let Some(Holding::Offered { offer, held }) = custody.map(|custody| custody.holding.clone())
        else {
            return;
        };
        if self.mutant == Some(Mutant::ResumesOnTimeout) {
            self.overrule(up, agent, &Custody::held(held));
            self.launch(up, agent);
            return;
        }
        let target = self.node(NodeId::of(&offer.terms().target));
        let key = &self.stations[target].key;
        let verdict = Verdict::Accepted;
        let answer = Answer::sign(key, offer.offer().hash(), verdict);
        let (from, message) = (offer.terms().target, Message::Answer(answer));
        let agent = self.agents[agent].public;
        up.handoffs.happened(self.now_ns, agent, Event::Received { from, message });
    }

    /// Takes note that a node runs an agent.
    pub(super) fn runs(&mut self, up: &Up, agent: usize) {
        self.oracle.see(&Fact::Runs((up.number, agent)));
    }
}

/// Reads what was listed.
fn read(up: &Up, name: &AgentId, stock: Stock) -> Option<Bulk> {
    let store: &dyn Storage = &*up.store;
    let items = stock.inventory.items().iter();
    let parts = items.map(|item| pollster::block_on(stock.read(store, name, item)).ok());
    let parts: Option<Vec<_>> = parts.collect();
    Some(Bulk { stock, parts: parts? })
}
