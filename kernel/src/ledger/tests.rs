//! The ledger on one thread, and what its callers may get wrong.

use super::*;

#[test]
fn counters_add_up_across_snapshots() {
    let ledger = Ledger::new(20_000);
    let mut wanted = vec![0u64; 20_000];
    let mut seed = 88_172_645_463_325_252u64;
    for round in 0..50 {
        for worker in 0..40usize {
            let mut adds = Vec::new();
            for _ in 0..worker % 5 {
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                adds.push(((seed >> 20) as usize % 20_000, seed & 0xff));
            }
            ledger.record(worker * 7_919, &adds).unwrap();
            for (counter, n) in adds {
                wanted[counter] += n;
            }
        }
        if round % 7 == 0 {
            let cut = ledger.snapshot();
            assert!((0..20_000).all(|counter| cut.get(counter) == wanted[counter]));
        }
    }
    let cut = ledger.snapshot();
    assert!((0..20_000).all(|counter| cut.get(counter) == wanted[counter]));
    assert_eq!(cut.get(usize::MAX), 0);
}

#[test]
fn a_record_with_a_wrong_counter_counts_nothing() {
    let ledger = Ledger::new(9);
    assert_eq!(ledger.counters(), 16);
    for wrong in [16, usize::MAX] {
        assert_eq!(ledger.record(0, &[(0, 1), (wrong, 1)]), Err(NoSuchCounter));
    }
    assert_eq!(ledger.record_line(0, 2, &[1; LINE]), Err(NoSuchCounter));
    assert_eq!(ledger.snapshot(), Totals::default());
    assert_eq!(Ledger::new(0).record(0, &[(0, 1)]), Err(NoSuchCounter));
    assert_eq!(Ledger::new(0).record(0, &[]), Ok(()));
    assert_eq!(Ledger::new(usize::MAX).counters(), crate::limits::MAX_COUNTERS);
}

#[test]
fn every_total_saturates() {
    let ledger = Ledger::new(3);
    ledger.record(0, &[(0, u64::MAX), (1, u64::MAX), (1, 1), (2, u64::MAX - 1)]).unwrap();
    let cut = ledger.snapshot();
    assert_eq!((cut.get(0), cut.get(1), cut.get(2)), (u64::MAX, u64::MAX, u64::MAX - 1));
    ledger.record(0, &[(0, 1), (1, 1), (2, 1)]).unwrap();
    let cut = ledger.snapshot();
    assert_eq!((cut.get(0), cut.get(1), cut.get(2)), (u64::MAX, u64::MAX, u64::MAX));
}

/// Records when it is dropped.
struct Recorder<'l>(&'l Ledger);

impl Drop for Recorder<'_> {
    fn drop(&mut self) {
        self.0.record(0, &[(0, 1), (1, 1)]).unwrap();
    }
}

/// Threads that record while they unwind, others cut meanwhile; and a panic under the mutex of the cuts.
#[test]
fn a_panic_leaves_the_ledger_usable() {
    let ledger = Ledger::new(2);
    std::thread::scope(|scope| {
        let unwinding: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let _recorder = Recorder(&ledger);
                    std::panic::resume_unwind(Box::new("a host that panics"));
                })
            })
            .collect();
        for _ in 0..50 {
            let cut = ledger.snapshot();
            assert_eq!(cut.get(0), cut.get(1));
        }
        assert!(unwinding.into_iter().all(|thread| thread.join().is_err()));
    });
    let poison = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        ledger.hold(|()| std::panic::resume_unwind(Box::new("poison")));
    }));
    assert!(poison.is_err());
    ledger.record(0, &[(0, 1), (1, 1)]).unwrap();
    assert_eq!((ledger.snapshot().get(0), ledger.snapshot().get(1)), (9, 9));
}
