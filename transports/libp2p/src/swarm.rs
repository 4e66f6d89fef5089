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
use crate::config::Libp2pConfig;
use crate::discovery::{All, Seeker};
use crate::failure::Network;
use crate::identity::with_keypair;
use crate::listener::Terms;

/// Streams that the multiplexer allows. The windows of its streams grow with their use as long as those of all
/// streams that it allows could not need the room, which is 1 GiB; with so many they stay at 256 KiB each.
/// How many streams there really may be is bounded where they arrive.
const WINDOWS_STAY: usize = 4_096;

/// What carries connections, in libp2p's terms.
type Carrier = Boxed<(PeerId, StreamMuxerBox)>;

/// What carries connections over TCP.
fn tcp(key: &NodeKey, limit: Duration) -> Result<Carrier, String> {
    let noise = with_keypair(key, libp2p_noise::Config::new)?;
    let mut yamux = libp2p_yamux::Config::default();
    yamux.set_max_num_streams(WINDOWS_STAY);
    let tcp = libp2p_tcp::Config::default().nodelay(true);
    let tcp = libp2p_tcp::tokio::Transport::new(tcp)
        .map_err(Network)
        .upgrade(upgrade::Version::V1Lazy)
        .authenticate(noise)
        .multiplex(yamux)
        .timeout(limit);
    Ok(tcp.map(|(peer, muxer), _| (peer, StreamMuxerBox::new(Closing::new(muxer)))).boxed())
}

/// The same, and over libp2p's QUIC.
#[cfg(feature = "quic")]
fn with_quic(tcp: Carrier, key: &NodeKey, terms: &Terms) -> Result<Carrier, String> {
    use std::io;

    use futures::future::Either;

    use crate::incoming::WINDOW_BYTES;

    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let made = with_keypair(key, |pair| Ok::<_, String>(libp2p_quic::Config::new(pair)));
    let mut config = made?;
    config.handshake_timeout = terms.handshake_limit;
    config.max_idle_timeout = u32::try_from(terms.silence.as_millis()).unwrap_or(u32::MAX);
    config.keep_alive_interval = terms.silence / 3;
    config.max_concurrent_stream_limit = count(terms.slots());
    config.max_stream_data = count(WINDOW_BYTES);
    config.max_connection_data = count(WINDOW_BYTES.saturating_mul(terms.slots()));
    let quic = libp2p_quic::tokio::Transport::new(config)
        .map_err(|error| match error {
            libp2p_quic::Error::Io(error) => Network(error),
            libp2p_quic::Error::HandshakeTimedOut => Network(io::ErrorKind::TimedOut.into()),
            // What the other end said may be none of the network's fault.
            error => Network(io::Error::new(io::ErrorKind::InvalidData, error)),
        })
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(Closing::new(muxer))));
    let both = tcp.or_transport(quic).map(|either, _| match either {
        Either::Left(connection) | Either::Right(connection) => connection,
    });
    Ok(both.boxed())
}

/// Who this node is to libp2p.
pub(crate) fn local(node: &NodeId) -> Result<PeerId, String> {
    peer_of(node).ok_or_else(|| "the node's key has no peer id".to_owned())
}

/// The machinery of the node that has `key`, around its behaviour.
pub(crate) fn swarm(
    key: &NodeKey,
    config: &Libp2pConfig,
    terms: &Terms,
    nodes: Behaviour,
) -> Result<Swarm<All>, String> {
    let carrier = tcp(key, terms.handshake_limit)?;
    #[cfg(feature = "quic")]
    let carrier = if config.quic { with_quic(carrier, key, terms)? } else { carrier };
    let local = local(&NodeId::of(&key.public_key()))?;
    let (mdns, kad) = (config.mdns, config.kad);
    let seeker = Seeker { local, mdns, kad, kad_peers: config.beginnings()? };
    // Connections of nodes end when they are closed, and those for the table of nodes only when nobody uses
    // them: not before the other end has asked as well.
    let idle = if kad { terms.handshake_limit } else { Duration::ZERO };
    let settings = Config::with_tokio_executor()
        .with_max_negotiating_inbound_streams(terms.slots())
        .with_idle_connection_timeout(idle);
    Ok(Swarm::new(carrier, seeker.all(nodes)?, local, settings))
}
