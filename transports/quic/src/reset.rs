//! How a node that was started again answers for connections that it knows nothing of any more: with a word that
//! only it can say, by which the other end takes the connection as over at once. What that word is made of comes
//! from the node's key and from where the node listens, so that nothing has to be kept.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use igor_core::format::NodeKey;
use quinn::EndpointConfig;
use quinn_proto::HashedConnectionIdGenerator;
use ring::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use ring::hmac;

/// What tells these secrets from all others that may come from the same key.
const TAG: &[u8] = b"igor/quic/reset/1\0";
/// The secret by which the words are made.
const WORDS: &[u8] = b"words\0";
/// The number by which the names of connections are recognised.
const NAMES: &[u8] = b"names\0";

/// Eight bytes of a secret.
struct Eight;

impl KeyType for Eight {
    fn len(&self) -> usize {
        size_of::<u64>()
    }
}

/// What the secrets of all listeners of a node come from.
pub(crate) struct Resets(Prk);

impl Resets {
    pub(crate) fn new(key: &NodeKey) -> Self {
        let salt = Salt::new(HKDF_SHA256, TAG);
        Self(key.lend_seed(|seed| salt.extract(seed)))
    }

    /// The settings of the endpoint at `at`. No two endpoints that there are at once share a secret: one could
    /// be asked to end the other's connections.
    pub(crate) fn settings(&self, at: SocketAddr) -> io::Result<EndpointConfig> {
        let failed = |_| io::Error::other("no secret can be derived");
        let at = at.to_string();
        let words = [WORDS, at.as_bytes()];
        let words = self.0.expand(&words, hmac::HMAC_SHA256).map_err(failed)?;
        let mut settings = EndpointConfig::new(Arc::new(hmac::Key::from(words)));
        let mut names = [0; size_of::<u64>()];
        let info = [NAMES, at.as_bytes()];
        self.0.expand(&info, Eight).and_then(|okm| okm.fill(&mut names)).map_err(failed)?;
        let names = u64::from_le_bytes(names);
        settings.cid_generator(move || Box::new(HashedConnectionIdGenerator::from_key(names)));
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use quinn::crypto::HmacKey;

    use super::*;

    /// The word for one connection of the endpoint at `at`.
    fn word(seed: u8, at: &str) -> Vec<u8> {
        let resets = Resets::new(&NodeKey::from_seed(&[seed; 32]));
        let words = [WORDS, at.as_bytes()];
        let words = resets.0.expand(&words, hmac::HMAC_SHA256).expect("it is short");
        let key = hmac::Key::from(words);
        let mut word = vec![0; key.signature_len()];
        HmacKey::sign(&key, b"a connection", &mut word);
        word
    }

    #[test]
    fn only_the_same_node_at_the_same_place_says_the_same() {
        let here = word(1, "127.0.0.1:7");
        assert_eq!(here, word(1, "127.0.0.1:7"));
        assert_ne!(here, word(2, "127.0.0.1:7"), "another node");
        assert_ne!(here, word(1, "127.0.0.1:8"), "another port");
        assert_ne!(here, word(1, "[::1]:7"), "another host");
    }
}
