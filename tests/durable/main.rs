//! The durable store keeps what it acknowledges, whatever becomes of the disk.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod disk;
mod history;
mod opening;
mod queue;
mod replay;
mod runs;

use disk::Disk;
use eclvm::durable::{DurableStore, ErynoaHost};
use eclvm::host::StateHost;
use eclvm::kernel::host::HostInterface;
use eclvm::state::{CommitResult, JournalError, StateEvent, Transaction, UnifiedState, World, same_content};
use history::Rng;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A directory that goes with its scope.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Scratch {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        Scratch(std::env::temp_dir().join(format!("eclvm-durable-{}-{number}", std::process::id())))
    }
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn on(disk: &Disk) -> ErynoaHost {
    ErynoaHost::new(DurableStore::with_backend(disk.clone()).unwrap(), None)
}

/// The world that the log rebuilds, commit by commit.
fn replayed(store: &DurableStore) -> World {
    let log = store.log(0, usize::MAX).unwrap();
    assert_eq!(log.len() as u64, store.log_len());
    let mut world = World::default();
    let mut events: Vec<StateEvent> = Vec::new();
    for (at, logged) in log.iter().enumerate() {
        assert_eq!(logged.number, at as u64, "the log has no gaps");
        events.push(logged.event.clone());
        if log.get(at + 1).is_none_or(|next| next.version != logged.version) {
            world = world.after(&events).unwrap();
            assert_eq!(world.version(), logged.version, "the log is in step with the world");
            events.clear();
        }
    }
    world
}

/// A store opened again holds this world, and its log rebuilds it.
fn check_same(again: &ErynoaHost, expected: &World) {
    assert_eq!(again.view().version(), expected.version());
    assert!(same_content(again.view().world(), expected));
    assert!(same_content(&replayed(again.store()), expected));
}

fn commit(state: &UnifiedState, transaction: &Transaction) -> u64 {
    match state.commit(transaction) {
        CommitResult::Success { version, .. } => version,
        other => panic!("{other:?}"),
    }
}

#[test]
fn plan_e3_6_erynoa_host_opens_with_one_call_starts_empty_and_keeps_what_it_acknowledged() {
    let scratch = Scratch::new();
    let mut rng = Rng(7);
    let mut expected = World::default();
    for _ in 0..4 {
        let host = ErynoaHost::open(scratch.path()).unwrap();
        check_same(&host, &expected);
        for _ in 0..10 {
            let transaction = rng.transaction(host.state());
            commit(host.state(), &transaction);
        }
        expected = World::clone(host.state().view().world());
    }
    check_same(&ErynoaHost::open(scratch.path()).unwrap(), &expected);
}

#[test]
fn everything_that_a_world_can_hold_is_there_again_after_any_history() {
    for seed in 1..=20 {
        let disk = Disk::new();
        let mut rng = Rng(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed));
        for _ in 0..3 {
            let host = on(&disk);
            for _ in 0..20 {
                let transaction = rng.transaction(host.state());
                commit(host.state(), &transaction);
            }
            let expected = host.state().view();
            drop(host);
            check_same(&on(&disk), expected.world());
        }
    }
}

#[test]
fn erynoa_host_answers_as_state_host_does() {
    let host = on(&Disk::new());
    let mut rng = Rng(99);
    for _ in 0..60 {
        let transaction = rng.transaction(host.state());
        commit(host.state(), &transaction);
    }
    let (host, plain) = (host.latest(), StateHost::from(host.state().view()));
    assert_eq!(host.version(), plain.version());
    let dids: Vec<String> = (0..14).map(|n| format!("did:x:{n}")).collect();
    for did in &dids {
        assert_eq!(host.trust(did), plain.trust(did));
        assert_eq!(host.balance(did), plain.balance(did));
        assert_eq!(host.resolve_did(did), plain.resolve_did(did));
        assert_eq!(host.has_credential(did, "kyc"), plain.has_credential(did, "kyc"));
        for realm in ["realm0", "realm1", "no such realm"] {
            assert_eq!(host.is_member(realm, did), plain.is_member(realm, did));
            assert_eq!(host.realm(realm), plain.realm(realm));
        }
    }
    assert_eq!(host.mean_trust(&[]), plain.mean_trust(&[]));
}

#[test]
fn a_full_disk_is_an_error_and_everything_acknowledged_is_there_when_it_is_opened_again() {
    let disk = Disk::new();
    let host = on(&disk);
    disk.set_capacity(disk.len());
    let mut rng = Rng(3);
    let mut acknowledged = host.state().view();
    let failed = loop {
        let mut transaction = rng.transaction(host.state());
        let text = "x".repeat(60_000);
        let event = StateEvent::UserEvent {
            realm_id: "r".into(),
            name: "large".into(),
            payload: eclvm::kernel::value::Value::Text(text.into()),
        };
        transaction.push(event).unwrap();
        match host.state().commit(&transaction) {
            CommitResult::Success { .. } => acknowledged = host.state().view(),
            other => break other,
        }
    };
    assert_eq!(failed, CommitResult::NotDurable(JournalError::Full));
    assert_eq!(host.state().view().version(), acknowledged.version(), "nobody sees what is not durable");
    assert_eq!(host.state().journal_failed(), Some(JournalError::Full));
    // Room alone does not help: what the file holds is not known before it is read again.
    disk.set_capacity(u64::MAX);
    let transaction = rng.transaction(host.state());
    assert_eq!(host.state().commit(&transaction), CommitResult::NotDurable(JournalError::Full));
    drop(host);
    check_same(&on(&disk), acknowledged.world());
}

#[test]
fn after_a_failed_flush_nothing_is_acknowledged_until_the_store_is_opened_again() {
    for flushes in 0..6 {
        let disk = Disk::new();
        let host = on(&disk);
        let mut rng = Rng(11 + flushes);
        for _ in 0..5 {
            let transaction = rng.transaction(host.state());
            commit(host.state(), &transaction);
        }
        let mut acknowledged = host.state().view();
        disk.fail_flushes_after(flushes, io::ErrorKind::Other);
        let mut attempts: Vec<World> = Vec::new();
        for _ in 0..8 {
            let transaction = rng.transaction(host.state());
            match host.state().commit(&transaction) {
                CommitResult::Success { .. } => {
                    assert!(attempts.is_empty(), "acknowledged after a failed flush");
                    acknowledged = host.state().view();
                }
                CommitResult::NotDurable(JournalError::Io(_)) => {
                    let base = host.state().view();
                    assert_eq!(base.version(), acknowledged.version());
                    attempts.push(base.world().after(transaction.events()).unwrap());
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(!attempts.is_empty());
        let left = disk.after_power_loss(|| rng.next());
        drop(host);
        let again = on(&Disk::with(left));
        // The one that was cut off is there as a whole or not at all.
        let found = again.view().clone();
        let whole =
            same_content(found.world(), &attempts[0]) || same_content(found.world(), acknowledged.world());
        assert!(whole);
        assert!(same_content(&replayed(again.store()), found.world()));
    }
}

#[test]
fn a_loss_of_power_takes_nothing_that_was_acknowledged_and_leaves_nothing_half() {
    let mut verified = 0;
    for seed in 1..=60_u64 {
        let mut rng = Rng(seed.wrapping_mul(0xD134_2543_DE82_EF95));
        let mut disk = Disk::new();
        let mut host = on(&disk);
        for _ in 0..4 {
            for _ in 0..=rng.below(4) {
                let transaction = rng.transaction(host.state());
                commit(host.state(), &transaction);
                verified += 1;
            }
            let acknowledged = host.state().view();
            // In the middle of a commit, or between two.
            disk.fail_flushes_after(rng.below(3), io::ErrorKind::Other);
            let cut = rng.transaction(host.state());
            let result = host.state().commit(&cut);
            let after = acknowledged.world().after(cut.events()).unwrap();
            let left = disk.after_power_loss(|| rng.next());
            disk = Disk::with(left);
            let again = on(&disk);
            let found = again.view().clone();
            let there = same_content(found.world(), &after);
            let gone = same_content(found.world(), acknowledged.world());
            assert!(if result.is_success() { there } else { there || gone }, "seed {seed}: {result:?}");
            assert!(same_content(&replayed(again.store()), found.world()));
            host = again;
        }
    }
    assert!(verified > 100);
}

#[test]
fn a_write_that_may_not_be_is_told_apart() {
    let disk = Disk::new();
    let host = on(&disk);
    disk.fail_flushes_after(0, io::ErrorKind::PermissionDenied);
    let transaction = Rng(5).transaction(host.state());
    let CommitResult::NotDurable(error) = host.state().commit(&transaction) else { panic!() };
    assert_eq!(error, JournalError::Io("it may not be written".to_owned()));
}

#[test]
fn what_a_handle_commits_is_durable() {
    use eclvm::kernel::budget::{Budget, BudgetLimits};
    use eclvm::state::RealmRecord;
    let disk = Disk::new();
    let host = on(&disk);
    let mut transaction = host.state().begin();
    let lab = RealmRecord { id: "lab".into(), ..RealmRecord::default() };
    transaction.push(StateEvent::RealmCreated(Arc::new(lab))).unwrap();
    commit(host.state(), &transaction);
    let handle = host.state().handle("lab", None, Arc::new(Budget::new(BudgetLimits::default())));
    handle.store_put("open", true).unwrap();
    assert!(handle.commit().is_success());
    drop(host);
    assert!(on(&disk).view().realm("lab").unwrap().stored("open").is_some());
}

#[test]
fn a_world_that_is_imported_is_the_same_world() {
    let source = on(&Disk::new());
    let mut rng = Rng(2024);
    for _ in 0..80 {
        let mut transaction = source.state().begin();
        for _ in 0..3 {
            // Proposals and votes are not part of a state file, nor of an import.
            let event = rng.event();
            if !matches!(event, StateEvent::VoteCast { .. } | StateEvent::ProposalCreated { .. }) {
                let _ = transaction.push(event);
            }
        }
        commit(source.state(), &transaction);
    }
    let disk = Disk::new();
    let host = on(&disk);
    let world = source.state().view();
    let transaction = host.import(world.world()).unwrap();
    assert_eq!(commit(host.state(), &transaction), 2);
    drop(host);
    let again = on(&disk);
    assert!(same_content(again.view().world(), world.world()));
    assert!(again.import(world.world()).is_err(), "what is there already is not overwritten");
}
