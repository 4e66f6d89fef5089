//! The one feature set of guest modules. Engines are configured to the same set, but it is
//! preparation that decides: the engines' own validators differ from version to version.

use wasmparser::WasmFeatures;

/// What a guest may use: WebAssembly 2.0 without SIMD and without `externref`.
///
/// This is what clang, Rust, TinyGo and Go emit by default. `externref` is left out (`GC_TYPES` is
/// wasmparser's name for it) because no import can hand a guest one, so that its only value would be
/// null. Engines are also given nothing of tail calls, exceptions, threads, memory64, multi-memory,
/// extended constant expressions, typed function references and garbage collection.
pub(super) const FEATURES: WasmFeatures = WasmFeatures::MUTABLE_GLOBAL
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT)
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::REFERENCE_TYPES)
    .union(WasmFeatures::MULTI_VALUE)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::FLOATS);
