//! The node's place among others: builds the transport, listens, says where, and starts to decide about moves.
//! What is said to other nodes is igor-node's business.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use igor_core::Transport;
use igor_core::format::NodeKey;
use igor_core::transport::{Address, NodeId};
use igor_node::handoff::{GateLimits, Handoffs};
use igor_node::peers::Peers;
use igor_node::shell::moving::{Dialer, Door, Moves, listen};
use igor_node::{Node, known_agents, own_key, whereabouts};
use serde::Serialize;

use super::moving::Home;
use super::original;
use super::station::Station;
use crate::explain::Scene;
use crate::output::{Format, Output, SCHEMA};
use crate::plugins::DEFAULT_TRANSPORT;
use crate::problem::Problem;
use crate::text;

/// How many other nodes are remembered.
const PEERS_MAX: usize = 4_096;

/// How a node is reached.
pub(crate) struct Network {
    pub(crate) moves: Moves,
    pub(crate) dialer: Arc<Dialer>,
    pub(crate) peers: Mutex<Peers>,
    pub(crate) addresses: Vec<Address>,
    pub(crate) me: NodeId,
}

#[derive(Serialize)]
struct ListeningLine<'a> {
    schema: u32,
    event: &'static str,
    time: String,
    node_id: String,
    transport: &'a str,
    addresses: Vec<&'a str>,
}

/// The key that this node proves itself by, made if there is none.
pub(crate) async fn key(node: &Node, scene: &Scene) -> Result<Arc<NodeKey>, Problem> {
    let key = own_key(&*node.storage.0, &scene.agent, &*node.entropy).await;
    key.map_err(|error| scene.node_key(&error))
}

/// Lets others reach this node, and says where.
pub(crate) async fn open(
    station: &Arc<Station>,
    scene: &Scene,
    output: &Output,
) -> Result<(), Problem> {
    let assembly = &station.assembly;
    let config = assembly.config();
    let name = config.chosen::<dyn Transport>();
    let name = name.unwrap_or_else(|| DEFAULT_TRANSPORT.to_owned());
    // A run takes in no other agent.
    let original = if station.is_alone() { None } else { original::accepted(config, &name)? };
    let transport = assembly.transport(&name, &station.key, scene)?;
    let accepted = accepted(&config.node().accept)?;
    let place = match &config.node().listen {
        Some(place) => Address(place.clone()),
        None => transport.any_address(),
    };
    let listener = transport.listen(&place).await.map_err(|error| {
        Problem::new(
            format_args!("listen at {place}: {error}"),
            "Give another address with --listen, or none for a free place on this machine.",
        )
    })?;
    let addresses = listener.addresses();
    let is_ours_alone = is_on_this_machine(&place) && addresses.iter().all(is_on_this_machine);
    if accepted.is_none() && !is_ours_alone {
        return Err(Problem::usage(
            format_args!("{place} can be reached from other machines, and nobody is named"),
            "Name the NodeIds of those that may connect with --accept.",
        ));
    }
    let dialer = Arc::new(Dialer::new(Arc::clone(&transport)));
    let me = transport.local();
    let mut handoffs = Handoffs::new(me, assembly.schedule(), GateLimits::default());
    let storage = &*assembly.node.storage.0;
    let known = known_agents(storage).await.map_err(|error| scene.storage(&error))?;
    for agent in known.into_iter().filter(|agent| station.is_mine(agent)) {
        match whereabouts(storage, &agent).await {
            Ok(Some(whereabouts)) => {
                handoffs.know(assembly.node.clock.monotonic_ns(), whereabouts);
            }
            Ok(None) => {}
            // It is found out again, and said, when the agent is started.
            Err(error) => tracing::warn!(%agent, %error, "it is not known where an agent is"),
        }
    }
    let home = Arc::new(Home(Arc::clone(station)));
    let moves = Moves::start(handoffs, Arc::<Home>::clone(&home), Arc::clone(&dialer));
    let door = Door::new(home, moves.clone(), accepted, original.clone());
    tokio::spawn(listen(listener, door));
    tell(station, &name, me, &addresses, output)?;
    if let Some(meter) = original {
        original::tell(&meter, station.time(), output)?;
    }
    let peers = Mutex::new(Peers::new(PEERS_MAX));
    station.connect(Network { moves, dialer, peers, addresses, me });
    Ok(())
}

/// Who is named; nobody, if all may connect.
fn accepted(names: &[String]) -> Result<Option<BTreeSet<NodeId>>, Problem> {
    if names.is_empty() {
        return Ok(None);
    }
    let read = |name: &String| {
        name.parse().map_err(|error| {
            Problem::usage(
                format_args!("--accept {name:?}: {error}"),
                "A node prints its NodeId when it starts, as the end of its address.",
            )
        })
    };
    names.iter().map(read).collect::<Result<_, _>>().map(Some)
}

/// Whether an address is one that only this machine reaches, as far as can be said: what is not known to be
/// one is not.
fn is_on_this_machine(address: &Address) -> bool {
    let text = address.0.as_str();
    if text.starts_with("memory://") {
        return true;
    }
    let mut multiaddr = text.split('/').skip(1);
    if let (Some("ip4" | "ip6"), Some(ip)) = (multiaddr.next(), multiaddr.next()) {
        return ip.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    }
    let place = text.split_once("://").map_or(text, |(_, rest)| rest);
    let place = place.split_once('#').map_or(place, |(place, _)| place);
    place.parse::<SocketAddr>().is_ok_and(|place| place.ip().is_loopback())
}

fn tell(
    station: &Station,
    transport: &str,
    me: NodeId,
    addresses: &[Address],
    output: &Output,
) -> Result<(), Problem> {
    let _ = match output.format() {
        Format::Json => output.json_line(&ListeningLine {
            schema: SCHEMA,
            event: "listening",
            time: station.time(),
            node_id: me.to_string(),
            transport,
            addresses: addresses.iter().map(|address| address.0.as_str()).collect(),
        })?,
        Format::Text => {
            let lines = addresses
                .iter()
                .map(|address| format!("listening at {}\n", text::one_line(&address.0)));
            output.text(&lines.collect::<String>())?
        }
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_this_machine() {
        let id = "ab".repeat(32);
        for (text, is_here) in [
            (format!("quic://127.0.0.1:1#{id}"), true),
            (format!("quic://[::1]:1#{id}"), true),
            (format!("memory://a#{id}"), true),
            ("/ip4/127.0.0.1/tcp/1/p2p/x".to_owned(), true),
            ("/ip6/::1/tcp/1/p2p/x".to_owned(), true),
            ("/ip4/10.0.0.1/tcp/1/p2p/x".to_owned(), false),
            ("/dns4/localhost/tcp/1/p2p/x".to_owned(), false),
            (format!("quic://0.0.0.0:1#{id}"), false),
            (format!("quic://[::]:1#{id}"), false),
            (format!("quic://localhost:1#{id}"), false),
            (String::new(), false),
        ] {
            assert_eq!(is_on_this_machine(&Address(text.clone())), is_here, "{text}");
        }
    }

    #[test]
    fn who_is_accepted_is_named_by_node_id() {
        let id = "ab".repeat(32);
        assert!(accepted(&[]).expect("nobody").is_none());
        assert_eq!(accepted(&[id.clone(), id]).expect("one").map(|named| named.len()), Some(1));
        assert!(accepted(&["x".to_owned()]).is_err());
    }
}
