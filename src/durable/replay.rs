//! Recorded runs, decided again: each on the world as its run saw it, in the order of the log.
//!
//! A run saw the version that its commit began on, and what its own commit had written before it. Both follow from the log:
//! the walk makes each version from the events, and keeps the last [`VERSIONS`] for runs that were committed after others.
//! What cannot be decided again is counted, never passed over: runs without a record, runs whose world is no longer in the
//! log, and runs that the clock or somebody ended.

use super::codec::Reader;
use super::error::StoreError;
use super::prune::{Walk, checkpoint};
use super::store::DurableStore;
use super::tables::{self, LOG, META_FIRST, PROGRAMS, RUNS, bytes};
use crate::host::StateHost;
use crate::kernel::budget::{BudgetLimits, is_of_time};
use crate::kernel::fault::Outcome;
use crate::kernel::receipt::Receipt;
use crate::kernel::request::{Env, Request};
use crate::kernel::types::{Base, Ty};
use crate::kernel::value::{Did, Value, ValueRef};
use crate::kernel::vm::Vm;
use crate::policy::{Module, Policy};
use crate::state::{Given, RecordedPolicy, RunRecord, StateEvent, World, event_of};
use crate::wire::{Defaults, Schema, decode};
use bumpalo::Bump;
use redb::ReadTransaction;
use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

/// Versions kept for runs that read an older one than the last: with more commits in between, a run is not decided again.
const VERSIONS: usize = 256;

/// Which runs are decided again, and how.
#[derive(Clone, Debug)]
pub struct ReplayOptions<'p> {
    /// Another policy that is to judge them; None for the one that decided. Inputs go to it by name.
    pub policy: Option<&'p Policy>,
    /// Only runs of the policy of this name.
    pub of: Option<&'p str>,
    /// Only runs whose events have these numbers.
    pub events: Range<u64>,
    /// The standard input `now` in place of the recorded one.
    pub now: Option<f64>,
}

impl Default for ReplayOptions<'_> {
    fn default() -> Self {
        ReplayOptions { policy: None, of: None, events: 0..u64::MAX, now: None }
    }
}

/// A run that was decided again.
#[derive(Clone, Debug)]
pub struct ReplayedRun {
    /// The number of its event in the log.
    pub number: u64,
    /// The policy that decided then.
    pub policy: Policy,
    /// The request and its surroundings; with the receipt of then, which has its effects again only in the log.
    pub record: RunRecord,
    /// What it comes to now.
    pub receipt: Receipt,
    /// Whether receipt and effects are those of then, to the bit.
    pub same: bool,
}

impl ReplayedRun {
    /// Whether it ends otherwise: allow, deny, fault or exhausted.
    pub fn flips(&self) -> bool {
        self.record.receipt.outcome.name() != self.receipt.outcome.name()
    }
}

/// What a replay came to. All runs of the range and the name that was asked for are in exactly one of `decided`,
/// `unrecorded`, `pruned` and `timed`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ReplayTotals {
    /// Decided again.
    pub decided: u64,
    /// Of these, how many are the same to the bit.
    pub same: u64,
    /// Of these, how many end otherwise.
    pub flips: u64,
    /// Events of runs without a record.
    pub unrecorded: u64,
    /// Runs whose world is no longer known: the log was pruned there, or too many commits came between.
    pub pruned: u64,
    /// Runs that a timeout or a cancellation ended.
    pub timed: u64,
}

impl DurableStore {
    /// Decides recorded runs again, and hands each to `each` in the order of the log.
    ///
    /// # Errors
    ///
    /// Damaged, where a record, its policy or the log cannot be read; what was handed out before it is true.
    ///
    /// # Panics
    ///
    /// Where `each` does.
    pub fn replay(
        &self,
        options: &ReplayOptions<'_>,
        mut each: impl FnMut(ReplayedRun),
    ) -> Result<ReplayTotals, StoreError> {
        let mut panicked = None;
        let totals = self.reading(|read| {
            let mut replay = Replayer::new(read)?;
            let log = read.open_table(LOG)?;
            let runs = read.open_table(RUNS)?;
            for (row, number) in log.range(replay.start..)?.zip(replay.start..) {
                let (found, row) = row?;
                if found.value() != number {
                    return Err(StoreError::Damaged(format!("event {number} is missing in the log")));
                }
                if number >= options.events.end {
                    break;
                }
                let (version, event) = tables::logged(number, row.value())?;
                let name = match &event {
                    StateEvent::PolicyEvaluated { policy_id, .. } => Some(policy_id.clone()),
                    _ => None,
                };
                replay.take(number, version, event)?;
                let Some(name) = name.filter(|_| options.events.contains(&number)) else { continue };
                if options.of.is_some_and(|of| name.as_deref() != Some(of)) {
                    continue;
                }
                let Some(row) = runs.get(number)? else {
                    replay.totals.unrecorded += 1;
                    continue;
                };
                if let Some(run) = replay.decide(number, row.value(), options)? {
                    // No panic of the library's: it is not to be taken for damage.
                    panicked = catch_unwind(AssertUnwindSafe(|| each(run))).err();
                    if panicked.is_some() {
                        break;
                    }
                }
            }
            Ok(replay.totals)
        });
        match panicked {
            Some(payload) => resume_unwind(payload),
            None => totals,
        }
    }
}

struct Replayer<'t> {
    read: &'t ReadTransaction,
    start: u64,
    walk: Walk,
    /// Older versions, ascending.
    versions: VecDeque<World>,
    draft: Option<Draft>,
    policies: HashMap<[u8; 32], (Arc<RecordedPolicy>, Policy)>,
    vm: Vm,
    totals: ReplayTotals,
}

/// What runs of one commit see: the version that it began on, and changes of the commit before some event.
struct Draft {
    first: u64,
    base: u64,
    /// How many of the walk's changes are looked at.
    taken: usize,
    world: World,
}

impl<'t> Replayer<'t> {
    fn new(read: &'t ReadTransaction) -> Result<Replayer<'t>, StoreError> {
        Ok(Replayer {
            start: tables::meta(read, META_FIRST)?,
            walk: Walk::new(checkpoint(read)?),
            read,
            versions: VecDeque::new(),
            draft: None,
            policies: HashMap::new(),
            vm: Vm::new(),
            totals: ReplayTotals::default(),
        })
    }

    fn take(&mut self, number: u64, version: u64, event: StateEvent) -> Result<(), StoreError> {
        let before = self.walk.world.clone();
        if self.walk.take(number, version, event)? {
            self.draft = None;
            if self.versions.len() == VERSIONS {
                self.versions.pop_front();
            }
            self.versions.push_back(before);
        }
        Ok(())
    }

    /// The world that a run saw whose commit began on version `base` with the event `first`, and whose own events begin at
    /// `own`. None where it is no longer known.
    fn seen(&mut self, first: u64, base: u64, own: u64) -> Result<Option<Arc<World>>, StoreError> {
        let Walk { world, version, changes } = &self.walk;
        let applied = |error: crate::state::ApplyError| StoreError::Damaged(error.to_string());
        let after = |world: &World, changes: &[(u64, StateEvent)]| {
            let events: Vec<StateEvent> = changes.iter().map(|(_, event)| event.clone()).collect();
            world.after(&events).map_err(applied)
        };
        if self.draft.as_ref().is_none_or(|draft| (draft.first, draft.base) != (first, base)) {
            let begins = changes.partition_point(|(number, _)| *number < first);
            let world = if base == *version {
                // A commit that changes nothing, after the one that made the version.
                Some(after(world, changes.get(..begins).unwrap_or(&[]))?)
            } else {
                let known = self.versions.iter().rev().chain([world]);
                known.into_iter().find(|world| world.version() == base).cloned()
            };
            let Some(world) = world.filter(|_| first >= self.start) else { return Ok(None) };
            self.draft = Some(Draft { first, base, taken: begins, world });
        }
        let Some(draft) = &mut self.draft else { return Ok(None) };
        let upto = changes.partition_point(|(number, _)| *number < own);
        if let Some(more) = changes.get(draft.taken..upto).filter(|more| !more.is_empty()) {
            draft.world = after(&draft.world, more)?;
            draft.taken = upto;
        }
        Ok(Some(Arc::new(draft.world.clone().with_version(base))))
    }

    /// The policy under a hash.
    fn policy(&mut self, hash: [u8; 32]) -> Result<(Arc<RecordedPolicy>, Policy), StoreError> {
        if let Some(known) = self.policies.get(&hash) {
            return Ok(known.clone());
        }
        let name = || hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let programs = self.read.open_table(PROGRAMS)?;
        let row = programs.get(hash.as_slice())?.ok_or_else(|| tables::damaged("programs", &name()))?;
        let module = Module::load(row.value()).ok();
        let policy = module.and_then(|module| module.policies().first().cloned());
        let policy = policy.ok_or_else(|| tables::damaged("programs", &name()))?;
        let recorded = RecordedPolicy::new(policy.executable());
        if recorded.hash != hash {
            return Err(tables::damaged("programs", &name()));
        }
        let known = (Arc::new(recorded), policy);
        self.policies.insert(hash, known.clone());
        Ok(known)
    }

    fn decide(
        &mut self,
        number: u64,
        row: &[u8],
        options: &ReplayOptions<'_>,
    ) -> Result<Option<ReplayedRun>, StoreError> {
        let damaged = || tables::damaged("runs", &number.to_string());
        let row = Reader::all(row, |r| r.run()).ok_or_else(damaged)?;
        let own = number.checked_sub(row.effects).filter(|own| *own >= row.first).ok_or_else(damaged)?;
        let (recorded, policy) = self.policy(row.hash)?;
        let record = RunRecord { policy: recorded, ..row.record };
        if record.inputs.len() > policy.inputs().len() {
            return Err(damaged());
        }
        if matches!(record.receipt.outcome, Outcome::Exhausted(reason) if is_of_time(reason)) {
            self.totals.timed += 1;
            return Ok(None);
        }
        let Some(world) = self.seen(row.first, row.base, own)? else {
            self.totals.pruned += 1;
            return Ok(None);
        };
        let receipt = self.run(world, &record, &policy, options);
        let wrote = self.wrote(own..number)?;
        let realm: Arc<str> = match &record.realm {
            Given::Value(Value::Text(id)) => id.as_ref().into(),
            _ => "".into(),
        };
        let writes: Vec<StateEvent> =
            receipt.effects().iter().map(|effect| event_of(&realm, effect)).collect();
        let same = bytes(|w| w.receipt(&receipt)) == bytes(|w| w.receipt(&record.receipt))
            && bytes(|w| w.list(&writes, |w, event| w.event(event)))
                == bytes(|w| w.list(&wrote, |w, event| w.event(event)));
        let run = ReplayedRun { number, policy, record, receipt, same };
        self.totals.decided += 1;
        self.totals.same += u64::from(same);
        self.totals.flips += u64::from(run.flips());
        Ok(Some(run))
    }

    fn run(
        &mut self,
        world: Arc<World>,
        record: &RunRecord,
        policy: &Policy,
        options: &ReplayOptions<'_>,
    ) -> Receipt {
        let bump = Bump::new();
        let judge = options.policy.unwrap_or(policy);
        // What the policy of then did not know, this one may.
        let unknown = record.unknown.as_deref().filter(|_| options.policy.is_some()).and_then(|json| {
            let schema = Schema::new(judge.program(), true);
            decode(&schema, json.as_bytes(), &bump, Defaults::default()).ok()
        });
        let inputs: Vec<ValueRef<'_>> = match options.policy {
            None => record.inputs.iter().map(|input| input.borrow(&bump)).collect(),
            Some(judge) => {
                let by_name = |name: &str| {
                    let at = policy.inputs().iter().position(|input| *input.name == *name)?;
                    record.inputs.get(at)
                };
                let found = unknown.as_ref().map_or(&[][..], |request| request.inputs);
                let of = |(at, input): (usize, &crate::kernel::program::Input)| match by_name(&input.name) {
                    Some(given) => as_type(given.borrow(&bump), input.ty),
                    None => found.get(at).copied().unwrap_or(ValueRef::Missing),
                };
                judge.inputs().iter().enumerate().map(of).collect()
            }
        };
        let host = StateHost::new(world);
        let shared = record.shared.map(|left| left.budget());
        let request = Request {
            caller: record.caller.borrow(&bump),
            realm: record.realm.borrow(&bump),
            trust: record.trust.borrow(&bump),
            unknown_keys: unknown.as_ref().map_or(record.unknown_keys, |request| request.unknown_keys),
            inputs: &inputs,
        };
        let env = Env {
            host: Some(&host),
            allow_writes: record.allow_writes,
            now: options.now.unwrap_or(record.now),
            // How long it took then is not to be decided again.
            limits: BudgetLimits { timeout_ms: u64::MAX, ..record.limits },
            prices: record.prices,
            shared: shared.as_ref(),
            ..Env::default()
        };
        self.vm.run(judge.executable(), &request, &env)
    }

    /// Events of the log.
    fn wrote(&self, numbers: Range<u64>) -> Result<Vec<StateEvent>, StoreError> {
        if numbers.is_empty() {
            return Ok(Vec::new());
        }
        let log = self.read.open_table(LOG)?;
        let mut events = Vec::new();
        for row in log.range(numbers)? {
            let (number, row) = row?;
            events.push(tables::logged(number.value(), row.value())?.1);
        }
        Ok(events)
    }
}

/// What the same JSON would have been read as for an input of this type: texts and DIDs look alike there.
fn as_type<'v>(given: ValueRef<'v>, ty: Ty) -> ValueRef<'v> {
    match given {
        _ if ty.is_array() => given,
        ValueRef::Text(text) if ty.base() == Base::Did => Did::new(text).map_or(given, ValueRef::Did),
        ValueRef::Did(did) if ty.base() == Base::Text => ValueRef::Text(did.as_str()),
        _ => given,
    }
}
