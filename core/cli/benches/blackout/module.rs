//! The modules of the agents that move.

use std::fmt::Write;

/// Functions of the large module, and how many additions each has.
const FUNCTIONS: u64 = 600;
const ADDITIONS: u64 = 620;

/// The example agent.
pub(crate) fn heartbeat() -> Vec<u8> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../agents/prebuilt/heartbeat.wasm");
    std::fs::read(path).unwrap()
}

/// A counter with 2.6 MB of code that nothing compresses much; other code for another number.
pub(crate) fn large(number: u64) -> Vec<u8> {
    let mut text = String::from(
        r#"(module
          (memory (export "memory") 1)
          (func (export "agent_init"))
          (func (export "agent_tick") (result i32)
            (i64.store (i32.const 0) (i64.add (i64.load (i32.const 0)) (i64.const 1)))
            (i32.const 0))
          (func (export "agent_checkpoint") (result i32) (i32.const 8))
          (func (export "agent_checkpoint_ptr") (result i32) (i32.const 0))
          (func (export "malloc") (param i32) (result i32) (i32.const 1024))
          (func (export "agent_resume") (param i32 i32)
            (i64.store (i32.const 0) (i64.load (local.get 0))))"#,
    );
    let mut seed = number + 1;
    for _ in 0..FUNCTIONS {
        text.push_str("(func (param i32) (result i32) local.get 0");
        for _ in 0..ADDITIONS {
            // A generator of noise, by Marsaglia.
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let constant = (seed >> 32) | 0x4000_0000;
            write!(text, " i32.const {constant} i32.add").unwrap();
        }
        text.push(')');
    }
    text.push(')');
    let module = wat::parse_str(text).unwrap();
    assert!((2_500_000..2_700_000).contains(&module.len()), "{} bytes", module.len());
    module
}
