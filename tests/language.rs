//! What ECL means: outcomes, values and bills of policies, from text to receipt.
#![cfg(feature = "state-host")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")]

mod setting;

use eclvm::kernel::budget::BudgetLimits;
use eclvm::kernel::effects::{Effect, StoreValue};
use eclvm::kernel::fault::{Exhaustion, Fault, Outcome};
use eclvm::kernel::value::{Did, TrustVector, ValueRef};
use setting::{NOW, alone, compile, on_state, table, words};

#[test]
fn worked_gas_examples() {
    table(&on_state(), &[("trust.r >= 0.5", "allow n5 c3"), ("1 + 2 < 4", "allow c1"), ("true", "allow c1")]);
    let setting = setting::Setting { trust: ValueRef::Trust(&TrustVector([0.5; 6])), ..alone() };
    table(&setting, &[("trust.r >= 0.5", "allow c3")]);
}

#[test]
fn each_builtin_once_on_host_state() {
    table(
        &on_state(),
        &[
            ("load_trust(did:x:bob)", "[0.2, 0.2, 0.2, 0.2, 0.2, 0.2] n5 c1"),
            ("load_trust(did:x:nobody)", "[0.1, 0.1, 0.1, 0.1, 0.1, 0.1] n5 c1"),
            ("trust_norm(trust)", "0.75 n5 c3"),
            ("trust_weighted(trust, [1, 0, 0, 0, 0, 0])", "0.8 n5 c3"),
            ("trust_weighted(trust, [1])", "fault DomainError n5 c2"),
            ("trust_weighted(trust, [0, 0, 0, 0, 0, 0])", "fault DomainError n5 c2"),
            ("trust_combine(trust, trust).r > 0.95", "allow n5 c5"),
            ("trust_create(now, 0, 0, 0, 0, 0)", "fault DomainError c2"),
            ("trust_create(now - now, 0, 0, 0, 0, 1)", "[0.0, 0.0, 0.0, 0.0, 0.0, 1.0] c4"),
            ("trust_above_threshold(trust, 0.6)", "allow n5 c3"),
            ("trust_distance(trust, trust)", "0 n5 c3"),
            ("has_credential(caller, \"kyc\")", "allow n5 c1"),
            ("has_credential(did:x:nobody, \"kyc\")", "deny n5 c1"),
            ("resolve_did(did:x:nobody)", "deny n5 c1"),
            ("did(realm)", "fault InvalidDid c2"),
            ("did(\"did:x:\" + realm)", "did:x:lab c5"),
            ("get_balance(caller)", "120 n5 c1"),
            ("get_balance(did:x:nobody)", "0 n5 c1"),
            ("get_balance(did:x:carol)", "fault NumberOutOfRange n5"),
            ("is_member(caller)", "allow n5 c1"),
            ("is_member(did:x:carol)", "deny n5 c1"),
            ("member_count()", "2 c2"),
            ("trust_threshold()", "0.5 c2"),
            ("get_metric(\"trust.avg\")", "0.35000000000000003 n5 c1"),
            ("get_metric(\"realm.member_count\")", "2 n5 c1"),
            ("get_metric(\"realm.trust_threshold\")", "0.5 n5 c1"),
            ("get_metric(\"colour\")", "null n5 c1"),
            ("store_get(\"text\")", "\"t\" c1 s10"),
            ("store_get(\"number\")", "null c1 s10"),
            ("store_get_number(\"number\")", "2.5 c1 s10"),
            ("store_get_bool(\"flag\") ?? false", "allow c2 s10"),
            ("store_put(\"k\", \"v\")", "allow c1 s11 m2"),
            ("store_put(\"k\", 1)", "allow c1 s11 m2"),
            ("store_delete(\"text\")", "allow c1 s10"),
            ("store_delete(\"none\")", "deny c1 s10"),
            ("update_trust(did:x:bob, 0.1)", "allow c1 s50"),
            ("update_trust(did:x:nobody, 0.1)", "deny c1 s50"),
            ("update_trust(did:x:bob, 0.6)", "fault DomainError s50"),
            ("cast_vote(\"p\", true)", "allow c1 s100"),
            ("get_timestamp()", "1000000 c2"),
            ("time_since(now - 5)", "5 c3"),
            ("time_since(now + 5)", "0 c3"),
            ("policy p { emit \"e\", 1; }", "allow c1 s3 m2"),
            ("policy p { emit \"\"; }", "allow c1 s2 m1"),
            ("policy p { log(\"x\"); }", "allow c1 s3"),
        ],
    );
}

#[test]
fn mathematics_and_texts() {
    let setting = setting::Setting {
        inputs: vec![
            ValueRef::Number(-2.5),
            ValueRef::Text("Straße"),
            ValueRef::Array(&[ValueRef::Number(1.0), ValueRef::Number(2.0)]),
        ],
        ..alone()
    };
    let with = |e: &str| {
        format!(
            "fn id(b: bool) -> bool {{ return b; }} policy p(x: number, s: string, a: [number]) {{ return {e}; }}"
        )
    };
    let rows: Vec<(String, &str)> = [
        ("abs(x) == 2.5", "allow c3"),
        ("sqrt(x) > 0", "fault DomainError c1"),
        ("floor(x) == -3 && ceil(x) == -2 && round(x) == -3", "allow c9"),
        ("min(x, 1) == x && max(x, 1) == 1", "allow c6"),
        ("clamp(x, 0, 1) == 0", "allow c3"),
        ("clamp(x, 1, 0) == 0", "fault DomainError c1"),
        ("lerp(0, x, 0.5) == -1.25", "allow c3"),
        ("surprisal(x) > 0", "fault DomainError c1"),
        ("surprisal(x + 2.75) == 2", "allow c4"),
        ("x / 0 > 1", "fault DivisionByZero c1"),
        ("x % 0 > 1", "fault DivisionByZero c1"),
        ("x % 2 == -0.5", "allow c3"),
        ("str_len(s) == 6", "allow c4"),
        ("str_contains(s, \"aß\")", "allow c3"),
        ("str_starts_with(s, \"St\")", "allow c3"),
        ("str_ends_with(s, \"ße\")", "allow c3"),
        ("str_eq_ignore_case(s, \"sTRAßE\")", "allow c3"),
        ("str_eq_ignore_case(s, \"STRASSE\")", "deny c3"),
        ("s == \"Straße\"", "allow c3"),
        ("s + s == \"\"", "deny c5"),
        ("array_len(a) == 2", "allow c3"),
        ("a[1] == 2 && array_get(a, 0) == 1", "allow c6"),
        ("a[2] > 0", "fault IndexOutOfRange c1"),
        ("a[0.5] > 0", "fault IndexOutOfRange c1"),
        ("a[-1] > 0", "fault IndexOutOfRange c1"),
        ("2 in a && contains(1, a)", "allow c6"),
        ("a == [1, 2]", "allow c3"),
        ("any(y in a, y > 1)", "allow c5"),
        ("all(y in a, y > 1)", "deny c3"),
        ("count(y in a, y > 1) == 1", "allow c6"),
    ]
    .map(|(e, want)| (with(e), want))
    .to_vec();
    table(&setting, &rows.iter().map(|(s, w)| (s.as_str(), *w)).collect::<Vec<_>>());
}

#[test]
fn each_kind_of_statement() {
    table(
        &alone(),
        &[
            ("policy p { }", "allow c1"),
            ("policy p { return; }", "allow c1"),
            ("policy p { return false; }", "deny c1"),
            ("policy p { let x = now; x = x + 1; return x > now; }", "allow c3"),
            ("policy p { require now > 1; }", "allow c3"),
            ("policy p { require now < 1; }", "deny c2"),
            ("policy p { if now > 1 { return true; } return false; }", "allow c3"),
            (
                "policy p { if now < 1 { return false; } else if now < 2 { return false; } else { } }",
                "allow c5",
            ),
            ("policy p { let n = 0; for i in 0..3 { n = n + i; } return n == 3; }", "allow c8"),
            ("policy p { let n = 0; for i in 3..0 { n = n + i; } return n == 0; }", "allow c2"),
            ("policy p { for i in 0..now / 3 { } }", "fault DomainError c1"),
            ("policy p { let n = 0; for x in [1, 2] { n = n + x; } return n == 3; }", "allow c6"),
            ("policy p { let n = 0; while n < 2 { n = n + 1; } return n == 2; }", "allow c12"),
            ("policy p { for i in 0..9 { if i == 1 { break; } } }", "allow c7"),
            ("policy p { for i in 0..2 { continue; } }", "allow c3"),
            ("policy p { for i in 0..2 { i = 10; } }", "allow c3"),
            ("policy p { now + 1; }", "allow c2"),
            ("fn f(x: number) -> number { return x + 1; } policy p { return f(1) == 2; }", "allow c6"),
            (
                "fn f(n: number) -> number { if n < 1 { return 0; } return f(n - 1); } policy p { return f(2) == 0; }",
                "allow c19",
            ),
        ],
    );
    let denied = alone().source("policy p { require now < 1, \"too late\"; }");
    let policy = compile("policy p { require now < 1, \"too late\"; }");
    assert_eq!(policy.program().message(denied.message), Some("too late"));
}

#[test]
fn evaluation_is_lazy_and_from_left_to_right() {
    table(
        &alone(),
        &[
            ("now < 1 && 1 / 0 > 1", "deny c3"),
            ("now > 1 || 1 / 0 > 1", "allow c3"),
            ("(now > 1 ? 1 : 1 / 0) == 1", "allow c4"),
            ("1 / 0 + sqrt(-1) > 1", "fault DivisionByZero c1"),
            ("sqrt(-1) + 1 / 0 > 1", "fault DomainError c1"),
            ("[1, 2][now] + 1 / 0 > 1", "fault IndexOutOfRange c1"),
            ("max(1 / 0, sqrt(-1)) > 1", "fault DivisionByZero c1"),
            ("any(x in [1, 0, 2], 1 / x < 1)", "fault DivisionByZero c5"),
            ("any(x in [1, 2, 0], 1 / x < 1)", "allow c7"),
            ("all(x in [1, 2, 0], 1 / x < 1)", "deny c4"),
            ("(1 / (now - now)) == 1", "fault DivisionByZero c2"),
            ("1e308 * (now + 0) > 1e308", "allow c4"),
            ("1e308 * now - 1e308 * now == 1e308 * now - 1e308 * now", "deny c8"),
            ("-0 == 0 * -now", "allow c4"),
        ],
    );
    let log = |source: &str| alone().source(source).log().join(" ");
    let say = "fn say(s: string, b: bool) -> bool { log(s); return b; } ";
    assert_eq!(
        log(&format!(
            "{say} policy p {{ return say(\"a\", true) && say(\"b\", false) && say(\"c\", true); }}"
        )),
        "a b"
    );
    assert_eq!(
        log(&format!(
            "{say} policy p {{ return say(\"a\", false) == (say(\"b\", false) || say(\"c\", true)); }}"
        )),
        "a b c"
    );
    assert_eq!(
        log(&format!("{say} policy p {{ let x = [say(\"a\", true), say(\"b\", true)]; return x[0]; }}")),
        "a b"
    );
}

#[test]
fn spans_point_at_what_decided() {
    for (source, outcome, at) in [
        ("policy p { require (now < 1), \"m\"; }", Outcome::Deny, "now < 1"),
        ("policy p { return now < 1; }", Outcome::Deny, "now < 1"),
        ("now > 1 && (1 / (now - now)) > 1", Outcome::Fault(Fault::DivisionByZero), "1 / (now - now)"),
        ("policy p { let x = [1][now]; return x > 1; }", Outcome::Fault(Fault::IndexOutOfRange), "[1][now]"),
        ("policy p { for i in 0..0.5 { } }", Outcome::Fault(Fault::DomainError), "0..0.5"),
        (
            "fn f(x: number) -> number { return sqrt(x); } policy p { return f(-1) > 0; }",
            Outcome::Fault(Fault::DomainError),
            "sqrt(x)",
        ),
    ] {
        let receipt = alone().source(source);
        assert_eq!(receipt.outcome, outcome, "{source}");
        let span = receipt.span.unwrap();
        assert_eq!(&source[span.start as usize..span.end as usize], at, "{source}");
    }
    let limits = BudgetLimits { gas_limit: 1, ..BudgetLimits::default() };
    let receipt = setting::Setting { limits, ..alone() }.source("now + 1 + 2 > 3");
    assert_eq!((receipt.outcome, receipt.gas.compute), (Outcome::Exhausted(Exhaustion::OutOfGas), 1));
    let span = receipt.span.unwrap();
    assert_eq!((span.start, span.end), (0, 11), "the addition that could not be paid");
    assert_eq!(alone().source("now > 1").span, None);
}

#[test]
fn every_gas_limit_below_the_cost_ends_the_run_there() {
    for source in [
        "policy p { let n = 0; for i in 0..5 { n = n + i * 2; if n % 3 == 0 { log(\"x\"); } } return n > 3; }",
        "policy p { return any(x in [3, 1, 2], x == 2 && trust.r > 0.1) && store_put(\"k\", \"v\"); }",
        "fn f(n: number) -> number { return n < 1 ? 0 : f(n - 1) + 1; } policy p { return f(4) == 4; }",
        "policy p { let s = \"ab\"; for i in 0..6 { s = s + s; } return str_len(s) == 128 && s == s; }",
        "policy p { return cross_realm(\"lab\") && cross_realm(\"trusting\"); }",
    ] {
        let policy = compile(source);
        let all = on_state().run(&policy);
        assert_eq!(all.outcome, Outcome::Allow, "{source}");
        let mut last = 0;
        for limit in 0..all.cost {
            let limits = BudgetLimits { gas_limit: limit, ..BudgetLimits::default() };
            let cut = setting::Setting { limits, ..on_state() }.run(&policy);
            assert_eq!(cut.outcome, Outcome::Exhausted(Exhaustion::OutOfGas), "{source} at {limit}");
            assert!(cut.cost <= limit && cut.cost >= last, "{source} at {limit}: {} after {last}", cut.cost);
            assert!(cut.effects().is_empty());
            last = cut.cost;
        }
        let limits = BudgetLimits { gas_limit: all.cost, ..BudgetLimits::default() };
        assert_eq!(setting::Setting { limits, ..on_state() }.run(&policy), all, "{source}");
    }
}

#[test]
fn depth_is_limited_and_asked_before_gas() {
    let source = "fn f(n: number) -> number { if n < 1 { return 0; } return f(n - 1); } policy p { return f(9) == 0; }";
    let at = |depth: u32| {
        let limits = BudgetLimits { max_stack_depth: depth, ..BudgetLimits::default() };
        setting::Setting { limits, ..alone() }.source(source).outcome
    };
    assert_eq!(at(10), Outcome::Allow);
    assert_eq!(at(9), Outcome::Exhausted(Exhaustion::StackOverflow));
    let limits = BudgetLimits { max_stack_depth: 0, gas_limit: 0, ..BudgetLimits::default() };
    let receipt = setting::Setting { limits, ..alone() }.source(source);
    assert_eq!((receipt.outcome, receipt.cost), (Outcome::Exhausted(Exhaustion::StackOverflow), 0));
    // A question to another realm is a call.
    let limits = BudgetLimits { max_stack_depth: 0, ..BudgetLimits::default() };
    let receipt = setting::Setting { limits, ..on_state() }.source("cross_realm(\"lab\")");
    assert_eq!((receipt.outcome, receipt.cost), (Outcome::Exhausted(Exhaustion::StackOverflow), 0));
}

#[test]
fn logs_are_kept_within_limits_whatever_the_outcome() {
    let receipt = alone().source("policy p { for i in 0..100 { log(\"line\"); } return false; }");
    assert_eq!((receipt.outcome, receipt.log().len(), receipt.gas.storage), (Outcome::Deny, 64, 300));
    let long = "ä".repeat(3000);
    let receipt = alone().source(&format!("policy p {{ log(\"x{long}\"); 1 / 0; }}"));
    assert_eq!(receipt.outcome, Outcome::Fault(Fault::DivisionByZero));
    assert_eq!(receipt.log()[0].len(), 4095, "cut at a character");
    assert_eq!(receipt.gas.storage, 2 + 6001_u64.div_ceil(64), "paid in full");
}

#[test]
fn writes_are_seen_by_the_run_and_kept_if_it_is_allowed() {
    let source = "policy p(ok: bool) {
        store_put(\"k\", \"v\"); require store_get(\"k\") == \"v\"; require store_delete(\"k\"); require store_get(\"k\") == null;
        require update_trust(caller, -0.5); require load_trust(caller).p < 0.2; require trust.p == 0.6;
        cast_vote(\"p\", false); emit \"e\", [1, 2]; emit \"f\";
        return ok; }";
    let run = |ok| setting::Setting { inputs: vec![ValueRef::Bool(ok)], ..on_state() }.source(source);
    let allowed = run(true);
    assert_eq!(allowed.outcome, Outcome::Allow);
    assert_eq!(allowed.effects().len(), 6);
    assert_eq!(
        allowed.effects()[0],
        Effect::StorePut { realm: "lab".into(), key: "k".into(), value: StoreValue::Text("v".into()) }
    );
    assert_eq!(allowed.mana, 2 + 2 + 1);
    let denied = run(false);
    assert_eq!((denied.outcome, denied.effects().len(), denied.gas), (Outcome::Deny, 0, allowed.gas));
    let refused = setting::Setting { writes: false, ..on_state() }.source(source);
    assert_eq!((refused.outcome, refused.cost), (Outcome::Fault(Fault::EffectNotAllowed), 0));
    let limits = BudgetLimits { mana_limit: 3, ..BudgetLimits::default() };
    let poor = setting::Setting { limits, inputs: vec![ValueRef::Bool(true)], ..on_state() }.source(source);
    assert_eq!((poor.outcome, poor.mana), (Outcome::Exhausted(Exhaustion::OutOfMana), 2));
}

#[test]
fn other_realms_are_asked_by_their_own_policies() {
    table(
        &on_state(),
        &[
            ("cross_realm(\"nowhere\")", "deny c1 r20"),
            ("cross_realm(\"shut\")", "deny c1 r20"),
            ("cross_realm(\"plain\")", "allow n5 c4 r20"),
            ("cross_realm(\"lab\")", "allow n5 c3 s3 r20"),
            ("cross_realm(\"trusting\")", "allow n5 c4 r20"),
            ("cross_realm(\"chain\")", "allow n5 c7 s3 r40"),
            ("cross_realm(\"broken\")", "fault DivisionByZero c2 r20"),
            ("cross_realm(\"writer\")", "fault EffectNotAllowed r20"),
            ("cross_realm(\"greedy\")", "fault MissingInput r20"),
            ("cross_realm(\"mirror\")", "exhausted StackOverflow r20480"),
            (
                "policy p { update_trust(caller, -0.5); return cross_realm(\"trusting\"); }",
                "deny n5 c4 s50 r20",
            ),
        ],
    );
    let receipt = on_state().source("cross_realm(\"lab\")");
    assert_eq!(receipt.log(), ["knock".into()]);
    let source = "now > 0 && cross_realm(\"broken\")";
    let span = on_state().source(source).span.unwrap();
    assert_eq!(&source[span.start as usize..span.end as usize], "cross_realm(\"broken\")");
    let stranger = setting::Setting { caller: ValueRef::Missing, ..on_state() };
    table(&stranger, &[("cross_realm(\"plain\")", "fault MissingInput r20")]);
}

#[test]
fn without_host_state_the_world_is_empty() {
    let setting = setting::Setting {
        caller: ValueRef::Did(Did::new("did:x:alice").unwrap()),
        realm: ValueRef::Text("lab"),
        ..alone()
    };
    table(
        &setting,
        &[
            ("load_trust(caller).r", "0.1 n5 c2"),
            ("has_credential(caller, \"kyc\")", "deny n5 c1"),
            ("resolve_did(caller)", "deny n5 c1"),
            ("get_balance(caller)", "0 n5 c1"),
            ("get_metric(\"trust.avg\")", "null n5 c1"),
            ("update_trust(caller, 0.1)", "deny c1 s50"),
            ("cross_realm(\"plain\")", "deny c1 r20"),
            ("is_member(caller)", "fault HostError n5"),
            ("member_count()", "fault HostError c1"),
            ("trust_threshold()", "fault HostError c1"),
            ("store_get(\"k\")", "fault HostError s10"),
            ("store_put(\"k\", 1)", "fault HostError s11 m2"),
            ("store_delete(\"k\")", "fault HostError s10"),
            ("cast_vote(\"k\", true)", "fault HostError s100"),
            ("get_metric(\"realm.member_count\")", "fault HostError n5"),
        ],
    );
    let unknown = setting::Setting { realm: ValueRef::Text("nowhere"), ..on_state() };
    table(&unknown, &[("member_count()", "fault HostError c1"), ("realm == \"nowhere\"", "allow c3")]);
}

#[test]
fn trust_comes_from_the_host_or_from_the_request() {
    let vector = TrustVector([0.5; 6]);
    let bad = TrustVector([1.5; 6]);
    let given = |trust| setting::Setting { trust, ..alone() };
    table(&given(ValueRef::Trust(&vector)), &[("trust.r", "0.5 c2"), ("true", "allow c1")]);
    table(&given(ValueRef::Trust(&bad)), &[("trust.r", "fault DomainError"), ("true", "fault DomainError")]);
    table(&alone(), &[("trust.r", "fault MissingInput"), ("true", "allow c1")]);
    let twice = setting::Setting { trust: ValueRef::Trust(&vector), ..on_state() };
    table(&twice, &[("trust.r", "fault TypeMismatch"), ("true", "fault TypeMismatch")]);
    let stranger = setting::Setting { caller: ValueRef::Missing, ..on_state() };
    table(&stranger, &[("trust.r", "fault MissingInput"), ("true", "allow c1")]);
    // Mentioned in dead code, or in a function that is reached, it is loaded all the same.
    table(
        &on_state(),
        &[
            ("policy p { return true; return trust.r > 0; }", "allow n5 c1"),
            ("fn f() -> number { return trust.r; } policy p { return true || f() > 0; }", "allow n5 c2"),
            ("fn f() -> number { return trust.r; } policy p { return true; }", "allow c1"),
            ("policy p(trust: number?) { return trust == null; }", "allow c2"),
        ],
    );
    assert_eq!(alone().source("get_timestamp() == now").outcome, Outcome::Allow);
    assert_eq!(alone().now, NOW);
}

#[test]
fn the_example_policies() {
    let run = |name: &str, inputs: Vec<ValueRef<'_>>, caller: &'static str| {
        let path = format!("{}/examples/{name}", env!("CARGO_MANIFEST_DIR"));
        let policy = compile(&std::fs::read_to_string(path).unwrap());
        let caller = ValueRef::Did(Did::new(caller).unwrap());
        let receipt = setting::Setting { inputs, caller, ..on_state() }.run(&policy);
        words(&policy, &receipt).split(' ').next().unwrap().to_owned()
    };
    let (alice, bob, carol) = ("did:x:alice", "did:x:bob", "did:x:carol");
    assert_eq!(run("policies/entry.ecl", vec![], alice), "allow");
    assert_eq!(run("policies/entry.ecl", vec![], bob), "deny");
    assert_eq!(run("policies/verified.ecl", vec![], alice), "allow");
    assert_eq!(run("policies/verified.ecl", vec![], carol), "deny");
    let times = |a: f64, b: f64| vec![ValueRef::Number(a), ValueRef::Number(b)];
    assert_eq!(run("policies/session.ecl", times(NOW - 60.0, NOW - 10.0), bob), "allow");
    assert_eq!(run("policies/session.ecl", times(NOW - 4000.0, NOW - 10.0), bob), "deny");
    assert_eq!(run("policies/session.ecl", times(NOW - 4000.0, NOW - 10.0), alice), "allow");
    let role = [ValueRef::Text("editor")];
    let roles =
        |action, resource| vec![ValueRef::Array(&role), ValueRef::Text(action), ValueRef::Text(resource)];
    assert_eq!(run("policies/roles.ecl", roles("write", "a"), bob), "allow");
    assert_eq!(run("policies/roles.ecl", roles("delete", "a"), bob), "deny");
    assert_eq!(run("policies/roles.ecl", roles("read", "system/a"), bob), "deny");
    let did = |did| ValueRef::Did(Did::new(did).unwrap());
    let (signers, twice) = ([did(alice), did(carol)], [did(alice), did(alice)]);
    assert_eq!(
        run("policies/multisig.ecl", vec![ValueRef::Array(&signers), ValueRef::Number(1.0)], bob),
        "allow"
    );
    assert_eq!(
        run("policies/multisig.ecl", vec![ValueRef::Array(&twice), ValueRef::Number(2.0)], bob),
        "deny"
    );
    assert_eq!(
        run("policies/multisig.ecl", vec![ValueRef::Array(&signers), ValueRef::Number(1.0)], alice),
        "deny"
    );
    assert_eq!(run("transfer/transfer.ecl", vec![did(bob), ValueRef::Number(5.0)], alice), "deny");
    assert_eq!(run("transfer/transfer.ecl", vec![did(carol), ValueRef::Number(500.0)], alice), "deny");
}

/// The load had no place, so that tables by line booked it on line 1.
#[test]
fn the_load_of_trust_points_at_its_first_mention() {
    for source in [
        "// trusted?\npolicy p { require now > 1; return trust.r > 0.5 && trust.i > 0; }",
        "fn f() -> bool { return trust.r > 0.5; } policy p { return f(); }",
        "trust_norm(trust) > 0.5",
    ] {
        let policy = compile(source);
        let span = policy.program().spans[0];
        let first = source.match_indices("trust").find(|(at, _)| !source[at + 5..].starts_with(['_', 'e']));
        assert_eq!(Some(span.start as usize), first.map(|(at, _)| at), "{source}");
        assert_eq!(&source[span.start as usize..span.end as usize], "trust");
    }
    let source = "fn f() -> bool { return trust.r > 0.5; } policy p { return f() && trust.i > 0; }";
    let policy = compile(source);
    let own = source.rfind("trust").unwrap();
    assert_eq!(policy.program().spans[0].start as usize, own, "the policy's own mention goes first");
    let limits = BudgetLimits { gas_limit: 4, ..BudgetLimits::default() };
    let receipt = setting::Setting { limits, ..on_state() }.run(&policy);
    assert_eq!(receipt.outcome, Outcome::Exhausted(Exhaustion::OutOfGas));
    assert_eq!(receipt.span.map(|span| span.start as usize), Some(own));
}
