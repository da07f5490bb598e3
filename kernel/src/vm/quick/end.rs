//! How a quick run ends, and its bill on the way there.

use super::reads::Given;
use crate::fault::{Exhaustion, Fault};
use crate::vm::meter::look;

/// How a quick run ended, and its bill, without the Compute units of the code up to `pc`.
pub(super) struct End {
    pub(super) how: How,
    pub(super) pc: usize,
    pub(super) network: u64,
    pub(super) compute: i64,
}

pub(super) enum How {
    Return(u64),
    Deny(Option<u16>),
    /// A fault of a straight instruction, which is still to be charged, with what came before it in its straight run.
    Fault(Fault),
    Exhausted(Exhaustion),
    /// Something that the full machine must decide.
    Leave,
}

/// What was granted so far, and the units of the layer that is not counted there.
pub(super) struct Bill {
    pub(super) granted: i64,
    pub(super) network: u64,
}

/// Looks at the limit and at the clock, and grants another window.
#[cold]
#[inline(never)]
pub(super) fn look_now(
    given: &Given<'_, '_>,
    to: usize,
    left: i64,
    bill: &mut Bill,
    started: &mut Option<u64>,
) -> Result<(), How> {
    // Without this, what has no end would have none here.
    let compute = bill.granted.wrapping_sub(left);
    let spent = given.plan.units_before(to).saturating_add_signed(compute).saturating_add(bill.network);
    if spent > given.env.limits.gas_limit {
        return Err(How::Leave);
    }
    match look(given.env, started) {
        Ok(()) => {
            bill.granted = compute.wrapping_add(given.plan.window);
            Ok(())
        }
        Err(reason) => Err(How::Exhausted(reason)),
    }
}
