//! Runs that need no machinery.
//!
//! A policy without loops, calls, texts, arrays and host calls, whose static bound fits the limit, cannot exhaust
//! anything, cannot take long and makes nothing on the heap. Most policies are of that kind, and setting up the full
//! machine costs as much again as they do. Here they run on 32 registers in an array (register numbers are masked, so
//! that there is nothing to check), with a bill that only adds up.
//!
//! Only the ordinary case is taken: whatever is unusual about a request (an input of the wrong type, say) is left to the
//! full machine, which alone decides what it means. The differential tests run both.

use super::exec::compare;
use super::memory::{NULL, number_slot};
use super::plan::{CMP_MASK, COMPONENT_SHIFT, Cmp, Code, Executable, JUMP_IF, PlanOp, message};
use crate::fault::{Fault, Outcome};
use crate::gas::{GasUnits, Prices};
use crate::isa::Op;
use crate::limits::MAX_TEXT_BYTES;
use crate::ops::{math, trust};
use crate::program::{EffectKind, Program, StdInput};
use crate::receipt::{Detail, Receipt};
use crate::request::{Env, Request};
use crate::types::{Base, Ty};
use crate::value::{TrustVector, Value, ValueRef};

pub(super) const REGISTERS: usize = 32;
const VECTORS: usize = 4;
/// The bits of 1.0. Among positive numbers, bits are ordered as the numbers are.
const ONE: u64 = 0x3FF0_0000_0000_0000;

/// What makes an executable quick: how its inputs are loaded, and what it costs at most.
#[derive(Clone, Debug)]
pub(crate) struct Quick {
    compute: u64,
    kinds: Vec<Kind>,
    trust: bool,
    result: Ty,
}

/// An input: its base, and whether it may be null.
#[derive(Clone, Copy, Debug)]
struct Kind {
    base: Base,
    optional: bool,
}

/// Whether, and how, a planned program is quick.
pub(crate) fn plan(p: &Program, ops: &[PlanOp], compute: Option<u64>) -> Option<Quick> {
    let [body] = p.functions.as_slice() else { return None };
    let scalar = |ty: &Ty| !ty.is_array() && matches!(ty.base(), Base::Number | Base::Bool | Base::Trust);
    let allowed = 1u8 << StdInput::Trust as u8 | 1 << StdInput::Now as u8;
    let vectors = body.registers.iter().filter(|ty| ty.base() == Base::Trust).count();
    let fits = body.registers.len() <= REGISTERS
        && vectors < VECTORS
        && body.registers.iter().all(scalar)
        && p.mentions & !allowed == 0
        // A write in dead code leaves no instruction, but its policy still needs the grant.
        && p.effect != EffectKind::Write
        && ops.iter().enumerate().all(|(at, op)| is_quick(p, at, op));
    if !fits {
        return None;
    }
    let kinds = p.inputs.iter().map(|i| Kind { base: i.ty.base(), optional: i.ty.is_optional() }).collect();
    Some(Quick { compute: compute?, kinds, trust: p.mentions(StdInput::Trust), result: body.result })
}

fn is_quick(p: &Program, at: usize, op: &PlanOp) -> bool {
    let forward = op.k as usize > at;
    match op.code {
        Code::Jump | Code::JumpTrue | Code::JumpFalse | Code::JumpNull | Code::JumpSome => forward,
        Code::CmpJump | Code::CmpJumpK | Code::FieldCmpJumpK => forward,
        Code::Const => !matches!(p.constants.get(usize::from(op.b)), Some(Value::Trust(_)) | None),
        Code::Straight => {
            let known = matches!(
                Op::from_byte(op.k as u8),
                Some(
                    Op::Min
                        | Op::Max
                        | Op::Abs
                        | Op::Now
                        | Op::TimeSince
                        | Op::TrustDistance
                        | Op::TrustAbove
                )
            );
            known && op.x == 0
        }
        Code::JumpBack | Code::LoopLess | Code::LoopMore | Code::ForNext | Code::Call | Code::Step => false,
        Code::Elem | Code::Index | Code::RangeCheck => false,
        _ => true,
    }
}

/// Vectors that the run reads; a register of type trust holds an index of them.
struct Vectors<'a> {
    held: [&'a TrustVector; VECTORS],
    count: usize,
}

impl<'a> Vectors<'a> {
    #[inline(always)]
    fn put(&mut self, t: &'a TrustVector) -> u64 {
        let at = self.count % VECTORS;
        if let Some(slot) = self.held.get_mut(at) {
            *slot = t;
        }
        self.count += 1;
        at as u64
    }
    #[inline(always)]
    fn get(&self, slot: u64) -> &'a TrustVector {
        self.held.get(slot as usize % VECTORS).copied().unwrap_or(&TrustVector::NEWCOMER)
    }
}

/// Whether all components are in [0, 1], -0 left to the full machine.
#[inline(always)]
fn is_plain(t: &TrustVector) -> bool {
    t.0.iter().fold(0, |most, x| x.to_bits().max(most)) <= ONE
}

/// The receipt of a request, if both are of the ordinary kind.
#[inline]
pub(super) fn run(
    exe: &Executable,
    quick: &Quick,
    request: &Request<'_>,
    env: &Env<'_>,
    registers: &mut [u64; REGISTERS],
) -> Option<Receipt> {
    let plain = env.shared.is_none()
        && quick.compute <= env.limits.gas_limit
        && env.prices == Prices::default()
        && !request.unknown_keys
        && request.inputs.len() <= quick.kinds.len()
        && env.now.is_finite()
        && matches!(request.caller, ValueRef::Missing | ValueRef::Did(_));
    if !plain || !matches!(request.realm, ValueRef::Missing | ValueRef::Text(_)) {
        return None;
    }
    if let ValueRef::Text(realm) = request.realm
        && realm.len() > MAX_TEXT_BYTES
    {
        return None;
    }
    let mut vectors = Vectors { held: [&TrustVector::NEWCOMER; VECTORS], count: 0 };
    let version = match env.host {
        None => 0,
        Some(_) if quick.trust => return None,
        Some(host) => host.version(),
    };
    match request.trust {
        ValueRef::Missing if !quick.trust => {}
        ValueRef::Trust(t) if env.host.is_none() && is_plain(t) => {
            let slot = vectors.put(t);
            if let Some(Some(register)) = exe.standard.get(StdInput::Trust as usize) {
                set(registers, *register, slot);
            }
        }
        _ => return None,
    }
    if let Some(Some(register)) = exe.standard.get(StdInput::Now as usize) {
        set(registers, *register, number_slot(env.now));
    }
    for (at, kind) in quick.kinds.iter().enumerate() {
        let given = request.inputs.get(at).copied().unwrap_or(ValueRef::Missing);
        let slot = match (kind.base, given) {
            (Base::Number, ValueRef::Number(n)) if n.is_finite() => n.to_bits(),
            (Base::Bool, ValueRef::Bool(b)) => u64::from(b),
            (Base::Trust, ValueRef::Trust(t)) if is_plain(t) => vectors.put(t),
            (_, ValueRef::Missing | ValueRef::Null) if kind.optional => NULL,
            _ => return None,
        };
        if let Some(register) = registers.get_mut(at) {
            *register = slot;
        }
    }
    Some(decide(exe, quick, env, registers, &vectors, version))
}

#[inline(always)]
fn get(registers: &[u64; REGISTERS], r: u16) -> u64 {
    // Masked: a plan is quick only if it has no more registers.
    registers.get(usize::from(r) % REGISTERS).copied().unwrap_or(0)
}
#[inline(always)]
fn set(registers: &mut [u64; REGISTERS], r: u16, value: u64) {
    if let Some(slot) = registers.get_mut(usize::from(r) % REGISTERS) {
        *slot = value;
    }
}

#[inline(never)]
fn decide(
    exe: &Executable,
    quick: &Quick,
    env: &Env<'_>,
    registers: &mut [u64; REGISTERS],
    vectors: &Vectors<'_>,
    version: u64,
) -> Receipt {
    let ops: &[PlanOp] = &exe.ops;
    let mut pc = exe.start as usize;
    let mut compute = 0u64;
    macro_rules! num {
        ($r:expr) => {
            f64::from_bits(get(registers, $r))
        };
    }
    macro_rules! end {
        ($outcome:expr, $message:expr) => {
            return receipt(exe, pc, $outcome, $message, compute, version)
        };
    }
    macro_rules! put {
        ($op:expr, $value:expr) => {{
            let value: f64 = $value;
            set(registers, $op.a, value.to_bits());
        }};
    }
    macro_rules! truth {
        ($op:expr, $value:expr) => {{
            let value: bool = $value;
            set(registers, $op.a, u64::from(value));
        }};
    }
    macro_rules! checked {
        ($value:expr) => {
            match $value {
                Ok(value) => value,
                Err(fault) => return faulted(exe, pc, fault, compute, version),
            }
        };
    }
    macro_rules! jump_if {
        ($op:expr, $taken:expr) => {
            if $taken {
                pc = $op.k as usize;
                continue;
            }
        };
    }
    while let Some(op) = ops.get(pc) {
        compute += u64::from(op.cost);
        match op.code {
            Code::Charge | Code::EntryTrust => {}
            Code::Jump => jump_if!(op, true),
            Code::JumpTrue => jump_if!(op, get(registers, op.a) != 0),
            Code::JumpFalse => jump_if!(op, get(registers, op.a) == 0),
            Code::JumpNull => jump_if!(op, get(registers, op.a) == NULL),
            Code::JumpSome => jump_if!(op, get(registers, op.a) != NULL),
            Code::Require => {
                if get(registers, op.a) == 0 {
                    end!(Outcome::Deny, message(op.b));
                }
            }
            Code::CmpJump | Code::CmpJumpK | Code::FieldCmpJumpK => {
                let holds = holds(exe, op, registers, vectors);
                jump_if!(op, holds == (op.x & JUMP_IF != 0));
            }
            Code::CmpRequire | Code::CmpRequireK | Code::FieldCmpRequireK => {
                if !holds(exe, op, registers, vectors) {
                    end!(Outcome::Deny, message(op.b));
                }
            }
            Code::CmpReturn | Code::CmpReturnK | Code::FieldCmpReturnK => {
                let passed = holds(exe, op, registers, vectors);
                end!(if passed { Outcome::Allow } else { Outcome::Deny }, None);
            }
            Code::Return => return returned(exe, quick, pc, get(registers, op.a), vectors, compute, version),
            Code::Const => set(registers, op.a, exe.constants.slot_of(op.b)),
            Code::Move => set(registers, op.a, get(registers, op.b)),
            Code::Unwrap => {
                let value = get(registers, op.b);
                checked!(if value == NULL { Err(Fault::TypeMismatch) } else { Ok(()) });
                set(registers, op.a, value);
            }
            Code::Std => {
                // Trust is the first vector that was put; see `run`.
                let value = if op.x == StdInput::Trust as u8 { 0 } else { number_slot(env.now) };
                set(registers, op.a, value);
            }
            Code::Inc => put!(op, num!(op.a) + 1.0),
            Code::Add => put!(op, num!(op.b) + num!(op.c)),
            Code::AddK => put!(op, num!(op.b) + exe.number(op.c)),
            Code::Sub => put!(op, num!(op.b) - num!(op.c)),
            Code::SubK => put!(op, num!(op.b) - exe.number(op.c)),
            Code::SubKr => put!(op, exe.number(op.b) - num!(op.c)),
            Code::Mul => put!(op, num!(op.b) * num!(op.c)),
            Code::MulK => put!(op, num!(op.b) * exe.number(op.c)),
            Code::Div => put!(op, checked!(math::div(num!(op.b), num!(op.c)))),
            Code::DivK => put!(op, checked!(math::div(num!(op.b), exe.number(op.c)))),
            Code::DivKr => put!(op, checked!(math::div(exe.number(op.b), num!(op.c)))),
            Code::Rem => put!(op, checked!(math::rem(num!(op.b), num!(op.c)))),
            Code::RemK => put!(op, checked!(math::rem(num!(op.b), exe.number(op.c)))),
            Code::RemKr => put!(op, checked!(math::rem(exe.number(op.b), num!(op.c)))),
            Code::Neg => put!(op, -num!(op.b)),
            Code::Not => truth!(op, get(registers, op.b) == 0),
            Code::Cmp => truth!(op, compare(Cmp::of_bits(op.x), num!(op.b), num!(op.c))),
            Code::CmpK => truth!(op, compare(Cmp::of_bits(op.x), num!(op.b), exe.number(op.c))),
            Code::EqBits => truth!(op, get(registers, op.b) == get(registers, op.c)),
            Code::NeBits => truth!(op, get(registers, op.b) != get(registers, op.c)),
            Code::Field => put!(op, component(vectors, get(registers, op.b), op.x)),
            Code::TrustNorm => put!(op, trust::norm(vectors.get(get(registers, op.b)))),
            Code::Straight => match Op::from_byte(op.k as u8) {
                Some(Op::Min) => put!(op, math::min(num!(op.b), num!(op.c))),
                Some(Op::Max) => put!(op, math::max(num!(op.b), num!(op.c))),
                Some(Op::Abs) => put!(op, num!(op.b).abs()),
                Some(Op::TimeSince) => put!(op, math::max(0.0, env.now - num!(op.b))),
                Some(Op::TrustDistance) => {
                    let (l, r) = (get(registers, op.b), get(registers, op.c));
                    put!(op, trust::distance(vectors.get(l), vectors.get(r)));
                }
                Some(Op::TrustAbove) => {
                    truth!(op, trust::above(vectors.get(get(registers, op.b)), num!(op.c)))
                }
                _ => put!(op, env.now),
            },
            // `plan` has seen to it that there are no others.
            _ => break,
        }
        pc += 1;
    }
    Receipt::unstarted(Fault::HostError, version)
}

#[inline(always)]
fn component(vectors: &Vectors<'_>, slot: u64, x: u8) -> f64 {
    vectors.get(slot).0.get(usize::from(x)).copied().unwrap_or(0.0)
}

/// The comparison of a fused instruction.
#[inline(always)]
fn holds(exe: &Executable, op: &PlanOp, registers: &[u64; REGISTERS], vectors: &Vectors<'_>) -> bool {
    let cmp = Cmp::of_bits(op.x & CMP_MASK);
    let number = |r: u16| f64::from_bits(get(registers, r));
    match op.code {
        Code::CmpJump | Code::CmpRequire | Code::CmpReturn => compare(cmp, number(op.a), number(op.c)),
        Code::CmpJumpK | Code::CmpRequireK | Code::CmpReturnK => compare(cmp, number(op.a), exe.number(op.c)),
        _ => {
            let left = component(vectors, get(registers, op.a), op.x >> COMPONENT_SHIFT);
            compare(cmp, left, exe.number(op.c))
        }
    }
}

#[inline(always)]
fn receipt(
    exe: &Executable,
    pc: usize,
    outcome: Outcome,
    message: Option<u16>,
    compute: u64,
    version: u64,
) -> Receipt {
    let span =
        if outcome == Outcome::Allow { None } else { exe.program().spans.get(exe.source_of(pc)).copied() };
    let gas = GasUnits { compute, ..GasUnits::ZERO };
    Receipt { outcome, message, span, gas, cost: compute, mana: 0, version, detail: None }
}

#[cold]
fn faulted(exe: &Executable, pc: usize, fault: Fault, compute: u64, version: u64) -> Receipt {
    let last = exe.source_of(pc);
    let run: u64 = (exe.run_start(last)..=last).map(|pc| exe.straight_units(pc)).sum();
    receipt(exe, pc, Outcome::Fault(fault), None, compute + run, version)
}

#[inline]
fn returned(
    exe: &Executable,
    quick: &Quick,
    pc: usize,
    slot: u64,
    vectors: &Vectors<'_>,
    compute: u64,
    version: u64,
) -> Receipt {
    let truth = slot <= 1 && quick.result.base() == Base::Bool;
    let outcome = if truth && slot == 1 { Outcome::Allow } else { Outcome::Deny };
    let mut receipt = receipt(exe, pc, outcome, None, compute, version);
    if exe.program().expression && !truth {
        let value = match quick.result.base() {
            _ if slot == NULL => Value::Null,
            Base::Trust => Value::Trust(*vectors.get(slot)),
            Base::Bool => Value::Bool(slot != 0),
            _ => Value::Number(f64::from_bits(slot)),
        };
        receipt.detail = Some(Box::new(Detail { value: Some(value), ..Detail::default() }));
    }
    receipt
}
