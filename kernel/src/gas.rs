//! Gas: layers, units, prices. What an instruction costs stands in the instruction table (`isa`).

use core::ops::{Index, IndexMut};

/// The four layers of MultiGas.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
#[repr(u8)]
pub enum GasLayer {
    /// L1: reads of identities.
    Network = 0,
    /// L2: instructions.
    Compute = 1,
    /// L3: stores, logs, events.
    Storage = 2,
    /// L4: other realms.
    Realm = 3,
}

impl GasLayer {
    /// All four, in order.
    pub const ALL: [GasLayer; 4] = [GasLayer::Network, GasLayer::Compute, GasLayer::Storage, GasLayer::Realm];
    /// The lower-case name, as JSON has it.
    pub fn name(self) -> &'static str {
        match self {
            GasLayer::Network => "network",
            GasLayer::Compute => "compute",
            GasLayer::Storage => "storage",
            GasLayer::Realm => "realm",
        }
    }
}

/// Raw units per layer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct GasUnits {
    /// L1
    pub network: u64,
    /// L2
    pub compute: u64,
    /// L3
    pub storage: u64,
    /// L4
    pub realm: u64,
}

impl GasUnits {
    /// No units.
    pub const ZERO: GasUnits = GasUnits { network: 0, compute: 0, storage: 0, realm: 0 };
    /// The sum, layer by layer, saturating.
    pub fn plus(self, o: GasUnits) -> GasUnits {
        GasUnits {
            network: self.network.saturating_add(o.network),
            compute: self.compute.saturating_add(o.compute),
            storage: self.storage.saturating_add(o.storage),
            realm: self.realm.saturating_add(o.realm),
        }
    }
}

impl Index<GasLayer> for GasUnits {
    type Output = u64;
    fn index(&self, layer: GasLayer) -> &u64 {
        match layer {
            GasLayer::Network => &self.network,
            GasLayer::Compute => &self.compute,
            GasLayer::Storage => &self.storage,
            GasLayer::Realm => &self.realm,
        }
    }
}

impl IndexMut<GasLayer> for GasUnits {
    fn index_mut(&mut self, layer: GasLayer) -> &mut u64 {
        match layer {
            GasLayer::Network => &mut self.network,
            GasLayer::Compute => &mut self.compute,
            GasLayer::Storage => &mut self.storage,
            GasLayer::Realm => &mut self.realm,
        }
    }
}

/// Cost of one unit of each layer. All 1 by default.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Prices(pub GasUnits);

impl Default for Prices {
    fn default() -> Self {
        Prices(GasUnits { network: 1, compute: 1, storage: 1, realm: 1 })
    }
}

impl Prices {
    /// Units times prices, summed over the layers, saturating at `u64::MAX` (gas.md, section 1).
    #[inline]
    pub fn cost(&self, units: &GasUnits) -> u64 {
        if *self == Prices::default() {
            let GasUnits { network, compute, storage, realm } = *units;
            return network.saturating_add(compute).saturating_add(storage).saturating_add(realm);
        }
        GasLayer::ALL
            .iter()
            .fold(0u64, |sum, &layer| sum.saturating_add(units[layer].saturating_mul(self.0[layer])))
    }
}

/// The gas schedule: the named table of what instructions cost. Frozen; a change is a new schedule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Schedule {
    /// gas.md, section 2.
    V1 = 1,
}
