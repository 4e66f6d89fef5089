;; expect: ticks
;; attack: 20
;; Writes 8 MiB to stderr in each tick without ever ending the line; what is too long for a
;; line is counted, not kept.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 130)
  (func (export "agent_init"))
  (func (export "agent_tick") (result i32)
    (i64.store (i32.const 0) (i64.add (i64.load (i32.const 0)) (i64.const 1)))
    (i32.store (i32.const 16) (i32.const 65536)) (i32.store (i32.const 20) (i32.const 8388608))
    (if (call $fd_write (i32.const 2) (i32.const 16) (i32.const 1) (i32.const 24)) (then (unreachable)))
    (i32.const 0))
  (func (export "agent_checkpoint") (result i32) (i32.const 8))
  (func (export "agent_checkpoint_ptr") (result i32) (i32.const 0))
  (func (export "agent_resume") (param i32 i32)
    (if (local.get 1) (then (i64.store (i32.const 0) (i64.load (local.get 0))))))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024)))
