//! What happens in a state, as data: what a commit changes, and what runs and crossings report.
//!
//! Changes of the world are events and nothing else: a transaction buffers them, a commit applies them, and a log that
//! holds them rebuilds the world with the same function.

mod json;
mod read;
mod record;

pub(crate) use json::Told;
pub use json::event_json;
pub use record::{IdentityRecord, RealmPolicy, RealmRecord};

use crate::kernel::effects::StoreValue;
use crate::kernel::fault::Outcome;
use crate::kernel::gas::GasUnits;
use crate::kernel::limits::MAX_TYPE_DEPTH;
use crate::kernel::value::{TrustVector, Value};
use crate::policy_type::PolicyType;
use std::sync::Arc;

/// Why a trust vector changed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TrustReason {
    /// A policy, or code that acts for one, called `update_trust`.
    EclPolicy,
    /// The embedder set it.
    Administration,
}

/// What became of a blueprint.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Deserialize)]
pub enum BlueprintStep {
    /// It can be deployed.
    Published,
    /// A realm runs it.
    Deployed,
    /// A realm was made of it.
    Instantiated,
    /// It can no longer be deployed.
    Deprecated,
}

/// Where a saga stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Deserialize)]
pub enum SagaStep {
    /// A step is done.
    Done,
    /// A step failed.
    Failed,
    /// A step was compensated.
    Compensated,
    /// All steps are done.
    Completed,
}

/// One change of a realm by the embedder.
#[derive(Clone, PartialEq, Debug)]
pub enum RealmChange {
    /// Crossings are off, or on again.
    Quarantined(bool),
    /// Its trust threshold; finite.
    TrustThreshold(f64),
    /// All its policies at once. The one named `entry` decides who enters; without one it is the default.
    Policies(Arc<[RealmPolicy]>),
    /// Its quota in raw units of each layer, None for no quota.
    Quota(Option<GasUnits>),
    /// Whether a DID is a member. A DID that leaves is no longer listed by the realm, nor the realm by its identity.
    Member {
        /// Who.
        did: Arc<str>,
        /// Whether from now on.
        member: bool,
    },
}

/// One thing that happened.
#[derive(Clone, PartialEq, Debug)]
pub enum StateEvent {
    /// A policy ran, whatever its outcome.
    PolicyEvaluated {
        /// Which, where it has an id.
        policy_id: Option<Arc<str>>,
        /// In which realm, where there was one.
        realm_id: Option<Arc<str>>,
        /// Whether it was allowed.
        passed: bool,
        /// What the policy is for.
        policy_type: PolicyType,
        /// Its cost, in priced gas.
        gas_used: u64,
        /// Its mana.
        mana_used: u64,
        /// How long it took, in microseconds.
        duration_us: f64,
        /// Allow, deny, fault or exhausted.
        outcome: Outcome,
    },
    /// A run began.
    ExecutionStarted {
        /// Which policy, where it has an id.
        policy_id: Option<Arc<str>>,
        /// In which realm, where there was one.
        realm_id: Option<Arc<str>>,
    },
    /// A run ended.
    ExecutionCompleted {
        /// Which policy, where it has an id.
        policy_id: Option<Arc<str>>,
        /// In which realm, where there was one.
        realm_id: Option<Arc<str>>,
        /// Whether it was allowed.
        passed: bool,
        /// How long it took, in microseconds.
        duration_us: f64,
    },
    /// Somebody wanted to cross from realm to realm.
    CrossingEvaluated {
        /// Who.
        caller: Arc<str>,
        /// From where; None from outside.
        from_realm: Option<Arc<str>>,
        /// To where.
        to_realm: Arc<str>,
        /// Whether they may.
        allowed: bool,
        /// What it cost.
        mana_used: u64,
    },
    /// Something became of a blueprint.
    BlueprintAction {
        /// Its name.
        blueprint: Arc<str>,
        /// Its version.
        version: u64,
        /// What.
        action: BlueprintStep,
        /// In which realm, where it is about one.
        realm_id: Option<Arc<str>>,
    },
    /// A saga moved.
    SagaProgress {
        /// Its id.
        saga: Arc<str>,
        /// The step, counted from 0.
        step: u64,
        /// Where it stands.
        state: SagaStep,
        /// The step's realm.
        realm_id: Option<Arc<str>>,
    },
    /// A trust vector changed.
    TrustUpdate {
        /// Whose.
        did: Arc<str>,
        /// What was added to each component before clamping; 0 where the vector was set.
        delta: f64,
        /// The vector that came of it.
        new: TrustVector,
        /// Why.
        reason: TrustReason,
        /// The realm in which it was asked for.
        realm_id: Option<Arc<str>>,
    },
    /// A vote; a later one of the same voter takes the place of an earlier one.
    VoteCast {
        /// The realm.
        realm_id: Arc<str>,
        /// The proposal, which need not have been submitted.
        proposal: Arc<str>,
        /// Who votes.
        voter: Arc<str>,
        /// For or against.
        yes: bool,
    },
    /// A proposal was submitted.
    ProposalCreated {
        /// The realm.
        realm_id: Arc<str>,
        /// Its id in the realm.
        proposal: Arc<str>,
        /// Who submitted it.
        proposer: Arc<str>,
        /// What it says.
        text: Arc<str>,
    },
    /// A key of a store was written.
    StoreWritten {
        /// The realm whose store it is.
        realm_id: Arc<str>,
        /// The key.
        key: Arc<str>,
        /// The value; None where it was deleted.
        value: Option<StoreValue>,
    },
    /// `emit`
    UserEvent {
        /// The realm in which it was emitted.
        realm_id: Arc<str>,
        /// Its name.
        name: Arc<str>,
        /// Its payload; null where there is none.
        payload: Value,
    },
    /// Balance went from one identity to another.
    Transferred {
        /// Whose balance falls.
        from: Arc<str>,
        /// Whose balance rises.
        to: Arc<str>,
        /// By how much; above 0.
        amount: i128,
    },
    /// A credential was granted or taken back.
    CredentialChanged {
        /// Whose.
        did: Arc<str>,
        /// The name of its schema.
        schema: Arc<str>,
        /// Whether they hold it from now on.
        holds: bool,
    },
    /// An identity came to be.
    IdentityCreated(Arc<IdentityRecord>),
    /// A realm came to be.
    RealmCreated(Arc<RealmRecord>),
    /// The embedder changed a realm.
    RealmChanged {
        /// Which.
        realm_id: Arc<str>,
        /// What.
        change: RealmChange,
    },
}

impl StateEvent {
    /// Whether it changes the world, and so makes a new version of it.
    pub fn changes_world(&self) -> bool {
        match self {
            StateEvent::PolicyEvaluated { .. }
            | StateEvent::ExecutionStarted { .. }
            | StateEvent::ExecutionCompleted { .. }
            | StateEvent::CrossingEvaluated { .. }
            | StateEvent::BlueprintAction { .. }
            | StateEvent::SagaProgress { .. }
            | StateEvent::UserEvent { .. } => false,
            StateEvent::TrustUpdate { .. }
            | StateEvent::VoteCast { .. }
            | StateEvent::ProposalCreated { .. }
            | StateEvent::StoreWritten { .. }
            | StateEvent::Transferred { .. }
            | StateEvent::CredentialChanged { .. }
            | StateEvent::IdentityCreated(_)
            | StateEvent::RealmCreated(_)
            | StateEvent::RealmChanged { .. } => true,
        }
    }
    /// Whether its payload is nested no deeper than types go, [`MAX_TYPE_DEPTH`]: all that policies emit is. A log on disk
    /// keeps nothing deeper.
    pub(crate) fn is_shallow(&self) -> bool {
        fn within(value: &Value, left: u8) -> bool {
            match value {
                Value::Array(items) => {
                    left > 0 && items.iter().all(|item| within(item, left.saturating_sub(1)))
                }
                _ => true,
            }
        }
        match self {
            StateEvent::UserEvent { payload, .. } => within(payload, MAX_TYPE_DEPTH),
            _ => true,
        }
    }
}
