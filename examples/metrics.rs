//! Runs a few policies and prints what Prometheus would scrape: `cargo run --example metrics --features metrics`.

use eclvm::Policy;
use eclvm::kernel::budget::BudgetLimits;
use eclvm::observe::metrics::{EclvmCollector, scrape};
use eclvm::run::{EclvmStateContext, PolicyRunContext, PolicyType, run_policy_with_state_context};
use eclvm::state::UnifiedState;
use std::error::Error;
use std::sync::Arc;

fn main() -> Result<(), Box<dyn Error>> {
    let state = Arc::new(UnifiedState::new());
    let sources = ["1 < 2", "1 > 2", "policy p { while true { } }"];
    for (source, realm) in sources.into_iter().zip(["lab", "market", "lab"]) {
        let limits = BudgetLimits { gas_limit: 1_000, ..BudgetLimits::default() };
        let run = PolicyRunContext::new("", realm, limits).of_policy("door", PolicyType::Crossing);
        let policy = Policy::compile(source).map_err(|error| error.to_string())?;
        run_policy_with_state_context(&policy, &EclvmStateContext::new(&state, run))?;
    }
    print!("{}", scrape(&EclvmCollector::new(&state)));
    Ok(())
}
