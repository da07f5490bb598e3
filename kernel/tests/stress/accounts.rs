//! What refills or comes round: quotas, mana accounts and their table.

use crate::crew::Load;
use eclvm_kernel::gas::{GasLayer, GasUnits};
use eclvm_kernel::mana::{ManaAccount, ManaRate, ManaTable};
use eclvm_kernel::multigas::{MultiGas, RealmQuota, Taken};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Takes and returns in one period, then in the next: never more than the quota, and all of it once nobody returns any.
/// Layers have different quotas, so the scarcest refuses what others would have granted.
pub(crate) fn quotas(load: &Load) -> u64 {
    const PERIOD: u64 = 1 << 20;
    const PERIODS: u64 = 20;
    let limits = [400, 300, 5_000, 350];
    let gas = MultiGas::new(1);
    let realm = gas.realm("lab");
    gas.set_quota(realm, &RealmQuota { limits: limits.map(Some), period_ns: PERIOD }).unwrap();
    let one = GasUnits { network: 1, compute: 1, storage: 1, realm: 1 };
    let each = load.each() / PERIODS;
    // What was taken in the period before and comes back too late.
    let late = Mutex::new(Vec::<(u64, Taken<'_>)>::new());
    for period in 1..=PERIODS {
        let now = period * PERIOD;
        // Layer by layer, what was taken and not returned.
        let held: [AtomicU64; 4] = Default::default();
        let had = load.go(
            |_, chance| {
                let mut had = 0u64;
                let mut old = Vec::new();
                for _ in 0..each {
                    if had == 1 {
                        // The period has rolled by now: this changes nothing.
                        let mut late = late.lock().unwrap();
                        old.extend(late.extract_if(.., |(taken_in, _)| *taken_in < period));
                    }
                    if let Some((_, taken)) = old.pop() {
                        taken.give_back(&one);
                    }
                    let units = match chance.below(3) {
                        0 => one,
                        _ => GasUnits { compute: 0, ..one },
                    };
                    let Ok(taken) = gas.try_take(realm, &units, now + chance.below(PERIOD)) else { continue };
                    had += 1;
                    for layer in GasLayer::ALL {
                        held[layer as usize].fetch_add(units[layer], Ordering::Relaxed);
                    }
                    if chance.one_in(64)
                        && let Ok(mut late) = late.try_lock()
                    {
                        late.push((period, taken));
                    } else if chance.one_in(2) {
                        for layer in GasLayer::ALL {
                            held[layer as usize].fetch_sub(units[layer], Ordering::Relaxed);
                        }
                        taken.give_back(&units);
                    }
                }
                had
            },
            || (),
        );
        assert!(had.iter().sum::<u64>() > 0, "a period granted nothing");
        // Exactly what is left can still be had, of each layer by itself.
        for layer in GasLayer::ALL {
            let (limit, held) = (limits[layer as usize], held[layer as usize].load(Ordering::Relaxed));
            assert!(held <= limit, "more than the quota");
            let mut rest = GasUnits::ZERO;
            rest[layer] = limit - held;
            assert!(gas.try_take(realm, &rest, now).is_ok(), "units were lost");
            rest[layer] = 1;
            assert!(gas.try_take(realm, &rest, now).is_err(), "units were made");
        }
    }
    each * PERIODS * load.threads as u64
}

/// One account at one moment, so that nothing refills: spends and refunds come to what is left.
pub(crate) fn account(load: &Load) -> u64 {
    let rate = ManaRate::of_reliability(0.0);
    let account = ManaAccount::new();
    let now = 1_000_000_000;
    let spent = load.go(
        |_, chance| {
            let mut spent = 0u64;
            for _ in 0..load.each() {
                let m = chance.below(4);
                if chance.one_in(2) && spent >= m {
                    account.refund(&rate, m);
                    spent -= m;
                } else if account.try_spend(now, &rate, m).is_ok() {
                    spent += m;
                }
            }
            spent
        },
        || assert!(account.level(now, &rate) <= rate.capacity()),
    );
    let spent: u64 = spent.iter().sum();
    assert_eq!(account.level(now, &rate) + spent, rate.capacity(), "mana was lost or made");
    load.each() * load.threads as u64
}

/// A table of four accounts for eight identities: at one moment nobody has more than an account holds, remembered or not,
/// and once all are full again they are forgotten.
pub(crate) fn table(load: &Load) -> u64 {
    const DIDS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];
    const MOMENTS: u64 = 10;
    let rate = ManaRate::of_reliability(0.0);
    let table = ManaTable::with_cap(0, 4);
    let each = load.each() / MOMENTS;
    for moment in 1..=MOMENTS {
        // An empty account is full again after 100 s.
        let now = moment * 200_000_000_000;
        let spent = load.go(
            |_, chance| {
                let mut spent = [0u64; 8];
                for _ in 0..each {
                    let (did, m) = (chance.below(8) as usize, chance.below(4));
                    match chance.below(4) {
                        // All of what it has had goes back: the account may be forgotten.
                        0 => table.refund(DIDS[did], &rate, std::mem::take(&mut spent[did])),
                        1 => {
                            if let Ok(mut lease) = table.lease(DIDS[did], &rate, now, m) {
                                let part = lease.granted().min(1);
                                lease.spend(part);
                                spent[did] += part;
                            }
                        }
                        _ => spent[did] += m * u64::from(table.try_spend(DIDS[did], &rate, now, m).is_ok()),
                    }
                }
                spent
            },
            || {
                assert!(table.len() <= table.cap(), "more accounts than the cap");
                table.forget_full(now);
            },
        );
        for (did, name) in DIDS.iter().enumerate() {
            let spent: u64 = spent.iter().map(|spent| spent[did]).sum();
            assert_eq!(table.level(name, &rate, now) + spent, rate.capacity(), "mana was lost or made");
        }
    }
    for _ in 0..8 {
        table.forget_full((MOMENTS + 1) * 200_000_000_000);
    }
    assert_eq!(table.len(), 0, "a place was lost");
    each * MOMENTS * load.threads as u64
}
