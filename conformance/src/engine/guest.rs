//! A guest under test: a fixture, prepared and instantiated on the subject's engine, called the way a
//! node calls, with a gas limit and a deadline. It decides nothing about what is right.

use std::any::Any;
use std::sync::Arc;

use igor_core::engine::{InjectedGlobal, Instance, Module, Value, ValueType};
use igor_core::gas::CallLimits;
use igor_core::prepare::{PreparedModule, START, prepare};
use igor_core::trap::CallError;
use igor_core::{Limits, Trap};
use igor_format::{Gas, Hash};

use super::EngineSubject;
use super::host::TestHost;
use crate::Rng;

/// The text of a fixture in `fixtures/engine`.
macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/engine/", $name, ".wat"))
    };
}
pub(crate) use fixture;

/// Gas enough for every fixture that ends.
pub(super) const PLENTY: Gas = Gas(1_000_000_000);

/// Prepares the text of a module under the default limits.
pub(super) fn prepared(wat: &str) -> PreparedModule {
    let bytes = wat::parse_str(wat).expect("a fixture is valid text");
    prepare(&bytes, &Limits::default()).expect("preparation accepts every fixture")
}

/// A module under test, to be instantiated often.
pub(super) struct Fixture {
    module: Arc<dyn Module>,
    has_start: bool,
}

impl Fixture {
    /// Prepares and compiles the text of a module.
    pub(super) fn new(subject: &EngineSubject, wat: &str) -> Self {
        let prepared = prepared(wat);
        let module = subject.engine.compile(&prepared);
        let module = module.expect("the engine compiles what is prepared");
        Self { module, has_start: prepared.has_start() }
    }

    /// An instance that imports nothing, its start function called.
    pub(super) fn guest(&self) -> Guest {
        self.guest_with(TestHost::silent())
    }

    /// An instance served by `host`, its start function called.
    pub(super) fn guest_with(&self, host: TestHost) -> Guest {
        let mut guest = self.unstarted(host);
        if self.has_start {
            assert_eq!(guest.call(START, &[]), Ok(vec![]), "the start function");
        }
        guest
    }

    /// An instance served by `host`; a start function is not called.
    pub(super) fn unstarted(&self, host: TestHost) -> Guest {
        let instance = self.module.instantiate(Box::new(host)).expect("a fixture instantiates");
        Guest { instance }
    }

    /// Why no instance can be made.
    pub(super) fn refusal(&self) -> CallError {
        match self.module.instantiate(Box::new(TestHost::silent())) {
            Ok(_) => panic!("the module was instantiated"),
            Err(error) => error,
        }
    }
}

/// An instance, called the way a node calls.
pub(crate) struct Guest {
    pub(crate) instance: Box<dyn Instance>,
}

/// How a call ended, and at what cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) result: Result<Vec<Value>, CallError>,
    pub(crate) gas: Gas,
}

impl Guest {
    /// An instance of `wat` that imports nothing, its start function called.
    pub(super) fn new(subject: &EngineSubject, wat: &str) -> Self {
        Fixture::new(subject, wat).guest()
    }

    /// An instance of `wat` served by `host`, its start function called.
    pub(super) fn with_host(subject: &EngineSubject, wat: &str, host: TestHost) -> Self {
        Fixture::new(subject, wat).guest_with(host)
    }

    /// Calls `export` with plenty of gas.
    pub(super) fn call(&mut self, export: &str, args: &[Value]) -> Result<Vec<Value>, CallError> {
        self.call_within(PLENTY, export, args).result
    }

    /// Calls `export` with at most `gas`.
    pub(crate) fn call_within(&mut self, gas: Gas, export: &str, args: &[Value]) -> Ended {
        let left = self.host_mut().begin(CallLimits { gas, deadline_ns: 1_000 });
        self.instance.set_global(InjectedGlobal::GasLeft, left);
        let result = self.instance.call(export, args);
        let left = self.instance.global(InjectedGlobal::GasLeft);
        let gas = self.host().used(left);
        match result {
            Ok(values) => {
                let result = self.host().finish(left).map(|_| values).map_err(CallError::Trap);
                Ended { result, gas }
            }
            Err(error) => Ended { result: Err(error), gas },
        }
    }

    /// Calls `export`, which must trap.
    pub(super) fn trap(&mut self, export: &str, args: &[Value]) -> Trap {
        match self.call(export, args) {
            Err(CallError::Trap(trap)) => trap,
            other => panic!("{export}{args:?} ended with {other:?} instead of a trap"),
        }
    }

    /// Calls `export`, which must return one value.
    pub(super) fn one(&mut self, export: &str, args: &[Value]) -> Value {
        match self.call(export, args).as_deref() {
            Ok([value]) => *value,
            other => panic!("{export}{args:?} ended with {other:?} instead of one value"),
        }
    }

    /// Calls `export` with 32-bit integers; it must return one.
    pub(super) fn int(&mut self, export: &str, args: &[i32]) -> i32 {
        let args: Vec<_> = args.iter().copied().map(Value::I32).collect();
        match self.one(export, &args) {
            Value::I32(value) => value,
            other => panic!("{export}{args:?} returned {other:?} instead of an i32"),
        }
    }

    /// Calls `export` with 32-bit integers; it must return nothing.
    pub(super) fn run(&mut self, export: &str, args: &[i32]) {
        let args: Vec<_> = args.iter().copied().map(Value::I32).collect();
        assert_eq!(self.call(export, &args), Ok(vec![]), "{export}{args:?}");
    }

    /// The host that serves the guest.
    pub(crate) fn host(&self) -> &TestHost {
        let host: &dyn Any = self.instance.host();
        host.downcast_ref().expect("the instance was given a test host")
    }

    /// The host, to be changed.
    pub(super) fn host_mut(&mut self) -> &mut TestHost {
        let host: &mut dyn Any = self.instance.host_mut();
        host.downcast_mut().expect("the instance was given a test host")
    }

    /// The SHA-256 of the guest's memory.
    pub(super) fn memory_hash(&self) -> String {
        Hash::of(self.instance.memory()).to_string()
    }
}

/// Arguments of the given types, extremes more often than chance would have it.
pub(crate) fn arbitrary(rng: &mut Rng, types: &[ValueType]) -> Vec<Value> {
    let mut value = |ty: &ValueType| {
        let bits = if rng.below(2) == 0 { rng.any_size() } else { rng.any_size().wrapping_neg() };
        let [a, b, c, d, ..] = bits.to_le_bytes();
        match ty {
            ValueType::I32 => Value::I32(i32::from_le_bytes([a, b, c, d])),
            ValueType::I64 => Value::I64(bits.cast_signed()),
            ValueType::F32 => Value::F32(u32::from_le_bytes([a, b, c, d])),
            ValueType::F64 => Value::F64(bits),
        }
    };
    types.iter().map(&mut value).collect()
}
