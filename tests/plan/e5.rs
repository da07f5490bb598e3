//! E5: four layers of gas.

use eclvm::Policy;
use eclvm::kernel::budget::BudgetLimits;
use eclvm::kernel::fault::{Exhaustion, Outcome};
use eclvm::kernel::gas::{GasLayer, GasUnits, Prices};
use eclvm::kernel::isa::Op;
use eclvm::kernel::multigas::MultiGas;
use eclvm::kernel::request::{Env, Request};
use eclvm::kernel::vm::Vm;
use std::collections::BTreeSet;

#[test]
fn plan_e5_1_there_are_four_layers() {
    let gas = MultiGas::new(8);
    for (amount, layer) in
        (1..).zip([GasLayer::Network, GasLayer::Compute, GasLayer::Storage, GasLayer::Realm])
    {
        gas.consume(layer, amount, Some("lab"));
    }
    assert_eq!(gas.process().gas, GasUnits { network: 1, compute: 2, storage: 3, realm: 4 });
    gas.set_prices(Prices(GasUnits { network: 1_000, compute: 100, storage: 10, realm: 1 }));
    assert_eq!(gas.total_cost(), 1_234, "the Realm layer counts as the others do");
}

#[test]
fn plan_e5_2_every_instruction_has_a_layer_and_a_cost() {
    // The plan's own examples.
    for op in [Op::Add, Op::Sub, Op::Mul, Op::Div] {
        assert_eq!(op.gas_layer_cost(), (GasLayer::Compute, 1), "{op:?}");
    }
    for op in [Op::LoadTrust, Op::HasCredential] {
        assert_eq!(op.gas_layer_cost(), (GasLayer::Network, 5), "{op:?}");
    }
    for op in [Op::StoreGetText, Op::StoreGetNumber, Op::StoreGetBool, Op::StorePut] {
        assert_eq!(op.gas_layer_cost(), (GasLayer::Storage, 10), "{op:?}");
    }
    assert_eq!(Op::CrossRealm.gas_layer_cost(), (GasLayer::Realm, 20));
    // What is not listed costs Compute 1 in the plan; schedule V1 says more, and the table has a line for each.
    let layers: BTreeSet<GasLayer> = Op::ALL.iter().map(|op| op.gas_layer_cost().0).collect();
    assert_eq!(layers.len(), 4);
    for op in Op::ALL {
        let (_, units) = op.gas_layer_cost();
        assert!(units == op.gas_cost() && units <= 100, "{op:?}");
    }
    assert_eq!(Op::UpdateTrust.gas_layer_cost(), (GasLayer::Storage, 50));
    assert_eq!(Op::CastVote.gas_layer_cost(), (GasLayer::Storage, 100));
}

/// One instruction of each of two layers, at any prices and limits.
fn run(source: &str, gas_limit: u64, prices: Prices) -> eclvm::kernel::receipt::Receipt {
    let policy = Policy::compile(source).unwrap();
    let limits = BudgetLimits { gas_limit, ..BudgetLimits::default() };
    Vm::new().run(policy.executable(), &Request::new(&[]), &Env { limits, prices, ..Env::default() })
}

#[test]
fn plan_e5_3_a_run_sums_by_layer_and_stops_at_the_priced_total() {
    // log: Storage 2 + 1; return: Compute 1.
    let source = "policy p { log(\"0123456789\"); }";
    let prices = Prices(GasUnits { network: 1, compute: 7, storage: 11, realm: 1 });
    let paid = run(source, 40, prices);
    assert_eq!((paid.outcome, paid.cost), (Outcome::Allow, 40));
    assert_eq!(paid.gas, GasUnits { compute: 1, storage: 3, ..GasUnits::ZERO });
    let short = run(source, 39, prices);
    assert_eq!(short.outcome, Outcome::Exhausted(Exhaustion::OutOfGas));
    assert_eq!((short.cost, short.gas), (33, GasUnits { storage: 3, ..GasUnits::ZERO }));
}

#[cfg(feature = "state-host")]
mod on_state {
    use super::*;
    use crate::observing::{policy, state};
    use eclvm::host::StateHost;
    #[cfg(feature = "multi-gas")]
    use eclvm::run::{EclvmStateContext, run_policy_with_state_context};
    use eclvm::run::{PolicyRunContext, run_policy};

    #[test]
    fn plan_e5_3_the_realm_layer_counts_towards_the_limit() {
        let host = StateHost::new(state().view());
        let asks = policy("cross_realm(\"other\")");
        let run =
            |gas| run_policy(&asks, Some(&host), &PolicyRunContext::with_gas_limit("did:x:a", "lab", gas));
        let all = run(1_000);
        assert!(all.passed() && all.receipt.gas.realm == 20 && all.gas_used > 20);
        let short = run(19);
        assert_eq!(short.receipt.outcome, Outcome::Exhausted(Exhaustion::OutOfGas));
        assert_eq!(short.receipt.gas.realm, 0, "what cannot be paid is not charged");
        assert!(!run(all.gas_used - 1).passed() && run(all.gas_used).passed());
    }

    #[cfg(feature = "multi-gas")]
    #[test]
    fn plan_e5_4_prices_are_set_while_running_and_a_run_keeps_those_it_began_with() {
        let state = state();
        let context =
            || EclvmStateContext::new(&state, PolicyRunContext::with_gas_limit("did:x:a", "lab", 10_000));
        let adds = policy("1 + now > 0"); // 3 Compute
        let cost =
            |context: &EclvmStateContext| run_policy_with_state_context(&adds, context).unwrap().gas_used;
        assert_eq!(cost(&context()), 3);
        let (_, before) = state.multi_gas().prices();
        let epoch = state.multi_gas().set_prices(Prices(GasUnits { compute: 5, ..Prices::default().0 }));
        assert!(epoch > before);
        assert_eq!(cost(&context()), 15, "the state's prices");
        let given = PolicyRunContext { prices: Some(Prices::default()), ..context().run };
        assert_eq!(cost(&EclvmStateContext::new(&state, given)), 3, "unless the context brings its own");
        // The price changes in the middle of a run: while its host is asked.
        struct Changes(StateHost, std::sync::Arc<eclvm::state::UnifiedState>);
        let changes = Changes(StateHost::new(state.view()), state.clone());
        impl Changes {
            fn change(&self) {
                self.1.multi_gas().set_prices(Prices(GasUnits { compute: 1_000, ..Prices::default().0 }));
            }
        }
        impl eclvm::kernel::host::HostInterface for Changes {
            fn version(&self) -> u64 {
                self.0.version()
            }
            fn trust(
                &self,
                did: &str,
            ) -> eclvm::kernel::host::HostResult<Option<eclvm::kernel::value::TrustVector>> {
                self.change();
                self.0.trust(did)
            }
            fn has_credential(&self, did: &str, schema: &str) -> eclvm::kernel::host::HostResult<bool> {
                self.0.has_credential(did, schema)
            }
            fn resolve_did(&self, did: &str) -> eclvm::kernel::host::HostResult<bool> {
                self.0.resolve_did(did)
            }
            fn balance(&self, did: &str) -> eclvm::kernel::host::HostResult<i128> {
                self.0.balance(did)
            }
            fn is_member(&self, realm: &str, did: &str) -> eclvm::kernel::host::HostResult<bool> {
                self.0.is_member(realm, did)
            }
            fn realm(
                &self,
                realm: &str,
            ) -> eclvm::kernel::host::HostResult<Option<eclvm::kernel::host::RealmFacts>> {
                self.0.realm(realm)
            }
            fn mean_trust(
                &self,
                changed: &[(&str, eclvm::kernel::value::TrustVector)],
            ) -> eclvm::kernel::host::HostResult<Option<f64>> {
                self.0.mean_trust(changed)
            }
            fn store_get<'a>(
                &'a self,
                realm: &str,
                key: &str,
            ) -> eclvm::kernel::host::HostResult<Option<eclvm::kernel::host::StoreValueRef<'a>>> {
                self.0.store_get(realm, key)
            }
            fn entry_policy(
                &self,
                realm: &str,
            ) -> eclvm::kernel::host::HostResult<eclvm::kernel::host::EntryPolicy> {
                self.0.entry_policy(realm)
            }
        }
        let prices = Some(state.multi_gas().prices().0);
        let run = PolicyRunContext { prices, ..PolicyRunContext::with_gas_limit("did:x:a", "lab", 10_000) };
        // trust: 5 Network; field, comparison, return: 3 Compute at 5 each.
        let result = run_policy(&policy("trust.r >= 0.5"), Some(&changes), &run);
        assert_eq!((result.passed(), result.gas_used), (true, 5 + 3 * 5));
        assert_eq!(state.multi_gas().prices().0.0.compute, 1_000);
    }

    #[cfg(feature = "multi-gas")]
    #[test]
    fn plan_e5_5_gas_is_kept_by_realm() {
        let state = state();
        for (realm, times) in [("lab", 2), ("other", 3)] {
            for _ in 0..times {
                let context =
                    EclvmStateContext::new(&state, PolicyRunContext::with_gas_limit("did:x:a", realm, 100));
                run_policy_with_state_context(&policy("trust.r >= 0.5"), &context).unwrap();
            }
        }
        let gas = state.multi_gas();
        gas.consume(GasLayer::Realm, 20, Some("lab"));
        gas.consume(GasLayer::Realm, 1, None);
        let of = |name: &str| gas.snapshot().realm(gas.find(name).unwrap()).gas;
        assert_eq!(of("lab"), GasUnits { network: 10, compute: 6, storage: 0, realm: 20 });
        assert_eq!(of("other"), GasUnits { network: 15, compute: 9, ..GasUnits::ZERO });
        assert_eq!(of(""), GasUnits { realm: 1, ..GasUnits::ZERO });
    }
}

#[test]
fn plan_e5_5_realms_beyond_the_cap_count_together() {
    let gas = MultiGas::new(1);
    for realm in ["a", "b", "c"] {
        gas.consume(GasLayer::Storage, 3, Some(realm));
    }
    let seen = gas.snapshot();
    assert_eq!(seen.realm(gas.realm("a")).gas.storage, 3);
    assert_eq!(seen.realm(eclvm::kernel::multigas::RealmId::OVERFLOW).gas.storage, 6);
    assert_eq!(seen.process.gas.storage, 9);
}

#[test]
fn plan_e5_6_a_snapshot_has_layers_realms_prices_and_their_epoch() {
    let gas = MultiGas::new(8);
    gas.consume(GasLayer::Network, 5, Some("lab"));
    gas.consume(GasLayer::Compute, 2, Some("other"));
    let prices = Prices(GasUnits { network: 9, ..Prices::default().0 });
    let epoch = gas.set_prices(prices);
    let seen = gas.snapshot();
    assert_eq!(seen.process.gas, GasUnits { network: 5, compute: 2, ..GasUnits::ZERO });
    let sum = seen.realms.iter().fold(GasUnits::ZERO, |sum, realm| sum.plus(realm.gas));
    assert_eq!(sum, seen.process.gas);
    assert_eq!((seen.prices, seen.price_epoch), (prices, epoch));
    assert_eq!(prices.cost(&seen.process.gas), gas.total_cost());
}
