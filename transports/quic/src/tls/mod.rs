//! TLS 1.3 between nodes: both ends prove their Ed25519 keys, which are sent as raw public keys (RFC 7250).
//! Nothing of X.509 is used, and nobody is trusted but the key that was asked for. Everything names its
//! cryptography explicitly: what else a program links changes nothing here.

mod key;
mod verify;

use std::sync::{Arc, OnceLock};

use igor_core::format::NodeKey;
use igor_core::transport::NodeId;
use quinn::crypto::rustls::{NoInitialCipherSuite, QuicClientConfig, QuicServerConfig};
use rustls::client::{AlwaysResolvesClientRawPublicKeys, Resumption};
use rustls::crypto::CryptoProvider;
use rustls::server::{AlwaysResolvesServerRawPublicKeys, NoServerSessionStorage};
use rustls::sign::CertifiedKey;
use rustls::version::TLS13;
use rustls::{ClientConfig, ServerConfig};

pub(crate) use self::key::node_of;
use self::key::{NodeSigner, raw_public_key};
use self::verify::{AnyNode, ThisNode};

/// What both ends must speak, as QUIC negotiates it.
const ALPN: &[u8] = b"igor/1";

/// Why there is no TLS: the cryptography that is linked does not do what is needed.
#[derive(Debug)]
pub(crate) struct TlsError(String);

impl std::fmt::Display for TlsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "set up TLS: {}", self.0)
    }
}

impl From<rustls::Error> for TlsError {
    fn from(error: rustls::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<NoInitialCipherSuite> for TlsError {
    fn from(error: NoInitialCipherSuite) -> Self {
        Self(error.to_string())
    }
}

/// This node's part of every handshake.
pub(crate) struct Tls {
    provider: Arc<CryptoProvider>,
    key: Arc<CertifiedKey>,
}

impl Tls {
    pub(crate) fn new(key: Arc<NodeKey>) -> Self {
        let public_key = raw_public_key(&NodeId::of(&key.public_key()));
        let key = CertifiedKey::new(vec![public_key.into()], Arc::new(NodeSigner::new(key)));
        Self { provider: Arc::new(rustls::crypto::ring::default_provider()), key: Arc::new(key) }
    }

    /// Accepts any node that proves its key.
    pub(crate) fn server(&self) -> Result<QuicServerConfig, TlsError> {
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&[&TLS13])?
            .with_client_cert_verifier(Arc::new(AnyNode))
            .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(Arc::clone(
                &self.key,
            ))));
        config.alpn_protocols = vec![ALPN.to_vec()];
        // Nothing is resumed and nothing is sent before the handshake is over: it could be replayed.
        config.max_early_data_size = 0;
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(QuicServerConfig::try_from(config)?)
    }

    /// Accepts `expected` and nobody else; who proved to be somebody else is put into `found`.
    pub(crate) fn client(
        &self,
        expected: NodeId,
        found: &Arc<OnceLock<NodeId>>,
    ) -> Result<QuicClientConfig, TlsError> {
        let verifier = ThisNode::new(expected, Arc::clone(found));
        let resolver = AlwaysResolvesClientRawPublicKeys::new(Arc::clone(&self.key));
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&[&TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_cert_resolver(Arc::new(resolver));
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.enable_sni = false;
        config.enable_early_data = false;
        config.resumption = Resumption::disabled();
        Ok(QuicClientConfig::try_from(config)?)
    }
}
