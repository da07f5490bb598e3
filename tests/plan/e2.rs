//! E2: one budget pays.

use eclvm::Policy;
use eclvm::clock::SystemClock;
#[cfg(feature = "state-host")]
use eclvm::host::StateHost;
use eclvm::kernel::budget::{Budget, BudgetLimits, BudgetSnapshot};
use eclvm::kernel::fault::{Exhaustion, Fault, Outcome};
use eclvm::kernel::request::{Clock, Env, Request};
use eclvm::kernel::value::{Value, ValueRef};
use eclvm::kernel::vm::Vm;
use eclvm::run::{PolicyRunContext, PolicyType, run_policy, run_policy_with};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

fn policy(source: &str) -> Policy {
    Policy::compile(source).unwrap()
}

#[test]
fn plan_e2_1_a_context_holds_caller_realm_budget_and_policy() {
    let budget = Arc::new(Budget::new(BudgetLimits::default()));
    let context = PolicyRunContext::with_budget("did:x:a".to_owned(), String::from("lab"), budget.clone());
    let PolicyRunContext { caller_did, realm_id, budget: paid_by, policy_id, policy_type, .. } =
        context.of_policy("entry", PolicyType::Crossing);
    assert_eq!((&*caller_did, &*realm_id, policy_id.as_deref()), ("did:x:a", "lab", Some("entry")));
    assert_eq!(policy_type, PolicyType::Crossing);
    assert!(Arc::ptr_eq(&paid_by, &budget));
    // They are what a run sees, and pays from.
    let context = PolicyRunContext {
        caller_did,
        realm_id,
        budget: paid_by,
        ..PolicyRunContext::new("", "", *budget.limits())
    };
    let result = run_policy(&policy("caller == did:x:a && realm == \"lab\""), None, &context);
    assert!(result.passed() && result.gas_used > 0);
    assert_eq!(budget.gas_used(), result.gas_used);
}

/// Stands still until it is told.
#[derive(Default)]
struct Hand(AtomicU64);

impl Clock for Hand {
    fn now_ns(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[test]
fn plan_e2_4_time_is_looked_at_where_gas_is_taken_without_a_watchdog() {
    let clock = Hand::default();
    let budget = Budget::new(BudgetLimits { timeout_ms: 10, ..BudgetLimits::default() });
    let env = Env { limits: BudgetLimits::UNBOUNDED, shared: Some(&budget), clock: &clock, ..Env::default() };
    let short = policy("1 + x > 1");
    let run = || Vm::new().run(short.executable(), &Request::new(&[ValueRef::Number(1.0)]), &env);
    assert_eq!(run().outcome, Outcome::Allow);
    clock.0.store(10_000_000, Ordering::Relaxed);
    assert_eq!(run().outcome, Outcome::Allow, "the limit itself is within it");
    clock.0.store(10_000_001, Ordering::Relaxed);
    let used = budget.gas_used();
    assert_eq!(budget.exhausted(), None, "nobody looks but who takes gas");
    let late = run();
    assert_eq!((late.outcome, late.cost), (Outcome::Exhausted(Exhaustion::Timeout), 0));
    assert_eq!((budget.exhausted(), budget.gas_used()), (Some(Exhaustion::Timeout), used));
}

#[test]
fn plan_e2_5_a_snapshot_has_all_numbers_of_one_moment() {
    let clock = SystemClock::new();
    let limits = BudgetLimits { gas_limit: 100, mana_limit: 10, max_stack_depth: 5, timeout_ms: 7 };
    let budget = Budget::new(limits);
    budget.consume(40, 3).unwrap();
    let mut lease = eclvm::kernel::budget::Lease::new(&budget);
    let (need, want) = (eclvm::kernel::budget::Amount::new(10, 1), eclvm::kernel::budget::Amount::new(20, 2));
    lease.grow(need, want, None).unwrap();
    let out = budget.snapshot_at(3_000_000);
    let (gas, mana) = (out.gas_reserved, out.mana_reserved);
    assert!((10..=20).contains(&gas) && (1..=2).contains(&mana));
    let wanted = BudgetSnapshot {
        limits,
        gas_used: 40,
        gas_reserved: gas,
        gas_left: 60 - gas,
        mana_used: 3,
        mana_reserved: mana,
        mana_left: 7 - mana,
        elapsed_ns: Some(3_000_000),
        timeout_ms: 7,
        exhausted: false,
        reason: None,
    };
    assert_eq!(out, wanted);
    drop(lease);
    assert_eq!(budget.consume_gas(61), Err(Exhaustion::OutOfGas));
    let ended = budget.snapshot();
    let back = BudgetSnapshot { gas_reserved: 0, gas_left: 60, mana_reserved: 0, mana_left: 7, ..wanted };
    let reason = Some(Exhaustion::OutOfGas);
    assert_eq!(ended, BudgetSnapshot { elapsed_ns: None, exhausted: true, reason, ..back });
    assert!(clock.now_ns() > 0);
}

#[test]
fn plan_e2_6_constructors_take_limits_gas_or_a_budget() {
    let of = |context: &PolicyRunContext| {
        (context.caller_did.to_string(), context.realm_id.to_string(), *context.budget.limits())
    };
    let who = || ("did:x:a".to_owned(), "lab".to_owned());
    let small = BudgetLimits::MINIMAL;
    let new = PolicyRunContext::new("did:x:a", "lab", small);
    assert_eq!(of(&new), (who().0, who().1, small));
    let gas = PolicyRunContext::with_gas_limit("did:x:a", "lab", 77);
    assert_eq!(gas.budget.limits().gas_limit, 77);
    let budget = Arc::new(Budget::new(small));
    let shared = PolicyRunContext::with_budget("did:x:a", "lab", budget.clone());
    assert!(Arc::ptr_eq(&shared.budget, &budget));
    assert_eq!(of(&PolicyRunContext::with_budget("did:x:a", "lab", small)), of(&new));
    let named = new.of_policy("entry", PolicyType::Crossing);
    assert_eq!((named.policy_id.as_deref(), named.policy_type), (Some("entry"), PolicyType::Crossing));
}

#[cfg(feature = "state-host")]
#[test]
fn plan_e2_2_the_budget_alone_pays() {
    let host = StateHost::new(crate::observing::state().view());
    let budget = Arc::new(Budget::new(BudgetLimits { gas_limit: 19, ..BudgetLimits::default() }));
    let context = PolicyRunContext::with_budget("did:x:a", "lab", budget.clone()).at(5.0);
    let reads = policy("trust.r >= 0.5 && now == 5");
    let first = run_policy(&reads, Some(&host), &context);
    assert!(first.passed() && first.gas_used == budget.gas_used() && first.gas_used > 8);
    let second = run_policy(&reads, Some(&host), &context);
    assert_eq!(second.receipt.outcome, Outcome::Exhausted(Exhaustion::OutOfGas));
    assert_eq!(first.gas_used + second.gas_used, budget.gas_used());
    assert_eq!(budget.snapshot().reason, Some(Exhaustion::OutOfGas));
    assert!(second.duration_us > 0.0);
    let writes = policy("policy p { store_put(\"k\", 1); }");
    let context = PolicyRunContext::new("did:x:a", "lab", BudgetLimits::default());
    let refused = run_policy(&writes, Some(&host), &context);
    assert_eq!(refused.receipt.outcome, Outcome::Fault(Fault::EffectNotAllowed));
}

#[test]
fn plan_e2_4_depth_and_time_are_the_budgets_too() {
    let limits = BudgetLimits { timeout_ms: 10, ..BudgetLimits::UNBOUNDED };
    let context = PolicyRunContext::new("", "", limits);
    let result = run_policy(&policy("policy p { while true { } }"), None, &context);
    assert_eq!(result.receipt.outcome, Outcome::Exhausted(Exhaustion::Timeout));
    assert_eq!(context.budget.exhausted(), Some(Exhaustion::Timeout));
    assert!(result.duration_us >= 10_000.0);
    let nobody = run_policy(&policy("caller == did:x:a"), None, &PolicyRunContext::new("", "", limits));
    assert_eq!(nobody.receipt.outcome, Outcome::Fault(Fault::MissingInput));
    let no_did = run_policy(&policy("caller == did:x:a"), None, &PolicyRunContext::new("alice", "", limits));
    assert_eq!(no_did.receipt.outcome, Outcome::Fault(Fault::TypeMismatch));
    let sum = run_policy_with(
        &policy("a + 1"),
        &[ValueRef::Number(1.0)],
        None,
        &PolicyRunContext::new("", "", limits),
    );
    assert_eq!(sum.value, Some(Value::Number(2.0)));
}
