//! Entry points and blueprints.
#![cfg(feature = "state-host")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use eclvm::Policy;
use eclvm::gateway::{
    Blueprint, BlueprintError, Blueprints, EclEntrypoints, EclvmObserver, EntrypointError, EntrypointKind,
    Publication, RealmDefaults, RegisterError, compile_policy,
};
use eclvm::kernel::budget::BudgetLimits;
use eclvm::kernel::effects::StoreValue;
use eclvm::kernel::fault::{Exhaustion, Fault, Outcome};
use eclvm::kernel::gas::GasUnits;
use eclvm::kernel::host::StoreValueRef;
use eclvm::kernel::value::ValueRef;
use eclvm::run::{EclvmStateContext, PolicyRunContext};
use eclvm::state::{BlueprintStep, StateEvent, UnifiedState, World};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

const A: &str = "did:x:a";
const FILE: &[u8] = br#"{
  "identities": {"did:x:a": {"trust": [0.9, 0.8, 0.7, 0.6, 0.5, 0.4]}},
  "realms": {"lab": {"trust_threshold": 0.5, "store": {"k": 1}}}
}"#;

fn state() -> Arc<UnifiedState> {
    Arc::new(UnifiedState::with_world(World::from_json(FILE).unwrap()))
}
fn policy(source: &str) -> Policy {
    Policy::compile(source).unwrap()
}
fn run_context() -> PolicyRunContext {
    PolicyRunContext::new(A, "lab", BudgetLimits::default())
}

#[test]
fn a_gas_limit_of_a_route_ends_that_route_alone() {
    let state = state();
    let entrypoints = EclEntrypoints::new();
    entrypoints.register(EntrypointKind::Api, "/endless", policy("policy p { while true { } }")).unwrap();
    entrypoints.register(EntrypointKind::Api, "/short", policy("1 + k > 1")).unwrap();
    let context = EclvmStateContext::new(&state, run_context());
    let run = |route, limit| {
        let inputs = [ValueRef::Number(1.0)];
        entrypoints.run_with_state(EntrypointKind::Api, route, &inputs, &context, limit)
    };
    let endless = entrypoints.run_api_with_state("/endless", &context, Some(500)).unwrap();
    assert_eq!(endless.receipt.outcome, Outcome::Exhausted(Exhaustion::OutOfGas));
    assert!(endless.gas_used <= 500);
    assert_eq!(context.budget().exhausted(), None);
    assert_eq!(context.budget().gas_used(), endless.gas_used, "the context pays for it");
    assert!(run("/short", Some(500)).unwrap().passed());
    assert!(!run("/short", Some(0)).unwrap().passed());
    assert!(run("/short", Some(u64::MAX)).unwrap().passed());
}

#[test]
fn routes_are_replaced_removed_and_bounded() {
    let entrypoints = EclEntrypoints::new();
    let register = |route: &str, source| entrypoints.register(EntrypointKind::Ui, route, policy(source));
    assert_eq!(register("", "true"), Err(RegisterError::RouteLength));
    assert_eq!(register(&"r".repeat(513), "true"), Err(RegisterError::RouteLength));
    register("b", "true").unwrap();
    register("a", "false").unwrap();
    register("a", "true").unwrap();
    let run = |route: &str| entrypoints.run_ui(route, None, &run_context());
    assert!(run("a").unwrap().passed());
    assert_eq!(entrypoints.routes(EntrypointKind::Ui), ["a".into(), "b".into()]);
    assert!(entrypoints.policy(EntrypointKind::Ui, "a").is_some());
    assert!(entrypoints.remove(EntrypointKind::Ui, "a"));
    assert!(!entrypoints.remove(EntrypointKind::Ui, "a"));
    let Err(EntrypointError::UnknownRoute { route, .. }) = run(&"a".repeat(100_000)) else { panic!() };
    assert_eq!(route.len(), 80);
    let many: Vec<String> = (0..65_536).map(|n| n.to_string()).collect();
    let yes = policy("true");
    let all = || many.iter().map(|route| (&**route, yes.clone()));
    assert_eq!(entrypoints.register_all(EntrypointKind::Ui, all()), Err(RegisterError::TooMany));
    assert_eq!(entrypoints.routes(EntrypointKind::Ui), ["b".into()]);
    entrypoints.register_all(EntrypointKind::Api, all()).unwrap();
    let missing = entrypoints.run(EntrypointKind::Api, "7", &[ValueRef::Null], None, &run_context()).unwrap();
    assert_eq!(
        missing.receipt.outcome,
        Outcome::Fault(Fault::TypeMismatch),
        "an input that nobody asked for"
    );
}

fn club(version: u64, threshold: &str) -> Blueprint {
    let entry = format!("policy entry {{ require trust.r >= {threshold}, \"members only\"; }}");
    let policies = vec![compile_policy("leave", "true").unwrap(), compile_policy("entry", &entry).unwrap()];
    let defaults = RealmDefaults {
        name: Some("Club".into()),
        trust_threshold: 0.25,
        store: vec![("open".into(), StoreValue::Bool(true)), ("fee".into(), StoreValue::Number(5.0))],
        quota: Some(GasUnits { compute: 1_000, ..GasUnits::ZERO }),
        ..RealmDefaults::default()
    };
    Blueprint::new("club", version, policies, defaults).unwrap()
}

type Action = (u64, BlueprintStep, Option<Arc<str>>);

#[derive(Default)]
struct Heard(Mutex<Vec<Action>>);
impl EclvmObserver for Heard {
    fn on_event(&self, action: &StateEvent) {
        let StateEvent::BlueprintAction { version, action, realm_id, .. } = action else { panic!() };
        self.0.lock().unwrap().push((*version, *action, realm_id.clone()));
    }
}

#[test]
fn a_blueprint_is_published_deployed_instantiated_and_deprecated() {
    let (state, heard) = (state(), Arc::new(Heard::default()));
    let blueprints = Blueprints::with_observer(heard.clone());
    assert_eq!(blueprints.publish(club(1, "0.5")), Ok(Publication::New));
    assert_eq!(blueprints.publish(club(3, "0.6")), Ok(Publication::New));
    assert_eq!(blueprints.publish(club(1, "0.5")), Ok(Publication::Unchanged));
    assert_eq!(blueprints.newest("club").unwrap().id().version, 3);

    let before = state.view();
    assert_eq!(blueprints.deploy(&state, "club", 1, "lab"), Ok(2));
    assert!(before.realm("lab").unwrap().policies.is_empty(), "who began before has what was there");
    let names = |realm: &str| -> Vec<Arc<str>> {
        state.view().realm(realm).unwrap().policies.iter().map(|policy| policy.name.clone()).collect()
    };
    assert_eq!(names("lab"), ["entry".into(), "leave".into()]);
    let view = state.view();
    let lab = view.realm("lab").unwrap();
    assert_eq!((lab.trust_threshold, lab.stored("fee")), (0.5, None), "defaults are for new realms");
    assert_eq!(blueprints.deploy(&state, "club", 3, "lab"), Ok(3));

    assert_eq!(blueprints.instantiate(&state, "club", 3, "annex", Some(A)), Ok(4));
    let view = state.view();
    let annex = view.realm("annex").unwrap();
    assert_eq!((annex.name.as_deref(), annex.owner.as_deref()), (Some("Club"), Some(A)));
    assert_eq!((annex.trust_threshold, annex.stored("fee")), (0.25, Some(StoreValueRef::Number(5.0))));
    assert_eq!(annex.quota.unwrap().compute, 1_000);
    assert!(annex.entry_policy().is_some());

    assert_eq!(blueprints.deprecate("club", 3), Ok(true));
    assert_eq!(blueprints.deprecate("club", 3), Ok(false));
    assert_eq!(blueprints.publish(club(3, "0.6")), Ok(Publication::Unchanged));
    let deprecated = BlueprintError::Deprecated(club(3, "0.6").id().clone());
    assert_eq!(blueprints.deploy(&state, "club", 3, "lab"), Err(deprecated.clone()));
    assert_eq!(blueprints.instantiate(&state, "club", 3, "other", None), Err(deprecated));
    assert_eq!(names("annex"), ["entry".into(), "leave".into()], "who has it keeps it");
    assert_eq!(blueprints.newest("club").unwrap().id().version, 1);
    assert_eq!(
        blueprints.list().iter().map(|(id, old)| (id.version, *old)).collect::<Vec<_>>(),
        [(1, false), (3, true)]
    );
    assert_eq!(
        *heard.0.lock().unwrap(),
        [
            (1, BlueprintStep::Published, None),
            (3, BlueprintStep::Published, None),
            (1, BlueprintStep::Deployed, Some("lab".into())),
            (3, BlueprintStep::Deployed, Some("lab".into())),
            (3, BlueprintStep::Instantiated, Some("annex".into())),
            (3, BlueprintStep::Deprecated, None),
        ]
    );
}

#[test]
fn what_is_wrong_with_a_blueprint_is_said() {
    let state = state();
    let blueprints = Blueprints::new();
    blueprints.publish(club(2, "0.5")).unwrap();
    let other = BlueprintError::OtherContent(club(2, "0.5").id().clone());
    assert_eq!(blueprints.publish(club(2, "0.51")), Err(other));
    let older = BlueprintError::VersionNotNewer { version: 1, newest: 2 };
    assert_eq!(blueprints.publish(club(1, "0.5")), Err(older));
    assert_eq!(blueprints.get("pub", 1).unwrap_err(), BlueprintError::UnknownName("pub".into()));
    let unknown = BlueprintError::UnknownVersion { name: "club".into(), version: 9, newest: 2 };
    assert_eq!(blueprints.get("club", 9).unwrap_err(), unknown);
    assert_eq!(blueprints.deprecate("club", 9), Err(unknown.clone()));
    assert_eq!(blueprints.deploy(&state, "club", 9, "lab"), Err(unknown));
    let nowhere = BlueprintError::UnknownRealm("nowhere".into());
    assert_eq!(blueprints.deploy(&state, "club", 2, "nowhere"), Err(nowhere));
    let exists = BlueprintError::RealmExists("lab".into());
    assert_eq!(blueprints.instantiate(&state, "club", 2, "lab", None), Err(exists));
    assert_eq!(blueprints.instantiate(&state, "club", 2, "", None), Err(BlueprintError::NameLength));
    assert_eq!(state.view().version(), 1);

    let made = |name: &str, version, policies, defaults| {
        Blueprint::new(name, version, policies, defaults).map(|_| ())
    };
    let none = RealmDefaults::default;
    assert_eq!(made("", 1, vec![], none()), Err(BlueprintError::NameLength));
    assert_eq!(made("n", 0, vec![], none()), Err(BlueprintError::VersionZero));
    assert_eq!(made("n", u64::MAX, vec![], none()), Ok(()));
    let twice = vec![compile_policy("a", "true").unwrap(); 2];
    assert!(matches!(made("n", 1, twice, none()), Err(BlueprintError::Policies(_))));
    let nan = RealmDefaults { trust_threshold: f64::NAN, ..none() };
    assert_eq!(made("n", 1, vec![], nan), Err(BlueprintError::Defaults));
    let key = || ("k".into(), StoreValue::Bool(true));
    let same_keys = RealmDefaults { store: vec![key(), key()], ..none() };
    assert_eq!(made("n", 1, vec![], same_keys), Err(BlueprintError::Defaults));
}

/// The hash is of the content: the order in which things were given is none, everything else is.
#[test]
fn blueprints_are_addressed_by_content() {
    let defaults = |change: fn(&mut RealmDefaults)| {
        let mut defaults = RealmDefaults::default();
        change(&mut defaults);
        defaults
    };
    let policies = |sources: &[(&str, &str)]| -> Vec<_> {
        sources.iter().map(|(name, source)| compile_policy(name, source).unwrap()).collect()
    };
    let hash = |name: &str, version, sources: &[(&str, &str)], defaults| {
        Blueprint::new(name, version, policies(sources), defaults).unwrap().id().hash
    };
    let none: fn(&mut RealmDefaults) = |_| {};
    let all = [
        hash("n", 1, &[], defaults(none)),
        hash("m", 1, &[], defaults(none)),
        hash("n", 2, &[], defaults(none)),
        hash("n", 1, &[("a", "true")], defaults(none)),
        hash("n", 1, &[("b", "true")], defaults(none)),
        hash("n", 1, &[("a", "1 < x")], defaults(none)),
        hash("n", 1, &[("a", "true"), ("b", "true")], defaults(none)),
        hash("n", 1, &[], defaults(|d| d.name = Some("".into()))),
        hash("n", 1, &[], defaults(|d| d.trust_threshold = 0.5)),
        hash("n", 1, &[], defaults(|d| d.quarantined = true)),
        hash("n", 1, &[], defaults(|d| d.quota = Some(GasUnits::ZERO))),
        hash("n", 1, &[], defaults(|d| d.store = vec![("k".into(), StoreValue::Bool(true))])),
        hash("n", 1, &[], defaults(|d| d.store = vec![("k".into(), StoreValue::Number(f64::from_bits(1)))])),
        hash("n", 1, &[], defaults(|d| d.store = vec![("k".into(), "\u{1}".into())])),
    ];
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    let (one, two) = ([("a", "true"), ("b", "false")], [("b", "false"), ("a", "true")]);
    assert_eq!(hash("n", 1, &one, defaults(none)), hash("n", 1, &two, defaults(none)));
}
