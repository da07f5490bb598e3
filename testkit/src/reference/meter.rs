//! The bill, by the plain rule: each instruction is charged before it runs; what cannot be paid is not charged.

use super::price::Price;
use crate::case::Setting;
use eclvm_kernel::fault::Exhaustion;

/// Units, mana, and what limits them.
#[derive(Debug)]
pub struct Meter {
    /// Units per layer: network, compute, storage, realm.
    pub units: [u64; 4],
    /// Mana.
    pub mana: u64,
    prices: [u64; 4],
    /// Limits on cost and mana, innermost first.
    limits: Vec<(u64, u64)>,
}

impl Meter {
    /// An empty bill.
    pub fn new(setting: &Setting) -> Meter {
        let mut limits = vec![(setting.gas_limit, setting.mana_limit)];
        limits.extend(setting.shared);
        Meter { units: [0; 4], mana: 0, prices: setting.prices, limits }
    }
    /// Charges one instruction, or nothing.
    pub fn charge(&mut self, price: Price) -> Result<(), Exhaustion> {
        let mut units = self.units;
        let layer = &mut units[price.layer as usize];
        *layer = layer.saturating_add(price.units);
        let (cost, mana) = (cost(&units, &self.prices), self.mana.saturating_add(price.mana));
        for (gas_limit, mana_limit) in &self.limits {
            if cost > *gas_limit {
                return Err(Exhaustion::OutOfGas);
            }
            if mana > *mana_limit {
                return Err(Exhaustion::OutOfMana);
            }
        }
        (self.units, self.mana) = (units, mana);
        Ok(())
    }
    /// The units priced.
    pub fn cost(&self) -> u64 {
        cost(&self.units, &self.prices)
    }
}

fn cost(units: &[u64; 4], prices: &[u64; 4]) -> u64 {
    let sum: u128 = units.iter().zip(prices).map(|(u, p)| u128::from(*u) * u128::from(*p)).sum();
    u64::try_from(sum).unwrap_or(u64::MAX)
}
