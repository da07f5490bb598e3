//! One realm's writes, paid from a budget.
//!
//! Each write is checked first, then charged, then taken into the transaction; reads see it from then on, everybody else
//! after the commit. A handle can be cloned: clones are the same transaction, which ends once, by whoever commits it or
//! rolls it back first. Gas that was charged stays charged, whatever comes of the transaction.

use super::apply::ApplyError;
use super::event::{StateEvent, TrustReason};
use super::key::StateKey;
use super::realm::Tally;
use super::transaction::{ChangeError, Transaction, event_of};
use super::unified::{CommitResult, StateView, UnifiedState, lock};
use crate::kernel::budget::Budget;
use crate::kernel::effects::{Effect, StoreValue};
use crate::kernel::fault::Exhaustion;
use crate::kernel::gas::{GasUnits, Prices};
use crate::kernel::limits::{MAX_ARRAY_ELEMENTS, MAX_RUN_BYTES, MAX_TEXT_BYTES};
use crate::kernel::ops::trust::shift;
use crate::kernel::value::{Did, TrustVector, Value};
use std::fmt;
use std::sync::{Arc, Mutex};

/// Storage gas of `update_trust` (gas.md, section 2), and of `transfer`, which no policy has and no schedule lists.
pub const TRUST_GAS: u64 = 50;
/// Storage gas of `cast_vote`.
pub const VOTE_GAS: u64 = 100;
/// Storage gas of `submit_proposal`.
pub const PROPOSAL_GAS: u64 = 200;
/// Mana of `submit_proposal`.
pub const PROPOSAL_MANA: u64 = 10;

/// Why a write was refused. Nothing of it has happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum WriteError {
    /// The transaction is committed or rolled back. Nothing was charged.
    Closed,
    /// An argument is not a number, or out of its range; or a name is no DID. Nothing was charged.
    OutOfRange,
    /// The write is to another realm than the handle's. Nothing was charged.
    RealmAccessDenied(Box<str>),
    /// The handle's realm does not exist. Nothing was charged.
    UnknownRealm(Box<str>),
    /// The handle has no caller to vote or propose. Nothing was charged.
    NoCaller,
    /// A text, a payload or the transaction as a whole is too large. Nothing was charged.
    TooLarge,
    /// The budget could not pay.
    Exhausted(Exhaustion),
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WriteError::Closed => f.write_str("the transaction has ended"),
            WriteError::OutOfRange => f.write_str("an argument is out of range"),
            WriteError::RealmAccessDenied(id) => write!(f, "realm `{id}` is not this handle's"),
            WriteError::UnknownRealm(id) => write!(f, "no realm `{id}`"),
            WriteError::NoCaller => f.write_str("nobody is calling"),
            WriteError::TooLarge => f.write_str("too large"),
            WriteError::Exhausted(reason) => write!(f, "exhausted: {reason}"),
        }
    }
}
impl std::error::Error for WriteError {}

/// One realm's reads and writes. Cheap to clone; clones share the transaction.
#[derive(Clone)]
pub struct StateHandle(Arc<Shared>);

struct Shared {
    state: Arc<UnifiedState>,
    realm: Arc<str>,
    caller: Option<Arc<str>>,
    budget: Arc<Budget>,
    prices: Prices,
    open: Mutex<Open>,
}

struct Open {
    phase: Phase,
    transaction: Transaction,
    gas: GasUnits,
    mana: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    Committed,
    Ended,
}

impl StateHandle {
    /// A handle on `view`, a version of `state`, at prices of 1.
    pub fn new(
        state: Arc<UnifiedState>,
        view: StateView,
        realm: &str,
        caller: Option<&str>,
        budget: Arc<Budget>,
    ) -> StateHandle {
        StateHandle::with_prices(state, view, realm, caller, budget, Prices::default())
    }
    /// As [`StateHandle::new`], at these prices, which stay for as long as the handle is.
    pub fn with_prices(
        state: Arc<UnifiedState>,
        view: StateView,
        realm: &str,
        caller: Option<&str>,
        budget: Arc<Budget>,
        prices: Prices,
    ) -> StateHandle {
        let transaction = Transaction::new(view.world().clone());
        let open = Open { phase: Phase::Open, transaction, gas: GasUnits::ZERO, mana: 0 };
        let caller = caller.map(Arc::from);
        StateHandle(Arc::new(Shared {
            state,
            realm: realm.into(),
            caller,
            budget,
            prices,
            open: Mutex::new(open),
        }))
    }
    /// Its realm.
    pub fn realm(&self) -> &str {
        &self.0.realm
    }
    /// Who is calling.
    pub fn caller(&self) -> Option<&str> {
        self.0.caller.as_deref()
    }
    /// What pays.
    pub fn budget(&self) -> &Arc<Budget> {
        &self.0.budget
    }
    /// Gas units and mana that its own writes were charged. Those of runs stand in their receipts.
    pub fn charged(&self) -> (GasUnits, u64) {
        let open = lock(&self.0.open);
        (open.gas, open.mana)
    }
    /// Whether it can still be written and committed.
    pub fn is_open(&self) -> bool {
        lock(&self.0.open).phase == Phase::Open
    }

    // Reads: the version it began on, with its own writes.

    /// The trust vector of a DID; None where it is unknown.
    pub fn trust(&self, did: &str) -> Option<TrustVector> {
        self.read(|t| t.trust(did))
    }
    /// The balance of a DID; None where it is unknown.
    pub fn balance(&self, did: &str) -> Option<i128> {
        self.read(|t| t.balance(did))
    }
    /// Whether an identity holds a credential.
    pub fn has_credential(&self, did: &str, schema: &str) -> bool {
        self.read(|t| t.has_credential(did, schema))
    }
    /// The mean of all trust.
    pub fn mean_trust(&self) -> Option<f64> {
        self.read(Transaction::mean_trust)
    }
    /// Whether a DID is a member of the realm.
    pub fn is_member(&self, did: &str) -> Result<bool, WriteError> {
        self.of_realm(|t| t.is_member(&self.0.realm, did))
    }
    /// How many members the realm has.
    pub fn member_count(&self) -> Result<u64, WriteError> {
        self.of_realm(|t| t.member_count(&self.0.realm))
    }
    /// The value under a key of the realm's store.
    pub fn store_get(&self, key: &str) -> Result<Option<StoreValue>, WriteError> {
        self.of_realm(|t| t.store_get(&self.0.realm, key))
    }
    /// The realm's whole store, in ascending order of the keys.
    pub fn store_scan(&self) -> Result<Vec<(Box<str>, StoreValue)>, WriteError> {
        self.of_realm(|t| t.store_scan(&self.0.realm))
    }
    /// The votes on a proposal of the realm.
    pub fn tally(&self, proposal: &str) -> Result<Tally, WriteError> {
        self.of_realm(|t| t.tally(&self.0.realm, proposal))
    }
    fn read<T>(&self, read: impl FnOnce(&mut Transaction) -> T) -> T {
        read(&mut lock(&self.0.open).transaction)
    }
    fn of_realm<T>(&self, read: impl FnOnce(&mut Transaction) -> Option<T>) -> Result<T, WriteError> {
        self.read(read).ok_or_else(|| WriteError::UnknownRealm(self.realm().into()))
    }

    // Writes.

    /// Adds `delta` (-0.5 to 0.5) to every component of a DID's trust, clamped to [0, 1]. 50 gas. False for an unknown
    /// DID.
    pub fn update_trust(&self, did: &str, delta: f64) -> Result<bool, WriteError> {
        shift(&TrustVector::NEWCOMER, delta).map_err(|_| WriteError::OutOfRange)?;
        fits(did)?;
        self.write(TRUST_GAS, 0, |t| {
            let Some(new) = t.trust(did).and_then(|trust| shift(&trust, delta).ok()) else {
                return Ok(false);
            };
            t.push(StateEvent::TrustUpdate {
                did: did.into(),
                delta,
                new,
                reason: TrustReason::EclPolicy,
                realm_id: Some(self.0.realm.clone()),
            })?;
            Ok(true)
        })
    }
    /// Puts a value into the realm's store. 10 + ceil(bytes of key and value / 64) gas, 1 + ceil(bytes of value / 1 024)
    /// mana. Numbers must be finite.
    pub fn store_put(&self, key: &str, value: impl Into<StoreValue>) -> Result<(), WriteError> {
        self.store_put_in(self.realm(), key, value)
    }
    /// As [`StateHandle::store_put`], naming the realm, which must be the handle's.
    pub fn store_put_in(
        &self,
        realm: &str,
        key: &str,
        value: impl Into<StoreValue>,
    ) -> Result<(), WriteError> {
        self.own(realm)?;
        let value = value.into();
        let bytes = match &value {
            StoreValue::Text(text) => {
                fits(text)?;
                text.len() as u64
            }
            StoreValue::Number(x) if !x.is_finite() => return Err(WriteError::OutOfRange),
            StoreValue::Number(_) => 8,
            StoreValue::Bool(_) => 1,
        };
        fits(key)?;
        self.known()?;
        let gas = 10 + (key.len() as u64 + bytes).div_ceil(64);
        self.write(gas, 1 + bytes.div_ceil(1024), |t| {
            t.push(StateEvent::StoreWritten {
                realm_id: self.0.realm.clone(),
                key: key.into(),
                value: Some(value),
            })
        })
    }
    /// Deletes a key of the realm's store. 10 gas. Whether it was there.
    pub fn store_delete(&self, key: &str) -> Result<bool, WriteError> {
        self.store_delete_in(self.realm(), key)
    }
    /// As [`StateHandle::store_delete`], naming the realm, which must be the handle's.
    pub fn store_delete_in(&self, realm: &str, key: &str) -> Result<bool, WriteError> {
        self.own(realm)?;
        fits(key)?;
        self.known()?;
        self.write(10, 0, |t| {
            let there = t.store_get(&self.0.realm, key).flatten().is_some();
            let realm_id = self.0.realm.clone();
            t.push(StateEvent::StoreWritten { realm_id, key: key.into(), value: None })?;
            Ok(there)
        })
    }
    /// The caller's vote on a proposal of the realm, in place of an earlier one. 100 gas.
    pub fn cast_vote(&self, proposal: &str, yes: bool) -> Result<(), WriteError> {
        self.cast_vote_in(self.realm(), proposal, yes)
    }
    /// As [`StateHandle::cast_vote`], naming the realm, which must be the handle's.
    pub fn cast_vote_in(&self, realm: &str, proposal: &str, yes: bool) -> Result<(), WriteError> {
        self.own(realm)?;
        fits(proposal)?;
        let voter = self.known_caller()?;
        self.write(VOTE_GAS, 0, |t| {
            t.push(StateEvent::VoteCast {
                realm_id: self.0.realm.clone(),
                proposal: proposal.into(),
                voter,
                yes,
            })
        })
    }
    /// Submits a proposal to the realm. 200 gas, 10 mana. False where there is one of that id.
    pub fn submit_proposal(&self, proposal: &str, text: &str) -> Result<bool, WriteError> {
        fits(proposal)?;
        fits(text)?;
        let proposer = self.known_caller()?;
        self.write(PROPOSAL_GAS, PROPOSAL_MANA, |t| {
            t.note_key(StateKey::Proposal(self.0.realm.clone(), proposal.into()));
            match t.push(StateEvent::ProposalCreated {
                realm_id: self.0.realm.clone(),
                proposal: proposal.into(),
                proposer,
                text: text.into(),
            }) {
                Err(ChangeError::Apply(ApplyError::Exists(_))) => Ok(false),
                other => other.map(|()| true),
            }
        })
    }
    /// Emits an event in the realm. 2 + ceil(bytes of name and payload / 64) gas, 1 + ceil(bytes of payload / 1 024)
    /// mana.
    pub fn emit_event(&self, name: &str, payload: Value) -> Result<(), WriteError> {
        fits(name)?;
        if payload.elements() > MAX_ARRAY_ELEMENTS as u64 || payload.bytes() > MAX_RUN_BYTES {
            return Err(WriteError::TooLarge);
        }
        let bytes = payload.bytes();
        self.write(2 + (name.len() as u64 + bytes).div_ceil(64), 1 + bytes.div_ceil(1024), |t| {
            t.push(StateEvent::UserEvent { realm_id: self.0.realm.clone(), name: name.into(), payload })
        })
    }
    /// Moves `amount`, above 0, from one balance to another. 50 gas. False, and nothing moved, where one of them is
    /// unknown, or where the balance does not reach.
    pub fn transfer(&self, from: &str, to: &str, amount: i128) -> Result<bool, WriteError> {
        if amount <= 0 {
            return Err(WriteError::OutOfRange);
        }
        fits(from)?;
        fits(to)?;
        self.write(TRUST_GAS, 0, |t| {
            // Read also where nothing comes of it: that, too, was decided by these balances.
            t.balance(from);
            t.balance(to);
            match t.push(StateEvent::Transferred { from: from.into(), to: to.into(), amount }) {
                Err(ChangeError::Apply(_)) => Ok(false),
                other => other.map(|()| true),
            }
        })
    }
    /// Takes in the effects of an allowed run, all or none. The run has paid for them.
    pub fn apply_effects(&self, effects: &[Effect]) -> Result<(), WriteError> {
        self.enter(|t| self.take_effects(t, effects))?
    }
    /// As [`StateHandle::apply_effects`], within [`StateHandle::enter`].
    pub(crate) fn take_effects(&self, t: &mut Transaction, effects: &[Effect]) -> Result<(), WriteError> {
        for effect in effects {
            match effect {
                Effect::StorePut { realm, .. }
                | Effect::StoreDelete { realm, .. }
                | Effect::Vote { realm, .. } => self.own(realm)?,
                Effect::TrustUpdate { .. } | Effect::Emit { .. } => {}
            }
        }
        let events = effects.iter().map(|effect| event_of(&self.0.realm, effect));
        t.push_all(events).map_err(|error| self.refusal(error))
    }

    /// Lets `work` at the transaction, to the exclusion of all clones.
    pub(crate) fn enter<T>(&self, work: impl FnOnce(&mut Transaction) -> T) -> Result<T, WriteError> {
        let mut open = lock(&self.0.open);
        match open.phase {
            Phase::Open => Ok(work(&mut open.transaction)),
            Phase::Committed | Phase::Ended => Err(WriteError::Closed),
        }
    }
    fn write<T>(
        &self,
        storage: u64,
        mana: u64,
        work: impl FnOnce(&mut Transaction) -> Result<T, ChangeError>,
    ) -> Result<T, WriteError> {
        let mut open = lock(&self.0.open);
        if open.phase != Phase::Open {
            return Err(WriteError::Closed);
        }
        let units = GasUnits { storage, ..GasUnits::ZERO };
        self.0.budget.consume(self.0.prices.cost(&units), mana).map_err(WriteError::Exhausted)?;
        open.gas = open.gas.plus(units);
        open.mana = open.mana.saturating_add(mana);
        work(&mut open.transaction).map_err(|error| self.refusal(error))
    }
    fn refusal(&self, error: ChangeError) -> WriteError {
        match error {
            ChangeError::Apply(ApplyError::UnknownRealm(id)) => WriteError::UnknownRealm(id.as_ref().into()),
            ChangeError::Apply(_) => WriteError::OutOfRange,
            ChangeError::TooLarge => WriteError::TooLarge,
        }
    }
    fn own(&self, realm: &str) -> Result<(), WriteError> {
        if realm == self.realm() { Ok(()) } else { Err(WriteError::RealmAccessDenied(realm.into())) }
    }
    fn known(&self) -> Result<(), WriteError> {
        let known = self.read(|t| t.draft().realm(&self.0.realm).is_some());
        if known { Ok(()) } else { Err(WriteError::UnknownRealm(self.realm().into())) }
    }
    fn known_caller(&self) -> Result<Arc<str>, WriteError> {
        self.known()?;
        let caller = self.0.caller.as_ref().ok_or(WriteError::NoCaller)?;
        if Did::new(caller).is_none() {
            return Err(WriteError::OutOfRange);
        }
        Ok(caller.clone())
    }

    /// Makes it true. Only the first commit of all clones can be a Success; then the others are AlreadyCommitted. After a
    /// Conflict, an exhausted budget or a rollback the transaction has ended, and a later commit is Invalid.
    pub fn commit(self) -> CommitResult {
        self.finish()
    }
    pub(super) fn finish(&self) -> CommitResult {
        let mut open = lock(&self.0.open);
        match open.phase {
            Phase::Committed => return CommitResult::AlreadyCommitted,
            Phase::Ended => return CommitResult::Invalid,
            Phase::Open => {}
        }
        let result = match self.0.budget.exhausted() {
            Some(reason) => CommitResult::BudgetExhausted(reason),
            None => {
                // Ended first, should the sink panic: what it was told of is true all the same.
                open.phase = Phase::Committed;
                self.0.state.commit(&open.transaction)
            }
        };
        open.phase = if result.is_success() { Phase::Committed } else { Phase::Ended };
        result
    }
    /// Discards everything. What was charged stays charged; nothing else is left of it.
    pub fn rollback(self) {
        self.discard();
    }
    pub(super) fn discard(&self) {
        let mut open = lock(&self.0.open);
        if open.phase == Phase::Open {
            open.phase = Phase::Ended;
            let base = open.transaction.base().clone();
            open.transaction = Transaction::new(base);
        }
    }
}

impl fmt::Debug for StateHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StateHandle")
            .field("realm", &self.realm())
            .field("caller", &self.caller())
            .field("open", &self.is_open())
            .finish_non_exhaustive()
    }
}

fn fits(text: &str) -> Result<(), WriteError> {
    if text.len() > MAX_TEXT_BYTES { Err(WriteError::TooLarge) } else { Ok(()) }
}
