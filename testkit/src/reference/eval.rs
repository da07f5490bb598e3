//! Expressions.

use super::price::{self, compute};
use super::run::{Activation, Frame, Run};
use super::value::Val;
use super::{Stop, ops, world};
use eclvm::lang::ast::{BinaryOp, ExprId, ExprKind, Quantifier, Range};
use eclvm::lang::builtins::Builtin;
use eclvm::lang::checked::Meaning;
use eclvm_kernel::fault::Fault;
use eclvm_kernel::program::StdInput;
use eclvm_kernel::span::Span;

impl Run<'_> {
    /// An expression's value. What is constant is free.
    pub fn expr(&mut self, at: &Activation<'_>, frame: &mut Frame, id: ExprId) -> Result<Val, Stop> {
        let value = match at.source.folds.constant(id) {
            Some(constant) => constant.clone(),
            None => self.evaluate(at, frame, id)?,
        };
        self.expect_type(at, id, &value);
        Ok(value)
    }

    fn evaluate(&mut self, at: &Activation<'_>, frame: &mut Frame, id: ExprId) -> Result<Val, Stop> {
        let ast = &at.source.ast;
        let expr = ast.expr(id);
        let fault = |fault: Fault| Stop::Fault(fault, expr.span);
        match expr.kind {
            ExprKind::Name(_) => Ok(match at.source.checked.expr(id).meaning {
                Meaning::Local(local) => frame.locals[local.0 as usize].clone(),
                Meaning::Input(input) => at.inputs[usize::from(input)].clone(),
                Meaning::Std(StdInput::Caller) => Val::Did(at.caller.clone().expect("checked")),
                Meaning::Std(StdInput::Realm) => Val::Text(at.realm.clone().expect("checked")),
                Meaning::Std(StdInput::Trust) => at.trust.clone(),
                Meaning::Std(StdInput::Now) => Val::Num(self.setting.now),
                other => unreachable!("a name that means {other:?}"),
            }),
            ExprKind::Unary(op, x) => {
                let x = self.expr(at, frame, x)?;
                self.charge(compute(1), expr.span)?;
                Ok(ops::unary(op, &x))
            }
            ExprKind::Chain { first, links } => self.chain(at, frame, id, first, links),
            ExprKind::Ternary { cond, then, other } => {
                let value = self.expr(at, frame, cond)?;
                self.charge(compute(1), ast.expr(cond).span)?;
                self.expr(at, frame, if value.bool() { then } else { other })
            }
            ExprKind::Field { base, name } => {
                let base = self.expr(at, frame, base)?;
                self.charge(compute(1), expr.span)?;
                Ok(ops::field(&base, ast.symbol(name)))
            }
            ExprKind::Index { base, index } => {
                let (base, index) = (self.expr(at, frame, base)?, self.expr(at, frame, index)?);
                self.charge(compute(1), expr.span)?;
                ops::index(&base, &index).map_err(fault)
            }
            ExprKind::Array(items) => {
                let items = self.list(at, frame, items)?;
                let len = items.len() as u64;
                self.charge(compute(len), expr.span)?;
                let array = ops::array(items).map_err(fault)?;
                self.make(8 * len).map_err(fault)?;
                Ok(array)
            }
            ExprKind::Call { args, .. } => {
                let args = self.list(at, frame, args)?;
                match at.source.checked.expr(id).meaning {
                    Meaning::Builtin(builtin) => self.builtin(at, builtin, &args, expr.span),
                    Meaning::Function(body) => {
                        self.may_call(expr.span)?;
                        self.charge(compute(2), expr.span)?;
                        self.function(at, body, args)
                    }
                    other => unreachable!("a call of {other:?}"),
                }
            }
            ExprKind::Quantifier { kind, over, body, .. } => {
                let Meaning::Local(var) = at.source.checked.expr(id).meaning else {
                    unreachable!("a quantifier's variable")
                };
                let items = self.expr(at, frame, over)?.items().clone();
                let mut count = 0.0;
                for item in items.iter() {
                    self.charge(compute(1), expr.span)?;
                    frame.locals[var.0 as usize] = item.clone();
                    match (kind, self.expr(at, frame, body)?.bool()) {
                        (Quantifier::Any, true) => return Ok(Val::Bool(true)),
                        (Quantifier::All, false) => return Ok(Val::Bool(false)),
                        (_, yes) => count += f64::from(u8::from(yes)),
                    }
                }
                Ok(match kind {
                    Quantifier::Any => Val::Bool(false),
                    Quantifier::All => Val::Bool(true),
                    Quantifier::Count => Val::Num(count),
                })
            }
            other => unreachable!("it is constant, or an error: {other:?}"),
        }
    }

    fn list(&mut self, at: &Activation<'_>, frame: &mut Frame, range: Range) -> Result<Vec<Val>, Stop> {
        at.source.ast.expr_list(range).iter().map(|id| self.expr(at, frame, *id)).collect()
    }

    fn chain(
        &mut self,
        at: &Activation<'_>,
        frame: &mut Frame,
        id: ExprId,
        first: ExprId,
        links: Range,
    ) -> Result<Val, Stop> {
        let (done, mut left) = match at.source.folds.beginning(id) {
            Some((done, value)) => (*done, value.clone()),
            None => (0, self.expr(at, frame, first)?),
        };
        let start = at.source.ast.expr(id).span.start;
        for link in &at.source.ast.links(links)[done..] {
            let span = Span::new(start, link.end);
            let goes_on = match link.op {
                BinaryOp::And => left.bool(),
                BinaryOp::Or => !left.bool(),
                BinaryOp::Coalesce => left.is_null(),
                op => {
                    let right = self.expr(at, frame, link.rhs)?;
                    self.charge(price::binary(op, &left, &right), span)?;
                    let value = ops::binary(op, &left, &right);
                    if let Ok(Val::Text(joined)) = &value {
                        self.make(joined.len() as u64).map_err(|fault| Stop::Fault(fault, span))?;
                    }
                    left = value.map_err(|fault| Stop::Fault(fault, span))?;
                    continue;
                }
            };
            self.charge(compute(1), span)?;
            if goes_on {
                left = self.expr(at, frame, link.rhs)?;
            }
        }
        Ok(left)
    }

    fn builtin(
        &mut self,
        at: &Activation<'_>,
        builtin: Builtin,
        args: &[Val],
        span: Span,
    ) -> Result<Val, Stop> {
        if builtin == Builtin::CrossRealm {
            return world::cross_realm(self, at, args[0].str(), span);
        }
        self.charge(price::builtin(builtin, args), span)?;
        let answer = if ops::is_pure(builtin) {
            ops::pure(builtin, args).and_then(|value| {
                if let Val::Trust(_) = value {
                    self.make(48)?;
                }
                Ok(value)
            })
        } else {
            world::builtin(self, at, builtin, args)
        };
        answer.map_err(|fault| Stop::Fault(fault, span))
    }
}
