//! A connection's part of libp2p's machinery: it opens the streams that are asked for by protocol, takes those
//! that arrive, and refuses none that there is room for. What streams carry is not its business.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::{Ready, ready};
use igor_core::transport::ProtocolId;
use libp2p_core::upgrade::{InboundUpgrade, OutboundUpgrade, UpgradeInfo};
use libp2p_swarm::handler::{
    ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound,
};
use libp2p_swarm::{
    ConnectionHandler, ConnectionHandlerEvent, Stream, StreamProtocol, StreamUpgradeError,
    SubstreamProtocol,
};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;

use crate::link::{Arrival, Link, NotOpened, Want};
use crate::pipe::Pipe;
use crate::{plain, protocol, streams};

/// What whoever dialled does first.
#[derive(Debug)]
pub(crate) enum Knock {
    /// It speaks as a node: this is its stream about the connection.
    Node(Stream),
    /// It asks for a protocol that strangers may ask for.
    Stranger,
}

/// That the connection is to be taken down.
#[derive(Debug)]
pub(crate) struct HangUp;

/// Every protocol that is answered, or the one that is asked for.
pub(crate) struct Protocols<const N: usize>([StreamProtocol; N]);

impl<const N: usize> UpgradeInfo for Protocols<N> {
    type Info = StreamProtocol;
    type InfoIter = std::array::IntoIter<StreamProtocol, N>;

    fn protocol_info(&self) -> Self::InfoIter {
        self.0.clone().into_iter()
    }
}

impl<const N: usize> InboundUpgrade<Stream> for Protocols<N> {
    type Output = (StreamProtocol, Stream);
    type Error = Infallible;
    type Future = Ready<Result<Self::Output, Infallible>>;

    fn upgrade_inbound(self, stream: Stream, protocol: StreamProtocol) -> Self::Future {
        ready(Ok((protocol, stream)))
    }
}

impl<const N: usize> OutboundUpgrade<Stream> for Protocols<N> {
    type Output = Stream;
    type Error = Infallible;
    type Future = Ready<Result<Stream, Infallible>>;

    fn upgrade_outbound(self, stream: Stream, _: StreamProtocol) -> Self::Future {
        ready(Ok(stream))
    }
}

/// The handler of one connection.
pub(crate) struct Handler {
    link: Arc<Link>,
    wants: UnboundedReceiver<Want>,
    /// Who waits for the first thing that a dialler does.
    first: Option<oneshot::Sender<Knock>>,
    /// How long a stream may take to say what it is for.
    name_limit: Duration,
    kept: bool,
}

impl Handler {
    pub(crate) const fn new(
        link: Arc<Link>,
        wants: UnboundedReceiver<Want>,
        first: Option<oneshot::Sender<Knock>>,
        name_limit: Duration,
    ) -> Self {
        Self { link, wants, first, name_limit, kept: true }
    }

    fn arrive(&mut self, protocol: &StreamProtocol, stream: Stream) {
        if *protocol == protocol::CONNECTION {
            // Only one, and only from who dialled.
            if let Some(first) = self.first.take() {
                first.send(Knock::Node(stream)).unwrap_or_default();
            }
            return;
        }
        let Ok(slot) = Arc::clone(&self.link.slots).try_acquire_owned() else {
            return tracing::debug!(peer = %self.link.peer(), "too many streams arrive");
        };
        let link = Arc::clone(&self.link);
        if *protocol == protocol::STREAM {
            tokio::spawn(streams::answer(stream, link, slot, self.name_limit));
        } else if let Ok(protocol) = ProtocolId::new(protocol.as_ref()) {
            if let Some(first) = self.first.take() {
                first.send(Knock::Stranger).unwrap_or_default();
            }
            let pipe = Arc::new(Pipe::new(false));
            tokio::spawn(plain::carry(stream, Arc::clone(&pipe), Arc::clone(&link), slot));
            link.arrive(Arrival { protocol, pipe });
        }
    }
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Infallible;
    type ToBehaviour = HangUp;
    type InboundProtocol = Protocols<5>;
    type OutboundProtocol = Protocols<1>;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = oneshot::Sender<Result<Stream, NotOpened>>;

    fn listen_protocol(&self) -> SubstreamProtocol<Protocols<5>> {
        SubstreamProtocol::new(Protocols(protocol::known()), ()).with_timeout(self.name_limit)
    }

    fn connection_keep_alive(&self) -> bool {
        self.kept
    }

    fn poll(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Protocols<1>, Self::OutboundOpenInfo, HangUp>> {
        loop {
            return match self.wants.poll_recv(context) {
                Poll::Ready(Some(Want::Stream(_, reply))) if reply.is_closed() => continue,
                Poll::Ready(Some(Want::Stream(protocol, reply))) => {
                    let protocol = SubstreamProtocol::new(Protocols([protocol]), reply)
                        .with_timeout(self.name_limit);
                    Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol })
                }
                Poll::Ready(Some(Want::Idle)) => {
                    self.kept = false;
                    continue;
                }
                Poll::Ready(Some(Want::HangUp)) => {
                    Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(HangUp))
                }
                // The link holds the sender, so there is no end.
                Poll::Ready(None) | Poll::Pending => Poll::Pending,
            };
        }
    }

    fn on_behaviour_event(&mut self, event: Infallible) {
        match event {}
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<'_, Protocols<5>, Protocols<1>, (), Self::OutboundOpenInfo>,
    ) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound {
                protocol: (protocol, stream),
                ..
            }) => self.arrive(&protocol, stream),
            // Who does not wait any more lets the stream go.
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound {
                protocol: stream,
                info: reply,
            }) => drop(reply.send(Ok(stream))),
            ConnectionEvent::DialUpgradeError(DialUpgradeError { info: reply, error }) => {
                drop(reply.send(Err(match error {
                    StreamUpgradeError::NegotiationFailed => NotOpened::Unknown,
                    StreamUpgradeError::Timeout => NotOpened::Slow,
                    StreamUpgradeError::Io(error) => NotOpened::Gone(error.to_string()),
                    StreamUpgradeError::Apply(never) => match never {},
                })));
            }
            _ => {}
        }
    }
}
