//! One instruction for two that follow each other.

use super::code::{Quick, QuickOp, TURNED};
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
        (Quick::TextIs | Quick::TextIn | Quick::StartsWithK, Quick::JumpTrue | Quick::JumpFalse)
            if last.a == op.a && op.x & DEAD != 0 =>
        {
            let code = match last.code {
                Quick::TextIs => Quick::TextIsJump,
                Quick::TextIn => Quick::TextInJump,
                _ => Quick::StartsWithJumpK,
            };
            let turned = if op.code == Quick::JumpTrue { 0 } else { TURNED };
            Some(QuickOp { code, x: last.x ^ turned, to: op.to, ..*last })
        }
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
        (Quick::Const, Quick::Return) if last.a == op.a => {
            Some(QuickOp { code: Quick::ReturnK, ..*last })
        }
        (Quick::LoopMore, Quick::Elem) if last.a == op.c as u8 && last.b == op.b => {
            Some(QuickOp { code: Quick::NextElem, x: op.a, c: 0, ..*last })
        }
        (Quick::Inc, Quick::JumpBack) => Some(QuickOp { code: Quick::IncBack, a: last.a, ..*op }),
        _ => None,
    }
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
