//! Expressions: types, meanings and folds, from the leaves up.

use super::fold::{self, Fold};
use super::scope::Binding;
use super::types::It;
use super::{Checker, Pending, hints, suggest};
use crate::lang::ast::{ExprId, ExprKind, Quantifier, Range, Symbol, UnaryOp};
use crate::lang::checked::{ExprInfo, Folds, LocalId, Meaning};
use crate::lang::codes;
use crate::lang::diagnostic::Suggestion;
use eclvm_kernel::span::Span;
use eclvm_kernel::types::Ty;
use eclvm_kernel::value::{TrustVector, Value};

impl Checker<'_> {
    /// Checks an expression that must have a value.
    pub(super) fn value(&mut self, id: ExprId, expected: Option<It>) -> It {
        let ty = self.expr(id, expected);
        if self.is_unit(ty) {
            let span = self.span(id);
            self.error(codes::E0120, span, "this has no value".to_owned());
            return It::ERROR;
        }
        ty
    }

    /// Checks an expression; `expected` reaches into array literals and nulls.
    pub(super) fn expr(&mut self, id: ExprId, expected: Option<It>) -> It {
        let expr = self.ast.expr(id);
        let mut meaning = Meaning::None;
        let mut links = 0;
        let mut prefix = None;
        let (ty, fold) = match expr.kind {
            ExprKind::Number(n) => (Ty::NUMBER.into(), self.literal(Value::Number(n))),
            ExprKind::Bool(b) => (Ty::BOOL.into(), self.literal(Value::Bool(b))),
            ExprKind::Text(text) => {
                let text: Box<str> = self.ast.text(text).into();
                (Ty::TEXT.into(), self.literal(Value::Text(text)))
            }
            ExprKind::Did => {
                let text = self.source.get(expr.span.start as usize..expr.span.end as usize).unwrap_or("");
                (Ty::DID.into(), self.literal(Value::Did(text.into())))
            }
            ExprKind::Null => (self.null(expected), self.literal(Value::Null)),
            ExprKind::Name(name) => {
                let (ty, fold, found) = self.name(name, expr.span);
                meaning = found;
                (ty, fold)
            }
            ExprKind::Unary(op, operand) => self.unary(op, operand),
            ExprKind::Chain { first, links: range } => {
                let (ty, fold, made) = self.chain(expr.span, first, range);
                (links, prefix) = made;
                (ty, fold)
            }
            ExprKind::Ternary { cond, then, other } => self.ternary(cond, then, other, expected),
            ExprKind::Field { base, name } => self.field(expr.span, base, name),
            ExprKind::Index { base, index } => self.index(base, index),
            ExprKind::Call { callee, args } => {
                let (ty, fold, found) = self.call(expr.span, callee, args);
                meaning = found;
                (ty, fold)
            }
            ExprKind::Array(items) => self.array(expr.span, items, expected),
            ExprKind::Quantifier { kind, var, var_span, over, body } => {
                let (ty, local) = self.quantifier(kind, (var, var_span), over, body);
                meaning = Meaning::Local(local);
                (ty, Fold::No)
            }
            ExprKind::Error => (It::ERROR, Fold::No),
        };
        let (folds, folded) = match fold {
            Fold::Value(id) => (Folds::Whole, Some(id)),
            Fold::No => (Folds::Not, prefix),
            Fold::Faults => (Folds::Faults, prefix),
        };
        let known = ty.known();
        if known.is_none() {
            self.open.push((id, ty));
        }
        if let Some(slot) = self.exprs.get_mut(id.0 as usize) {
            let ty = known.unwrap_or(Ty::UNIT);
            *slot = ExprInfo { ty, folds, folded, folded_links: links, meaning };
        }
        ty
    }

    fn null(&mut self, expected: Option<It>) -> It {
        match expected.map(|it| self.types.resolve(it)) {
            Some(it) if it.is_optional() => it,
            _ => self.types.fresh().opt(),
        }
    }

    fn unary(&mut self, op: UnaryOp, operand: ExprId) -> (It, Fold) {
        let found = self.value(operand, None);
        let (wanted, what) = match op {
            UnaryOp::Not => (Ty::BOOL, "what `!` negates"),
            UnaryOp::Neg => (Ty::NUMBER, "what `-` negates"),
        };
        self.expect(operand, found, wanted.into(), what);
        let fold = match self.whole_fold(operand) {
            Fold::Value(id) => {
                let value = fold::unary(op, self.constants.get(id));
                self.folded(value)
            }
            other => other,
        };
        (wanted.into(), fold)
    }

    fn ternary(&mut self, cond: ExprId, then: ExprId, other: ExprId, expected: Option<It>) -> (It, Fold) {
        self.condition(cond);
        let facts = self.scopes.facts();
        self.assume(cond, true);
        let a = self.value(then, expected);
        self.scopes.forget(facts);
        self.assume(cond, false);
        let b = self.value(other, Some(expected.unwrap_or(a)));
        self.scopes.forget(facts);
        let ty = self.join(a, b).unwrap_or_else(|| {
            let (l, r) = (self.show(a), self.show(b));
            let span = self.span(then).to(self.span(other));
            self.error(codes::E0127, span, format!("the arms of `? :` are a {l} and a {r}"));
            It::ERROR
        });
        let folds = [cond, then, other].map(|id| self.whole_fold(id));
        let [c, t, o] = folds;
        let fold = if folds.contains(&Fold::No) {
            Fold::No
        } else if let Fold::Value(id) = c {
            if *self.constants.get(id) == Value::Bool(true) { t } else { o }
        } else {
            Fold::Faults
        };
        (ty, fold)
    }

    fn field(&mut self, span: Span, base: ExprId, name: Symbol) -> (It, Fold) {
        let found = self.value(base, None);
        let text = self.ast.symbol(name);
        let component = TrustVector::NAMES.iter().position(|n| *n == text);
        let resolved = self.types.resolve(found);
        if resolved.is_error() {
            return (It::ERROR, Fold::No);
        }
        if !self.types.unify(found, Ty::TRUST.into()) {
            let shown = self.show(resolved);
            if let Some(message) = hints::member(text, resolved.known()) {
                self.error(codes::E0128, span, message);
                return (It::ERROR, Fold::No);
            }
            let message = if resolved.is_optional() {
                format!("only trust vectors have components, and this may be null (a {shown})")
            } else {
                format!("only trust vectors have components, and this is a {shown}")
            };
            self.error(codes::E0128, span, message);
            return (It::ERROR, Fold::No);
        }
        let Some(component) = component else {
            let at = Span::new(span.end.saturating_sub(text.len() as u32), span.end);
            // Components are named by the first letters of what they stand for.
            let initial = || TrustVector::NAMES.into_iter().find(|name| name.get(..1) == text.get(..1));
            let near = suggest::nearest(text, TrustVector::NAMES.into_iter()).or_else(initial);
            let suggestion = near.map(|near| Suggestion {
                span: at,
                replacement: near.to_owned(),
                message: format!("did you mean `{near}`?"),
            });
            let message =
                format!("a trust vector has no component `{text}`: they are r, i, c, p, v and omega");
            self.error_with(codes::E0129, at, message, Vec::new(), suggestion);
            return (Ty::NUMBER.into(), Fold::No);
        };
        let fold = match self.whole_fold(base) {
            Fold::Value(id) => {
                let value = fold::field(self.constants.get(id), component);
                self.folded(value)
            }
            other => other,
        };
        (Ty::NUMBER.into(), fold)
    }

    fn index(&mut self, base: ExprId, index: ExprId) -> (It, Fold) {
        let found = self.value(base, None);
        let elem = self.types.fresh();
        let resolved = self.types.resolve(found);
        let ty = match resolved.elem().filter(|_| !resolved.is_optional()) {
            Some(elem) => elem,
            None if self.types.unify(found, elem.array()) => elem,
            None => {
                let shown = self.show(found);
                let span = self.span(base);
                self.error(codes::E0130, span, format!("only arrays can be indexed, and this is a {shown}"));
                It::ERROR
            }
        };
        self.number(index, "an index");
        let fold = match (self.whole_fold(base), self.whole_fold(index)) {
            _ if self.constants.exhausted => Fold::No,
            (Fold::No, _) | (_, Fold::No) => Fold::No,
            (Fold::Value(array), Fold::Value(at)) => {
                let element = fold::index(self.constants.get(array), self.constants.get(at));
                match element.map(fold::copy_size) {
                    Ok(bytes) if !self.constants.spend(bytes) => Fold::No,
                    Ok(_) => {
                        let element = fold::index(self.constants.get(array), self.constants.get(at)).cloned();
                        self.folded(element)
                    }
                    Err(_) => Fold::Faults,
                }
            }
            _ => Fold::Faults,
        };
        (ty, fold)
    }

    fn array(&mut self, span: Span, items: Range, expected: Option<It>) -> (It, Fold) {
        let ast = self.ast;
        let items = ast.expr_list(items);
        let wanted = expected.map(|it| self.types.resolve(it)).and_then(It::elem);
        let wanted = wanted.filter(|it| !self.types.resolve(*it).is_unknown());
        let mut elem = wanted.unwrap_or_else(|| self.types.fresh());
        for item in items {
            let found = self.value(*item, Some(elem));
            if wanted.is_some() {
                self.expect(*item, found, elem, "an element of this array");
                continue;
            }
            match self.join(elem, found) {
                Some(joined) => elem = joined,
                None => {
                    let (a, b) = (self.show(elem), self.show(found));
                    let at = self.span(*item);
                    self.error(codes::E0131, at, format!("the elements before are {a}s, and this is a {b}"));
                }
            }
        }
        let ty = elem.array();
        if ty.is_error() && !elem.is_error() {
            self.error(codes::E0132, span, "arrays nest at most 63 deep".to_owned());
        }
        self.pending.push(Pending::Literal(ty, span));
        (ty, self.fold_array(items))
    }

    fn quantifier(
        &mut self,
        kind: Quantifier,
        (var, var_span): (Symbol, Span),
        over: ExprId,
        body: ExprId,
    ) -> (It, LocalId) {
        let elem = self.types.fresh();
        let found = self.value(over, Some(elem.array()));
        if !self.types.unify(found, elem.array()) {
            let shown = self.show(found);
            let span = self.span(over);
            self.error(
                codes::E0116,
                span,
                format!("`any`, `all` and `count` go over an array, not a {shown}"),
            );
        }
        let scope = self.scopes.open();
        self.not_builtin(var, var_span);
        let local = self.new_local(elem);
        self.scopes.bind(var, Binding::Local(local));
        self.condition(body);
        self.scopes.close(scope);
        (if kind == Quantifier::Count { Ty::NUMBER.into() } else { Ty::BOOL.into() }, local)
    }
}
