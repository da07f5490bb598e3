//! What decides a run again: the policy, the request and the surroundings that it was given, and the receipt that came of
//! it. A journal keeps it beside the run's event, where whoever commits wants that.

use crate::kernel::budget::{Budget, BudgetLimits};
use crate::kernel::fault::{Exhaustion, Fault};
use crate::kernel::gas::Prices;
use crate::kernel::receipt::{Detail, Receipt};
use crate::kernel::request::Request;
use crate::kernel::value::{Did, Value, ValueRef};
use crate::kernel::vm::Executable;
use bumpalo::Bump;
use eclvm_kernel::encode::encode;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// A policy as bytecode, under the SHA-256 of it. Make it once for many runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordedPolicy {
    /// The hash: a journal keeps each bytecode once.
    pub hash: [u8; 32],
    /// `.eclb` bytecode with this policy alone.
    pub bytecode: Box<[u8]>,
}

impl RecordedPolicy {
    /// Encodes a policy.
    pub fn new(policy: &Executable) -> RecordedPolicy {
        let bytecode = encode(&[policy.program()]).into_boxed_slice();
        RecordedPolicy { hash: Sha256::digest(&bytecode).into(), bytecode }
    }
}

/// One input as it was given.
#[derive(Clone, PartialEq, Debug)]
pub enum Given {
    /// Not at all.
    Missing,
    /// What could not be read as the input's type.
    Invalid(Fault),
    /// This value.
    Value(Value),
}

/// What a budget that many runs share had left when a run began.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SharedLeft {
    /// Gas.
    pub gas: u64,
    /// Mana.
    pub mana: u64,
    /// Why it granted nothing any more, if so.
    pub exhausted: Option<Exhaustion>,
}

impl SharedLeft {
    /// A budget as it was then.
    pub fn budget(self) -> Budget {
        let limits = BudgetLimits { gas_limit: self.gas, mana_limit: self.mana, ..BudgetLimits::UNBOUNDED };
        let budget = Budget::new(limits);
        if let Some(reason) = self.exhausted {
            budget.exhaust(reason);
        }
        budget
    }
}

/// Bytes of keys that nobody knows, with their values, that are kept with a run.
pub const MAX_UNKNOWN_BYTES: usize = 64 << 10;

/// A run, in full.
#[derive(Clone, Debug)]
pub struct RunRecord {
    /// The policy that decided.
    pub policy: Arc<RecordedPolicy>,
    /// Its inputs, in the order of the policy.
    pub inputs: Vec<Given>,
    /// Who asked.
    pub caller: Given,
    /// In which realm.
    pub realm: Given,
    /// The caller's trust, where there was no host state.
    pub trust: Given,
    /// Whether there were keys that nobody knows.
    pub unknown_keys: bool,
    /// These, as a JSON object, for another policy that knows them. None where there are none or they were not kept: not every
    /// form of requests has them as JSON, and there may be at most [`MAX_UNKNOWN_BYTES`].
    pub unknown: Option<Box<str>>,
    /// The standard input `now`.
    pub now: f64,
    /// The run's own limits.
    pub limits: BudgetLimits,
    /// What units cost.
    pub prices: Prices,
    /// Whether writes were granted.
    pub allow_writes: bool,
    /// What a budget shared with other runs had left; None where there was none.
    pub shared: Option<SharedLeft>,
    /// What it came to, without its effects: they are the events before the run's own. Its version is the one that was
    /// read.
    pub receipt: Receipt,
}

impl RunRecord {
    /// Records a request and its receipt. The surroundings are those of a run on a state without a shared budget: default
    /// limits and prices, writes granted. Set what differs.
    pub fn new(
        policy: &Arc<RecordedPolicy>,
        request: &Request<'_>,
        now: f64,
        receipt: &Receipt,
    ) -> RunRecord {
        let detail = receipt.detail.as_ref().map(|detail| Detail {
            log: detail.log.clone(),
            value: detail.value.clone(),
            effects: Vec::new(),
        });
        let detail = detail.filter(|detail| *detail != Detail::default()).map(Box::new);
        RunRecord {
            policy: Arc::clone(policy),
            inputs: request.inputs.iter().map(Given::from).collect(),
            caller: Given::from(&request.caller),
            realm: Given::from(&request.realm),
            trust: Given::from(&request.trust),
            unknown_keys: request.unknown_keys,
            unknown: None,
            now,
            limits: BudgetLimits::default(),
            prices: Prices::default(),
            allow_writes: true,
            shared: None,
            receipt: Receipt {
                outcome: receipt.outcome,
                message: receipt.message,
                span: receipt.span,
                gas: receipt.gas,
                cost: receipt.cost,
                mana: receipt.mana,
                version: receipt.version,
                detail,
            },
        }
    }
    /// Bytes that it counts in a transaction: its texts and values, and a fixed number for the rest.
    pub(crate) fn bytes(&self) -> u64 {
        let of = |given: &Given| match given {
            Given::Value(value) => 32 + value.bytes() + 64 * value.elements(),
            _ => 32,
        };
        let inputs: u64 = self.inputs.iter().chain([&self.caller, &self.realm, &self.trust]).map(of).sum();
        let log: u64 = self.receipt.log().iter().map(|line| 16 + line.len() as u64).sum();
        256 + inputs + log + self.unknown.as_ref().map_or(0, |json| json.len() as u64)
    }
}

impl From<&ValueRef<'_>> for Given {
    fn from(given: &ValueRef<'_>) -> Given {
        match given {
            ValueRef::Missing => Given::Missing,
            ValueRef::Invalid(fault) => Given::Invalid(*fault),
            other => owned(other).map_or(Given::Invalid(Fault::TypeMismatch), Given::Value),
        }
    }
}

/// None where a part of it was not given or could not be read, which inside of an array nothing decodes to.
fn owned(given: &ValueRef<'_>) -> Option<Value> {
    Some(match given {
        ValueRef::Missing | ValueRef::Invalid(_) => return None,
        ValueRef::Null => Value::Null,
        ValueRef::Number(x) => Value::Number(*x),
        ValueRef::Bool(x) => Value::Bool(*x),
        ValueRef::Text(text) => Value::Text((*text).into()),
        ValueRef::Did(did) => Value::Did(did.as_str().into()),
        ValueRef::Trust(trust) => Value::Trust(**trust),
        ValueRef::Array(items) => Value::Array(items.iter().map(owned).collect::<Option<Box<[Value]>>>()?),
    })
}

impl Given {
    /// As a run takes it.
    pub fn borrow<'b>(&'b self, bump: &'b Bump) -> ValueRef<'b> {
        match self {
            Given::Missing => ValueRef::Missing,
            Given::Invalid(fault) => ValueRef::Invalid(*fault),
            Given::Value(value) => borrowed(value, bump),
        }
    }
}

/// Values nest no deeper than types do, and readers of stored values hold them to that.
fn borrowed<'b>(value: &'b Value, bump: &'b Bump) -> ValueRef<'b> {
    match value {
        Value::Null => ValueRef::Null,
        Value::Number(x) => ValueRef::Number(*x),
        Value::Bool(x) => ValueRef::Bool(*x),
        Value::Text(text) => ValueRef::Text(text),
        Value::Did(did) => Did::new(did).map_or(ValueRef::Invalid(Fault::InvalidDid), ValueRef::Did),
        Value::Trust(trust) => ValueRef::Trust(trust),
        Value::Array(items) => {
            ValueRef::Array(bump.alloc_slice_fill_iter(items.iter().map(|item| borrowed(item, bump))))
        }
    }
}
