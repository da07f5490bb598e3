//! The event ring of 4: records, reservations that are used up, cut short or unwound, and readers.

use crate::crew::{Injected, Load};
use crate::words::until_none;
use eclvm_kernel::event::{Ring, Since};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// An extra part that counts how many there are.
#[derive(Debug)]
struct Part {
    mark: u64,
    alive: Arc<AtomicU64>,
}

impl Part {
    fn new(mark: u64, alive: &Arc<AtomicU64>) -> Arc<Part> {
        alive.fetch_add(1, Ordering::Relaxed);
        Arc::new(Part { mark, alive: alive.clone() })
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.mark = u64::MAX;
        self.alive.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A record that says which batch it is of, its place in there, and whether it has an extra part.
fn words(batch: u64, place: u64) -> [u64; 4] {
    let mark = (batch << 8 | place).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    [batch, place, mark, !mark]
}

fn has_part(batch: u64) -> bool {
    batch.is_multiple_of(5)
}

fn check(found: &Since<4, Arc<Part>>, from: u64) {
    let accounted = found.records.len() as u64 + found.overwritten + found.dropped;
    assert_eq!(accounted, found.next - from, "a number is not accounted for");
    for record in &found.records {
        let [batch, place, mark, _] = record.words;
        assert_eq!(record.words, words(batch, place), "torn");
        assert_eq!(
            record.extra.as_ref().map(|part| part.mark),
            has_part(batch).then_some(mark),
            "another's part"
        );
    }
    for pair in found.records.windows(2) {
        assert!(pair[0].number < pair[1].number, "out of order");
        if pair[0].words[0] == pair[1].words[0] {
            let apart = pair[1].number - pair[0].number;
            assert_eq!(pair[0].words[1] + apart, pair[1].words[1], "a batch does not stand together");
        }
    }
}

pub(crate) fn ring(load: &Load) -> u64 {
    let alive = Arc::new(AtomicU64::new(0));
    let ring: Ring<4, Arc<Part>> = Ring::new([4, 4, 1, 7][load.seed as usize % 4]);
    let part = |batch: u64, mark: u64| has_part(batch).then(|| Part::new(mark, &alive));
    let mut from = 0;
    let numbers = load.go(
        |number, chance| {
            let (mut reserved, mut ops, mut batch) = (0, 0, number as u64 * 1_000_000_007);
            while ops < load.each() {
                batch += 1;
                match chance.below(8) {
                    0..4 => {
                        let record = words(batch, 0);
                        ring.append(record, part(batch, record[2])).unwrap();
                        (reserved, ops) = (reserved + 1, ops + 1);
                    }
                    4 => {
                        check(&ring.since(0, 16), 0);
                        ops += 1;
                    }
                    _ => {
                        let n = 1 + chance.below(5);
                        let used = if chance.one_in(4) { chance.below(n) } else { n };
                        let unwinds = used < n && chance.one_in(64);
                        Injected::within(|| {
                            let mut room = ring.reserve(n as usize).unwrap();
                            for place in 0..used {
                                let record = words(batch, place);
                                room.push(record, part(batch, record[2])).unwrap();
                            }
                            if unwinds {
                                Injected::now();
                            }
                        });
                        (reserved, ops) = (reserved + n, ops + n);
                    }
                }
            }
            (reserved, ops)
        },
        || {
            let found = ring.since(from, 1_000);
            check(&found, from);
            from = found.next;
            let stats = ring.stats();
            assert!(stats.written + stats.dropped <= stats.reserved, "counted twice");
        },
    );
    let end = ring.stats();
    assert_eq!(
        end.reserved,
        numbers.iter().map(|numbers| numbers.0).sum::<u64>(),
        "a number was given twice"
    );
    assert_eq!(end.in_flight(), 0, "in flight for ever");
    let last = ring.since(0, usize::MAX);
    check(&last, 0);
    assert_eq!(last.next, end.reserved, "a reader is held up");
    assert_eq!(end.written, end.overwritten + last.records.len() as u64, "a record was lost");
    drop((last, ring));
    until_none(&alive);
    numbers.iter().map(|numbers| numbers.1).sum()
}
