//! One thing to compare engines on: a source, what its run is given, and under which limits it runs.

use crate::world::RefWorld;
use bumpalo::Bump;
use eclvm_kernel::budget::BudgetLimits;
use eclvm_kernel::fault::Fault;
use eclvm_kernel::gas::{GasUnits, Prices};
use eclvm_kernel::request::Request;
use eclvm_kernel::value::{Did, TrustVector, ValueRef};
use std::sync::Arc;

/// What a request gives for one input. Owned, so that it can be kept, changed and printed.
#[derive(Clone, PartialEq, Debug)]
pub enum Given {
    /// Nothing.
    Missing,
    /// Something that could not be read: the fault it is.
    Invalid(Fault),
    /// null
    Null,
    /// A number, finite or not.
    Number(f64),
    /// A truth value.
    Bool(bool),
    /// Text.
    Text(String),
    /// A well-formed DID.
    Did(String),
    /// Six numbers, in [0, 1] or not.
    Trust([f64; 6]),
    /// An array.
    Array(Vec<Given>),
}

impl Given {
    /// In the form that engines take.
    pub fn lend<'a>(&'a self, bump: &'a Bump) -> ValueRef<'a> {
        match self {
            Given::Missing => ValueRef::Missing,
            Given::Invalid(fault) => ValueRef::Invalid(*fault),
            Given::Null => ValueRef::Null,
            Given::Number(n) => ValueRef::Number(*n),
            Given::Bool(b) => ValueRef::Bool(*b),
            Given::Text(s) => ValueRef::Text(s),
            Given::Did(d) => ValueRef::Did(Did::new(d).expect("generators make sound DIDs")),
            Given::Trust(t) => ValueRef::Trust(bump.alloc(TrustVector(*t))),
            Given::Array(items) => {
                ValueRef::Array(bump.alloc_slice_fill_iter(items.iter().map(|item| item.lend(bump))))
            }
        }
    }
}

/// A request.
#[derive(Clone, PartialEq, Debug)]
pub struct Ask {
    /// Declared or inferred inputs, in order.
    pub inputs: Vec<Given>,
    /// Who asks.
    pub caller: Given,
    /// In which realm.
    pub realm: Given,
    /// The caller's trust, where there is no host state.
    pub trust: Given,
    /// Whether there was a key that nobody knows.
    pub unknown_keys: bool,
}

impl Default for Ask {
    fn default() -> Ask {
        Ask {
            inputs: Vec::new(),
            caller: Given::Missing,
            realm: Given::Missing,
            trust: Given::Missing,
            unknown_keys: false,
        }
    }
}

impl Ask {
    /// In the form that engines take.
    pub fn lend<'a>(&'a self, bump: &'a Bump) -> Request<'a> {
        Request {
            inputs: bump.alloc_slice_fill_iter(self.inputs.iter().map(|given| given.lend(bump))),
            caller: self.caller.lend(bump),
            realm: self.realm.lend(bump),
            trust: self.trust.lend(bump),
            unknown_keys: self.unknown_keys,
        }
    }
}

/// The surroundings of a run.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The world; None where there is no host state.
    pub world: Option<Arc<RefWorld>>,
    /// Whether writes are granted.
    pub allow_writes: bool,
    /// The standard input `now`.
    pub now: f64,
    /// The run's own limit on cost.
    pub gas_limit: u64,
    /// The run's own limit on mana.
    pub mana_limit: u64,
    /// The deepest call.
    pub max_depth: u32,
    /// Price of one unit: network, compute, storage, realm.
    pub prices: [u64; 4],
    /// What is left, in gas and mana, of a budget shared with other runs.
    pub shared: Option<(u64, u64)>,
}

impl Default for Setting {
    fn default() -> Setting {
        let limits = BudgetLimits::default();
        Setting {
            world: None,
            allow_writes: true,
            now: 1_700_000_000.0,
            gas_limit: limits.gas_limit,
            mana_limit: limits.mana_limit,
            max_depth: 64,
            prices: [1; 4],
            shared: None,
        }
    }
}

impl Setting {
    /// The limits, as engines take them; time is never short.
    pub fn limits(&self) -> BudgetLimits {
        BudgetLimits {
            gas_limit: self.gas_limit,
            mana_limit: self.mana_limit,
            max_stack_depth: self.max_depth,
            timeout_ms: u64::MAX,
        }
    }
    /// The prices, as engines take them.
    pub fn price_table(&self) -> Prices {
        let [network, compute, storage, realm] = self.prices;
        Prices(GasUnits { network, compute, storage, realm })
    }
}

/// All of it.
#[derive(Clone, Debug)]
pub struct Case {
    /// What the generators made it of; printed with a difference.
    pub seed: u64,
    /// The source; its policies are all run.
    pub source: String,
    /// What is asked.
    pub ask: Ask,
    /// Requests that stand beside it in lanes.
    pub beside: Vec<Ask>,
    /// Under which limits.
    pub setting: Setting,
}
