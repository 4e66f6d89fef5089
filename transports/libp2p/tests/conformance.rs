//! The transport suite on the `libp2p` transport.

conformance::transport_suite!(igor_transport_libp2p);
