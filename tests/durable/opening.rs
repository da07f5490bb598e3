//! What a store says to files that are not as it left them.

use super::disk::Disk;
use super::history::Rng;
use super::{Scratch, commit, on};
use eclvm::durable::{DurableStore, ErynoaHost, StoreError};
use eclvm::state::same_content;
use std::fs;

fn error(store: Result<ErynoaHost, StoreError>) -> StoreError {
    store.map(|_| ()).unwrap_err()
}

#[test]
fn a_store_that_is_open_cannot_be_opened_again() {
    let scratch = Scratch::new();
    let first = ErynoaHost::open(scratch.path()).unwrap();
    assert_eq!(error(ErynoaHost::open(scratch.path())), StoreError::AlreadyOpen);
    let second = first.latest();
    drop(first);
    assert_eq!(error(ErynoaHost::open(scratch.path())), StoreError::AlreadyOpen);
    drop(second);
    assert!(ErynoaHost::open(scratch.path()).is_ok());
}

#[test]
fn a_store_that_is_not_there_is_made_only_where_that_was_asked_for() {
    let scratch = Scratch::new();
    assert_eq!(error(ErynoaHost::open_existing(scratch.path())), StoreError::Missing);
    assert!(!scratch.path().exists());
    assert_eq!(DurableStore::create(scratch.path()), Ok(()));
    assert_eq!(DurableStore::create(scratch.path()), Err(StoreError::Exists));
    let left: Vec<_> = fs::read_dir(scratch.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(left, ["state.redb"]);
    assert!(ErynoaHost::open_existing(scratch.path()).is_ok());
}

#[test]
fn another_format_is_named() {
    let scratch = Scratch::new();
    fs::create_dir_all(scratch.path()).unwrap();
    let file = redb::Database::create(scratch.path().join("state.redb")).unwrap();
    let transaction = file.begin_write().unwrap();
    let meta: redb::TableDefinition<'_, &str, u64> = redb::TableDefinition::new("meta");
    transaction.open_table(meta).unwrap().insert("format", 99).unwrap();
    transaction.commit().unwrap();
    drop(file);
    assert_eq!(error(ErynoaHost::open(scratch.path())), StoreError::Format { found: 99 });
}

#[test]
fn a_file_that_is_no_store_is_damaged_and_left_alone() {
    for content in [b"".as_slice(), b"short", &[0; 8192], &[0xFF; 100_000], b"redb\x1a\x0a\xa9\x0d\x0a"] {
        let scratch = Scratch::new();
        fs::create_dir_all(scratch.path()).unwrap();
        let path = scratch.path().join("state.redb");
        fs::write(&path, content).unwrap();
        let found = error(ErynoaHost::open(scratch.path()));
        assert!(matches!(found, StoreError::Damaged(_)), "{found:?} for {} bytes", content.len());
        assert_eq!(fs::read(&path).unwrap(), content);
    }
}

/// A store with some history, closed in order, and the world that it holds.
fn closed() -> (Vec<u8>, eclvm::state::StateView) {
    let disk = Disk::new();
    let host = on(&disk);
    let mut rng = Rng(77);
    for _ in 0..40 {
        let transaction = rng.transaction(host.state());
        commit(host.state(), &transaction);
    }
    let view = host.state().view();
    drop(host);
    (disk.bytes(), view)
}

#[test]
fn damaged_files_are_an_error_or_hold_what_they_held() {
    let (bytes, held) = closed();
    let used = bytes.len() - bytes.iter().rev().take_while(|byte| **byte == 0).count();
    let mut rng = Rng(5);
    let (mut errors, mut whole) = (0, 0);
    for round in 0..250 {
        let mut bytes = bytes.clone();
        for _ in 0..=rng.below(3) {
            // The first page matters most.
            let at = rng.below(if round % 3 == 0 { 512 } else { used as u64 }) as usize;
            bytes[at] ^= 1 << rng.below(8);
        }
        match DurableStore::with_backend(Disk::with(bytes)) {
            Err(StoreError::Damaged(_) | StoreError::Format { .. }) => errors += 1,
            Err(other) => panic!("round {round}: {other:?}"),
            Ok((store, world)) => {
                assert!(same_content(&world, held.world()), "round {round}");
                assert_eq!(world.version(), held.version(), "round {round}");
                assert!(store.log(0, usize::MAX).is_ok(), "round {round}");
                whole += 1;
            }
        }
    }
    assert!(errors > 20 && whole > 0, "{errors} errors, {whole} whole");
}

#[test]
fn files_that_were_cut_short_are_damaged() {
    let (bytes, held) = closed();
    let mut rng = Rng(6);
    for _ in 0..60 {
        let len = 1 + rng.below(bytes.len() as u64 - 1) as usize;
        match DurableStore::with_backend(Disk::with(bytes[..len].to_vec())) {
            Err(StoreError::Damaged(_)) => {}
            Err(other) => panic!("{len} of {}: {other:?}", bytes.len()),
            Ok((_, world)) => assert!(same_content(&world, held.world()), "{len} of {}", bytes.len()),
        }
    }
}

#[cfg(unix)]
#[test]
fn a_directory_that_may_not_be_written_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = Scratch::new();
    fs::create_dir_all(scratch.path()).unwrap();
    fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o555)).unwrap();
    // The superuser may write there all the same.
    let permitted = fs::write(scratch.path().join("probe"), "").is_ok();
    let opened = ErynoaHost::open(scratch.path());
    fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o755)).unwrap();
    match opened {
        Ok(_) => assert!(permitted),
        Err(error) => assert_eq!(error, StoreError::ReadOnly),
    }
}

#[test]
fn what_the_system_says_is_sorted() {
    use std::io::{Error, ErrorKind};
    let of = |kind: ErrorKind| StoreError::from(Error::from(kind));
    assert_eq!(of(ErrorKind::StorageFull), StoreError::Full);
    assert_eq!(of(ErrorKind::QuotaExceeded), StoreError::Full);
    assert_eq!(of(ErrorKind::PermissionDenied), StoreError::ReadOnly);
    assert_eq!(of(ErrorKind::ReadOnlyFilesystem), StoreError::ReadOnly);
    assert!(matches!(of(ErrorKind::UnexpectedEof), StoreError::Damaged(_)));
    assert!(matches!(of(ErrorKind::NotADirectory), StoreError::Io(_)));
}
