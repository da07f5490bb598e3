//! Reading records that stand together, as most do.

use super::slot::Slot;
use super::{Record, Since};

/// Most slots that a reader tries to read at once.
pub(super) const RUN: usize = 32;

/// Adds the records of the first slots that can be read without further ado. How many.
pub(super) fn add_plain<const W: usize, T: Clone + Send + Sync + 'static>(
    slots: &[Slot<W, T>],
    found: &mut Since<W, T>,
) -> usize {
    let (before, mut whole) = (found.records.len(), 0);
    // An iterator of known length, so that neither room nor length is looked after record by record. Those after the first
    // that cannot be read are blank, and go at once.
    found.records.extend(slots.iter().enumerate().map(|(at, slot)| {
        let number = found.next + at as u64;
        let words = if whole == at { slot.read_plain(number) } else { None };
        whole += usize::from(words.is_some());
        Record { number, words: words.unwrap_or([0; W]), extra: None }
    }));
    found.records.truncate(before + whole);
    found.next += whole as u64;
    whole
}
