//! Expressions.

use super::builder::{Builder, Overflow, Place};
use crate::lang::ast::{BinaryOp, ExprId, ExprKind, Quantifier, Range, UnaryOp};
use crate::lang::checked::{Folds, Meaning};
use eclvm_kernel::isa::{CONST_B, CONST_C, Op};
use eclvm_kernel::span::Span;
use eclvm_kernel::types::Ty;
use eclvm_kernel::value::Value;
use smallvec::{SmallVec, smallvec};

/// Flags of an instruction whose operands b and c may be constants.
pub(super) fn flags(b: Place, c: Place) -> u8 {
    (if b.is_const() { CONST_B } else { 0 }) | (if c.is_const() { CONST_C } else { 0 })
}

impl Builder<'_, '_> {
    /// The value, wherever it is cheapest to have it.
    pub(super) fn value(&mut self, id: ExprId) -> Result<Place, Overflow> {
        let info = self.shared.checked.expr(id);
        if let (Folds::Whole, Some(folded)) = (info.folds, info.folded) {
            return self.shared.constants.folded(self.shared.checked, folded).map(Place::Const);
        }
        let kept = match info.meaning {
            Meaning::Local(local) if matches!(self.shared.ast.expr(id).kind, ExprKind::Name(_)) => {
                Some(self.local(local))
            }
            Meaning::Input(input) => Some(input),
            Meaning::Std(std) => Some(self.standard(std)),
            _ => None,
        };
        match kept {
            // Narrowed names have another type than their register.
            Some(register) if self.register_ty(register) == info.ty => Ok(Place::Kept(register)),
            _ => {
                let register = self.allocate(info.ty)?;
                self.compute(id, register)?;
                Ok(Place::Temp(register))
            }
        }
    }
    /// The value, in a register.
    pub(super) fn register(&mut self, id: ExprId) -> Result<Place, Overflow> {
        match self.value(id)? {
            Place::Const(k) => {
                let register = self.allocate(self.shared.checked.expr(id).ty)?;
                self.emit(Op::Const, 0, [register, k, 0], self.expr_span(id))?;
                Ok(Place::Temp(register))
            }
            place => Ok(place),
        }
    }

    /// Whether evaluating an expression into a register writes that register only at the very end, when everything it
    /// reads has been read.
    pub(super) fn writes_last(&self, id: ExprId) -> bool {
        match self.shared.ast.expr(id).kind {
            ExprKind::Chain { links, .. } => {
                let lazy = |op| matches!(op, BinaryOp::And | BinaryOp::Or | BinaryOp::Coalesce);
                !self.shared.ast.links(links).iter().any(|link| lazy(link.op))
            }
            ExprKind::Ternary { .. } | ExprKind::Quantifier { .. } => false,
            _ => true,
        }
    }

    /// Whether an expression's lowering may end in a register of its optional type as it is: with a move, in its arms,
    /// or in a call.
    fn widens(&self, id: ExprId) -> bool {
        match self.shared.ast.expr(id).kind {
            ExprKind::Name(_) | ExprKind::Ternary { .. } => true,
            ExprKind::Chain { links, .. } => {
                self.shared.ast.links(links).last().is_some_and(|link| link.op == BinaryOp::Coalesce)
            }
            ExprKind::Call { .. } => matches!(self.shared.checked.expr(id).meaning, Meaning::Function(_)),
            _ => false,
        }
    }

    /// Evaluates into `dst`, whose type is the expression's or its optional one.
    pub(super) fn into(&mut self, id: ExprId, dst: u16) -> Result<(), Overflow> {
        let info = self.shared.checked.expr(id);
        if let (Folds::Whole, Some(folded)) = (info.folds, info.folded) {
            let k = self.shared.constants.folded(self.shared.checked, folded)?;
            return self.emit(Op::Const, 0, [dst, k, 0], self.expr_span(id));
        }
        if self.register_ty(dst) != info.ty && !self.widens(id) {
            // Instructions write registers of their result's own type; a move makes it optional.
            let temp = self.allocate(info.ty)?;
            self.compute(id, temp)?;
            self.emit(Op::Move, 0, [dst, temp, 0], self.expr_span(id))?;
            self.release(temp);
            return Ok(());
        }
        self.compute(id, dst)
    }

    /// Evaluates what is not constant into `dst`, in which it fits.
    fn compute(&mut self, id: ExprId, dst: u16) -> Result<(), Overflow> {
        let expr = self.shared.ast.expr(id);
        let span = expr.span;
        match expr.kind {
            ExprKind::Name(_) => self.name(id, dst),
            ExprKind::Unary(op, operand) => {
                let value = self.register(operand)?;
                let op = if op == UnaryOp::Not { Op::Not } else { Op::Neg };
                self.emit(op, 0, [dst, value.register(), 0], span)?;
                self.done(value);
                Ok(())
            }
            ExprKind::Chain { first, links } => self.chain(id, first, links, dst),
            ExprKind::Ternary { cond, then, other } => {
                let (otherwise, end) = (self.label(), self.label());
                self.branch_unless(cond, otherwise)?;
                self.into(then, dst)?;
                self.jump(Op::Jump, 0, 0, end, span)?;
                self.place(otherwise)?;
                self.into(other, dst)?;
                self.place(end)
            }
            ExprKind::Field { base, name } => {
                let base = self.register(base)?;
                let name = self.shared.ast.symbol(name);
                let names = eclvm_kernel::value::TrustVector::NAMES;
                let component = names.iter().position(|n| *n == name).unwrap_or(0);
                self.emit(Op::Field, component as u8, [dst, base.register(), 0], span)?;
                self.done(base);
                Ok(())
            }
            ExprKind::Index { base, index } => {
                let base = self.value(base)?;
                let index = self.value(index)?;
                self.emit(Op::Index, flags(base, index), [dst, base.operand(), index.operand()], span)?;
                self.done(base);
                self.done(index);
                Ok(())
            }
            ExprKind::Call { args, .. } => self.call(id, args, Some(dst)),
            ExprKind::Array(items) => self.array(id, items, dst),
            ExprKind::Quantifier { kind, over, body, .. } => self.quantifier(id, kind, over, body, dst),
            // Literals fold; what did not parse is not lowered.
            _ => Ok(()),
        }
    }

    fn name(&mut self, id: ExprId, dst: u16) -> Result<(), Overflow> {
        let info = self.shared.checked.expr(id);
        let register = match info.meaning {
            Meaning::Local(local) => self.local(local),
            Meaning::Input(input) => input,
            Meaning::Std(std) => self.standard(std),
            _ => return Ok(()),
        };
        let narrowed = self.register_ty(register).is_optional() && !self.register_ty(dst).is_optional();
        let op = if narrowed { Op::Unwrap } else { Op::Move };
        self.emit(op, 0, [dst, register, 0], self.expr_span(id))
    }

    /// `first op rhs op rhs ..`: each operation takes what the ones before it have given.
    fn chain(&mut self, id: ExprId, first: ExprId, links: Range, dst: u16) -> Result<(), Overflow> {
        let info = self.shared.checked.expr(id);
        let start = self.expr_span(id).start;
        let ast = self.shared.ast;
        let links = ast.links(links);
        let folded = info.folded.map_or(0, |_| info.folded_links as usize);
        let mut left = match info.folded.filter(|_| folded > 0) {
            Some(prefix) => Place::Const(self.shared.constants.folded(self.shared.checked, prefix)?),
            None => self.value(first)?,
        };
        // The type of what stands on the left.
        let mut left_ty = match folded.checked_sub(1).and_then(|at| links.get(at)) {
            None => self.shared.checked.expr(first).ty,
            Some(link) => self.result_ty(link.op, self.shared.checked.expr(first).ty, link.rhs),
        };
        for (at, link) in links.iter().enumerate().skip(folded) {
            let span = Span::new(start, link.end);
            let last = at + 1 == links.len();
            let ty = self.result_ty(link.op, left_ty, link.rhs);
            // Truth values are carried from link to link in one register: nobody reads it until the chain ends.
            let carried = matches!(link.op, BinaryOp::And | BinaryOp::Or);
            let target = if last || carried { dst } else { self.allocate(ty)? };
            match link.op {
                BinaryOp::And | BinaryOp::Or => {
                    self.move_to(left, target, span)?;
                    self.done(left);
                    let end = self.label();
                    let op = if link.op == BinaryOp::And { Op::BrFalse } else { Op::BrTrue };
                    self.jump(op, target, 0, end, span)?;
                    self.into(link.rhs, target)?;
                    self.place(end)?;
                }
                BinaryOp::Coalesce => {
                    let optional = match left {
                        Place::Const(k) => {
                            let register = self.allocate(left_ty)?;
                            self.emit(Op::Const, 0, [register, k, 0], span)?;
                            Place::Temp(register)
                        }
                        place => place,
                    };
                    let (null, end) = (self.label(), self.label());
                    self.jump(Op::BrNull, optional.register(), 0, null, span)?;
                    let stays = self.register_ty(target).is_optional();
                    let op = if stays { Op::Move } else { Op::Unwrap };
                    self.emit(op, 0, [target, optional.register(), 0], span)?;
                    self.jump(Op::Jump, 0, 0, end, span)?;
                    self.place(null)?;
                    self.done(optional);
                    self.into(link.rhs, target)?;
                    self.place(end)?;
                }
                op => {
                    let right = self.value(link.rhs)?;
                    let op = strict(op, left_ty);
                    self.emit(op, flags(left, right), [target, left.operand(), right.operand()], span)?;
                    self.done(left);
                    self.done(right);
                }
            }
            left = if target == dst { Place::Kept(dst) } else { Place::Temp(target) };
            left_ty = ty;
        }
        Ok(())
    }

    fn result_ty(&self, op: BinaryOp, left: Ty, rhs: ExprId) -> Ty {
        match op {
            BinaryOp::Add => left,
            BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div | BinaryOp::Rem => Ty::NUMBER,
            BinaryOp::Coalesce => {
                let right = self.shared.checked.expr(rhs).ty;
                if right.is_optional() { left.opt() } else { left.required() }
            }
            _ => Ty::BOOL,
        }
    }

    pub(super) fn move_to(&mut self, from: Place, dst: u16, span: Span) -> Result<(), Overflow> {
        match from {
            Place::Const(k) => self.emit(Op::Const, 0, [dst, k, 0], span),
            Place::Kept(r) | Place::Temp(r) if r == dst => Ok(()),
            Place::Kept(r) | Place::Temp(r) => self.emit(Op::Move, 0, [dst, r, 0], span),
        }
    }

    /// Evaluates a condition and branches where it is false.
    pub(super) fn branch_unless(&mut self, cond: ExprId, to: super::builder::Label) -> Result<(), Overflow> {
        let value = self.register(cond)?;
        let span = self.expr_span(cond);
        self.jump(Op::BrFalse, value.register(), 0, to, span)?;
        self.done(value);
        Ok(())
    }

    fn array(&mut self, id: ExprId, items: Range, dst: u16) -> Result<(), Overflow> {
        let elem = self.shared.checked.expr(id).ty.elem().unwrap_or(Ty::UNIT);
        let ast = self.shared.ast;
        let items = ast.expr_list(items);
        if items.len() > eclvm_kernel::limits::MAX_REGISTERS {
            return Err(Overflow::Registers);
        }
        let run = self.allocate_run(&smallvec![elem; items.len()] as &SmallVec<[Ty; 8]>)?;
        for (item, register) in items.iter().zip(run.0..) {
            self.into(*item, register)?;
        }
        self.emit(Op::ArrayLit, 0, [dst, run.0, run.1], self.expr_span(id))?;
        self.release_run(run);
        Ok(())
    }

    /// `any`, `all`, `count`: a round per element visited, and the body.
    fn quantifier(
        &mut self,
        id: ExprId,
        kind: Quantifier,
        over: ExprId,
        body: ExprId,
        dst: u16,
    ) -> Result<(), Overflow> {
        let span = self.expr_span(id);
        let start = match kind {
            Quantifier::Any => Value::Bool(false),
            Quantifier::All => Value::Bool(true),
            Quantifier::Count => Value::Number(0.0),
        };
        let start = self.shared.constants.value(start)?;
        self.emit(Op::Const, 0, [dst, start, 0], span)?;
        let Meaning::Local(local) = self.shared.checked.expr(id).meaning else { return Ok(()) };
        let array = self.register(over)?;
        let variable = self.allocate(self.local_ty(local))?;
        self.bind(local, variable);
        let counter = self.start_counter(span)?;
        let (head, next, end) = (self.label(), self.label(), self.label());
        self.place(head)?;
        self.jump(Op::LoopMore, counter, array.register(), end, span)?;
        self.emit(Op::Round, 0, [0; 3], span)?;
        self.emit(Op::Elem, 0, [variable, array.register(), counter], span)?;
        let answer = self.register(body)?;
        let skip = if kind == Quantifier::All { Op::JumpTrue } else { Op::JumpFalse };
        self.jump(skip, answer.register(), 0, next, span)?;
        self.done(answer);
        match kind {
            Quantifier::Count => self.emit(Op::Step, 0, [dst, 0, 0], span)?,
            _ => {
                let found = self.shared.constants.value(Value::Bool(kind == Quantifier::Any))?;
                self.emit(Op::Const, 0, [dst, found, 0], span)?;
                self.jump(Op::Jump, 0, 0, end, span)?;
            }
        }
        self.place(next)?;
        self.emit(Op::Step, 0, [counter, 0, 0], span)?;
        self.jump(Op::Jump, 0, 0, head, span)?;
        self.place(end)?;
        self.release(counter);
        self.release(variable);
        self.done(array);
        Ok(())
    }

    /// A register that counts from 0.
    pub(super) fn start_counter(&mut self, span: Span) -> Result<u16, Overflow> {
        let counter = self.allocate(Ty::NUMBER)?;
        let zero = self.shared.constants.value(Value::Number(0.0))?;
        self.emit(Op::Const, 0, [counter, zero, 0], span)?;
        Ok(counter)
    }
}

/// The instruction of a strict operator.
fn strict(op: BinaryOp, left: Ty) -> Op {
    match op {
        BinaryOp::Eq => Op::Eq,
        BinaryOp::Ne => Op::Ne,
        BinaryOp::Lt => Op::Lt,
        BinaryOp::Le => Op::Le,
        BinaryOp::Gt => Op::Gt,
        BinaryOp::Ge => Op::Ge,
        BinaryOp::In => Op::Contains,
        BinaryOp::Add if left == Ty::TEXT => Op::Concat,
        BinaryOp::Add => Op::Add,
        BinaryOp::Sub => Op::Sub,
        BinaryOp::Mul => Op::Mul,
        BinaryOp::Div => Op::Div,
        _ => Op::Rem,
    }
}
