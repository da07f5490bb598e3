//! The lists of accounts under a mana table: the only part of it with raw pointers.
//!
//! # The protocol
//!
//! A bucket is a singly linked list. Everything that walks it is pinned in the epoch.
//!
//! - *Insert.* Only at the head, by compare-and-swap from the very head whose list was searched without finding the
//!   account. The swap fails if anything was inserted since, so an account is made once. (That the head was another in between
//!   does no harm: what came and went meanwhile is forgotten, and addresses are not used again while we are pinned.)
//! - *Forget.* One sweeper at a time has a bucket (`sweeping`; who finds it taken goes on without waiting). It notes the
//!   account's `full_at` in the table's `newest_forgotten`, swaps the word from a full one to the terminal one, and unlinks
//!   the node. In that order: who no longer finds the account sees the note (Release on the links and words, Acquire for whoever
//!   walks), and makes a new one that is full no earlier, so that a clock that went back gains nothing.
//! - *Unlink.* Only the sweeper changes `next` of a node that is linked, so it cannot be fooled by a neighbour that is
//!   unlinked at the same time. The first node's link is the head, where inserts happen too: if that swap fails, the
//!   node has a predecessor now, and the sweeper looks for it.
//! - *Walk.* A walker on an unlinked node goes on through its `next`, which is never changed after unlinking, and
//!   reaches every later node that is alive. It waits for nobody.
//! - *Free.* An unlinked node is destroyed once everybody who was pinned has left.

use super::account::{DEAD, ManaAccount};
use crate::sync::{AtomicBool, AtomicPtr, AtomicU64, Ordering, epoch::Guard, epoch::Shared, order};
use std::ptr;

/// Buckets that are allocated together.
const SEGMENT: usize = if cfg!(loom) { 1 } else { 512 };

/// One account of a list.
#[derive(Debug)]
pub(super) struct Node {
    /// The DID's fingerprint.
    print: u128,
    pub(super) account: ManaAccount,
    next: AtomicPtr<Node>,
}

/// The list of those accounts whose fingerprints share an index.
#[derive(Debug)]
pub(super) struct Bucket {
    head: AtomicPtr<Node>,
    sweeping: AtomicBool,
}

/// What a sweep found.
#[derive(Clone, Copy)]
pub(super) struct Swept {
    /// Accounts forgotten.
    pub(super) freed: usize,
    /// When the first of the others will be full; `DEAD` where there is none.
    pub(super) earliest: u64,
}

/// What a search found: the head it began at, which [`Bucket::insert`] compares, and the account.
pub(super) struct Found<'g> {
    head: *mut Node,
    pub(super) node: Option<&'g Node>,
}

/// The node a link points at.
fn node(at: *mut Node, _guard: &Guard) -> Option<&Node> {
    // SAFETY: links hold null or a node that is freed only after everybody who was pinned while it could be reached has
    // left (model mana::account_created_once, mana::forget_races_spend), and the guard is older than the load.
    unsafe { at.as_ref() }
}

impl Bucket {
    fn new() -> Bucket {
        Bucket { head: AtomicPtr::new(ptr::null_mut()), sweeping: AtomicBool::new(false) }
    }

    /// Looks for an account that is not forgotten.
    pub(super) fn find<'g>(&self, print: u128, guard: &'g Guard) -> Found<'g> {
        let head = self.head.load(Ordering::Acquire);
        let mut at = node(head, guard);
        while let Some(here) = at {
            if here.print == print && here.account.word() != DEAD {
                break;
            }
            at = node(here.next.load(Ordering::Acquire), guard);
        }
        Found { head, node: at }
    }

    /// Adds an account that `found` did not find; false where the list has changed since.
    pub(super) fn insert(&self, found: &Found<'_>, print: u128, full_at: u64) -> bool {
        let made = Box::into_raw(Box::new(Node {
            print,
            account: ManaAccount::full_at(full_at),
            next: AtomicPtr::new(found.head),
        }));
        if crate::sync::weakened("mana: insert by compare and swap") {
            self.head.store(made, Ordering::Release);
            return true;
        }
        let linked = self
            .head
            .compare_exchange(found.head, made, order("mana: insert", Ordering::AcqRel), Ordering::Acquire)
            .is_ok();
        if !linked {
            // SAFETY: nobody has seen it.
            drop(unsafe { Box::from_raw(made) });
        }
        linked
    }

    /// Forgets the accounts that are full at tick `now`, unless another thread is at it.
    pub(super) fn sweep(&self, now: u64, newest_forgotten: &AtomicU64, guard: &Guard) -> Swept {
        let mut swept = Swept { freed: 0, earliest: DEAD };
        let mut any = false;
        let mut at = node(self.head.load(Ordering::Acquire), guard);
        while let Some(here) = at {
            let word = here.account.word();
            any |= word <= now || word == DEAD;
            swept.earliest = swept.earliest.min(word);
            at = node(here.next.load(Ordering::Acquire), guard);
        }
        if any && !self.sweeping.swap(true, Ordering::Acquire) {
            swept = self.sweep_alone(now, newest_forgotten, guard);
            self.sweeping.store(false, Ordering::Release);
        }
        swept
    }

    fn sweep_alone(&self, now: u64, newest_forgotten: &AtomicU64, guard: &Guard) -> Swept {
        let mut swept = Swept { freed: 0, earliest: DEAD };
        let mut before: Option<&Node> = None;
        let mut at = self.head.load(Ordering::Acquire);
        while let Some(here) = node(at, guard) {
            let next = here.next.load(Ordering::Acquire);
            let word = here.account.word();
            let full = word <= now && {
                if !crate::sync::weakened("mana: note before forgetting") {
                    newest_forgotten.fetch_max(word, Ordering::AcqRel);
                }
                here.account.forget(word)
            };
            if !full && word != DEAD {
                swept.earliest = swept.earliest.min(word);
                before = Some(here);
                at = next;
                continue;
            }
            let link = before.map_or(&self.head, |node| &node.next);
            if link.compare_exchange(at, next, Ordering::AcqRel, Ordering::Acquire).is_err() {
                // Inserted in front of the first node meanwhile.
                before = self.before(at, guard);
                let Some(found) = before else { return swept };
                found.next.store(next, Ordering::Release);
            }
            swept.freed += 1;
            // SAFETY: unlinked just now by the only thread that unlinks here, so nobody finds it from now on, and this
            // happens once; made by `Box::new` (model mana::forget_races_spend).
            unsafe { guard.defer_destroy(Shared::from(at.cast_const())) };
            at = next;
        }
        swept
    }

    /// The node whose link is `at`; there is one unless the head's is.
    fn before<'g>(&self, at: *mut Node, guard: &'g Guard) -> Option<&'g Node> {
        let mut before = node(self.head.load(Ordering::Acquire), guard);
        while let Some(here) = before {
            let next = here.next.load(Ordering::Acquire);
            if next == at {
                break;
            }
            before = node(next, guard);
        }
        before
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        let mut at = self.head.load(Ordering::Acquire);
        while !at.is_null() {
            // SAFETY: `&mut self`: nobody walks, and linked nodes are owned by the list alone.
            let node = unsafe { Box::from_raw(at) };
            at = node.next.load(Ordering::Acquire);
        }
    }
}

/// A fixed number of buckets, allocated when they are first needed.
#[derive(Debug)]
pub(super) struct Buckets {
    segments: Box<[AtomicPtr<[Bucket; SEGMENT]>]>,
    mask: usize,
}

impl Buckets {
    /// About `wanted` buckets, a power of two.
    pub(super) fn new(wanted: usize) -> Buckets {
        let buckets = wanted.max(1).next_power_of_two();
        let segments =
            (0..buckets.div_ceil(SEGMENT)).map(|_| AtomicPtr::new(ptr::null_mut())).collect::<Vec<_>>();
        Buckets { segments: segments.into_boxed_slice(), mask: buckets - 1 }
    }
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.mask + 1
    }
    /// The bucket of an index, which is taken modulo their number. None where nothing was ever put there and `make` is
    /// not asked for.
    pub(super) fn get(&self, index: usize, make: bool) -> Option<&Bucket> {
        let index = index & self.mask;
        let slot = self.segments.get(index / SEGMENT)?;
        let mut segment = slot.load(Ordering::Acquire);
        if segment.is_null() {
            if !make {
                return None;
            }
            let made = Box::into_raw(Box::new(std::array::from_fn(|_| Bucket::new())));
            segment = match slot.compare_exchange(segment, made, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => made,
                Err(theirs) => {
                    // SAFETY: nobody has seen it.
                    drop(unsafe { Box::from_raw(made) });
                    theirs
                }
            };
        }
        // SAFETY: set once, from null to a leaked box, and freed in `drop` only (model mana::account_created_once).
        unsafe { (*segment).get(index % SEGMENT) }
    }
}

impl Drop for Buckets {
    fn drop(&mut self) {
        for slot in &mut self.segments {
            let segment = slot.load(Ordering::Acquire);
            if !segment.is_null() {
                // SAFETY: `&mut self`, and the box was leaked by `get`.
                drop(unsafe { Box::from_raw(segment) });
            }
        }
    }
}
