//! What stands between callers and realms: crossings, entry points, blueprints, sagas.
//!
//! - [`ProgrammableGateway`]: may this caller cross from realm to realm? Blocklist, quarantine, rules, mana, and the target
//!   realm's `entry` policy, all of one version of the world.
//! - [`EclEntrypoints`]: policies by route, for API, user interface, data logic, governance and controllers.
//! - [`Blueprints`]: named, versioned bundles of policies and defaults, deployed to realms as a whole.
//! - [`SagaRunner`]: an intent in ordered steps over realms; what was done is compensated where a step fails.
//!
//! Policies of realms live in the world and nowhere else. A replacement is a commit: whoever holds a
//! [`StateView`](crate::state::StateView) sees all of a realm's old policies or all of its new ones, the gateway and
//! `cross_realm` alike, and nothing is compiled while somebody waits for an answer.

mod answer;
mod blueprint;
mod blueprints;
mod commit;
mod entry;
mod entrypoints;
mod policies;
mod rules;
mod saga;
mod validate;

pub use crate::observe::{EclvmObserver, NoObserver};
pub use answer::{Crossing, CrossingAnswer, DenyReason, LimitedBy};
pub use blueprint::{Blueprint, BlueprintId, RealmDefaults};
pub use blueprints::{BlueprintError, Blueprints, Publication};
pub use commit::ChangeFailure;
pub use entry::CROSSING_MANA_COST;
pub use entrypoints::{EclEntrypoints, EntrypointError, EntrypointKind, RegisterError};
pub use policies::{PolicyError, compile_policy};
pub use rules::{CrossingRule, CrossingRules, RealmMatch, RulesError, Verdict};
pub use saga::{
    CROSSING_GAS, SAGA_STEP_MANA, Saga, SagaEnd, SagaError, SagaReport, SagaRunner, SagaWrite, Step,
    StepFailure, Undone,
};
pub use validate::ProgrammableGateway;
