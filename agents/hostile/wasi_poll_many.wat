;; expect: ticks
;; attack: 25
;; Subscribes to the clock 100,000 times at once, with events over the subscriptions. Each is
;; ready, none waits.
(module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 80)
  (func (export "agent_init"))
  (func (export "agent_tick") (result i32)
    (i64.store (i32.const 0) (i64.add (i64.load (i32.const 0)) (i64.const 1)))
    (if (call $poll_oneoff (i32.const 65536) (i32.const 65536) (i32.const 100000) (i32.const 16))
      (then (unreachable)))
    (if (i32.ne (i32.load (i32.const 16)) (i32.const 100000)) (then (unreachable)))
    (memory.fill (i32.const 65536) (i32.const 0) (i32.const 4800000))
    (i32.const 0))
  (func (export "agent_checkpoint") (result i32) (i32.const 8))
  (func (export "agent_checkpoint_ptr") (result i32) (i32.const 0))
  (func (export "agent_resume") (param i32 i32)
    (if (local.get 1) (then (i64.store (i32.const 0) (i64.load (local.get 0))))))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024)))
