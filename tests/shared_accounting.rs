//! What runs share is touched per portion of work and not per request: counted, not timed.

use eclvm::Policy;
use eclvm::batch::{Batch, BatchOptions, Column, RequestColumns};
use eclvm::kernel::budget::{Budget, BudgetLimits};
use std::sync::Arc;

const REQUESTS: usize = 1_000_000;

/// A batch of a million requests under one budget. Words that the threads share are:
///
/// - the budget's books, which change by updates. One update is two read-modify-writes (the claim of a slot, the swap that
///   publishes it), a plain store that gives the old slot back, and the loads of one look. Where the budget can pay for a whole
///   portion that is one charge.
/// - the budget's reason, looked at before each chunk of 1 024 requests: loads of one look, no store. After a chunk its cost
///   goes under a mutex: two read-modify-writes.
///
/// All of it stays below one touch in a hundred requests, on any number of threads, and the receipts are those of a batch
/// without the budget.
#[test]
fn a_request_of_a_batch_touches_less_than_a_hundredth_of_a_shared_word() {
    const CHUNK: usize = 1_024;
    let policy = Policy::compile("amount * 2 <= limit").unwrap();
    let amounts: Vec<f64> = (0..REQUESTS).map(|n| (n % 150) as f64).collect();
    let requests = RequestColumns::new(&policy, REQUESTS)
        .with("amount", Column::Numbers(&amounts))
        .unwrap()
        .with("limit", Column::Uniform(eclvm::kernel::value::ValueRef::Number(200.0)))
        .unwrap();
    let decide = |threads: usize, budget: Option<Arc<Budget>>| {
        let options = BatchOptions { budget, threads, ..BatchOptions::default() };
        let mut batch = Batch::new(&policy, options).unwrap();
        batch.set_grain(CHUNK);
        batch.run(&requests).unwrap()
    };
    let expected = decide(1, None);
    let gas: u64 = expected.iter().map(|receipt| receipt.cost).sum();
    assert!(
        expected.iter().any(|receipt| receipt.passed()) && !expected.iter().all(|receipt| receipt.passed())
    );
    for threads in [1, 2, 8] {
        let budget = Arc::new(Budget::new(BudgetLimits::UNBOUNDED));
        let receipts = decide(threads, Some(budget.clone()));
        assert!(receipts == expected, "{threads} threads");
        assert_eq!(budget.gas_used(), gas, "{threads} threads");
        assert_eq!(budget.updates(), 1, "{threads} threads");
        let writes = 2 * budget.updates() as usize + 2 * REQUESTS.div_ceil(CHUNK);
        let looks = budget.updates() as usize + REQUESTS.div_ceil(CHUNK);
        assert!((writes + looks) * 100 < REQUESTS, "{threads} threads: {writes} writes, {looks} looks");
    }
}

/// The same where the gas runs out on the way: the requests around that point draw on the budget one by one, all others do
/// not, and the receipts do not depend on the threads.
#[test]
fn where_the_gas_runs_out_only_a_few_requests_are_settled_one_by_one() {
    let policy = Policy::compile("amount <= 100").unwrap();
    let amounts: Vec<f64> = (0..REQUESTS).map(|n| (n % 150) as f64).collect();
    let requests = RequestColumns::new(&policy, REQUESTS).with("amount", Column::Numbers(&amounts)).unwrap();
    let mut expected = None;
    for threads in [1, 2, 8] {
        let limits = BudgetLimits { gas_limit: 500_001, ..BudgetLimits::UNBOUNDED };
        let budget = Arc::new(Budget::new(limits));
        let options = BatchOptions { budget: Some(budget.clone()), threads, ..BatchOptions::default() };
        let receipts = Batch::new(&policy, options).unwrap().run(&requests).unwrap();
        assert!(budget.exhausted().is_some() && receipts.iter().any(|receipt| receipt.passed()));
        assert!((budget.updates() as usize) * 100 < REQUESTS, "{threads} threads: {}", budget.updates());
        let expected = expected.get_or_insert_with(|| receipts.clone());
        assert!(receipts == *expected, "{threads} threads");
    }
}
