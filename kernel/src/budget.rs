//! Budgets: limits on gas, mana, depth and time that runs on many threads share.
//!
//! # The protocol
//!
//! A budget keeps, for gas and for mana, two words: `taken` (used, or out on a lease) and `used`. A run never touches
//! them per instruction: it takes a **lease**, pays from it, and settles it.
//!
//! - *Grant.* A compare-and-swap loop raises `taken` by what is asked, and only if the sum stays within the limit. The
//!   swap compares the very value that was checked, so two reservers cannot both pass on the same headroom: `taken <=
//!   limit` always. No sum can wrap, because headroom is `limit - taken`, never `taken + ask`.
//! - *Gas and mana together.* Gas is taken first, then mana; where mana is short the gas goes back. Nobody was charged.
//! - *Nesting.* The budget grants before its parent is asked; where the parent refuses, the child takes its grant back.
//! - *Settle.* `used` is raised by what was spent, then `taken` is lowered by what was not. In that order `used <= taken`
//!   at every moment, so a snapshot that reads `used` before `taken` sees `used <= taken <= limit`.
//! - *Refund on panic.* A lease settles when it is dropped, also while unwinding.
//! - *First reason.* The reason is one word, 0 for none, set by compare-and-swap from 0: the first wins, and since the
//!   reason is itself the flag, nobody sees "exhausted" without it.
//!
//! # Orderings
//!
//! `taken` and `used` are counters; no other memory is published through them. The swap on `taken` is AcqRel and the
//! reader's loads are Acquire, so that a snapshot that sees a settled `taken` also sees the `used` that went before it.
//! The reason is Release/Acquire: who sees it also sees the counters that led to it.

use crate::fault::Exhaustion;
use crate::limits::MAX_STACK_DEPTH;
use crate::sync::{Arc, AtomicU8, AtomicU64, CachePadded, Ordering};

/// What a run, or many together, may use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BudgetLimits {
    /// Most gas, priced.
    pub gas_limit: u64,
    /// Most mana.
    pub mana_limit: u64,
    /// Deepest call; the policy's body is depth 0. Whatever stands here, no more than
    /// [`MAX_STACK_DEPTH`] is granted.
    pub max_stack_depth: u32,
    /// Longest run, in milliseconds, host calls included.
    pub timeout_ms: u64,
}

impl BudgetLimits {
    /// For small questions that strangers ask.
    pub const MINIMAL: BudgetLimits =
        BudgetLimits { gas_limit: 10_000, mana_limit: 100, max_stack_depth: 64, timeout_ms: 100 };
    /// For sagas.
    pub const SAGA: BudgetLimits = BudgetLimits {
        gas_limit: 10_000_000,
        mana_limit: 100_000,
        max_stack_depth: 2_048,
        timeout_ms: 30_000,
    };
    /// For realm crossings.
    pub const GATEWAY: BudgetLimits =
        BudgetLimits { gas_limit: 50_000, mana_limit: 10_000, max_stack_depth: 1_024, timeout_ms: 5_000 };
    /// No limit that a run could reach in practice, except depth.
    pub const UNBOUNDED: BudgetLimits = BudgetLimits {
        gas_limit: u64::MAX,
        mana_limit: u64::MAX,
        max_stack_depth: MAX_STACK_DEPTH,
        timeout_ms: u64::MAX,
    };

    /// Gas and mana scaled by 0.5 + 0.5 t, rounded down; t is clamped to [0, 1] and NaN counts as 0. Exact for every
    /// u64: t is a whole multiple of 2^-1074 and the product is formed in integers.
    pub fn with_trust_factor(self, t: f64) -> BudgetLimits {
        BudgetLimits {
            gas_limit: scale_by_trust(self.gas_limit, t),
            mana_limit: scale_by_trust(self.mana_limit, t),
            ..self
        }
    }

    /// The depth that is granted.
    pub fn depth(&self) -> u32 {
        self.max_stack_depth.min(MAX_STACK_DEPTH)
    }
}

impl Default for BudgetLimits {
    fn default() -> Self {
        BudgetLimits { gas_limit: 1_000_000, mana_limit: 10_000, max_stack_depth: 1_024, timeout_ms: 5_000 }
    }
}

/// floor(n (1 + t) / 2), exactly. With t = m 2^-e (m < 2^53) this is floor((n + n m 2^-e) / 2) = floor((n 2^e + n m) /
/// 2^(e+1)); for e <= 63 everything fits in 128 bits. For larger e, n m 2^-e < 2^(64 + 53 - e), and t < 2^-10: the exact
/// fraction is kept as a quotient and whether a remainder is left, which floor does not need.
fn scale_by_trust(n: u64, t: f64) -> u64 {
    if t >= 1.0 {
        return n;
    }
    if t.is_nan() || t <= 0.0 {
        return n / 2;
    }
    let bits = t.to_bits();
    let exponent = (bits >> 52) as i32;
    let fraction = bits & ((1 << 52) - 1);
    // t = mantissa 2^-e
    let (mantissa, e) = if exponent == 0 { (fraction, 1074) } else { (fraction | 1 << 52, 1075 - exponent) };
    let product = u128::from(n) * u128::from(mantissa);
    // floor((n + floor(product / 2^e)) / 2) = floor((n + product / 2^e) / 2), since n is whole.
    let part = u32::try_from(e).ok().and_then(|e| product.checked_shr(e)).unwrap_or(0);
    u64::try_from((u128::from(n) + part) / 2).unwrap_or(n)
}

/// One counted resource.
#[derive(Debug)]
struct Pool {
    limit: u64,
    taken: CachePadded<AtomicU64>,
    used: CachePadded<AtomicU64>,
}

impl Pool {
    fn new(limit: u64) -> Pool {
        Pool { limit, taken: CachePadded::new(AtomicU64::new(0)), used: CachePadded::new(AtomicU64::new(0)) }
    }
    /// Takes at least `need`, at most `want`; None where even `need` is not there.
    fn take(&self, need: u64, want: u64) -> Option<u64> {
        let mut taken = self.taken.load(Ordering::Acquire);
        loop {
            let room = self.limit - taken;
            if room < need {
                return None;
            }
            // Near the limit a lease is at most a quarter of what is left, so that gas does not sit idle in one lease
            // while another run is refused.
            let grant = want.min(room / 4).max(need);
            match self.taken.compare_exchange_weak(taken, taken + grant, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) => return Some(grant),
                Err(now) => taken = now,
            }
        }
    }
    fn settle(&self, used: u64, unused: u64) {
        if used > 0 {
            self.used.fetch_add(used, Ordering::Release);
        }
        if unused > 0 {
            self.taken.fetch_sub(unused, Ordering::AcqRel);
        }
    }
}

/// A shared budget. Cheap to share (`Arc`), lock-free.
#[derive(Debug)]
pub struct Budget {
    limits: BudgetLimits,
    gas: Pool,
    mana: Pool,
    /// 0, or `Exhaustion as u8 + 1`.
    reason: AtomicU8,
    parent: Option<Arc<Budget>>,
}

/// Numbers of a budget at one moment: `used + reserved + left = limit` for gas and for mana.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BudgetSnapshot {
    /// The limits.
    pub limits: BudgetLimits,
    /// Gas paid.
    pub gas_used: u64,
    /// Gas out on leases.
    pub gas_reserved: u64,
    /// Gas left.
    pub gas_left: u64,
    /// Mana paid.
    pub mana_used: u64,
    /// Mana out on leases.
    pub mana_reserved: u64,
    /// Mana left.
    pub mana_left: u64,
    /// Why it is exhausted, if it is.
    pub reason: Option<Exhaustion>,
}

impl Budget {
    /// A budget of its own.
    pub fn new(limits: BudgetLimits) -> Budget {
        Budget {
            limits,
            gas: Pool::new(limits.gas_limit),
            mana: Pool::new(limits.mana_limit),
            reason: AtomicU8::new(0),
            parent: None,
        }
    }
    /// A budget within another: what it grants, the parent grants too, or nobody does.
    pub fn within(limits: BudgetLimits, parent: Arc<Budget>) -> Budget {
        Budget { parent: Some(parent), ..Budget::new(limits) }
    }
    /// The limits.
    pub fn limits(&self) -> &BudgetLimits {
        &self.limits
    }
    /// The budget it is nested in.
    pub fn parent(&self) -> Option<&Arc<Budget>> {
        self.parent.as_ref()
    }
    /// Why no more is granted: the budget's own reason, else its nearest exhausted parent's.
    pub fn exhausted(&self) -> Option<Exhaustion> {
        let own = self.reason.load(Ordering::Acquire);
        match own {
            0 => self.parent.as_ref().and_then(|p| p.exhausted()),
            n => Exhaustion::ALL.get(usize::from(n) - 1).copied(),
        }
    }
    /// Marks it exhausted; the first reason stays. Returns the reason that holds.
    pub fn exhaust(&self, reason: Exhaustion) -> Exhaustion {
        match self.reason.compare_exchange(0, reason as u8 + 1, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => reason,
            Err(now) => Exhaustion::ALL.get(usize::from(now).wrapping_sub(1)).copied().unwrap_or(reason),
        }
    }
    /// Ends every run that draws on it, at its next lease or look.
    pub fn cancel(&self) {
        self.exhaust(Exhaustion::Cancelled);
    }
    /// Pays gas at once.
    pub fn consume_gas(&self, units: u64) -> Result<(), Exhaustion> {
        self.consume(units, 0)
    }
    /// Pays mana at once.
    pub fn consume_mana(&self, units: u64) -> Result<(), Exhaustion> {
        self.consume(0, units)
    }
    /// Pays gas and mana together at once, or neither; where it cannot, the budget is not exhausted by the question.
    pub fn try_consume(&self, gas: u64, mana: u64) -> bool {
        let mut lease = Lease::new(self);
        let granted = lease.grow(gas, mana, gas, mana).is_ok();
        lease.spend(gas, mana);
        granted
    }
    /// As [`Budget::try_consume`], for work that was done before time ran out or somebody cancelled: these two reasons
    /// do not refuse it, all others do.
    pub fn try_consume_late(&self, gas: u64, mana: u64) -> bool {
        let taken = self.take_unless((gas, mana), (gas, mana), |reason| !is_of_time(reason)).is_ok();
        if taken {
            self.settle((gas, mana), (0, 0));
        }
        taken
    }
    /// Pays gas and mana together at once, or neither.
    pub fn consume(&self, gas: u64, mana: u64) -> Result<(), Exhaustion> {
        let mut lease = Lease::new(self);
        lease.grow(gas, mana, gas, mana).map_err(|refusal| refusal.mark())?;
        lease.spend(gas, mana);
        Ok(())
    }
    /// Gas paid so far (settled leases).
    pub fn gas_used(&self) -> u64 {
        self.gas.used.load(Ordering::Acquire)
    }
    /// Mana paid so far (settled leases).
    pub fn mana_used(&self) -> u64 {
        self.mana.used.load(Ordering::Acquire)
    }
    /// The numbers as they are. Reading `used` first keeps `used <= taken`, see the module's text.
    pub fn snapshot(&self) -> BudgetSnapshot {
        let gas_used = self.gas.used.load(Ordering::Acquire);
        let gas_taken = self.gas.taken.load(Ordering::Acquire);
        let mana_used = self.mana.used.load(Ordering::Acquire);
        let mana_taken = self.mana.taken.load(Ordering::Acquire);
        BudgetSnapshot {
            limits: self.limits,
            gas_used,
            gas_reserved: gas_taken.saturating_sub(gas_used),
            gas_left: self.gas.limit - gas_taken,
            mana_used,
            mana_reserved: mana_taken.saturating_sub(mana_used),
            mana_left: self.mana.limit - mana_taken,
            reason: self.exhausted(),
        }
    }

    /// Takes at least `need`, at most `want` of both, here and in every parent.
    fn take(&self, need: (u64, u64), want: (u64, u64)) -> Result<(u64, u64), Refusal<'_>> {
        self.take_unless(need, want, |_| true)
    }
    fn take_unless(
        &self,
        need: (u64, u64),
        want: (u64, u64),
        ends: fn(Exhaustion) -> bool,
    ) -> Result<(u64, u64), Refusal<'_>> {
        let refuse = |reason| Err(Refusal { level: self, reason });
        if let Some(reason) = self.exhausted().filter(|reason| ends(*reason)) {
            return refuse(reason);
        }
        let Some(gas) = self.gas.take(need.0, want.0) else {
            return refuse(Exhaustion::OutOfGas);
        };
        let Some(mana) = self.mana.take(need.1, want.1) else {
            self.gas.settle(0, gas);
            return refuse(Exhaustion::OutOfMana);
        };
        match &self.parent {
            None => Ok((gas, mana)),
            Some(parent) => match parent.take_unless(need, (gas, mana), ends) {
                Ok((outer_gas, outer_mana)) => {
                    // The parent granted less than this level: the lease is the smaller.
                    self.gas.settle(0, gas - outer_gas);
                    self.mana.settle(0, mana - outer_mana);
                    Ok((outer_gas, outer_mana))
                }
                Err(refusal) => {
                    self.gas.settle(0, gas);
                    self.mana.settle(0, mana);
                    Err(refusal)
                }
            },
        }
    }

    fn settle(&self, used: (u64, u64), unused: (u64, u64)) {
        let mut level = Some(self);
        while let Some(budget) = level {
            budget.gas.settle(used.0, unused.0);
            budget.mana.settle(used.1, unused.1);
            level = budget.parent.as_deref();
        }
    }
}

/// Whether a reason depends on time, and not on what was spent.
pub fn is_of_time(reason: Exhaustion) -> bool {
    matches!(reason, Exhaustion::Timeout | Exhaustion::Cancelled)
}

/// A budget's no: which level said it, and why. It does not end the budget by itself: a run that cannot have a whole
/// straight run of code may still pay for the first part of it.
#[derive(Clone, Copy, Debug)]
pub struct Refusal<'b> {
    level: &'b Budget,
    reason: Exhaustion,
}

impl Refusal<'_> {
    /// Marks the level exhausted; the first reason wins.
    pub fn mark(&self) -> Exhaustion {
        self.level.exhaust(self.reason)
    }
}

/// Gas and mana taken from a budget and not yet settled. Dropping it settles it.
#[derive(Debug)]
pub struct Lease<'b> {
    budget: &'b Budget,
    granted: (u64, u64),
    spent: (u64, u64),
}

impl<'b> Lease<'b> {
    /// An empty lease.
    pub fn new(budget: &'b Budget) -> Lease<'b> {
        Lease { budget, granted: (0, 0), spent: (0, 0) }
    }
    /// The budget it comes from.
    pub fn budget(&self) -> &'b Budget {
        self.budget
    }
    /// Gas and mana granted so far.
    pub fn granted(&self) -> (u64, u64) {
        self.granted
    }
    /// Takes at least `need` more of gas and mana, at most `want`, or says why not and leaves everything as it was.
    pub fn grow(&mut self, gas: u64, mana: u64, want_gas: u64, want_mana: u64) -> Result<(), Refusal<'b>> {
        let (g, m) = self.budget.take((gas, mana), (want_gas.max(gas), want_mana.max(mana)))?;
        self.granted.0 += g;
        self.granted.1 += m;
        Ok(())
    }
    /// States what has been spent of it, in all. At most what was granted counts.
    pub fn spend(&mut self, gas: u64, mana: u64) {
        self.spent = (gas.min(self.granted.0), mana.min(self.granted.1));
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        self.budget.settle(self.spent, (self.granted.0 - self.spent.0, self.granted.1 - self.spent.1));
    }
}
