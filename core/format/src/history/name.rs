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
    /// An audit segment, named like the checkpoint that closes it, as in `0000000016.seg`.
    Segment {
        /// The checkpoint's tick.
        tick: Tick,
        /// Its number among the checkpoints of that tick.
        copy: u32,
    },
    /// What was said of the segments that were removed: `collected.sum`.
    Summary,
    /// The offer under which a node took the agent: the major number of the epoch that began with it, in at
    /// least ten digits, as in `0000000002.cert`.
    Certificate {
        /// The epoch's major number.
        epoch: u64,
    },
}

/// The text is not the name of a file in a history.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a file in a history, such as 0000000004.ckpt")]
pub struct HistoryFileError;

impl HistoryFile {
    const CHECKPOINT_SUFFIX: &str = ".ckpt";
    const FUND_PREFIX: &str = "fund-";
    const FUND_SUFFIX: &str = ".rec";
    const SEGMENT_SUFFIX: &str = ".seg";
    const SUMMARY_SUFFIX: &str = ".sum";
    const CERTIFICATE_SUFFIX: &str = ".cert";
    const SUMMARY: &str = "collected.sum";

    /// Whether a file of this name should be a checkpoint, however the rest of it is spelled.
    pub fn is_checkpoint(name: &str) -> bool {
        name.ends_with(Self::CHECKPOINT_SUFFIX)
    }

    /// Whether a file of this name should be a fund record, however the rest of it is spelled.
    pub fn is_fund(name: &str) -> bool {
        name.starts_with(Self::FUND_PREFIX) && name.ends_with(Self::FUND_SUFFIX)
    }

    /// Whether a file of this name should be an audit segment, however the rest of it is spelled.
    pub fn is_segment(name: &str) -> bool {
        name.ends_with(Self::SEGMENT_SUFFIX)
    }

    /// Whether a file of this name should be a summary, however the rest of it is spelled.
    pub fn is_summary(name: &str) -> bool {
        name.ends_with(Self::SUMMARY_SUFFIX)
    }

    /// Whether a file of this name should be a certificate, however the rest of it is spelled.
    pub fn is_certificate(name: &str) -> bool {
        name.ends_with(Self::CERTIFICATE_SUFFIX)
    }

    /// The tick in the name of a checkpoint or of the segment that it closes.
    pub const fn tick(self) -> Option<Tick> {
        match self {
            Self::Checkpoint { tick, .. } | Self::Segment { tick, .. } => Some(tick),
            Self::Fund(_) | Self::Summary | Self::Certificate { .. } => None,
        }
    }
}

impl fmt::Display for HistoryFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (tick, copy, suffix) = match self {
            Self::Checkpoint { tick, copy } => (tick, copy, Self::CHECKPOINT_SUFFIX),
            Self::Segment { tick, copy } => (tick, copy, Self::SEGMENT_SUFFIX),
            Self::Fund(id) => return write!(f, "fund-{id}.rec"),
            Self::Summary => return f.write_str(Self::SUMMARY),
            Self::Certificate { epoch } => {
                return write!(f, "{epoch:010}{}", Self::CERTIFICATE_SUFFIX);
            }
        };
        match copy {
            0 => write!(f, "{:010}{suffix}", tick.0),
            copy => write!(f, "{:010}_{copy:03}{suffix}", tick.0),
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
        } else if let Some(stem) = text.strip_suffix(Self::CHECKPOINT_SUFFIX) {
            let (tick, copy) = numbers(stem)?;
            Self::Checkpoint { tick, copy }
        } else if let Some(stem) = text.strip_suffix(Self::SEGMENT_SUFFIX) {
            let (tick, copy) = numbers(stem)?;
            Self::Segment { tick, copy }
        } else if let Some(stem) = text.strip_suffix(Self::CERTIFICATE_SUFFIX) {
            Self::Certificate { epoch: stem.parse().map_err(|_| HistoryFileError)? }
        } else {
            Self::Summary
        };
        if name.to_string() == text { Ok(name) } else { Err(HistoryFileError) }
    }
}

/// The tick and the number in a name without its ending.
fn numbers(stem: &str) -> Result<(Tick, u32), HistoryFileError> {
    let (tick, copy) = stem.split_once('_').unwrap_or((stem, "0"));
    let tick = Tick(tick.parse().map_err(|_| HistoryFileError)?);
    Ok((tick, copy.parse().map_err(|_| HistoryFileError)?))
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
            let (text, name) =
                (text.replace(".ckpt", ".seg"), HistoryFile::Segment { tick: Tick(tick), copy });
            assert_eq!(text.parse(), Ok(name));
            assert_eq!(name.to_string(), text);
            assert_eq!(name.tick(), Some(Tick(tick)));
        }
        for (text, epoch) in [
            ("0000000001.cert", 1),
            ("9999999999.cert", 9_999_999_999),
            ("18446744073709551615.cert", u64::MAX),
        ] {
            let name = HistoryFile::Certificate { epoch };
            assert_eq!(text.parse(), Ok(name));
            assert_eq!(name.to_string(), text);
            assert_eq!(name.tick(), None);
        }
        assert_eq!("collected.sum".parse(), Ok(HistoryFile::Summary));
        assert_eq!(HistoryFile::Summary.to_string(), "collected.sum");
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
            "16.seg",
            "16.cert",
            "0000000016_001.cert",
            "+000000016.cert",
            ".cert",
            "other.sum",
            ".sum",
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
