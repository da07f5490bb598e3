//! Events as JSON, under the names that they have in the library.

use eclvm::kernel::effects::StoreValue;
use eclvm::kernel::fault::Outcome;
use eclvm::kernel::value::{TrustVector, Value};
use eclvm::state::{RealmChange, RealmPolicy, StateEvent, TrustReason};
use eclvm::wire::value_json;
use serde_json::{Value as Json, json};

/// The name of an event, and its fields.
pub(crate) fn event_json(event: &StateEvent) -> (&'static str, Json) {
    match event {
        StateEvent::PolicyEvaluated {
            policy_id,
            realm_id,
            passed,
            policy_type,
            gas_used,
            mana_used,
            duration_us,
            outcome,
        } => (
            "PolicyEvaluated",
            json!({
                "policy_id": policy_id.as_deref(), "realm_id": realm_id.as_deref(), "passed": passed,
                "policy_type": format!("{policy_type:?}"), "gas_used": gas_used, "mana_used": mana_used,
                "duration_us": number(*duration_us), "outcome": outcome.name(), "reason": reason(*outcome),
            }),
        ),
        StateEvent::ExecutionStarted { policy_id, realm_id } => {
            ("ExecutionStarted", json!({"policy_id": policy_id.as_deref(), "realm_id": realm_id.as_deref()}))
        }
        StateEvent::ExecutionCompleted { policy_id, realm_id, passed, duration_us } => (
            "ExecutionCompleted",
            json!({
                "policy_id": policy_id.as_deref(), "realm_id": realm_id.as_deref(), "passed": passed,
                "duration_us": number(*duration_us),
            }),
        ),
        StateEvent::CrossingEvaluated { caller, from_realm, to_realm, allowed, mana_used } => (
            "CrossingEvaluated",
            json!({
                "caller": &**caller, "from_realm": from_realm.as_deref(), "to_realm": &**to_realm,
                "allowed": allowed, "mana_used": mana_used,
            }),
        ),
        StateEvent::BlueprintAction { blueprint, version, action, realm_id } => (
            "BlueprintAction",
            json!({
                "blueprint": &**blueprint, "version": version, "action": format!("{action:?}"),
                "realm_id": realm_id.as_deref(),
            }),
        ),
        StateEvent::SagaProgress { saga, step, state, realm_id } => (
            "SagaProgress",
            json!({
                "saga": &**saga, "step": step, "state": format!("{state:?}"), "realm_id": realm_id.as_deref(),
            }),
        ),
        StateEvent::TrustUpdate { did, delta, new, reason, realm_id } => (
            "TrustUpdate",
            json!({
                "did": &**did, "delta": number(*delta), "new": trust(new), "realm_id": realm_id.as_deref(),
                "reason": match reason {
                    TrustReason::EclPolicy => "EclPolicy",
                    TrustReason::Administration => "Administration",
                },
            }),
        ),
        StateEvent::VoteCast { realm_id, proposal, voter, yes } => (
            "VoteCast",
            json!({"realm_id": &**realm_id, "proposal": &**proposal, "voter": &**voter, "yes": yes}),
        ),
        StateEvent::ProposalCreated { realm_id, proposal, proposer, text } => (
            "ProposalCreated",
            json!({
                "realm_id": &**realm_id, "proposal": &**proposal, "proposer": &**proposer, "text": &**text,
            }),
        ),
        StateEvent::StoreWritten { realm_id, key, value } => (
            "StoreWritten",
            json!({"realm_id": &**realm_id, "key": &**key, "value": value.as_ref().map(stored)}),
        ),
        StateEvent::UserEvent { realm_id, name, payload } => {
            ("UserEvent", json!({"realm_id": &**realm_id, "name": &**name, "payload": value(payload)}))
        }
        StateEvent::Transferred { from, to, amount } => {
            // In digits: it may be larger than any number that JSON libraries know.
            ("Transferred", json!({"from": &**from, "to": &**to, "amount": amount.to_string()}))
        }
        StateEvent::CredentialChanged { did, schema, holds } => {
            ("CredentialChanged", json!({"did": &**did, "schema": &**schema, "holds": holds}))
        }
        StateEvent::IdentityCreated(record) => (
            "IdentityCreated",
            json!({
                "did": &*record.did, "display_name": record.display_name.as_deref(),
                "trust": trust(&record.trust), "balance": record.balance.to_string(),
                "credentials": record.credentials, "realms": record.realms, "created_at": record.created_at,
            }),
        ),
        StateEvent::RealmCreated(record) => (
            "RealmCreated",
            json!({
                "id": &*record.id, "name": record.name.as_deref(), "owner": record.owner.as_deref(),
                "members": record.members.iter().map(|did| &**did).collect::<Vec<&str>>(),
                "trust_threshold": number(record.trust_threshold), "quarantined": record.quarantined,
                "store": record.store.iter().map(|(key, value)| (key.to_string(), stored(value)))
                    .collect::<serde_json::Map<String, Json>>(),
                "policies": policies(&record.policies), "created_at": record.created_at,
            }),
        ),
        StateEvent::RealmChanged { realm_id, change } => {
            ("RealmChanged", json!({"realm_id": &**realm_id, "change": changed(change)}))
        }
    }
}

fn changed(change: &RealmChange) -> Json {
    match change {
        RealmChange::Quarantined(on) => json!({"quarantined": on}),
        RealmChange::TrustThreshold(x) => json!({"trust_threshold": number(*x)}),
        RealmChange::Policies(all) => json!({"policies": policies(all)}),
        RealmChange::Quota(quota) => json!({"quota": quota.map(|units| {
            json!([units.network, units.compute, units.storage, units.realm])
        })}),
        RealmChange::Member { did, member } => json!({"did": &**did, "member": member}),
    }
}

/// Names and sources; null where a policy came as bytecode.
fn policies(policies: &[RealmPolicy]) -> Json {
    let entry = |policy: &RealmPolicy| (policy.name.to_string(), json!(policy.source.as_deref()));
    Json::Object(policies.iter().map(entry).collect())
}

fn reason(outcome: Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Allow | Outcome::Deny => None,
        Outcome::Fault(fault) => Some(fault.name()),
        Outcome::Exhausted(reason) => Some(reason.name()),
    }
}

/// As receipts write it.
fn value(value: &Value) -> Json {
    serde_json::from_str(&value_json(value)).unwrap_or(Json::Null)
}
fn number(x: f64) -> Json {
    value(&Value::Number(x))
}
fn trust(vector: &TrustVector) -> Json {
    value(&Value::Trust(*vector))
}
fn stored(stored: &StoreValue) -> Json {
    match stored {
        StoreValue::Text(text) => json!(text),
        StoreValue::Number(x) => number(*x),
        StoreValue::Bool(x) => json!(x),
    }
}
