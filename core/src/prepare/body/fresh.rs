//! Whether the function's own copy of the gas counter is current. Every charge leaves the new value in
//! a local as well as in the global; until the next call, which may change the global, the local will
//! do, so that a loop without calls never reads the global. This is about speed only: the global is
//! always written.

/// What is known at the point that the walk has reached.
#[derive(Debug)]
pub(super) struct Fresh {
    now: bool,
    frames: Vec<Label>,
}

/// An open block.
#[derive(Debug, Clone, Copy)]
struct Label {
    kind: Kind,
    /// What was known where it was entered.
    entered: bool,
    /// What is known on every branch to its label so far.
    branches: bool,
}

/// The kind of an open block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `block`, or an `if` whose `else` has been reached.
    Block,
    /// `if` without an `else` so far.
    If,
    /// `loop`.
    Loop,
}

impl Default for Fresh {
    /// At the function's first operator, after the charge for its entry.
    fn default() -> Self {
        let function = Label { kind: Kind::Block, entered: true, branches: true };
        Self { now: true, frames: vec![function] }
    }
}

impl Fresh {
    /// Whether the copy is current.
    pub(super) fn now(&self) -> bool {
        self.now
    }

    /// A charge was made, which renews the copy.
    pub(super) fn charged(&mut self) {
        self.now = true;
    }

    /// A call was made.
    pub(super) fn called(&mut self) {
        self.now = false;
    }

    /// What follows is never executed, so that whatever is said of it holds.
    pub(super) fn dead(&mut self) {
        self.now = true;
    }

    /// A block was opened.
    pub(super) fn open(&mut self, kind: Kind) {
        self.frames.push(Label { kind, entered: self.now, branches: true });
    }

    /// A branch to the label at `depth` may be taken.
    pub(super) fn branch(&mut self, depth: usize) {
        let now = self.now;
        if let Some(frame) = self.frames.iter_mut().rev().nth(depth) {
            frame.branches &= now;
        }
    }

    /// The `else` of the innermost block was reached.
    pub(super) fn otherwise(&mut self) {
        let now = self.now;
        if let Some(frame) = self.frames.last_mut() {
            frame.kind = Kind::Block;
            frame.branches &= now;
            self.now = frame.entered;
        }
    }

    /// The innermost block ends. For a loop, returns whether the copy is current at its head, wherever
    /// that is reached from.
    pub(super) fn end(&mut self) -> bool {
        let Some(frame) = self.frames.pop() else { return false };
        match frame.kind {
            Kind::Block => self.now &= frame.branches,
            Kind::If => self.now &= frame.branches && frame.entered,
            // Branches to a loop go to its head; it is left at its end only.
            Kind::Loop => {}
        }
        frame.entered && frame.branches
    }
}
