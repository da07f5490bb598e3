//! `Ledger`: records are whole, none is lost, a snapshot is a causal cut.

use crate::model::{Model, Twin};
use eclvm_kernel::ledger::Ledger;
use loom::sync::Arc;
use loom::thread;

/// The models of this file.
pub(crate) const MODELS: &[Model] = &[
    Model {
        name: "ledger::record_is_whole",
        holds: "a snapshot has all additions of a record or none",
        threads: 2,
        bound: None,
        long_bound: None,
        run: record_is_whole,
        twin: Twin::Without("ledger: wait", "half a record"),
    },
    Model {
        name: "ledger::no_record_slips_into_a_bank_that_is_emptied",
        holds: "a writer that read the epoch before a flip is waited for, or goes to the other bank",
        threads: 2,
        bound: None,
        long_bound: None,
        run: record_is_whole,
        twin: Twin::Without("ledger: probe", "half a record"),
    },
    Model {
        name: "ledger::epoch_is_looked_at_again",
        holds: "a writer that a flip overtook goes to the other bank",
        threads: 2,
        bound: None,
        long_bound: None,
        run: record_is_whole,
        twin: Twin::Without("ledger: look again", "half a record"),
    },
    Model {
        name: "ledger::a_writer_caught_by_flips_is_in_one_bank",
        holds: "while both banks are raised, the one that is named then is waited for",
        threads: 2,
        bound: None,
        long_bound: None,
        run: caught_by_flips,
        twin: Twin::Without("ledger: both raised", "half a record"),
    },
    Model {
        name: "ledger::nothing_lost_across_flip",
        holds: "what was added before the writer left is in the totals",
        threads: 2,
        bound: None,
        long_bound: None,
        run: nothing_lost_across_flip,
        twin: Twin::Without("ledger: leave", "lost"),
    },
    Model {
        name: "ledger::nothing_lost_when_a_bank_comes_round",
        holds: "the zeros of one cut are there before the bank's next record",
        threads: 2,
        bound: None,
        long_bound: None,
        run: nothing_lost_when_a_bank_comes_round,
        twin: Twin::Unseen(
            "loom keeps the stores of a word in the order in which they ran, so it cannot put a zero after an addition",
        ),
    },
    Model {
        name: "ledger::counters_exact_after_join",
        holds: "totals are exact to the unit whatever cuts came between",
        threads: 2,
        bound: None,
        long_bound: None,
        run: counters_exact_after_join,
        twin: Twin::Without("ledger: wait", "lost"),
    },
    Model {
        name: "ledger::snapshot_is_a_causal_cut",
        holds: "a snapshot that has a record has every record that happened before it",
        threads: 3,
        bound: Some(3),
        long_bound: Some(4),
        run: snapshot_is_a_causal_cut,
        twin: Twin::Without("ledger: enter", "effect without cause"),
    },
    Model {
        name: "ledger::two_snapshots_share_nothing",
        holds: "racing snapshots both see what was recorded before, once",
        threads: 2,
        bound: None,
        long_bound: None,
        run: two_snapshots,
        twin: Twin::Unseen("cuts exclude each other with a mutex, which no step can weaken"),
    },
];

/// A ledger whose banks have their memory: so the interleavings are those of counters, not of allocation.
fn warm(counters: usize) -> Arc<Ledger> {
    let ledger = Ledger::new(counters);
    for _ in 0..2 {
        // A counter of the same line that no model looks at.
        ledger.record(0, &[(7, 1)]).unwrap();
        ledger.snapshot();
    }
    Arc::new(ledger)
}

/// A record of two counters while another thread cuts three times.
fn caught_by_flips() {
    let ledger = warm(2);
    let other = {
        let ledger = ledger.clone();
        thread::spawn(move || {
            for _ in 0..3 {
                let cut = ledger.snapshot();
                assert_eq!(cut.get(0), cut.get(1), "half a record");
            }
        })
    };
    ledger.record(0, &[(0, 1), (1, 1)]).unwrap();
    other.join().unwrap();
    assert_eq!(ledger.snapshot().get(0), 1, "half a record");
}

/// A record of two counters while the main thread cuts.
fn record_is_whole() {
    let ledger = warm(2);
    let other = {
        let ledger = ledger.clone();
        thread::spawn(move || ledger.record(0, &[(0, 1), (1, 1)]).unwrap())
    };
    let cut = ledger.snapshot();
    assert_eq!(cut.get(0), cut.get(1), "half a record");
    other.join().unwrap();
    let cut = ledger.snapshot();
    assert_eq!((cut.get(0), cut.get(1)), (1, 1), "half a record");
}

/// A record that is under way at a flip is in one cut or the next.
fn nothing_lost_across_flip() {
    let ledger = warm(1);
    let other = {
        let ledger = ledger.clone();
        thread::spawn(move || ledger.record(0, &[(0, 1)]).unwrap())
    };
    ledger.snapshot();
    other.join().unwrap();
    assert_eq!(ledger.snapshot().get(0), 1, "lost");
}

/// One record, then two cuts while another is made: the bank of the first is used again.
fn nothing_lost_when_a_bank_comes_round() {
    let ledger = warm(1);
    ledger.record(0, &[(0, 1)]).unwrap();
    let other = {
        let ledger = ledger.clone();
        thread::spawn(move || ledger.record(0, &[(0, 1)]).unwrap())
    };
    ledger.snapshot();
    ledger.snapshot();
    other.join().unwrap();
    assert_eq!(ledger.snapshot().get(0), 2, "lost");
}

fn counters_exact_after_join() {
    let ledger = warm(1);
    let other = {
        let ledger = ledger.clone();
        thread::spawn(move || ledger.record(1, &[(0, 2)]).unwrap())
    };
    ledger.record(0, &[(0, 1)]).unwrap();
    ledger.snapshot();
    other.join().unwrap();
    assert_eq!(ledger.snapshot().get(0), 3, "lost");
}

/// One thread records the cause and tells another, which records the effect.
fn snapshot_is_a_causal_cut() {
    let ledger = warm(2);
    let told = Arc::new(eclvm_kernel::sync::AtomicBool::new(false));
    let cause = {
        let (ledger, told) = (ledger.clone(), told.clone());
        thread::spawn(move || {
            ledger.record(0, &[(0, 1)]).unwrap();
            told.store(true, eclvm_kernel::sync::Ordering::Release);
        })
    };
    let effect = {
        let (ledger, told) = (ledger.clone(), told.clone());
        thread::spawn(move || {
            if told.load(eclvm_kernel::sync::Ordering::Acquire) {
                ledger.record(1, &[(1, 1)]).unwrap();
            }
        })
    };
    let cut = ledger.snapshot();
    assert!(cut.get(0) >= cut.get(1), "effect without cause");
    cause.join().unwrap();
    effect.join().unwrap();
}

fn two_snapshots() {
    let ledger = warm(1);
    ledger.record(0, &[(0, 1)]).unwrap();
    let other = {
        let ledger = ledger.clone();
        thread::spawn(move || ledger.snapshot().get(0))
    };
    assert_eq!(ledger.snapshot().get(0), 1);
    assert_eq!(other.join().unwrap(), 1);
}
