//! Where a configured value comes from, and how that travels through figment: as a provider's
//! metadata. It decides nothing about precedence.

use std::fmt;

use figment::Metadata;

/// Where a configured value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// Nobody set it.
    Default,
    /// An environment variable, by name.
    Environment(String),
    /// A file, by the name it was given.
    File(String),
    /// A command-line flag, as in `--price`.
    Flag(String),
}

const ENVIRONMENT: &str = "environment";
const FILE: &str = "file";
const FLAG: &str = "flag";
const DEFAULT: &str = "default";

impl Source {
    pub(super) fn to_metadata(&self) -> Metadata {
        let (word, name) = match self {
            Self::Default => (DEFAULT, ""),
            Self::Environment(name) => (ENVIRONMENT, name.as_str()),
            Self::File(name) => (FILE, name.as_str()),
            Self::Flag(name) => (FLAG, name.as_str()),
        };
        Metadata::from(word, name)
    }

    pub(super) fn from_metadata(metadata: &Metadata) -> Self {
        let name = || {
            let name = metadata.source.as_ref().and_then(figment::Source::custom);
            name.unwrap_or_default().to_owned()
        };
        match &*metadata.name {
            ENVIRONMENT => Self::Environment(name()),
            FILE => Self::File(name()),
            FLAG => Self::Flag(name()),
            _ => Self::Default,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::File(name) | Self::Flag(name) => f.write_str(name),
        }
    }
}
