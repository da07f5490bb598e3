//! Calls of functions and builtins.

use super::fold::Fold;
use super::signatures::{Kind, signature};
use super::types::It;
use super::{Checker, Pending, hints, suggest};
use crate::lang::ast::{ExprId, ExprKind, ItemKind, Range, Symbol};
use crate::lang::builtins::Builtin;
use crate::lang::checked::{BodyId, Meaning};
use crate::lang::codes;
use crate::lang::diagnostic::{Label, Suggestion};
use eclvm_kernel::program::EffectKind;
use eclvm_kernel::span::Span;
use eclvm_kernel::types::Ty;

impl Checker<'_> {
    pub(super) fn add_effect(&mut self, effect: EffectKind) {
        if let Some(draft) = self.draft() {
            draft.effect = draft.effect.max(effect);
        }
    }

    pub(super) fn call(&mut self, span: Span, callee: ExprId, args: Range) -> (It, Fold, Meaning) {
        let ast = self.ast;
        let args = ast.expr_list(args);
        let ExprKind::Name(name) = ast.expr(callee).kind else {
            if !matches!(ast.expr(callee).kind, ExprKind::Error) {
                self.not_a_function(callee);
            }
            args.iter().for_each(|arg| self.unjudged(*arg));
            return (It::ERROR, Fold::No, Meaning::None);
        };
        if let Some(builtin) = self.names.builtin(name) {
            return self.call_builtin(span, builtin, args);
        }
        if let Some(id) = self.names.function(name) {
            // Who only calls itself is called by nobody.
            if id.0 as usize != self.current {
                self.names.mark_used(name);
            }
            return (self.call_function(span, id, args), Fold::No, Meaning::Function(id));
        }
        for arg in args {
            self.unjudged(*arg);
        }
        let at = self.span(callee);
        if self.names.is_broken(name) {
            // What is wrong with it has been said.
            self.met_bad_constant = true;
        } else if self.has_room() {
            self.unknown_function(name, at);
        } else {
            self.error(codes::E0134, at, String::new());
        }
        (It::ERROR, Fold::No, Meaning::None)
    }

    /// Checks an argument of which nobody knows what it is for. That its type cannot be told is no news.
    fn unjudged(&mut self, arg: ExprId) {
        let found = self.value(arg, None);
        self.types.poison(found);
    }

    /// A call of something that is no name; most often a method of another language.
    fn not_a_function(&mut self, callee: ExprId) {
        let at = self.span(callee);
        let message = match self.ast.expr(callee).kind {
            ExprKind::Field { base, name } => {
                let found = self.value(base, None);
                let of = self.types.resolve(found).known();
                self.types.poison(found);
                hints::method(self.ast.symbol(name), of)
            }
            _ => "only functions can be called, by their names".to_owned(),
        };
        self.error(codes::E0133, at, message);
    }

    fn unknown_function(&mut self, name: Symbol, span: Span) {
        let ast = self.ast;
        let text = ast.symbol(name);
        let own =
            ast.items.iter().filter(|i| matches!(i.kind, ItemKind::Fn { .. })).map(|i| ast.symbol(i.name));
        let near = hints::function(text, None)
            .or_else(|| suggest::nearest(text, Builtin::ALL.iter().map(|b| b.name()).chain(own)));
        let suggestion = near.map(|near| Suggestion {
            span,
            replacement: near.to_owned(),
            message: format!("did you mean `{near}`?"),
        });
        self.error_with(codes::E0134, span, format!("there is no function `{text}`"), Vec::new(), suggestion);
    }

    fn call_function(&mut self, span: Span, id: BodyId, args: &[ExprId]) -> It {
        let ast = self.ast;
        let item = self.drafts.get(id.0 as usize).and_then(|d| ast.items.get(d.item as usize)).copied();
        let Some(item) = item else { return It::ERROR };
        let ItemKind::Fn { params, result, .. } = item.kind else { return It::ERROR };
        let params = ast.params(params);
        if params.len() != args.len() {
            let name = ast.symbol(item.name);
            let message = arity(name, params.len(), args.len());
            let label = Label { span: item.name_span, message: "it stands here".to_owned() };
            self.error_with(codes::E0135, span, message, vec![label], None);
        }
        for (at, arg) in args.iter().enumerate() {
            let wanted = params.get(at).map(|p| It::from(p.ty));
            let found = self.value(*arg, wanted);
            if let (Some(wanted), Some(param)) = (wanted, params.get(at)) {
                let name = ast.symbol(param.name);
                self.expect_argument(*arg, found, wanted, name);
            }
        }
        let current = self.current as u32;
        if let Some(stamp) = self.called.get_mut(id.0 as usize)
            && *stamp != Some(current)
        {
            *stamp = Some(current);
            if let Some(draft) = self.draft() {
                draft.calls.push(id);
            }
        }
        result.into()
    }

    /// An argument for the parameter `name`.
    fn expect_argument(&mut self, arg: ExprId, found: It, wanted: It, name: &str) {
        // The wording is only made when it is wanted.
        let what = format!("the argument `{name}`");
        self.expect(arg, found, wanted, &what);
    }

    fn call_builtin(&mut self, span: Span, builtin: Builtin, args: &[ExprId]) -> (It, Fold, Meaning) {
        let signature = signature(builtin);
        self.add_effect(signature.effect);
        if signature.params.len() != args.len() {
            let message = arity(builtin.name(), signature.params.len(), args.len());
            self.error(codes::E0135, span, message);
        }
        let fits = signature.params.len() == args.len();
        let elem =
            if fits && signature.params.contains(&Kind::Array) { self.types.fresh() } else { It::ERROR };
        let looks_for = builtin == Builtin::Contains;
        for (at, arg) in args.iter().enumerate() {
            // Where arguments are missing or too many, nobody knows which is for what.
            let kind = signature.params.get(at).copied().filter(|_| fits);
            let Some(kind) = kind else {
                self.unjudged(*arg);
                continue;
            };
            if looks_for {
                continue;
            }
            let wanted = self.kind(kind, elem);
            let found = self.value(*arg, wanted);
            match wanted {
                Some(wanted) => self.expect(*arg, found, wanted, argument(at)),
                None => self.storable(*arg, found),
            }
        }
        if let (true, [value, array]) = (looks_for, args) {
            let found = self.value(*value, None);
            let over = self.value(*array, Some(found.array()));
            self.element_of(span, found, over, *array);
        }
        let fold = if signature.folds && fits { self.fold_builtin(builtin, args) } else { Fold::No };
        let result = self.kind(signature.result, elem).unwrap_or(It::ERROR);
        (result, fold, Meaning::Builtin(builtin))
    }

    /// A kind as a type; None for `Storable`, which is one of three.
    fn kind(&mut self, kind: Kind, elem: It) -> Option<It> {
        Some(match kind {
            Kind::Number => Ty::NUMBER.into(),
            Kind::Bool => Ty::BOOL.into(),
            Kind::Text => Ty::TEXT.into(),
            Kind::Did => Ty::DID.into(),
            Kind::Trust => Ty::TRUST.into(),
            Kind::OptNumber => Ty::NUMBER.opt().into(),
            Kind::OptText => Ty::TEXT.opt().into(),
            Kind::OptBool => Ty::BOOL.opt().into(),
            Kind::Numbers => It::from(Ty::NUMBER).array(),
            Kind::Array => elem.array(),
            Kind::Elem => elem,
            Kind::Unit => Ty::UNIT.into(),
            Kind::Storable => return None,
        })
    }

    fn storable(&mut self, arg: ExprId, found: It) {
        let span = self.span(arg);
        self.pending.push(Pending::Storable(found, span));
        self.pending.push(Pending::Literal(found, span));
    }
}

fn argument(at: usize) -> &'static str {
    match at {
        0 => "the first argument",
        1 => "the second argument",
        2 => "the third argument",
        _ => "this argument",
    }
}

fn arity(name: &str, wanted: usize, given: usize) -> String {
    let s = if wanted == 1 { "" } else { "s" };
    let are = if given == 1 { "is" } else { "are" };
    format!("`{name}` takes {wanted} argument{s}, and {given} {are} given")
}
