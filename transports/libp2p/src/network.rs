//! The task that runs libp2p's machinery for one node: it dials and listens for those who ask, and goes on as
//! long as somebody uses it. What connections carry passes it by.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures::StreamExt;
use libp2p_core::transport::ListenerId;
use libp2p_core::{Multiaddr, PeerId};
use libp2p_swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p_swarm::{ConnectionId, DialError, Swarm, SwarmEvent};
use tokio::sync::mpsc::{
    UnboundedReceiver, UnboundedSender, WeakUnboundedSender, unbounded_channel,
};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::address::{Carrier, bound, multiaddr};
use crate::behaviour::{Behaviour, Dialled};
use crate::discovery::{All, AllEvent};
use crate::listener::{Door, Terms};

/// How long what is still open may take to close when nobody uses it any more.
const FAREWELL: Duration = Duration::from_secs(3);

/// Where a listener is.
pub(crate) type Bound = (ListenerId, SocketAddr, Carrier);

/// Who waits for a connection.
type Reply = oneshot::Sender<Result<Dialled, DialError>>;

enum Command {
    Dial(PeerId, Vec<Multiaddr>, Reply),
    Listen(Multiaddr, Listen),
    Remove(ListenerId),
}

/// A use of the network.
#[derive(Debug, Clone)]
pub(crate) struct Network(UnboundedSender<Command>);

/// What the network itself has of it, which does not keep it going.
#[derive(Debug, Clone)]
pub(crate) struct WeakNetwork(WeakUnboundedSender<Command>);

impl WeakNetwork {
    pub(crate) fn upgrade(&self) -> Option<Network> {
        self.0.upgrade().map(Network)
    }
}

impl Network {
    /// Starts a network on the runtime that this is called on; `swarm` makes it of its behaviour.
    pub(crate) fn start(
        terms: Terms,
        swarm: impl FnOnce(Behaviour) -> Result<Swarm<All>, String>,
    ) -> Result<Self, String> {
        let (commands, receiver) = unbounded_channel();
        let swarm = swarm(Behaviour::new(terms, WeakNetwork(commands.downgrade())))?;
        let task = Task {
            swarm,
            dials: HashMap::new(),
            sought: Vec::new(),
            listens: HashMap::new(),
            told: HashMap::new(),
        };
        tokio::spawn(task.run(receiver));
        Ok(Self(commands))
    }

    /// Whether nothing runs it any more.
    pub(crate) fn is_gone(&self) -> bool {
        self.0.is_closed()
    }

    /// Connects to `peer` at one of `addresses`, or looks for it if there are none.
    pub(crate) async fn dial(
        &self,
        peer: PeerId,
        addresses: Vec<Multiaddr>,
    ) -> Result<Dialled, DialError> {
        let (reply, dialled) = oneshot::channel();
        self.0.send(Command::Dial(peer, addresses, reply)).map_err(|_| DialError::Aborted)?;
        dialled.await.map_err(|_| DialError::Aborted)?
    }

    /// Listens at `address`, and tells those who look for this node that it is at `advertise` as well.
    pub(crate) async fn listen(
        &self,
        address: Multiaddr,
        advertise: Option<IpAddr>,
        door: Door,
    ) -> io::Result<Bound> {
        let gone = || io::Error::other("the network's task is gone");
        let (reply, listens) = oneshot::channel();
        let wanted = bound(&address).map(|(at, _)| at);
        let listen = Listen { wanted, advertise, door, reply };
        self.0.send(Command::Listen(address, listen)).map_err(|_| gone())?;
        listens.await.map_err(|_| gone())?
    }

    /// Listens there no more.
    pub(crate) fn remove(&self, id: ListenerId) {
        // A network that is gone does not listen.
        self.0.send(Command::Remove(id)).unwrap_or_default();
    }
}

/// Somebody waits to listen.
struct Listen {
    /// Where, if that is known by number; the port may be any.
    wanted: Option<SocketAddr>,
    /// Where others reach it, if that is another host.
    advertise: Option<IpAddr>,
    door: Door,
    reply: oneshot::Sender<io::Result<Bound>>,
}

struct Task {
    swarm: Swarm<All>,
    dials: HashMap<ConnectionId, Reply>,
    /// Those who are looked for.
    sought: Vec<(PeerId, Reply)>,
    listens: HashMap<ListenerId, Listen>,
    /// What others are told of a listener beside where it listens.
    told: HashMap<ListenerId, Multiaddr>,
}

impl Task {
    async fn run(mut self, mut commands: UnboundedReceiver<Command>) {
        loop {
            tokio::select! {
                command = commands.recv() => match command {
                    Some(command) => self.obey(command),
                    None => break,
                },
                event = self.swarm.select_next_some() => self.note(event),
            }
        }
        drop(timeout(FAREWELL, self.finish()).await);
    }

    /// Goes on until everything is closed.
    async fn finish(&mut self) {
        while self.swarm.network_info().num_peers() > 0 {
            let event = self.swarm.select_next_some().await;
            self.note(event);
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Dial(peer, addresses, reply) if addresses.is_empty() => self.seek(peer, reply),
            Command::Dial(peer, addresses, reply) => self.dial(peer, addresses, reply),
            Command::Listen(address, listen) => match self.swarm.listen_on(address) {
                Ok(id) => drop(self.listens.insert(id, listen)),
                Err(error) => drop(listen.reply.send(Err(io::Error::other(error)))),
            },
            Command::Remove(id) => self.remove(id),
        }
    }

    /// Dials `peer`, where it was seen if no address is given; if it was seen nowhere, it is looked for.
    fn dial(&mut self, peer: PeerId, addresses: Vec<Multiaddr>, reply: Reply) {
        let is_sought = addresses.is_empty();
        let dial = DialOpts::peer_id(peer).condition(PeerCondition::Always);
        // A port of its own, so that no listener takes the connection with it when it is closed.
        let dial = dial.allocate_new_port();
        let dial = match is_sought {
            true => dial.build(),
            false => dial.addresses(addresses).build(),
        };
        let id = dial.connection_id();
        match self.swarm.dial(dial) {
            Ok(()) => drop(self.dials.insert(id, reply)),
            Err(DialError::NoAddresses) if is_sought => self.sought.push((peer, reply)),
            Err(error) => drop(reply.send(Err(error))),
        }
    }

    /// Begins to look for `peer`.
    fn seek(&mut self, peer: PeerId, reply: Reply) {
        self.sought.retain(|(_, reply)| !reply.is_closed());
        if self.swarm.behaviour_mut().look_for(peer) {
            self.dial(peer, Vec::new(), reply);
        } else {
            drop(reply.send(Err(DialError::NoAddresses)));
        }
    }

    /// Somebody may be found: perhaps one of those who are looked for.
    fn found(&mut self, places: &[(PeerId, Multiaddr)]) {
        for (peer, reply) in std::mem::take(&mut self.sought) {
            let at = places.iter().filter(|(found, _)| *found == peer).map(|(_, at)| at.clone());
            let at: Vec<_> = at.collect();
            if at.is_empty() {
                self.sought.push((peer, reply));
            } else if !reply.is_closed() {
                self.dial(peer, at, reply);
            }
        }
    }

    fn note(&mut self, event: SwarmEvent<AllEvent>) {
        match event {
            SwarmEvent::ConnectionEstablished { connection_id, .. } => {
                let Some(dialled) = self.swarm.behaviour_mut().nodes.take(connection_id) else {
                    return;
                };
                match self.dials.remove(&connection_id) {
                    // If nobody waits for it any more, it is hung up.
                    Some(reply) => drop(reply.send(Ok(dialled))),
                    // libp2p has dialled by itself.
                    None => dialled.let_idle(),
                }
            }
            SwarmEvent::OutgoingConnectionError { connection_id, error, .. } => {
                if let Some(reply) = self.dials.remove(&connection_id) {
                    drop(reply.send(Err(error)));
                }
            }
            SwarmEvent::Behaviour(event) => {
                let places = self.swarm.behaviour_mut().note(event);
                if !places.is_empty() {
                    self.found(&places);
                }
            }
            SwarmEvent::NewListenAddr { listener_id, address } => {
                self.listening(listener_id, &address);
            }
            SwarmEvent::ListenerClosed { listener_id, reason, .. } => {
                self.remove(listener_id);
                self.swarm.behaviour_mut().nodes.forget(listener_id);
                if let Some(listen) = self.listens.remove(&listener_id) {
                    let reason = reason.err().unwrap_or_else(|| io::Error::other("it was closed"));
                    drop(listen.reply.send(Err(reason)));
                }
            }
            _ => {}
        }
    }

    /// A listener has an address. It may get more, on other interfaces with the same port.
    fn listening(&mut self, id: ListenerId, address: &Multiaddr) {
        let Some((at, carrier)) = bound(address) else { return };
        let Some(listen) = self.listens.remove(&id) else { return };
        let Listen { wanted, advertise, door, reply } = listen;
        let at = SocketAddr::new(wanted.unwrap_or(at).ip(), at.port());
        self.swarm.behaviour_mut().nodes.listen(id, at, carrier, door);
        self.swarm.behaviour_mut().tell();
        if let Some(ip) = advertise {
            let told = multiaddr(SocketAddr::new(ip, at.port()), carrier);
            self.swarm.add_external_address(told.clone());
            self.told.insert(id, told);
        }
        if reply.send(Ok((id, at, carrier))).is_err() {
            self.remove(id);
        }
    }

    /// Nobody is let in there any more.
    fn remove(&mut self, id: ListenerId) {
        self.swarm.behaviour_mut().nodes.close(id);
        if let Some(told) = self.told.remove(&id) {
            self.swarm.remove_external_address(&told);
        }
    }
}
