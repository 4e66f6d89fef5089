;; expect: trap out_of_gas in agent_tick
;; attack: 9
;; gas: full
;; Grows its memory by no page at all, forever. Engines do real work for each, and may keep
;; native stack for it.
(module
  (memory (export "memory") 1)
  (func (export "agent_init"))
  (func (export "agent_tick") (result i32)
    (loop $again (drop (memory.grow (i32.const 0))) (br $again))
    (unreachable))
  (func (export "agent_checkpoint") (result i32) (i32.const 8))
  (func (export "agent_checkpoint_ptr") (result i32) (i32.const 0))
  (func (export "agent_resume") (param i32 i32)
    (if (local.get 1) (then (i64.store (i32.const 0) (i64.load (local.get 0))))))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024)))
