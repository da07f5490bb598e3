//! The books of one budget: what its words mean, and what a grant, a charge and a settlement do to them. Plain
//! computation; that it happens as one step is `wide.rs`'s work.

use super::{BudgetLimits, is_of_time};
use crate::fault::Exhaustion;
use crate::sync::weakened;

/// An amount of gas and of mana.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Amount {
    /// Gas, priced.
    pub gas: u64,
    /// Mana.
    pub mana: u64,
}

impl Amount {
    /// Nothing.
    pub const NONE: Amount = Amount { gas: 0, mana: 0 };

    /// So much of each.
    pub const fn new(gas: u64, mana: u64) -> Amount {
        Amount { gas, mana }
    }
    pub(super) fn each(self, other: Amount, f: impl Fn(u64, u64) -> u64) -> Amount {
        Amount { gas: f(self.gas, other.gas), mana: f(self.mana, other.mana) }
    }
    /// Both sums, at most u64::MAX.
    pub fn saturating_add(self, other: Amount) -> Amount {
        self.each(other, u64::saturating_add)
    }
    /// Both differences, at least 0.
    pub fn saturating_sub(self, other: Amount) -> Amount {
        self.each(other, u64::saturating_sub)
    }
    /// The smaller gas and the smaller mana.
    pub fn min(self, other: Amount) -> Amount {
        self.each(other, u64::min)
    }
    /// The larger gas and the larger mana.
    pub fn max(self, other: Amount) -> Amount {
        self.each(other, u64::max)
    }
}

/// What a lease or a charge asks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask {
    /// Less than this is a refusal.
    pub(super) need: Amount,
    /// More than this is not granted.
    pub(super) want: Amount,
    /// What the asker has out itself, and needs besides: it is as good as spent, and nothing to wait for.
    pub(super) own: Amount,
    /// Whether reasons of time are overlooked.
    pub(super) late: bool,
    /// The time, where the deadline is to be looked at.
    pub(super) now_ns: Option<u64>,
}

impl Ask {
    /// Exactly so much.
    pub(super) fn exactly(amount: Amount) -> Ask {
        Ask { need: amount, want: amount, own: Amount::NONE, late: false, now_ns: None }
    }
}

/// Why a budget says no.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum No {
    /// It was exhausted before.
    Already(Exhaustion),
    /// What is asked and what has been spent are more than the limit.
    Spent(Exhaustion),
    /// It would fit if leases of others came back unspent.
    Held(Exhaustion),
}

/// Words of a budget: gas used, gas reserved, mana used, mana reserved, and 0 or `Exhaustion as u64 + 1`.
pub(super) type Words = [u64; 5];

/// What the words say. Always `used + reserved <= limit`, of gas and of mana, so that no sum can wrap.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Ledger {
    /// Paid for good.
    pub(super) used: Amount,
    /// Out on leases.
    pub(super) reserved: Amount,
    /// Why nothing is granted any more.
    pub(super) reason: Option<Exhaustion>,
}

impl Ledger {
    pub(super) fn of(&[gas_used, gas_reserved, mana_used, mana_reserved, reason]: &Words) -> Ledger {
        let reason = usize::try_from(reason).ok().and_then(|n| n.checked_sub(1));
        Ledger {
            used: Amount::new(gas_used, mana_used),
            reserved: Amount::new(gas_reserved, mana_reserved),
            reason: reason.and_then(|n| Exhaustion::ALL.get(n)).copied(),
        }
    }
    pub(super) fn words(&self) -> Words {
        let reason = self.reason.map_or(0, |reason| reason as u64 + 1);
        [self.used.gas, self.reserved.gas, self.used.mana, self.reserved.mana, reason]
    }

    /// What is neither used nor out on a lease.
    pub(super) fn left(&self, limits: &BudgetLimits) -> Amount {
        unspent(self, limits).saturating_sub(self.reserved)
    }

    /// Whether what is needed can be had: gas before mana, and what is spent before what is only held.
    pub(super) fn check(&self, limits: &BudgetLimits, ask: &Ask) -> Result<(), No> {
        let need = ask.need;
        if let Some(reason) = self.reason.filter(|reason| !(ask.late && is_of_time(*reason))) {
            return Err(No::Already(reason));
        }
        let refusal = |room: Amount| {
            if need.gas > room.gas {
                Some(Exhaustion::OutOfGas)
            } else if need.mana > room.mana {
                Some(Exhaustion::OutOfMana)
            } else {
                None
            }
        };
        let left = refusal(self.left(limits));
        if weakened("budget: held is not spent") {
            return left.map_or(Ok(()), |reason| Err(No::Spent(reason)));
        }
        match (refusal(unspent(self, limits).saturating_sub(ask.own)), left) {
            (Some(reason), _) => Err(No::Spent(reason)),
            (None, Some(reason)) => Err(No::Held(reason)),
            (None, None) => Ok(()),
        }
    }

    /// Reserves at least what is needed, at most what is wanted. Near the limit that is at most a quarter of what is left,
    /// so that gas does not sit idle in one lease while another run is refused.
    pub(super) fn grant(&mut self, limits: &BudgetLimits, ask: &Ask) -> Result<Amount, No> {
        self.check(limits, ask)?;
        let share = self.left(limits).each(Amount::NONE, |left, _| left / 4);
        let grant = ask.want.min(share).max(ask.need);
        self.reserved = self.reserved.saturating_add(grant);
        Ok(grant)
    }
    /// Pays what is needed.
    pub(super) fn pay(&mut self, limits: &BudgetLimits, ask: &Ask) -> Result<(), No> {
        self.check(limits, ask)?;
        self.used = self.used.saturating_add(ask.need);
        Ok(())
    }
    /// Ends a reservation, of which so much was used.
    pub(super) fn settle(&mut self, reserved: Amount, used: Amount) {
        self.reserved = self.reserved.saturating_sub(reserved);
        self.used = self.used.saturating_add(used);
    }
}

fn unspent(ledger: &Ledger, limits: &BudgetLimits) -> Amount {
    Amount::new(limits.gas_limit, limits.mana_limit).saturating_sub(ledger.used)
}
