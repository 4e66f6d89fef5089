//! Lets what an agent did last happen again on this node's engine, before the agent is taken. The calling
//! thread needs the stack that the engine asks for.

use std::collections::BTreeMap;

use igor_core::format::HistoryReport;

use super::Refusal;
use crate::audit::{Ending, Files, Gap, Ground, audit_end};

/// Files by name, in memory.
struct View<'a> {
    files: BTreeMap<&'a str, &'a [u8]>,
}

impl Files for View<'_> {
    fn names(&self) -> Vec<String> {
        self.files.keys().map(|name| (*name).to_owned()).collect()
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        let found = self.files.get(name).map(|bytes| bytes.to_vec());
        found.ok_or_else(|| "it did not arrive".to_owned())
    }

    fn current(&self) -> Result<Option<(String, Vec<u8>)>, String> {
        Ok(None)
    }
}

/// Re-executes the last segment of a history that was judged.
///
/// # Errors
/// [`Refusal::Refuted`]; [`Refusal::Unproven`] unless that is accepted.
pub(super) fn prove(
    files: &[(String, &[u8])],
    history: &HistoryReport,
    ground: Ground,
    accepts_unproven: bool,
) -> Result<(), Refusal> {
    let view = View { files: files.iter().map(|(name, bytes)| (name.as_str(), *bytes)).collect() };
    match audit_end(&view, history, ground) {
        Ending::Proven => Ok(()),
        Ending::Refuted(refuted) => Err(Refusal::Refuted(Box::new(refuted))),
        // The clock, or the operator of the other node, ended something; what was charged for it was
        // computed again, and nothing follows from it that was not computed here.
        Ending::Unproven(Gap::Cut | Gap::GivenUp) => Ok(()),
        Ending::Unproven(_) if accepts_unproven => Ok(()),
        Ending::Unproven(gap) => Err(Refusal::Unproven(gap)),
    }
}
