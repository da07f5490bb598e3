//! Quotas: how many units of each layer a realm may use in a period. Hard, exact, lock-free.
//!
//! # The word
//!
//! One word per layer says which period is counted and what is used of it:
//!
//! ```text
//!   63            w w-1            0        w = floor(log2(period_ns))
//!   +--------------+---------------+
//!   | period       | units used    |        period = now_ns / period_ns
//!   +--------------+---------------+
//! ```
//!
//! A period has at least 2^w nanoseconds, so every period number of every u64 time fits into the upper 64 - w bits, and
//! numbers never come round again. The largest quota is 2^w - 1: somewhat below one unit for each nanosecond.
//!
//! # The protocol
//!
//! - *Take.* A compare-and-swap loop. Where `now` is in a later period than the word's, the new word is that period with
//!   only these units: the period *rolls*, and once, since the swap compares the word that was looked at. Where
//!   `now` is in an earlier one (a clock that went back, a thread that was late), the word's period counts: nobody is
//!   given a period again. So a clock that once jumped ahead holds its quotas there until time has caught up.
//! - *All layers or none.* They are taken in order; where one is short, the earlier ones go back. Somebody who asks in
//!   between can be refused for units that are about to come back; more than the quota is never granted. A layer that
//!   was asked before the short one may have rolled: time has passed.
//! - *Give back.* Only into the period that the units were taken from; after it has rolled they are dropped.
//! - *Change.* What holds (limits, and which period) is a [`Table`], read as a whole. Each length of period has words of
//!   its own, kept for good, so that a taker who still goes by an older quota never reads a word that means something else.
//!
//! Each word stands for itself and publishes nothing else, so Relaxed is enough.

use super::table::{Table, Turn};
use crate::gas::{GasLayer, GasUnits};
use crate::limits::MAX_QUOTA_PERIODS;
use crate::sync::{AtomicU64, OnceLock, Ordering, weakened};

/// Units that a realm may use in each period.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RealmQuota {
    /// Units per period, in the order of [`GasLayer::ALL`]; None: no bound, and nothing is counted. At most
    /// [`RealmQuota::largest`].
    pub limits: [Option<u64>; 4],
    /// Length of a period; periods begin at its multiples.
    pub period_ns: u64,
}

/// Why a quota cannot be set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum QuotaError {
    /// A period of 0 nanoseconds.
    NoPeriod,
    /// A limit that the period has no room for.
    TooLarge {
        /// Of this layer.
        layer: GasLayer,
        /// The largest that fits.
        largest: u64,
    },
    /// The realm has had quotas with [`MAX_QUOTA_PERIODS`] other lengths of period.
    TooManyPeriods,
    /// No such realm.
    NoSuchRealm,
}

impl RealmQuota {
    /// No bounds.
    pub const NONE: RealmQuota = RealmQuota { limits: [None; 4], period_ns: 1 };

    /// The largest limit that fits a period: 2^floor(log2(period_ns)) - 1.
    pub fn largest(period_ns: u64) -> u64 {
        (1 << period_ns.checked_ilog2().unwrap_or(0)) - 1
    }
    fn check(&self) -> Result<(), QuotaError> {
        if self.period_ns == 0 {
            return Err(QuotaError::NoPeriod);
        }
        let largest = RealmQuota::largest(self.period_ns);
        match GasLayer::ALL.into_iter().zip(self.limits).find(|(_, limit)| limit.is_some_and(|n| n > largest))
        {
            Some((layer, _)) => Err(QuotaError::TooLarge { layer, largest }),
            None => Ok(()),
        }
    }
}

/// A quota's no; nothing was taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct QuotaRefusal {
    /// The first layer that was short.
    pub layer: GasLayer,
    /// Nanoseconds until its next period begins; `u64::MAX` where more was asked for than any period has.
    pub retry_after_ns: u64,
}

/// Marks a layer without a bound; no limit is that large.
const UNBOUNDED: u64 = u64::MAX;

/// The words for one length of period.
#[derive(Debug)]
struct Periods {
    period_ns: u64,
    words: [AtomicU64; 4],
}

impl Periods {
    fn width(&self) -> u32 {
        self.period_ns.checked_ilog2().unwrap_or(0)
    }
    fn unpack(&self, word: u64) -> (u64, u64) {
        // The width is at most 63.
        (word >> self.width(), word & ((1 << self.width()) - 1))
    }
    fn pack(&self, period: u64, used: u64) -> u64 {
        period << self.width() | used
    }
    /// Takes units of a layer; Ok is the period they belong to, an error the time until the next one.
    fn take(&self, word: &AtomicU64, units: u64, limit: u64, now_ns: u64) -> Result<u64, u64> {
        let here = now_ns.checked_div(self.period_ns).unwrap_or(0);
        let mut seen = word.load(Ordering::Relaxed);
        loop {
            let (period, used) = self.unpack(seen);
            let (period, used) = if here > period { (here, 0) } else { (period, used) };
            if units > limit {
                return Err(u64::MAX);
            }
            if units > limit.saturating_sub(used) {
                let next = (u128::from(period) + 1) * u128::from(self.period_ns);
                let wait = next.saturating_sub(u128::from(now_ns));
                return Err(u64::try_from(wait).unwrap_or(u64::MAX));
            }
            // No carry into the period: the sum is at most the limit, which fits.
            let new = self.pack(period, used + units);
            if weakened("quota: swap what was seen") {
                word.store(new, Ordering::Relaxed);
                return Ok(period);
            }
            match word.compare_exchange_weak(seen, new, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Ok(period),
                Err(now) => seen = now,
            }
        }
    }
    /// Gives units back, if their period is still the one that is counted.
    fn give_back(&self, word: &AtomicU64, units: u64, taken_in: u64) {
        let mut seen = word.load(Ordering::Relaxed);
        loop {
            let (period, used) = self.unpack(seen);
            if period != taken_in && !weakened("quota: only into their period") {
                return;
            }
            let new = self.pack(period, used.saturating_sub(units));
            match word.compare_exchange_weak(seen, new, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => seen = now,
            }
        }
    }
}

/// Units that were taken from a quota. Dropped, they count as used.
#[derive(Debug)]
#[must_use = "what was not used can be given back"]
pub struct Taken<'q> {
    from: Option<&'q Periods>,
    units: GasUnits,
    /// The period of each layer; None where nothing was taken.
    periods: [Option<u64>; 4],
}

impl Taken<'_> {
    pub(super) const fn unbounded() -> Taken<'static> {
        Taken { from: None, units: GasUnits::ZERO, periods: [None; 4] }
    }
    /// Gives back what was not used, layer by layer, at most what was taken. Units of a period that is over are dropped.
    pub fn give_back(self, unused: &GasUnits) {
        let Some(from) = self.from else { return };
        for ((layer, period), word) in GasLayer::ALL.into_iter().zip(self.periods).zip(&from.words) {
            let units = unused[layer].min(self.units[layer]);
            if let (Some(period), 1..) = (period, units) {
                from.give_back(word, units, period);
            }
        }
    }
}

/// A realm's quota, shared by all who run in it.
#[derive(Debug)]
pub struct Quota {
    /// The index in `lengths`, then the four limits.
    holds: Table<5>,
    lengths: [OnceLock<Periods>; MAX_QUOTA_PERIODS],
}

impl Quota {
    pub(super) fn new() -> Quota {
        Quota {
            holds: Table::new([0, UNBOUNDED, UNBOUNDED, UNBOUNDED, UNBOUNDED]),
            lengths: std::array::from_fn(|_| OnceLock::new()),
        }
    }
    /// Replaces what holds. What was used of the running period counts on where the length of the period stays.
    pub(super) fn set(&self, turn: &mut Turn, quota: &RealmQuota) -> Result<(), QuotaError> {
        quota.check()?;
        if quota.limits == [None; 4] {
            self.holds.write(turn, [0, UNBOUNDED, UNBOUNDED, UNBOUNDED, UNBOUNDED]);
            return Ok(());
        }
        let fresh = || Periods { period_ns: quota.period_ns, words: Default::default() };
        // One writer at a time: what is empty here stays so until it is filled here.
        let fits = |periods: &OnceLock<Periods>| periods.get_or_init(fresh).period_ns == quota.period_ns;
        let index = self.lengths.iter().position(fits).ok_or(QuotaError::TooManyPeriods)?;
        let [network, compute, storage, realm] = quota.limits.map(|limit| limit.unwrap_or(UNBOUNDED));
        self.holds.write(turn, [index as u64, network, compute, storage, realm]);
        Ok(())
    }
    /// What holds now.
    pub fn current(&self) -> RealmQuota {
        let ([index, limits @ ..], _) = self.holds.read();
        RealmQuota {
            limits: limits.map(|limit| (limit != UNBOUNDED).then_some(limit)),
            period_ns: self.periods(index).map_or(1, |periods| periods.period_ns),
        }
    }
    /// Takes units of all layers, or of none.
    ///
    /// # Errors
    ///
    /// The first layer that is short.
    pub fn try_take(&self, units: &GasUnits, now_ns: u64) -> Result<Taken<'_>, QuotaRefusal> {
        let ([index, limits @ ..], _) = self.holds.read();
        let from = self.periods(index);
        let mut taken = Taken { from, units: *units, periods: [None; 4] };
        let Some(from) = from else { return Ok(taken) };
        let layers = GasLayer::ALL.into_iter().zip(limits).zip(&from.words).enumerate();
        for (n, ((layer, limit), word)) in layers {
            if limit == UNBOUNDED || units[layer] == 0 {
                continue;
            }
            match from.take(word, units[layer], limit, now_ns) {
                Ok(period) => {
                    if let Some(of_layer) = taken.periods.get_mut(n) {
                        *of_layer = Some(period);
                    }
                }
                Err(retry_after_ns) => {
                    if !weakened("quota: all or none") {
                        taken.give_back(units);
                    }
                    return Err(QuotaRefusal { layer, retry_after_ns });
                }
            }
        }
        Ok(taken)
    }
    fn periods(&self, index: u64) -> Option<&Periods> {
        self.lengths.get(usize::try_from(index).ok()?)?.get()
    }
}
