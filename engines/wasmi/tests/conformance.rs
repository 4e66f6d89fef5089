//! The engine suite over this plugin.
conformance::engine_suite!(igor_engine_wasmi);
