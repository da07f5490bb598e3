//! Runs: inputs that lie, loops that do not end, memory that grows.

use super::{in_time, setting::*};
use eclvm::clock::SystemClock;
use eclvm::kernel::budget::{Budget, BudgetLimits};
use eclvm::kernel::fault::{Exhaustion, Fault, Outcome};
use eclvm::kernel::request::{Env, Request};
use eclvm::kernel::value::{TrustVector, ValueRef};
use eclvm::kernel::vm::Vm;
use std::time::{Duration, Instant};

#[test]
fn inputs_that_lie() {
    let fault = |ty: &str, value: ValueRef<'_>| {
        let policy = compile(&format!("policy p(x: {ty}) {{ return true; }}"));
        let receipt = Setting { inputs: vec![value], ..alone() }.run(&policy);
        assert_eq!((receipt.cost, receipt.span), (0, None));
        match receipt.outcome {
            Outcome::Fault(fault) => fault,
            outcome => panic!("{ty} {value:?}: {outcome:?}"),
        }
    };
    let long = "a".repeat(65_537);
    let many = vec![ValueRef::Number(1.0); 65_537];
    let half = vec![ValueRef::Number(1.0); 40_000];
    let nested = [ValueRef::Array(&half), ValueRef::Array(&half)];
    for (ty, value, want) in [
        ("number", ValueRef::Number(f64::NAN), Fault::TypeMismatch),
        ("number", ValueRef::Number(f64::INFINITY), Fault::TypeMismatch),
        ("number", ValueRef::Bool(true), Fault::TypeMismatch),
        ("number", ValueRef::Null, Fault::TypeMismatch),
        ("number", ValueRef::Missing, Fault::MissingInput),
        ("number?", ValueRef::Number(-f64::INFINITY), Fault::TypeMismatch),
        ("string", ValueRef::Text(&long), Fault::ValueTooLarge),
        ("did", ValueRef::Text("did:x:a"), Fault::TypeMismatch),
        ("[number]", ValueRef::Array(&many), Fault::ValueTooLarge),
        ("[[number]]", ValueRef::Array(&nested), Fault::ValueTooLarge),
        ("[number]", ValueRef::Array(&[ValueRef::Missing]), Fault::TypeMismatch),
        ("[number]", ValueRef::Array(&[ValueRef::Null]), Fault::TypeMismatch),
        ("[number]", ValueRef::Array(&[ValueRef::Number(f64::NAN)]), Fault::TypeMismatch),
        ("[number]", ValueRef::Number(1.0), Fault::TypeMismatch),
        ("trust", ValueRef::Trust(&TrustVector([2.0; 6])), Fault::DomainError),
        ("trust", ValueRef::Trust(&TrustVector([f64::NAN; 6])), Fault::TypeMismatch),
        ("bool", ValueRef::Invalid(Fault::TypeMismatch), Fault::TypeMismatch),
    ] {
        assert_eq!(fault(ty, value), want, "{ty}");
    }
    // More than there are, and the first that is wrong.
    let two = vec![ValueRef::Number(1.0), ValueRef::Number(2.0)];
    assert_eq!(
        Setting { inputs: two, ..alone() }.source("x > 0").outcome,
        Outcome::Fault(Fault::TypeMismatch)
    );
    let both = vec![ValueRef::Missing, ValueRef::Bool(true)];
    assert_eq!(
        Setting { inputs: both, ..alone() }.source("x > y").outcome,
        Outcome::Fault(Fault::MissingInput)
    );
    assert_eq!(
        Setting { now: f64::NAN, ..alone() }.source("true").outcome,
        Outcome::Fault(Fault::TypeMismatch)
    );
}

/// No limit but the time, which is generous.
fn unbounded() -> Setting<'static> {
    Setting { limits: BudgetLimits::UNBOUNDED, ..on_state() }
}

#[test]
fn memory_ends_before_gas() {
    for source in [
        "policy p { let s = \"abcdefgh\"; for i in 0..13 { s = s + s; } while true { let t = s + \"\"; require t == s; } }",
        "policy p { let a = [now, now]; while true { let b = [a, a, a, a]; require b[0] == a; } }",
        "policy p { while true { let t = load_trust(caller); require t.r > 0; } }",
    ] {
        let policy = compile(source);
        let receipt = unbounded().run(&policy);
        assert_eq!(receipt.outcome, Outcome::Fault(Fault::ValueTooLarge), "{source}");
    }
    let doubling = in_time(|| unbounded().source("policy p { let s = \"a\"; while true { s = s + s; } }"));
    assert_eq!(doubling.outcome, Outcome::Fault(Fault::ValueTooLarge));
}

#[test]
fn endless_loops_end_by_gas() {
    for source in [
        "policy p { while true { } }",
        "policy p { for i in 0..9007199254740992 { } }",
        "policy p { let x = 0; while x < 1 { continue; } }",
        "fn f() -> bool { while true { } return true; } policy p { return f(); }",
    ] {
        let policy = compile(source);
        let receipt = in_time(|| alone().run(&policy));
        assert_eq!(receipt.outcome, Outcome::Exhausted(Exhaustion::OutOfGas), "{source}");
        assert!(receipt.cost <= 1_000_000);
    }
}

#[test]
fn endless_recursion_ends_by_depth() {
    let source = "fn f(n: number) -> number { return f(n + 1); } policy p { return f(0) > 0; }";
    assert_eq!(alone().source(source).outcome, Outcome::Exhausted(Exhaustion::StackOverflow));
    let limits = BudgetLimits { max_stack_depth: u32::MAX, ..BudgetLimits::UNBOUNDED };
    let receipt = in_time(|| Setting { limits, ..alone() }.source(source));
    assert_eq!(receipt.outcome, Outcome::Exhausted(Exhaustion::StackOverflow));
}

/// Runs with all the gas there is, 20 milliseconds, and a clock.
fn timed(source: &str) -> (Outcome, Duration) {
    let policy = compile(source);
    let clock = SystemClock::new();
    let env = Env {
        limits: BudgetLimits { timeout_ms: 20, ..BudgetLimits::UNBOUNDED },
        clock: &clock,
        ..Env::default()
    };
    let start = Instant::now();
    let receipt = Vm::new().run(policy.executable(), &Request::new(&[]), &env);
    (receipt.outcome, start.elapsed())
}

#[test]
fn timeouts_are_noticed_in_time() {
    // Moves cost nothing, but they take time.
    let moves = "a = b; b = a; ".repeat(30_000);
    let joins = "s = t + t; ".repeat(100);
    for source in [
        "policy p { while true { } }".to_owned(),
        format!("policy p {{ let a = 1; let b = 2; while true {{ {moves} }} }}"),
        format!("policy p {{ let t = \"\"; let s = t; while true {{ {joins} }} }}"),
        "fn f(n: number) -> number { return n; } policy p { while true { f(1); } }".to_owned(),
        "fn f(n: number) -> number { return n < 1 ? 0 : f(n - 1) + f(n - 1); } policy p { return f(60) > 1; }".to_owned(),
    ] {
        let (outcome, took) = timed(&source);
        assert_eq!(outcome, Outcome::Exhausted(Exhaustion::Timeout), "{}", &source[..60]);
        assert!(took < Duration::from_millis(200), "{took:?}: {}", &source[..60]);
    }
}

#[test]
fn cancellation_reaches_a_run_on_another_thread() {
    let policy = compile("policy p { while true { } }");
    for shared in [true, false] {
        let budget = Budget::new(BudgetLimits::UNBOUNDED);
        let (outcome, took) = std::thread::scope(|scope| {
            let run = scope.spawn(|| {
                let env = Env {
                    limits: BudgetLimits::UNBOUNDED,
                    shared: shared.then_some(&budget),
                    watch: (!shared).then_some(&budget),
                    ..Env::default()
                };
                Vm::new().run(policy.executable(), &Request::new(&[]), &env).outcome
            });
            std::thread::sleep(Duration::from_millis(20));
            let start = Instant::now();
            budget.cancel();
            (run.join().unwrap(), start.elapsed())
        });
        assert_eq!(outcome, Outcome::Exhausted(Exhaustion::Cancelled), "shared: {shared}");
        assert!(took < Duration::from_millis(200), "{took:?}");
        let snapshot = budget.snapshot();
        assert_eq!(snapshot.gas_reserved, 0, "leases are settled");
    }
}
