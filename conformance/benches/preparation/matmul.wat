;; Multiplies two n by n matrices of f64, the textbook way: a dot product in the innermost loop.
(module
  (memory (export "memory") 8)
  (func (export "run") (param $n i32) (result i32)
    (local $i i32) (local $j i32) (local $k i32) (local $a i32) (local $b i32) (local $c i32)
    (local $row i32) (local $step i32) (local $sum f64)
    (local.set $step (i32.shl (local.get $n) (i32.const 3)))
    (local.set $b (i32.mul (local.get $n) (local.get $step)))
    (local.set $c (i32.shl (local.get $b) (i32.const 1)))
    ;; Both inputs are filled with small numbers.
    (local.set $i (i32.const 0))
    (loop $fill
      (f64.store (local.get $i)
        (f64.convert_i32_u (i32.rem_u (local.get $i) (i32.const 61))))
      (br_if $fill (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 8))) (local.get $c))))
    (local.set $i (i32.const 0))
    (loop $rows
      (local.set $row (i32.mul (local.get $i) (local.get $step)))
      (local.set $j (i32.const 0))
      (loop $columns
        (local.set $sum (f64.const 0))
        (local.set $a (local.get $row))
        (local.set $k (i32.add (local.get $b) (i32.shl (local.get $j) (i32.const 3))))
        (loop $dot
          (local.set $sum
            (f64.add (local.get $sum)
              (f64.mul (f64.load (local.get $a)) (f64.load (local.get $k)))))
          (local.set $k (i32.add (local.get $k) (local.get $step)))
          (br_if $dot
            (i32.lt_u
              (local.tee $a (i32.add (local.get $a) (i32.const 8)))
              (i32.add (local.get $row) (local.get $step)))))
        (f64.store
          (i32.add (local.get $c) (i32.add (local.get $row) (i32.shl (local.get $j) (i32.const 3))))
          (local.get $sum))
        (br_if $columns
          (i32.lt_u (local.tee $j (i32.add (local.get $j) (i32.const 1))) (local.get $n))))
      (br_if $rows
        (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
    (i32.trunc_sat_f64_u (f64.load (local.get $c)))))
