//! The storage suite on the `onefile` store.

conformance::storage_suite!(onefile);
