//! How a node is found by its identity alone: on the local network, and through others. Each is a feature of
//! the build that configuration switches on. What is found is where somebody may be; who is there is proven
//! by the connection.

use libp2p_core::{Multiaddr, PeerId};
use libp2p_swarm::NetworkBehaviour;
#[cfg(any(feature = "mdns", feature = "kad"))]
use libp2p_swarm::behaviour::toggle::Toggle;

use crate::behaviour::Behaviour;
use crate::config::Libp2pConfig;

/// The connections of a node, and what looks for others.
#[derive(NetworkBehaviour)]
#[behaviour(prelude = "libp2p_swarm::derive_prelude")]
pub(crate) struct All {
    pub(crate) nodes: Behaviour,
    #[cfg(feature = "mdns")]
    mdns: Toggle<libp2p_mdns::tokio::Behaviour>,
    #[cfg(feature = "kad")]
    identify: Toggle<libp2p_identify::Behaviour>,
    #[cfg(feature = "kad")]
    kad: Toggle<libp2p_kad::Behaviour<libp2p_kad::store::MemoryStore>>,
}

/// Whether anything looks for nodes.
pub(crate) const fn is_wanted(config: &Libp2pConfig) -> bool {
    config.mdns || config.kad
}

/// What is needed to look for others.
#[cfg_attr(
    not(all(feature = "mdns", feature = "kad")),
    allow(dead_code, reason = "each feature needs a part of it")
)]
pub(crate) struct Seeker {
    pub(crate) local: PeerId,
    pub(crate) mdns: bool,
    pub(crate) kad: bool,
    /// Whom to begin with.
    pub(crate) kad_peers: Vec<(PeerId, Multiaddr)>,
}

impl Seeker {
    /// Adds to `nodes` what looks for others.
    pub(crate) fn all(self, nodes: Behaviour) -> Result<All, String> {
        Ok(All {
            nodes,
            #[cfg(feature = "mdns")]
            mdns: self.mdns()?.into(),
            #[cfg(feature = "kad")]
            identify: self.identify()?.into(),
            #[cfg(feature = "kad")]
            kad: self.kad().into(),
        })
    }
}

#[cfg(feature = "mdns")]
mod mdns {
    use libp2p_mdns::{Config, tokio};

    impl super::Seeker {
        pub(super) fn mdns(&self) -> Result<Option<tokio::Behaviour>, String> {
            if !self.mdns {
                return Ok(None);
            }
            let made = tokio::Behaviour::new(Config::default(), self.local);
            made.map(Some).map_err(|error| format!("look for nodes by mDNS: {error}"))
        }
    }
}

#[cfg(feature = "kad")]
mod kad {
    use libp2p_identify as identify;
    use libp2p_identity::ed25519;
    use libp2p_kad::store::MemoryStore;
    use libp2p_kad::{Behaviour, Config, Mode};
    use libp2p_swarm::StreamProtocol;

    use crate::address::node_of;

    /// What nodes call the table of nodes that they keep together.
    const TABLE: StreamProtocol = StreamProtocol::new("/igor/kad/1");
    /// What nodes call what they say about themselves.
    const ABOUT: &str = "/igor/1";

    impl super::Seeker {
        pub(super) fn identify(&self) -> Result<Option<identify::Behaviour>, String> {
            if !self.kad {
                return Ok(None);
            }
            let node = node_of(&self.local).ok_or("the node has no peer id")?;
            let key = ed25519::PublicKey::try_from_bytes(&node.0);
            let key = key.map_err(|error| error.to_string())?;
            let config = identify::Config::new(ABOUT.to_owned(), key.into());
            Ok(Some(identify::Behaviour::new(config)))
        }

        pub(super) fn kad(self) -> Option<Behaviour<MemoryStore>> {
            if !self.kad {
                return None;
            }
            let store = MemoryStore::new(self.local);
            let mut kad = Behaviour::with_config(self.local, store, Config::new(TABLE));
            kad.set_mode(Some(Mode::Server));
            for (peer, address) in self.kad_peers {
                kad.add_address(&peer, address);
            }
            // Without anybody to begin with, others come by themselves.
            drop(kad.bootstrap());
            Some(kad)
        }
    }
}

impl All {
    /// Looks for a node, if there is anything that can.
    pub(crate) fn look_for(&mut self, peer: PeerId) -> bool {
        #[cfg(feature = "mdns")]
        let by_mdns = self.mdns.is_enabled();
        #[cfg(not(feature = "mdns"))]
        let by_mdns = false;
        #[cfg(feature = "kad")]
        let by_kad = self.kad.as_mut().map(|kad| kad.get_closest_peers(peer)).is_some();
        #[cfg(not(feature = "kad"))]
        let (by_kad, _) = (false, peer);
        by_mdns || by_kad
    }

    /// Takes note of what was found, and says whether anybody was.
    pub(crate) fn note(&mut self, event: AllEvent) -> bool {
        match event {
            AllEvent::Nodes(never) => match never {},
            #[cfg(feature = "mdns")]
            AllEvent::Mdns(event) => matches!(event, libp2p_mdns::Event::Discovered(_)),
            #[cfg(feature = "kad")]
            AllEvent::Identify(libp2p_identify::Event::Received { peer_id, info, .. }) => {
                let found = info.listen_addrs.into_iter().map(|at| (peer_id, at));
                self.remember(found)
            }
            #[cfg(feature = "kad")]
            AllEvent::Identify(_) => false,
            #[cfg(feature = "kad")]
            AllEvent::Kad(libp2p_kad::Event::OutboundQueryProgressed {
                result: libp2p_kad::QueryResult::GetClosestPeers(Ok(found)),
                ..
            }) => {
                let found = found.peers.into_iter();
                self.remember(
                    found.flat_map(|peer| peer.addrs.into_iter().map(move |at| (peer.peer_id, at))),
                )
            }
            #[cfg(feature = "kad")]
            AllEvent::Kad(_) => false,
        }
    }

    /// Keeps where others are.
    #[cfg(feature = "kad")]
    fn remember(&mut self, found: impl Iterator<Item = (PeerId, Multiaddr)>) -> bool {
        let Some(kad) = self.kad.as_mut() else { return false };
        found.map(|(peer, at)| kad.add_address(&peer, at)).count() > 0
    }
}
