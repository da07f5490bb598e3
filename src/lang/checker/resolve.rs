//! What a name stands for where it is mentioned.

use super::fold::Fold;
use super::scope::{Binding, Key};
use super::types::It;
use super::{Checker, hints, suggest};
use crate::lang::ast::Symbol;
use crate::lang::checked::{LocalId, Meaning};
use crate::lang::codes;
use crate::lang::diagnostic::Suggestion;
use eclvm_kernel::program::StdInput;
use eclvm_kernel::span::Span;

impl Checker<'_> {
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

    pub(super) fn name(&mut self, name: Symbol, span: Span) -> (It, Fold, Meaning) {
        match self.scopes.get(name) {
            Some(Binding::Local(local)) => {
                if let Some(flag) = self.used.get_mut(local.0 as usize) {
                    *flag = true;
                }
                let ty = self.local_ty(local);
                let ty = self.narrowed(ty, Key::Local(local.0));
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
            let ty = self.narrowed(ty, Key::Input(u32::from(input)));
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
            self.met_bad_constant = true;
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

    pub(super) fn narrowed(&mut self, ty: It, key: Key) -> It {
        if self.scopes.is_narrowed(key) { self.types.resolve(ty).required() } else { ty }
    }

    pub(super) fn unknown_name(&mut self, name: Symbol, span: Span, function: bool) {
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
        let near = hints::word(text)
            .or_else(|| suggest::nearest(text, candidates))
            .or_else(|| hints::identity(text))
            .map(str::to_owned);
        let suggestion = near.map(|near| Suggestion {
            span,
            message: format!("did you mean `{near}`?"),
            replacement: near,
        });
        let message = format!("there is nothing named `{text}` here");
        self.error_with(codes::E0121, span, message, Vec::new(), suggestion);
    }
}
