//! Random transactions on several threads over a small world, checked against a serial order: the order of their commits.
//! For each committed transaction every read is done again on the version just before its own, and must give what it gave
//! when the transaction ran; its changes, applied to that version, must give its own. So running them one after the other
//! is what happened. Balances add up to the same in every version.
//!
//! `cargo test --release --test state_histories -- --ignored` runs 100 000 of them; `ECLVM_HISTORIES` sets how many, and
//! `ECLVM_SEED` where they begin.
#![cfg(feature = "state-host")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use eclvm::kernel::effects::StoreValue;
use eclvm::kernel::value::TrustVector;
use eclvm::state::{
    CommitResult, CommitSink, IdentityRecord, RealmChange, RealmRecord, StateEvent, StateView, Tally,
    Transaction, TrustReason, UnifiedState, World, same_content,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Barrier, Mutex};
use std::thread;

struct Rng(u64);

impl Rng {
    fn new(seed: u64) -> Rng {
        Rng(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) % n
    }
}

const DIDS: [&str; 4] = ["did:x:a", "did:x:b", "did:x:c", "did:x:d"];
const REALMS: [&str; 2] = ["lab", "bar"];
const KEYS: [&str; 4] = ["p", "q", "r", "s"];
const SCHEMAS: [&str; 2] = ["kyc", "age"];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ask {
    Trust(&'static str),
    Balance(&'static str),
    Credential(&'static str, &'static str),
    Known(&'static str),
    Member(&'static str, &'static str),
    Members(&'static str),
    Mean,
    Store(&'static str, &'static str),
    Scan(&'static str),
    Tally(&'static str, &'static str),
}

#[derive(Clone, PartialEq, Debug)]
enum Answer {
    Trust(Option<TrustVector>),
    Balance(Option<i128>),
    Flag(Option<bool>),
    Count(Option<u64>),
    Mean(Option<u64>),
    Stored(Option<Option<StoreValue>>),
    All(Option<Vec<(Box<str>, StoreValue)>>),
    Tally(Option<Tally>),
}

fn ask(t: &mut Transaction, question: Ask) -> Answer {
    match question {
        Ask::Trust(did) => Answer::Trust(t.trust(did)),
        Ask::Balance(did) => Answer::Balance(t.balance(did)),
        Ask::Credential(did, schema) => Answer::Flag(Some(t.has_credential(did, schema))),
        Ask::Known(did) => Answer::Flag(Some(t.knows(did))),
        Ask::Member(realm, did) => Answer::Flag(t.is_member(realm, did)),
        Ask::Members(realm) => Answer::Count(t.member_count(realm)),
        Ask::Mean => Answer::Mean(t.mean_trust().map(f64::to_bits)),
        Ask::Store(realm, key) => Answer::Stored(t.store_get(realm, key)),
        Ask::Scan(realm) => Answer::All(t.store_scan(realm)),
        Ask::Tally(realm, key) => Answer::Tally(t.tally(realm, key)),
    }
}

fn some<T: Copy>(rng: &mut Rng, of: &[T]) -> T {
    of[rng.below(of.len() as u64) as usize]
}

fn question(rng: &mut Rng) -> Ask {
    match rng.below(14) {
        0 | 1 => Ask::Trust(some(rng, &DIDS)),
        2 | 3 => Ask::Balance(some(rng, &DIDS)),
        4 => Ask::Credential(some(rng, &DIDS), some(rng, &SCHEMAS)),
        5 => Ask::Known(some(rng, &DIDS)),
        6 => Ask::Member(some(rng, &REALMS), some(rng, &DIDS)),
        7 => Ask::Members(some(rng, &REALMS)),
        8 => Ask::Mean,
        9 => Ask::Scan(some(rng, &REALMS)),
        10 => Ask::Tally(some(rng, &REALMS), some(rng, &KEYS)),
        _ => Ask::Store(some(rng, &REALMS), some(rng, &KEYS)),
    }
}

/// A change that follows from what was read, so that a stale read shows.
fn change(rng: &mut Rng, t: &mut Transaction) -> Option<StateEvent> {
    let (did, realm, key) = (some(rng, &DIDS), some(rng, &REALMS), some(rng, &KEYS));
    let (realm_id, at): (Arc<str>, Arc<str>) = (realm.into(), key.into());
    Some(match rng.below(12) {
        0 | 1 => {
            let TrustVector(old) = t.trust(did)?;
            let new = TrustVector(old.map(|x| (x + 0.01).min(1.0)));
            StateEvent::TrustUpdate {
                did: did.into(),
                delta: 0.01,
                new,
                reason: TrustReason::EclPolicy,
                realm_id: None,
            }
        }
        2 | 3 => {
            let (to, amount) = (some(rng, &DIDS), 1 + rng.below(40));
            if t.balance(did)? < i128::from(amount) || t.balance(to).is_none() {
                return None;
            }
            StateEvent::Transferred { from: did.into(), to: to.into(), amount: amount.into() }
        }
        4 => StateEvent::StoreWritten { realm_id, key: at, value: None },
        5 => StateEvent::StoreWritten {
            realm_id,
            key: at,
            value: Some(StoreValue::Number(rng.below(9) as f64)),
        },
        6 | 7 => {
            let more = match t.store_get(realm, key)? {
                Some(StoreValue::Number(n)) => n + 1.0,
                _ => 0.0,
            };
            StateEvent::StoreWritten { realm_id, key: at, value: Some(StoreValue::Number(more)) }
        }
        8 => StateEvent::VoteCast { realm_id, proposal: at, voter: did.into(), yes: rng.below(2) == 0 },
        9 => {
            let member = !t.is_member(realm, did)?;
            StateEvent::RealmChanged { realm_id, change: RealmChange::Member { did: did.into(), member } }
        }
        10 => {
            let schema = some(rng, &SCHEMAS);
            let holds = !t.has_credential(did, schema);
            t.trust(did)?;
            StateEvent::CredentialChanged { did: did.into(), schema: schema.into(), holds }
        }
        _ if t.knows(did) => {
            StateEvent::UserEvent { realm_id, name: "e".into(), payload: eclvm::kernel::value::Value::Null }
        }
        _ => StateEvent::IdentityCreated(Arc::new(IdentityRecord::new(did))),
    })
}

/// One thing that a transaction did, in order.
enum Did {
    Read(Ask, Answer),
    Changed(StateEvent),
}

struct Committed {
    version: u64,
    changes: bool,
    steps: Vec<Did>,
}

#[derive(Default)]
struct Log(Mutex<Vec<(u64, Vec<StateEvent>)>>);

impl CommitSink for Log {
    fn committed(&self, version: u64, events: &[StateEvent]) {
        self.0.lock().unwrap().push((version, events.to_vec()));
    }
}

fn world() -> World {
    let record = |did: &str, balance| IdentityRecord { balance, ..IdentityRecord::new(did) };
    let realm = |id: &str| RealmRecord { id: id.into(), ..RealmRecord::default() };
    World::new(vec![record(DIDS[0], 100), record(DIDS[1], 100)], REALMS.map(realm).into())
}

fn transaction(rng: &mut Rng, state: &UnifiedState) -> (CommitResult, Vec<Did>) {
    let mut t = state.begin();
    let mut steps = Vec::new();
    for _ in 0..1 + rng.below(5) {
        if rng.below(2) == 0 {
            let asked = question(rng);
            steps.push(Did::Read(asked, ask(&mut t, asked)));
        } else if let Some(event) = change(rng, &mut t) {
            t.push(event.clone()).unwrap();
            steps.push(Did::Changed(event));
        }
        if rng.below(3) == 0 {
            thread::yield_now();
        }
    }
    (state.commit(&t), steps)
}

/// One history. Returns how many transactions committed and how many lost.
fn history(seed: u64) -> (usize, usize) {
    let mut rng = Rng::new(seed);
    let (threads, each, listens) = (2 + rng.below(2), 2 + rng.below(5), rng.below(2) == 0);
    let log = Arc::new(Log::default());
    let mut state = UnifiedState::with_world(world());
    if listens {
        state = state.with_sink(log.clone());
    }
    let first = state.view();
    let barrier = Barrier::new(threads as usize);
    let done: Mutex<Vec<Committed>> = Mutex::default();
    let lost: Mutex<usize> = Mutex::default();
    let views: Mutex<BTreeMap<u64, StateView>> = Mutex::default();
    thread::scope(|scope| {
        for n in 0..threads {
            let mut rng = Rng::new(seed ^ (n + 1) << 40);
            let (state, done, lost, views, barrier) = (&state, &done, &lost, &views, &barrier);
            scope.spawn(move || {
                barrier.wait();
                for _ in 0..each {
                    let (result, steps) = transaction(&mut rng, state);
                    match result {
                        CommitResult::Success { version, .. } => {
                            let changes = steps
                                .iter()
                                .any(|step| matches!(step, Did::Changed(event) if event.changes_world()));
                            done.lock().unwrap().push(Committed { version, changes, steps });
                        }
                        CommitResult::Conflict { keys } => {
                            assert!(!keys.is_empty());
                            *lost.lock().unwrap() += 1;
                        }
                        other => panic!("seed {seed}: {other:?}"),
                    }
                    let view = state.view();
                    views.lock().unwrap().insert(view.version(), view);
                }
            });
        }
    });
    let (mut done, lost) = (done.into_inner().unwrap(), lost.into_inner().unwrap());
    // Those that change nothing read the version that they name: after the one that made it.
    done.sort_by_key(|committed| (committed.version, !committed.changes));
    let mut now = Arc::clone(first.world());
    for committed in &done {
        let mut t = Transaction::new(now.clone());
        for step in &committed.steps {
            match step {
                Did::Read(asked, answer) => {
                    assert_eq!(
                        ask(&mut t, *asked),
                        *answer,
                        "seed {seed}: {asked:?} before {}",
                        committed.version
                    )
                }
                Did::Changed(event) => t.push(event.clone()).unwrap(),
            }
        }
        if committed.changes {
            now = Arc::new(now.after(t.events()).unwrap());
            let total: i128 = DIDS.iter().filter_map(|did| now.balance(did)).sum();
            assert_eq!(total, 200, "seed {seed}");
        }
        assert_eq!(now.version(), committed.version, "seed {seed}: versions without gaps");
        if let Some(view) = views.lock().unwrap().get(&now.version()) {
            assert!(same_content(view, &now), "seed {seed}: version {}", now.version());
        }
    }
    assert!(same_content(&now, &state.view()), "seed {seed}");
    if listens {
        let log = log.0.lock().unwrap();
        assert!(log.iter().map(|(version, _)| version).is_sorted(), "seed {seed}");
        let replayed =
            log.iter().fold(World::clone(first.world()), |w, (_, events)| w.after(events).unwrap());
        assert!(same_content(&replayed, &now), "seed {seed}");
    }
    (done.len(), lost)
}

fn histories(from: u64, n: u64) {
    let (mut committed, mut lost) = (0, 0);
    for seed in from..from + n {
        let (c, l) = history(seed);
        committed += c;
        lost += l;
    }
    println!("{n} histories from {from}: {committed} transactions committed, {lost} lost");
    assert!(committed > 0);
    assert!(n < 100 || lost > 0, "threads must meet");
}

#[test]
fn some_hundred_histories_are_serial() {
    histories(1, 400);
}

#[test]
#[ignore = "minutes; run it by name"]
fn very_many_histories_are_serial() {
    let set =
        |name: &str, default: u64| std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(default);
    histories(set("ECLVM_SEED", 1_000_000), set("ECLVM_HISTORIES", 100_000));
}
