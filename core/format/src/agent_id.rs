//! The name under which a node keeps an agent. It is a local name, not the agent's identity (that
//! is its DID); as it becomes part of file names, only text that is harmless there can be one.

use alloc::sync::Arc;
use core::fmt;
use core::str::FromStr;

/// The name of an agent on one node: 1 to 200 bytes of printable text that is safe as a part of a
/// file name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgentId(Arc<str>);

/// The text cannot name an agent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("agent id {text:?} {reason}")]
pub struct AgentIdError {
    text: String,
    reason: &'static str,
}

impl AgentId {
    /// The longest name, in bytes; leaves room for suffixes within the usual 255 of a file name.
    pub const BYTES_MAX: usize = 200;

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AgentId {
    type Err = AgentIdError;

    fn from_str(text: &str) -> Result<Self, AgentIdError> {
        let bad = |character: char| matches!(character, '/' | '\\') || character.is_control();
        let reason = if text.is_empty() {
            "is empty"
        } else if text.len() > Self::BYTES_MAX {
            "is longer than 200 bytes"
        } else if text.chars().any(bad) {
            "holds a path separator or a control character"
        } else if text.starts_with('.') || text.starts_with('-') {
            "starts with a dot or a hyphen"
        } else if text.ends_with('.') || text.trim() != text {
            "ends with a dot or has space around it"
        } else {
            return Ok(Self(text.into()));
        };
        Err(AgentIdError { text: text.to_owned(), reason })
    }
}

impl fmt::Display for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AgentId({:?})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_are_accepted() {
        for text in ["heartbeat", "a", "a.b", "x_1-2", "größe", "two words", "Z", &"n".repeat(200)]
        {
            assert_eq!(text.parse::<AgentId>().map(|id| id.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn path_tricks_are_refused() {
        let long = "n".repeat(201);
        for text in [
            "",
            ".",
            "..",
            "../x",
            "x/../y",
            "a/b",
            "a\\b",
            "a\0b",
            "a\nb",
            ".igor",
            "-x",
            "x.",
            " x",
            "x ",
            "\u{1b}[2J",
            &long,
        ] {
            assert!(text.parse::<AgentId>().is_err(), "{text:?} was accepted");
        }
    }
}
