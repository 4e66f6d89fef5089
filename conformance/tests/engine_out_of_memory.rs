//! A machine that has no memory to grant: growth within the limits is then a fault of the node, never
//! a -1 that the guest could see. The process limits itself for this, so it is alone in its file.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use conformance::engine::host::TestHost;
use igor_core::engine::{InjectedGlobal, Value};
use igor_core::prepare::prepare;
use igor_core::trap::NodeFault;
use igor_core::{Engine, Limits};
use igor_engine_wasmi::WasmiEngine;
use igor_engine_wasmtime::{WasmtimeConfig, WasmtimeEngine};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const WAT: &str = r#"(module
  (memory 1 16384)
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))"#;

fn wasmtime(memory_reservation: u64) -> Arc<dyn Engine> {
    let config = WasmtimeConfig { memory_reservation, ..WasmtimeConfig::default() };
    let engine = WasmtimeEngine::new(&config, Path::new("missing"));
    Arc::new(engine.expect("wasmtime supports this machine"))
}

/// Bytes of private writable memory that this process has mapped.
fn data_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("this test needs /proc");
    let line = status.lines().find_map(|line| line.strip_prefix("VmData:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kilobytes.and_then(|number| number.parse::<u64>().ok()).expect("VmData is in kB") * 1024
}

/// Grows to the maximum on a machine that has 200 MiB to give.
fn check(name: &str, engine: &dyn Engine) {
    let limits = Limits { memory_pages_max: 16_384, ..Limits::default() };
    let bytes = wat::parse_str(WAT).expect("the text is valid");
    let prepared = prepare(&bytes, &limits).expect("the module is within the limits");
    let module = engine.compile(&prepared).expect("the engine compiles it");
    let instantiate = || module.instantiate(Box::new(TestHost::silent()));
    let mut guest = instantiate().expect("there is memory for one page");
    let mut other = instantiate().expect("there is memory for another");
    for instance in [&mut guest, &mut other] {
        instance.set_global(InjectedGlobal::GasLeft, i64::MAX);
    }

    let before = getrlimit(Resource::Data);
    let scarce = Rlimit { current: Some(data_bytes() + (200 << 20)), ..before };
    setrlimit(Resource::Data, scarce).expect("a limit may be lowered");
    let starved = guest.call("grow", &[Value::I32(16_383)]);
    let beyond = other.call("grow", &[Value::I32(16_384)]);
    let little = other.call("grow", &[Value::I32(16)]);
    setrlimit(Resource::Data, before).expect("the soft limit may be raised again");

    assert_eq!(starved, Err(NodeFault::OutOfMemory.into()), "{name}");
    let dead = NodeFault::Dead { export: "grow".to_owned() };
    assert_eq!(guest.call("grow", &[Value::I32(0)]), Err(dead.into()), "{name}");
    assert_eq!(
        beyond,
        Ok(vec![Value::I32(-1)]),
        "{name}: beyond the maximum is refused, not a fault"
    );
    assert_eq!(little, Ok(vec![Value::I32(1)]), "{name}: what there is is granted");
}

#[test]
fn a_machine_without_memory_is_a_fault_of_the_node() {
    check("wasmi", &WasmiEngine);
    check("wasmtime", &*wasmtime(4 << 30));
    check("wasmtime without a reservation", &*wasmtime(0));
}
