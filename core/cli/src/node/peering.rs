//! What a station knows of other nodes, and asks of them: whether they are there and what they charge. What it
//! learns while agents move is kept here too. It is kept in memory only.

use std::sync::{Arc, MutexGuard, PoisonError};

use igor_core::format::{Nanos, Price};
use igor_core::transport::{Address, NodeId};
use igor_node::peers::{PeerNews, Peers, Wanted};
use igor_node::shell::wire;
use igor_node::wire::PriceRequest;
use tokio::task::JoinSet;

use super::network::Network;
use super::station::Station;
use crate::control::refusal::Refusal;
use crate::control::wire::{Charge, Charges, Peer, PeerListing};
use crate::text;

impl Network {
    fn peers(&self) -> MutexGuard<'_, Peers> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The known nodes that come into question for an agent, the best first, each with where it is.
    pub(super) fn candidates(&self, wanted: &Wanted) -> Vec<(NodeId, String)> {
        let peers = self.peers();
        let candidates = peers.candidates(wanted).into_iter();
        let place =
            |peer: &igor_node::peers::Peer| Some((peer.node, peer.addresses.first()?.0.clone()));
        candidates.filter_map(place).collect()
    }

    /// Notes that a node did what it was asked.
    pub(super) fn saw(&self, node: NodeId, place: &str, price: Option<Price>, now: Nanos) {
        let addresses = vec![Address(place.to_owned())];
        let news = PeerNews { addresses, price, seen: Some(now), ..PeerNews::default() };
        let mut peers = self.peers();
        match peers.add(node, news) {
            Ok(()) => peers.succeeded(&node, now),
            // What is not remembered is asked for again.
            Err(error) => tracing::info!(%error, "a node is not remembered"),
        }
    }

    /// Notes that a node did not do what it was asked.
    pub(super) fn missed(&self, node: NodeId, place: &str) {
        let addresses = vec![Address(place.to_owned())];
        let mut peers = self.peers();
        if peers.add(node, PeerNews { addresses, ..PeerNews::default() }).is_ok() {
            peers.failed(&node);
        }
    }
}

impl Station {
    /// The nodes that are known, and this one.
    pub(crate) fn peers(&self) -> Result<PeerListing, Refusal> {
        let network = self.network().ok_or_else(super::moving::no_network)?;
        let peers = network.peers();
        let shown = peers.all().map(|peer| Peer {
            node_id: peer.node.to_string(),
            addresses: peer.addresses.iter().map(|address| address.0.clone()).collect(),
            price: peer.price.map(|price| price.microcents().get()),
            seen: peer.seen.map(|seen| text::rfc3339(i64::try_from(seen.0).unwrap_or(i64::MAX))),
            failures: peer.failures,
        });
        Ok(PeerListing {
            node_id: network.me.to_string(),
            addresses: network.addresses.iter().map(|address| address.0.clone()).collect(),
            peers: shown.collect(),
        })
    }

    /// Asks the nodes at these places what they charge, all at the same time.
    pub(crate) async fn prices(self: &Arc<Self>, places: &[String]) -> Charges {
        let mut asked = JoinSet::new();
        for (index, place) in places.iter().cloned().enumerate() {
            let station = Arc::clone(self);
            asked.spawn(async move { (index, station.price_of(place).await) });
        }
        let mut charges = asked.join_all().await;
        charges.sort_by_key(|(index, _)| *index);
        Charges { prices: charges.into_iter().map(|(_, charge)| charge).collect() }
    }

    async fn price_of(&self, address: String) -> Charge {
        let failed = |error: String| Charge {
            address: address.clone(),
            node_id: None,
            price: None,
            error: Some(error),
        };
        let Some(network) = self.network() else {
            return failed("this process is not reached by other nodes".to_owned());
        };
        let named = match network.dialer.who(&address) {
            Ok(named) => named,
            Err(error) => return failed(error.to_string()),
        };
        let limits = self.assembly.limits();
        let connection = match network.dialer.reach(&address).await {
            Ok(connection) => connection,
            Err(error) => {
                network.missed(named, &address);
                return failed(error.to_string());
            }
        };
        match wire::price(&*connection, limits, &PriceRequest::default()).await {
            Ok(reply) => {
                network.saw(named, &address, Some(reply.price), self.now());
                let price = Some(reply.price.microcents().get());
                Charge { address, node_id: Some(named.to_string()), price, error: None }
            }
            Err(error) => {
                network.missed(named, &address);
                failed(error.to_string())
            }
        }
    }
}
