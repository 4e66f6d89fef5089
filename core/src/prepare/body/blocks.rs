//! Gas per basic block: which operators are charged together, and where. A block begins at the
//! function's entry, in a loop, in an `if`, at an `else`, after an `end` and after a `br_if`; it is
//! charged where it begins. Knows no prices.

use wasmparser::ValType;

use super::plan::{Edit, What};

/// The charges found so far.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    entry_gas: u64,
    edits: Vec<Edit>,
    open: Option<usize>,
}

/// A loop whose end has not been reached.
#[derive(Debug, Clone, Copy)]
pub(super) struct LoopHead(usize);

impl Blocks {
    /// Adds to the current block.
    pub(super) fn charge(&mut self, cost: u64) {
        let open = self.open.and_then(|open| self.edits.get_mut(open));
        match open.map(|edit| &mut edit.what) {
            Some(What::Charge(gas) | What::Loop { gas, .. }) => *gas += cost,
            _ => self.entry_gas += cost,
        }
    }

    /// Begins a block at `at`.
    pub(super) fn begin(&mut self, at: usize) {
        self.push(at, What::Charge(0));
    }

    /// Begins the block at the head of a loop.
    pub(super) fn begin_loop(&mut self, at: usize) -> LoopHead {
        self.push(at, What::Loop { gas: 0, floats: Vec::new() });
        LoopHead(self.edits.len() - 1)
    }

    /// Ends a loop that assigns `floats`. A loop that nothing branches back to needs no check.
    pub(super) fn end_loop(&mut self, head: LoopHead, repeats: bool, floats: Vec<(u32, ValType)>) {
        let Some(edit) = self.edits.get_mut(head.0) else { return };
        if let What::Loop { gas, .. } = edit.what {
            edit.what = if repeats { What::Loop { gas, floats } } else { What::Charge(gas) };
        }
    }

    /// The charge at the function's entry, and the others.
    pub(super) fn finish(self) -> (u64, Vec<Edit>) {
        let mut edits = self.edits;
        edits.retain(|edit| !matches!(edit.what, What::Charge(0)));
        (self.entry_gas, edits)
    }

    fn push(&mut self, at: usize, what: What) {
        self.edits.push(Edit { at, replaces: 0, what });
        self.open = Some(self.edits.len() - 1);
    }
}
