//! Named constants at the top of a file: they may use each other in any order, but not in a circle.

use super::fold::Fold;
use super::types::It;
use super::{Checker, Global};
use crate::lang::ast::{ExprId, ExprKind, ItemKind, Symbol};
use crate::lang::checked::Meaning;
use crate::lang::codes;

impl Checker<'_> {
    /// Checks all of them, each after those that it uses. The way to a constant is a list, not a recursion.
    pub(super) fn global_constants(&mut self) {
        let ast = self.ast;
        // The item of each constant; the first of two of a name.
        let mut defined: Vec<Option<(ExprId, usize)>> = vec![None; ast.symbols.len()];
        for (index, item) in ast.items.iter().enumerate() {
            if let (ItemKind::Const(value), Some(slot @ None)) =
                (item.kind, defined.get_mut(item.name.0 as usize))
            {
                *slot = Some((value, index));
            }
        }
        let mut open = vec![false; ast.symbols.len()];
        let mut way: Vec<(Symbol, Vec<Symbol>)> = Vec::new();
        for item in &ast.items {
            if !matches!(item.kind, ItemKind::Const(_)) {
                continue;
            }
            self.enter(item.name, &defined, &mut open, &mut way);
            while let Some((name, uses)) = way.last_mut() {
                let name = *name;
                match uses.pop() {
                    Some(next) => self.enter(next, &defined, &mut open, &mut way),
                    None => {
                        way.pop();
                        if let Some(flag) = open.get_mut(name.0 as usize) {
                            *flag = false;
                        }
                        if let Some(Some((value, _))) = defined.get(name.0 as usize) {
                            self.define(name, *value);
                        }
                    }
                }
            }
        }
    }

    fn enter(
        &mut self,
        name: Symbol,
        defined: &[Option<(ExprId, usize)>],
        open: &mut [bool],
        way: &mut Vec<(Symbol, Vec<Symbol>)>,
    ) {
        let at = name.0 as usize;
        if !matches!(self.globals.get(at), Some(Some(Global::Unknown))) {
            return;
        }
        if open.get(at) == Some(&true) {
            let span = defined
                .get(at)
                .copied()
                .flatten()
                .and_then(|(_, i)| self.ast.items.get(i))
                .map(|i| i.name_span);
            let message = format!("the constant `{}` is defined by itself", self.ast.symbol(name));
            self.error(codes::E0104, span.unwrap_or_default(), message);
            if let Some(slot) = self.globals.get_mut(at) {
                *slot = Some(Global::Bad);
            }
            return;
        }
        let Some(Some((value, _))) = defined.get(at) else { return };
        if let Some(flag) = open.get_mut(at) {
            *flag = true;
        }
        let mut uses = Vec::new();
        self.names_in(*value, &mut uses);
        uses.reverse();
        way.push((name, uses));
    }

    /// Names that an expression mentions.
    fn names_in(&self, id: ExprId, out: &mut Vec<Symbol>) {
        let ast = self.ast;
        match ast.expr(id).kind {
            ExprKind::Name(name) => out.push(name),
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
        let already = !matches!(self.globals.get(name.0 as usize), Some(Some(Global::Unknown)));
        if already {
            return;
        }
        let known = self.constant_value(name, value);
        if let Some(slot) = self.globals.get_mut(name.0 as usize) {
            *slot = Some(known);
        }
    }

    /// The value of `const name = value`, at the top or in a block.
    pub(super) fn constant_value(&mut self, name: Symbol, value: ExprId) -> Global {
        let before = self.errors;
        self.met_bad_constant = false;
        let ty = self.expr(value, None);
        let ty = self.types.resolve(ty);
        let at = self.span(value);
        match self.facts(value) {
            // What is wrong with a constant is not wrong again with those that use it.
            _ if self.errors > before || self.met_bad_constant => Global::Bad,
            facts if self.is_whole(value) => match facts.fold {
                Fold::Value(id) if ty.known().is_some() => Global::Known(id, ty),
                Fold::Value(_) => {
                    self.error(
                        codes::E0112,
                        at,
                        "the type of this cannot be told from its surroundings".to_owned(),
                    );
                    self.types.poison(ty);
                    Global::Bad
                }
                Fold::Faults => {
                    let message = format!(
                        "the constant `{}` cannot be computed: it would fault",
                        self.ast.symbol(name)
                    );
                    self.error(codes::E0105, at, message);
                    Global::Bad
                }
                Fold::No => self.not_constant(name, value),
            },
            _ => self.not_constant(name, value),
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

    /// Whether a fold covers the expression, and not only the first links of its chain.
    pub(super) fn is_whole(&self, id: ExprId) -> bool {
        let facts = self.facts(id);
        match self.ast.expr(id).kind {
            ExprKind::Chain { links, .. } => facts.fold == Fold::Faults || facts.folded_links == links.len,
            _ => true,
        }
    }

    /// A mention of a named constant.
    pub(super) fn mention_constant(&mut self, global: Global) -> (It, Fold, Meaning) {
        match global {
            Global::Known(id, ty) => (ty, Fold::Value(id), Meaning::Constant),
            Global::Bad => {
                self.met_bad_constant = true;
                (It::ERROR, Fold::No, Meaning::Constant)
            }
            Global::Unknown => (It::ERROR, Fold::No, Meaning::Constant),
        }
    }
}
