//! Recorded runs are decided again to the bit, whatever became of the world since; pruned logs and damaged records say so.

use super::disk::Disk;
use super::history::Rng;
use super::{Scratch, commit, on};
use eclvm::Policy;
use eclvm::durable::{DurableStore, ErynoaHost, Keep, ReplayOptions, ReplayTotals, StoreError};
use eclvm::host::StateHost;
use eclvm::kernel::budget::{Budget, BudgetLimits};
use eclvm::kernel::fault::{Exhaustion, Fault, Outcome};
use eclvm::kernel::gas::{GasUnits, Prices};
use eclvm::kernel::request::{Env, Request};
use eclvm::kernel::value::{Did, TrustVector, ValueRef};
use eclvm::kernel::vm::Vm;
use eclvm::run::PolicyType;
use eclvm::state::{
    IdentityRecord, RealmRecord, RecordedPolicy, RunRecord, SharedLeft, StateEvent, Transaction, World,
    same_content,
};
use redb::{Database, TableDefinition};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// One policy for all outcomes: it reads and writes the world, logs, faults, denies, and can be starved.
const POLICY: &str = "policy mixed(x: number, who: did?, notes: [string], t: trust?) {
    require x < 90, \"too much\";
    let seen = store_get_number(\"seen\") ?? 0;
    log(\"seen before\");
    require 100 / (x - 7) < 1000;
    require trust_norm(load_trust(who ?? caller)) >= 0.05 || seen < 3;
    for note in notes { log(note); }
    store_put(\"seen\", seen + x);
    if x > 40 { update_trust(caller, 0.01); emit \"big\", x; }
}";

struct Recorder {
    policy: Policy,
    recorded: Arc<RecordedPolicy>,
    outcomes: BTreeSet<&'static str>,
    runs: u64,
}

impl Recorder {
    fn new(source: &str) -> Recorder {
        let policy = Policy::compile(source).unwrap();
        let recorded = Arc::new(RecordedPolicy::new(policy.executable()));
        Recorder { policy, recorded, outcomes: BTreeSet::new(), runs: 0 }
    }
    /// Runs a random request on the transaction's draft, and takes it in.
    fn run(&mut self, rng: &mut Rng, transaction: &mut Transaction) {
        let vector = TrustVector([0.5; 6]);
        let notes = [ValueRef::Text("n\u{1F600}"), ValueRef::Text("")];
        let inputs = [
            match rng.below(12) {
                0 => ValueRef::Missing,
                1 => ValueRef::Invalid(Fault::TypeMismatch),
                2 => ValueRef::Number(7.0),
                _ => ValueRef::Number(rng.below(120) as f64),
            },
            if rng.below(2) == 0 { ValueRef::Null } else { ValueRef::Did(Did::new("did:x:3").unwrap()) },
            ValueRef::Array(&notes[..rng.below(3) as usize]),
            if rng.below(2) == 0 { ValueRef::Missing } else { ValueRef::Trust(&vector) },
        ];
        let request = Request {
            caller: ValueRef::Did(Did::new("did:x:1").unwrap()),
            realm: ValueRef::Text(if rng.below(9) == 0 { "nowhere" } else { "realm0" }),
            unknown_keys: rng.below(20) == 0,
            ..Request::new(&inputs)
        };
        let limits = BudgetLimits {
            gas_limit: if rng.below(5) == 0 { rng.below(80) } else { 10_000 },
            ..BudgetLimits::default()
        };
        let prices = Prices(GasUnits { network: 1 + rng.below(3), compute: 1, storage: 2, realm: 1 });
        let shared = (rng.below(3) == 0).then(|| SharedLeft {
            gas: rng.below(100),
            mana: 100,
            exhausted: (rng.below(4) == 0).then_some(Exhaustion::OutOfMana),
        });
        let budget: Option<Budget> = shared.map(SharedLeft::budget);
        let host = StateHost::new(Arc::new(
            World::clone(transaction.draft()).with_version(transaction.base().version()),
        ));
        let (allow_writes, now) = (rng.below(10) > 0, rng.below(1_000) as f64);
        let env = Env {
            host: Some(&host),
            allow_writes,
            now,
            limits,
            prices,
            shared: budget.as_ref(),
            ..Env::default()
        };
        let receipt = Vm::new().run(self.policy.executable(), &request, &env);
        self.outcomes.insert(receipt.outcome.name());
        self.runs += 1;
        let record = RunRecord::new(&self.recorded, &request, now, &receipt);
        let record = RunRecord { limits, prices, allow_writes, shared, ..record };
        let event = evaluated(self.policy.name(), receipt.outcome);
        transaction.push_run(&"realm0".into(), receipt.effects(), event, Some(record)).unwrap();
    }
}

fn evaluated(policy: &str, outcome: Outcome) -> StateEvent {
    StateEvent::PolicyEvaluated {
        policy_id: Some(policy.into()),
        realm_id: None,
        passed: outcome == Outcome::Allow,
        policy_type: PolicyType::Custom,
        gas_used: 0,
        mana_used: 0,
        duration_us: 0.0,
        outcome,
    }
}

fn begin(host: &ErynoaHost) {
    let mut begin = host.state().begin();
    let realm = RealmRecord { id: "realm0".into(), ..RealmRecord::default() };
    begin.push(StateEvent::RealmCreated(Arc::new(realm))).unwrap();
    let caller = IdentityRecord { trust: TrustVector([0.4; 6]), ..IdentityRecord::new("did:x:1") };
    begin.push(StateEvent::IdentityCreated(Arc::new(caller))).unwrap();
    commit(host.state(), &begin);
}

/// A history of commits with and without runs; runs among other changes of their commit, some on an older version.
fn history(host: &ErynoaHost, rng: &mut Rng, recorder: &mut Recorder) {
    begin(host);
    let mut older: Option<Transaction> = None;
    for _ in 0..30 {
        if rng.below(4) == 0 {
            let transaction = rng.transaction(host.state());
            commit(host.state(), &transaction);
        }
        let mut transaction = host.state().begin();
        for _ in 0..rng.below(6) {
            recorder.run(rng, &mut transaction);
            if rng.below(3) == 0 {
                let event = rng.event();
                let _ = transaction.push(event);
            }
        }
        // One that read a version before the last, and does not write.
        if let Some(older) = older.take() {
            assert!(host.state().commit(&older).is_success());
        }
        if rng.below(3) == 0 {
            let mut late = host.state().begin();
            let outcome = Outcome::Deny;
            let request = Request::new(&[]);
            let policy = Policy::compile("policy late { require trust_threshold() > 90; }").unwrap();
            let request = Request { realm: ValueRef::Text("realm0"), ..request };
            let host = StateHost::new(late.base().clone());
            let receipt = Vm::new().run(
                policy.executable(),
                &request,
                &Env { host: Some(&host), allow_writes: true, ..Env::default() },
            );
            assert_eq!(receipt.outcome, outcome);
            let recorded = Arc::new(RecordedPolicy::new(policy.executable()));
            let record = RunRecord::new(&recorded, &request, 0.0, &receipt);
            late.push_run(&"".into(), &[], evaluated("late", outcome), Some(record)).unwrap();
            recorder.runs += 1;
            older = Some(late);
        }
        if !transaction.events().is_empty() {
            commit(host.state(), &transaction);
        }
    }
    if let Some(older) = older {
        assert!(host.state().commit(&older).is_success());
    }
}

fn replay(store: &DurableStore) -> (ReplayTotals, Vec<u64>) {
    let mut numbers = Vec::new();
    let totals = store
        .replay(&ReplayOptions::default(), |run| {
            assert!(run.same, "event {}: {:?} became {:?}", run.number, run.record, run.receipt);
            numbers.push(run.number);
        })
        .unwrap();
    (totals, numbers)
}

#[test]
fn plan_e6_2_recorded_runs_are_decided_again_to_the_bit() {
    let mut outcomes = BTreeSet::new();
    for seed in 1..=25 {
        let disk = Disk::new();
        let mut rng = Rng(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed));
        let mut recorder = Recorder::new(POLICY);
        history(&on(&disk), &mut rng, &mut recorder);
        let again = on(&disk);
        let (totals, numbers) = replay(again.store());
        assert_eq!(
            (totals.decided, totals.same, totals.flips),
            (recorder.runs, recorder.runs, 0),
            "seed {seed}"
        );
        assert_eq!((totals.pruned, totals.timed), (0, 0));
        assert!(numbers.is_sorted());
        outcomes.extend(recorder.outcomes);
    }
    assert_eq!(outcomes.len(), 4, "{outcomes:?}");
}

/// Were a record or its world another one, the receipt would be too: the comparison can fail.
#[test]
fn another_time_or_another_policy_is_told_apart() {
    let disk = Disk::new();
    let host = on(&disk);
    begin(&host);
    let mut recorder =
        Recorder::new("policy p(x: number) { require now < 500, \"late\"; store_put(\"x\", x); }");
    let mut transaction = host.state().begin();
    let inputs = [ValueRef::Number(3.0)];
    let request = Request { realm: ValueRef::Text("realm0"), ..Request::new(&inputs) };
    let state = StateHost::new(transaction.base().clone());
    let env = Env { host: Some(&state), allow_writes: true, now: 100.0, ..Env::default() };
    let receipt = Vm::new().run(recorder.policy.executable(), &request, &env);
    let record = RunRecord::new(&recorder.recorded, &request, 100.0, &receipt);
    let event = evaluated("p", receipt.outcome);
    transaction.push_run(&"realm0".into(), receipt.effects(), event, Some(record)).unwrap();
    commit(host.state(), &transaction);
    recorder.runs += 1;

    let totals = |options: &ReplayOptions<'_>| {
        let mut found = Vec::new();
        let totals = host.store().replay(options, |run| found.push(run)).unwrap();
        (totals.decided, totals.same, totals.flips, found)
    };
    let (decided, same, flips, _) = totals(&ReplayOptions::default());
    assert_eq!((decided, same, flips), (1, 1, 0));
    let later = ReplayOptions { now: Some(600.0), ..ReplayOptions::default() };
    let (decided, same, flips, found) = totals(&later);
    assert_eq!((decided, same, flips), (1, 0, 1));
    assert_eq!(found[0].receipt.outcome, Outcome::Deny);
    // Inputs go by name; one that the run did not have is missing.
    for (source, outcome) in [
        ("policy p(y: number?, x: number) { require x == 3 && y == null; }", Outcome::Allow),
        ("policy p(y: number, x: number) { require x == y; }", Outcome::Fault(Fault::MissingInput)),
        ("policy p(x: string) { require x == \"3\"; }", Outcome::Fault(Fault::TypeMismatch)),
        // Allowed, but it writes something else.
        ("policy p(x: number) { store_put(\"x\", x + 1); }", Outcome::Allow),
    ] {
        let policy = Policy::compile(source).unwrap();
        let options = ReplayOptions { policy: Some(&policy), ..ReplayOptions::default() };
        let (decided, same, flips, found) = totals(&options);
        assert_eq!(found[0].receipt.outcome, outcome, "{source}");
        assert_eq!((decided, same), (1, 0), "{source}");
        assert_eq!(flips, u64::from(outcome != Outcome::Allow), "{source}");
    }
    let nobody = ReplayOptions { of: Some("q"), ..ReplayOptions::default() };
    assert_eq!(totals(&nobody).0, 0);
}

#[test]
fn a_pruned_log_keeps_the_world_its_numbers_and_what_can_still_be_decided() {
    for seed in 1..=12 {
        let disk = Disk::new();
        let mut rng = Rng(0xD134_2543_DE82_EF95_u64.wrapping_mul(seed));
        let mut recorder = Recorder::new(POLICY);
        let host = on(&disk);
        history(&host, &mut rng, &mut recorder);
        let (before, all) = replay(host.store());
        let next = host.store().log_len();
        let keep = rng.below(next + 2);
        let pruned = host.store().prune(Keep { events: keep, ..Keep::default() }).unwrap();
        let first = host.store().log_first().unwrap();
        assert_eq!((pruned.events, pruned.first), (first, first), "seed {seed}");
        assert!(next - first <= keep);
        assert_eq!(pruned.runs, all.iter().filter(|number| **number < first).count() as u64);
        if first > 0 {
            assert_eq!(host.store().log(0, 1), Err(StoreError::Pruned { first }));
        }
        assert_eq!(host.store().log(first, usize::MAX).unwrap().len() as u64, next - first);
        // Pruned again it loses nothing, and a commit after it goes on with the numbers.
        assert_eq!(host.store().prune(Keep { events: keep, ..Keep::default() }).unwrap().events, 0);
        let transaction = rng.transaction(host.state());
        commit(host.state(), &transaction);
        let expected = host.state().view();
        drop(host);

        let again = on(&disk);
        assert!(same_content(again.view().world(), expected.world()), "seed {seed}");
        assert_eq!(again.store().log_len(), next + transaction.events().len() as u64);
        let (after, left) = replay(again.store());
        // What is not decided is counted.
        assert_eq!(after.decided + after.pruned + pruned.runs, before.decided, "seed {seed}");
        assert!(left.iter().all(|number| *number >= first));
    }
}

#[test]
fn a_log_is_pruned_by_bytes_and_gives_its_room_back() {
    let scratch = Scratch::new();
    let host = ErynoaHost::open(scratch.path()).unwrap();
    let mut recorder = Recorder::new(POLICY);
    let mut rng = Rng(4);
    begin(&host);
    for _ in 0..40 {
        let mut transaction = host.state().begin();
        (0..50).for_each(|_| recorder.run(&mut rng, &mut transaction));
        commit(host.state(), &transaction);
    }
    drop(host);
    let (mut store, world) = DurableStore::open_existing(scratch.path()).unwrap();
    let size = || std::fs::metadata(scratch.path().join("state.redb")).unwrap().len();
    let before = size();
    let pruned = store.prune(Keep { bytes: 40_000, ..Keep::default() }).unwrap();
    assert!(pruned.runs > 1_000 && pruned.first < store.log_len(), "{pruned:?}");
    store.compact().unwrap();
    assert!(size() < before, "{} of {before}", size());
    drop(store);
    let (store, again) = DurableStore::open_existing(scratch.path()).unwrap();
    assert!(same_content(&world, &again));
    assert!(replay(&store).0.decided > 0);
}

#[test]
fn records_that_are_damaged_or_gone_are_an_error() {
    const RUNS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("runs");
    const PROGRAMS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("programs");
    let scratch = Scratch::new();
    let path = scratch.path().join("state.redb");
    let host = ErynoaHost::open(scratch.path()).unwrap();
    let mut recorder = Recorder::new(POLICY);
    begin(&host);
    let mut transaction = host.state().begin();
    recorder.run(&mut Rng(8), &mut transaction);
    commit(host.state(), &transaction);
    drop(host);
    let replayed = || {
        let (store, _) = DurableStore::open_existing(scratch.path()).unwrap();
        store.replay(&ReplayOptions::default(), |run| assert!(run.same || run.number > 0))
    };
    assert_eq!(replayed().unwrap().same, 1);
    let change = |work: &dyn Fn(&redb::WriteTransaction)| {
        let file = Database::open(&path).unwrap();
        let transaction = file.begin_write().unwrap();
        work(&transaction);
        transaction.commit().unwrap();
    };
    let (number, row) = {
        let file = Database::open(&path).unwrap();
        let runs = file.begin_read().unwrap().open_table(RUNS).unwrap();
        let (number, row) = redb::ReadableTable::last(&runs).unwrap().unwrap();
        (number.value(), row.value().to_vec())
    };
    let put = |row: &[u8]| change(&|t| drop(t.open_table(RUNS).unwrap().insert(number, row).unwrap()));
    // Cut short anywhere, or with something behind it.
    for len in (0..row.len()).step_by(9) {
        put(&row[..len]);
        assert!(matches!(replayed(), Err(StoreError::Damaged(_))), "{len} bytes");
    }
    put(&[&row[..], &[0]].concat());
    assert!(matches!(replayed(), Err(StoreError::Damaged(_))));
    // Any changed byte is an error or a run that is decided; nothing panics.
    for at in (0..row.len()).step_by(3) {
        let mut changed = row.clone();
        changed[at] ^= 0x41;
        put(&changed);
        match replayed() {
            Ok(_) | Err(StoreError::Damaged(_)) => {}
            Err(other) => panic!("byte {at}: {other:?}"),
        }
    }
    put(&row);
    assert_eq!(replayed().unwrap().same, 1);
    // The policy is another one than its hash says, is no policy, is gone.
    let other = RecordedPolicy::new(Policy::compile("policy mixed { require true; }").unwrap().executable());
    let hash = recorder.recorded.hash;
    let program = |bytes: &[u8]| {
        change(&|t| drop(t.open_table(PROGRAMS).unwrap().insert(hash.as_slice(), bytes).unwrap()));
    };
    for bytes in [&*other.bytecode, b"no bytecode"] {
        program(bytes);
        assert!(matches!(replayed(), Err(StoreError::Damaged(_))));
    }
    change(&|t| drop(t.open_table(PROGRAMS).unwrap().remove(hash.as_slice()).unwrap()));
    assert!(matches!(replayed(), Err(StoreError::Damaged(_))));
}

#[test]
fn a_panic_of_the_caller_is_not_taken_for_damage() {
    let disk = Disk::new();
    history(&on(&disk), &mut Rng(7), &mut Recorder::new(POLICY));
    let again = on(&disk);
    let mut told = 0;
    let ended = catch_unwind(AssertUnwindSafe(|| {
        again.store().replay(&ReplayOptions::default(), |_| {
            told += 1;
            panic!("the caller's own");
        })
    }));
    assert_eq!(ended.unwrap_err().downcast_ref(), Some(&"the caller's own"));
    assert_eq!(told, 1);
}
