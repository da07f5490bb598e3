;; The five policies for a WebAssembly machine. A request is a record in memory, at an address that is given. Texts are
;; an address and a length; lists are a count and so many texts. Texts of the policies stand from 0 on.
(module
  (memory (export "memory") 1)
  (data (i32.const 0) "member")
  (data (i32.const 16) "kyc")
  (data (i32.const 32) "viewer")
  (data (i32.const 48) "editor")
  (data (i32.const 64) "admin")
  (data (i32.const 80) "read")
  (data (i32.const 96) "write")
  (data (i32.const 112) "system/")

  ;; Whether n bytes at a are those at b.
  (func $same (param $a i32) (param $b i32) (param $n i32) (result i32)
    (block $differ
      (loop $next
        (if (i32.eqz (local.get $n)) (then (return (i32.const 1))))
        (br_if $differ (i32.ne (i32.load8_u (local.get $a)) (i32.load8_u (local.get $b))))
        (local.set $a (i32.add (local.get $a) (i32.const 1)))
        (local.set $b (i32.add (local.get $b) (i32.const 1)))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br $next)))
    (i32.const 0))
  ;; Whether the text whose address and length stand at t is the one of n bytes at b.
  (func $is (param $t i32) (param $b i32) (param $n i32) (result i32)
    (if (i32.ne (i32.load offset=4 (local.get $t)) (local.get $n)) (then (return (i32.const 0))))
    (call $same (i32.load (local.get $t)) (local.get $b) (local.get $n)))
  ;; Whether the list at l has the text of n bytes at b.
  (func $has (param $l i32) (param $b i32) (param $n i32) (result i32)
    (local $left i32)
    (local.set $left (i32.load (local.get $l)))
    (local.set $l (i32.add (local.get $l) (i32.const 4)))
    (block $none
      (loop $next
        (br_if $none (i32.eqz (local.get $left)))
        (if (call $is (local.get $l) (local.get $b) (local.get $n)) (then (return (i32.const 1))))
        (local.set $l (i32.add (local.get $l) (i32.const 8)))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br $next)))
    (i32.const 0))
  ;; The mean of the six numbers at t.
  (func $norm (param $t i32) (result f64)
    (f64.div
      (f64.add (f64.add (f64.add (f64.add (f64.add
        (f64.load (local.get $t)) (f64.load offset=8 (local.get $t)))
        (f64.load offset=16 (local.get $t))) (f64.load offset=24 (local.get $t)))
        (f64.load offset=32 (local.get $t))) (f64.load offset=40 (local.get $t)))
      (f64.const 6)))

  ;; trust
  (func (export "w1") (param $p i32) (result i32)
    (f64.ge (f64.load (local.get $p)) (f64.const 0.5)))

  ;; of, credentials
  (func (export "w2") (param $p i32) (result i32)
    (if (i32.eqz (f64.ge (f64.load (local.get $p)) (f64.const 0.3))) (then (return (i32.const 0))))
    (if (i32.eqz (f64.ge (f64.load offset=40 (local.get $p)) (f64.const 0.2))) (then (return (i32.const 0))))
    (if (i32.eqz (f64.ge (call $norm (local.get $p)) (f64.const 0.25))) (then (return (i32.const 0))))
    (call $has (i32.add (local.get $p) (i32.const 48)) (i32.const 0) (i32.const 6)))

  ;; amount, balance, from, to, credentials
  (func (export "w3") (param $p i32) (result i32)
    (local $amount f64) (local $sum f64) (local $d f64) (local $at i32) (local $end i32)
    (local.set $amount (f64.load (local.get $p)))
    (if (i32.eqz (f64.gt (local.get $amount) (f64.const 0))) (then (return (i32.const 0))))
    (if (i32.eqz (f64.le (local.get $amount) (f64.load offset=8 (local.get $p)))) (then (return (i32.const 0))))
    (if (i32.eqz (f64.ge (call $norm (i32.add (local.get $p) (i32.const 16))) (f64.const 0.4)))
      (then (return (i32.const 0))))
    (if (i32.eqz (f64.ge (call $norm (i32.add (local.get $p) (i32.const 64))) (f64.const 0.3)))
      (then (return (i32.const 0))))
    (if (f64.gt (local.get $amount) (f64.const 5000))
      (then
        (if (i32.eqz (call $has (i32.add (local.get $p) (i32.const 112)) (i32.const 16) (i32.const 3)))
          (then (return (i32.const 0))))))
    (local.set $at (i32.add (local.get $p) (i32.const 16)))
    (local.set $end (i32.add (local.get $p) (i32.const 64)))
    (loop $next
      (local.set $d (f64.sub (f64.load (local.get $at)) (f64.load offset=48 (local.get $at))))
      (local.set $sum (f64.add (local.get $sum) (f64.mul (local.get $d) (local.get $d))))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (br_if $next (i32.lt_u (local.get $at) (local.get $end))))
    (f64.lt (f64.sqrt (local.get $sum)) (f64.const 0.3)))

  (func $may (param $role i32) (param $action i32) (result i32)
    (if (call $is (local.get $action) (i32.const 80) (i32.const 4))
      (then
        (if (call $is (local.get $role) (i32.const 32) (i32.const 6)) (then (return (i32.const 1))))
        (if (call $is (local.get $role) (i32.const 48) (i32.const 6)) (then (return (i32.const 1))))
        (return (call $is (local.get $role) (i32.const 64) (i32.const 5)))))
    (if (call $is (local.get $action) (i32.const 96) (i32.const 5))
      (then
        (if (call $is (local.get $role) (i32.const 48) (i32.const 6)) (then (return (i32.const 1))))
        (return (call $is (local.get $role) (i32.const 64) (i32.const 5)))))
    (call $is (local.get $role) (i32.const 64) (i32.const 5)))

  ;; action, resource, roles
  (func (export "w4") (param $p i32) (result i32)
    (local $left i32) (local $role i32)
    (if (i32.ge_u (i32.load offset=12 (local.get $p)) (i32.const 7))
      (then
        (if (call $same (i32.load offset=8 (local.get $p)) (i32.const 112) (i32.const 7))
          (then
            (if (i32.eqz (call $has (i32.add (local.get $p) (i32.const 16)) (i32.const 64) (i32.const 5)))
              (then (return (i32.const 0))))))))
    (local.set $left (i32.load offset=16 (local.get $p)))
    (local.set $role (i32.add (local.get $p) (i32.const 20)))
    (block $none
      (loop $next
        (br_if $none (i32.eqz (local.get $left)))
        (if (call $may (local.get $role) (local.get $p)) (then (return (i32.const 1))))
        (local.set $role (i32.add (local.get $role) (i32.const 8)))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br $next)))
    (i32.const 0))

  ;; seed
  (func (export "w5") (param $p i32) (result i32)
    (local $x f64) (local $i f64)
    (local.set $x (f64.load (local.get $p)))
    (loop $next
      (local.set $x (f64.add (f64.mul (local.get $x) (f64.const 0.5)) (f64.mul (local.get $i) (f64.const 0.25))))
      (if (f64.gt (local.get $x) (f64.const 100))
        (then (local.set $x (f64.sub (local.get $x) (f64.const 50)))))
      (local.set $i (f64.add (local.get $i) (f64.const 1)))
      (br_if $next (f64.lt (local.get $i) (f64.const 1000))))
    (f64.gt (local.get $x) (f64.const 10))))
