//! What quick runs ask: about texts and arrays, and of the host. One call each, so that the loop stays small.

use super::REGISTERS;
use super::code::{DIFFERS, FREE_BYTES, Quick, QuickOp};
use super::plan::{QuickPlan, standard};
use crate::fault::Fault;
use crate::host::{HostInterface, RealmFacts};
use crate::isa::{CONST_B, CONST_C};
use crate::program::StdInput;
use crate::request::Env;
use crate::types::Ty;
use crate::value::TrustVector;
use crate::vm::frame::Frame;
use crate::vm::memory::{Constants, Memory, NULL, Totals, text_len};
use crate::vm::plan::Executable;
use crate::vm::step::{self, contains_units, pieces, whole};

/// What a quick run does not change.
#[derive(Clone, Copy)]
pub(super) struct Given<'r, 'a> {
    pub(super) exe: &'r Executable,
    pub(super) plan: &'r QuickPlan,
    pub(super) env: &'r Env<'a>,
    pub(super) realm: Option<&'a str>,
}

/// The operands, one of which may be the constant in `k`.
#[inline(always)]
fn operands(registers: &[u64; REGISTERS], op: &QuickOp) -> (u64, u64) {
    let b = if op.x & CONST_B != 0 { op.k } else { get(registers, op.b) };
    let c = if op.x & CONST_C != 0 { op.k } else { get(registers, op.c as u8) };
    (b, c)
}

#[inline(always)]
fn get(registers: &[u64; REGISTERS], r: u8) -> u64 {
    registers.get(usize::from(r)).copied().unwrap_or(0)
}

#[inline(always)]
pub(super) fn set(registers: &mut [u64; REGISTERS], r: u8, value: u64) {
    if let Some(slot) = registers.get_mut(usize::from(r)) {
        *slot = value;
    }
}

/// `==` (or `!=`) of DIDs.
#[inline(never)]
pub(super) fn same_did(
    given: &Given<'_, '_>,
    memory: &Memory<'_>,
    registers: &[u64; REGISTERS],
    op: &QuickOp,
) -> bool {
    let (b, c) = operands(registers, op);
    let text = |slot: u64| memory.text(&given.exe.constants, slot);
    let equal =
        if b == NULL || c == NULL { b == c } else { text_len(b) == text_len(c) && text(b) == text(c) };
    equal != (op.x & DIFFERS != 0)
}

/// Units of `==` between texts.
#[inline(always)]
pub(super) fn equal_units(b: u64, c: u64) -> u64 {
    if b == NULL || c == NULL { 1 } else { 1 + pieces(text_len(b) + text_len(c), 32) }
}

/// Units of looking for a text or a DID in a list.
#[inline(always)]
fn search_units(hay: Totals, b: u64, x: u8) -> u64 {
    let bytes = if b == NULL || x & FREE_BYTES != 0 { 0 } else { text_len(b) };
    1 + pieces(hay.elements, 8) + pieces(hay.text.saturating_add(bytes), 32)
}

/// Runs an instruction on texts or arrays and says its units; None where they alone are more than the limit.
#[inline(never)]
pub(super) fn sized<const METERED: bool>(
    given: &Given<'_, '_>,
    memory: &Memory<'_>,
    registers: &mut [u64; REGISTERS],
    op: &QuickOp,
) -> Option<u64> {
    let constants = &given.exe.constants;
    let (b, c) = operands(registers, op);
    let text = |slot: u64| memory.text(constants, slot);
    // Work that is too dear is not begun.
    let dear = |units: u64| METERED && units > given.env.limits.gas_limit;
    let (truth, units) = match op.code {
        Quick::EqText => {
            let equal = if b == NULL || c == NULL { b == c } else { text(b) == text(c) };
            (equal != (op.x & DIFFERS != 0), equal_units(b, c))
        }
        Quick::StartsWith | Quick::EndsWith => {
            let (l, r) = (text(b), text(c));
            let holds = if op.code == Quick::StartsWith { l.starts_with(r) } else { l.ends_with(r) };
            (holds, 1 + pieces((l.len() + r.len()) as u64, 32))
        }
        // Among interned texts, equal ones have one handle.
        Quick::InListK | Quick::HasK => {
            let units = search_units(memory.totals(constants, c), b, op.x);
            (memory.elements(constants, c).contains(&b), units)
        }
        Quick::ContainsText => {
            let units = search_units(memory.totals(constants, c), b, op.x);
            if dear(units) {
                return None;
            }
            (contains_text(memory, constants, b, c), units)
        }
        _ => {
            let ty = given.exe.types.get(usize::from(op.to)).copied().unwrap_or(Ty::UNIT);
            let units = contains_units(memory, given.exe, ty, b, c);
            if dear(units) {
                return None;
            }
            let items = memory.elements(constants, c);
            (items.iter().any(|item| memory.equal(constants, ty, b, *item)), units)
        }
    };
    set(registers, op.a, u64::from(truth));
    Some(units)
}

/// Whether a text or a DID stands in an array of its kind.
#[inline]
fn contains_text(memory: &Memory<'_>, constants: &Constants, b: u64, c: u64) -> bool {
    let items = memory.elements(constants, c);
    if b == NULL {
        return items.contains(&NULL);
    }
    let wanted = memory.text(constants, b);
    items.iter().any(|item| *item != NULL && memory.text(constants, *item) == wanted)
}

/// Asks the host; false where it cannot say, or says what no run can hold.
#[inline(never)]
pub(super) fn ask(
    given: &Given<'_, '_>,
    memory: &mut Memory<'_>,
    registers: &mut [u64; REGISTERS],
    op: &QuickOp,
) -> bool {
    match answer(given, memory, registers, op) {
        Some(value) => {
            set(registers, op.a, value);
            true
        }
        None => false,
    }
}

#[inline(always)]
fn answer(
    given: &Given<'_, '_>,
    memory: &mut Memory<'_>,
    registers: &[u64; REGISTERS],
    op: &QuickOp,
) -> Option<u64> {
    let (constants, host) = (&given.exe.constants, given.env.host);
    let (b, c) = operands(registers, op);
    let did = memory.text(constants, b);
    Some(match (op.code, host) {
        (Quick::LoadTrust, host) => {
            memory.make(48).ok()?;
            load_trust(host, did, memory)?
        }
        (Quick::HasCredential, Some(host)) => {
            let schema = memory.text(constants, c);
            u64::from(host.has_credential(did, schema).ok()?)
        }
        (Quick::ResolveDid, Some(host)) => u64::from(host.resolve_did(did).ok()?),
        (Quick::Balance, Some(host)) => whole(host.balance(did).ok()?).ok()?.to_bits(),
        (Quick::IsMember, Some(host)) => {
            let realm = given.realm?;
            let _: RealmFacts = host.realm(realm).ok()??;
            u64::from(host.is_member(realm, did).ok()?)
        }
        (Quick::IsMember, None) => return None,
        // Without host state nobody holds anything; a balance is 0.
        _ => 0,
    })
}

/// The vector of a DID, put in place; None where the host cannot say.
#[inline(always)]
pub(super) fn load_trust(
    host: Option<&dyn HostInterface>,
    did: &str,
    memory: &mut Memory<'_>,
) -> Option<u64> {
    let vector = match host {
        Some(host) => host.trust(did).ok()?.unwrap_or(TrustVector::NEWCOMER),
        None => TrustVector::NEWCOMER,
    };
    Some(memory.put_trust(&vector))
}

/// A straight instruction of the rarer kind.
#[inline(never)]
pub(super) fn straight(
    given: &Given<'_, '_>,
    memory: &mut Memory<'_>,
    registers: &mut [u64; REGISTERS],
    op: &QuickOp,
) -> Result<(), Fault> {
    let planned = given.plan.straight.get(op.k as usize).ok_or(Fault::HostError)?;
    let now = get(registers, standard(StdInput::Now as u8));
    let mut frame = Frame::new(registers);
    let value = step::straight(given.exe, memory, &frame, now, planned)?;
    frame.set(u16::from(op.a), value);
    Ok(())
}
