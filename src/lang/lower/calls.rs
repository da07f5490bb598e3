//! Calls of functions and builtins.

use super::builder::{Builder, Overflow, Place};
use super::expr::flags;
use crate::lang::ast::{ExprId, Range};
use crate::lang::builtins::Builtin;
use crate::lang::checked::{BodyId, Meaning};
use eclvm_kernel::isa::Op;
use eclvm_kernel::types::Ty;
use smallvec::{SmallVec, smallvec};

/// How a builtin's instruction takes its arguments.
enum Shape {
    /// Up to two operands, each a register or a constant.
    Values,
    /// One register.
    Register,
    /// Consecutive registers of numbers.
    Run,
}

fn instruction(builtin: Builtin) -> (Op, Shape) {
    use Shape::{Register, Run, Values};
    match builtin {
        Builtin::LoadTrust => (Op::LoadTrust, Values),
        Builtin::TrustNorm => (Op::TrustNorm, Values),
        Builtin::TrustWeighted => (Op::TrustWeighted, Values),
        Builtin::TrustCombine => (Op::TrustCombine, Values),
        Builtin::TrustCreate => (Op::TrustCreate, Run),
        Builtin::TrustAboveThreshold => (Op::TrustAbove, Values),
        Builtin::TrustDistance => (Op::TrustDistance, Values),
        Builtin::HasCredential => (Op::HasCredential, Values),
        Builtin::ResolveDid => (Op::ResolveDid, Values),
        Builtin::Did => (Op::MakeDid, Values),
        Builtin::GetBalance => (Op::GetBalance, Values),
        Builtin::IsMember => (Op::IsMember, Values),
        Builtin::MemberCount => (Op::MemberCount, Values),
        Builtin::TrustThreshold => (Op::RealmThreshold, Values),
        Builtin::GetMetric => (Op::GetMetric, Values),
        Builtin::StoreGet => (Op::StoreGetText, Values),
        Builtin::StoreGetNumber => (Op::StoreGetNumber, Values),
        Builtin::StoreGetBool => (Op::StoreGetBool, Values),
        Builtin::StorePut => (Op::StorePut, Values),
        Builtin::StoreDelete => (Op::StoreDelete, Values),
        Builtin::UpdateTrust => (Op::UpdateTrust, Values),
        Builtin::CastVote => (Op::CastVote, Values),
        Builtin::CrossRealm => (Op::CrossRealm, Values),
        Builtin::GetTimestamp => (Op::Now, Values),
        Builtin::TimeSince => (Op::TimeSince, Values),
        Builtin::Abs => (Op::Abs, Register),
        Builtin::Sqrt => (Op::Sqrt, Register),
        Builtin::Floor => (Op::Floor, Register),
        Builtin::Ceil => (Op::Ceil, Register),
        Builtin::Round => (Op::RoundNumber, Register),
        Builtin::Min => (Op::Min, Values),
        Builtin::Max => (Op::Max, Values),
        Builtin::Clamp => (Op::Clamp, Run),
        Builtin::Lerp => (Op::Lerp, Run),
        Builtin::Surprisal => (Op::Surprisal, Register),
        Builtin::StrLen => (Op::StrLen, Values),
        Builtin::StrContains => (Op::StrContains, Values),
        Builtin::StrStartsWith => (Op::StrStartsWith, Values),
        Builtin::StrEndsWith => (Op::StrEndsWith, Values),
        Builtin::StrEqIgnoreCase => (Op::StrEqIgnoreCase, Values),
        Builtin::ArrayLen => (Op::ArrayLen, Values),
        Builtin::ArrayGet => (Op::Index, Values),
        Builtin::Contains => (Op::Contains, Values),
        Builtin::Log => (Op::Log, Values),
    }
}

impl Builder<'_, '_> {
    /// A call, its value in `dst`; `log` has none.
    pub(super) fn call(&mut self, id: ExprId, args: Range, dst: Option<u16>) -> Result<(), Overflow> {
        let ast = self.shared.ast;
        let args = ast.expr_list(args);
        match self.shared.checked.expr(id).meaning {
            Meaning::Function(callee) => self.call_function(id, callee, args, dst.unwrap_or(0)),
            Meaning::Builtin(builtin) => self.call_builtin(id, builtin, args, dst.unwrap_or(0)),
            _ => Ok(()),
        }
    }

    fn call_function(
        &mut self,
        id: ExprId,
        callee: BodyId,
        args: &[ExprId],
        dst: u16,
    ) -> Result<(), Overflow> {
        let checked = self.shared.checked;
        let params: &[Ty] = checked.body(callee).and_then(|b| b.locals.get(..args.len())).unwrap_or(&[]);
        let run = self.allocate_run(params)?;
        for (arg, register) in args.iter().zip(run.0..) {
            self.into(*arg, register)?;
        }
        let index = self.shared.reach.index(callee);
        self.emit(Op::Call, 0, [dst, index, if run.1 == 0 { 0 } else { run.0 }], self.expr_span(id))?;
        self.release_run(run);
        Ok(())
    }

    fn call_builtin(
        &mut self,
        id: ExprId,
        builtin: Builtin,
        args: &[ExprId],
        dst: u16,
    ) -> Result<(), Overflow> {
        let span = self.expr_span(id);
        let (op, shape) = instruction(builtin);
        match shape {
            Shape::Run => {
                let run = self.allocate_run(&smallvec![Ty::NUMBER; args.len()] as &SmallVec<[Ty; 8]>)?;
                for (arg, register) in args.iter().zip(run.0..) {
                    self.into(*arg, register)?;
                }
                self.emit(op, 0, [dst, run.0, 0], span)?;
                self.release_run(run);
            }
            Shape::Register => {
                let Some(arg) = args.first() else { return Ok(()) };
                let value = self.register(*arg)?;
                self.emit(op, 0, [dst, value.register(), 0], span)?;
                self.done(value);
            }
            Shape::Values => {
                let none = Place::Kept(0);
                let b = args.first().map_or(Ok(none), |arg| self.value(*arg))?;
                let c = args.get(1).map_or(Ok(none), |arg| self.value(*arg))?;
                self.emit(op, flags(b, c), [dst, b.operand(), c.operand()], span)?;
                self.done(b);
                self.done(c);
            }
        }
        Ok(())
    }
}
