//! What is constant (ecl.md, section 4), decided anew from the tree.
//!
//! Every expression is one of three: not constant; a constant, which is free; or made of constants only but sure to fault,
//! which is charged and faults when it runs. Chains fold link by link from the left, so `1 + 2 + x` has a constant
//! beginning.

use super::ops;
use super::value::Val;
use eclvm::lang::ast::{Ast, BinaryOp, Block, ExprId, ExprKind, ItemKind, StmtId, StmtKind, Symbol};
use eclvm::lang::checked::{Checked, Meaning};
use eclvm_kernel::fault::Fault;
use std::collections::HashMap;

/// One of the three.
#[derive(Clone, Debug)]
pub enum Fold {
    /// It must be evaluated.
    Not,
    /// It is this, for no gas.
    Const(Val),
    /// It must be evaluated, and will fault.
    Faults,
}

/// What is constant in a source.
#[derive(Debug, Default)]
pub struct Folds {
    exprs: Vec<Fold>,
    /// Chains that do not fold, but whose first links do: how many, and to what.
    beginnings: HashMap<u32, (usize, Val)>,
}

impl Folds {
    /// The constant that an expression is.
    pub fn constant(&self, id: ExprId) -> Option<&Val> {
        match self.exprs.get(id.0 as usize) {
            Some(Fold::Const(value)) => Some(value),
            _ => None,
        }
    }
    /// The constant beginning of a chain: its links, and its value.
    pub fn beginning(&self, id: ExprId) -> Option<&(usize, Val)> {
        self.beginnings.get(&id.0)
    }
}

/// Folds a whole source.
pub fn fold(text: &str, ast: &Ast, checked: &Checked) -> Folds {
    let folds = Folds { exprs: vec![Fold::Not; ast.exprs.len()], beginnings: HashMap::new() };
    let top = ast.items.iter().filter_map(|item| match item.kind {
        ItemKind::Const(value) => Some((item.name, value)),
        _ => None,
    });
    let mut folder =
        Folder { text, ast, checked, folds, done: vec![false; ast.exprs.len()], scopes: vec![top.collect()] };
    for item in &ast.items {
        if let ItemKind::Const(value) = item.kind {
            folder.expr(value);
        }
    }
    for item in &ast.items {
        match item.kind {
            ItemKind::Const(_) => {}
            ItemKind::Fn { body, .. } | ItemKind::Policy { body, .. } => folder.block(body),
            ItemKind::Expression(expr) => {
                folder.expr(expr);
            }
        }
    }
    folder.folds
}

struct Folder<'a> {
    text: &'a str,
    ast: &'a Ast,
    checked: &'a Checked,
    folds: Folds,
    done: Vec<bool>,
    /// Constants in sight, by block.
    scopes: Vec<Vec<(Symbol, ExprId)>>,
}

/// An operation that needs all its operands.
fn strict(operands: &[Fold], operation: impl FnOnce(&[Val]) -> Result<Val, Fault>) -> Fold {
    if operands.iter().any(|f| matches!(f, Fold::Not)) {
        return Fold::Not;
    }
    let values: Option<Vec<Val>> = operands
        .iter()
        .map(|f| match f {
            Fold::Const(value) => Some(value.clone()),
            _ => None,
        })
        .collect();
    match values.map(|values| operation(&values)) {
        Some(Ok(value)) => Fold::Const(value),
        Some(Err(_)) | None => Fold::Faults,
    }
}

/// A binary operator.
fn combine(op: BinaryOp, left: Fold, right: Fold) -> Fold {
    let goes_on = match (op, &left) {
        (BinaryOp::And, Fold::Const(l)) => l.bool(),
        (BinaryOp::Or, Fold::Const(l)) => !l.bool(),
        (BinaryOp::Coalesce, Fold::Const(l)) => l.is_null(),
        (BinaryOp::And | BinaryOp::Or | BinaryOp::Coalesce, _) => false,
        _ => return strict(&[left, right], |v| ops::binary(op, &v[0], &v[1])),
    };
    match (&left, &right) {
        (Fold::Not, _) | (_, Fold::Not) => Fold::Not,
        _ if goes_on => right,
        _ => left,
    }
}

impl Folder<'_> {
    fn block(&mut self, block: Block) {
        self.scopes.push(Vec::new());
        for stmt in self.ast.block(block).to_vec() {
            self.stmt(stmt);
        }
        self.scopes.pop();
    }

    fn stmt(&mut self, id: StmtId) {
        match self.ast.stmt(id).kind {
            StmtKind::Const { name, value, .. } => {
                self.expr(value);
                self.scopes.last_mut().expect("a block").push((name, value));
            }
            StmtKind::Let { value, .. } | StmtKind::Assign { value, .. } | StmtKind::Expr(value) => {
                self.expr(value);
            }
            StmtKind::Require { cond, .. } => {
                self.expr(cond);
            }
            StmtKind::Emit { payload: value, .. } | StmtKind::Return(value) => {
                if let Some(value) = value {
                    self.expr(value);
                }
            }
            StmtKind::If { arms, otherwise } => {
                for arm in self.ast.arms(arms).to_vec() {
                    self.expr(arm.cond);
                    self.block(arm.body);
                }
                if let Some(block) = otherwise {
                    self.block(block);
                }
            }
            StmtKind::ForEach { over, body, .. } => {
                self.expr(over);
                self.block(body);
            }
            StmtKind::ForRange { lo, hi, body, .. } => {
                self.expr(lo);
                self.expr(hi);
                self.block(body);
            }
            StmtKind::While { cond, body } => {
                self.expr(cond);
                self.block(body);
            }
            StmtKind::Break | StmtKind::Continue | StmtKind::Error => {}
        }
    }

    fn expr(&mut self, id: ExprId) -> Fold {
        if !self.done[id.0 as usize] {
            self.done[id.0 as usize] = true;
            let fold = self.look(id);
            self.folds.exprs[id.0 as usize] = fold;
        }
        self.folds.exprs[id.0 as usize].clone()
    }

    fn all(&mut self, range: eclvm::lang::ast::Range) -> Vec<Fold> {
        self.ast.expr_list(range).iter().map(|id| self.expr(*id)).collect()
    }

    fn look(&mut self, id: ExprId) -> Fold {
        let expr = self.ast.expr(id);
        match expr.kind {
            ExprKind::Number(n) => Fold::Const(Val::Num(n)),
            ExprKind::Bool(b) => Fold::Const(Val::Bool(b)),
            ExprKind::Null => Fold::Const(Val::Null),
            ExprKind::Text(text) => Fold::Const(Val::text(self.ast.text(text))),
            ExprKind::Did => {
                let text = &self.text[expr.span.start as usize..expr.span.end as usize];
                Fold::Const(Val::Did(text.into()))
            }
            ExprKind::Name(name) if self.checked.expr(id).meaning == Meaning::Constant => {
                // The nearest binding of that name is a constant, so it is the nearest constant of that name.
                let mut near = self.scopes.iter().rev().flat_map(|scope| scope.iter().rev());
                let value =
                    near.find(|(known, _)| *known == name).expect("the checker knows this constant").1;
                self.expr(value)
            }
            ExprKind::Name(_) | ExprKind::Error => Fold::Not,
            ExprKind::Unary(op, x) => strict(&[self.expr(x)], |v| Ok(ops::unary(op, &v[0]))),
            ExprKind::Chain { first, links } => {
                let mut state = self.expr(first);
                let mut beginning = None;
                for (k, link) in self.ast.links(links).to_vec().into_iter().enumerate() {
                    let right = self.expr(link.rhs);
                    state = combine(link.op, state, right);
                    if let Fold::Const(value) = &state {
                        beginning = Some((k + 1, value.clone()));
                    }
                }
                if let (Some(beginning), false) = (beginning, matches!(state, Fold::Const(_))) {
                    self.folds.beginnings.insert(id.0, beginning);
                }
                state
            }
            ExprKind::Ternary { cond, then, other } => {
                let (cond, then, other) = (self.expr(cond), self.expr(then), self.expr(other));
                match (cond, then, other) {
                    (Fold::Not, ..) | (_, Fold::Not, _) | (_, _, Fold::Not) => Fold::Not,
                    (Fold::Faults, ..) => Fold::Faults,
                    (Fold::Const(cond), then, other) => {
                        if cond.bool() {
                            then
                        } else {
                            other
                        }
                    }
                }
            }
            ExprKind::Field { base, name } => {
                strict(&[self.expr(base)], |v| Ok(ops::field(&v[0], self.ast.symbol(name))))
            }
            ExprKind::Index { base, index } => {
                strict(&[self.expr(base), self.expr(index)], |v| ops::index(&v[0], &v[1]))
            }
            ExprKind::Array(items) => strict(&self.all(items), |v| ops::array(v.to_vec())),
            ExprKind::Call { args, .. } => {
                let args = self.all(args);
                match self.checked.expr(id).meaning {
                    Meaning::Builtin(builtin) if ops::is_pure(builtin) => {
                        strict(&args, |v| ops::pure(builtin, v))
                    }
                    _ => Fold::Not,
                }
            }
            ExprKind::Quantifier { over, body, .. } => {
                self.expr(over);
                self.expr(body);
                Fold::Not
            }
        }
    }
}
