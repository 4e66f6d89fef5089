//! The names of the files in a history. They order nothing: the chain does. A name only keeps files
//! apart and says what each should be.

use core::fmt;
use core::str::FromStr;

use crate::{FundId, Tick};

/// What a file of a history is, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HistoryFile {
    /// A checkpoint: the tick in at least ten digits, and from the second of one tick on an
    /// underscore and its number in at least three, as in `0000000004.ckpt`, `0000000004_001.ckpt`.
    Checkpoint {
        /// The checkpoint's tick.
        tick: Tick,
        /// Its number among the checkpoints of that tick.
        copy: u32,
    },
    /// A fund record: its id between `fund-` and `.rec`.
    Fund(FundId),
}

/// The text is not the name of a file in a history.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a file in a history, such as 0000000004.ckpt")]
pub struct HistoryFileError;

impl HistoryFile {
    const CHECKPOINT_SUFFIX: &str = ".ckpt";
    const FUND_PREFIX: &str = "fund-";
    const FUND_SUFFIX: &str = ".rec";

    /// Whether a file of this name should be a checkpoint, however the rest of it is spelled.
    pub fn is_checkpoint(name: &str) -> bool {
        name.ends_with(Self::CHECKPOINT_SUFFIX)
    }

    /// Whether a file of this name should be a fund record, however the rest of it is spelled.
    pub fn is_fund(name: &str) -> bool {
        name.starts_with(Self::FUND_PREFIX) && name.ends_with(Self::FUND_SUFFIX)
    }

    /// The tick in the name of a checkpoint.
    pub const fn tick(self) -> Option<Tick> {
        match self {
            Self::Checkpoint { tick, .. } => Some(tick),
            Self::Fund(_) => None,
        }
    }
}

impl fmt::Display for HistoryFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Checkpoint { tick, copy: 0 } => write!(f, "{:010}.ckpt", tick.0),
            Self::Checkpoint { tick, copy } => write!(f, "{:010}_{copy:03}.ckpt", tick.0),
            Self::Fund(id) => write!(f, "fund-{id}.rec"),
        }
    }
}

impl FromStr for HistoryFile {
    type Err = HistoryFileError;

    /// Reads a name; each file has exactly one.
    fn from_str(text: &str) -> Result<Self, HistoryFileError> {
        let name = if let Some(rest) = text.strip_prefix(Self::FUND_PREFIX) {
            let id = rest.strip_suffix(Self::FUND_SUFFIX).ok_or(HistoryFileError)?;
            Self::Fund(id.parse().map_err(|_| HistoryFileError)?)
        } else {
            let stem = text.strip_suffix(Self::CHECKPOINT_SUFFIX).ok_or(HistoryFileError)?;
            let (tick, copy) = stem.split_once('_').unwrap_or((stem, "0"));
            Self::Checkpoint {
                tick: Tick(tick.parse().map_err(|_| HistoryFileError)?),
                copy: copy.parse().map_err(|_| HistoryFileError)?,
            }
        };
        if name.to_string() == text { Ok(name) } else { Err(HistoryFileError) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for (text, tick, copy) in [
            ("0000000000.ckpt", 0, 0),
            ("0000000016.ckpt", 16, 0),
            ("0000000016_001.ckpt", 16, 1),
            ("0000000016_1000.ckpt", 16, 1_000),
            ("18446744073709551615_4294967295.ckpt", u64::MAX, u32::MAX),
        ] {
            let name = HistoryFile::Checkpoint { tick: Tick(tick), copy };
            assert_eq!(text.parse(), Ok(name));
            assert_eq!(name.to_string(), text);
        }
        let name = HistoryFile::Fund(FundId::from_bytes([0x0a; 16]));
        assert_eq!(name.to_string(), format!("fund-{}.rec", "0a".repeat(16)));
        assert_eq!(name.to_string().parse(), Ok(name));
        assert_eq!(name.tick(), None);
    }

    #[test]
    fn other_names_are_refused() {
        for text in [
            "",
            ".ckpt",
            "16.ckpt",
            "00000000016.ckpt",
            "0000000016_000.ckpt",
            "0000000016_1.ckpt",
            "+000000016.ckpt",
            "0000000016.ckpt.tmp",
            "../0000000016.ckpt",
            "fund-0a.rec",
            "fund-.ckpt",
            "0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a.rec",
            "18446744073709551616.ckpt",
        ] {
            assert_eq!(text.parse::<HistoryFile>(), Err(HistoryFileError), "{text}");
        }
    }
}
