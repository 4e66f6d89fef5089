//! Which float results must be made canonical: those whose bits something can observe. The bits of a
//! NaN that an arithmetic operator makes differ from machine to machine; they are harmless as long
//! as only arithmetic, comparisons and conversions to integers see them, because those treat all
//! NaNs alike. Values that are merely moved keep their bits.
//!
//! The walk's operands are shadowed by an abstract stack. A value on it is *fixed* (the same bits
//! everywhere, NaN or not), *neutral* (fixed, and canonical if it is a NaN), *loose* (fresh from an
//! arithmetic operator) or the *read* of a local. Observing a loose value marks its producer, which
//! is then followed by the canonicalisation. A local to which only loose and neutral values are
//! assigned is lazy: it may hold loose values, and an observed read of it is canonicalised at the
//! read, so that an accumulator in a loop costs nothing. This knows nothing of gas or frames.

use std::collections::BTreeSet;

use wasmparser::{FuncValidator, Operator, WasmModuleResources};

use super::plan::{Edit, Float, What};

/// A place right after an operator that leaves a float, and the type of that float.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Point {
    at: usize,
    float: Float,
}

/// Where a value comes from.
#[derive(Debug, Clone, Copy)]
enum Origin {
    /// Its bits are the same everywhere.
    Fixed,
    /// The same, and making it canonical would change nothing.
    Neutral,
    /// An arithmetic operator.
    Loose(Point),
    /// A local that is no parameter.
    Read(usize, Point),
}

/// A value on the abstract stack.
#[derive(Debug, Clone, Copy)]
struct Value {
    origin: Origin,
    /// Whether its sign was changed since: it may then no longer be made canonical itself.
    resigned: bool,
}

const FIXED: Value = Value { origin: Origin::Fixed, resigned: false };

/// What an operator does to floats.
enum Effect {
    /// Makes a float whose NaNs are loose, without observing its operands.
    Arithmetic(Float),
    /// Consumes without observing, and leaves no float.
    Blind,
    /// Leaves a float that is no NaN, or a canonical one.
    Neutral,
    /// Changes at most the sign.
    Sign,
    Get(u32, Option<Float>),
    Set(u32),
    Tee(u32),
    Select,
    /// Observes everything it consumes.
    Observer,
}

/// The analysis of one body.
#[derive(Debug, Default)]
pub(super) struct Nans {
    stack: Vec<Value>,
    params: u32,
    /// The locals that are given fixed values, hence must be given no loose ones.
    strict: BTreeSet<usize>,
    marks: Vec<Point>,
    /// Observed reads of locals.
    reads: Vec<(usize, Point)>,
    /// Loose values assigned to locals.
    assigned: Vec<(usize, Point)>,
    /// Reads of one local (second) assigned to another (first).
    copied: Vec<(usize, usize, Point)>,
}

impl Nans {
    /// The analysis of a body whose first `params` locals are parameters.
    pub(super) fn new(params: u32) -> Self {
        Self { params, ..Self::default() }
    }

    /// How many values `op` consumes; to be asked before the validator sees it.
    pub(super) fn before<R: WasmModuleResources>(
        &self,
        op: &Operator<'_>,
        offset: u64,
        validator: &mut FuncValidator<R>,
    ) -> usize {
        // In unreachable code operands may come from nowhere, never from below the open block.
        let base = validator.get_control_frame(0).map_or(0, |frame| frame.height);
        let available = self.stack.len().saturating_sub(base);
        // An operator without an arity is invalid, and about to be refused by the validator.
        let (pops, _) = op.operator_arity(&validator.visitor(offset)).unwrap_or_default();
        usize::try_from(pops).unwrap_or(usize::MAX).min(available)
    }

    /// To be told after the validator accepted `op`, which ends at `at`.
    pub(super) fn after<R: WasmModuleResources>(
        &mut self,
        op: &Operator<'_>,
        consumed: usize,
        at: usize,
        validator: &FuncValidator<R>,
    ) {
        let operands = self.stack.split_off(self.stack.len() - consumed);
        let height = usize::try_from(validator.operand_stack_height()).unwrap_or(0);
        match effect(op, validator) {
            Effect::Arithmetic(float) => self.push(Origin::Loose(Point { at, float })),
            Effect::Blind => {}
            Effect::Neutral => self.push(Origin::Neutral),
            Effect::Sign => self.sign(&operands),
            Effect::Get(local, float) => {
                let own = float.and_then(|float| Some((self.own(local)?, float)));
                self.push(match own {
                    Some((local, float)) => Origin::Read(local, Point { at, float }),
                    None => Origin::Fixed,
                });
            }
            Effect::Set(local) => self.assign(local, operands.first()),
            Effect::Tee(local) => {
                self.assign(local, operands.first());
                self.stack.push(operands.first().copied().unwrap_or(FIXED));
            }
            Effect::Select => self.select(&operands),
            Effect::Observer => {
                for value in &operands {
                    self.observe(*value);
                }
            }
        }
        self.stack.resize(height, FIXED);
    }

    /// The canonicalisations to insert.
    pub(super) fn finish(mut self) -> Vec<Edit> {
        let mut copies: Vec<(usize, usize)> =
            self.copied.iter().map(|(to, from, _)| (*from, *to)).collect();
        copies.sort_unstable();
        copies.dedup();
        // A local that is given reads of a strict local is given fixed values, hence strict itself;
        // one that is given reads of a loose local may be loose.
        spread(&copies, &mut self.strict);
        let mut loose: BTreeSet<usize> = self.assigned.iter().map(|(local, _)| *local).collect();
        spread(&copies, &mut loose);

        let Self { strict, mut marks, reads, assigned, copied, .. } = self;
        let lazy = |local: usize| loose.contains(&local) && !strict.contains(&local);
        marks.extend(reads.into_iter().filter(|(l, _)| lazy(*l)).map(|(_, point)| point));
        let assigned = assigned.into_iter().filter(|(to, _)| strict.contains(to));
        marks.extend(assigned.map(|(_, point)| point));
        let copied = copied.into_iter().filter(|(to, from, _)| strict.contains(to) && lazy(*from));
        marks.extend(copied.map(|(_, _, point)| point));
        marks.sort_unstable();
        marks.dedup();
        let edit = |p: Point| Edit { at: p.at, replaces: 0, what: What::Canonical(p.float) };
        marks.into_iter().map(edit).collect()
    }

    fn push(&mut self, origin: Origin) {
        self.stack.push(Value { origin, resigned: false });
    }

    fn observe(&mut self, value: Value) {
        match value.origin {
            Origin::Fixed | Origin::Neutral => {}
            Origin::Loose(point) => self.marks.push(point),
            Origin::Read(local, point) => self.reads.push((local, point)),
        }
    }

    /// `neg`, `abs` and `copysign`: the first operand, perhaps with another sign. The sign that
    /// `copysign` takes from its second operand is observed.
    fn sign(&mut self, operands: &[Value]) {
        for value in operands.iter().skip(1) {
            self.observe(*value);
        }
        let value = operands.first().copied().unwrap_or(FIXED);
        self.stack.push(Value { origin: value.origin, resigned: true });
    }

    /// One of two values. Fixed if one of them is; otherwise both are made canonical.
    fn select(&mut self, operands: &[Value]) {
        let mut neutral = true;
        for value in operands.iter().take(2) {
            self.observe(*value);
            neutral &=
                !value.resigned && matches!(value.origin, Origin::Loose(_) | Origin::Neutral);
        }
        self.push(if neutral { Origin::Neutral } else { Origin::Fixed });
    }

    fn assign(&mut self, local: u32, value: Option<&Value>) {
        let value = value.copied().unwrap_or(FIXED);
        let Some(local) = self.own(local) else {
            self.observe(value);
            return;
        };
        match value.origin {
            Origin::Neutral if !value.resigned => {}
            Origin::Loose(point) if !value.resigned => self.assigned.push((local, point)),
            Origin::Read(from, _) if !value.resigned && from == local => {}
            Origin::Read(from, point) if !value.resigned => {
                self.copied.push((local, from, point));
            }
            _ => {
                self.observe(value);
                self.strict.insert(local);
            }
        }
    }

    /// The position of a local among those that are no parameters.
    fn own(&self, local: u32) -> Option<usize> {
        usize::try_from(local.checked_sub(self.params)?).ok()
    }
}

/// Extends a set of locals along `copies`, which are sorted pairs of source and target.
fn spread(copies: &[(usize, usize)], set: &mut BTreeSet<usize>) {
    let mut work: Vec<usize> = set.iter().copied().collect();
    while let Some(from) = work.pop() {
        let first = copies.partition_point(|(source, _)| *source < from);
        for (_, to) in copies.iter().skip(first).take_while(|(source, _)| *source == from) {
            if set.insert(*to) {
                work.push(*to);
            }
        }
    }
}

fn effect<R: WasmModuleResources>(op: &Operator<'_>, validator: &FuncValidator<R>) -> Effect {
    use Operator as O;

    match op {
        O::F32Add
        | O::F32Sub
        | O::F32Mul
        | O::F32Div
        | O::F32Min
        | O::F32Max
        | O::F32Sqrt
        | O::F32Ceil
        | O::F32Floor
        | O::F32Trunc
        | O::F32Nearest
        | O::F32DemoteF64 => Effect::Arithmetic(Float::F32),
        O::F64Add
        | O::F64Sub
        | O::F64Mul
        | O::F64Div
        | O::F64Min
        | O::F64Max
        | O::F64Sqrt
        | O::F64Ceil
        | O::F64Floor
        | O::F64Trunc
        | O::F64Nearest
        | O::F64PromoteF32 => Effect::Arithmetic(Float::F64),
        O::F32Eq
        | O::F32Ne
        | O::F32Lt
        | O::F32Gt
        | O::F32Le
        | O::F32Ge
        | O::F64Eq
        | O::F64Ne
        | O::F64Lt
        | O::F64Gt
        | O::F64Le
        | O::F64Ge
        | O::I32TruncF32S
        | O::I32TruncF32U
        | O::I32TruncF64S
        | O::I32TruncF64U
        | O::I64TruncF32S
        | O::I64TruncF32U
        | O::I64TruncF64S
        | O::I64TruncF64U
        | O::I32TruncSatF32S
        | O::I32TruncSatF32U
        | O::I32TruncSatF64S
        | O::I32TruncSatF64U
        | O::I64TruncSatF32S
        | O::I64TruncSatF32U
        | O::I64TruncSatF64S
        | O::I64TruncSatF64U
        | O::Drop => Effect::Blind,
        O::F32ConvertI32S
        | O::F32ConvertI32U
        | O::F32ConvertI64S
        | O::F32ConvertI64U
        | O::F64ConvertI32S
        | O::F64ConvertI32U
        | O::F64ConvertI64S
        | O::F64ConvertI64U => Effect::Neutral,
        O::F32Const { value } if is_neutral_f32(value.bits()) => Effect::Neutral,
        O::F64Const { value } if is_neutral_f64(value.bits()) => Effect::Neutral,
        O::F32Neg | O::F64Neg | O::F32Abs | O::F64Abs | O::F32Copysign | O::F64Copysign => {
            Effect::Sign
        }
        O::LocalGet { local_index } => Effect::Get(*local_index, float_of(*local_index, validator)),
        O::LocalSet { local_index } => Effect::Set(*local_index),
        O::LocalTee { local_index } => Effect::Tee(*local_index),
        O::Select | O::TypedSelect { .. } => Effect::Select,
        _ => Effect::Observer,
    }
}

fn float_of<R: WasmModuleResources>(local: u32, validator: &FuncValidator<R>) -> Option<Float> {
    match validator.get_local_type(local)? {
        wasmparser::ValType::F32 => Some(Float::F32),
        wasmparser::ValType::F64 => Some(Float::F64),
        _ => None,
    }
}

/// The bits of the canonical NaNs.
pub(super) const CANONICAL_F32: u32 = 0x7fc0_0000;
/// The same for 64 bits.
pub(super) const CANONICAL_F64: u64 = 0x7ff8_0000_0000_0000;

fn is_neutral_f32(bits: u32) -> bool {
    bits == CANONICAL_F32 || !f32::from_bits(bits).is_nan()
}

fn is_neutral_f64(bits: u64) -> bool {
    bits == CANONICAL_F64 || !f64::from_bits(bits).is_nan()
}
