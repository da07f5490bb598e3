//! Words that belong together: the wide register, the price table, published versions.

use crate::crew::Load;
use eclvm_kernel::gas::{GasUnits, Prices};
use eclvm_kernel::multigas::MultiGas;
use eclvm_kernel::publish::Published;
use eclvm_kernel::sync::epoch;
use eclvm_kernel::wide::Wide;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Words that follow from the first.
fn words(n: u64) -> [u64; 4] {
    [n, n.wrapping_mul(3), !n, n ^ 0xA5A5]
}

/// Registers of 2, 3 and 16 slots: additions that must all arrive, refusals that change nothing, reads that are whole.
pub(crate) fn wide(load: &Load) -> u64 {
    match load.seed % 3 {
        0 => wide_of::<2>(load),
        1 => wide_of::<3>(load),
        _ => wide_of::<16>(load),
    }
}

fn wide_of<const SLOTS: usize>(load: &Load) -> u64 {
    let register = Wide::<4, SLOTS>::new(words(0));
    let mut last = 0;
    let came = load.go(
        |_, chance| {
            let (mut sum, mut updates) = (0u64, 0u64);
            for _ in 0..load.each() {
                let n = chance.below(5);
                let came = register.update(|old| {
                    assert_eq!(*old, words(old[0]), "torn in an update");
                    (n > 0).then(|| words(old[0] + n))
                });
                assert_eq!(came.is_ok(), n > 0);
                sum += n;
                updates += u64::from(n > 0);
            }
            (sum, updates)
        },
        || {
            let read = register.read();
            assert_eq!(read, words(read[0]), "torn");
            assert!(read[0] >= last, "went back");
            last = read[0];
        },
    );
    assert_eq!(register.read(), words(came.iter().map(|came| came.0).sum()), "an addition was lost");
    assert_eq!(register.updates(), came.iter().map(|came| came.1).sum::<u64>(), "an update was not counted");
    load.each() * load.threads as u64
}

/// Prices replaced as a whole by one and read by the rest; each epoch has its own prices.
pub(crate) fn prices(load: &Load) -> u64 {
    let of = |epoch: u64| {
        let [network, compute, storage, realm] = words(epoch);
        Prices(GasUnits { network, compute, storage, realm })
    };
    let gas = MultiGas::new(1);
    gas.set_prices(of(1));
    let changes = AtomicU64::new(1);
    let mut last = 0;
    load.go(
        |number, chance| {
            let mut last = 0;
            for _ in 0..load.each() {
                if number == 0 && chance.one_in(4) {
                    let next = changes.load(Ordering::Relaxed) + 1;
                    assert_eq!(gas.set_prices(of(next)), next);
                    changes.store(next, Ordering::Relaxed);
                }
                let (prices, epoch) = gas.prices();
                assert_eq!(prices, of(epoch), "prices of two epochs");
                assert!(epoch >= last, "an epoch went back");
                last = epoch;
            }
        },
        || {
            let cut = gas.snapshot();
            assert_eq!(cut.prices, of(cut.price_epoch), "prices of two epochs in a snapshot");
            assert!(cut.price_epoch >= last);
            last = cut.price_epoch;
        },
    );
    assert_eq!(gas.prices().1, changes.load(Ordering::Relaxed));
    load.each() * load.threads as u64
}

/// A value that says how many of its kind are alive, and that it is.
struct Alive {
    words: [u64; 4],
    alive: Arc<AtomicU64>,
}

impl Alive {
    fn new(n: u64, alive: &Arc<AtomicU64>) -> Alive {
        alive.fetch_add(1, Ordering::Relaxed);
        Alive { words: words(n), alive: alive.clone() }
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.words = [7; 4];
        self.alive.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Versions that count up: none is lost, none is read after it was freed, none leaks.
pub(crate) fn published(load: &Load) -> u64 {
    let alive = Arc::new(AtomicU64::new(0));
    let published = Published::new(Alive::new(0, &alive));
    let check = |value: &Alive, version: u64| {
        assert_eq!(value.words, words(version - 1), "not the value of version {version}");
    };
    let mut kept = published.load();
    let wrote = load.go(
        |_, chance| {
            let mut wrote = 0;
            for _ in 0..load.each() {
                match chance.below(8) {
                    0 => {
                        published.update(|old| Alive::new(old.words[0] + 1, &alive));
                        wrote += 1;
                    }
                    1 => {
                        let seen = published.load();
                        check(&seen, seen.version());
                        if published.publish_if(seen.version(), Alive::new(seen.version(), &alive)).is_ok() {
                            wrote += 1;
                        }
                    }
                    2 => {
                        let held = published.load();
                        check(&held, held.version());
                    }
                    _ => {
                        let pinned = published.pin();
                        check(&pinned, pinned.version());
                    }
                }
            }
            wrote
        },
        || {
            check(&kept, kept.version());
            kept = published.load();
        },
    );
    drop(kept);
    let wrote: u64 = wrote.iter().sum();
    assert_eq!(published.version(), wrote + 1, "a version was lost");
    check(&published.pin(), wrote + 1);
    drop(published);
    until_none(&alive);
    load.each() * load.threads as u64
}

/// Lets the epoch free what it holds, until none is left.
pub(crate) fn until_none(alive: &AtomicU64) {
    for _ in 0..100_000 {
        if alive.load(Ordering::Acquire) == 0 {
            return;
        }
        epoch::pin().flush();
        std::thread::yield_now();
    }
    panic!("{} values were not freed", alive.load(Ordering::Acquire));
}
