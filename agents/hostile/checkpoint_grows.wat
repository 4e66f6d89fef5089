;; expect: bad result of agent_checkpoint
;; attack: 15
;; Has a state of 4 MiB and a byte, one byte above the limit, and the memory for it.
(module
  (memory (export "memory") 100)
  (func (export "agent_init"))
  (func (export "agent_tick") (result i32)
    (i64.store (i32.const 0) (i64.add (i64.load (i32.const 0)) (i64.const 1)))
    (i32.const 0))
  (func (export "agent_checkpoint") (result i32) (i32.const 4194305))
  (func (export "agent_checkpoint_ptr") (result i32) (i32.const 0))
  (func (export "agent_resume") (param i32 i32)
    (if (local.get 1) (then (i64.store (i32.const 0) (i64.load (local.get 0))))))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024)))
