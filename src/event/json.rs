//! Events as JSON: one object with the event's name as its only key, and its fields in their order.

use super::{RealmChange, StateEvent};
use crate::kernel::effects::StoreValue;
use crate::kernel::fault::Outcome;
use crate::kernel::gas::{GasLayer, GasUnits};
use crate::kernel::value::Value;
use crate::policy_type::PolicyType;
use crate::wire::receipt::{write_number, write_text, write_value};
use std::fmt::Write;

/// An event as JSON. Balances and amounts, which go beyond what readers of JSON take for whole numbers, are texts; of
/// records and policies only names are told.
pub fn event_json(event: &StateEvent) -> Vec<u8> {
    let mut fields = Fields(Vec::with_capacity(192));
    let out = &mut fields;
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
        } => {
            return Told {
                policy_id: policy_id.as_deref(),
                realm_id: realm_id.as_deref(),
                passed: *passed,
                policy_type: *policy_type,
                gas_used: *gas_used,
                mana_used: *mana_used,
                duration_us: *duration_us,
                outcome: *outcome,
            }
            .json();
        }
        StateEvent::ExecutionStarted { policy_id, realm_id } => {
            out.open("ExecutionStarted").maybe("policy_id", policy_id).maybe("realm_id", realm_id)
        }
        StateEvent::ExecutionCompleted { policy_id, realm_id, passed, duration_us } => {
            out.open("ExecutionCompleted").maybe("policy_id", policy_id).maybe("realm_id", realm_id);
            out.bool("passed", *passed).number("duration_us", *duration_us)
        }
        StateEvent::CrossingEvaluated { caller, from_realm, to_realm, allowed, mana_used } => {
            out.open("CrossingEvaluated").text("caller", caller).maybe("from_realm", from_realm);
            out.text("to_realm", to_realm).bool("allowed", *allowed).whole("mana_used", *mana_used)
        }
        StateEvent::BlueprintAction { blueprint, version, action, realm_id } => {
            out.open("BlueprintAction").text("blueprint", blueprint).whole("version", *version);
            out.text("action", &format!("{action:?}")).maybe("realm_id", realm_id)
        }
        StateEvent::SagaProgress { saga, step, state, realm_id } => {
            out.open("SagaProgress").text("saga", saga).whole("step", *step);
            out.text("state", &format!("{state:?}")).maybe("realm_id", realm_id)
        }
        StateEvent::TrustUpdate { did, delta, new, reason, realm_id } => {
            out.open("TrustUpdate").text("did", did).number("delta", *delta);
            out.value("new", &Value::Trust(*new)).text("reason", &format!("{reason:?}"));
            out.maybe("realm_id", realm_id)
        }
        StateEvent::VoteCast { realm_id, proposal, voter, yes } => {
            out.open("VoteCast").text("realm_id", realm_id).text("proposal", proposal);
            out.text("voter", voter).bool("yes", *yes)
        }
        StateEvent::ProposalCreated { realm_id, proposal, proposer, text } => {
            out.open("ProposalCreated").text("realm_id", realm_id).text("proposal", proposal);
            out.text("proposer", proposer).text("text", text)
        }
        StateEvent::StoreWritten { realm_id, key, value } => {
            out.open("StoreWritten").text("realm_id", realm_id).text("key", key);
            match value {
                None => out.raw("value", "null"),
                Some(StoreValue::Bool(is)) => out.bool("value", *is),
                Some(StoreValue::Number(x)) => out.number("value", *x),
                Some(StoreValue::Text(text)) => out.text("value", text),
            }
        }
        StateEvent::UserEvent { realm_id, name, payload } => {
            out.open("UserEvent").text("realm_id", realm_id).text("name", name).value("payload", payload)
        }
        StateEvent::Transferred { from, to, amount } => {
            out.open("Transferred").text("from", from).text("to", to).text("amount", &amount.to_string())
        }
        StateEvent::CredentialChanged { did, schema, holds } => {
            out.open("CredentialChanged").text("did", did).text("schema", schema).bool("holds", *holds)
        }
        StateEvent::IdentityCreated(record) => out.open("IdentityCreated").text("did", &record.did),
        StateEvent::RealmCreated(record) => out.open("RealmCreated").text("id", &record.id),
        StateEvent::RealmChanged { realm_id, change } => {
            out.open("RealmChanged").text("realm_id", realm_id);
            match change {
                RealmChange::Quarantined(on) => out.bool("quarantined", *on),
                RealmChange::TrustThreshold(x) => out.number("trust_threshold", *x),
                RealmChange::Policies(policies) => {
                    out.names("policies", policies.iter().map(|policy| &*policy.name))
                }
                RealmChange::Quota(quota) => out.raw("quota", &quota.map_or("null".into(), units)),
                RealmChange::Member { did, member } => out.text("did", did).bool("member", *member),
            }
        }
    };
    fields.close()
}

/// A run as it is told of. Who runs policies while somebody listens waits for its JSON, so that it is put together of few
/// pieces.
pub(crate) struct Told<'r> {
    pub(crate) policy_id: Option<&'r str>,
    pub(crate) realm_id: Option<&'r str>,
    pub(crate) passed: bool,
    pub(crate) policy_type: PolicyType,
    pub(crate) gas_used: u64,
    pub(crate) mana_used: u64,
    pub(crate) duration_us: f64,
    pub(crate) outcome: Outcome,
}

impl Told<'_> {
    pub(crate) fn json(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(320);
        put(&mut out, "{\"PolicyEvaluated\":{\"policy_id\":");
        maybe(&mut out, self.policy_id);
        put(&mut out, ",\"realm_id\":");
        maybe(&mut out, self.realm_id);
        put(&mut out, if self.passed { ",\"passed\":true" } else { ",\"passed\":false" });
        put(&mut out, ",\"policy_type\":\"");
        put(&mut out, self.policy_type.name());
        put(&mut out, "\",\"gas_used\":");
        put(&mut out, itoa::Buffer::new().format(self.gas_used));
        put(&mut out, ",\"mana_used\":");
        put(&mut out, itoa::Buffer::new().format(self.mana_used));
        put(&mut out, ",\"duration_us\":");
        write_number(&mut out, self.duration_us);
        put(&mut out, ",\"outcome\":\"");
        put(&mut out, self.outcome.name());
        let reason = match self.outcome {
            Outcome::Allow | Outcome::Deny => None,
            Outcome::Fault(fault) => Some(fault.name()),
            Outcome::Exhausted(reason) => Some(reason.name()),
        };
        match reason {
            None => put(&mut out, "\",\"reason\":null}}"),
            Some(reason) => {
                put(&mut out, "\",\"reason\":\"");
                put(&mut out, reason);
                put(&mut out, "\"}}");
            }
        }
        out
    }
}

#[inline]
fn put(out: &mut Vec<u8>, plain: &str) {
    out.extend_from_slice(plain.as_bytes());
}
fn maybe(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => write_text(out, text),
        None => put(out, "null"),
    }
}

fn units(units: GasUnits) -> String {
    let mut out = String::new();
    for layer in GasLayer::ALL {
        let mark = if out.is_empty() { '{' } else { ',' };
        let _ = write!(out, "{mark}\"{}\":{}", layer.name(), units[layer]);
    }
    out + "}"
}

/// An object under way.
struct Fields(Vec<u8>);

impl Fields {
    fn open(&mut self, event: &str) -> &mut Fields {
        self.0.extend_from_slice(b"{\"");
        self.0.extend_from_slice(event.as_bytes());
        self.0.extend_from_slice(b"\":{");
        self
    }
    fn key(&mut self, name: &str) {
        if self.0.last() != Some(&b'{') {
            self.0.push(b',');
        }
        self.0.push(b'"');
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b"\":");
    }
    fn raw(&mut self, name: &str, json: &str) -> &mut Fields {
        self.key(name);
        self.0.extend_from_slice(json.as_bytes());
        self
    }
    fn text(&mut self, name: &str, text: &str) -> &mut Fields {
        self.key(name);
        write_text(&mut self.0, text);
        self
    }
    fn maybe(&mut self, name: &str, text: &Option<impl AsRef<str>>) -> &mut Fields {
        match text {
            Some(text) => self.text(name, text.as_ref()),
            None => self.raw(name, "null"),
        }
    }
    fn bool(&mut self, name: &str, is: bool) -> &mut Fields {
        self.raw(name, if is { "true" } else { "false" })
    }
    fn whole(&mut self, name: &str, n: u64) -> &mut Fields {
        self.raw(name, itoa::Buffer::new().format(n))
    }
    fn number(&mut self, name: &str, x: f64) -> &mut Fields {
        self.key(name);
        write_number(&mut self.0, x);
        self
    }
    fn value(&mut self, name: &str, value: &Value) -> &mut Fields {
        self.key(name);
        write_value(&mut self.0, value);
        self
    }
    fn names<'n>(&mut self, name: &str, names: impl Iterator<Item = &'n str>) -> &mut Fields {
        self.key(name);
        let mut mark = b'[';
        for name in names {
            self.0.push(mark);
            write_text(&mut self.0, name);
            mark = b',';
        }
        if mark == b'[' {
            self.0.push(mark);
        }
        self.0.push(b']');
        self
    }
    fn close(mut self) -> Vec<u8> {
        self.0.extend_from_slice(b"}}");
        self.0
    }
}
