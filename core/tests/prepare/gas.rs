//! Gas: golden figures.

use super::prepared;
use super::run::{Bits, Bounds, Compiled, ENGINES};

#[test]
fn engines_agree_on_results_and_gas() {
    let p = prepared(
        r#"(module (func (export "f") (param i32) (result i32)
        (local i32)
        (loop $l (local.set 1 (i32.add (local.get 1) (local.get 0)))
          (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
        local.get 1) (func $fib (export "fib") (param i32) (result i32)
        (if (i32.lt_u (local.get 0) (i32.const 2)) (then (return (i32.const 1))))
        (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1))) (call $fib (i32.sub (local.get 0) (i32.const 2))))
      )
      (memory 1)
      )"#,
    );
    for (export, limit, gas) in [("f", 1000, 93), ("fib", 10_000, 1943), ("f", 50, 56)] {
        for engine in ENGINES {
            let compiled = Compiled::new(engine, p.bytes());
            let outcome = compiled.call(Bounds::gas(limit), export, &[Bits::I32(10)]);
            assert_eq!(outcome.gas, gas, "{engine:?} {export} {limit}: {outcome:?}");
        }
    }
}
