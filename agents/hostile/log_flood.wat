;; expect: ticks
;; attack: 20
;; grants: log
;; A thousand log lines of 4 KiB in each tick; what is beyond the limit of a tick is dropped
;; and counted, and the agent goes on.
(module
  (import "igor" "log_emit" (func $log_emit (param i32 i32)))
  (memory (export "memory") 1)
  (func (export "agent_init"))
  (func (export "agent_tick") (result i32) (local $left i32)
    (i64.store (i32.const 0) (i64.add (i64.load (i32.const 0)) (i64.const 1)))
    (memory.fill (i32.const 4096) (i32.const 97) (i32.const 4096))
    (local.set $left (i32.const 1000))
    (loop $again
      (call $log_emit (i32.const 4096) (i32.const 4096))
      (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    (i32.const 0))
  (func (export "agent_checkpoint") (result i32) (i32.const 8))
  (func (export "agent_checkpoint_ptr") (result i32) (i32.const 0))
  (func (export "agent_resume") (param i32 i32)
    (if (local.get 1) (then (i64.store (i32.const 0) (i64.load (local.get 0))))))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024)))
