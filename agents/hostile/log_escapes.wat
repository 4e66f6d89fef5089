;; expect: ticks
;; attack: 20
;; grants: log
;; Log lines with terminal escapes, control characters, line breaks that fake another line,
;; text that runs backwards, and bytes that are no UTF-8. They must reach a terminal escaped.
(module
  (import "igor" "log_emit" (func $log_emit (param i32 i32)))
  (memory (export "memory") 1)
  (func (export "agent_init"))
  (func (export "agent_tick") (result i32)
    (i64.store (i32.const 0) (i64.add (i64.load (i32.const 0)) (i64.const 1)))
    (call $log_emit (i32.const 64) (i32.const 22))
    (call $log_emit (i32.const 96) (i32.const 48))
    (call $log_emit (i32.const 160) (i32.const 6))
    (call $log_emit (i32.const 176) (i32.const 9))
    (i32.const 0))
  (func (export "agent_checkpoint") (result i32) (i32.const 8))
  (func (export "agent_checkpoint_ptr") (result i32) (i32.const 0))
  (func (export "agent_resume") (param i32 i32)
    (if (local.get 1) (then (i64.store (i32.const 0) (i64.load (local.get 0))))))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (data (i32.const 64) "\1b[2J\1b]0;owned\07\1b[31mred")
  (data (i32.const 96) "one\0d\0a2026-11-21 tick 99 budget 1000000.0\00\08\08\7fok")
  (data (i32.const 160) "\ff\fe\c0\80\ed\a0")
  (data (i32.const 176) "\e2\80\aetxt\c2\9b2"))
