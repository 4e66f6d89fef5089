//! The guest's imports as wasmi functions: each calls the instance's [`Host`] with its index. The
//! signatures that guests call often have a typed path; the rest go through a generic one. What an
//! import does is the host's business.

use igor_core::engine::{Caller as Borrowed, Host, Value, ValueType};
use igor_core::prepare::FunctionType;
use igor_core::trap::NodeFault;
use wasmi::{Caller, F32, F64, Func, FuncType, Global, Memory, Store, Val, ValType};

use crate::error::Stop;
use crate::limiter::Limiter;

/// What a store holds beside wasmi's own.
pub(crate) struct State {
    /// Serves the imports.
    pub(crate) host: Box<dyn Host>,
    /// The bounds of growth.
    pub(crate) limiter: Limiter,
    /// The guest's memory, if it has one; set once the instance exists.
    pub(crate) memory: Option<Memory>,
    /// The injected gas counter; set once the instance exists.
    pub(crate) gas: Option<Global>,
}

/// How an import of one signature is linked.
pub(crate) enum Import {
    /// The injected slow path.
    Refill,
    /// `() -> i32`
    ToI32,
    /// `() -> i64`
    ToI64,
    /// `(i32, i32)`
    Two,
    /// `(i32, i32) -> i32`
    TwoToI32,
    /// `(i32, i32, i32) -> i32`
    ThreeToI32,
    /// `(i32, i32, i32, i32) -> i32`
    FourToI32,
    /// Any other signature, with its result.
    Other(FuncType, Option<ValueType>),
}

impl Import {
    /// The way to link an import of type `ty`.
    pub(crate) fn of(ty: &FunctionType) -> Self {
        use ValueType::{I32, I64};
        match (ty.params.as_slice(), ty.results.as_slice()) {
            ([], [I32]) => Self::ToI32,
            ([], [I64]) => Self::ToI64,
            ([I32, I32], []) => Self::Two,
            ([I32, I32], [I32]) => Self::TwoToI32,
            ([I32, I32, I32], [I32]) => Self::ThreeToI32,
            ([I32, I32, I32, I32], [I32]) => Self::FourToI32,
            (params, results) => {
                let ty = FuncType::new(
                    params.iter().copied().map(value_type),
                    results.iter().copied().map(value_type),
                );
                Self::Other(ty, results.first().copied())
            }
        }
    }

    /// The function that serves import number `index` in `store`.
    pub(crate) fn link(&self, store: &mut Store<State>, index: usize) -> Func {
        macro_rules! typed {
            ($($name:ident),* => $result:expr) => {
                Func::wrap(store, move |mut caller: Caller<'_, State> $(, $name: i32)*| {
                    let result = serve(&mut caller, index, &[$(Value::I32($name)),*])?;
                    $result(result)
                })
            };
        }
        match self {
            Self::Refill => Func::wrap(store, |mut caller: Caller<'_, State>, left: i64| {
                caller.data_mut().host.refill(left).map_err(Stop::with)
            }),
            Self::ToI32 => typed!(=> i32_result),
            Self::ToI64 => typed!(=> i64_result),
            Self::Two => typed!(pointer, length => no_result),
            Self::TwoToI32 => typed!(pointer, length => i32_result),
            Self::ThreeToI32 => typed!(first, second, third => i32_result),
            Self::FourToI32 => typed!(first, second, third, fourth => i32_result),
            Self::Other(ty, result) => {
                let result = *result;
                Func::new(store, ty.clone(), move |mut caller, params, results| {
                    let args: Vec<_> = params.iter().map(from_val).collect::<Result<_, _>>()?;
                    let value = serve(&mut caller, index, &args)?;
                    if value.map(Value::ty) != result {
                        return Err(wrong_result());
                    }
                    if let (Some(value), [place]) = (value, results) {
                        *place = to_val(value);
                    }
                    Ok(())
                })
            }
        }
    }
}

/// Calls the host with what it may touch of the instance.
fn serve(
    caller: &mut Caller<'_, State>,
    index: usize,
    args: &[Value],
) -> Result<Option<Value>, wasmi::Error> {
    let State { memory, gas, .. } = caller.data();
    let (memory, gas) = (*memory, *gas);
    let before = match gas {
        Some(gas) => gas.get(&*caller).i64().unwrap_or(0),
        None => 0,
    };
    let mut left = before;
    let result = match memory {
        Some(memory) => {
            let (memory, state) = memory.data_and_store_mut(&mut *caller);
            state.host.call(index, args, Borrowed { memory, gas_left: &mut left })
        }
        None => {
            let host = &mut caller.data_mut().host;
            host.call(index, args, Borrowed { memory: &mut [], gas_left: &mut left })
        }
    };
    if let Some(gas) = gas
        && left != before
    {
        gas.set(&mut *caller, Val::I64(left))?;
    }
    result.map_err(Stop::with)
}

fn no_result(result: Option<Value>) -> Result<(), wasmi::Error> {
    if result.is_none() { Ok(()) } else { Err(wrong_result()) }
}

fn i32_result(result: Option<Value>) -> Result<i32, wasmi::Error> {
    if let Some(Value::I32(value)) = result { Ok(value) } else { Err(wrong_result()) }
}

fn i64_result(result: Option<Value>) -> Result<i64, wasmi::Error> {
    if let Some(Value::I64(value)) = result { Ok(value) } else { Err(wrong_result()) }
}

fn wrong_result() -> wasmi::Error {
    Stop::with(NodeFault::engine("the host's result is not of the import's type"))
}

/// The wasmi type of values of type `ty`.
pub(crate) fn value_type(ty: ValueType) -> ValType {
    match ty {
        ValueType::I32 => ValType::I32,
        ValueType::I64 => ValType::I64,
        ValueType::F32 => ValType::F32,
        ValueType::F64 => ValType::F64,
    }
}

/// `value` as wasmi has it.
pub(crate) fn to_val(value: Value) -> Val {
    match value {
        Value::I32(value) => Val::I32(value),
        Value::I64(value) => Val::I64(value),
        Value::F32(bits) => Val::F32(F32::from_bits(bits)),
        Value::F64(bits) => Val::F64(F64::from_bits(bits)),
    }
}

/// `value` as igor has it; references have no such form.
pub(crate) fn from_val(value: &Val) -> Result<Value, wasmi::Error> {
    match value {
        Val::I32(value) => Ok(Value::I32(*value)),
        Val::I64(value) => Ok(Value::I64(*value)),
        Val::F32(value) => Ok(Value::F32(value.to_bits())),
        Val::F64(value) => Ok(Value::F64(value.to_bits())),
        _ => Err(Stop::with(NodeFault::engine("a reference crossed the guest's boundary"))),
    }
}
