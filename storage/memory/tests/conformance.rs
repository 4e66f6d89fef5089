//! The storage suite on the `memory` store.

conformance::storage_suite!(igor_storage_memory);
