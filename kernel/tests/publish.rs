//! `Published` on real threads: nothing is read after it died, nothing leaks, old versions go away.
//! `STRESS_ROUNDS` sets how many publishes a stress test makes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use eclvm_kernel::publish::Published;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

// The epoch is one for the process: a test that stays pinned would hold up what another counts.
static ALONE: Mutex<()> = Mutex::new(());
fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn rounds() -> u64 {
    std::env::var("STRESS_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(100_000)
}

/// Two words that always agree, until it is dropped; and a count of those that live.
struct Pair {
    a: u64,
    b: AtomicI64,
    alive: Arc<AtomicI64>,
}

impl Pair {
    fn new(n: u64, alive: &Arc<AtomicI64>) -> Pair {
        alive.fetch_add(1, Ordering::Relaxed);
        Pair { a: n, b: AtomicI64::new(n as i64), alive: alive.clone() }
    }
    fn check(&self) {
        assert_eq!(self.a as i64, self.b.load(Ordering::Relaxed), "torn, or dead");
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        self.b.store(-1, Ordering::Relaxed);
        self.alive.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Reclaims until nothing waits: other threads of the process may be pinned for moments.
fn settle<T: Send + Sync + 'static>(published: &Published<T>) -> u64 {
    for _ in 0..1_000 {
        let waiting = published.stats().retired_waiting;
        if waiting == 0 {
            return 0;
        }
        thread::sleep(Duration::from_millis(1));
    }
    published.stats().retired_waiting
}

#[test]
fn readers_and_writers() {
    let _alone = alone();
    let alive = Arc::new(AtomicI64::new(0));
    let published = Published::new(Pair::new(0, &alive));
    let done = AtomicBool::new(false);
    let each = rounds() / 4;
    let won: u64 = thread::scope(|scope| {
        for kind in 0..2 {
            let (published, done) = (&published, &done);
            scope.spawn(move || {
                let mut last = 0;
                let mut kept = Vec::new();
                while !done.load(Ordering::Relaxed) {
                    let pinned = published.pin();
                    assert!(pinned.version() >= last, "went back");
                    last = pinned.version();
                    pinned.check();
                    drop(pinned);
                    if kind == 1 {
                        kept.push(published.load());
                        kept.iter().for_each(|snapshot| snapshot.check());
                        if kept.len() > 8 {
                            kept.clear();
                        }
                    }
                }
            });
        }
        let writers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut won = 0;
                    for _ in 0..each {
                        let version = published.version();
                        match published.publish_if(version, Pair::new(version, &alive)) {
                            Ok(now) => {
                                assert_eq!(now, version + 1);
                                won += 1;
                            }
                            Err(stale) => {
                                stale.value.check();
                                assert!(stale.current > version);
                            }
                        }
                    }
                    won
                })
            })
            .collect();
        let won = writers.into_iter().map(|writer| writer.join().unwrap()).sum();
        done.store(true, Ordering::Relaxed);
        won
    });
    assert_eq!(published.version(), 1 + won);
    assert_eq!(settle(&published), 0);
    assert_eq!(alive.load(Ordering::Relaxed), 1);
}

#[test]
fn every_update_counts() {
    let _alone = alone();
    let published = Published::new(0_u64);
    let each = rounds() / 10;
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..each {
                    published.update(|n| n + 1);
                }
            });
        }
    });
    assert_eq!((*published.pin(), published.version()), (4 * each, 4 * each + 1));
}

#[test]
fn a_stalled_reader_is_noticed_and_then_made_good() {
    let _alone = alone();
    let alive = Arc::new(AtomicI64::new(0));
    let published = Published::new(Pair::new(0, &alive));
    let pinned = published.pin();
    for n in 1..=100 {
        published.publish_if_at(n, Pair::new(n, &alive), n * 10).ok().unwrap();
    }
    let stats = published.stats_at(5_000);
    assert_eq!((stats.version, stats.published, stats.retired_waiting), (101, 100, 100));
    assert_eq!(stats.stalled_ns, 5_000 - 10);
    pinned.check();
    assert_eq!(pinned.version(), 1);
    drop(pinned);
    assert_eq!(settle(&published), 0);
    assert_eq!(published.stats_at(6_000).stalled_ns, 0);
    assert_eq!(published.stats_at(u64::MAX).stalled_ns, 0);
    assert_eq!(alive.load(Ordering::Relaxed), 1);
}

/// A snapshot keeps its own version, and no other.
#[test]
fn a_snapshot_holds_up_nothing_else() {
    let _alone = alone();
    let alive = Arc::new(AtomicI64::new(0));
    let published = Published::new(Pair::new(0, &alive));
    let snapshot = published.load();
    for n in 1..=100 {
        published.publish_if(n, Pair::new(n, &alive)).ok().unwrap();
    }
    assert_eq!(settle(&published), 0);
    assert_eq!(alive.load(Ordering::Relaxed), 2);
    let again = snapshot.clone();
    drop(published);
    drop(snapshot);
    assert_eq!((again.version(), again.a, alive.load(Ordering::Relaxed)), (1, 0, 1));
    drop(again);
    assert_eq!(alive.load(Ordering::Relaxed), 0);
}

/// Versions that wait when the published value is dropped are freed when their readers, here of another value, leave.
#[test]
fn dropping_the_published_value_leaks_nothing() {
    let _alone = alone();
    let alive = Arc::new(AtomicI64::new(0));
    let other = Published::new(());
    let pinned = other.pin();
    let published = Published::new(Pair::new(0, &alive));
    for n in 1..=100 {
        published.publish_if(n, Pair::new(n, &alive)).ok().unwrap();
    }
    drop(published);
    assert_eq!(alive.load(Ordering::Relaxed), 100);
    drop(pinned);
    for _ in 0..1_000 {
        // Any thread that pins often enough moves the epoch on.
        (0..256).for_each(|_| drop(other.pin()));
        if alive.load(Ordering::Relaxed) == 0 {
            break;
        }
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(alive.load(Ordering::Relaxed), 0);
}

struct Bomb(u64, Arc<AtomicI64>);
impl Drop for Bomb {
    fn drop(&mut self) {
        self.1.fetch_sub(1, Ordering::Relaxed);
        if self.0 % 2 == 1 {
            panic!("a destructor panics");
        }
    }
}

/// Panics of destructors of retired values reach no reader and no writer, and free everything else.
#[test]
fn a_panicking_destructor_is_caught_and_counted() {
    let _alone = alone();
    let alive = Arc::new(AtomicI64::new(0));
    let bomb = |n: u64| {
        alive.fetch_add(1, Ordering::Relaxed);
        Bomb(n, alive.clone())
    };
    let published = Published::new(bomb(0));
    for n in 1..=10 {
        published.publish_if(n, bomb(n)).ok().unwrap();
    }
    assert_eq!(settle(&published), 0);
    assert_eq!((published.stats().drop_panics, alive.load(Ordering::Relaxed)), (5, 1));
}

#[test]
fn a_panicking_update_changes_nothing() {
    let _alone = alone();
    let alive = Arc::new(AtomicI64::new(0));
    let published = Published::new(Pair::new(7, &alive));
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        published.update(|old| {
            let _half = Pair::new(old.a, &alive);
            panic!("an update panics")
        })
    }));
    assert!(panicked.is_err());
    assert_eq!((published.version(), published.pin().a, alive.load(Ordering::Relaxed)), (1, 7, 1));
}

/// Publishing from within an update, while pinned, and from a destructor works.
#[test]
fn reentrant() {
    let _alone = alone();
    let published = Published::new(1);
    let pinned = published.pin();
    let mut first = true;
    let version = published.update(|n| {
        if std::mem::take(&mut first) {
            published.publish_if(1, 10).unwrap();
        }
        n + 1
    });
    assert_eq!((version, *published.pin(), *pinned), (3, 11, 1));
}

const fn sends<T: Send + Sync>() {}
const _: () = sends::<Published<u64>>();
const _: () = sends::<eclvm_kernel::publish::Snapshot<u64>>();
