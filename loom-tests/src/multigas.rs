//! `MultiGas`: prices, quotas, the controller and the overflow bucket under races.

use crate::model::{Model, Twin};
use eclvm_kernel::gas::{GasUnits, Prices};
use eclvm_kernel::multigas::{Controller, MultiGas, PriceRule, RealmId, RealmQuota};
use loom::sync::Arc;
use loom::thread;
use std::num::NonZeroU64;

/// The models of this file.
pub(crate) const MODELS: &[Model] = &[
    Model {
        name: "multigas::price_table_never_torn",
        holds: "a reader sees the prices of one epoch, and that epoch",
        threads: 2,
        bound: None,
        long_bound: None,
        run: price_table_never_torn,
        twin: Twin::Without("table: look again", "torn"),
    },
    Model {
        name: "multigas::price_words_carry_their_change",
        holds: "a reader that meets a word of a later version notices",
        threads: 2,
        bound: None,
        long_bound: None,
        run: price_table_never_torn,
        twin: Twin::Without("table: words release", "torn"),
    },
    Model {
        name: "multigas::prices_are_there_with_their_epoch",
        holds: "whoever sees an epoch sees its prices",
        threads: 2,
        bound: None,
        long_bound: None,
        run: price_table_never_torn,
        twin: Twin::Without("table: publish", "torn"),
    },
    Model {
        name: "multigas::snapshot_cuts_prices_too",
        holds: "a record made under new prices is in no snapshot with the old ones",
        threads: 2,
        bound: None,
        long_bound: None,
        run: snapshot_cuts_prices_too,
        twin: Twin::Without("ledger: wait", "priced later"),
    },
    Model {
        name: "multigas::quota_never_overdrawn",
        holds: "of two takers who want more than the quota together, one gets it",
        threads: 2,
        bound: None,
        long_bound: None,
        run: quota_never_overdrawn,
        twin: Twin::Without("quota: swap what was seen", "overdrawn"),
    },
    Model {
        name: "multigas::quota_period_rolls_once",
        holds: "takers who cross the end of a period together share one new period",
        threads: 2,
        bound: None,
        long_bound: None,
        run: quota_period_rolls_once,
        twin: Twin::Without("quota: swap what was seen", "rolled twice"),
    },
    Model {
        name: "multigas::quota_all_layers_or_none",
        holds: "what a refused taker took of other layers is back",
        threads: 2,
        bound: None,
        long_bound: None,
        run: quota_all_layers_or_none,
        twin: Twin::Without("quota: all or none", "taken for nothing"),
    },
    Model {
        name: "multigas::late_refund_gives_no_credit",
        holds: "units of a period that is over do not come back into the next",
        threads: 2,
        bound: None,
        long_bound: None,
        run: late_refund_gives_no_credit,
        twin: Twin::Without("quota: only into their period", "credit"),
    },
    Model {
        name: "multigas::controller_ticks_once",
        holds: "prices move once a period, whoever calls",
        threads: 2,
        bound: None,
        long_bound: None,
        run: controller_ticks_once,
        twin: Twin::Without("multigas: once a period", "moved twice"),
    },
    Model {
        name: "multigas::overflow_bucket_drops_nothing",
        holds: "what a realm beyond the cap uses is counted, whatever snapshot comes between",
        threads: 2,
        bound: None,
        long_bound: None,
        run: overflow_bucket_drops_nothing,
        twin: Twin::Without("multigas: overflow is counted", "dropped"),
    },
];

fn compute(units: u64) -> GasUnits {
    GasUnits { compute: units, ..GasUnits::ZERO }
}

fn prices(n: u64) -> Prices {
    Prices(GasUnits { network: n, compute: n, storage: n, realm: n })
}

/// Epoch 0 has prices 1, epoch n prices n + 1.
fn price_table_never_torn() {
    let gas = Arc::new(MultiGas::new(0));
    let reader = {
        let gas = gas.clone();
        thread::spawn(move || {
            let (seen, epoch) = gas.prices();
            assert_eq!(seen, prices(epoch + 1), "torn");
        })
    };
    gas.set_prices(prices(2));
    gas.set_prices(prices(3));
    reader.join().unwrap();
    assert_eq!(gas.prices(), (prices(3), 2));
}

fn snapshot_cuts_prices_too() {
    let gas = Arc::new(MultiGas::new(0));
    let other = {
        let gas = gas.clone();
        thread::spawn(move || {
            gas.set_prices(prices(2));
            gas.record(0, RealmId::OVERFLOW, &compute(1), 1);
        })
    };
    let cut = gas.snapshot();
    assert_eq!(cut.process.mana, cut.process.gas.compute, "priced later");
    assert!(cut.process.runs <= cut.price_epoch, "priced later");
    other.join().unwrap();
    let end = gas.snapshot();
    assert_eq!((end.process.runs, end.process.mana, end.price_epoch), (1, 1, 1), "priced later");
}

/// Two takers of 2 units of a quota of 3, at these moments; periods have 4 ns.
fn take_twice(now: [u64; 2]) -> (Arc<MultiGas>, bool, bool) {
    let gas = Arc::new(MultiGas::new(0));
    let quota = RealmQuota { limits: [None, Some(3), None, None], period_ns: 4 };
    gas.set_quota(RealmId::OVERFLOW, &quota).unwrap();
    let other = {
        let gas = gas.clone();
        thread::spawn(move || gas.try_take(RealmId::OVERFLOW, &compute(2), now[1]).is_ok())
    };
    let here = gas.try_take(RealmId::OVERFLOW, &compute(2), now[0]).is_ok();
    let there = other.join().unwrap();
    (gas, here, there)
}

fn quota_never_overdrawn() {
    let (gas, here, there) = take_twice([0, 1]);
    assert!(here != there, "overdrawn");
    assert!(gas.try_take(RealmId::OVERFLOW, &compute(2), 3).is_err());
    assert!(gas.try_take(RealmId::OVERFLOW, &compute(1), 3).is_ok());
}

/// Both are in the second period, the first to come rolls it.
fn quota_period_rolls_once() {
    let (gas, here, there) = take_twice([4, 5]);
    assert!(here != there, "rolled twice");
    assert!(gas.try_take(RealmId::OVERFLOW, &compute(2), 7).is_err(), "rolled twice");
    assert!(gas.try_take(RealmId::OVERFLOW, &compute(3), 8).is_ok(), "the third period");
}

/// Network is there, Storage is not.
fn quota_all_layers_or_none() {
    let gas = Arc::new(MultiGas::new(0));
    let quota = RealmQuota { limits: [Some(2), None, Some(0), None], period_ns: 4 };
    gas.set_quota(RealmId::OVERFLOW, &quota).unwrap();
    let both = GasUnits { network: 1, storage: 1, ..GasUnits::ZERO };
    let other = {
        let gas = gas.clone();
        thread::spawn(move || gas.try_take(RealmId::OVERFLOW, &both, 0).is_ok())
    };
    assert!(gas.try_take(RealmId::OVERFLOW, &both, 0).is_err());
    assert!(!other.join().unwrap());
    let network = GasUnits { network: 2, ..GasUnits::ZERO };
    assert!(gas.try_take(RealmId::OVERFLOW, &network, 0).is_ok(), "taken for nothing");
}

fn late_refund_gives_no_credit() {
    let gas = Arc::new(MultiGas::new(0));
    let quota = RealmQuota { limits: [None, Some(3), None, None], period_ns: 4 };
    gas.set_quota(RealmId::OVERFLOW, &quota).unwrap();
    let other = {
        let gas = gas.clone();
        thread::spawn(move || {
            if let Ok(taken) = gas.try_take(RealmId::OVERFLOW, &compute(3), 3) {
                taken.give_back(&compute(3));
            }
        })
    };
    let here = gas.try_take(RealmId::OVERFLOW, &compute(3), 4).is_ok();
    other.join().unwrap();
    // Refused only while the other holds the new period's units, who came with an earlier time, and has then given back.
    if here {
        assert!(gas.try_take(RealmId::OVERFLOW, &compute(1), 5).is_err(), "credit");
    }
}

fn controller_ticks_once() {
    let gas = Arc::new(MultiGas::new(0));
    let rule = PriceRule { target: 0, step_per_mille: 1, floor: 0, ceiling: 9 };
    let period_ns = NonZeroU64::new(4).unwrap();
    gas.set_controller(Some(Controller { period_ns, rules: [None, Some(rule), None, None] }), 0);
    gas.record(0, RealmId::OVERFLOW, &compute(1), 0);
    let other = {
        let gas = gas.clone();
        thread::spawn(move || gas.tick(4).is_some())
    };
    let here = gas.tick(5).is_some();
    let there = other.join().unwrap();
    assert!(here != there, "moved twice");
    let (after, epoch) = gas.prices();
    assert_eq!((after.0.compute, epoch), (2, 1), "moved twice");
}

/// The only place is taken: what "b" uses goes to the bucket, while a snapshot is made and "a" uses more.
fn overflow_bucket_drops_nothing() {
    let gas = Arc::new(MultiGas::new(1));
    let a = gas.realm("a");
    let other = {
        let gas = gas.clone();
        thread::spawn(move || gas.record(1, gas.realm("b"), &compute(2), 0))
    };
    gas.snapshot();
    gas.record(0, a, &compute(1), 0);
    other.join().unwrap();
    let cut = gas.snapshot();
    assert_eq!(cut.process.gas.compute, 3, "dropped");
    let counted: Vec<u64> = cut.realms.iter().map(|realm| realm.gas.compute).collect();
    assert_eq!(counted, [2, 1], "dropped");
}
