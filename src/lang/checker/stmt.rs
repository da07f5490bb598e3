//! Bodies and statements. Each says whether control goes on behind it.

use super::names::Global;
use super::scope::{Binding, Declared, Key};
use super::types::It;
use super::ways::Ways;
use super::{BlockConstant, Checker, Pending};
use crate::lang::ast::{Block, ExprId, ExprKind, ItemKind, Range, StmtId, StmtKind, Symbol};
use crate::lang::checked::{BodyKind, Folds, LocalId};
use crate::lang::codes;
use eclvm_kernel::program::EffectKind;
use eclvm_kernel::span::Span;
use eclvm_kernel::types::Ty;

impl Checker<'_> {
    /// Checks the current body.
    pub(super) fn body(&mut self) {
        let Some(index) = self.draft().map(|d| d.item as usize) else { return };
        let Some(item) = self.ast.items.get(index).copied() else { return };
        self.scopes.begin_body();
        self.declared.clear();
        self.used.clear();
        self.loops = 0;
        self.infers = false;
        match item.kind {
            ItemKind::Const(_) => {}
            ItemKind::Expression(value) => {
                self.infers = true;
                let ty = self.expr(value, None);
                if self.is_unit(ty) {
                    let span = self.span(value);
                    self.error(codes::E0114, span, "a policy needs a value, and this has none".to_owned());
                }
                self.pending.push(Pending::Literal(ty, item.span));
                if let Some(draft) = self.draft() {
                    draft.result = ty;
                }
            }
            ItemKind::Fn { params, body, .. } => {
                self.function_params(params);
                if self.block(body) {
                    let name = self.ast.symbol(item.name);
                    let message = format!("the function `{name}` does not return on every path");
                    self.error(codes::E0115, item.name_span, message);
                }
            }
            ItemKind::Policy { params, body } => {
                match params {
                    Some(params) => self.policy_params(params),
                    None => self.infers = true,
                }
                self.block(body);
            }
        }
        // Inputs are the policy's own.
        if let Some(draft) = self.drafts.get(self.current) {
            for (name, ..) in &draft.inputs {
                self.names.set_input(*name, None);
            }
        }
    }

    #[inline]
    pub(super) fn is_unit(&mut self, ty: It) -> bool {
        self.types.resolve(ty).is_unit()
    }

    fn function_params(&mut self, params: Range) {
        let ast = self.ast;
        for param in ast.params(params) {
            self.not_builtin(param.name, param.span);
            if matches!(self.scopes.get(param.name), Some(Binding::Local(_))) {
                self.duplicate("parameter", param.name, param.span);
            }
            let local = self.new_local(param.ty.into());
            // Nobody minds an unused parameter.
            if let Some(flag) = self.used.get_mut(local.0 as usize) {
                *flag = true;
            }
            self.scopes.bind(param.name, Binding::Local(local));
        }
    }

    fn policy_params(&mut self, params: Range) {
        let ast = self.ast;
        for param in ast.params(params) {
            self.not_builtin(param.name, param.span);
            if self.names.input(param.name).is_some() {
                self.duplicate("parameter", param.name, param.span);
                continue;
            }
            self.new_input(param.name, param.ty.into(), param.span);
        }
    }

    pub(super) fn new_input(&mut self, name: Symbol, ty: It, span: Span) -> u16 {
        let Some(draft) = self.drafts.get_mut(self.current) else { return 0 };
        // Beyond 65 535 the lowering reports that there are too many; the index no longer matters.
        let index = u16::try_from(draft.inputs.len()).unwrap_or(u16::MAX);
        draft.inputs.push((name, ty, span));
        self.names.set_input(name, Some(index));
        index
    }

    pub(super) fn new_local(&mut self, ty: It) -> LocalId {
        self.used.push(false);
        match self.drafts.get_mut(self.current) {
            Some(draft) => {
                draft.locals.push(ty);
                LocalId(draft.locals.len() as u32 - 1)
            }
            None => LocalId(0),
        }
    }
    /// A `let`, or a loop's variable.
    pub(super) fn declare_local(&mut self, name: Symbol, span: Span, ty: It) -> LocalId {
        self.not_builtin(name, span);
        let local = self.new_local(ty);
        self.declared.push(Declared { what: Binding::Local(local), name, span });
        self.scopes.bind(name, Binding::Local(local));
        local
    }
    /// Says which of the bindings since `mark` nobody used.
    pub(super) fn report_unused(&mut self, mark: usize) {
        for at in mark..self.declared.len() {
            let Some(declared) = self.declared.get(at).copied() else { break };
            let used = match declared.what {
                Binding::Local(local) => self.used.get(local.0 as usize).copied().unwrap_or(true),
                Binding::Const(at) => self.block_constants.get(at as usize).is_none_or(|c| c.used),
                Binding::BadConst => true,
            };
            let name = self.ast.symbol(declared.name);
            if !used && !name.starts_with('_') {
                let message = format!("`{name}` is never used; begin its name with `_` if that is meant");
                self.warn(codes::W0101, declared.span, message);
            }
        }
        self.declared.truncate(mark);
    }

    /// Statements in a scope of their own; false where control does not come out at the end.
    pub(super) fn block(&mut self, block: Block) -> bool {
        let (scope, declared) = (self.scopes.open(), self.declared.len());
        self.depth += 1;
        let goes_on = self.statements(block);
        self.depth -= 1;
        self.report_unused(declared);
        self.scopes.close(scope);
        goes_on
    }

    fn statements(&mut self, block: Block) -> bool {
        let ast = self.ast;
        let mut reached = true;
        let mut warned = false;
        for id in ast.block(block) {
            if !reached && !warned {
                warned = true;
                self.warn(codes::W0102, ast.stmt(*id).span, "this is never reached".to_owned());
            }
            let goes_on = self.statement(*id);
            reached &= goes_on;
        }
        reached
    }

    fn statement(&mut self, id: StmtId) -> bool {
        let stmt = self.ast.stmt(id);
        match stmt.kind {
            StmtKind::Error => {}
            StmtKind::Const { name, name_span, value } => {
                self.block_constant(name, name_span, value);
            }
            StmtKind::Let { name, name_span, ty, value } => {
                let wanted = ty.map(It::from);
                let mut found = self.value(value, wanted);
                if let Some(wanted) = wanted {
                    self.expect(value, found, wanted, "the type that is written");
                    found = wanted;
                } else {
                    self.pending.push(Pending::Literal(found, self.span(value)));
                }
                let local = self.declare_local(name, name_span, found);
                self.set_stmt(id, local);
            }
            StmtKind::Assign { name, name_span, value } => self.assign(id, name, name_span, value),
            StmtKind::Require { cond, .. } => {
                self.condition(cond);
                if self.info(cond).folds == Folds::Whole {
                    let span = self.span(cond);
                    self.warn(codes::W0103, span, "this requirement is constant".to_owned());
                }
                self.assume(cond, true);
            }
            StmtKind::Emit { payload, .. } => {
                self.add_effect(EffectKind::Write);
                if let Some(payload) = payload {
                    let ty = self.value(payload, None);
                    if !matches!(self.ast.expr(payload).kind, ExprKind::Null) {
                        self.pending.push(Pending::Literal(ty, self.span(payload)));
                    } else {
                        // null by itself is a payload like any other.
                        self.types.unify(ty, It::from(Ty::NUMBER.opt()));
                    }
                }
            }
            StmtKind::If { arms, otherwise } => return self.conditional(arms, otherwise),
            StmtKind::ForEach { var, var_span, over, body } => {
                let elem = self.types.fresh();
                let over_ty = self.value(over, Some(elem.array()));
                if !self.types.unify(over_ty, elem.array()) {
                    let found = self.show(over_ty);
                    let span = self.span(over);
                    self.error(
                        codes::E0116,
                        span,
                        format!("`for` goes over an array or a range, not a {found}"),
                    );
                }
                self.loop_over(id, Some((var, var_span, elem)), body, None);
            }
            StmtKind::ForRange { var, var_span, lo, hi, body, .. } => {
                self.number(lo, "the first bound of a range");
                self.number(hi, "the second bound of a range");
                self.loop_over(id, Some((var, var_span, Ty::NUMBER.into())), body, None);
            }
            StmtKind::While { cond, body } => self.loop_over(id, None, body, Some(cond)),
            StmtKind::Break | StmtKind::Continue => {
                if self.loops == 0 {
                    let word = if matches!(stmt.kind, StmtKind::Break) { "break" } else { "continue" };
                    self.error(codes::E0117, stmt.span, format!("`{word}` stands outside of any loop"));
                }
                return false;
            }
            StmtKind::Return(value) => {
                self.return_value(stmt.span, value);
                return false;
            }
            StmtKind::Expr(value) => {
                let ty = self.expr(value, None);
                if !matches!(self.ast.expr(value).kind, ExprKind::Null) {
                    self.pending.push(Pending::Literal(ty, self.span(value)));
                } else {
                    self.types.unify(ty, It::from(Ty::NUMBER.opt()));
                }
            }
        }
        true
    }

    /// `const name = value;` in a block.
    fn block_constant(&mut self, name: Symbol, span: Span, value: ExprId) {
        self.not_builtin(name, span);
        // What a name means at the same depth, it means in the same block: blocks that are closed are forgotten.
        let depth = self.depth;
        let first = match self.scopes.get(name) {
            Some(Binding::Const(at)) => {
                self.block_constants.get_mut(at as usize).filter(|c| c.depth == depth)
            }
            _ => None,
        };
        let twice = first.is_some();
        if let Some(first) = first {
            // Said once is enough: that nobody uses it is no news.
            first.used = true;
            self.duplicate("constant", name, span);
        }
        let binding = match self.constant_value(name, value) {
            Global::Known(id, ty) => {
                self.block_constants.push(BlockConstant { id, ty, depth, used: twice });
                let at = self.block_constants.len() as u32 - 1;
                self.declared.push(Declared { what: Binding::Const(at), name, span });
                Binding::Const(at)
            }
            _ => Binding::BadConst,
        };
        self.scopes.bind(name, binding);
    }

    fn set_stmt(&mut self, id: StmtId, local: LocalId) {
        if let Some(slot) = self.stmts.get_mut(id.0 as usize) {
            *slot = Some(local);
        }
    }

    fn assign(&mut self, id: StmtId, name: Symbol, name_span: Span, value: ExprId) {
        match self.scopes.get(name) {
            Some(Binding::Local(local)) => {
                let ty = self.local_ty(local);
                let found = self.value(value, Some(ty));
                self.expect(value, found, ty, "the type of what is assigned to");
                self.scopes.narrow(Key::Local(local.0), false);
                self.set_stmt(id, local);
            }
            found => {
                self.value(value, None);
                if found.is_none() && self.names.is_broken(name) {
                    return;
                }
                let text = self.ast.symbol(name);
                let is_input = self.names.input(name).is_some();
                let global = self.names.global(name).is_some();
                let message = if found.is_some() || global {
                    format!("`{text}` is a constant and cannot be assigned to")
                } else if is_input || self.standard(name).is_some() {
                    format!("`{text}` is an input and cannot be assigned to; begin with `let mine = {text};`")
                } else {
                    format!("nothing named `{text}` can be assigned to; `let {text} = ..;` makes a binding")
                };
                self.error(codes::E0118, name_span, message);
            }
        }
    }

    fn return_value(&mut self, span: Span, value: Option<ExprId>) {
        let Some((kind, result)) = self.draft().map(|d| (d.kind, d.result)) else { return };
        match value {
            Some(value) => {
                let found = self.value(value, Some(result));
                let what =
                    if kind == BodyKind::Function { "the function's result" } else { "a policy's answer" };
                self.expect(value, found, result, what);
            }
            None if kind == BodyKind::Function => {
                let wanted = self.show(result);
                self.error(
                    codes::E0119,
                    span,
                    format!("`return` in a function needs a value, a {wanted} here"),
                );
            }
            None => {}
        }
    }

    /// A condition: a bool.
    pub(super) fn condition(&mut self, cond: ExprId) {
        let ty = self.value(cond, None);
        self.expect(cond, ty, Ty::BOOL.into(), "a condition");
    }
    /// A condition of literals alone. One that mentions a constant is a switch that somebody set.
    fn warn_if_constant(&mut self, cond: ExprId) {
        if self.info(cond).folds == Folds::Whole && !self.has_name(cond) {
            let span = self.span(cond);
            self.warn(codes::W0106, span, "this condition is constant".to_owned());
        }
    }
    pub(super) fn number(&mut self, id: ExprId, what: &str) {
        let ty = self.value(id, None);
        self.expect(id, ty, Ty::NUMBER.into(), what);
    }

    fn conditional(&mut self, arms: Range, otherwise: Option<Block>) -> bool {
        let ast = self.ast;
        let before = self.scopes.facts();
        let mut ways = Ways::new(before);
        for arm in ast.arms(arms) {
            self.condition(arm.cond);
            self.warn_if_constant(arm.cond);
            let here = self.scopes.facts();
            self.assume(arm.cond, true);
            if self.block(arm.body) {
                ways.out(&self.scopes, here);
            }
            self.scopes.forget(here);
            self.assume(arm.cond, false);
        }
        let here = self.scopes.facts();
        if otherwise.is_none_or(|block| self.block(block)) {
            ways.out(&self.scopes, here);
        }
        self.scopes.forget(before);
        ways.apply(&mut self.scopes)
    }

    fn loop_over(
        &mut self,
        id: StmtId,
        variable: Option<(Symbol, Span, It)>,
        body: Block,
        cond: Option<ExprId>,
    ) {
        self.forget_assigned_in_loop(variable.map(|(name, ..)| name), body);
        let facts = self.scopes.facts();
        if let Some(cond) = cond {
            self.condition(cond);
            self.assume(cond, true);
        }
        let (scope, declared) = (self.scopes.open(), self.declared.len());
        if let Some((name, span, ty)) = variable {
            let local = self.declare_local(name, span, ty);
            // A loop that only counts its rounds is fine.
            if let Some(flag) = self.used.get_mut(local.0 as usize) {
                *flag = true;
            }
            self.set_stmt(id, local);
        }
        self.loops += 1;
        self.block(body);
        self.loops -= 1;
        self.report_unused(declared);
        self.scopes.close(scope);
        self.scopes.forget(facts);
    }
}
