;; expect: ticks
;; attack: 17
;; grants: rand
;; Every bad pointer and length to rand_bytes. It checks the answers itself and traps with
;; `unreachable` if one is not as documented.
(module
  (import "igor" "rand_bytes" (func $rand_bytes (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "agent_init"))
  (func (export "agent_tick") (result i32)
    (i64.store (i32.const 0) (i64.add (i64.load (i32.const 0)) (i64.const 1)))
    ;; The last byte, and a whole buffer up to the end, are the guest's own.
    (if (i32.ne (call $rand_bytes (i32.const 65535) (i32.const 1)) (i32.const 0)) (then (unreachable)))
    (if (i32.ne (call $rand_bytes (i32.const 61440) (i32.const 4096)) (i32.const 0)) (then (unreachable)))
    ;; Nothing is written for a length of 0, wherever it is.
    (if (i32.ne (call $rand_bytes (i32.const 0) (i32.const 0)) (i32.const 0)) (then (unreachable)))
    ;; One byte too far, at the end, at the end of 32 bits, wrapping around them.
    (if (i32.ne (call $rand_bytes (i32.const 65535) (i32.const 2)) (i32.const -4)) (then (unreachable)))
    (if (i32.ne (call $rand_bytes (i32.const 65536) (i32.const 1)) (i32.const -4)) (then (unreachable)))
    (if (i32.ne (call $rand_bytes (i32.const -1) (i32.const 1)) (i32.const -4)) (then (unreachable)))
    (if (i32.ne (call $rand_bytes (i32.const -1) (i32.const 2)) (i32.const -4)) (then (unreachable)))
    (if (i32.ne (call $rand_bytes (i32.const -4096) (i32.const 4096)) (i32.const -4)) (then (unreachable)))
    ;; Above the cap, whatever the pointer.
    (if (i32.ne (call $rand_bytes (i32.const 0) (i32.const 4097)) (i32.const -2)) (then (unreachable)))
    (if (i32.ne (call $rand_bytes (i32.const 0) (i32.const -1)) (i32.const -2)) (then (unreachable)))
    (if (i32.ne (call $rand_bytes (i32.const -1) (i32.const -1)) (i32.const -2)) (then (unreachable)))
    ;; What was drawn must not become state.
    (memory.fill (i32.const 8) (i32.const 0) (i32.const 65528))
    (i32.const 0))
  (func (export "agent_checkpoint") (result i32) (i32.const 8))
  (func (export "agent_checkpoint_ptr") (result i32) (i32.const 0))
  (func (export "agent_resume") (param i32 i32)
    (if (local.get 1) (then (i64.store (i32.const 0) (i64.load (local.get 0))))))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024)))
