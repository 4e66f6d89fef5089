//! The transport trait: authenticated connections between nodes, carrying streams named by protocol.
//! A transport proves who the peer is and moves bytes. Framing, messages, limits and timeouts live
//! above it, once, and it knows nothing of agents.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

/// A node's identity: its Ed25519 public key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub [u8; 32]);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeId({self})")
    }
}

/// The address of a node in a transport's own notation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(pub String);

/// The name of what is spoken on a stream, as in `/igor/ping/1.0.0`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProtocolId(pub String);

/// A reason given to the peer when a stream or connection is closed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct CloseCode(pub u32);

/// A plugin that connects nodes.
///
/// # Behaviour
/// - `peer-is-proven`: a connection's [`Connection::peer`] holds the private key of that identity.
/// - `wrong-peer-is-refused`: connecting to an address that names an identity fails if another answers.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Accepts connections at `address`.
    ///
    /// # Errors
    /// When the address is not one of this transport's or cannot be listened on.
    async fn listen(&self, address: &Address) -> Result<Box<dyn Listener>, TransportError>;

    /// Connects to `address`.
    ///
    /// # Errors
    /// When no one answers there, or not the one who was named.
    async fn connect(&self, address: &Address) -> Result<Arc<dyn Connection>, TransportError>;
}

/// A place where connections arrive.
#[async_trait]
pub trait Listener: Send + Sync {
    /// The addresses that others can dial, identity included.
    fn addresses(&self) -> Vec<Address>;

    /// The next connection.
    ///
    /// # Errors
    /// When the listener no longer accepts any.
    async fn accept(&self) -> Result<Arc<dyn Connection>, TransportError>;
}

/// An authenticated connection to one peer.
///
/// # Behaviour
/// - `streams-are-named`: the peer accepts a stream together with the protocol it was opened for.
/// - `streams-are-independent`: a stalled stream does not stall another.
#[async_trait]
pub trait Connection: Send + Sync {
    /// Who the peer is.
    fn peer(&self) -> NodeId;

    /// Opens a stream.
    ///
    /// # Errors
    /// When the connection is closed or carries no more streams.
    async fn open(&self, protocol: &ProtocolId) -> Result<Box<dyn Stream>, TransportError>;

    /// The next stream that the peer opens.
    ///
    /// # Errors
    /// When the connection is closed.
    async fn accept(&self) -> Result<(ProtocolId, Box<dyn Stream>), TransportError>;

    /// Closes the connection and everything on it.
    async fn close(&self, code: CloseCode);
}

/// An ordered flow of bytes in both directions.
///
/// # Behaviour
/// - `bytes-arrive-in-order`: what is written is read, whole and in order, or the stream fails.
/// - `write-waits-for-reader`: a reader that stalls makes the writer wait; nothing grows without bound.
#[async_trait]
pub trait Stream: Send {
    /// Reads some bytes; 0 means that the peer finished.
    ///
    /// # Errors
    /// When the stream was reset or the connection is gone.
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, TransportError>;

    /// Writes all of `bytes`.
    ///
    /// # Errors
    /// When the stream was reset or the connection is gone.
    async fn write(&mut self, bytes: &[u8]) -> Result<(), TransportError>;

    /// Says that nothing more will be written.
    ///
    /// # Errors
    /// When the stream was reset or the connection is gone.
    async fn finish(&mut self) -> Result<(), TransportError>;

    /// Abandons the stream in both directions.
    fn reset(&mut self, code: CloseCode);
}

/// Why a transport call failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The address is not in this transport's notation.
    #[error("address {address:?}: {problem}")]
    Address {
        /// The address.
        address: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The peer closed or reset.
    #[error("{attempt}: closed by the peer with code {}", .code.0)]
    Closed {
        /// What was attempted.
        attempt: String,
        /// The peer's reason.
        code: CloseCode,
    },
    /// The network failed.
    #[error("{attempt}: {source}")]
    Io {
        /// What was attempted.
        attempt: String,
        /// The network's error.
        source: std::io::Error,
    },
    /// Someone else answered.
    #[error("connect to {expected}: {found} answered")]
    WrongPeer {
        /// Who was dialled.
        expected: NodeId,
        /// Who answered.
        found: NodeId,
    },
}
