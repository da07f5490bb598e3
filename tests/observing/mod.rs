//! A small state, runs of every outcome in it, and who watches them; for several tests.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "shared by several tests, which fail by panicking"
)]

use eclvm::Policy;
use eclvm::kernel::budget::BudgetLimits;
use eclvm::kernel::fault::{Exhaustion, Fault, Outcome};
use eclvm::kernel::host::{EntryPolicy, HostInterface, HostResult, RealmFacts, StoreValueRef};
use eclvm::kernel::value::TrustVector;
use eclvm::observe::{EclvmObserver, StateSnapshot};
use eclvm::run::{
    EclvmStateContext, ExecutionResult, PolicyRunContext, PolicyType, run_policy_with_state_context,
};
use eclvm::state::{UnifiedState, World};
use std::sync::{Arc, Mutex};

pub(crate) const FILE: &[u8] = br#"{
  "identities": {"did:x:a": {"trust": [0.9, 0.8, 0.7, 0.6, 0.5, 0.4], "balance": 100}, "did:x:b": {}},
  "realms": {"lab": {"store": {"k": 1}}, "other": {}}
}"#;
/// One of each outcome, and of the reasons that have a place of their own in what is counted.
pub(crate) const ENDS: [(&str, u64, u64, Outcome); 6] = [
    ("trust.r >= 0.5", 1_000, 10, Outcome::Allow),
    ("trust.r >= 0.95", 1_000, 10, Outcome::Deny),
    ("policy p(x: number) { require x > 0; }", 1_000, 10, Outcome::Fault(Fault::MissingInput)),
    ("policy p { let z = 0; require 1 / z > 0; }", 1_000, 10, Outcome::Fault(Fault::DivisionByZero)),
    ("policy p { while true { } }", 100, 10, Outcome::Exhausted(Exhaustion::OutOfGas)),
    ("policy p { store_put(\"k\", 2); }", 1_000, 0, Outcome::Exhausted(Exhaustion::OutOfMana)),
];

pub(crate) fn state() -> Arc<UnifiedState> {
    Arc::new(UnifiedState::with_world(World::from_json(FILE).unwrap()))
}
pub(crate) fn policy(source: &str) -> Policy {
    Policy::compile(source).unwrap_or_else(|error| panic!("{source}: {error}"))
}
pub(crate) fn limits(gas_limit: u64, mana_limit: u64) -> BudgetLimits {
    BudgetLimits { gas_limit, mana_limit, ..BudgetLimits::default() }
}
pub(crate) fn run_in(state: &Arc<UnifiedState>, source: &str, gas: u64, mana: u64) -> ExecutionResult {
    let run = PolicyRunContext::new("did:x:a", "lab", limits(gas, mana));
    let context = EclvmStateContext::new(state, run.of_policy("door", PolicyType::Governance));
    run_policy_with_state_context(&policy(source), &context).unwrap()
}
/// What has to hold in every snapshot.
pub(crate) fn sums_hold(StateSnapshot { eclvm, execution }: &StateSnapshot) {
    let four =
        eclvm.policies_passed + eclvm.policies_denied + eclvm.policies_faulted + eclvm.policies_exhausted;
    assert_eq!(eclvm.policies_executed, four);
    assert_eq!(eclvm.policies_executed, eclvm.by_type.iter().sum::<u64>());
    assert_eq!(eclvm.policies_executed, eclvm.latency.as_ref().unwrap().len());
    assert_eq!(eclvm.policies_executed, eclvm.gas.as_ref().unwrap().len());
    let realms = || eclvm.realms.values().chain([&eclvm.overflow]);
    assert_eq!(eclvm.policies_executed, realms().map(|realm| realm.policies_executed).sum::<u64>());
    assert_eq!(eclvm.policies_denied, realms().map(|realm| realm.policies_denied).sum::<u64>());
    assert_eq!(eclvm.total_gas, realms().map(|realm| realm.gas).sum::<u64>());
    assert_eq!(eclvm.total_mana, realms().map(|realm| realm.mana).sum::<u64>());
    assert_eq!(eclvm.time_ns, realms().map(|realm| realm.time_ns).sum::<u64>());
    let all = execution.executions;
    assert_eq!(all.total, all.active + all.successful + all.failed);
    assert_eq!(all.successful, eclvm.policies_passed);
    assert_eq!((execution.gas.consumed, execution.mana.consumed), (eclvm.total_gas, eclvm.total_mana));
}

/// Writes down whom it is told of.
#[derive(Default)]
pub(crate) struct Witness(pub(crate) Mutex<Vec<String>>);

impl EclvmObserver for Witness {
    fn on_policy_executed(
        &self,
        policy_id: &str,
        policy_type: &str,
        passed: bool,
        gas_used: u64,
        mana_used: u64,
        duration_us: u64,
        realm_id: Option<&str>,
    ) {
        assert!(duration_us > 0);
        let told = format!("{policy_id} {policy_type} {passed} {gas_used} {mana_used} {realm_id:?}");
        self.0.lock().unwrap().push(told);
    }
    fn on_crossing_policy_evaluated(
        &self,
        caller: &str,
        from_realm: Option<&str>,
        to_realm: &str,
        allowed: bool,
        mana_used: u64,
    ) {
        self.0.lock().unwrap().push(format!("{caller} {from_realm:?} {to_realm} {allowed} {mana_used}"));
    }
}

/// Does something when asked about trust, and panics.
pub(crate) struct Loud<F: Fn() + Send + Sync>(pub(crate) F);

impl<F: Fn() + Send + Sync> HostInterface for Loud<F> {
    fn version(&self) -> u64 {
        1
    }
    fn trust(&self, _: &str) -> HostResult<Option<TrustVector>> {
        (self.0)();
        panic!("on purpose");
    }
    fn has_credential(&self, _: &str, _: &str) -> HostResult<bool> {
        Ok(false)
    }
    fn resolve_did(&self, _: &str) -> HostResult<bool> {
        Ok(false)
    }
    fn balance(&self, _: &str) -> HostResult<i128> {
        Ok(0)
    }
    fn is_member(&self, _: &str, _: &str) -> HostResult<bool> {
        Ok(false)
    }
    fn realm(&self, _: &str) -> HostResult<Option<RealmFacts>> {
        Ok(None)
    }
    fn mean_trust(&self, _: &[(&str, TrustVector)]) -> HostResult<Option<f64>> {
        Ok(None)
    }
    fn store_get<'a>(&'a self, _: &str, _: &str) -> HostResult<Option<StoreValueRef<'a>>> {
        Ok(None)
    }
    fn entry_policy(&self, _: &str) -> HostResult<EntryPolicy> {
        Ok(EntryPolicy::Default)
    }
}
