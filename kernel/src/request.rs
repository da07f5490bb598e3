//! What a run is given: the request, and the surroundings it runs in.

use crate::budget::{Budget, BudgetLimits};
use crate::gas::Prices;
use crate::host::HostInterface;
use crate::value::ValueRef;

/// One request. Inputs stand in the order of [`crate::program::Program::inputs`]; a shorter slice means that the rest
/// is missing, a longer one holds keys that nobody knows.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Declared (or inferred) inputs, by index.
    pub inputs: &'a [ValueRef<'a>],
    /// Who asks: Missing, or a DID.
    pub caller: ValueRef<'a>,
    /// In which realm: Missing, or text.
    pub realm: ValueRef<'a>,
    /// The caller's trust vector where there is no host state. With host state it must be Missing: the host's is the
    /// truth, and the key is an unknown one.
    pub trust: ValueRef<'a>,
    /// Whether there were keys that nobody knows: a TypeMismatch, after all other input faults.
    pub unknown_keys: bool,
}

impl<'a> Request<'a> {
    /// A request with these inputs and nothing else.
    pub const fn new(inputs: &'a [ValueRef<'a>]) -> Request<'a> {
        Request {
            inputs,
            caller: ValueRef::Missing,
            realm: ValueRef::Missing,
            trust: ValueRef::Missing,
            unknown_keys: false,
        }
    }
}

/// Nanoseconds since some fixed moment; never goes back. The kernel has no clock of its own.
pub trait Clock: Send + Sync {
    /// The time.
    fn now_ns(&self) -> u64;
}

/// A clock that stands still: runs under it never time out.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoClock;

impl Clock for NoClock {
    fn now_ns(&self) -> u64 {
        0
    }
}

/// What a run runs in. The same for a whole batch.
#[derive(Clone, Copy)]
pub struct Env<'e> {
    /// The world; None where there is no host state.
    pub host: Option<&'e dyn HostInterface>,
    /// Whether writes and events are granted. Where they are not, a policy that writes is EffectNotAllowed.
    pub allow_writes: bool,
    /// The standard input `now`, Unix seconds. It must be finite: a run on any other value is a TypeMismatch.
    pub now: f64,
    /// The run's own limits.
    pub limits: BudgetLimits,
    /// What units cost.
    pub prices: Prices,
    /// A budget shared with other runs, asked after the run's own limits.
    pub shared: Option<&'e Budget>,
    /// A budget whose cancellation or timeout ends the run, though it does not pay for it: a batch settles its bills
    /// itself, in order.
    pub watch: Option<&'e Budget>,
    /// A moment on the clock after which the run ends with a timeout, besides its own limit.
    pub deadline_ns: Option<u64>,
    /// The time, for the timeout.
    pub clock: &'e dyn Clock,
}

impl Default for Env<'_> {
    fn default() -> Self {
        Env {
            host: None,
            allow_writes: false,
            now: 0.0,
            limits: BudgetLimits::default(),
            prices: Prices::default(),
            shared: None,
            watch: None,
            deadline_ns: None,
            clock: &NoClock,
        }
    }
}
