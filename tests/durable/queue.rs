//! The queue of commits: who is acknowledged when, and what readers see meanwhile.

use super::commit;
use eclvm::kernel::effects::StoreValue;
use eclvm::state::{
    CommitResult, CommitSink, Journal, JournalEntry, JournalError, RealmRecord, StateEvent, Transaction,
    UnifiedState, World,
};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A journal that says when it is asked, and answers when it is told.
struct Paced {
    asked: Sender<Vec<u64>>,
    answers: Mutex<Receiver<Result<(), JournalError>>>,
}

impl Journal for Paced {
    fn append(&self, commits: &[JournalEntry]) -> Result<(), JournalError> {
        self.asked.send(commits.iter().map(|commit| commit.version).collect()).unwrap();
        match self.answers.lock().unwrap().recv().unwrap() {
            Err(JournalError::Broken) => panic!("a journal that panics"),
            answer => answer,
        }
    }
}

#[derive(Default)]
struct Told(Mutex<Vec<u64>>);

impl CommitSink for Told {
    fn committed(&self, version: u64, _: &[StateEvent]) {
        self.0.lock().unwrap().push(version);
    }
}

type Paced3 = (Arc<UnifiedState>, Arc<Told>, Receiver<Vec<u64>>, Sender<Result<(), JournalError>>);

fn paced() -> Paced3 {
    let (asked, asks) = channel();
    let (answer, answers) = channel();
    let lab = RealmRecord { id: "lab".into(), ..RealmRecord::default() };
    let told = Arc::new(Told::default());
    let state = UnifiedState::with_world(World::new(Vec::new(), vec![lab]))
        .with_journal(Arc::new(Paced { asked, answers: Mutex::new(answers) }))
        .with_sink(told.clone());
    (Arc::new(state), told, asks, answer)
}

fn put(state: &UnifiedState, key: &str) -> Transaction {
    let mut transaction = state.begin();
    let (realm_id, key) = ("lab".into(), key.into());
    transaction
        .push(StateEvent::StoreWritten { realm_id, key, value: Some(StoreValue::Bool(true)) })
        .unwrap();
    transaction
}

#[test]
fn nobody_sees_a_commit_before_the_journal_has_answered() {
    let (state, told, asks, answer) = paced();
    let transaction = put(&state, "a");
    let committer = thread::spawn({
        let state = state.clone();
        move || commit(&state, &transaction)
    });
    assert_eq!(asks.recv().unwrap(), [2]);
    assert_eq!(state.view().version(), 1);
    assert!(told.0.lock().unwrap().is_empty());
    assert!(!committer.is_finished());
    assert!(!state.compact(), "it gives way");
    answer.send(Ok(())).unwrap();
    assert_eq!(committer.join().unwrap(), 2);
    assert_eq!(state.view().version(), 2);
    assert_eq!(*told.0.lock().unwrap(), [2]);
    assert!(state.compact());
}

#[test]
fn those_who_wait_at_the_same_time_share_one_write_and_are_told_in_order() {
    let (state, told, asks, answer) = paced();
    let first = put(&state, "first");
    let others: Vec<Transaction> = (0..6).map(|n| put(&state, &format!("other{n}"))).collect();
    let start = |transaction: Transaction| {
        let state = state.clone();
        thread::spawn(move || commit(&state, &transaction))
    };
    let first = start(first);
    assert_eq!(asks.recv().unwrap(), [2]);
    let others: Vec<_> = others.into_iter().map(start).collect();
    thread::sleep(Duration::from_millis(300));
    let mut written = vec![2];
    let mut writes = 1;
    answer.send(Ok(())).unwrap();
    while written.len() < 7 {
        let group = asks.recv().unwrap();
        answer.send(Ok(())).unwrap();
        written.extend(group);
        writes += 1;
    }
    first.join().unwrap();
    let mut versions: Vec<u64> = others.into_iter().map(|other| other.join().unwrap()).collect();
    versions.sort_unstable();
    assert_eq!(versions, [3, 4, 5, 6, 7, 8]);
    assert_eq!(written, [2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(*told.0.lock().unwrap(), [2, 3, 4, 5, 6, 7, 8]);
    assert!(writes < 7, "{writes} writes for 7 commits");
}

#[test]
fn first_come_first_served_also_before_it_is_durable() {
    let (state, _, asks, answer) = paced();
    let (mine, yours) = (put(&state, "a"), put(&state, "a"));
    let committer = thread::spawn({
        let state = state.clone();
        move || commit(&state, &mine)
    });
    asks.recv().unwrap();
    assert!(matches!(state.commit(&yours), CommitResult::Conflict { .. }));
    answer.send(Ok(())).unwrap();
    committer.join().unwrap();
}

#[test]
fn when_the_journal_fails_nobody_who_waits_is_acknowledged_and_later_ones_are_refused() {
    for broken in [false, true] {
        let (state, told, asks, answer) = paced();
        let start = |transaction: Transaction| {
            let state = state.clone();
            thread::spawn(move || state.commit(&transaction))
        };
        let first = start(put(&state, "a"));
        asks.recv().unwrap();
        let second = start(put(&state, "b"));
        thread::sleep(Duration::from_millis(100));
        let error = if broken { JournalError::Broken } else { JournalError::Full };
        answer.send(Err(error.clone())).unwrap();
        match first.join() {
            Ok(result) => assert_eq!(result, CommitResult::NotDurable(error.clone())),
            Err(_) => assert!(broken),
        }
        assert_eq!(second.join().unwrap(), CommitResult::NotDurable(error.clone()));
        assert_eq!(state.commit(&put(&state, "c")), CommitResult::NotDurable(error.clone()));
        assert_eq!(state.journal_failed(), Some(error));
        assert_eq!(state.view().version(), 1);
        assert!(told.0.lock().unwrap().is_empty());
    }
}

#[test]
fn a_sink_that_panics_is_told_of_the_whole_group_and_takes_nobody_with_it() {
    struct Panics(Mutex<Vec<u64>>);
    impl CommitSink for Panics {
        fn committed(&self, version: u64, _: &[StateEvent]) {
            self.0.lock().unwrap().push(version);
            panic!("a sink that panics");
        }
    }
    struct At;
    impl Journal for At {
        fn append(&self, _: &[JournalEntry]) -> Result<(), JournalError> {
            Ok(())
        }
    }
    let sink = Arc::new(Panics(Mutex::default()));
    let lab = RealmRecord { id: "lab".into(), ..RealmRecord::default() };
    let state = UnifiedState::with_world(World::new(Vec::new(), vec![lab]))
        .with_journal(Arc::new(At))
        .with_sink(sink.clone());
    let state = Arc::new(state);
    for n in 0..3 {
        let transaction = put(&state, &format!("{n}"));
        let state = state.clone();
        assert!(thread::spawn(move || state.commit(&transaction)).join().is_err());
    }
    assert_eq!(state.view().version(), 4, "what was written is true");
    assert_eq!(sink.0.lock().unwrap_or_else(|e| e.into_inner()).len(), 3);
}
