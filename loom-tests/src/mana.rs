//! Mana: never over capacity, never spent twice, and forgetting changes nothing.
use crate::model::{Model, Twin};
use eclvm_kernel::mana::{ManaAccount, ManaRate, ManaTable};
use loom::sync::Arc;
use loom::thread;

/// The models of this file.
pub(crate) const MODELS: &[Model] = &[
    Model {
        name: "mana::mana_never_spent_twice",
        holds: "two spenders never both pass on the same mana",
        threads: 2,
        bound: None,
        long_bound: None,
        run: mana_never_spent_twice,
        twin: Twin::Without("mana: spend by compare and swap", "spent twice"),
    },
    Model {
        name: "mana::mana_never_over_capacity",
        holds: "however long an account was left alone, a burst gets its capacity and no more",
        threads: 2,
        bound: None,
        long_bound: None,
        run: mana_never_over_capacity,
        twin: Twin::Without("mana: spend counts from now", "more than the capacity"),
    },
    Model {
        name: "mana::refund_races_spend",
        holds: "neither a refund nor a spend is lost",
        threads: 2,
        bound: None,
        long_bound: None,
        run: refund_races_spend,
        twin: Twin::Without("mana: refund by compare and swap", "lost"),
    },
    Model {
        name: "mana::panic_gives_mana_back",
        holds: "a run that panics gives back what it had not spent, whatever others do meanwhile",
        threads: 2,
        bound: None,
        long_bound: None,
        run: panic_gives_mana_back,
        twin: Twin::Without("mana: refund by compare and swap", "lost"),
    },
    Model {
        name: "mana::account_created_once",
        holds: "two first spends of one DID are both charged to one account",
        threads: 2,
        bound: None,
        long_bound: None,
        run: account_created_once,
        twin: Twin::Without("mana: insert by compare and swap", "two accounts"),
    },
    Model {
        name: "mana::forget_races_spend",
        holds: "a spend that succeeds is charged, also when its account is being forgotten",
        threads: 2,
        bound: None,
        long_bound: None,
        run: forget_races_spend,
        twin: Twin::Without("mana: forget by compare and swap", "free mana"),
    },
];

const SECOND: u64 = 1_000_000_000;
const CAPACITY: u64 = 10_000;

fn rate() -> ManaRate {
    ManaRate::of_reliability(0.0)
}

/// Both want 6 000 of 10 000.
fn mana_never_spent_twice() {
    let account = Arc::new(ManaAccount::new());
    let other = {
        let account = account.clone();
        thread::spawn(move || account.try_spend(SECOND, &rate(), 6_000).is_ok())
    };
    let here = account.try_spend(SECOND, &rate(), 6_000).is_ok();
    assert!(here != other.join().unwrap(), "spent twice, or not at all");
    assert_eq!(account.level(SECOND, &rate()), 4_000);
}

/// An hour after anybody spent, two ask for capacity and a half.
fn mana_never_over_capacity() {
    let account = Arc::new(ManaAccount::new());
    let spend = |account: &ManaAccount| {
        [5_000, 2_500]
            .into_iter()
            .filter(|m| account.try_spend(3_600 * SECOND, &rate(), *m).is_ok())
            .sum::<u64>()
    };
    let other = {
        let account = account.clone();
        thread::spawn(move || spend(&account))
    };
    let here = spend(&account);
    let sum = here + other.join().unwrap();
    assert!(sum <= CAPACITY, "more than the capacity: {sum}");
    assert_eq!(sum + account.level(3_600 * SECOND, &rate()), CAPACITY);
}

/// 8 000 are out; 5 000 of them come back while another spends 3 000, which may find 2 000 or 7 000.
fn refund_races_spend() {
    let account = Arc::new(ManaAccount::new());
    account.try_spend(SECOND, &rate(), 8_000).unwrap();
    let other = {
        let account = account.clone();
        thread::spawn(move || account.refund(&rate(), 5_000))
    };
    let spent = if account.try_spend(SECOND, &rate(), 1_000).is_ok() { 1_000 } else { 0 };
    other.join().unwrap();
    assert_eq!(account.level(SECOND, &rate()), 7_000 - spent, "lost");
}

/// A lease of 8 000 is dropped by a panic after 1 000 of it were spent.
fn panic_gives_mana_back() {
    let table = Arc::new(ManaTable::with_cap(0, 2));
    let mut lease = table.lease("did:x:a", &rate(), SECOND, 8_000).unwrap();
    lease.spend(1_000);
    let other = {
        let table = table.clone();
        thread::spawn(move || table.try_spend("did:x:a", &rate(), SECOND, 2_000).is_ok())
    };
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
        let _lease = lease;
        std::panic::resume_unwind(Box::new("a host panics"));
    }));
    assert!(panicked.is_err());
    assert!(other.join().unwrap(), "2 000 are there before and after");
    assert_eq!(table.level("did:x:a", &rate(), SECOND), 7_000, "lost");
}

/// The first spends of one DID, at once.
fn account_created_once() {
    let table = Arc::new(ManaTable::with_cap(0, 2));
    let other = {
        let table = table.clone();
        thread::spawn(move || table.try_spend("did:x:a", &rate(), SECOND, 6_000).is_ok())
    };
    let here = table.try_spend("did:x:a", &rate(), SECOND, 6_000).is_ok();
    assert!(here != other.join().unwrap(), "two accounts, or none");
    assert_eq!((table.len(), table.level("did:x:a", &rate(), SECOND)), (1, 4_000));
}

/// An account is full again; its owner spends at the moment at which it is forgotten. Whichever is first, the spend is
/// remembered.
fn forget_races_spend() {
    let table = Arc::new(ManaTable::with_cap(0, 1));
    table.try_spend("did:x:a", &rate(), 0, 1).unwrap();
    let other = {
        let table = table.clone();
        thread::spawn(move || table.forget_full(SECOND))
    };
    // The place may still be taken by the account that was just forgotten.
    let spent = table.try_spend("did:x:a", &rate(), SECOND, 4_000);
    let forgotten = other.join().unwrap();
    let left = table.level("did:x:a", &rate(), SECOND);
    match spent {
        Ok(()) => assert_eq!(left, 6_000, "free mana"),
        Err(refusal) => assert!(refusal.table_full && left == CAPACITY, "a charge for nothing"),
    }
    assert_eq!(table.len(), usize::from(spent.is_ok()), "{forgotten} forgotten");
}
