//! Mana on real threads over a simulated hour: never more than capacity and refill, to the unit, also where accounts are
//! forgotten all the time. `STRESS_ROUNDS` sets how many spends each thread tries.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use eclvm_kernel::mana::{ManaRate, ManaTable};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

const SECOND: u64 = 1_000_000_000;
const HOUR: u64 = 3_600 * SECOND;

fn rounds() -> u64 {
    std::env::var("STRESS_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(200_000)
}

fn random(seed: &mut u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed
}

/// Threads share a clock that all of them push on, spend, lease, give back and read, over `dids` DIDs in a table of `cap`.
/// For each DID what was granted less what came back stays within capacity + refill, and at the end the level is what the
/// sums say it must at least be.
fn hour(dids: usize, cap: usize, reliability: f64, most: u64) {
    let table = ManaTable::with_cap(0, cap);
    let rate = ManaRate::of_reliability(reliability);
    let names: Vec<String> = (0..dids).map(|n| format!("did:x:{n}")).collect();
    let granted: Vec<AtomicU64> = (0..dids).map(|_| AtomicU64::new(0)).collect();
    let refused = AtomicU64::new(0);
    let clock = AtomicU64::new(0);
    let step = HOUR / (4 * rounds());
    thread::scope(|scope| {
        for thread in 0..4_u64 {
            let (table, names, granted, clock, refused) = (&table, &names, &granted, &clock, &refused);
            scope.spawn(move || {
                let mut seed = 0x9E37_79B9_7F4A_7C15 ^ (thread + 1) << 32;
                for _ in 0..rounds() {
                    let now = clock.fetch_add(step, Ordering::Relaxed);
                    let did = (random(&mut seed) % names.len() as u64) as usize;
                    let m = random(&mut seed) % most;
                    match random(&mut seed) % 8 {
                        0 => {
                            let Ok(mut lease) = table.lease(&names[did], &rate, now, m) else { continue };
                            assert!(lease.granted() <= m);
                            lease.spend(m / 2);
                            granted[did].fetch_add(lease.granted().min(m / 2), Ordering::Relaxed);
                        }
                        1 => assert!(table.level(&names[did], &rate, now) <= rate.capacity()),
                        _ => match table.try_spend(&names[did], &rate, now, m) {
                            Ok(()) => drop(granted[did].fetch_add(m, Ordering::Relaxed)),
                            Err(refusal) => {
                                assert!(refusal.retry_after_ns > 0);
                                assert!(refusal.table_full || refusal.level < m);
                                refused.fetch_add(1, Ordering::Relaxed);
                            }
                        },
                    }
                    assert!(table.len() <= cap);
                }
            });
        }
    });
    let end = clock.load(Ordering::Relaxed);
    // Exact: each mana granted has taken `ticks_each` of the time, or of the capacity.
    let bound = u128::from(rate.capacity()) + u128::from(end) * 64 / u128::from(rate.ticks_each());
    let nominal = u128::from(rate.capacity())
        + u128::from(end) * u128::from(rate.milli_per_second()) / u128::from(1_000 * SECOND);
    assert!(bound <= nominal + 1, "an hour of refill at a rate that is off by 1.8e-8 at most");
    let mut busiest = 0;
    for (did, sum) in granted.iter().enumerate() {
        let sum = u128::from(sum.load(Ordering::Relaxed));
        let level = u128::from(table.level(&names[did], &rate, end));
        assert!(sum + level <= bound, "{}: {sum} and {level} left of {bound}", names[did]);
        assert!(sum + level >= u128::from(rate.capacity()), "a charge that nobody made");
        busiest = busiest.max(sum);
    }
    println!(
        "{dids} DIDs, {cap} places: at most {busiest} of {bound} granted to one; {} refusals; {} remembered",
        refused.load(Ordering::Relaxed),
        table.len()
    );
}

/// Few accounts, asked for far more than they have: the bound is reached.
#[test]
fn an_hour_of_greed() {
    hour(3, 100, 0.0, 50);
}

/// More DIDs than places: accounts come and go all the time.
#[test]
fn an_hour_of_forgetting() {
    hour(40, 8, 0.0, 300);
}

#[test]
fn an_hour_of_a_reliable_crowd() {
    hour(400, 1_000, 1.0, 20_000);
}

/// The bound is exact: one greedy thread gets all of it, to the unit, also when the account is forgotten whenever it is full.
#[test]
fn greed_gets_the_bound_exactly() {
    let table = ManaTable::with_cap(0, 1);
    let rate = ManaRate::of_reliability(0.0);
    let mut sum = 0;
    for now in (0..=HOUR).step_by(1_000_003) {
        while table.try_spend("did:x:a", &rate, now, 7).is_ok() {
            sum += 7;
        }
    }
    let last = HOUR / 1_000_003 * 1_000_003;
    assert_eq!(sum + table.level("did:x:a", &rate, last), 10_000 + last / 10_000_000);
}

/// Threads that make and forget accounts of one bucket: every account that is in use is charged exactly.
#[test]
fn places_are_conserved() {
    let table = ManaTable::with_cap(0, 2);
    let rate = ManaRate::of_reliability(0.0);
    let clock = AtomicU64::new(0);
    thread::scope(|scope| {
        for thread in 0..4 {
            let (table, clock, rate) = (&table, &clock, &rate);
            scope.spawn(move || {
                for n in 0..rounds() / 4 {
                    let now = clock.fetch_add(SECOND / 100, Ordering::Relaxed);
                    let _ = table.try_spend(&format!("did:x:{thread}-{}", n % 3), rate, now, 1);
                    assert!(table.len() <= 2);
                }
            });
        }
    });
    // Everything is full again: whoever comes has a place, twice.
    let late = clock.load(Ordering::Relaxed) + HOUR;
    table.try_spend("did:x:p", &rate, late, 1).unwrap();
    table.try_spend("did:x:q", &rate, late, 1).unwrap();
    assert_eq!(table.len(), 2);
    assert!(table.try_spend("did:x:r", &rate, late, 1).is_err());
}
