//! What generated cases hardly ever reach, by hand: the reference must say what the language's text says, and the engine
//! the same.
#![allow(clippy::panic, clippy::expect_used, clippy::indexing_slicing, reason = "helpers of tests")]

use eclvm_kernel::effects::StoreValue;
use eclvm_kernel::fault::{Exhaustion, Fault, Outcome};
use eclvm_testkit::case::{Ask, Case, Given, Setting};
use eclvm_testkit::compare::check;
use eclvm_testkit::reference::{RefReceipt, with_room};
use eclvm_testkit::world::{Entry, RefIdentity, RefRealm, RefWorld};
use std::sync::Arc;

fn ask() -> Ask {
    Ask { caller: Given::Did("did:a:alice".into()), realm: Given::Text("lab".into()), ..Ask::default() }
}

fn world() -> RefWorld {
    let mut world = RefWorld { version: 7, ..RefWorld::default() };
    let alice = RefIdentity { trust: [0.5, 0.4, 0.3, 0.2, 0.1, 0.0], balance: 12, ..RefIdentity::default() };
    world.identities.insert("did:a:alice".into(), alice);
    let mut lab = RefRealm { threshold: 0.25, ..RefRealm::default() };
    lab.members.insert("did:a:alice".into());
    lab.store.insert("k".into(), StoreValue::Number(3.0));
    world.realms.insert("lab".into(), lab);
    world
}

fn on_state() -> Setting {
    Setting { world: Some(Arc::new(world())), ..Setting::default() }
}

/// Runs a source in both; they must agree on everything.
fn run(source: &str, ask: &Ask, setting: &Setting) -> RefReceipt {
    with_room(|| {
        let case = Case {
            seed: 0,
            source: source.to_owned(),
            ask: ask.clone(),
            beside: Vec::new(),
            setting: setting.clone(),
        };
        let mut receipts = check(&case).unwrap_or_else(|difference| panic!("{difference}"));
        assert!(!receipts.is_empty(), "it does not compile: {source}");
        receipts.remove(0)
    })
}

/// A source without state: its outcome and its units of Compute.
fn compute(source: &str, outcome: Outcome, units: u64) {
    let receipt = run(source, &ask(), &Setting::default());
    assert_eq!((receipt.outcome, receipt.gas.compute), (outcome, units), "{source}\n{receipt:#?}");
}

use Outcome::{Allow, Deny};

#[test]
fn the_worked_example_costs_eight() {
    let receipt = run("trust.r >= 0.5", &ask(), &on_state());
    assert_eq!((receipt.outcome, receipt.gas.network, receipt.gas.compute, receipt.cost), (Allow, 5, 3, 8));
    assert_eq!(receipt.version, 7);
}

#[test]
fn what_folds_is_free() {
    compute("1 + 2 == 3", Allow, 1);
    compute("false && 1 / 0 > 1", Deny, 1);
    compute("now + 1 + 2 > 0", Allow, 4);
    compute("1 + 2 + now > 0", Allow, 3);
    compute("1 / 0 > 1", Outcome::Fault(Fault::DivisionByZero), 1);
    compute("any(x in [1, 2, 3], x == 2)", Allow, 5);
    compute("\"a\" + \"b\" == \"ab\"", Allow, 1);
    compute("true && now > 0", Allow, 3);
    compute("(false && now > 0) || true", Allow, 3);
    compute("trust_create(1, 1, 1, 1, 1, 1).r == 1", Allow, 1);
}

#[test]
fn loops_and_branches_cost_what_the_table_says() {
    compute("policy p { for i in 0..3 { } }", Allow, 4);
    compute("policy p { for i in 3..0 { } }", Allow, 1);
    compute("policy p { let i = 0; while i < 2 { i = i + 1; } }", Allow, 3 + 3 + 2 + 2 + 1);
    compute("policy p { if true { } else { } }", Allow, 2);
    compute("policy p { require true; require false, \"no\"; }", Deny, 2);
    compute("policy p { for i in 0..0.5 { } }", Outcome::Fault(Fault::DomainError), 0);
    compute("policy p { for i in 9007199254740992..9007199254740993 { } }", Allow, 1);
    compute("fn f(n: number) -> number { return n; } policy p { let x = f(1); }", Allow, 4);
}

#[test]
fn sizes_are_priced() {
    // Twice 1 + ceil(33 / 32), a comparison, the return.
    compute("str_len(realm + \"exactly with lab, thirty-three\") == 33", Allow, 3 + 3 + 1 + 1);
    compute("[now, 1] == [1, now]", Deny, 2 + 2 + 1 + 1 + 1);
    compute("now in [1, 2, 3, 4, 5, 6, 7, 8, 9]", Deny, 1 + 2 + 1);
    compute("caller == did:a:alice", Allow, 2);
}

#[test]
fn recursion_ends_at_the_depth_limit() {
    let source = "fn f(n: number) -> number { return n <= 0 ? 0 : f(n - 1) + 1; } policy p(n: number) { return f(n) == n; }";
    for limit in [3u32, 1_024, 4_096, u32::MAX] {
        let deepest = limit.min(4_096);
        let setting = Setting { max_depth: limit, gas_limit: u64::MAX, ..Setting::default() };
        // The first call has depth 1, so f(n) needs n + 1.
        for (n, outcome) in [(deepest - 1, Allow), (deepest, Outcome::Exhausted(Exhaustion::StackOverflow))] {
            let ask = Ask { inputs: vec![Given::Number(f64::from(n))], ..ask() };
            assert_eq!(run(source, &ask, &setting).outcome, outcome, "limit {limit}, n {n}");
        }
    }
}

#[test]
fn texts_grow_to_64_kib_and_no_further() {
    let source = "policy p(n: number) { let s = \"xxxxxxxx\"; for i in 0..n { s = s + s; } require str_len(s) == 65536; }";
    let setting = Setting { gas_limit: u64::MAX, ..Setting::default() };
    for (n, outcome) in [(13.0, Allow), (14.0, Outcome::Fault(Fault::ValueTooLarge))] {
        let ask = Ask { inputs: vec![Given::Number(n)], ..ask() };
        assert_eq!(run(source, &ask, &setting).outcome, outcome);
    }
}

#[test]
fn a_run_makes_64_mib_and_no_more() {
    // Joined, 65 472 bytes; each value counts 64 more.
    let source = "policy p(s: string, n: number) { for i in 0..n { let t = s + realm; } }";
    let setting = Setting { gas_limit: u64::MAX, ..Setting::default() };
    for (n, outcome) in [(1_024.0, Allow), (1_025.0, Outcome::Fault(Fault::ValueTooLarge))] {
        let ask = Ask { inputs: vec![Given::Text("x".repeat(65_469)), Given::Number(n)], ..ask() };
        assert_eq!(run(source, &ask, &setting).outcome, outcome);
    }
}

#[test]
fn everything_that_a_run_makes_is_counted() {
    let setting = Setting { gas_limit: u64::MAX, mana_limit: u64::MAX, ..on_state() };
    for (statement, bytes) in [
        ("let t = realm + \"a\";", 4),
        ("let a = [now, 1];", 16),
        ("let t = load_trust(caller);", 48),
        ("let t = trust_combine(trust, trust);", 48),
        ("let t = trust_create(1, 1, 1, 1, 1, now - now);", 48),
        ("store_put(\"k\", now);", 9),
        ("store_delete(\"key\");", 3),
        ("update_trust(caller, 0.1);", 11 + 48),
        ("cast_vote(\"p\", true);", 1),
        ("emit \"e\", now;", 9),
    ] {
        // Most of the memory goes to long texts; each value made counts 64 bytes besides its own.
        let source = format!(
            "policy p(s: string, n: number) {{
                for i in 0..1022 {{ let t = s + realm; }}
                for i in 0..n {{ {statement} }}
            }}"
        );
        let left = (64 << 20) - 1_022 * (65_536 + 64);
        let most = left / (bytes + 64);
        for (n, outcome) in [(most, Allow), (most + 1, Outcome::Fault(Fault::ValueTooLarge))] {
            let inputs = vec![Given::Text("x".repeat(65_533)), Given::Number(f64::from(n))];
            let receipt = run(&source, &Ask { inputs, ..ask() }, &setting);
            assert_eq!(receipt.outcome, outcome, "{statement} {n}");
        }
    }
}

#[test]
fn arrays_hold_65_536_elements_inner_ones_counted() {
    let source = "policy p(a: [number]) { let b = [a, a]; return array_len(b) == 2; }";
    let setting = Setting { gas_limit: u64::MAX, ..Setting::default() };
    for (n, outcome) in [(32_767, Allow), (32_768, Outcome::Fault(Fault::ValueTooLarge))] {
        let ask = Ask { inputs: vec![Given::Array(vec![Given::Number(1.0); n])], ..ask() };
        assert_eq!(run(source, &ask, &setting).outcome, outcome);
    }
}

#[test]
fn logs_are_cut_but_paid_in_full() {
    let source = "policy p(s: string) { for i in 0..70 { log(s); } return false; }";
    // 4 KiB end in the middle of the last character.
    let long = format!("{}ä{}", "x".repeat(4_095), "y".repeat(100));
    let setting = Setting { gas_limit: u64::MAX, ..Setting::default() };
    let receipt = run(source, &Ask { inputs: vec![Given::Text(long)], ..ask() }, &setting);
    assert_eq!((receipt.outcome, receipt.log.len(), receipt.log[0].len()), (Deny, 64, 4_095));
    assert_eq!(receipt.gas.storage, 70 * (2 + 4_197u64.div_ceil(64)));
}

#[test]
fn writes_are_seen_by_the_run_itself() {
    let source = "policy p {
        require store_put(\"n\", 1) && store_get_number(\"n\") == 1, \"put\";
        require store_get(\"n\") == null, \"another type\";
        require store_delete(\"k\") && !store_delete(\"k\") && store_get_number(\"k\") == null, \"delete\";
        require update_trust(caller, 0.5) && load_trust(caller).r == 1 && trust.r == 0.5, \"trust\";
        require !update_trust(did:a:bob, 0.1) && cast_vote(\"p\", true);
        emit \"done\", [1, 2];
    }";
    let receipt = run(source, &ask(), &on_state());
    assert_eq!((receipt.outcome, receipt.effects.len(), receipt.mana), (Allow, 6, 2 + 2), "{receipt:#?}");
    let denied = run(&source.replace("emit", "return false; emit"), &ask(), &on_state());
    assert_eq!((denied.outcome, denied.effects.len()), (Deny, 0));
}

/// Policies without loops, calls, texts and host calls have a path of their own through the engine. It once forgot that a
/// policy whose only write stands in dead code, and so in no instruction, still writes as far as grants are concerned.
#[test]
fn a_write_in_dead_code_still_needs_the_grant() {
    let setting = Setting { allow_writes: false, ..Setting::default() };
    let receipt = run("policy p { return; emit \"e\"; }", &ask(), &setting);
    assert_eq!(receipt.outcome, Outcome::Fault(Fault::EffectNotAllowed));
}

#[test]
fn other_realms_are_asked_within_limits() {
    let mut world = world();
    let mut realm = |name: &str, entry: &str| {
        let entry = Entry::new(entry).expect("it compiles");
        world.realms.insert(name.into(), RefRealm { entry: Some(entry), ..RefRealm::default() });
    };
    realm("open", "realm == \"open\" && caller == did:a:alice");
    realm("asks", "cross_realm(\"lab\")");
    realm("endless", "cross_realm(\"endless\")");
    realm("writes", "policy p { emit \"e\"; }");
    realm("wants", "amount > 1");
    realm("faults", "1 / 0 > 1");
    let setting = Setting { world: Some(Arc::new(world)), ..Setting::default() };
    let ask_for = |name: &str| run(&format!("cross_realm(\"{name}\")"), &ask(), &setting);
    assert_eq!((ask_for("open").outcome, ask_for("open").gas.realm), (Allow, 20));
    assert_eq!((ask_for("asks").outcome, ask_for("asks").gas.realm), (Allow, 40));
    assert_eq!(ask_for("nowhere").outcome, Deny);
    assert_eq!(ask_for("endless").outcome, Outcome::Exhausted(Exhaustion::StackOverflow));
    assert_eq!(ask_for("writes").outcome, Outcome::Fault(Fault::EffectNotAllowed));
    assert_eq!(ask_for("wants").outcome, Outcome::Fault(Fault::MissingInput));
    assert_eq!(ask_for("faults").outcome, Outcome::Fault(Fault::DivisionByZero));
}

#[test]
fn every_gas_limit_below_the_cost_exhausts_at_its_own_place() {
    let source = "fn f(x: number) -> number { return x * 2; }
        policy p(a: [number], s: string) {
            let sum = 0;
            for x in a { if x > 1 && f(x) > 3 { sum = sum + x; } }
            log(s + realm);
            let n = count(x in a, x == 2 || x > 3);
            require trust.r > 0.1 && has_credential(caller, \"kyc\") == false, \"t\";
            require store_put(s, n) && (store_get_number(s) ?? 0) >= 0;
            emit \"e\", [sum, n];
            return cross_realm(\"lab\") || sum % 2 == 0;
        }";
    let numbers = [1.0, 2.0, 3.0, 4.0].map(Given::Number).to_vec();
    let ask = Ask { inputs: vec![Given::Array(numbers), Given::Text("key".into())], ..ask() };
    let full = run(source, &ask, &on_state());
    assert_eq!(full.outcome, Allow, "{full:#?}");
    for limit in 0..full.cost + 2 {
        for shared in [None, Some((limit, 10_000))] {
            let own = if shared.is_some() { u64::MAX } else { limit };
            let receipt = run(source, &ask, &Setting { gas_limit: own, shared, ..on_state() });
            let short = limit < full.cost;
            assert_eq!(
                receipt.outcome == Outcome::Exhausted(Exhaustion::OutOfGas),
                short,
                "{limit} {receipt:#?}"
            );
            assert!(receipt.cost <= limit);
        }
    }
    for mana in 0..full.mana {
        let receipt = run(source, &ask, &Setting { mana_limit: mana, ..on_state() });
        assert_eq!(receipt.outcome, Outcome::Exhausted(Exhaustion::OutOfMana));
    }
}
