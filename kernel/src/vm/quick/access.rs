//! Which registers a quick instruction reads and writes, and as what.

use super::code::{Quick, QuickOp};
use crate::isa::{CONST_B, CONST_C, Instr, Op};
use crate::vm::plan::PlanOp;

/// What is done with a register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Use {
    Read,
    Write,
    /// Read as a trust vector, by an instruction that can also find it spread over registers.
    Vector,
    /// Written with a trust vector that can also be spread.
    NewVector,
    /// Read as a text or a DID, by what it says.
    Text,
}

impl QuickOp {
    /// Calls `visit` with every register and its use, but for registers over which vectors are spread. `straight`: see
    /// [`super::plan::QuickPlan`].
    pub(super) fn for_each_use(&self, straight: &[PlanOp], mut visit: impl FnMut(u8, Use)) {
        use Quick::*;
        use Use::*;
        let (a, b, c) = (self.a, self.b, self.c as u8);
        macro_rules! uses {
            ($($r:expr, $how:expr);*) => {{ $(visit($r, $how);)* }};
        }
        let text = |b_or_c: u8| self.x & b_or_c == 0;
        match self.code {
            Nothing
            | Jump
            | JumpBack
            | ReturnK
            | NormOfSix
            | NormOfSixRequireK
            | NormOfSixRequireGeK
            | DistanceOfSix
            | DistanceOfSixRequireK
            | DistanceOfSixRequireLtK => {}
            JumpTrue | JumpFalse | JumpNull | JumpSome | Require | Return | CompareJumpK
            | CompareRequireK | CompareReturnK | JumpLtK | JumpLeK | JumpGtK | JumpGeK | JumpNotLtK
            | JumpNotLeK | JumpNotGtK | JumpNotGeK | RequireLtK | RequireLeK | RequireGtK | RequireGeK => {
                uses!(a, Read)
            }
            LoopLess | LoopMore | RangeCheck | CompareJump => uses!(a, Read; b, Read),
            CompareRequire | RequireLt | RequireLe | CompareReturn => uses!(a, Read; c, Read),
            ForNext => uses!(a, Read; b, Read; a, Write),
            IncBack | Inc => uses!(a, Read; a, Write),
            NextElem | Scan => uses!(a, Read; b, Read; self.x, Write),
            ElemNext => uses!(a, Read; b, Read; a, Write; self.x, Write),
            FieldJumpK | FieldRequireK | FieldReturnK => uses!(a, Vector),
            NormRequireK | FieldCompareK | Field | TrustNorm => uses!(b, Vector; a, Write),
            TrustDistance | DistanceRequireK => uses!(b, Vector; c, Vector; a, Write),
            Const => uses!(a, Write),
            Move | Unwrap | AddK | SubK | MulK | DivK | Neg | Not | CompareK | TimeSince | TextIs
            | TextIn | DidIs | DidIn | InListK => uses!(b, Read; a, Write),
            SubKr | DivKr | HasK => uses!(c, Read; a, Write),
            Elem | Add | Sub | Mul | Div | Compare | EqBits | NeBits => uses!(b, Read; c, Read; a, Write),
            MulKAdd => uses!(b, Read; c, Read; self.x, Write; a, Write),
            MulKMulKAdd => uses!(b, Read; c, Read; self.to as u8, Write; self.x, Write; a, Write),
            TextIsJump | TextIsRequire | TextInJump | TextInRequire => uses!(b, Read),
            StartsWithK => uses!(b, Text; a, Write),
            StartsWithJumpK | StartsWithRequireK | LoadSix => uses!(b, Text),
            EqDid | EqDidRequire | EqText | StartsWith | EndsWith | HasCredential => {
                if text(CONST_B) {
                    visit(b, Text);
                }
                if text(CONST_C) {
                    visit(c, Text);
                }
                if self.code != EqDidRequire {
                    visit(a, Write);
                }
            }
            ContainsText | Contains => {
                if text(CONST_B) {
                    visit(b, if self.code == Contains { Read } else { Text });
                }
                if text(CONST_C) {
                    visit(c, Read);
                }
                visit(a, Write);
            }
            LoadTrust | ResolveDid | Balance | IsMember => {
                if text(CONST_B) {
                    visit(b, Text);
                }
                visit(a, if self.code == LoadTrust { NewVector } else { Write });
            }
            Straight => {
                visit(a, Write);
                let Some(op) = straight.get(self.k as usize) else { return };
                let Some(portable) = Op::from_byte(op.k as u8) else { return };
                let instr = Instr::new(portable, op.x, op.a, op.b, op.c);
                let uses = instr.uses();
                for (bit, r) in [instr.a, instr.b, instr.c].into_iter().enumerate() {
                    if uses.reads() >> bit & 1 == 1 {
                        visit(r as u8, Read);
                    }
                }
                if uses.rows() {
                    let (first, count) = instr.row(|_| 0);
                    (first..first.saturating_add(count)).for_each(|r| visit(r as u8, Read));
                }
            }
        }
    }
}
