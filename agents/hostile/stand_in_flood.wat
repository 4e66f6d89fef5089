;; expect: trap out_of_gas in agent_tick
;; attack: 21
;; Draws random bytes without the capability, forever: the stand-in leaves no record, so only
;; gas ends it.
(module
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "agent_init"))
  (func (export "agent_tick") (result i32)
    (loop $again
      (drop (call $random_get (i32.const 4096) (i32.const 32768)))
      (br $again))
    (unreachable))
  (func (export "agent_checkpoint") (result i32) (i32.const 8))
  (func (export "agent_checkpoint_ptr") (result i32) (i32.const 0))
  (func (export "agent_resume") (param i32 i32)
    (if (local.get 1) (then (i64.store (i32.const 0) (i64.load (local.get 0))))))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024)))
