//! Which float locals each loop assigns. A compiling engine keeps them in registers, which no call
//! preserves; `weave` therefore saves them around the call in a loop's slow path, so that the fast
//! path does not pay for it. This is about speed only.

use wasmparser::ValType;

/// The most locals saved per loop; the others are left to the engine.
const LOCALS_MAX: usize = 16;

/// The open loops, outermost first.
#[derive(Debug, Default)]
pub(super) struct LoopFloats {
    loops: Vec<Vec<(u32, ValType)>>,
}

impl LoopFloats {
    /// Enters a loop.
    pub(super) fn begin(&mut self) {
        self.loops.push(Vec::new());
    }

    /// Notes that `local` is assigned.
    pub(super) fn assign(&mut self, local: u32, ty: ValType) {
        if let (ValType::F32 | ValType::F64, Some(floats)) = (ty, self.loops.last_mut()) {
            insert(floats, (local, ty));
        }
    }

    /// Leaves the innermost loop.
    pub(super) fn end(&mut self) -> Vec<(u32, ValType)> {
        let floats = self.loops.pop().unwrap_or_default();
        if let Some(outer) = self.loops.last_mut() {
            for float in &floats {
                insert(outer, *float);
            }
        }
        floats
    }
}

fn insert(floats: &mut Vec<(u32, ValType)>, float: (u32, ValType)) {
    if floats.len() < LOCALS_MAX && !floats.contains(&float) {
        floats.push(float);
    }
}
