;; expect: trap observation_limit in agent_tick
;; attack: 20
;; Writes 60 MiB of newlines to stdout at once: each is an empty line. The node must not make a
;; list of them first.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1000)
  (func (export "agent_init"))
  (func (export "agent_tick") (result i32)
    (memory.fill (i32.const 65536) (i32.const 10) (i32.const 62914560))
    (i32.store (i32.const 16) (i32.const 65536)) (i32.store (i32.const 20) (i32.const 62914560))
    (drop (call $fd_write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 24)))
    (i32.const 0))
  (func (export "agent_checkpoint") (result i32) (i32.const 8))
  (func (export "agent_checkpoint_ptr") (result i32) (i32.const 0))
  (func (export "agent_resume") (param i32 i32)
    (if (local.get 1) (then (i64.store (i32.const 0) (i64.load (local.get 0))))))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024)))
