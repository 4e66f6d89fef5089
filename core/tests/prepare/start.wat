;; A start function, which preparation turns into an export.
(module
  (memory (export "memory") 1)
  (start $start)
  (func $start (i32.store (i32.const 8) (i32.add (i32.load (i32.const 8)) (i32.const 42))))
  (func (export "read") (result i32) (i32.load (i32.const 8))))
