//! Statements.

use super::builder::{Builder, Loop, Overflow, Place};
use super::expr::flags;
use crate::lang::ast::{Block, ExprId, ExprKind, Range, StmtId, StmtKind};
use crate::lang::checked::{LocalId, Meaning};
use eclvm_kernel::isa::{NO_CONST, Op};
use eclvm_kernel::span::Span;
use eclvm_kernel::types::Ty;
use eclvm_kernel::value::Value;
use smallvec::SmallVec;

/// Registers of a block's bindings.
type Bound = SmallVec<[u16; 8]>;

impl Builder<'_, '_> {
    /// The statements of a block, up to where nothing is reached any more. Registers of its bindings are free afterwards.
    pub(super) fn block(&mut self, block: Block) -> Result<(), Overflow> {
        let ast = self.shared.ast;
        let mut bound: Bound = SmallVec::new();
        for id in ast.block(block) {
            if !self.reachable {
                break;
            }
            self.statement(*id, &mut bound)?;
        }
        for register in bound {
            self.release(register);
        }
        Ok(())
    }

    fn statement(&mut self, id: StmtId, bound: &mut Bound) -> Result<(), Overflow> {
        let stmt = self.shared.ast.stmt(id);
        let local = self.shared.checked.stmt(id);
        match stmt.kind {
            StmtKind::Const { .. } | StmtKind::Error => Ok(()),
            StmtKind::Let { value, .. } => {
                let Some(local) = local else { return Ok(()) };
                let register = self.allocate(self.local_ty(local))?;
                self.into(value, register)?;
                self.bind(local, register);
                bound.push(register);
                Ok(())
            }
            StmtKind::Assign { value, .. } => {
                let Some(local) = local else { return Ok(()) };
                let register = self.local(local);
                if self.writes_last(value) {
                    return self.into(value, register);
                }
                let temp = self.allocate(self.register_ty(register))?;
                self.into(value, temp)?;
                self.emit(Op::Move, 0, [register, temp, 0], stmt.span)?;
                self.release(temp);
                Ok(())
            }
            StmtKind::Require { cond, message } => {
                let message = match message {
                    Some(text) => {
                        let text = self.shared.ast.text(text).into();
                        self.shared.constants.value(Value::Text(text))?
                    }
                    None => NO_CONST,
                };
                let value = self.register(cond)?;
                self.emit(Op::Require, 0, [value.register(), message, 0], self.expr_span(cond))?;
                self.done(value);
                Ok(())
            }
            StmtKind::Emit { name, payload } => {
                let name = self.shared.ast.text(name).into();
                let name = self.shared.constants.value(Value::Text(name))?;
                let payload = match payload {
                    Some(payload) => self.value(payload)?,
                    None => Place::Const(self.shared.constants.value(Value::Null)?),
                };
                self.emit(Op::Emit, flags(Place::Kept(0), payload), [0, name, payload.operand()], stmt.span)?;
                self.done(payload);
                Ok(())
            }
            StmtKind::If { arms, otherwise } => self.conditional(arms, otherwise, stmt.span),
            StmtKind::ForEach { over, body, .. } => self.for_each(local, over, body, stmt.span),
            StmtKind::ForRange { lo, hi, range_span, body, .. } => {
                self.for_range(local, [lo, hi], range_span, body, stmt.span)
            }
            StmtKind::While { cond, body } => self.while_loop(cond, body, stmt.span),
            StmtKind::Break => match self.loops.last().copied() {
                Some(around) => self.jump(Op::Jump, 0, 0, around.exit, stmt.span),
                None => Ok(()),
            },
            StmtKind::Continue => match self.loops.last().copied() {
                Some(around) => self.jump(Op::Jump, 0, 0, around.next, stmt.span),
                None => Ok(()),
            },
            StmtKind::Return(None) => self.return_true(stmt.span),
            StmtKind::Return(Some(value)) => {
                let span = self.expr_span(value);
                let value = self.register(value)?;
                self.emit(Op::Return, 0, [value.register(), 0, 0], span)?;
                self.done(value);
                Ok(())
            }
            StmtKind::Expr(value) => self.expression_statement(value),
        }
    }

    pub(super) fn return_true(&mut self, span: Span) -> Result<(), Overflow> {
        let value = self.allocate(Ty::BOOL)?;
        let yes = self.shared.constants.value(Value::Bool(true))?;
        self.emit(Op::Const, 0, [value, yes, 0], span)?;
        self.emit(Op::Return, 0, [value, 0, 0], span)?;
        self.release(value);
        Ok(())
    }

    fn expression_statement(&mut self, value: ExprId) -> Result<(), Overflow> {
        let info = self.shared.checked.expr(value);
        if let (ExprKind::Call { args, .. }, Meaning::Builtin(_), Ty::UNIT) =
            (self.shared.ast.expr(value).kind, info.meaning, info.ty)
        {
            return self.call(value, args, None);
        }
        let value = self.value(value)?;
        self.done(value);
        Ok(())
    }

    fn conditional(&mut self, arms: Range, otherwise: Option<Block>, span: Span) -> Result<(), Overflow> {
        let ast = self.shared.ast;
        let arms = ast.arms(arms);
        let end = self.label();
        for (at, arm) in arms.iter().enumerate() {
            let next = self.label();
            self.branch_unless(arm.cond, next)?;
            self.block(arm.body)?;
            let last = at + 1 == arms.len() && otherwise.is_none();
            if self.reachable && !last {
                self.jump(Op::Jump, 0, 0, end, span)?;
            }
            self.place(next)?;
        }
        if let Some(block) = otherwise {
            self.block(block)?;
        }
        self.place(end)
    }

    /// Where a loop's variable lives: in the loop's own counter, unless the body assigns to it ("assigning to a loop
    /// variable does not change the next round").
    fn loop_variable(
        &mut self,
        local: Option<LocalId>,
        counter: u16,
        span: Span,
    ) -> Result<Option<u16>, Overflow> {
        let Some(local) = local else { return Ok(None) };
        if !self.is_assigned(local) {
            self.bind(local, counter);
            return Ok(None);
        }
        let register = self.allocate(self.local_ty(local))?;
        self.bind(local, register);
        self.emit(Op::Move, 0, [register, counter, 0], span)?;
        Ok(Some(register))
    }

    fn for_range(
        &mut self,
        local: Option<LocalId>,
        [lo, hi]: [ExprId; 2],
        range: Span,
        body: Block,
        span: Span,
    ) -> Result<(), Overflow> {
        self.find_assignments(body);
        let counter = self.allocate(Ty::NUMBER)?;
        let limit = self.allocate(Ty::NUMBER)?;
        self.into(lo, counter)?;
        self.into(hi, limit)?;
        self.emit(Op::RangeCheck, 0, [counter, limit, 0], range)?;
        let (head, next, exit) = (self.label(), self.label(), self.label());
        self.place(head)?;
        self.jump(Op::LoopLess, counter, limit, exit, span)?;
        self.emit(Op::Round, 0, [0; 3], span)?;
        let variable = self.loop_variable(local, counter, span)?;
        self.loop_body(body, Loop { next, exit })?;
        self.place(next)?;
        if self.reachable {
            self.emit(Op::Step, 0, [counter, 0, 0], span)?;
            self.jump(Op::Jump, 0, 0, head, span)?;
        }
        self.place(exit)?;
        for register in [Some(counter), Some(limit), variable].into_iter().flatten() {
            self.release(register);
        }
        Ok(())
    }

    fn for_each(
        &mut self,
        local: Option<LocalId>,
        over: ExprId,
        body: Block,
        span: Span,
    ) -> Result<(), Overflow> {
        let Some(local) = local else { return Ok(()) };
        // The body may assign to the name that the loop goes over; the loop keeps the array it began with.
        let array = match self.register(over)? {
            Place::Kept(name) => {
                let register = self.allocate(self.register_ty(name))?;
                self.emit(Op::Move, 0, [register, name, 0], span)?;
                Place::Temp(register)
            }
            place => place,
        };
        let variable = self.allocate(self.local_ty(local))?;
        self.bind(local, variable);
        let counter = self.start_counter(span)?;
        let (head, next, exit) = (self.label(), self.label(), self.label());
        self.place(head)?;
        self.jump(Op::LoopMore, counter, array.register(), exit, span)?;
        self.emit(Op::Round, 0, [0; 3], span)?;
        self.emit(Op::Elem, 0, [variable, array.register(), counter], span)?;
        self.loop_body(body, Loop { next, exit })?;
        self.place(next)?;
        if self.reachable {
            self.emit(Op::Step, 0, [counter, 0, 0], span)?;
            self.jump(Op::Jump, 0, 0, head, span)?;
        }
        self.place(exit)?;
        self.release(counter);
        self.release(variable);
        self.done(array);
        Ok(())
    }

    fn while_loop(&mut self, cond: ExprId, body: Block, span: Span) -> Result<(), Overflow> {
        let (head, exit) = (self.label(), self.label());
        self.place(head)?;
        self.branch_unless(cond, exit)?;
        self.emit(Op::Round, 0, [0; 3], span)?;
        self.loop_body(body, Loop { next: head, exit })?;
        if self.reachable {
            self.jump(Op::Jump, 0, 0, head, span)?;
        }
        self.place(exit)
    }

    fn loop_body(&mut self, body: Block, around: Loop) -> Result<(), Overflow> {
        self.loops.push(around);
        let lowered = self.block(body);
        self.loops.pop();
        lowered
    }

    /// Marks the bindings that a loop's body assigns to. Bodies nest at most 64 deep, so that this stays linear.
    fn find_assignments(&mut self, block: Block) {
        let ast = self.shared.ast;
        for id in ast.block(block) {
            let stmt = ast.stmt(*id);
            match stmt.kind {
                StmtKind::Assign { .. } => {
                    if let Some(local) = self.shared.checked.stmt(*id) {
                        self.mark_assigned(local);
                    }
                }
                StmtKind::If { arms, otherwise } => {
                    for arm in ast.arms(arms) {
                        self.find_assignments(arm.body);
                    }
                    if let Some(block) = otherwise {
                        self.find_assignments(block);
                    }
                }
                StmtKind::ForEach { body, .. }
                | StmtKind::ForRange { body, .. }
                | StmtKind::While { body, .. } => {
                    self.find_assignments(body);
                }
                _ => {}
            }
        }
    }
}
