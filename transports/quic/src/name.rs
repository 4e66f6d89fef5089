//! The first bytes of a stream: the length of its protocol's name in one byte, and the name. A length of 0 is
//! the greeting of a connection and no name.

use igor_core::transport::{PROTOCOL_BYTES_MAX, ProtocolId};
use quinn::RecvStream;

/// The bytes that open a stream of `protocol`.
pub(crate) fn opening(protocol: &ProtocolId) -> Vec<u8> {
    let name = protocol.as_str().as_bytes();
    let length = u8::try_from(name.len()).unwrap_or_default();
    [&[length], name].concat()
}

/// Reads what a stream is opened for; `None` if it does not say so.
pub(crate) async fn read(stream: &mut RecvStream) -> Option<ProtocolId> {
    let mut length = [0; 1];
    stream.read_exact(&mut length).await.ok()?;
    let length = usize::from(u8::from_be_bytes(length));
    let mut name = vec![0; length.min(PROTOCOL_BYTES_MAX)];
    if length != name.len() {
        return None;
    }
    stream.read_exact(&mut name).await.ok()?;
    ProtocolId::new(std::str::from_utf8(&name).ok()?).ok()
}
