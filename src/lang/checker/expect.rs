//! Whether what is found may stand where something is wanted.

use super::types::It;
use super::{Checker, hints};
use crate::lang::ast::ExprId;
use crate::lang::codes;
use eclvm_kernel::span::Span;

impl Checker<'_> {
    #[inline]
    pub(super) fn expect(&mut self, id: ExprId, found: It, wanted: It, what: &str) {
        if found != wanted {
            let span = self.span(id);
            self.expect_alike(span, found, wanted, what);
        }
    }

    /// `found` may stand where `wanted` is.
    #[inline]
    pub(super) fn expect_at(&mut self, span: Span, found: It, wanted: It, what: &str) {
        if found != wanted {
            self.expect_alike(span, found, wanted, what);
        }
    }

    fn expect_alike(&mut self, span: Span, found: It, wanted: It, what: &str) {
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
            format!(
                "{what} must be a {wanted}, and this is a {found}{}",
                hints::instead(f.known(), w.known())
            )
        };
        self.error(codes::E0107, span, message);
    }

    /// The type that both fit into.
    pub(super) fn join(&mut self, a: It, b: It) -> Option<It> {
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
}
