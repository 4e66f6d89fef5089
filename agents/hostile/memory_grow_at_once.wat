;; expect: ticks
;; attack: 9
;; gas: full
;; Asks for 4 GiB at once and for a page above the limit, and goes on with the refusals.
(module
  (memory (export "memory") 1)
  (func (export "agent_init"))
  (func (export "agent_tick") (result i32)
    (i64.store (i32.const 0) (i64.add (i64.load (i32.const 0)) (i64.const 1)))
    (if (i32.ne (memory.grow (i32.const 65535)) (i32.const -1)) (then (unreachable)))
    (if (i32.ne (memory.grow (i32.const 1024)) (i32.const -1)) (then (unreachable)))
    (if (i32.ne (memory.size) (i32.const 1)) (then (unreachable)))
    (i32.const 0))
  (func (export "agent_checkpoint") (result i32) (i32.const 8))
  (func (export "agent_checkpoint_ptr") (result i32) (i32.const 0))
  (func (export "agent_resume") (param i32 i32)
    (if (local.get 1) (then (i64.store (i32.const 0) (i64.load (local.get 0))))))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024)))
