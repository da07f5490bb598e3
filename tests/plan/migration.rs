//! Section 4: what stays for older code, and what no feature takes away.

use eclvm::Policy;
use eclvm::kernel::budget::{Budget, BudgetLimits};
use eclvm::kernel::fault::{Exhaustion, Outcome};
use eclvm::kernel::gas::{GasUnits, Prices};
use eclvm::kernel::request::{Env, Request};
use eclvm::kernel::vm::Vm;
use eclvm::run::{PolicyRunContext, run_policy};
use std::sync::Arc;

/// This test runs under each combination of features.
#[test]
fn plan_migration_limits_hold_whatever_the_features() {
    let run = |source: &str, limits| {
        let context = PolicyRunContext::new("did:x:a", "lab", limits);
        let result = run_policy(&Policy::compile(source).unwrap(), None, &context);
        assert_eq!(context.budget.gas_used(), result.gas_used);
        result.receipt.outcome
    };
    let exhausted = |reason| Outcome::Exhausted(reason);
    let endless = "policy p { while true { } }";
    let limits = BudgetLimits { gas_limit: 500, ..BudgetLimits::default() };
    assert_eq!(run(endless, limits), exhausted(Exhaustion::OutOfGas));
    let limits = BudgetLimits { timeout_ms: 5, ..BudgetLimits::UNBOUNDED };
    assert_eq!(run(endless, limits), exhausted(Exhaustion::Timeout));
    let deep = "fn f(n: number) -> number { return f(n + 1); } policy p { require f(0) > 0; }";
    let limits = BudgetLimits { max_stack_depth: 8, ..BudgetLimits::default() };
    assert_eq!(run(deep, limits), exhausted(Exhaustion::StackOverflow));
    // Mana, layers and prices.
    let emits = Policy::compile("policy p { emit \"told\", 1; }").unwrap();
    let prices = Prices(GasUnits { storage: 3, ..Prices::default().0 });
    let limits = |mana_limit| BudgetLimits { mana_limit, ..BudgetLimits::default() };
    let emit = |mana| {
        let env = Env { allow_writes: true, limits: limits(mana), prices, ..Env::default() };
        Vm::new().run(emits.executable(), &Request::new(&[]), &env)
    };
    assert_eq!(emit(1).outcome, exhausted(Exhaustion::OutOfMana));
    let told = emit(2);
    assert_eq!((told.outcome, told.mana, told.cost), (Outcome::Allow, 2, 3 * 3 + 1));
    assert_eq!(told.gas, GasUnits { compute: 1, storage: 3, ..GasUnits::ZERO });
    let cancelled = Arc::new(Budget::new(BudgetLimits::default()));
    cancelled.cancel();
    let context = PolicyRunContext::with_budget("", "", cancelled);
    let result = run_policy(&Policy::compile("1 + now > 0").unwrap(), None, &context);
    assert_eq!(result.receipt.outcome, exhausted(Exhaustion::Cancelled));
}

/// Quotas are a gateway's, and hold where the state keeps no totals of layers.
#[cfg(feature = "state-host")]
#[test]
fn plan_migration_limits_of_a_realms_quota_hold_whatever_the_features() {
    use eclvm::gateway::{Crossing, LimitedBy, ProgrammableGateway};
    use eclvm::kernel::gas::GasLayer;
    use eclvm::kernel::mana::ManaTable;
    use eclvm::kernel::multigas::{MultiGas, RealmQuota};
    let gas = Arc::new(MultiGas::new(8));
    let lab = gas.realm("lab");
    let limits = [None, Some(4), None, None];
    let quota = RealmQuota { limits, period_ns: 1 << 62 };
    gas.set_quota(lab, &quota).unwrap();
    let gateway =
        ProgrammableGateway::new(crate::observing::state(), Arc::new(ManaTable::new(0))).with_multigas(gas);
    let cross = || gateway.validate_crossing("did:x:a", None, "lab").crossing;
    assert_eq!(cross(), Crossing::Allow);
    let by = LimitedBy::Quota(GasLayer::Compute);
    assert!(matches!(cross(), Crossing::RateLimited { by: limited, .. } if limited == by));
}

#[cfg(feature = "legacy-gas")]
#[test]
fn plan_migration_legacy_gas_meter_is_the_gas_of_a_budget() {
    use eclvm::plan::{ECLVMBudget, ECLVMBudgetLimits, GasMeter};
    let budget = Arc::new(ECLVMBudget::new(ECLVMBudgetLimits { gas_limit: 10, ..Default::default() }));
    let meter = GasMeter::from_budget(budget.clone());
    assert_eq!((meter.limit(), meter.used(), meter.remaining()), (10, 0, 10));
    // Runs and the meter pay from the same.
    let context = PolicyRunContext::with_budget("", "", budget.clone());
    let paid = run_policy(&Policy::compile("1 + now > 0").unwrap(), None, &context).gas_used;
    assert_eq!((paid, meter.used(), meter.remaining()), (3, 3, 7));
    meter.consume(5).unwrap();
    assert_eq!((budget.gas_used(), meter.is_exhausted()), (8, false));
    assert_eq!(meter.consume(3), Err(Exhaustion::OutOfGas));
    assert_eq!((budget.gas_used(), budget.exhausted()), (8, Some(Exhaustion::OutOfGas)));
    assert!(meter.is_exhausted() && Arc::ptr_eq(meter.budget(), &budget));
    assert_eq!(GasMeter::default().limit(), BudgetLimits::default().gas_limit);
    assert_eq!(GasMeter::new(3).remaining(), 3);
}
