//! One mana account: one atomic word.
//!
//! # The word
//!
//! ```text
//!  63                                                              0
//! +-----------------------------------------------------------------+
//! | full_at: the moment at which the account is full again, in      |
//! | ticks of 1/64 ns since the clock's origin; 2^64 - 1: forgotten  |
//! +-----------------------------------------------------------------+
//! ```
//!
//! A moment in the past means full. One mana of an identity with reliability R takes `c` ticks to come back, so the
//! account lacks `max(0, full_at - now) / c` mana of its capacity, and spending `m` moves `full_at` to
//! `max(full_at, now) + m c`. Time does all refilling: no fraction is lost, nothing is written while nobody spends, and what
//! an account can hold is a bound on `full_at - now`, so that no burst is larger than the capacity.
//!
//! # Figures
//!
//! R counts in whole millionths, rounded down. capacity = 10 000 (1 + 100 R) = 10 000 + R_ppm mana, and rate = 100 (1 +
//! 10 R) mana/s = 100 000 + R_ppm milli-mana/s, both exact. `c = floor(64e12 / rate)` ticks: exact for R = 0, and for others
//! an account refills faster than its rate by a factor of less than 1 + 1.8e-8 (c is at least 58 181 818).
//!
//! # When R changes
//!
//! The word says when the account is full, whatever R is. Under another R the same time to full is another number of mana:
//! an empty account whose R rises from 0 to 1 is full in 100 s as before, so lacks 110 000 of now 1 010 000. And one whose R
//! falls keeps its time too, which may be longer than the new capacity takes to fill: it is empty until then.
//! Whatever R did, nothing is gained beyond the account that had the highest of these R throughout: with `c_min` that one's
//! cost, each mana spent moved `full_at` by at least `c_min`, and after each spend `full_at - now <= capacity c` of some R,
//! which grows with R. So the sum of all spends is at most `capacity_max + elapsed / c_min`. A refund must name the rate
//! of its spend, else it could give back more time than was taken; a lease remembers it.
//!
//! # Clocks
//!
//! A clock that goes back finds the same `full_at` further away: the account has less, at least nothing, and no credit.
//! Time saturates after 9.1 years of ticks ([`LAST_TICK`]): from then on it stands still for accounts, so nothing refills,
//! whoever still has mana can spend it, and refusals say "never" (u64::MAX). Mana is never free; a new table with a new origin
//! ends it. `full_at` cannot wrap, for the longest time to full is 2^46 ticks.
//!
//! # The protocol
//!
//! - *Spend.* Load, compute, compare-and-swap from the very word that was judged; again where it changed. Two spenders
//!   cannot both pass on the same mana.
//! - *Refund.* The same loop downwards. A `full_at` in the past is full, however far in the past: a refund to a full
//!   account banks nothing, because a spend counts from `max(full_at, now)`.
//! - *Forget.* A swap from a full word to the last word, `DEAD`, which nobody changes any more: whoever spends sees
//!   either the word before, and the swap fails, or `DEAD`, and looks the account up again.
//!
//! The word publishes nothing but itself; AcqRel keeps what a spender did before in front of what the next one does.

use crate::sync::{AtomicU64, Ordering, weakened};

/// Ticks of one nanosecond.
const TICKS_PER_NS: u64 = 64;
/// The word of a forgotten account.
pub(super) const DEAD: u64 = u64::MAX;
/// Time stands still here (9.1 years): the longest time to full on top is still no wrap, and not `DEAD`.
pub const LAST_TICK: u64 = u64::MAX - (1 << 47);
/// A wait that has no end.
pub const NEVER: u64 = u64::MAX;

/// Nanoseconds since the origin in ticks; time stands still at [`LAST_TICK`].
pub(super) fn ticks(now_ns: u64) -> u64 {
    now_ns.saturating_mul(TICKS_PER_NS).min(LAST_TICK)
}

/// Nanoseconds from `now_ns` until the tick `at` has come; [`NEVER`] where time stands still before it.
pub(super) fn wait_ns(now_ns: u64, at: u64) -> u64 {
    if at > LAST_TICK { NEVER } else { at.div_ceil(TICKS_PER_NS).saturating_sub(now_ns) }
}

/// What an identity's reliability gives it: how much mana it can hold and how fast it comes back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ManaRate {
    capacity: u64,
    milli_per_second: u64,
    ticks_each: u64,
}

impl ManaRate {
    /// Of a reliability, clamped to [0, 1] (NaN counts as 0) and rounded down to the largest whole number of millionths
    /// whose f64 is not above it.
    pub fn of_reliability(r: f64) -> ManaRate {
        let r = if r.is_nan() { 0.0 } else { r.clamp(0.0, 1.0) };
        let near = (r * 1e6) as u64;
        // The product is rounded and can be off by one either way.
        let ppm = (near.saturating_sub(1)..=near + 1).rev().find(|n| *n as f64 / 1e6 <= r).unwrap_or(0);
        let milli_per_second = 100_000 + ppm;
        ManaRate {
            capacity: 10_000 + ppm,
            milli_per_second,
            ticks_each: 1_000_000_000_000 * TICKS_PER_NS / milli_per_second,
        }
    }
    /// Most mana an account holds; what it starts with.
    pub fn capacity(&self) -> u64 {
        self.capacity
    }
    /// Thousandths of one mana that come back each second.
    pub fn milli_per_second(&self) -> u64 {
        self.milli_per_second
    }
    /// Ticks of 1/64 ns that one mana takes to come back.
    pub fn ticks_each(&self) -> u64 {
        self.ticks_each
    }

    /// Mana there is at tick `now` in an account that is full at `full_at`.
    pub(super) fn level(&self, full_at: u64, now: u64) -> u64 {
        // At most 1 010 000 x 640 000 000, and the difference is at least 0.
        let room = self.capacity * self.ticks_each;
        room.saturating_sub(full_at.saturating_sub(now)) / self.ticks_each
    }
    /// The word after `m` mana are spent of an account that has them.
    pub(super) fn spent(&self, full_at: u64, now: u64, m: u64) -> u64 {
        let from = if weakened("mana: spend counts from now") { full_at } else { full_at.max(now) };
        // m <= capacity, so the product fits; `full_at <= now + longest time to full` for whoever has any mana.
        from.saturating_add(m.saturating_mul(self.ticks_each)).min(DEAD - 1)
    }
    /// Why `m` cannot be spent.
    #[cold]
    pub(super) fn refuse(&self, full_at: u64, now_ns: u64, m: u64) -> ManaRefusal {
        let level = self.level(full_at, ticks(now_ns));
        let retry_after_ns = match self.capacity.checked_sub(m) {
            None => NEVER,
            // level >= m from the tick at which full_at - now <= (capacity - m) ticks_each.
            Some(rest) => wait_ns(now_ns, full_at.saturating_sub(rest * self.ticks_each)),
        };
        ManaRefusal { level, retry_after_ns, table_full: false }
    }
}

/// Not now: nothing was spent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ManaRefusal {
    /// Mana there was.
    pub level: u64,
    /// Nanoseconds after which the same spend succeeds if nobody else spends from the account; u64::MAX where it never
    /// does, because it asks for more than the capacity or because time has run out. Where the table is full: until the
    /// first account that was looked at can be forgotten.
    pub retry_after_ns: u64,
    /// The account itself would have paid, but the table has no place for it.
    pub table_full: bool,
}

impl std::fmt::Display for ManaRefusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let why = if self.table_full { "too many mana accounts" } else { "not enough mana" };
        match self.retry_after_ns {
            NEVER => write!(f, "{why}, and waiting does not help"),
            wait => write!(f, "{why}, retry in {} ms", wait.div_ceil(1_000_000)),
        }
    }
}

impl std::error::Error for ManaRefusal {}

/// What came of an attempt on a word.
pub(super) enum Spend {
    Done(u64),
    Short(ManaRefusal),
    Forgotten,
}

/// One account. It starts full.
#[derive(Debug, Default)]
pub struct ManaAccount {
    full_at: AtomicU64,
}

impl ManaAccount {
    /// A full account.
    pub fn new() -> ManaAccount {
        ManaAccount::full_at(0)
    }
    /// An account that is full at this tick.
    pub(super) fn full_at(tick: u64) -> ManaAccount {
        ManaAccount { full_at: AtomicU64::new(tick) }
    }
    /// Spends `m` mana at `now_ns` (nanoseconds since an origin that stays the same) or nothing.
    ///
    /// # Errors
    /// There are not `m`: how many there are, and how long to wait.
    pub fn try_spend(&self, now_ns: u64, rate: &ManaRate, m: u64) -> Result<(), ManaRefusal> {
        match self.spend(now_ns, rate, m, m) {
            Spend::Done(_) => Ok(()),
            Spend::Short(refusal) => Err(refusal),
            // A free-standing account is never forgotten.
            Spend::Forgotten => Err(ManaRefusal { level: 0, retry_after_ns: 1, table_full: false }),
        }
    }
    /// Spends at least `need` and at most `want`, as much as there is. `Done` carries how much.
    pub(super) fn spend(&self, now_ns: u64, rate: &ManaRate, need: u64, want: u64) -> Spend {
        let now = ticks(now_ns);
        let mut word = self.full_at.load(Ordering::Acquire);
        loop {
            if word == DEAD {
                return Spend::Forgotten;
            }
            let level = rate.level(word, now);
            if level < need {
                return Spend::Short(rate.refuse(word, now_ns, need));
            }
            let m = want.min(level);
            if m == 0 {
                return Spend::Done(0);
            }
            if weakened("mana: spend by compare and swap") {
                self.full_at.store(rate.spent(word, now, m), Ordering::Release);
                return Spend::Done(m);
            }
            match self.swap(word, rate.spent(word, now, m)) {
                Ok(()) => return Spend::Done(m),
                Err(newer) => word = newer,
            }
        }
    }
    /// Mana there is at `now_ns`.
    pub fn level(&self, now_ns: u64, rate: &ManaRate) -> u64 {
        rate.level(self.full_at.load(Ordering::Acquire), ticks(now_ns))
    }
    /// Gives back `m` mana that were spent at this rate; never above the capacity.
    pub fn refund(&self, rate: &ManaRate, m: u64) {
        self.give_back(rate, m);
    }
    /// False where the account was forgotten.
    pub(super) fn give_back(&self, rate: &ManaRate, m: u64) -> bool {
        let back = m.saturating_mul(rate.ticks_each);
        let mut word = self.full_at.load(Ordering::Acquire);
        loop {
            if word == DEAD {
                return false;
            }
            if weakened("mana: refund by compare and swap") {
                self.full_at.store(word.saturating_sub(back), Ordering::Release);
                return true;
            }
            match self.swap(word, word.saturating_sub(back)) {
                Ok(()) => return true,
                Err(newer) => word = newer,
            }
        }
    }
    /// The word as it is.
    pub(super) fn word(&self) -> u64 {
        self.full_at.load(Ordering::Acquire)
    }
    /// Swaps the word from a full one to [`DEAD`]; false where it is no longer `word`.
    pub(super) fn forget(&self, word: u64) -> bool {
        if weakened("mana: forget by compare and swap") {
            self.full_at.store(DEAD, Ordering::Release);
            return true;
        }
        self.swap(word, DEAD).is_ok()
    }
    fn swap(&self, from: u64, to: u64) -> Result<(), u64> {
        self.full_at.compare_exchange_weak(from, to, Ordering::AcqRel, Ordering::Acquire).map(|_| ())
    }
}
