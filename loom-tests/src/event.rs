//! The event ring: whole records, exact counts, no holes, nobody waits.

use crate::model::{Model, Twin, check_at_end};
use eclvm_kernel::event::Ring;
use eclvm_kernel::sync::epoch;
use eclvm_kernel::sync::{AtomicU64, Ordering};
use loom::sync::{Arc, Notify};
use loom::thread;
use std::cell::Cell;

/// The models of this file.
pub(crate) const MODELS: &[Model] = &[
    Model {
        name: "event::ring_no_tear",
        holds: "a record that a reader is given is one that somebody wrote, and whole",
        threads: 2,
        bound: None,
        long_bound: None,
        run: ring_no_tear,
        twin: Twin::Without("ring: words before the second look", "torn"),
    },
    Model {
        name: "event::ring_no_tear_while_a_slot_is_taken",
        holds: "words change only after readers can know",
        threads: 2,
        bound: None,
        long_bound: None,
        run: ring_no_tear,
        twin: Twin::Without("ring: taken before words change", "torn"),
    },
    Model {
        name: "event::a_stored_record_is_seen_whole",
        holds: "who sees the stamp sees the words that went before it",
        threads: 2,
        bound: None,
        long_bound: None,
        run: ring_no_tear,
        twin: Twin::Without("ring: publish after the words", "torn"),
    },
    Model {
        name: "event::a_record_of_a_later_lap_is_not_taken_for_this_one",
        holds: "a reader that is lapped while it copies notices",
        threads: 2,
        bound: None,
        long_bound: None,
        run: ring_no_tear,
        twin: Twin::Without("ring: second look", "torn"),
    },
    Model {
        name: "event::words_are_read_after_the_stamp",
        holds: "a reader does not see words from before the stamp",
        threads: 2,
        bound: None,
        long_bound: None,
        run: ring_no_tear,
        twin: Twin::Without("ring: see the stamp, then the words", "torn"),
    },
    Model {
        name: "event::full_ring_counts_overwrites_and_drops",
        holds: "when all writers are done, every number is counted once, as what it is",
        threads: 2,
        bound: None,
        long_bound: None,
        run: full_ring_counts_overwrites_and_drops,
        twin: Twin::Without("ring: take after the one before", "miscounted"),
    },
    Model {
        name: "event::batch_stays_together",
        holds: "numbers of a reservation follow each other, and nobody else has them",
        threads: 2,
        bound: None,
        long_bound: None,
        run: batch_stays_together,
        twin: Twin::Without("ring: reserve in one step", "not together"),
    },
    Model {
        name: "event::gapless_prefix",
        holds: "a reader never goes past a number in flight",
        threads: 3,
        bound: Some(3),
        long_bound: None,
        run: gapless_prefix,
        twin: Twin::Without("ring: stop at what is in flight", "skipped"),
    },
    Model {
        name: "event::below_the_reader_nothing_is_lost",
        holds: "where writers reserve below what the reader has read, it gets every record, once and in order",
        threads: 3,
        bound: Some(3),
        long_bound: None,
        run: below_the_reader_nothing_is_lost,
        twin: Twin::Without("ring: reserve below the reader", "lost"),
    },
    Model {
        name: "event::slow_writer_of_an_older_lap_never_overwrites",
        holds: "what is old never stands in the place of what is new, and nobody is held up for ever",
        threads: 2,
        bound: None,
        long_bound: None,
        run: slow_writer_of_an_older_lap_never_overwrites,
        twin: Twin::Without("ring: take only from the past", "an old record stands where a new one was"),
    },
    Model {
        name: "event::a_number_dropped_behind_a_slow_writer_is_passed",
        holds: "readers do not wait for a number that was dropped because its slot was owned",
        threads: 2,
        bound: None,
        long_bound: None,
        run: slow_writer_of_an_older_lap_never_overwrites,
        twin: Twin::Without(
            "ring: note what is dropped behind a slow writer",
            "an old record stands where a new one was",
        ),
    },
    Model {
        name: "event::panic_fills_with_tombstones",
        holds: "a reservation that ends early leaves numbers that readers pass",
        threads: 2,
        bound: None,
        long_bound: None,
        run: panic_fills_with_tombstones,
        twin: Twin::Without("ring: fill the rest with tombstones", "in flight for ever"),
    },
    Model {
        name: "event::extra_payload_is_visible_whole_and_freed_once",
        holds: "an extra part is whole when it is seen, is not freed while it is read, nor twice",
        threads: 2,
        bound: None,
        long_bound: None,
        run: extra_payload_is_visible_whole_and_freed_once,
        twin: Twin::Without("ring: free extra parts later", "read after it was freed"),
    },
];

/// The words of a number.
fn words(number: u64) -> [u64; 2] {
    [number + 10, number + 20]
}

/// One slot, written twice while a reader looks.
fn ring_no_tear() {
    let ring: Arc<Ring<2>> = Arc::new(Ring::new(1));
    ring.append(words(0), None);
    let writer = {
        let ring = ring.clone();
        thread::spawn(move || ring.append(words(1), None))
    };
    let found = ring.since(0, 2);
    for record in &found.records {
        assert_eq!(record.words, words(record.number), "torn");
    }
    assert_eq!(found.records.len() as u64 + found.overwritten + found.dropped, found.next);
    assert_eq!(writer.join().unwrap(), Some(1));
}

/// One slot, three writes by two threads: each is readable, overwritten or dropped.
fn full_ring_counts_overwrites_and_drops() {
    let ring: Arc<Ring<0>> = Arc::new(Ring::new(1));
    let other = {
        let ring = ring.clone();
        thread::spawn(move || {
            ring.append([], None);
            ring.append([], None);
        })
    };
    ring.append([], None);
    other.join().unwrap();
    let (stats, found) = (ring.stats(), ring.since(0, 3));
    assert_eq!(stats.reserved, 3);
    assert_eq!(stats.written + stats.dropped, 3, "miscounted");
    assert_eq!(stats.written - stats.overwritten, found.records.len() as u64, "miscounted");
    assert_eq!(found.next, 3, "in flight for ever");
}

/// Two threads reserve two numbers each.
fn batch_stays_together() {
    let ring: Arc<Ring<1>> = Arc::new(Ring::new(4));
    let batch = |ring: &Ring<1>, who: u64| {
        let mut batch = ring.reserve(2).unwrap();
        batch.push([who], None);
        batch.push([who + 1], None);
    };
    let other = {
        let ring = ring.clone();
        thread::spawn(move || batch(&ring, 10))
    };
    batch(&ring, 20);
    other.join().unwrap();
    let found: Vec<u64> = ring.since(0, 4).records.iter().map(|record| record.words[0]).collect();
    assert!(found == [10, 11, 20, 21] || found == [20, 21, 10, 11], "not together");
}

/// Two writers and a reader, on room for all: what the reader gets are the first numbers, none left out.
fn gapless_prefix() {
    let ring: Arc<Ring<0>> = Arc::new(Ring::new(2));
    let append = |ring: &Arc<Ring<0>>| {
        let ring = ring.clone();
        thread::spawn(move || ring.append([], None))
    };
    let writers = [append(&ring), append(&ring)];
    let found = ring.since(0, 2);
    let numbers: Vec<u64> = found.records.iter().map(|record| record.number).collect();
    let all: Vec<u64> = (0..found.next).collect();
    assert_eq!(numbers, all, "skipped");
    for writer in writers {
        writer.join().unwrap();
    }
    assert_eq!(ring.since(found.next, 2).next, 2);
}

/// One slot, two writers of one record each, and the reader that hands the slot out: as the event log feeds a durable one.
fn below_the_reader_nothing_is_lost() {
    let ring: Arc<Ring<1>> = Arc::new(Ring::new(1));
    let done = Arc::new(AtomicU64::new(0));
    let append = |word: u64| {
        let (ring, done) = (ring.clone(), done.clone());
        thread::spawn(move || {
            // Acquire, as the feed has it: what was read before the number was stored has been read.
            let end = done.load(Ordering::Acquire) + 1;
            match ring.reserve_below(1, end) {
                Ok(mut part) => part.push([word], None),
                Err(_) => None,
            }
        })
    };
    let writers = [append(7), append(8)];
    let mut read = 0;
    for _ in 0..2 {
        let found = ring.since(done.load(Ordering::Relaxed), 1);
        assert_eq!(found.overwritten + found.dropped, 0, "lost");
        assert!(found.records.iter().all(|record| [7, 8].contains(&record.words[0])), "lost");
        read += found.records.len() as u64;
        done.store(found.next, Ordering::Release);
    }
    let given = writers.into_iter().filter_map(|writer| writer.join().unwrap()).count() as u64;
    let found = ring.since(done.load(Ordering::Relaxed), 1);
    assert_eq!(found.overwritten + found.dropped, 0, "lost");
    assert_eq!(read + found.records.len() as u64, given, "lost");
}

/// One slot, one writer with one record, one with two: one of them may be late by a lap, or two.
fn slow_writer_of_an_older_lap_never_overwrites() {
    let ring: Arc<Ring<1>> = Arc::new(Ring::new(1));
    let slow = {
        let ring = ring.clone();
        thread::spawn(move || ring.append([1], None))
    };
    ring.append([2], None);
    ring.append([2], None);
    slow.join().unwrap();
    let found = ring.since(2, 1);
    assert_eq!(found.next, 3, "an old record stands where a new one was");
    let stats = ring.stats();
    assert_eq!((stats.written + stats.dropped, stats.in_flight()), (3, 0), "miscounted");
    assert_eq!(stats.written - stats.overwritten, found.records.len() as u64, "miscounted");
    // The slot is free again.
    ring.append([3], None);
    assert_eq!(ring.since(3, 1).records.len(), 1, "the slot is lost");
}

/// A batch of two ends after one, while another writer appends and then reads.
fn panic_fills_with_tombstones() {
    let ring: Arc<Ring<1>> = Arc::new(Ring::new(2));
    let batch = {
        let ring = ring.clone();
        thread::spawn(move || {
            let mut batch = ring.reserve(2).unwrap();
            batch.push([1], None);
            // Dropped here, as it is by unwinding.
        })
    };
    ring.append([2], None);
    batch.join().unwrap();
    let found = ring.since(0, 3);
    assert_eq!(found.next, 3, "in flight for ever");
    let stats = ring.stats();
    assert_eq!(stats.written + stats.dropped, 3);
    assert!(stats.dropped >= 1);
}

std::thread_local! {
    // Loom runs all threads of a model on one thread of the system, so this is one cell per model.
    static FREED: Cell<[u32; 2]> = const { Cell::new([0; 2]) };
}

/// An extra part that tells when it is freed, and when it is read after that.
struct Watched {
    number: u64,
    copy: bool,
    pause: AtomicU64,
}

impl Watched {
    fn new(number: u64) -> Option<Watched> {
        Some(Watched { number, copy: false, pause: AtomicU64::new(0) })
    }
    fn look(&self) {
        let freed = FREED.get().get(self.number as usize).is_none_or(|n| *n > 0);
        check_at_end(self.copy || !freed, "read after it was freed");
    }
}

impl Clone for Watched {
    fn clone(&self) -> Watched {
        // Others may do something before this.
        self.pause.load(Ordering::Relaxed);
        self.look();
        Watched { number: self.number, copy: true, pause: AtomicU64::new(0) }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if !self.copy {
            let mut freed = FREED.get();
            freed[self.number as usize] += 1;
            FREED.set(freed);
        }
    }
}

/// One slot, a record with an extra part replaced by another while a reader looks. The writer's thread joins the epoch before
/// and leaves it after the race: what is explored is the ring, and not the epoch's own registry.
fn extra_payload_is_visible_whole_and_freed_once() {
    FREED.set([0; 2]);
    let ring: Arc<Ring<0, Watched>> = Arc::new(Ring::new(1));
    ring.append([], Watched::new(0));
    let (ready, read) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let writer = {
        let (ring, ready, read) = (ring.clone(), ready.clone(), read.clone());
        thread::spawn(move || {
            drop(epoch::pin());
            ready.notify();
            ring.append([], Watched::new(1));
            read.wait();
        })
    };
    ready.wait();
    // One record, the first that can be had.
    let records = ring.since(0, 1).records;
    let whole = records.iter().all(|r| r.extra.as_ref().is_some_and(|extra| extra.number == r.number));
    check_at_end(whole, "of another record");
    read.notify();
    writer.join().unwrap();
    drop(ring);
    let [replaced, kept] = FREED.get();
    check_at_end(replaced <= 1 && kept == 1, "not freed once");
}
