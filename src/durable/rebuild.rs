//! Counters and world, made again from the durable log alone.
//!
//! The log is read from where it begins: from the empty world and counters of nothing, or from those that pruning put in the
//! place of what it took away.

use super::codec::{Reader, Writer};
use super::error::StoreError;
use super::prune::{Walk, checkpoint};
use super::store::DurableStore;
use super::tables::{self, COUNTERS, LOG, META_FIRST};
use crate::observe::{Checkpoint, Replay};
use crate::state::StateEvent;
use redb::{ReadTransaction, TableError, WriteTransaction};

/// Events counted at once.
const PART: usize = 1_024;

impl DurableStore {
    /// Counters and world as all events of the log make them; [`Replay::next`] is how many events that were. Equal to those of
    /// the state at that place, as far as events tell of it, and whoever had the store open since it was made.
    pub fn rebuild(&self) -> Result<Replay, StoreError> {
        self.reading(|read| until(read, u64::MAX))
    }
}

/// Counters and world before the event `end`.
pub(super) fn until(read: &ReadTransaction, end: u64) -> Result<Replay, StoreError> {
    let first = tables::meta(read, META_FIRST)?;
    let mut walk = Walk::new(checkpoint(read)?);
    let (_, counters) = Replay::from(&counters(read)?).into_parts();
    let mut part: Vec<StateEvent> = Vec::with_capacity(PART);
    let mut next = first;
    for (row, number) in read.open_table(LOG)?.range(first..end)?.zip(first..) {
        let (found, row) = row?;
        if found.value() != number {
            return Err(StoreError::Damaged(format!("event {number} is missing in the log")));
        }
        let (version, event) = tables::logged(number, row.value())?;
        part.push(event.clone());
        if part.len() == PART {
            counters.count(&part);
            part.clear();
        }
        walk.take(number, version, event)?;
        next = number.saturating_add(1);
    }
    counters.count(&part);
    walk.flush()?;
    Ok(Replay::at(next, walk.world, counters))
}

/// Counters as of where the log begins; the world is not in it.
fn counters(read: &ReadTransaction) -> Result<Checkpoint, StoreError> {
    let none = Checkpoint::start(Default::default(), 0);
    let table = match read.open_table(COUNTERS) {
        Err(TableError::TableDoesNotExist(_)) => return Ok(none),
        table => table?,
    };
    let Some(row) = table.get(0)? else { return Ok(none) };
    let read = Reader::all(row.value(), |r| {
        let process = r.list(|r| Some((usize::try_from(r.u64()?).ok()?, r.u64()?)))?;
        let realms = r.list(|r| {
            let name = r.option(|r| r.text().map(Box::from))?;
            Some((name, usize::try_from(r.u64()?).ok()?, r.u64()?))
        })?;
        Some(Checkpoint { process, realms, ..none })
    });
    read.ok_or_else(|| tables::damaged("counters", "0"))
}

/// Keeps the counters of a replay as those where the log begins.
pub(super) fn keep(write: &WriteTransaction, replay: &Replay) -> Result<(), StoreError> {
    let Checkpoint { process, realms, .. } = replay.checkpoint();
    let row = tables::bytes(|w: &mut Writer| {
        w.list(&process, |w, (counter, n)| {
            w.u64(*counter as u64);
            w.u64(*n);
        });
        w.list(&realms, |w, (name, place, n)| {
            w.maybe_text(name.as_deref());
            w.u64(*place as u64);
            w.u64(*n);
        });
    });
    write.open_table(COUNTERS)?.insert(0, row.as_slice())?;
    Ok(())
}
