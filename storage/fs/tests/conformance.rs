//! The storage suite on the `fs` store.

conformance::storage_suite!(igor_storage_fs);
