//! What many runs come to, added up on one thread before it goes to the shared counters as one record.

use super::counters::REALMS;
use super::observer::PolicyRun;
use crate::kernel::multigas::{RealmId, Usage};
use foldhash::fast::RandomState;
use std::collections::HashMap;

pub(super) struct Tally {
    /// Counters of the process, by number.
    process: Vec<u64>,
    /// Those that are not 0.
    touched: Vec<usize>,
    /// Counters of realms.
    realms: HashMap<usize, u64, RandomState>,
    usage: HashMap<RealmId, Usage, RandomState>,
}

impl Tally {
    pub(super) fn new() -> Tally {
        Tally {
            process: vec![0; REALMS],
            touched: Vec::new(),
            realms: HashMap::default(),
            usage: HashMap::default(),
        }
    }
    #[inline]
    pub(super) fn add(&mut self, counter: usize, n: u64) {
        if n == 0 {
            return;
        }
        let count = match self.process.get_mut(counter) {
            Some(count) => count,
            None => self.realms.entry(counter).or_insert(0),
        };
        if *count == 0 && counter < REALMS {
            self.touched.push(counter);
        }
        *count = count.saturating_add(n);
    }
    /// Layers of gas of one run.
    pub(super) fn used(&mut self, realm: RealmId, run: &PolicyRun<'_>) {
        let usage = self.usage.entry(realm).or_default();
        usage.gas = usage.gas.plus(run.gas);
        usage.mana = usage.mana.saturating_add(run.mana_used);
        usage.runs += 1;
    }
    /// All additions.
    pub(super) fn adds(&self) -> Vec<(usize, u64)> {
        let process = self.touched.iter().map(|at| (*at, self.process.get(*at).copied().unwrap_or(0)));
        process.chain(self.realms.iter().map(|(counter, n)| (*counter, *n))).collect()
    }
    /// Layers of gas, realm by realm.
    pub(super) fn usage(&self) -> impl Iterator<Item = (RealmId, Usage)> {
        self.usage.iter().map(|(realm, usage)| (*realm, *usage))
    }
}
