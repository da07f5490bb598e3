//! Mana accounts of many DIDs, in bounded memory.
//!
//! # What it promises
//!
//! - Reading, spending and giving back wait for nobody and write one word, the account's.
//! - An account nobody remembers is full. Hence only full accounts are forgotten, and whether an account was forgotten
//!   in between cannot be told from what it grants: a forgotten account is worth exactly what a remembered one is. For a
//!   clock that goes back the table keeps the latest moment at which a forgotten account was full
//!   (`newest_forgotten`); a new account is full no earlier.
//! - At most `cap` accounts are kept, and none is forgotten while there is a place left. A spender for whom there is no place looks at a fixed number of buckets (its hint, and
//!   `SWEEP` that a hand moves over), forgets what is full there, and is otherwise refused: no call costs more
//!   than that, however many there are. The refusal's wait is when the first account it looked at can be forgotten. The bucket
//!   of that account is the hint that the next one looks at first, so whoever waits that long finds the place unless
//!   somebody was faster or the account has spent.
//! - A DID counts by a fingerprint of 128 bits under keys drawn for each table: strangers cannot aim at one bucket, and
//!   a long DID costs no more memory than a short one. Two of a million DIDs share an account by an accident of 1 in 2^89.
//!
//! An account is made by its first spend, already charged, so nobody can forget it in between. The lists and why
//! forgetting does not race with spending are in `list.rs`; the word is in [`account`](super::account).

use super::account::{DEAD, ManaRate, ManaRefusal, Spend, ticks, wait_ns};
use super::list::Buckets;
use crate::limits::MAX_MANA_ACCOUNTS;
use crate::sync::{AtomicU64, AtomicUsize, CachePadded, Ordering, epoch};
use std::hash::{BuildHasher, RandomState};

/// Buckets that one call looks at, besides the hint, when the table is full. Accounts are two for each bucket.
const SWEEP: usize = 8;
/// Largest cap: 2^28 accounts are 16 GiB.
const MOST: usize = 1 << 28;

/// Mana accounts by DID.
#[derive(Debug)]
pub struct ManaTable {
    origin_ns: u64,
    cap: usize,
    len: CachePadded<AtomicUsize>,
    /// The latest `full_at` of a forgotten account.
    newest_forgotten: AtomicU64,
    /// Where the next sweep begins.
    hand: AtomicUsize,
    /// The bucket with the account that is known to be full first.
    hint: AtomicUsize,
    buckets: Buckets,
    hasher: RandomState,
}

/// Room for one account, given back when dropped.
struct Place<'t>(&'t ManaTable);

impl Place<'_> {
    fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.len.fetch_sub(1, Ordering::AcqRel);
    }
}

impl ManaTable {
    /// At most [`MAX_MANA_ACCOUNTS`] accounts. `origin_ns` is the earliest time that will be passed in, in nanoseconds
    /// of a clock that does not go back; what is earlier counts as it.
    pub fn new(origin_ns: u64) -> ManaTable {
        ManaTable::with_cap(origin_ns, MAX_MANA_ACCOUNTS)
    }
    /// At most `cap` accounts, which is at least 1 and at most 2^28.
    pub fn with_cap(origin_ns: u64, cap: usize) -> ManaTable {
        let cap = cap.clamp(1, MOST);
        ManaTable {
            origin_ns,
            cap,
            len: CachePadded::new(AtomicUsize::new(0)),
            newest_forgotten: AtomicU64::new(0),
            hand: AtomicUsize::new(0),
            hint: AtomicUsize::new(0),
            buckets: Buckets::new(cap / 2),
            hasher: RandomState::new(),
        }
    }
    /// Accounts that are remembered, those that are being made included; never above the cap.
    pub fn len(&self) -> usize {
        self.len.load(Ordering::Acquire)
    }
    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Most accounts.
    pub fn cap(&self) -> usize {
        self.cap
    }

    /// Mana of a DID at `now_ns`.
    pub fn level(&self, did: &str, rate: &ManaRate, now_ns: u64) -> u64 {
        let print = self.print(did);
        let now = ticks(now_ns.saturating_sub(self.origin_ns));
        let guard = epoch::pin();
        let node = self.buckets.get(print as usize, false).and_then(|bucket| bucket.find(print, &guard).node);
        let word = node.map_or(DEAD, |node| node.account.word());
        let full_at = if word == DEAD { self.newest_forgotten.load(Ordering::Acquire) } else { word };
        rate.level(full_at, now)
    }

    /// Spends `m` mana of a DID at `now_ns` or nothing.
    ///
    /// # Errors
    /// There are not `m`, or the table has no place for another account.
    pub fn try_spend(&self, did: &str, rate: &ManaRate, now_ns: u64, m: u64) -> Result<(), ManaRefusal> {
        self.charge(self.print(did), rate, now_ns, m, m).map(|_| ())
    }

    /// Gives back `m` mana that were spent at this rate; never above the capacity.
    pub fn refund(&self, did: &str, rate: &ManaRate, m: u64) {
        self.give_back(self.print(did), rate, m);
    }

    /// Mana for a budget: at most `want`, as much of it as there is, at least 1. What the lease has not spent when
    /// it is dropped, also by a panic, goes back. It counts as spent meanwhile: a lease is for one run.
    ///
    /// # Errors
    /// There is none, or the table has no place for another account.
    pub fn lease(
        &self,
        did: &str,
        rate: &ManaRate,
        now_ns: u64,
        want: u64,
    ) -> Result<ManaLease<'_>, ManaRefusal> {
        let print = self.print(did);
        let granted = self.charge(print, rate, now_ns, want.min(1), want)?;
        Ok(ManaLease { table: self, print, rate: *rate, granted, spent: 0 })
    }

    /// Forgets the full accounts of the next few buckets; how many. Nobody need call it: a full table does this by itself. A
    /// timer that does keeps the table as small as those that are in use.
    pub fn forget_full(&self, now_ns: u64) -> usize {
        self.make_room(ticks(now_ns.saturating_sub(self.origin_ns)), &epoch::pin()).0
    }

    fn print(&self, did: &str) -> u128 {
        // Two words of one keyed function, of different inputs.
        let half = |n: u8| u128::from(self.hasher.hash_one((n, did)));
        half(0) << 64 | half(1)
    }

    /// Spends at least `need`, at most `want`, as much as there is.
    fn charge(
        &self,
        print: u128,
        rate: &ManaRate,
        now_ns: u64,
        need: u64,
        want: u64,
    ) -> Result<u64, ManaRefusal> {
        let since = now_ns.saturating_sub(self.origin_ns);
        self.charge_since(print, rate, since, need, want).map_err(|refusal| ManaRefusal {
            // Until the origin time stands still.
            retry_after_ns: refusal.retry_after_ns.saturating_add(self.origin_ns.saturating_sub(now_ns)),
            ..refusal
        })
    }

    /// The same, with time counted from the origin.
    fn charge_since(
        &self,
        print: u128,
        rate: &ManaRate,
        now_ns: u64,
        need: u64,
        want: u64,
    ) -> Result<u64, ManaRefusal> {
        let now = ticks(now_ns);
        let guard = epoch::pin();
        // No account is made for what no account can pay, or for nothing.
        let pays = want > 0 && need <= rate.capacity();
        let Some(bucket) = self.buckets.get(print as usize, pays) else {
            return self.unmade(rate, now_ns, need);
        };
        let mut place = None;
        loop {
            let found = bucket.find(print, &guard);
            if let Some(node) = found.node {
                match node.account.spend(now_ns, rate, need, want) {
                    Spend::Done(m) => return Ok(m),
                    Spend::Short(refusal) => return Err(refusal),
                    Spend::Forgotten => continue,
                }
            }
            // After the search: whoever forgot the account has noted it.
            let full_at = self.newest_forgotten.load(Ordering::Acquire);
            let level = rate.level(full_at, now);
            if !pays || level < need || level == 0 {
                return self.unmade(rate, now_ns, need);
            }
            if place.is_none() {
                place = Some(self.place(rate, now_ns, &guard)?);
            }
            let m = want.min(level);
            if bucket.insert(&found, print, rate.spent(full_at, now, m)) {
                place.into_iter().for_each(Place::keep);
                return Ok(m);
            }
        }
    }

    /// The answer where there is no account and none is made.
    fn unmade(&self, rate: &ManaRate, now_ns: u64, need: u64) -> Result<u64, ManaRefusal> {
        let full_at = self.newest_forgotten.load(Ordering::Acquire);
        if rate.level(full_at, ticks(now_ns)) >= need {
            return Ok(0);
        }
        Err(rate.refuse(full_at, now_ns, need))
    }

    fn give_back(&self, print: u128, rate: &ManaRate, m: u64) {
        let guard = epoch::pin();
        let Some(bucket) = self.buckets.get(print as usize, false) else { return };
        // Where there is no account it is full: nothing to give back.
        while let Some(node) = bucket.find(print, &guard).node {
            if node.account.give_back(rate, m) {
                return;
            }
        }
    }

    /// Room for one more account.
    fn place(&self, rate: &ManaRate, now_ns: u64, guard: &epoch::Guard) -> Result<Place<'_>, ManaRefusal> {
        if let Some(place) = self.try_place() {
            return Ok(place);
        }
        let (freed, earliest) = self.make_room(ticks(now_ns), guard);
        // At once where another was faster, or where there are none yet: whoever has the places is about to insert.
        let earliest = if freed > 0 || earliest == DEAD { 0 } else { earliest };
        self.try_place().ok_or_else(|| ManaRefusal {
            level: rate.level(self.newest_forgotten.load(Ordering::Acquire), ticks(now_ns)),
            retry_after_ns: wait_ns(now_ns, earliest).max(1),
            table_full: true,
        })
    }

    fn try_place(&self) -> Option<Place<'_>> {
        let mut len = self.len.load(Ordering::Acquire);
        while len < self.cap {
            match self.len.compare_exchange_weak(len, len + 1, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Some(Place(self)),
                Err(now) => len = now,
            }
        }
        None
    }

    /// Forgets what is full in some buckets. How many accounts, and the tick at which the first of the others there will be
    /// full; `DEAD` where there are none.
    #[cold]
    fn make_room(&self, now: u64, guard: &epoch::Guard) -> (usize, u64) {
        let hint = self.hint.load(Ordering::Relaxed);
        let hand = self.hand.fetch_add(SWEEP, Ordering::Relaxed);
        let swept = (0..SWEEP.min(self.buckets.len())).map(|n| hand.wrapping_add(n));
        let mut earliest = DEAD;
        let mut freed = 0;
        for index in std::iter::once(hint).chain(swept) {
            let Some(bucket) = self.buckets.get(index, false) else { continue };
            let swept = bucket.sweep(now, &self.newest_forgotten, guard);
            freed += swept.freed;
            if swept.earliest < earliest {
                earliest = swept.earliest;
                self.hint.store(index, Ordering::Relaxed);
            }
        }
        if freed > 0 {
            self.len.fetch_sub(freed, Ordering::AcqRel);
        }
        (freed, earliest)
    }
}

/// Mana taken from an account for a budget and not yet settled. Dropping it gives back what was not spent.
#[derive(Debug)]
pub struct ManaLease<'t> {
    table: &'t ManaTable,
    print: u128,
    rate: ManaRate,
    granted: u64,
    spent: u64,
}

impl ManaLease<'_> {
    /// Mana granted: the budget's limit.
    pub fn granted(&self) -> u64 {
        self.granted
    }
    /// States what has been spent of it, in all. At most what was granted counts.
    pub fn spend(&mut self, mana: u64) {
        self.spent = mana.min(self.granted);
    }
}

impl Drop for ManaLease<'_> {
    fn drop(&mut self) {
        let rest = self.granted - self.spent;
        if rest > 0 {
            self.table.give_back(self.print, &self.rate, rest);
        }
    }
}
