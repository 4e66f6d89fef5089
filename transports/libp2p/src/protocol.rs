//! Which protocols of libp2p carry what. Two are spoken between nodes alone: one about the connection, and one
//! that carries any stream with everything that streams of libp2p have no words for. The others are also
//! spoken by programs that are no nodes of this kind, so their streams carry nothing but their bytes.

use igor_core::transport::ProtocolId;
use libp2p_swarm::StreamProtocol;

/// What two nodes say about their connection.
pub(crate) const CONNECTION: StreamProtocol = StreamProtocol::new("/igor/connection/1");
/// A stream between two nodes, which first says what it is for.
pub(crate) const STREAM: StreamProtocol = StreamProtocol::new("/igor/stream/1");
/// What strangers speak as well.
pub(crate) const PLAIN: [StreamProtocol; 3] = [
    StreamProtocol::new("/igor/ping/1.0.0"),
    StreamProtocol::new("/igor/price/1.0.0"),
    StreamProtocol::new("/igor/migrate/1.0.0"),
];

/// Everything that is answered here.
pub(crate) fn known() -> [StreamProtocol; 5] {
    let [ping, price, migrate] = PLAIN;
    [CONNECTION, STREAM, ping, price, migrate]
}

/// The protocol of libp2p for this one, if its streams are plain.
pub(crate) fn plain(protocol: &ProtocolId) -> Option<StreamProtocol> {
    PLAIN.into_iter().find(|plain| plain.as_ref() == protocol.as_str())
}
