//! The node's key as libp2p's handshakes use it. The secret bytes are lent for as long as it takes to sign this
//! run's key of the handshake; none of it is kept here.

use igor_core::format::NodeKey;
use igor_core::transport::NodeId;
use libp2p_core::PeerId;
use libp2p_identity::Keypair;

use crate::address::node_of;

/// Uses the node's key in libp2p's form, once.
pub(crate) fn with_keypair<T, E: std::fmt::Display>(
    key: &NodeKey,
    sign: impl FnOnce(&Keypair) -> Result<T, E>,
) -> Result<T, String> {
    key.lend_seed(|seed| {
        let keypair = Keypair::ed25519_from_bytes(seed).map_err(|error| error.to_string())?;
        sign(&keypair).map_err(|error| error.to_string())
    })
}

/// The node that proved to have this peer id. libp2p takes signatures of keys for which anyone can sign, so
/// such a key proves nothing here.
pub(crate) fn proven(peer: &PeerId) -> Result<NodeId, Unproven> {
    let node = node_of(peer).ok_or(Unproven::OtherKey)?;
    if node.public_key().is_weak() { Err(Unproven::WeakKey) } else { Ok(node) }
}

/// Why a peer is no node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unproven {
    /// Its key is of another kind.
    OtherKey,
    /// Anyone can sign for its key.
    WeakKey,
}

impl std::fmt::Display for Unproven {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::OtherKey => "the peer's key is no Ed25519 key",
            Self::WeakKey => "the peer's key is one that anyone can sign for",
        })
    }
}

impl std::error::Error for Unproven {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peer_id_is_the_nodes_key() {
        let key = NodeKey::from_seed(&[7; 32]);
        let peer = with_keypair(&key, |pair| Ok::<_, String>(pair.public().to_peer_id()));
        let peer = peer.expect("any seed is a key");
        assert_eq!(proven(&peer), Ok(NodeId::of(&key.public_key())));
    }

    #[test]
    fn a_key_that_anyone_can_sign_for_proves_nothing() {
        let mut neutral = [0; 32];
        neutral[0] = 1;
        let peer = crate::address::peer_of(&NodeId(neutral)).expect("it has the form of a peer id");
        assert_eq!(proven(&peer), Err(Unproven::WeakKey));
    }
}
