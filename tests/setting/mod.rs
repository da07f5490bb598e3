//! Policies run in a small world, for the tests of what the language means.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "shared by several tests, which fail by panicking"
)]

use eclvm::Policy;
use eclvm::host::{StateHost, World};
use eclvm::kernel::budget::BudgetLimits;
use eclvm::kernel::receipt::Receipt;
use eclvm::kernel::request::{Env, Request};
use eclvm::kernel::value::{Did, TrustVector, Value, ValueRef};
use eclvm::kernel::vm::Vm;
use std::sync::Arc;

/// Alice is known, Bob is nearly trusted, Carol is rich beyond numbers.
pub(crate) const WORLD: &str = r#"{
  "identities": {
    "did:x:alice": {"trust": [0.8, 0.7, 0.9, 0.6, 0.7, 0.8], "credentials": ["kyc"], "balance": 120, "realms": ["lab"]},
    "did:x:bob": {"trust": [0.2, 0.2, 0.2, 0.2, 0.2, 0.2], "balance": 7},
    "did:x:carol": {"balance": 9007199254740993}
  },
  "realms": {
    "lab": {"members": ["did:x:bob"], "trust_threshold": 0.5,
      "store": {"text": "t", "number": 2.5, "flag": true},
      "policies": {"entry": "policy entry { log(\"knock\"); require is_member(caller), \"members only\"; }"}},
    "plain": {},
    "shut": {"quarantined": true},
    "broken": {"policies": {"entry": "1 / (now - now) > 0"}},
    "writer": {"policies": {"entry": "policy entry { emit \"e\"; }"}},
    "mirror": {"policies": {"entry": "cross_realm(\"mirror\")"}},
    "greedy": {"policies": {"entry": "policy entry(x: number) { return x > 0; }"}},
    "trusting": {"policies": {"entry": "trust.r >= 0.75"}},
    "chain": {"policies": {"entry": "cross_realm(\"lab\") && realm == \"chain\""}}
  }
}"#;

/// What a policy is run with.
pub(crate) struct Setting<'a> {
    pub(crate) host: Option<StateHost>,
    pub(crate) caller: ValueRef<'a>,
    pub(crate) realm: ValueRef<'a>,
    pub(crate) trust: ValueRef<'a>,
    pub(crate) inputs: Vec<ValueRef<'a>>,
    pub(crate) limits: BudgetLimits,
    pub(crate) writes: bool,
    pub(crate) now: f64,
}

/// A million seconds after the beginning.
pub(crate) const NOW: f64 = 1_000_000.0;

/// Alice in the lab, with host state; writes are granted.
pub(crate) fn on_state() -> Setting<'static> {
    Setting {
        host: Some(StateHost::new(Arc::new(World::from_json(WORLD.as_bytes()).unwrap()))),
        caller: ValueRef::Did(Did::new("did:x:alice").unwrap()),
        realm: ValueRef::Text("lab"),
        trust: ValueRef::Missing,
        ..alone()
    }
}

/// Nobody nowhere, without host state.
pub(crate) fn alone() -> Setting<'static> {
    Setting {
        host: None,
        caller: ValueRef::Missing,
        realm: ValueRef::Missing,
        trust: ValueRef::Missing,
        inputs: Vec::new(),
        limits: BudgetLimits::default(),
        writes: true,
        now: NOW,
    }
}

impl<'a> Setting<'a> {
    pub(crate) fn run(&self, policy: &Policy) -> Receipt {
        let request = Request {
            caller: self.caller,
            realm: self.realm,
            trust: self.trust,
            ..Request::new(&self.inputs)
        };
        let env = Env {
            host: self.host.as_ref().map(|h| h as _),
            allow_writes: self.writes,
            now: self.now,
            limits: self.limits,
            ..Env::default()
        };
        Vm::new().run(policy.executable(), &request, &env)
    }
    pub(crate) fn source(&self, source: &str) -> Receipt {
        self.run(&compile(source))
    }
    /// A run in a few words: see [`words`].
    pub(crate) fn words(&self, source: &str) -> String {
        let policy = compile(source);
        words(&policy, &self.run(&policy))
    }
}

#[track_caller]
pub(crate) fn compile(source: &str) -> Policy {
    Policy::compile(source).unwrap_or_else(|error| panic!("{source}: {error:?}"))
}

/// Outcome, its value or kind, and the bill: `allow c3`, `deny 5 n5 c1`, `fault DomainError c1`.
pub(crate) fn words(policy: &Policy, receipt: &Receipt) -> String {
    use eclvm::kernel::fault::Outcome;
    let mut out = match receipt.outcome {
        Outcome::Fault(fault) => format!("fault {fault}"),
        Outcome::Exhausted(reason) => format!("exhausted {reason}"),
        outcome => match receipt.value(policy.program()) {
            None | Some(Value::Bool(_)) => outcome.name().to_owned(),
            Some(value) => show(&value),
        },
    };
    let gas = receipt.gas;
    for (letter, units) in [("n", gas.network), ("c", gas.compute), ("s", gas.storage), ("r", gas.realm)] {
        if units > 0 {
            out += &format!(" {letter}{units}");
        }
    }
    if receipt.mana > 0 {
        out += &format!(" m{}", receipt.mana);
    }
    out
}

pub(crate) fn show(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Number(n) => format!("{n}"),
        Value::Bool(b) => format!("{b}"),
        Value::Text(s) => format!("{s:?}"),
        Value::Did(s) => s.to_string(),
        Value::Trust(TrustVector(t)) => format!("{t:?}"),
        Value::Array(items) => format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(", ")),
    }
}

/// Runs each line of a table and fails with all that are not as they should be.
#[track_caller]
pub(crate) fn table(setting: &Setting<'_>, table: &[(&str, &str)]) {
    let mut wrong = String::new();
    for (source, want) in table {
        let found = setting.words(source);
        if found != *want {
            wrong += &format!("{source}\n    found {found}\n    want  {want}\n");
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}
