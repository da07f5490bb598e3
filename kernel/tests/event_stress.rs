//! The event ring under load: whole records, exact counts, extra parts freed once. `EVENT_STRESS=100` runs a hundred times
//! as long.

#![allow(clippy::unwrap_used, reason = "helpers of a test")]

use eclvm_kernel::event::{Ring, Since};
use eclvm_kernel::sync::epoch;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

const WORDS: usize = 8;

fn times() -> u64 {
    std::env::var("EVENT_STRESS").ok().and_then(|n| n.parse().ok()).unwrap_or(1)
}

/// An extra part that counts how many there are.
struct Counted {
    mark: u64,
    alive: Arc<AtomicU64>,
}

impl Counted {
    fn new(mark: u64, alive: &Arc<AtomicU64>) -> Arc<Counted> {
        alive.fetch_add(1, Ordering::Relaxed);
        Arc::new(Counted { mark, alive: alive.clone() })
    }
}
impl Drop for Counted {
    fn drop(&mut self) {
        // Freed twice would go below 0 and be seen at the end.
        self.alive.fetch_sub(1, Ordering::Relaxed);
        self.mark = u64::MAX;
    }
}

type Log = Ring<WORDS, Arc<Counted>>;

/// Words that belong together: writer, its own count, place in the batch, and a mark made of them in all the rest.
fn words(writer: u64, count: u64, place: u64) -> [u64; WORDS] {
    let mark = (writer << 48 ^ count << 8 ^ place).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    [writer, count, place, mark, !mark, mark, !mark, mark]
}

fn check(found: &Since<WORDS, Arc<Counted>>, from: u64) -> u64 {
    assert_eq!(found.records.len() as u64 + found.overwritten + found.dropped, found.next - from);
    let mut before = from;
    for record in &found.records {
        let [writer, count, place, mark, ..] = record.words;
        assert_eq!(record.words, words(writer, count, place), "torn");
        assert!(record.number >= before && record.number < found.next, "out of order");
        before = record.number + 1;
        assert_eq!(record.extra.is_some(), count.is_multiple_of(7), "the extra part is of another record");
        if let Some(extra) = &record.extra {
            assert_eq!(extra.mark, mark, "the extra part is of another record");
        }
    }
    // Records of one batch stand next to each other, in order.
    for pair in found.records.windows(2) {
        if let [a, b] = pair
            && a.number + 1 == b.number
            && b.words[2] > 0
        {
            assert_eq!(a.words[..2], b.words[..2], "a batch is torn apart");
            assert_eq!(a.words[2] + 1, b.words[2], "a batch is out of order");
        }
    }
    found.records.len() as u64
}

fn stress(capacity: usize, writers: u64, batches: u64) {
    let alive = Arc::new(AtomicU64::new(0));
    let ring: Log = Ring::new(capacity);
    let done = AtomicBool::new(false);
    let read = AtomicU64::new(0);
    thread::scope(|scope| {
        let (ring, done, read) = (&ring, &done, &read);
        let writers: Vec<_> = (0..writers)
            .map(|writer| {
                let alive = alive.clone();
                scope.spawn(move || {
                    let extra = |count: u64, words: &[u64; WORDS]| {
                        count.is_multiple_of(7).then(|| Counted::new(words[3], &alive))
                    };
                    let mut reserved = 0;
                    for count in 0..batches {
                        let n = count % 6;
                        if n == 0 {
                            let words = words(writer, count, 0);
                            ring.append(words, extra(count, &words)).unwrap();
                            reserved += 1;
                            continue;
                        }
                        let mut batch = ring.reserve(n as usize).unwrap();
                        reserved += n;
                        // Now and then it stops early.
                        for place in 0..n - u64::from(count % 13 == 0) {
                            let words = words(writer, count, place);
                            batch.push(words, extra(count, &words)).unwrap();
                        }
                    }
                    reserved
                })
            })
            .collect();
        for limit in [3, usize::MAX] {
            scope.spawn(move || {
                let mut next = 0;
                loop {
                    let last = done.load(Ordering::Acquire);
                    let found = ring.since(next, limit);
                    read.fetch_add(check(&found, next), Ordering::Relaxed);
                    let stats = ring.stats();
                    assert!(stats.written + stats.dropped <= stats.reserved);
                    assert!(stats.overwritten <= stats.written);
                    if last && found.next == next {
                        assert_eq!(next, ring.next(), "a number is in flight for ever");
                        return;
                    }
                    next = found.next;
                }
            });
        }
        let reserved: u64 = writers.into_iter().map(|writer| writer.join().unwrap()).sum();
        done.store(true, Ordering::Release);
        let (stats, found) = (ring.stats(), ring.since(0, usize::MAX));
        let readable = check(&found, 0);
        assert_eq!(stats.reserved, reserved);
        assert_eq!(stats.written + stats.dropped, reserved, "miscounted");
        assert_eq!(stats.written, readable + stats.overwritten, "miscounted");
        assert_eq!(stats.in_flight(), 0);
    });
    eprintln!("capacity {capacity}: {:?}, {} read", ring.stats(), read.into_inner());
    drop(ring);
    // What the epoch still holds goes when everybody has moved on.
    for _ in 0..1_000_000 {
        if alive.load(Ordering::Relaxed) == 0 {
            break;
        }
        epoch::pin().flush();
        thread::yield_now();
    }
    assert_eq!(alive.load(Ordering::Relaxed), 0, "extra parts were not freed once each");
}

#[test]
fn small_rings_are_lapped_all_the_time() {
    for capacity in [1, 2, 3, 7] {
        stress(capacity, 3, 60_000 * times());
    }
}

#[test]
fn a_ring_of_a_useful_size() {
    stress(1_000, 4, 200_000 * times());
}
