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
/// Outcomes that are kept: their numbers fit into half a place.
const MOST: usize = 16_384;
/// Places for each of them, at least: few must be looked for twice.
const PLACES: usize = 4;
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

/// Two in a cache line.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(32))]
struct Outcome {
    key: [u64; KEYS],
    bits: u64,
}

/// What is known of a loop.
#[derive(Debug, Default)]
pub(super) struct Recall {
    known: Known,
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

/// Outcomes by their keys. A place is small, so that a key which is not there costs no line of memory of its own.
#[derive(Debug, Default)]
struct Known {
    /// A power of two of them, or none: the number of an outcome, 0 for none; above it a part of its key's hash.
    places: Vec<u32>,
    /// By their numbers; the first stands for none.
    outcomes: Vec<Outcome>,
    /// The words that they leave.
    words: Vec<[u64; WORDS]>,
}

impl Outcome {
    /// All parts at once: one jump, not three.
    #[inline(always)]
    fn has(&self, key: [u64; KEYS]) -> bool {
        let ([a, b, c], [d, e, f]) = (self.key, key);
        (a ^ d) | (b ^ e) | (c ^ f) == 0
    }
}

#[inline(always)]
fn hash(key: [u64; KEYS]) -> u64 {
    let [a, b, c] = key;
    let a = a.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let b = b.wrapping_mul(0xC2B2_AE3D_27D4_EB4F);
    let c = c.wrapping_mul(0x1656_67B1_9E37_79F9);
    let sum = a ^ b.rotate_left(21) ^ c.rotate_left(42);
    sum ^ sum >> 32
}

/// The place itself, and what stands above the number in it.
#[inline(always)]
fn place(hash: u64, places: usize) -> (usize, u32) {
    (hash as usize & places.wrapping_sub(1), (hash >> 32) as u32 & !0xFFFF)
}

impl Known {
    fn is_empty(&self) -> bool {
        self.outcomes.len() <= 1
    }
    fn is_full(&self) -> bool {
        self.outcomes.len() > MOST
    }
    fn clear(&mut self) {
        // The room is kept: memory that is new takes long to touch.
        if !self.is_empty() {
            self.places.fill(0);
        }
        self.outcomes.clear();
        self.words.clear();
    }
    /// The number of a key's outcome; 0 where there is none.
    #[inline(always)]
    fn find(&self, key: [u64; KEYS]) -> usize {
        let (at, tag) = place(hash(key), self.places.len());
        // Most often it is in its own place, or nowhere.
        let place = self.places.get(at).copied().unwrap_or(0);
        let number = (place & 0xFFFF) as usize;
        if place == 0 || place & !0xFFFF == tag && self.is(number, key) {
            return number;
        }
        self.displaced(key)
    }
    #[inline(always)]
    fn is(&self, number: usize, key: [u64; KEYS]) -> bool {
        self.outcomes.get(number).is_some_and(|outcome| outcome.has(key))
    }
    #[inline(never)]
    fn displaced(&self, key: [u64; KEYS]) -> usize {
        self.probe(key).map_or(0, |(_, number)| number)
    }
    /// The place of a key and the number there, which is 0 where it is free; None where all that it might be in are taken.
    fn probe(&self, key: [u64; KEYS]) -> Option<(usize, usize)> {
        let (first, tag) = place(hash(key), self.places.len());
        (0..PROBES)
            .map(|probe| (first + probe) & self.places.len().wrapping_sub(1))
            .filter_map(|at| Some((at, *self.places.get(at)?)))
            .map(|(at, place)| (at, place & !0xFFFF, (place & 0xFFFF) as usize))
            .find(|(_, there, number)| *number == 0 || *there == tag && self.is(*number, key))
            .map(|(at, _, number)| (at, number))
    }
    fn put(&mut self, new: Outcome, words: [u64; WORDS]) {
        if self.is_full() {
            return;
        }
        if self.outcomes.is_empty() {
            self.outcomes.push(Outcome::default());
            self.words.push([0; WORDS]);
        }
        if self.places.len() < self.outcomes.len() * PLACES {
            let more = (self.outcomes.len() * PLACES).next_power_of_two().max(1_024);
            self.places.clear();
            self.places.resize(more, 0);
            for number in 1..self.outcomes.len() {
                let key = self.outcomes.get(number).map_or([0; KEYS], |outcome| outcome.key);
                self.place(key, number);
            }
        }
        if self.place(new.key, self.outcomes.len()) {
            self.outcomes.push(new);
            self.words.push(words);
        }
    }
    /// Gives a number the place of its key; false where the key has one, or there is no room.
    fn place(&mut self, key: [u64; KEYS], number: usize) -> bool {
        let Some((at, 0)) = self.probe(key) else { return false };
        let (_, tag) = place(hash(key), self.places.len());
        self.places.get_mut(at).is_some_and(|place| {
            *place = tag | number as u32;
            true
        })
    }
    /// The outcome of each lane's key; 0 where there is none.
    fn look<const N: usize>(&self, keys: [&[f64]; N], mask: &[u64], out: &mut [f64]) {
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
                        let found = self.find(key_of(keys, lane));
                        *out = f64::from_bits(self.outcomes.get(found).map_or(0, |outcome| outcome.bits));
                    }
                }
            },
        );
    }
}

impl Recall {
    pub(super) fn clear(&mut self) {
        self.known.clear();
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
        if !known.known.is_empty() {
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
        if !known.known.is_full() {
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
            1 => known.known.look([a], mask, out),
            2 => known.known.look([a, b], mask, out),
            _ => known.known.look([a, b, c], mask, out),
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
                let left = known.known.words.get(known.known.find(key)).copied().unwrap_or_default();
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
            known.most = known.most.max(bits >> UNITS);
            known.known.put(Outcome { key: note.key, bits }, left);
        }
        s.notes = notes;
        s.notes.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::{KEYS, Known, MOST, Outcome, WORDS};

    fn key(n: u64) -> [u64; KEYS] {
        [n % 4_000, n / 4_000, 7]
    }
    fn put(known: &mut Known, n: u64) {
        known.put(Outcome { key: key(n), bits: n + 1 }, [n; WORDS]);
    }
    fn found(known: &Known, n: u64) -> Option<(u64, u64)> {
        let number = known.find(key(n));
        (number != 0).then(|| (known.outcomes[number].bits, known.words[number][0]))
    }

    /// What is found is the key's own outcome, however many share its place; few are not kept, and more than `MOST` never.
    #[test]
    fn outcomes_are_those_of_their_keys_and_bounded() {
        let mut known = Known::default();
        for round in 0..2 {
            assert_eq!((known.is_empty(), found(&known, 3)), (true, None), "round {round}");
            let all = MOST as u64 + 5_000;
            for n in 0..all {
                put(&mut known, n);
                put(&mut known, n / 2);
            }
            assert!(known.is_full() && known.outcomes.len() == MOST + 1);
            assert!(known.places.len() <= 8 * MOST);
            let kept = (0..all).filter_map(|n| found(&known, n).map(|it| (n, it)));
            let kept: Vec<_> = kept.inspect(|(n, it)| assert_eq!(*it, (n + 1, *n))).collect();
            assert!(kept.len() > MOST * 95 / 100, "{}", kept.len());
            known.clear();
        }
    }
}
