//! Runs that share a budget on threads of their own. There was a time when gas that sat in another run's lease counted as
//! spent: a run was exhausted though the gas came back a moment later, and the budget with it, for ever.

use eclvm::Policy;
use eclvm::kernel::budget::{Amount, Budget, BudgetLimits, Lease};
use eclvm::kernel::fault::{Exhaustion, Outcome};
use eclvm::kernel::request::{Clock, Env, Request};
use eclvm::kernel::value::ValueRef;
use eclvm::kernel::vm::Vm;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const LOOP: &str = "policy p(n: number) { let x = n; for i in 0..300 { x = x + i; } require x > 0; }";

fn limits(gas_limit: u64) -> BudgetLimits {
    BudgetLimits { gas_limit, ..BudgetLimits::UNBOUNDED }
}

fn run(policy: &Policy, env: &Env<'_>) -> (Outcome, u64) {
    let receipt = Vm::new().run(policy.executable(), &Request::new(&[ValueRef::Number(1.0)]), env);
    (receipt.outcome, receipt.cost)
}

/// A lease that holds everything comes back while a run asks for it.
#[test]
fn a_run_waits_for_gas_that_is_only_out_on_a_lease() {
    let policy = Policy::compile(LOOP).unwrap();
    let (outcome, cost) = run(&policy, &Env::default());
    assert_eq!(outcome, Outcome::Allow);
    // Nothing is left for the run at first, then half of what it needs, then all.
    for left in [0, 1, cost / 2, cost - 1] {
        let budget = Budget::new(limits(cost));
        let mut out = Lease::new(&budget);
        out.grow(Amount::new(cost - left, 0), Amount::NONE, None).unwrap();
        std::thread::scope(|scope| {
            let other = scope.spawn(|| run(&policy, &Env { shared: Some(&budget), ..Env::default() }));
            std::thread::sleep(Duration::from_millis(2));
            drop(out);
            assert_eq!(other.join().unwrap(), (Outcome::Allow, cost), "{left} left");
        });
        let end = budget.snapshot();
        assert_eq!((end.gas_used, end.gas_left, end.reason), (cost, 0, None));
    }
}

/// Gas for exactly so many runs: however their leases meet, each of them is paid for. Near the end all of them hold a part
/// of what is left, and would wait for each other if they kept it while they wait.
#[test]
fn a_budget_of_exactly_enough_is_enough_on_every_thread() {
    const THREADS: u64 = 3;
    const RUNS: u64 = 4;
    let policy = Policy::compile(LOOP).unwrap();
    let cost = run(&policy, &Env::default()).1;
    for round in 0..100 {
        let budget = Budget::new(limits(cost * THREADS * RUNS));
        let start = Barrier::new(THREADS as usize);
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    start.wait();
                    for _ in 0..RUNS {
                        let env = Env { shared: Some(&budget), ..Env::default() };
                        assert_eq!(run(&policy, &env), (Outcome::Allow, cost), "round {round}");
                    }
                });
            }
        });
        assert_eq!(budget.snapshot().gas_left, 0);
    }
}

/// A lease that never comes back: the wait ends, the run has paid what it was charged, and the budget is not at its end.
#[test]
fn a_wait_is_bounded_and_ends_only_the_run() {
    let policy = Policy::compile(LOOP).unwrap();
    let budget = Budget::new(limits(1_000));
    let mut out = Lease::new(&budget);
    out.grow(Amount::new(900, 0), Amount::NONE, None).unwrap();
    let (outcome, cost) = run(&policy, &Env { shared: Some(&budget), ..Env::default() });
    assert_eq!((outcome, cost), (Outcome::Exhausted(Exhaustion::OutOfGas), 100));
    assert_eq!((budget.gas_used(), budget.exhausted()), (100, None));
    drop(out);
    assert!(budget.try_consume(900, 0));
}

/// A clock that goes on by a microsecond with each look.
struct Ticking(AtomicU64);

impl Clock for Ticking {
    fn now_ns(&self) -> u64 {
        self.0.fetch_add(1_000, Ordering::Relaxed)
    }
}

/// Who waits looks at the clock and at the reason.
#[test]
fn a_wait_ends_with_the_time_or_with_a_cancellation() {
    let policy = Policy::compile(LOOP).unwrap();
    let budget = Budget::new(limits(1_000));
    let mut out = Lease::new(&budget);
    out.grow(Amount::new(900, 0), Amount::NONE, None).unwrap();
    let clock = Ticking(AtomicU64::new(0));
    let own = BudgetLimits { timeout_ms: 1, ..BudgetLimits::UNBOUNDED };
    let env = Env { shared: Some(&budget), limits: own, clock: &clock, ..Env::default() };
    assert_eq!(run(&policy, &env), (Outcome::Exhausted(Exhaustion::Timeout), 100));
    assert_eq!(budget.exhausted(), None, "a run's own time ends only the run");

    let watch = Budget::new(BudgetLimits::UNBOUNDED);
    watch.cancel();
    let env = Env { shared: Some(&budget), watch: Some(&watch), ..Env::default() };
    assert_eq!(run(&policy, &env), (Outcome::Exhausted(Exhaustion::Cancelled), 0));

    // The shared budget's own time does end it.
    let timed = Budget::new(BudgetLimits { timeout_ms: 1, ..limits(1_000) });
    let env = Env { shared: Some(&timed), limits: BudgetLimits::UNBOUNDED, clock: &clock, ..Env::default() };
    assert_eq!(run(&policy, &env).0, Outcome::Exhausted(Exhaustion::Timeout));
    assert_eq!(timed.exhausted(), Some(Exhaustion::Timeout));
}
