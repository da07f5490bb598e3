//! `Budget`: never overdrawn, conserved, the first reason wins, one cut.

use crate::model::{Model, Twin};
use eclvm_kernel::budget::{Amount, Budget, BudgetLimits, BudgetSnapshot, Lease};
use eclvm_kernel::fault::Exhaustion;
use eclvm_kernel::sync::tracked;
use loom::sync::Arc;
use loom::thread;
use std::panic::{AssertUnwindSafe, catch_unwind};

const fn model(name: &'static str, holds: &'static str, run: fn(), twin: Twin) -> Model {
    Model { name, holds, threads: 2, bound: None, long_bound: None, run, twin }
}

/// The models of this file.
pub(crate) const MODELS: &[Model] = &[
    model(
        "budget::two_reservers_never_overdraw",
        "granted never exceeds the limit",
        two_reservers_never_overdraw,
        Twin::Without("wide: swap if unchanged", "exactly one can be paid"),
    ),
    model(
        "budget::refund_races_reserve",
        "used + left = limit after all leases are settled",
        refund_races_reserve,
        Twin::Without("budget: a dropped lease is settled", "not conserved"),
    ),
    model(
        "budget::parent_and_child_charged_once",
        "a charge is paid by all levels or none",
        parent_and_child_charged_once,
        Twin::Without("budget: a refused child takes back", "charged for nothing"),
    ),
    model(
        "budget::gas_and_mana_together_or_not_at_all",
        "a charge of both happens or leaves both untouched, and nobody sees it in between",
        gas_and_mana_together_or_not_at_all,
        Twin::Without("budget: gas and mana in one update", "refused for nothing"),
    ),
    model(
        "budget::close_during_reserve",
        "nothing is granted after a budget was cancelled",
        close_during_reserve,
        Twin::Without("budget: the reason is looked at in the update", "granted after the end"),
    ),
    model(
        "budget::first_reason_wins_and_is_seen",
        "the first exhaustion reason stays, and whoever sees \"exhausted\" sees it",
        first_reason_wins_and_is_seen,
        Twin::Without("budget: the first reason stays", "two reasons"),
    ),
    model(
        "budget::counters_exact_after_join",
        "after all threads have ended the counters are the sums of what they did",
        counters_exact_after_join,
        Twin::Without("budget: a dropped lease is settled", "counters are wrong"),
    ),
    model(
        "budget::cancel_against_finish",
        "cancelling loses no settlement, and settling no cancellation",
        cancel_against_finish,
        Twin::Without("budget: a dropped lease is settled", "one of the two is lost"),
    ),
    model(
        "budget::panic_releases_a_lease",
        "a lease comes back from a thread that panics",
        panic_releases_a_lease,
        Twin::Without("budget: a dropped lease is settled", "a lease is lost"),
    ),
    model(
        "budget::snapshot_is_one_cut",
        "gas, mana and reason of a snapshot are of one moment",
        snapshot_is_one_cut,
        Twin::Without("wide: publish", "no single cut"),
    ),
    model(
        "budget::snapshot_cuts_a_lease",
        "used, out and left are the limit at every moment of a lease",
        snapshot_cuts_a_lease,
        Twin::Without("budget: a dropped lease is settled", "no single cut"),
    ),
    model(
        "budget::gas_and_mana_are_paid_together",
        "of two who can pay one thing each, and both need both, one pays both",
        gas_and_mana_are_paid_together,
        Twin::Without("wide: swap if unchanged", "one pays for both"),
    ),
    Model {
        name: "budget::three_reservers",
        holds: "three reservers never overdraw, and what is there is had",
        threads: 3,
        bound: Some(3),
        long_bound: Some(4),
        run: three_reservers,
        twin: Twin::Without("wide: swap if unchanged", "exactly two can be paid"),
    },
    model(
        "budget::held_is_not_spent",
        "a refusal for what is out on a lease does not end the budget",
        held_is_not_spent,
        Twin::Without("budget: held is not spent", "ended though nothing was spent"),
    ),
];

fn limits(gas_limit: u64, mana_limit: u64) -> BudgetLimits {
    BudgetLimits { gas_limit, mana_limit, ..BudgetLimits::UNBOUNDED }
}

fn budget(gas: u64, mana: u64) -> Arc<Budget> {
    Arc::new(Budget::new(limits(gas, mana)))
}

/// The same on a register that is what its contract says: for bodies with leases, whose updates are too many to explore with the
/// slots they stand in. Those of the register are in `wide.rs`.
fn budget_by_contract(gas: u64, mana: u64) -> Arc<Budget> {
    tracked::take_registers_by_contract();
    budget(gas, mana)
}

/// A lease of exactly so much, if there is.
fn lease(budget: &Budget, gas: u64, mana: u64) -> Option<Lease<'_>> {
    let mut lease = Lease::new(budget);
    let amount = Amount::new(gas, mana);
    lease.grow(amount, amount, None).is_ok().then_some(lease)
}

/// Gas used, reserved and left, then mana.
fn numbers(s: &BudgetSnapshot) -> [u64; 6] {
    [s.gas_used, s.gas_reserved, s.gas_left, s.mana_used, s.mana_reserved, s.mana_left]
}

/// Two runs that want 2 each of a budget of 3: one gets them, never both.
fn two_reservers_never_overdraw() {
    let budget = budget(3, 0);
    let other = {
        let budget = budget.clone();
        thread::spawn(move || budget.consume_gas(2).is_ok())
    };
    let here = budget.consume_gas(2).is_ok();
    let there = other.join().unwrap();
    assert!(here != there, "exactly one can be paid");
    let end = budget.snapshot();
    assert_eq!(numbers(&end)[..3], [2, 0, 1], "exactly one can be paid");
    assert_eq!(end.reason, Some(Exhaustion::OutOfGas));
}

/// A lease that gives its rest back while another run asks: whatever happens, used + left is the limit afterwards.
fn refund_races_reserve() {
    let budget = budget_by_contract(3, 0);
    let other = {
        let budget = budget.clone();
        thread::spawn(move || match lease(&budget, 2, 0) {
            Some(mut lease) => {
                lease.spend(Amount::new(1, 0));
                1
            }
            None => 0,
        })
    };
    let here = u64::from(budget.try_consume(2, 0)) * 2;
    let used = here + other.join().unwrap();
    assert_eq!(numbers(&budget.snapshot())[..3], [used, 0, 3 - used], "not conserved");
}

/// A parent with room for one: of two children only one is granted, and each is charged once.
fn parent_and_child_charged_once() {
    let parent = budget(1, 0);
    let child = |parent: &Arc<Budget>| Budget::within(limits(1, 0), parent.clone());
    let (one, two) = (child(&parent), child(&parent));
    let other = thread::spawn(move || (two.try_consume(1, 0), two.snapshot().gas_left));
    let here = one.try_consume(1, 0);
    let (there, left) = other.join().unwrap();
    assert!(here != there, "the parent pays once");
    assert_eq!(left, u64::from(!there), "charged for nothing");
    assert_eq!(one.snapshot().gas_left, u64::from(!here), "charged for nothing");
    assert_eq!(parent.snapshot().gas_used, 1);
}

/// Mana for nobody, gas for one: who asks for both is refused, and must not get into the way of who asks for gas alone.
fn gas_and_mana_together_or_not_at_all() {
    let budget = budget(1, 0);
    let other = {
        let budget = budget.clone();
        thread::spawn(move || budget.try_consume(1, 1))
    };
    let mine = lease(&budget, 1, 0);
    assert!(mine.is_some(), "refused for nothing");
    assert!(!other.join().unwrap(), "there is no mana");
    assert_eq!(numbers(&budget.snapshot()), [0, 1, 0, 0, 0, 0]);
}

/// Gas and mana for one, and two that want both.
fn gas_and_mana_are_paid_together() {
    let budget = budget_by_contract(1, 1);
    let other = {
        let budget = budget.clone();
        thread::spawn(move || budget.try_consume(1, 1))
    };
    let here = budget.try_consume(1, 1);
    let seen = numbers(&budget.snapshot());
    assert_eq!(seen, [1, 0, 0, 1, 0, 0], "one pays for both");
    assert!(here != other.join().unwrap(), "one pays for both");
}

/// What is charged when the cancellation returns is all that will ever be.
fn close_during_reserve() {
    let budget = budget(3, 0);
    let other = {
        let budget = budget.clone();
        thread::spawn(move || budget.try_consume(1, 0))
    };
    budget.cancel();
    let at_the_end = budget.gas_used();
    let paid = other.join().unwrap();
    assert_eq!(budget.gas_used(), at_the_end, "granted after the end");
    assert_eq!(u64::from(paid), at_the_end, "granted after the end");
    assert_eq!(budget.exhausted(), Some(Exhaustion::Cancelled));
}

/// Two threads end a budget for different reasons: both then see the same one.
fn first_reason_wins_and_is_seen() {
    let budget = budget(3, 0);
    let other = {
        let budget = budget.clone();
        thread::spawn(move || budget.exhaust(Exhaustion::Timeout))
    };
    let here = budget.exhaust(Exhaustion::OutOfGas);
    let there = other.join().unwrap();
    assert_eq!(here, there, "two reasons");
    assert_eq!(budget.exhausted(), Some(here), "two reasons");
}

/// Leases of gas and mana, in part spent, on both threads.
fn counters_exact_after_join() {
    let budget = budget_by_contract(u64::MAX, u64::MAX);
    let other = {
        let budget = budget.clone();
        thread::spawn(move || {
            let mut lease = lease(&budget, 8, 16).unwrap();
            lease.spend(Amount::new(4, 8));
        })
    };
    let mut mine = lease(&budget, 3, 2).unwrap();
    mine.spend(Amount::new(1, 1));
    drop(mine);
    other.join().unwrap();
    let expected = [5, 0, u64::MAX - 5, 9, 0, u64::MAX - 9];
    assert_eq!(numbers(&budget.snapshot()), expected, "counters are wrong");
}

/// A run settles while somebody cancels: both have happened afterwards.
fn cancel_against_finish() {
    let budget = budget_by_contract(3, 0);
    let other = {
        let budget = budget.clone();
        thread::spawn(move || match lease(&budget, 2, 0) {
            Some(mut lease) => {
                lease.spend(Amount::new(1, 0));
                1
            }
            None => 0,
        })
    };
    budget.cancel();
    let paid = other.join().unwrap();
    let end = budget.snapshot();
    assert_eq!(numbers(&end)[..3], [paid, 0, 3 - paid], "one of the two is lost");
    assert_eq!(end.reason, Some(Exhaustion::Cancelled), "one of the two is lost");
}

/// A thread panics with a lease in its hands, while another draws.
fn panic_releases_a_lease() {
    let budget = budget_by_contract(3, 0);
    let other = {
        let budget = budget.clone();
        thread::spawn(move || {
            let _ = catch_unwind(AssertUnwindSafe(|| {
                let mut lease = lease(&budget, 2, 0).unwrap();
                lease.spend(Amount::new(1, 0));
                std::panic::resume_unwind(Box::new("a host's panic"));
            }));
        })
    };
    assert!(budget.try_consume(1, 0));
    other.join().unwrap();
    assert_eq!(numbers(&budget.snapshot())[..3], [2, 0, 1], "a lease is lost");
}

/// A thread pays gas and mana, as much of one as of the other. (That a slot is not read while it is used again is
/// `wide_slot_reuse_is_noticed`.)
fn snapshot_is_one_cut() {
    let budget = budget(3, 3);
    let other = {
        let budget = budget.clone();
        thread::spawn(move || budget.try_consume(1, 1))
    };
    let seen = numbers(&budget.snapshot());
    assert!(seen == [0, 0, 3, 0, 0, 3] || seen == [1, 0, 2, 1, 0, 2], "no single cut: {seen:?}");
    assert!(other.join().unwrap());
}

/// A lease grows, is spent and settled: what is used, out and left is the limit whenever somebody looks.
fn snapshot_cuts_a_lease() {
    let budget = budget_by_contract(3, 3);
    let other = {
        let budget = budget.clone();
        thread::spawn(move || {
            let mut lease = lease(&budget, 2, 2).unwrap();
            lease.spend(Amount::new(1, 1));
        })
    };
    for _ in 0..2 {
        let seen = numbers(&budget.snapshot());
        let [gas, mana] = [&seen[..3], &seen[3..]];
        assert!(gas == mana && gas.iter().sum::<u64>() == 3, "no single cut: {seen:?}");
    }
    other.join().unwrap();
    assert_eq!(numbers(&budget.snapshot()), [1, 0, 2, 1, 0, 2], "no single cut");
}

/// Three runs, gas for two.
fn three_reservers() {
    let budget = budget_by_contract(2, 0);
    let others = [(); 2].map(|()| {
        let budget = budget.clone();
        thread::spawn(move || budget.try_consume(1, 0))
    });
    let here = budget.try_consume(1, 0);
    let paid =
        others.into_iter().fold(u64::from(here), |paid, other| paid + u64::from(other.join().unwrap()));
    assert_eq!(paid, 2, "exactly two can be paid");
    assert_eq!(numbers(&budget.snapshot())[..3], [2, 0, 0], "exactly two can be paid");
}

/// A lease of all the gas comes back unspent, while another run asks and would end the budget where it is refused.
fn held_is_not_spent() {
    let budget = budget_by_contract(2, 0);
    let other = {
        let budget = budget.clone();
        thread::spawn(move || drop(lease(&budget, 2, 0)))
    };
    let mut mine = Lease::new(&budget);
    let one = Amount::new(1, 0);
    if let Err(refusal) = mine.grow(one, one, None) {
        refusal.mark();
        assert!(refusal.held(), "ended though nothing was spent");
    }
    other.join().unwrap();
    drop(mine);
    assert_eq!(budget.exhausted(), None, "ended though nothing was spent");
    assert!(budget.try_consume(2, 0));
}
