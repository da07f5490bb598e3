//! The shortest policies: one component of `trust` compared with a constant, as in `trust.r >= 0.5`. They need no registers.

use super::code::{COMPONENT_SHIFT, Quick, QuickOp, holds};
use super::input::is_plain;
use super::plan::standard;
use crate::limits::MAX_TEXT_BYTES;
use crate::program::StdInput;
use crate::request::{Env, Request};
use crate::value::{TrustVector, ValueRef};

/// The instruction that such a policy is, of whose request nothing but `trust` is asked.
pub(super) fn plan(first: Option<&QuickOp>, standard_in: [u8; 4]) -> Option<QuickOp> {
    let [_, _, trust, _] = standard_in;
    let fits = |op: &&QuickOp| {
        op.code == Quick::FieldReturnK && op.a == trust && trust != standard(StdInput::Trust as u8)
    };
    first.filter(fits).copied()
}

/// The answer and the Network units; None where the request is not of the ordinary kind.
#[inline(always)]
pub(super) fn run(op: &QuickOp, request: &Request<'_>, env: &Env<'_>) -> Option<(bool, u64)> {
    let read;
    let (vector, network) = match (request.trust, request.caller, env.host) {
        (ValueRef::Trust(given), ValueRef::Missing | ValueRef::Did(_), None) if is_plain(given) => (given, 0),
        (ValueRef::Missing, ValueRef::Did(caller), Some(host)) => {
            read = host.trust(caller.as_str()).ok()?.unwrap_or(TrustVector::NEWCOMER);
            (&read, 5)
        }
        _ => return None,
    };
    match request.realm {
        ValueRef::Missing => {}
        ValueRef::Text(id) if id.len() <= MAX_TEXT_BYTES => {}
        _ => return None,
    }
    let component = vector.0.get(usize::from(op.x >> COMPONENT_SHIFT)).copied().unwrap_or(0.0);
    Some((holds(op.x, component, f64::from_bits(op.k)), network))
}
