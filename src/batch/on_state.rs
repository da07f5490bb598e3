//! A batch on a state that others change meanwhile: decided on one version, committed as one version.
//!
//! The requests read the current version and what earlier ones have written, as in every batch. Then all that they wrote
//! is one transaction. Where somebody else was first, the whole batch is decided again on the new version. The first time
//! any commit of others is in its way, so that nothing needs to be noted; from then on it notes what it reads, and only
//! a commit that changed some of that is in its way.

use super::observed::Telling;
use super::{Batch, BatchOptions, Cut, PoolError, Requests, Summary};
use crate::host::{StateHost, TrackedHost};
use crate::observe::Observation;
use crate::policy::Policy;
use crate::state::{
    ChangeError, CommitResult, HeldRun, JournalError, StateKey, Transaction, UnifiedState, event_of,
};
use crate::telemetry::MAX_HELD_RUNS;
use bumpalo::Bump;
use eclvm_kernel::host::HostInterface;
use eclvm_kernel::limits::MAX_BATCH_ATTEMPTS;
use eclvm_kernel::receipt::Receipt;
use eclvm_kernel::request::Clock;
use eclvm_kernel::value::ValueRef;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// A batch that is true.
#[derive(Clone, Debug)]
pub struct StateBatch {
    /// Receipts in index order. All of them name the version that the batch began on.
    pub receipts: Vec<Receipt>,
    /// The version that holds what it wrote; the one that it read where it wrote nothing.
    pub version: u64,
    /// How often it was decided, the last time included.
    pub attempts: u32,
    /// Where it ended early. What came before has been committed.
    pub cut: Option<Cut>,
    /// Counts of the last attempt.
    pub summary: Summary,
}

/// Why a batch came to nothing. The state is as if it had never been; what it drew on its budget is spent.
#[derive(Debug)]
pub enum StateBatchError {
    /// It could not start.
    Pool(PoolError),
    /// Somebody else was first, each of [`MAX_BATCH_ATTEMPTS`] times. The keys are those of the last time.
    Conflict(Vec<StateKey>),
    /// What it wrote is more than one transaction may hold, or does not fit the world.
    Change(ChangeError),
    /// A sink of the state wanted it decided, or version numbers have run out.
    Invalid,
    /// The journal of the state failed, now or before: it is not acknowledged and nobody sees it. Whether it is stored shows
    /// when the store is opened again.
    NotDurable(JournalError),
}

impl fmt::Display for StateBatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StateBatchError::Pool(error) => error.fmt(f),
            StateBatchError::Conflict(keys) => {
                write!(f, "others were first, {MAX_BATCH_ATTEMPTS} times")?;
                keys.first().map_or(Ok(()), |key| write!(f, ": {key}"))
            }
            StateBatchError::Change(ChangeError::Apply(error)) => error.fmt(f),
            StateBatchError::Change(ChangeError::TooLarge) => {
                f.write_str("the batch writes more than one transaction may hold")
            }
            StateBatchError::Invalid => f.write_str("the state takes no commit here"),
            StateBatchError::NotDurable(error) => error.fmt(f),
        }
    }
}
impl std::error::Error for StateBatchError {}

/// Decides requests on the current version of a state, in place of the host of `options`, and commits what the allowed
/// ones wrote as one version. A batch that is decided again draws on its budget again; its time goes on.
///
/// # Errors
///
/// See [`StateBatchError`].
pub fn run_on_state<R: Requests + ?Sized>(
    policy: &Policy,
    state: &UnifiedState,
    requests: &R,
    options: &BatchOptions<'_>,
) -> Result<StateBatch, StateBatchError> {
    run_on_state_observed(policy, state, requests, options, None)
}

/// As [`run_on_state`]; once all of it is true, an observer is told of each run, once and in index order, whatever its outcome
/// and however often it was decided. Of a batch that came to nothing it hears nothing.
///
/// # Errors
///
/// See [`StateBatchError`].
pub fn run_on_state_observed<R: Requests + ?Sized>(
    policy: &Policy,
    state: &UnifiedState,
    requests: &R,
    options: &BatchOptions<'_>,
    observation: Option<&Observation>,
) -> Result<StateBatch, StateBatchError> {
    let first = BatchOptions { host: None, ..options.clone() };
    let mut frame = Batch::new(policy, first).map_err(StateBatchError::Pool)?;
    let mut keys = Vec::new();
    for attempts in 1..=MAX_BATCH_ATTEMPTS {
        let started_ns = frame.clock.now_ns();
        let view = state.view();
        let mut transaction = Transaction::new(view.world().clone());
        let done = if attempts == 1 {
            transaction.note_key(StateKey::Everything);
            attempt(&mut frame, requests, &StateHost::from(view))
        } else {
            let host = TrackedHost::new(view.world().clone(), view.version());
            let done = attempt(&mut frame, requests, &host);
            transaction.note(host.into_reads());
            done
        };
        let (mut receipts, cut, summary) = done;
        write(&mut transaction, requests, &receipts).map_err(StateBatchError::Change)?;
        let busy_ns = frame.clock.now_ns().saturating_sub(started_ns);
        let telling = observation.map(|observation| Telling { observation, requests, busy_ns });
        let mut held = telling.as_ref().map_or_else(Vec::new, |telling| held(telling, state, &receipts));
        let holds = !held.is_empty();
        match state.commit_held(&transaction, &mut held) {
            CommitResult::Success { version, .. } => {
                let began = transaction.base().version();
                for receipt in receipts.iter_mut().filter(|receipt| receipt.version != 0) {
                    receipt.version = began;
                }
                if let Some(telling) = telling {
                    telling.tell(&receipts, holds);
                }
                return Ok(StateBatch { receipts, version, attempts, cut, summary });
            }
            CommitResult::Conflict { keys: overtaken } => keys = overtaken,
            CommitResult::NotDurable(error) => return Err(StateBatchError::NotDurable(error)),
            CommitResult::AlreadyCommitted | CommitResult::BudgetExhausted(_) | CommitResult::Invalid => {
                return Err(StateBatchError::Invalid);
            }
        }
    }
    Err(StateBatchError::Conflict(keys))
}

/// The events of runs that a durable state keeps in the same write as what they wrote; none where the batch writes nothing.
fn held<R: Requests + ?Sized>(
    telling: &Telling<'_, R>,
    state: &UnifiedState,
    receipts: &[Receipt],
) -> Vec<HeldRun> {
    let log = &*state.event_log;
    let writes = receipts.iter().any(|receipt| !receipt.effects().is_empty());
    if !writes || receipts.len() > MAX_HELD_RUNS || !log.is_fed() || !telling.observation.observer.feeds(log)
    {
        return Vec::new();
    }
    let mut after = 0;
    let runs = telling.runs(receipts).zip(receipts);
    runs.map(|(run, receipt)| {
        after += receipt.effects().len();
        HeldRun { after, event: run.event() }
    })
    .collect()
}

/// Decides all of it on this host, with the threads and the clock of `frame`.
fn attempt<R: Requests + ?Sized>(
    frame: &mut Batch<'_>,
    requests: &R,
    host: &dyn HostInterface,
) -> (Vec<Receipt>, Option<Cut>, Summary) {
    let options = BatchOptions { host: Some(host), ..frame.options.clone() };
    let mut batch = Batch::with_pool(&frame.policy, options, frame.pool.take());
    batch.clock = frame.clock;
    batch.deadline_ns = frame.deadline_ns;
    let (receipts, cut) = match batch.run(requests) {
        Ok(receipts) => (receipts, None),
        Err((receipts, cut)) => (receipts, Some(cut)),
    };
    frame.pool = batch.pool.take();
    (receipts, cut, batch.summary)
}

/// Takes what allowed requests wrote into the transaction, in index order.
fn write<R: Requests + ?Sized>(
    transaction: &mut Transaction,
    requests: &R,
    receipts: &[Receipt],
) -> Result<(), ChangeError> {
    let mut bump = Bump::new();
    let mut realm: Arc<str> = Arc::from("");
    let mut of_request = |index: usize| {
        bump.reset();
        let asked = catch_unwind(AssertUnwindSafe(|| match requests.request(index, &bump) {
            Ok(request) => match request.realm {
                ValueRef::Text(id) if *id == *realm => realm.clone(),
                ValueRef::Text(id) => Arc::from(id),
                _ => Arc::from(""),
            },
            Err(_) => Arc::from(""),
        }));
        realm = asked.unwrap_or_else(|_| Arc::from(""));
        realm.clone()
    };
    let wrote = receipts.iter().enumerate().filter(|(_, receipt)| !receipt.effects().is_empty());
    transaction.push_all(wrote.flat_map(|(index, receipt)| {
        let realm = of_request(index);
        receipt.effects().iter().map(move |effect| event_of(&realm, effect))
    }))
}
