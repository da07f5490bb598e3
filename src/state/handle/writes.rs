//! What a handle writes: checked, then charged, then taken in.

use super::{StateHandle, WriteError};
use crate::event::{StateEvent, TrustReason};
use crate::kernel::effects::{Effect, StoreValue};
use crate::kernel::limits::{MAX_ARRAY_ELEMENTS, MAX_RUN_BYTES, MAX_TEXT_BYTES};
use crate::kernel::ops::trust::shift;
use crate::kernel::value::{Did, TrustVector, Value};
use crate::state::apply::ApplyError;
use crate::state::key::StateKey;
use crate::state::transaction::{ChangeError, Transaction, event_of};
use std::sync::Arc;

/// Storage gas of `update_trust` (gas.md, section 2), and of `transfer`, which no policy has and no schedule lists.
pub const TRUST_GAS: u64 = 50;
/// Storage gas of `cast_vote`.
pub const VOTE_GAS: u64 = 100;
/// Storage gas of `submit_proposal`.
pub const PROPOSAL_GAS: u64 = 200;
/// Mana of `submit_proposal`.
pub const PROPOSAL_MANA: u64 = 10;

impl StateHandle {
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
}

fn fits(text: &str) -> Result<(), WriteError> {
    if text.len() > MAX_TEXT_BYTES { Err(WriteError::TooLarge) } else { Ok(()) }
}
