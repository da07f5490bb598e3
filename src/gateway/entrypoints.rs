//! Entry points: policies by kind and route, run with a host or on a state.

use crate::kernel::budget::{Budget, BudgetLimits};
use crate::kernel::host::HostInterface;
use crate::kernel::limits::{MAX_NAME_BYTES, MAX_ROUTES};
use crate::kernel::publish::Published;
use crate::kernel::value::ValueRef;
use crate::policy::Policy;
use crate::policy_type::PolicyType;
use crate::run::{
    EclvmStateContext, ExecutionResult, PolicyRunContext, run_policy_with, run_policy_with_state_context_and,
};
use crate::state::WriteError;
use eclvm_kernel::program::EffectKind;
use foldhash::HashMap;
use std::fmt;
use std::sync::Arc;

/// Characters of an unknown route that an error shows.
const SHOWN: usize = 80;

/// What an entry point is for. Each kind has routes of its own.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum EntrypointKind {
    /// Requests to an API.
    Api,
    /// What a user interface shows.
    Ui,
    /// Rules over data.
    DataLogic,
    /// Proposals and votes.
    Governance,
    /// Controllers.
    Controller,
}

impl EntrypointKind {
    /// All of them, in order.
    pub const ALL: [EntrypointKind; 5] = [
        EntrypointKind::Api,
        EntrypointKind::Ui,
        EntrypointKind::DataLogic,
        EntrypointKind::Governance,
        EntrypointKind::Controller,
    ];
    /// What its runs are counted as.
    pub fn policy_type(self) -> PolicyType {
        match self {
            EntrypointKind::Api => PolicyType::Api,
            EntrypointKind::Ui => PolicyType::Ui,
            EntrypointKind::DataLogic => PolicyType::DataLogic,
            EntrypointKind::Governance => PolicyType::Governance,
            EntrypointKind::Controller => PolicyType::Controller,
        }
    }
    /// Its name in messages.
    pub fn name(self) -> &'static str {
        match self {
            EntrypointKind::Api => "api",
            EntrypointKind::Ui => "ui",
            EntrypointKind::DataLogic => "datalogic",
            EntrypointKind::Governance => "governance",
            EntrypointKind::Controller => "controller",
        }
    }
}

/// Why a route was not run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EntrypointError {
    /// There is no such route of this kind. Nothing was charged.
    UnknownRoute {
        /// The kind that was asked for.
        kind: EntrypointKind,
        /// The route that was asked for, its first characters where it is long.
        route: Box<str>,
    },
    /// What the run wrote could not be taken in.
    Write(WriteError),
}

impl fmt::Display for EntrypointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EntrypointError::UnknownRoute { kind, route } => write!(f, "no {} route `{route}`", kind.name()),
            EntrypointError::Write(error) => error.fmt(f),
        }
    }
}
impl std::error::Error for EntrypointError {}

/// Why a route was not registered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RegisterError {
    /// A route that is empty or longer than [`MAX_NAME_BYTES`].
    RouteLength,
    /// There are [`MAX_ROUTES`] of this kind.
    TooMany,
}

impl fmt::Display for RegisterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RegisterError::RouteLength => "a route must have a name, and not a long one",
            RegisterError::TooMany => "too many routes",
        })
    }
}
impl std::error::Error for RegisterError {}

/// A handler: the policy, and its route as the id that its runs have.
#[derive(Clone, Debug)]
struct Handler {
    route: Arc<str>,
    policy: Policy,
}

type Routes = HashMap<Arc<str>, Handler>;

/// Policies by kind and route. Share it (`Arc`): routes can be registered and replaced while others run.
pub struct EclEntrypoints {
    routes: [Published<Routes>; 5],
}

impl EclEntrypoints {
    /// No routes.
    pub fn new() -> EclEntrypoints {
        EclEntrypoints { routes: std::array::from_fn(|_| Published::new(Routes::default())) }
    }
    fn of(&self, kind: EntrypointKind) -> &Published<Routes> {
        let [api, ui, datalogic, governance, controller] = &self.routes;
        match kind {
            EntrypointKind::Api => api,
            EntrypointKind::Ui => ui,
            EntrypointKind::DataLogic => datalogic,
            EntrypointKind::Governance => governance,
            EntrypointKind::Controller => controller,
        }
    }

    /// Registers the handler of a route, in place of the one there is. See [`EclEntrypoints::register_all`].
    ///
    /// # Errors
    ///
    /// No such route can be, or there are too many.
    pub fn register(&self, kind: EntrypointKind, route: &str, policy: Policy) -> Result<(), RegisterError> {
        self.register_all(kind, [(route, policy)])
    }
    /// Registers many routes of a kind at once: all of them, or none. Runs under way keep the handler they have. Copies the
    /// table of the kind, so many are better registered together.
    ///
    /// # Errors
    ///
    /// One of these routes cannot be, or there would be too many.
    pub fn register_all<'r>(
        &self,
        kind: EntrypointKind,
        routes: impl IntoIterator<Item = (&'r str, Policy)>,
    ) -> Result<(), RegisterError> {
        let mut handlers = Vec::new();
        for (route, policy) in routes {
            if route.is_empty() || route.len() > MAX_NAME_BYTES {
                return Err(RegisterError::RouteLength);
            }
            if handlers.len() >= MAX_ROUTES {
                return Err(RegisterError::TooMany);
            }
            handlers.push(Handler { route: route.into(), policy });
        }
        let published = self.of(kind);
        loop {
            let seen = published.load();
            let mut next = (*seen).clone();
            next.extend(handlers.iter().map(|handler| (handler.route.clone(), handler.clone())));
            if next.len() > MAX_ROUTES {
                return Err(RegisterError::TooMany);
            }
            if published.publish_if(seen.version(), next).is_ok() {
                return Ok(());
            }
        }
    }
    /// Takes a route away; whether it was there.
    pub fn remove(&self, kind: EntrypointKind, route: &str) -> bool {
        let published = self.of(kind);
        loop {
            let seen = published.load();
            let mut next = (*seen).clone();
            if next.remove(route).is_none() {
                return false;
            }
            if published.publish_if(seen.version(), next).is_ok() {
                return true;
            }
        }
    }
    /// The routes of a kind, in ascending order.
    pub fn routes(&self, kind: EntrypointKind) -> Vec<Arc<str>> {
        let mut all: Vec<Arc<str>> = self.of(kind).load().keys().cloned().collect();
        all.sort_unstable();
        all
    }
    /// The handler of a route.
    pub fn policy(&self, kind: EntrypointKind, route: &str) -> Option<Policy> {
        self.of(kind).pin().get(route).map(|handler| handler.policy.clone())
    }
    fn handler(&self, kind: EntrypointKind, route: &str) -> Result<Handler, EntrypointError> {
        self.of(kind).pin().get(route).cloned().ok_or_else(|| {
            let shown: String = route.chars().take(SHOWN).collect();
            EntrypointError::UnknownRoute { kind, route: shown.into() }
        })
    }

    /// Runs a route on these inputs with a host. The run has the route for its policy id and the kind's policy type; writes
    /// are not granted.
    ///
    /// # Errors
    ///
    /// UnknownRoute.
    pub fn run(
        &self,
        kind: EntrypointKind,
        route: &str,
        inputs: &[ValueRef<'_>],
        host: Option<&dyn HostInterface>,
        context: &PolicyRunContext,
    ) -> Result<ExecutionResult, EntrypointError> {
        let handler = self.handler(kind, route)?;
        let run = of_route(context, &handler, kind);
        Ok(run_policy_with(&handler.policy, inputs, host, &run))
    }
    /// Runs a route on these inputs and on a state, as [`run_policy_with_state_context_and`] does: what an allowed run writes
    /// is in the context's handle. With `gas_limit` the run has no more gas than that, whatever the context's budget has
    /// left, and where it runs out of that gas the context's budget is not exhausted.
    ///
    /// # Errors
    ///
    /// UnknownRoute, or what the handle said to what the run wrote.
    pub fn run_with_state(
        &self,
        kind: EntrypointKind,
        route: &str,
        inputs: &[ValueRef<'_>],
        context: &EclvmStateContext,
        gas_limit: Option<u64>,
    ) -> Result<ExecutionResult, EntrypointError> {
        let handler = self.handler(kind, route)?;
        if handler.policy.effect() == EffectKind::Write {
            // Opened here, so that the handle is the context's own.
            context.handle();
        }
        let mut run = of_route(&context.run, &handler, kind);
        if let Some(gas_limit) = gas_limit {
            let limits = BudgetLimits { gas_limit, ..*run.budget.limits() };
            run.budget = Arc::new(Budget::within(limits, run.budget.clone()));
        }
        run_policy_with_state_context_and(&handler.policy, inputs, &context.for_run(run))
            .map_err(EntrypointError::Write)
    }
}

fn of_route(context: &PolicyRunContext, handler: &Handler, kind: EntrypointKind) -> PolicyRunContext {
    PolicyRunContext {
        policy_id: Some(handler.route.clone()),
        policy_type: kind.policy_type(),
        ..context.clone()
    }
}

macro_rules! shorthands {
    ($($run:ident $run_with_state:ident $kind:ident $what:literal),+ $(,)?) => {
        impl EclEntrypoints {
            $(
                #[doc = concat!("[`EclEntrypoints::run`] of ", $what, " that needs no inputs but the standard ones.")]
                ///
                /// # Errors
                ///
                /// UnknownRoute.
                pub fn $run(
                    &self,
                    route: &str,
                    host: Option<&dyn HostInterface>,
                    context: &PolicyRunContext,
                ) -> Result<ExecutionResult, EntrypointError> {
                    self.run(EntrypointKind::$kind, route, &[], host, context)
                }
                #[doc = concat!(
                    "[`EclEntrypoints::run_with_state`] of ", $what, " that needs no inputs but the standard ones."
                )]
                ///
                /// # Errors
                ///
                /// UnknownRoute, or what the handle said to what the run wrote.
                pub fn $run_with_state(
                    &self,
                    route: &str,
                    context: &EclvmStateContext,
                    gas_limit: Option<u64>,
                ) -> Result<ExecutionResult, EntrypointError> {
                    self.run_with_state(EntrypointKind::$kind, route, &[], context, gas_limit)
                }
            )+
        }
    };
}

shorthands! {
    run_api run_api_with_state Api "an API route",
    run_ui run_ui_with_state Ui "a route of the user interface",
    run_datalogic run_datalogic_with_state DataLogic "a route of data logic",
    run_governance run_governance_with_state Governance "a route of governance",
    run_controller run_controller_with_state Controller "a controller's route",
}

impl Default for EclEntrypoints {
    fn default() -> Self {
        EclEntrypoints::new()
    }
}

impl fmt::Debug for EclEntrypoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all = f.debug_struct("EclEntrypoints");
        for kind in EntrypointKind::ALL {
            all.field(kind.name(), &self.of(kind).pin().len());
        }
        all.finish()
    }
}
