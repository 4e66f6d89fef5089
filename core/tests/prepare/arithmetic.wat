;; Straight-line code, a loop, an if with both arms, a block left early.
(module
  (func (export "straight") (param i32) (result i32)
    (i32.add (i32.mul (local.get 0) (i32.const 3)) (i32.const 4)))
  (func (export "sum") (param $n i32) (result i32) (local $sum i32)
    (loop $next
      (local.set $sum (i32.add (local.get $sum) (local.get $n)))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum))
  (func (export "choose") (param i32) (result i32)
    (if (result i32) (local.get 0) (then (i32.const 10)) (else (i32.add (i32.const 20) (i32.const 1)))))
  (func (export "early") (param i32) (result i32)
    (block $out
      (br_if $out (i32.eqz (local.get 0)))
      (local.set 0 (i32.mul (local.get 0) (local.get 0)))
      (br $out)
      (local.set 0 (i32.const 99)))
    (local.get 0))
  (func (export "nothing")))
