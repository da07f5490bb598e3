//! The loop of quick runs.

use super::REGISTERS;
use super::code::{COMPONENT_SHIFT, Quick, QuickOp, holds};
use super::plan::standard;
use super::reads::{self, Given};
use crate::fault::{Exhaustion, Fault};
use crate::gas::GasUnits;
use crate::limits::TICKS_PER_LOOK;
use crate::ops::{math, trust};
use crate::program::StdInput;
use crate::request::Env;
use crate::value::TrustVector;
use crate::vm::memory::{CONSTANT, Constants, Memory, NULL, elements_at};
use crate::vm::meter::look;
use crate::vm::plan::message;

/// Work that a question to a host counts as, with its charge.
const ASKING: u64 = 522;

/// How a quick run ended, and its bill.
pub(super) struct End {
    pub(super) how: How,
    pub(super) pc: usize,
    pub(super) gas: GasUnits,
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

/// Runs a quick plan from its start. Registers are masked: a plan is quick only if it has no more of them.
#[inline(always)]
pub(super) fn execute<'a, const METERED: bool>(
    given: &Given<'_, 'a>,
    constants: &Constants,
    ops: &[QuickOp],
    memory: &mut Memory<'a>,
    registers: &mut [u64; REGISTERS],
    (mut network, started): (u64, &mut Option<u64>),
) -> End {
    let mut pc = given.plan.start as usize;
    let mut compute = 0u64;
    let mut ticks = TICKS_PER_LOOK as i64;
    macro_rules! get {
        ($r:expr) => {
            registers.get(usize::from($r) % REGISTERS).copied().unwrap_or(0)
        };
    }
    macro_rules! num {
        ($r:expr) => {
            f64::from_bits(get!($r))
        };
    }
    macro_rules! set {
        ($r:expr, $value:expr) => {{
            let value: u64 = $value;
            if let Some(slot) = registers.get_mut(usize::from($r) % REGISTERS) {
                *slot = value;
            }
        }};
    }
    // The vectors and arrays of this run; fetched anew where it may have grown.
    let mut words = memory.words.as_slice();
    macro_rules! component {
        ($r:expr, $x:expr) => {{
            let slot = get!($r);
            if slot & CONSTANT == 0 {
                f64::from_bits(words.get((slot as usize).wrapping_add(usize::from($x))).copied().unwrap_or(0))
            } else {
                constant_component(constants, slot, $x)
            }
        }};
    }
    macro_rules! trust {
        ($r:expr) => {{
            let slot = get!($r);
            match words.get(slot as usize..) {
                Some([r, i, c, p, v, o, ..]) if slot & CONSTANT == 0 => {
                    TrustVector([*r, *i, *c, *p, *v, *o].map(f64::from_bits))
                }
                _ => constants.trust(slot),
            }
        }};
    }
    macro_rules! end {
        ($how:expr) => {
            return End { how: $how, pc, gas: GasUnits { network, compute, ..GasUnits::ZERO } }
        };
    }
    macro_rules! work {
        ($n:expr) => {
            if METERED {
                ticks -= $n as i64;
                if ticks < 0 {
                    ticks = TICKS_PER_LOOK as i64;
                    // Without this, what has no end would have none here.
                    if compute.saturating_add(network) > given.env.limits.gas_limit {
                        end!(How::Leave);
                    }
                    if let Err(reason) = look_now(given.env, started) {
                        end!(How::Exhausted(reason));
                    }
                }
            }
        };
    }
    macro_rules! checked {
        ($op:expr, $value:expr) => {
            match $value {
                Ok(value) => value,
                Err(fault) => {
                    if METERED {
                        compute -= u64::from($op.cost);
                    }
                    end!(How::Fault(fault))
                }
            }
        };
    }
    macro_rules! put {
        ($op:expr, $value:expr) => {{
            let value: f64 = $value;
            set!($op.a, value.to_bits());
        }};
    }
    macro_rules! truth {
        ($op:expr, $value:expr) => {{
            let value: bool = $value;
            set!($op.a, u64::from(value));
        }};
    }
    macro_rules! jump_if {
        ($op:expr, $taken:expr) => {
            if $taken {
                pc = $op.to as usize;
                continue;
            }
        };
    }
    macro_rules! back {
        ($op:expr) => {{
            let to = $op.to as usize;
            work!(pc - to + 1);
            pc = to;
            continue;
        }};
    }
    macro_rules! require {
        ($op:expr, $holds:expr) => {
            if !$holds {
                end!(How::Deny(message($op.b)));
            }
        };
    }
    while let Some(op) = ops.get(pc) {
        if METERED {
            compute += u64::from(op.cost);
        }
        let k = f64::from_bits(op.k);
        match op.code {
            Quick::Nothing => {}
            Quick::Jump => jump_if!(op, true),
            Quick::JumpBack => back!(op),
            Quick::JumpTrue => jump_if!(op, get!(op.a) != 0),
            Quick::JumpFalse => jump_if!(op, get!(op.a) == 0),
            Quick::JumpNull => jump_if!(op, get!(op.a) == NULL),
            Quick::JumpSome => jump_if!(op, get!(op.a) != NULL),
            // Less, not more or equal: a bound may be no number.
            #[expect(clippy::neg_cmp_op_on_partial_ord, reason = "NaN ends the loop")]
            Quick::LoopLess => jump_if!(op, !(num!(op.a) < num!(op.b))),
            Quick::LoopMore => {
                let len = array(constants, words, get!(op.b)).len();
                #[expect(clippy::neg_cmp_op_on_partial_ord, reason = "NaN ends the loop")]
                let done = !(num!(op.a) < len as f64);
                jump_if!(op, done);
            }
            Quick::ForNext => {
                let i = num!(op.a) + 1.0;
                put!(op, i);
                if i < num!(op.b) {
                    back!(op);
                }
            }
            Quick::Require => require!(op, get!(op.a) != 0),
            Quick::Return => end!(How::Return(get!(op.a))),
            Quick::CompareJump => jump_if!(op, holds(op.x, num!(op.a), num!(op.c))),
            Quick::CompareJumpK => jump_if!(op, holds(op.x, num!(op.a), k)),
            Quick::CompareRequire => require!(op, holds(op.x, num!(op.a), num!(op.c))),
            Quick::CompareRequireK => require!(op, holds(op.x, num!(op.a), k)),
            Quick::CompareReturn => {
                end!(How::Return(u64::from(holds(op.x, num!(op.a), num!(op.c)))))
            }
            Quick::CompareReturnK => end!(How::Return(u64::from(holds(op.x, num!(op.a), k)))),
            Quick::FieldJumpK => {
                jump_if!(op, holds(op.x, component!(op.a, op.x >> COMPONENT_SHIFT), k))
            }
            Quick::FieldRequireK => {
                require!(op, holds(op.x, component!(op.a, op.x >> COMPONENT_SHIFT), k))
            }
            Quick::FieldReturnK => {
                let holds = holds(op.x, component!(op.a, op.x >> COMPONENT_SHIFT), k);
                end!(How::Return(u64::from(holds)))
            }
            Quick::NormRequireK => {
                let norm = trust::norm(&trust!(op.c));
                put!(op, norm);
                require!(op, holds(op.x, norm, k));
            }
            Quick::Const => set!(op.a, op.k),
            Quick::Move => set!(op.a, get!(op.b)),
            Quick::Unwrap => {
                let value = get!(op.b);
                checked!(op, if value == NULL { Err(Fault::TypeMismatch) } else { Ok(()) });
                set!(op.a, value);
            }
            Quick::Inc => put!(op, num!(op.a) + 1.0),
            Quick::Elem => {
                let items = array(constants, words, get!(op.b));
                let i = checked!(op, math::index(num!(op.c), items.len()));
                let value = items.get(i).copied().unwrap_or(0);
                set!(op.a, value);
            }
            Quick::RangeCheck => checked!(op, math::range_bounds(num!(op.a), num!(op.b))),
            Quick::Add => put!(op, num!(op.b) + num!(op.c)),
            Quick::AddK => put!(op, num!(op.b) + k),
            Quick::Sub => put!(op, num!(op.b) - num!(op.c)),
            Quick::SubK => put!(op, num!(op.b) - k),
            Quick::SubKr => put!(op, k - num!(op.c)),
            Quick::Mul => put!(op, num!(op.b) * num!(op.c)),
            Quick::MulK => put!(op, num!(op.b) * k),
            Quick::Div => put!(op, checked!(op, math::div(num!(op.b), num!(op.c)))),
            Quick::DivK => put!(op, checked!(op, math::div(num!(op.b), k))),
            Quick::DivKr => put!(op, checked!(op, math::div(k, num!(op.c)))),
            Quick::Neg => put!(op, -num!(op.b)),
            Quick::Not => truth!(op, get!(op.b) == 0),
            Quick::Compare => truth!(op, holds(op.x, num!(op.b), num!(op.c))),
            Quick::CompareK => truth!(op, holds(op.x, num!(op.b), k)),
            Quick::FieldCompareK => {
                truth!(op, holds(op.x, component!(op.b, op.x >> COMPONENT_SHIFT), k))
            }
            Quick::EqBits => truth!(op, get!(op.b) == get!(op.c)),
            Quick::NeBits => truth!(op, get!(op.b) != get!(op.c)),
            Quick::Field => put!(op, component!(op.b, op.x)),
            Quick::TrustNorm => put!(op, trust::norm(&trust!(op.b))),
            Quick::TrustDistance => put!(op, trust::distance(&trust!(op.b), &trust!(op.c))),
            Quick::TimeSince => {
                put!(op, math::max(0.0, num!(standard(StdInput::Now as u8)) - num!(op.b)));
            }
            Quick::Straight => {
                checked!(op, reads::straight(given, memory, registers, op));
                words = memory.words.as_slice();
            }
            Quick::EqDid
            | Quick::EqText
            | Quick::ContainsText
            | Quick::Contains
            | Quick::StartsWith
            | Quick::EndsWith => match reads::sized::<METERED>(given, memory, registers, compute, op) {
                Some(units) => {
                    if METERED {
                        compute += units;
                        work!(2 * units);
                    }
                }
                None => end!(How::Leave),
            },
            Quick::LoadTrust
            | Quick::HasCredential
            | Quick::ResolveDid
            | Quick::Balance
            | Quick::IsMember => {
                if !reads::ask(given, memory, registers, op) {
                    end!(How::Leave);
                }
                words = memory.words.as_slice();
                network += 5;
                work!(ASKING);
            }
        }
        pc += 1;
    }
    end!(How::Leave)
}
#[cold]
#[inline(never)]
fn look_now(env: &Env<'_>, started: &mut Option<u64>) -> Result<(), Exhaustion> {
    look(env, started)
}

#[cold]
#[inline(never)]
fn constant_component(constants: &Constants, slot: u64, x: u8) -> f64 {
    constants.trust(slot).0.get(usize::from(x)).copied().unwrap_or(0.0)
}

/// The elements of an array.
#[inline]
fn array<'t>(constants: &'t Constants, words: &'t [u64], slot: u64) -> &'t [u64] {
    let table = if slot & CONSTANT == 0 { words } else { &constants.words };
    elements_at(table, slot)
}
