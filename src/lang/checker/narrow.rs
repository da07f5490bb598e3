//! What a condition says about null.

use super::Checker;
use super::scope::Key;
use crate::lang::ast::{BinaryOp, Block, ExprId, ExprKind, StmtKind, Symbol, UnaryOp};
use crate::lang::checked::Meaning;

impl Checker<'_> {
    /// What a name can be narrowed as.
    pub(super) fn key(&self, id: ExprId) -> Option<Key> {
        match (self.ast.expr(id).kind, self.info(id).meaning) {
            (ExprKind::Name(_), Meaning::Local(local)) => Some(Key::Local(local.0)),
            (ExprKind::Name(_), Meaning::Input(input)) => Some(Key::Input(u32::from(input))),
            _ => None,
        }
    }

    /// Names that are not null where the condition, which has been checked, is `truth`. None where it cannot be that.
    /// `within` says whether it is itself what a `? :` of the condition chooses by: such a one is looked at for both
    /// answers, and those within it not at all, so that no expression is looked at more than twice.
    fn facts_of(&self, cond: ExprId, truth: bool, within: bool) -> Option<Vec<Key>> {
        let ast = self.ast;
        match ast.expr(cond).kind {
            ExprKind::Bool(value) => (value == truth).then(Vec::new),
            ExprKind::Unary(UnaryOp::Not, operand) => self.facts_of(operand, !truth, within),
            ExprKind::Chain { first, links } => match ast.links(links) {
                [link] if matches!(link.op, BinaryOp::Eq | BinaryOp::Ne) => {
                    let is_null = |id| matches!(ast.expr(id).kind, ExprKind::Null);
                    let name = match (is_null(first), is_null(link.rhs)) {
                        (false, true) => self.key(first),
                        (true, false) => self.key(link.rhs),
                        _ => None,
                    };
                    let tells = (link.op == BinaryOp::Ne) == truth;
                    Some(name.filter(|_| tells).into_iter().collect())
                }
                links @ [link, ..] if matches!(link.op, BinaryOp::And | BinaryOp::Or) => {
                    let all = std::iter::once(first).chain(links.iter().map(|link| link.rhs));
                    let facts = all.map(|operand| self.facts_of(operand, truth, within));
                    if (link.op == BinaryOp::And) == truth {
                        // Each of them is `truth`.
                        facts.reduce(both).flatten()
                    } else {
                        // At least one of them is.
                        facts.reduce(either).flatten()
                    }
                }
                _ => Some(Vec::new()),
            },
            ExprKind::Ternary { cond, then, other } if !within => {
                let then = both(self.facts_of(cond, true, true), self.facts_of(then, truth, false));
                let other = both(self.facts_of(cond, false, true), self.facts_of(other, truth, false));
                either(then, other)
            }
            _ => Some(Vec::new()),
        }
    }

    /// From here on the condition is `truth`.
    pub(super) fn assume(&mut self, cond: ExprId, truth: bool) {
        for key in self.facts_of(cond, truth, false).unwrap_or_default() {
            self.scopes.narrow(key, true);
        }
    }

    /// Ends, before a loop's body, what an assignment in it would end: its later rounds come after it. Names that the
    /// body binds anew hide the ones that are meant here.
    pub(super) fn forget_assigned(&mut self, block: Block) {
        let ast = self.ast;
        let mut hidden: Vec<Symbol> = Vec::new();
        for id in ast.block(block) {
            match ast.stmt(*id).kind {
                StmtKind::Assign { name, .. } => {
                    if !self.is_hidden(name)
                        && let Some(key) = self.key_of_name(name)
                    {
                        self.scopes.narrow(key, false);
                    }
                }
                StmtKind::Let { name, .. } | StmtKind::Const { name, .. } => {
                    self.hide(name, 1);
                    hidden.push(name);
                }
                StmtKind::If { arms, otherwise } => {
                    for arm in ast.arms(arms) {
                        self.forget_assigned(arm.body);
                    }
                    if let Some(block) = otherwise {
                        self.forget_assigned(block);
                    }
                }
                StmtKind::ForEach { var, body, .. } | StmtKind::ForRange { var, body, .. } => {
                    self.forget_assigned_in_loop(Some(var), body);
                }
                StmtKind::While { body, .. } => self.forget_assigned(body),
                _ => {}
            }
        }
        for name in hidden {
            self.hide(name, -1);
        }
    }
    /// The same for a loop's body, in which its variable is a name of its own.
    pub(super) fn forget_assigned_in_loop(&mut self, variable: Option<Symbol>, body: Block) {
        if let Some(name) = variable {
            self.hide(name, 1);
        }
        self.forget_assigned(body);
        if let Some(name) = variable {
            self.hide(name, -1);
        }
    }
    fn hide(&mut self, name: Symbol, by: i32) {
        self.names.hide(name, by);
    }
    fn is_hidden(&self, name: Symbol) -> bool {
        self.names.is_hidden(name)
    }

    fn key_of_name(&self, name: Symbol) -> Option<Key> {
        match self.scopes.get(name) {
            Some(super::scope::Binding::Local(local)) => Some(Key::Local(local.0)),
            _ => None,
        }
    }
}

/// What holds where two things hold. None: they cannot.
fn both(a: Option<Vec<Key>>, b: Option<Vec<Key>>) -> Option<Vec<Key>> {
    let (mut a, b) = (a?, b?);
    if a.is_empty() {
        return Some(b);
    }
    a.extend(b);
    Some(a)
}

/// What holds where one of two things holds.
fn either(a: Option<Vec<Key>>, b: Option<Vec<Key>>) -> Option<Vec<Key>> {
    match (a, b) {
        (None, one) | (one, None) => one,
        (Some(mut a), Some(mut b)) => {
            if !a.is_empty() {
                b.sort_unstable();
                a.retain(|key| b.binary_search(key).is_ok());
            }
            Some(a)
        }
    }
}
