//! What an export can hold, and what each thing is called in it. The order of the variants is the order in
//! the file.

use core::fmt;
use core::str::FromStr;

use crate::HistoryFile;

/// A part of an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExportPart {
    /// The current checkpoint.
    Checkpoint,
    /// The agent record.
    Record,
    /// The module, as its author built it.
    Module,
    /// The manifest's text.
    Manifest,
    /// The receipts that the original wrote.
    Receipts,
    /// The records of the log that no segment holds yet.
    Journal,
    /// A file of the history.
    History(HistoryFile),
    /// The agent's private key under a passphrase.
    Identity,
}

/// The text names no part of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a part of an export, such as checkpoint or history/0000000004.ckpt")]
pub struct ExportPartError;

const HISTORY: &str = "history/";

impl ExportPart {
    /// Those that have one name.
    const NAMED: [(Self, &str); 7] = [
        (Self::Checkpoint, "checkpoint"),
        (Self::Record, "record"),
        (Self::Module, "module.wasm"),
        (Self::Manifest, "manifest.json"),
        (Self::Receipts, "receipts"),
        (Self::Journal, "journal"),
        (Self::Identity, "identity"),
    ];

    /// Those without which there is no export.
    pub const NEEDED: [Self; 4] = [Self::Checkpoint, Self::Record, Self::Module, Self::Manifest];
}

impl fmt::Display for ExportPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::History(file) = self {
            return write!(f, "{HISTORY}{file}");
        }
        let name = Self::NAMED.iter().find(|(part, _)| part == self);
        f.write_str(name.map_or("", |(_, name)| name))
    }
}

impl FromStr for ExportPart {
    type Err = ExportPartError;

    /// Reads a name; each part has exactly one.
    fn from_str(text: &str) -> Result<Self, ExportPartError> {
        if let Some(file) = text.strip_prefix(HISTORY) {
            return file.parse().map(Self::History).map_err(|_| ExportPartError);
        }
        let part = Self::NAMED.iter().find(|(_, name)| *name == text);
        part.map(|(part, _)| *part).ok_or(ExportPartError)
    }
}

#[cfg(test)]
mod tests {
    use crate::Tick;

    use super::*;

    #[test]
    fn every_part_has_one_name() {
        let file = HistoryFile::Segment { tick: Tick(4), copy: 0 };
        let mut parts: Vec<_> = ExportPart::NAMED.map(|(part, _)| part).into();
        parts.push(ExportPart::History(file));
        for part in parts {
            assert_eq!(part.to_string().parse(), Ok(part), "{part}");
        }
        assert_eq!(ExportPart::History(file).to_string(), "history/0000000004.seg");
    }

    #[test]
    fn other_names_are_refused() {
        for text in ["", "Checkpoint", "history/", "history/4.seg", "../record", "record/", "node"]
        {
            assert_eq!(text.parse::<ExportPart>(), Err(ExportPartError), "{text:?}");
        }
    }
}
