//! Inputs of policies without a parameter list: their order, their types.

use super::*;

#[test]
fn inputs_stand_in_the_order_of_their_first_use() {
    fine(&[
        ("b > 1 && a > 2 && b > a", "b: number, a: number"),
        ("policy p { if c { return a == \"x\"; } return b; }", "c: bool, a: string, b: bool"),
        ("policy p { let x = y + 1; return x > z; }", "y: number, z: number"),
        ("policy p { let a = a; return a; }", "a: bool"),
        ("policy p { require false; return never; }", "never: bool"),
        ("max(b, a) > abs(c)", "b: number, a: number, c: number"),
        ("c ? a : b > 1", "c: bool, a: bool, b: number"),
    ]);
    // Each policy of a file has its own.
    let both = checked("policy p { return a > 1; } policy q { return b && a == \"x\"; }");
    let names: Vec<Vec<String>> = both
        .bodies
        .iter()
        .map(|b| b.inputs.iter().map(|i| format!("{}: {}", i.name, i.ty)).collect())
        .collect();
    assert_eq!(names, [vec!["a: number"], vec!["b: bool", "a: string"]]);
}

#[test]
fn types_come_from_uses() {
    fine(&[
        ("x + 1 > 0", "x: number"),
        ("x + \"a\" == y", "x: string, y: string"),
        ("x + y == 1", "x: number, y: number"),
        ("x + y == \"a\"", "x: string, y: string"),
        ("-x < y", "x: number, y: number"),
        ("!x", "x: bool"),
        ("x == y && y == caller", "x: did, y: did"),
        ("x in [1, 2]", "x: number"),
        ("\"a\" in xs", "xs: [string]"),
        ("x in xs && x > 1", "x: number, xs: [number]"),
        ("xs[i] == did:x:a", "xs: [did], i: number"),
        ("tv.r > 0.5", "tv: trust"),
        ("any(x in xs, x > 1)", "xs: [number]"),
        ("all(x in xs, any(y in x, y))", "xs: [[bool]]"),
        ("has_credential(who, schema)", "who: did, schema: string"),
        ("array_get(xs, 0) > array_len(xs)", "xs: [number]"),
        ("contains(x, xs) && xs == [\"a\"]", "x: string, xs: [string]"),
        ("trust_weighted(trust, w) > 0", "w: [number]"),
        (
            "policy p { for x in xs { require x == \"a\"; } for i in lo..hi { } }",
            "xs: [string], lo: number, hi: number",
        ),
        ("policy p { store_put(key, value); return value; }", "key: string, value: bool"),
        ("policy p { return verdict; }", "verdict: bool"),
        (
            "fn f(a: [did], b: string?) -> bool { return true; } policy p { return f(x, y); }",
            "x: [did], y: string?",
        ),
        ("policy p { let x: number? = y; return x == 1; }", "y: number?"),
        ("[a, 1] == [2, b]", "a: number, b: number"),
        ("(c ? a : 1) > 0", "c: bool, a: number"),
    ]);
    // A bare name has no use that says what it is.
    wrong(&[("a", "E0113", "a")]);
    for (source, names) in [
        // Said once of names that hang together.
        ("a == b", &["a"][..]),
        ("array_len(xs) > 1", &["xs"]),
        ("a == null", &["a"]),
        ("(a ?? b) == null", &["a"]),
        ("policy p { emit \"e\", a; }", &["a"]),
        ("policy p { let x = a; store_put(\"k\", x); }", &["a"]),
    ] {
        let (_, found) = check(source);
        let ambiguous: Vec<_> =
            found.iter().filter(|d| d.code == "E0113").map(|d| words(source, d)).collect();
        assert_eq!(ambiguous, names, "{source}");
        assert!(
            found.iter().all(|d| d.severity == Severity::Warning || d.code == "E0113" || d.code == "E0112"),
            "{found:?}"
        );
    }
}

#[test]
fn unknown_types_become_optional_where_they_meet_null() {
    fine(&[
        ("a == null || a > 1", "a: number?"),
        ("null != a && a == \"x\"", "a: string?"),
        ("policy p { require a != null; return a; }", "a: bool?"),
        ("a == store_get_number(\"k\")", "a: number?"),
        ("store_get(\"k\") == a", "a: string?"),
        ("(a ?? 1) > 0", "a: number?"),
        ("(a ?? b) > 1", "a: number?, b: number"),
        ("(a ?? b ?? 1) > 0", "a: number?, b: number?"),
        ("(store_get(\"k\") ?? a) == \"x\"", "a: string"),
        ("a == b && b == null && a == 1", "a: number?, b: number?"),
        ("a == 1 && a == store_get_number(\"k\")", "a: number"),
        ("[a, null] == [1]", "a: number"),
        ("null in xs && xs == [1, null]", "xs: [number?]"),
    ]);
    wrong(&[
        ("a > 1 && (a ?? 2) > 1", "E0124", "a"),
        ("a == null && a + 1 > 2", "E0107", "a"),
        ("(a ?? 1) > 0 && a > 1", "E0107", "a"),
    ]);
}

#[test]
fn uses_must_agree() {
    wrong(&[
        ("a > 1 && a", "E0107", "a"),
        ("a == 1 && a == \"x\"", "E0125", "a == \"x\""),
        ("a && b == a && b > 1", "E0107", "b"),
        ("xs[0] > 1 && xs == 5", "E0125", "xs == 5"),
        ("a.r > 1 && a > 1", "E0107", "a"),
    ]);
    // No type is an array of itself.
    for source in ["x in x", "x == [x]", "xs[0] == xs", "any(x in x, x == xs) && x == xs", "[x] == x"] {
        assert!(check(source).0.is_none(), "{source}");
    }
}

#[test]
fn a_parameter_list_is_the_whole_truth() {
    fine(&[
        ("policy p(a: number, b: [string?]?) { return a > 1 && b == null; }", "a: number, b: [string?]?"),
        ("policy p() { return true; }", ""),
        ("policy p(a: number,) { return a > now; }", "a: number"),
    ]);
    wrong(&[
        ("policy p(a: number) { return b > 1; }", "E0121", "b"),
        ("policy p() { return amount > 1; }", "E0121", "amount"),
    ]);
}

#[test]
fn standard_inputs_are_there_and_can_be_hidden() {
    fine(&[
        ("caller == requester && realm == \"r\" && trust.r > 0 && now > 0", ""),
        ("policy p(trust: number) { return trust > 1; }", "trust: number"),
        (
            "policy p(caller: string, requester: bool) { return caller == \"x\" && requester; }",
            "caller: string, requester: bool",
        ),
        ("policy p(now: [number]) { return now[0] > 1; }", "now: [number]"),
        (
            "fn f(realm: number) -> number { return realm; } policy p { return f(1) > 0 && realm == \"x\"; }",
            "",
        ),
        ("policy p { let trust = 5; return trust > 1; }", ""),
        ("const now = 5; policy p { return now == 5; }", ""),
        ("any(caller in [1], caller > 0)", ""),
    ]);
    let mentions = |source: &str| {
        let checked = checked(source);
        checked.bodies.iter().map(|b| b.mentions.0).collect::<Vec<_>>()
    };
    assert_eq!(mentions("caller == caller"), [1]);
    assert_eq!(mentions("realm == \"x\" && now > 1"), [2 | 8]);
    assert_eq!(mentions("policy p(trust: number) { return trust > 1; }"), [0]);
    // In dead code too, and each function for itself.
    assert_eq!(mentions("policy p { return true; return trust.r > 1; }"), [4]);
    assert_eq!(mentions("fn f() -> number { return now; } policy p { return f() > 0; }"), [8, 0]);
}
