//! A peer on libp2p's own handshake and multiplexer that can be told to say anything on its streams.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Poll;

use futures::io::{AsyncReadExt, AsyncWriteExt};
use libp2p_core::muxing::{StreamMuxer, StreamMuxerBox, SubstreamBox};
use libp2p_core::transport::{DialOpts, ListenerId, PortUse, Transport, TransportEvent};
use libp2p_core::{Endpoint, Multiaddr, upgrade};
use libp2p_identity::Keypair;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::soon;

/// What two nodes say about their connection, and the streams between them.
pub(crate) const CONNECTION: &str = "/igor/connection/1";
pub(crate) const STREAM: &str = "/igor/stream/1";
const MULTISTREAM: &str = "/multistream/1.0.0";

/// A connection from a stranger.
pub(crate) struct Raw {
    opens: UnboundedSender<oneshot::Sender<SubstreamBox>>,
    task: JoinHandle<()>,
}

impl Raw {
    /// Connects to `at` as the node whose key grows from bytes `seed`.
    pub(crate) async fn dial(seed: u8, at: SocketAddr) -> Self {
        let keypair = Keypair::ed25519_from_bytes([seed; 32]).unwrap();
        let mut transport = libp2p_tcp::tokio::Transport::new(libp2p_tcp::Config::default())
            .upgrade(upgrade::Version::V1)
            .authenticate(libp2p_noise::Config::new(&keypair).unwrap())
            .multiplex(libp2p_yamux::Config::default())
            .boxed();
        let address: Multiaddr = format!("/ip4/{}/tcp/{}", at.ip(), at.port()).parse().unwrap();
        let how = DialOpts { role: Endpoint::Dialer, port_use: PortUse::New };
        let (_, muxer) = soon(transport.dial(address, how).unwrap()).await.unwrap();
        let (opens, requests) = unbounded_channel();
        Self { opens, task: tokio::spawn(drive(muxer, requests)) }
    }

    /// The same, and greets.
    pub(crate) async fn admitted(seed: u8, at: SocketAddr) -> (Self, SubstreamBox) {
        let raw = Self::dial(seed, at).await;
        let mut control = raw.ask(CONNECTION).await.unwrap();
        control.write_all(&[0]).await.unwrap();
        control.flush().await.unwrap();
        let mut answer = [9; 1];
        soon(control.read_exact(&mut answer)).await.unwrap();
        assert_eq!(answer, [1], "it is not welcome");
        (raw, control)
    }

    /// A stream on which nothing was said.
    pub(crate) async fn open(&self) -> SubstreamBox {
        let (reply, opened) = oneshot::channel();
        self.opens.send(reply).expect("the connection goes on");
        soon(opened).await.expect("the connection goes on")
    }

    /// A stream for a protocol, unless that is unknown there.
    pub(crate) async fn ask(&self, protocol: &str) -> Option<SubstreamBox> {
        let mut stream = self.open().await;
        for line in [MULTISTREAM, protocol] {
            stream.write_all(&line_of(line)).await.unwrap();
        }
        stream.flush().await.unwrap();
        assert_eq!(read_line(&mut stream).await, MULTISTREAM);
        match read_line(&mut stream).await.as_str() {
            "na" => None,
            agreed => {
                assert_eq!(agreed, protocol);
                Some(stream)
            }
        }
    }

    /// Waits until the other end hangs up.
    pub(crate) async fn hung_up(mut self) {
        soon(&mut self.task).await.unwrap();
    }
}

impl Drop for Raw {
    // The connection breaks.
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A line as multistream-select has it, of fewer than 127 bytes.
fn line_of(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len() + 1).unwrap();
    [&[length], text.as_bytes(), b"\n"].concat()
}

async fn read_line(stream: &mut SubstreamBox) -> String {
    let mut length = [0; 1];
    soon(stream.read_exact(&mut length)).await.unwrap();
    let mut line = vec![0; usize::from(length[0])];
    soon(stream.read_exact(&mut line)).await.unwrap();
    String::from_utf8(line).unwrap().trim_end().to_owned()
}

/// Keeps the connection going and opens streams, until it ends.
async fn drive(
    mut muxer: StreamMuxerBox,
    mut requests: UnboundedReceiver<oneshot::Sender<SubstreamBox>>,
) {
    let mut waiting: Option<oneshot::Sender<SubstreamBox>> = None;
    poll_fn(move |context| {
        loop {
            if waiting.is_none()
                && let Poll::Ready(Some(request)) = requests.poll_recv(context)
            {
                waiting = Some(request);
            }
            if waiting.is_some() {
                match Pin::new(&mut muxer).poll_outbound(context) {
                    Poll::Ready(Ok(stream)) => {
                        if let Some(request) = waiting.take() {
                            drop(request.send(stream));
                        }
                        continue;
                    }
                    Poll::Ready(Err(_)) => return Poll::Ready(()),
                    Poll::Pending => {}
                }
            }
            // Streams that the other end opens are let go.
            match Pin::new(&mut muxer).poll_inbound(context) {
                Poll::Ready(Ok(_)) => continue,
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Pending => {}
            }
            match Pin::new(&mut muxer).poll(context) {
                Poll::Ready(Ok(_)) => continue,
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await;
}

/// A listener that knows `/igor/ping/1.0.0` alone, and says what it hears.
pub(crate) struct Stranger {
    pub(crate) address: igor_core::transport::Address,
}

impl Stranger {
    /// Listens as the node whose key grows from bytes `seed`.
    pub(crate) async fn listen(seed: u8) -> Self {
        let keypair = Keypair::ed25519_from_bytes([seed; 32]).unwrap();
        let mut transport = libp2p_tcp::tokio::Transport::new(libp2p_tcp::Config::default())
            .upgrade(upgrade::Version::V1)
            .authenticate(libp2p_noise::Config::new(&keypair).unwrap())
            .multiplex(libp2p_yamux::Config::default())
            .boxed();
        transport.listen_on(ListenerId::next(), "/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
        let (told, address) = oneshot::channel();
        tokio::spawn(async move {
            let mut told = Some(told);
            loop {
                let event = poll_fn(|context| Pin::new(&mut transport).poll(context)).await;
                match event {
                    TransportEvent::NewAddress { listen_addr, .. } => {
                        if let Some(told) = told.take() {
                            told.send(listen_addr).unwrap();
                        }
                    }
                    TransportEvent::Incoming { upgrade, .. } => {
                        tokio::spawn(async move {
                            let (_, muxer) = upgrade.await.unwrap();
                            echo_pings(muxer).await;
                        });
                    }
                    _ => {}
                }
            }
        });
        let at = soon(address).await.unwrap();
        let peer = keypair.public().to_peer_id();
        Self { address: igor_core::transport::Address(format!("{at}/p2p/{peer}")) }
    }
}

/// Answers every stream of a connection.
async fn echo_pings(mut muxer: StreamMuxerBox) {
    poll_fn(move |context| {
        loop {
            match Pin::new(&mut muxer).poll_inbound(context) {
                Poll::Ready(Ok(stream)) => drop(tokio::spawn(echo_ping(stream))),
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Pending => match Pin::new(&mut muxer).poll(context) {
                    Poll::Ready(Ok(_)) => {}
                    Poll::Ready(Err(_)) => return Poll::Ready(()),
                    Poll::Pending => return Poll::Pending,
                },
            }
        }
    })
    .await;
}

async fn echo_ping(mut stream: SubstreamBox) {
    assert_eq!(read_line(&mut stream).await, MULTISTREAM);
    stream.write_all(&line_of(MULTISTREAM)).await.unwrap();
    let asked = read_line(&mut stream).await;
    let answer = if asked == "/igor/ping/1.0.0" { &*asked } else { "na" };
    stream.write_all(&line_of(answer)).await.unwrap();
    stream.flush().await.unwrap();
    if answer != "na" {
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).await.unwrap();
        stream.write_all(&heard).await.unwrap();
        stream.close().await.unwrap();
    }
}
