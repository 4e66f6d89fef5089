//! An agent as one file, and back: everything that its life consists of, in an archive that the agent signed. What
//! is written is a copy; what is read is checked as a stranger's before anything of it becomes durable. It opens no
//! file: whoever calls hands in what is written to and read from.
//!
//! An export is no handoff: nobody gives the agent up. Whoever runs an export beside the agent it was made of
//! has two, each of which believes to be the only one. So an import holds the agent in a new epoch, above the
//! one that the file states: where the two meet, the older one stops. The bytes are specified in
//! `docs/spec/export.md`.

mod archive;
mod examine;
mod import;
mod journal;
mod seal;
mod shelf;
mod write;

pub use archive::{Archive, ArchiveError};
pub use examine::{Examined, Unfit, examine};
pub use import::{ImportError, Imported, import};
pub use seal::{SealError, open_identity};
pub use write::{Exported, NotExported, Wanted, export};

/// How far it is: each part is gone through twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copying {
    /// How many parts were gone through.
    pub done: u64,
    /// How many there are to go through.
    pub total: u64,
}
