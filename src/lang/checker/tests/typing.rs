//! Which type goes where.

use super::*;

#[test]
fn operators_ask_for_their_types() {
    fine(&[
        ("1 + 2 - 3 * 4 / 5 % 6 > 0", ""),
        ("\"a\" + \"b\" == \"ab\"", ""),
        ("-1 < 2 && !(1 > 2) || 3 <= 3 && 4 >= 4", ""),
        ("caller == did:x:a", ""),
        ("trust == load_trust(caller)", ""),
        ("[1, 2] == [1, 3]", ""),
        ("[[1], []] == [[2]]", ""),
        ("1 in [1, 2]", ""),
        ("did:x:a in [caller, requester]", ""),
        ("[1, 2][0] == 1", ""),
        ("trust.r + trust.i + trust.c + trust.p + trust.v + trust.omega > 3", ""),
        ("true ? 1 : 2", ""),
        ("any(x in [1], x > 0) && all(x in [1], x > 0) && count(x in [1], x > 0) > 0", ""),
        ("now > 0 && realm == \"lab\"", ""),
    ]);
    wrong(&[
        ("1 + \"a\"", "E0107", "\"a\""),
        ("\"a\" + 1", "E0107", "1"),
        ("true + true", "E0110", "true"),
        ("[1] + [2]", "E0110", "[1]"),
        ("caller + caller", "E0110", "caller"),
        ("1 - \"a\"", "E0107", "\"a\""),
        ("true * 2", "E0107", "true"),
        ("2 % null", "E0107", "null"),
        ("-true", "E0107", "true"),
        ("!1", "E0107", "1"),
        ("1 && true", "E0107", "1"),
        ("true || 0", "E0107", "0"),
        ("1 < 2 && 3", "E0107", "3"),
        ("\"a\" < 1", "E0107", "\"a\""),
        ("1 < now == 1", "E0125", "1 < now == 1"),
        ("1 == \"1\"", "E0125", "1 == \"1\""),
        ("caller == \"did:x:a\"", "E0125", "caller == \"did:x:a\""),
        ("[1] == [\"a\"]", "E0107", "\"a\""),
        ("trust == 1", "E0125", "trust == 1"),
        ("1 in 2", "E0126", "2"),
        ("1 in [\"a\"]", "E0107", "\"a\""),
        ("1 in [true][0]", "E0126", "[true][0]"),
        ("\"a\" in \"abc\"", "E0126", "\"abc\""),
        ("1[0]", "E0130", "1"),
        ("trust[0]", "E0130", "trust"),
        ("[1][\"a\"]", "E0107", "\"a\""),
        ("now.r", "E0128", "now.r"),
        ("trust.x", "E0129", "x"),
        ("trust.omegr", "E0129", "omegr"),
        ("1 ? 2 : 3", "E0107", "1"),
        ("true ? 1 : \"a\"", "E0127", "1 : \"a\""),
        ("[1, \"a\"]", "E0131", "\"a\""),
        ("any(x in 1, true)", "E0116", "1"),
        ("any(x in [1], x)", "E0107", "x"),
        ("count(x in [true], x > 0)", "E0107", "x"),
    ]);
    fine(&[("count(x in [true], x)", "")]);
}

#[test]
fn comparisons_do_not_chain() {
    wrong(&[
        ("1 < 2 < 3", "E0123", "1 < 2 < 3"),
        ("1 < 2 <= 3 && true", "E0123", "1 < 2 <= 3"),
        ("1 == 2 == 3", "E0125", "1 == 2 == 3"),
    ]);
    fine(&[
        ("1 == 2 == false", ""),
        ("1 < 2 == true", ""),
        ("(1 < 2) == (2 < 3)", ""),
        ("1 < 2 in [true]", ""),
    ]);
}

#[test]
fn a_value_may_stand_where_an_optional_is_expected() {
    fine(&[
        ("policy p { let x: number? = 5; return x == 5; }", ""),
        ("policy p { let x: number? = 5; x = 6; return x == 6; }", ""),
        ("policy p { let x: number? = 5; x = null; return x == 6; }", ""),
        ("fn f(x: number?) -> number? { return 1; } policy p { return f(2) == f(null); }", ""),
        ("fn f(x: number?) -> [number?] { return [1, x, null]; } policy p { return f(2)[0] == 1; }", ""),
        (
            "policy p(o: number?) { let x: number? = o; return (true ? 1 : o) == (false ? o : 1); }",
            "o: number?",
        ),
        ("policy p { let xs: [number?] = [1, 2]; return null in xs; }", ""),
        ("policy p { let xs: [[number?]]? = [[1], [null], []]; return xs == null; }", ""),
        ("policy p(o: number?) { return 1 == o && o == 1 && o != 2 && o == o; }", "o: number?"),
        ("policy p(o: number?) { return o in [1, 2]; }", "o: number?"),
        ("policy p(xs: [number?]) { return 1 in [1] && null in xs && xs == [1, null]; }", "xs: [number?]"),
    ]);
    wrong(&[
        ("policy p(o: number?) { return o > 1; }", "E0107", "o"),
        ("policy p(o: number?) { return 1 + o == 2; }", "E0107", "o"),
        ("policy p(o: bool?) { return o; }", "E0107", "o"),
        ("policy p(o: bool?) { require o; }", "E0107", "o"),
        ("policy p(o: bool?) { if o { } }", "E0107", "o"),
        ("policy p(o: bool?) { return o && true; }", "E0107", "o"),
        ("policy p(o: number?) { let x: number = o; return x > 0; }", "E0107", "o"),
        ("policy p(o: number?) { return abs(o) > 0; }", "E0107", "o"),
        ("policy p(o: trust?) { return o.r > 0; }", "E0128", "o.r"),
        ("policy p(o: [number]?) { return o[0] > 0; }", "E0130", "o"),
        ("policy p(o: [number]?) { for x in o { } }", "E0116", "o"),
        ("policy p(o: [number]?) { return 1 in o; }", "E0126", "o"),
        ("policy p(o: number?) { return 1 in [o]; }", "E0107", "o"),
        ("policy p(xs: [number]) { let ys: [number?] = xs; return ys == []; }", "E0107", "xs"),
        ("policy p(o: number?, xs: [number]) { return o in xs; }", "E0126", "o in xs"),
        ("policy p { let x = 5; x = null; return x == 5; }", "E0107", "null"),
        ("fn f(o: number?) -> number { return o; } policy p { }", "E0107", "o"),
    ]);
}

#[test]
fn coalescing_takes_null_away() {
    fine(&[
        ("policy p(o: number?) { return (o ?? 1) > 0; }", "o: number?"),
        (
            "policy p(o: number?, q: number?) { return (o ?? q) == null && (o ?? q ?? 1) > 0; }",
            "o: number?, q: number?",
        ),
        (
            "policy p(o: number?, q: number?) { let x: number? = o ?? q; return x != null; }",
            "o: number?, q: number?",
        ),
        ("policy p(o: [number]?) { return (o ?? [])[0] > 0; }", "o: [number]?"),
        ("(store_get(\"k\") ?? \"none\") == \"none\"", ""),
        ("(null ?? 5) > 4", ""),
        ("(null ?? null ?? 5) > 4", ""),
    ]);
    wrong(&[
        ("1 ?? 2", "E0124", "1"),
        ("policy p(o: number?) { return (o ?? 1 ?? 2) > 0; }", "E0124", "o ?? 1"),
        ("policy p(o: number?) { return (o ?? \"a\") == 1; }", "E0107", "\"a\""),
        ("policy p(o: number?, q: number?) { return (o ?? q) > 0; }", "E0107", "o ?? q"),
        ("policy p(o: bool?) { return o ?? null; }", "E0107", "o ?? null"),
    ]);
}

#[test]
fn null_and_empty_lists_need_surroundings() {
    wrong(&[
        ("null", "E0112", "null"),
        ("[]", "E0112", "[]"),
        ("[null]", "E0112", "[null]"),
        ("policy p { let x = null; }", "E0112", "null"),
        ("policy p { let x = []; }", "E0112", "[]"),
        ("policy p { [[]]; }", "E0112", "[]"),
        ("array_len([]) == 0", "E0112", "[]"),
    ]);
    fine(&[
        ("policy p { let x = null; x = 5; return x == 5; }", ""),
        ("policy p { let x = []; x = [5]; return x == [5]; }", ""),
        ("[null, 1] == []", ""),
        ("null == null", ""),
        ("policy p { null; emit \"e\", null; }", ""),
        ("1 in []", ""),
        ("[[], [1]] == [[2], []]", ""),
        ("policy p { for x in [] { require x > 0; } }", ""),
    ]);
}

#[test]
fn arms_and_elements_join_to_an_optional() {
    fine(&[
        ("policy p(c: bool) { return ((c ? 1 : null) ?? 2) > 0; }", "c: bool"),
        ("policy p(c: bool) { return ((c ? null : 1) ?? 2) > 0; }", "c: bool"),
        ("policy p(c: bool, o: number?) { return ((c ? 1 : o) ?? 2) > 0; }", "c: bool, o: number?"),
        ("policy p(c: bool) { return (c ? [null] : [1]) == [1]; }", "c: bool"),
        ("policy p { let xs = [1, null, 2]; return (xs[1] ?? 3) > 2; }", ""),
        ("policy p { let xs = [null, 1]; return (xs[1] ?? 3) > 2; }", ""),
        ("policy p(o: number?) { let xs = [1, o]; return (xs[1] ?? 3) > 2; }", "o: number?"),
    ]);
}

#[test]
fn builtins_know_their_signatures() {
    let table: &[(&str, &str)] = &[
        ("load_trust(did:x:a)", "trust"),
        ("trust_norm(trust)", "number"),
        ("trust_weighted(trust, [1, 1, 1, 1, 1, 1])", "number"),
        ("trust_combine(trust, trust)", "trust"),
        ("trust_create(0, 0, 0, 0, 0, 1)", "trust"),
        ("trust_above_threshold(trust, 0.5)", "bool"),
        ("trust_distance(trust, trust)", "number"),
        ("has_credential(caller, \"kyc\")", "bool"),
        ("resolve_did(caller)", "bool"),
        ("did(\"did:x:a\")", "did"),
        ("get_balance(caller)", "number"),
        ("is_member(caller)", "bool"),
        ("member_count()", "number"),
        ("trust_threshold()", "number"),
        ("get_metric(\"trust.avg\")", "number?"),
        ("store_get(\"k\")", "string?"),
        ("store_get_number(\"k\")", "number?"),
        ("store_get_bool(\"k\")", "bool?"),
        ("store_put(\"k\", 1)", "bool"),
        ("store_put(\"k\", \"v\")", "bool"),
        ("store_put(\"k\", true)", "bool"),
        ("store_delete(\"k\")", "bool"),
        ("update_trust(caller, 0.1)", "bool"),
        ("cast_vote(\"p\", true)", "bool"),
        ("cross_realm(\"lab\")", "bool"),
        ("get_timestamp()", "number"),
        ("time_since(1)", "number"),
        ("abs(1)", "number"),
        ("sqrt(1)", "number"),
        ("floor(1)", "number"),
        ("ceil(1)", "number"),
        ("round(1)", "number"),
        ("min(1, 2)", "number"),
        ("max(1, 2)", "number"),
        ("clamp(1, 2, 3)", "number"),
        ("lerp(1, 2, 3)", "number"),
        ("surprisal(1)", "number"),
        ("str_len(\"\")", "number"),
        ("str_contains(\"\", \"\")", "bool"),
        ("str_starts_with(\"\", \"\")", "bool"),
        ("str_ends_with(\"\", \"\")", "bool"),
        ("str_eq_ignore_case(\"\", \"\")", "bool"),
        ("array_len([1])", "number"),
        ("array_get([\"a\"], 0)", "string"),
        ("array_get([null, 1], 0)", "number?"),
        ("contains(1, [1])", "bool"),
    ];
    for (source, result) in table {
        assert_eq!(checked(source).bodies[0].result.to_string(), *result, "{source}");
    }
    for builtin in crate::lang::builtins::Builtin::ALL {
        let call = format!("{}(", builtin.name());
        let known = table.iter().any(|(source, _)| source.starts_with(&call));
        assert!(known || builtin.name() == "log", "{call} is missing");
    }
    wrong(&[
        ("load_trust(\"did:x:a\")", "E0107", "\"did:x:a\""),
        ("did(did:x:a) == caller", "E0107", "did:x:a"),
        ("has_credential(caller, 1)", "E0107", "1"),
        ("trust_weighted(trust, [true]) > 0", "E0107", "true"),
        ("trust_create(0, 0, 0, 0, 0, caller) == trust", "E0107", "caller"),
        ("store_put(\"k\", caller)", "E0111", "caller"),
        ("store_put(\"k\", [1])", "E0111", "[1]"),
        ("store_put(\"k\", null)", "E0112", "null"),
        ("policy p(o: number?) { store_put(\"k\", o); }", "E0111", "o"),
        ("store_put(1, 1)", "E0107", "1"),
        ("array_len(\"abc\") == 3", "E0107", "\"abc\""),
        ("array_get(1, 1) == 1", "E0107", "1"),
        ("contains(\"a\", [1])", "E0107", "1"),
        ("contains([1], 1)", "E0126", "1"),
        ("member_count(1) > 0", "E0135", "member_count(1)"),
        ("abs() > 0", "E0135", "abs()"),
        ("contains(1)", "E0135", "contains(1)"),
        ("log(\"a\")", "E0114", "log(\"a\")"),
        ("policy p { let x = log(\"a\"); }", "E0120", "log(\"a\")"),
        ("policy p { return log(\"a\"); }", "E0120", "log(\"a\")"),
        ("policy p { emit \"e\", log(\"a\"); }", "E0120", "log(\"a\")"),
    ]);
}

#[test]
fn arrays_nest_no_deeper_than_types() {
    let nested = |n: usize| format!("{}1{} == []", "[".repeat(n), "]".repeat(n));
    assert_eq!(inputs(&nested(62)), "");
    // Unknown types grow by use, past what is written.
    let index = |n: usize| "[0]".repeat(n);
    let deep = format!("policy p {{ let a = x{}; let b = a{}; return b == 1; }}", index(40), index(40));
    let (_, found) = check(&deep);
    assert_eq!(found.iter().map(|d| d.code).collect::<Vec<_>>(), ["E0132"]);
    // There is no array that such a value could be in.
    let ty = format!("{}number{}", "[".repeat(63), "]".repeat(63));
    let source = format!("policy p(x: {ty}) {{ return x in 5; }}");
    let (_, found) = check(&source);
    assert_eq!(found.iter().map(|d| d.code).collect::<Vec<_>>(), ["E0126"]);
}
