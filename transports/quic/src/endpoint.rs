//! The settings of every endpoint: what it may hold, how long it waits, what it does not do at all. Who may
//! connect is decided elsewhere.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use igor_core::Limits;
use igor_core::format::NodeKey;
use igor_core::transport::NodeId;
use quinn::{
    ClientConfig, Endpoint, EndpointConfig, IdleTimeout, ServerConfig, TransportConfig, VarInt,
};

use crate::config::QuicConfig;
use crate::reset::Resets;
use crate::tls::{Tls, TlsError};

/// Connections that may wait for their first answer.
const INCOMING_MAX: usize = 256;
/// Bytes that such a connection may send ahead, and all of them together.
const INCOMING_BYTES_MAX: u64 = 1 << 20;
const INCOMING_BYTES_TOTAL_MAX: u64 = 16 << 20;
/// Signs of life in the time after which a connection counts as lost.
const SIGNS_OF_LIFE: u32 = 3;

/// What endpoints are made of, and the two that dial.
pub(crate) struct Endpoints {
    tls: Tls,
    resets: Resets,
    transport: Arc<TransportConfig>,
    server: ServerConfig,
    dialling: Mutex<Dialling>,
}

/// One endpoint for all connections to addresses of a family, made when it is first needed.
#[derive(Default)]
struct Dialling {
    v4: Option<Endpoint>,
    v6: Option<Endpoint>,
}

/// How a connection uses the network.
fn transport(config: &QuicConfig, limits: &Limits) -> Result<TransportConfig, TlsError> {
    let streams = QuicConfig::streams_allowed(limits);
    let silence = Duration::from_nanos(limits.silence_ns_max);
    let mut transport = TransportConfig::default();
    transport
        .max_concurrent_bidi_streams(VarInt::from_u64(streams).unwrap_or(VarInt::MAX))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .datagram_receive_buffer_size(None)
        .receive_window(VarInt::from_u32(config.receive_window_bytes))
        .stream_receive_window(VarInt::from_u32(config.stream_window_bytes(limits)))
        .send_window(u64::from(config.receive_window_bytes))
        .max_idle_timeout(Some(IdleTimeout::try_from(silence).unwrap_or(VarInt::MAX.into())))
        .keep_alive_interval(Some(silence / SIGNS_OF_LIFE));
    Ok(transport)
}

impl Endpoints {
    pub(crate) fn new(
        key: Arc<NodeKey>,
        config: &QuicConfig,
        limits: &Limits,
    ) -> Result<Self, TlsError> {
        let resets = Resets::new(&key);
        let tls = Tls::new(key);
        let transport = Arc::new(transport(config, limits)?);
        let mut server = ServerConfig::with_crypto(Arc::new(tls.server()?));
        server
            .transport_config(Arc::clone(&transport))
            .migration(false)
            .max_incoming(INCOMING_MAX)
            .incoming_buffer_size(INCOMING_BYTES_MAX)
            .incoming_buffer_size_total(INCOMING_BYTES_TOTAL_MAX);
        Ok(Self { tls, resets, transport, server, dialling: Mutex::default() })
    }

    /// An endpoint that listens.
    pub(crate) fn listening(&self, at: SocketAddr) -> io::Result<Endpoint> {
        let socket = UdpSocket::bind(at)?;
        let settings = self.resets.settings(socket.local_addr()?)?;
        endpoint(socket, settings, Some(self.server.clone()))
    }

    /// The settings for dialling `expected`; who proved to be somebody else is put into `found`.
    pub(crate) fn client(
        &self,
        expected: NodeId,
        found: &Arc<OnceLock<NodeId>>,
    ) -> Result<ClientConfig, TlsError> {
        let mut client = ClientConfig::new(Arc::new(self.tls.client(expected, found)?));
        client.transport_config(Arc::clone(&self.transport));
        Ok(client)
    }

    /// The endpoint that dials addresses like `to`.
    pub(crate) fn dialling(&self, to: SocketAddr) -> io::Result<Endpoint> {
        let mut dialling = self.dialling.lock().unwrap_or_else(PoisonError::into_inner);
        let (made, any): (_, SocketAddr) = match to {
            SocketAddr::V4(_) => (&mut dialling.v4, (Ipv4Addr::UNSPECIFIED, 0).into()),
            SocketAddr::V6(_) => (&mut dialling.v6, (Ipv6Addr::UNSPECIFIED, 0).into()),
        };
        match made {
            Some(endpoint) => Ok(endpoint.clone()),
            // Nobody dials it again at the same port, so its secrets need not last.
            None => {
                let dialling = endpoint(UdpSocket::bind(any)?, EndpointConfig::default(), None)?;
                Ok(made.insert(dialling).clone())
            }
        }
    }
}

fn endpoint(
    socket: UdpSocket,
    settings: EndpointConfig,
    server: Option<ServerConfig>,
) -> io::Result<Endpoint> {
    let runtime = quinn::default_runtime();
    let runtime = runtime.ok_or_else(|| io::Error::other("there is no tokio runtime here"))?;
    Endpoint::new(settings, server, socket, runtime)
}
