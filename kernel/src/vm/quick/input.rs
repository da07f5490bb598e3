//! Loads what a run was given, where it is of the ordinary kind. Whatever is not (a value of the wrong type, say) is left
//! to the full machine, which alone decides what it means. Texts stay where they are, trust vectors go to registers where
//! they can (see `spread`); only lists are copied, as handles.

use super::REGISTERS;
use super::plan::{QuickPlan, standard};
use super::reads::{Given, set};
use crate::limits::{MAX_ARRAY_ELEMENTS, MAX_TEXT_BYTES};
use crate::program::StdInput;
use crate::types::{Base, Ty};
use crate::value::{TrustVector, ValueRef};
use crate::vm::given;
use crate::vm::memory::{ARRAY_HEADER, Constants, NULL};

/// The bits of 1.0. Among positive numbers, bits are ordered as the numbers are.
const ONE: u64 = 0x3FF0_0000_0000_0000;

/// What is done with an input.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
enum Way {
    Number,
    Bool,
    Text,
    Did,
    /// Texts and DIDs that get the handle of the constant which says the same.
    KnownText,
    KnownDid,
    /// A vector as a handle.
    Vector,
    /// A vector over six registers.
    Six,
    List,
    /// A list of texts none of which may be null, with the handles of constants.
    Texts,
}

/// An input: what is done with it, and the register that it goes to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    way: Way,
    register: u8,
    /// What the input is, or its elements.
    base: Base,
    optional: bool,
    /// Of a list: whether its elements may be null, and whether they are interned.
    null_elements: bool,
    known: bool,
}

impl Load {
    /// None for what only the full machine loads.
    pub(super) fn of(ty: Ty) -> Option<Load> {
        let way = match (ty.depth(), ty.base()) {
            (0, Base::Number) => Way::Number,
            (0, Base::Bool) => Way::Bool,
            (0, Base::Text) => Way::Text,
            (0, Base::Did) => Way::Did,
            (0, Base::Trust) => Way::Vector,
            (1, Base::Number | Base::Bool | Base::Text | Base::Did) => Way::List,
            _ => return None,
        };
        Some(Load {
            way,
            register: 0,
            base: ty.base(),
            optional: ty.is_optional(),
            null_elements: ty.elem().is_some_and(Ty::is_optional),
            known: false,
        })
    }
    /// Whether it may be spread.
    pub(super) fn is_vector(&self) -> bool {
        self.way == Way::Vector && !self.optional
    }
    /// Where it goes: to six registers from `home` on, or to `register`. `read`: whether an instruction wants handles that
    /// are those of constants.
    pub(super) fn place(&mut self, register: u8, home: Option<u8>, read: bool) {
        self.register = home.unwrap_or(register);
        self.known = read;
        self.way = match self.way {
            Way::Vector if home.is_some() => Way::Six,
            Way::Text if read => Way::KnownText,
            Way::Did if read => Way::KnownDid,
            Way::List if read && self.base == Base::Text && !self.null_elements => Way::Texts,
            way => way,
        };
    }
}

/// Whether all components are in [0, 1], -0 left to the full machine.
#[inline(always)]
pub(super) fn is_plain(t: &TrustVector) -> bool {
    // The sign bit says no: of a negative number, and of what is left below what is above 1.
    let no = |x: &f64| x.to_bits() | ONE.wrapping_sub(x.to_bits());
    t.0.iter().fold(0, |any, x| any | no(x)) >> 63 == 0
}

/// Whether a number is neither infinite nor NaN: not all bits of its exponent are set.
#[inline(always)]
fn is_finite(n: f64) -> bool {
    n.to_bits() << 1 < f64::INFINITY.to_bits() << 1
}

/// Puts inputs into their registers, all but the `trust` of a host; false where something is not of the ordinary kind.
#[inline(always)]
pub(super) fn load(given: &Given<'_, '_>, words: &mut Vec<u64>, registers: &mut [u64; REGISTERS]) -> bool {
    let plan = given.plan;
    let (constants, request) = (&given.exe.constants, given.request);
    for (index, (load, value)) in (0u64..).zip(plan.loads.iter().zip(request.inputs)) {
        let slot = match (load.way, value) {
            (Way::Number, ValueRef::Number(n)) if is_finite(*n) => n.to_bits(),
            (Way::Bool, ValueRef::Bool(b)) => u64::from(*b),
            (Way::Text, ValueRef::Text(s)) if s.len() <= MAX_TEXT_BYTES => given::handle(index, s),
            (Way::Did, ValueRef::Did(did)) => given::handle(index, did.as_str()),
            (Way::KnownText, ValueRef::Text(s)) if s.len() <= MAX_TEXT_BYTES => {
                constants.find(s).unwrap_or(given::handle(index, s))
            }
            (Way::Six, ValueRef::Trust(t)) if is_plain(t) => {
                spread(registers, load.register, t);
                continue;
            }
            (Way::Texts, ValueRef::Array(items)) => match texts(constants, index, items, words) {
                Some(slot) => slot,
                None => return false,
            },
            (Way::List, ValueRef::Array(items)) => match list(constants, *load, index, items, words) {
                Some(slot) => slot,
                None => return false,
            },
            _ => match rare(constants, *load, index, value, words) {
                Some(slot) => slot,
                None => return false,
            },
        };
        set(registers, load.register, slot);
    }
    if request.inputs.len() < plan.loads.len() && !missing(given, registers) {
        return false;
    }
    let interned = |index: u64, text: &str| {
        let known = if plan.interns { constants.find(text) } else { None };
        known.unwrap_or(given::handle(index, text))
    };
    match request.caller {
        ValueRef::Did(did) => {
            if plan.mentions(StdInput::Caller) {
                put_standard(plan, registers, StdInput::Caller, interned(given::CALLER, did.as_str()));
            }
        }
        ValueRef::Missing if !plan.mentions(StdInput::Caller) => {}
        _ => return false,
    }
    match request.realm {
        ValueRef::Missing if !plan.mentions(StdInput::Realm) => {}
        ValueRef::Text(id) if id.len() <= MAX_TEXT_BYTES => {
            if plan.mentions(StdInput::Realm) {
                put_standard(plan, registers, StdInput::Realm, interned(given::REALM, id));
            }
        }
        _ => return false,
    }
    match request.trust {
        ValueRef::Trust(t) if given.env.host.is_none() && is_plain(t) => {
            if plan.mentions(StdInput::Trust) {
                put_trust(plan, words, registers, t);
            }
        }
        ValueRef::Missing if given.env.host.is_some() || !plan.mentions(StdInput::Trust) => {}
        _ => return false,
    }
    put_standard(plan, registers, StdInput::Now, given.env.now.to_bits());
    true
}

/// Puts a vector into six registers.
#[inline(always)]
pub(super) fn spread(registers: &mut [u64; REGISTERS], home: u8, t: &TrustVector) {
    let home = usize::from(home);
    if let Some(six) = registers.get_mut(home..home + 6) {
        six.copy_from_slice(&t.0.map(f64::to_bits));
    }
}

/// Puts the caller's trust where the plan wants it.
#[inline(always)]
pub(super) fn put_trust(
    plan: &QuickPlan,
    words: &mut Vec<u64>,
    registers: &mut [u64; REGISTERS],
    t: &TrustVector,
) {
    match plan.trust {
        Some(home) => spread(registers, home, t),
        None => {
            let slot = put_vector(words, t);
            put_standard(plan, registers, StdInput::Trust, slot);
        }
    }
}

/// The handle of a vector that is put among this run's.
#[inline(never)]
pub(super) fn put_vector(words: &mut Vec<u64>, t: &TrustVector) -> u64 {
    let at = words.len() as u64;
    words.extend_from_slice(&t.0.map(f64::to_bits));
    at
}

/// Puts a standard input where it stays, and where the code has it loaded first.
#[inline(always)]
fn put_standard(plan: &QuickPlan, registers: &mut [u64; REGISTERS], input: StdInput, slot: u64) {
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

/// Puts null for inputs that were not given; false where one must be.
#[cold]
fn missing(given: &Given<'_, '_>, registers: &mut [u64; REGISTERS]) -> bool {
    let rest = given.plan.loads.get(given.request.inputs.len()..).unwrap_or(&[]);
    rest.iter().for_each(|load| set(registers, load.register, NULL));
    rest.iter().all(|load| load.optional)
}

#[inline(never)]
fn rare(
    constants: &Constants,
    load: Load,
    index: u64,
    value: &ValueRef<'_>,
    words: &mut Vec<u64>,
) -> Option<u64> {
    match (load.way, value) {
        (_, ValueRef::Missing | ValueRef::Null) if load.optional => Some(NULL),
        (Way::KnownDid, ValueRef::Did(did)) => {
            let did = did.as_str();
            Some(constants.find(did).unwrap_or(given::handle(index, did)))
        }
        (Way::Vector, ValueRef::Trust(t)) if is_plain(t) => Some(put_vector(words, t)),
        _ => None,
    }
}

/// The same of texts, which are looked up among the constants.
#[inline(never)]
fn texts(constants: &Constants, index: u64, items: &[ValueRef<'_>], words: &mut Vec<u64>) -> Option<u64> {
    let interner = constants.interner.as_ref()?;
    if items.len() > MAX_ARRAY_ELEMENTS {
        return None;
    }
    let (at, n) = (words.len(), items.len() as u64);
    words.extend_from_slice(&[n, n, 0, 0]);
    let (mut bytes, mut is_ordinary, mut element) = (0, true, 0);
    words.extend(items.iter().map(|item| {
        let ValueRef::Text(s) = item else {
            is_ordinary = false;
            return NULL;
        };
        is_ordinary &= s.len() <= MAX_TEXT_BYTES;
        bytes += s.len() as u64;
        element += 1;
        interner.find(&constants.texts, s).unwrap_or_else(|| given::element(index, element - 1, s))
    }));
    match words.get_mut(at..at + ARRAY_HEADER) {
        Some([_, _, text, all]) if is_ordinary => (*text, *all) = (bytes, bytes),
        _ => return None,
    }
    Some(at as u64)
}

/// An array of anything but arrays and vectors, checked and put in one pass.
#[inline(never)]
fn list(
    constants: &Constants,
    load: Load,
    index: u64,
    items: &[ValueRef<'_>],
    words: &mut Vec<u64>,
) -> Option<u64> {
    if items.len() > MAX_ARRAY_ELEMENTS {
        return None;
    }
    let at = words.len();
    words.reserve(ARRAY_HEADER + items.len());
    words.extend_from_slice(&[0; ARRAY_HEADER]);
    let (mut bytes, mut nulls) = (0, 0);
    for (element, item) in (0u64..).zip(items) {
        let slot = match (load.base, item) {
            (Base::Text, ValueRef::Text(s)) if s.len() <= MAX_TEXT_BYTES => {
                bytes += s.len() as u64;
                textual(constants, load, index, element, s)
            }
            (Base::Did, ValueRef::Did(did)) => {
                bytes += did.as_str().len() as u64;
                textual(constants, load, index, element, did.as_str())
            }
            (Base::Number, ValueRef::Number(n)) if is_finite(*n) => n.to_bits(),
            (Base::Bool, ValueRef::Bool(b)) => u64::from(*b),
            (_, ValueRef::Null) if load.null_elements => {
                nulls += 1;
                NULL
            }
            _ => return None,
        };
        words.push(slot);
    }
    let n = items.len() as u64;
    let (text, bytes) = match load.base {
        Base::Text => (bytes, bytes),
        Base::Did => (0, bytes),
        Base::Number => (0, 8 * (n - nulls)),
        _ => (0, n - nulls),
    };
    words.get_mut(at..at + ARRAY_HEADER)?.copy_from_slice(&[n, n, text, bytes]);
    Some(at as u64)
}

#[inline(always)]
fn textual(constants: &Constants, load: Load, index: u64, element: u64, text: &str) -> u64 {
    let known = if load.known { constants.find(text) } else { None };
    known.unwrap_or(given::element(index, element, text))
}
