//! The bill of one run.
//!
//! Compute units are counted up to a **cap**: so many more fit within the run's own limit and within what a lease on a
//! shared budget has granted. Code adds a whole straight run's units at its end and compares once; nothing it did before
//! could be seen. Every other layer is charged by instructions that look at limits one by one, and move the cap.

use crate::budget::{Amount, Lease, Refusal};
use crate::fault::Exhaustion;
use crate::gas::{GasLayer, GasUnits, Prices};
use crate::limits::{MAX_LEASE_YIELDS, TICKS_PER_LOOK};
use crate::request::Env;
use crate::sync::yield_now;

/// Gas that a lease asks for beyond what it needs at once.
const LEASE_GAS: u64 = 16_384;
/// Mana that a lease asks for beyond what it needs at once.
const LEASE_MANA: u64 = 64;

/// What a run does where a shared budget's gas is only out on leases of others.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Patience {
    /// Asks once: what it would pay for may be had in smaller pieces.
    None,
    /// Waits for what may come back.
    Waits,
}

pub(crate) struct Meter<'e> {
    /// Compute units charged.
    pub(crate) compute: u64,
    /// Compute units that may be charged before `settle` must look.
    pub(crate) cap: u64,
    /// Instructions left before the next look at clock and cancel flag.
    pub(crate) ticks: u64,
    network: u64,
    storage: u64,
    realm: u64,
    mana: u64,
    lease: Option<Lease<'e>>,
    env: &'e Env<'e>,
    /// Whether prices are plain and there is no lease.
    plain: bool,
    /// When the clock was first looked at, in its nanoseconds.
    started: Option<u64>,
}

/// Who cannot pay.
enum No<'e> {
    /// The run's own limit.
    Own(Exhaustion),
    /// A shared budget.
    Shared(Refusal<'e>),
}

impl No<'_> {
    /// The run ends here: a shared budget that has spent its gas is exhausted from now on.
    fn mark(self) -> Exhaustion {
        match self {
            No::Own(reason) => reason,
            No::Shared(refusal) => refusal.mark(),
        }
    }
}

impl<'e> Meter<'e> {
    #[inline]
    pub(crate) fn new(env: &'e Env<'e>, started: Option<u64>) -> Meter<'e> {
        // Without a lease and at the plain price the cap is the limit itself; else the first charge finds it.
        let plain = env.shared.is_none() && env.prices == Prices::default();
        Meter {
            compute: 0,
            cap: if plain { env.limits.gas_limit } else { 0 },
            ticks: TICKS_PER_LOOK,
            network: 0,
            storage: 0,
            realm: 0,
            mana: 0,
            lease: env.shared.map(Lease::new),
            env,
            plain,
            started,
        }
    }
    /// Starts the clock: for runs that may call a slow host before the first look would come.
    pub(crate) fn start_clock(&mut self) {
        self.started.get_or_insert_with(|| self.env.clock.now_ns());
    }
    pub(crate) fn units(&self) -> GasUnits {
        GasUnits { network: self.network, compute: self.compute, storage: self.storage, realm: self.realm }
    }
    pub(crate) fn mana(&self) -> u64 {
        self.mana
    }
    pub(crate) fn cost(&self) -> u64 {
        self.env.prices.cost(&self.units())
    }
    /// Settles the lease. The run is over.
    #[inline]
    pub(crate) fn close(&mut self, cost: u64) {
        let mana = self.mana;
        if let Some(mut lease) = self.lease.take() {
            lease.spend(Amount::new(cost, mana));
        }
    }

    #[inline(never)]
    fn set_cap(&mut self) {
        let price = self.env.prices.0.compute;
        let room = match &self.lease {
            Some(lease) => self.env.limits.gas_limit.min(lease.granted().gas),
            None => self.env.limits.gas_limit,
        };
        let others = self.env.prices.cost(&GasUnits { compute: 0, ..self.units() });
        self.cap = match (price, room.checked_sub(others)) {
            (0, Some(_)) => u64::MAX,
            (_, None) => 0,
            (1, Some(left)) => left,
            (price, Some(left)) => left / price,
        };
    }

    /// Whether these units in all, and `mana` more mana, can be paid; a lease grows where it must. Charges nothing.
    fn afford(&mut self, units: &GasUnits, mana: u64, patience: Patience) -> Result<(), No<'e>> {
        let cost = self.env.prices.cost(units);
        let mana = self.mana.saturating_add(mana);
        if cost > self.env.limits.gas_limit {
            return Err(No::Own(Exhaustion::OutOfGas));
        }
        if mana > self.env.limits.mana_limit {
            return Err(No::Own(Exhaustion::OutOfMana));
        }
        let mut yields = 0;
        while let Some(lease) = &mut self.lease {
            let need = Amount::new(cost, mana).saturating_sub(lease.granted());
            if need == Amount::NONE {
                break;
            }
            let more = |need: u64, more: u64| if need > 0 { need.saturating_add(more) } else { 0 };
            let want = Amount::new(more(need.gas, LEASE_GAS), more(need.mana, LEASE_MANA));
            match lease.grow(need, want, Some(self.env.clock.now_ns())) {
                Ok(()) => break,
                Err(no) if !no.held() || patience == Patience::None || yields == MAX_LEASE_YIELDS => {
                    return Err(No::Shared(no));
                }
                Err(_) => self.wait_for_leases().map_err(No::Own)?,
            }
            yields += 1;
        }
        Ok(())
    }

    /// Waits a moment for what is out on leases of others, with nothing idle in hand: two runs that wait must not wait for
    /// each other. All that was charged is paid, the rest goes back. The next charge must ask again.
    #[cold]
    fn wait_for_leases(&mut self) -> Result<(), Exhaustion> {
        let charged = Amount::new(self.cost(), self.mana);
        if let Some(lease) = &mut self.lease {
            lease.spend(charged);
            lease.settle();
        }
        self.cap = self.cap.min(self.compute);
        yield_now();
        self.look()
    }

    /// Called when `compute` has passed the cap: says whether more can be had.
    #[cold]
    #[inline(never)]
    pub(crate) fn extend(&mut self) -> bool {
        if self.afford(&self.units(), 0, Patience::None).is_err() {
            return false;
        }
        self.set_cap();
        // Where the cost saturates, the cap may still be below what is affordable.
        self.cap = self.cap.max(self.compute);
        true
    }

    /// Charges one instruction of any layer, with its mana: all of it, or nothing.
    #[inline]
    pub(crate) fn charge(&mut self, layer: GasLayer, n: u64, mana: u64) -> Result<(), Exhaustion> {
        // At plain prices and without a lease a unit of any layer takes one from what is left below the cap.
        let mana_after = self.mana.saturating_add(mana);
        let room = self.cap.checked_sub(self.compute);
        if !self.plain || room.is_none_or(|room| n > room) || mana_after > self.env.limits.mana_limit {
            return self.charge_with_care(layer, n, mana);
        }
        self.mana = mana_after;
        match layer {
            GasLayer::Compute => self.compute += n,
            GasLayer::Network => self.network += n,
            GasLayer::Storage => self.storage += n,
            GasLayer::Realm => self.realm += n,
        }
        if layer != GasLayer::Compute {
            self.cap -= n;
        }
        self.count_work(n)
    }
    /// A unit of a sized instruction stands for up to 32 bytes looked at, and counts as two ordinary instructions.
    #[inline]
    fn count_work(&mut self, n: u64) -> Result<(), Exhaustion> {
        if self.tick(usize::try_from(n.saturating_mul(2)).unwrap_or(usize::MAX)) {
            self.look()
        } else {
            Ok(())
        }
    }
    #[inline(never)]
    fn charge_with_care(&mut self, layer: GasLayer, n: u64, mana: u64) -> Result<(), Exhaustion> {
        let mut units = self.units();
        units[layer] = units[layer].saturating_add(n);
        self.afford(&units, mana, Patience::Waits).map_err(No::mark)?;
        (self.network, self.compute, self.storage, self.realm) =
            (units.network, units.compute, units.storage, units.realm);
        self.mana += mana;
        self.set_cap();
        self.cap = self.cap.max(self.compute);
        self.count_work(n)
    }

    /// Counts work; true when it is time to look.
    #[inline(always)]
    pub(crate) fn tick(&mut self, work: usize) -> bool {
        self.ticks = self.ticks.saturating_sub(work as u64);
        self.ticks == 0
    }
    /// Looks at the clock and at the shared budget's reason.
    #[cold]
    pub(crate) fn look(&mut self) -> Result<(), Exhaustion> {
        self.ticks = TICKS_PER_LOOK;
        let now_ns = || self.env.clock.now_ns();
        let lease = self.lease.as_ref();
        if let Some(reason) = lease.and_then(|lease| lease.budget().exhausted_at(now_ns())) {
            return Err(reason);
        }
        look(self.env, &mut self.started)
    }
}

/// Looks at what may end a run from outside: the batch it belongs to, the deadline, the clock. `started` is when the
/// clock was first looked at.
pub(crate) fn look(env: &Env<'_>, started: &mut Option<u64>) -> Result<(), Exhaustion> {
    if let Some(reason @ (Exhaustion::Cancelled | Exhaustion::Timeout)) =
        env.watch.and_then(|budget| budget.exhausted())
    {
        return Err(reason);
    }
    let now = env.clock.now_ns();
    if env.deadline_ns.is_some_and(|deadline| now > deadline) {
        return Err(Exhaustion::Timeout);
    }
    let started = *started.get_or_insert(now);
    let limit = env.limits.timeout_ms.saturating_mul(1_000_000);
    if now.saturating_sub(started) > limit { Err(Exhaustion::Timeout) } else { Ok(()) }
}
