//! Statements.

use super::Stop;
use super::price::{self, compute};
use super::run::{Activation, Frame, Run};
use super::value::Val;
use eclvm::lang::ast::{Block, ExprId, StmtId, StmtKind};
use eclvm_kernel::effects::Effect;
use eclvm_kernel::fault::Fault;
use eclvm_kernel::span::Span;

/// Where to go on.
#[derive(Debug)]
pub enum Flow {
    /// With the next statement.
    Next,
    /// After the loop.
    Break,
    /// With the loop's next round.
    Continue,
    /// Nowhere: the value, and where it was returned.
    Return(Val, Span),
}

/// A bound of `for i in a..b`: whole, and at most 2^53 in size.
fn is_bound(x: f64) -> bool {
    x.fract() == 0.0 && x.abs() <= 9_007_199_254_740_992.0
}

impl Run<'_> {
    /// A block.
    pub fn block(&mut self, at: &Activation<'_>, frame: &mut Frame, block: Block) -> Result<Flow, Stop> {
        for stmt in at.source.ast.block(block) {
            match self.stmt(at, frame, *stmt)? {
                Flow::Next => {}
                flow => return Ok(flow),
            }
        }
        Ok(Flow::Next)
    }

    fn condition(&mut self, at: &Activation<'_>, frame: &mut Frame, cond: ExprId) -> Result<bool, Stop> {
        let value = self.expr(at, frame, cond)?;
        self.charge(compute(1), at.source.ast.expr(cond).span)?;
        Ok(value.bool())
    }

    fn stmt(&mut self, at: &Activation<'_>, frame: &mut Frame, id: StmtId) -> Result<Flow, Stop> {
        let ast = &at.source.ast;
        let stmt = ast.stmt(id);
        let local = || at.source.checked.stmt(id).expect("a binding").0 as usize;
        match stmt.kind {
            StmtKind::Const { .. } => {}
            StmtKind::Let { value, .. } | StmtKind::Assign { value, .. } => {
                frame.locals[local()] = self.expr(at, frame, value)?;
            }
            StmtKind::Expr(value) => {
                self.expr(at, frame, value)?;
            }
            StmtKind::Require { cond, message } => {
                if !self.condition(at, frame, cond)? {
                    let message = message.map(|text| ast.text(text).to_owned());
                    return Err(Stop::Deny(message, ast.expr(cond).span));
                }
            }
            StmtKind::Emit { name, payload } => {
                let payload = match payload {
                    Some(payload) => self.expr(at, frame, payload)?,
                    None => Val::Null,
                };
                let name = ast.text(name);
                self.charge(price::emit(name, &payload), stmt.span)?;
                self.make(name.len() as u64 + payload.bytes())
                    .map_err(|fault| Stop::Fault(fault, stmt.span))?;
                self.effects.push(Effect::Emit { name: name.into(), payload: payload.export() });
            }
            StmtKind::If { arms, otherwise } => {
                for arm in ast.arms(arms) {
                    if self.condition(at, frame, arm.cond)? {
                        return self.block(at, frame, arm.body);
                    }
                }
                if let Some(block) = otherwise {
                    return self.block(at, frame, block);
                }
            }
            StmtKind::ForEach { over, body, .. } => {
                let items = self.expr(at, frame, over)?.items().clone();
                for item in items.iter() {
                    self.charge(compute(1), stmt.span)?;
                    frame.locals[local()] = item.clone();
                    match self.block(at, frame, body)? {
                        Flow::Next | Flow::Continue => {}
                        Flow::Break => break,
                        flow => return Ok(flow),
                    }
                }
            }
            StmtKind::ForRange { lo, hi, range_span, body, .. } => {
                let (lo, hi) = (self.expr(at, frame, lo)?.num(), self.expr(at, frame, hi)?.num());
                if !is_bound(lo) || !is_bound(hi) {
                    return Err(Stop::Fault(Fault::DomainError, range_span));
                }
                let mut i = lo;
                while i < hi {
                    self.charge(compute(1), stmt.span)?;
                    frame.locals[local()] = Val::Num(i);
                    match self.block(at, frame, body)? {
                        Flow::Next | Flow::Continue => {}
                        Flow::Break => break,
                        flow => return Ok(flow),
                    }
                    i += 1.0;
                }
            }
            StmtKind::While { cond, body } => {
                while self.condition(at, frame, cond)? {
                    self.charge(compute(1), stmt.span)?;
                    match self.block(at, frame, body)? {
                        Flow::Next | Flow::Continue => {}
                        Flow::Break => break,
                        flow => return Ok(flow),
                    }
                }
            }
            StmtKind::Break => return Ok(Flow::Break),
            StmtKind::Continue => return Ok(Flow::Continue),
            StmtKind::Return(value) => {
                let (value, span) = match value {
                    Some(expr) => (self.expr(at, frame, expr)?, ast.expr(expr).span),
                    None => (Val::Bool(true), stmt.span),
                };
                self.charge(compute(1), span)?;
                return Ok(Flow::Return(value, span));
            }
            StmtKind::Error => unreachable!("the source has no errors"),
        }
        Ok(Flow::Next)
    }
}
