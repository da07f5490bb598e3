//! Who is told of what happens here.

use crate::policy_type::PolicyType;
use crate::state::StateEvent;

/// Who is told, on the thread that it happened on and before its caller has the answer. Every method does nothing unless
/// written. A panic of an observer is the caller's.
pub trait EclvmObserver: Send + Sync {
    /// A policy ran.
    #[expect(clippy::too_many_arguments, reason = "one fact each, as the counters take them")]
    fn on_policy_executed(
        &self,
        _policy_id: &str,
        _policy_type: PolicyType,
        _passed: bool,
        _gas_used: u64,
        _mana_used: u64,
        _duration_us: f64,
        _realm_id: Option<&str>,
    ) {
    }
    /// A realm's entry policy answered a caller who wants to cross. `mana_used` is the crossing's own, besides that of the
    /// policy's run.
    #[expect(clippy::too_many_arguments, reason = "one fact each, as the counters take them")]
    fn on_crossing_policy_evaluated(
        &self,
        _caller: &str,
        _from_realm: Option<&str>,
        _to_realm: &str,
        _allowed: bool,
        _policy_id: &str,
        _gas_used: u64,
        _mana_used: u64,
        _duration_us: f64,
    ) {
    }
    /// Something became of a blueprint: a [`StateEvent::BlueprintAction`].
    fn on_blueprint(&self, _action: &StateEvent) {}
    /// A saga moved: a [`StateEvent::SagaProgress`].
    fn on_saga(&self, _progress: &StateEvent) {}
}

/// Nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoObserver;

impl EclvmObserver for NoObserver {}
