//! The bill of a chunk.
//!
//! Every place of a plan has a **base**: the units of the cheapest way to it. A way that is dearer adds the difference
//! where it joins; code priced by size adds what depends on sizes. What is added by every lane that still runs is one
//! addition for the whole chunk (`common`); else each lane has a number of its own. So a policy whose ways cost the same
//! where they meet pays nothing per lane, and a loop whose lanes stay together one addition per round.
//!
//! **Planes.** The lanes' own numbers stand upright: one set of lanes for each binary digit. Adding the same units to many
//! lanes is a ripple of a few words for 64 lanes each, whichever lanes they are. Numbers are read out once, when the chunk is
//! over: a lane that leaves takes the common part with it, and nothing is added to it any more.
//!
//! `most` is never below the greatest number of a lane that runs, so that "no lane is over its limit" is most often known
//! from a few integers.

use super::masks;
use super::simd::wide;
use crate::gas::{GasUnits, Prices};

/// One layer.
#[derive(Debug, Default)]
struct Counter {
    common: u64,
    most: u64,
    /// Digit `k` of each lane's number, `words` words for each digit.
    planes: Vec<u64>,
}

/// Network, Compute, Storage: Realm units are only of `cross_realm`, which lanes do not run.
#[derive(Debug, Default)]
pub(crate) struct Bill {
    counters: [Counter; 3],
    /// Words of a set of lanes.
    words: usize,
    /// Lanes that have left, with what they owe.
    left: Vec<u64>,
    carry: Vec<u64>,
    addend: Vec<u64>,
}

/// Index of a layer in a bill.
pub(crate) const NETWORK: usize = 0;
pub(crate) const COMPUTE: usize = 1;
pub(crate) const STORAGE: usize = 2;

/// The three layers of some units, in order.
pub(crate) fn three(units: GasUnits) -> [u64; 3] {
    [units.network, units.compute, units.storage]
}

/// `planes += digits`, the first digits first; more digits come where a carry needs them.
fn ripple<'d>(
    planes: &mut Vec<u64>,
    carry: &mut Vec<u64>,
    words: usize,
    mut digits: impl Iterator<Item = Option<&'d [u64]>>,
) {
    carry.clear();
    carry.resize(words, 0);
    let mut at = 0;
    loop {
        let digit = digits.next();
        if (digit.is_none() && !masks::any(carry)) || at >= 64 * words {
            return;
        }
        if planes.len() < at + words {
            planes.resize(at + words, 0);
        }
        let plane = planes.get_mut(at..at + words).unwrap_or(&mut []);
        match digit.flatten() {
            Some(digit) => wide(
                #[inline(always)]
                || {
                    for ((plane, carry), digit) in plane.iter_mut().zip(&mut *carry).zip(digit) {
                        let half = *plane ^ digit;
                        let both = (*plane & digit) | (*carry & half);
                        *plane = half ^ *carry;
                        *carry = both;
                    }
                },
            ),
            None => {
                for (plane, carry) in plane.iter_mut().zip(&mut *carry) {
                    let both = *plane & *carry;
                    *plane ^= *carry;
                    *carry = both;
                }
            }
        }
        at += words;
    }
}

/// The digits of a number, the last one first.
fn digits(n: u64) -> impl Iterator<Item = bool> {
    (0..u64::BITS - n.leading_zeros()).map(move |k| n >> k & 1 == 1)
}

impl Counter {
    fn own(&self, words: usize, lane: usize) -> u64 {
        let planes = self.planes.chunks_exact(words.max(1));
        planes.enumerate().fold(0, |sum, (k, plane)| sum | u64::from(masks::has(plane, lane)) << k)
    }
    /// Adds `n` in the lanes of `set`.
    fn add(&mut self, carry: &mut Vec<u64>, set: &[u64], n: u64) {
        ripple(&mut self.planes, carry, set.len(), digits(n).map(|one| one.then_some(set)));
    }
}

impl Bill {
    pub(crate) fn begin(&mut self, lanes: usize) {
        self.words = masks::words(lanes);
        self.left.clear();
        self.left.resize(self.words, 0);
        for counter in &mut self.counters {
            counter.common = 0;
            counter.most = 0;
            counter.planes.clear();
        }
    }
    /// Adds `n` units in the lanes of `set`; `all` says that no other lane runs.
    pub(crate) fn add(&mut self, layer: usize, n: u64, set: &[u64], all: bool) {
        let Some(counter) = self.counters.get_mut(layer).filter(|_| n > 0) else { return };
        if all {
            counter.common = counter.common.saturating_add(n);
        } else {
            counter.add(&mut self.carry, set, n);
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
        let Some(counter) = self.counters.get_mut(layer).filter(|_| most > 0) else { return };
        let words = self.words;
        self.addend.clear();
        self.addend.resize(digits(most).count() * words, 0);
        masks::each(set, |lane| {
            let n = units(lane);
            for (k, plane) in self.addend.chunks_exact_mut(words.max(1)).enumerate() {
                if let Some(word) = plane.get_mut(lane / 64) {
                    *word |= (n >> k & 1) << (lane % 64);
                }
            }
        });
        let addend = self.addend.chunks_exact(words.max(1)).map(Some);
        ripple(&mut counter.planes, &mut self.carry, words, addend);
        counter.most = counter.most.saturating_add(most);
    }
    /// Adds numbers of units, none above `most`, of which `digit` puts digit by digit into a set which lanes have it.
    pub(crate) fn add_digits(&mut self, layer: usize, most: u64, mut digit: impl FnMut(u32, &mut [u64])) {
        let Some(counter) = self.counters.get_mut(layer).filter(|_| most > 0) else { return };
        let words = self.words;
        self.addend.clear();
        self.addend.resize(digits(most).count() * words, 0);
        for (k, plane) in self.addend.chunks_exact_mut(words.max(1)).enumerate() {
            digit(k as u32, plane);
        }
        let addend = self.addend.chunks_exact(words.max(1)).map(Some);
        ripple(&mut counter.planes, &mut self.carry, words, addend);
        counter.most = counter.most.saturating_add(most);
    }
    /// What a lane that runs has been charged beyond the base.
    pub(crate) fn extra(&self, layer: usize, lane: usize) -> u64 {
        self.counters.get(layer).map_or(0, |c| c.common.saturating_add(c.own(self.words, lane)))
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
        let of = |layer: usize| self.counters.get(layer).map_or(0, |c| c.common.saturating_add(c.most));
        prices.cost(&GasUnits {
            network: base.network.saturating_add(of(NETWORK)),
            compute: base.compute.saturating_add(of(COMPUTE)),
            storage: base.storage.saturating_add(of(STORAGE)),
            realm: 0,
        })
    }
    /// Looks again at what the greatest numbers are, in the lanes of `set`.
    pub(crate) fn tighten(&mut self, set: &[u64]) {
        for counter in &mut self.counters {
            let (mut most, candidates) = (0, &mut self.carry);
            candidates.clear();
            candidates.extend_from_slice(set);
            for (k, plane) in counter.planes.chunks_exact(self.words.max(1)).enumerate().rev() {
                if candidates.iter().zip(plane).any(|(lanes, plane)| lanes & plane != 0) {
                    masks::and(candidates, plane);
                    most |= 1 << k;
                }
            }
            counter.most = most;
        }
    }
    /// The lanes of `set` leave: from now on nothing is added to them.
    pub(crate) fn leave(&mut self, set: &[u64]) {
        masks::or(&mut self.left, set);
        for counter in &mut self.counters {
            counter.add(&mut self.carry, set, counter.common);
        }
    }
    /// What the lanes that have left owe beyond the base: into `out`, and all of it together.
    pub(crate) fn read(&self, layer: usize, out: &mut [u64]) -> u64 {
        let Some(counter) = self.counters.get(layer) else { return 0 };
        out.fill(0);
        let mut sum = 0u64;
        for (k, plane) in counter.planes.chunks_exact(self.words.max(1)).enumerate() {
            let lanes: u64 =
                plane.iter().zip(&self.left).map(|(p, left)| u64::from((p & left).count_ones())).sum();
            if lanes == 0 {
                continue;
            }
            sum = sum.saturating_add(lanes.saturating_mul(1 << k));
            let out = &mut *out;
            wide(
                #[inline(always)]
                move || {
                    for (chunk, word) in out.chunks_mut(64).zip(plane) {
                        for (bit, out) in chunk.iter_mut().enumerate() {
                            *out |= (word >> bit & 1) << k;
                        }
                    }
                },
            );
        }
        sum
    }
}
