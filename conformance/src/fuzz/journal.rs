//! Journal entries from random bytes: reading them never panics, and what is read has exactly one
//! encoding, so that no two byte strings are the same record. It does not look at their order.

use igor_format::{Entry, Hash};

/// An entry was read whose encoding is not what it was read from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read from {from:02x?}, the entry is written as {to:02x?}")]
pub struct Ambiguous {
    /// The bytes that were read.
    pub from: Vec<u8>,
    /// The bytes that were written.
    pub to: Vec<u8>,
}

/// Reads `content` as an entry without its checksum, which no chance would find; whether it is one.
///
/// # Errors
/// When it is one, but not what that entry is written as.
pub fn check(content: &[u8]) -> Result<bool, Ambiguous> {
    let checksum = Hash::of(content);
    let bytes: Vec<u8> = content.iter().chain(&checksum.as_bytes()[..8]).copied().collect();
    let Ok((entry, chain)) = Entry::decode(&bytes) else { return Ok(false) };
    let (written, written_chain) = entry.encode();
    if written == bytes && written_chain == chain {
        return Ok(true);
    }
    Err(Ambiguous { from: bytes, to: written })
}
