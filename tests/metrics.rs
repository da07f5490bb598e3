//! Prometheus text: the plan's section 6.
#![cfg(feature = "metrics")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use eclvm::Policy;
use eclvm::kernel::budget::BudgetLimits;
use eclvm::observe::metrics::{EclvmCollector, scrape};
use eclvm::run::{EclvmStateContext, PolicyRunContext, PolicyType, run_policy_with_state_context};
use eclvm::state::{UnifiedState, World};
use std::sync::Arc;

/// Runs one policy in a realm that there is.
fn run_in(state: &Arc<UnifiedState>, realm: &str, source: &str, gas: u64) {
    let limits = BudgetLimits { gas_limit: gas, ..BudgetLimits::default() };
    let run = PolicyRunContext::new("", realm, limits).of_policy("door", PolicyType::Crossing);
    let context = EclvmStateContext::new(state, run);
    run_policy_with_state_context(&Policy::compile(source).unwrap(), &context).unwrap();
}

#[test]
fn plan_observability_prometheus_names_layers_realms_and_all_five_reasons() {
    let state = Arc::new(UnifiedState::with_world(World::default()));
    let loops = "policy p { while true { } }";
    // Realms with hostile names, one that is called what the rest is called, and none.
    let hostile = "a\"} 1\nerynoa_eclvm_gas_consumed_total{layer=\"compute\",realm=\"b\\";
    for (realm, gas) in [("lab", 300), (hostile, 200), ("other", 400), ("small", 10), ("", 20)] {
        run_in(&state, realm, loops, gas);
    }
    run_in(&state, "lab", "1 > 2", 100);
    let text = scrape(&EclvmCollector::new(&state).with_top(2));
    let has = |line: &str| assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    has("erynoa_eclvm_gas_consumed_total{layer=\"compute\",realm=\"lab\"} 301");
    has("erynoa_eclvm_gas_consumed_total{layer=\"network\",realm=\"lab\"} 0");
    has(
        "erynoa_eclvm_gas_consumed_total{layer=\"compute\",realm=\"a\\\"} 1\\nerynoa_eclvm_gas_consumed_total{layer=\\\"compute\\\",realm=\\\"b\\\\\"} 200",
    );
    has("erynoa_eclvm_gas_consumed_total{layer=\"compute\",realm=\"other\"} 430");
    has("erynoa_eclvm_budget_exhausted_total{reason=\"OutOfGas\"} 5");
    for reason in ["OutOfMana", "Timeout", "StackOverflow", "Cancelled"] {
        has(&format!("erynoa_eclvm_budget_exhausted_total{{reason=\"{reason}\"}} 0"));
    }
    has("erynoa_eclvm_policies_total{outcome=\"deny\"} 1");
    has("erynoa_eclvm_evaluation_gas_sum 931.0");
    has("erynoa_eclvm_evaluation_gas_count 6");
    has("erynoa_eclvm_evaluation_gas_bucket{le=\"1.0\"} 1");
    has("erynoa_eclvm_evaluation_gas_bucket{le=\"100.0\"} 3");
    has("erynoa_eclvm_evaluation_gas_bucket{le=\"+Inf\"} 6");
    has("erynoa_eclvm_evaluation_duration_seconds_count 6");
    assert_eq!(
        text.lines().filter(|line| line.starts_with("erynoa_eclvm_gas_consumed_total")).count(),
        3 * 4
    );
    assert!(text.ends_with("# EOF\n"));
    // Whatever it is told, the number of realms is bounded.
    assert!(scrape(&EclvmCollector::new(&state).with_top(usize::MAX)).contains("realm=\"small\""));
}

#[cfg(feature = "durable")]
#[test]
fn what_is_not_durable_of_the_log_is_a_metric() {
    let directory = std::env::temp_dir().join(format!("eclvm-metrics-{}", std::process::id()));
    let within = Some(std::time::Duration::from_secs(3_600));
    let options = eclvm::durable::HostOptions {
        events_durable_within: within,
        ..eclvm::durable::HostOptions::default()
    };
    let host = eclvm::durable::ErynoaHost::open_with(&directory, options).unwrap();
    run_in(host.state(), "lab", "1 < 2", 1_000);
    let collector = EclvmCollector::new(host.state());
    assert!(scrape(&collector).contains("erynoa_eclvm_log_events{state=\"waiting\"} 1\n"));
    host.flush().unwrap();
    let text = scrape(&collector);
    assert!(text.contains("erynoa_eclvm_log_events{state=\"durable\"} 1\n"), "{text}");
    assert!(text.contains("erynoa_eclvm_log_events{state=\"lost\"} 0\n"));
    let in_memory = Arc::new(UnifiedState::new());
    assert!(!scrape(&EclvmCollector::new(&in_memory)).contains("log_events"));
    drop((collector, host));
    std::fs::remove_dir_all(&directory).unwrap();
}
