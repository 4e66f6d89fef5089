//! The macros by which a plugin's own repository runs its suite: each names the crate, so that it is
//! linked, and defines `main`. They hold no logic.

/// Defines `main` of a `tests/conformance.rs`: the engine suite on the engines that a crate registers.
///
/// `engine_suite!(my_engine)`, or `engine_suite!(my_engine, config = r#"threads = 1"#)`.
#[macro_export]
macro_rules! engine_suite {
    ($krate:ident $(,)?) => {
        $crate::engine_suite!($krate, config = "");
    };
    ($krate:ident, config = $config:expr $(,)?) => {
        use $krate as _;

        fn main() -> ::std::process::ExitCode {
            $crate::harness::run_engines($config)
        }
    };
}

/// Defines `main` of a `tests/conformance.rs`: the storage suite on the stores that a crate registers.
///
/// `storage_suite!(my_store)` opens them in fresh directories, `config = r#"…"#` gives them a section,
/// and `fixture = MyFixture` names a type that opens them: one that is [`Default`] and a
/// [`StorageFixture`](crate::storage::StorageFixture).
#[macro_export]
macro_rules! storage_suite {
    ($krate:ident $(,)?) => {
        $crate::storage_suite!($krate, config = "");
    };
    ($krate:ident, config = $config:expr $(,)?) => {
        use $krate as _;

        fn main() -> ::std::process::ExitCode {
            $crate::harness::run_storages(stringify!($krate), $config)
        }
    };
    ($krate:ident, fixture = $fixture:ty $(,)?) => {
        use $krate as _;

        fn main() -> ::std::process::ExitCode {
            $crate::harness::run_storages_in::<$fixture>(stringify!($krate))
        }
    };
}

/// Defines `main` of a `tests/conformance.rs`: the meter suite on the meters that a crate registers.
///
/// `meter_suite!(my_meter)`, or `meter_suite!(my_meter, config = r#"…"#)`.
#[macro_export]
macro_rules! meter_suite {
    ($krate:ident $(,)?) => {
        $crate::meter_suite!($krate, config = "");
    };
    ($krate:ident, config = $config:expr $(,)?) => {
        use $krate as _;

        fn main() -> ::std::process::ExitCode {
            $crate::harness::run_meters($config)
        }
    };
}

/// Defines `main` of a `tests/conformance.rs`: the transport suite on the transports that a crate registers.
///
/// `transport_suite!(my_transport)` builds nodes from its registration, `config = r#"…"#` gives them a
/// section, and `fixture = MyFixture` names a type that makes them: one that is [`Default`] and a
/// [`TransportFixture`](crate::transport::TransportFixture).
#[macro_export]
macro_rules! transport_suite {
    ($krate:ident $(,)?) => {
        $crate::transport_suite!($krate, config = "");
    };
    ($krate:ident, config = $config:expr $(,)?) => {
        use $krate as _;

        fn main() -> ::std::process::ExitCode {
            $crate::harness::run_transports($config)
        }
    };
    ($krate:ident, fixture = $fixture:ty $(,)?) => {
        use $krate as _;

        fn main() -> ::std::process::ExitCode {
            $crate::harness::run_transports_in::<$fixture>()
        }
    };
}
