//! Chains of binary operators, link by link, and what their first links fold to.

use super::Checker;
use super::fold::{self, Fold};
use super::types::It;
use crate::lang::ast::{BinaryOp, ExprId, Range};
use crate::lang::checked::ConstId;
use eclvm_kernel::limits::MAX_TEXT_BYTES;
use eclvm_kernel::span::Span;
use eclvm_kernel::value::Value;

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
    pub(super) fn chain(
        &mut self,
        span: Span,
        first: ExprId,
        links: Range,
    ) -> (It, Fold, (u32, Option<ConstId>)) {
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
}
