//! Takes in connections of other nodes and serves what they speak: handoffs, pings, questions for the price, and
//! agents of the original where they are taken.
//! Who may connect is decided here; what may be taken is not.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use igor_core::format::MeterName;
use igor_core::transport::{Connection, Listener, NodeId, ProtocolId, Stream};
use tokio::task::JoinSet;

use super::desk::{Input, Moves};
use super::premises::Premises;
use super::shelf::Shelf;
use super::talk::Talk;
use super::{arriving, inheriting};
use crate::shell::wire;
use crate::wire::{Close, PriceReply, Room, Spoken};

/// How long a connection may have no stream.
const IDLE: Duration = Duration::from_secs(30);

/// What a node needs to let others in.
pub struct Door {
    pub(super) premises: Arc<dyn Premises>,
    pub(super) moves: Moves,
    /// Who is let in; everybody, if nobody is named.
    accepted: Option<BTreeSet<NodeId>>,
    /// What agents of the original are charged by; none are taken without it.
    pub(super) original: Option<MeterName>,
    /// For everything that arrives.
    room: Arc<Room>,
    /// For what arrived of agents whose conversation was lost.
    pub(super) shelf: Shelf,
}

impl Door {
    /// Lets in who is named, or everybody. With the name of a meter in `original`, agents of the original are taken,
    /// and charged by it.
    pub fn new(
        premises: Arc<dyn Premises>,
        moves: Moves,
        accepted: Option<BTreeSet<NodeId>>,
        original: Option<MeterName>,
    ) -> Arc<Self> {
        let room = Room::new(premises.limits());
        Arc::new(Self { premises, moves, accepted, original, room, shelf: Shelf::default() })
    }

    /// The room that what arrives takes a place in.
    pub const fn room(&self) -> &Arc<Room> {
        &self.room
    }

    /// What a second costs here.
    fn price(&self) -> PriceReply {
        let node_id = NodeId::of(&self.premises.key().public_key()).to_string();
        PriceReply { price: self.premises.node().price, node_id }
    }

    async fn lets_in(&self, peer: NodeId) -> bool {
        let is_named = self.accepted.as_ref().is_none_or(|accepted| accepted.contains(&peer));
        is_named && self.moves.ask(|answer| Input::IsBarred(peer, answer)).await == Some(false)
    }
}

/// Serves who connects, until the listener is closed.
pub async fn listen(listener: Box<dyn Listener>, door: Arc<Door>) {
    let mut connections = JoinSet::new();
    while let Ok(connection) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        connections.spawn(serve(connection, Arc::clone(&door)));
    }
}

async fn serve(connection: Arc<dyn Connection>, door: Arc<Door>) {
    if !door.lets_in(connection.peer()).await {
        tracing::info!(peer = %connection.peer(), "a node was not let in");
        return connection.close(Close::Barred.code()).await;
    }
    let mut streams = JoinSet::new();
    loop {
        tokio::select! {
            accepted = connection.accept() => match accepted {
                // It may have been struck since it was let in.
                Ok(_) if !door.lets_in(connection.peer()).await => {
                    tracing::info!(peer = %connection.peer(), "a node is not listened to any more");
                    return connection.close(Close::Barred.code()).await;
                }
                Ok((protocol, stream)) => {
                    let connection = Arc::clone(&connection);
                    streams.spawn(speak(protocol, stream, connection, Arc::clone(&door)));
                }
                // What was decided is brought to its end without the other node.
                Err(_) => return streams.detach_all(),
            },
            Some(_) = streams.join_next() => {}
            () = tokio::time::sleep(IDLE), if streams.is_empty() => {
                return connection.close(Close::Done.code()).await;
            }
        }
    }
}

async fn speak(
    protocol: ProtocolId,
    mut stream: Stream,
    connection: Arc<dyn Connection>,
    door: Arc<Door>,
) {
    let limits = door.premises.limits();
    match (Spoken::of(&protocol), door.original.clone()) {
        (Some(Spoken::Handoff), _) => {
            let mut talk = Talk::new(stream, connection, limits);
            talk.count_in(door.room.place(talk.peer()));
            arriving::serve(door, talk).await;
        }
        (Some(Spoken::Ping), _) => drop(wire::answer_ping(stream, limits).await),
        (Some(Spoken::Price), _) => {
            drop(wire::answer_price(stream, limits, &door.price()).await);
        }
        (Some(Spoken::Migrate), Some(meter)) => {
            inheriting::serve(door, meter, stream, connection.peer()).await;
        }
        (Some(Spoken::Migrate), None) | (None, _) => stream.reset(Close::Protocol.code()),
    }
}
