//! What a comparison with null rules out, and for how long.

use super::*;

/// Wraps statements in a policy with the optional inputs `o` and `q` and the flag `c`.
fn with_optionals(statements: &str) -> String {
    format!("policy p(o: number?, q: number?, c: bool) {{ {statements} }}")
}

#[track_caller]
fn narrows(table: &[&str]) {
    for statements in table {
        checked(&with_optionals(statements));
    }
}

/// Statements in which the last use of a name may be null.
#[track_caller]
fn may_be_null(table: &[(&str, &str)]) {
    for (statements, name) in table {
        let source = with_optionals(statements);
        let (_, found) = check(&source);
        let found: Vec<_> = of(&found, Severity::Error).map(|d| (d.code, words(&source, d))).collect();
        assert_eq!(found, [("E0107", *name)], "{statements}");
    }
}

#[test]
fn conditions_narrow_what_they_guard() {
    narrows(&[
        "return o != null && o > 1;",
        "return null != o && o > 1;",
        "return o == null || o > 1;",
        "return !(o == null) && o > 1;",
        "return !(o != null) || o > 1;",
        "return !!(o != null) && o > 1;",
        "return o != null && c && o > 1;",
        "return c && o != null && o > 1;",
        "return o != null && q != null && o > q;",
        "return (o != null && q != null) && o > q;",
        "return o == null || q == null || o > q;",
        "return !(o == null || q == null) && o > q;",
        "return o != null ? o > 1 : c;",
        "return o == null ? c : o > 1;",
        "return (o == null || q == null ? 1 : o + q) > 0;",
        "return (o != null && c ? o : 1) > 0;",
        "return o != null && any(x in [1, 2], x > o);",
        "return c ? o == null || o > 1 : true;",
        // What holds on every way to an answer holds behind it.
        "return (o != null && c || o != null && q == 1) && o > 1;",
        "return !(o == null && c || o == null) && c || o == null;",
        "return !((o == null || c) && (o == null || q == 1)) && o > 1;",
        "return (c ? o != null : o != null && q == 1) && o > 1;",
        "return (c ? o != null : false) && o > 1;",
        "return (o != null ? c : false) && o > 1;",
        "return (o == null ? false : c) && o > 1;",
        "return !(c ? o == null : true) && o > 1;",
        "require c ? o != null : o != null; return o > 1;",
        "if (o != null && c) || (q == 1 && o != null) { return o > 1; } return c;",
    ]);
    may_be_null(&[
        ("return o != null || o > 1;", "o"),
        ("return o == null && o > 1;", "o"),
        ("return c && (o != null || c) && o > 1;", "o"),
        ("return !(o == null && q == null) && o > 1;", "o"),
        ("return (o != null) == true && o > 1;", "o"),
        ("return o != null ? c : o > 1;", "o"),
        ("return (o != null && c) || o > 1;", "o"),
        ("return o > 1 && o != null;", "o"),
        ("return (c ? o != null : q == 1) && o > 1;", "o"),
        ("return (o != null || q == 1) && o > 1;", "o"),
        ("return (o != null && c || q == 1) && o > 1;", "o"),
        ("return (o != null ? c : q == 1) && o > 1;", "o"),
        ("return !(o == null && q == 1) && o > 1;", "o"),
        ("return (o ?? 1) > 0 && o > 1;", "o"),
        ("return o == 5 && o > 1;", "o"),
        ("return any(x in [1], o != null) && o > 1;", "o"),
    ]);
}

#[test]
fn statements_narrow_what_follows() {
    narrows(&[
        "require o != null; return o > 1;",
        "require o != null && q != null, \"both\"; return o > q;",
        "require !(o == null || q == null); return o > q;",
        "if o == null { return false; } return o > 1;",
        "if o != null { return o > 1; } return false;",
        "if o == null { return false; } else { return o > 1; }",
        "if o == null { return false; } else if q == null { return o > 1; } return o > q;",
        "if o == null || q == null { return false; } return o > q;",
        "if o != null { } else { return false; } return o > 1;",
        "if c { require o != null; } else { require o != null; } return o > 1;",
        "if o == null { if c { return true; } else { return false; } } return o > 1;",
        "for i in 0..3 { if o == null { break; } require o > i; }",
        "for i in 0..3 { if o == null { continue; } require o > i; }",
        "while true { if o == null { break; } require o > 1; }",
        "while o != null { return o > 1; }",
        "while o != null && c { return o > 1; }",
        "let x: number? = o; while x != null { require x > 1; x = null; }",
        "let x: number? = o; if x == null { return false; } let y = x + 1; return y > 1;",
        "require o != null; for i in 0..3 { require o > i; }",
        "require o != null; while c { return o > 1; }",
        "if o == null { return false; } if c { require o > 1; } return o > 2;",
        "const N = 1; require o != null; return o > N;",
    ]);
    may_be_null(&[
        ("if o == null { } return o > 1;", "o"),
        ("if o == null { require c; } return o > 1;", "o"),
        ("if c { require o != null; } return o > 1;", "o"),
        ("if c { require o != null; } else { require q != null; } return o > 1;", "o"),
        ("if o == null && c { return false; } return o > 1;", "o"),
        ("if o == null { return false; } return q > 1;", "q"),
        ("while o != null { break; } return o > 1;", "o"),
        ("for i in 0..3 { if o == null { break; } } return o > 1;", "o"),
        ("for i in 0..3 { require o != null; } return o > 1;", "o"),
        ("if o != null { } return o > 1;", "o"),
        ("if o != null { } else { require o > 1; }", "o"),
        ("while o == null { } return o > 1;", "o"),
    ]);
}

#[test]
fn assignments_end_it() {
    narrows(&[
        "let x = o; require x != null; x = x + 1; return c;",
        "let x = o; x = 5; require x != null; return x > 1;",
        "let x = o; require x != null; while c { x = null; require x != null; require x > 1; }",
        "let x = o; for i in 0..3 { if x != null { require x > 1; x = null; } }",
        "let x = o; require x != null; if c { x = null; return true; } return x > 1;",
        "let x = o; let y = q; require x != null && y != null; x = null; return y > 1;",
    ]);
    may_be_null(&[
        ("let x = o; require x != null; x = q; return x > 1;", "x"),
        ("let x = o; require x != null; x = 5; return x > 1;", "x"),
        ("let x = o; require x != null; if c { x = q; } return x > 1;", "x"),
        ("let x = o; require x != null; if c { } else { x = q; } return x > 1;", "x"),
        ("let x = o; require x != null; if c { } else if !c { x = q; } return x > 1;", "x"),
        ("let x = o; require x != null; while c { require x > 1; x = q; }", "x"),
        ("let x = o; require x != null; for i in 0..3 { require x > i; x = q; }", "x"),
        ("let x = o; require x != null; for i in [1] { if c { require x > i; } else { x = q; } }", "x"),
        ("let x = o; require x != null; while c { for i in 0..2 { require x > i; } x = q; }", "x"),
        ("let x = o; require x != null; while c { if c { x = q; break; } } return x > 1;", "x"),
        ("let x = o; while x != null { x = q; require x > 1; }", "x"),
        ("let x = o; require x != null; while x > 1 { x = q; }", "x"),
        ("let x = o; if x != null { x = q; require x > 1; }", "x"),
    ]);
}

#[test]
fn only_names_are_narrowed() {
    wrong(&[
        ("policy p(xs: [number?]) { return xs[0] != null && xs[0] > 1; }", "E0107", "xs[0]"),
        (
            "store_get_number(\"k\") != null && store_get_number(\"k\") > 1",
            "E0107",
            "store_get_number(\"k\")",
        ),
    ]);
    fine(&[
        ("policy p(xs: [number?]) { for x in xs { require x == null || x > 1; } }", "xs: [number?]"),
        ("policy p(xs: [number?]) { return all(x in xs, x == null || x > 1); }", "xs: [number?]"),
        (
            "fn f(x: number?) -> number { if x == null { return 0; } return x; } policy p { return f(1) > 0; }",
            "",
        ),
    ]);
}

#[test]
fn a_narrowed_name_is_a_plain_value_everywhere() {
    narrows(&[
        "require o != null; let x: number = o; return abs(o) > x && o in [1, 2] && [o] == [1];",
        "require o != null; let x = o; x = 1; return x > 0;",
    ]);
    may_be_null(&[("require o != null; let x: number? = o; return x > 0;", "x")]);
    // Its default is never needed.
    wrong(&[("policy p(o: number?) { require o != null; return (o ?? 1) > 0; }", "E0124", "o")]);
}

/// A name bound anew in a loop's body hides the outer one: assigning to it ends nothing outside.
#[test]
fn a_hidden_name_is_another_name() {
    narrows(&[
        "let y = o; if y != null { for i in 0..3 { let y = 1; y = 2; require y > i; } require y > 1; }",
        "let y = o; if y != null { for y in [1, 2] { y = 2; } require y > 1; }",
    ]);
}
