//! Time is looked at in straight code too, where instructions are priced by size. There was a time when it was looked at
//! only at backward jumps and calls: thousands of comparisons of large arrays then ran on for seconds past their timeout.

use eclvm::Policy;
use eclvm::kernel::budget::BudgetLimits;
use eclvm::kernel::fault::{Exhaustion, Outcome};
use eclvm::kernel::request::{Clock, Env, Request};
use eclvm::kernel::value::ValueRef;
use eclvm::kernel::vm::Vm;
use std::sync::atomic::{AtomicU64, Ordering};

/// A clock on which every look takes a second.
struct Slow(AtomicU64);

impl Clock for Slow {
    fn now_ns(&self) -> u64 {
        self.0.fetch_add(1_000_000_000, Ordering::Relaxed)
    }
}

#[test]
fn straight_code_of_sized_instructions_is_timed() {
    let source = format!("policy p(a: [number], b: [number]) {{ {} }}", "require a == b;".repeat(40));
    let policy = Policy::compile(&source).unwrap();
    let numbers = vec![ValueRef::Number(1.0); 60_000];
    let inputs = [ValueRef::Array(&numbers), ValueRef::Array(&numbers)];
    let limits = BudgetLimits { timeout_ms: 1, ..BudgetLimits::UNBOUNDED };
    let clock = Slow(AtomicU64::new(0));
    let env = Env { limits, clock: &clock, ..Env::default() };
    let receipt = Vm::new().run(policy.executable(), &Request::new(&inputs), &env);
    assert_eq!(receipt.outcome, Outcome::Exhausted(Exhaustion::Timeout));
}
