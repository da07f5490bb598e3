//! Crossings: who may enter a realm, on what grounds, and for how much.
#![cfg(feature = "state-host")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use eclvm::gateway::{
    CROSSING_MANA_COST, Crossing, CrossingRule, CrossingRules, DenyReason, EclvmObserver, LimitedBy,
    PolicyError, ProgrammableGateway, RealmMatch, RulesError, Verdict,
};
use eclvm::kernel::budget::BudgetLimits;
use eclvm::kernel::fault::{Exhaustion, Fault};
use eclvm::kernel::gas::{GasLayer, GasUnits, Prices};
use eclvm::kernel::mana::{ManaRate, ManaTable};
use eclvm::kernel::multigas::{MultiGas, RealmQuota};
use eclvm::kernel::request::Clock;
use eclvm::run::{EclvmStateContext, PolicyRunContext, run_policy_with_state_context};
use eclvm::state::{RealmChange, StateEvent, UnifiedState, World};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

const A: &str = "did:x:a";
const LOW: &str = "did:x:low";
const FILE: &[u8] = br#"{
  "identities": {
    "did:x:a": {"trust": [0.5, 0.8, 0.7, 0.6, 0.5, 0.4], "balance": 100},
    "did:x:low": {"trust": [0.2, 1, 1, 1, 1, 1]}
  },
  "realms": {"home": {}, "lab": {}, "shut": {"quarantined": true}}
}"#;

/// Time that a test sets.
#[derive(Default)]
struct Hand(AtomicU64);
impl Clock for Hand {
    fn now_ns(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

struct Setting {
    gateway: ProgrammableGateway,
    mana: Arc<ManaTable>,
    clock: Arc<Hand>,
}

impl Setting {
    fn new() -> Setting {
        let state = Arc::new(UnifiedState::with_world(World::from_json(FILE).unwrap()));
        let (mana, clock) = (Arc::new(ManaTable::new(0)), Arc::new(Hand::default()));
        let gateway = ProgrammableGateway::new(state, mana.clone()).with_clock(clock.clone());
        Setting { gateway, mana, clock }
    }
    fn level(&self, did: &str, r: f64) -> u64 {
        self.mana.level(did, &ManaRate::of_reliability(r), self.clock.now_ns())
    }
    fn cross(&self, caller: &str, to: &str) -> Crossing {
        self.gateway.validate_crossing(caller, Some("home"), to).crossing
    }
    fn entry(&self, source: &str) {
        self.gateway.replace_policies("lab", &[("entry", source)]).unwrap();
    }
}

fn denied(message: &str) -> Crossing {
    Crossing::Deny(DenyReason::Policy(Some(message.into())))
}

#[test]
fn plan_e2_3_a_crossing_costs_fifty_mana_of_the_callers_account() {
    let setting = Setting::new();
    assert_eq!(setting.level(A, 0.5), 510_000);
    let answer = setting.gateway.validate_crossing(A, Some("home"), "lab");
    assert_eq!(answer.crossing, Crossing::Allow);
    assert_eq!((answer.mana_used, answer.gas_used, answer.version), (CROSSING_MANA_COST, 8, 1));
    assert_eq!(setting.level(A, 0.5), 509_950);
    // A denial by the policy was evaluated too, and so was a fault.
    assert_eq!(setting.cross(LOW, "lab"), Crossing::Deny(DenyReason::Policy(None)));
    assert_eq!(setting.level(LOW, 0.2), 209_950);
    setting.entry("1 / 0 > from_length");
    assert_eq!(setting.cross(LOW, "lab"), Crossing::Fault(Fault::MissingInput));
    assert_eq!(setting.level(LOW, 0.2), 209_900);
}

#[test]
fn what_is_decided_without_a_policy_costs_nothing() {
    let setting = Setting::new();
    let rule = |name: &str, from, to, verdict| CrossingRule { name: name.into(), from, to, verdict };
    let rules = vec![
        rule("staff door", RealmMatch::Is("home".into()), RealmMatch::Is("lab".into()), Verdict::AskPolicy),
        rule("closed", RealmMatch::Any, RealmMatch::Is("lab".into()), Verdict::Deny),
    ];
    let blocked: [Arc<str>; 1] = ["did:x:low".into()];
    setting.gateway.set_rules(CrossingRules::new(blocked, rules).unwrap());
    let unknown = |id: &str| Crossing::Deny(DenyReason::UnknownRealm(id.into()));
    for (caller, from, to, answer) in [
        ("nobody", Some("home"), "lab", Crossing::Deny(DenyReason::InvalidCaller)),
        ("", None, "lab", Crossing::Deny(DenyReason::InvalidCaller)),
        (LOW, Some("home"), "lab", Crossing::Deny(DenyReason::Blocked)),
        ("did:x:nobody", Some("home"), "lab", Crossing::Deny(DenyReason::UnknownCaller)),
        (A, Some("nowhere"), "lab", unknown("nowhere")),
        (A, Some(""), "lab", unknown("")),
        (A, Some("home"), "nowhere", unknown("nowhere")),
        (A, Some("home"), "shut", Crossing::Deny(DenyReason::Quarantined)),
        (A, None, "lab", Crossing::Deny(DenyReason::Rule("closed".into()))),
    ] {
        let found = setting.gateway.validate_crossing(caller, from, to);
        assert_eq!(found.crossing, answer);
        assert_eq!((found.mana_used, found.gas_used), (0, 0));
    }
    assert!(setting.mana.is_empty(), "nobody has an account for having been refused");
    assert_eq!(setting.cross(A, "lab"), Crossing::Allow, "the first rule that matches counts");
    setting.gateway.change_rules(|rules| rules.block(A)).unwrap();
    assert_eq!(setting.cross(A, "lab"), Crossing::Deny(DenyReason::Blocked));
    let refused = setting.gateway.change_rules(|_| Err(RulesError::TooManyRules));
    assert_eq!(refused, Err(RulesError::TooManyRules));
    assert!(setting.gateway.is_blocked(A));
}

#[test]
fn the_entry_policy_sees_both_realms_and_the_same_version() {
    let setting = Setting::new();
    setting.entry(
        "policy entry(from_realm: string?, to_realm: string) { \
           require to_realm == \"lab\" && realm == \"lab\", \"here\"; \
           require from_realm != null, \"outside\"; \
           require from_realm == \"home\", \"elsewhere\"; \
           require caller == did:x:a && trust.r >= 0.3 && now == 7, \"who\"; }",
    );
    let cross = |from| setting.gateway.validate_crossing_at(A, from, "lab", 7.0).crossing;
    assert_eq!(cross(Some("home")), Crossing::Allow);
    assert_eq!(cross(None), denied("outside"));
    assert_eq!(cross(Some("lab")), denied("elsewhere"));
    assert_eq!(setting.gateway.validate_crossing_at(LOW, Some("home"), "lab", 7.0).crossing, denied("who"));
    let late = setting.gateway.validate_crossing_at(A, Some("home"), "lab", f64::NAN).crossing;
    assert_eq!(late, Crossing::Fault(Fault::TypeMismatch));
}

#[test]
fn limits_are_scaled_by_the_callers_trust() {
    let setting = Setting::new();
    setting.entry("policy entry { let i = 0; while true { i = i + 1; } }");
    // 50 000 (0.5 + 0.5 r): each loop of 3 that still fits.
    for (caller, limit) in [(A, 37_500), (LOW, 30_000)] {
        let answer = setting.gateway.validate_crossing(caller, None, "lab");
        assert_eq!(answer.crossing, Crossing::Exhausted(Exhaustion::OutOfGas));
        assert!((limit - 5..=limit).contains(&answer.gas_used), "{answer:?}");
        assert_eq!(answer.mana_used, 50);
    }
}

#[test]
fn limits_without_room_for_the_crossing_charge_nothing() {
    let Setting { gateway, mana, clock } = Setting::new();
    let limits = BudgetLimits { mana_limit: 66, ..BudgetLimits::GATEWAY };
    let setting = Setting { gateway: gateway.with_limits(limits), mana, clock };
    // 66 x 0.75 is 49.
    assert_eq!(setting.cross(A, "lab"), Crossing::Exhausted(Exhaustion::OutOfMana));
    assert_eq!(setting.level(A, 0.5), 510_000);
}

#[test]
fn an_empty_account_is_told_how_long_to_wait() {
    let setting = Setting::new();
    let rate = ManaRate::of_reliability(0.5);
    setting.mana.try_spend(A, &rate, 0, rate.capacity()).unwrap();
    let Crossing::RateLimited { retry_after_ns, by: LimitedBy::Mana } = setting.cross(A, "lab") else {
        panic!()
    };
    setting.clock.0.store(retry_after_ns - 1, Ordering::Relaxed);
    assert!(matches!(setting.cross(A, "lab"), Crossing::RateLimited { retry_after_ns: 1, .. }));
    setting.clock.0.store(retry_after_ns, Ordering::Relaxed);
    assert_eq!(setting.cross(A, "lab"), Crossing::Allow);
}

#[test]
fn a_realms_quota_is_never_passed() {
    let Setting { gateway, mana, clock } = Setting::new();
    let gas = Arc::new(MultiGas::new(8));
    let setting = Setting { gateway: gateway.with_multigas(gas.clone()), mana, clock };
    let lab = gas.realm("lab");
    let quota = |compute| RealmQuota { limits: [None, Some(compute), None, None], period_ns: 1 << 30 };
    gas.set_quota(lab, &quota(7)).unwrap();
    // The default entry policy has 3 units of Compute.
    assert_eq!([setting.cross(A, "lab"), setting.cross(A, "lab")], [Crossing::Allow, Crossing::Allow]);
    let by = LimitedBy::Quota(GasLayer::Compute);
    assert_eq!(setting.cross(A, "lab"), Crossing::RateLimited { retry_after_ns: 1 << 30, by });
    assert_eq!(setting.level(A, 0.5), 509_900, "the refused crossing's mana is back");
    setting.clock.0.store(1 << 30, Ordering::Relaxed);
    assert_eq!(setting.cross(A, "lab"), Crossing::Allow);
    let usage = gas.snapshot().realm(lab);
    assert_eq!((usage.gas.compute, usage.gas.network, usage.mana, usage.runs), (9, 15, 150, 3));
    // A policy without a bound runs on what is there, and not beyond.
    setting.entry("policy entry { let i = 0; while true { i = i + 1; } }");
    setting.clock.0.store(1 << 31, Ordering::Relaxed);
    assert_eq!(setting.cross(A, "lab"), Crossing::Exhausted(Exhaustion::OutOfGas));
    assert!(gas.snapshot().realm(lab).gas.compute <= 9 + 7);
    // Without a price no gas limit holds it to the quota: refused, while a policy with a bound still runs.
    gas.set_prices(Prices(GasUnits { compute: 0, ..Prices::default().0 }));
    assert_eq!(setting.cross(A, "lab"), Crossing::RateLimited { retry_after_ns: u64::MAX, by });
    setting.gateway.replace_policies("lab", &[]).unwrap();
    setting.clock.0.store(3 << 30, Ordering::Relaxed);
    assert_eq!(setting.cross(A, "lab"), Crossing::Allow);
    gas.set_quota(lab, &quota(0)).unwrap();
    assert_eq!(setting.cross(A, "lab"), Crossing::RateLimited { retry_after_ns: u64::MAX, by });
}

#[derive(Default)]
struct Heard(Mutex<Vec<String>>);
impl EclvmObserver for Heard {
    fn on_policy_executed(
        &self,
        id: &str,
        policy_type: &str,
        passed: bool,
        gas: u64,
        mana: u64,
        duration_us: u64,
        realm: Option<&str>,
    ) {
        assert!(duration_us > 0);
        self.0.lock().unwrap().push(format!("{id} {policy_type} {passed} {gas} {mana} {realm:?}"));
    }
    fn on_crossing_policy_evaluated(
        &self,
        caller: &str,
        from: Option<&str>,
        to: &str,
        allowed: bool,
        mana: u64,
    ) {
        self.0.lock().unwrap().push(format!("{caller} {from:?} {to} {allowed} {mana}"));
    }
}

#[test]
fn plan_e1_2_every_crossing_is_observed_once_by_both_methods() {
    let Setting { gateway, mana, clock } = Setting::new();
    let heard = Arc::new(Heard::default());
    let setting = Setting { gateway: gateway.with_observer(heard.clone()), mana, clock };
    setting.cross(A, "shut");
    setting.cross(A, "lab");
    setting.entry("1 / (trust.r - trust.r) > 0");
    setting.gateway.validate_crossing(LOW, None, "lab");
    let heard = heard.0.lock().unwrap();
    assert_eq!(heard.len(), 4, "{heard:?}");
    assert_eq!(heard[0], "default_entry Crossing true 8 0 Some(\"lab\")");
    assert_eq!(heard[1], "did:x:a Some(\"home\") lab true 50");
    assert!(heard[2].starts_with("lab/entry Crossing false"));
    assert!(heard[3].starts_with("did:x:low None lab false 50"));
}

#[test]
fn policies_that_no_realm_should_have_are_refused_and_the_old_ones_stay() {
    let setting = Setting::new();
    setting.entry("false");
    let replace = |sources: &[(&str, &str)]| setting.gateway.replace_policies("lab", sources).unwrap_err();
    assert!(matches!(replace(&[("entry", "1 +")]), PolicyError::Compile(..)));
    assert!(matches!(replace(&[("a", "true"), ("a", "true")]), PolicyError::SameName(_)));
    assert!(matches!(replace(&[("entry", "policy p { emit \"x\"; }")]), PolicyError::EntryWrites));
    assert!(matches!(replace(&[(&"n".repeat(513), "true")]), PolicyError::NameTooLong));
    assert!(matches!(setting.gateway.replace_policies("nowhere", &[]), Err(PolicyError::Change(_))));
    assert_eq!(setting.cross(A, "lab"), Crossing::Deny(DenyReason::Policy(None)));
    setting.gateway.replace_policies("lab", &[]).unwrap();
    assert_eq!(setting.cross(A, "lab"), Crossing::Allow, "without one it is the default again");
}

/// `cross_realm` asks what the gateway would: the policy that was compiled when it was put there, of the run's own view.
#[test]
fn cross_realm_asks_the_entry_policy_of_the_same_version() {
    let setting = Setting::new();
    let state = setting.gateway.state();
    let asks = eclvm::Policy::compile("cross_realm(\"lab\")").unwrap();
    let context = || {
        let run = PolicyRunContext::new(A, "home", BudgetLimits::default());
        EclvmStateContext::new(state, run)
    };
    let ask = |context: &EclvmStateContext| run_policy_with_state_context(&asks, context).unwrap();
    let before = context();
    let default = ask(&before);
    assert!(default.passed());
    assert_eq!((default.receipt.gas.realm, default.mana_used), (20, 0));
    setting.entry("policy entry(from_realm: string?) { require from_realm != null; }");
    assert!(ask(&before).passed(), "the view that began earlier has the policy that was there");
    assert!(!ask(&context()).passed(), "and cross_realm gives no inputs");
    assert_eq!(setting.cross(A, "lab"), Crossing::Allow, "the gateway does");
    let mut quarantine = state.begin();
    let change = RealmChange::Quarantined(true);
    quarantine.push(StateEvent::RealmChanged { realm_id: "lab".into(), change }).unwrap();
    assert!(state.commit(&quarantine).is_success());
    assert!(!ask(&context()).passed());
    assert_eq!(setting.cross(A, "lab"), Crossing::Deny(DenyReason::Quarantined));
}

/// Two threads evaluate while a third replaces policies ten thousand times: each answer is one policy's as a whole. The
/// two policies answer with their own message and their own bill.
#[test]
fn each_answer_is_of_the_old_or_the_new_policy_as_a_whole() {
    let setting = Setting::new();
    let one = "policy entry { require trust.r >= 0.3; require false, \"one\"; }";
    let two =
        "policy entry { require trust.r >= 0.3 && trust.i >= 0.3; require realm == \"home\", \"two\"; }";
    let (one, two) = (
        [eclvm::gateway::compile_policy("entry", one).unwrap()],
        [eclvm::gateway::compile_policy("entry", two).unwrap()],
    );
    let (one, two): (Arc<[_]>, Arc<[_]>) = (Arc::from(one), Arc::from(two));
    let bill = |policies: &Arc<[_]>| {
        setting.gateway.install_policies("lab", policies.clone()).unwrap();
        setting.gateway.validate_crossing(A, None, "lab").gas_used
    };
    let (two_gas, one_gas) = (bill(&two), bill(&one));
    assert_ne!(one_gas, two_gas);
    let over = AtomicBool::new(false);
    let seen = [AtomicU64::new(0), AtomicU64::new(0)];
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut last = 0;
                while !over.load(Ordering::Relaxed) {
                    let answer = setting.gateway.validate_crossing(A, None, "lab");
                    assert!(answer.version >= last, "versions do not go back");
                    last = answer.version;
                    // Odd versions have the first policy: two went in as version 2.
                    let (which, message, gas) =
                        if answer.version % 2 == 1 { (0, "one", one_gas) } else { (1, "two", two_gas) };
                    if matches!(answer.crossing, Crossing::RateLimited { .. }) {
                        // The clock stands still, so the account runs dry.
                        setting.mana.refund(A, &ManaRate::of_reliability(0.5), 50_000);
                        continue;
                    }
                    assert_eq!((answer.crossing, answer.gas_used), (denied(message), gas));
                    seen[which].fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for n in 0..10_000 {
            let policies = if n % 2 == 0 { &two } else { &one };
            setting.gateway.install_policies("lab", policies.clone()).unwrap();
        }
        over.store(true, Ordering::Relaxed);
    });
    assert!(seen[0].load(Ordering::Relaxed) + seen[1].load(Ordering::Relaxed) > 0);
    assert_eq!(setting.gateway.state().view().version(), 10_003);
}
