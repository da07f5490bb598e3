//! One instruction for two that follow each other.

use super::code::{JUMP_TRUE, Quick, QuickOp};

/// `last` and then `op`, to which nothing else jumps. What either leaves in its register is left there: nobody need know
/// whether it is read again.
pub(super) fn joined(last: &QuickOp, op: &QuickOp) -> Option<QuickOp> {
    match (last.code, op.code) {
        (Quick::TrustNorm, Quick::CompareRequireK) if last.a == op.a => {
            Some(QuickOp { code: Quick::NormRequireK, b: last.b, ..*op })
        }
        (Quick::MulK, Quick::Add) if (op.c as u8 == last.a) != (op.b == last.a) => {
            let other = if op.b == last.a { op.c } else { i16::from(op.b) };
            Some(QuickOp { code: Quick::MulKAdd, x: last.a, a: op.a, c: other, ..*last })
        }
        (Quick::EqTextK, Quick::JumpTrue | Quick::JumpFalse) if last.a == op.a => {
            let wanted = if op.code == Quick::JumpTrue { JUMP_TRUE } else { 0 };
            Some(QuickOp { code: Quick::EqTextJumpK, x: last.x | wanted, c: 0, to: op.to, ..*last })
        }
        (Quick::LoopMore, Quick::Elem) if last.a == op.c as u8 && last.b == op.b => {
            Some(QuickOp { code: Quick::NextElem, x: op.a, c: 0, ..*last })
        }
        (Quick::Inc, Quick::JumpBack) => Some(QuickOp { code: Quick::IncBack, a: last.a, ..*op }),
        _ => None,
    }
}

/// `last`, its answer in register `dst`; for what a function returns, whose own registers nobody reads afterwards.
pub(super) fn returned(last: &QuickOp, own: u8, dst: u8) -> Option<QuickOp> {
    let answers = matches!(
        last.code,
        Quick::EqTextK
            | Quick::EqDidK
            | Quick::InSetK
            | Quick::InListK
            | Quick::HasK
            | Quick::EqBits
            | Quick::NeBits
            | Quick::Not
    );
    (answers && last.a == own).then_some(QuickOp { a: dst, ..*last })
}
