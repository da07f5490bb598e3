//! A register of several words that is read and changed as one.
//!
//! # The protocol
//!
//! ```text
//!   head   63                                6 5      0
//!         | version: one more with each update |  slot  |      the slot that holds the value
//!
//!   slot  | claimed | word 0 | word 1 | ... | word N-1 |       one line of the cache, while N <= 7
//! ```
//!
//! The value is what stands in the slot that `head` names. That slot, and every slot that a writer is filling, is claimed;
//! the others are free. A slot's words are written only by who claimed it, before `head` names it, and never while it does.
//!
//! - *Read.* Load `head` (1), copy the slot's words, load `head` again (2). If it is the same the words are one value, else
//!   all of it is done again. Somebody else's update came in between: reading is lock-free.
//! - *Update.* Read; compute the new value; claim a free slot (3), write the words there, swap `head` to it if it is still
//!   the one that was read (4), give the old slot back (5). If `head` has moved, read and compute again and keep the
//!   claimed slot. A refused computation writes nothing that is shared. What the computation sees is always one value.
//!
//! An update is two read-modify-writes, the claim and the swap; giving back is a plain store. The claim is in the line of
//! the words that are about to be written, and a lone writer goes to and fro between two neighbouring slots.
//!
//! # Orderings
//!
//! - *Publish* (4, Release; 1, Acquire). Who sees the new `head` sees the words written before it. Without it
//!   `wide_publish_shows_the_words` fails.
//! - *Reuse is noticed.* A slow reader copies a slot that has since been given back, claimed and filled anew. It must
//!   then not find `head` unchanged. The `head` that moved away (4) comes before giving back (5, Release), that before
//!   the next claim (3, Acquire), that before the new words (a Release fence between claim and words), and a reader that
//!   copied one of these has the Acquire fence between the words and (2): hence (2) sees `head` as moved, or later. Each
//!   link is needed: `wide_slot_reuse_is_noticed` fails without the writer's fence, `wide_read_is_one_cut` without the
//!   second look, `wide_reader_has_a_fence` without the reader's fence, `wide_give_back_comes_after_the_swap` without
//!   Release at (5), `wide_claim_sees_the_give_back` without Acquire at (3).
//! - *Claims are exclusive.* The claim is one compare-and-swap; `wide_claims_are_exclusive` fails where it is a load and a store.
//! - *No update is lost.* The swap of `head` compares; `wide_update_never_lost` fails where it is a store.
//! - The words themselves, and the second load of `head`, are Relaxed. The swap of `head` needs no Acquire: the load (1)
//!   that it compares with had it, and a value of `head` is written once.
//!
//! # What can go wrong with a version
//!
//! A reader or writer is fooled only if `head` has the same 64 bits again: after a multiple of 2^58 updates, while it
//! stood between two loads. At one update a nanosecond 2^58 of them take nine years.
//!
//! # Progress
//!
//! Lock-free while at most `SLOTS - 1` writers stand between claim and giving back: among them one always succeeds. One
//! more finds no free slot, yields and tries again; it moves on when any of the others does. A writer that is stopped for
//! good in those few instructions keeps its slot; `SLOTS - 1` of them would stop all updates, and reads never.

use crate::sync::{
    AtomicBool, AtomicU64, CachePadded,
    Ordering::{Acquire, Relaxed, Release},
    fence, order, weakened, yield_now,
};
use core::fmt;

const SLOT_BITS: u32 = 6;
const SLOT_MASK: u64 = (1 << SLOT_BITS) - 1;

/// `N` words, read and changed as one, by any number of threads. `SLOTS`, from 2 to 64, bounds how many updates can be
/// under way at once without waiting for each other: one less than it.
///
/// ```
/// use eclvm_kernel::wide::Wide;
///
/// let pair = Wide::<2>::new([3, 0]);
/// // Moves one from the first word to the second, if there is one.
/// let moved = pair.update(|&[from, to]| Some([from.checked_sub(1)?, to + 1]));
/// assert_eq!(moved, Ok(([3, 0], [2, 1])));
/// assert_eq!(pair.read(), [2, 1]);
/// ```
pub struct Wide<const N: usize, const SLOTS: usize = 16> {
    head: CachePadded<AtomicU64>,
    slots: [Slot<N>; SLOTS],
    /// In loom's models of what is built on registers, all values that `head`, a place in it then, was ever to name.
    #[cfg(loom)]
    by_contract: Option<std::sync::Mutex<Vec<[u64; N]>>>,
}

#[repr(align(64))]
struct Slot<const N: usize> {
    claimed: AtomicBool,
    words: [AtomicU64; N],
}

/// A slot that is this writer's alone. It goes back when the claim is dropped, also while unwinding.
struct Claim<'w, const N: usize> {
    slot: &'w Slot<N>,
    index: u64,
}

impl<const N: usize> Drop for Claim<'_, N> {
    fn drop(&mut self) {
        self.slot.claimed.store(false, order("wide: give back after the swap", Release));
    }
}

impl<const N: usize> Slot<N> {
    fn claim(&self) -> bool {
        if weakened("wide: claim in one step") {
            let free = !self.claimed.load(Acquire);
            self.claimed.store(true, Relaxed);
            return free;
        }
        let acquire = order("wide: claim sees the give-back", Acquire);
        // The load only saves a swap that would fail; loom has enough to explore without it.
        (cfg!(loom) || !self.claimed.load(Relaxed))
            && self.claimed.compare_exchange(false, true, acquire, Relaxed).is_ok()
    }
}

impl<const N: usize, const SLOTS: usize> Wide<N, SLOTS> {
    /// A register with this value.
    pub fn new(words: [u64; N]) -> Wide<N, SLOTS> {
        const { assert!(SLOTS >= 2 && SLOTS <= 1 << SLOT_BITS, "from 2 to 64 slots") };
        let slot = |index: usize| match index {
            0 => Slot { claimed: AtomicBool::new(true), words: words.map(AtomicU64::new) },
            _ => Slot { claimed: AtomicBool::new(false), words: [0; N].map(AtomicU64::new) },
        };
        Wide {
            head: CachePadded::new(AtomicU64::new(0)),
            slots: core::array::from_fn(slot),
            #[cfg(loom)]
            by_contract: crate::sync::tracked::registers_by_contract()
                .then(|| std::sync::Mutex::new(vec![words])),
        }
    }

    /// The value. Lock-free: done again only where an update succeeded meanwhile.
    #[inline]
    pub fn read(&self) -> [u64; N] {
        self.look().1
    }

    /// Replaces the value by what `change` makes of it, as one step: Ok with the old and the new value. Err with the value
    /// that it refused, by None; nothing is changed then. `change` may be called several times, each time with a value
    /// that the register really had; the last call counts. It must not itself update this register.
    #[inline]
    pub fn update(
        &self,
        mut change: impl FnMut(&[u64; N]) -> Option<[u64; N]>,
    ) -> Result<([u64; N], [u64; N]), [u64; N]> {
        self.update_with(|old| change(old).map(|new| (new, (*old, new))).ok_or(*old))
    }

    /// As [`Wide::update`]; what comes with the new value, or instead of it, is returned.
    #[inline]
    pub fn update_with<T, E>(
        &self,
        mut change: impl FnMut(&[u64; N]) -> Result<([u64; N], T), E>,
    ) -> Result<T, E> {
        let mut own: Option<Claim<'_, N>> = None;
        loop {
            let (head, old) = self.look();
            let (new, result) = change(&old)?;
            #[cfg(loom)]
            if let Some(next) = self.kept(new) {
                if self.publish(head, next) {
                    return Ok(result);
                }
                continue;
            }
            let claim = own.get_or_insert_with(|| self.claim(head));
            for (word, value) in claim.slot.words.iter().zip(new) {
                word.store(value, Relaxed);
            }
            let next = (head & !SLOT_MASK).wrapping_add(1 << SLOT_BITS) | claim.index;
            if self.publish(head, next) {
                // What the claim gives back from here on is the slot that nobody needs any more.
                (claim.slot, claim.index) = (self.slot(head), head & SLOT_MASK);
                return Ok(result);
            }
        }
    }

    /// How many updates have succeeded, modulo 2^58. Exact where those who updated have been joined.
    pub fn updates(&self) -> u64 {
        self.head.load(Relaxed) >> SLOT_BITS
    }

    #[inline]
    fn publish(&self, head: u64, next: u64) -> bool {
        let release = order("wide: publish", Release);
        if weakened("wide: swap if unchanged") {
            self.head.store(next, release);
            return true;
        }
        self.head.compare_exchange(head, next, release, Relaxed).is_ok()
    }

    /// `head`, and the value that belongs to it.
    #[inline]
    fn look(&self) -> (u64, [u64; N]) {
        loop {
            let head = self.head.load(order("wide: read what was published", Acquire));
            #[cfg(loom)]
            if let Some(value) = self.value_at(head) {
                return (head, value);
            }
            let mut value = [0; N];
            for (value, word) in value.iter_mut().zip(&self.slot(head).words) {
                *value = word.load(Relaxed);
            }
            if !weakened("wide: fence of the reader") {
                fence(Acquire);
            }
            if weakened("wide: look again") || self.head.load(Relaxed) == head {
                return (head, value);
            }
        }
    }

    /// By contract: keeps a value that `head` may be made to name.
    #[cfg(loom)]
    fn kept(&self, value: [u64; N]) -> Option<u64> {
        let mut values = self.by_contract.as_ref()?.lock().ok()?;
        values.push(value);
        Some(values.len() as u64 - 1)
    }

    /// By contract: the value that `head` names.
    #[cfg(loom)]
    fn value_at(&self, head: u64) -> Option<[u64; N]> {
        self.by_contract.as_ref()?.lock().ok()?.get(head as usize).copied()
    }

    /// Claims a free slot, near the one in use.
    #[inline]
    fn claim(&self, head: u64) -> Claim<'_, N> {
        // The neighbour first. The slot in use is claimed, hence never found.
        let near = (head & SLOT_MASK) ^ 1;
        loop {
            for offset in 0..SLOTS as u64 {
                let index = (near + offset) % SLOTS as u64;
                let slot = self.slot(index);
                if slot.claim() {
                    let claim = Claim { slot, index };
                    if !weakened("wide: fence of the writer") {
                        fence(Release);
                    }
                    return claim;
                }
            }
            yield_now();
        }
    }

    #[inline]
    #[expect(clippy::indexing_slicing, reason = "only numbers below SLOTS are ever put into head")]
    fn slot(&self, head: u64) -> &Slot<N> {
        &self.slots[(head & SLOT_MASK) as usize]
    }
}

impl<const N: usize, const SLOTS: usize> fmt::Debug for Wide<N, SLOTS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Wide").field(&self.read()).finish()
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
