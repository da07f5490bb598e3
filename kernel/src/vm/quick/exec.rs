//! The loop of quick runs.

use super::REGISTERS;
use super::code::{COMPONENT_SHIFT, LENGTH_SHIFT, Quick, TURNED, holds};
use super::end::{Bill, End, How, look_now};
use super::plan::standard;
use super::reads::{self, Given, Room};
use super::scan::{BODY, THROUGH};
use crate::fault::Fault;
use crate::ops::{math, trust};
use crate::program::StdInput;
use crate::value::TrustVector;
use crate::vm::memory::{ARRAY_HEADER, CONSTANT, Constants, NULL, elements_at, text_len};
use crate::vm::plan::message;

/// Questions to a host after which, at the latest, the clock is looked at.
const ASKS_PER_LOOK: i64 = 64;
/// Beyond this, numbers of 64 bits are whole.
const WHOLE: f64 = 4_503_599_627_370_496.0;

/// Runs a quick plan from its start. Registers are named by bytes, and there is one for every byte.
#[inline(never)]
#[expect(
    clippy::neg_cmp_op_on_partial_ord,
    reason = "where one is NaN the comparison does not hold: that is meant"
)]
pub(super) fn execute<const METERED: bool>(
    given: &Given<'_, '_>,
    room: &mut Room<'_>,
    registers: &mut [u64; REGISTERS],
    network: u64,
    started: &mut Option<u64>,
) -> End {
    let plan = given.plan;
    let ops = plan.ops.as_slice();
    // What is still to come, in order.
    let mut code = ops.get(usize::from(plan.start)..).unwrap_or(&[]);
    // Units of jumps taken and of instructions priced by size are taken from what was granted; when nothing is left, it is
    // time to look at the clock.
    let mut left = plan.window;
    let mut bill = Bill { granted: left, network };
    macro_rules! get {
        ($r:expr) => {
            registers.get(usize::from($r as u8)).copied().unwrap_or(0)
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
            // There is one for every byte.
            if let Some(slot) = registers.get_mut(usize::from($r)) {
                *slot = value;
            }
        }};
    }
    macro_rules! component {
        ($r:expr, $x:expr) => {{
            let slot = get!($r);
            // Handles of constants are beyond any of this run's.
            match room.words.get((slot as usize).wrapping_add(usize::from($x))) {
                Some(word) => f64::from_bits(*word),
                None => constant_component(given, slot, $x),
            }
        }};
    }
    macro_rules! trust {
        ($r:expr) => {{
            let slot = get!($r);
            match room.words.get(slot as usize..) {
                Some([r, i, c, p, v, o, ..]) => TrustVector([*r, *i, *c, *p, *v, *o].map(f64::from_bits)),
                _ => given.exe.constants.trust(slot),
            }
        }};
    }
    // A vector over six registers, which are there behind every one that a byte names.
    macro_rules! six {
        ($r:expr) => {{
            let home = usize::from($r as u8);
            let at = |x: usize| f64::from_bits(registers.get(home + x).copied().unwrap_or(0));
            TrustVector([at(0), at(1), at(2), at(3), at(4), at(5)])
        }};
    }
    // The index of the instruction behind the one that runs.
    macro_rules! next {
        () => {
            ops.len() - code.len()
        };
    }
    macro_rules! end {
        ($how:expr) => {
            return End {
                how: $how,
                pc: next!().wrapping_sub(1),
                network: bill.network,
                compute: bill.granted.wrapping_sub(left),
            }
        };
    }
    macro_rules! go {
        ($to:expr) => {{
            let Some(rest) = ops.get($to..) else { end!(How::Leave) };
            code = rest;
            continue;
        }};
    }
    // Looks at limits and clock where it is time to; `to` is where the run goes on.
    macro_rules! look {
        ($to:expr, $undo:expr) => {
            if METERED && left < 0 {
                if let Err(how) = look_now(given, $to, left, &mut bill, started) {
                    left = left.wrapping_add($undo);
                    end!(how)
                }
                left = plan.window;
            }
        };
    }
    macro_rules! sized {
        ($units:expr) => {
            if METERED {
                left = left.wrapping_sub($units as i64);
                look!(next!(), 0);
            }
        };
    }
    // What a text costs that is longer than a short one, or none.
    macro_rules! short {
        ($op:expr, $slot:expr, $most:expr) => {{
            if METERED && (text_len($slot) as u32).wrapping_sub(1) >= u32::from($most) {
                left = left.wrapping_sub(reads::beyond_short($slot, $op));
            }
        }};
    }
    macro_rules! checked {
        ($value:expr) => {
            match $value {
                Ok(value) => value,
                Err(fault) => end!(How::Fault(fault)),
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
                if METERED {
                    left = left.wrapping_sub(i64::from($op.c));
                }
                go!(usize::from($op.to));
            }
        };
    }
    macro_rules! back {
        ($op:expr) => {{
            let to = usize::from($op.to);
            if METERED {
                left = left.wrapping_sub(i64::from($op.c));
            }
            look!(to, i64::from($op.c));
            go!(to);
        }};
    }
    macro_rules! require {
        ($op:expr, $holds:expr) => {
            if !$holds {
                end!(How::Deny(message($op.to)));
            }
        };
    }
    macro_rules! k {
        ($op:expr) => {
            f64::from_bits($op.k)
        };
    }
    // Whether text b is one of the constants whose indexes are bits of k.
    macro_rules! among {
        ($op:expr, $slot:expr) => {{
            let index = $slot & 0xFFFF_FFFF;
            let known = $slot & CONSTANT != 0 && index < 64;
            known && $op.k >> index & 1 == 1
        }};
    }
    // The same of the text of which a constant is the beginning: the longer that is, the shorter is short.
    macro_rules! prefix {
        ($op:expr, $slot:expr) => {
            short!($op, $slot, 32 - ($op.x >> LENGTH_SHIFT))
        };
    }
    macro_rules! turned {
        ($op:expr, $truth:expr) => {
            ($truth) != ($op.x & TURNED != 0)
        };
    }
    // Whether there is an element i of the array in register b; then it goes to register x.
    macro_rules! element {
        ($op:expr, $i:expr) => {{
            let slot = get!($op.b);
            let table = if slot & CONSTANT == 0 { &*room.words } else { &given.exe.constants.words };
            let array = (slot & 0xFFFF_FFFF) as usize;
            let len = table.get(array).copied().unwrap_or(0);
            // No array has more elements than that counts.
            let sum: f64 = $i + WHOLE;
            let at = sum.to_bits().wrapping_sub(WHOLE.to_bits());
            if at < len && sum - WHOLE == $i {
                let item = table.get((array + ARRAY_HEADER).wrapping_add(at as usize));
                set!($op.x, item.copied().unwrap_or(0));
                true
            } else if !($i < len as f64) {
                false
            } else {
                // Between two elements: the full machine says what that is.
                end!(How::Leave)
            }
        }};
    }
    while let [op, rest @ ..] = code {
        code = rest;
        match op.code {
            Quick::Nothing => {}
            Quick::Jump => jump_if!(op, true),
            Quick::JumpBack => back!(op),
            Quick::JumpTrue => jump_if!(op, get!(op.a) != 0),
            Quick::JumpFalse => jump_if!(op, get!(op.a) == 0),
            Quick::JumpNull => jump_if!(op, get!(op.a) == NULL),
            Quick::JumpSome => jump_if!(op, get!(op.a) != NULL),
            // Less, not more or equal: a bound may be no number.
            Quick::LoopLess => jump_if!(op, !(num!(op.a) < num!(op.b))),
            Quick::LoopMore => {
                let len = array(&given.exe.constants, room.words, get!(op.b)).len();
                let done = !(num!(op.a) < len as f64);
                jump_if!(op, done);
            }
            Quick::NextElem => {
                let i = num!(op.a);
                jump_if!(op, !element!(op, i));
            }
            Quick::Scan => {
                let items = array(&given.exe.constants, room.words, get!(op.b));
                match plan.scans.get(op.k as usize) {
                    Some(scan) if get!(op.a) == 0 && !items.is_empty() => {
                        let (units, to) = scan.run(op, registers, items, left);
                        if METERED {
                            left = left.wrapping_sub(units);
                        }
                        match to {
                            THROUGH => jump_if!(op, true),
                            BODY => {}
                            to => go!(usize::from(to)),
                        }
                    }
                    _ => {
                        let i = num!(op.a);
                        jump_if!(op, !element!(op, i));
                    }
                }
            }
            Quick::ElemNext => {
                let i = num!(op.a) + 1.0;
                put!(op, i);
                let more = element!(op, i);
                // Where there is none, the head finds that, and pays for it.
                let (to, units) = (usize::from(op.to), i64::from(op.c));
                let (to, units) = if more { (to, units) } else { (to - 1, units + op.k as i64) };
                if METERED {
                    left = left.wrapping_sub(units);
                }
                look!(to, units);
                go!(to);
            }
            Quick::IncBack => {
                put!(op, num!(op.a) + 1.0);
                back!(op);
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
            Quick::CompareJump => jump_if!(op, holds(op.x, num!(op.a), num!(op.b))),
            Quick::CompareJumpK => jump_if!(op, holds(op.x, num!(op.a), k!(op))),
            Quick::CompareRequire => require!(op, holds(op.x, num!(op.a), num!(op.c))),
            Quick::CompareRequireK => require!(op, holds(op.x, num!(op.a), k!(op))),
            Quick::JumpLtK => jump_if!(op, num!(op.a) < k!(op)),
            Quick::JumpLeK => jump_if!(op, num!(op.a) <= k!(op)),
            Quick::JumpGtK => jump_if!(op, num!(op.a) > k!(op)),
            Quick::JumpGeK => jump_if!(op, num!(op.a) >= k!(op)),
            Quick::JumpNotLtK => jump_if!(op, !(num!(op.a) < k!(op))),
            Quick::JumpNotLeK => jump_if!(op, !(num!(op.a) <= k!(op))),
            Quick::JumpNotGtK => jump_if!(op, !(num!(op.a) > k!(op))),
            Quick::JumpNotGeK => jump_if!(op, !(num!(op.a) >= k!(op))),
            Quick::RequireLtK => require!(op, num!(op.a) < k!(op)),
            Quick::RequireLeK => require!(op, num!(op.a) <= k!(op)),
            Quick::RequireGtK => require!(op, num!(op.a) > k!(op)),
            Quick::RequireGeK => require!(op, num!(op.a) >= k!(op)),
            Quick::RequireLt => require!(op, num!(op.a) < num!(op.c)),
            Quick::RequireLe => require!(op, num!(op.a) <= num!(op.c)),
            Quick::ReturnK => end!(How::Return(op.k)),
            Quick::CompareReturn => {
                end!(How::Return(u64::from(holds(op.x, num!(op.a), num!(op.c)))))
            }
            Quick::CompareReturnK => end!(How::Return(u64::from(holds(op.x, num!(op.a), k!(op))))),
            Quick::FieldJumpK => {
                jump_if!(op, holds(op.x, component!(op.a, op.x >> COMPONENT_SHIFT), k!(op)))
            }
            Quick::FieldRequireK => {
                require!(op, holds(op.x, component!(op.a, op.x >> COMPONENT_SHIFT), k!(op)))
            }
            Quick::FieldReturnK => {
                let holds = holds(op.x, component!(op.a, op.x >> COMPONENT_SHIFT), k!(op));
                end!(How::Return(u64::from(holds)))
            }
            Quick::NormRequireK => {
                let norm = trust::norm(&trust!(op.b));
                put!(op, norm);
                require!(op, holds(op.x, norm, k!(op)));
            }
            Quick::DistanceRequireK => {
                let distance = trust::distance(&trust!(op.b), &trust!(op.c));
                put!(op, distance);
                require!(op, holds(op.x, distance, k!(op)));
            }
            Quick::Const => set!(op.a, op.k),
            Quick::Move => set!(op.a, get!(op.b)),
            Quick::Unwrap => {
                let value = get!(op.b);
                checked!(if value == NULL { Err(Fault::TypeMismatch) } else { Ok(()) });
                set!(op.a, value);
            }
            Quick::Inc => put!(op, num!(op.a) + 1.0),
            Quick::Elem => {
                let items = array(&given.exe.constants, room.words, get!(op.b));
                let i = checked!(math::index(num!(op.c), items.len()));
                let value = items.get(i).copied().unwrap_or(0);
                set!(op.a, value);
            }
            Quick::RangeCheck => checked!(math::range_bounds(num!(op.a), num!(op.b))),
            Quick::Add => put!(op, num!(op.b) + num!(op.c)),
            Quick::AddK => put!(op, num!(op.b) + k!(op)),
            Quick::Sub => put!(op, num!(op.b) - num!(op.c)),
            Quick::SubK => put!(op, num!(op.b) - k!(op)),
            Quick::SubKr => put!(op, k!(op) - num!(op.c)),
            Quick::Mul => put!(op, num!(op.b) * num!(op.c)),
            Quick::MulK => put!(op, num!(op.b) * k!(op)),
            Quick::MulKMulKAdd => {
                let (left, right) = (num!(op.b), num!(op.c));
                let [other, rest @ ..] = code else { end!(How::Leave) };
                code = rest;
                let other = other.k;
                let (left, right) = (left * k!(op), right * f64::from_bits(other));
                set!(op.to as u8, left.to_bits());
                set!(op.x, right.to_bits());
                put!(op, left + right);
            }
            Quick::MulKAdd => {
                let product = num!(op.b) * k!(op);
                set!(op.x, product.to_bits());
                put!(op, num!(op.c) + product);
            }
            Quick::Div => put!(op, checked!(math::div(num!(op.b), num!(op.c)))),
            Quick::DivK => put!(op, checked!(math::div(num!(op.b), k!(op)))),
            Quick::DivKr => put!(op, checked!(math::div(k!(op), num!(op.c)))),
            Quick::Neg => put!(op, -num!(op.b)),
            Quick::Not => truth!(op, get!(op.b) == 0),
            Quick::Compare => truth!(op, holds(op.x, num!(op.b), num!(op.c))),
            Quick::CompareK => truth!(op, holds(op.x, num!(op.b), k!(op))),
            Quick::FieldCompareK => {
                truth!(op, holds(op.x, component!(op.b, op.x >> COMPONENT_SHIFT), k!(op)))
            }
            Quick::EqBits => truth!(op, get!(op.b) == get!(op.c)),
            Quick::NeBits => truth!(op, get!(op.b) != get!(op.c)),
            Quick::Field => put!(op, component!(op.b, op.x)),
            Quick::TrustNorm => put!(op, trust::norm(&trust!(op.b))),
            Quick::TrustDistance => put!(op, trust::distance(&trust!(op.b), &trust!(op.c))),
            Quick::NormOfSix => put!(op, trust::norm(&six!(op.b))),
            Quick::NormOfSixRequireK => {
                let norm = trust::norm(&six!(op.b));
                put!(op, norm);
                require!(op, holds(op.x, norm, k!(op)));
            }
            Quick::NormOfSixRequireGeK => {
                let norm = trust::norm(&six!(op.b));
                put!(op, norm);
                require!(op, norm >= k!(op));
            }
            Quick::DistanceOfSix => put!(op, trust::distance(&six!(op.b), &six!(op.c))),
            Quick::DistanceOfSixRequireK => {
                let distance = trust::distance(&six!(op.b), &six!(op.c));
                put!(op, distance);
                require!(op, holds(op.x, distance, k!(op)));
            }
            Quick::DistanceOfSixRequireLtK => {
                let distance = trust::distance(&six!(op.b), &six!(op.c));
                put!(op, distance);
                require!(op, distance < k!(op));
            }
            Quick::TimeSince => {
                put!(op, math::max(0.0, num!(standard(StdInput::Now as u8)) - num!(op.b)));
            }
            Quick::Straight => {
                checked!(reads::straight(given, room, registers, op));
            }
            Quick::DidIs => truth!(op, turned!(op, get!(op.b) == op.k)),
            Quick::DidIn => truth!(op, turned!(op, among!(op, get!(op.b)))),
            Quick::TextIs => {
                let slot = get!(op.b);
                truth!(op, turned!(op, slot == op.k));
                short!(op, slot, op.x >> LENGTH_SHIFT);
            }
            Quick::TextIsJump => {
                let slot = get!(op.b);
                short!(op, slot, op.x >> LENGTH_SHIFT);
                jump_if!(op, turned!(op, slot == op.k));
            }
            Quick::TextIsRequire => {
                let slot = get!(op.b);
                short!(op, slot, op.x >> LENGTH_SHIFT);
                require!(op, turned!(op, slot == op.k));
            }
            Quick::TextIn => {
                let slot = get!(op.b);
                truth!(op, turned!(op, among!(op, slot)));
                short!(op, slot, op.x >> LENGTH_SHIFT);
            }
            Quick::TextInJump => {
                let slot = get!(op.b);
                short!(op, slot, op.x >> LENGTH_SHIFT);
                jump_if!(op, turned!(op, among!(op, slot)));
            }
            Quick::TextInRequire => {
                let slot = get!(op.b);
                short!(op, slot, op.x >> LENGTH_SHIFT);
                require!(op, turned!(op, among!(op, slot)));
            }
            Quick::StartsWithK => {
                let slot = get!(op.b);
                truth!(op, turned!(op, reads::starts_with(given, slot, op)));
                prefix!(op, slot);
            }
            Quick::StartsWithJumpK => {
                let slot = get!(op.b);
                prefix!(op, slot);
                jump_if!(op, turned!(op, reads::starts_with(given, slot, op)));
            }
            Quick::StartsWithRequireK => {
                let slot = get!(op.b);
                prefix!(op, slot);
                require!(op, turned!(op, reads::starts_with(given, slot, op)));
            }
            Quick::EqDid => truth!(op, reads::same_did(given, registers, op)),
            Quick::EqDidRequire => require!(op, reads::same_did(given, registers, op)),
            Quick::EqText
            | Quick::InListK
            | Quick::HasK
            | Quick::ContainsText
            | Quick::Contains
            | Quick::StartsWith
            | Quick::EndsWith => match reads::sized::<METERED>(given, room, registers, op) {
                Some(units) => {
                    sized!(units);
                }
                None => end!(How::Leave),
            },
            Quick::LoadTrust
            | Quick::LoadSix
            | Quick::HasCredential
            | Quick::ResolveDid
            | Quick::Balance
            | Quick::IsMember => {
                if !reads::ask(given, room, registers, op) {
                    end!(How::Leave);
                }
                let share = plan.window / ASKS_PER_LOOK + 1;
                bill.network += 5;
                bill.granted -= share;
                left = left.wrapping_sub(share);
                look!(next!(), 0);
            }
        }
    }
    end!(How::Leave)
}

#[cold]
#[inline(never)]
fn constant_component(given: &Given<'_, '_>, slot: u64, x: u8) -> f64 {
    given.exe.constants.trust(slot).0.get(usize::from(x)).copied().unwrap_or(0.0)
}

/// The elements of an array.
#[inline]
fn array<'t>(constants: &'t Constants, words: &'t [u64], slot: u64) -> &'t [u64] {
    let table = if slot & CONSTANT == 0 { words } else { &constants.words };
    elements_at(table, slot)
}
