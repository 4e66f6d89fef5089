;; expect: ticks
;; attack: 17
;; grants: log
;; Every bad pointer and length to log_emit. There is no answer to check; nothing of it may be
;; written.
(module
  (import "igor" "log_emit" (func $log_emit (param i32 i32)))
  (memory (export "memory") 1)
  (func (export "agent_init"))
  (func (export "agent_tick") (result i32)
    (i64.store (i32.const 0) (i64.add (i64.load (i32.const 0)) (i64.const 1)))
    ;; What lies outside the memory is not written, whatever is asked for.
    (call $log_emit (i32.const 65535) (i32.const 2))
    (call $log_emit (i32.const 65536) (i32.const 1))
    (call $log_emit (i32.const -1) (i32.const 1))
    (call $log_emit (i32.const -1) (i32.const 2))
    (call $log_emit (i32.const 0) (i32.const -1))
    (call $log_emit (i32.const -1) (i32.const -1))
    (call $log_emit (i32.const 65536) (i32.const 0))
    (call $log_emit (i32.const 65535) (i32.const 1))
    (call $log_emit (i32.const 0) (i32.const 65536))
    (i32.const 0))
  (func (export "agent_checkpoint") (result i32) (i32.const 8))
  (func (export "agent_checkpoint_ptr") (result i32) (i32.const 0))
  (func (export "agent_resume") (param i32 i32)
    (if (local.get 1) (then (i64.store (i32.const 0) (i64.load (local.get 0))))))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024)))
