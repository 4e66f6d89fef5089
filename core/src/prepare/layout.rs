//! Where everything injected lies in the index spaces of the prepared module, and which types and
//! globals it needs there. It writes no code.
//!
//! Functions: the guest's imports, the refill import, the guest's functions, the helpers, one
//! trampoline for each addressed import. Globals: the guest's, gas left, slots left, scratch.
//! Types: the guest's, then what is added here.

use wasmparser::{FuncType, ValType};

use super::cost::Length;
use super::source::Source;

/// The injected functions besides trampolines, in order of their indices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Helper {
    /// `() -> ()`: asks the host for gas, with the counter below zero.
    Refill,
    /// `() -> ()`: tells the host that the stack guard was hit; does not return.
    StackGuard,
    /// `(i32) -> i32`: charges a length in bytes, checks, returns the length.
    Bytes,
    /// `(i32) -> i32`: the same for pages.
    Pages,
    /// `(i32) -> i32`: the same for elements.
    Elements,
}

impl Helper {
    /// All of them.
    pub(super) const ALL: [Self; 5] =
        [Self::Refill, Self::StackGuard, Self::Bytes, Self::Pages, Self::Elements];

    /// Its position among the helpers.
    const fn position(self) -> u32 {
        match self {
            Self::Refill => 0,
            Self::StackGuard => 1,
            Self::Bytes => 2,
            Self::Pages => 3,
            Self::Elements => 4,
        }
    }

    /// Its type.
    pub(super) fn ty(self) -> FuncType {
        match self {
            Self::Refill | Self::StackGuard => FuncType::new([], []),
            Self::Bytes | Self::Pages | Self::Elements => {
                FuncType::new([ValType::I32], [ValType::I32])
            }
        }
    }
}

impl From<Length> for Helper {
    fn from(length: Length) -> Self {
        match length {
            Length::Bytes => Self::Bytes,
            Length::Pages => Self::Pages,
            Length::Elements => Self::Elements,
        }
    }
}

/// Indices of the prepared module.
pub(super) struct Layout {
    /// The imported slow path, right after the guest's imports.
    pub(super) refill_import: u32,
    /// The global that holds the gas left.
    pub(super) gas: u32,
    /// The global that holds the stack-guard slots left.
    pub(super) slots: u32,
    helpers: u32,
    trampolines: Vec<u32>,
    scratch_base: u32,
    scratch: Vec<ValType>,
    types_base: u32,
    types: Vec<FuncType>,
}

impl Layout {
    /// The layout for a module whose sections before the code have all been read.
    pub(super) fn new(source: &Source<'_>) -> Self {
        let functions = index(source.functions.len());
        let gas = source.globals_count;
        Self {
            refill_import: index(source.imports.len()),
            gas,
            slots: gas + 1,
            helpers: functions + 1,
            trampolines: source.addressed_imports.iter().copied().collect(),
            scratch_base: gas + 2,
            scratch: Vec::new(),
            types_base: index(source.types.len()),
            types: Vec::new(),
        }
    }

    /// The index of a helper.
    pub(super) fn helper(&self, helper: Helper) -> u32 {
        self.helpers + helper.position()
    }

    /// The new index of a guest function that is called directly.
    pub(super) fn callee(&self, function: u32) -> u32 {
        if function < self.refill_import { function } else { function + 1 }
    }

    /// The new index of a guest function whose address is taken: for an import its trampoline.
    pub(super) fn address(&self, function: u32) -> u32 {
        match self.trampolines.binary_search(&function) {
            Ok(position) => self.helpers + index(Helper::ALL.len()) + index(position),
            Err(_) => self.callee(function),
        }
    }

    /// The imports that have a trampoline, in order of the trampolines' indices.
    pub(super) fn trampolines(&self) -> &[u32] {
        &self.trampolines
    }

    /// The index of a function type, added if need be.
    pub(super) fn type_index(&mut self, ty: FuncType) -> u32 {
        let position = self.types.iter().position(|known| *known == ty).unwrap_or_else(|| {
            self.types.push(ty);
            self.types.len() - 1
        });
        self.types_base + index(position)
    }

    /// The function types to add.
    pub(super) fn types(&self) -> &[FuncType] {
        &self.types
    }

    /// A scratch global for each of `types`, all different. The next call reuses them.
    pub(super) fn scratch(&mut self, types: &[ValType]) -> Vec<u32> {
        let mut taken = Vec::with_capacity(types.len());
        for ty in types {
            let free = |(position, known): &(usize, &ValType)| {
                *known == ty && !taken.contains(&(self.scratch_base + index(*position)))
            };
            let position = self.scratch.iter().enumerate().find(free).map(|(at, _)| at);
            let position = position.unwrap_or_else(|| {
                self.scratch.push(*ty);
                self.scratch.len() - 1
            });
            taken.push(self.scratch_base + index(position));
        }
        taken
    }

    /// The types of the scratch globals.
    pub(super) fn scratch_types(&self) -> &[ValType] {
        &self.scratch
    }
}

/// An index; the limits table keeps every count far below 2^32.
pub(super) fn index(count: usize) -> u32 {
    u32::try_from(count).expect("the limits table bounds every count")
}
