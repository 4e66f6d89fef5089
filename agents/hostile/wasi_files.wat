;; expect: ticks
;; attack: 25
;; Tries to reach files, sockets and preopened directories through WASI. It checks that each is
;; refused with the errno documented and traps otherwise.
(module
  (import "wasi_snapshot_preview1" "fd_prestat_get" (func $fd_prestat_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open" (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_accept" (func $sock_accept (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "agent_init"))
  (func (export "agent_tick") (result i32)
    (i64.store (i32.const 0) (i64.add (i64.load (i32.const 0)) (i64.const 1)))
    (if (i32.ne (call $fd_prestat_get (i32.const 3) (i32.const 64)) (i32.const 8)) (then (unreachable)))
    (if (i32.ne (call $path_open (i32.const 3) (i32.const 0) (i32.const 512) (i32.const 10) (i32.const 0)
      (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 64)) (i32.const 8)) (then (unreachable)))
    (if (i32.ne (call $fd_read (i32.const 3) (i32.const 64) (i32.const 0) (i32.const 80)) (i32.const 8)) (then (unreachable)))
    (if (i32.ne (call $sock_accept (i32.const 3) (i32.const 0) (i32.const 64)) (i32.const 8)) (then (unreachable)))
    (i32.const 0))
  (func (export "agent_checkpoint") (result i32) (i32.const 8))
  (func (export "agent_checkpoint_ptr") (result i32) (i32.const 0))
  (func (export "agent_resume") (param i32 i32)
    (if (local.get 1) (then (i64.store (i32.const 0) (i64.load (local.get 0))))))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (data (i32.const 512) "etc/passwd"))
