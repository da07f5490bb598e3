//! The short way that most runs take (`Vm::run`) against the full machine (`Vm::run_fully`): the same receipt under every
//! gas limit up to what the run costs, at every call depth, and for requests out of the ordinary.
#![cfg(feature = "state-host")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use eclvm::Policy;
use eclvm::host::{StateHost, World};
use eclvm::kernel::budget::BudgetLimits;
use eclvm::kernel::fault::{Exhaustion, Fault, Outcome};
use eclvm::kernel::host::HostInterface;
use eclvm::kernel::request::{Clock, Env, Request};
use eclvm::kernel::value::{Did, TrustVector, ValueRef};
use eclvm::kernel::vm::Vm;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const WORLD: &str = include_str!("../examples/transfer/state.json");
const ALICE: &str = "did:erynoa:self:alice";
const BOB: &str = "did:erynoa:self:bob";
const NOW: f64 = 1_700_000_000.0;

fn did(text: &str) -> ValueRef<'_> {
    ValueRef::Did(Did::new(text).unwrap())
}

/// Both ways, under all limits and depths that matter. Says the outcome without limits.
fn both(source: &str, request: &Request<'_>, env: &Env<'_>) -> Outcome {
    let policy = Policy::compile(source).unwrap();
    let exe = policy.executable();
    let (mut one, mut other) = (Vm::new(), Vm::new());
    let free = Env { limits: BudgetLimits::UNBOUNDED, ..*env };
    let all = one.run(exe, request, &free);
    assert_eq!(all, other.run_fully(exe, request, &free), "{source}");
    let most = all.cost.min(400);
    for gas_limit in (0..=most + 1).chain([all.cost.saturating_sub(1), all.cost, all.cost + 1]) {
        let limits = BudgetLimits { gas_limit, ..BudgetLimits::UNBOUNDED };
        let env = Env { limits, ..*env };
        assert_eq!(
            one.run(exe, request, &env),
            other.run_fully(exe, request, &env),
            "{source} with {gas_limit} units"
        );
    }
    for max_stack_depth in 0..6 {
        let limits = BudgetLimits { max_stack_depth, ..BudgetLimits::UNBOUNDED };
        let env = Env { limits, ..*env };
        assert_eq!(
            one.run(exe, request, &env),
            other.run_fully(exe, request, &env),
            "{source} at depth {max_stack_depth}"
        );
    }
    all.outcome
}

#[test]
fn both_ways_give_one_receipt_on_host_state() {
    let host = StateHost::new(Arc::new(World::from_json(WORLD.as_bytes()).unwrap()));
    let env = Env { host: Some(&host as &dyn HostInterface), now: NOW, ..Env::default() };
    let signers = [did(BOB), did("did:erynoa:self:carol"), did(BOB), did("did:erynoa:self:nobody")];
    let roles = [ValueRef::Text("viewer"), ValueRef::Text("editor")];
    let text = ValueRef::Text;
    let number = ValueRef::Number;
    let cases: &[(&str, &[ValueRef<'_>])] = &[
        ("trust.r >= 0.5", &[]),
        ("trust.r >= 0.9", &[]),
        ("trust.r + 1", &[]),
        (include_str!("../examples/policies/entry.ecl"), &[]),
        (include_str!("../examples/policies/verified.ecl"), &[]),
        (include_str!("../examples/policies/session.ecl"), &[number(NOW - 600.0), number(NOW - 60.0)]),
        (include_str!("../examples/policies/multisig.ecl"), &[ValueRef::Array(&signers), number(2.0)]),
        (
            include_str!("../examples/policies/roles.ecl"),
            &[ValueRef::Array(&roles), text("write"), text("a/b")],
        ),
        (
            include_str!("../examples/policies/roles.ecl"),
            &[ValueRef::Array(&roles), text("drop"), text("system/b")],
        ),
        (include_str!("../examples/transfer/transfer.ecl"), &[did(BOB), number(7_500.0)]),
        (include_str!("../examples/transfer/transfer.ecl"), &[did(BOB), number(1e9)]),
        (include_str!("../examples/transfer/transfer.ecl"), &[did(ALICE), number(1.0)]),
        ("is_member(caller) && get_balance(caller) > 10", &[]),
    ];
    for (source, inputs) in cases {
        for realm in [ValueRef::Missing, text("market"), text("nowhere")] {
            for caller in [did(ALICE), did("did:erynoa:self:nobody"), ValueRef::Missing] {
                both(source, &Request { caller, realm, ..Request::new(inputs) }, &env);
            }
        }
        // Out of the ordinary: with host state the caller's trust must not be given.
        let trust = TrustVector::NEWCOMER;
        let request = Request { caller: did(ALICE), trust: ValueRef::Trust(&trust), ..Request::new(inputs) };
        both(source, &request, &env);
    }
}

/// Texts that are constants come in as these; equal ones stand in several lists; functions write what they are given, or
/// only read it; loops pair products and step over lists.
#[test]
fn both_ways_give_one_receipt_where_instructions_are_joined() {
    let texts = "const FEW = [\"a\", \"admin\", \"a text of more than sixteen bytes\"];
        const MORE = [\"admin\", \"b\", null];
        fn may(role: string, action: string) -> bool {
            if action == \"read\" { return role in FEW; }
            if action != \"a text of more than sixteen bytes\" { return role == \"admin\"; }
            return any(few in FEW, few == \"admin\" && few != role);
        }
        fn writes(role: string, n: number) -> number { let role2 = role; n = n + 1; if role2 == \"b\" { n = n * 2; } return n; }
        policy p(roles: [string], action: string, other: string?) {
            require !str_starts_with(action, \"sys\") || \"admin\" in roles, \"admin\";
            require any(role in roles, may(role, action)) || other in MORE || other == \"b\", \"b\";
            let n = 0;
            for role in roles { n = writes(role, n); if may(action, role) { n = n + 1; } }
            require n != 3 && count(r in FEW, r == action) < 2; }";
    let same = "const KNOWN = [did(\"did:erynoa:self:alice\"), did(\"did:erynoa:self:bob\")];
        policy p(a: did, b: did?) {
            require a in KNOWN || b == did(\"did:erynoa:self:bob\"), \"unknown\"; require a != b; }";
    let sums = "policy p(x: number, y: number) {
        let s = x * 0.5 + y * 0.25;
        let t = x * 2;
        let u = t * 3 + t;
        for i in 0..20 { s = s * 0.5 + i * 0.25; t = t * 0.5 + t * 0.25 + s; if s > 2 { s = s - 50; } }
        require s + t < 100 || u >= 6; return s * 0.5 + u * 2 <= 4 || t < s; }";
    // What stands at the head of a loop is paid for on every way to it.
    let heads = "fn one(n: number) -> number { return n * 2; }
        policy p(n: number) {
            let sum = 0;
            for i in 0..3 { while all(q in [n], false) { sum = sum + 1; } }
            for i in 0..3 { for j in 0..i { sum = sum + one(j); } }
            for i in 0..3 { for q in [1, n] { for j in 0..2 { while sum < j { sum = one(sum) + 1; } } } }
            for i in 0..3 { sum = sum + one(i); while sum > 50 { sum = sum - one(n + 1); break; } }
            require sum > n; }";
    let env = Env { now: NOW, ..Env::default() };
    for n in [-1.0, 0.0, 1.0, 7.5, 100.0] {
        both(heads, &Request::new(&[ValueRef::Number(n)]), &env);
    }
    let long = "a text of more than sixteen bytes";
    let values = ["a", "b", "admin", "read", "sys", "", long, "a text of more than sixteen bytez"];
    for one in values {
        for action in values {
            let roles = [ValueRef::Text(one), ValueRef::Text("zz"), ValueRef::Text(action)];
            for len in 0..=roles.len() {
                for other in [ValueRef::Null, ValueRef::Text("b"), ValueRef::Text(one)] {
                    let inputs = [ValueRef::Array(&roles[..len]), ValueRef::Text(action), other];
                    both(texts, &Request::new(&inputs), &env);
                }
            }
        }
    }
    for a in [ALICE, BOB, "did:erynoa:self:carol"] {
        for b in [did(ALICE), did(BOB), ValueRef::Null] {
            both(same, &Request::new(&[did(a), b]), &env);
        }
    }
    let numbers = [-0.0, 0.0, 1.0, 3.5, -7.0, 1e300, 1e308];
    for x in numbers {
        for y in numbers {
            both(sums, &Request::new(&[ValueRef::Number(x), ValueRef::Number(y)]), &env);
        }
    }
}

#[test]
fn both_ways_give_one_receipt_on_inputs() {
    let calls = "fn inner(a: number) -> number { if a > 3 { return a / (a - 7); } return a; }
        fn outer(a: number, b: number) -> number { return inner(a) + inner(b) * 2; }
        policy p(a: number, b: number) { require outer(a, b) > 1; require outer(b, inner(a)) != 9; }";
    let loops = "policy p(a: number, b: number) {
        let x = 0;
        for i in a..b { if i == 5 { break; } if i % 2 == 0 { continue; } x = x + i / (i - 3); }
        while x < 20 { x = x + 1; }
        require x > 3; }";
    let lists = "policy p(a: [string?], b: string?, c: number) {
        require b in a; require a[c] == b; require array_len(a) > 1;
        require all(s in a, s != \"zz\") || count(s in a, s == b) > 1; }";
    let bare = "policy p(a: number, b: number) { return a / b > 1; }";
    let values = "array_len([x, 2]) + [x, x + 1][1] / x";
    let number = ValueRef::Number;
    let texts = [ValueRef::Text("one"), ValueRef::Null, ValueRef::Text("two")];
    let minus = TrustVector([-0.0, 0.0, 1.0, 0.5, 0.5, 0.5]);
    let wrong = TrustVector([2.0; 6]);
    let env = Env { now: NOW, ..Env::default() };
    let numbers = [-0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 7.0, 9.5, 1e300, f64::INFINITY];
    let mut faults = 0;
    for source in [calls, loops, bare] {
        for a in numbers {
            for b in numbers {
                // A range that never ends in a test.
                if source == loops && b > 1e9 {
                    continue;
                }
                let outcome = both(source, &Request::new(&[number(a), number(b)]), &env);
                faults += u32::from(matches!(outcome, Outcome::Fault(Fault::DivisionByZero)));
            }
        }
    }
    assert!(faults > 10, "faults in straight runs are among the cases");
    for b in [ValueRef::Null, ValueRef::Missing, ValueRef::Text("two"), ValueRef::Text("zz"), number(1.0)] {
        for c in [0.0, 1.0, 2.0, 3.0, -1.0, 0.5] {
            both(lists, &Request::new(&[ValueRef::Array(&texts), b, number(c)]), &env);
            both(lists, &Request::new(&[ValueRef::Array(&[number(1.0)]), b, number(c)]), &env);
        }
    }
    both(values, &Request::new(&[number(3.0)]), &env);
    both(values, &Request::new(&[]), &env);
    both(values, &Request::new(&[number(3.0), number(4.0)]), &env);
    for trust in [&minus, &wrong] {
        let request = Request { trust: ValueRef::Trust(trust), ..Request::new(&[]) };
        both("trust.r >= 0", &request, &env);
        both("trust.r < 0.5 && trust_norm(trust) < 1", &request, &env);
    }
}

/// A clock on which every look takes a second.
struct Slow(AtomicU64);

impl Clock for Slow {
    fn now_ns(&self) -> u64 {
        self.0.fetch_add(1_000_000_000, Ordering::Relaxed)
    }
}

#[test]
fn an_endless_loop_ends_by_time_and_by_gas() {
    let policy = Policy::compile("policy p(a: number) { let x = a; while x > 0 { x = x + 1; } }").unwrap();
    let inputs = [ValueRef::Number(1.0)];
    let clock = Slow(AtomicU64::new(0));
    let limits = BudgetLimits { timeout_ms: 1, ..BudgetLimits::UNBOUNDED };
    let env = Env { limits, clock: &clock, ..Env::default() };
    let receipt = Vm::new().run(policy.executable(), &Request::new(&inputs), &env);
    assert_eq!(receipt.outcome, Outcome::Exhausted(Exhaustion::Timeout));
    let receipt = Vm::new().run(policy.executable(), &Request::new(&inputs), &Env::default());
    assert_eq!(receipt.outcome, Outcome::Exhausted(Exhaustion::OutOfGas));
    assert_eq!(receipt, Vm::new().run_fully(policy.executable(), &Request::new(&inputs), &Env::default()));
}

/// A call whose arguments were only moved there needs no moves. The first instruction of a run was one of them, and with those
/// before it gone too, the run began one instruction late: inside of the function, behind the one that faults.
#[test]
fn a_run_begins_where_its_first_moves_were_left_out() {
    let trust = TrustVector([0.7, 0.5, 0.5, 0.5, 0.5, 0.5]);
    let request = Request { trust: ValueRef::Trust(&trust), ..Request::new(&[]) };
    let env = Env { now: NOW, ..Env::default() };
    for (body, expected) in [
        ("let v = f(trust);", Outcome::Fault(Fault::DomainError)),
        ("require f(trust) > 5;", Outcome::Fault(Fault::DomainError)),
        ("require g(trust, now) > 5;", Outcome::Allow),
        ("require h(trust, now);", Outcome::Deny),
    ] {
        let source = format!(
            "fn f(t: trust) -> number {{ return trust_weighted(t, [1, 2]); }}
             fn g(t: trust, n: number) -> number {{ return trust_norm(t) + n; }}
             fn h(t: trust, n: number) -> bool {{ return trust_weighted(t, [1, 0, 0, 0, 0, 0]) > n; }}
             policy p {{ {body} }}"
        );
        assert_eq!(both(&source, &request, &env), expected, "{source}");
    }
}

/// What texts cost depends on their lengths, on both sides of each 32 bytes and with none at all; some are constants, some
/// begin with one, and lists of them are asked by functions whose answers branch.
#[test]
fn texts_of_all_lengths_are_billed_as_on_the_full_machine() {
    let source = "const LONG = \"0123456789012345678901234567890\";
        const FULL = \"01234567890123456789012345678901\";
        const KNOWN = [\"\", \"a\", \"01234567\"];
        const SOME = [\"a\", null, \"01234567890123456789012345678901\"];
        const WIDE = [\"0123456789012345\", \"0123456789012345678901234567890123\"];
        fn ok(t: string, mode: string) -> bool {
            if mode == \"a\" { return t in KNOWN; }
            if mode == \"\" { return !(t in WIDE); }
            return t == LONG;
        }
        policy p(t: string, o: string?, many: [string], maybe: [string?]) {
            require t != FULL || o == LONG, \"full\";
            require !str_starts_with(t, \"0\") || str_starts_with(t, \"01234567\"), \"start\";
            require str_starts_with(t, \"\") && !str_starts_with(t, \"012345678\") || t in many, \"long start\";
            require any(m in many, ok(m, t)) || all(m in many, !ok(t, m)), \"any\";
            let n = 0;
            for m in maybe { if m == \"a\" || m == FULL { n = n + 1; } }
            require count(m in maybe, m in SOME) + n != 2 || o in SOME, \"count\";
            require t == \"a\" || o == null || o != t, \"last\";
        }";
    let digits = "0123456789".repeat(8);
    let env = Env::default();
    for len in [0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 34, 63, 64, 65, 80] {
        for other in ["", "a", &digits[..31], &digits[..32], &digits[..34], &digits[..70]] {
            let (text, other) = (ValueRef::Text(&digits[..len]), ValueRef::Text(other));
            let many = [text, other, ValueRef::Text("a")];
            let maybe = [other, ValueRef::Null, text];
            for optional in [other, text, ValueRef::Null] {
                for first in [text, other] {
                    let lists = [ValueRef::Array(&many), ValueRef::Array(&maybe)];
                    both(source, &Request::new(&[first, optional, lists[0], lists[1]]), &env);
                    both(source, &Request::new(&[first, optional, ValueRef::Array(&[]), lists[1]]), &env);
                }
            }
        }
    }
}

/// Vectors that are only asked for components, norms and distances, and vectors that go elsewhere as well.
#[test]
fn vectors_give_one_receipt_wherever_they_are_kept() {
    let sources = [
        "policy p(a: trust, b: trust) { require a.r > b.omega || trust_norm(a) < 0.6; require trust_distance(a, b) < 0.5; }",
        "policy p(a: trust, b: trust) { require trust_distance(a, trust) < trust_distance(b, trust) + 0.1; require trust.i >= 0.2; }",
        "policy p(a: trust, b: trust?) { let c = b ?? a; require trust_distance(a, c) <= 0.5; require c.v > 0.1; }",
        "policy p(a: trust, b: trust) { let t = trust; require t == a || trust_weighted(b, [1, 2, 3, 4, 5, 6]) > 0.4; require b.p < 0.9; }",
        "fn f(t: trust, n: number) -> bool { return t.c >= n && trust_norm(t) > n; }
         policy p(a: trust, b: trust) { require f(a, 0.1) || f(b, 0.2) || f(trust, 0.3); require trust_distance(b, a) < 1; }",
        "policy p(a: trust, b: trust) { let x = load_trust(caller); for i in 0..3 {
            let y = load_trust(did:erynoa:self:bob); require trust_distance(x, y) < 0.4 + i; x = y; } require x.r > 0.05; }",
        "policy p(a: trust, b: trust) { let x = load_trust(caller); let y = load_trust(did:erynoa:self:bob);
            require trust_distance(x, y) < 0.4; require x.r + y.i + trust_norm(x) > 0.2; }",
    ];
    let host = StateHost::new(Arc::new(World::from_json(WORLD.as_bytes()).unwrap()));
    let vectors = [
        TrustVector([0.7, 0.6, 0.8, 0.5, 0.6, 0.7]),
        TrustVector::NEWCOMER,
        TrustVector([0.9, 1.5, 0.0, 1.0, 0.2, 0.3]),
    ];
    for source in sources {
        for a in &vectors {
            for b in &vectors {
                let inputs = [ValueRef::Trust(a), ValueRef::Trust(b)];
                let alone = Env { now: NOW, ..Env::default() };
                let on_host = Env { host: Some(&host as &dyn HostInterface), ..alone };
                for caller in [ALICE, "did:erynoa:self:nobody"] {
                    let request = Request { caller: did(caller), ..Request::new(&inputs) };
                    both(source, &request, &on_host);
                    both(source, &Request { trust: ValueRef::Trust(b), ..request }, &alone);
                    both(source, &Request { inputs: &inputs[..1], ..request }, &on_host);
                }
            }
        }
    }
}

/// Loops that only compare elements with constants are tables (`quick/scan.rs`): for every list of up to three of these texts,
/// among them long ones and none at all, and whichever way the loop is left, the receipt is the full machine's.
#[test]
fn loops_over_texts_give_one_receipt_whatever_the_elements_are() {
    let long = "t".repeat(70);
    let edge = "e".repeat(28);
    let texts = ["admin", "viewer", "editor", "guest", "", &edge, &long].map(ValueRef::Text);
    let sources = [
        "policy p(l: [string], a: string) { return any(x in l, a == \"read\" || x == \"admin\"); }",
        "policy p(l: [string], a: string) { return all(x in l, x in [\"admin\", \"viewer\"] || a == \"write\"); }",
        "policy p(l: [string], a: string) { return count(x in l, x == \"viewer\") < 2; }",
        "policy p(l: [string], a: string) { for x in l { require x != \"guest\", \"no guests\"; } return a != \"\"; }",
        "policy p(l: [string], a: string) { let seen = false; for x in l { if x == \"admin\" { seen = true; } if seen && x == \"viewer\" { return false; } } return seen; }",
        "policy p(l: [string], a: string) { for x in l { if x == \"guest\" { break; } if x == \"viewer\" { continue; } require a in [\"read\", \"write\"]; } return true; }",
        "policy p(l: [string], a: string) { for x in l { for y in l { if x == \"admin\" && y == \"guest\" { return false; } } } return true; }",
        "fn may(r: string, a: string) -> bool { if a == \"read\" { return r in [\"viewer\", \"editor\", \"admin\"]; } return r == \"admin\"; }
         policy p(l: [string], a: string) { require any(x in l, may(x, a)), \"m\"; }",
    ];
    let nullable = "policy p(l: [string?], a: string) { return any(x in l, x == \"admin\" || x == null); }";
    let policies = sources.map(|source| Policy::compile(source).unwrap());
    let nullable = Policy::compile(nullable).unwrap();
    let mut outcomes = Vec::new();
    for at in 0..texts.len().pow(3) {
        let picks = [at % 7, at / 7 % 7, at / 49].map(|pick| texts.get(pick).copied().unwrap());
        for n in 0..=3 {
            let list = picks.get(..n).unwrap();
            // A list of fewer has been there before.
            if at >= texts.len().pow(n as u32) {
                continue;
            }
            for action in ["read", "write", "", &long] {
                let inputs = [ValueRef::Array(list), ValueRef::Text(action)];
                for policy in &policies {
                    outcomes.push(both_at_few_limits(policy, &inputs));
                }
                let [first, ..] = picks;
                let with_null = [first, ValueRef::Null, first];
                let inputs = [ValueRef::Array(with_null.get(..n).unwrap()), ValueRef::Text(action)];
                outcomes.push(both_at_few_limits(&nullable, &inputs));
            }
        }
    }
    assert!(outcomes.contains(&Outcome::Allow) && outcomes.contains(&Outcome::Deny));
}

/// Both ways, without limits and around the units of the run.
fn both_at_few_limits(policy: &Policy, inputs: &[ValueRef<'_>]) -> Outcome {
    let (exe, request) = (policy.executable(), Request::new(inputs));
    let (mut one, mut other) = (Vm::new(), Vm::new());
    let mut run = |gas_limit: u64| {
        let limits = BudgetLimits { gas_limit, ..BudgetLimits::UNBOUNDED };
        let env = Env { limits, ..Env::default() };
        let receipt = one.run(exe, &request, &env);
        assert_eq!(receipt, other.run_fully(exe, &request, &env), "{policy:?} {inputs:?} with {gas_limit}");
        receipt
    };
    let all = run(u64::MAX);
    (all.cost.saturating_sub(9)..all.cost + 1).for_each(|limit| _ = run(limit));
    all.outcome
}

/// A list that takes longer than the time between two looks at the clock is not scanned past them.
#[test]
fn a_long_list_is_left_when_time_is_up() {
    let source = "policy p(l: [string]) { return all(x in l, x != \"none\"); }";
    let policy = Policy::compile(source).unwrap();
    let list = vec![ValueRef::Text("some"); 65_536];
    let inputs = [ValueRef::Array(&list)];
    let clock = Slow(AtomicU64::new(0));
    let limits = BudgetLimits { timeout_ms: 1, ..BudgetLimits::UNBOUNDED };
    let env = Env { limits, clock: &clock, ..Env::default() };
    let receipt = Vm::new().run(policy.executable(), &Request::new(&inputs), &env);
    assert_eq!(receipt.outcome, Outcome::Exhausted(Exhaustion::Timeout), "{receipt:?}");
    let free = Env { limits: BudgetLimits::UNBOUNDED, ..Env::default() };
    let all = Vm::new().run(policy.executable(), &Request::new(&inputs), &free);
    assert_eq!(all, Vm::new().run_fully(policy.executable(), &Request::new(&inputs), &free));
    assert!(receipt.gas.compute < all.gas.compute, "{receipt:?} {all:?}");
}
