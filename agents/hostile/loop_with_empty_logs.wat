;; expect: trap out_of_gas in agent_tick
;; attack: 8
;; grants: log
;; Writes empty log lines forever: they leave no record, so only gas ends it.
(module
  (import "igor" "log_emit" (func $log_emit (param i32 i32)))
  (memory (export "memory") 1)
  (func (export "agent_init"))
  (func (export "agent_tick") (result i32)
    (loop $again (call $log_emit (i32.const 0) (i32.const 0)) (br $again))
    (unreachable))
  (func (export "agent_checkpoint") (result i32) (i32.const 8))
  (func (export "agent_checkpoint_ptr") (result i32) (i32.const 0))
  (func (export "agent_resume") (param i32 i32)
    (if (local.get 1) (then (i64.store (i32.const 0) (i64.load (local.get 0))))))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024)))
