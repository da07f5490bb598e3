//! One instruction for two that follow each other.

use super::code::{ANY, DIFFERS, Quick, QuickOp, TURNED};
use crate::vm::plan::DEAD;

/// `last` and then `op`, to which nothing else jumps. What either leaves in its register is left there: nobody need know
/// whether it is read again.
pub(super) fn joined(last: &QuickOp, op: &QuickOp) -> Option<QuickOp> {
    match (last.code, op.code) {
        (Quick::TrustNorm, Quick::CompareRequireK) if last.a == op.a => {
            Some(QuickOp { code: Quick::NormRequireK, b: last.b, ..*op })
        }
        (Quick::TrustDistance, Quick::CompareRequireK) if last.a == op.a => {
            Some(QuickOp { code: Quick::DistanceRequireK, b: last.b, c: last.c, ..*op })
        }
        (Quick::MulK, Quick::Add) if (op.c as u8 == last.a) != (op.b == last.a) => {
            let other = if op.b == last.a { op.c } else { i16::from(op.b) };
            Some(QuickOp { code: Quick::MulKAdd, x: last.a, a: op.a, c: other, ..*last })
        }
        (_, Quick::JumpTrue | Quick::JumpFalse) if op.x & DEAD != 0 => branched(last, op),
        (Quick::TextIs | Quick::TextIn | Quick::StartsWithK | Quick::EqDid, Quick::Require)
            if last.a == op.a && op.x & DEAD != 0 =>
        {
            let code = match last.code {
                Quick::TextIs => Quick::TextIsRequire,
                Quick::TextIn => Quick::TextInRequire,
                Quick::EqDid => Quick::EqDidRequire,
                _ => Quick::StartsWithRequireK,
            };
            Some(QuickOp { code, to: op.to, ..*last })
        }
        // An answer goes where it is moved to, and is turned round where it is made, if nobody asks for it in its own place.
        (_, Quick::Move) if last.a == op.b && op.x & DEAD != 0 && only_writes(last.code) => {
            Some(QuickOp { a: op.a, ..*last })
        }
        (_, Quick::Not) if last.a == op.b && op.x & DEAD != 0 => {
            turned(last).map(|last| QuickOp { a: op.a, ..last })
        }
        // Goes on behind a `require` of what was put there: see `Unfold::passes`.
        (Quick::Const, Quick::Jump) if op.x & DEAD != 0 && last.a == op.a => Some(*op),
        (Quick::Const, Quick::Return) if last.a == op.a => Some(QuickOp { code: Quick::ReturnK, ..*last }),
        (Quick::LoopMore, Quick::Elem) if last.a == op.c as u8 && last.b == op.b => {
            Some(QuickOp { code: Quick::NextElem, x: op.a, c: 0, ..*last })
        }
        (Quick::Inc, Quick::JumpBack) => Some(QuickOp { code: Quick::IncBack, a: last.a, ..*op }),
        _ => None,
    }
}

/// Whether all that it does is to write register a: no fault of it, and no look at the clock, needs its place.
fn only_writes(code: Quick) -> bool {
    use Quick::*;
    matches!(
        code,
        Const
            | Move
            | Add
            | AddK
            | Sub
            | SubK
            | SubKr
            | Mul
            | MulK
            | MulKAdd
            | Neg
            | Not
            | Compare
            | CompareK
            | FieldCompareK
            | EqBits
            | NeBits
            | Field
            | TrustNorm
            | TrustDistance
            | TimeSince
            | TextIs
            | TextIn
            | DidIs
            | DidIn
            | StartsWithK
            | EqDid
    )
}

/// The instruction with the opposite answer.
fn turned(op: &QuickOp) -> Option<QuickOp> {
    let x = match op.code {
        Quick::TextIs | Quick::TextIn | Quick::DidIs | Quick::DidIn | Quick::StartsWithK => TURNED,
        Quick::EqDid => DIFFERS,
        Quick::Compare | Quick::CompareK | Quick::FieldCompareK => ANY,
        Quick::EqBits => return Some(QuickOp { code: Quick::NeBits, ..*op }),
        Quick::NeBits => return Some(QuickOp { code: Quick::EqBits, ..*op }),
        _ => return None,
    };
    Some(QuickOp { x: op.x ^ x, ..*op })
}

/// `branch`, and behind it a jump that is taken where the branch is not.
pub(super) fn inverted(branch: &QuickOp, jump: &QuickOp) -> Option<QuickOp> {
    let code = match branch.code {
        Quick::JumpTrue => Quick::JumpFalse,
        Quick::JumpFalse => Quick::JumpTrue,
        _ => return None,
    };
    Some(QuickOp { code, x: branch.x & DEAD, a: branch.a, ..*jump })
}

/// An instruction that answers a question in a register, and `branch` on that register.
pub(super) fn branched(answer: &QuickOp, branch: &QuickOp) -> Option<QuickOp> {
    let code = match answer.code {
        Quick::TextIs => Quick::TextIsJump,
        Quick::TextIn => Quick::TextInJump,
        Quick::StartsWithK => Quick::StartsWithJumpK,
        Quick::CompareK => Quick::CompareJumpK,
        _ => return None,
    };
    let wanted = branch.code == Quick::JumpTrue;
    if !(wanted || branch.code == Quick::JumpFalse) || answer.a != branch.a {
        return None;
    }
    let x = match (code, wanted) {
        (_, true) => answer.x,
        (Quick::CompareJumpK, false) => answer.x ^ ANY,
        (_, false) => answer.x ^ TURNED,
    };
    let a = if code == Quick::CompareJumpK { answer.b } else { answer.a };
    Some(QuickOp { code, x, a, to: branch.to, c: branch.c, ..*answer })
}

/// `back` to a loop's head that fetches the next element, with the head's work done.
pub(super) fn next_element(head: &QuickOp, back: &QuickOp) -> Option<QuickOp> {
    let fits = back.code == Quick::IncBack && head.code == Quick::NextElem && head.a == back.a;
    fits.then_some(QuickOp { code: Quick::ElemNext, x: head.x, b: head.b, to: back.to + 1, ..*back })
}

/// `last`, its answer in register `dst`; for what a function returns, whose own registers nobody reads afterwards.
pub(super) fn returned(last: &QuickOp, own: u8, dst: u8) -> Option<QuickOp> {
    let answers = matches!(
        last.code,
        Quick::TextIs
            | Quick::TextIn
            | Quick::DidIs
            | Quick::DidIn
            | Quick::StartsWithK
            | Quick::InListK
            | Quick::HasK
            | Quick::EqBits
            | Quick::NeBits
            | Quick::Not
    );
    (answers && last.a == own).then_some(QuickOp { a: dst, ..*last })
}
