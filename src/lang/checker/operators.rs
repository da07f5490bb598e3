//! The types of binary operators.

use super::types::It;
use super::{Checker, Pending, hints};
use crate::lang::ast::{BinaryOp, ExprId, ExprKind};
use crate::lang::codes;
use eclvm_kernel::span::Span;
use eclvm_kernel::types::Ty;

impl Checker<'_> {
    /// The type of `left op rhs`; checks `rhs`. Of the left side: its type, its span, its last operand. Of the whole: its
    /// span, and whether the left side is a comparison.
    pub(super) fn link(
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

    pub(super) fn coalesce(&mut self, left: It, left_span: Span, rhs: ExprId) -> It {
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
    pub(super) fn comparable(&mut self, span: Span, (left, lhs): (It, ExprId), (right, rhs): (It, ExprId)) {
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
            let hint = hints::compared(l.known(), r.known());
            self.error(codes::E0125, span, format!("a {a} and a {b} cannot be compared{hint}"));
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
}
