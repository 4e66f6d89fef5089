//! How a node is found by its identity alone: on the local network, and through others. Each is a feature of
//! the build that configuration switches on. What is found is where somebody may be; who is there is proven
//! by the connection.

use libp2p_core::{Multiaddr, PeerId};
use libp2p_swarm::NetworkBehaviour;
#[cfg(any(feature = "mdns", feature = "kad"))]
use libp2p_swarm::behaviour::toggle::Toggle;

use crate::behaviour::Behaviour;
use crate::config::Libp2pConfig;
#[cfg(feature = "kad")]
use crate::table;

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
    kad: Toggle<table::Table>,
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
            kad: self.table().into(),
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

    /// Lets others know that this node listens.
    pub(crate) fn tell(&mut self) {
        // Whoever is asked who else there is hears it. Without anybody to ask, others come by themselves.
        #[cfg(feature = "kad")]
        self.kad.as_mut().map(|kad| drop(kad.bootstrap())).unwrap_or_default();
    }

    /// Takes note of what was found, and says who may be where.
    pub(crate) fn note(&mut self, event: AllEvent) -> Vec<(PeerId, Multiaddr)> {
        match event {
            AllEvent::Nodes(never) => match never {},
            #[cfg(feature = "mdns")]
            AllEvent::Mdns(libp2p_mdns::Event::Discovered(found)) => found,
            #[cfg(feature = "mdns")]
            AllEvent::Mdns(libp2p_mdns::Event::Expired(_)) => Vec::new(),
            #[cfg(feature = "kad")]
            AllEvent::Identify(event) => {
                self.kad.as_mut().map(|kad| table::note(kad, event)).unwrap_or_default()
            }
            #[cfg(feature = "kad")]
            AllEvent::Kad(event) => table::answered(event),
        }
    }
}
