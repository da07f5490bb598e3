//! What the checker found out about a syntax tree: types, what names mean, what folds. Lowering reads this; nothing
//! here is ever guessed again.

use super::ast::{ExprId, Range, StmtId};
use super::builtins::Builtin;
use eclvm_kernel::program::{EffectKind, Input, StdInput};
use eclvm_kernel::span::Span;
use eclvm_kernel::types::Ty;
use eclvm_kernel::value::Value;

/// Index of a binding within its body: parameters first, then `let`, loop and quantifier variables as they stand.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct LocalId(pub u32);
/// Index in [`Checked::bodies`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct BodyId(pub u32);
/// Index in [`Checked::constants`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ConstId(pub u32);

/// What an expression's name, call or quantifier refers to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Meaning {
    /// Nothing to refer to.
    None,
    /// A binding of the same body (for a quantifier: its variable).
    Local(LocalId),
    /// A declared or inferred input of the policy, by index.
    Input(u16),
    /// A standard input.
    Std(StdInput),
    /// A call of a builtin (on the call's own id).
    Builtin(Builtin),
    /// A call of a user function (on the call's own id).
    Function(BodyId),
    /// A named constant; its value is the expression's `folded`.
    Constant,
}

/// What an expression as a whole folds to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Folds {
    /// It is not constant.
    Not,
    /// It has a value.
    Whole,
    /// It is made of constants only, and faults when it is evaluated.
    Faults,
}

/// What is known of one expression.
#[derive(Clone, Copy, Debug)]
pub struct ExprInfo {
    /// Its type. A name that a null test has narrowed has the narrowed type here, while its binding keeps `T?`.
    /// A `null` has the optional type that its surroundings gave it.
    pub ty: Ty,
    /// Whether all of it folds (ecl.md, section 4).
    pub folds: Folds,
    /// Its constant value, where it folds. For a chain of which only the first links fold: the value of that prefix, see
    /// `folded_links`.
    pub folded: Option<ConstId>,
    /// For chains: how many leading links `folded` covers. Equal to the number of links where the whole chain folds.
    pub folded_links: u32,
    /// What it refers to.
    pub meaning: Meaning,
}

impl ExprInfo {
    /// Of what has not been checked.
    pub(super) const NOTHING: ExprInfo =
        ExprInfo { ty: Ty::UNIT, folds: Folds::Not, folded: None, folded_links: 0, meaning: Meaning::None };
}

/// What a body is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BodyKind {
    /// A user function.
    Function,
    /// A policy.
    Policy,
    /// A bare expression.
    Expression,
}

/// A function, policy or bare expression.
#[derive(Clone, Debug)]
pub struct Body {
    /// Which.
    pub kind: BodyKind,
    /// Its item in the tree.
    pub item: u32,
    /// Parameters of a function, in the tree's `params` (empty for policies, whose parameters are inputs).
    pub params: Range,
    /// Types of the bindings, by [`LocalId`]. A function's parameters come first.
    pub locals: Vec<Ty>,
    /// What it returns: bool for a policy, the expression's type for a bare one.
    pub result: Ty,
    /// Inputs of a policy, declared ones in order, inferred ones in order of first use.
    pub inputs: Vec<Input>,
    /// Standard inputs that its own text mentions (also in dead code).
    pub mentions: StdMask,
    /// Its first mention of `trust`.
    pub trust_at: Option<Span>,
    /// The strongest effect of its own text, calls of functions not followed.
    pub effect: EffectKind,
    /// Functions it calls, each once.
    pub calls: Vec<BodyId>,
}

/// A set of standard inputs: bit `StdInput as u8`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StdMask(pub u8);

impl StdMask {
    /// With `input` in it.
    pub fn with(self, input: StdInput) -> StdMask {
        StdMask(self.0 | 1 << input as u8)
    }
    /// Whether `input` is in it.
    pub fn has(self, input: StdInput) -> bool {
        self.0 >> input as u8 & 1 == 1
    }
    /// All of both.
    pub fn union(self, other: StdMask) -> StdMask {
        StdMask(self.0 | other.0)
    }
}

/// Everything the checker found out about a file without errors.
#[derive(Debug, Default)]
pub struct Checked {
    /// By [`ExprId`].
    pub exprs: Vec<ExprInfo>,
    /// By [`StmtId`]: the binding that a `let`, `for` or assignment writes; None elsewhere.
    pub stmts: Vec<Option<LocalId>>,
    /// Functions and policies, in source order.
    pub bodies: Vec<Body>,
    /// Folded values.
    pub constants: Vec<Value>,
}

impl Checked {
    /// Forgets everything, but keeps its room.
    pub fn clear(&mut self) {
        // Written out, so that no table is forgotten.
        let Checked { exprs, stmts, bodies, constants } = self;
        exprs.clear();
        stmts.clear();
        bodies.clear();
        constants.clear();
    }
    /// What is known of an expression.
    #[inline]
    pub fn expr(&self, id: ExprId) -> ExprInfo {
        self.exprs.get(id.0 as usize).copied().unwrap_or(ExprInfo::NOTHING)
    }
    /// The binding that a statement writes.
    pub fn stmt(&self, id: StmtId) -> Option<LocalId> {
        self.stmts.get(id.0 as usize).copied().flatten()
    }
    /// A folded value.
    pub fn constant(&self, id: ConstId) -> Option<&Value> {
        self.constants.get(id.0 as usize)
    }
    /// A body.
    pub fn body(&self, id: BodyId) -> Option<&Body> {
        self.bodies.get(id.0 as usize)
    }
}
