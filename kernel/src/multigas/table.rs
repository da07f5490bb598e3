//! A few words that are replaced as a whole and read without a lock: versions in a ring.
//!
//! # The protocol
//!
//! Version v stands in slot v mod `SLOTS`; `version` says which is current. There is one writer at a time ([`Turn`]).
//!
//! - *Write.* The words of version v + 1 are stored into their slot (Release each), then `version` (Release).
//! - *Read.* `version` (Acquire), the words of its slot (Acquire each), `version` again. If it has moved by less than
//!   `SLOTS - 1`, the words are those of the version read first; else the reader begins anew.
//!
//! A reader of version v that meets a word of version v + `SLOTS`, which stands in the same slot, has with it (Release to
//! Acquire) the store of version v + `SLOTS` - 1 that the writer made before, and its second look at `version` shows it.
//! So a read is never torn, a writer never waits, and a reader begins anew only after `SLOTS` - 1 whole changes.

use crate::sync::{AtomicU64, CachePadded, Ordering, order, weakened, yield_now};

const SLOTS: usize = if cfg!(loom) { 2 } else { 4 };

/// The right to write to the tables that it guards. Whoever makes one hands it out to one writer at a time.
#[derive(Debug)]
pub(crate) struct Turn(());

impl Turn {
    pub(crate) fn new() -> Turn {
        Turn(())
    }
}

/// `N` words with a version number.
#[derive(Debug)]
pub(crate) struct Table<const N: usize> {
    version: CachePadded<AtomicU64>,
    slots: [[AtomicU64; N]; SLOTS],
}

impl<const N: usize> Table<N> {
    /// A table with these words as version 0.
    pub(crate) fn new(words: [u64; N]) -> Table<N> {
        Table {
            version: CachePadded::new(AtomicU64::new(0)),
            slots: std::array::from_fn(|_| words.map(AtomicU64::new)),
        }
    }
    /// The words, and their version.
    #[inline]
    pub(crate) fn read(&self) -> ([u64; N], u64) {
        loop {
            let version = self.version.load(Ordering::Acquire);
            let slot = self.slot(version);
            let words = std::array::from_fn(|n| match slot.get(n) {
                Some(word) => word.load(Ordering::Acquire),
                None => 0,
            });
            let now = self.version.load(Ordering::Relaxed);
            if now.wrapping_sub(version) < (SLOTS - 1) as u64 || weakened("table: look again") {
                return (words, version);
            }
            yield_now();
        }
    }
    /// Replaces the words; returns the new version.
    pub(crate) fn write(&self, _: &mut Turn, words: [u64; N]) -> u64 {
        let version = self.version.load(Ordering::Relaxed).wrapping_add(1);
        for (stored, word) in self.slot(version).iter().zip(words) {
            stored.store(word, order("table: words release", Ordering::Release));
        }
        self.version.store(version, order("table: publish", Ordering::Release));
        version
    }
    #[inline]
    fn slot(&self, version: u64) -> &[AtomicU64; N] {
        let [first, ..] = &self.slots;
        self.slots.get(version as usize % SLOTS).unwrap_or(first)
    }
}
