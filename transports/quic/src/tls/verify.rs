//! What the other end must show: a raw Ed25519 key, and a signature over this handshake by it. The check is
//! strict, so that a key for which anyone can sign proves nothing.

use std::sync::{Arc, OnceLock};

use igor_core::format::Signature;
use igor_core::transport::NodeId;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

use super::key::node_of;

/// Whose key was sent.
fn claimed(key: &CertificateDer<'_>, chain: &[CertificateDer<'_>]) -> Result<NodeId, Error> {
    match node_of(key) {
        Some(node) if chain.is_empty() => Ok(node),
        _ => Err(Error::InvalidCertificate(CertificateError::BadEncoding)),
    }
}

/// Who signed the handshake.
fn proven(
    message: &[u8],
    key: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
) -> Result<NodeId, Error> {
    let node = claimed(key, &[])?;
    let bad = || Error::InvalidCertificate(CertificateError::BadSignature);
    if signed.scheme != SignatureScheme::ED25519 {
        return Err(bad());
    }
    let bytes = signed.signature().try_into().map_err(|_| bad())?;
    let signature = Signature::from_bytes(bytes);
    node.public_key().verify_proof(message, &signature).map_err(|_| bad())?;
    Ok(node)
}

/// TLS 1.2 is not spoken over QUIC, so nothing of it is ever valid.
fn not_tls12() -> Result<HandshakeSignatureValid, Error> {
    Err(Error::General("TLS 1.2 is not spoken here".to_owned()))
}

/// Any node that proves to be one.
#[derive(Debug)]
pub(super) struct AnyNode;

impl ClientCertVerifier for AnyNode {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        key: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        claimed(key, chain).map(|_| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        not_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        key: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        proven(message, key, signed).map(|_| HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

/// One node and no other.
#[derive(Debug)]
pub(super) struct ThisNode {
    expected: NodeId,
    found: Arc<OnceLock<NodeId>>,
}

impl ThisNode {
    pub(super) const fn new(expected: NodeId, found: Arc<OnceLock<NodeId>>) -> Self {
        Self { expected, found }
    }
}

impl ServerCertVerifier for ThisNode {
    // Who it is, is judged with the signature: then the error can say who it really was.
    fn verify_server_cert(
        &self,
        key: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        claimed(key, chain).map(|_| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        not_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        key: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let node = proven(message, key, signed)?;
        if node == self.expected {
            return Ok(HandshakeSignatureValid::assertion());
        }
        self.found.get_or_init(|| node);
        Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}
