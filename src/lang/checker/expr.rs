//! Expressions: types, meanings and folds, from the leaves up.

use super::fold::{self, Fold};
use super::scope::Binding;
use super::types::It;
use super::{Checker, Facts, Pending, suggest};
use crate::lang::ast::{BinaryOp, ExprId, ExprKind, Quantifier, Range, Symbol, UnaryOp};
use crate::lang::builtins::Builtin;
use crate::lang::checked::{ConstId, LocalId, Meaning};
use crate::lang::codes;
use crate::lang::diagnostic::Suggestion;
use eclvm_kernel::fault::Fault;
use eclvm_kernel::limits::MAX_TEXT_BYTES;
use eclvm_kernel::program::StdInput;
use eclvm_kernel::span::Span;
use eclvm_kernel::types::Ty;
use eclvm_kernel::value::{TrustVector, Value};

/// What a chain has come to so far.
enum Prefix {
    /// Not constant.
    No,
    Known(ConstId),
    Made(Value),
    /// A string that grows in place.
    Text(String),
    Faults,
}

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
        if let Some(slot) = self.exprs.get_mut(id.0 as usize) {
            *slot = Facts { ty, fold, folded_links: links, prefix, meaning };
        }
        ty
    }

    fn literal(&mut self, value: Value) -> Fold {
        Fold::Value(self.constants.add(value))
    }
    /// Stores what something folds to.
    fn folded(&mut self, folded: Result<Value, Fault>) -> Fold {
        match folded {
            _ if self.constants.exhausted => Fold::No,
            Ok(value) => Fold::Value(self.constants.add(value)),
            Err(_) => Fold::Faults,
        }
    }

    fn null(&mut self, expected: Option<It>) -> It {
        match expected.map(|it| self.types.resolve(it)) {
            Some(it) if it.is_optional() => it,
            _ => self.types.fresh().opt(),
        }
    }

    /// The standard input of that name.
    pub(super) fn standard(&self, name: Symbol) -> Option<StdInput> {
        match self.ast.symbol(name) {
            "caller" | "requester" => Some(StdInput::Caller),
            "realm" => Some(StdInput::Realm),
            "trust" => Some(StdInput::Trust),
            "now" => Some(StdInput::Now),
            _ => None,
        }
    }

    pub(super) fn local_ty(&self, local: LocalId) -> It {
        self.drafts
            .get(self.current)
            .and_then(|d| d.locals.get(local.0 as usize))
            .copied()
            .unwrap_or(It::ERROR)
    }

    fn name(&mut self, name: Symbol, span: Span) -> (It, Fold, Meaning) {
        match self.scopes.get(name) {
            Some(Binding::Local(local)) => {
                if let Some(flag) = self.used.get_mut(local.0 as usize) {
                    *flag = true;
                }
                let ty = self.local_ty(local);
                let ty = self.narrowed(ty, super::scope::Key::Local(local.0));
                return (ty, Fold::No, Meaning::Local(local));
            }
            Some(Binding::Const(at)) => {
                let Some(constant) = self.block_constants.get_mut(at as usize) else {
                    return (It::ERROR, Fold::No, Meaning::Constant);
                };
                constant.used = true;
                let (id, ty) = (constant.id, constant.ty);
                return (self.instance(id, ty, span), Fold::Value(id), Meaning::Constant);
            }
            Some(Binding::BadConst) => {
                self.met_bad_constant = true;
                return (It::ERROR, Fold::No, Meaning::Constant);
            }
            None => {}
        }
        if let Some(input) = self.names.input(name) {
            let ty = self.drafts.get(self.current).and_then(|d| d.inputs.get(usize::from(input)));
            let ty = ty.map_or(It::ERROR, |(_, ty, _)| *ty);
            let ty = self.narrowed(ty, super::scope::Key::Input(u32::from(input)));
            return (ty, Fold::No, Meaning::Input(input));
        }
        if let Some(global) = self.names.global(name) {
            self.names.mark_used(name);
            return self.mention_constant(global, span);
        }
        if let Some(std) = self.standard(name) {
            if let Some(draft) = self.draft() {
                draft.mentions = draft.mentions.with(std);
                if std == StdInput::Trust {
                    draft.trust_at.get_or_insert(span);
                }
            }
            return (std.ty().into(), Fold::No, Meaning::Std(std));
        }
        if self.names.is_broken(name) {
            return (It::ERROR, Fold::No, Meaning::None);
        }
        let function = self.names.builtin(name).is_some() || self.names.function(name).is_some();
        if self.infers && !function {
            let ty = self.types.fresh();
            let input = self.new_input(name, ty, span);
            return (ty, Fold::No, Meaning::Input(input));
        }
        if self.has_room() {
            self.unknown_name(name, span, function);
        } else {
            self.error(codes::E0121, span, String::new());
        }
        (It::ERROR, Fold::No, Meaning::None)
    }

    fn narrowed(&mut self, ty: It, key: super::scope::Key) -> It {
        if self.scopes.is_narrowed(key) { self.types.resolve(ty).required() } else { ty }
    }

    fn unknown_name(&mut self, name: Symbol, span: Span, function: bool) {
        let ast = self.ast;
        let text = ast.symbol(name);
        if function {
            let message = format!("`{text}` is a function: it must be called, `{text}(..)`");
            return self.error(codes::E0122, span, message);
        }
        let locals: Vec<Symbol> = self.scopes.visible().take(1_000).collect();
        let inputs = self.drafts.get(self.current).map_or(&[][..], |d| &d.inputs);
        let globals = self.names.globals().map(|symbol| ast.symbol(symbol));
        let near =
            locals.iter().chain(inputs.iter().map(|(name, ..)| name)).map(|symbol| ast.symbol(*symbol));
        let candidates = ["caller", "realm", "trust", "now"].into_iter().chain(near).chain(globals);
        let near = suggest::nearest(text, candidates).map(str::to_owned);
        let suggestion = near.map(|near| Suggestion {
            span,
            message: format!("did you mean `{near}`?"),
            replacement: near,
        });
        let message = format!("there is nothing named `{text}` here");
        self.error_with(codes::E0121, span, message, Vec::new(), suggestion);
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

    /// What an expression folds to, all of it.
    pub(super) fn whole_fold(&self, id: ExprId) -> Fold {
        self.facts(id).fold
    }

    fn chain(&mut self, span: Span, first: ExprId, links: Range) -> (It, Fold, (u32, Option<ConstId>)) {
        let ast = self.ast;
        let facts = self.scopes.facts();
        let mut ty = self.value(first, None);
        let mut left = self.span(first);
        let mut prefix = match self.whole_fold(first) {
            Fold::Value(id) => Prefix::Known(id),
            Fold::Faults => Prefix::Faults,
            Fold::No => Prefix::No,
        };
        let mut folded = (0u32, None);
        let mut last = first;
        let mut compared = false;
        for (at, link) in (1u32..).zip(ast.links(links)) {
            if matches!(link.op, BinaryOp::And | BinaryOp::Or) {
                self.assume(last, link.op == BinaryOp::And);
            }
            let whole = Span::new(span.start, link.end);
            ty = self.link(link.op, (ty, left, last), link.rhs, (whole, compared));
            compared = matches!(link.op, BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge);
            left = whole;
            last = link.rhs;
            // What is behind a prefix that does not fold can still make the whole chain not constant.
            let rhs = self.whole_fold(link.rhs);
            let stored = matches!(prefix, Prefix::Faults | Prefix::No);
            let next = self.step(&mut prefix, link.op, rhs);
            if matches!(next, Prefix::Faults | Prefix::No) && !stored {
                folded = self.keep(at - 1, std::mem::replace(&mut prefix, next));
            } else {
                prefix = next;
            }
        }
        self.scopes.forget(facts);
        let fold = match prefix {
            Prefix::Faults => Fold::Faults,
            Prefix::No => Fold::No,
            whole => {
                folded = self.keep(links.len, whole);
                folded.1.map_or(Fold::No, Fold::Value)
            }
        };
        (ty, fold, folded)
    }

    /// Stores the value of a chain's first links.
    fn keep(&mut self, links: u32, prefix: Prefix) -> (u32, Option<ConstId>) {
        if links == 0 || self.constants.exhausted {
            return (0, None);
        }
        let id = match prefix {
            Prefix::Known(id) => id,
            Prefix::Made(value) => self.constants.add(value),
            Prefix::Text(text) => {
                if !self.constants.spend(text.len()) {
                    return (0, None);
                }
                self.constants.add(Value::Text(text.into()))
            }
            Prefix::Faults | Prefix::No => return (0, None),
        };
        (links, Some(id))
    }

    /// One link of a chain folded onto what stands before it. Leaves `prefix` as it was where the result does not fold.
    fn step(&mut self, prefix: &mut Prefix, op: BinaryOp, rhs: Fold) -> Prefix {
        if matches!(prefix, Prefix::No) || rhs == Fold::No || self.constants.exhausted {
            return Prefix::No;
        }
        if matches!(prefix, Prefix::Faults) {
            return Prefix::Faults;
        }
        let take = |prefix: &mut Prefix| std::mem::replace(prefix, Prefix::No);
        let pick = |rhs: Fold| match rhs {
            Fold::Value(id) => Prefix::Known(id),
            _ => Prefix::Faults,
        };
        // Lazy operators look at their right side only where they need it.
        let stays = match (op, &*prefix) {
            (BinaryOp::And | BinaryOp::Or, Prefix::Known(id)) => {
                Some(*self.constants.get(*id) == Value::Bool(op == BinaryOp::Or))
            }
            (BinaryOp::And | BinaryOp::Or, Prefix::Made(value)) => {
                Some(*value == Value::Bool(op == BinaryOp::Or))
            }
            (BinaryOp::Coalesce, Prefix::Known(id)) => Some(*self.constants.get(*id) != Value::Null),
            (BinaryOp::Coalesce, _) => Some(true),
            _ => None,
        };
        match stays {
            Some(true) => return take(prefix),
            Some(false) => return pick(rhs),
            None => {}
        }
        let Fold::Value(right) = rhs else { return Prefix::Faults };
        if !self.constants.weigh(right) {
            return Prefix::No;
        }
        // Strings grow in place, so that a chain of joins costs what it makes.
        if op == BinaryOp::Add
            && let Value::Text(more) = self.constants.get(right)
        {
            let more_len = more.len();
            let so_far = match &*prefix {
                Prefix::Text(text) => text.len(),
                Prefix::Known(id) => match self.constants.get(*id) {
                    Value::Text(text) => text.len(),
                    _ => return Prefix::No,
                },
                _ => return Prefix::No,
            };
            if so_far + more_len > MAX_TEXT_BYTES {
                return Prefix::Faults;
            }
            if !self.constants.spend(more_len) {
                return Prefix::No;
            }
            let mut text = match take(prefix) {
                Prefix::Text(text) => text,
                Prefix::Known(id) => match self.constants.get(id) {
                    Value::Text(text) => String::from(text.as_ref()),
                    _ => return Prefix::No,
                },
                _ => return Prefix::No,
            };
            if let Value::Text(more) = self.constants.get(right) {
                text.push_str(more);
            }
            return Prefix::Text(text);
        }
        let result = match &*prefix {
            Prefix::Known(id) => {
                if !self.constants.weigh(*id) {
                    return Prefix::No;
                }
                fold::binary(op, self.constants.get(*id), self.constants.get(right))
            }
            Prefix::Made(value) => fold::binary(op, value, self.constants.get(right)),
            Prefix::Text(text) => {
                fold::binary(op, &Value::Text(text.as_str().into()), self.constants.get(right))
            }
            Prefix::No | Prefix::Faults => return Prefix::No,
        };
        match result {
            Ok(value) => Prefix::Made(value),
            Err(_) => Prefix::Faults,
        }
    }

    /// The type of `left op rhs`; checks `rhs`. Of the left side: its type, its span, its last operand. Of the whole: its
    /// span, and whether the left side is a comparison.
    fn link(
        &mut self,
        op: BinaryOp,
        (left, left_span, last): (It, Span, ExprId),
        rhs: ExprId,
        (whole, compared): (Span, bool),
    ) -> It {
        match op {
            BinaryOp::And | BinaryOp::Or => {
                let what = if op == BinaryOp::And { "a side of `&&`" } else { "a side of `||`" };
                self.expect_at(left_span, left, Ty::BOOL.into(), what);
                let right = self.value(rhs, None);
                self.expect(rhs, right, Ty::BOOL.into(), what);
                Ty::BOOL.into()
            }
            BinaryOp::Coalesce => self.coalesce(left, left_span, rhs),
            BinaryOp::Eq | BinaryOp::Ne => {
                let right = self.value(rhs, Some(left));
                let first = if self.span(last) == left_span { last } else { rhs };
                self.comparable(whole, (left, first), (right, rhs));
                Ty::BOOL.into()
            }
            BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge => {
                if compared {
                    let message = "comparisons do not chain: write `a < b && b < c`".to_owned();
                    self.error(codes::E0123, whole, message);
                    self.value(rhs, None);
                    return Ty::BOOL.into();
                }
                self.expect_at(left_span, left, Ty::NUMBER.into(), "what is compared");
                self.number(rhs, "what is compared");
                Ty::BOOL.into()
            }
            BinaryOp::In => {
                let right = self.value(rhs, Some(left.array()));
                self.element_of(whole, left, right, rhs);
                Ty::BOOL.into()
            }
            BinaryOp::Add => {
                let right = self.value(rhs, None);
                let (l, r) = (self.types.resolve(left), self.types.resolve(right));
                let wanted = match (l.known(), r.known()) {
                    (Some(ty), _) if ty == Ty::TEXT || ty == Ty::NUMBER => l,
                    (_, Some(ty)) if ty == Ty::TEXT || ty == Ty::NUMBER => r,
                    _ => l,
                };
                self.expect_at(left_span, left, wanted, "a side of `+`");
                let span = self.span(rhs);
                self.expect_at(span, right, wanted, "a side of `+`");
                self.pending.push(Pending::Addition(wanted, left_span));
                wanted
            }
            BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div | BinaryOp::Rem => {
                self.expect_at(left_span, left, Ty::NUMBER.into(), "what is calculated with");
                self.number(rhs, "what is calculated with");
                Ty::NUMBER.into()
            }
        }
    }

    fn coalesce(&mut self, left: It, left_span: Span, rhs: ExprId) -> It {
        let l = self.types.resolve(left);
        let inner = if l.is_unknown() {
            let inner = self.types.fresh();
            self.types.unify(l, inner.opt());
            inner
        } else if l.is_optional() || l.is_error() {
            l.required()
        } else {
            let found = self.show(l);
            let message = format!("the left side of `??` is a {found}, which is never null");
            self.error(codes::E0124, left_span, message);
            l
        };
        let right = self.value(rhs, Some(inner.opt()));
        let r = self.types.resolve(right);
        let result = if r.is_optional() { inner.opt() } else { inner };
        self.expect(rhs, right, result, "the right side of `??`");
        result
    }

    /// The two sides of `==`.
    fn comparable(&mut self, span: Span, (left, lhs): (It, ExprId), (right, rhs): (It, ExprId)) {
        let (l, r) = (self.types.resolve(left), self.types.resolve(right));
        let is_null = |id| matches!(self.ast.expr(id).kind, ExprKind::Null);
        let never_null = |it: It| !it.is_optional() && !it.is_unknown() && !it.is_error();
        let warns = (is_null(rhs) && never_null(l)) || (is_null(lhs) && never_null(r));
        // An unknown becomes `T?` where it meets one.
        let fits = if (l.is_unknown() && r.is_optional()) || (r.is_unknown() && l.is_optional()) {
            self.types.unify(l, r)
        } else {
            self.types.unify(l.required(), r.required())
        };
        if !fits {
            let (a, b) = (self.show(l), self.show(r));
            self.error(codes::E0125, span, format!("a {a} and a {b} cannot be compared"));
        } else if warns {
            self.warn(codes::W0104, span, "this is never null".to_owned());
        }
    }

    /// `value in array`, all of which is at `whole`.
    pub(super) fn element_of(&mut self, whole: Span, value: It, array: It, array_id: ExprId) {
        let wanted = self.types.resolve(value).array();
        // An array of what nests as deeply as types do is no type; there is no such array.
        let exists = !wanted.is_error() || self.types.resolve(value).is_error();
        if exists && self.types.unify(array, wanted) {
            return;
        }
        let (v, a) = (self.show(value), self.show(array));
        let resolved = self.types.resolve(array);
        if resolved.is_array() && !resolved.is_optional() {
            self.error(codes::E0126, whole, format!("a {v} cannot be an element of {a}"));
        } else {
            let span = self.span(array_id);
            self.error(codes::E0126, span, format!("an element is looked for in an array, not in a {a}"));
        }
    }

    pub(super) fn expect(&mut self, id: ExprId, found: It, wanted: It, what: &str) {
        let span = self.span(id);
        self.expect_at(span, found, wanted, what);
    }

    /// `found` may stand where `wanted` is.
    pub(super) fn expect_at(&mut self, span: Span, found: It, wanted: It, what: &str) {
        let (f, w) = (self.types.resolve(found), self.types.resolve(wanted));
        let target = if w.is_optional() && !f.is_optional() && !f.is_unknown() { w.required() } else { w };
        if self.types.unify(f, target) {
            return;
        }
        if !self.has_room() {
            return self.error(codes::E0107, span, String::new());
        }
        let (found, wanted) = (self.show(f), self.show(w));
        let nullable = f.is_optional() && self.types.unify(f.required(), w);
        let message = if nullable {
            format!(
                "{what} must be a {wanted}, and this may be null: give a default with `??`, or test for null first"
            )
        } else {
            format!("{what} must be a {wanted}, and this is a {found}")
        };
        self.error(codes::E0107, span, message);
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

    /// The type that both fit into.
    fn join(&mut self, a: It, b: It) -> Option<It> {
        let (a, b) = (self.types.resolve(a), self.types.resolve(b));
        if a.is_error() || b.is_error() {
            return Some(It::ERROR);
        }
        let optional = a.is_optional() || b.is_optional();
        self.types.unify(a.required(), b.required()).then(|| {
            let ty = self.types.resolve(a.required());
            if optional { ty.opt() } else { ty }
        })
    }

    fn field(&mut self, span: Span, base: ExprId, name: Symbol) -> (It, Fold) {
        let found = self.value(base, None);
        let text = self.ast.symbol(name);
        let component = TrustVector::NAMES.iter().position(|n| *n == text);
        let resolved = self.types.resolve(found);
        if !self.types.unify(found, Ty::TRUST.into()) {
            let shown = self.show(resolved);
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
            let near = suggest::nearest(text, TrustVector::NAMES.into_iter());
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

    fn fold_array(&mut self, items: &[ExprId]) -> Fold {
        let folds = || items.iter().map(|id| self.whole_fold(*id));
        if folds().any(|f| f == Fold::No) {
            return Fold::No;
        }
        if folds().any(|f| f == Fold::Faults) {
            return Fold::Faults;
        }
        if items.len() > eclvm_kernel::limits::MAX_ARRAY_ELEMENTS {
            return Fold::Faults;
        }
        let mut values = Vec::with_capacity(items.len());
        for id in items {
            let Fold::Value(id) = self.whole_fold(*id) else { return Fold::No };
            if !self.constants.copies(id) {
                return Fold::No;
            }
            values.push(self.constants.get(id).clone());
        }
        let made = fold::array(values);
        self.folded(made)
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

    /// A pure builtin on constants.
    pub(super) fn fold_builtin(&mut self, builtin: Builtin, args: &[ExprId]) -> Fold {
        let mut ids = Vec::with_capacity(args.len());
        let mut faults = false;
        for arg in args {
            match self.whole_fold(*arg) {
                Fold::No => return Fold::No,
                Fold::Faults => faults = true,
                Fold::Value(id) => ids.push(id),
            }
        }
        if faults {
            return Fold::Faults;
        }
        for id in &ids {
            // The only builtins that give back what they are given.
            let paid = match builtin {
                Builtin::Did | Builtin::ArrayGet => self.constants.copies(*id),
                _ => self.constants.weigh(*id),
            };
            if !paid {
                return Fold::No;
            }
        }
        let values: Vec<&Value> = ids.iter().map(|id| self.constants.get(*id)).collect();
        let result = fold::builtin(builtin, &values);
        self.folded(result)
    }
}
