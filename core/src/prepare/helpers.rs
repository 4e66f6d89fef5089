//! The injected functions: the slow paths that checks call, the charges for run-time lengths, and a
//! trampoline for each import that is called other than directly.

use wasm_encoder::{CodeSection, Function, InstructionSink, ValType};
use wasmparser::FuncType;

use super::body::{Frame, Plan, Woven, weave};
use super::cost;
use super::layout::{Helper, Layout, index};
use crate::gas::STACK_GUARD;

/// Writes the helpers in the order of their indices.
pub(super) fn write(layout: &Layout, code: &mut CodeSection) {
    for helper in Helper::ALL {
        let locals = if helper.ty().params().is_empty() { None } else { Some((1, ValType::I64)) };
        let mut function = Function::new(locals);
        let mut out = function.instructions();
        match helper {
            Helper::Refill => refill(layout, &mut out),
            Helper::StackGuard => {
                out.i64_const(STACK_GUARD).call(layout.refill_import).unreachable();
            }
            Helper::Bytes => length(layout, &mut out, |out| {
                out.i64_const(i64::from(cost::BYTES_PER_GAS_SHIFT)).i64_shr_u();
            }),
            Helper::Pages => length(layout, &mut out, |out| {
                out.i64_const(i64::from(cost::GAS_PER_PAGE)).i64_mul();
            }),
            Helper::Elements => length(layout, &mut out, |_| {}),
        }
        out.end();
        code.function(&function);
    }
}

/// Hands the counter to the host and takes the new one.
fn refill(layout: &Layout, out: &mut InstructionSink<'_>) {
    out.global_get(layout.gas).call(layout.refill_import).global_set(layout.gas);
}

/// Charges what `price` makes of parameter 0, an unsigned length, checks, and returns the length.
/// Local 1 holds the new counter.
fn length(
    layout: &Layout,
    out: &mut InstructionSink<'_>,
    price: impl FnOnce(&mut InstructionSink<'_>),
) {
    out.global_get(layout.gas).local_get(0).i64_extend_i32_u();
    price(out);
    out.i64_sub().local_tee(1).global_set(layout.gas);
    out.local_get(1).i64_const(0).i64_lt_s().if_(wasm_encoder::BlockType::Empty);
    refill(layout, out);
    out.end().local_get(0);
}

/// A function that does nothing but call `import`, charged and guarded like any other.
pub(super) fn trampoline(import: u32, ty: &FuncType, layout: &mut Layout) -> Woven {
    let params = index(ty.params().len());
    let mut body = vec![0];
    let mut out = InstructionSink::new(&mut body);
    for param in 0..params {
        out.local_get(param);
    }
    out.call(import).end();
    let locals = u64::from(params);
    let height = locals.max(u64::from(index(ty.results().len())));
    let frame = Frame { locals, height, operators: locals + 2, leaf: false };
    let gas = cost::entry(frame.weight()) + locals + 1 + cost::HOSTCALL;
    let span = 1..body.len() - 1;
    let plan = Plan::straight(gas, frame, ty.results().to_vec(), params, span);
    weave(&body, &plan, layout)
}
