;; The agent that `igor doctor` ticks on every engine: a counter that computes a little with integers
;; and floats, so that engines which disagree show it. It imports nothing.
(module
  (memory (export "memory") 1)
  ;; State: at 0 the count (i64), at 8 a float that changes with every tick (f64).
  (func (export "agent_init")
    (f64.store (i32.const 8) (f64.const 1)))
  (func (export "agent_tick") (result i32)
    (i64.store (i32.const 0) (i64.add (i64.load (i32.const 0)) (i64.const 1)))
    (f64.store (i32.const 8)
      (f64.add
        (f64.div (f64.load (i32.const 8)) (f64.const 3))
        (f64.sqrt (f64.convert_i64_u (i64.load (i32.const 0))))))
    (i32.const 1))
  (func (export "agent_checkpoint") (result i32) (i32.const 16))
  (func (export "agent_checkpoint_ptr") (result i32) (i32.const 0))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "agent_resume") (param $from i32) (param $length i32)
    (memory.copy (i32.const 0) (local.get $from) (local.get $length))))
