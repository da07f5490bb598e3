//! Texts and arrays of requests, as the lanes engine wants them: dense ids, equal texts once.

use eclvm_kernel::lanes::{Arrays, Dictionary, LanePlan, NULL, number_bits};
use eclvm_kernel::limits::{MAX_INTERNED_BYTES, MAX_INTERNED_TEXTS};
use eclvm_kernel::value::ValueRef;
use foldhash::fast::RandomState;
use std::hash::BuildHasher;

/// An empty place in the table of texts.
const EMPTY: u64 = u64::MAX;
/// The part of a place that is of the hash.
const TAG: u64 = !0 << 32;
/// Texts and words of arrays beyond which a new chunk of rows begins anew: what is held stays near.
const FEW: usize = 4_096;
/// Places of the largest table that is kept.
const KEPT: usize = 1 << 15;
/// Arrays that are kept in mind.
const LISTS: usize = 4_096;
/// Arrays in one place of the table: with one, two that share a place would drive each other out.
const WAYS: usize = 4;
/// No array.
const NO_LIST: u32 = u32::MAX;

/// Ids of texts and arrays. The table hashes with a seed of its own, so that nobody who chooses texts can choose collisions.
#[derive(Debug, Default)]
pub(super) struct Interner {
    pub(super) texts: Dictionary,
    pub(super) arrays: Arrays,
    /// An id and, above it, the upper half of its text's hash.
    table: Vec<u64>,
    hasher: RandomState,
    /// Texts that the plan knew.
    known: usize,
    scratch: Vec<u64>,
    /// The arrays that came last, by what they hold.
    lists: Vec<u32>,
}

impl Interner {
    /// Holds what the plan knows, and nothing else.
    pub(super) fn begin(&mut self, plan: &LanePlan) {
        self.texts.begin(plan.texts());
        self.arrays.begin(plan.arrays());
        self.known = plan.texts().len();
        self.lists.clear();
        let len = (self.texts.len() * 2).next_power_of_two().max(64);
        if self.table.len() < len || self.table.len() > len.max(KEPT) {
            self.table.resize(len, EMPTY);
        }
        self.table.fill(EMPTY);
        for id in 0..self.texts.len() {
            self.place(id as u32);
        }
    }
    /// Whether more has gathered than is kept.
    pub(super) fn is_full(&self) -> bool {
        self.texts.len() > self.known + MAX_INTERNED_TEXTS
            || self.texts.bytes() + 8 * self.arrays.words() + 16 * self.arrays.len() > MAX_INTERNED_BYTES
    }
    /// Whether so much has gathered that the next chunk of rows had better begin anew.
    pub(super) fn is_filled(&self) -> bool {
        self.texts.len() > self.known + FEW || self.arrays.words() > 2 * FEW || self.arrays.len() > 2 * FEW
    }
    /// Puts an id, whose text is not there yet, into the table.
    fn place(&mut self, id: u32) {
        let hash = self.hasher.hash_one(self.texts.text(id as usize));
        self.put(hash, id);
    }
    fn put(&mut self, hash: u64, id: u32) {
        let mut at = hash as usize & (self.table.len() - 1);
        while self.table.get(at).is_some_and(|slot| *slot != EMPTY) {
            at = (at + 1) & (self.table.len() - 1);
        }
        if let Some(slot) = self.table.get_mut(at) {
            *slot = hash & TAG | u64::from(id);
        }
    }
    /// The id of a text; None where there is no room.
    #[inline]
    fn id(&mut self, text: &str) -> Option<u32> {
        let hash = self.hasher.hash_one(text);
        let mut at = hash as usize & (self.table.len() - 1);
        while let Some(place) = self.table.get(at).copied().filter(|place| *place != EMPTY) {
            let id = place as u32;
            if place & TAG == hash & TAG && self.texts.text(id as usize) == text {
                return Some(id);
            }
            at = (at + 1) & (self.table.len() - 1);
        }
        let id = self.texts.push(text)?;
        if self.texts.len() * 2 > self.table.len() {
            let len = self.table.len() * 2;
            self.table.clear();
            self.table.resize(len, EMPTY);
            (0..=id).for_each(|id| self.place(id));
        } else if let Some(slot) = self.table.get_mut(at) {
            *slot = hash & TAG | u64::from(id);
        }
        Some(id)
    }
    /// The bits of a string.
    #[inline]
    pub(super) fn text(&mut self, text: &str) -> Option<u64> {
        let id = self.id(text)?;
        self.texts.measure(id);
        Some(u64::from(id))
    }
    /// The bits of a DID.
    #[inline]
    pub(super) fn did(&mut self, did: &str) -> Option<u64> {
        self.id(did).map(u64::from)
    }
    /// The bits of an array whose elements have been checked.
    pub(super) fn array(&mut self, items: &[ValueRef<'_>]) -> Option<u64> {
        let mut words = std::mem::take(&mut self.scratch);
        words.clear();
        let mut bytes = 0u64;
        for item in items {
            words.push(match item {
                ValueRef::Number(n) => number_bits(*n),
                ValueRef::Bool(b) => u64::from(*b),
                ValueRef::Text(s) => {
                    bytes += s.len() as u64;
                    self.text(s)?
                }
                ValueRef::Did(d) => self.did(d.as_str())?,
                ValueRef::Null => NULL,
                _ => return None,
            });
        }
        let id = self.list(&words, bytes);
        self.scratch = words;
        id
    }
    /// The bits of an array of these elements, whose texts have so many bytes. Equal ones that follow closely are one: what
    /// is remembered of arrays goes by their ids. Only the latest few in each place of a small table are looked at, so that
    /// arrays which do not come again cost no room.
    pub(super) fn list(&mut self, words: &[u64], bytes: u64) -> Option<u64> {
        self.lists.resize(LISTS, NO_LIST);
        let first = self.hasher.hash_one(words) as usize % (LISTS / WAYS) * WAYS;
        let place = self.lists.get_mut(first..first + WAYS)?;
        if let Some(id) = place.iter().find(|id| self.arrays.is(**id, words, bytes)) {
            return Some(u64::from(*id));
        }
        let id = self.arrays.push(words.iter().copied(), bytes)?;
        let at = place.iter().position(|id| *id == NO_LIST).unwrap_or(id as usize % WAYS);
        if let Some(slot) = place.get_mut(at) {
            *slot = id;
        }
        Some(u64::from(id))
    }
}
