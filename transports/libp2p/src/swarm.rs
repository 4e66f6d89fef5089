//! What connections are made of: TCP, a handshake by which both ends prove their keys, and a multiplexer with
//! fixed windows. How many there may be is decided elsewhere.

use std::time::Duration;

use igor_core::format::NodeKey;
use igor_core::transport::NodeId;
use libp2p_core::muxing::StreamMuxerBox;
use libp2p_core::transport::{Boxed, Transport as _};
use libp2p_core::{PeerId, upgrade};
use libp2p_swarm::{Config, Swarm};

use crate::address::peer_of;
use crate::behaviour::Behaviour;
use crate::closing::Closing;
use crate::identity::with_keypair;
use crate::listener::Terms;

/// Streams that the multiplexer allows. The windows of its streams grow with their use as long as those of all
/// streams that it allows could not need the room, which is 1 GiB; with so many they stay at 256 KiB each.
/// How many streams there really may be is bounded where they arrive.
const WINDOWS_STAY: usize = 4_096;

/// What carries connections.
fn carrier(key: &NodeKey, limit: Duration) -> Result<Boxed<(PeerId, StreamMuxerBox)>, String> {
    let noise = with_keypair(key, libp2p_noise::Config::new)?;
    let mut yamux = libp2p_yamux::Config::default();
    yamux.set_max_num_streams(WINDOWS_STAY);
    let tcp = libp2p_tcp::Config::default().nodelay(true);
    let tcp = libp2p_tcp::tokio::Transport::new(tcp)
        .upgrade(upgrade::Version::V1Lazy)
        .authenticate(noise)
        .multiplex(yamux)
        .timeout(limit);
    Ok(tcp.map(|(peer, muxer), _| (peer, StreamMuxerBox::new(Closing::new(muxer)))).boxed())
}

/// Who this node is to libp2p.
pub(crate) fn local(node: &NodeId) -> Result<PeerId, String> {
    peer_of(node).ok_or_else(|| "the node's key has no peer id".to_owned())
}

/// The machinery of the node that has `key`, around its behaviour.
pub(crate) fn swarm(
    key: &NodeKey,
    terms: &Terms,
) -> Result<impl FnOnce(Behaviour) -> Swarm<Behaviour> + use<>, String> {
    let carrier = carrier(key, terms.handshake_limit)?;
    let local = local(&NodeId::of(&key.public_key()))?;
    let config = Config::with_tokio_executor()
        .with_max_negotiating_inbound_streams(terms.slots())
        .with_idle_connection_timeout(Duration::ZERO);
    Ok(move |behaviour| Swarm::new(carrier, behaviour, local, config))
}
