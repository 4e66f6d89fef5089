;; expect: refused invalid
;; attack: 30
;; Sets the global that preparation will append after its own: an index that does not exist
;; when the module is validated.
(module
  (memory (export "memory") 1)
  (func (export "agent_init"))
  (func (export "agent_tick") (result i32)
    (global.set 1 (i64.const 9223372036854775807))
    (i32.const 0))
  (func (export "agent_checkpoint") (result i32) (i32.const 8))
  (func (export "agent_checkpoint_ptr") (result i32) (i32.const 0))
  (func (export "agent_resume") (param i32 i32)
    (if (local.get 1) (then (i64.store (i32.const 0) (i64.load (local.get 0))))))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (global (mut i64) (i64.const 0)))
