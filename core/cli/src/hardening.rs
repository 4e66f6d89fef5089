//! Keeps signing keys out of core dumps and away from other processes of the same user. It does not
//! protect against root.

use rustix::process::{Resource, Rlimit, setrlimit};

/// Forbids core dumps and, on Linux, attaching a debugger. A system that refuses either loses no
/// function, so a refusal is only logged.
pub(crate) fn protect_secrets() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    if let Err(error) = setrlimit(Resource::Core, none) {
        tracing::warn!(%error, "core dumps could not be switched off");
    }
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
            tracing::warn!(%error, "the process could not be made undumpable");
        }
    }
}
