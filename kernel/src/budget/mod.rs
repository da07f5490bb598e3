//! Budgets: limits on gas, mana, depth and time that runs on many threads share.
//!
//! # The protocol
//!
//! A run never touches a budget per instruction: it takes a **lease**, pays from it, and settles it. What a budget knows
//! is one value of five words in a register that is read and changed as one (`wide.rs`):
//!
//! ```text
//!   | gas used | gas reserved | mana used | mana reserved | reason: 0, or Exhaustion + 1 |
//!
//!   used + reserved + left = limit, of gas and of mana, in every value that the register ever has
//! ```
//!
//! - *Grant.* One update looks at the reason, takes gas and takes mana, or refuses and changes nothing. So nobody is
//!   refused for what another was not charged in the end (`gas_and_mana_together_or_not_at_all`), nothing is granted
//!   after a reason stands there (`close_during_reserve`), and two reservers cannot pass on the same headroom
//!   (`two_reservers_never_overdraw`). Room is `limit - used - reserved`, never a sum with what is asked: nothing wraps.
//! - *Settle.* One update moves what was spent from reserved to used and drops the rest (`counters_exact_after_join`).
//!   A lease does it when it is dropped, also while unwinding (`panic_releases_a_lease`).
//! - *Charge.* Where nothing stands above a budget, a charge is one update, without a reservation in between.
//! - *Nesting.* A level reserves before its parent is asked; where the parent refuses, the level takes its reservation back
//!   (`parent_and_child_charged_once`). Meanwhile it counts as held, so nobody takes it for spent.
//! - *Held or spent.* A refusal is *held* where the ask would fit if all leases of others came back unspent, on every level, and
//!   *spent* where on some level it would not: used only grows, so that stays true. Only spent ends a budget
//!   (`held_is_not_spent`). Who is refused as held pays what it has used, gives back the rest, yields, and asks again: since
//!   it waits with empty hands, two who wait do not wait for each other. The wait is bounded (`MAX_LEASE_YIELDS`), and its
//!   end does not end the budget.
//! - *First reason.* The reason is a word of the same value and is written only where it is 0
//!   (`first_reason_wins_and_is_seen`). A level that sees its parent exhausted makes the parent's reason its own before it
//!   says so: what it has once said never changes.
//! - *Time* comes in with the ask. A level whose deadline has passed is exhausted by Timeout before it decides.
//!
//! A snapshot is one read, hence one cut (`snapshot_is_one_cut`). Snapshots of two levels are two cuts.
//!
//! # Orderings
//!
//! All of them are in `wide.rs`: who reads a value sees all that came before the update that made it. Each name above is
//! a loom model of `loom-tests/src/budget.rs`; its twin leaves out the step that it is about.

mod lease;
mod ledger;
mod limits;

pub use lease::Lease;
pub use ledger::Amount;
pub use limits::BudgetLimits;

use crate::fault::Exhaustion;
use crate::limits::{MAX_BUDGET_LEVELS, MAX_LEASE_YIELDS};
use crate::sync::{Arc, weakened, yield_now};
use crate::wide::Wide;
use ledger::{Ask, Ledger, No, Words};

/// Updates under way at once without waiting for each other: one less. Few under loom, so that slots are used again soon.
const SLOTS: usize = if cfg!(loom) { 3 } else { 16 };
const YIELDS: u32 = if cfg!(loom) { 2 } else { MAX_LEASE_YIELDS };

/// A shared budget. Cheap to share (`Arc`), lock-free (see `wide.rs` for how far).
#[derive(Debug)]
pub struct Budget {
    limits: BudgetLimits,
    started_ns: u64,
    /// How many budgets it is nested in.
    level: u32,
    books: Wide<5, SLOTS>,
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
    /// Nanoseconds since it began; None where the snapshot was taken without the time.
    pub elapsed_ns: Option<u64>,
    /// The limit on time, in milliseconds.
    pub timeout_ms: u64,
    /// Whether it grants nothing any more. A look at the numbers does not end a budget whose time is over: the next lease
    /// does.
    pub exhausted: bool,
    /// Why it is exhausted, if it is.
    pub reason: Option<Exhaustion>,
}

/// A budget's no: which level said it, and why. It does not end the budget by itself: a run that cannot have a whole
/// straight run of code may still pay for the first part of it.
#[derive(Clone, Copy, Debug)]
pub struct Refusal<'b> {
    level: &'b Budget,
    no: No,
}

/// Whether a reason depends on time, and not on what was spent.
pub fn is_of_time(reason: Exhaustion) -> bool {
    matches!(reason, Exhaustion::Timeout | Exhaustion::Cancelled)
}

impl Budget {
    /// A budget of its own. Its time began when the clock said 0.
    pub fn new(limits: BudgetLimits) -> Budget {
        Budget::starting_at(limits, 0)
    }
    /// A budget of its own, whose time begins now: `timeout_ms` counts from here, on the clock whose time leases bring.
    pub fn starting_at(limits: BudgetLimits, now_ns: u64) -> Budget {
        let books = Wide::new(Ledger::default().words());
        Budget { limits, started_ns: now_ns, level: 0, books, parent: None }
    }
    /// A budget within another: what it grants, the parent grants too, or nobody does. Its time began with the parent's.
    /// Where that would be more than [`MAX_BUDGET_LEVELS`] levels, it is exhausted from the start, by StackOverflow.
    pub fn within(limits: BudgetLimits, parent: Arc<Budget>) -> Budget {
        let started_ns = parent.started_ns;
        Budget::within_from(limits, parent, started_ns)
    }
    /// As [`Budget::within`], with time that begins now.
    pub fn within_from(limits: BudgetLimits, parent: Arc<Budget>, now_ns: u64) -> Budget {
        let budget = Budget::starting_at(limits, now_ns);
        if parent.level + 1 >= MAX_BUDGET_LEVELS {
            budget.exhaust(Exhaustion::StackOverflow);
            return budget;
        }
        Budget { level: parent.level + 1, parent: Some(parent), ..budget }
    }
    /// The limits.
    pub fn limits(&self) -> &BudgetLimits {
        &self.limits
    }
    /// The budget it is nested in.
    pub fn parent(&self) -> Option<&Arc<Budget>> {
        self.parent.as_ref()
    }

    /// Why no more is granted: the budget's own reason, else its nearest exhausted parent's, which becomes its own.
    pub fn exhausted(&self) -> Option<Exhaustion> {
        self.books().reason.or_else(|| Some(self.set_reason(self.parent.as_ref()?.exhausted()?)))
    }
    /// As [`Budget::exhausted`], after a look at the time: a level whose deadline has passed is exhausted by Timeout.
    pub fn exhausted_at(&self, now_ns: u64) -> Option<Exhaustion> {
        for level in self.levels() {
            level.look_at(now_ns);
        }
        self.exhausted()
    }
    /// Marks it exhausted; the first reason stays, a parent's included. Returns the reason that holds.
    pub fn exhaust(&self, reason: Exhaustion) -> Exhaustion {
        let above = self.parent.as_ref().and_then(|parent| parent.exhausted());
        self.set_reason(above.unwrap_or(reason))
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
    /// Pays gas and mana together at once, or neither. Where it is spent the budget is exhausted; where it is only out on
    /// leases, asks again up to [`MAX_LEASE_YIELDS`] times and then says no without ending the budget.
    pub fn consume(&self, gas: u64, mana: u64) -> Result<(), Exhaustion> {
        let ask = Ask::exactly(Amount::new(gas, mana));
        let mut yields = 0;
        loop {
            match self.pay(&ask) {
                Ok(()) => return Ok(()),
                Err(refusal) if !refusal.held() || yields == YIELDS => return Err(refusal.mark()),
                Err(_) => yield_now(),
            }
            yields += 1;
        }
    }
    /// Pays gas and mana together at once, or neither; where it cannot, the budget is not exhausted by the question, and
    /// nobody waits.
    pub fn try_consume(&self, gas: u64, mana: u64) -> bool {
        self.pay(&Ask::exactly(Amount::new(gas, mana))).is_ok()
    }
    /// As [`Budget::try_consume`], for work that was done before time ran out or somebody cancelled: these two reasons
    /// do not refuse it, all others do.
    pub fn try_consume_late(&self, gas: u64, mana: u64) -> bool {
        self.pay(&Ask { late: true, ..Ask::exactly(Amount::new(gas, mana)) }).is_ok()
    }

    /// Gas paid so far (settled leases).
    pub fn gas_used(&self) -> u64 {
        self.books().used.gas
    }
    /// Mana paid so far (settled leases).
    pub fn mana_used(&self) -> u64 {
        self.books().used.mana
    }
    /// How often this level's numbers have changed: grants, charges, settlements and its reason, each one update of two
    /// read-modify-writes where nobody was in the way. What was refused is none. For measuring what sharing costs.
    pub fn updates(&self) -> u64 {
        self.books.updates()
    }
    /// The numbers as they are, all of one moment.
    pub fn snapshot(&self) -> BudgetSnapshot {
        self.snapshot_of(None)
    }
    /// As [`Budget::snapshot`], with the time that has passed.
    pub fn snapshot_at(&self, now_ns: u64) -> BudgetSnapshot {
        self.snapshot_of(Some(now_ns))
    }

    fn snapshot_of(&self, now_ns: Option<u64>) -> BudgetSnapshot {
        // Makes a parent's reason its own, so that the one read below has it.
        if self.parent.is_some() {
            self.exhausted();
        }
        let books = self.books();
        let left = books.left(&self.limits);
        BudgetSnapshot {
            limits: self.limits,
            gas_used: books.used.gas,
            gas_reserved: books.reserved.gas,
            gas_left: left.gas,
            mana_used: books.used.mana,
            mana_reserved: books.reserved.mana,
            mana_left: left.mana,
            elapsed_ns: now_ns.map(|now| now.saturating_sub(self.started_ns)),
            timeout_ms: self.limits.timeout_ms,
            exhausted: books.reason.is_some(),
            reason: books.reason,
        }
    }
    fn books(&self) -> Ledger {
        Ledger::of(&self.books.read())
    }
    /// This level and all that it is nested in, from the inside out.
    fn levels(&self) -> impl Iterator<Item = &Budget> {
        core::iter::successors(Some(self), |level| level.parent.as_deref())
    }
    /// Ends this level where its time is over.
    fn look_at(&self, now_ns: u64) {
        if now_ns.saturating_sub(self.started_ns) > self.limits.timeout_ms.saturating_mul(1_000_000) {
            self.exhaust(Exhaustion::Timeout);
        }
    }
    /// The reason from here on: this one, unless there was one.
    fn set_reason(&self, reason: Exhaustion) -> Exhaustion {
        let outcome = self.books.update_with(|words: &Words| {
            let mut books = Ledger::of(words);
            match books.reason {
                Some(first) if !weakened("budget: the first reason stays") => Err(first),
                _ => {
                    books.reason = Some(reason);
                    Ok((books.words(), reason))
                }
            }
        });
        match outcome {
            Ok(reason) | Err(reason) => reason,
        }
    }

    /// One update of this level's books, where they allow it.
    fn change<T>(&self, ask: &Ask, change: impl Fn(&mut Ledger) -> Result<T, No>) -> Result<T, Refusal<'_>> {
        if let Some(now_ns) = ask.now_ns {
            self.look_at(now_ns);
        }
        let early = weakened("budget: the reason is looked at in the update").then(|| self.books().reason);
        let result = self.books.update_with(|words: &Words| {
            let mut books = Ledger::of(words);
            books.reason = early.unwrap_or(books.reason);
            change(&mut books).map(|result| (books.words(), result))
        });
        result.map_err(|no| self.refusal(no, ask))
    }
    /// What a level's no means with those above it: one of them may have been exhausted first, or may have spent what here
    /// is only out on leases.
    #[cold]
    fn refusal(&self, no: No, ask: &Ask) -> Refusal<'_> {
        if let No::Already(_) = no {
            return Refusal { level: self, no };
        }
        let above = self.parent.as_ref().and_then(|parent| parent.exhausted());
        if let Some(reason) = above.filter(|reason| !(ask.late && is_of_time(*reason))) {
            return Refusal { level: self, no: No::Already(self.set_reason(reason)) };
        }
        if let No::Held(_) = no {
            for level in self.levels().skip(1) {
                if let Err(no @ No::Spent(_)) = level.books().check(&level.limits, ask) {
                    return Refusal { level, no };
                }
            }
        }
        Refusal { level: self, no }
    }
    /// Takes at least what is needed, at most what is wanted of both, here and in every parent.
    fn take(&self, ask: &Ask) -> Result<Amount, Refusal<'_>> {
        let grant = self.change(ask, |books| books.grant(&self.limits, ask))?;
        let Some(parent) = &self.parent else { return Ok(grant) };
        match parent.take(&Ask { want: grant, ..*ask }) {
            // Where the parent granted less, the lease is the smaller.
            Ok(outer) if outer == grant => Ok(grant),
            Ok(outer) => {
                self.settle_here(grant.saturating_sub(outer), Amount::NONE);
                Ok(outer)
            }
            Err(refusal) => Err(self.take_back(grant, refusal)),
        }
    }
    /// Pays what is needed, here and in every parent.
    fn pay(&self, ask: &Ask) -> Result<(), Refusal<'_>> {
        if weakened("budget: gas and mana in one update") {
            return self.pay_one_after_the_other(ask);
        }
        let Some(parent) = &self.parent else {
            return self.change(ask, |books| books.pay(&self.limits, ask));
        };
        self.change(ask, |books| books.grant(&self.limits, ask))?;
        parent.pay(ask).map_err(|refusal| self.take_back(ask.need, refusal))?;
        self.settle_here(ask.need, ask.need);
        Ok(())
    }
    /// The parent has refused: the reservation of this level goes back.
    #[cold]
    fn take_back<'b>(&self, grant: Amount, refusal: Refusal<'b>) -> Refusal<'b> {
        if !weakened("budget: a refused child takes back") {
            self.settle_here(grant, Amount::NONE);
        }
        refusal
    }
    /// Ends a reservation on all levels, of which so much was used.
    fn settle(&self, reserved: Amount, used: Amount) {
        for level in self.levels() {
            level.settle_here(reserved, used);
        }
    }
    fn settle_here(&self, reserved: Amount, used: Amount) {
        // It is never refused.
        let _: Result<(), ()> = self.books.update_with(|words: &Words| {
            let mut books = Ledger::of(words);
            books.settle(reserved, used);
            Ok((books.words(), ()))
        });
    }
    /// What a twin does instead of paying both in one update.
    #[cold]
    fn pay_one_after_the_other(&self, ask: &Ask) -> Result<(), Refusal<'_>> {
        let (gas, mana) = (Amount::new(ask.need.gas, 0), Amount::new(0, ask.need.mana));
        self.change(ask, |books| books.grant(&self.limits, &Ask::exactly(gas)))?;
        let paid = self.change(ask, |books| books.pay(&self.limits, &Ask::exactly(mana)));
        self.settle_here(gas, if paid.is_ok() { gas } else { Amount::NONE });
        paid
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
