//! The table of nodes that those who look through others keep together: who is in it, what nodes tell each
//! other about themselves, and what is remembered of that. It holds no records; what it says about others is
//! proven by nobody until they are dialled.

use libp2p_core::{Multiaddr, PeerId};
use libp2p_identify as identify;
use libp2p_identity::ed25519;
use libp2p_kad::store::MemoryStore;
use libp2p_kad::{
    Behaviour, Config, Event, GetClosestPeersError, GetClosestPeersOk, Mode, QueryResult,
    StoreInserts,
};
use libp2p_swarm::StreamProtocol;

use crate::address::node_of;
use crate::discovery::Seeker;

/// What nodes call the table.
const TABLE: StreamProtocol = StreamProtocol::new("/igor/kad/1");
/// What nodes call what they say about themselves.
const ABOUT: &str = "/igor/1";
/// The addresses that are remembered of one node, however many it tells.
const ADDRESSES_MAX: usize = 16;

/// This node's part of the table.
pub(crate) type Table = Behaviour<MemoryStore>;

impl Seeker {
    /// What nodes say about themselves.
    pub(crate) fn identify(&self) -> Result<Option<identify::Behaviour>, String> {
        if !self.kad {
            return Ok(None);
        }
        let node = node_of(&self.local).ok_or("the node has no peer id")?;
        let key = ed25519::PublicKey::try_from_bytes(&node.0);
        let key = key.map_err(|error| error.to_string())?;
        let config =
            identify::Config::new(ABOUT.to_owned(), key.into()).with_push_listen_addr_updates(true);
        Ok(Some(identify::Behaviour::new(config)))
    }

    /// The table, with those to begin with.
    pub(crate) fn table(self) -> Option<Table> {
        if !self.kad {
            return None;
        }
        let mut config = Config::new(TABLE);
        // Nobody here asks for records, so nobody else can put any.
        config.set_record_filtering(StoreInserts::FilterBoth);
        let store = MemoryStore::new(self.local);
        let mut kad = Behaviour::with_config(self.local, store, config);
        kad.set_mode(Some(Mode::Server));
        for (peer, address) in self.kad_peers {
            kad.add_address(&peer, address);
        }
        // Without anybody to begin with, others come by themselves.
        drop(kad.bootstrap());
        Some(kad)
    }
}

/// A node has said where it listens: others can be told, if it keeps the table as well.
pub(crate) fn note(kad: &mut Table, event: identify::Event) -> Vec<(PeerId, Multiaddr)> {
    let identify::Event::Received { peer_id, info, .. } = event else { return Vec::new() };
    if !info.protocols.contains(&TABLE) {
        return Vec::new();
    }
    remember(kad, peer_id, &info.listen_addrs);
    info.listen_addrs.into_iter().map(|at| (peer_id, at)).collect()
}

/// Adds what `peer` tells to what is known of it. What leads nowhere is forgotten when it is dialled.
fn remember(kad: &mut Table, peer: PeerId, told: &[Multiaddr]) {
    let known: Option<Vec<Multiaddr>> = kad.kbucket(peer).and_then(|bucket| {
        let mut known = bucket.iter().filter(|entry| *entry.node.key.preimage() == peer);
        known.next().map(|entry| entry.node.value.iter().cloned().collect())
    });
    if known.is_none() {
        // It may wait for a place, with what it told before.
        kad.remove_peer(&peer);
    }
    let known = known.unwrap_or_default();
    let is_new = |at: &&Multiaddr| {
        let full = (*at).clone().with_p2p(peer);
        full.is_ok_and(|full| !known.contains(&full))
    };
    let room = ADDRESSES_MAX.saturating_sub(known.len());
    for at in told.iter().filter(is_new).take(room) {
        kad.add_address(&peer, at.clone());
    }
}

/// Others have said who is where, as far as they know.
pub(crate) fn answered(event: Event) -> Vec<(PeerId, Multiaddr)> {
    let Event::OutboundQueryProgressed { result: QueryResult::GetClosestPeers(result), .. } = event
    else {
        return Vec::new();
    };
    let peers = match result {
        Ok(GetClosestPeersOk { peers, .. }) | Err(GetClosestPeersError::Timeout { peers, .. }) => {
            peers
        }
    };
    let places = |peer: libp2p_kad::PeerInfo| {
        let id = peer.peer_id;
        peer.addrs.into_iter().map(move |at| (id, at))
    };
    peers.into_iter().flat_map(places).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(kad: &mut Table, peer: PeerId) -> usize {
        let bucket = kad.kbucket(peer).expect("it is another node");
        bucket.iter().map(|entry| entry.node.value.len()).sum()
    }

    #[test]
    fn who_tells_ever_more_addresses_is_remembered_with_a_few() {
        let (local, peer) = (PeerId::random(), PeerId::random());
        let seeker = Seeker { local, mdns: false, kad: true, kad_peers: Vec::new() };
        let mut kad = seeker.table().expect("it is wanted");
        let told = |port: u16| -> Multiaddr {
            format!("/ip4/192.0.2.1/tcp/{port}").parse().expect("it is an address")
        };
        remember(&mut kad, peer, &[told(1)]);
        remember(&mut kad, peer, &[told(1), told(2)]);
        assert_eq!(known(&mut kad, peer), 2);
        for port in 1..1_000 {
            remember(&mut kad, peer, &[told(port), told(port + 1)]);
        }
        assert_eq!(known(&mut kad, peer), ADDRESSES_MAX);
    }
}
