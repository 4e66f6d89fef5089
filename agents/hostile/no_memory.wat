;; expect: bad result of agent_checkpoint_ptr
;; attack: 24
;; Has no memory at all, but says it has a state.
(module
  (func (export "agent_init"))
  (func (export "agent_tick") (result i32) (i32.const 0))
  (func (export "agent_checkpoint") (result i32) (i32.const 8))
  (func (export "agent_checkpoint_ptr") (result i32) (i32.const 0))
  (func (export "agent_resume") (param i32 i32))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024)))
