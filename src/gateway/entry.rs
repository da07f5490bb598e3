//! One evaluation of a realm's entry policy: inputs by name, and the realm's quota held while it runs.
//!
//! # Quotas
//!
//! A quota bounds every layer, so units are taken before the run and what was not used goes back. How many: the policy's
//! static bound, or what the gas limit can buy at all, whichever is less. Where even that is above the quota, the whole
//! quota is taken, and the gas limit lowered to what it buys: a policy without a bound runs on what is there for it and
//! never passes it. Where units have no price no gas limit bounds them, so such a policy is refused, as is one that wants
//! anything of a quota of 0. A run keeps the quota that it began with.

use super::answer::LimitedBy;
use crate::kernel::budget::BudgetLimits;
use crate::kernel::gas::{GasLayer, GasUnits, Prices};
use crate::kernel::multigas::{MultiGas, RealmId, RealmQuota, Taken};
use crate::kernel::program::Input;
use crate::kernel::value::ValueRef;
use crate::kernel::verify::GasBound;
use eclvm_kernel::verify::Bound;

/// Mana of a crossing through the gateway (gas.md, section 4).
pub const CROSSING_MANA_COST: u64 = 50;

/// `from_realm` and `to_realm` in the order in which a policy wants its inputs; all others are missing.
pub(super) fn inputs<'v>(wanted: &[Input], from: Option<&'v str>, to: &'v str) -> Vec<ValueRef<'v>> {
    let value = |input: &Input| match &*input.name {
        "from_realm" => from.map_or(ValueRef::Missing, ValueRef::Text),
        "to_realm" => ValueRef::Text(to),
        _ => ValueRef::Missing,
    };
    wanted.iter().map(value).collect()
}

/// A part of a realm's quota, held while a policy runs.
pub(super) struct Held<'q> {
    taken: Taken<'q>,
    units: GasUnits,
}

impl Held<'_> {
    /// Gives back what was not used.
    pub(super) fn settle(self, used: &GasUnits) {
        let mut unused = GasUnits::ZERO;
        for layer in GasLayer::ALL {
            unused[layer] = self.units[layer].saturating_sub(used[layer]);
        }
        self.taken.give_back(&unused);
    }
}

/// Takes what a policy of this bound may use of the realm's quota, and lowers the limits to it where they must be.
///
/// # Errors
///
/// How long to wait, and for which layer.
pub(super) fn hold<'q>(
    gas: &'q MultiGas,
    realm: RealmId,
    bound: &GasBound,
    prices: &Prices,
    limits: &mut BudgetLimits,
    now_ns: u64,
) -> Result<Held<'q>, (u64, LimitedBy)> {
    let quota = gas.quota(realm).map_or(RealmQuota::NONE, |quota| quota.current());
    let units = reserve(bound, prices, &mut limits.gas_limit, &quota);
    match gas.try_take(realm, &units, now_ns) {
        Ok(taken) => Ok(Held { taken, units }),
        Err(refusal) => Err((refusal.retry_after_ns, LimitedBy::Quota(refusal.layer))),
    }
}

fn reserve(bound: &GasBound, prices: &Prices, gas_limit: &mut u64, quota: &RealmQuota) -> GasUnits {
    let mut units = GasUnits::ZERO;
    let granted = *gas_limit;
    for (layer, most) in GasLayer::ALL.into_iter().zip(quota.limits) {
        let Some(most) = most else { continue };
        let price = prices.0[layer];
        let bought = granted.checked_div(price).unwrap_or(u64::MAX);
        let worst = match bound.layer(layer) {
            Bound::Finite(units) => units.min(bought),
            Bound::Unbounded(_) => bought,
        };
        // More than there can ever be, where nothing would hold the run to less: refused.
        units[layer] = if most == 0 || price == 0 { worst } else { worst.min(most) };
        if worst > most {
            *gas_limit = (*gas_limit).min(most.saturating_mul(price));
        }
    }
    units
}
