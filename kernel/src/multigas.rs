//! MultiGas: what every realm has used of every layer, what units cost, and how many a realm may use (gas.md, section 5).
//!
//! # What is promised
//!
//! - Totals are exact, per realm and in all, up to `u64::MAX`, where they stay. What cannot be counted under a name of its
//!   own counts in the overflow bucket; nothing is dropped.
//! - A [`MultiGas::snapshot`] is one cut. Records, changes of prices and snapshots have one order that respects what
//!   happened before what, and the snapshot is all of it up to a point. So: it holds whole records; its process totals are
//!   the sums of its realms; a record made by somebody who had seen the price epoch e is only in snapshots whose epoch is
//!   e or later; and a record that happened before the change to epoch e is in every snapshot of epoch e.
//! - Prices are read as a whole, with the epoch they belong to, without a lock. A run keeps those it began with.
//!
//! # Why the cut holds prices too
//!
//! Prices change only under the mutex that excludes cuts of the [`Ledger`](crate::ledger), and are part of the snapshot
//! while it is held. So a change is either before a cut or after it as a whole. If after: who has seen the new prices
//! (Release to Acquire) has seen what was before them, the cut's epoch too, so their records are not in the cut. If before:
//! what happened before the change happened before the cut, so it is in it.
//!
//! A record never waits. Snapshots, ticks that are due and changes of prices or quotas wait for each other.

mod control;
mod quota;
mod table;

pub use control::{Controller, PriceRule, next_price};
pub use quota::{Quota, QuotaError, QuotaRefusal, RealmQuota, Taken};

use crate::gas::{GasLayer, GasUnits, Prices};
use crate::ledger::{LINE, Ledger, Totals};
use crate::limits::MAX_REALMS;
use crate::registry::Registry;
use crate::segments::Segments;
use crate::sync::{AtomicU64, OnceLock, Ordering, weakened};
use table::{Table, Turn};

/// Places of the counters in a realm's line: four layers first.
const MANA: usize = 4;
const RUNS: usize = 5;
/// Realms whose quota cells are allocated at once.
const QUOTAS: usize = if cfg!(loom) { 1 } else { 256 };

/// A realm that is counted: 0 is the overflow bucket, n + 1 the n-th realm registered.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct RealmId(u32);

impl RealmId {
    /// What realms beyond the cap, and names beyond [`crate::limits::MAX_NAME_BYTES`], count under.
    pub const OVERFLOW: RealmId = RealmId(0);
    /// The name of the overflow bucket, for people. A realm that is registered under this name is another one.
    pub const OVERFLOW_NAME: &'static str = "(overflow)";

    /// The realm of an index; [`MultiGas::realm_name`] says whether there is one.
    pub fn of_index(index: u32) -> RealmId {
        RealmId(index)
    }
    /// The index in [`Snapshot::realms`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What was used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Usage {
    /// Raw units per layer.
    pub gas: GasUnits,
    /// Mana.
    pub mana: u64,
    /// Runs.
    pub runs: u64,
}

impl Usage {
    fn line(&self) -> [u64; LINE] {
        let GasUnits { network, compute, storage, realm } = self.gas;
        [network, compute, storage, realm, self.mana, self.runs, 0, 0]
    }
    fn of(line: usize, totals: &Totals) -> Usage {
        let get = |at| totals.get(line * LINE + at);
        Usage {
            gas: GasUnits { network: get(0), compute: get(1), storage: get(2), realm: get(3) },
            mana: get(MANA),
            runs: get(RUNS),
        }
    }
    fn add(&mut self, at: usize, n: u64) {
        let counter = match at {
            MANA => &mut self.mana,
            RUNS => &mut self.runs,
            at => match GasLayer::ALL.get(at) {
                Some(&layer) => &mut self.gas[layer],
                None => return,
            },
        };
        *counter = counter.saturating_add(n);
    }
}

/// One cut; see the module's text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Snapshot {
    /// All realms and the overflow bucket together.
    pub process: Usage,
    /// By [`RealmId::index`]: the overflow bucket, then every realm registered.
    pub realms: Vec<Usage>,
    /// The prices in force.
    pub prices: Prices,
    /// Their epoch: how often prices had changed.
    pub price_epoch: u64,
}

impl Snapshot {
    /// What a realm has used.
    pub fn realm(&self, realm: RealmId) -> Usage {
        self.realms.get(realm.index()).copied().unwrap_or_default()
    }
}

/// What changes only at a cut, or while there is none.
#[derive(Debug)]
struct Control {
    turn: Turn,
    process: Usage,
    controller: Option<Controller>,
    /// Units per layer since the last tick.
    since: [u64; 4],
    /// When the running period began.
    began_ns: u64,
}

impl Control {
    fn count(&mut self, counter: usize, n: u64) {
        let at = counter % LINE;
        self.process.add(at, n);
        if let Some(since) = self.since.get_mut(at) {
            *since = since.saturating_add(n);
        }
    }
}

/// The totals, prices and quotas of a process. Share it (`Arc`).
#[derive(Debug)]
pub struct MultiGas {
    ledger: Ledger<Control>,
    realms: Registry,
    prices: Table<4>,
    /// When the next tick is due; `u64::MAX` without a controller.
    due_ns: AtomicU64,
    quotas: Segments<OnceLock<Box<Quota>>>,
}

impl Default for MultiGas {
    fn default() -> Self {
        MultiGas::new(MAX_REALMS)
    }
}

fn words(prices: Prices) -> [u64; 4] {
    let GasUnits { network, compute, storage, realm } = prices.0;
    [network, compute, storage, realm]
}

fn prices_of([network, compute, storage, realm]: [u64; 4]) -> Prices {
    Prices(GasUnits { network, compute, storage, realm })
}

impl MultiGas {
    /// Counts at most so many realms (and never more than [`MAX_REALMS`]) one by one. Prices are 1, there are no
    /// quotas and no controller.
    pub fn new(realms: u32) -> MultiGas {
        let realms = realms.min(MAX_REALMS);
        let rows = realms as usize + 1;
        let control = Control {
            turn: Turn::new(),
            process: Usage::default(),
            controller: None,
            since: [0; 4],
            began_ns: 0,
        };
        MultiGas {
            ledger: Ledger::with(rows * LINE, control),
            realms: Registry::new(realms),
            prices: Table::new(words(Prices::default())),
            due_ns: AtomicU64::new(u64::MAX),
            quotas: Segments::new(rows, QUOTAS, OnceLock::new),
        }
    }

    /// The realm of this name, registered on first use; the overflow bucket where there is no room for it.
    pub fn realm(&self, name: &str) -> RealmId {
        self.realms.intern(name).map_or(RealmId::OVERFLOW, |number| RealmId(number.saturating_add(1)))
    }
    /// The realm of this name, if it is registered.
    pub fn find(&self, name: &str) -> Option<RealmId> {
        self.realms.get(name).map(|number| RealmId(number.saturating_add(1)))
    }
    /// The name of a realm; None for one of another `MultiGas`.
    pub fn realm_name(&self, realm: RealmId) -> Option<&str> {
        match realm.0.checked_sub(1) {
            None => Some(RealmId::OVERFLOW_NAME),
            Some(number) => self.realms.name(number),
        }
    }

    /// Counts one run. Wait-free. `worker`: any number, best a different one for each thread.
    #[inline]
    pub fn record(&self, worker: usize, realm: RealmId, gas: &GasUnits, mana: u64) {
        self.record_usage(worker, realm, &Usage { gas: *gas, mana, runs: 1 });
    }
    /// Counts what many runs of one realm came to, as one record.
    #[inline]
    pub fn record_usage(&self, worker: usize, realm: RealmId, usage: &Usage) {
        if weakened("multigas: overflow is counted") && realm == RealmId::OVERFLOW {
            return;
        }
        let line = usage.line();
        // A realm of another, larger MultiGas.
        if realm.0 > self.realms.len() || self.ledger.record_line(worker, realm.index(), &line).is_err() {
            let _ = self.ledger.record_line(worker, RealmId::OVERFLOW.index(), &line);
        }
    }
    /// Counts units of one layer that no run paid, in a realm (registered on first use) or, with None, in none. For charges
    /// now and then: all of them take the same stripe of the counters.
    pub fn consume(&self, layer: GasLayer, amount: u64, realm: Option<&str>) {
        let mut usage = Usage::default();
        usage.gas[layer] = amount;
        self.record_usage(0, self.realm(realm.unwrap_or("")), &usage);
    }
    /// What everything that was used costs at the prices in force, all four layers, saturating; of one cut.
    pub fn total_cost(&self) -> u64 {
        self.ledger.cut(Control::count, |_, control| self.prices().0.cost(&control.process.gas))
    }
    /// Everything, as one cut.
    pub fn snapshot(&self) -> Snapshot {
        self.ledger.cut(Control::count, |totals, control| {
            let (words, price_epoch) = self.prices.read();
            // After the cut: whoever is in it was registered before.
            let rows = self.realms.len() as usize + 1;
            Snapshot {
                process: control.process,
                realms: (0..rows).map(|line| Usage::of(line, totals)).collect(),
                prices: prices_of(words),
                price_epoch,
            }
        })
    }
    /// The process totals of a cut.
    pub fn process(&self) -> Usage {
        self.ledger.cut(Control::count, |_, control| control.process)
    }

    /// The prices in force, and their epoch. Lock-free.
    #[inline]
    pub fn prices(&self) -> (Prices, u64) {
        let (words, epoch) = self.prices.read();
        (prices_of(words), epoch)
    }
    /// Replaces all prices; returns their epoch. Runs under way keep theirs.
    pub fn set_prices(&self, prices: Prices) -> u64 {
        self.ledger.hold(|control| self.prices.write(&mut control.turn, words(prices)))
    }

    /// Lets a controller move prices from now on; None stops the one there is. Use is counted from here.
    pub fn set_controller(&self, controller: Option<Controller>, now_ns: u64) {
        self.ledger.cut(Control::count, |_, control| {
            control.controller = controller;
            control.since = [0; 4];
            control.began_ns = now_ns;
            self.set_due(control);
        });
    }
    /// To be called now and then: where a period of the controller has ended, moves prices and returns them with their
    /// epoch. Once per period, however many threads call; the first call after its end does it. Where several periods
    /// have gone by, prices move once, by their average. A clock that went back ends no period.
    pub fn tick(&self, now_ns: u64) -> Option<(Prices, u64)> {
        // Relaxed: only a hint; the mutex decides.
        if now_ns < self.due_ns.load(Ordering::Relaxed) {
            return None;
        }
        self.ledger.cut(Control::count, |_, control| {
            let controller = control.controller?;
            let period = controller.period_ns;
            let ended = now_ns.saturating_sub(control.began_ns) / period;
            if ended == 0 && !weakened("multigas: once a period") {
                return None;
            }
            let used = control.since.map(|units| units / ended.max(1));
            control.since = [0; 4];
            // At most now_ns, by what `ended` is.
            control.began_ns = control.began_ns.saturating_add(ended.saturating_mul(period.get()));
            self.set_due(control);
            let (before, epoch) = self.prices();
            let after = controller.next_prices(before, used);
            if after == before {
                return Some((before, epoch));
            }
            Some((after, self.prices.write(&mut control.turn, words(after))))
        })
    }
    fn set_due(&self, control: &Control) {
        let due = control.controller.map_or(u64::MAX, |c| control.began_ns.saturating_add(c.period_ns.get()));
        self.due_ns.store(due, Ordering::Relaxed);
    }

    /// Sets what a realm may use in a period, or with [`RealmQuota::NONE`] lifts it. What it has used of the running period
    /// counts on where the length of the period stays.
    ///
    /// # Errors
    ///
    /// [`QuotaError`]; the quota there was still holds.
    pub fn set_quota(&self, realm: RealmId, quota: &RealmQuota) -> Result<(), QuotaError> {
        if realm.0 > self.realms.len() {
            return Err(QuotaError::NoSuchRealm);
        }
        let cell = self.quotas.ensure(realm.index()).ok_or(QuotaError::NoSuchRealm)?;
        self.ledger.hold(|control| cell.get_or_init(|| Box::new(Quota::new())).set(&mut control.turn, quota))
    }
    /// The quota of a realm, if it has ever had one; for whoever takes often.
    pub fn quota(&self, realm: RealmId) -> Option<&Quota> {
        self.quotas.get(realm.index())?.get().map(|quota| &**quota)
    }
    /// Takes units of a realm's quota: of all layers, or of none. A realm without a quota has no bound.
    ///
    /// # Errors
    ///
    /// The first layer that is short, and how long to wait.
    pub fn try_take(&self, realm: RealmId, units: &GasUnits, now_ns: u64) -> Result<Taken<'_>, QuotaRefusal> {
        match self.quota(realm) {
            Some(quota) => quota.try_take(units, now_ns),
            None => Ok(Taken::unbounded()),
        }
    }
}

#[cfg(test)]
mod tests;
