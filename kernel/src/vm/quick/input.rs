//! Loads what a run was given, where it is of the ordinary kind. Whatever is not (a value of the wrong type, say) is left
//! to the full machine, which alone decides what it means.

use super::REGISTERS;
use super::plan::{QuickPlan, standard};
use super::reads::set;
use crate::limits::{MAX_ARRAY_ELEMENTS, MAX_TEXT_BYTES};
use crate::program::StdInput;
use crate::request::{Env, Request};
use crate::types::{Base, Ty};
use crate::value::{TrustVector, ValueRef};
use crate::vm::memory::{ARRAY_HEADER, Constants, Memory, NULL};

/// The bits of 1.0. Among positive numbers, bits are ordered as the numbers are.
const ONE: u64 = 0x3FF0_0000_0000_0000;

/// An input: its base, whether it may be null, and, for an array, whether its elements may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    pub(super) base: Base,
    optional: bool,
    array: Option<bool>,
}

impl Kind {
    /// None for what only the full machine loads.
    pub(super) fn of(ty: Ty) -> Option<Kind> {
        let array = ty.elem().map(|elem| elem.is_optional());
        let plain = ty.depth() == 0 || ty.depth() == 1 && ty.base() != Base::Trust;
        (plain && ty.base() != Base::Unit).then_some(Kind {
            base: ty.base(),
            optional: ty.is_optional(),
            array,
        })
    }
}

/// Whether all components are in [0, 1], -0 left to the full machine.
#[inline(always)]
pub(super) fn is_plain(t: &TrustVector) -> bool {
    t.0.iter().fold(0, |most, x| x.to_bits().max(most)) <= ONE
}

/// Puts inputs into their registers, all but the `trust` of a host; None where something is not of the ordinary kind.
#[inline(always)]
pub(super) fn load<'a>(
    plan: &QuickPlan,
    constants: &Constants,
    request: &Request<'a>,
    env: &Env<'a>,
    memory: &mut Memory<'a>,
    registers: &mut [u64; REGISTERS],
) -> Option<()> {
    let interned = plan.interns.then_some(constants);
    let mut inputs = request.inputs.iter();
    for (kind, register) in plan.kinds.iter().zip(registers.iter_mut()) {
        let given = inputs.next().unwrap_or(&ValueRef::Missing);
        *register = match (given, kind.base) {
            (ValueRef::Array(_) | ValueRef::Missing | ValueRef::Null, _) => {
                rare(interned, *kind, given, memory)?
            }
            _ if kind.array.is_some() => return None,
            (given, base) => one(interned, base, *given, memory)?,
        };
    }
    match request.caller {
        ValueRef::Did(did) => {
            if plan.mentions(StdInput::Caller) {
                put_standard(plan, registers, StdInput::Caller, text(interned, did.as_str(), memory));
            }
        }
        ValueRef::Missing if !plan.mentions(StdInput::Caller) => {}
        _ => return None,
    }
    match request.realm {
        ValueRef::Text(id) if id.len() <= MAX_TEXT_BYTES => {
            if plan.mentions(StdInput::Realm) {
                put_standard(plan, registers, StdInput::Realm, text(interned, id, memory));
            }
        }
        ValueRef::Missing if !plan.mentions(StdInput::Realm) => {}
        _ => return None,
    }
    match request.trust {
        ValueRef::Trust(t) if env.host.is_none() && is_plain(t) => {
            if plan.mentions(StdInput::Trust) {
                put_standard(plan, registers, StdInput::Trust, memory.put_trust(t));
            }
        }
        ValueRef::Missing if env.host.is_some() || !plan.mentions(StdInput::Trust) => {}
        _ => return None,
    }
    put_standard(plan, registers, StdInput::Now, env.now.to_bits());
    Some(())
}

/// Puts a standard input where it stays, and where the code has it loaded first.
#[inline(always)]
pub(super) fn put_standard(plan: &QuickPlan, registers: &mut [u64; REGISTERS], input: StdInput, slot: u64) {
    let [caller, realm, trust, now] = plan.standard;
    let loaded = match input {
        StdInput::Caller => caller,
        StdInput::Realm => realm,
        StdInput::Trust => trust,
        StdInput::Now => now,
    };
    set(registers, standard(input as u8), slot);
    set(registers, loaded, slot);
}

/// The handle of a text: that of the constant which says the same, where texts are interned.
#[inline(always)]
fn text<'a>(interned: Option<&Constants>, text: &'a str, memory: &mut Memory<'a>) -> u64 {
    match interned.and_then(|constants| constants.find(text)) {
        Some(slot) => slot,
        None => memory.put_text(text),
    }
}

#[inline(always)]
fn one<'a>(
    interned: Option<&Constants>,
    base: Base,
    given: ValueRef<'a>,
    memory: &mut Memory<'a>,
) -> Option<u64> {
    Some(match (base, given) {
        (Base::Number, ValueRef::Number(n)) if n.is_finite() => n.to_bits(),
        (Base::Bool, ValueRef::Bool(b)) => u64::from(b),
        (Base::Text, ValueRef::Text(s)) if s.len() <= MAX_TEXT_BYTES => text(interned, s, memory),
        (Base::Did, ValueRef::Did(did)) => text(interned, did.as_str(), memory),
        (Base::Trust, ValueRef::Trust(t)) if is_plain(t) => memory.put_trust(t),
        _ => return None,
    })
}

#[inline(never)]
fn rare<'a>(
    interned: Option<&Constants>,
    kind: Kind,
    given: &ValueRef<'a>,
    memory: &mut Memory<'a>,
) -> Option<u64> {
    match given {
        ValueRef::Array(items) if kind.array.is_some() => list(interned, kind, items, memory),
        ValueRef::Missing | ValueRef::Null if kind.optional => Some(NULL),
        _ => None,
    }
}

/// An array of anything but arrays and vectors, checked and put in one pass.
fn list<'a>(
    interned: Option<&Constants>,
    kind: Kind,
    items: &[ValueRef<'a>],
    memory: &mut Memory<'a>,
) -> Option<u64> {
    if items.len() > MAX_ARRAY_ELEMENTS {
        return None;
    }
    let at = memory.words.len();
    memory.words.reserve(ARRAY_HEADER + items.len());
    memory.words.extend_from_slice(&[0; ARRAY_HEADER]);
    let (mut text, mut bytes) = (0, 0);
    for item in items {
        let slot = match *item {
            ValueRef::Null if kind.array == Some(true) => NULL,
            item => {
                let (in_text, in_bytes) = match item {
                    ValueRef::Text(s) => (s.len(), s.len()),
                    ValueRef::Did(did) => (0, did.as_str().len()),
                    ValueRef::Number(_) => (0, 8),
                    _ => (0, 1),
                };
                text += in_text as u64;
                bytes += in_bytes as u64;
                one(interned, kind.base, item, memory)?
            }
        };
        memory.words.push(slot);
    }
    let n = items.len() as u64;
    memory.words.get_mut(at..at + ARRAY_HEADER)?.copy_from_slice(&[n, n, text, bytes]);
    Some(at as u64)
}
