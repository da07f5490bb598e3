//! Budgets: nested leases that are spent in part, given back, refused and unwound; charges; the first reason.

use crate::crew::{Chance, Injected, Load};
use eclvm_kernel::budget::{Amount, Budget, BudgetLimits, Lease};
use eclvm_kernel::fault::Exhaustion;
use std::sync::{Arc, OnceLock};

/// As much mana as gas everywhere, so that one without the other would show.
fn limits(n: u64) -> BudgetLimits {
    BudgetLimits { gas_limit: n, mana_limit: n, ..BudgetLimits::UNBOUNDED }
}

fn both(n: u64) -> Amount {
    Amount::new(n, n)
}

/// A snapshot at any moment: nothing overdrawn, nothing lost, gas and mana together.
fn check(budget: &Budget, reason: &mut Option<Exhaustion>) {
    let now = budget.snapshot();
    assert_eq!(now.gas_used + now.gas_reserved + now.gas_left, now.limits.gas_limit, "gas is not conserved");
    assert_eq!(
        now.mana_used + now.mana_reserved + now.mana_left,
        now.limits.mana_limit,
        "mana is not conserved"
    );
    assert_eq!((now.gas_used, now.gas_reserved), (now.mana_used, now.mana_reserved), "gas without mana");
    assert_eq!(now.exhausted, now.reason.is_some(), "exhausted without a reason");
    if reason.is_some() {
        assert_eq!(*reason, now.reason, "the first reason has changed");
    }
    *reason = now.reason;
}

/// What is left when all have met.
fn check_end(budget: &Budget, spent: u64) {
    check(budget, &mut None);
    let end = budget.snapshot();
    assert_eq!(end.gas_reserved, 0, "a lease was not settled");
    assert_eq!(end.gas_used, spent, "what was spent and what was paid differ");
}

/// One lease of about two, spent in part, settled in between, and sometimes unwound; how much was spent.
fn lease(budget: &Budget, chance: &mut Chance) -> u64 {
    let mut spent = 0;
    let mut work = |panics: bool, parts: u64| {
        let mut lease = Lease::new(budget);
        for part in 0..parts {
            if lease.grow(both(1), both(2), None).is_err() {
                break;
            }
            spent = (spent + chance.below(3)).min(lease.granted().gas);
            lease.spend(both(spent));
            if part == 1 {
                lease.settle();
            }
        }
        if panics {
            Injected::now();
        }
    };
    match chance_of_panic() {
        true => Injected::within(|| work(true, 2)),
        false => work(false, 3),
    }
    spent
}

/// Every 2 048th lease of a thread panics: unwinding takes as long as hundreds of leases.
fn chance_of_panic() -> bool {
    thread_local!(static LEASES: std::cell::Cell<u32> = const { std::cell::Cell::new(0) });
    LEASES.set(LEASES.get().wrapping_add(1));
    LEASES.get().is_multiple_of(2_048)
}

/// Three levels: the process, two realms, a caller for each thread. Sometimes there is enough for all, and mostly not.
pub(crate) fn nested(load: &Load) -> u64 {
    let mut chance = Chance::new(load.seed);
    let room = match chance.below(4) {
        0 => u64::MAX,
        1 => load.ops * 4,
        _ => 1 + chance.below(load.ops),
    };
    let process = Arc::new(Budget::new(limits(room)));
    let realms: Vec<Arc<Budget>> =
        (0..2).map(|_| Arc::new(Budget::within(limits(room / 2 + room / 4), process.clone()))).collect();
    let callers: Vec<Arc<Budget>> = (0..load.threads)
        .map(|n| Arc::new(Budget::within(limits(room / 2), realms[n % 2].clone())))
        .collect();
    let mut reasons = [None; 3];
    let spent = load.go(
        |number, chance| {
            let budget = &callers[number];
            let mut spent = 0;
            for _ in 0..load.each() {
                spent += match chance.below(16) {
                    0 => u64::from(budget.try_consume(1, 1)),
                    1 => u64::from(budget.try_consume_late(2, 2)) * 2,
                    2 if chance.one_in(16) => {
                        let run = Budget::within(limits(3), budget.clone());
                        let of_run = lease(&run, chance);
                        check_end(&run, of_run);
                        of_run
                    }
                    _ => lease(budget, chance),
                };
            }
            spent
        },
        || {
            for (budget, reason) in [&process, &realms[0], &callers[0]].into_iter().zip(&mut reasons) {
                check(budget, reason);
            }
        },
    );
    for (number, spent) in spent.iter().enumerate() {
        check_end(&callers[number], *spent);
    }
    for (number, realm) in realms.iter().enumerate() {
        check_end(realm, spent.iter().skip(number).step_by(2).sum());
    }
    check_end(&process, spent.iter().sum());
    load.each() * load.threads as u64
}

/// Gas for exactly all of them, though each asks for twice what it needs: who is refused because others hold it comes
/// again, and nobody is told that it is spent. Many small budgets, for only the end of one is of interest.
pub(crate) fn exactly_enough(load: &Load) -> u64 {
    const EACH: u64 = 16;
    let full = EACH * load.threads as u64;
    let budgets: Vec<Budget> = (0..load.each() / EACH).map(|_| Budget::new(limits(full))).collect();
    load.go(
        |_, _| {
            for budget in &budgets {
                for _ in 0..EACH {
                    loop {
                        let mut lease = Lease::new(budget);
                        match lease.grow(both(1), both(2), None) {
                            Ok(()) => {
                                lease.spend(both(1));
                                break;
                            }
                            Err(refusal) => assert!(refusal.held(), "told that it is spent"),
                        }
                        std::thread::yield_now();
                    }
                }
            }
        },
        || (),
    );
    for budget in &budgets {
        assert_eq!(budget.exhausted(), None);
        check_end(budget, full);
    }
    budgets.len() as u64 * full
}

/// Many small budgets that end for several reasons at once: one of them wins, and all see the same.
pub(crate) fn first_reason(load: &Load) -> u64 {
    let each = 64;
    let budgets: Vec<(Budget, OnceLock<Exhaustion>)> =
        (0..load.each() / each).map(|n| (Budget::new(limits(n % 200)), OnceLock::new())).collect();
    let spent = load.go(
        |number, chance| {
            let mut spent = vec![0; budgets.len()];
            for (at, (budget, first)) in budgets.iter().enumerate() {
                for _ in 0..each {
                    match chance.below(if number == 0 { 40 } else { 1_000 }) {
                        0 => drop(budget.exhaust(Exhaustion::Timeout)),
                        1 => budget.cancel(),
                        _ => spent[at] += u64::from(budget.consume(1, 1).is_ok()),
                    }
                    if let Some(reason) = budget.exhausted() {
                        assert_eq!(*first.get_or_init(|| reason), reason, "two first reasons");
                    }
                }
            }
            spent
        },
        || (),
    );
    for (at, (budget, _)) in budgets.iter().enumerate() {
        check_end(budget, spent.iter().map(|spent| spent[at]).sum());
    }
    budgets.len() as u64 * each * load.threads as u64
}
