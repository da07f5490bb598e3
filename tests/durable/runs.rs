//! Runs that are started with the library are in the durable log: each once, in order, with what it wrote.

use super::disk::Disk;
use super::{Scratch, on};
use eclvm::batch::{Batch, BatchOptions, StateBatchError, run_on_state, run_on_state_observed};
use eclvm::durable::{DurableStore, ErynoaHost, HostOptions, ReplayOptions};
use eclvm::kernel::budget::BudgetLimits;
use eclvm::kernel::effects::StoreValue;
use eclvm::kernel::limits::MAX_TYPE_DEPTH;
use eclvm::kernel::request::Request;
use eclvm::kernel::value::{Value, ValueRef};
use eclvm::observe::{EclvmObserver, EventLog, Observation, StateIntegrator};
use eclvm::run::{
    EclvmStateContext, PolicyRunContext, PolicyType, run_policy_with_state_context,
    run_policy_with_state_context_and,
};
use eclvm::state::{
    ApplyError, ChangeError, CommitResult, CommitSink, Journal, JournalEntry, JournalError, RealmRecord,
    StateEvent, UnifiedState, World, same_content,
};
use eclvm::{Policy, observe::EventDurability};
use std::io;
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::thread;
use std::time::Duration;

/// Longer than any test takes: nothing is written because time has passed.
const NEVER: Duration = Duration::from_secs(3_600);

fn never() -> HostOptions {
    HostOptions { events_durable_within: Some(NEVER), ..HostOptions::default() }
}

fn founded(host: ErynoaHost) -> ErynoaHost {
    let mut begin = host.state().begin();
    let lab = RealmRecord { id: "lab".into(), ..RealmRecord::default() };
    begin.push(StateEvent::RealmCreated(Arc::new(lab))).unwrap();
    assert!(host.state().commit(&begin).is_success());
    host
}

fn context(state: &Arc<UnifiedState>, id: &str) -> EclvmStateContext {
    let run = PolicyRunContext::new("did:x:a", "lab", BudgetLimits::default());
    EclvmStateContext::new(state, run.of_policy(id, PolicyType::Api))
}

/// Runs a policy of one number on it; its id says which run it was.
fn run(state: &Arc<UnifiedState>, policy: &Policy, id: &str, x: f64) {
    run_policy_with_state_context_and(policy, &[ValueRef::Number(x)], &context(state, id)).unwrap();
}

/// Ends in each of the four ways, by the number.
fn four_ways() -> Policy {
    Policy::compile(
        "policy p(x: number) { require x != 0; require x != 1 || 1 / (x - 1) > 0; while x == 2 { } }",
    )
    .unwrap()
}

fn id_of(event: &StateEvent) -> Option<&str> {
    match event {
        StateEvent::PolicyEvaluated { policy_id, .. } => policy_id.as_deref(),
        _ => None,
    }
}

fn logged(store: &DurableStore) -> Vec<StateEvent> {
    let log = store.log(0, usize::MAX).unwrap();
    assert!(log.iter().zip(0..).all(|(logged, number)| logged.number == number), "the log has no gaps");
    assert_eq!(log.len() as u64, store.log_len());
    log.into_iter().map(|logged| logged.event).collect()
}

#[test]
fn runs_on_a_durable_state_are_in_the_log_when_it_is_opened_again() {
    let scratch = Scratch::new();
    let (told, counted);
    {
        let host = founded(ErynoaHost::open_with(scratch.path(), never()).unwrap());
        let policy = four_ways();
        for n in 0..40 {
            run(host.state(), &policy, &format!("run {n}"), f64::from(n % 4));
        }
        assert_eq!(host.store().log_len(), 1, "no run has waited for the disk");
        told = host.state().event_log.events_since(0).events;
        counted = host.state().snapshot();
        // Dropped without more ado.
    }
    let host = ErynoaHost::open(scratch.path()).unwrap();
    let told: Vec<StateEvent> = told.into_iter().map(|logged| (*logged.event).clone()).collect();
    assert_eq!(logged(host.store()), told, "to the bit, and in the order in which they were told");
    assert_eq!(told.len(), 41);
    let replay = host.store().rebuild().unwrap();
    assert_eq!(replay.snapshot(), counted);
    assert_eq!(counted.eclvm.policies_executed, 40);
    for outcomes in [
        counted.eclvm.policies_passed,
        counted.eclvm.policies_denied,
        counted.eclvm.policies_faulted,
        counted.eclvm.policies_exhausted,
    ] {
        assert_eq!(outcomes, 10);
    }
}

#[test]
fn what_was_flushed_survives_the_loss_of_power() {
    let disk = Disk::new();
    let host = founded(on(&disk));
    let policy = four_ways();
    for n in 0..10 {
        run(host.state(), &policy, &format!("{n}"), 3.0);
    }
    host.flush().unwrap();
    assert_eq!(host.state().event_durability(), Some(EventDurability { durable: 11, waiting: 0, lost: 0 }));
    let left = disk.after_power_loss(|| 0);
    let (store, _) = DurableStore::with_backend(Disk::with(left)).unwrap();
    let ids: Vec<String> = logged(&store).iter().filter_map(id_of).map(str::to_owned).collect();
    assert_eq!(ids, (0..10).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[test]
fn a_commit_takes_the_runs_before_it_along() {
    let disk = Disk::new();
    let host = founded(ErynoaHost::with_options(DurableStore::with_backend(disk.clone()).unwrap(), never()));
    run(host.state(), &four_ways(), "before", 3.0);
    let mut commit = host.state().begin();
    let event = StateEvent::StoreWritten { realm_id: "lab".into(), key: "k".into(), value: None };
    commit.push(event.clone()).unwrap();
    assert!(host.state().commit(&commit).is_success());
    let log = logged(host.store());
    assert_eq!(log.len(), 3);
    assert_eq!(id_of(&log[1]), Some("before"));
    assert_eq!(log[2], event);
}

#[test]
fn a_run_is_durable_after_some_time_by_itself() {
    let within = Some(Duration::from_millis(1));
    let options = HostOptions { events_durable_within: within, ..HostOptions::default() };
    let host = founded(ErynoaHost::with_options(DurableStore::with_backend(Disk::new()).unwrap(), options));
    run(host.state(), &four_ways(), "alone", 3.0);
    for _ in 0..5_000 {
        if host.store().log_len() == 2 {
            return;
        }
        thread::sleep(Duration::from_millis(1));
    }
    panic!("five seconds are not enough for one event");
}

#[test]
fn events_are_kept_in_memory_only_where_that_is_asked_for() {
    let scratch = Scratch::new();
    let options = HostOptions { events_durable_within: None, ..HostOptions::default() };
    let host = founded(ErynoaHost::open_with(scratch.path(), options).unwrap());
    run(host.state(), &four_ways(), "gone", 3.0);
    host.flush().unwrap();
    assert_eq!(host.state().event_durability(), None);
    drop(host);
    assert_eq!(ErynoaHost::open(scratch.path()).unwrap().store().log_len(), 1);
}

/// Many threads against a ring of 4: whoever finds it full writes, or waits for who does.
#[test]
fn a_full_ring_makes_runs_wait_and_loses_none() {
    const THREADS: usize = 3;
    const EACH: usize = 300;
    let options = HostOptions { events_in_memory: 4, ..never() };
    let host = founded(ErynoaHost::with_options(DurableStore::with_backend(Disk::new()).unwrap(), options));
    let (readers, writers) = (four_ways(), Policy::compile("store_put(\"k\", 1)").unwrap());
    thread::scope(|scope| {
        for number in 0..THREADS {
            let (host, readers, writers) = (&host, &readers, &writers);
            scope.spawn(move || {
                for n in 0..EACH {
                    let id = format!("{number} {n}");
                    if n % 10 < 9 {
                        run(host.state(), readers, &id, 3.0);
                        continue;
                    }
                    // Commits in between, of which some conflict.
                    let context = context(host.state(), &id);
                    run_policy_with_state_context(writers, &context).unwrap();
                    let _ = context.commit();
                }
            });
        }
    });
    host.flush().unwrap();
    let durability = host.state().event_durability().unwrap();
    assert_eq!((durability.waiting, durability.lost), (0, 0));
    let log = logged(host.store());
    let ids: Vec<&str> = log.iter().filter_map(id_of).collect();
    assert_eq!(ids.len(), THREADS * EACH, "each once");
    for number in 0..THREADS {
        let of = format!("{number} ");
        let reads = |n: &usize| n % 10 < 9;
        let own: Vec<usize> = ids.iter().filter_map(|id| id.strip_prefix(&of)?.parse().ok()).collect();
        // Those that write stand where their commits do, or after these came to nothing.
        let in_order: Vec<usize> = own.iter().copied().filter(reads).collect();
        assert_eq!(in_order, (0..EACH).filter(reads).collect::<Vec<_>>(), "in order");
        let mut all = own;
        all.sort_unstable();
        assert_eq!(all, (0..EACH).collect::<Vec<_>>());
    }
    assert_eq!(host.store().rebuild().unwrap().snapshot(), host.state().snapshot());
}

#[test]
fn a_batch_that_is_larger_than_the_ring_is_in_the_log_in_index_order() {
    const REQUESTS: usize = 5_000;
    let options = HostOptions { events_in_memory: 64, ..never() };
    let host = founded(ErynoaHost::with_options(DurableStore::with_backend(Disk::new()).unwrap(), options));
    let policy = Policy::compile("policy p(x: number) { require x < 3; }").unwrap();
    let rows: Vec<[ValueRef<'_>; 1]> = (0..REQUESTS).map(|n| [ValueRef::Number((n % 7) as f64)]).collect();
    let requests: Vec<Request<'_>> = rows.iter().map(|row| Request::new(row)).collect();
    let observation = Observation {
        observer: Arc::new(StateIntegrator::new(host.state())),
        policy_id: Some("p".into()),
        policy_type: PolicyType::Api,
        realm_id: None,
    };
    let mut batch = Batch::new(&policy, BatchOptions::default()).unwrap().observed(observation);
    batch.run(requests.as_slice()).unwrap();
    host.flush().unwrap();
    let passed: Vec<bool> = logged(host.store())[1..]
        .iter()
        .map(|event| matches!(event, StateEvent::PolicyEvaluated { passed: true, .. }))
        .collect();
    assert_eq!(passed, (0..REQUESTS).map(|n| n % 7 < 3).collect::<Vec<_>>());
}

/// A journal that keeps what it is given, write by write.
#[derive(Default)]
struct Kept(Mutex<Vec<Vec<JournalEntry>>>);

impl Journal for Kept {
    fn append(&self, commits: &[JournalEntry]) -> Result<(), JournalError> {
        self.0.lock().unwrap().push(commits.to_vec());
        Ok(())
    }
}

fn kept() -> (Arc<UnifiedState>, Arc<Kept>) {
    let lab = RealmRecord { id: "lab".into(), ..RealmRecord::default() };
    let kept = Arc::new(Kept::default());
    let state = UnifiedState::with_world(World::new(Vec::new(), vec![lab]));
    (Arc::new(state.with_journal(kept.clone()).with_durable_events(NEVER)), kept)
}

/// What each write has: store writes as their keys, runs as their ids.
fn writes(kept: &Kept) -> Vec<Vec<String>> {
    let name = |event: &StateEvent| match event {
        StateEvent::StoreWritten { key, .. } => format!("put {key}"),
        other => id_of(other).unwrap().to_owned(),
    };
    let writes = kept.0.lock().unwrap();
    writes.iter().map(|group| group.iter().flat_map(|entry| &entry.events).map(name).collect()).collect()
}

#[test]
fn what_a_run_writes_and_its_event_are_one_write() {
    let (state, kept) = kept();
    let writer =
        Policy::compile("policy p(x: number) { store_put(\"a\", x); require x < 5; store_put(\"b\", x); }");
    let writer = writer.unwrap();
    let mut context = context(&state, "");
    for (id, x) in [("first", 1.0), ("denied", 9.0), ("second", 2.0)] {
        context.run.policy_id = Some(id.into());
        run_policy_with_state_context_and(&writer, &[ValueRef::Number(x)], &context).unwrap();
    }
    // All three have been told of; only the denied one, which wrote nothing, waits in the log.
    assert_eq!(state.event_log.next_seq(), 3);
    state.flush().unwrap();
    assert_eq!(writes(&kept), [["denied"]]);
    assert!(matches!(context.commit(), CommitResult::Success { events_applied: 4, .. }));
    assert_eq!(writes(&kept)[1], ["put a", "put b", "first", "put a", "put b", "second"]);
    // Counted and logged once: as they ended, and not again by the commit.
    assert_eq!(state.snapshot().eclvm.policies_executed, 3);
    assert_eq!(state.event_log.next_seq(), 3 + 4);
    state.flush().unwrap();
    assert_eq!(writes(&kept).len(), 2);
}

#[test]
fn what_a_batch_writes_and_its_events_are_one_write() {
    let (state, kept) = kept();
    let policy = Policy::compile("policy p(x: number) { if x < 2 { store_put(\"k\", x); } require x != 3; }");
    let rows: Vec<[ValueRef<'_>; 1]> = (0..4).map(|n| [ValueRef::Number(f64::from(n))]).collect();
    let requests: Vec<Request<'_>> =
        rows.iter().map(|row| Request { realm: ValueRef::Text("lab"), ..Request::new(row) }).collect();
    let observation = Observation {
        observer: Arc::new(StateIntegrator::new(&state)),
        policy_id: Some("p".into()),
        policy_type: PolicyType::Api,
        realm_id: None,
    };
    let options = BatchOptions { allow_writes: true, ..BatchOptions::default() };
    let requests = requests.as_slice();
    run_on_state_observed(&policy.unwrap(), &state, requests, &options, Some(&observation)).unwrap();
    state.flush().unwrap();
    assert_eq!(writes(&kept), [["put k", "p", "put k", "p", "p", "p"]]);
    let eclvm = state.snapshot().eclvm;
    assert_eq!((eclvm.policies_executed, eclvm.policies_denied), (4, 1));
    assert_eq!(state.event_log.next_seq(), 2 + 4);
}

#[test]
fn runs_of_a_transaction_that_comes_to_nothing_are_in_the_log_all_the_same() {
    let (state, kept) = kept();
    let writer = Policy::compile("store_put(\"k\", 1)").unwrap();
    let ran = |id: &str| {
        let context = context(&state, id);
        run_policy_with_state_context(&writer, &context).unwrap();
        context
    };
    ran("rolled back").rollback();
    drop(ran("dropped"));
    let (winner, loser) = (ran("winner"), ran("loser"));
    assert!(winner.commit().is_success());
    assert!(matches!(loser.commit(), CommitResult::Conflict { .. }));
    state.flush().unwrap();
    let writes: Vec<String> = writes(&kept).concat();
    assert_eq!(writes, ["rolled back", "dropped", "put k", "winner", "loser"]);
}

#[test]
fn a_sink_may_run_policies_also_where_the_log_is_full() {
    struct Runs(OnceLock<Weak<UnifiedState>>, Policy);
    impl CommitSink for Runs {
        fn committed(&self, _: u64, _: &[StateEvent]) {
            let state = self.0.get().unwrap().upgrade().unwrap();
            for n in 0..10 {
                run(&state, &self.1, &format!("in the sink {n}"), 3.0);
            }
            state.flush().unwrap();
        }
    }
    let sink = Arc::new(Runs(OnceLock::new(), four_ways()));
    let options = HostOptions { sink: Some(sink.clone()), events_in_memory: 4, ..never() };
    let host = ErynoaHost::with_options(DurableStore::with_backend(Disk::new()).unwrap(), options);
    sink.0.set(Arc::downgrade(host.state())).unwrap();
    let host = founded(host);
    assert_eq!(logged(host.store()).iter().filter_map(id_of).count(), 10);
    assert_eq!(host.state().event_durability(), Some(EventDurability { durable: 11, waiting: 0, lost: 0 }));
}

#[test]
fn a_commit_of_more_events_than_the_log_has_places_loses_no_run() {
    let options = HostOptions { events_in_memory: 4, ..never() };
    let host = founded(ErynoaHost::with_options(DurableStore::with_backend(Disk::new()).unwrap(), options));
    for id in ["one", "two"] {
        run(host.state(), &four_ways(), id, 3.0);
    }
    let mut commit = host.state().begin();
    for n in 0..50 {
        let key = format!("{n}").into();
        commit.push(StateEvent::StoreWritten { realm_id: "lab".into(), key, value: None }).unwrap();
    }
    assert!(host.state().commit(&commit).is_success());
    run(host.state(), &four_ways(), "three", 3.0);
    host.flush().unwrap();
    let log = logged(host.store());
    assert_eq!(log.len(), 1 + 2 + 50 + 1);
    assert_eq!(log.iter().filter_map(id_of).collect::<Vec<_>>(), ["one", "two", "three"]);
}

#[test]
fn where_the_disk_fails_runs_go_on_and_what_is_lost_is_counted() {
    let disk = Disk::new();
    let options = HostOptions { events_in_memory: 8, ..never() };
    let host = founded(ErynoaHost::with_options(DurableStore::with_backend(disk.clone()).unwrap(), options));
    disk.fail_flushes_after(0, io::ErrorKind::StorageFull);
    let policy = four_ways();
    for n in 0..100 {
        run(host.state(), &policy, &format!("{n}"), 3.0);
    }
    assert_eq!(host.flush(), Err(JournalError::Full));
    assert_eq!(host.state().journal_failed(), Some(JournalError::Full));
    assert_eq!(host.state().event_durability(), Some(EventDurability { durable: 1, waiting: 0, lost: 100 }));
    assert_eq!(host.state().snapshot().eclvm.policies_executed, 100);
}

#[test]
fn a_journal_that_panics_ends_no_run_and_no_drop() {
    struct Panics;
    impl Journal for Panics {
        fn append(&self, _: &[JournalEntry]) -> Result<(), JournalError> {
            panic!("a journal that panics")
        }
    }
    let state = UnifiedState::new().with_event_log(EventLog::new(4));
    let state = Arc::new(state.with_journal(Arc::new(Panics)).with_durable_events(NEVER));
    for n in 0..20 {
        run(&state, &four_ways(), &format!("{n}"), 3.0);
    }
    assert_eq!(state.flush(), Err(JournalError::Broken));
    assert_eq!(state.event_durability(), Some(EventDurability { durable: 0, waiting: 0, lost: 20 }));
    drop(state);
}

#[test]
fn a_state_with_another_log_goes_on_with_that_one() {
    let (_, kept) = kept();
    let state = UnifiedState::new().with_journal(kept.clone()).with_durable_events(NEVER);
    let state = Arc::new(state.with_event_log(EventLog::new(16)));
    run(&state, &four_ways(), "here", 3.0);
    drop(state);
    assert_eq!(writes(&kept).concat(), ["here"]);
}

#[test]
fn pruning_keeps_what_was_counted() {
    let scratch = Scratch::new();
    let host = founded(ErynoaHost::open_with(scratch.path(), never()).unwrap());
    let policy = four_ways();
    for round in 0..5 {
        for n in 0..40 {
            run(host.state(), &policy, &format!("{n}"), f64::from(n % 4));
        }
        host.flush().unwrap();
        let keep = eclvm::durable::Keep { events: round * 13, ..Default::default() };
        let pruned = host.store().prune(keep).unwrap();
        assert!(pruned.events > 0);
        let replay = host.store().rebuild().unwrap();
        assert_eq!(replay.snapshot(), host.state().snapshot(), "round {round}");
        assert_eq!(replay.next(), host.store().log_len());
        assert_eq!(replay.world().version(), host.state().view().version());
    }
}

#[test]
fn what_is_logged_beside_commits_changes_no_world() {
    struct Forwards(OnceLock<StateIntegrator>);
    impl CommitSink for Forwards {
        fn committed(&self, _: u64, events: &[StateEvent]) {
            if let Some(integrator) = self.0.get() {
                events.iter().for_each(|event| integrator.on_event(event));
            }
        }
    }
    let disk = Disk::new();
    let sink = Arc::new(Forwards(OnceLock::new()));
    let options = HostOptions { sink: Some(sink.clone()), ..never() };
    let host = ErynoaHost::with_options(DurableStore::with_backend(disk.clone()).unwrap(), options);
    let host = founded(host);
    assert!(sink.0.set(StateIntegrator::new(host.state())).is_ok());
    let put = |realm: &str, x: f64| StateEvent::StoreWritten {
        realm_id: realm.into(),
        key: "k".into(),
        value: Some(StoreValue::Number(x)),
    };
    host.state().event_log.log(put("nope", 7.0));
    for x in [1.0, 2.0] {
        let mut commit = host.state().begin();
        commit.push(put("lab", x)).unwrap();
        assert!(host.state().commit(&commit).is_success());
    }
    run(host.state(), &four_ways(), "after", 3.0);
    host.flush().unwrap();
    let (durability, world) = (host.state().event_durability(), host.latest().view().world().clone());
    assert_eq!(durability, Some(EventDurability { durable: 4, waiting: 0, lost: 3 }));
    drop(host);
    let (store, again) = DurableStore::with_backend(disk.clone()).unwrap();
    assert!(same_content(&again, &world));
    assert!(same_content(store.rebuild().unwrap().world(), &world));
    assert_eq!(store.replay(&ReplayOptions::default(), drop).unwrap().unrecorded, 1);
    assert_eq!(logged(&store).len(), 4);
}

#[test]
fn a_payload_nested_too_deep_is_refused_and_leaves_the_log_readable() {
    let nested = |depth: usize| StateEvent::UserEvent {
        realm_id: "lab".into(),
        name: "deep".into(),
        payload: (0..depth).fold(Value::Null, |inner, _| Value::Array(vec![inner].into())),
    };
    let deepest = usize::from(MAX_TYPE_DEPTH);
    let disk = Disk::new();
    let host = founded(ErynoaHost::with_options(DurableStore::with_backend(disk.clone()).unwrap(), never()));
    let mut commit = host.state().begin();
    assert_eq!(commit.push(nested(deepest + 1)), Err(ChangeError::Apply(ApplyError::OutOfRange)));
    commit.push(nested(deepest)).unwrap();
    assert!(host.state().commit(&commit).is_success());
    host.state().event_log.log(nested(deepest + 1));
    host.state().event_log.log(nested(deepest));
    host.flush().unwrap();
    assert_eq!(host.state().event_durability(), Some(EventDurability { durable: 3, waiting: 0, lost: 1 }));
    drop(host);
    let (store, _) = DurableStore::with_backend(disk.clone()).unwrap();
    assert_eq!(logged(&store)[1..], [nested(deepest), nested(deepest)]);
}

#[test]
fn a_flush_ends_also_where_more_is_released_with_every_write() {
    #[derive(Default)]
    struct Releases(Mutex<Vec<EclvmStateContext>>, Mutex<Vec<usize>>);
    impl Journal for Releases {
        fn append(&self, commits: &[JournalEntry]) -> Result<(), JournalError> {
            self.1.lock().unwrap().push(commits.iter().map(|entry| entry.events.len()).sum());
            drop(self.0.lock().unwrap().pop());
            Ok(())
        }
    }
    let lab = RealmRecord { id: "lab".into(), ..RealmRecord::default() };
    let journal = Arc::new(Releases::default());
    let state = UnifiedState::with_world(World::new(Vec::new(), vec![lab]));
    let state = Arc::new(state.with_journal(journal.clone()).with_durable_events(NEVER));
    let writer = Policy::compile("store_put(\"k\", 1)").unwrap();
    let mut held: Vec<EclvmStateContext> = Vec::new();
    for n in 0..50 {
        let context = context(&state, &format!("{n}"));
        run_policy_with_state_context(&writer, &context).unwrap();
        held.push(context);
    }
    drop(held.pop());
    *journal.0.lock().unwrap() = held;
    state.flush().unwrap();
    assert_eq!(*journal.1.lock().unwrap(), [1], "what came before it, and nothing else");
    let left = std::mem::take(&mut *journal.0.lock().unwrap());
    assert_eq!(left.len(), 48);
    drop(left);
    state.flush().unwrap();
    assert_eq!(*journal.1.lock().unwrap(), [1, 49]);
}

#[test]
fn a_sink_may_wait_for_a_run_of_another_thread_also_where_the_log_is_full() {
    struct Waits(OnceLock<Weak<UnifiedState>>, Policy);
    impl CommitSink for Waits {
        fn committed(&self, _: u64, _: &[StateEvent]) {
            let state = self.0.get().unwrap().upgrade().unwrap();
            thread::scope(|scope| {
                for other in 0..3 {
                    let state = &state;
                    scope.spawn(move || {
                        for n in 0..10 {
                            run(state, &self.1, &format!("{other} {n}"), 3.0);
                        }
                        state.flush().unwrap();
                    });
                }
            });
        }
    }
    let sink = Arc::new(Waits(OnceLock::new(), four_ways()));
    let options = HostOptions { sink: Some(sink.clone()), events_in_memory: 4, ..never() };
    let host = ErynoaHost::with_options(DurableStore::with_backend(Disk::new()).unwrap(), options);
    sink.0.set(Arc::downgrade(host.state())).unwrap();
    let (done, ends) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let host = founded(host);
        assert_eq!(logged(host.store()).iter().filter_map(id_of).count(), 30);
        assert_eq!(
            host.state().event_durability(),
            Some(EventDurability { durable: 31, waiting: 0, lost: 0 })
        );
        done.send(()).unwrap();
    });
    ends.recv_timeout(Duration::from_secs(60)).unwrap();
}

#[test]
fn a_batch_on_a_state_whose_disk_fails_says_why() {
    struct Fails;
    impl Journal for Fails {
        fn append(&self, _: &[JournalEntry]) -> Result<(), JournalError> {
            Err(JournalError::Full)
        }
    }
    let lab = RealmRecord { id: "lab".into(), ..RealmRecord::default() };
    let state = UnifiedState::with_world(World::new(Vec::new(), vec![lab])).with_journal(Arc::new(Fails));
    let policy = Policy::compile("store_put(\"k\", 1)").unwrap();
    let requests = [Request { realm: ValueRef::Text("lab"), ..Request::new(&[]) }];
    let options = BatchOptions { allow_writes: true, ..BatchOptions::default() };
    let done = run_on_state(&policy, &state, requests.as_slice(), &options);
    assert!(matches!(done, Err(StateBatchError::NotDurable(JournalError::Full))), "{done:?}");
}
