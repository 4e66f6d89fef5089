//! Engines against each other: a module that [`super::module`] makes up is prepared and called on each
//! of them, and each must do the same, down to gas, stack-guard slots, memory and every hostcall. Which
//! of them is right, if they differ, is not for this to say.

use std::fmt;
use std::sync::Arc;
use std::thread;

use igor_core::Trap;
use igor_core::engine::{Caller, InjectedGlobal, Module, Value, ValueType};
use igor_core::prepare::{PrepareError, PreparedModule, START, prepare};
use igor_core::trap::CallError;
use igor_format::{Gas, Hash};

use super::module;
use crate::Rng;
use crate::engine::host::{Asked, TestHost};
use crate::engine::{EngineSubject, Guest, arbitrary};

/// Exports of one module that are called.
const CALLS_MAX: usize = 8;
/// One call in so many of an import ends with a trap.
const HOST_TRAPS_ONE_IN: u64 = 64;

/// What was compared, if anything was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Compared {
    /// Calls of exports.
    pub calls: usize,
    /// Those that ended with a trap.
    pub traps: usize,
    /// Calls of imports.
    pub hostcalls: usize,
}

/// A module that engines do not agree on, or that they or preparation cannot take.
#[derive(Debug, thiserror::Error)]
pub enum Difference {
    /// An engine cannot compile what preparation accepted.
    #[error("{engine} does not compile it: {message}")]
    Compile {
        /// The engine.
        engine: &'static str,
        /// What it says.
        message: String,
    },
    /// A call ended in a way that no guest can bring about.
    #[error("on {engine} the node failed: {step}")]
    Fault {
        /// The engine.
        engine: &'static str,
        /// The call.
        step: Box<Step>,
    },
    /// Two engines did not do the same.
    #[error("step {index} differs:\n{first}: {}\n{second}: {}", Shown(.steps.0.as_ref()), Shown(.steps.1.as_ref()))]
    Life {
        /// Which step, from 0.
        index: usize,
        /// An engine.
        first: &'static str,
        /// Another.
        second: &'static str,
        /// What each of them did, if anything.
        steps: Box<(Option<Step>, Option<Step>)>,
    },
    /// An engine panicked.
    #[error("{0} panicked")]
    Panicked(&'static str),
    /// Preparation refuses what guests may use.
    #[error("preparation refuses it: {0}")]
    Refused(PrepareError),
}

/// A call, how it ended and what it left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The export; "instantiate" for that.
    pub call: String,
    /// Its arguments.
    pub args: Vec<Value>,
    /// Its results.
    pub result: Result<Vec<Value>, CallError>,
    /// Gas used.
    pub gas: Gas,
    /// Stack-guard slots left.
    pub slots: i64,
    /// The size of the memory and its SHA-256.
    pub memory: (usize, Hash),
    /// The imports it called.
    pub asked: Vec<Asked>,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { call, args, result, gas, slots, memory: (bytes, hash), asked } = self;
        writeln!(f, "{call}{args:?} = {result:?}")?;
        writeln!(f, "  gas {gas:?}, slots {slots}, memory of {bytes} bytes {hash}")?;
        asked.iter().try_for_each(|asked| writeln!(f, "  {asked:?}"))
    }
}

/// A step, or that there is none.
struct Shown<'a>(Option<&'a Step>);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(step) => step.fmt(f),
            None => f.write_str("stopped before it"),
        }
    }
}

/// Runs the module that grows from `entropy` on each of `engines`; nothing if there is none.
///
/// # Errors
/// When the engines do not all do the same.
pub fn check(engines: &[EngineSubject], entropy: &[u8]) -> Result<Option<Compared>, Difference> {
    let Some(module) = module::made_up(entropy) else { return Ok(None) };
    let prepared = prepare(&module, &module::limits()).map_err(Difference::Refused)?;
    let script = Script::new(&prepared, entropy);
    let mut lives = Vec::new();
    for subject in engines {
        lives.push((subject.name, life(subject, &prepared, &script)?));
    }
    let mut lives = lives.into_iter();
    let Some((first, expected)) = lives.next() else { return Ok(None) };
    for (second, found) in lives {
        if let Some(index) = differing(&expected, &found) {
            let steps = Box::new((expected.get(index).cloned(), found.get(index).cloned()));
            return Err(Difference::Life { index, first, second, steps });
        }
    }
    Ok(Some(Compared {
        calls: expected.len(),
        traps: expected.iter().filter(|step| step.result.is_err()).count(),
        hostcalls: expected.iter().map(|step| step.asked.len()).sum(),
    }))
}

/// The first step in which two lives differ.
fn differing(left: &[Step], right: &[Step]) -> Option<usize> {
    let both = left.len().min(right.len());
    let differ = left.iter().zip(right).position(|(left, right)| left != right);
    differ.or_else(|| (left.len() != right.len()).then_some(both))
}

/// What is done with a module, on every engine the same.
struct Script {
    slice: Gas,
    calls: Vec<Planned>,
}

/// One call.
struct Planned {
    export: String,
    args: Vec<Value>,
    gas: Gas,
}

impl Script {
    fn new(module: &PreparedModule, entropy: &[u8]) -> Self {
        let seed = entropy.iter().fold(0, |hash: u64, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3).rotate_left(17)
        });
        let mut rng = Rng::new(seed);
        let slice = pick(&mut rng, [1, 100, 1_000_000]);
        let functions = module.exports().iter().filter_map(|export| {
            let args = values(&mut rng, &export.ty.as_ref()?.params);
            let gas = pick(&mut rng, [50, 2_000, 30_000, 200_000]);
            Some(Planned { export: export.name.clone(), args, gas })
        });
        Self { slice, calls: functions.take(CALLS_MAX).collect() }
    }
}

/// Values of these types; one float in four is a signalling NaN, whose bits some way might change.
fn values(rng: &mut Rng, types: &[ValueType]) -> Vec<Value> {
    let mut values = arbitrary(rng, types);
    for value in &mut values {
        let is_signalling = rng.below(4) == 0;
        match value {
            Value::F32(bits) if is_signalling => *bits = 0x7fa0_0001,
            Value::F64(bits) if is_signalling => *bits = 0x7ff4_0000_0000_0001,
            _ => {}
        }
    }
    values
}

fn pick<const N: usize>(rng: &mut Rng, amounts: [u64; N]) -> Gas {
    let index = usize::try_from(rng.next_u64() % 64).unwrap_or_default();
    Gas(amounts[index % N])
}

/// What an engine does with a module.
fn life(
    subject: &EngineSubject,
    prepared: &PreparedModule,
    script: &Script,
) -> Result<Vec<Step>, Difference> {
    let engine = subject.name;
    let compiled = subject.engine.compile(prepared);
    let module =
        compiled.map_err(|error| Difference::Compile { engine, message: error.to_string() })?;
    let steps = thread::scope(|scope| {
        let run = || steps(&module, prepared, script);
        let builder = thread::Builder::new().stack_size(subject.engine.native_stack_bytes());
        builder.spawn_scoped(scope, run).expect("a thread can be started").join()
    });
    let steps = steps.map_err(|_| Difference::Panicked(engine))?;
    let is_fault = |step: &&Step| match &step.result {
        Err(CallError::Node(_)) => true,
        Err(CallError::Trap(trap)) => !trap.is_deterministic(),
        Ok(_) => false,
    };
    match steps.iter().find(is_fault) {
        Some(step) => Err(Difference::Fault { engine, step: Box::new(step.clone()) }),
        None => Ok(steps),
    }
}

/// Calls what the script says on one instance, and on a new one after each trap.
fn steps(module: &Arc<dyn Module>, prepared: &PreparedModule, script: &Script) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut instance = None;
    for planned in &script.calls {
        let mut guest = match instance.take() {
            Some(guest) => guest,
            None => match started(module, prepared, script, &mut steps) {
                Some(guest) => guest,
                None => return steps,
            },
        };
        steps.push(step(&mut guest, &planned.export, &planned.args, planned.gas));
        let has_trapped = steps.last().is_some_and(|step| step.result.is_err());
        instance = (!has_trapped).then_some(guest);
    }
    steps
}

/// A new instance after its start function; none if that trapped, or there was no room for a segment.
fn started(
    module: &Arc<dyn Module>,
    prepared: &PreparedModule,
    script: &Script,
    steps: &mut Vec<Step>,
) -> Option<Guest> {
    let results = prepared.imports().iter().map(|import| import.ty.results.first().copied());
    let host = TestHost::new(answer(results.collect())).with_slice(script.slice);
    match module.instantiate(Box::new(host)) {
        Ok(instance) => {
            let mut guest = Guest { instance };
            if prepared.has_start() {
                steps.push(step(&mut guest, START, &[], Gas(30_000)));
            }
            let has_started = !prepared.has_start() || steps.last()?.result.is_ok();
            has_started.then_some(guest)
        }
        Err(error) => {
            let (args, asked) = (Vec::new(), Vec::new());
            let (gas, slots, memory) = (Gas(0), 0, (0, Hash::of(&[])));
            let (call, result) = ("instantiate".to_owned(), Err(error));
            steps.push(Step { call, args, result, gas, slots, memory, asked });
            None
        }
    }
}

/// One call.
fn step(guest: &mut Guest, export: &str, args: &[Value], gas: Gas) -> Step {
    let before = guest.host().asked().len();
    let ended = guest.call_within(gas, export, args);
    let asked = guest.host().asked().iter().skip(before).cloned().collect();
    let slots = guest.instance.global(InjectedGlobal::SlotsLeft);
    let memory = guest.instance.memory();
    let memory = (memory.len(), Hash::of(memory));
    let (call, args) = (export.to_owned(), args.to_vec());
    Step { call, args, result: ended.result, gas: ended.gas, slots, memory, asked }
}

/// Answers imports by numbers that depend on what they are asked and in which order. It writes to the
/// guest's memory, takes gas, and sometimes traps.
fn answer(
    results: Vec<Option<ValueType>>,
) -> impl FnMut(usize, &[Value], Caller<'_>) -> Result<Option<Value>, Trap> + Send + 'static {
    let mut rng = Rng::new(0);
    move |import, args, caller| {
        let words = args.iter().map(|value| match *value {
            Value::I32(value) => u64::from(value.cast_unsigned()),
            Value::I64(value) => value.cast_unsigned(),
            Value::F32(bits) => u64::from(bits),
            Value::F64(bits) => bits,
        });
        let seed = words.fold(rng.next_u64(), |seed, word| Rng::new(seed ^ word).next_u64());
        rng = Rng::new(seed);
        *caller.gas_left = caller.gas_left.saturating_sub_unsigned(rng.below(100));
        let size = u64::try_from(caller.memory.len()).unwrap_or(u64::MAX);
        let at = usize::try_from(rng.below(size.max(1))).unwrap_or_default();
        let written = rng.next_u64().to_le_bytes();
        caller.memory.iter_mut().skip(at).zip(written).for_each(|(to, byte)| *to = byte);
        if rng.below(HOST_TRAPS_ONE_IN) == 0 {
            let traps = [Trap::ObservationLimit, Trap::Exit(7)];
            return Err(traps[usize::from(rng.below(2) == 0)]);
        }
        let ty = results.get(import).copied().flatten();
        Ok(ty.and_then(|ty| values(&mut rng, &[ty]).pop()))
    }
}
