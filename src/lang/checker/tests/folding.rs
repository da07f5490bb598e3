//! What folds, and to what: the bill depends on it.

use super::*;
use crate::lang::ast::{Ast, ExprId, ExprKind, ItemKind, StmtKind};
use eclvm_kernel::value::Value;

/// The value of a bare expression, as far as it folds: how many links of a chain (all of anything else), and to what.
fn folded(source: &str) -> Option<(u32, u32, Value)> {
    let (ast, mut diagnostics) = parser::parse(source);
    let checked = super::super::check(source, &ast, &mut diagnostics)
        .unwrap_or_else(|| panic!("{source}: {diagnostics:?}"));
    let id = root(&ast);
    let info = checked.expr(id);
    let links = match ast.expr(id).kind {
        ExprKind::Chain { links, .. } => links.len,
        _ => 0,
    };
    info.folded.map(|k| (info.folded_links, links, checked.constant(k).unwrap().clone()))
}

/// The expression of a bare one; of a policy the value that its last statement returns.
fn root(ast: &Ast) -> ExprId {
    match ast.items.last().unwrap().kind {
        ItemKind::Expression(id) => id,
        ItemKind::Policy { body, .. } => match ast.stmt(*ast.block(body).last().unwrap()).kind {
            StmtKind::Return(Some(id)) => id,
            _ => panic!("no return at the end"),
        },
        _ => panic!("no policy at the end"),
    }
}

fn folds_to(table: &[(&str, &str)]) {
    for (source, want) in table {
        let Some((folded, links, value)) = folded(source) else { panic!("{source} does not fold") };
        assert_eq!(folded, links, "{source} folds in part only");
        assert_eq!(show(&value), *want, "{source}");
    }
}

fn show(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Number(n) => format!("{n}"),
        Value::Bool(b) => format!("{b}"),
        Value::Text(s) => format!("{s:?}"),
        Value::Did(s) => s.to_string(),
        Value::Trust(t) => format!("{:?}", t.0),
        Value::Array(items) => format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(", ")),
    }
}

#[test]
fn operators_on_constants() {
    folds_to(&[
        ("1", "1"),
        ("-1", "-1"),
        ("--1", "1"),
        ("!true", "false"),
        ("1 + 2 * 3", "7"),
        ("10 - 4 - 3", "3"),
        ("7 % 4 / 2", "1.5"),
        ("-7 % 4", "-3"),
        ("0.1 + 0.2", "0.30000000000000004"),
        ("1e308 * 10", "inf"),
        ("1e308 * 10 - 1e308 * 10 == 1", "false"),
        ("-0 == 0", "true"),
        ("1 < 2", "true"),
        ("\"a\" + \"b\" + \"c\"", "\"abc\""),
        ("\"a\" + \"b\" == \"ab\"", "true"),
        ("did:x:a == did:x:b", "false"),
        ("[1, [2][0]]", "[1, 2]"),
        ("[1, 2] == [1, 2]", "true"),
        ("[1, 2][1]", "2"),
        ("2 in [1, 2]", "true"),
        ("null == null", "true"),
        ("[1, null][1] == null", "true"),
        ("trust_create(0, 0.5, 1, 0, 0, 0).i", "0.5"),
        ("true ? 1 : 2", "1"),
        ("1 > 2 ? \"a\" : \"b\"", "\"b\""),
    ]);
}

#[test]
fn pure_builtins_on_constants() {
    folds_to(&[
        ("abs(-1)", "1"),
        ("sqrt(4)", "2"),
        ("floor(1.5)", "1"),
        ("ceil(1.5)", "2"),
        ("round(-2.5)", "-3"),
        ("min(1, 2)", "1"),
        ("max(1, 2)", "2"),
        ("clamp(5, 1, 3)", "3"),
        ("lerp(0, 10, 0.5)", "5"),
        ("surprisal(0.25)", "2"),
        ("str_len(\"\u{1F600}a\")", "2"),
        ("str_contains(\"abc\", \"b\")", "true"),
        ("str_starts_with(\"abc\", \"b\")", "false"),
        ("str_ends_with(\"abc\", \"c\")", "true"),
        ("str_eq_ignore_case(\"aB\u{e4}\", \"Ab\u{c4}\")", "false"),
        ("did(\"did:x:a\")", "did:x:a"),
        ("array_len([1, 2])", "2"),
        ("array_get([1, 2], 1)", "2"),
        ("contains(1, [2])", "false"),
        ("trust_create(0, 0, 0, 0, 0, 1)", "[0.0, 0.0, 0.0, 0.0, 0.0, 1.0]"),
        ("trust_norm(trust_create(0, 0, 0, 0, 0, 0.6))", "0.09999999999999999"),
        ("trust_above_threshold(trust_create(1, 1, 1, 1, 1, 1), 1)", "true"),
        ("trust_distance(trust_create(1, 0, 0, 0, 0, 0), trust_create(0, 0, 0, 0, 0, 0))", "1"),
        ("trust_combine(trust_create(1, 0, 0, 0, 0, 0), trust_create(0, 1, 0, 0, 0, 0)).i", "1"),
        ("trust_weighted(trust_create(1, 0, 0, 0, 0, 0), [1, 1, 0, 0, 0, 0])", "0.5"),
    ]);
}

#[test]
fn lazy_operators_fold_lazily_when_all_is_constant() {
    folds_to(&[
        ("true && false", "false"),
        ("false && 1 / 0 == 1", "false"),
        ("true || 1 / 0 == 1", "true"),
        ("false || true && true", "true"),
        ("null ?? 5", "5"),
        ("[1, null][0] ?? 1 / 0", "1"),
        ("true ? 1 : 1 / 0", "1"),
        ("false ? 1 / 0 : 2", "2"),
        ("false && true && 1 / 0 == 1", "false"),
    ]);
    for source in
        ["true || a", "false && a", "true ? 1 : a + 1", "null ?? a + 1", "false && now > 1", "true ? 1 : now"]
    {
        assert!(folded(source).is_none_or(|(n, ..)| n == 0), "{source} folds");
    }
}

#[test]
fn what_would_fault_is_left_to_run() {
    for source in [
        "1 / 0",
        "1 % 0",
        "sqrt(-1)",
        "[1][1]",
        "[1][0.5]",
        "did(\"x\")",
        "surprisal(0)",
        "clamp(1, 3, 2)",
        "trust_create(2, 0, 0, 0, 0, 0)",
        "1 / 0 + 1",
        "-(1 / 0)",
        "[1 / 0]",
        "abs(1 / 0)",
        "true && 1 / 0 == 1",
        "null ?? 1 / 0",
        "1 / 0 == 1 ? 1 : 2",
        "true ? 1 / 0 : 2",
        "trust_weighted(trust_create(1, 0, 0, 0, 0, 0), [1])",
    ] {
        assert_eq!(folded(source), None, "{source}");
    }
    // What stands before the fault still folds.
    let Some((1, 3, Value::Number(six))) = folded("2 * 3 / 0 * 2") else { panic!("the first link folds") };
    assert_eq!(six, 6.0);
}

#[test]
fn other_things_never_fold() {
    for source in [
        "any(x in [1], true)",
        "all(x in [1], true)",
        "count(x in [1], true)",
        "get_timestamp()",
        "time_since(1)",
        "now",
        "caller",
        "member_count()",
        "trust_norm(trust)",
        "fn f() -> number { return 1; } policy p { return f() == 1; }",
        "policy p { let x = 1; return x == 1; }",
        "[1, now]",
        "[1, 2][now]",
        "array_len([now])",
    ] {
        assert!(folded(source).is_none_or(|(n, ..)| n == 0), "{source} folds");
    }
}

#[test]
fn chains_fold_from_the_left_without_regrouping() {
    let table: &[(&str, u32, &str)] = &[
        ("1 + 2 + now", 1, "3"),
        ("1 + 2 + 3 + now + 4 + 5", 2, "6"),
        ("\"a\" + \"b\" + realm", 1, "\"ab\""),
        ("true && true && now > 1", 1, "true"),
        ("false || false || now > 1 || true", 1, "false"),
        ("true && false && now > 1", 1, "false"),
        ("null ?? null ?? store_get(\"k\")", 1, "null"),
        ("2 * 3 == 6 == (now > 1)", 1, "true"),
    ];
    for (source, links, want) in table {
        let (n, all, value) = folded(source).unwrap_or_else(|| panic!("{source} does not fold at all"));
        assert!(n < all, "{source} folds as a whole");
        assert_eq!((n, show(&value).as_str()), (*links, *want), "{source}");
    }
    for source in ["now + 1 + 2", "1 + now + 2", "now > 1 && true && true"] {
        assert!(folded(source).is_none_or(|(n, ..)| n == 0), "{source} folds");
    }
}

#[test]
fn constants_by_name_fold_like_what_they_stand_for() {
    folds_to(&[
        ("const A = 2; policy p { return A * A == 4; }", "true"),
        ("policy p { const A = [1]; const B = [A, A]; return B[1][0] == 1; }", "true"),
    ]);
    let texts = "const A = \"a\"; const B = A + \"b\"; policy p { return B + A == \"aba\"; }";
    folds_to(&[(texts, "true")]);
}

#[test]
fn a_text_that_grows_too_long_does_not_fold() {
    let long = "x".repeat(40_000);
    let source = format!("const A = \"{long}\"; policy p {{ return A + A == \"\"; }}");
    checked(&source);
    wrong(&[(&format!("const A = \"{long}\"; const B = A + A; policy p {{ }}"), "E0105", "A + A")]);
}
