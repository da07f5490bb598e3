//! The bill of a chunk.
//!
//! Every place of a plan has a **base**: the units of the cheapest way to it. A way that is dearer adds the difference
//! where it joins; code priced by size adds what depends on sizes. What is added by every lane that still runs is one
//! addition for the whole chunk (`common`); else it goes to a column. So a policy whose ways cost the same where they
//! meet pays nothing per lane, and a loop whose lanes stay together one addition per round.
//!
//! `most` is never below the greatest number in the column, so that "no lane is over its limit" is most often known from a
//! few integers.

use super::masks;
use crate::gas::{GasUnits, Prices};

/// One layer.
#[derive(Debug, Default)]
struct Counter {
    common: u64,
    most: u64,
    used: bool,
    column: Vec<u64>,
}

/// Network, Compute, Storage: Realm units are only of `cross_realm`, which lanes do not run.
#[derive(Debug, Default)]
pub(crate) struct Bill {
    counters: [Counter; 3],
    lanes: usize,
}

/// Index of a layer in a bill.
pub(crate) const NETWORK: usize = 0;
pub(crate) const COMPUTE: usize = 1;
pub(crate) const STORAGE: usize = 2;

/// The three layers of some units, in order.
pub(crate) fn three(units: GasUnits) -> [u64; 3] {
    [units.network, units.compute, units.storage]
}

impl Bill {
    pub(crate) fn begin(&mut self, lanes: usize) {
        self.lanes = lanes;
        for counter in &mut self.counters {
            counter.common = 0;
            counter.most = 0;
            counter.used = false;
        }
    }
    fn open(&mut self, layer: usize) -> &mut [u64] {
        let lanes = self.lanes;
        let Some(counter) = self.counters.get_mut(layer) else { return &mut [] };
        if !counter.used {
            counter.used = true;
            counter.column.clear();
            counter.column.resize(lanes, 0);
        }
        &mut counter.column
    }
    /// Adds `n` units in the lanes of `set`; `all` says that no other lane runs.
    pub(crate) fn add(&mut self, layer: usize, n: u64, set: &[u64], all: bool) {
        if n == 0 {
            return;
        }
        if all {
            if let Some(counter) = self.counters.get_mut(layer) {
                counter.common = counter.common.saturating_add(n);
            }
            return;
        }
        masks::add(self.open(layer), set, n);
        if let Some(counter) = self.counters.get_mut(layer) {
            counter.most = counter.most.saturating_add(n);
        }
    }
    /// Adds `units(lane)`, none above `most`, in each lane of `set`.
    pub(crate) fn add_each(
        &mut self,
        layer: usize,
        set: &[u64],
        most: u64,
        mut units: impl FnMut(usize) -> u64,
    ) {
        let column = self.open(layer);
        masks::each(set, |lane| {
            if let Some(slot) = column.get_mut(lane) {
                *slot += units(lane);
            }
        });
        if let Some(counter) = self.counters.get_mut(layer) {
            counter.most = counter.most.saturating_add(most);
        }
    }
    /// What a lane has been charged beyond the base.
    pub(crate) fn extra(&self, layer: usize, lane: usize) -> u64 {
        self.counters
            .get(layer)
            .map_or(0, |c| c.common + if c.used { c.column.get(lane).copied().unwrap_or(0) } else { 0 })
    }
    /// What every lane has been charged beyond the base, where that is one number.
    pub(crate) fn common(&self, layer: usize) -> Option<u64> {
        self.counters.get(layer).and_then(|c| (!c.used).then_some(c.common))
    }
    /// The column of a layer and what to add to it.
    pub(crate) fn column(&self, layer: usize) -> (&[u64], u64) {
        self.counters.get(layer).map_or((&[], 0), |c| (c.column.as_slice(), c.common))
    }
    /// The cost of a lane that stands at a place with this base.
    pub(crate) fn cost(&self, base: GasUnits, lane: usize, prices: &Prices) -> u64 {
        prices.cost(&GasUnits {
            network: base.network.saturating_add(self.extra(NETWORK, lane)),
            compute: base.compute.saturating_add(self.extra(COMPUTE, lane)),
            storage: base.storage.saturating_add(self.extra(STORAGE, lane)),
            realm: 0,
        })
    }
    /// No lane that stands at a place with this base costs more.
    pub(crate) fn most(&self, base: GasUnits, prices: &Prices) -> u64 {
        let of = |layer: usize| {
            self.counters.get(layer).map_or(0, |c| c.common.saturating_add(if c.used { c.most } else { 0 }))
        };
        prices.cost(&GasUnits {
            network: base.network.saturating_add(of(NETWORK)),
            compute: base.compute.saturating_add(of(COMPUTE)),
            storage: base.storage.saturating_add(of(STORAGE)),
            realm: 0,
        })
    }
    /// Looks again at what the greatest numbers are, in the lanes of `set`.
    pub(crate) fn tighten(&mut self, set: &[u64]) {
        for counter in self.counters.iter_mut().filter(|c| c.used) {
            let (mut most, column) = (0, &counter.column);
            masks::each(set, |lane| most = most.max(column.get(lane).copied().unwrap_or(0)));
            counter.most = most;
        }
    }
}
