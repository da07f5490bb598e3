//! Prices that follow use: a rule per layer, in whole numbers.

use crate::gas::{GasLayer, Prices};
use core::num::NonZeroU64;

/// How the price of one layer moves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PriceRule {
    /// Units per period at which the price stays.
    pub target: u64,
    /// Largest step of one period, in thousandths of the price; where that is less than 1 and not 0, it is 1.
    pub step_per_mille: u32,
    /// Lowest price.
    pub floor: u64,
    /// Highest price; where it is below the floor, the floor holds.
    pub ceiling: u64,
}

/// A rule for each layer that has one, in the order of [`GasLayer::ALL`], and how often prices move.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Controller {
    /// Nanoseconds between two moves.
    pub period_ns: NonZeroU64,
    /// Rules; a layer without one keeps its price.
    pub rules: [Option<PriceRule>; 4],
}

/// The price after a period in which so many units were used.
///
/// `step = max(1, price x step_per_mille / 1000)`, or 0 where `step_per_mille` is 0;
/// `move = step x min(|used - target|, target) / target`, or the whole step where the target is 0; both rounded down. Up where
/// more was used than the target, down where less was; then into `floor..=ceiling`. So the whole step is made at twice the
/// target and at no use at all, and up and down are alike: a price that is small does not only climb. No u64 overflows it,
/// and the price is 0 only where the floor is.
///
/// The design is that of the base fee of EIP-1559, with a step that is a parameter and without its one-sided rounding.
pub fn next_price(price: u64, used: u64, rule: &PriceRule) -> u64 {
    let PriceRule { target, step_per_mille, floor, ceiling } = *rule;
    let step = match u128::from(price) * u128::from(step_per_mille) / 1_000 {
        0 => u64::from(step_per_mille > 0),
        // A step beyond every price is as good as the largest price.
        step => u64::try_from(step).unwrap_or(u64::MAX),
    };
    let distance = used.abs_diff(target).min(target);
    // At most the step, since the distance is at most the target.
    let part = (u128::from(step) * u128::from(distance)).checked_div(u128::from(target));
    let change = part.map_or(step, |part| u64::try_from(part).unwrap_or(step));
    let moved = match used.cmp(&target) {
        core::cmp::Ordering::Less => price.saturating_sub(change),
        core::cmp::Ordering::Equal => price,
        core::cmp::Ordering::Greater => price.saturating_add(change),
    };
    moved.min(ceiling).max(floor)
}

impl Controller {
    /// The prices after a period in which each layer used so many units.
    pub fn next_prices(&self, prices: Prices, used: [u64; 4]) -> Prices {
        let mut next = prices;
        for ((layer, rule), used) in GasLayer::ALL.into_iter().zip(&self.rules).zip(used) {
            if let Some(rule) = rule {
                next.0[layer] = next_price(prices.0[layer], used, rule);
            }
        }
        next
    }
}
