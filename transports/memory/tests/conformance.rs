//! The transport suite on the `memory` transport.

conformance::transport_suite!(igor_transport_memory);
