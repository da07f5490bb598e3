//! `Budget`: never overdrawn, conserved, the first reason wins.

use crate::model::{Model, Twin};
use eclvm_kernel::budget::{Budget, BudgetLimits, Lease};
use eclvm_kernel::fault::Exhaustion;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;

const LIMIT: u64 = 3;

/// The models of this file.
pub(crate) const MODELS: &[Model] = &[
    Model {
        name: "budget::two_reservers_never_overdraw",
        holds: "granted never exceeds the limit",
        threads: 2,
        bound: None,
        long_bound: None,
        run: two_reservers_never_overdraw,
        twin: Twin::Body(two_reservers_never_overdraw_weakened, "overdrawn"),
    },
    Model {
        name: "budget::refund_races_reserve",
        holds: "used + left = limit after all leases are settled",
        threads: 2,
        bound: None,
        long_bound: None,
        run: refund_races_reserve,
        twin: Twin::Body(refund_races_reserve_weakened, "not conserved"),
    },
    Model {
        name: "budget::gas_and_mana_together_or_not_at_all",
        holds: "a charge of both happens or leaves both untouched",
        threads: 2,
        bound: None,
        long_bound: None,
        run: gas_and_mana_together_or_not_at_all,
        twin: Twin::Body(gas_and_mana_together_or_not_at_all_weakened, "gas without mana"),
    },
    Model {
        name: "budget::first_reason_wins_and_is_seen",
        holds: "the first exhaustion reason stays, and whoever sees \"exhausted\" sees it",
        threads: 2,
        bound: None,
        long_bound: None,
        run: first_reason_wins_and_is_seen,
        twin: Twin::Body(first_reason_wins_and_is_seen_weakened, "two reasons"),
    },
    Model {
        name: "budget::parent_and_child_charged_once",
        holds: "a lease is granted by all levels or none",
        threads: 2,
        bound: None,
        long_bound: None,
        run: parent_and_child_charged_once,
        twin: Twin::Body(parent_and_child_charged_once_weakened, "charged for nothing"),
    },
];

fn limits(gas_limit: u64, mana_limit: u64) -> BudgetLimits {
    BudgetLimits { gas_limit, mana_limit, ..BudgetLimits::UNBOUNDED }
}

/// Two runs that want 2 each of a budget of 3: one gets them, never both.
fn two_reservers_never_overdraw() {
    let budget = Arc::new(Budget::new(limits(LIMIT, 0)));
    let other = {
        let budget = budget.clone();
        thread::spawn(move || budget.consume_gas(2).is_ok())
    };
    let here = budget.consume_gas(2).is_ok();
    let there = other.join().unwrap();
    assert!(here != there, "exactly one can be paid");
    let end = budget.snapshot();
    assert_eq!((end.gas_used, end.gas_reserved, end.gas_left), (2, 0, 1));
    assert_eq!(end.reason, Some(Exhaustion::OutOfGas));
}

/// The twin: headroom checked by a load, taken by a separate add. Loom finds the interleaving in which both pass.
fn two_reservers_never_overdraw_weakened() {
    let taken = Arc::new(AtomicU64::new(0));
    let reserve = |taken: &AtomicU64| {
        if LIMIT - taken.load(Ordering::Acquire).min(LIMIT) >= 2 {
            taken.fetch_add(2, Ordering::AcqRel);
        }
    };
    let other = {
        let taken = taken.clone();
        thread::spawn(move || reserve(&taken))
    };
    reserve(&taken);
    other.join().unwrap();
    assert!(taken.load(Ordering::Acquire) <= LIMIT, "overdrawn");
}

/// A lease that gives its rest back while another run asks: whatever happens, used + left is the limit afterwards.
fn refund_races_reserve() {
    let budget = Arc::new(Budget::new(limits(LIMIT, 0)));
    let other = {
        let budget = budget.clone();
        thread::spawn(move || {
            let mut lease = Lease::new(&budget);
            if lease.grow(2, 0, 2, 0).is_ok() {
                lease.spend(1, 0);
                1
            } else {
                0
            }
        })
    };
    let here = u64::from(budget.try_consume(2, 0)) * 2;
    let there = other.join().unwrap();
    let end = budget.snapshot();
    assert_eq!(end.gas_used, here + there);
    assert_eq!(end.gas_used + end.gas_left, LIMIT);
    assert_eq!(end.gas_reserved, 0);
}

/// Gas is there, mana is not: the gas that was taken on the way is back, whoever looks afterwards.
fn gas_and_mana_together_or_not_at_all() {
    let budget = Arc::new(Budget::new(limits(2, 1)));
    let other = {
        let budget = budget.clone();
        thread::spawn(move || budget.try_consume(1, 1))
    };
    let here = budget.try_consume(1, 1);
    let there = other.join().unwrap();
    let paid = u64::from(here) + u64::from(there);
    let end = budget.snapshot();
    assert!(paid <= 1, "mana for one");
    assert_eq!((end.gas_used, end.mana_used), (paid, paid));
    assert_eq!((end.gas_left, end.mana_left), (2 - paid, 1 - paid));
}

/// Two threads end a budget for different reasons: both then see the same one.
fn first_reason_wins_and_is_seen() {
    let budget = Arc::new(Budget::new(limits(LIMIT, 0)));
    let other = {
        let budget = budget.clone();
        thread::spawn(move || budget.exhaust(Exhaustion::Timeout))
    };
    let here = budget.exhaust(Exhaustion::OutOfGas);
    let there = other.join().unwrap();
    assert_eq!(here, there);
    assert_eq!(budget.exhausted(), Some(here));
}

/// The twin: the reason stored without comparing. The two threads then believe different reasons.
fn first_reason_wins_and_is_seen_weakened() {
    let reason = Arc::new(AtomicU64::new(0));
    let exhaust = |reason: &AtomicU64, why| {
        if reason.load(Ordering::Acquire) == 0 {
            reason.store(why, Ordering::Release);
            why
        } else {
            reason.load(Ordering::Acquire)
        }
    };
    let other = {
        let reason = reason.clone();
        thread::spawn(move || exhaust(&reason, 1))
    };
    let here = exhaust(&reason, 2);
    assert_eq!(here, other.join().unwrap(), "two reasons");
}

/// A parent with room for one: of two children only one is granted, and each is charged once.
fn parent_and_child_charged_once() {
    let parent = Arc::new(Budget::new(limits(1, 0)));
    let child = |parent: &Arc<Budget>| Budget::within(limits(1, 0), parent.clone());
    let (one, two) = (child(&parent), child(&parent));
    let other = thread::spawn(move || (two.try_consume(1, 0), two.snapshot().gas_left));
    let here = one.try_consume(1, 0);
    let (there, left) = other.join().unwrap();
    assert!(!(here && there), "the parent pays once");
    assert_eq!(left, u64::from(!there), "a refused child has its gas back");
    assert_eq!(one.snapshot().gas_left, u64::from(!here));
    assert_eq!(parent.snapshot().gas_used, u64::from(here || there));
}

/// The twin: a refund that reads and writes instead of subtracting. The reserve in between is lost.
fn refund_races_reserve_weakened() {
    let taken = Arc::new(AtomicU64::new(2));
    let other = {
        let taken = taken.clone();
        thread::spawn(move || {
            let now = taken.load(Ordering::Acquire);
            taken.store(now - 1, Ordering::Release);
        })
    };
    taken.fetch_add(1, Ordering::AcqRel);
    other.join().unwrap();
    assert_eq!(taken.load(Ordering::Acquire), 2, "not conserved");
}

/// The twin: gas taken before mana was found short does not go back.
fn gas_and_mana_together_or_not_at_all_weakened() {
    let (gas, mana) = (Arc::new(AtomicU64::new(2)), Arc::new(AtomicU64::new(1)));
    let take = |pool: &AtomicU64| {
        pool.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1)).is_ok()
    };
    let other = {
        let (gas, mana) = (gas.clone(), mana.clone());
        thread::spawn(move || take(&gas) && take(&mana))
    };
    let here = take(&gas) && take(&mana);
    let paid = u64::from(here) + u64::from(other.join().unwrap());
    assert_eq!(gas.load(Ordering::Acquire), 2 - paid, "gas without mana");
}

/// The twin: a child keeps its grant although the parent refused.
fn parent_and_child_charged_once_weakened() {
    let parent = Arc::new(AtomicU64::new(1));
    let run = |parent: &AtomicU64| {
        let child = 0;
        let granted =
            parent.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1)).is_ok();
        (granted, child)
    };
    let other = {
        let parent = parent.clone();
        thread::spawn(move || run(&parent))
    };
    for (granted, left) in [run(&parent), other.join().unwrap()] {
        assert_eq!(left, u64::from(!granted), "charged for nothing");
    }
}
