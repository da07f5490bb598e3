use super::account::{LAST_TICK, NEVER};
use super::*;

const SECOND: u64 = 1_000_000_000;

fn random(seed: &mut u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed
}

#[test]
fn figures_of_the_specification() {
    for ppm in 0..=1_000_000_u64 {
        let rate = ManaRate::of_reliability(ppm as f64 / 1e6);
        assert_eq!((rate.capacity(), rate.milli_per_second()), (10_000 + ppm, 100_000 + ppm));
        assert_eq!(rate.ticks_each(), 64_000_000_000_000 / (100_000 + ppm));
    }
    let capacity = |r: f64| ManaRate::of_reliability(r).capacity();
    assert_eq!(capacity(f64::NAN), 10_000);
    assert_eq!(capacity(-1.0), 10_000);
    assert_eq!(capacity(f64::INFINITY), 1_010_000);
    assert_eq!(capacity(f64::MIN_POSITIVE), 10_000);
    assert_eq!(capacity(0.999_999_999), 1_009_999);
}

/// The longest time to full grows with R: the proof that changing R gains nothing rests on it.
#[test]
fn time_to_full_grows_with_reliability() {
    let full = |ppm: u64| {
        let rate = ManaRate::of_reliability(ppm as f64 / 1e6);
        rate.capacity() * rate.ticks_each()
    };
    assert!((0..1_000_000).all(|ppm| full(ppm) <= full(ppm + 1)));
    assert!(full(1_000_000) < 1 << 46);
}

#[test]
fn refill_loses_no_fraction() {
    let account = ManaAccount::new();
    let rate = ManaRate::of_reliability(0.0);
    account.try_spend(0, &rate, 10_000).unwrap();
    // One mana each 10 ms, asked for every 3 ms: 100 a second all the same.
    let granted = (1..=1_000).filter(|n| account.try_spend(n * 3_000_000, &rate, 1).is_ok()).count();
    assert_eq!(granted, 300);
}

#[test]
fn a_refusal_tells_the_very_nanosecond() {
    let mut seed = 0x9E37_79B9_7F4A_7C15;
    for _ in 0..20_000 {
        let rate = ManaRate::of_reliability((random(&mut seed) % 1_001) as f64 / 1_000.0);
        let account = ManaAccount::new();
        let now = random(&mut seed) % (1 << 58);
        account.try_spend(now, &rate, random(&mut seed) % rate.capacity() + 1).unwrap();
        let later = now + random(&mut seed) % (100 * SECOND);
        let want = random(&mut seed) % (rate.capacity() + 10);
        let Err(refusal) = account.try_spend(later, &rate, want) else { continue };
        assert!(refusal.level < want);
        if want > rate.capacity() {
            assert_eq!(refusal.retry_after_ns, NEVER);
            continue;
        }
        let at = later + refusal.retry_after_ns;
        assert!(account.level(at - 1, &rate) < want);
        assert_eq!(account.try_spend(at, &rate, want), Ok(()));
    }
}

/// Against the plainest model there is: exact rationals of one rate.
#[test]
fn as_the_plain_model() {
    let mut seed = 0xD1B5_4A32_D192_ED03;
    for r in [0.0, 0.003, 0.5, 1.0] {
        let rate = ManaRate::of_reliability(r);
        let (cap, each) = (u128::from(rate.capacity()), u128::from(rate.ticks_each()));
        let account = ManaAccount::new();
        // Ticks' worth of mana in the account.
        let (mut worth, mut now) = (cap * each, 0_u64);
        for _ in 0..20_000 {
            let step = random(&mut seed) % (SECOND >> (random(&mut seed) % 30));
            now += step;
            worth = (worth + u128::from(step) * 64).min(cap * each);
            let m = random(&mut seed) % (rate.capacity() >> (random(&mut seed) % 14));
            if random(&mut seed).is_multiple_of(8) {
                account.refund(&rate, m);
                worth = (worth + u128::from(m) * each).min(cap * each);
            } else {
                let paid = account.try_spend(now, &rate, m).is_ok();
                assert_eq!(paid, worth >= u128::from(m) * each);
                worth -= if paid { u128::from(m) * each } else { 0 };
            }
            assert_eq!(u128::from(account.level(now, &rate)), worth / each);
        }
    }
}

/// Whatever R does, the sum of spends stays within what the highest R would have given.
#[test]
fn changing_reliability_gains_nothing() {
    let mut seed = 0xA076_1D64_78BD_642F;
    for _ in 0..200 {
        let top = (random(&mut seed) % 1_001) as f64 / 1_000.0;
        let best = ManaRate::of_reliability(top);
        let account = ManaAccount::new();
        let (mut now, mut sum) = (0, 0_u64);
        for _ in 0..500 {
            now += random(&mut seed) % SECOND;
            let rate = ManaRate::of_reliability(top * (random(&mut seed) % 3) as f64 / 2.0);
            let level = account.level(now, &rate);
            let m = if random(&mut seed).is_multiple_of(2) { level } else { random(&mut seed) % (level + 1) };
            account.try_spend(now, &rate, m).unwrap();
            sum += m;
        }
        assert!(sum <= best.capacity() + now * 64 / best.ticks_each());
    }
}

#[test]
fn a_clock_that_goes_back_gives_no_credit() {
    let account = ManaAccount::new();
    let rate = ManaRate::of_reliability(0.0);
    account.try_spend(1_000 * SECOND, &rate, 5_000).unwrap();
    assert_eq!(account.level(999 * SECOND, &rate), 4_900);
    assert_eq!(account.level(0, &rate), 0);
    let refusal = account.try_spend(0, &rate, 1).unwrap_err();
    assert_eq!(account.try_spend(refusal.retry_after_ns, &rate, 1), Ok(()));
}

/// Nine years on, time stands still: what is there can be spent, nothing comes back, nothing wraps.
#[test]
fn time_that_has_run_out() {
    for now in [LAST_TICK / 64, LAST_TICK / 64 + 1, u64::MAX / 64, u64::MAX] {
        for r in [0.0, 1.0] {
            let account = ManaAccount::new();
            let rate = ManaRate::of_reliability(r);
            assert_eq!(account.level(now, &rate), rate.capacity());
            account.try_spend(now, &rate, rate.capacity()).unwrap();
            assert_eq!(account.level(now, &rate), 0);
            let refusal = account.try_spend(u64::MAX, &rate, 1).unwrap_err();
            assert_eq!((refusal.level, refusal.retry_after_ns), (0, NEVER));
            account.refund(&rate, 7);
            assert_eq!(account.level(u64::MAX, &rate), 7);
            account.refund(&rate, u64::MAX);
            assert_eq!(account.level(u64::MAX, &rate), rate.capacity());
            assert!(account.try_spend(now, &rate, u64::MAX).is_err());
        }
    }
}

#[test]
fn a_table_forgets_only_what_is_full() {
    let rate = ManaRate::of_reliability(0.0);
    let table = ManaTable::with_cap(0, 2);
    table.try_spend("did:x:a", &rate, 0, 10_000).unwrap();
    table.try_spend("did:x:b", &rate, 0, 1).unwrap();
    let refusal = table.try_spend("did:x:c", &rate, 0, 1).unwrap_err();
    // b is full again after 10 ms, and the refusal says so.
    assert!(refusal.table_full);
    assert_eq!((refusal.level, refusal.retry_after_ns), (10_000, 10_000_000));
    assert!(table.try_spend("did:x:c", &rate, 9_999_999, 1).is_err());
    table.try_spend("did:x:c", &rate, 10_000_000, 1).unwrap();
    assert_eq!(table.len(), 2);
    assert_eq!(table.level("did:x:a", &rate, 10_000_000), 1);
    assert_eq!(table.level("did:x:b", &rate, 10_000_000), 10_000);
    assert_eq!(table.level("did:x:c", &rate, 10_000_000), 9_999);
    // a's clock may be behind; what was forgotten is worth no more for that.
    assert_eq!(table.level("did:x:b", &rate, 0), 9_999);
}

#[test]
fn nothing_is_remembered_for_nothing() {
    let rate = ManaRate::of_reliability(0.0);
    let table = ManaTable::with_cap(50, 100);
    assert_eq!(table.try_spend("a", &rate, 0, 0), Ok(()));
    let refusal = table.try_spend("a", &rate, 0, 10_001).unwrap_err();
    assert_eq!((refusal.level, refusal.retry_after_ns, refusal.table_full), (10_000, NEVER, false));
    assert_eq!(table.level("a", &rate, 0), 10_000);
    table.refund("a", &rate, 5);
    assert_eq!(table.lease("a", &rate, 0, 0).unwrap().granted(), 0);
    assert!(table.is_empty());
}

#[test]
fn a_lease_takes_what_is_there_and_gives_back_the_rest() {
    let rate = ManaRate::of_reliability(0.5);
    let table = ManaTable::new(0);
    let mut lease = table.lease("a", &rate, 0, u64::MAX).unwrap();
    assert_eq!(lease.granted(), 510_000);
    let refusal = table.lease("a", &rate, 0, 5).unwrap_err();
    assert_eq!(table.lease("a", &rate, refusal.retry_after_ns, 5).unwrap().granted(), 1);
    lease.spend(10);
    drop(lease);
    assert_eq!(table.level("a", &rate, 0), 509_990);
    let mut lease = table.lease("a", &rate, 0, 100).unwrap();
    lease.spend(u64::MAX);
    drop(lease);
    assert_eq!(table.level("a", &rate, 0), 509_890);
}

#[test]
fn caps_are_held_to_their_range() {
    assert_eq!(ManaTable::with_cap(0, 0).cap(), 1);
    assert_eq!(ManaTable::with_cap(0, usize::MAX).cap(), 1 << 28);
}

/// Before the origin time stands still, and waits count from the caller's now.
#[test]
fn before_the_origin() {
    let rate = ManaRate::of_reliability(0.0);
    let table = ManaTable::with_cap(50 * SECOND, 10);
    table.try_spend("a", &rate, 20 * SECOND, 10_000).unwrap();
    let refusal = table.try_spend("a", &rate, 30 * SECOND, 1).unwrap_err();
    assert_eq!(refusal.retry_after_ns, 20 * SECOND + 10_000_000);
    table.try_spend("a", &rate, 30 * SECOND + refusal.retry_after_ns, 1).unwrap();
}

/// One caller's time that is far ahead makes everybody look full and forgotten: nobody gains by it.
#[test]
fn a_clock_that_leaps_and_comes_back_gives_no_credit() {
    let rate = ManaRate::of_reliability(0.0);
    let table = ManaTable::with_cap(0, 2);
    table.try_spend("a", &rate, SECOND, 4_000).unwrap();
    table.try_spend("b", &rate, SECOND, 9_000).unwrap();
    table.try_spend("c", &rate, u64::MAX, 1).unwrap();
    assert_eq!(table.len(), 1);
    assert_eq!(table.level("a", &rate, SECOND), 1_000);
    assert_eq!(table.level("b", &rate, SECOND), 1_000);
    assert_eq!(table.level("b", &rate, 91 * SECOND), 10_000);
}

/// A full table whose accounts stay in use: each refusal ends, and none of them is forgotten.
#[test]
fn a_flood_is_refused_and_charges_stay() {
    let rate = ManaRate::of_reliability(0.0);
    let table = ManaTable::with_cap(0, 1_000);
    for n in 0..1_000 {
        table.try_spend(&format!("did:x:{n}"), &rate, 0, 5_000 + n).unwrap();
    }
    for n in 0..10_000 {
        let refusal = table.try_spend(&format!("did:y:{n}"), &rate, SECOND, 1).unwrap_err();
        assert!(refusal.table_full && refusal.retry_after_ns > 48 * SECOND);
    }
    for n in 0..1_000 {
        assert_eq!(table.level(&format!("did:x:{n}"), &rate, 0), 5_000 - n);
    }
    // Whoever waits as told has a place, also when nobody else asked in between.
    let mut now = SECOND;
    loop {
        match table.try_spend("did:y:late", &rate, now, 1) {
            Ok(()) => break,
            Err(refusal) => now += refusal.retry_after_ns,
        }
    }
    assert!(now < 62 * SECOND);
}
