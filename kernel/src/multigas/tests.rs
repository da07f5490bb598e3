//! Prices, quotas and totals at their edges, against plain models.

use super::*;
use core::num::NonZeroU64;

/// Numbers around every edge.
const EDGES: [u64; 12] =
    [0, 1, 2, 3, 999, 1_000, 1_001, 1 << 32, (1 << 53) + 1, u64::MAX / 2, u64::MAX - 1, u64::MAX];

fn compute(units: u64) -> GasUnits {
    GasUnits { compute: units, ..GasUnits::ZERO }
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
    fn one_in(&mut self, n: u64) -> bool {
        self.next().is_multiple_of(n)
    }
    /// Small numbers, large ones and edges.
    fn number(&mut self) -> u64 {
        let n = self.next();
        match n % 4 {
            0 => EDGES[(n >> 8) as usize % EDGES.len()],
            _ => self.next() >> (n >> 8 & 63),
        }
    }
}

fn check_price(price: u64, used: u64, rule: PriceRule) {
    let next = next_price(price, used, &rule);
    let context = || format!("{price} {used} {rule:?} -> {next}");
    assert!(next >= rule.floor, "{}", context());
    assert!(next <= rule.ceiling.max(rule.floor), "{}", context());
    assert!(next > 0 || rule.floor == 0, "{}", context());
    // Before the bounds, by the formula in 128 bits, where it fits.
    let free = next_price(price, used, &PriceRule { floor: 0, ceiling: u64::MAX, ..rule });
    let step = match u128::from(price) * u128::from(rule.step_per_mille) / 1_000 {
        0 => u128::from(rule.step_per_mille > 0),
        step => step.min(u128::from(u64::MAX)),
    };
    let distance = u128::from(used.abs_diff(rule.target).min(rule.target));
    let change = if rule.target == 0 { step } else { step * distance / u128::from(rule.target) };
    let wanted = match used.cmp(&rule.target) {
        core::cmp::Ordering::Less => u128::from(price).saturating_sub(change),
        core::cmp::Ordering::Equal => u128::from(price),
        core::cmp::Ordering::Greater => (u128::from(price) + change).min(u128::from(u64::MAX)),
    };
    assert_eq!(u128::from(free), wanted, "{}", context());
    assert_eq!(next, free.min(rule.ceiling).max(rule.floor), "{}", context());
}

#[test]
fn prices_move_by_the_formula_at_every_edge() {
    for price in EDGES {
        for used in EDGES {
            for target in EDGES {
                for step_per_mille in [0, 1, 125, 999, 1_000, 1_001, u32::MAX] {
                    for (floor, ceiling) in
                        [(0, u64::MAX), (1, u64::MAX), (5, 2), (0, 0), (7, 7), (u64::MAX, u64::MAX)]
                    {
                        check_price(price, used, PriceRule { target, step_per_mille, floor, ceiling });
                    }
                }
            }
        }
    }
}

/// All of a small world: more use never means a lower price, and up and down are alike.
#[test]
fn prices_are_monotone_and_symmetric() {
    for price in 0..60u64 {
        for target in 0..12u64 {
            for step_per_mille in [0, 1, 50, 333, 1_000] {
                let rule = PriceRule { target, step_per_mille, floor: 0, ceiling: u64::MAX };
                let next: Vec<u64> = (0..30).map(|used| next_price(price, used, &rule)).collect();
                assert!(next.is_sorted(), "{price} {rule:?}: {next:?}");
                for d in 0..=target.min(14) {
                    let (down, up) = (next[(target - d) as usize], next[(target + d) as usize]);
                    assert_eq!(price - down.min(price), (up - price).min(price), "{price} {rule:?} {d}");
                }
            }
        }
    }
}

#[test]
fn a_small_price_comes_down_again() {
    let rule = PriceRule { target: 100, step_per_mille: 10, floor: 1, ceiling: 1_000 };
    let mut price = 5;
    for _ in 0..3 {
        price = next_price(price, 500, &rule);
    }
    assert_eq!(price, 8);
    for _ in 0..20 {
        price = next_price(price, 0, &rule);
    }
    assert_eq!(price, 1);
}

#[test]
fn totals_are_exact_and_saturate() {
    let gas = MultiGas::new(2);
    let (a, b, c) = (gas.realm("a"), gas.realm("b"), gas.realm("c"));
    assert_eq!((a.index(), b.index(), c), (1, 2, RealmId::OVERFLOW));
    assert_eq!(gas.realm("a"), a);
    assert_eq!((gas.find("b"), gas.find("c")), (Some(b), None));
    assert_eq!(gas.realm_name(c), Some("(overflow)"));
    assert_eq!(gas.realm_name(b), Some("b"));
    gas.record(0, a, &GasUnits { network: 1, compute: 2, storage: 3, realm: 4 }, 5);
    gas.record(1, c, &compute(u64::MAX), 1);
    gas.record(2, c, &compute(u64::MAX), 1);
    gas.record(2, b, &compute(7), 1);
    // An id that this one never gave.
    gas.record(2, RealmId(77), &compute(1), u64::MAX);
    let cut = gas.snapshot();
    assert_eq!(cut.realms.len(), 3);
    let GasUnits { network, compute, storage, realm } = cut.realm(a).gas;
    assert_eq!((network, compute, storage, realm, cut.realm(a).mana, cut.realm(a).runs), (1, 2, 3, 4, 5, 1));
    assert_eq!((cut.realm(c).gas.compute, cut.realm(c).mana, cut.realm(c).runs), (u64::MAX, u64::MAX, 3));
    assert_eq!((cut.process.gas.compute, cut.process.runs), (u64::MAX, 5));
    assert_eq!(cut.process, gas.process());
    assert_eq!(gas.snapshot(), cut);
}

/// A bank's counter wraps exactly to 0, and more than once, between two cuts.
#[test]
fn a_counter_that_wraps_in_a_bank_saturates() {
    for adds in [&[1, u64::MAX][..], &[u64::MAX, u64::MAX, 2], &[1 << 63, 1 << 63, 1 << 63, 1 << 63]] {
        let gas = MultiGas::new(0);
        for &n in adds {
            gas.record(0, RealmId::OVERFLOW, &compute(n), 1);
        }
        let cut = gas.snapshot();
        assert_eq!((cut.process.gas.compute, cut.realms[0].gas.compute), (u64::MAX, u64::MAX), "{adds:?}");
        assert_eq!((cut.process.mana, cut.process.runs), (adds.len() as u64, adds.len() as u64));
        gas.record(0, RealmId::OVERFLOW, &compute(1), 1);
        assert_eq!(gas.process().gas.compute, u64::MAX);
    }
}

#[test]
fn prices_have_an_epoch() {
    let gas = MultiGas::new(0);
    assert_eq!(gas.prices(), (Prices::default(), 0));
    for n in 1..20 {
        let prices = Prices(GasUnits { network: n, compute: u64::MAX - n, storage: 0, realm: 1 });
        assert_eq!(gas.set_prices(prices), n);
        assert_eq!(gas.prices(), (prices, n));
        let cut = gas.snapshot();
        assert_eq!((cut.prices, cut.price_epoch), (prices, n));
    }
}

#[test]
fn the_controller_moves_prices_once_a_period() {
    let gas = MultiGas::new(0);
    let rule = PriceRule { target: 10, step_per_mille: 500, floor: 1, ceiling: 400 };
    let period_ns = NonZeroU64::new(100).unwrap();
    gas.set_prices(Prices(GasUnits { network: 100, compute: 100, storage: 100, realm: 100 }));
    assert_eq!(gas.tick(u64::MAX), None, "no controller");
    gas.record(0, RealmId::OVERFLOW, &compute(1_000), 0);
    gas.set_controller(Some(Controller { period_ns, rules: [None, Some(rule), None, None] }), 1_000);
    let at = |now| gas.tick(now).map(|(prices, epoch)| (prices.0.compute, epoch));
    assert_eq!((at(0), at(1_099)), (None, None));
    gas.record(0, RealmId::OVERFLOW, &compute(15), 0);
    // What was used before the controller came does not count.
    assert_eq!(at(1_100), Some((125, 2)));
    assert_eq!((at(1_100), at(1_199), at(5)), (None, None, None));
    // Three periods at once: 60 units, 20 each, twice the target; one step.
    gas.record(0, RealmId::OVERFLOW, &compute(60), 0);
    assert_eq!(at(1_450), Some((187, 3)));
    // The running period began at 1 400.
    assert_eq!((at(1_499), at(1_500)), (None, Some((94, 4))));
    // Use at the target moves nothing, and the epoch stays.
    gas.record(0, RealmId::OVERFLOW, &compute(10), 0);
    assert_eq!(at(1_600), Some((94, 4)));
    // The end of time.
    assert!(at(u64::MAX).is_some());
    assert_eq!(at(u64::MAX), None);
    assert_eq!((gas.prices().0.0.network, gas.prices().0.0.realm), (100, 100));
    gas.set_controller(None, 0);
    assert_eq!(at(u64::MAX), None);
}

/// A total that can rise no more still shows what is used in a period.
#[test]
fn the_controller_sees_use_beyond_a_saturated_total() {
    let gas = MultiGas::new(0);
    gas.record(0, RealmId::OVERFLOW, &compute(u64::MAX), 0);
    let rule = PriceRule { target: 1, step_per_mille: 1_000, floor: 1, ceiling: 100 };
    let period_ns = NonZeroU64::new(1).unwrap();
    gas.set_controller(Some(Controller { period_ns, rules: [None, Some(rule), None, None] }), 0);
    gas.record(0, RealmId::OVERFLOW, &compute(2), 0);
    assert_eq!(gas.tick(1).map(|(prices, _)| prices.0.compute), Some(2));
}

#[test]
fn quotas_at_the_edges() {
    let gas = MultiGas::new(1);
    let realm = gas.realm("a");
    let quota = |limit, period_ns| RealmQuota { limits: [None, Some(limit), None, None], period_ns };
    let too_large = |largest| Err(QuotaError::TooLarge { layer: GasLayer::Compute, largest });
    assert_eq!(gas.set_quota(realm, &quota(1, 0)), Err(QuotaError::NoPeriod));
    assert_eq!(gas.set_quota(realm, &quota(1, 1)), too_large(0));
    assert_eq!(gas.set_quota(realm, &quota(u64::MAX, u64::MAX)), too_large((1 << 63) - 1));
    assert_eq!(gas.set_quota(RealmId(9), &quota(1, 9)), Err(QuotaError::NoSuchRealm));
    assert!(gas.try_take(realm, &compute(u64::MAX), u64::MAX).is_ok(), "no quota, no bound");

    gas.set_quota(realm, &quota((1 << 63) - 1, u64::MAX)).unwrap();
    assert!(gas.try_take(realm, &compute((1 << 63) - 1), u64::MAX - 1).is_ok());
    let no = |now| gas.try_take(realm, &compute(1), now).err().map(|refusal| refusal.retry_after_ns);
    assert_eq!((no(u64::MAX - 1), no(0)), (Some(1), Some(u64::MAX)));
    assert_eq!(no(u64::MAX), None, "the second and last period");
    assert_eq!(
        gas.try_take(realm, &compute(u64::MAX), 0).err(),
        Some(QuotaRefusal { layer: GasLayer::Compute, retry_after_ns: u64::MAX })
    );
    // 3 more lengths, then no other.
    for period_ns in [4, 8, 16] {
        gas.set_quota(realm, &quota(3, period_ns)).unwrap();
    }
    assert_eq!(gas.set_quota(realm, &quota(3, 32)), Err(QuotaError::TooManyPeriods));
    assert_eq!(gas.quota(realm).map(Quota::current), Some(quota(3, 16)));
    gas.set_quota(realm, &quota(3, 8)).unwrap();
    gas.set_quota(realm, &RealmQuota::NONE).unwrap();
    assert!(gas.try_take(realm, &compute(u64::MAX), 0).is_ok());
}

#[test]
fn what_was_not_used_comes_back_into_its_period_only() {
    let gas = MultiGas::new(0);
    let realm = RealmId::OVERFLOW;
    gas.set_quota(realm, &RealmQuota { limits: [Some(10), Some(10), None, None], period_ns: 100 }).unwrap();
    let both = |n| GasUnits { network: n, compute: n, storage: 5, realm: 0 };
    let take = |units, now| gas.try_take(realm, &both(units), now);
    take(8, 250).unwrap().give_back(&both(5));
    assert!(take(8, 299).is_err());
    let seven = take(7, 299).unwrap();
    // The clock went back: period 2 goes on, and the refusal counts from the time that was given.
    assert_eq!(take(1, 199).unwrap_err(), QuotaRefusal { layer: GasLayer::Network, retry_after_ns: 101 });
    let full = take(10, 300).unwrap();
    seven.give_back(&both(7));
    assert!(take(1, 300).is_err(), "a late refund is dropped");
    // More than was taken does not come back.
    full.give_back(&both(u64::MAX));
    assert!(take(10, 300).is_ok());
    assert!(take(1, 399).is_err());
}

/// One thread, against a plain model, at any times, the clock going back now and then.
#[test]
fn quotas_do_what_a_plain_model_does() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for _ in 0..300 {
        let period_ns = random.number().max(1);
        let largest = RealmQuota::largest(period_ns);
        let limits = [(); 4].map(|()| (!random.one_in(3)).then(|| random.number() & largest));
        let gas = MultiGas::new(0);
        gas.set_quota(RealmId::OVERFLOW, &RealmQuota { limits, period_ns }).unwrap();
        let mut model = [(0u64, 0u128); 4];
        let mut now = 0u64;
        for _ in 0..60 {
            now = match random.next() % 5 {
                0 => random.number(),
                1 => now.saturating_sub(random.number()),
                _ => now.saturating_add(random.next() % period_ns.saturating_mul(2).max(1)),
            };
            let mut units = GasUnits::ZERO;
            for layer in GasLayer::ALL {
                let limit = limits[layer as usize].unwrap_or(100);
                units[layer] =
                    if random.one_in(3) { random.number() } else { random.next() % (limit / 3 + 1) };
            }
            let mut after = model;
            let mut fits = true;
            for layer in GasLayer::ALL {
                let (Some(limit), n @ 1..) = (limits[layer as usize], units[layer]) else { continue };
                let (period, used) = &mut after[layer as usize];
                if now / period_ns > *period {
                    (*period, *used) = (now / period_ns, 0);
                }
                if *used + u128::from(n) > u128::from(limit) {
                    fits = false;
                    break;
                }
                // A refusal takes nothing, but time has passed for the layers that were asked before.
                model[layer as usize] = (*period, *used);
                *used += u128::from(n);
            }
            let result = gas.try_take(RealmId::OVERFLOW, &units, now);
            assert_eq!(result.is_ok(), fits, "{limits:?} {period_ns} {now} {units:?}");
            if let Ok(taken) = result {
                model = after;
                if random.one_in(2) {
                    let mut unused = GasUnits::ZERO;
                    for layer in GasLayer::ALL {
                        unused[layer] = random.next() % (units[layer].saturating_add(2));
                        if limits[layer as usize].is_some() && units[layer] > 0 {
                            model[layer as usize].1 -= u128::from(unused[layer].min(units[layer]));
                        }
                    }
                    taken.give_back(&unused);
                }
            }
        }
    }
}
