//! Gas per basic block: which operators are charged together, and where. A block begins at the
//! function's entry, in a loop, in an `if`, at an `else`, after an `end` and after a `br_if`; it is
//! charged where it begins. What follows a branch that is always taken is dead and never charged.
//! Knows no prices.

use wasmparser::ValType;

use super::plan::{Edit, What};

/// The charges found so far.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    entry_gas: u64,
    edits: Vec<Edit>,
    open: Open,
}

/// What the next operator is charged to.
#[derive(Debug, Default)]
enum Open {
    /// The function's entry.
    #[default]
    Entry,
    /// This edit.
    Edit(usize),
    /// Nothing: it is never executed.
    Dead,
}

/// A loop whose end has not been reached.
#[derive(Debug, Clone, Copy)]
pub(super) struct LoopHead(usize);

impl Blocks {
    /// Adds to the current block, and returns whether that made it one that is charged.
    pub(super) fn charge(&mut self, cost: u64) -> bool {
        let edit = match self.open {
            Open::Entry => {
                self.entry_gas += cost;
                return false;
            }
            Open::Edit(open) => self.edits.get_mut(open),
            Open::Dead => None,
        };
        match edit.map(|edit| &mut edit.what) {
            Some(What::Charge { gas, .. } | What::Loop { gas, .. }) => {
                *gas += cost;
                *gas == cost && cost > 0
            }
            _ => false,
        }
    }

    /// Begins a block at `at`, where the local copy of the counter is current or not.
    pub(super) fn begin(&mut self, at: usize, fresh: bool) {
        self.push(at, What::Charge { gas: 0, fresh });
    }

    /// Notes that what follows, up to where the next block begins, is never executed.
    pub(super) fn dead(&mut self) {
        self.open = Open::Dead;
    }

    /// Begins the block at the head of a loop.
    pub(super) fn begin_loop(&mut self, at: usize) -> LoopHead {
        self.push(at, What::Loop { gas: 0, fresh: false, floats: Vec::new() });
        LoopHead(self.edits.len() - 1)
    }

    /// Ends a loop that assigns `floats`. A loop that nothing branches back to needs no check.
    pub(super) fn end_loop(
        &mut self,
        head: LoopHead,
        repeats: bool,
        fresh: bool,
        floats: Vec<(u32, ValType)>,
    ) {
        let Some(edit) = self.edits.get_mut(head.0) else { return };
        if let What::Loop { gas, .. } = edit.what {
            edit.what = if repeats {
                What::Loop { gas, fresh, floats }
            } else {
                What::Charge { gas, fresh }
            };
        }
    }

    /// The charge at the function's entry, and the others.
    pub(super) fn finish(self) -> (u64, Vec<Edit>) {
        let mut edits = self.edits;
        edits.retain(|edit| !matches!(edit.what, What::Charge { gas: 0, .. }));
        (self.entry_gas, edits)
    }

    fn push(&mut self, at: usize, what: What) {
        self.edits.push(Edit { at, replaces: 0, what });
        self.open = Open::Edit(self.edits.len() - 1);
    }
}
