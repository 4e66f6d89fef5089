//! The transport trait: authenticated connections between nodes, carrying streams named by protocol.
//! A transport proves who the peer is and moves bytes. Framing, messages and their time limits live
//! above it, once, and it knows nothing of agents.

mod address;
mod admission;
mod error;
mod protocol;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use async_trait::async_trait;

pub use address::{ADDRESS_BYTES_MAX, Address, AddressParts};
pub use admission::{Admission, Admitted};
pub use error::TransportError;
pub use protocol::{PROTOCOL_BYTES_MAX, ProtocolId};

use crate::format::PublicKey;

/// A node's identity: its Ed25519 public key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub [u8; 32]);

impl NodeId {
    /// The identity that holds the private half of `key`.
    pub const fn of(key: &PublicKey) -> Self {
        Self(*key.as_bytes())
    }

    /// The key that the node proves itself by.
    pub const fn public_key(&self) -> PublicKey {
        PublicKey::from_bytes(self.0)
    }
}

impl fmt::Display for NodeId {
    /// 64 lowercase hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeId({self})")
    }
}

/// The text is no NodeId.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a NodeId has 64 lowercase hexadecimal digits")]
pub struct NodeIdError;

impl FromStr for NodeId {
    type Err = NodeIdError;

    fn from_str(text: &str) -> Result<Self, NodeIdError> {
        let digits = text.as_bytes();
        let is_digit = |digit: &u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
        if digits.len() != 64 || !digits.iter().all(is_digit) {
            return Err(NodeIdError);
        }
        let mut id = [0; 32];
        for (byte, index) in id.iter_mut().zip((0..64).step_by(2)) {
            let pair = text.get(index..index + 2).ok_or(NodeIdError)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| NodeIdError)?;
        }
        Ok(Self(id))
    }
}

/// A reason given to the peer when a stream or connection is closed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(pub u32);

/// A plugin that connects nodes.
///
/// The futures of all calls here can be dropped at any time; what [`WriteHalf::write_all`] says is the
/// exception.
///
/// # Behaviour
/// - `peer-is-proven`: a connection's [`Connection::peer`] holds the private key of that identity.
/// - `wrong-peer-is-refused`: connecting fails if another answers than the address names.
/// - `connected-is-admitted`: who connects has a connection only when the other end has admitted it.
/// - `connections-are-bounded`: at either end, the limits' numbers of connections are not exceeded; the
///   one too many is refused and says so, and the others go on.
/// - `addresses-name-nodes`: the address of a listener names the node that listens.
/// - `bad-addresses-are-refused`: an address that is not in this transport's notation, or that names no
///   identity to connect to, is [`TransportError::Address`].
/// - `calls-can-be-dropped`: a call whose future is dropped before it is done has lost nothing: no bytes,
///   no stream, no connection that another call does not get.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Who this node is.
    fn local(&self) -> NodeId;

    /// The address to listen at when nothing else is said: a free place that only this machine reaches.
    fn any_address(&self) -> Address;

    /// Who an address names, without going there.
    ///
    /// # Errors
    /// [`TransportError::Address`] when it is not one of this transport's, or names nobody.
    fn named(&self, address: &Address) -> Result<NodeId, TransportError>;

    /// Accepts connections at `address`, which may name this node's identity.
    ///
    /// # Errors
    /// When the address is not one of this transport's or cannot be listened on.
    async fn listen(&self, address: &Address) -> Result<Box<dyn Listener>, TransportError>;

    /// Connects to `address`, which names the identity of who is to answer.
    ///
    /// # Errors
    /// When no one answers there, or not the one who was named, or a limit is reached.
    async fn connect(&self, address: &Address) -> Result<Arc<dyn Connection>, TransportError>;
}

/// A place where connections arrive. Dropping it closes it.
///
/// # Behaviour
/// - `listeners-can-be-dialled`: every address of a listener can be connected to.
/// - `any-address-is-free`: listening at [`Transport::any_address`] gives a place of its own each time.
/// - `listeners-close`: a closed listener accepts nothing more, and a waiting [`Listener::accept`] fails;
///   connections that were accepted go on.
/// - `addresses-are-free-again`: the address can be listened on again soon after the listener and its
///   connections are gone.
#[async_trait]
pub trait Listener: Send + Sync {
    /// The addresses that others can dial, identity included.
    fn addresses(&self) -> Vec<Address>;

    /// The next connection.
    ///
    /// # Errors
    /// When the listener is closed.
    async fn accept(&self) -> Result<Arc<dyn Connection>, TransportError>;

    /// Accepts nothing more.
    fn close(&self);
}

/// An authenticated connection to one peer. It ends when an end closes it, or when an end has dropped it
/// and all of its streams; that is a close with code 0.
///
/// # Behaviour
/// - `streams-are-named`: the peer accepts a stream together with the protocol it was opened for, known to
///   it or not.
/// - `streams-are-independent`: streams whose readers stall do not stall another.
/// - `streams-are-bounded`: while an end has as many streams open as the limits say, opening one more waits
///   until one of them is over.
/// - `closing-is-heard`: after a close every call fails at both ends; at the other with the code.
#[async_trait]
pub trait Connection: Send + Sync {
    /// Who the peer is.
    fn peer(&self) -> NodeId;

    /// Opens a stream.
    ///
    /// # Errors
    /// When the connection is closed.
    async fn open(&self, protocol: &ProtocolId) -> Result<Stream, TransportError>;

    /// The next stream that the peer opens. Streams need not arrive in the order in which they were
    /// opened.
    ///
    /// # Errors
    /// When the connection is closed.
    async fn accept(&self) -> Result<(ProtocolId, Stream), TransportError>;

    /// Closes the connection and everything on it. What was [delivered](WriteHalf::delivered) can still
    /// be read at the other end; anything else may be lost.
    async fn close(&self, code: CloseCode);
}

/// An ordered flow of bytes in both directions, in two halves that can be used at the same time.
///
/// # Behaviour
/// - `bytes-arrive-in-order`: what is written is read, whole and in order, or the stream fails.
/// - `write-waits-for-reader`: a reader that stalls makes the writer wait; nothing grows without bound.
/// - `halves-end-separately`: finishing or abandoning one direction leaves the other as it is.
/// - `finishing-delivers`: everything that was written before a finish is read before the end is.
/// - `delivered-outlives-close`: what was delivered is read even if the writer closes the connection.
/// - `codes-arrive`: abandoning a half fails the other end's calls with the code.
/// - `dropping-abandons`: dropping a half that is not over abandons it with code 0; in particular it is
///   never read as a finish.
pub struct Stream {
    /// What this end says.
    pub writer: Box<dyn WriteHalf>,
    /// What the peer says.
    pub reader: Box<dyn ReadHalf>,
}

impl Stream {
    /// Abandons both directions.
    pub fn reset(&mut self, code: CloseCode) {
        self.writer.reset(code);
        self.reader.stop(code);
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").finish_non_exhaustive()
    }
}

/// The half of a stream that reads.
#[async_trait]
pub trait ReadHalf: Send {
    /// Reads some bytes; 0 means that the peer finished, unless `buffer` is empty.
    ///
    /// # Errors
    /// When the peer abandoned what it was saying, or the connection is gone.
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, TransportError>;

    /// Says that nothing more will be read.
    fn stop(&mut self, code: CloseCode);
}

/// The half of a stream that writes.
#[async_trait]
pub trait WriteHalf: Send {
    /// Writes some of `bytes`, and says how many: at least one, unless there are none. If the future is
    /// dropped, it has written none.
    ///
    /// # Errors
    /// When the peer stopped reading, or the stream was finished, or the connection is gone.
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, TransportError>;

    /// Writes all of `bytes`. If the future is dropped, nobody knows how many were written.
    ///
    /// # Errors
    /// Those of [`write`](WriteHalf::write).
    async fn write_all(&mut self, bytes: &[u8]) -> Result<(), TransportError> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let written = self.write(rest).await?;
            rest = rest.get(written..).unwrap_or_default();
        }
        Ok(())
    }

    /// Says that nothing more will be written. It does not wait for the peer.
    ///
    /// # Errors
    /// When the half is over already, or the connection is gone.
    fn finish(&mut self) -> Result<(), TransportError>;

    /// Waits until a finished half has been delivered: the peer has all of it, read or not. Acknowledgements
    /// may be late; an answer of the peer says more, and mostly sooner.
    ///
    /// # Errors
    /// When the peer stopped reading, or the half is not finished, or the connection is gone.
    async fn delivered(&mut self) -> Result<(), TransportError>;

    /// Abandons what is being written; the peer may not see what it has not read yet.
    fn reset(&mut self, code: CloseCode);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_id_is_read_as_it_is_shown() {
        let id = NodeId(std::array::from_fn(|index| u8::try_from(index * 8).expect("it fits")));
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!(id.to_string().starts_with("000810"));
        let text = id.to_string();
        for other in ["", &text[1..], &format!("{text}0"), &text.to_uppercase(), &"é".repeat(32)] {
            assert_eq!(other.parse::<NodeId>(), Err(NodeIdError), "{other:?}");
        }
        assert_eq!(NodeId::of(&id.public_key()), id);
    }
}
