//! What names mean: bindings, constants, functions, builtins.

use super::*;

#[test]
fn scopes_are_lexical_and_let_may_shadow() {
    fine(&[
        ("policy p { let x = 1; let x = \"a\"; return x == \"a\"; }", ""),
        ("policy p { let x = 1; if true { let x = \"a\"; require x == \"a\"; } return x == 1; }", ""),
        ("policy p { let x = 1; for x in [\"a\"] { require x == \"a\"; } return x == 1; }", ""),
        ("policy p { let x = 1; return any(x in [true], x) && x == 1; }", ""),
        ("policy p(a: number) { let a = a + 1; return a > 0; }", "a: number"),
        ("const A = 1; policy p { let A = \"a\"; return A == \"a\"; }", ""),
        ("policy p { const A = 1; if true { const A = \"a\"; require A == \"a\"; } return A == 1; }", ""),
        ("policy p { for i in 0..3 { i = i + 1; let j = i; j = j; } }", ""),
        ("fn f(a: number) -> number { a = a + 1; return a; } policy p { return f(1) == 2; }", ""),
    ]);
    wrong(&[
        ("policy p() { if true { let x = 1; x = 2; } return x == 1; }", "E0121", "x"),
        ("policy p() { for i in 0..3 { } return i == 1; }", "E0121", "i"),
        ("policy p() { return any(x in [1], x > 0) && x > 1; }", "E0121", "x"),
        ("policy p() { require x > 1; let x = 2; }", "E0121", "x"),
        ("policy p() { let x = x; }", "E0121", "x"),
    ]);
}

/// Two constants of one name in one block were accepted, and the second one was meant.
#[test]
fn two_constants_of_one_name_in_one_block() {
    wrong(&[
        ("policy p { const A = 1; const A = 2; return A == 2; }", "E0101", "A"),
        ("policy p { if now > 1 { const A = 1; const A = \"a\"; require A == \"a\"; } }", "E0101", "A"),
    ]);
    fine(&[
        ("policy p { if now > 1 { const A = 1; require A == 1; } const A = 2; return A == 2; }", ""),
        ("policy p { const A = 1; let A = A; return A == 1; }", ""),
        ("policy p { const A = 1; for i in 0..2 { const A = 2; require A > i; } return A == 1; }", ""),
    ]);
}

#[test]
fn only_bindings_can_be_assigned_to() {
    wrong(&[
        ("policy p(a: number) { a = 1; }", "E0118", "a"),
        ("policy p { require a > 1; a = 1; }", "E0118", "a"),
        ("policy p { caller = did:x:a; }", "E0118", "caller"),
        ("const A = 1; policy p { A = 2; }", "E0118", "A"),
        ("policy p { const A = 1; A = 2; }", "E0118", "A"),
        ("policy p { b = 2; }", "E0118", "b"),
        ("fn f() -> bool { return true; } policy p { f = true; }", "E0118", "f"),
        ("policy p { let x = 1; x = \"a\"; }", "E0107", "\"a\""),
    ]);
}

#[test]
fn functions_see_constants_and_standard_inputs() {
    fine(&[
        ("const A = 1; fn f() -> bool { return now > A; } policy p { return f(); }", ""),
        (
            "fn f() -> bool { return caller == did:x:a && realm == \"x\" && trust.r > 0; } policy p { return f(); }",
            "",
        ),
        // Before they stand, and each other.
        (
            "policy p { return f(3); } fn f(n: number) -> bool { return n <= 0 || g(n - 1); } fn g(n: number) -> bool { return f(n); }",
            "",
        ),
        ("fn f() -> number { return f(); } policy p { return f() > 1; }", ""),
    ]);
    wrong(&[
        ("policy p { let x = 1; return f() && x == 1; } fn f() -> bool { return x == 1; }", "E0121", "x"),
        ("policy p(a: number) { return f() && a > 1; } fn f() -> bool { return a > 1; }", "E0121", "a"),
        ("fn f() -> bool { return b; } policy p { return b; }", "E0121", "b"),
    ]);
}

#[test]
fn calls_have_the_right_arguments() {
    let with = |call: &str| {
        format!("fn f(a: number, b: string?) -> bool {{ return true; }} policy p() {{ return {call}; }}")
    };
    checked(&with("f(1, null)"));
    checked(&with("f(1, \"a\",)"));
    for (call, code, at) in [
        ("f(1)", "E0135", "f(1)"),
        ("f()", "E0135", "f()"),
        ("f(1, \"a\", 2)", "E0135", "f(1, \"a\", 2)"),
        ("f(\"a\", \"b\")", "E0107", "\"a\""),
        ("f(1, 2)", "E0107", "2"),
        ("f", "E0122", "f"),
        ("abs", "E0122", "abs"),
        ("abs == 1", "E0122", "abs"),
        ("g(1)", "E0134", "g"),
        ("caller(1)", "E0134", "caller"),
        ("(1)(2)", "E0133", "1"),
        ("f(1, null)(2)", "E0133", "f(1, null)"),
        ("p()", "E0134", "p"),
    ] {
        wrong(&[(&with(call), code, at)]);
    }
}

#[test]
fn no_binding_takes_the_name_of_a_builtin() {
    wrong(&[
        ("const abs = 1; policy p { }", "E0102", "abs"),
        ("fn abs() -> number { return 1; } policy p { }", "E0102", "abs"),
        ("fn f(abs: number) -> number { return 1; } policy p { }", "E0102", "abs"),
        ("policy p(min: number) { }", "E0102", "min"),
        ("policy p { let min = 1; return min > 0; }", "E0102", "min"),
        ("policy p { for log in [1] { } }", "E0102", "log"),
        ("policy p { for log in 0..1 { } }", "E0102", "log"),
        ("policy p { const log = 1; }", "E0102", "log"),
        ("any(did in [1], true)", "E0102", "did"),
    ]);
}

#[test]
fn names_of_items_and_parameters_are_taken_once() {
    wrong(&[
        ("const A = 1; const A = 2; policy p { }", "E0101", "A"),
        ("fn f() -> bool { return true; } fn f() -> bool { return true; } policy p { }", "E0101", "f"),
        ("policy p { } policy p { }", "E0101", "p"),
        ("policy p { } policy \"p\" { }", "E0101", "\"p\""),
        ("policy p(a: number, a: bool) { }", "E0101", "a"),
        ("fn f(a: number, a: bool) -> bool { return true; } policy p { }", "E0101", "a"),
    ]);
    let (_, found) = check("policy a { } policy b { } policy a { }");
    assert_eq!(found[0].span.start, 33, "the second one is the one too many: {found:?}");
}

#[test]
fn suggestions_name_what_is_near() {
    for (source, want) in [
        ("policy p(amount: number) { return amuont > 1; }", Some("amount")),
        ("policy p() { let limit = 1; return limti > limit; }", Some("limit")),
        ("policy p() { return calller == did:x:a; }", Some("caller")),
        ("const LIMIT = 1; policy p() { return LIMT > 1; }", Some("LIMIT")),
        ("policy p() { return zebra > 1; }", None),
        ("trust_nrm(trust) > 1", Some("trust_norm")),
        ("has_credentials(caller, \"kyc\")", Some("has_credential")),
        ("fn twice(x: number) -> number { return 2 * x; } policy p { return twise(1) > 1; }", Some("twice")),
        ("zebra(1) > 1", None),
        ("trust.omga > 1", Some("omega")),
    ] {
        let (_, found) = check(source);
        let error = of(&found, Severity::Error).next();
        let suggested = error.and_then(|d| d.suggestion.as_ref()).map(|s| s.replacement.as_str());
        assert_eq!(suggested, want, "{source}");
        if let Some(suggestion) = error.and_then(|d| d.suggestion.as_ref()) {
            assert_eq!(suggestion.span, error.unwrap().span, "{source}");
        }
    }
}
