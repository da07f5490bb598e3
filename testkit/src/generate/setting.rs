//! Limits, prices and surroundings; often so tight that a run ends in the middle.

use super::rng::Rng;
use crate::case::Setting;

/// The most gas for runs that might not end by themselves.
const ENOUGH: u64 = 4_000;

/// Surroundings in which a run mostly comes to its own end. `bounded` says that its gas is known to be small.
pub fn roomy(rng: &mut Rng, bounded: bool) -> Setting {
    let mut setting = Setting {
        allow_writes: rng.often(930),
        now: rng.pick(&[1_700_000_000.0, 1_700_000_000.0, 0.0, -1.5, 4.0]),
        mana_limit: if rng.often(900) { 10_000 } else { u64::MAX },
        max_depth: rng.pick(&[64, 64, 8, 3]),
        ..Setting::default()
    };
    if rng.often(8) {
        setting.now = rng.pick(&[f64::NAN, f64::INFINITY]);
    }
    setting.gas_limit = if !bounded {
        ENOUGH
    } else if rng.often(800) {
        1_000_000
    } else {
        u64::MAX
    };
    setting
}

/// The same, tightened: `cost`, `mana` and `depth` are what the roomy run took.
pub fn tight(rng: &mut Rng, roomy: &Setting, cost: u64, mana: u64, bounded: bool) -> Setting {
    let mut setting = roomy.clone();
    match rng.below(10) {
        0..=4 => setting.gas_limit = rng.below(cost.saturating_add(3)),
        5 => {
            setting.mana_limit = rng.below(mana.saturating_add(2));
            if rng.often(300) {
                setting.gas_limit = rng.below(cost.saturating_add(3));
            }
        }
        6 => setting.max_depth = rng.below(4) as u32,
        7 => {
            let gas = rng.below(cost.saturating_add(3));
            let shared_mana = if rng.often(500) { rng.below(mana.saturating_add(2)) } else { 10_000 };
            setting.shared = Some((gas, shared_mana));
            if rng.often(500) {
                setting.gas_limit = rng.below(cost.saturating_add(3));
                setting.mana_limit = rng.below(mana.saturating_add(3));
            }
        }
        _ => {
            for price in &mut setting.prices {
                *price = rng.pick(&[1, 1, 0, 2, 7, 1000, u64::MAX, u64::MAX / 3]);
            }
            if !bounded {
                setting.prices[1] = setting.prices[1].max(1);
            }
            if rng.often(600) {
                setting.gas_limit = match rng.below(4) {
                    0 => rng.below(cost.saturating_add(3)),
                    1 => rng.below(cost.saturating_mul(7).saturating_add(3)),
                    2 => rng.below(cost.saturating_mul(1000).saturating_add(3)),
                    _ => u64::MAX - rng.below(2),
                };
            }
            if !bounded {
                setting.gas_limit = setting.gas_limit.min(ENOUGH);
            }
        }
    }
    setting
}
