//! The syntax tree: flat tables of small nodes that refer to each other by index.
//!
//! No node owns another, so a tree costs a handful of allocations whatever its size. Chains of binary operators and
//! `else if` are lists, not towers: every walk over the tree may recurse, because nesting is bounded by
//! [`eclvm_kernel::limits::MAX_NESTING`] and chains are loops.

use eclvm_kernel::span::Span;
use smallvec::SmallVec;

/// Index of an expression in [`Ast::exprs`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct ExprId(pub u32);
/// Index of a statement in [`Ast::stmts`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct StmtId(pub u32);
/// An interned identifier: index into [`Ast::symbols`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct Symbol(pub u32);
/// Index of a decoded string literal in [`Ast::texts`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct TextId(pub u32);

/// A run of consecutive entries in one of the tree's list tables.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Range {
    /// First entry.
    pub start: u32,
    /// Number of entries.
    pub len: u32,
}

/// A whole source file.
#[derive(Default, Debug)]
pub struct Ast {
    /// All expressions.
    pub exprs: Vec<Expr>,
    /// All statements.
    pub stmts: Vec<Stmt>,
    /// Children of calls and array literals.
    pub expr_lists: Vec<ExprId>,
    /// Statements of blocks.
    pub stmt_lists: Vec<StmtId>,
    /// Links of operator chains.
    pub links: Vec<Link>,
    /// Arms of `if` statements.
    pub arms: Vec<Arm>,
    /// Parameters of functions and policies.
    pub params: SmallVec<[Param; 4]>,
    /// Constants, functions and policies at the top, in source order.
    pub items: SmallVec<[Item; 2]>,
    /// Names by [`Symbol`].
    pub symbols: TextTable,
    /// Decoded string literals by [`TextId`].
    pub texts: TextTable,
    /// Names whose declarations did not parse: a diagnostic has said why, and nothing is to be said of their uses.
    pub broken: Vec<Symbol>,
}

/// Many small texts in one allocation. Texts are numbered in the order in which they were pushed.
#[derive(Default, Debug)]
pub struct TextTable {
    bytes: String,
    ends: SmallVec<[u32; 16]>,
}

impl TextTable {
    /// Makes room for `count` more texts of `bytes` bytes in all.
    pub fn reserve(&mut self, count: usize, bytes: usize) {
        self.bytes.reserve(bytes);
        self.ends.reserve(count);
    }
    /// Forgets all texts, but keeps their room.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }
    /// Adds a text; gives its number. What the table holds is bounded by the source, hence by u32.
    pub fn push(&mut self, text: &str) -> u32 {
        let number = self.ends.len() as u32;
        self.bytes.push_str(text);
        self.ends.push(self.bytes.len() as u32);
        number
    }
    /// A text by its number.
    #[inline]
    pub fn get(&self, number: usize) -> Option<&str> {
        let end = *self.ends.get(number)?;
        let start = match number.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        self.bytes.get(start as usize..end as usize)
    }
    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|number| self.get(number).unwrap_or(""))
    }
}

/// An expression. Its span leaves out parentheses around it, but an operation's span covers the parentheses of its
/// operands: in `((a+b)/0)` the division is `(a+b)/0`.
#[derive(Clone, Copy, Debug)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it stands.
    pub span: Span,
}

/// What an expression is.
#[derive(Clone, Copy, Debug)]
pub enum ExprKind {
    /// A number.
    Number(f64),
    /// `true`, `false`
    Bool(bool),
    /// `null`
    Null,
    /// A string, decoded.
    Text(TextId),
    /// A DID literal; its text is that of its span.
    Did,
    /// A name.
    Name(Symbol),
    /// `!x`, `-x`
    Unary(UnaryOp, ExprId),
    /// `first op rhs op rhs ..`, all of one precedence level, left-associative. Never empty.
    Chain {
        /// The leftmost operand.
        first: ExprId,
        /// Operators and right operands, in [`Ast::links`].
        links: Range,
    },
    /// `cond ? then : other`
    Ternary {
        /// The condition.
        cond: ExprId,
        /// Where it is true.
        then: ExprId,
        /// Where it is false.
        other: ExprId,
    },
    /// `base.name`
    Field {
        /// The trust vector.
        base: ExprId,
        /// The component.
        name: Symbol,
    },
    /// `base[index]`
    Index {
        /// The array.
        base: ExprId,
        /// The index.
        index: ExprId,
    },
    /// `callee(args)`; the callee must be a name.
    Call {
        /// What is called (an [`ExprKind::Name`] in every valid program).
        callee: ExprId,
        /// Arguments, in [`Ast::expr_lists`].
        args: Range,
    },
    /// `[a, b, ..]`, elements in [`Ast::expr_lists`].
    Array(Range),
    /// `any(x in xs, body)` and its kin.
    Quantifier {
        /// Which.
        kind: Quantifier,
        /// The variable.
        var: Symbol,
        /// Where the variable stands.
        var_span: Span,
        /// The array.
        over: ExprId,
        /// What is asked of each element.
        body: ExprId,
    },
    /// What did not parse; a diagnostic says so.
    Error,
}

/// One step of an operator chain.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// The operator.
    pub op: BinaryOp,
    /// The right operand.
    pub rhs: ExprId,
    /// One past the last byte of the right operand, its parentheses included. The operation that ends with this link
    /// spans from the chain's start to here.
    pub end: u32,
}

/// Unary operators.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UnaryOp {
    /// `!`
    Not,
    /// `-`
    Neg,
}

/// Binary operators, lowest level first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BinaryOp {
    /// `??`
    Coalesce,
    /// `||`
    Or,
    /// `&&`
    And,
    /// `==`
    Eq,
    /// `!=`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
    /// `in`
    In,
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `%`
    Rem,
}

/// `any`, `all`, `count`
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Quantifier {
    /// Is the body true for one element?
    Any,
    /// For every one?
    All,
    /// For how many?
    Count,
}

/// A statement.
#[derive(Clone, Copy, Debug)]
pub struct Stmt {
    /// What it is.
    pub kind: StmtKind,
    /// Where it stands.
    pub span: Span,
}

/// A run of statements, in [`Ast::stmt_lists`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Block {
    /// Its statements.
    pub stmts: Range,
    /// From `{` to `}`.
    pub span: Span,
}

/// What a statement is.
#[derive(Clone, Copy, Debug)]
pub enum StmtKind {
    /// `const name = value;` inside a block
    Const {
        /// The name.
        name: Symbol,
        /// Where the name stands.
        name_span: Span,
        /// The value.
        value: ExprId,
    },
    /// `let name: ty = value;`
    Let {
        /// The name.
        name: Symbol,
        /// Where the name stands.
        name_span: Span,
        /// The type, where one is written.
        ty: Option<eclvm_kernel::types::Ty>,
        /// The value.
        value: ExprId,
    },
    /// `name = value;`
    Assign {
        /// The name.
        name: Symbol,
        /// Where the name stands.
        name_span: Span,
        /// The value.
        value: ExprId,
    },
    /// `require cond, message;`
    Require {
        /// The condition.
        cond: ExprId,
        /// The message.
        message: Option<TextId>,
    },
    /// `emit name, payload;`
    Emit {
        /// The event's name.
        name: TextId,
        /// The payload.
        payload: Option<ExprId>,
    },
    /// `if cond {..} else if cond {..} else {..}`
    If {
        /// Conditions and blocks, in [`Ast::arms`]. Never empty.
        arms: Range,
        /// The last `else`.
        otherwise: Option<Block>,
    },
    /// `for var in array {..}`
    ForEach {
        /// The variable.
        var: Symbol,
        /// Where the variable stands.
        var_span: Span,
        /// The array.
        over: ExprId,
        /// The body.
        body: Block,
    },
    /// `for var in lo..hi {..}`
    ForRange {
        /// The variable.
        var: Symbol,
        /// Where the variable stands.
        var_span: Span,
        /// The first value.
        lo: ExprId,
        /// One past the last.
        hi: ExprId,
        /// From the start of `lo` to the end of `hi`, parentheses included: what a DomainError of the bounds points at.
        range_span: Span,
        /// The body.
        body: Block,
    },
    /// `while cond {..}`
    While {
        /// The condition.
        cond: ExprId,
        /// The body.
        body: Block,
    },
    /// `break;`
    Break,
    /// `continue;`
    Continue,
    /// `return value;`
    Return(Option<ExprId>),
    /// `expression;`
    Expr(ExprId),
    /// What did not parse; a diagnostic says so.
    Error,
}

/// One arm of an `if`.
#[derive(Clone, Copy, Debug)]
pub struct Arm {
    /// The condition.
    pub cond: ExprId,
    /// The block.
    pub body: Block,
}

/// A parameter.
#[derive(Clone, Copy, Debug)]
pub struct Param {
    /// The name.
    pub name: Symbol,
    /// Where the name stands.
    pub span: Span,
    /// The type.
    pub ty: eclvm_kernel::types::Ty,
}

/// A constant, function or policy at the top of a file.
#[derive(Clone, Copy, Debug)]
pub struct Item {
    /// What it is.
    pub kind: ItemKind,
    /// The name (`main` for a bare expression).
    pub name: Symbol,
    /// Where the name stands (the whole expression for a bare one).
    pub name_span: Span,
    /// Where the item stands.
    pub span: Span,
}

/// What an item is.
#[derive(Clone, Copy, Debug)]
pub enum ItemKind {
    /// `const name = value;`
    Const(ExprId),
    /// `fn name(params) -> result block`
    Fn {
        /// Parameters, in [`Ast::params`].
        params: Range,
        /// The result's type.
        result: eclvm_kernel::types::Ty,
        /// The body.
        body: Block,
    },
    /// `policy name(params) block`
    Policy {
        /// Parameters, in [`Ast::params`]; None where there is no list and inputs are inferred.
        params: Option<Range>,
        /// The body.
        body: Block,
    },
    /// A bare expression: a policy named `main`.
    Expression(ExprId),
}

fn slice<T>(table: &[T], range: Range) -> &[T] {
    let start = range.start as usize;
    table.get(start..start + range.len as usize).unwrap_or(&[])
}

/// What stands in for an index that is not in the tree; no parser makes one.
const NO_EXPR: Expr = Expr { kind: ExprKind::Error, span: Span::new(0, 0) };
const NO_STMT: Stmt = Stmt { kind: StmtKind::Error, span: Span::new(0, 0) };

impl Ast {
    /// Forgets everything, but keeps its room.
    pub fn clear(&mut self) {
        // Written out, so that no table is forgotten.
        let Ast { exprs, stmts, expr_lists, stmt_lists, links, arms, params, items, symbols, texts, broken } =
            self;
        exprs.clear();
        stmts.clear();
        expr_lists.clear();
        stmt_lists.clear();
        links.clear();
        arms.clear();
        params.clear();
        items.clear();
        symbols.clear();
        texts.clear();
        broken.clear();
    }
    /// The expression.
    pub fn expr(&self, id: ExprId) -> Expr {
        self.exprs.get(id.0 as usize).copied().unwrap_or(NO_EXPR)
    }
    /// The statement.
    pub fn stmt(&self, id: StmtId) -> Stmt {
        self.stmts.get(id.0 as usize).copied().unwrap_or(NO_STMT)
    }
    /// Arguments or elements.
    pub fn expr_list(&self, range: Range) -> &[ExprId] {
        slice(&self.expr_lists, range)
    }
    /// The statements of a block.
    pub fn block(&self, block: Block) -> &[StmtId] {
        slice(&self.stmt_lists, block.stmts)
    }
    /// The links of a chain.
    pub fn links(&self, range: Range) -> &[Link] {
        slice(&self.links, range)
    }
    /// The arms of an `if`.
    pub fn arms(&self, range: Range) -> &[Arm] {
        slice(&self.arms, range)
    }
    /// The parameters of a function or policy.
    pub fn params(&self, range: Range) -> &[Param] {
        slice(&self.params, range)
    }
    /// A name.
    pub fn symbol(&self, symbol: Symbol) -> &str {
        self.symbols.get(symbol.0 as usize).unwrap_or("")
    }
    /// A decoded string literal.
    pub fn text(&self, id: TextId) -> &str {
        self.texts.get(id.0 as usize).unwrap_or("")
    }
}
