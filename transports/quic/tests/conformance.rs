//! The transport suite on the `quic` transport.

conformance::transport_suite!(igor_transport_quic);
