//! Names that strangers choose, interned to dense numbers. Insert only, lock-free, bounded.
//!
//! # The protocol
//!
//! *Slots* are hash tables of growing size, the **levels**. A name is looked for in a window of each level in turn, from
//! a place that its keyed hash decides; in the last level, in all of it. A registration takes the first free slot on that
//! way. Slots are never freed, so a free slot on the way proves that the name is not registered, and two threads with one
//! name meet in one slot. A slot is taken by filling its name, which happens once ([`OnceLock`]).
//!
//! *Places* give the number. `order[n]` says which slot has number n, `tail` is how many are given. A slot that was taken
//! gets its number so:
//!
//! 1. read `tail`, then the slot's number: if it has one, done;
//! 2. swap `order[tail]` from none to this slot;
//! 3. whoever stands there now, this slot or another, is **finished**: its number is set, then `tail` moves on by one.
//!
//! *A name has one number:* a slot that stands at a place below `tail` has its number, since it is set before `tail` moves;
//! and step 1 reads in the opposite order. So who gets to step 2 with a slot that has no number knows that it stands
//! nowhere below the `tail` that it read, and the swap lets one stand there. *Numbers are dense:* a place is
//! filled before the next is tried. *Nobody waits:* a thread that stops after any step is finished by the next one. Only
//! std's cell, while a name is being moved into it, makes others that want the very same slot wait for that move, and a
//! level that is being allocated makes others that need it wait; readers wait for neither.
//!
//! # Orderings
//!
//! The number (Release/Acquire) hands on the name that was set before it, `order` and `tail` (AcqRel/Acquire) likewise,
//! so whoever has a number, or a length, can read the names.

use crate::limits::{MAX_NAME_BYTES, MAX_NAMES};
use crate::segments::Segments;
use crate::sync::{AtomicU32, CachePadded, OnceLock, Ordering, order, weakened};
use std::hash::BuildHasher;

/// Slots of the first level.
const FIRST: usize = if cfg!(loom) { 2 } else { 256 };
/// Each level is so much larger than the one before.
const GROWTH: usize = 8;
/// Slots of a level in which a name is looked for.
const WINDOW: usize = if cfg!(loom) { 1 } else { 16 };
/// Places allocated at once.
const PLACES: usize = if cfg!(loom) { 2 } else { 1_024 };

/// Keys of its own for each registry, so that nobody can choose names that fall on one slot.
#[cfg(not(loom))]
type Keys = std::hash::RandomState;
/// Loom needs every execution to be the same.
#[cfg(loom)]
type Keys = std::hash::BuildHasherDefault<std::hash::DefaultHasher>;

#[derive(Debug)]
struct Name {
    text: Box<str>,
    /// Half of the hash, so that another name is seldom compared.
    tag: u32,
}

#[derive(Debug)]
struct Slot {
    name: OnceLock<Name>,
    /// 0, or the number + 1.
    number: AtomicU32,
}

#[derive(Debug)]
struct Level {
    /// Slots of the levels before.
    before: usize,
    size: usize,
    slots: OnceLock<Box<[Slot]>>,
}

impl Level {
    fn slots(&self) -> &[Slot] {
        let empty = || Slot { name: OnceLock::new(), number: AtomicU32::new(0) };
        self.slots.get_or_init(|| (0..self.size).map(|_| empty()).collect())
    }
}

/// Where the way of a name ends.
enum Way<'r> {
    /// It stands here.
    There(Place<'r>),
    /// It is not registered; this slot is free for it.
    Free(Place<'r>),
    /// It is not registered; this level has to be there first.
    Grow(&'r Level),
    /// It is not registered, and everything is full.
    Full,
}

#[derive(Clone, Copy)]
struct Place<'r> {
    slot: &'r Slot,
    index: usize,
}

/// The interner.
#[derive(Debug)]
pub struct Registry {
    cap: u32,
    keys: Keys,
    levels: Box<[Level]>,
    /// By number: 0, or the slot's index + 1.
    order: Segments<AtomicU32>,
    tail: CachePadded<AtomicU32>,
}

impl Registry {
    /// A registry of at most `cap` names ([`MAX_NAMES`] where it says more), none of them longer than [`MAX_NAME_BYTES`]. It starts
    /// with a few hundred bytes and grows with the number of names.
    pub fn new(cap: u32) -> Registry {
        let cap = cap.min(MAX_NAMES);
        let last = (cap as usize * 2).next_power_of_two().max(FIRST);
        let sizes = std::iter::successors(Some(FIRST), |size| (*size < last).then(|| size * GROWTH));
        let mut before = 0;
        let levels = sizes.map(|size| {
            let level = Level { before, size: size.min(last), slots: OnceLock::new() };
            before += level.size;
            level
        });
        Registry {
            cap,
            keys: Keys::default(),
            levels: levels.collect(),
            order: Segments::new(cap as usize, PLACES, || AtomicU32::new(0)),
            tail: CachePadded::new(AtomicU32::new(0)),
        }
    }
    /// Most names.
    pub fn cap(&self) -> u32 {
        self.cap
    }
    /// Names registered: all numbers below it have their names.
    pub fn len(&self) -> u32 {
        self.tail.load(Ordering::Acquire)
    }
    /// Whether there is no name yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The number of a name, if it is registered. Never waits.
    pub fn get(&self, name: &str) -> Option<u32> {
        if name.len() > MAX_NAME_BYTES {
            return None;
        }
        match self.walk(name, self.keys.hash_one(name)) {
            Way::There(place) => self.number(place.slot),
            _ => None,
        }
    }
    /// The number of a name, registered now where it was not: the same for one name, whichever threads ask. None for a
    /// name that is too long, and for a new one where the registry is full.
    pub fn intern(&self, name: &str) -> Option<u32> {
        if name.len() > MAX_NAME_BYTES {
            return None;
        }
        let hash = self.keys.hash_one(name);
        // Each round that ends nowhere has seen another thread register a name, or made room.
        loop {
            match self.walk(name, hash) {
                Way::There(place) => return self.enrol(place),
                _ if self.len() >= self.cap => return None,
                Way::Free(place) => {
                    if place.slot.name.set(Name { text: name.into(), tag: tag(hash) }).is_ok() {
                        return self.enrol(place);
                    }
                }
                Way::Grow(level) => {
                    level.slots();
                }
                Way::Full => return None,
            }
        }
    }
    /// The name of a number.
    pub fn name(&self, number: u32) -> Option<&str> {
        let index = self.order.get(number as usize)?.load(Ordering::Acquire).checked_sub(1)?;
        Some(&self.slot(index as usize)?.name.get()?.text)
    }

    fn walk(&self, name: &str, hash: u64) -> Way<'_> {
        for (n, level) in self.levels.iter().enumerate() {
            let Some(slots) = level.slots.get() else { return Way::Grow(level) };
            let last = n + 1 == self.levels.len();
            let window = if last { slots.len() } else { WINDOW.min(slots.len()) };
            // Other bits at each level: names that were crowded at one are spread at the next.
            let start = hash.rotate_right(16 * n as u32) as usize;
            for step in 0..window {
                let at = start.wrapping_add(step) & (slots.len() - 1);
                let Some(slot) = slots.get(at) else { continue };
                let place = Place { slot, index: level.before + at };
                match slot.name.get() {
                    None => return Way::Free(place),
                    Some(there) if there.tag == tag(hash) && *there.text == *name => {
                        return Way::There(place);
                    }
                    Some(_) => {}
                }
            }
        }
        Way::Full
    }
    /// The number of a slot, if it has one; after that `len` is above it.
    #[inline]
    fn number(&self, slot: &Slot) -> Option<u32> {
        let number = slot.number.load(Ordering::Acquire).checked_sub(1)?;
        if self.len() <= number {
            self.advance(number);
        }
        Some(number)
    }
    /// Gives a slot that was taken its number. None where no more are left.
    fn enrol(&self, place: Place<'_>) -> Option<u32> {
        loop {
            let mut tail = self.len();
            if let Some(number) = self.number(place.slot) {
                return Some(number);
            }
            if weakened("registry: read the tail first") {
                tail = self.len();
            }
            if tail >= self.cap {
                return None;
            }
            let index = place.index as u32 + 1;
            let stands = self.order.ensure(tail as usize)?;
            match stands.compare_exchange(0, index, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => self.finish(place.slot, tail),
                // Another stands there and may be asleep: it is finished for it.
                Err(other) => self.finish(self.slot(other.wrapping_sub(1) as usize)?, tail),
            }
        }
    }
    fn finish(&self, slot: &Slot, tail: u32) {
        // Fails only where it has been set: a slot stands at one place.
        let ordering = order("registry: the name goes with the number", Ordering::Release);
        let _ = slot.number.compare_exchange(0, tail + 1, ordering, Ordering::Relaxed);
        self.advance(tail);
    }
    /// Moves the tail past this number, if it stands there.
    fn advance(&self, tail: u32) {
        let ordering = order("registry: the name goes with the length", Ordering::AcqRel);
        let _ = self.tail.compare_exchange(tail, tail + 1, ordering, Ordering::Relaxed);
    }
    fn slot(&self, index: usize) -> Option<&Slot> {
        let level = self.levels.iter().find(|level| index - level.before.min(index) < level.size)?;
        level.slots.get()?.get(index.checked_sub(level.before)?)
    }
}

/// The half of a hash that does not choose the first level's slot.
fn tag(hash: u64) -> u32 {
    (hash >> 32) as u32
}

#[cfg(test)]
mod tests;
