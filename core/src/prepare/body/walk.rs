//! The walk: validates one body operator by operator and tells each analysis what it meets. It
//! decides about calls and frames itself, and leaves gas, floats and NaNs to those who know.

use wasmparser::{
    FuncValidator, FuncValidatorAllocations, FunctionBody, Operator, OperatorsReader, ValType,
    WasmModuleResources,
};

use super::super::PrepareError;
use super::super::bounds::{self, within};
use super::super::cost;
use super::super::layout::{Layout, index};
use super::super::source::{Body, Source};
use super::blocks::{Blocks, LoopHead};
use super::floats::LoopFloats;
use super::fresh::{Fresh, Kind};
use super::nan::Nans;
use super::plan::{Edit, Frame, Plan, What};
use crate::limits::Limits;

/// Validates a body and plans its changes.
///
/// # Errors
/// When the body is invalid or has too many locals.
pub(in super::super) fn walk(
    source: &Source<'_>,
    layout: &Layout,
    limits: &Limits,
    body: Body<'_>,
    allocations: &mut FuncValidatorAllocations,
) -> Result<Plan, PrepareError> {
    let Body { body, validate } = body;
    let ty = source.function_type(validate.index);
    let (params, results) =
        ty.map_or((0, Vec::new()), |ty| (ty.params().len(), ty.results().to_vec()));
    let mut locals = u64::from(index(params));
    for group in body.get_locals_reader()? {
        locals = locals.saturating_add(u64::from(group?.0));
    }
    within("locals in one function", locals, limits.locals_max)?;

    let mut validator = validate.into_validator(std::mem::take(allocations));
    let mut reader = body.get_binary_reader();
    validator.read_locals(&mut reader)?;
    let mut walk = Walk {
        source,
        layout,
        base: body.range().start,
        blocks: Blocks::default(),
        controls: vec![Control::default()],
        floats: LoopFloats::default(),
        fresh: Fresh::default(),
        nans: Nans::new(index(params)),
        edits: Vec::new(),
        height: 0,
        operators: 0,
        loops: 0,
        leaf: true,
    };
    let end = walk.run(&body, &mut validator)?;
    *allocations = validator.into_allocations();
    let Walk { height, operators, leaf, .. } = walk;
    within("locals and operands in one function", locals + height, bounds::FRAME_MAX)?;
    let frame = Frame { locals, height, operators, leaf };
    let start = walk.position(reader.original_position());
    Ok(walk.finish(frame, results, start..end))
}

/// An open block, seen from the walk.
#[derive(Debug, Default)]
struct Control {
    /// The head, if it is a loop.
    head: Option<LoopHead>,
    /// Whether something branches to its label.
    targeted: bool,
}

struct Walk<'a> {
    source: &'a Source<'a>,
    layout: &'a Layout,
    base: u64,
    blocks: Blocks,
    controls: Vec<Control>,
    floats: LoopFloats,
    fresh: Fresh,
    nans: Nans,
    edits: Vec<Edit>,
    height: u64,
    operators: u64,
    /// Loops that something branches back to.
    loops: u64,
    leaf: bool,
}

impl Walk<'_> {
    /// Returns the position of the last operator.
    fn run<R: WasmModuleResources>(
        &mut self,
        body: &FunctionBody<'_>,
        validator: &mut FuncValidator<R>,
    ) -> Result<usize, PrepareError> {
        let mut reader = body.get_operators_reader()?;
        let mut last = 0;
        while !reader.eof() {
            let offset = reader.original_position();
            let op = reader.read()?;
            if let Operator::BrTable { targets } = &op {
                let targets = u64::from(targets.len());
                within("targets in one branch table", targets, bounds::TARGETS_MAX)?;
            }
            let consumed = self.nans.before(&op, offset, validator);
            validator.op(offset, &op)?;
            let span = self.position(offset)..self.position(reader.original_position());
            self.nans.after(&op, consumed, span.end, validator);
            self.height = self.height.max(u64::from(validator.operand_stack_height()));
            self.operators += 1;
            last = span.start;
            self.visit(&op, span, validator);
            let open = bounds::count(self.controls.len()).saturating_sub(1);
            within("nested blocks in one function", open, bounds::NESTING_MAX)?;
            within("loops in one function", self.loops, bounds::LOOPS_MAX)?;
        }
        finish(&reader)?;
        Ok(last)
    }

    fn visit<R: WasmModuleResources>(
        &mut self,
        op: &Operator<'_>,
        span: std::ops::Range<usize>,
        validator: &FuncValidator<R>,
    ) {
        self.charge(cost::of(op));
        match op {
            Operator::Block { .. } => self.open(Kind::Block, None),
            Operator::If { .. } => {
                self.open(Kind::If, None);
                self.blocks.begin(span.end, self.fresh.now());
            }
            Operator::Else => {
                self.fresh.otherwise();
                self.blocks.begin(span.end, self.fresh.now());
            }
            Operator::Loop { .. } => {
                let head = self.blocks.begin_loop(span.end);
                self.open(Kind::Loop, Some(head));
                self.floats.begin();
            }
            Operator::End => self.end(span.end),
            Operator::Br { relative_depth } => {
                self.target(*relative_depth);
                self.dead();
            }
            Operator::BrIf { relative_depth } => {
                self.target(*relative_depth);
                self.blocks.begin(span.end, self.fresh.now());
            }
            Operator::BrTable { targets } => {
                self.target(targets.default());
                for target in targets.targets().flatten() {
                    self.target(target);
                }
                self.dead();
            }
            Operator::Unreachable => self.dead(),
            Operator::Return => {
                let depth = index(self.controls.len() - 1);
                self.replace(span, What::Return(depth));
                self.dead();
            }
            Operator::Call { function_index } => {
                if self.source.is_import(*function_index) {
                    self.charge(cost::HOSTCALL);
                }
                self.call();
                self.replace(span, What::Call(self.layout.callee(*function_index)));
            }
            Operator::CallIndirect { .. } => self.call(),
            Operator::RefFunc { function_index } => {
                self.replace(span, What::RefFunc(self.layout.address(*function_index)));
            }
            Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                let ty = validator.get_local_type(*local_index).unwrap_or(ValType::I32);
                self.floats.assign(*local_index, ty);
            }
            op => {
                if let Some(length) = cost::length(op) {
                    let what = What::Length(length);
                    self.edits.push(Edit { at: span.start, replaces: 0, what });
                    self.fresh.called();
                }
            }
        }
    }

    fn charge(&mut self, cost: u64) {
        if self.blocks.charge(cost) {
            self.fresh.charged();
        }
    }

    fn call(&mut self) {
        self.leaf = false;
        self.fresh.called();
    }

    fn dead(&mut self) {
        self.blocks.dead();
        self.fresh.dead();
    }

    fn open(&mut self, kind: Kind, head: Option<LoopHead>) {
        self.fresh.open(kind);
        self.controls.push(Control { head, targeted: false });
    }

    fn end(&mut self, at: usize) {
        let Some(control) = self.controls.pop() else { return };
        let fresh = self.fresh.end();
        if let Some(head) = control.head {
            self.loops += u64::from(control.targeted);
            let floats = self.floats.end();
            self.blocks.end_loop(head, control.targeted, fresh, floats);
        }
        if !self.controls.is_empty() {
            self.blocks.begin(at, self.fresh.now());
        }
    }

    fn target(&mut self, depth: u32) {
        let depth = usize::try_from(depth).unwrap_or(usize::MAX);
        self.fresh.branch(depth);
        if let Some(control) = self.controls.iter_mut().rev().nth(depth) {
            control.targeted = true;
        }
    }

    fn replace(&mut self, span: std::ops::Range<usize>, what: What) {
        self.edits.push(Edit { at: span.start, replaces: span.len(), what });
    }

    /// An offset in the module as a position in the body.
    fn position(&self, offset: u64) -> usize {
        usize::try_from(offset - self.base).expect("a body lies in memory")
    }

    fn finish(self, frame: Frame, results: Vec<ValType>, span: std::ops::Range<usize>) -> Plan {
        let (first_block, charges) = self.blocks.finish();
        let mut edits = self.nans.finish();
        edits.extend(self.edits);
        edits.extend(charges);
        edits.sort_by_key(|edit| (edit.at, order(&edit.what)));
        let locals = index(usize::try_from(frame.locals).expect("within the limit"));
        let mut plan =
            Plan::straight(cost::entry(frame.weight()) + first_block, frame, results, locals, span);
        plan.edits = edits;
        plan
    }
}

/// Refuses bytes after the last `end`.
fn finish(reader: &OperatorsReader<'_>) -> Result<(), PrepareError> {
    Ok(reader.finish()?)
}

/// The order of edits at one position: what belongs to the operator before it comes first, then the
/// charge of the block that begins there, then what belongs to the operator after it.
fn order(what: &What) -> u8 {
    match what {
        What::Canonical(_) => 0,
        What::Charge { .. } | What::Loop { .. } => 1,
        What::Call(_) | What::Length(_) | What::RefFunc(_) | What::Return(_) => 2,
    }
}
