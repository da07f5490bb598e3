//! Which counters there are, and which of them an event moves. The running state and a replay of its log count with the same
//! functions, on one ledger each, so that a snapshot is one cut through all of them.
//!
//! Counters of the whole process come first, then two distributions, then a row for each realm.

use super::observer::{PolicyRun, nanos};
use super::realms::Realms;
use super::tally::Tally;
use crate::event::{BlueprintStep, SagaStep, StateEvent};
use crate::kernel::fault::{Exhaustion, Fault, Outcome};
use crate::kernel::ledger::{LINE, Ledger, Totals};
use crate::kernel::limits::MAX_OBSERVED_REALMS;
use crate::kernel::multigas::{RealmId, Usage};
use crate::kernel::sync::{AtomicUsize, Ordering};
use crate::kernel::telemetry::histogram::Layout;
use crate::policy_type::PolicyType;
use smallvec::SmallVec;

/// Ways to end: allow, deny, each fault, each exhaustion.
pub(super) const CODES: usize = 2 + Fault::ALL.len() + Exhaustion::ALL.len();
/// By type of policy, then by code.
pub(super) const RUNS: usize = 0;

macro_rules! counters {
    ($first:expr; $($name:ident)+) => { counters!(@ $first; $($name)+); };
    (@ $at:expr; $name:ident $($rest:ident)*) => {
        pub(super) const $name: usize = $at;
        counters!(@ $name + 1; $($rest)*);
    };
    (@ $at:expr;) => { pub(super) const PLAIN: usize = $at; };
}
counters! { RUNS + CODES * PolicyType::ALL.len();
    GAS MANA TIME
    COMPILED COMPILE_ERRORS
    PUBLISHED DEPLOYED INSTANTIATED DEPRECATED
    SAGAS_DONE SAGAS_FAILED STEPS COMPENSATIONS SAGAS_CROSS_REALM
    CROSSINGS_ALLOWED CROSSINGS_DENIED CROSSING_MANA
    STARTED OTHER_SUCCESSFUL OTHER_FAILED OTHER_TIME OTHER_EVENTS
    OTHER_GAS GAS_REFUNDED OTHER_GAS_HITS
    OTHER_MANA MANA_REGENERATED OTHER_MANA_HITS
}

/// Nanoseconds of runs, to two digits, up to 60 s.
pub(super) const LATENCY: Layout = Layout { first: PLAIN, largest: 60_000_000_000 };
/// Priced gas of runs, to two digits, up to 10^9.
pub(super) const COST: Layout = Layout { first: PLAIN + LATENCY.len(), largest: 1_000_000_000 };
/// Where the realms' rows begin.
pub(crate) const REALMS: usize = (COST.first + COST.len()).next_multiple_of(LINE);

/// Places in the row of a realm.
pub(crate) mod row {
    pub(crate) const PASSED: usize = 0;
    pub(crate) const DENIED: usize = 1;
    pub(crate) const FAULTED: usize = 2;
    pub(crate) const EXHAUSTED: usize = 3;
    pub(crate) const GAS: usize = 4;
    pub(crate) const MANA: usize = 5;
    pub(crate) const TIME: usize = 6;
    pub(crate) const CROSSINGS_ALLOWED: usize = 7;
    pub(crate) const CROSSINGS_DENIED: usize = 8;
    pub(crate) const PUBLISHED: usize = 9;
    pub(crate) const DEPLOYED: usize = 10;
    pub(crate) const INSTANTIATED: usize = 11;
    pub(crate) const STEPS: usize = 12;
    pub(crate) const COMPENSATIONS: usize = 13;
    /// Ten of them.
    pub(crate) const TYPES: usize = 14;
    /// Whole lines.
    pub(crate) const WIDTH: usize = 24;
}

const _: () = assert!(row::TYPES + PolicyType::ALL.len() == row::WIDTH && row::WIDTH.is_multiple_of(LINE));
const _: () =
    assert!(REALMS + (MAX_OBSERVED_REALMS as usize + 1) * row::WIDTH <= crate::kernel::limits::MAX_COUNTERS);

/// Additions that belong together.
pub(super) type Adds = SmallVec<[(usize, u64); 12]>;

/// The counters of one state.
#[derive(Debug)]
pub(crate) struct Counters {
    pub(super) ledger: Ledger,
    pub(super) realms: Realms,
}

impl Counters {
    pub(crate) fn new() -> Counters {
        let rows = MAX_OBSERVED_REALMS as usize + 1;
        Counters { ledger: Ledger::new(REALMS + rows * row::WIDTH), realms: Realms::new() }
    }
    pub(crate) fn realms(&self) -> &Realms {
        &self.realms
    }
    /// The row of a realm. What happened in none has a row too, under the empty name.
    pub(crate) fn realm(&self, name: Option<&str>) -> RealmId {
        self.realms.number(name.unwrap_or(""))
    }
    pub(crate) fn add(&self, adds: &[(usize, u64)]) {
        // All counters are the ledger's own.
        let _ = self.ledger.record(worker(), adds);
    }
    /// A run begins.
    pub(crate) fn started(&self) {
        self.add(&[(STARTED, 1)]);
    }
    /// A run ended that was counted as started before.
    pub(crate) fn ended(&self, run: &PolicyRun<'_>) {
        let realm = self.realm(run.realm_id);
        let mut adds = Adds::new();
        adds_of_run(run, realm, &mut adds);
        self.add(&adds);
        self.realms.record(worker(), realm, &Usage { gas: run.gas, mana: run.mana_used, runs: 1 });
    }
    /// Runs that began and ended, as one record. One record of layers for each realm.
    pub(crate) fn chunk(&self, runs: &[PolicyRun<'_>]) {
        let mut tally = Tally::new();
        let mut last: Option<(Option<&str>, RealmId)> = None;
        let mut adds = Adds::new();
        for run in runs {
            let realm = match last {
                Some((name, realm)) if name == run.realm_id => realm,
                _ => self.realm(run.realm_id),
            };
            last = Some((run.realm_id, realm));
            adds_of_run(run, realm, &mut adds);
            adds.drain(..).for_each(|(counter, n)| tally.add(counter, n));
            tally.used(realm, run);
        }
        tally.add(STARTED, runs.len() as u64);
        self.add(&tally.adds());
        for (realm, usage) in tally.usage() {
            self.realms.record(worker(), realm, &usage);
        }
    }
    /// Events, as one record.
    pub(crate) fn count<'e>(&self, events: impl IntoIterator<Item = &'e StateEvent>) {
        let mut adds = Adds::new();
        events.into_iter().for_each(|event| self.adds_of(event, &mut adds));
        if !adds.is_empty() {
            self.add(&adds);
        }
    }
    pub(crate) fn totals(&self) -> Totals {
        self.ledger.snapshot()
    }

    /// What an event moves.
    fn adds_of(&self, event: &StateEvent, adds: &mut Adds) {
        let cell = |name: Option<&str>, place: usize| row_of(self.realm(name)) + place;
        match event {
            StateEvent::PolicyEvaluated {
                policy_type,
                realm_id,
                outcome,
                gas_used,
                mana_used,
                duration_us,
                ..
            } => {
                let run = PolicyRun {
                    policy_id: None,
                    policy_type: *policy_type,
                    realm_id: realm_id.as_deref(),
                    outcome: *outcome,
                    gas: Default::default(),
                    gas_used: *gas_used,
                    mana_used: *mana_used,
                    duration_ns: nanos(*duration_us),
                };
                adds.push((STARTED, 1));
                adds_of_run(&run, self.realm(run.realm_id), adds);
            }
            StateEvent::ExecutionStarted { .. } => adds.push((STARTED, 1)),
            StateEvent::ExecutionCompleted { passed, duration_us, .. } => {
                adds.push((if *passed { OTHER_SUCCESSFUL } else { OTHER_FAILED }, 1));
                adds.push((OTHER_TIME, nanos(*duration_us)));
            }
            StateEvent::CrossingEvaluated { to_realm, allowed, mana_used, .. } => {
                let (all, here) = match allowed {
                    true => (CROSSINGS_ALLOWED, row::CROSSINGS_ALLOWED),
                    false => (CROSSINGS_DENIED, row::CROSSINGS_DENIED),
                };
                let mana = cell(Some(to_realm), row::MANA);
                adds.extend([(all, 1), (cell(Some(to_realm), here), 1)]);
                adds.extend([(CROSSING_MANA, *mana_used), (mana, *mana_used)]);
            }
            StateEvent::BlueprintAction { action, realm_id, .. } => {
                let (all, here) = match action {
                    BlueprintStep::Published => (PUBLISHED, Some(row::PUBLISHED)),
                    BlueprintStep::Deployed => (DEPLOYED, Some(row::DEPLOYED)),
                    BlueprintStep::Instantiated => (INSTANTIATED, Some(row::INSTANTIATED)),
                    BlueprintStep::Deprecated => (DEPRECATED, None),
                };
                adds.push((all, 1));
                adds.extend(here.map(|place| (cell(realm_id.as_deref(), place), 1)));
            }
            StateEvent::SagaProgress { state, realm_id, .. } => match state {
                SagaStep::Done => adds.extend([(STEPS, 1), (cell(realm_id.as_deref(), row::STEPS), 1)]),
                SagaStep::Compensated => {
                    adds.extend([(COMPENSATIONS, 1), (cell(realm_id.as_deref(), row::COMPENSATIONS), 1)]);
                }
                SagaStep::Failed => adds.push((SAGAS_FAILED, 1)),
                SagaStep::Completed => adds.push((SAGAS_DONE, 1)),
            },
            StateEvent::TrustUpdate { .. }
            | StateEvent::VoteCast { .. }
            | StateEvent::ProposalCreated { .. }
            | StateEvent::StoreWritten { .. }
            | StateEvent::UserEvent { .. }
            | StateEvent::Transferred { .. }
            | StateEvent::CredentialChanged { .. }
            | StateEvent::IdentityCreated(_)
            | StateEvent::RealmCreated(_)
            | StateEvent::RealmChanged { .. } => {}
        }
    }
}

/// The first counter of a realm's row.
pub(crate) fn row_of(realm: RealmId) -> usize {
    REALMS + realm.index() * row::WIDTH
}

/// The code of a way to end, below [`CODES`].
pub(super) fn code(outcome: Outcome) -> usize {
    match outcome {
        Outcome::Allow => 0,
        Outcome::Deny => 1,
        Outcome::Fault(fault) => 2 + fault as usize,
        Outcome::Exhausted(reason) => 2 + Fault::ALL.len() + reason as usize,
    }
}

/// The way to end of a code.
pub(super) fn outcome(code: usize) -> Option<Outcome> {
    match code {
        0 => Some(Outcome::Allow),
        1 => Some(Outcome::Deny),
        _ => match Fault::ALL.get(code - 2) {
            Some(fault) => Some(Outcome::Fault(*fault)),
            None => {
                Exhaustion::ALL.get(code - 2 - Fault::ALL.len()).map(|reason| Outcome::Exhausted(*reason))
            }
        },
    }
}

/// What the end of a run moves.
fn adds_of_run(run: &PolicyRun<'_>, realm: RealmId, adds: &mut Adds) {
    let first = row_of(realm);
    let kind = run.policy_type as usize;
    let here = match run.outcome {
        Outcome::Allow => row::PASSED,
        Outcome::Deny => row::DENIED,
        Outcome::Fault(_) => row::FAULTED,
        Outcome::Exhausted(_) => row::EXHAUSTED,
    };
    adds.extend([
        (RUNS + kind * CODES + code(run.outcome), 1),
        (GAS, run.gas_used),
        (TIME, run.duration_ns),
        (LATENCY.counter(run.duration_ns), 1),
        (COST.counter(run.gas_used), 1),
        (first + here, 1),
        (first + row::GAS, run.gas_used),
        (first + row::TIME, run.duration_ns),
        (first + row::TYPES + kind, 1),
    ]);
    if run.mana_used > 0 {
        adds.extend([(MANA, run.mana_used), (first + row::MANA, run.mana_used)]);
    }
}

/// A number for this thread.
pub(super) fn worker() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: usize = NEXT.fetch_add(1, Ordering::Relaxed);
    }
    NUMBER.try_with(|number| *number).unwrap_or(0)
}
