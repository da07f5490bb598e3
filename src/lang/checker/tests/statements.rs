//! Statements, functions' returns, effects, constants at the top and in blocks.

use super::*;
use eclvm_kernel::program::EffectKind;

#[test]
fn functions_return_on_every_path() {
    let function = |body: &str| format!("fn f(c: bool, n: number) -> number {{ {body} }} policy p {{ }}");
    for body in [
        "return 1;",
        "if c { return 1; } return 2;",
        "if c { return 1; } else { return 2; }",
        "if c { return 1; } else if n > 1 { return 2; } else { return 3; }",
        "for i in 0..3 { return 1; } return 2;",
        "while true { return 1; } return 2;",
        "if c { if n > 1 { return 1; } else { return 2; } } else { return 3; }",
        "for i in 0..3 { if c { break; } else { continue; } } return 1;",
    ] {
        checked(&function(body));
    }
    for body in [
        "",
        "let x = 1; x = x;",
        "if c { return 1; }",
        "if c { return 1; } else { }",
        "if c { return 1; } else if n > 1 { return 2; }",
        "while true { return 1; }",
        "for i in 0..3 { return 1; }",
        "for i in [1] { return 1; }",
        "require false;",
    ] {
        wrong(&[(&function(body), "E0115", "f")]);
    }
    wrong(&[
        (&function("return;"), "E0119", "return;"),
        (&function("return c;"), "E0107", "c"),
        (&function("return null;"), "E0107", "null"),
        (&policy("return 1;"), "E0107", "1"),
        (&policy("return null;"), "E0107", "null"),
    ]);
    fine(&[(&policy("return;"), ""), (&policy(""), ""), (&policy("if a { return; }"), "a: bool")]);
}

#[test]
fn loops_and_conditions() {
    fine(&[
        (&policy("for x in [1] { require x > 0; break; }"), ""),
        (&policy("for i in 0..now { if i > 1 { continue; } }"), ""),
        (&policy("while now > 1 { break; }"), ""),
        (&policy("if now > 1 { } else if now > 2 { } else { }"), ""),
    ]);
    wrong(&[
        (&policy("break;"), "E0117", "break;"),
        (&policy("if true { continue; }"), "E0117", "continue;"),
        (&policy("for x in 5 { }"), "E0116", "5"),
        (&policy("for x in \"abc\" { }"), "E0116", "\"abc\""),
        (&policy("for x in \"a\"..2 { }"), "E0107", "\"a\""),
        (&policy("for x in 0..true { }"), "E0107", "true"),
        (&policy("while 1 { }"), "E0107", "1"),
        (&policy("if \"a\" { }"), "E0107", "\"a\""),
        (&policy("require 1;"), "E0107", "1"),
    ]);
    let (_, found) = check("fn f() -> bool { break; return true; } policy p { for i in 0..3 { f(); } }");
    assert_eq!(of(&found, Severity::Error).count(), 1, "a loop does not reach into functions: {found:?}");
}

#[test]
fn several_errors_are_reported_in_one_go() {
    let source = "policy p() { let a = 1 + true; let b = a + 1; require c; return foo(b); }";
    let (_, found) = check(source);
    let codes: Vec<_> = of(&found, Severity::Error).map(|d| (d.code, words(source, d))).collect();
    assert_eq!(codes, [("E0107", "true"), ("E0121", "c"), ("E0134", "foo")]);
    // What is wrong once is not wrong again.
    let (_, found) = check("policy p() { let a = b; let c = a + 1; return c > 1 && a && [a] == 1; }");
    assert_eq!(of(&found, Severity::Error).count(), 1, "{found:?}");
}

#[test]
fn no_more_than_fifty_diagnostics() {
    let many = format!("policy p() {{ {} }}", "require x; ".repeat(500));
    let (_, found) = check(&many);
    assert_eq!(found.len(), 50);
    // Warnings make room for errors.
    let both = format!("policy p() {{ {} {} }}", "let unused = 1; ".repeat(100), "require x; ".repeat(100));
    let (_, found) = check(&both);
    assert_eq!(found.len(), 50);
    assert_eq!(of(&found, Severity::Error).count(), 50);
}

#[test]
fn effects_are_those_of_what_is_called() {
    use EffectKind::{Pure, Read, Write};
    for (statements, want) in [
        ("return 1 > 0;", Pure),
        ("log(\"a\");", Pure),
        ("return time_since(1) > get_timestamp();", Pure),
        ("return caller == did:x:a;", Pure),
        ("return load_trust(caller).r > 1;", Read),
        ("return has_credential(caller, \"a\") || resolve_did(caller) || is_member(caller);", Read),
        ("return get_balance(caller) > member_count() + trust_threshold();", Read),
        ("return get_metric(\"a\") == null || store_get(\"a\") == null;", Read),
        ("return cross_realm(\"a\");", Read),
        ("if false { get_balance(caller); }", Read),
        ("store_put(\"a\", 1);", Write),
        ("store_delete(\"a\");", Write),
        ("update_trust(caller, 0.1);", Write),
        ("cast_vote(\"a\", true);", Write),
        ("emit \"e\";", Write),
        ("return true; emit \"e\";", Write),
    ] {
        assert_eq!(checked(&policy(statements)).bodies[0].effect, want, "{statements}");
    }
    // The body's own text only; whoever wants more follows the calls.
    let source = "fn f() -> bool { emit \"e\"; return g(); } fn g() -> bool { return f(); } policy p { f(); f(); return true; }";
    let bodies = checked(source).bodies;
    assert_eq!(bodies[2].effect, Pure);
    assert_eq!(bodies[2].calls.len(), 1);
    assert_eq!(bodies[0].effect, Write);
}

#[test]
fn constants_stand_in_any_order() {
    fine(&[
        ("const A = B + 1; const B = C * 2; const C = 3; policy p { return A == 7; }", ""),
        ("policy p { return A == [1, 2]; } const A = [B, 2]; const B = 1;", ""),
        ("const A = 1; policy p { const B = A + 1; const C = B; return C == 2; }", ""),
        (
            "const A = did:x:a; const T = trust_create(0, 0, 0, 0, 0, 1); policy p { return caller == A && T.omega > 0; }",
            "",
        ),
        ("const A = true ? 1 : 1 / 0; const B = false && 1 / 0 == 1; policy p { return B || A == 1; }", ""),
        ("const A = [null, 1]; const B = A[1]; policy p { return B == 1; }", ""),
        // `null` and `[]` take their types from where they are mentioned.
        (
            "const N = null; policy p(a: number?, b: string?) { return a == N && b != N; }",
            "a: number?, b: string?",
        ),
        (
            "const E = []; policy p(a: [number], b: [string]) { return a == E || b == E; }",
            "a: [number], b: [string]",
        ),
        (
            "const E = []; const F = [E, [1]]; policy p { let x: [string] = E; return F[1] == [1] && x == E; }",
            "",
        ),
        ("policy p { const N = null; let x: did? = N; return x == null; }", ""),
    ]);
    wrong(&[
        ("const E = []; policy p { let x = E; return x == x; }", "E0112", "E"),
        ("const A = A; policy p { }", "E0104", "A"),
        ("const A = B; const B = A; policy p { }", "E0104", "A"),
        (
            "const A = 1 + ([B, null][0] ?? [C][0]); const B = 1; const C = -A; policy p { return A == 1; }",
            "E0104",
            "A",
        ),
        ("const A = 1 / 0; policy p { }", "E0105", "1 / 0"),
        ("const A = 1 / 0; policy p { return A > 1 && A > 2; }", "E0105", "1 / 0"),
        ("const A = sqrt(-1); policy p { }", "E0105", "sqrt(-1)"),
        ("const A = [1][1]; policy p { }", "E0105", "[1][1]"),
        ("const A = did(\"x\"); policy p { }", "E0105", "did(\"x\")"),
        ("const A = trust_create(2, 0, 0, 0, 0, 0); policy p { }", "E0105", "trust_create(2, 0, 0, 0, 0, 0)"),
        ("const A = true && 1 / 0 == 1; policy p { }", "E0105", "true && 1 / 0 == 1"),
        ("policy p { const A = 1 % 0; }", "E0105", "1 % 0"),
        ("const A = now; policy p { }", "E0106", "now"),
        ("const A = get_timestamp(); policy p { }", "E0106", "get_timestamp()"),
        ("const A = load_trust(did:x:a); policy p { }", "E0106", "load_trust(did:x:a)"),
        ("const A = f(); fn f() -> number { return 1; } policy p { }", "E0106", "f()"),
        ("const A = any(x in [1], x > 0); policy p { }", "E0106", "any(x in [1], x > 0)"),
        ("const A = true || now > 1; policy p { }", "E0106", "true || now > 1"),
        ("policy p { let x = 1; const A = x; }", "E0106", "x"),
        ("policy p(x: number) { const A = 1 + x; }", "E0106", "1 + x"),
    ]);
    // A circle does not hide what is fine.
    let (_, found) = check("const A = B; const B = A; const C = 1; policy p { return C == 1 && A == B; }");
    assert_eq!(of(&found, Severity::Error).count(), 1, "{found:?}");
}
