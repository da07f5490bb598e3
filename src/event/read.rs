//! Events from their JSON, for who hears deltas.
//!
//! What a delta of one event of the component ECLVM carries is read back to the bit. The JSON of changes of the world leaves
//! out what readers of deltas do not need (records, whether a text was a DID), so they are refused by name: a log or a
//! [`CommitSink`](crate::state::CommitSink) has them whole.

use super::{BlueprintStep, SagaStep, StateEvent, event_json};
use crate::kernel::fault::{Exhaustion, Fault, Outcome};
use crate::policy_type::PolicyType;
use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::{Error as _, Serialize, Serializer};
use serde_json::value::RawValue;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// As [`event_json`] has it; for serializers of JSON.
impl Serialize for StateEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let json = String::from_utf8(event_json(self)).map_err(S::Error::custom)?;
        RawValue::from_string(json).map_err(S::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for StateEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<StateEvent, D::Error> {
        Told::deserialize(deserializer)?.event().map_err(D::Error::custom)
    }
}

/// What the JSON says.
#[derive(serde::Deserialize)]
enum Told {
    PolicyEvaluated {
        policy_id: Option<Box<str>>,
        realm_id: Option<Box<str>>,
        passed: bool,
        policy_type: Box<str>,
        gas_used: u64,
        mana_used: u64,
        duration_us: Number,
        outcome: Box<str>,
        reason: Option<Box<str>>,
    },
    ExecutionStarted {
        policy_id: Option<Box<str>>,
        realm_id: Option<Box<str>>,
    },
    ExecutionCompleted {
        policy_id: Option<Box<str>>,
        realm_id: Option<Box<str>>,
        passed: bool,
        duration_us: Number,
    },
    CrossingEvaluated {
        caller: Box<str>,
        from_realm: Option<Box<str>>,
        to_realm: Box<str>,
        allowed: bool,
        mana_used: u64,
    },
    BlueprintAction {
        blueprint: Box<str>,
        version: u64,
        action: BlueprintStep,
        realm_id: Option<Box<str>>,
    },
    SagaProgress {
        saga: Box<str>,
        step: u64,
        state: SagaStep,
        realm_id: Option<Box<str>>,
    },
}

/// A number, or one of those that JSON lacks, as text.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Number {
    Plain(f64),
    Named(Box<str>),
}

/// What is wrong.
struct Wrong(&'static str, Box<str>);

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no {}", self.1, self.0)
    }
}

impl Told {
    fn event(self) -> Result<StateEvent, Wrong> {
        let arc = |name: Option<Box<str>>| name.map(Arc::from);
        Ok(match self {
            Told::PolicyEvaluated {
                policy_id,
                realm_id,
                passed,
                policy_type,
                gas_used,
                mana_used,
                duration_us,
                outcome,
                reason,
            } => StateEvent::PolicyEvaluated {
                policy_id: arc(policy_id),
                realm_id: arc(realm_id),
                passed,
                policy_type: PolicyType::of_name(&policy_type).ok_or(Wrong("type of policy", policy_type))?,
                gas_used,
                mana_used,
                duration_us: duration_us.value()?,
                outcome: outcome_of(outcome, reason)?,
            },
            Told::ExecutionStarted { policy_id, realm_id } => {
                StateEvent::ExecutionStarted { policy_id: arc(policy_id), realm_id: arc(realm_id) }
            }
            Told::ExecutionCompleted { policy_id, realm_id, passed, duration_us } => {
                StateEvent::ExecutionCompleted {
                    policy_id: arc(policy_id),
                    realm_id: arc(realm_id),
                    passed,
                    duration_us: duration_us.value()?,
                }
            }
            Told::CrossingEvaluated { caller, from_realm, to_realm, allowed, mana_used } => {
                StateEvent::CrossingEvaluated {
                    caller: caller.into(),
                    from_realm: arc(from_realm),
                    to_realm: to_realm.into(),
                    allowed,
                    mana_used,
                }
            }
            Told::BlueprintAction { blueprint, version, action, realm_id } => StateEvent::BlueprintAction {
                blueprint: blueprint.into(),
                version,
                action,
                realm_id: arc(realm_id),
            },
            Told::SagaProgress { saga, step, state, realm_id } => {
                StateEvent::SagaProgress { saga: saga.into(), step, state, realm_id: arc(realm_id) }
            }
        })
    }
}

impl Number {
    fn value(self) -> Result<f64, Wrong> {
        match self {
            Number::Plain(x) => Ok(x),
            Number::Named(name) => f64::from_str(&name).map_err(|_| Wrong("number", name)),
        }
    }
}

fn outcome_of(outcome: Box<str>, reason: Option<Box<str>>) -> Result<Outcome, Wrong> {
    let reason = reason.as_deref().unwrap_or("");
    let fault = || Fault::ALL.iter().find(|fault| fault.name() == reason).copied();
    let limit = || Exhaustion::ALL.iter().find(|limit| limit.name() == reason).copied();
    let found = match &*outcome {
        "allow" => Some(Outcome::Allow),
        "deny" => Some(Outcome::Deny),
        "fault" => fault().map(Outcome::Fault),
        "exhausted" => limit().map(Outcome::Exhausted),
        _ => None,
    };
    found.ok_or(Wrong("outcome", outcome))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn events_of_runs_are_read_back_to_the_bit() {
        let mut outcomes = vec![Outcome::Allow, Outcome::Deny];
        outcomes.extend(Fault::ALL.iter().map(|fault| Outcome::Fault(*fault)));
        outcomes.extend(Exhaustion::ALL.iter().map(|reason| Outcome::Exhausted(*reason)));
        let realm_id: Option<Arc<str>> = Some("a \"realm\"\n\u{1f600}".into());
        let mut events = vec![
            StateEvent::ExecutionStarted { policy_id: None, realm_id: realm_id.clone() },
            StateEvent::ExecutionCompleted {
                policy_id: Some("".into()),
                realm_id: None,
                passed: true,
                duration_us: f64::INFINITY,
            },
            StateEvent::CrossingEvaluated {
                caller: "did:x:a".into(),
                from_realm: None,
                to_realm: "lab".into(),
                allowed: false,
                mana_used: u64::MAX,
            },
            StateEvent::BlueprintAction {
                blueprint: "club".into(),
                version: u64::MAX,
                action: BlueprintStep::Deprecated,
                realm_id: None,
            },
            StateEvent::SagaProgress {
                saga: "trip".into(),
                step: 3,
                state: SagaStep::Compensated,
                realm_id: realm_id.clone(),
            },
        ];
        for (at, (outcome, policy_type)) in
            outcomes.into_iter().zip(PolicyType::ALL.into_iter().cycle()).enumerate()
        {
            events.push(StateEvent::PolicyEvaluated {
                policy_id: (at % 2 == 0).then(|| "door".into()),
                realm_id: realm_id.clone(),
                passed: outcome == Outcome::Allow,
                policy_type,
                gas_used: u64::MAX,
                mana_used: 7,
                duration_us: 0.1 + at as f64 / 3.0,
                outcome,
            });
        }
        for event in events {
            let json = serde_json::to_vec(&event).unwrap();
            assert_eq!(json, event_json(&event));
            assert_eq!(serde_json::from_slice::<StateEvent>(&json).unwrap(), event);
        }
        for wrong in [
            &b"{\"Events\":{\"first\":1,\"next\":2}}"[..],
            b"{\"IdentityCreated\":{\"did\":\"did:x:a\"}}",
            b"{\"PolicyEvaluated\":{}}",
        ] {
            assert!(serde_json::from_slice::<StateEvent>(wrong).is_err());
        }
        let json = String::from_utf8(event_json(&StateEvent::PolicyEvaluated {
            policy_id: None,
            realm_id: None,
            passed: false,
            policy_type: PolicyType::Api,
            gas_used: 1,
            mana_used: 0,
            duration_us: 1.0,
            outcome: Outcome::Exhausted(Exhaustion::Timeout),
        }))
        .unwrap();
        for (from, to) in [("\"Timeout\"", "\"Tea\""), ("\"Api\"", "\"Tea\""), ("\"exhausted\"", "\"tea\"")] {
            let error = serde_json::from_str::<StateEvent>(&json.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains("is no"), "{error}");
        }
    }
}
