//! An agent in one file: a tar archive in one canonical form, whose first member says what the others are and is
//! signed by the agent. This is the first member ([`ExportContents`]), the names of the others ([`ExportPart`]) and
//! the headers between them ([`member_header`]); it reads no file, and whether the parts make sense together
//! is for others to judge.
//!
//! Why tar: anyone can look into a backup without this program. Why canonical: a reader that knows what comes
//! next compares, and parses nothing but text that was signed. The bytes are specified in `docs/spec/export.md`.

mod contents;
mod member;
mod part;

pub use contents::{ExportContents, ExportError, ExportFacts, ExportItem};
pub use member::{CONTENTS_NAME, MEMBER_BLOCK, member_end, member_header, member_size, padding};
pub use part::{ExportPart, ExportPartError};
