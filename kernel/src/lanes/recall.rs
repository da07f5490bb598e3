//! Loops that are remembered: lanes that find what another one found before them take what it left, and its bill.
//!
//! A lane's **key** is what its loop finds in columns that differ between lanes, up to three of them: ids of lists, texts,
//! numbers. What all lanes share is compared once; where it changes, all is forgotten. At a loop's head lanes whose key is
//! known go on at once to where the loop leads; the others run it, and some of them are noted, to be remembered when the
//! last of them has left. A lane that ends within the loop never is, so that it always runs.
//!
//! Keys that do not come again are not looked for for long: a loop that remembers little is given up until all is
//! forgotten.

use super::columns::Operand;
use super::gas::COMPUTE;
use super::loops::{Loop, TARGETS, WORDS};
use super::run::Run;
use super::simd::wide;
use super::{masks, ops};

/// Columns of a key.
const KEYS: usize = 3;
/// Outcomes that are kept.
const MOST: usize = 1_024;
/// Slots for each of them: few must be looked for twice.
const SLOTS: usize = 16;
/// How far from its own place an outcome may be.
const PROBES: usize = 4;
/// Lanes noted of one chunk.
const NOTES: usize = 512;
/// Lanes after which a loop is judged.
const TRIAL: u64 = 2_048;

/// In an outcome's bits: that it is there; where the loop leads, from this bit on; its units, from this bit on. The lowest
/// sixteen are the truth values it leaves.
const THERE: u64 = 1 << 31;
const TARGET: u32 = 16;
const UNITS: u32 = 32;

#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
struct Slot {
    key: [u64; KEYS],
    bits: u64,
    words: [u64; WORDS],
}

/// What is known of a loop.
#[derive(Debug, Default)]
pub(super) struct Recall {
    /// A power of two, or none.
    slots: Vec<Slot>,
    used: usize,
    /// What all lanes share.
    shared: Vec<u64>,
    /// No outcome has more units.
    most: u64,
    /// Lanes that asked since something was known, and those that found.
    asked: u64,
    found: u64,
    given_up: bool,
}

/// A lane that runs a loop, as it came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Note {
    lane: usize,
    key: [u64; KEYS],
    units: u64,
}

impl Slot {
    /// All parts at once: one jump, not three.
    #[inline(always)]
    fn has(&self, key: [u64; KEYS]) -> bool {
        let ([a, b, c], [d, e, f]) = (self.key, key);
        (a ^ d) | (b ^ e) | (c ^ f) == 0
    }
}

#[inline(always)]
fn place(key: [u64; KEYS], slots: usize) -> usize {
    let [a, b, c] = key;
    let a = a.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let b = b.wrapping_mul(0xC2B2_AE3D_27D4_EB4F);
    let c = c.wrapping_mul(0x1656_67B1_9E37_79F9);
    let sum = a ^ b.rotate_left(21) ^ c.rotate_left(42);
    (sum ^ sum >> 32) as usize & slots.wrapping_sub(1)
}

/// The slot of a key, or a free one; None where all that it might be in are taken.
#[inline(always)]
fn slot_of(slots: &[Slot], key: [u64; KEYS]) -> Option<(usize, &Slot)> {
    let first = place(key, slots.len());
    (0..PROBES)
        .map(|probe| (first + probe) & slots.len().wrapping_sub(1))
        .filter_map(|at| Some((at, slots.get(at)?)))
        .find(|(_, slot)| slot.bits == 0 || slot.has(key))
}

impl Recall {
    pub(super) fn clear(&mut self) {
        // The room is kept: memory that is new takes long to touch.
        if self.used > 0 {
            self.slots.fill(Slot::default());
        }
        self.used = 0;
        self.most = 0;
        (self.asked, self.found, self.given_up) = (0, 0, false);
    }
    /// Whether it is worth looking further.
    fn is_worth(&mut self) -> bool {
        if self.asked >= TRIAL && self.found < self.asked / 2 {
            self.clear();
            self.given_up = true;
        }
        !self.given_up
    }
    fn put(&mut self, new: Slot) {
        if self.used >= MOST {
            return;
        }
        if self.slots.len() < (self.used + 1) * SLOTS {
            let more = vec![Slot::default(); ((self.used + 1) * SLOTS).next_power_of_two().max(256)];
            let old = core::mem::replace(&mut self.slots, more);
            self.used = 0;
            old.into_iter().filter(|slot| slot.bits != 0).for_each(|slot| self.place(slot));
        }
        self.place(new);
    }
    fn place(&mut self, new: Slot) {
        if let Some((at, Slot { bits: 0, .. })) = slot_of(&self.slots, new.key)
            && let Some(slot) = self.slots.get_mut(at)
        {
            *slot = new;
            self.used += 1;
            self.most = self.most.max(new.bits >> UNITS);
        }
    }
}

#[cold]
#[inline(never)]
fn displaced(slots: &[Slot], key: [u64; KEYS]) -> u64 {
    slot_of(slots, key).map_or(0, |(_, slot)| slot.bits)
}

/// The outcome of each lane's key; 0 where there is none.
fn look<const N: usize>(slots: &[Slot], keys: [&[f64]; N], mask: &[u64], out: &mut [f64]) {
    wide(
        #[inline(always)]
        move || {
            for (number, (out, word)) in out.chunks_mut(64).zip(mask).enumerate() {
                if *word == 0 {
                    out.fill(0.0);
                    continue;
                }
                let keys = keys.map(|column| column.get(number * 64..).unwrap_or(&[]));
                for (lane, out) in out.iter_mut().enumerate() {
                    let key = key_of(keys, lane);
                    // Most often it is in its own place, or nowhere; a free slot has no bits.
                    let found = match slots.get(place(key, slots.len())) {
                        Some(slot) if slot.has(key) || slot.bits == 0 => slot.bits,
                        _ => displaced(slots, key),
                    };
                    *out = f64::from_bits(found);
                }
            }
        },
    );
}
#[inline(always)]
fn key_of<const N: usize>(keys: [&[f64]; N], lane: usize) -> [u64; KEYS] {
    let mut key = [0; KEYS];
    for (part, column) in key.iter_mut().zip(keys) {
        *part = column.get(lane).map_or(0, |x| x.to_bits());
    }
    key
}

/// Which lanes of `outcomes` have bit `k`, of those in `mask`.
fn with_bit(outcomes: &[f64], k: u32, mask: &[u64], set: &mut [u64]) {
    ops::test(set, Operand::S(outcomes), move |bits| bits.to_bits() >> k & 1 == 1);
    masks::and(set, mask);
}

impl Run<'_> {
    /// Before block `at` runs: ends a loop that is over, and at a loop's head sends on who knows its outcome. Says whether
    /// somebody still waits for the block.
    pub(super) fn recall(&mut self, at: usize) -> bool {
        let plan = self.plan;
        if let Some((number, this)) = self.looping {
            if at as u32 <= this.last {
                return true;
            }
            self.remember(number, this);
            self.looping = None;
        }
        let Some((number, this)) = plan.loops.iter().enumerate().find(|(_, l)| l.head as usize == at) else {
            return true;
        };
        self.looping = Some((number, this));
        self.s.notes.clear();
        let mut known = core::mem::take(&mut self.s.recalls);
        if known.len() <= number {
            known.resize_with(number + 1, Recall::default);
        }
        if let Some(known) = known.get_mut(number)
            && known.is_worth()
        {
            self.send_on(this, known);
        }
        self.s.recalls = known;
        self.s.is_waiting(at)
    }

    /// What all lanes share, and the columns of their keys: how many, and which. None where there are too many or none.
    fn keys(&self, this: &Loop, shared: &mut Vec<u64>) -> Option<(usize, [u32; KEYS])> {
        let (columns, inputs) = (&self.s.columns, &self.given.inputs);
        let (mut n, mut keys) = (0, [0; KEYS]);
        shared.extend([self.env.now.to_bits(), u64::from(self.env.limits.depth())]);
        for at in &this.words_in {
            match columns.column(inputs, *at).uniform() {
                Some(bits) => shared.extend([u64::from(*at), bits]),
                None => {
                    *keys.get_mut(n)? = *at;
                    n += 1;
                }
            }
        }
        let waiting = self.s.waiting_for(this.head);
        for at in &this.truths_in {
            let truth = columns.truth(*at);
            let some = waiting.iter().zip(truth).any(|(lanes, truth)| lanes & truth != 0);
            let all = waiting.iter().zip(truth).all(|(lanes, truth)| lanes & !truth == 0);
            if some != all {
                return None;
            }
            shared.push(u64::from(some));
        }
        (n > 0).then_some((n, keys))
    }

    /// Sends on those who wait for the loop and whose outcome is known; notes some of the others.
    fn send_on(&mut self, this: &Loop, known: &mut Recall) {
        let mut shared = Vec::new();
        let Some((n, keys)) = self.keys(this, &mut shared) else { return };
        if shared != known.shared {
            known.clear();
            known.shared = shared;
        }
        let mut waiting = core::mem::take(&mut self.s.test);
        waiting.copy_from_slice(self.s.waiting_for(this.head));
        if known.used > 0 {
            let mut outcomes = self.s.columns.take_spare();
            self.look_up(known, (n, keys), &waiting, &mut outcomes);
            let mut hits = core::mem::take(&mut self.s.more);
            hits.clear();
            hits.resize(waiting.len(), 0);
            with_bit(&outcomes, THERE.trailing_zeros(), &waiting, &mut hits);
            known.asked += masks::count(&waiting) as u64;
            known.found += masks::count(&hits) as u64;
            masks::without(&mut waiting, &hits);
            if masks::any(&hits) {
                self.take_over(this, known, &outcomes, &hits, (n, keys));
                self.s.wait_only(this.head, &waiting);
            }
            self.s.more = hits;
            self.s.columns.give_back(outcomes);
        }
        let s = &mut *self.s;
        let columns = keys.map(|at| s.columns.column(&self.given.inputs, at));
        if known.used < MOST {
            let mut noted = 0;
            for (number, word) in waiting.iter().enumerate() {
                if noted >= NOTES {
                    break;
                }
                masks::each(&[*word], |bit| {
                    let lane = number * 64 + bit;
                    let mut key = [0; KEYS];
                    key.iter_mut().zip(columns).take(n).for_each(|(key, column)| *key = column.bits(lane));
                    s.notes.push(Note { lane, key, units: s.bill.extra(COMPUTE, lane) });
                });
                noted = s.notes.len();
            }
        }
        s.test = waiting;
    }

    fn look_up(&self, known: &Recall, (n, keys): (usize, [u32; KEYS]), mask: &[u64], out: &mut [f64]) {
        let [a, b, c] = keys.map(|at| match self.s.columns.column(&self.given.inputs, at) {
            Operand::S(column) => column,
            Operand::K(_) => &[],
        });
        match n {
            1 => look(&known.slots, [a], mask, out),
            2 => look(&known.slots, [a, b], mask, out),
            _ => look(&known.slots, [a, b, c], mask, out),
        }
    }

    /// The lanes of `hits` get what the loop leaves, and its bill, and wait for where it leads.
    fn take_over(
        &mut self,
        this: &Loop,
        known: &Recall,
        outcomes: &[f64],
        hits: &[u64],
        (n, keys): (usize, [u32; KEYS]),
    ) {
        let mut words: [Vec<f64>; WORDS] = core::array::from_fn(|k| match this.words_out.get(k) {
            Some(_) => self.s.columns.take_spare(),
            None => Vec::new(),
        });
        let s = &mut *self.s;
        let columns = keys.map(|at| s.columns.column(&self.given.inputs, at));
        if !this.words_out.is_empty() {
            masks::each(hits, |lane| {
                let mut key = [0; KEYS];
                key.iter_mut().zip(columns).take(n).for_each(|(key, column)| *key = column.bits(lane));
                let left = slot_of(&known.slots, key).map_or([0; WORDS], |(_, slot)| slot.words);
                for (column, word) in words.iter_mut().zip(left) {
                    column.get_mut(lane).into_iter().for_each(|slot| *slot = f64::from_bits(word));
                }
            });
        }
        for (at, new) in this.words_out.iter().zip(words) {
            s.columns.put(&self.given.inputs, *at, new, Some(hits));
        }
        let set = &mut s.mask;
        for (k, at) in this.truths_out.iter().enumerate() {
            with_bit(outcomes, k as u32, hits, set);
            s.columns.put_truth(*at, set, hits);
        }
        s.bill.add_digits(COMPUTE, known.most, |k, set| with_bit(outcomes, UNITS + k, hits, set));
        for (k, target) in this.targets.iter().enumerate() {
            if this.targets.len() == 1 {
                set.copy_from_slice(hits);
            } else {
                with_bit(outcomes, TARGET + k as u32, hits, set);
            }
            let words = set.len();
            if let Some(pending) = s.pending.get_mut(*target as usize * words..(*target as usize + 1) * words)
                && masks::any(set)
            {
                masks::or(pending, set);
                s.waiting.get_mut(*target as usize).into_iter().for_each(|waits| *waits = true);
            }
        }
    }

    /// The loop is over: what it left to the lanes that were noted.
    fn remember(&mut self, number: usize, this: &Loop) {
        let notes = core::mem::take(&mut self.s.notes);
        let s = &mut *self.s;
        let Some(known) = s.recalls.get_mut(number) else { return };
        let words = s.live.len();
        for note in &notes {
            let target = this.targets.iter().take(TARGETS).position(|target| {
                let pending = s.pending.get(*target as usize * words..(*target as usize + 1) * words);
                pending.is_some_and(|set| masks::has(set, note.lane))
            });
            let units = s.bill.extra(COMPUTE, note.lane).saturating_sub(note.units);
            let (Some(target), true) = (target, units <= u64::from(u32::MAX)) else { continue };
            let mut bits = THERE | 1 << (TARGET + target as u32) | units << UNITS;
            for (k, at) in this.truths_out.iter().enumerate() {
                bits |= u64::from(masks::has(s.columns.truth(*at), note.lane)) << k;
            }
            let mut left = [0; WORDS];
            for (word, at) in left.iter_mut().zip(&this.words_out) {
                *word = s.columns.column(&self.given.inputs, *at).bits(note.lane);
            }
            known.put(Slot { key: note.key, bits, words: left });
        }
        s.notes = notes;
        s.notes.clear();
    }
}
