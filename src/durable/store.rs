//! A store: one file in a directory, which commits write and an opening reads.
//!
//! Each commit of a group is one transaction of the file, flushed to the device before it is acknowledged. The file's two
//! roots are flushed one after the other (two-phase commit), so that after a crash the newest root is known to be whole:
//! damage is then told apart from a commit that was cut off, and never undoes an acknowledged one. All checksums are
//! verified when a store is opened.

use super::error::StoreError;
use super::tables;
use crate::kernel::sync::{AtomicBool, AtomicU64, Ordering};
use crate::state::{Journal, JournalEntry, JournalError, StateEvent, World};
use redb::{Builder, Database, Durability, StorageBackend};
use std::fs::{self, File};
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::{Arc, Mutex, PoisonError};

/// The file in the directory of a store.
const FILE: &str = "state.redb";
/// Bytes of the file that are kept in memory at most: the world is, and commits touch few pages.
const CACHE_BYTES: usize = 64 << 20;

/// An event of the durable log.
#[derive(Clone, PartialEq, Debug)]
pub struct LoggedEvent {
    /// Its number: from 0, without gaps; pruning takes numbers away only from the beginning.
    pub number: u64,
    /// The version as of which it is true.
    pub version: u64,
    /// What happened.
    pub event: StateEvent,
}

/// An open store. Only one can be open on a directory at a time.
pub struct DurableStore {
    file: Database,
    /// The number of the next event of the log.
    next: Mutex<u64>,
}

impl DurableStore {
    /// Opens the store of a directory, which is made, empty, where there is none; with the world that it holds.
    pub fn open(directory: impl AsRef<Path>) -> Result<(DurableStore, World), StoreError> {
        let directory = directory.as_ref();
        if !directory.join(FILE).exists() {
            match DurableStore::create(directory) {
                Ok(()) | Err(StoreError::Exists) => {}
                Err(error) => return Err(error),
            }
        }
        DurableStore::open_existing(directory)
    }
    /// Opens the store of a directory; Missing where there is none.
    pub fn open_existing(directory: impl AsRef<Path>) -> Result<(DurableStore, World), StoreError> {
        let path = directory.as_ref().join(FILE);
        match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(StoreError::Missing),
            Err(error) => return Err(error.into()),
            Ok(_) => {}
        }
        guarded(|| {
            let repaired = Arc::new(AtomicBool::new(false));
            let file = builder(&repaired).open(&path)?;
            DurableStore::read(file, &repaired)
        })
    }
    /// Makes an empty store in a directory, which is made if need be; Exists where there is a store. It is there all at
    /// once: made under another name, flushed, then given its own.
    pub fn create(directory: impl AsRef<Path>) -> Result<(), StoreError> {
        let directory = directory.as_ref();
        let path = directory.join(FILE);
        if path.exists() {
            return Err(StoreError::Exists);
        }
        fs::create_dir_all(directory)?;
        let draft = draft(directory);
        let made = guarded(|| {
            let file = builder(&Arc::default()).create(&draft)?;
            DurableStore::initialise(&file)?;
            drop(file);
            File::open(&draft)?.sync_all()?;
            // Unlike renaming it, this gives way to who was faster.
            match fs::hard_link(&draft, &path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(StoreError::Exists),
                Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(fs::rename(&draft, &path)?),
                done => Ok(done?),
            }
        });
        // Where it could not be made, what was begun is of no use; where it was, it has its own name now.
        let _ = fs::remove_file(&draft);
        made?;
        sync_directory(directory)
    }
    /// A store on a backend of the caller's, which is made empty where it holds nothing.
    pub fn with_backend(backend: impl StorageBackend) -> Result<(DurableStore, World), StoreError> {
        guarded(|| {
            let empty = backend.len()? == 0;
            let repaired = Arc::new(AtomicBool::new(false));
            let file = builder(&repaired).create_with_backend(backend)?;
            if empty {
                DurableStore::initialise(&file)?;
            }
            DurableStore::read(file, &repaired)
        })
    }

    fn initialise(file: &Database) -> Result<(), StoreError> {
        let transaction = begin(file)?;
        tables::create(&transaction)?;
        Ok(transaction.commit()?)
    }
    fn read(mut file: Database, repaired: &AtomicBool) -> Result<(DurableStore, World), StoreError> {
        // A repair after a crash has verified everything already.
        if !repaired.load(Ordering::Relaxed) {
            file.check_integrity()?;
        }
        let transaction = file.begin_read()?;
        match tables::format(&transaction)? {
            Some(tables::FORMAT) => {}
            Some(found) => return Err(StoreError::Format { found }),
            None => return Err(StoreError::Damaged("it has no format".to_owned())),
        }
        let world = tables::load(&transaction)?;
        let next = Mutex::new(tables::next(&transaction)?);
        drop(transaction);
        Ok((DurableStore { file, next }, world))
    }

    /// The number of the next event of the log: how many there have been.
    pub fn log_len(&self) -> u64 {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// The number of the first event that the log still has; of the next where it has none.
    pub fn log_first(&self) -> Result<u64, StoreError> {
        self.reading(|read| tables::meta(read, tables::META_FIRST))
    }
    /// Events of the log from number `since` on, at most `most`, in order.
    ///
    /// # Errors
    ///
    /// Pruned where `since` is before the first that is left.
    pub fn log(&self, since: u64, most: usize) -> Result<Vec<LoggedEvent>, StoreError> {
        self.reading(|read| {
            let first = tables::meta(read, tables::META_FIRST)?;
            if since < first {
                return Err(StoreError::Pruned { first });
            }
            let log = read.open_table(tables::LOG)?;
            let mut events = Vec::new();
            for (row, wanted) in log.range(since..)?.take(most).zip(since..) {
                let (number, row) = row?;
                if number.value() != wanted {
                    return Err(StoreError::Damaged(format!("event {wanted} is missing in the log")));
                }
                let (version, event) = tables::logged(wanted, row.value())?;
                events.push(LoggedEvent { number: wanted, version, event });
            }
            Ok(events)
        })
    }

    /// Gives pages of the file that hold nothing back to the file system. Whether there were any. Takes time by the size of
    /// the file; an interrupted one is repaired when the store is opened next.
    pub fn compact(&mut self) -> Result<bool, StoreError> {
        guarded(|| match self.file.compact() {
            Err(redb::CompactionError::Storage(error)) => Err(error.into()),
            Err(error) => Err(StoreError::Io(error.to_string())),
            Ok(compacted) => Ok(compacted),
        })
    }

    /// Reads one version of the file.
    pub(super) fn reading<T>(
        &self,
        work: impl FnOnce(&redb::ReadTransaction) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        guarded(|| work(&self.file.begin_read()?))
    }
    /// Works on the file while no commit is written; with the number of the next event.
    pub(super) fn exclusively<T>(
        &self,
        work: impl FnOnce(&Database, u64) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        guarded(|| work(&self.file, *next))
    }

    fn write(&self, commits: &[JournalEntry]) -> Result<(), StoreError> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = begin(&self.file)?;
        let after = tables::write(&transaction, commits, *next)?;
        transaction.commit()?;
        *next = after;
        Ok(())
    }
}

impl Journal for DurableStore {
    fn append(&self, commits: &[JournalEntry]) -> Result<(), JournalError> {
        Ok(guarded(|| self.write(commits))?)
    }
}

impl std::fmt::Debug for DurableStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DurableStore").field("log_len", &self.log_len()).finish_non_exhaustive()
    }
}

fn builder(repaired: &Arc<AtomicBool>) -> Builder {
    let repaired = repaired.clone();
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES).create_with_file_format_v3(true).set_repair_callback(move |_| {
        repaired.store(true, Ordering::Relaxed);
    });
    builder
}

pub(super) fn begin(file: &Database) -> Result<redb::WriteTransaction, StoreError> {
    let mut transaction = file.begin_write()?;
    transaction.set_durability(Durability::Immediate);
    transaction.set_two_phase_commit(true);
    Ok(transaction)
}

/// The library of the file panics over some kinds of damage: nobody who opens a store is to.
fn guarded<T>(work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    panic::catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(StoreError::Damaged("it cannot be read".to_owned())))
}

/// A name that nobody else makes a store under.
fn draft(directory: &Path) -> PathBuf {
    static MADE: AtomicU64 = AtomicU64::new(0);
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    let path = directory.join(format!("new-{}-{number}.redb", process::id()));
    // Left over from a process of the same number that was killed.
    let _ = fs::remove_file(&path);
    path
}

/// A new name in a directory is durable once the directory is flushed.
#[cfg(unix)]
fn sync_directory(directory: &Path) -> Result<(), StoreError> {
    Ok(File::open(directory)?.sync_all()?)
}
#[cfg(not(unix))]
fn sync_directory(_: &Path) -> Result<(), StoreError> {
    Ok(())
}
