//! The ring in one thread, against a plain model, and what a second thread could only rarely show.

use super::slot::{NUMBERS, Seen};
use super::*;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

fn numbers(found: &Since<1, Arc<u64>>) -> Vec<u64> {
    found.records.iter().map(|record| record.number).collect()
}

fn chance(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

/// What became of a number, as a table says it.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Fate {
    InFlight,
    Readable,
    Overwritten,
    Dropped,
}

/// The ring as a table of fates. In one thread a writer is never caught between taking and storing.
struct Model {
    capacity: u64,
    first: u64,
    fates: BTreeMap<u64, Fate>,
}

impl Model {
    fn end(&self) -> u64 {
        self.first + self.fates.len() as u64
    }
    fn reserve(&mut self, n: u64) {
        for number in self.end()..self.end() + n {
            self.fates.insert(number, Fate::InFlight);
        }
    }
    /// The writer of a number comes to its slot, with a record or without one.
    fn arrive(&mut self, number: u64, stores: bool) {
        let same_slot = |m: &u64| m % self.capacity == number % self.capacity;
        let later = |m: &u64, fate: Fate| *m > number && same_slot(m) && fate != Fate::InFlight;
        if self.fates.iter().any(|(m, fate)| later(m, *fate)) {
            self.fates.insert(number, Fate::Dropped);
            return;
        }
        let before: Vec<u64> = self.fates.keys().copied().filter(|m| *m < number && same_slot(m)).collect();
        for m in before {
            let fate = self.fates.get_mut(&m).unwrap();
            if *fate == Fate::Readable {
                *fate = Fate::Overwritten;
            }
        }
        self.fates.insert(number, if stores { Fate::Readable } else { Fate::Dropped });
    }
    fn count(&self, fate: Fate) -> u64 {
        self.fates.values().filter(|f| **f == fate).count() as u64
    }
    /// Whether a later number of the same slot has settled.
    fn lapped(&self, number: u64) -> bool {
        self.fates.iter().any(|(m, fate)| {
            *m > number && m % self.capacity == number % self.capacity && *fate != Fate::InFlight
        })
    }
    /// Numbers of records, `next`, overwritten, dropped.
    fn since(&self, n: u64, limit: usize) -> (Vec<u64>, u64, u64, u64) {
        let start = n.max(self.first).max(self.end().saturating_sub(self.capacity));
        let (mut found, mut next, mut over, mut dropped) = (Vec::new(), start, start - n, 0);
        while next < self.end() && found.len() < limit {
            match self.fates[&next] {
                _ if self.lapped(next) => over += 1,
                Fate::InFlight => break,
                Fate::Readable => found.push(next),
                Fate::Overwritten => over += 1,
                Fate::Dropped => dropped += 1,
            }
            next += 1;
        }
        (found, next, over, dropped)
    }
}

/// Reservations that overlap, lap each other and themselves, are filled in any order, in part, or not at all.
#[test]
fn every_number_has_the_fate_that_a_table_says() {
    let mut seed = 0x9E37_79B9_7F4A_7C15;
    for round in 0..600 {
        let below = |n: u64, seed: &mut u64| chance(seed) % n;
        let capacity = 1 + below(6, &mut seed);
        let first = [0, 0, 5, NUMBERS - 1_000][below(4, &mut seed) as usize];
        let ring: Ring<1, Arc<u64>> = Ring::continuing(capacity as usize, first);
        let mut model = Model { capacity, first, fates: BTreeMap::new() };
        let mut open: Vec<Reservation<'_, 1, Arc<u64>>> = Vec::new();
        let extra = |number: u64| number.is_multiple_of(3).then(|| Arc::new(number));
        for step in 0..60 {
            match below(5, &mut seed) {
                0 => {
                    let n = below(9, &mut seed);
                    open.push(ring.reserve(n as usize).unwrap());
                    model.reserve(n);
                }
                1 => {
                    let number = model.end();
                    model.reserve(1);
                    assert_eq!(ring.append([number], extra(number)), Some(number));
                    model.arrive(number, true);
                }
                2 if !open.is_empty() => {
                    let at = below(open.len() as u64, &mut seed) as usize;
                    let rest = open.swap_remove(at);
                    for number in rest.next..rest.end {
                        model.arrive(number, false);
                    }
                    drop(rest);
                }
                _ if !open.is_empty() => {
                    let at = below(open.len() as u64, &mut seed) as usize;
                    let number = open[at].next;
                    let has_room = open[at].left() > 0;
                    let pushed = open[at].push([number], extra(number));
                    assert_eq!(pushed, has_room.then_some(number));
                    if has_room {
                        model.arrive(number, true);
                    }
                }
                _ => {}
            }
            let from = match below(8, &mut seed) {
                0 => 0,
                1 => u64::MAX,
                _ => first + below(model.fates.len() as u64 + 2, &mut seed),
            };
            let limit = [0, 1, 3, usize::MAX][below(4, &mut seed) as usize];
            let found = ring.since(from, limit);
            let seen = (numbers(&found), found.next, found.overwritten, found.dropped);
            assert_eq!(seen, model.since(from, limit), "round {round}, step {step}");
            for record in &found.records {
                assert_eq!(record.words, [record.number]);
                assert_eq!(record.extra.as_deref().copied(), extra(record.number).as_deref().copied());
            }
            let stats = ring.stats();
            assert_eq!(stats.reserved, model.fates.len() as u64);
            assert_eq!(stats.in_flight(), model.count(Fate::InFlight), "round {round}, step {step}");
            assert_eq!(stats.overwritten, model.count(Fate::Overwritten));
            assert_eq!(stats.dropped, model.count(Fate::Dropped));
        }
    }
}

#[test]
fn a_writer_that_is_lapped_while_it_writes_loses_its_record_and_holds_nobody_up() {
    let ring: Ring<1> = Ring::new(1);
    std::mem::forget(ring.reserve(1).unwrap());
    let writing = ring.slots[0].take(0).unwrap();
    // The slot is owned: the next two records are dropped rather than waited for.
    assert_eq!(ring.append([1], None), Some(1));
    assert_eq!(ring.append([2], None), Some(2));
    assert_eq!(ring.slots[0].read(2, &mut None), Seen::Dropped);
    assert_eq!(ring.slots[0].read(1, &mut None), Seen::Later);
    assert_eq!(ring.slots[0].read(0, &mut None), Seen::Later);
    assert_eq!(ring.slots[0].read(3, &mut None), Seen::InFlight);
    assert_eq!(ring.since(0, 9).next, 3, "readers go on");
    assert_eq!(ring.stats(), RingStats { reserved: 3, written: 0, overwritten: 0, dropped: 2 });
    // The slow writer comes back: what it has is too old to be read.
    writing.store([0], None);
    assert_eq!(ring.since(0, 9), Since { records: vec![], next: 3, overwritten: 2, dropped: 1 });
    assert_eq!(ring.stats(), RingStats { reserved: 3, written: 1, overwritten: 1, dropped: 2 });
    // It is counted once, also when the next one takes its place.
    assert_eq!(ring.append([3], None), Some(3));
    assert_eq!(ring.since(3, 9).records, [Record { number: 3, words: [3], extra: None }]);
    assert_eq!(ring.stats(), RingStats { reserved: 4, written: 2, overwritten: 1, dropped: 2 });
}

/// The quotient by the inverse is right or one too small, for every number and every capacity.
#[test]
fn a_numbers_slot_is_its_remainder() {
    let mut seed = 0x2545_F491_4F6C_DD1D;
    let mut capacities = vec![1, 2, 3, 5, 7, 64, 1_000, 10_000, 65_537];
    capacities.extend((0..20).map(|_| 1 + (chance(&mut seed) % 200_000) as usize));
    for capacity in capacities {
        let ring: Ring<0> = Ring::new(capacity);
        let n = capacity as u64;
        let last = NUMBERS / n * n;
        let edges = [0, 1, n - 1, n, n + 1, last - 1, last, NUMBERS - 1, NUMBERS, (1 << 32) - 1, u64::MAX];
        let some = (0..2_000).map(|_| chance(&mut seed) >> (chance(&mut seed) % 60));
        let multiples = (0..200).map(|k| (last / 200 * k) / n * n);
        let numbers = edges.into_iter().chain(some).chain(multiples.flat_map(|m| [m, m + n - 1]));
        for number in numbers {
            assert_eq!(ring.place(number), (number % n) as usize, "{number} of {capacity}");
        }
    }
}

#[test]
fn a_panic_in_the_middle_of_a_batch_leaves_tombstones() {
    let ring: Ring<1, Arc<u64>> = Ring::new(8);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let mut batch = ring.reserve(5).unwrap();
        batch.push([0], None);
        batch.push([1], None);
        panic!("on purpose");
    }));
    assert!(panicked.is_err());
    ring.append([5], None);
    let found = ring.since(0, 9);
    assert_eq!((numbers(&found), found.next, found.dropped), (vec![0, 1, 5], 6, 3));
    assert_eq!(ring.stats(), RingStats { reserved: 6, written: 3, overwritten: 0, dropped: 3 });
}

#[test]
fn the_numbers_end_without_wrapping() {
    let ring: Ring<1, Arc<u64>> = Ring::continuing(4, NUMBERS - 2);
    assert!(ring.reserve(3).is_none());
    assert_eq!(ring.append([7], None), Some(NUMBERS - 2));
    assert_eq!(ring.reserve(1).unwrap().push([8], None), Some(NUMBERS - 1));
    assert_eq!(ring.append([9], None), None);
    assert!(ring.reserve(1).is_none());
    assert_eq!(ring.reserve(0).unwrap().push([9], None), None);
    assert_eq!(ring.next(), NUMBERS);
    assert_eq!(numbers(&ring.since(0, 9)), [NUMBERS - 2, NUMBERS - 1]);
    assert_eq!(ring.since(0, 9).overwritten, NUMBERS - 2);
    let nothing = ring.since(u64::MAX, usize::MAX);
    assert_eq!((nothing.records.len(), nothing.next, nothing.overwritten), (0, u64::MAX, 0));
    assert_eq!(Ring::<1>::continuing(1, u64::MAX).append([0], None), None);
}

#[test]
fn sizes_are_bounded() {
    assert_eq!(Ring::<0>::new(0).capacity(), 1);
    let ring: Ring<0> = Ring::new(3);
    assert!(ring.reserve(MAX_EVENT_RESERVATION + 1).is_none());
    assert!(ring.reserve(usize::MAX).is_none());
    // All of it given up at once, in a few steps.
    drop(ring.reserve(MAX_EVENT_RESERVATION));
    assert_eq!(ring.stats().dropped, MAX_EVENT_RESERVATION as u64);
    assert_eq!(ring.since(0, 1).next, MAX_EVENT_RESERVATION as u64);
    assert_eq!(ring.stats().in_flight(), 0);
}

#[test]
fn a_forgotten_reservation_holds_readers_up_for_one_lap_only() {
    let ring: Ring<1, Arc<u64>> = Ring::new(2);
    std::mem::forget(ring.reserve(1).unwrap());
    ring.append([1], None);
    assert_eq!(ring.since(0, 9).next, 0);
    ring.append([2], None);
    let found = ring.since(0, 9);
    assert_eq!((numbers(&found), found.overwritten), (vec![1, 2], 1));
}
