//! The bill of a chunk.
//!
//! Every place of a plan has a **base**: the units of the cheapest way to it. A way that is dearer adds the difference
//! where it joins; code priced by size adds what depends on sizes. What is added by every lane that still runs is one
//! addition for the whole chunk (`common`); else it goes to a column. So a policy whose ways cost the same where they
//! meet pays nothing per lane, and a loop whose lanes stay together one addition per round.
//!
//! Additions for some lanes only are counted in binary first, a set of lanes for each digit, as long as they are of the same
//! number: that takes a few words of 64 lanes each, where a column takes a pass over all lanes. So a loop whose lanes go
//! different ways touches its column once in 255 rounds.
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
    /// Additions of `step` that the column lacks: how often at most, and for each lane in binary.
    step: u64,
    times: u64,
    digits: Vec<u64>,
}

/// Digits of additions that wait.
const DIGITS: usize = 8;

/// Network, Compute, Storage: Realm units are only of `cross_realm`, which lanes do not run.
#[derive(Debug, Default)]
pub(crate) struct Bill {
    counters: [Counter; 3],
    lanes: usize,
    carry: Vec<u64>,
}

impl Counter {
    /// Adds what waits to the column.
    fn settle(&mut self) {
        if self.times == 0 {
            return;
        }
        let words = masks::words(self.column.len());
        let mut n = self.step;
        for digit in self.digits.chunks_exact_mut(words.max(1)) {
            masks::add(&mut self.column, digit, n);
            digit.fill(0);
            n = n.wrapping_mul(2);
        }
        self.times = 0;
    }
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
            counter.times = 0;
        }
    }
    fn open(&mut self, layer: usize) -> &mut [u64] {
        let lanes = self.lanes;
        let Some(counter) = self.counters.get_mut(layer) else { return &mut [] };
        if !counter.used {
            counter.used = true;
            counter.column.clear();
            counter.column.resize(lanes, 0);
            counter.digits.clear();
            counter.digits.resize(DIGITS * masks::words(lanes), 0);
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
        self.open(layer);
        let Some(counter) = self.counters.get_mut(layer) else { return };
        counter.most = counter.most.saturating_add(n);
        if counter.step != n || counter.times + 1 == 1 << DIGITS {
            counter.settle();
            counter.step = n;
        }
        counter.times += 1;
        let carry = &mut self.carry;
        carry.clear();
        carry.extend_from_slice(set);
        for digit in counter.digits.chunks_exact_mut(carry.len().max(1)) {
            for (digit, carry) in digit.iter_mut().zip(&mut *carry) {
                let both = *digit & *carry;
                *digit ^= *carry;
                *carry = both;
            }
            if !masks::any(carry) {
                break;
            }
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
    /// Brings the columns up to date, for `extra`, `cost` and `column`.
    pub(crate) fn settle(&mut self) {
        self.counters.iter_mut().filter(|c| c.used).for_each(Counter::settle);
    }
    /// What a lane has been charged beyond the base. Columns must be settled.
    pub(crate) fn extra(&self, layer: usize, lane: usize) -> u64 {
        self.counters
            .get(layer)
            .map_or(0, |c| c.common + if c.used { c.column.get(lane).copied().unwrap_or(0) } else { 0 })
    }
    /// What every lane has been charged beyond the base, where that is one number.
    pub(crate) fn common(&self, layer: usize) -> Option<u64> {
        self.counters.get(layer).and_then(|c| (!c.used).then_some(c.common))
    }
    /// The column of a layer and what to add to it. Columns must be settled.
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
        self.settle();
        for counter in self.counters.iter_mut().filter(|c| c.used) {
            let (mut most, column) = (0, &counter.column);
            masks::each(set, |lane| most = most.max(column.get(lane).copied().unwrap_or(0)));
            counter.most = most;
        }
    }
}
