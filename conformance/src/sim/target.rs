//! A node that takes an agent in: what it consists of is checked and staged while it still runs elsewhere, and an
//! offer counts only together with what came last.

use std::sync::Arc;

use igor_core::format::{AgentId, TransferId};
use igor_core::handoff::{Event, Message, VerifiedOffer};
use igor_core::storage::{Committed, StorageError};
use igor_core::{Limits, Storage};
use igor_node::handoff::package::{Known, Package, Receiving, examine, stage};
use igor_node::handoff::{Heard, Whereabouts};

use super::mutant::Mutant;
use super::points::Step;
use super::station::{Bulk, Incoming, Letter, Load, Stage, Up, never, plan};
use super::swarm::SECOND;
use super::world::{Plan, World, Write};

impl World {
    /// A letter arrives, if its receiver is up.
    pub(super) fn arrive(&mut self, letter: Letter) {
        self.at(letter.to, None, |world, up| {
            world.note(format_args!("arrives: {}", letter.describe()));
            world.take_in(up, letter);
        });
    }

    fn take_in(&mut self, up: &mut Up, letter: Letter) {
        let Letter { from, agent, message, load, .. } = letter;
        match (&message, load) {
            (Message::Prepare(transfer), Load::Bulk(bulk)) => {
                let transfer = *transfer;
                up.incoming.entry(transfer).or_insert_with(|| Incoming {
                    agent,
                    stage: Stage::Announced,
                    bulk,
                });
                if self.hear(up, (from, agent), message) != Heard::Taken {
                    up.incoming.remove(&transfer);
                    self.say_not_ready(up, (from, agent), transfer);
                } else if !up.handoffs.expects(&self.agents[agent].public, transfer) {
                    up.incoming.remove(&transfer);
                }
            }
            (Message::Offer(offer), load) => {
                let offer = *offer;
                self.take_offer(up, (from, agent), &offer, load);
            }
            (Message::Answer(answer), _) => {
                let sender = self.stations[from].id.public_key();
                if answer.verify(&sender).is_ok() {
                    self.hear(up, (from, agent), message);
                }
            }
            _ => drop(self.hear(up, (from, agent), message)),
        }
    }

    fn hear(&mut self, up: &mut Up, (from, agent): (usize, usize), message: Message) -> Heard {
        let from = self.stations[from].id;
        let agent = &self.agents[agent];
        up.handoffs.received(self.now_ns, from, (agent.public, &agent.name), message)
    }

    fn say_not_ready(&mut self, up: &Up, (to, agent): (usize, usize), transfer: TransferId) {
        let (from, message, load) = (up.number, Message::NotReady(transfer), Load::Nothing);
        self.send(Letter { from, to, agent, message, load });
    }

    /// An offer of a transfer that is expected counts only with its last parts, once they were checked.
    fn take_offer(&mut self, up: &mut Up, from: (usize, usize), offer: &VerifiedOffer, load: Load) {
        let transfer = offer.terms().transfer;
        let agent = self.agents[from.1].public;
        if up.handoffs.expects(&agent, transfer) {
            if self.mutant == Some(Mutant::TakesWithoutLastParts) {
                self.take_raw(up, offer, None);
            } else {
                let Load::Last(bulk, seed) = load else { return };
                if self.mutant == Some(Mutant::RaisesBudget) {
                    self.take_raw(up, offer, Some(&bulk));
                } else if !self.complete(up, offer, (&bulk, seed)) {
                    return;
                }
            }
        }
        self.hear(up, from, Message::Offer(*offer));
    }

    /// Checks what came with an offer; `false` if it is too early for that.
    fn complete(
        &mut self,
        up: &mut Up,
        offer: &VerifiedOffer,
        (bulk, seed): (&Arc<Bulk>, [u8; 32]),
    ) -> bool {
        let transfer = offer.terms().transfer;
        let Some(incoming) = up.incoming.get_mut(&transfer) else { return false };
        let staged = match std::mem::replace(&mut incoming.stage, Stage::Busy) {
            Stage::Staged(staged) => staged,
            other => {
                incoming.stage = other;
                return false;
            }
        };
        let agent = incoming.agent;
        let limits = Limits::default();
        let receiving = receiving(up, &limits);
        let key = igor_core::format::AgentKey::from_seed(&seed);
        let complete =
            package(bulk, |_| true).and_then(|news| staged.complete(offer, key, &news, &receiving));
        match complete {
            Ok(complete) => {
                if let Some(incoming) = up.incoming.get_mut(&transfer) {
                    incoming.stage = Stage::Complete(Box::new(complete));
                }
            }
            Err(refusal) => {
                self.note(format_args!("node {} refuses last parts: {refusal}", up.number));
                self.not_prepared(up, agent, transfer);
            }
        }
        true
    }

    /// Everything that an agent consists of has arrived and is checked.
    pub(super) fn examine(&mut self, up: &mut Up, transfer: TransferId) {
        let Some(incoming) = up.incoming.get(&transfer) else { return };
        let (agent, bulk) = (incoming.agent, Arc::clone(&incoming.bulk));
        if !matches!(incoming.stage, Stage::Announced) {
            return;
        }
        let limits = Limits::default();
        let expected = bulk.stock.expected.clone();
        let inventory = &bulk.stock.inventory;
        let checked = pollster::block_on(Known::read(&*up.store, &expected, inventory))
            .and_then(|known| known.check(&expected).map(|()| known))
            .and_then(|known| {
                let lacks = known.lacks(inventory);
                let mut package = package(&bulk, |number| lacks.contains(&number))?;
                pollster::block_on(package.fill(&*up.store, &expected, &known))?;
                examine(expected, package, known, &receiving(up, &limits))
            });
        match checked {
            Ok(examined) => {
                if let Some(incoming) = up.incoming.get_mut(&transfer) {
                    incoming.stage = Stage::Examined(Box::new(examined));
                }
                self.plan_write(up, Write::Stage(transfer));
            }
            Err(refusal) => {
                self.note(format_args!("node {} refuses agent {agent}: {refusal}", up.number));
                self.not_prepared(up, agent, transfer);
            }
        }
    }

    pub(super) fn write_stage(&mut self, up: &mut Up, transfer: TransferId) {
        let Some(incoming) = up.incoming.get_mut(&transfer) else { return };
        let agent = incoming.agent;
        let Stage::Examined(examined) = std::mem::replace(&mut incoming.stage, Stage::Busy) else {
            return;
        };
        self.decide(up, Step::Stage);
        let staged = pollster::block_on(stage(&*up.store, *examined));
        if up.store.is_cut() {
            return;
        }
        self.report(up);
        match staged {
            Ok(staged) => {
                if let Some(incoming) = up.incoming.get_mut(&transfer) {
                    incoming.stage = Stage::Staged(Box::new(staged));
                }
                let silent = self.rng.between(2, 10) * SECOND;
                let (node, life) = (up.number, up.life);
                self.plan(silent, Plan::Silence { node, life, transfer });
                let agent = self.agents[agent].public;
                up.handoffs.happened(self.now_ns, agent, Event::Prepared(transfer));
            }
            Err(refusal) => {
                self.note(format_args!("node {} cannot stage {agent}: {refusal}", up.number));
                self.not_prepared(up, agent, transfer);
            }
        }
    }

    /// The stream of a transfer is gone.
    pub(super) fn broken(&mut self, node: usize, life: Option<u64>, transfer: TransferId) {
        self.at(node, life, |world, up| {
            let stage =
                up.incoming.get(&transfer).map(|incoming| (incoming.agent, &incoming.stage));
            let Some((agent, Stage::Announced | Stage::Staged(_) | Stage::Examined(_))) = stage
            else {
                return;
            };
            world.note(format_args!("node {node}: the stream of {transfer} is gone"));
            world.not_prepared(up, agent, transfer);
        });
    }

    fn not_prepared(&mut self, up: &mut Up, agent: usize, transfer: TransferId) {
        up.incoming.remove(&transfer);
        let agent = self.agents[agent].public;
        up.handoffs.happened(self.now_ns, agent, Event::NotPrepared(transfer));
    }

    pub(super) fn write_arrival(
        &mut self,
        up: &mut Up,
        whereabouts: &Whereabouts,
        transfer: TransferId,
    ) {
        let me = self.stations[up.number].id.public_key();
        let incoming = up.incoming.get_mut(&transfer);
        let stage = incoming.map(|incoming| std::mem::replace(&mut incoming.stage, Stage::Busy));
        self.decide(up, Step::Accept);
        let result = match stage {
            Some(Stage::Complete(complete)) => {
                let group = complete.group(me, &whereabouts.custody);
                let result = commit(up, group);
                if let (Ok(committed), Some(incoming)) = (&result, up.incoming.get_mut(&transfer)) {
                    let taken = complete.taken(committed).expect("the store says what it wrote");
                    incoming.stage = Stage::Taken(Box::new(taken));
                }
                result
            }
            Some(Stage::Raw(group)) => {
                let key = igor_core::storage::Key::Custody(whereabouts.name.clone());
                let custody = whereabouts.custody.encode(&whereabouts.agent);
                commit(up, group.put(key, custody, igor_core::storage::Precondition::Always))
            }
            _ => {
                let agent = &whereabouts.name;
                self.oracle.object("takes_what_is_there", format!("{agent} is not there to take"));
                return;
            }
        };
        if let Err(error) = &result {
            self.note(format_args!("node {} cannot take: {error}", up.number));
        }
        if self.mutant != Some(Mutant::AcceptsBeforeDurable) {
            self.written(up, whereabouts, result);
        }
    }

    /// An agent is to tick: it came, or it stays.
    pub(super) fn tick(&mut self, up: &mut Up, name: &AgentId, came: Option<TransferId>) {
        let agent = self.named(name);
        let incoming = came.and_then(|transfer| up.incoming.remove(&transfer));
        let Some(Incoming { stage: Stage::Taken(taken), .. }) = incoming else {
            return self.launch(up, agent);
        };
        self.decide(up, Step::Launch);
        let launched = pollster::block_on(taken.launch(&up.node, plan(&self.swarm), never()));
        self.launched(up, agent, launched);
    }
}

fn commit(up: &Up, group: igor_core::storage::Group) -> Result<Committed, StorageError> {
    let result = pollster::block_on(up.store.commit(group.into())).pop();
    result.expect("one group has one result")
}

fn receiving<'a>(up: &'a Up, limits: &'a Limits) -> Receiving<'a> {
    Receiving { node: &up.node, limits, accepts_unproven: false, cancel: &up.cancel }
}

/// A package with those parts of `bulk` that are sent.
fn package(
    bulk: &Bulk,
    is_sent: impl Fn(u32) -> bool,
) -> Result<Package, igor_node::handoff::package::Refusal> {
    let mut package = Package::new(bulk.stock.inventory.clone());
    for (number, part) in (0_u32..).zip(&bulk.parts) {
        if is_sent(number) && package.arrived(number) == 0 && !part.is_empty() {
            package.take(number, 0, part)?;
        }
    }
    Ok(package)
}
