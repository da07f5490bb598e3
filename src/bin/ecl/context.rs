//! What runs are given: the world from a state file or a store, the time, inputs from JSON.

use crate::args::{NowArgs, WorldArgs};
use crate::diagnostics::Rejected;
use crate::exit::Failure;
use crate::input::{self, MAX_REQUEST_BYTES, MAX_STATE_FILE_BYTES};
use eclvm::Policy;
use eclvm::durable::{ErynoaHost, StoreError};
use eclvm::host::{StateHost, World};
use eclvm::kernel::receipt::Receipt;
use eclvm::kernel::request::Request;
use eclvm::kernel::value::{Did, ValueRef};
use eclvm::run::PolicyType;
use eclvm::state::{ChangeError, CommitResult, RunRecord, StateEvent, Transaction};
use eclvm::wire::Defaults;
use serde::de::IgnoredAny;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// The host of `--state` or `--db`, if one is given.
pub(crate) fn host(state: Option<&str>, store: Option<&ErynoaHost>) -> Result<Option<StateHost>, Failure> {
    match (store, state) {
        (Some(store), _) => Ok(Some(StateHost::from(store.view().clone()))),
        (None, Some(file)) => Ok(Some(StateHost::new(Arc::new(world(file)?)))),
        (None, None) => Ok(None),
    }
}

/// The store of `--db`, if it is given. Whoever writes may find none, and begins with an empty one.
pub(crate) fn store(directory: Option<&str>, writes: bool) -> Result<Option<ErynoaHost>, Failure> {
    let Some(directory) = directory else { return Ok(None) };
    let opened = if writes { ErynoaHost::open(directory) } else { ErynoaHost::open_existing(directory) };
    opened.map(Some).map_err(|error| no_store(directory, &error))
}

/// What is wrong with a store.
pub(crate) fn no_store(directory: &str, error: &StoreError) -> Failure {
    Failure::failed(format!("`{directory}`: {error}"))
}

/// Makes a transaction durable. Nobody else has the store open, so nothing conflicts.
pub(crate) fn commit(store: &ErynoaHost, transaction: &Transaction) -> Result<u64, Failure> {
    match store.state().commit(transaction) {
        CommitResult::Success { version, .. } => Ok(version),
        CommitResult::NotDurable(error) => Err(Failure::failed(format!("not committed: {error}"))),
        _ => Err(Failure::failed("not committed")),
    }
}

/// Takes a run into a transaction: what it wrote, if it was allowed, how it ended, and what decides it again, if that is to
/// be kept.
pub(crate) fn record(
    transaction: &mut Transaction,
    policy: &Policy,
    request: &Request<'_>,
    receipt: &Receipt,
    duration_us: f64,
    record: Option<RunRecord>,
) -> Result<(), Failure> {
    let realm_id: Option<Arc<str>> = match request.realm {
        ValueRef::Text(id) => Some(id.into()),
        _ => None,
    };
    let event = StateEvent::PolicyEvaluated {
        policy_id: Some(policy.name().into()),
        realm_id: realm_id.clone(),
        passed: receipt.passed(),
        policy_type: PolicyType::default(),
        gas_used: receipt.cost,
        mana_used: receipt.mana,
        duration_us,
        outcome: receipt.outcome,
    };
    let realm = realm_id.unwrap_or_else(|| "".into());
    let taken = transaction.push_run(&realm, receipt.effects(), event, record);
    taken.map_err(|error| too_much(&error))
}

/// Why a change does not go into a store.
pub(crate) fn too_much(error: &ChangeError) -> Failure {
    Failure::failed(match error {
        ChangeError::TooLarge => "this is more than one commit can hold".to_owned(),
        ChangeError::Apply(error) => error.to_string(),
    })
}

/// The world of a state file.
pub(crate) fn world(file: &str) -> Result<World, Failure> {
    let json = input::read(file, MAX_STATE_FILE_BYTES)?;
    let name = input::display_name(file);
    match World::from_json(&json) {
        Ok(world) => Ok(world),
        // The entry policy's own diagnostics say more than that it does not compile.
        Err(error) => match error.policy {
            Some(rejected) => {
                let (source, diagnostics) = *rejected;
                let name = format!("{name}: {}", error.path);
                Err(Failure::Source(Box::new(Rejected { name, source, diagnostics })))
            }
            None => Err(Failure::invalid(format!("`{name}`: {error}"))),
        },
    }
}

/// `--now`, else the clock's whole seconds.
pub(crate) fn now(args: &NowArgs) -> f64 {
    args.now
        .unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |d| d.as_secs() as f64))
}

/// What `--caller` and `--realm` say.
pub(crate) fn defaults(args: &WorldArgs) -> Defaults<'_> {
    Defaults::new(args.caller.as_deref().and_then(Did::new), args.realm.as_deref())
}

/// The file of `--input @FILE`.
pub(crate) fn input_file(input: Option<&str>) -> Option<&str> {
    input.and_then(|text| text.strip_prefix('@'))
}

/// The JSON object of `--input`; an empty one where it is not given.
pub(crate) fn input_json(input: Option<&str>) -> Result<Vec<u8>, Failure> {
    let json = match (input, input_file(input)) {
        (None, _) => return Ok(b"{}".to_vec()),
        (_, Some(file)) => {
            let bytes = input::read(file, MAX_REQUEST_BYTES)?;
            input::text(file, bytes)?
        }
        (Some(text), None) => text.to_owned(),
    };
    match serde_json::from_str::<IgnoredAny>(&json) {
        Err(error) => Err(Failure::invalid(format!("--input is not JSON: {error}"))),
        Ok(_) if !json.trim_start().starts_with('{') => {
            Err(Failure::invalid("--input is not a JSON object with the inputs' names as keys"))
        }
        Ok(_) => Ok(json.into_bytes()),
    }
}
