//! The manifest: what an agent asks of a node, as JSON that its author wrote. It grants nothing by
//! itself: the node compares it with what it offers. It is not part of a checkpoint; the node
//! keeps its text by hash with the agent.
//!
//! It is read by Go's rules (field names in any case, unknown fields skipped), as the original does,
//! with two exceptions: a name that occurs twice and a number out of range are errors. Capability
//! names are exact; unknown ones are kept, so that the node can name what it lacks.

use core::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::go_json::read_like_go;
use crate::{Hash, Microcents, Price};

/// Bytes of a page of guest memory.
const PAGE_BYTES: u64 = 65_536;
/// The most pages a 32-bit guest can have.
const PAGES_MAX: u64 = 65_536;

/// What an agent asks of a node.
#[derive(Debug, Clone)]
pub struct Manifest {
    hash: Hash,
    /// Sorted by name; each name once.
    capabilities: Vec<(Box<str>, Capability)>,
    resource_limits: ResourceLimits,
    migration_policy: Option<MigrationPolicy>,
}

/// One declared capability.
#[derive(Debug, Clone)]
pub struct Capability {
    version: u64,
    /// A JSON object.
    options: Option<Box<RawValue>>,
}

/// The resources an agent declares; 0 leaves each to the node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ResourceLimits {
    /// Bytes of memory it gets by with.
    pub max_memory_bytes: u64,
    /// Milliseconds of processor time; the original reads and ignores it.
    pub max_cpu_millis: u64,
    /// Bytes of storage; the original reads and ignores it.
    pub max_storage_bytes: u64,
}

/// Whether an agent may be moved. `preferred_regions`, which the original reads and ignores, is not
/// kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MigrationPolicy {
    /// Whether it may be moved at all. A policy that does not say so forbids it.
    pub enabled: bool,
    /// The highest price it accepts; `None` for any.
    pub max_price: Option<Price>,
}

/// Why text is no manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// More text than the caller allows.
    #[error("read manifest: {length} bytes, at most {limit} allowed")]
    TooLarge {
        /// Bytes of the text.
        length: u64,
        /// The limit it exceeds.
        limit: u64,
    },
    /// Not JSON, or JSON of another shape.
    #[error("read manifest: {0}")]
    Json(String),
    /// A capability is declared twice.
    #[error("read manifest: capability {0:?} is declared twice")]
    CapabilityTwice(String),
    /// A capability has no version, or version 0.
    #[error("read manifest: capability {0:?} needs a version of 1 or more")]
    CapabilityVersion(String),
    /// The options of a capability are no JSON object.
    #[error("read manifest: the options of capability {0:?} are not an object")]
    CapabilityOptions(String),
    /// The highest price is no amount.
    #[error("read manifest: max_price_per_second of {0} is out of range")]
    MaxPrice(i64),
}

impl Manifest {
    /// Reads a manifest of at most `bytes_max` bytes. No text at all declares nothing.
    ///
    /// # Errors
    /// [`ManifestError`].
    pub fn parse(text: &[u8], bytes_max: u64) -> Result<Self, ManifestError> {
        let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
        if length > bytes_max {
            return Err(ManifestError::TooLarge { length, limit: bytes_max });
        }
        let document = match text {
            [] => Document::default(),
            _ => serde_json::from_slice(text).map_err(|e| ManifestError::Json(e.to_string()))?,
        };
        Ok(Self {
            hash: Hash::of(text),
            capabilities: capabilities(document.capabilities.0)?,
            resource_limits: document.resource_limits,
            migration_policy: document.migration_policy.map(migration_policy).transpose()?,
        })
    }

    /// The hash of the text that was read.
    pub const fn hash(&self) -> Hash {
        self.hash
    }

    /// The capability of this name, if it is declared.
    pub fn capability(&self, name: &str) -> Option<&Capability> {
        let index = self.capabilities.binary_search_by(|(other, _)| (**other).cmp(name)).ok()?;
        self.capabilities.get(index).map(|(_, capability)| capability)
    }

    /// The declared capabilities, sorted by name.
    pub fn capabilities(&self) -> impl Iterator<Item = (&str, &Capability)> {
        self.capabilities.iter().map(|(name, capability)| (&**name, capability))
    }

    /// The declared capabilities that are not among `offered`, sorted by name.
    pub fn missing(&self, offered: &[&str]) -> Vec<&str> {
        let names = self.capabilities().map(|(name, _)| name);
        names.filter(|name| !offered.contains(name)).collect()
    }

    /// The declared resources.
    pub const fn resource_limits(&self) -> &ResourceLimits {
        &self.resource_limits
    }

    /// The migration policy; without one the agent may be moved anywhere.
    pub const fn migration_policy(&self) -> Option<&MigrationPolicy> {
        self.migration_policy.as_ref()
    }
}

impl Capability {
    /// The declared version, at least 1.
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// The options as the text of a JSON object, `{}` if there are none.
    pub fn options(&self) -> &str {
        self.options.as_ref().map_or("{}", |options| options.get())
    }
}

impl ResourceLimits {
    /// The declared memory in whole pages of 64 KiB, at least one; `None` if it is left to the node.
    pub fn memory_pages(&self) -> Option<u64> {
        let pages = (self.max_memory_bytes / PAGE_BYTES).clamp(1, PAGES_MAX);
        (self.max_memory_bytes != 0).then_some(pages)
    }
}

/// The JSON document as it is written.
#[derive(Default)]
struct Document {
    capabilities: DeclaredCapabilities,
    resource_limits: ResourceLimits,
    migration_policy: Option<DeclaredPolicy>,
}
read_like_go! {
    Document {
        "capabilities" => capabilities,
        "resource_limits" => resource_limits,
        "migration_policy" => migration_policy,
    }
}

read_like_go! {
    ResourceLimits {
        "max_memory_bytes" => max_memory_bytes,
        "max_cpu_millis" => max_cpu_millis,
        "max_storage_bytes" => max_storage_bytes,
    }
}

#[derive(Default)]
struct DeclaredPolicy {
    enabled: bool,
    max_price_per_second: i64,
}
read_like_go! {
    DeclaredPolicy {
        "enabled" => enabled,
        "max_price_per_second" => max_price_per_second,
    }
}

#[derive(Default)]
struct DeclaredCapability {
    version: u64,
    options: Option<Box<RawValue>>,
}
read_like_go! {
    DeclaredCapability {
        "version" => version,
        "options" => options,
    }
}

/// The capabilities in the order they are written, with every repetition.
#[derive(Default)]
struct DeclaredCapabilities(Vec<(Box<str>, DeclaredCapability)>);

impl<'de> Deserialize<'de> for DeclaredCapabilities {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = DeclaredCapabilities;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of capabilities")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<DeclaredCapabilities, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(DeclaredCapabilities(entries))
            }
        }

        deserializer.deserialize_map(Entries)
    }
}

fn capabilities(
    mut declared: Vec<(Box<str>, DeclaredCapability)>,
) -> Result<Vec<(Box<str>, Capability)>, ManifestError> {
    declared.sort_by(|(left, _), (right, _)| left.cmp(right));
    let twice = declared.windows(2).find_map(|pair| match pair {
        [(left, _), (right, _)] if left == right => Some(left),
        _ => None,
    });
    if let Some(name) = twice {
        return Err(ManifestError::CapabilityTwice(name.to_string()));
    }
    let checked = declared.into_iter().map(|(name, DeclaredCapability { version, options })| {
        if version == 0 {
            return Err(ManifestError::CapabilityVersion(name.into()));
        }
        if options.as_ref().is_some_and(|options| !options.get().starts_with('{')) {
            return Err(ManifestError::CapabilityOptions(name.into()));
        }
        Ok((name, Capability { version, options }))
    });
    checked.collect()
}

fn migration_policy(declared: DeclaredPolicy) -> Result<MigrationPolicy, ManifestError> {
    let DeclaredPolicy { enabled, max_price_per_second } = declared;
    let max_price = Microcents::new(max_price_per_second)
        .map_err(|_| ManifestError::MaxPrice(max_price_per_second))?;
    let max_price = (!max_price.is_zero()).then_some(Price::per_second(max_price));
    Ok(MigrationPolicy { enabled, max_price })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: &str = r#"{
        "capabilities": {
            "log": { "version": 1 },
            "clock": { "version": 2, "options": { "a": [1, "x"] } },
            "teleport": { "version": 1, "options": null }
        },
        "resource_limits": { "max_memory_bytes": 67108864, "max_cpu_millis": 5 },
        "migration_policy": { "enabled": true, "max_price_per_second": 10000,
                              "preferred_regions": ["eu"] },
        "comment": ["ignored", { "capabilities": {} }]
    }"#;

    fn parse(text: &str) -> Result<Manifest, ManifestError> {
        Manifest::parse(text.as_bytes(), 1_000)
    }

    #[test]
    fn everything_declared_is_there() {
        let manifest = parse(FULL).expect("a manifest");
        assert_eq!(manifest.hash(), Hash::of(FULL.as_bytes()));
        let names: Vec<_> = manifest.capabilities().map(|(name, _)| name).collect();
        assert_eq!(names, ["clock", "log", "teleport"]);
        let clock = manifest.capability("clock").expect("declared");
        assert_eq!((clock.version(), clock.options()), (2, r#"{ "a": [1, "x"] }"#));
        let teleport = manifest.capability("teleport").expect("declared");
        assert_eq!((teleport.version(), teleport.options()), (1, "{}"));
        assert!(manifest.capability("rand").is_none());
        assert_eq!(manifest.missing(&["log", "rand"]), ["clock", "teleport"]);
        assert_eq!(manifest.resource_limits().max_cpu_millis, 5);
        assert_eq!(manifest.resource_limits().memory_pages(), Some(1_024));
        let policy = manifest.migration_policy().expect("declared");
        let max_price = Microcents::new(10_000).map(Price::per_second).ok();
        assert_eq!((policy.enabled, policy.max_price), (true, max_price));
    }

    #[test]
    fn nothing_declares_nothing() {
        let null = r#"{"capabilities":null,"resource_limits":null,"migration_policy":null}"#;
        for text in ["", "{}", null] {
            let manifest = parse(text).expect("a manifest");
            assert_eq!(manifest.capabilities().count(), 0);
            assert_eq!(manifest.resource_limits().memory_pages(), None);
            assert_eq!(manifest.migration_policy(), None);
            assert_eq!(manifest.hash(), Hash::of(text.as_bytes()));
        }
    }

    #[test]
    fn a_policy_that_does_not_say_so_forbids_migration() {
        let manifest = parse(r#"{"Migration_Policy":{"max_price_per_second":0}}"#);
        let policy = manifest.expect("a manifest").migration_policy().copied();
        assert_eq!(policy, Some(MigrationPolicy::default()));
    }

    #[test]
    fn memory_is_counted_in_whole_pages() {
        for (bytes, pages) in [
            (0, None),
            (1, Some(1)),
            (65_535, Some(1)),
            (131_072, Some(2)),
            (200_000, Some(3)),
            (u64::MAX, Some(65_536)),
        ] {
            let limits = ResourceLimits { max_memory_bytes: bytes, ..ResourceLimits::default() };
            assert_eq!(limits.memory_pages(), pages, "{bytes}");
        }
    }

    #[test]
    fn unsound_manifests_are_refused_by_reason() {
        let check = |text: &str, expected: ManifestError| {
            assert_eq!(parse(text).err(), Some(expected), "{text}");
        };
        let log = || "log".to_owned();
        check(r#"{"capabilities":{"log":{}}}"#, ManifestError::CapabilityVersion(log()));
        check(r#"{"capabilities":{"log":{"version":0}}}"#, ManifestError::CapabilityVersion(log()));
        let list = r#"{"capabilities":{"log":{"version":1,"options":[1]}}}"#;
        check(list, ManifestError::CapabilityOptions(log()));
        let twice =
            r#"{"capabilities":{"log":{"version":1},"a":{"version":1},"log":{"version":1}}}"#;
        check(twice, ManifestError::CapabilityTwice(log()));
        for price in [-1, i64::MAX] {
            let text = format!(r#"{{"migration_policy":{{"max_price_per_second":{price}}}}}"#);
            check(&text, ManifestError::MaxPrice(price));
        }
        let limit = ManifestError::TooLarge { length: 1_001, limit: 1_000 };
        check(&" ".repeat(1_001), limit);
    }

    #[test]
    fn what_is_not_json_of_this_shape_is_refused_with_its_place() {
        for text in [
            " ",
            "nonsense",
            "[]",
            "{} {}",
            r#"{"capabilities":[]}"#,
            r#"{"capabilities":{"log":1}}"#,
            r#"{"capabilities":{"log":{"version":-1}}}"#,
            r#"{"capabilities":{"log":{"version":1.5}}}"#,
            r#"{"capabilities":{},"Capabilities":{}}"#,
            r#"{"resource_limits":{"max_memory_bytes":-1}}"#,
            r#"{"migration_policy":{"enabled":"yes"}}"#,
        ] {
            let error = parse(text).err();
            let Some(ManifestError::Json(message)) = error else {
                panic!("{text}: {error:?}");
            };
            assert!(message.contains("line 1"), "{text}: {message}");
        }
    }
}
