;; expect: trap observation_limit in agent_tick
;; attack: 21
;; grants: rand
;; Draws 8 MiB of random bytes through WASI in one tick, all at once.
(module
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
  (memory (export "memory") 129)
  (func (export "agent_init"))
  (func (export "agent_tick") (result i32)
    (if (call $random_get (i32.const 65536) (i32.const 8388608)) (then (unreachable)))
    (i32.const 0))
  (func (export "agent_checkpoint") (result i32) (i32.const 8))
  (func (export "agent_checkpoint_ptr") (result i32) (i32.const 0))
  (func (export "agent_resume") (param i32 i32)
    (if (local.get 1) (then (i64.store (i32.const 0) (i64.load (local.get 0))))))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024)))
