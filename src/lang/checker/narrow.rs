//! What a condition says about null.

use super::Checker;
use super::scope::Key;
use crate::lang::ast::{BinaryOp, Block, ExprId, ExprKind, StmtKind, Symbol, UnaryOp};
use crate::lang::checked::Meaning;

impl Checker<'_> {
    /// What a name can be narrowed as.
    pub(super) fn key(&self, id: ExprId) -> Option<Key> {
        match (self.ast.expr(id).kind, self.facts(id).meaning) {
            (ExprKind::Name(_), Meaning::Local(local)) => Some(Key::Local(local.0)),
            (ExprKind::Name(_), Meaning::Input(input)) => Some(Key::Input(u32::from(input))),
            _ => None,
        }
    }

    /// Names that are not null where the condition, which has been checked, is `truth`.
    pub(super) fn facts_of(&self, cond: ExprId, truth: bool, out: &mut Vec<Key>) {
        let ast = self.ast;
        match ast.expr(cond).kind {
            ExprKind::Unary(UnaryOp::Not, operand) => self.facts_of(operand, !truth, out),
            ExprKind::Chain { first, links } => {
                let links = ast.links(links);
                match links {
                    [link] if matches!(link.op, BinaryOp::Eq | BinaryOp::Ne) => {
                        let is_null = |id| matches!(ast.expr(id).kind, ExprKind::Null);
                        let name = match (is_null(first), is_null(link.rhs)) {
                            (false, true) => self.key(first),
                            (true, false) => self.key(link.rhs),
                            _ => None,
                        };
                        if (link.op == BinaryOp::Ne) == truth {
                            out.extend(name);
                        }
                    }
                    [link, ..]
                        if (link.op == BinaryOp::And && truth) || (link.op == BinaryOp::Or && !truth) =>
                    {
                        self.facts_of(first, truth, out);
                        links.iter().for_each(|link| self.facts_of(link.rhs, truth, out));
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }

    /// From here on the condition is `truth`.
    pub(super) fn assume(&mut self, cond: ExprId, truth: bool) {
        let mut keys = Vec::new();
        self.facts_of(cond, truth, &mut keys);
        for key in keys {
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
        if let Some(count) = self.hidden.get_mut(name.0 as usize) {
            *count += by;
        }
    }
    fn is_hidden(&self, name: Symbol) -> bool {
        self.hidden.get(name.0 as usize).is_some_and(|count| *count > 0)
    }

    fn key_of_name(&self, name: Symbol) -> Option<Key> {
        match self.scopes.get(name) {
            Some(super::scope::Binding::Local(local)) => Some(Key::Local(local.0)),
            _ => None,
        }
    }
}
