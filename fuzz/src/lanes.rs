//! What lanes promise: the receipts of the scalar engine, whatever program verifies, whoever stands beside a request, and
//! however requests come.

use crate::Reached;
use crate::bytes::hash;
use crate::promises::{LIMITS, assert_same, request, world};
use bumpalo::Bump;
use eclvm::Policy;
use eclvm::batch::{Batch, BatchOptions, Engine, LaneWorker};
use eclvm_kernel::budget::BudgetLimits;
use eclvm_kernel::host::HostInterface;
use eclvm_kernel::lanes::LanePlan;
use eclvm_kernel::receipt::Receipt;
use eclvm_kernel::request::{Env, Request};
use eclvm_kernel::vm::{Executable, Vm};
use eclvm_testkit::generate::rng::Rng;
use eclvm_testkit::typed;
use std::sync::Arc;

/// Requests that stand beside each other, in lanes of such widths.
const WIDTHS: [(usize, usize); 4] = [(1, 5), (7, 20), (64, 150), (1_024, 300)];

/// Runs a program on requests made from the input, in lanes and one by one.
pub(crate) fn hold(exe: &Arc<Executable>, data: &[u8]) -> Reached {
    let Ok(plan) = LanePlan::new(exe) else { return Reached::Refused };
    let mut rng = Rng::split(hash(data), 7);
    let bump = Bump::new();
    let host = rng.often(600).then(|| world() as &dyn HostInterface);
    let kinds: Vec<Request<'_>> = (0..8).map(|_| request(exe, host.is_some(), &mut rng, &bump)).collect();
    let (env, expected) = alone(exe, &kinds, host, &mut rng);
    let mut worker = LaneWorker::new();
    let mut receipts = Vec::new();
    for (width, n) in WIDTHS {
        let places: Vec<usize> = (0..n).map(|_| rng.index(kinds.len())).collect();
        let rows: Vec<Request<'_>> = places.iter().map(|place| kinds[*place]).collect();
        // Twice: what is known of the first time is met.
        for _ in 0..2 {
            worker.run(&plan, rows.as_slice(), width, &env, &mut receipts);
            assert_eq!(receipts.len(), n);
            for (place, receipt) in places.iter().zip(&receipts) {
                assert_same(&expected[*place], receipt, &format!("{width} lanes differ"));
            }
        }
    }
    Reached::Ran
}

/// Receipts of single runs, under limits that some of them reach.
fn alone<'h>(
    exe: &Executable,
    kinds: &[Request<'_>],
    host: Option<&'h dyn HostInterface>,
    rng: &mut Rng,
) -> (Env<'h>, Vec<Receipt>) {
    let mut vm = Vm::new();
    let mut env = Env { host, now: rng.pick(&[0.0, 1_700_000_000.0]), limits: LIMITS, ..Env::default() };
    let run = |vm: &mut Vm, env: &Env<'_>| -> Vec<Receipt> {
        kinds.iter().map(|request| vm.run(exe, request, env)).collect()
    };
    let mut receipts = run(&mut vm, &env);
    if rng.often(400) {
        // What one of them takes, or one unit less.
        let gas_limit = receipts[rng.index(receipts.len())].cost.saturating_sub(u64::from(rng.often(500)));
        env.limits = BudgetLimits { gas_limit, ..LIMITS };
        receipts = run(&mut vm, &env);
    }
    (env, receipts)
}

/// The same of a policy, through batches: rows of any kind, and rows of structs.
pub(crate) fn hold_in_batches(policy: &Policy, data: &[u8]) {
    let mut rng = Rng::split(hash(data), 9);
    let bump = Bump::new();
    let exe = policy.executable();
    let kinds: Vec<Request<'_>> = (0..8).map(|_| request(exe, false, &mut rng, &bump)).collect();
    let (env, expected) = alone(exe, &kinds, None, &mut rng);
    let options = BatchOptions {
        now: env.now,
        limits: env.limits,
        engine: Engine::Lanes,
        threads: 1,
        lanes: 64,
        ..BatchOptions::default()
    };
    let places: Vec<usize> = (0..100).map(|_| rng.index(kinds.len())).collect();
    let rows: Vec<Request<'_>> = places.iter().map(|place| kinds[*place]).collect();
    let Ok(mut batch) = Batch::new(policy, options) else { return };
    let receipts = batch.run(rows.as_slice()).unwrap_or_else(|_| panic!("a batch without a budget is cut"));
    for (place, receipt) in places.iter().zip(&receipts) {
        assert_same(&expected[*place], receipt, "a batch of rows differs");
    }
    let (rows, which) = typed::rows(policy, &rows);
    let names = policy.inputs().iter().map(|input| &*input.name);
    if names.clone().any(|name| ["caller", "realm", "trust"].contains(&name)) {
        return;
    }
    let Some(fields) = typed::fields(policy, &rows) else { return };
    let receipts = batch.run(&fields).unwrap_or_else(|_| panic!("a batch without a budget is cut"));
    for (at, receipt) in which.iter().zip(&receipts) {
        assert_same(&expected[places[*at]], receipt, "a batch of structs differs");
    }
}
