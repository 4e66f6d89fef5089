//! libp2p's handshake by hand, with whatever proof.

use igor_core::format::NodeKey;
use snow::{Builder, HandshakeState};

use super::socket::Socket;

const PATTERN: &str = "Noise_XX_25519_ChaChaPoly_SHA256";
/// What precedes the handshake's own key under the signature.
const DOMAIN: &[u8] = b"noise-libp2p-static-key:";

/// What a peer shows of itself: its key as libp2p writes it, and how it signs.
pub(crate) struct Proof {
    pub(crate) key: Vec<u8>,
    pub(crate) sign: fn(&[u8]) -> Vec<u8>,
}

/// An Ed25519 key as libp2p writes it.
pub(crate) fn ed25519(key: &[u8; 32]) -> Vec<u8> {
    [&[0x08, 0x01, 0x12, 0x20][..], key].concat()
}

/// A signature by the node whose key grows from bytes 7.
pub(crate) fn signed_by_7(message: &[u8]) -> Vec<u8> {
    NodeKey::from_seed(&[7; 32]).lend_seed(|seed| {
        let keypair = libp2p_identity::Keypair::ed25519_from_bytes(seed).unwrap();
        keypair.sign(message).unwrap()
    })
}

/// What is a signature over everything under the neutral element, to whoever is not strict.
pub(crate) fn forged(_: &[u8]) -> Vec<u8> {
    let mut signature = vec![0; 64];
    signature[0] = 1;
    signature
}

/// The neutral element of the curve.
pub(crate) fn neutral() -> [u8; 32] {
    let mut key = [0; 32];
    key[0] = 1;
    key
}

impl Proof {
    /// The message of a handshake: the key and the signature, in protobuf.
    fn payload(&self, dh_public: &[u8]) -> Vec<u8> {
        let signature = (self.sign)(&[DOMAIN, dh_public].concat());
        let mut payload = Vec::new();
        for (field, bytes) in [(0x0a, &self.key), (0x12, &signature)] {
            payload.push(field);
            let mut length = bytes.len();
            while length > 127 {
                payload.push(u8::try_from(length & 127).unwrap() | 128);
                length >>= 7;
            }
            payload.push(u8::try_from(length).unwrap());
            payload.extend(bytes);
        }
        payload
    }
}

async fn send(stream: &mut Socket, message: &[u8]) -> std::io::Result<()> {
    let length = u16::try_from(message.len()).unwrap().to_be_bytes();
    stream.write_all(&[&length, message].concat()).await
}

async fn receive(stream: &mut Socket) -> std::io::Result<Vec<u8>> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).await?;
    let length = u16::from_be_bytes(length);
    let mut message = vec![0; usize::from(length)];
    stream.read_exact(&mut message).await?;
    Ok(message)
}

/// Agrees on a protocol as the end that asks.
pub(crate) async fn agree(stream: &mut Socket, protocol: &str) -> std::io::Result<()> {
    let mut lines = Vec::new();
    for line in ["/multistream/1.0.0", protocol] {
        lines.push(u8::try_from(line.len() + 1).unwrap());
        lines.extend(line.as_bytes());
        lines.push(b'\n');
    }
    stream.write_all(&lines).await?;
    let mut answer = vec![0; lines.len()];
    stream.read_exact(&mut answer).await?;
    assert_eq!(answer, lines, "it does not agree to {protocol}");
    Ok(())
}

/// Agrees on a protocol as the end that is asked.
async fn be_asked(stream: &mut Socket, protocol: &str) -> std::io::Result<()> {
    for line in ["/multistream/1.0.0", protocol] {
        let mut asked = vec![0; line.len() + 2];
        stream.read_exact(&mut asked).await?;
        stream.write_all(&asked).await?;
    }
    Ok(())
}

fn session(initiator: bool) -> (HandshakeState, Vec<u8>) {
    let builder = || Builder::new(PATTERN.parse().unwrap());
    let dh = builder().generate_keypair().unwrap();
    let builder = builder().local_private_key(&dh.private).unwrap();
    let session = if initiator { builder.build_initiator() } else { builder.build_responder() };
    (session.unwrap(), dh.public)
}

/// The handshake as the end that dialled, up to its own proof.
pub(crate) async fn dial(stream: &mut Socket, proof: &Proof) -> std::io::Result<()> {
    agree(stream, "/noise").await?;
    let (mut session, dh_public) = session(true);
    let mut buffer = vec![0; 65_535];
    let count = session.write_message(&[], &mut buffer).unwrap();
    send(stream, &buffer[..count]).await?;
    let answer = receive(stream).await?;
    session.read_message(&answer, &mut buffer).unwrap();
    let count = session.write_message(&proof.payload(&dh_public), &mut buffer).unwrap();
    send(stream, &buffer[..count]).await
}

/// The handshake as the end that listens, up to its own proof.
pub(crate) async fn answer(stream: &mut Socket, proof: &Proof) -> std::io::Result<()> {
    be_asked(stream, "/noise").await?;
    let (mut session, dh_public) = session(false);
    let mut buffer = vec![0; 65_535];
    let first = receive(stream).await?;
    session.read_message(&first, &mut buffer).unwrap();
    let count = session.write_message(&proof.payload(&dh_public), &mut buffer).unwrap();
    send(stream, &buffer[..count]).await
}
