//! The loop: how instructions follow each other. What the frequent ones do stands here too, since they are one line each;
//! the rest is in `step`.

use super::frame::Frame;
use super::plan::{CMP_MASK, COMPONENT_SHIFT, Cmp, Code, Executable, JUMP_IF, PlanOp, message};
use super::run::{Activation, Machine, Stack};
use super::step;
use crate::fault::{Exhaustion, Fault};
use crate::ops::{math, trust};

/// Why the loop ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Exit {
    /// The body returned this.
    Return(u64),
    /// A `require` said no.
    Deny(Option<u16>),
    /// A fault; everything up to and with the failing instruction is charged.
    Fault(Fault),
    /// A limit.
    Exhausted(Exhaustion),
    /// `cross_realm`: the answer is wanted in register `dst`.
    Cross { realm: u64, dst: u16 },
}

#[inline(always)]
pub(crate) fn compare(cmp: Cmp, l: f64, r: f64) -> bool {
    match cmp {
        Cmp::Lt => l < r,
        Cmp::Le => l <= r,
        Cmp::Gt => l > r,
        Cmp::Ge => l >= r,
        Cmp::Eq => l == r,
        Cmp::Ne => l != r,
    }
}

/// Runs from where the activation stands until something ends it. `at.pc` is then the instruction that did.
pub(crate) fn execute<'a, const METERED: bool>(
    exe: &Executable,
    m: &mut Machine<'a>,
    stack: &mut Stack<'a>,
    at: &mut Activation<'a>,
) -> Exit {
    let ops: &[PlanOp] = &exe.ops;
    let mut pc = at.pc as usize;
    'frames: loop {
        let mut f = Frame::new(stack.window(at));

        macro_rules! leave {
            ($exit:expr) => {{
                at.pc = pc as u32;
                return $exit;
            }};
        }
        macro_rules! settle {
            ($op:expr) => {
                if METERED {
                    m.meter.compute += u64::from($op.cost);
                    if m.meter.compute > m.meter.cap && !m.meter.extend() {
                        m.meter.compute -= u64::from($op.cost);
                        if let Some(exit) = step::out_of_gas(exe, &mut m.meter, at, pc) {
                            leave!(exit);
                        }
                    }
                }
            };
        }
        // A fault in a straight run: what came before it, and itself, must still be paid.
        macro_rules! try_straight {
            ($e:expr) => {
                match $e {
                    Ok(value) => value,
                    Err(fault) => leave!(step::straight_fault(exe, &mut m.meter, at, pc, fault)),
                }
            };
        }
        macro_rules! jump_if {
            ($taken:expr, $op:expr) => {
                if $taken {
                    pc = $op.k as usize;
                    continue;
                }
            };
        }
        loop {
            let Some(op) = ops.get(pc) else { leave!(Exit::Fault(Fault::HostError)) };
            match op.code {
                Code::Charge => settle!(op),
                Code::Jump => {
                    settle!(op);
                    pc = op.k as usize;
                    continue;
                }
                Code::JumpBack => {
                    settle!(op);
                    let target = op.k as usize;
                    if METERED
                        && m.meter.tick(pc - target + 1)
                        && let Err(reason) = m.meter.look()
                    {
                        leave!(Exit::Exhausted(reason));
                    }
                    pc = target;
                    continue;
                }
                Code::JumpTrue => {
                    settle!(op);
                    jump_if!(f.get(op.a) != 0, op);
                }
                Code::JumpFalse => {
                    settle!(op);
                    jump_if!(f.get(op.a) == 0, op);
                }
                Code::JumpNull => {
                    settle!(op);
                    jump_if!(f.get(op.a) == super::memory::NULL, op);
                }
                Code::JumpSome => {
                    settle!(op);
                    jump_if!(f.get(op.a) != super::memory::NULL, op);
                }
                Code::LoopLess => {
                    settle!(op);
                    let more = f.num(op.a) < f.num(op.b);
                    jump_if!(!more, op);
                }
                Code::LoopMore => {
                    settle!(op);
                    let more = f.num(op.a) < m.memory.array_len(&exe.constants, f.get(op.b)) as f64;
                    jump_if!(!more, op);
                }
                Code::ForNext => {
                    settle!(op);
                    let i = f.num(op.a) + 1.0;
                    f.set_num(op.a, i);
                    if i < f.num(op.b) {
                        let target = op.k as usize;
                        if METERED
                            && m.meter.tick(pc - target + 1)
                            && let Err(reason) = m.meter.look()
                        {
                            leave!(Exit::Exhausted(reason));
                        }
                        pc = target;
                        continue;
                    }
                }
                Code::Require => {
                    settle!(op);
                    if f.get(op.a) == 0 {
                        leave!(Exit::Deny(message(op.b)));
                    }
                }
                Code::CmpJump | Code::CmpJumpK => {
                    settle!(op);
                    let right = if op.code == Code::CmpJumpK { exe.number(op.c) } else { f.num(op.c) };
                    let holds = compare(Cmp::of_bits(op.x & CMP_MASK), f.num(op.a), right);
                    jump_if!(holds == (op.x & JUMP_IF != 0), op);
                }
                Code::CmpRequire | Code::CmpRequireK => {
                    settle!(op);
                    let right = if op.code == Code::CmpRequireK { exe.number(op.c) } else { f.num(op.c) };
                    if !compare(Cmp::of_bits(op.x), f.num(op.a), right) {
                        leave!(Exit::Deny(message(op.b)));
                    }
                }
                Code::FieldCmpJumpK => {
                    settle!(op);
                    let left = m.memory.component(&exe.constants, f.get(op.a), op.x >> COMPONENT_SHIFT);
                    let holds = compare(Cmp::of_bits(op.x & CMP_MASK), left, exe.number(op.c));
                    jump_if!(holds == (op.x & JUMP_IF != 0), op);
                }
                Code::FieldCmpRequireK => {
                    settle!(op);
                    let left = m.memory.component(&exe.constants, f.get(op.a), op.x >> COMPONENT_SHIFT);
                    if !compare(Cmp::of_bits(op.x & CMP_MASK), left, exe.number(op.c)) {
                        leave!(Exit::Deny(message(op.b)));
                    }
                }
                Code::Return | Code::CmpReturn | Code::CmpReturnK | Code::FieldCmpReturnK => {
                    settle!(op);
                    let cmp = Cmp::of_bits(op.x & CMP_MASK);
                    let value = match op.code {
                        Code::Return => f.get(op.a),
                        Code::CmpReturn => u64::from(compare(cmp, f.num(op.a), f.num(op.c))),
                        Code::CmpReturnK => u64::from(compare(cmp, f.num(op.a), exe.number(op.c))),
                        _ => {
                            let left =
                                m.memory.component(&exe.constants, f.get(op.a), op.x >> COMPONENT_SHIFT);
                            u64::from(compare(cmp, left, exe.number(op.c)))
                        }
                    };
                    match stack.leave(at, value) {
                        None => leave!(Exit::Return(value)),
                        Some(back) => {
                            m.depth -= 1;
                            pc = back as usize;
                            continue 'frames;
                        }
                    }
                }
                Code::Call => {
                    let Some(callee) = exe.functions.get(usize::from(op.b)) else {
                        leave!(Exit::Fault(Fault::HostError))
                    };
                    if m.depth >= m.max_depth {
                        leave!(step::too_deep(exe, &mut m.meter, at, pc));
                    }
                    settle!(op);
                    if METERED
                        && m.meter.tick(usize::from(callee.registers) + 16)
                        && let Err(reason) = m.meter.look()
                    {
                        leave!(Exit::Exhausted(reason));
                    }
                    m.depth += 1;
                    stack.enter(at, pc as u32 + 1, op.a, op.c, callee);
                    pc = callee.entry as usize;
                    continue 'frames;
                }
                // Done before the start; see `run`.
                Code::EntryTrust => {}
                Code::Step => {
                    settle!(op);
                    if let Err(exit) = step::step::<METERED>(exe, m, &mut f, at, op) {
                        leave!(exit);
                    }
                }
                Code::Const => f.set(op.a, exe.constants.slot_of(op.b)),
                Code::Move => {
                    let value = f.get(op.b);
                    f.set(op.a, value);
                }
                Code::Unwrap => {
                    let value = f.get(op.b);
                    if value == super::memory::NULL {
                        try_straight!(Err(Fault::TypeMismatch));
                    }
                    f.set(op.a, value);
                }
                Code::Std => f.set(op.a, at.std_slot(op.x)),
                Code::Inc => {
                    let i = f.num(op.a) + 1.0;
                    f.set_num(op.a, i);
                }
                Code::Elem | Code::Index => {
                    let items = m.memory.elements(&exe.constants, f.get(op.b));
                    let i = try_straight!(math::index(f.num(op.c), items.len()));
                    let value = items.get(i).copied().unwrap_or(0);
                    f.set(op.a, value);
                }
                Code::RangeCheck => try_straight!(math::range_bounds(f.num(op.a), f.num(op.b))),
                Code::Add => f.set_num(op.a, f.num(op.b) + f.num(op.c)),
                Code::AddK => f.set_num(op.a, f.num(op.b) + exe.number(op.c)),
                Code::Sub => f.set_num(op.a, f.num(op.b) - f.num(op.c)),
                Code::SubK => f.set_num(op.a, f.num(op.b) - exe.number(op.c)),
                Code::SubKr => f.set_num(op.a, exe.number(op.b) - f.num(op.c)),
                Code::Mul => f.set_num(op.a, f.num(op.b) * f.num(op.c)),
                Code::MulK => f.set_num(op.a, f.num(op.b) * exe.number(op.c)),
                Code::Div => f.set_num(op.a, try_straight!(math::div(f.num(op.b), f.num(op.c)))),
                Code::DivK => f.set_num(op.a, try_straight!(math::div(f.num(op.b), exe.number(op.c)))),
                Code::DivKr => f.set_num(op.a, try_straight!(math::div(exe.number(op.b), f.num(op.c)))),
                Code::Rem => f.set_num(op.a, try_straight!(math::rem(f.num(op.b), f.num(op.c)))),
                Code::RemK => f.set_num(op.a, try_straight!(math::rem(f.num(op.b), exe.number(op.c)))),
                Code::RemKr => f.set_num(op.a, try_straight!(math::rem(exe.number(op.b), f.num(op.c)))),
                Code::Neg => f.set_num(op.a, -f.num(op.b)),
                Code::Not => f.set_bool(op.a, f.get(op.b) == 0),
                Code::Cmp => f.set_bool(op.a, compare(Cmp::of_bits(op.x), f.num(op.b), f.num(op.c))),
                Code::CmpK => f.set_bool(op.a, compare(Cmp::of_bits(op.x), f.num(op.b), exe.number(op.c))),
                Code::EqBits => f.set_bool(op.a, f.get(op.b) == f.get(op.c)),
                Code::NeBits => f.set_bool(op.a, f.get(op.b) != f.get(op.c)),
                Code::Field => {
                    let value = m.memory.component(&exe.constants, f.get(op.b), op.x);
                    f.set_num(op.a, value);
                }
                Code::TrustNorm => {
                    let value = trust::norm(&m.memory.trust(&exe.constants, f.get(op.b)));
                    f.set_num(op.a, value);
                }
                Code::Straight => {
                    let value = try_straight!(step::straight(exe, &mut m.memory, &f, at.std.now, op));
                    f.set(op.a, value);
                }
            }
            pc += 1;
        }
    }
}
