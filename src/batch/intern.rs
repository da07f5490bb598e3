//! Texts and arrays of requests, as the lanes engine wants them: dense ids, equal texts once.

use eclvm_kernel::lanes::{Arrays, Dictionary, LanePlan, NULL, ends, number_bits};
use eclvm_kernel::limits::{MAX_INTERNED_BYTES, MAX_INTERNED_TEXTS};
use eclvm_kernel::value::ValueRef;
use foldhash::fast::RandomState;
use std::hash::BuildHasher;

/// An empty place in the table of texts.
const EMPTY: u64 = u64::MAX;
/// The part of a place that is of the hash.
const TAG: u64 = !0 << 32;
/// Texts and words of arrays beyond which a new chunk of rows begins anew: what is held stays near.
const FEW: usize = 8_192;
/// Places of the largest table that is kept.
const KEPT: usize = 1 << 16;
/// Arrays that are kept in mind.
const LISTS: usize = 16_384;
/// Arrays in one place of the table: with one, two that share a place would drive each other out.
const WAYS: usize = 4;
/// No array.
const NO_LIST: u32 = u32::MAX;
/// Fewest places of the table of texts: what is looked up often had better be in its first place.
const PLACES: usize = 512;
/// Short texts that are kept in mind, each in its place or nowhere.
const LATE: usize = 1_024;
/// Ids that fit into the key of a short list, one more than each in so many bits, and how many of them do.
const KEY_BITS: u32 = 16;
const SHORT: usize = 8;
/// Short lists that are kept in mind by what they are.
const KEYS: usize = 8_192;

/// An array of a few texts, or of a few DIDs.
#[derive(Clone, Copy, Debug, Default)]
struct ShortList {
    /// One more than each of its ids, the last one lowest.
    key: [u64; 2],
    id: u32,
    /// Bytes of its texts.
    bytes: u32,
    round: u32,
}

/// A text of up to sixteen bytes, which its ends and its length say, and its id.
#[derive(Clone, Copy, Debug, Default)]
struct Late {
    ends: [u64; 2],
    tag: u64,
    id: u32,
}

impl Late {
    /// The round, the length, and whether it was looked up as a string: a DID has not been measured.
    #[inline(always)]
    fn tag(round: u32, text: &str, is_string: bool) -> u64 {
        // Texts are 64 KiB at most.
        u64::from(round) << 32 | (text.len() as u64) << 1 | u64::from(is_string)
    }
    #[inline(always)]
    fn is(&self, [head, tail]: [u64; 2], tag: u64) -> bool {
        let [h, t] = self.ends;
        (h ^ head) | (t ^ tail) | (self.tag ^ tag) == 0
    }
}

#[derive(Debug)]
struct LateTexts(Box<[Late; LATE]>);

impl Default for LateTexts {
    fn default() -> LateTexts {
        LateTexts(Box::new([Late::default(); LATE]))
    }
}

/// Ids of texts and arrays. The table hashes with a seed of its own, so that nobody who chooses texts can choose collisions.
#[derive(Debug, Default)]
pub struct Interner {
    pub(super) texts: Dictionary,
    pub(super) arrays: Arrays,
    /// An id and, above it, the upper half of its text's hash.
    table: Vec<u64>,
    hasher: RandomState,
    /// Two numbers that nobody knows, for short texts and lists.
    seeds: [u64; 2],
    /// Texts that the plan knew.
    known: usize,
    /// How often it has begun.
    round: u32,
    /// Whether nothing is taken when it is full.
    bounded: bool,
    scratch: Vec<u64>,
    /// The arrays that came last, by what they hold.
    lists: Vec<u32>,
    /// Short ones, each in its place or nowhere.
    short: Vec<ShortList>,
    /// Short texts that came last.
    late: LateTexts,
}

/// Both halves of a product, so that each bit of it depends on all bits of both.
#[inline(always)]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

impl Interner {
    /// Holds what the plan knows, and nothing else. A bounded one takes no more when it is full.
    pub(super) fn begin(&mut self, plan: &LanePlan, bounded: bool) {
        self.bounded = bounded;
        if self.seeds == [0; 2] {
            // Odd, so that no product is 0 for one of them.
            self.seeds = [0, 1].map(|n: u64| self.hasher.hash_one(n) | 1);
        }
        // What is kept in mind is of a round: so no table need be cleared for a small portion. Before a number comes again all
        // is forgotten.
        self.round = self.round.wrapping_add(1);
        if self.round == 0 {
            self.short.clear();
            *self.late.0 = [Late::default(); LATE];
            self.round = 1;
        }
        self.texts.begin(plan.texts());
        self.arrays.begin(plan.arrays());
        self.known = plan.texts().len();
        self.lists.clear();
        let len = (self.texts.len() * 2).next_power_of_two().max(PLACES);
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
    fn is_bounded_and_full(&self) -> bool {
        self.bounded && self.is_full()
    }
    /// Whether so much has gathered that the next chunk of rows had better begin anew.
    pub(super) fn is_filled(&self) -> bool {
        self.texts.len() > self.known + FEW || self.arrays.words() > 8 * FEW || self.arrays.len() > 2 * FEW
    }
    /// Puts an id, whose text is not there yet, into the table.
    fn place(&mut self, id: u32) {
        let text = self.texts.text(id as usize);
        self.put(self.hash(text, ends(text)), id);
    }
    /// Of up to sixteen bytes from their ends, which tell them apart together with the length.
    #[inline(always)]
    fn hash(&self, text: &str, [head, tail]: [u64; 2]) -> u64 {
        if text.len() > 16 {
            return self.hasher.hash_one(text);
        }
        self.short_hash([head, tail], text.len())
    }
    #[inline(always)]
    fn short_hash(&self, [head, tail]: [u64; 2], len: usize) -> u64 {
        let [s, t] = self.seeds;
        fold(head ^ s, tail ^ t ^ (len as u64) << 56)
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
        let ends = ends(text);
        let hash = self.hash(text, ends);
        let mut at = hash as usize & (self.table.len() - 1);
        while let Some(place) = self.table.get(at).copied().filter(|place| *place != EMPTY) {
            let id = place as u32;
            if place & TAG == hash & TAG && self.texts.is(id, text, ends) {
                return Some(id);
            }
            at = (at + 1) & (self.table.len() - 1);
        }
        self.add(text, hash, at)
    }
    /// Adds a text; `at` is a free place of the table, where it belongs.
    #[inline(never)]
    fn add(&mut self, text: &str, hash: u64, at: usize) -> Option<u32> {
        if self.is_bounded_and_full() {
            return None;
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
    #[inline(always)]
    pub(super) fn text(&mut self, text: &str) -> Option<u64> {
        self.late_or(text, true)
    }
    /// The bits of a DID.
    #[inline(always)]
    pub(super) fn did(&mut self, did: &str) -> Option<u64> {
        self.late_or(did, false)
    }
    /// Most texts of a batch are few that come again and again: those are found by one look at one place.
    #[inline(always)]
    fn late_or(&mut self, text: &str, is_string: bool) -> Option<u64> {
        let ends = ends(text);
        let hash = self.short_hash(ends, text.len());
        let tag = Late::tag(self.round, text, is_string);
        match self.late.0.get(hash as usize % LATE) {
            Some(late) if late.is(ends, tag) => Some(u64::from(late.id)),
            _ => self.seldom(text, is_string, hash),
        }
    }
    #[inline(never)]
    fn seldom(&mut self, text: &str, is_string: bool, hash: u64) -> Option<u64> {
        let id = self.id(text)?;
        if is_string {
            self.texts.measure(id);
        }
        if let (true, Some(place)) = (text.len() <= 16, self.late.0.get_mut(hash as usize % LATE)) {
            *place = Late { ends: ends(text), tag: Late::tag(self.round, text, is_string), id };
        }
        Some(u64::from(id))
    }

    /// The bits of an array, of whose elements `word` says the bits, and `bytes_of` how many bytes of texts they are; None
    /// where one has no bits. `word` may be asked twice.
    #[inline]
    pub(super) fn array_of<'t, T>(
        &mut self,
        items: &'t [T],
        bytes_of: impl Fn(&'t T) -> usize,
        mut word: impl FnMut(&mut Self, &'t T) -> Option<u64>,
    ) -> Option<u64> {
        let (mut key, mut bytes) = (0u128, 0u64);
        let mut ids = 0;
        if items.len() <= SHORT {
            for item in items {
                let id = word(self, item)?;
                ids |= id;
                key = key << KEY_BITS | u128::from(id + 1);
                bytes += bytes_of(item) as u64;
            }
        }
        if items.len() > SHORT || ids + 1 >= 1 << KEY_BITS {
            return self.long(items, bytes_of, word);
        }
        if self.short.is_empty() {
            self.short.resize(KEYS, ShortList::default());
        }
        let [s, t] = self.seeds;
        let [low, high] = [key as u64, (key >> 64) as u64];
        let at = fold(low ^ s, high ^ t) as usize % KEYS;
        let known = *self.short.get(at)?;
        let [l, h] = known.key;
        let same = (l ^ low) | (h ^ high) == 0 && known.round == self.round;
        if same && u64::from(known.bytes) == bytes {
            return Some(u64::from(known.id));
        }
        let mut words = [0; SHORT];
        for (word, n) in words.iter_mut().zip((0..items.len() as u32).rev()) {
            *word = (key >> (n * KEY_BITS)) as u64 & ((1 << KEY_BITS) - 1);
            *word -= 1;
        }
        let id = self.list(words.get(..items.len())?, bytes)?;
        if let Some(slot) = self.short.get_mut(at) {
            *slot = ShortList { key: [low, high], id: id as u32, bytes: bytes as u32, round: self.round };
        }
        Some(id)
    }
    fn long<'t, T>(
        &mut self,
        items: &'t [T],
        bytes_of: impl Fn(&'t T) -> usize,
        mut word: impl FnMut(&mut Self, &'t T) -> Option<u64>,
    ) -> Option<u64> {
        let mut words = std::mem::take(&mut self.scratch);
        words.clear();
        let mut bytes = 0;
        for item in items {
            words.push(word(self, item)?);
            bytes += bytes_of(item) as u64;
        }
        let id = self.list(&words, bytes);
        self.scratch = words;
        id
    }
    /// The bits of an array whose elements have been checked.
    pub(super) fn array(&mut self, items: &[ValueRef<'_>]) -> Option<u64> {
        let bytes_of = |item: &ValueRef<'_>| match item {
            ValueRef::Text(s) => s.len(),
            _ => 0,
        };
        let word = |this: &mut Self, item: &ValueRef<'_>| match item {
            ValueRef::Number(n) => Some(number_bits(*n)),
            ValueRef::Bool(b) => Some(u64::from(*b)),
            ValueRef::Text(s) => this.text(s),
            ValueRef::Did(d) => this.did(d.as_str()),
            ValueRef::Null => Some(NULL),
            _ => None,
        };
        self.array_of(items, bytes_of, word)
    }
    /// The bits of an array of these words, which are all that matters of texts with so many bytes.
    pub(super) fn words(&mut self, items: &mut dyn Iterator<Item = u64>, bytes: u64) -> Option<u64> {
        let mut words = std::mem::take(&mut self.scratch);
        words.clear();
        words.extend(items);
        let id = self.list(&words, bytes);
        self.scratch = words;
        id
    }
    /// The bits of an array of these elements, whose texts have so many bytes. Equal ones that follow closely are one: what
    /// is remembered of arrays goes by their ids. Only the latest few in each place of a small table are looked at, so that
    /// arrays which do not come again cost no room.
    pub(super) fn list(&mut self, words: &[u64], bytes: u64) -> Option<u64> {
        self.lists.resize(LISTS, NO_LIST);
        let is_full = self.is_bounded_and_full();
        let first = self.hasher.hash_one(words) as usize % (LISTS / WAYS) * WAYS;
        let place = self.lists.get_mut(first..first + WAYS)?;
        if let Some(id) = place.iter().find(|id| self.arrays.is(**id, words, bytes)) {
            return Some(u64::from(*id));
        }
        if is_full {
            return None;
        }
        let id = self.arrays.push(words.iter().copied(), bytes)?;
        let at = place.iter().position(|id| *id == NO_LIST).unwrap_or(id as usize % WAYS);
        if let Some(slot) = place.get_mut(at) {
            *slot = id;
        }
        Some(u64::from(id))
    }
}
