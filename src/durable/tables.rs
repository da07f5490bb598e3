//! Tables of a store, and what an event changes in them.
//!
//! Rows follow from events. What an event does not say in full (a balance after a transfer, who waited for a realm) is
//! taken from the last world of the group, which is what the tables must hold in the end.

use super::codec::{Reader, RealmFacts, Writer};
use super::error::StoreError;
use super::events::facts;
use crate::state::{
    IdentityRecord, JournalEntry, Realm, RealmChange, RealmRecord, RecordedPolicy, StateEvent, World,
};
use redb::{ReadTransaction, ReadableTable, Table, TableDefinition, WriteTransaction};
use std::collections::BTreeMap;
use std::sync::Arc;

type Pair = (&'static str, &'static str);
type Bytes = &'static [u8];

/// The format that this program writes and reads.
pub(super) const FORMAT: u64 = 3;

pub(super) const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
const IDENTITIES: TableDefinition<'_, &str, Bytes> = TableDefinition::new("identities");
const TRUST: TableDefinition<'_, &str, Bytes> = TableDefinition::new("trust");
const BALANCES: TableDefinition<'_, &str, i128> = TableDefinition::new("balances");
/// By DID and schema.
const CREDENTIALS: TableDefinition<'_, Pair, ()> = TableDefinition::new("credentials");
/// By DID and realm: the realms that an identity names, there or not.
const MEMBERSHIPS: TableDefinition<'_, Pair, ()> = TableDefinition::new("memberships");
const REALMS: TableDefinition<'_, &str, Bytes> = TableDefinition::new("realms");
/// By realm and DID.
const MEMBERS: TableDefinition<'_, Pair, ()> = TableDefinition::new("members");
/// By realm and key.
const STORES: TableDefinition<'_, Pair, Bytes> = TableDefinition::new("stores");
/// By realm and id.
const PROPOSALS: TableDefinition<'_, Pair, Bytes> = TableDefinition::new("proposals");
/// By realm, proposal and voter.
const VOTES: TableDefinition<'_, (&str, &str, &str), bool> = TableDefinition::new("votes");
/// By sequence number, without gaps: the version and the event. It begins at 0, or where it was pruned.
pub(super) const LOG: TableDefinition<'_, u64, Bytes> = TableDefinition::new("log");
/// By the number of a run's event: what decides the run again, where that was recorded.
pub(super) const RUNS: TableDefinition<'_, u64, Bytes> = TableDefinition::new("runs");
/// By SHA-256: bytecode of the policies of these runs.
pub(super) const PROGRAMS: TableDefinition<'_, Bytes, Bytes> = TableDefinition::new("programs");
/// Events that make the world as it was where the log begins, in order; none where that is at 0.
pub(super) const CHECKPOINT: TableDefinition<'_, u64, Bytes> = TableDefinition::new("checkpoint");
/// Counters of runs and other events as they were where the log begins: one row, or none where that is at 0. Counters go by
/// their places in `telemetry/counters.rs`: whoever moves these makes a new format.
pub(super) const COUNTERS: TableDefinition<'_, u64, Bytes> = TableDefinition::new("counters");

const META_FORMAT: &str = "format";
const META_VERSION: &str = "version";
/// The version of the checkpoint's world; 1 where there is none.
pub(super) const META_CHECKPOINT: &str = "checkpoint";
/// The number of the log's first event; that of the next where it has none.
pub(super) const META_FIRST: &str = "first";

/// The tables that commits write.
struct Tables<'t> {
    identities: Table<'t, &'static str, Bytes>,
    trust: Table<'t, &'static str, Bytes>,
    balances: Table<'t, &'static str, i128>,
    credentials: Table<'t, Pair, ()>,
    memberships: Table<'t, Pair, ()>,
    realms: Table<'t, &'static str, Bytes>,
    members: Table<'t, Pair, ()>,
    stores: Table<'t, Pair, Bytes>,
    proposals: Table<'t, Pair, Bytes>,
    votes: Table<'t, (&'static str, &'static str, &'static str), bool>,
}

impl<'t> Tables<'t> {
    fn open(transaction: &'t WriteTransaction) -> Result<Tables<'t>, StoreError> {
        Ok(Tables {
            identities: transaction.open_table(IDENTITIES)?,
            trust: transaction.open_table(TRUST)?,
            balances: transaction.open_table(BALANCES)?,
            credentials: transaction.open_table(CREDENTIALS)?,
            memberships: transaction.open_table(MEMBERSHIPS)?,
            realms: transaction.open_table(REALMS)?,
            members: transaction.open_table(MEMBERS)?,
            stores: transaction.open_table(STORES)?,
            proposals: transaction.open_table(PROPOSALS)?,
            votes: transaction.open_table(VOTES)?,
        })
    }

    /// The rows that an event changes; `last` is the world that the tables are to hold in the end.
    fn write(&mut self, event: &StateEvent, last: &World) -> Result<(), StoreError> {
        match event {
            StateEvent::TrustUpdate { did, new, .. } => {
                self.trust.insert(&**did, bytes(|w| w.trust(new)).as_slice())?;
            }
            StateEvent::Transferred { from, to, .. } => {
                for did in [from, to] {
                    self.balances.insert(&**did, last.balance(did).unwrap_or(0))?;
                }
            }
            StateEvent::CredentialChanged { did, schema, holds } => {
                set(&mut self.credentials, (did, schema), *holds)?;
            }
            StateEvent::IdentityCreated(record) => self.identity(record, last)?,
            StateEvent::RealmCreated(record) => {
                self.realm(&record.id, &facts(record))?;
                for (key, value) in &record.store {
                    self.stores.insert((&*record.id, &**key), bytes(|w| w.stored(value)).as_slice())?;
                }
                // With those who waited for it.
                for did in last.realm(&record.id).map(Realm::members).unwrap_or_default() {
                    set(&mut self.members, (&record.id, did), true)?;
                }
            }
            StateEvent::RealmChanged { realm_id, change: RealmChange::Member { did, member } } => {
                set(&mut self.members, (realm_id, did), *member)?;
                if last.knows(did) {
                    set(&mut self.memberships, (did, realm_id), *member)?;
                }
            }
            StateEvent::RealmChanged { realm_id, .. } => {
                if let Some(realm) = last.realm(realm_id) {
                    self.realm(realm_id, &facts_of(realm))?;
                }
            }
            StateEvent::StoreWritten { realm_id, key, value } => {
                let at = (&**realm_id, &**key);
                match value {
                    Some(value) => drop(self.stores.insert(at, bytes(|w| w.stored(value)).as_slice())?),
                    None => drop(self.stores.remove(at)?),
                }
            }
            StateEvent::ProposalCreated { realm_id, proposal, proposer, text } => {
                let row = bytes(|w| {
                    w.text(proposer);
                    w.text(text);
                });
                self.proposals.insert((&**realm_id, &**proposal), row.as_slice())?;
            }
            StateEvent::VoteCast { realm_id, proposal, voter, yes } => {
                self.votes.insert((&**realm_id, &**proposal, &**voter), yes)?;
            }
            StateEvent::PolicyEvaluated { .. }
            | StateEvent::ExecutionStarted { .. }
            | StateEvent::ExecutionCompleted { .. }
            | StateEvent::CrossingEvaluated { .. }
            | StateEvent::BlueprintAction { .. }
            | StateEvent::SagaProgress { .. }
            | StateEvent::UserEvent { .. } => {}
        }
        Ok(())
    }

    fn identity(&mut self, record: &IdentityRecord, last: &World) -> Result<(), StoreError> {
        let did = &*record.did;
        let row = bytes(|w| {
            w.maybe_text(record.display_name.as_deref());
            w.u64(record.created_at);
        });
        self.identities.insert(did, row.as_slice())?;
        self.trust.insert(did, bytes(|w| w.trust(&record.trust)).as_slice())?;
        self.balances.insert(did, last.balance(did).unwrap_or(record.balance))?;
        for schema in &record.credentials {
            set(&mut self.credentials, (did, schema), true)?;
        }
        for realm in &record.realms {
            set(&mut self.memberships, (did, realm), true)?;
            if last.realm(realm).is_some_and(|realm| realm.is_member(did)) {
                set(&mut self.members, (realm, did), true)?;
            }
        }
        Ok(())
    }

    fn realm(&mut self, id: &str, facts: &RealmFacts<'_>) -> Result<(), StoreError> {
        self.realms.insert(id, bytes(|w| w.realm_facts(facts)).as_slice())?;
        Ok(())
    }
}

pub(super) fn bytes(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::default();
    write(&mut writer);
    writer.0
}

fn set(table: &mut Table<'_, Pair, ()>, key: (&str, &str), there: bool) -> Result<(), StoreError> {
    if there {
        table.insert(key, ())?;
    } else {
        table.remove(key)?;
    }
    Ok(())
}

fn facts_of(realm: &Realm) -> RealmFacts<'_> {
    RealmFacts {
        name: realm.name.as_deref(),
        owner: realm.owner.as_deref(),
        trust_threshold: realm.trust_threshold,
        quarantined: realm.quarantined,
        policies: &realm.policies,
        quota: realm.quota,
        created_at: realm.created_at,
    }
}

/// Makes the tables of an empty store.
pub(super) fn create(transaction: &WriteTransaction) -> Result<(), StoreError> {
    let mut meta = transaction.open_table(META)?;
    meta.insert(META_FORMAT, FORMAT)?;
    meta.insert(META_VERSION, 1)?;
    Tables::open(transaction)?;
    meta.insert(META_FIRST, 0)?;
    meta.insert(META_CHECKPOINT, 1)?;
    transaction.open_table(LOG)?;
    transaction.open_table(RUNS)?;
    transaction.open_table(PROGRAMS)?;
    transaction.open_table(CHECKPOINT)?;
    transaction.open_table(COUNTERS)?;
    Ok(())
}

/// Writes commits, the first of their events under the number `next` of the log. The number that follows the last.
pub(super) fn write(
    transaction: &WriteTransaction,
    commits: &[JournalEntry],
    mut next: u64,
) -> Result<u64, StoreError> {
    let Some(last) = commits.last() else { return Ok(next) };
    let mut tables = Tables::open(transaction)?;
    let mut log = transaction.open_table(LOG)?;
    for commit in commits {
        if !commit.runs.is_empty() {
            write_runs(transaction, commit, next)?;
        }
        let mut told = commit.told.iter().peekable();
        for (at, event) in commit.events.iter().enumerate() {
            // Runs, which change nothing.
            if told.next_if_eq(&&at).is_none() {
                tables.write(event, &last.world)?;
            }
            let row = bytes(|w| {
                w.u64(commit.version);
                w.event(event);
            });
            log.insert(next, row.as_slice())?;
            next = next.saturating_add(1);
        }
    }
    transaction.open_table(META)?.insert(META_VERSION, last.version)?;
    Ok(next)
}

/// Runs of a commit whose first event gets the number `first`, and their policies where they are not there yet.
fn write_runs(transaction: &WriteTransaction, commit: &JournalEntry, first: u64) -> Result<(), StoreError> {
    let mut runs = transaction.open_table(RUNS)?;
    let mut programs = transaction.open_table(PROGRAMS)?;
    let mut last: Option<&Arc<RecordedPolicy>> = None;
    for run in &commit.runs {
        let policy = &run.record.policy;
        if last.is_none_or(|last| !Arc::ptr_eq(last, policy)) {
            if programs.get(policy.hash.as_slice())?.is_none() {
                programs.insert(policy.hash.as_slice(), &*policy.bytecode)?;
            }
            last = Some(policy);
        }
        let row = bytes(|w| w.run(first, commit.base, run.effects as u64, &run.record));
        runs.insert(first.saturating_add(run.event as u64), row.as_slice())?;
    }
    Ok(())
}

/// A number of the table of facts about the store.
pub(super) fn meta(transaction: &ReadTransaction, name: &str) -> Result<u64, StoreError> {
    let meta = transaction.open_table(META)?;
    let number = meta.get(name)?.map(|number| number.value());
    number.ok_or_else(|| damaged("meta", name))
}

pub(super) fn damaged(table: &str, key: &str) -> StoreError {
    StoreError::Damaged(format!("table `{table}`, row `{}`", key.chars().take(80).collect::<String>()))
}

/// The format of a store; None where it has none, and is no store.
pub(super) fn format(transaction: &ReadTransaction) -> Result<Option<u64>, StoreError> {
    match transaction.open_table(META) {
        Ok(meta) => Ok(meta.get(META_FORMAT)?.map(|format| format.value())),
        Err(redb::TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The number of the next event of the log.
pub(super) fn next(transaction: &ReadTransaction) -> Result<u64, StoreError> {
    let log = transaction.open_table(LOG)?;
    match log.last()? {
        Some((number, _)) => Ok(number.value().saturating_add(1)),
        None => meta(transaction, META_FIRST),
    }
}

/// An event of the log with its version.
pub(super) fn logged(number: u64, row: &[u8]) -> Result<(u64, StateEvent), StoreError> {
    Reader::all(row, |r| Some((r.u64()?, r.event()?))).ok_or_else(|| damaged("log", &number.to_string()))
}

/// The world that the tables hold.
pub(super) fn load(transaction: &ReadTransaction) -> Result<World, StoreError> {
    let version = meta(transaction, META_VERSION)?;
    let identities = identities(transaction)?;
    let (realms, events) = realms(transaction)?;
    let world = World::new(identities, realms);
    let world = world.after(&events).map_err(|error| StoreError::Damaged(error.to_string()))?;
    if world.version() > version {
        return Err(damaged("meta", META_VERSION));
    }
    Ok(world.with_version(version))
}

fn identities(transaction: &ReadTransaction) -> Result<Vec<IdentityRecord>, StoreError> {
    let (trust, balances) = (transaction.open_table(TRUST)?, transaction.open_table(BALANCES)?);
    let mut all: BTreeMap<Arc<str>, IdentityRecord> = BTreeMap::new();
    for row in transaction.open_table(IDENTITIES)?.iter()? {
        let (key, row) = row?;
        let did = key.value();
        let read = Reader::all(row.value(), |r| Some((r.maybe_text()?, r.u64()?)));
        let (display_name, created_at) = read.ok_or_else(|| damaged("identities", did))?;
        let trust = trust.get(did)?.and_then(|row| Reader::all(row.value(), |r| r.trust()));
        let trust = trust.filter(|trust| trust.is_valid()).ok_or_else(|| damaged("trust", did))?;
        let balance = balances.get(did)?.ok_or_else(|| damaged("balances", did))?.value();
        let record = IdentityRecord { display_name, created_at, trust, balance, ..IdentityRecord::new(did) };
        all.insert(record.did.clone(), record);
    }
    for row in transaction.open_table(CREDENTIALS)?.iter()? {
        let (key, _) = row?;
        let (did, schema) = key.value();
        all.get_mut(did).ok_or_else(|| damaged("credentials", did))?.credentials.push(schema.into());
    }
    for row in transaction.open_table(MEMBERSHIPS)?.iter()? {
        let (key, _) = row?;
        let (did, realm) = key.value();
        all.get_mut(did).ok_or_else(|| damaged("memberships", did))?.realms.push(realm.into());
    }
    Ok(all.into_values().collect())
}

/// All realms, and their proposals and votes as events.
fn realms(transaction: &ReadTransaction) -> Result<(Vec<RealmRecord>, Vec<StateEvent>), StoreError> {
    let mut all: BTreeMap<Arc<str>, RealmRecord> = BTreeMap::new();
    for row in transaction.open_table(REALMS)?.iter()? {
        let (key, row) = row?;
        let id: Arc<str> = key.value().into();
        let record = Reader::all(row.value(), |r| r.realm_facts(id.clone()));
        all.insert(id.clone(), record.ok_or_else(|| damaged("realms", &id))?);
    }
    for row in transaction.open_table(MEMBERS)?.iter()? {
        let (key, _) = row?;
        let (realm, did) = key.value();
        all.get_mut(realm).ok_or_else(|| damaged("members", realm))?.members.push(did.into());
    }
    for row in transaction.open_table(STORES)?.iter()? {
        let (key, row) = row?;
        let (realm, key) = key.value();
        let value = Reader::all(row.value(), |r| r.stored()).ok_or_else(|| damaged("stores", key))?;
        all.get_mut(realm).ok_or_else(|| damaged("stores", realm))?.store.push((key.into(), value));
    }
    let mut events = Vec::new();
    for row in transaction.open_table(PROPOSALS)?.iter()? {
        let (key, row) = row?;
        let (realm, proposal) = key.value();
        let read = Reader::all(row.value(), |r| Some((r.shared()?, r.shared()?)));
        let (proposer, text) = read.ok_or_else(|| damaged("proposals", proposal))?;
        let (realm_id, proposal) = (realm.into(), proposal.into());
        events.push(StateEvent::ProposalCreated { realm_id, proposal, proposer, text });
    }
    for row in transaction.open_table(VOTES)?.iter()? {
        let (key, yes) = row?;
        let (realm, proposal, voter) = key.value();
        let (realm_id, proposal, voter) = (realm.into(), proposal.into(), voter.into());
        events.push(StateEvent::VoteCast { realm_id, proposal, voter, yes: yes.value() });
    }
    Ok((all.into_values().collect(), events))
}
