//! Time is looked at in straight code too, where instructions are priced by size. There was a time when it was looked at
//! only at backward jumps and calls: thousands of comparisons of large arrays then ran on for seconds past their timeout.

use bumpalo::Bump;
use eclvm::Policy;
use eclvm::batch::{LaneWorker, Requests};
use eclvm::kernel::budget::BudgetLimits;
use eclvm::kernel::fault::{Exhaustion, Fault, Outcome};
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

/// The same request a few times.
struct Few<'r>(&'r [ValueRef<'r>]);

impl Requests for Few<'_> {
    fn len(&self) -> usize {
        4
    }
    fn request<'a>(&'a self, _: usize, _: &'a Bump) -> Result<Request<'a>, Fault> {
        Ok(Request::new(self.0))
    }
}

/// The lanes engine looked at the clock in loops only: a policy of a thousand searches, over a thousand requests with long lists,
/// could run on for minutes past its deadline.
#[test]
fn searches_of_the_lanes_engine_are_timed() {
    let texts: Vec<String> = (0..60_000).map(|n| format!("text {n}")).collect();
    let list: Vec<ValueRef<'_>> = texts.iter().map(|text| ValueRef::Text(text)).collect();
    let long = "x".repeat(60_000);
    let inputs = [ValueRef::Array(&list), ValueRef::Text("none"), ValueRef::Text(&long)];
    for question in ["t in l", "str_contains(u, t)", "str_len(u) == 3"] {
        let code = format!("require !({question});").repeat(200);
        let source = format!("policy p(l: [string], t: string, u: string) {{ {code} }}");
        let policy = Policy::compile(&source).unwrap();
        let limits = BudgetLimits { timeout_ms: 1, ..BudgetLimits::UNBOUNDED };
        let clock = Slow(AtomicU64::new(0));
        let env = Env { limits, clock: &clock, ..Env::default() };
        let mut receipts = Vec::new();
        let left = LaneWorker::new().run(policy.lanes().unwrap(), &Few(&inputs), 64, &env, &mut receipts);
        assert_eq!(left, 4, "{question}");
        let timeout = Outcome::Exhausted(Exhaustion::Timeout);
        assert!(receipts.iter().all(|receipt| receipt.outcome == timeout), "{question} {receipts:?}");
    }
}
