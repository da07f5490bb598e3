//! Pruning of the log: what came before some event goes, and the world and the counters as they were there take its place.
//!
//! All of it is one transaction of the file: after a crash the log is as it was or pruned. The world that policies read
//! does not change, nor do the numbers of the events that stay.

use super::codec::Reader;
use super::error::StoreError;
use super::store::DurableStore;
use super::tables::{self, CHECKPOINT, LOG, META, META_CHECKPOINT, META_FIRST, PROGRAMS, RUNS};
use crate::state::{StateEvent, World};
use redb::{ReadTransaction, ReadableTable, WriteTransaction};
use std::collections::BTreeSet;

/// What of the log is to stay: the newest events, as long as both bounds hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Keep {
    /// At most so many events.
    pub events: u64,
    /// At most so many bytes of events and recorded runs, as they are encoded; pages of the file come on top.
    pub bytes: u64,
}

impl Default for Keep {
    fn default() -> Keep {
        Keep { events: u64::MAX, bytes: u64::MAX }
    }
}

/// What was pruned.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Pruned {
    /// Events that went.
    pub events: u64,
    /// Recorded runs that went with them.
    pub runs: u64,
    /// The number of the first event that the log has now.
    pub first: u64,
}

impl DurableStore {
    /// Prunes the log. It is cut between commits, so that a little less than the bounds may stay. Commits wait meanwhile.
    /// Takes time by the length of the log and the size of the world.
    pub fn prune(&self, keep: Keep) -> Result<Pruned, StoreError> {
        self.exclusively(|file, next| {
            let read = file.begin_read()?;
            let first = tables::meta(&read, META_FIRST)?;
            let target = target(&read, next, keep)?;
            if target <= first {
                return Ok(Pruned { first, ..Pruned::default() });
            }
            let cut = place(&read, first, next, target)?;
            let replay = super::rebuild::until(&read, cut)?;
            drop(read);
            let write = super::store::begin(file)?;
            let runs = remove(&write, cut, replay.world())?;
            super::rebuild::keep(&write, &replay)?;
            write.commit()?;
            Ok(Pruned { events: cut.saturating_sub(first), runs, first: cut })
        })
    }
}

/// The first event that may stay.
fn target(read: &ReadTransaction, next: u64, keep: Keep) -> Result<u64, StoreError> {
    let (log, runs) = (read.open_table(LOG)?, read.open_table(RUNS)?);
    let (mut events, mut bytes) = (0u64, 0u64);
    let mut target = next;
    for row in log.iter()?.rev() {
        let (number, row) = row?;
        let run = runs.get(number.value())?.map_or(0, |run| run.value().len() as u64);
        events = events.saturating_add(1);
        bytes = bytes.saturating_add(row.value().len() as u64).saturating_add(run);
        if events > keep.events || bytes > keep.bytes {
            break;
        }
        target = number.value();
    }
    Ok(target)
}

/// The world that a checkpoint holds.
pub(super) fn checkpoint(read: &ReadTransaction) -> Result<World, StoreError> {
    let mut events = Vec::new();
    for row in read.open_table(CHECKPOINT)?.iter()? {
        let (number, row) = row?;
        let event = Reader::all(row.value(), |r| r.event());
        events.push(event.ok_or_else(|| tables::damaged("checkpoint", &number.value().to_string()))?);
    }
    let world = World::default().after(&events).map_err(|error| StoreError::Damaged(error.to_string()))?;
    Ok(world.with_version(tables::meta(read, META_CHECKPOINT)?))
}

/// The worlds that a log goes through, version by version.
pub(super) struct Walk {
    /// The newest version that is whole.
    pub(super) world: World,
    /// The version whose events are read now, and those of them that change it, by number.
    pub(super) version: u64,
    pub(super) changes: Vec<(u64, StateEvent)>,
}

impl Walk {
    pub(super) fn new(world: World) -> Walk {
        Walk { version: world.version(), world, changes: Vec::new() }
    }
    /// Ends the version that is read.
    pub(super) fn flush(&mut self) -> Result<(), StoreError> {
        if self.changes.is_empty() {
            return Ok(());
        }
        let events: Vec<StateEvent> = self.changes.drain(..).map(|(_, event)| event).collect();
        let next = self.world.after(&events).map_err(|error| StoreError::Damaged(error.to_string()))?;
        if next.version() != self.version {
            let (log, world) = (self.version, self.world.version());
            return Err(StoreError::Damaged(format!("in the log, version {log} follows version {world}")));
        }
        self.world = next;
        Ok(())
    }
    /// Reads an event. Whether it is the first of its version.
    pub(super) fn take(&mut self, number: u64, version: u64, event: StateEvent) -> Result<bool, StoreError> {
        let begins = version != self.version;
        if begins {
            self.flush()?;
            self.version = version;
        }
        if event.changes_world() {
            self.changes.push((number, event));
        }
        Ok(begins)
    }
}

/// Where the log is cut, at `target` or not long after: never before an event that belongs to changes that went.
fn place(read: &ReadTransaction, first: u64, next: u64, target: u64) -> Result<u64, StoreError> {
    let log = read.open_table(LOG)?;
    // Of the last event that surely goes.
    let mut gone = None;
    // An event from which on no change of that version follows, as far as is known.
    let mut tail: Option<u64> = None;
    let start = target.saturating_sub(1).max(first);
    for (row, wanted) in log.range(start..)?.zip(start..) {
        let (number, row) = row?;
        if number.value() != wanted {
            return Err(StoreError::Damaged(format!("event {wanted} is missing in the log")));
        }
        let (version, event) = tables::logged(wanted, row.value())?;
        if wanted < target {
            gone = Some(version);
        } else if gone != Some(version) {
            return Ok(tail.unwrap_or(wanted));
        } else {
            tail = if event.changes_world() { None } else { tail.or(Some(wanted)) };
        }
    }
    Ok(tail.unwrap_or(next))
}

/// Removes what came before `cut`, and keeps the world as it was there. How many runs went.
fn remove(write: &WriteTransaction, cut: u64, world: &World) -> Result<u64, StoreError> {
    write.open_table(LOG)?.retain_in(..cut, |_, _| false)?;
    let mut runs = write.open_table(RUNS)?;
    let mut gone = 0;
    runs.retain_in(..cut, |_, _| {
        gone += 1;
        false
    })?;
    let mut used: BTreeSet<[u8; 32]> = BTreeSet::new();
    for row in runs.iter()? {
        let (number, row) = row?;
        let run = Reader::all(row.value(), |r| r.run());
        used.insert(run.ok_or_else(|| tables::damaged("runs", &number.value().to_string()))?.hash);
    }
    write.open_table(PROGRAMS)?.retain(|hash, _| used.iter().any(|used| used == hash))?;
    let mut checkpoint = write.open_table(CHECKPOINT)?;
    checkpoint.retain(|_, _| false)?;
    for (at, event) in (0..).zip(world.creation()) {
        checkpoint.insert(at, tables::bytes(|w| w.event(&event)).as_slice())?;
    }
    let mut meta = write.open_table(META)?;
    meta.insert(META_FIRST, cut)?;
    meta.insert(META_CHECKPOINT, world.version())?;
    Ok(gone)
}
