;; expect: trap observation_limit in agent_tick
;; attack: 8
;; grants: clock
;; Reads the clock forever: each reading is an observation to be recorded.
(module
  (import "igor" "clock_now" (func $clock_now (result i64)))
  (memory (export "memory") 1)
  (func (export "agent_init"))
  (func (export "agent_tick") (result i32)
    (loop $again (drop (call $clock_now)) (br $again))
    (unreachable))
  (func (export "agent_checkpoint") (result i32) (i32.const 8))
  (func (export "agent_checkpoint_ptr") (result i32) (i32.const 0))
  (func (export "agent_resume") (param i32 i32)
    (if (local.get 1) (then (i64.store (i32.const 0) (i64.load (local.get 0))))))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024)))
