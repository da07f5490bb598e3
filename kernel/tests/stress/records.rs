//! Counters whose snapshots are cuts: the ledger, totals of realms, telemetry.

use crate::crew::Load;
use eclvm_kernel::fault::{Exhaustion, Fault, Outcome};
use eclvm_kernel::gas::GasUnits;
use eclvm_kernel::ledger::Ledger;
use eclvm_kernel::multigas::{MultiGas, RealmId};
use eclvm_kernel::telemetry::{Run, Telemetry, Worker};

/// Records of two counters on different lines that a cut must not part.
pub(crate) fn ledger(load: &Load) -> u64 {
    const PAIRS: usize = 3;
    // Whoever waits is between the two as often as not.
    const BETWEEN: usize = 20;
    let ledger = Ledger::new(64);
    let mut last = [0; PAIRS];
    let added = load.go(
        |number, chance| {
            let mut added = [0; PAIRS];
            for _ in 0..load.each() {
                let (pair, n) = (chance.below(PAIRS as u64) as usize, chance.below(4));
                let mut adds = [(BETWEEN, 1); 8];
                (adds[0], adds[7]) = ((pair, n), (40 + pair, 2 * n));
                ledger.record(number, &adds).unwrap();
                added[pair] += n;
            }
            added
        },
        || {
            let cut = ledger.snapshot();
            for (pair, last) in last.iter_mut().enumerate() {
                assert_eq!(cut.get(pair) * 2, cut.get(40 + pair), "half a record in a cut");
                assert!(cut.get(pair) >= *last, "a counter went back");
                *last = cut.get(pair);
            }
        },
    );
    let end = ledger.snapshot();
    for pair in 0..PAIRS {
        assert_eq!(end.get(pair), added.iter().map(|added| added[pair]).sum::<u64>(), "a record was lost");
    }
    load.each() * load.threads as u64
}

/// Runs of eight realms where there is room for five: totals of each and of all, and what has no room of its own.
pub(crate) fn multigas(load: &Load) -> u64 {
    const NAMES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let units = |n: u64| GasUnits { network: n, compute: 2 * n, storage: 3 * n, realm: 1 };
    let gas = MultiGas::new(5);
    let counted = load.go(
        |number, chance| {
            let mut counted = [0u64; 6];
            let mut seen = [None; 8];
            for _ in 0..load.each() {
                let name = chance.below(8) as usize;
                let realm = gas.realm(NAMES[name]);
                assert_eq!(*seen[name].get_or_insert(realm), realm, "a realm has two numbers");
                assert!(
                    realm == RealmId::OVERFLOW || gas.realm_name(realm) == Some(NAMES[name]),
                    "another's name"
                );
                let n = 1 + chance.below(3);
                gas.record(number, realm, &units(n), n);
                counted[realm.index()] += n;
            }
            counted
        },
        || {
            let cut = gas.snapshot();
            let all = cut.realms.iter().fold((0, 0, 0), |all, realm| {
                assert_eq!(
                    realm.gas,
                    GasUnits { realm: realm.runs, ..units(realm.mana) },
                    "half a record in a cut"
                );
                (all.0 + realm.gas.network, all.1 + realm.mana, all.2 + realm.runs)
            });
            let process = cut.process;
            assert_eq!(
                all,
                (process.gas.network, process.mana, process.runs),
                "the realms are not the process"
            );
        },
    );
    let end = gas.snapshot();
    assert_eq!(end.realms.len(), 6);
    for (index, realm) in end.realms.iter().enumerate() {
        assert_eq!(
            realm.mana,
            counted.iter().map(|counted| counted[index]).sum::<u64>(),
            "a record was lost"
        );
    }
    assert_eq!(end.process.runs, load.each() * load.threads as u64);
    load.each() * load.threads as u64
}

/// Workers merged after any number of runs: a snapshot has whole chunks.
pub(crate) fn telemetry(load: &Load) -> u64 {
    let telemetry = Telemetry::new();
    let run = |n: u64| Run {
        outcome: match n % 4 {
            0 => Outcome::Allow,
            1 => Outcome::Deny,
            2 => Outcome::Fault(Fault::ALL[n as usize % Fault::ALL.len()]),
            _ => Outcome::Exhausted(Exhaustion::ALL[n as usize % Exhaustion::ALL.len()]),
        },
        gas: GasUnits { network: 1, compute: n, storage: 0, realm: 0 },
        cost: n,
        mana: 2 * n,
        duration_ns: n.is_multiple_of(2).then_some(n),
        policy_type: (n % 12) as u8,
    };
    let check = |executed: u64, sum: Option<u64>| {
        let cut = telemetry.snapshot();
        assert_eq!(cut.executed(), cut.gas.network, "outcomes and gas are of other runs");
        assert_eq!(
            (cut.gas.compute, 2 * cut.cost),
            (cut.cost, cut.mana),
            "gas, cost and mana are of other runs"
        );
        assert_eq!(cut.by_type.iter().sum::<u64>(), cut.executed(), "a run without a type");
        assert_eq!(cut.latency.as_ref().map_or(0, |all| all.len()), cut.samples, "times and samples differ");
        assert_eq!(cut.units.as_ref().map_or(0, |all| all.len()), cut.executed(), "units and runs differ");
        assert!(cut.cost >= executed && sum.is_none_or(|sum| sum == cut.cost), "a run was lost");
        cut.cost
    };
    let mut last = 0;
    let sums = load.go(
        |number, chance| {
            let mut worker = Worker::new(number);
            let mut sum = 0;
            let mut left = load.each();
            while left > 0 {
                let mut merging = telemetry.merging(&mut worker);
                for _ in 0..(1 + chance.below(400)).min(left) {
                    let n = chance.below(100);
                    merging.record(&run(n));
                    (sum, left) = (sum + n, left - 1);
                }
            }
            sum
        },
        || last = check(last, None),
    );
    check(last, Some(sums.iter().sum()));
    load.each() * load.threads as u64
}
