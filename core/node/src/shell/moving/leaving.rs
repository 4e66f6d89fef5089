//! The conversation in which an agent is sent to another node: what it consists of while it ticks on, then, once
//! it has stopped, the offer with what came last. It decides nothing: what it hears goes to the desk, and an
//! offer whose answer it does not hear is asked for again by an inquiry.

use std::sync::Arc;

use igor_core::Storage;
use igor_core::format::{
    AgentId, Answer, BillItem, Message as Wire, Part, Prepare, PublicKey, SealedKey, TransferId,
    decode_identity,
};
use igor_core::handoff::{Holding, Message, VerifiedOffer};
use igor_core::storage::Key;
use igor_core::transport::NodeId;
use tokio::sync::mpsc::UnboundedReceiver;

use super::desk::{Input, Moves, Said};
use super::dialer::Dialer;
use super::premises::{Premises, Stay};
use super::talk::{Talk, TalkError};
use super::turns::Turn;
use crate::custody::custody;
use crate::event::{RunEvent, Sending};
use crate::handoff::package::{Inventory, Stock, StockError, read_part, stock, stock_since};

/// How long an agent whose module was sent along may be announced, in nanoseconds, before it is announced once more:
/// what it did meanwhile would be executed again while nobody ticks it.
const BRIEF_NS: u64 = 250_000_000;

/// An agent that is to be sent.
pub(super) struct Leaving {
    pub(super) agent: PublicKey,
    pub(super) name: AgentId,
    pub(super) to: NodeId,
    pub(super) place: String,
    pub(super) transfer: TransferId,
    /// Held as long as it is spoken of.
    pub(super) _turn: Option<Turn>,
}

/// Sends an agent. What becomes of it is told to `moves`.
pub(super) async fn leave(
    leaving: Leaving,
    mut said: UnboundedReceiver<Said>,
    premises: Arc<dyn Premises>,
    dialer: Arc<Dialer>,
    moves: Moves,
) {
    let hear = |leaving: &Leaving, message| Input::Heard {
        from: leaving.to,
        agent: leaving.agent,
        name: leaving.name.clone(),
        message: Box::new(message),
        ear: None,
        heard: None,
    };
    let (mut talk, sent) = match get_ready(&leaving, &*premises, &dialer).await {
        Ok(ready) => ready,
        Err(stay) => {
            moves.tell(Input::Why(leaving.name.clone(), stay));
            return moves.tell(hear(&leaving, Message::NotReady(leaving.transfer)));
        }
    };
    moves.tell(hear(&leaving, Message::Ready(leaving.transfer)));
    match said.recv().await {
        Some(Said::Offer) => {}
        // It stays after all.
        _ => return,
    }
    match offer(&leaving, &*premises, &mut talk, &sent).await {
        Ok((answer, reason)) => {
            if !reason.is_empty() {
                moves.tell(Input::Why(leaving.name.clone(), Stay::Refused(reason)));
            }
            moves.tell(hear(&leaving, Message::Answer(answer)));
        }
        Err(error) => {
            tracing::info!(agent = %leaving.name, to = %leaving.to, %error,
                "an agent is offered and the answer was not heard; it is asked for again");
        }
    }
}

/// Sends an agent ahead: all that it consists of now, so that little is left to send when it goes.
///
/// # Errors
/// Why it could not go there.
pub async fn prewarm(
    premises: &dyn Premises,
    dialer: &Dialer,
    (agent, name): (PublicKey, &AgentId),
    (to, place): (NodeId, &str),
) -> Result<(), Stay> {
    let mut transfer = [0; 16];
    let filled = premises.node().entropy.fill(&mut transfer);
    filled.map_err(|error| Stay::Unfit(error.to_string()))?;
    let (name, place) = (name.clone(), place.to_owned());
    let transfer = TransferId::from_bytes(transfer);
    let turn = Some(dialer.turns.take(to).await);
    send_bulk(&Leaving { agent, name, to, place, transfer, _turn: turn }, premises, dialer).await?;
    Ok(())
}

/// Announces the agent, and returns once the other node is ready. If its module had to be sent and compiled, and that
/// took long, it is announced again, which is quicker by that.
async fn get_ready(
    leaving: &Leaving,
    premises: &dyn Premises,
    dialer: &Dialer,
) -> Result<(Talk, Inventory), Stay> {
    let clock = &*premises.node().clock;
    let begun_ns = clock.monotonic_ns();
    let Ready { talk, sent, was_module_sent } = send_bulk(leaving, premises, dialer).await?;
    let took_ns = clock.monotonic_ns().saturating_sub(begun_ns);
    if !was_module_sent || took_ns <= BRIEF_NS {
        return Ok((talk, sent));
    }
    talk.give_up().await;
    let Ready { talk, sent, .. } = send_bulk(leaving, premises, dialer).await?;
    Ok((talk, sent))
}

/// Another node that is ready for an agent.
struct Ready {
    talk: Talk,
    /// What it knows of the agent.
    sent: Inventory,
    was_module_sent: bool,
}

/// Sends what the other node lacks, and returns once it is ready.
async fn send_bulk(
    leaving: &Leaving,
    premises: &dyn Premises,
    dialer: &Dialer,
) -> Result<Ready, Stay> {
    let storage = &*premises.node().storage.0;
    let found = stock(storage, &leaving.name, premises.limits()).await;
    let stock = found.map_err(|error| match error {
        StockError::TooMuch { .. } => Stay::TooMuch(error.to_string()),
        error => Stay::Unfit(error.to_string()),
    })?;
    let Stock { expected, inventory, .. } = &stock;
    let unreached = |error: &dyn std::fmt::Display| Stay::Unreached(error.to_string());
    let mut talk = Talk::open(dialer, &leaving.place, premises.limits())
        .await
        .map_err(|error| unreached(&error))?;
    if talk.peer() != leaving.to {
        return Err(Stay::Unreached(format!("{} answered, not {}", talk.peer(), leaving.to)));
    }
    let prepare = Prepare {
        transfer: leaving.transfer,
        agent: leaving.agent,
        name: expected.name.clone(),
        tick: expected.tick,
        budget: expected.budget,
        price: expected.price,
        module: expected.module,
        manifest: expected.manifest,
        bill: Vec::new(),
        more: 0,
    };
    talk.send_bill(prepare, inventory.items()).await.map_err(|error| unreached(&error))?;
    let was_module_sent =
        match talk.receive("what is wanted").await.map_err(|error| unreached(&error))? {
            Wire::Want { items } => {
                send_wanted(leaving, premises, &mut talk, &stock, &items).await?
            }
            other => return Err(not_ready(other)),
        };
    match talk.receive("ready").await.map_err(|error| unreached(&error))? {
        Wire::Ready { transfer } if transfer == leaving.transfer => {
            Ok(Ready { talk, sent: stock.inventory, was_module_sent })
        }
        other => Err(not_ready(other)),
    }
}

fn not_ready(message: Wire) -> Stay {
    match message {
        Wire::NotReady { code, reason, .. } => {
            Stay::Declined { code, reason: reason.as_str().to_owned() }
        }
        other => Stay::Unreached(format!("the other node said {:?} out of turn", other.name())),
    }
}

/// Sends what is wanted, and says whether the module was.
async fn send_wanted(
    leaving: &Leaving,
    premises: &dyn Premises,
    talk: &mut Talk,
    stock: &Stock,
    wanted: &[(u32, u64)],
) -> Result<bool, Stay> {
    let items = stock.inventory.items();
    let storage = &*premises.node().storage.0;
    let mut chosen = Vec::new();
    for (number, offset) in wanted {
        let index = usize::try_from(*number).unwrap_or(usize::MAX);
        let item = items.get(index).ok_or_else(|| {
            Stay::Unreached(format!("the other node wants item {number}, of {}", items.len()))
        })?;
        chosen.push((*number, *offset, item));
    }
    let rest = |(_, offset, item): &(u32, u64, &BillItem)| item.bytes.saturating_sub(*offset);
    let total = chosen.iter().map(rest).fold(0, u64::saturating_add);
    let was_module_sent = chosen.iter().any(|(.., item)| item.part == Part::Module);
    let mut done = 0_u64;
    for (number, offset, item) in chosen {
        let bytes = stock.read(storage, &leaving.name, item).await;
        let bytes = bytes.map_err(|error| Stay::Unfit(error.to_string()))?;
        let sent = talk.send_part(number, &bytes, offset).await;
        sent.map_err(|error| Stay::Unreached(error.to_string()))?;
        done = done.saturating_add(item.bytes.saturating_sub(offset));
        premises.told(&leaving.name, RunEvent::Sending(Sending { done, total }));
    }
    Ok(was_module_sent)
}

/// Sends the offer, which is durable, with what came since the agent was announced.
async fn offer(
    leaving: &Leaving,
    premises: &dyn Premises,
    talk: &mut Talk,
    sent: &Inventory,
) -> Result<(Answer, String), TalkError> {
    let storage = &*premises.node().storage.0;
    let unfit = |error: &dyn std::fmt::Display| TalkError::Own(error.to_string());
    let offer = open_offer(storage, &leaving.name).await?;
    let later = stock_since(storage, &leaving.name, premises.limits(), sent).await;
    let news = later.map_err(|error| unfit(&error))?.inventory.without(sent);
    let sealed_key = Box::new(seal(storage, premises, leaving).await?);
    let mut parts = Vec::new();
    for number in news.distinct() {
        let index = usize::try_from(number).unwrap_or(usize::MAX);
        let Some(item) = news.items().get(index) else { continue };
        let bytes = read_part(storage, &leaving.name, item).await;
        parts.push((number, bytes.map_err(|error| unfit(&error))?));
    }
    let bill = news.items().to_vec();
    talk.send(&Wire::Offer { offer: Box::new(*offer.offer()), sealed_key, bill }).await?;
    for (number, bytes) in parts {
        talk.send_part(number, &bytes, 0).await?;
    }
    talk.receive_answer(&offer).await
}

/// The offer that is open.
async fn open_offer(storage: &dyn Storage, agent: &AgentId) -> Result<VerifiedOffer, TalkError> {
    let found = custody(storage, agent).await;
    let found = found.map_err(|error| TalkError::Own(error.to_string()))?;
    match found.map(|(custody, _)| custody.holding) {
        Some(Holding::Offered { offer, .. }) => Ok(offer),
        _ => Err(TalkError::Own(format!("{agent} is not offered to anybody"))),
    }
}

/// The agent's key, for the target only.
async fn seal(
    storage: &dyn Storage,
    premises: &dyn Premises,
    leaving: &Leaving,
) -> Result<SealedKey, TalkError> {
    let own = |error: &dyn std::fmt::Display| TalkError::Own(error.to_string());
    let stored = storage.get(&Key::Identity(leaving.name.clone())).await;
    let stored = stored.map_err(|error| own(&error))?;
    let bytes = zeroize::Zeroizing::new(stored.map(|it| it.bytes).unwrap_or_default());
    let key = decode_identity(&bytes).map_err(|error| own(&error))?;
    let mut random = zeroize::Zeroizing::new([0; 32]);
    premises.node().entropy.fill(&mut *random).map_err(|error| own(&error))?;
    SealedKey::seal(&key, &leaving.to.public_key(), &leaving.transfer, &random)
        .map_err(|error| own(&error))
}

/// Asks another node what became of an offer.
pub(super) async fn inquire(
    dialer: &Dialer,
    limits: &igor_core::Limits,
    (to, place): (NodeId, &str),
    offer: &VerifiedOffer,
    is_withdrawn: bool,
) -> Result<Answer, TalkError> {
    let mut talk = Talk::open(dialer, place, limits).await?;
    if talk.peer() != to {
        return Err(TalkError::Own(format!("{} answered, not {to}", talk.peer())));
    }
    let offered = Box::new(*offer.offer());
    talk.send(&if is_withdrawn {
        Wire::Withdraw { offer: offered }
    } else {
        Wire::Inquire { offer: offered }
    })
    .await?;
    talk.receive_answer(offer).await.map(|(answer, _)| answer)
}
