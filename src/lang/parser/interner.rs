//! Names to symbols: an open-addressing table over the tree's names.
//!
//! Names are an attacker's to choose, so the hash must not be one for which he can choose names that collide. The fast
//! hash multiplies by a secret that is new for each parse; should some names still crowd together (a probe longer than
//! [`LONGEST_PROBE`], which chance does not bring about in a table that is at most half full), the table changes over,
//! once, to the standard library's keyed SipHash. So a lookup costs O(length of the name) whatever the names are.
//! Symbols are numbered by first occurrence: the tree does not depend on the secret.

use crate::lang::ast::{Symbol, TextTable};
use smallvec::SmallVec;
use std::hash::{BuildHasher, RandomState};

/// Slots that one lookup may visit before the hash is taken to be under attack.
const LONGEST_PROBE: usize = 128;

#[derive(Clone, Copy)]
struct Slot {
    hash: u32,
    /// The symbol plus one; 0 where the slot is free.
    entry: u32,
}

const FREE: Slot = Slot { hash: 0, entry: 0 };

/// The index over a table of names.
pub(super) struct Interner {
    /// A power of two of slots, at least twice as many as names.
    slots: SmallVec<[Slot; 64]>,
    keys: RandomState,
    /// The secret of the fast hash: odd, so that no information is lost in multiplying.
    secret: u64,
    under_attack: bool,
}

enum Found {
    Symbol(u32),
    Free(usize),
    TooFar,
}

impl Interner {
    /// Room for about `names` names.
    #[inline(always)]
    pub(super) fn new(names: usize) -> Interner {
        let keys = RandomState::new();
        let secret = keys.hash_one(0u64) | 1;
        Interner::with_secret(names, keys, secret)
    }

    #[inline(always)]
    pub(super) fn with_secret(names: usize, keys: RandomState, secret: u64) -> Interner {
        Interner {
            slots: SmallVec::from_elem(FREE, (names * 2).next_power_of_two().max(32)),
            keys,
            secret,
            under_attack: false,
        }
    }

    /// The symbol of `name`, which is entered into `names` where it is new.
    pub(super) fn intern(&mut self, name: &str, names: &mut TextTable) -> Symbol {
        let mut hash = self.hash(name);
        loop {
            match self.find(name, hash, names) {
                Found::Symbol(symbol) => return Symbol(symbol),
                Found::Free(at) => {
                    let symbol = names.push(name);
                    self.put(at, Slot { hash, entry: symbol + 1 });
                    if names.len() * 2 > self.slots.len() {
                        self.rebuild(self.slots.len() * 2, names);
                    }
                    return Symbol(symbol);
                }
                Found::TooFar => {
                    self.under_attack = true;
                    self.rebuild(self.slots.len(), names);
                    hash = self.hash(name);
                }
            }
        }
    }

    /// Whether the table had to change its hash.
    #[cfg(test)]
    pub(super) fn is_under_attack(&self) -> bool {
        self.under_attack
    }

    fn find(&self, name: &str, hash: u32, names: &TextTable) -> Found {
        let mask = self.slots.len() - 1;
        let longest = if self.under_attack { usize::MAX } else { LONGEST_PROBE };
        let mut at = hash as usize & mask;
        for _ in 0..longest {
            let slot = self.slots.get(at).copied().unwrap_or(FREE);
            if slot.entry == 0 {
                return Found::Free(at);
            }
            let symbol = slot.entry - 1;
            if slot.hash == hash && names.get(symbol as usize) == Some(name) {
                return Found::Symbol(symbol);
            }
            at = (at + 1) & mask;
        }
        Found::TooFar
    }

    fn put(&mut self, at: usize, slot: Slot) {
        if let Some(place) = self.slots.get_mut(at) {
            *place = slot;
        }
    }

    #[cold]
    fn rebuild(&mut self, size: usize, names: &TextTable) {
        self.slots.clear();
        self.slots.resize(size, FREE);
        for (symbol, name) in names.iter().enumerate() {
            let hash = self.hash(name);
            let mut at = hash as usize & (size - 1);
            while self.slots.get(at).is_some_and(|slot| slot.entry != 0) {
                at = (at + 1) & (size - 1);
            }
            self.put(at, Slot { hash, entry: symbol as u32 + 1 });
        }
    }

    fn hash(&self, name: &str) -> u32 {
        let hash = if self.under_attack { self.keys.hash_one(name) } else { self.fast(name) };
        // The low bits choose the slot.
        (hash ^ hash >> 32) as u32
    }

    /// Folded multiplication, eight bytes at a time.
    fn fast(&self, name: &str) -> u64 {
        let fold = |state: u64, word: u64| {
            let product = u128::from(state ^ word) * u128::from(self.secret);
            product as u64 ^ (product >> 64) as u64
        };
        let bytes = name.as_bytes();
        let mut state = self.secret.rotate_left(32) ^ bytes.len() as u64;
        if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
            // All whole words but the last eight bytes, which may overlap the word before them.
            let middle = bytes.get(8..bytes.len() - 8).unwrap_or(&[]);
            state = fold(state, u64::from_le_bytes(*first));
            for word in middle.chunks(8) {
                state = fold(state, word.iter().fold(0, |tail, &byte| tail << 8 | u64::from(byte)));
            }
            state = fold(state, u64::from_le_bytes(*last));
        } else if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
            let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
            state = fold(state, u64::from(first) << 32 | u64::from(last));
        } else {
            state = fold(state, bytes.iter().fold(0, |tail, &byte| tail << 8 | u64::from(byte)));
        }
        fold(state, self.secret)
    }
}
