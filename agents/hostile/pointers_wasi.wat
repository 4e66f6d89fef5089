;; expect: ticks
;; attack: 17
;; Every bad pointer and length to WASI functions. It checks that each answers errno 21 (fault)
;; and traps with `unreachable` otherwise.
(module
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "agent_init"))
  (func (export "agent_tick") (result i32)
    (i64.store (i32.const 0) (i64.add (i64.load (i32.const 0)) (i64.const 1)))
    ;; random_get: at the end, beyond it, wrapping.
    (if (i32.ne (call $random_get (i32.const 65535) (i32.const 2)) (i32.const 21)) (then (unreachable)))
    (if (i32.ne (call $random_get (i32.const 65536) (i32.const 1)) (i32.const 21)) (then (unreachable)))
    (if (i32.ne (call $random_get (i32.const -1) (i32.const 2)) (i32.const 21)) (then (unreachable)))
    (if (i32.ne (call $random_get (i32.const 0) (i32.const -1)) (i32.const 21)) (then (unreachable)))
    (if (i32.ne (call $random_get (i32.const 65535) (i32.const 1)) (i32.const 0)) (then (unreachable)))
    ;; clock_time_get and args_sizes_get: a result that straddles the end.
    (if (i32.ne (call $clock_time_get (i32.const 0) (i64.const 0) (i32.const 65529)) (i32.const 21)) (then (unreachable)))
    (if (i32.ne (call $clock_time_get (i32.const 0) (i64.const 0) (i32.const -1)) (i32.const 21)) (then (unreachable)))
    (if (i32.ne (call $args_sizes_get (i32.const 0) (i32.const 65533)) (i32.const 21)) (then (unreachable)))
    ;; fd_write: vectors outside, a vector that points outside, 2^32 - 1 vectors, a result outside.
    (i32.store (i32.const 64) (i32.const 65535)) (i32.store (i32.const 68) (i32.const 2))
    (if (i32.ne (call $fd_write (i32.const 1) (i32.const 65533) (i32.const 1) (i32.const 128)) (i32.const 21)) (then (unreachable)))
    (if (i32.ne (call $fd_write (i32.const 1) (i32.const -8) (i32.const 1) (i32.const 128)) (i32.const 21)) (then (unreachable)))
    (if (i32.ne (call $fd_write (i32.const 1) (i32.const 64) (i32.const 1) (i32.const 128)) (i32.const 21)) (then (unreachable)))
    (if (i32.ne (call $fd_write (i32.const 1) (i32.const 0) (i32.const -1) (i32.const 128)) (i32.const 21)) (then (unreachable)))
    (i32.store (i32.const 64) (i32.const 0)) (i32.store (i32.const 68) (i32.const 4))
    (if (i32.ne (call $fd_write (i32.const 1) (i32.const 64) (i32.const 1) (i32.const 65533)) (i32.const 21)) (then (unreachable)))
    ;; poll_oneoff: subscriptions outside, 2^32 - 1 of them, results outside.
    (if (i32.ne (call $poll_oneoff (i32.const 65530) (i32.const 128) (i32.const 1) (i32.const 136)) (i32.const 21)) (then (unreachable)))
    (if (i32.ne (call $poll_oneoff (i32.const 0) (i32.const 128) (i32.const -1) (i32.const 136)) (i32.const 21)) (then (unreachable)))
    (if (i32.ne (call $poll_oneoff (i32.const 0) (i32.const 65530) (i32.const 1) (i32.const 136)) (i32.const 21)) (then (unreachable)))
    (if (i32.ne (call $poll_oneoff (i32.const 0) (i32.const 128) (i32.const 1) (i32.const 65533)) (i32.const 21)) (then (unreachable)))
    (memory.fill (i32.const 8) (i32.const 0) (i32.const 65528))
    (i32.const 0))
  (func (export "agent_checkpoint") (result i32) (i32.const 8))
  (func (export "agent_checkpoint_ptr") (result i32) (i32.const 0))
  (func (export "agent_resume") (param i32 i32)
    (if (local.get 1) (then (i64.store (i32.const 0) (i64.load (local.get 0))))))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024)))
