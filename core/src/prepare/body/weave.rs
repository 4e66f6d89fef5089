//! Writes the new body: the original bytes, spliced with what the plan says. It decides nothing; every
//! injected sequence of operators for function bodies is in this file.

use wasm_encoder::reencode::Reencode;
use wasm_encoder::{BlockType, Encode, Ieee32, Ieee64, InstructionSink, reencode};
use wasmparser::{FuncType, ValType};

use super::super::layout::{Helper, Layout, index};
use super::nan::{CANONICAL_F32, CANONICAL_F64};
use super::plan::{Edit, Float, Plan, What};

/// A new body.
#[derive(Debug)]
pub(in super::super) struct Woven {
    /// Its bytes, from the declarations of the locals on.
    pub(in super::super) bytes: Vec<u8>,
    /// Where, in these bytes, the injected branches are that are hardly ever taken.
    pub(in super::super) unlikely: Vec<u32>,
}

/// Carries out `plan` on a body.
pub(in super::super) fn weave(original: &[u8], plan: &Plan, layout: &mut Layout) -> Woven {
    let mut weaver = Weaver {
        out: Vec::new(),
        unlikely: Vec::new(),
        layout,
        own: Own { gas: plan.locals, slots: plan.locals, f32: plan.locals, f64: plan.locals },
    };
    weaver.locals(original, plan);
    weaver.enter(plan);
    let mut copied = plan.start;
    for edit in &plan.edits {
        weaver.copy(original, copied..edit.at);
        weaver.edit(edit);
        copied = edit.at + edit.replaces;
    }
    weaver.copy(original, copied..plan.end);
    weaver.leave(plan);
    Woven { bytes: weaver.out, unlikely: weaver.unlikely }
}

struct Weaver<'a> {
    out: Vec<u8>,
    unlikely: Vec<u32>,
    layout: &'a mut Layout,
    own: Own,
}

/// The locals that are added.
struct Own {
    /// A copy of the gas counter.
    gas: u32,
    /// The stack-guard slots before the function took any.
    slots: u32,
    /// A float that is being made canonical.
    f32: u32,
    /// The same for 64 bits.
    f64: u32,
}

impl Weaver<'_> {
    /// The original declarations, and those of the locals that this function needs besides.
    fn locals(&mut self, original: &[u8], plan: &Plan) {
        let used = |float| {
            plan.edits.iter().any(|edit| matches!(edit.what, What::Canonical(f) if f == float))
        };
        let own = &mut self.own;
        let mut added = Vec::new();
        for (local, ty, needed) in [
            (&mut own.gas, wasm_encoder::ValType::I64, true),
            (&mut own.slots, wasm_encoder::ValType::I32, plan.frame.guard().is_some()),
            (&mut own.f32, wasm_encoder::ValType::F32, used(Float::F32)),
            (&mut own.f64, wasm_encoder::ValType::F64, used(Float::F64)),
        ] {
            if needed {
                *local = plan.locals + index(added.len());
                added.push(ty);
            }
        }
        let mut reader = wasmparser::BinaryReader::new(original, 0);
        let groups = reader.read_var_u32().unwrap_or(0);
        let declared = usize::try_from(reader.original_position()).unwrap_or(0);
        (groups + index(added.len())).encode(&mut self.out);
        self.copy(original, declared..plan.start);
        for ty in added {
            1u32.encode(&mut self.out);
            ty.encode(&mut self.out);
        }
    }

    fn copy(&mut self, original: &[u8], range: std::ops::Range<usize>) {
        self.out.extend_from_slice(original.get(range).unwrap_or_default());
    }

    fn emit(&mut self) -> InstructionSink<'_> {
        InstructionSink::new(&mut self.out)
    }

    /// What comes before the first operator: gas, stack guard, and a block that catches every exit.
    fn enter(&mut self, plan: &Plan) {
        self.charge(plan.entry_gas, false);
        self.check(&[]);
        let Some(weight) = plan.frame.guard() else { return };
        let (slots, before) = (self.layout.slots, self.own.slots);
        let guard = self.layout.helper(Helper::StackGuard);
        self.emit().global_get(slots).local_tee(before).i32_const(weight).i32_sub();
        self.emit().global_set(slots);
        self.emit().local_get(before).i32_const(weight).i32_lt_s();
        self.unlikely_if();
        self.emit().call(guard).unreachable().end();
        let body = self.block_type(&plan.results);
        self.emit().block(body);
    }

    /// The end of the function, and the give-back.
    fn leave(&mut self, plan: &Plan) {
        if plan.frame.guard().is_some() {
            let (slots, before) = (self.layout.slots, self.own.slots);
            self.emit().end().local_get(before).global_set(slots);
        }
        self.emit().end();
    }

    fn edit(&mut self, edit: &Edit) {
        match &edit.what {
            What::Call(function) => {
                self.emit().call(*function);
            }
            What::Canonical(Float::F32) => {
                let (temp, canonical) = (self.own.f32, Ieee32::new(CANONICAL_F32));
                self.emit().local_tee(temp).f32_const(canonical);
                self.emit().local_get(temp).local_get(temp).f32_eq().select();
            }
            What::Canonical(Float::F64) => {
                let (temp, canonical) = (self.own.f64, Ieee64::new(CANONICAL_F64));
                self.emit().local_tee(temp).f64_const(canonical);
                self.emit().local_get(temp).local_get(temp).f64_eq().select();
            }
            What::Charge { gas, fresh } => self.charge(*gas, *fresh),
            What::Length(length) => {
                let helper = self.layout.helper(Helper::from(*length));
                self.emit().call(helper);
            }
            What::Loop { gas, fresh, floats } => {
                self.charge(*gas, *fresh);
                self.check(floats);
            }
            What::RefFunc(function) => {
                self.emit().ref_func(*function);
            }
            What::Return(depth) => {
                self.emit().br(*depth);
            }
        }
    }

    /// Charges `gas`, and leaves the counter in the global and in the local copy, which is read instead
    /// of the global where it is fresh.
    fn charge(&mut self, gas: u64, fresh: bool) {
        let (global, copy) = (self.layout.gas, self.own.gas);
        let gas = i64::try_from(gas).unwrap_or(i64::MAX);
        match (gas, fresh) {
            (0, true) => {}
            (0, false) => {
                self.emit().global_get(global).local_set(copy);
            }
            (_, true) => {
                self.emit().local_get(copy).i64_const(gas).i64_sub();
                self.emit().local_tee(copy).global_set(global);
            }
            (_, false) => {
                self.emit().global_get(global).i64_const(gas).i64_sub();
                self.emit().local_tee(copy).global_set(global);
            }
        }
    }

    /// Asks the host for gas if none is left, with `floats` kept in globals meanwhile.
    fn check(&mut self, floats: &[(u32, ValType)]) {
        let (gas, copy) = (self.layout.gas, self.own.gas);
        let refill = self.layout.helper(Helper::Refill);
        self.emit().local_get(copy).i64_const(0).i64_lt_s();
        self.unlikely_if();
        let types: Vec<ValType> = floats.iter().map(|(_, ty)| *ty).collect();
        let scratch = self.layout.scratch(&types);
        for ((local, _), global) in floats.iter().zip(&scratch) {
            self.emit().local_get(*local).global_set(*global);
        }
        self.emit().call(refill).global_get(gas).local_set(copy);
        for ((local, _), global) in floats.iter().zip(&scratch) {
            self.emit().global_get(*global).local_set(*local);
        }
        self.emit().end();
    }

    fn unlikely_if(&mut self) {
        self.unlikely.push(index(self.out.len()));
        self.emit().if_(BlockType::Empty);
    }

    fn block_type(&mut self, results: &[ValType]) -> BlockType {
        match results {
            [] => BlockType::Empty,
            [ty] => BlockType::Result(
                reencode::RoundtripReencoder.val_type(*ty).expect("no type index to map"),
            ),
            many => {
                let ty = FuncType::new([], many.iter().copied());
                BlockType::FunctionType(self.layout.type_index(ty))
            }
        }
    }
}
