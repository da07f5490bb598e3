//! Named constants at the top of a file: they may use each other in any order, but not in a circle.

use super::fold::Fold;
use super::names::Global;
use super::types::It;
use super::{Checker, Pending};
use crate::lang::ast::{ExprId, ExprKind, ItemKind, Symbol};
use crate::lang::checked::{ConstId, Meaning};
use crate::lang::codes;
use eclvm_kernel::span::Span;
use eclvm_kernel::value::Value;
use smallvec::SmallVec;

/// Constants on the way to one: each with its value and the constants that it uses and nobody has looked at.
type Way = SmallVec<[(Symbol, ExprId, Vec<Symbol>); 2]>;

impl Checker<'_> {
    /// Checks all of them, each after those that it uses. The way to a constant is a list, not a recursion.
    pub(super) fn global_constants(&mut self) {
        let ast = self.ast;
        let mut way: Way = SmallVec::new();
        for item in &ast.items {
            if !matches!(item.kind, ItemKind::Const(_)) {
                continue;
            }
            self.enter(item.name, &mut way);
            while let Some((name, value, uses)) = way.last_mut() {
                let (name, value) = (*name, *value);
                match uses.pop() {
                    Some(next) => self.enter(next, &mut way),
                    None => {
                        way.pop();
                        self.define(name, value);
                    }
                }
            }
        }
    }

    fn enter(&mut self, name: Symbol, way: &mut Way) {
        let Some(Global::Unknown { value, at, open }) = self.names.global(name) else { return };
        if open {
            let message = format!("the constant `{}` is defined by itself", self.ast.symbol(name));
            self.error(codes::E0104, at, message);
            return self.names.set_global(name, Global::Bad);
        }
        self.names.set_global(name, Global::Unknown { value, at, open: true });
        let mut uses = Vec::new();
        self.names_in(value, &mut uses);
        uses.reverse();
        way.push((name, value, uses));
    }

    /// Whether an expression mentions a name.
    pub(super) fn has_name(&self, id: ExprId) -> bool {
        let ast = self.ast;
        match ast.expr(id).kind {
            ExprKind::Name(_) | ExprKind::Quantifier { .. } => true,
            ExprKind::Unary(_, operand) => self.has_name(operand),
            ExprKind::Chain { first, links } => {
                self.has_name(first) || ast.links(links).iter().any(|link| self.has_name(link.rhs))
            }
            ExprKind::Ternary { cond, then, other } => [cond, then, other].iter().any(|e| self.has_name(*e)),
            ExprKind::Field { base, .. } => self.has_name(base),
            ExprKind::Index { base, index } => self.has_name(base) || self.has_name(index),
            ExprKind::Call { args, .. } => ast.expr_list(args).iter().any(|e| self.has_name(*e)),
            ExprKind::Array(items) => ast.expr_list(items).iter().any(|e| self.has_name(*e)),
            _ => false,
        }
    }

    /// Constants that nobody has looked at yet and that an expression mentions.
    fn names_in(&self, id: ExprId, out: &mut Vec<Symbol>) {
        let ast = self.ast;
        match ast.expr(id).kind {
            ExprKind::Name(name) if matches!(self.names.global(name), Some(Global::Unknown { .. })) => {
                out.push(name);
            }
            ExprKind::Unary(_, operand) => self.names_in(operand, out),
            ExprKind::Chain { first, links } => {
                self.names_in(first, out);
                ast.links(links).iter().for_each(|link| self.names_in(link.rhs, out));
            }
            ExprKind::Ternary { cond, then, other } => {
                [cond, then, other].iter().for_each(|e| self.names_in(*e, out))
            }
            ExprKind::Field { base, .. } => self.names_in(base, out),
            ExprKind::Index { base, index } => [base, index].iter().for_each(|e| self.names_in(*e, out)),
            ExprKind::Call { args, .. } => ast.expr_list(args).iter().for_each(|e| self.names_in(*e, out)),
            ExprKind::Array(items) => ast.expr_list(items).iter().for_each(|e| self.names_in(*e, out)),
            _ => {}
        }
    }

    fn define(&mut self, name: Symbol, value: ExprId) {
        if matches!(self.names.global(name), Some(Global::Unknown { .. })) {
            let known = self.constant_value(name, value);
            self.names.set_global(name, known);
        }
    }

    /// The value of `const name = value`, at the top or in a block.
    pub(super) fn constant_value(&mut self, name: Symbol, value: ExprId) -> Global {
        let (before, pending) = (self.errors, self.pending.len());
        self.met_bad_constant = false;
        let ty = self.expr(value, None);
        let ty = self.types.resolve(ty);
        let at = self.span(value);
        // What is wrong with a constant is not wrong again with those that use it.
        if self.errors > before || self.met_bad_constant {
            return Global::Bad;
        }
        match self.whole_fold(value) {
            Fold::Value(id) => {
                // `null` and `[]` have no type by themselves; each mention gets one from where it stands.
                if ty.known().is_none() {
                    self.pending.truncate(pending);
                }
                Global::Known(id, ty)
            }
            Fold::Faults => {
                let message =
                    format!("the constant `{}` cannot be computed: it would fault", self.ast.symbol(name));
                self.error(codes::E0105, at, message);
                Global::Bad
            }
            Fold::No => self.not_constant(name, value),
        }
    }

    fn not_constant(&mut self, name: Symbol, value: ExprId) -> Global {
        if !self.constants.exhausted {
            let message = format!(
                "the constant `{}` is not constant: only literals, constants and pure builtins may stand in it",
                self.ast.symbol(name)
            );
            let span = self.span(value);
            self.error(codes::E0106, span, message);
        }
        Global::Bad
    }

    /// A mention of a named constant.
    pub(super) fn mention_constant(&mut self, global: Global, span: Span) -> (It, Fold, Meaning) {
        match global {
            Global::Known(id, ty) => (self.instance(id, ty, span), Fold::Value(id), Meaning::Constant),
            Global::Bad => {
                self.met_bad_constant = true;
                (It::ERROR, Fold::No, Meaning::Constant)
            }
            Global::Unknown { .. } => (It::ERROR, Fold::No, Meaning::Constant),
        }
    }

    /// The type of a constant where it is mentioned: its own, with unknowns of this mention for what it does not know.
    pub(super) fn instance(&mut self, id: ConstId, ty: It, span: Span) -> It {
        if ty.known().is_some() || ty.is_error() {
            return ty;
        }
        let fresh = self.types.fresh();
        let ty = self.types.with_root(ty, fresh);
        if !matches!(self.constants.get(id), Value::Null) {
            self.pending.push(Pending::Literal(ty, span));
        }
        ty
    }
}
