;; expect: ticks
;; attack: 17
;; grants: wallet
;; Every bad pointer, length and index to wallet_receipt, of an agent without receipts. It
;; checks the answers itself.
(module
  (import "igor" "wallet_balance" (func $wallet_balance (result i64)))
  (import "igor" "wallet_receipt_count" (func $wallet_receipt_count (result i32)))
  (import "igor" "wallet_receipt" (func $wallet_receipt (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "agent_init"))
  (func (export "agent_tick") (result i32)
    (i64.store (i32.const 0) (i64.add (i64.load (i32.const 0)) (i64.const 1)))
    (if (i32.ne (call $wallet_receipt (i32.const 0) (i32.const 0) (i32.const 0)) (i32.const -1)) (then (unreachable)))
    (if (i32.ne (call $wallet_receipt (i32.const 0) (i32.const 65535) (i32.const 2)) (i32.const -1)) (then (unreachable)))
    (if (i32.ne (call $wallet_receipt (i32.const 0) (i32.const 65536) (i32.const 1)) (i32.const -1)) (then (unreachable)))
    (if (i32.ne (call $wallet_receipt (i32.const 0) (i32.const -1) (i32.const -1)) (i32.const -1)) (then (unreachable)))
    (if (i32.ne (call $wallet_receipt (i32.const -1) (i32.const 0) (i32.const 0)) (i32.const -1)) (then (unreachable)))
    (if (i32.ne (call $wallet_receipt (i32.const -1) (i32.const 65535) (i32.const 2)) (i32.const -1)) (then (unreachable)))
    (if (i32.ne (call $wallet_receipt (i32.const -1) (i32.const 65536) (i32.const 1)) (i32.const -1)) (then (unreachable)))
    (if (i32.ne (call $wallet_receipt (i32.const -1) (i32.const -1) (i32.const -1)) (i32.const -1)) (then (unreachable)))
    (if (i32.ne (call $wallet_receipt (i32.const 2147483647) (i32.const 0) (i32.const 0)) (i32.const -1)) (then (unreachable)))
    (if (i32.ne (call $wallet_receipt (i32.const 2147483647) (i32.const 65535) (i32.const 2)) (i32.const -1)) (then (unreachable)))
    (if (i32.ne (call $wallet_receipt (i32.const 2147483647) (i32.const 65536) (i32.const 1)) (i32.const -1)) (then (unreachable)))
    (if (i32.ne (call $wallet_receipt (i32.const 2147483647) (i32.const -1) (i32.const -1)) (i32.const -1)) (then (unreachable)))
    (drop (call $wallet_balance))
    (if (i32.ne (call $wallet_receipt_count) (i32.const 0)) (then (unreachable)))
    (i32.const 0))
  (func (export "agent_checkpoint") (result i32) (i32.const 8))
  (func (export "agent_checkpoint_ptr") (result i32) (i32.const 0))
  (func (export "agent_resume") (param i32 i32)
    (if (local.get 1) (then (i64.store (i32.const 0) (i64.load (local.get 0))))))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024)))
