//! What is fine, and yet worth a word.

use super::*;

#[test]
fn bindings_that_nobody_uses() {
    warned(&[
        ("policy p { let x = 1; }", &[("W0101", "x")]),
        ("policy p { let x = 1; x = 2; }", &[("W0101", "x")]),
        ("policy p { let x = 1; let x = 2; return x > 0; }", &[("W0101", "x")]),
        ("policy p { if now > 1 { let y = 1; } }", &[("W0101", "y")]),
        (
            "fn f(a: number) -> number { let b = 1; return 2; } policy p { }",
            &[("W0101", "b"), ("W0105", "f")],
        ),
        ("policy p { let _x = 1; }", &[]),
        ("policy p(a: number) { for i in 0..3 { } for x in [1] { } return any(y in [1], now > 1); }", &[]),
        ("policy p { let x = 1; let y = x; return y > 0; }", &[]),
    ]);
}

#[test]
fn code_that_is_never_reached() {
    warned(&[
        ("policy p { return true; return false; }", &[("W0102", "return false;")]),
        ("policy p { return true; return false; return true; }", &[("W0102", "return false;")]),
        ("policy p { for i in 0..3 { break; require now > i; } }", &[("W0102", "require now > i;")]),
        ("policy p { for i in 0..3 { continue; require now > i; } }", &[("W0102", "require now > i;")]),
        (
            "policy p { if now > 1 { return true; } else { return false; } return true; }",
            &[("W0102", "return true;")],
        ),
        ("policy p { while true { return true; } return true; }", &[]),
        ("policy p { if now > 1 { return true; } return true; }", &[]),
    ]);
}

#[test]
fn requirements_that_are_constant() {
    warned(&[
        ("policy p { require true; }", &[("W0103", "true")]),
        ("policy p { require 1 > 2, \"never\"; }", &[("W0103", "1 > 2")]),
        ("const ON = true; policy p { require ON; }", &[("W0103", "ON")]),
        ("policy p { require now > 1; }", &[]),
        ("policy p { require true && now > 1; }", &[]),
        ("policy p { require 1 / 0 > 1; }", &[]),
    ]);
}

#[test]
fn comparisons_with_null_of_what_is_never_null() {
    warned(&[
        ("1 == null", &[("W0104", "1 == null")]),
        ("null == 1", &[("W0104", "null == 1")]),
        ("caller != null", &[("W0104", "caller != null")]),
        ("policy p(a: number) { return a == null; }", &[("W0104", "a == null")]),
        ("policy p(a: number?) { require a != null; return a != null; }", &[("W0104", "a != null")]),
        ("policy p(a: number?) { return a == null; }", &[]),
        ("a == null || a", &[]),
        ("policy p(a: number?, b: bool) { return a == null == b; }", &[]),
        ("null == null", &[]),
    ]);
}

#[test]
fn constants_and_functions_that_nobody_mentions() {
    warned(&[
        ("const A = 1; policy p { }", &[("W0101", "A")]),
        ("const _A = 1; policy p { }", &[]),
        ("const A = 1; const B = A; policy p { return B == 1; }", &[]),
        ("policy p { const A = 1; }", &[("W0101", "A")]),
        ("policy p { const A = 1; return A == 1; }", &[]),
        ("fn f() -> bool { return true; } policy p { }", &[("W0105", "f")]),
        ("fn f() -> bool { return f(); } policy p { }", &[("W0105", "f")]),
        ("fn f() -> bool { return true; } fn g() -> bool { return f(); } policy p { return g(); }", &[]),
        ("fn _f() -> bool { return true; } policy p { }", &[]),
    ]);
}

#[test]
fn conditions_of_literals_alone() {
    warned(&[
        ("policy p { if true { } return true; }", &[("W0106", "true")]),
        ("policy p { if now > 1 { } else if 1 > 2 { } return true; }", &[("W0106", "1 > 2")]),
        // A loop without an end, and a switch that somebody set, are meant.
        ("policy p { while true { return true; } }", &[]),
        ("const DEBUG = false; policy p { if DEBUG { return false; } }", &[]),
    ]);
}
