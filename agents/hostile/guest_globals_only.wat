;; expect: ticks
;; attack: 30
;; Overwrites every global it has, on both sides of where the injected ones will be, and must
;; still be metered.
(module
  (memory (export "memory") 1)
  (func (export "agent_init"))
  (func (export "agent_tick") (result i32)
    (i64.store (i32.const 0) (i64.add (i64.load (i32.const 0)) (i64.const 1)))
    (global.set $a (i64.const 9223372036854775807))
    (global.set $b (i32.const 2147483647))
    (i32.const 0))
  (func (export "agent_checkpoint") (result i32) (i32.const 8))
  (func (export "agent_checkpoint_ptr") (result i32) (i32.const 0))
  (func (export "agent_resume") (param i32 i32)
    (if (local.get 1) (then (i64.store (i32.const 0) (i64.load (local.get 0))))))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (global $a (mut i64) (i64.const 0))
  (global $b (mut i32) (i32.const 0)))
