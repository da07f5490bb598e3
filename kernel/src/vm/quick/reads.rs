//! What quick runs ask: about texts and arrays, and of the host. One call each, so that the loop stays small.

use super::REGISTERS;
use super::code::{DIFFERS, FREE_BYTES, LENGTH_SHIFT, Quick, QuickOp};
use super::input;
use super::plan::{QuickPlan, standard};
use super::units::beyond;
use crate::fault::Fault;
use crate::host::{HostInterface, RealmFacts};
use crate::isa::{CONST_B, CONST_C};
use crate::limits::{MADE_OVERHEAD_BYTES, MAX_RUN_BYTES};
use crate::program::StdInput;
use crate::request::{Env, Request};
use crate::types::Ty;
use crate::value::{TrustVector, ValueRef};
use crate::vm::frame::Frame;
use crate::vm::given;
use crate::vm::interner::first_word;
use crate::vm::memory::{CONSTANT, Constants, Memory, NULL, Totals, elements_at, text_len, totals_at};
use crate::vm::plan::Executable;
use crate::vm::step::{self, contains_units, pieces, whole};
use bumpalo::Bump;

/// What a quick run does not change.
#[derive(Clone, Copy)]
pub(super) struct Given<'r, 'a> {
    pub(super) exe: &'r Executable,
    pub(super) plan: &'r QuickPlan,
    pub(super) request: &'r Request<'a>,
    pub(super) env: &'r Env<'a>,
}

impl<'r> Given<'r, '_> {
    /// The text that a handle stands for.
    #[inline]
    pub(super) fn text(&self, slot: u64) -> &'r str {
        let low = (slot & 0xFFFF_FFFF) as usize;
        match slot & CONSTANT {
            0 => given::text(self.request, low),
            _ => self.exe.constants.texts.get(low).unwrap_or(""),
        }
    }
}

/// Where a quick run puts what it makes.
pub(super) struct Room<'v> {
    pub(super) bump: &'v Bump,
    pub(super) words: &'v mut Vec<u64>,
    /// Bytes made so far.
    pub(super) made: u64,
}

impl Room<'_> {
    fn table<'t>(&'t self, constants: &'t Constants, slot: u64) -> &'t [u64] {
        if slot & CONSTANT == 0 { self.words } else { &constants.words }
    }
    fn elements<'t>(&'t self, constants: &'t Constants, slot: u64) -> &'t [u64] {
        elements_at(self.table(constants, slot), slot)
    }
    fn totals(&self, constants: &Constants, slot: u64) -> Totals {
        if slot == NULL { Totals::default() } else { totals_at(self.table(constants, slot), slot) }
    }
    /// The full machine's memory, for what only that knows how to do.
    pub(super) fn memory<T>(&mut self, given: &Given<'_, '_>, job: impl FnOnce(&mut Memory<'_>) -> T) -> T {
        let mut memory = Memory::resumed(self.bump, self.words, given.request, self.made);
        let done = job(&mut memory);
        let made = memory.made();
        drop(memory);
        self.made = made;
        done
    }
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
pub(super) fn same_did(given: &Given<'_, '_>, registers: &[u64; REGISTERS], op: &QuickOp) -> bool {
    let (b, c) = operands(registers, op);
    let equal = if b == NULL || c == NULL {
        b == c
    } else {
        text_len(b) == text_len(c) && given.text(b) == given.text(c)
    };
    equal != (op.x & DIFFERS != 0)
}

/// Whether a text begins with the bytes of the constant.
#[inline(never)]
pub(super) fn starts_with(given: &Given<'_, '_>, slot: u64, op: &QuickOp) -> bool {
    let len = op.x >> LENGTH_SHIFT;
    let bytes = given.text(slot).as_bytes();
    let word = first_word(bytes);
    bytes.len() >= usize::from(len) && (word ^ op.k) << (64 - 8 * u32::from(len)) == 0
}

/// What an instruction on an interned text costs more than for a short one.
#[cold]
#[inline(never)]
pub(super) fn beyond_short(slot: u64, op: &QuickOp) -> i64 {
    let length = op.x >> LENGTH_SHIFT;
    let prefix = matches!(op.code, Quick::StartsWithK | Quick::StartsWithJumpK | Quick::StartsWithRequireK);
    let most = if prefix { 32 - length } else { length };
    match (op.code, slot) {
        // Comparing null costs one unit, whatever it is compared with.
        (Quick::TextIs | Quick::TextIsJump | Quick::TextIsRequire, NULL) => {
            1 - (1 + (text_len(op.k) as i64 + i64::from(most)) / 32)
        }
        (_, NULL) => beyond(0, most),
        _ => beyond(text_len(slot), most),
    }
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
    room: &mut Room<'_>,
    registers: &mut [u64; REGISTERS],
    op: &QuickOp,
) -> Option<u64> {
    let constants = &given.exe.constants;
    let (b, c) = operands(registers, op);
    let text = |slot: u64| given.text(slot);
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
            let units = search_units(room.totals(constants, c), b, op.x);
            (room.elements(constants, c).contains(&b), units)
        }
        Quick::ContainsText => {
            let units = search_units(room.totals(constants, c), b, op.x);
            if dear(units) {
                return None;
            }
            (contains_text(given, room.elements(constants, c), b), units)
        }
        _ => {
            let ty = given.exe.types.get(usize::from(op.to)).copied().unwrap_or(Ty::UNIT);
            room.memory(given, |memory| {
                let units = contains_units(memory, given.exe, ty, b, c);
                if dear(units) {
                    return None;
                }
                let items = memory.elements(constants, c);
                Some((items.iter().any(|item| memory.equal(constants, ty, b, *item)), units))
            })?
        }
    };
    set(registers, op.a, u64::from(truth));
    Some(units)
}

/// Whether a text or a DID stands among others.
#[inline]
fn contains_text(given: &Given<'_, '_>, items: &[u64], b: u64) -> bool {
    if b == NULL {
        return items.contains(&NULL);
    }
    let wanted = given.text(b);
    items.iter().any(|item| *item != NULL && given.text(*item) == wanted)
}

/// Asks the host; false where it cannot say, or says what no run can hold.
#[inline(never)]
pub(super) fn ask(
    given: &Given<'_, '_>,
    room: &mut Room<'_>,
    registers: &mut [u64; REGISTERS],
    op: &QuickOp,
) -> bool {
    answer(given, room, registers, op).is_some()
}

#[inline(always)]
fn answer(
    given: &Given<'_, '_>,
    room: &mut Room<'_>,
    registers: &mut [u64; REGISTERS],
    op: &QuickOp,
) -> Option<()> {
    let host = given.env.host;
    let (b, c) = operands(registers, op);
    let did = given.text(b);
    let value = match (op.code, host) {
        (Quick::LoadTrust | Quick::LoadSix, host) => {
            room.made = room.made.saturating_add(48 + MADE_OVERHEAD_BYTES);
            if room.made > MAX_RUN_BYTES {
                return None;
            }
            let vector = trust_of(host, did)?;
            if op.code == Quick::LoadSix {
                input::spread(registers, op.a, &vector);
                return Some(());
            }
            input::put_vector(room.words, &vector)
        }
        (Quick::HasCredential, Some(host)) => u64::from(host.has_credential(did, given.text(c)).ok()?),
        (Quick::ResolveDid, Some(host)) => u64::from(host.resolve_did(did).ok()?),
        (Quick::Balance, Some(host)) => whole(host.balance(did).ok()?).ok()?.to_bits(),
        (Quick::IsMember, Some(host)) => {
            let ValueRef::Text(realm) = given.request.realm else { return None };
            let _: RealmFacts = host.realm(realm).ok()??;
            u64::from(host.is_member(realm, did).ok()?)
        }
        (Quick::IsMember, None) => return None,
        // Without host state nobody holds anything; a balance is 0.
        _ => 0,
    };
    set(registers, op.a, value);
    Some(())
}

/// The vector of a DID; None where the host cannot say.
#[inline(always)]
pub(super) fn trust_of(host: Option<&dyn HostInterface>, did: &str) -> Option<TrustVector> {
    match host {
        Some(host) => Some(host.trust(did).ok()?.unwrap_or(TrustVector::NEWCOMER)),
        None => Some(TrustVector::NEWCOMER),
    }
}

/// A straight instruction of the rarer kind.
#[inline(never)]
pub(super) fn straight(
    given: &Given<'_, '_>,
    room: &mut Room<'_>,
    registers: &mut [u64; REGISTERS],
    op: &QuickOp,
) -> Result<(), Fault> {
    let planned = given.plan.straight.get(op.k as usize).ok_or(Fault::HostError)?;
    let now = get(registers, standard(StdInput::Now as u8));
    let mut frame = Frame::new(registers);
    let value = room.memory(given, |memory| step::straight(given.exe, memory, &frame, now, planned))?;
    frame.set(u16::from(op.a), value);
    Ok(())
}
