;; expect: ticks
;; attack: 24
;; Exports more than the ABI: functions, globals, a table and the memory once more.
(module
  (memory (export "memory") 1)
  (func (export "agent_init"))
  (func (export "agent_tick") (result i32)
    (i64.store (i32.const 0) (i64.add (i64.load (i32.const 0)) (i64.const 1)))
    (i32.const 0))
  (func (export "agent_checkpoint") (result i32) (i32.const 8))
  (func (export "agent_checkpoint_ptr") (result i32) (i32.const 0))
  (func (export "agent_resume") (param i32 i32)
    (if (local.get 1) (then (i64.store (i32.const 0) (i64.load (local.get 0))))))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "_start") (unreachable))
  (func (export "agent_fork") (unreachable))
  (global (export "__heap_base") i32 (i32.const 1024))
  (table (export "__indirect_function_table") 1 funcref)
  (export "memory2" (memory 0)))
