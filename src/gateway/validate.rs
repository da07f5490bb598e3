//! The gateway: who may cross into a realm.
//!
//! One crossing reads one version of the world: the caller's trust, the realms, the quarantine, the entry policy and all that
//! it reads. In order, the first no is the answer: well-formed caller, blocklist, caller and realms known, quarantine,
//! rules, mana, quota, policy. Until mana nothing is charged; what refuses after it (the quota) gives it back.
//!
//! The 50 mana come from the caller's account and go through the run's budget. The run itself spends none, for an entry
//! policy is granted no writes.

use super::answer::{Crossing, CrossingAnswer, DenyReason, LimitedBy};
use super::commit::commit;
use super::entry::{self, CROSSING_MANA_COST};
use super::policies::{PolicyError, check, compile_policy};
use super::rules::{CrossingRules, RulesError};
use crate::clock::SystemClock;
use crate::host::StateHost;
use crate::kernel::budget::{Budget, BudgetLimits};
use crate::kernel::entry::default_entry;
use crate::kernel::fault::{Fault, Outcome};
use crate::kernel::gas::{GasUnits, Prices};
use crate::kernel::mana::{ManaRate, ManaTable};
use crate::kernel::multigas::{MultiGas, RealmId};
use crate::kernel::publish::Published;
use crate::kernel::request::Clock;
use crate::kernel::value::{Did, TrustVector};
use crate::observe::{EclvmObserver, StateIntegrator};
use crate::policy::Policy;
use crate::policy_type::PolicyType;
use crate::run::{ExecutionResult, PolicyRunContext, run_policy_with};
use crate::state::{Realm, RealmChange, RealmPolicy, StateEvent, StateView, UnifiedState};
use std::fmt;
use std::hash::BuildHasher;
use std::sync::Arc;

/// Decides crossings over a state. Share it (`Arc`): every method takes `&self`, and a crossing waits for nobody.
pub struct ProgrammableGateway {
    state: Arc<UnifiedState>,
    mana: Arc<ManaTable>,
    gas: Option<Arc<MultiGas>>,
    rules: Published<CrossingRules>,
    limits: BudgetLimits,
    observer: Arc<dyn EclvmObserver>,
    clock: Arc<dyn Clock>,
    /// None only if the kernel refused its own program.
    default_entry: Option<Policy>,
}

/// A crossing that has been let as far as the entry policy.
struct Asked<'a> {
    caller: &'a str,
    from: Option<&'a str>,
    to: &'a Realm,
    trust: TrustVector,
    view: &'a StateView,
    now: Option<f64>,
}

impl ProgrammableGateway {
    /// A gateway over a state, with mana of these accounts: no rules, limits [`BudgetLimits::GATEWAY`], no quotas, the state
    /// itself told, and the system's clock, which must be the one that the accounts' origin is of.
    pub fn new(state: Arc<UnifiedState>, mana: Arc<ManaTable>) -> ProgrammableGateway {
        let observer = Arc::new(StateIntegrator::new(&state));
        ProgrammableGateway {
            state,
            mana,
            gas: None,
            rules: Published::new(CrossingRules::default()),
            limits: BudgetLimits::GATEWAY,
            observer,
            clock: Arc::new(SystemClock::new()),
            default_entry: default_entry().ok().map(|entry| Policy::from(Arc::new(entry))),
        }
    }
    /// Counts each evaluation in its target realm, at these prices, and keeps that realm's quota.
    pub fn with_multigas(self, gas: Arc<MultiGas>) -> ProgrammableGateway {
        ProgrammableGateway { gas: Some(gas), ..self }
    }
    /// Tells this observer of each evaluation, in place of the state.
    pub fn with_observer(self, observer: Arc<dyn EclvmObserver>) -> ProgrammableGateway {
        ProgrammableGateway { observer, ..self }
    }
    /// The limits of a caller of full trust; see [`BudgetLimits::with_trust_factor`].
    pub fn with_limits(self, limits: BudgetLimits) -> ProgrammableGateway {
        ProgrammableGateway { limits, ..self }
    }
    /// The time of accounts and quotas.
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> ProgrammableGateway {
        ProgrammableGateway { clock, ..self }
    }
    /// The state.
    pub fn state(&self) -> &Arc<UnifiedState> {
        &self.state
    }

    /// Replaces blocklist and rules as a whole.
    pub fn set_rules(&self, rules: CrossingRules) {
        self.rules.update(|_| rules.clone());
    }
    /// Changes blocklist and rules; readers see all of the change or none. Copies both: for changes now and then.
    ///
    /// # Errors
    ///
    /// What `change` answers; nothing has changed then.
    pub fn change_rules(
        &self,
        change: impl Fn(&mut CrossingRules) -> Result<(), RulesError>,
    ) -> Result<(), RulesError> {
        loop {
            let seen = self.rules.load();
            let mut next = (*seen).clone();
            change(&mut next)?;
            if self.rules.publish_if(seen.version(), next).is_ok() {
                return Ok(());
            }
        }
    }
    /// Whether a caller is on the blocklist.
    pub fn is_blocked(&self, caller: &str) -> bool {
        self.rules.pin().is_blocked(caller)
    }

    /// Replaces all policies of a realm, given as names and sources. They are compiled here, before anybody sees them; the
    /// version of the world from which on they hold. Without `entry` the default entry policy holds.
    ///
    /// # Errors
    ///
    /// The realm keeps what it has.
    pub fn replace_policies(&self, realm: &str, sources: &[(&str, &str)]) -> Result<u64, PolicyError> {
        let compiled: Result<Vec<RealmPolicy>, PolicyError> =
            sources.iter().map(|(name, source)| compile_policy(name, source)).collect();
        self.install_policies(realm, compiled?.into())
    }
    /// As [`ProgrammableGateway::replace_policies`], of compiled policies.
    ///
    /// # Errors
    ///
    /// The realm keeps what it has.
    pub fn install_policies(&self, realm: &str, policies: Arc<[RealmPolicy]>) -> Result<u64, PolicyError> {
        check(&policies)?;
        let change = RealmChange::Policies(policies);
        commit(&self.state, &StateEvent::RealmChanged { realm_id: realm.into(), change })
            .map_err(PolicyError::Change)
    }

    /// Whether `caller` may cross into the realm `to`, coming from `from`, or from outside; now, on the current version.
    pub fn validate_crossing(&self, caller: &str, from: Option<&str>, to: &str) -> CrossingAnswer {
        self.validate(caller, from, to, None)
    }
    /// As [`ProgrammableGateway::validate_crossing`], with `now`, Unix seconds, as the entry policy sees it.
    pub fn validate_crossing_at(
        &self,
        caller: &str,
        from: Option<&str>,
        to: &str,
        now: f64,
    ) -> CrossingAnswer {
        self.validate(caller, from, to, Some(now))
    }

    fn validate(&self, caller: &str, from: Option<&str>, to: &str, now: Option<f64>) -> CrossingAnswer {
        let view = self.state.view();
        let free = |crossing| CrossingAnswer::free(crossing, view.version());
        match self.admit(&view, caller, from, to) {
            Ok((trust, to)) => self.evaluate(&Asked { caller, from, to, trust, view: &view, now }),
            Err(reason) => free(Crossing::Deny(reason)),
        }
    }

    /// What is decided without a policy, and for nothing.
    fn admit<'v>(
        &self,
        view: &'v StateView,
        caller: &str,
        from: Option<&str>,
        to: &str,
    ) -> Result<(TrustVector, &'v Realm), DenyReason> {
        Did::new(caller).ok_or(DenyReason::InvalidCaller)?;
        let rules = self.rules.pin();
        if rules.is_blocked(caller) {
            return Err(DenyReason::Blocked);
        }
        let trust = view.trust(caller).ok_or(DenyReason::UnknownCaller)?;
        let unknown = |id: &str| DenyReason::UnknownRealm(id.into());
        if let Some(from) = from {
            view.realm(from).ok_or_else(|| unknown(from))?;
        }
        let realm = view.realm(to).ok_or_else(|| unknown(to))?;
        if realm.quarantined {
            return Err(DenyReason::Quarantined);
        }
        match rules.denies(from, to) {
            Some(rule) => Err(DenyReason::Rule(rule.name.clone())),
            None => Ok((trust, realm)),
        }
    }

    fn evaluate(&self, asked: &Asked<'_>) -> CrossingAnswer {
        let free = |crossing| CrossingAnswer::free(crossing, asked.view.version());
        let own = asked.to.entry_policy().cloned().map(Policy::from);
        let Some(policy) = own.as_ref().or(self.default_entry.as_ref()) else {
            return free(Crossing::Fault(Fault::HostError));
        };
        let TrustVector([reliability, ..]) = asked.trust;
        let mut limits = self.limits.with_trust_factor(reliability);
        let (rate, now_ns) = (ManaRate::of_reliability(reliability), self.clock.now_ns());
        if let Err(refusal) = self.mana.try_spend(asked.caller, &rate, now_ns, CROSSING_MANA_COST) {
            let retry_after_ns = refusal.retry_after_ns;
            return free(Crossing::RateLimited { retry_after_ns, by: LimitedBy::Mana });
        }
        let give_back = || self.mana.refund(asked.caller, &rate, CROSSING_MANA_COST);
        let realm = self.gas.as_deref().map(|gas| (gas, gas.realm(&asked.to.id)));
        let prices = realm.map_or_else(Prices::default, |(gas, _)| gas.prices().0);
        let bound = policy.bound();
        let held =
            realm.map(|(gas, id)| entry::hold(gas, id, bound, &prices, &mut limits, now_ns)).transpose();
        let held = match held {
            Ok(held) => held,
            Err((retry_after_ns, by)) => {
                give_back();
                return free(Crossing::RateLimited { retry_after_ns, by });
            }
        };
        let budget = Arc::new(Budget::new(limits));
        if let Err(reason) = budget.consume_mana(CROSSING_MANA_COST) {
            held.into_iter().for_each(|held| held.settle(&GasUnits::ZERO));
            give_back();
            return free(Crossing::Exhausted(reason));
        }
        let id = if own.is_some() { format!("{}/entry", asked.to.id) } else { "default_entry".to_owned() };
        let result = run(asked, policy, &id, budget, prices, &self.observer);
        held.into_iter().for_each(|held| held.settle(&result.receipt.gas));
        self.count(realm, &result);
        let (from, to, passed) = (asked.from, &*asked.to.id, result.passed());
        self.observer.on_crossing_policy_evaluated(asked.caller, from, to, passed, CROSSING_MANA_COST);
        CrossingAnswer {
            crossing: crossing_of(policy, &result),
            version: asked.view.version(),
            gas_used: result.gas_used,
            mana_used: CROSSING_MANA_COST.saturating_add(result.mana_used),
            duration_us: result.duration_us,
        }
    }

    fn count(&self, realm: Option<(&MultiGas, RealmId)>, result: &ExecutionResult) {
        if let Some((gas, id)) = realm {
            let mana = CROSSING_MANA_COST.saturating_add(result.mana_used);
            gas.record(worker(), id, &result.receipt.gas, mana);
        }
    }
}

fn run(
    asked: &Asked<'_>,
    policy: &Policy,
    id: &str,
    budget: Arc<Budget>,
    prices: Prices,
    observer: &Arc<dyn EclvmObserver>,
) -> ExecutionResult {
    let context = PolicyRunContext::with_budget(asked.caller, asked.to.id.clone(), budget);
    let context = context.of_policy(id, PolicyType::Crossing).observed_by(observer.clone());
    let context = PolicyRunContext { prices: Some(prices), now: asked.now.unwrap_or(context.now), ..context };
    let host = StateHost::from(asked.view.clone());
    let inputs = entry::inputs(policy.inputs(), asked.from, &asked.to.id);
    run_policy_with(policy, &inputs, Some(&host), &context)
}

fn crossing_of(policy: &Policy, result: &ExecutionResult) -> Crossing {
    match result.receipt.outcome {
        Outcome::Allow => Crossing::Allow,
        Outcome::Deny => {
            let message = policy.program().message(result.receipt.message).map(Arc::from);
            Crossing::Deny(DenyReason::Policy(message))
        }
        Outcome::Fault(fault) => Crossing::Fault(fault),
        Outcome::Exhausted(reason) => Crossing::Exhausted(reason),
    }
}

/// A number that differs between most threads, for counters that are spread over them.
pub(super) fn worker() -> usize {
    let id = std::thread::current().id();
    foldhash::fast::FixedState::default().hash_one(id) as usize
}

impl fmt::Debug for ProgrammableGateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProgrammableGateway")
            .field("state", &self.state)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
