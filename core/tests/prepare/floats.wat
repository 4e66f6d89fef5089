;; Float accumulators in loops: what the split around refills must keep.
(module
  (memory (export "memory") 1)
  (func (export "series") (param $n i32) (result f64) (local $x f64) (local $y f32) (local $k f64)
    (local.set $k (f64.const 1))
    (loop $next
      (local.set $x (f64.add (local.get $x) (f64.div (f64.const 1) (local.get $k))))
      (local.set $y (f32.add (local.get $y) (f32.demote_f64 (local.get $x))))
      (local.set $k (f64.add (local.get $k) (f64.const 1)))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (f64.add (local.get $x) (f64.promote_f32 (local.get $y))))
  (func (export "nested") (param $n i32) (result f64)
    (local $i i32) (local $a f64) (local $b f64) (local $c f32)
    (loop $outer
      (local.set $i (i32.const 5))
      (local.set $b (f64.const 0.5))
      (loop $inner
        (local.set $b (f64.mul (local.get $b) (f64.const 1.25)))
        (local.set $c (f32.add (local.get $c) (f32.const 0.125)))
        (br_if $inner (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
      (local.set $a (f64.add (local.get $a) (local.get $b)))
      (f64.store (i32.shl (local.get $n) (i32.const 3)) (local.get $a))
      (br_if $outer (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (f64.add (local.get $a) (f64.promote_f32 (local.get $c)))))
