//! Runs as rows of the store: everything but the policy's bytecode, which is kept once under its hash.

use super::codec::{Reader, Writer};
use super::events::{at, place};
use crate::kernel::budget::BudgetLimits;
use crate::kernel::fault::{Exhaustion, Fault};
use crate::kernel::gas::{GasUnits, Prices};
use crate::kernel::receipt::{Detail, Receipt};
use crate::kernel::span::Span;
use crate::state::{Given, RecordedPolicy, RunRecord, SharedLeft};
use std::sync::Arc;

/// A row, and where its run stood among the commits. The policy is named by its hash.
pub(super) struct RunRow {
    /// The number of the first event of its commit.
    pub(super) first: u64,
    /// The version that its commit began on.
    pub(super) base: u64,
    /// How many events right before its own are its effects.
    pub(super) effects: u64,
    /// Its policy.
    pub(super) hash: [u8; 32],
    /// All the rest.
    pub(super) record: RunRecord,
}

impl Writer {
    fn given(&mut self, given: &Given) {
        match given {
            Given::Missing => self.u8(0),
            Given::Invalid(fault) => {
                self.u8(1);
                self.u8(place(Fault::ALL, fault));
            }
            Given::Value(value) => {
                self.u8(2);
                self.value(value);
            }
        }
    }
    fn units(&mut self, units: GasUnits) {
        [units.network, units.compute, units.storage, units.realm].into_iter().for_each(|n| self.u64(n));
    }
    /// A receipt without its effects.
    pub(super) fn receipt(&mut self, receipt: &Receipt) {
        self.outcome(receipt.outcome);
        self.option(receipt.message, |w, id| w.u64(u64::from(id)));
        self.option(receipt.span, |w, span| {
            w.u64(u64::from(span.start));
            w.u64(u64::from(span.end));
        });
        self.units(receipt.gas);
        [receipt.cost, receipt.mana, receipt.version].into_iter().for_each(|n| self.u64(n));
        self.list(receipt.log(), |w, line| w.text(line));
        self.option(receipt.detail.as_ref().and_then(|detail| detail.value.as_ref()), Writer::value);
    }
    /// A run whose commit began on the version `base` with the event `first`.
    pub(super) fn run(&mut self, first: u64, base: u64, effects: u64, run: &RunRecord) {
        [first, base, effects].into_iter().for_each(|n| self.u64(n));
        self.0.extend_from_slice(&run.policy.hash);
        self.list(&run.inputs, Writer::given);
        [&run.caller, &run.realm, &run.trust].into_iter().for_each(|given| self.given(given));
        self.bool(run.unknown_keys);
        self.maybe_text(run.unknown.as_deref());
        self.f64(run.now);
        [run.limits.gas_limit, run.limits.mana_limit, run.limits.timeout_ms]
            .into_iter()
            .for_each(|n| self.u64(n));
        self.u64(u64::from(run.limits.max_stack_depth));
        self.units(run.prices.0);
        self.bool(run.allow_writes);
        self.option(run.shared, |w, left| {
            w.u64(left.gas);
            w.u64(left.mana);
            w.option(left.exhausted, |w, reason| w.u8(place(Exhaustion::ALL, &reason)));
        });
        self.receipt(&run.receipt);
    }
}

impl Reader<'_> {
    fn given(&mut self) -> Option<Given> {
        match self.u8()? {
            0 => Some(Given::Missing),
            1 => at(Fault::ALL, self.u8()?).map(Given::Invalid),
            2 => self.value(0).map(Given::Value),
            _ => None,
        }
    }
    fn u32(&mut self) -> Option<u32> {
        u32::try_from(self.u64()?).ok()
    }
    fn units(&mut self) -> Option<GasUnits> {
        Some(GasUnits {
            network: self.u64()?,
            compute: self.u64()?,
            storage: self.u64()?,
            realm: self.u64()?,
        })
    }
    fn receipt(&mut self) -> Option<Receipt> {
        let outcome = self.outcome()?;
        let message = self.option(|r| u16::try_from(r.u64()?).ok())?;
        let span = self.option(|r| Some(Span { start: r.u32()?, end: r.u32()? }))?;
        let (gas, cost, mana, version) = (self.units()?, self.u64()?, self.u64()?, self.u64()?);
        let log = self.list(|r| r.text().map(Box::from))?;
        let value = self.option(|r| r.value(0))?;
        let detail = Detail { log, value, effects: Vec::new() };
        let detail = Some(detail).filter(|detail| *detail != Detail::default()).map(Box::new);
        Some(Receipt { outcome, message, span, gas, cost, mana, version, detail })
    }
    /// A run; its policy has no bytecode yet.
    pub(super) fn run(&mut self) -> Option<RunRow> {
        let (first, base, effects) = (self.u64()?, self.u64()?, self.u64()?);
        let mut hash = [0; 32];
        for byte in &mut hash {
            *byte = self.u8()?;
        }
        let record = RunRecord {
            policy: Arc::new(RecordedPolicy { hash, bytecode: Box::default() }),
            inputs: self.list(Reader::given)?,
            caller: self.given()?,
            realm: self.given()?,
            trust: self.given()?,
            unknown_keys: self.bool()?,
            unknown: self.option(|r| r.text().map(Box::from))?,
            now: self.f64()?,
            limits: BudgetLimits {
                gas_limit: self.u64()?,
                mana_limit: self.u64()?,
                timeout_ms: self.u64()?,
                max_stack_depth: self.u32()?,
            },
            prices: Prices(self.units()?),
            allow_writes: self.bool()?,
            shared: self.option(|r| {
                let (gas, mana) = (r.u64()?, r.u64()?);
                let exhausted = r.option(|r| at(Exhaustion::ALL, r.u8()?))?;
                Some(SharedLeft { gas, mana, exhausted })
            })?,
            receipt: self.receipt()?,
        };
        Some(RunRow { first, base, effects, hash, record })
    }
}
