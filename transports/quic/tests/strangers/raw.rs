//! A peer in plain quinn and rustls that can be told to do anything wrong. It believes everybody and proves
//! what it is told to.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use igor_core::format::NodeKey;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{ClientConfig, Connection, ConnectionError, Endpoint, ServerConfig, VarInt};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{AlwaysResolvesClientRawPublicKeys, ResolvesClientCert};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::AlwaysResolvesServerRawPublicKeys;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::sign::{CertifiedKey, Signer, SigningKey};
use rustls::{
    DigitallySignedStruct, DistinguishedName, Error, SignatureAlgorithm, SignatureScheme,
};

/// What precedes an Ed25519 key.
pub(crate) const ED25519: [u8; 12] = [48, 42, 48, 5, 6, 3, 43, 101, 112, 3, 33, 0];
/// What precedes the two coordinates of a key on the curve P-256.
pub(crate) const P256: [u8; 27] = [
    48, 89, 48, 19, 6, 7, 42, 134, 72, 206, 61, 2, 1, 6, 8, 42, 134, 72, 206, 61, 3, 1, 7, 3, 66,
    0, 4,
];

/// Signs a handshake, in whatever way.
type Sign = Arc<dyn Fn(&[u8]) -> Vec<u8> + Send + Sync>;

/// What a peer shows of itself.
#[derive(Clone)]
pub(crate) struct Proof {
    /// The keys, as they are sent.
    pub(crate) shown: Vec<Vec<u8>>,
    pub(crate) scheme: SignatureScheme,
    pub(crate) sign: Sign,
}

impl Proof {
    /// What a node shows.
    pub(crate) fn of(key: &Arc<NodeKey>) -> Self {
        let shown = [&ED25519[..], key.public_key().as_bytes()].concat();
        let signer = Arc::clone(key);
        let sign: Sign =
            Arc::new(move |message| signer.prove(message).unwrap().as_bytes().to_vec());
        Self { shown: vec![shown], scheme: SignatureScheme::ED25519, sign }
    }

    fn certified(self) -> Arc<CertifiedKey> {
        let shown = self.shown.iter().cloned().map(CertificateDer::from).collect();
        Arc::new(CertifiedKey::new(shown, Arc::new(self)))
    }
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proof")
    }
}

impl SigningKey for Proof {
    fn choose_scheme(&self, _: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        Some(Box::new(self.clone()))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ED25519
    }
}

impl Signer for Proof {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        Ok((self.sign)(message))
    }

    fn scheme(&self) -> SignatureScheme {
        self.scheme
    }
}

/// Believes everybody.
#[derive(Debug)]
struct Credulous;

impl ServerCertVerifier for Credulous {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

impl ClientCertVerifier for Credulous {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

/// Answers as if it had certificates of X.509.
#[derive(Debug)]
struct WithCertificate(Arc<CertifiedKey>);

impl ResolvesClientCert for WithCertificate {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// How a dialler shows its key.
#[derive(Clone)]
pub(crate) enum Shows {
    Nothing,
    RawKey(Proof),
    Certificate(Proof),
}

/// The settings of a dialler.
pub(crate) fn client(shows: Shows, alpn: &[&[u8]]) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Credulous));
    let mut config = match shows {
        Shows::Nothing => builder.with_no_client_auth(),
        Shows::RawKey(proof) => builder.with_client_cert_resolver(Arc::new(
            AlwaysResolvesClientRawPublicKeys::new(proof.certified()),
        )),
        Shows::Certificate(proof) => {
            builder.with_client_cert_resolver(Arc::new(WithCertificate(proof.certified())))
        }
    };
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    ClientConfig::new(Arc::new(QuicClientConfig::try_from(config).unwrap()))
}

/// A dialler that keeps to everything.
pub(crate) fn honest(key: &Arc<NodeKey>) -> ClientConfig {
    client(Shows::RawKey(Proof::of(key)), &[b"igor/1"])
}

/// A socket of its own.
pub(crate) fn endpoint() -> Endpoint {
    Endpoint::client(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap()
}

/// A listener that shows `proof`.
pub(crate) fn server(proof: Proof, alpn: &[u8]) -> Endpoint {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_client_cert_verifier(Arc::new(Credulous))
        .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(proof.certified())));
    config.alpn_protocols = vec![alpn.to_vec()];
    let config = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(config).unwrap()));
    Endpoint::server(config, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap()
}

/// Connects and greets; a connection is one that was welcomed.
pub(crate) async fn greet(
    endpoint: &Endpoint,
    config: ClientConfig,
    at: SocketAddr,
) -> Result<Connection, ConnectionError> {
    let connection = endpoint.connect_with(config, at, "igor").unwrap().await?;
    let lost = async || connection.closed().await;
    let Ok((mut writer, mut reader)) = connection.open_bi().await else { return Err(lost().await) };
    if writer.write_all(&[0]).await.is_err() || writer.finish().is_err() {
        return Err(lost().await);
    }
    match reader.read_to_end(10).await {
        Ok(answer) => {
            assert_eq!(answer, [1], "the welcome");
            Ok(connection)
        }
        Err(_) => Err(lost().await),
    }
}

/// A code of the transport's own, as in its README.
pub(crate) fn own(offset: u64) -> VarInt {
    VarInt::from_u64((1 << 32) + offset).unwrap()
}
