//! Expressions: precedence climbing, one chain per precedence level, loops instead of recursion where operators stand
//! in a row.

use super::{Height, Operand, Parsed, Parser, close_list};
use crate::lang::ast::{BinaryOp, ExprKind, Link, Quantifier, UnaryOp};
use crate::lang::codes;
use crate::lang::lexer::literals;
use crate::lang::sink;
use crate::lang::token::Tok;
use eclvm_kernel::limits::MAX_NESTING;
use eclvm_kernel::span::Span;

/// The binary operators with their precedence level, lowest first. Operators of a level form one chain.
const OPERATORS: [(Tok, BinaryOp, u8); 15] = [
    (Tok::Coalesce, BinaryOp::Coalesce, COALESCE),
    (Tok::OrOr, BinaryOp::Or, OR),
    (Tok::AndAnd, BinaryOp::And, AND),
    (Tok::EqEq, BinaryOp::Eq, EQUALITY),
    (Tok::Ne, BinaryOp::Ne, EQUALITY),
    (Tok::Lt, BinaryOp::Lt, ORDER),
    (Tok::Le, BinaryOp::Le, ORDER),
    (Tok::Gt, BinaryOp::Gt, ORDER),
    (Tok::Ge, BinaryOp::Ge, ORDER),
    (Tok::In, BinaryOp::In, ORDER),
    (Tok::Plus, BinaryOp::Add, SUM),
    (Tok::Minus, BinaryOp::Sub, SUM),
    (Tok::Star, BinaryOp::Mul, PRODUCT),
    (Tok::Slash, BinaryOp::Div, PRODUCT),
    (Tok::Percent, BinaryOp::Rem, PRODUCT),
];

const _: () = assert!((Tok::Pipe as usize) < LEVELS.len(), "the last token has a place in the table");

/// The same by token. Level 0 is what never stands behind an operand as an operator, [`FOREIGN`] what only does so in
/// other languages.
static LEVELS: [(BinaryOp, u8); 64] = {
    let mut levels = [(BinaryOp::Eq, 0); 64];
    let mut operators = OPERATORS.as_slice();
    while let Some(((kind, op, level), rest)) = operators.split_first() {
        set(&mut levels, *kind, *op, *level);
        operators = rest;
    }
    set(&mut levels, Tok::Assign, BinaryOp::Eq, FOREIGN);
    set(&mut levels, Tok::Amp, BinaryOp::And, FOREIGN);
    set(&mut levels, Tok::Pipe, BinaryOp::Or, FOREIGN);
    set(&mut levels, Tok::Ident, BinaryOp::Eq, FOREIGN);
    levels
};

const fn set(levels: &mut [(BinaryOp, u8)], kind: Tok, op: BinaryOp, level: u8) {
    if let Some((entry, _)) = levels.split_at_mut(kind as usize).1.split_first_mut() {
        *entry = (op, level);
    }
}

const COALESCE: u8 = 1;
pub(super) const OR: u8 = 2;
pub(super) const AND: u8 = 3;
pub(super) const EQUALITY: u8 = 4;
const ORDER: u8 = 5;
const SUM: u8 = 6;
const PRODUCT: u8 = 7;
const FOREIGN: u8 = 8;

impl Parser<'_, '_> {
    /// An expression of any kind.
    pub(super) fn expression(&mut self) -> Parsed<Operand> {
        let cond = self.binary(COALESCE)?;
        if self.at(Tok::Question) { self.ternary(cond) } else { Ok(cond) }
    }

    /// `cond ? then : other`, from the `?` on.
    fn ternary(&mut self, cond: Operand) -> Parsed<Operand> {
        self.bump();
        self.nest()?;
        let then = self.expression()?;
        self.expect(Tok::Colon)?;
        let other = self.expression()?;
        self.depth -= 1;
        let span = cond.outer().to(other.outer());
        let id = self.node(ExprKind::Ternary { cond: cond.id(), then: then.id(), other: other.id() }, span);
        let height = cond.height().max(then.height().up()).max(other.height().up());
        Ok(Operand::new(id, span, height))
    }

    /// The operator at hand, also where it is another language's (then with an error, and taken for what it means).
    #[inline]
    fn operator(&mut self, min: u8, left: Operand) -> Option<(BinaryOp, u8)> {
        match LEVELS.get(self.tok.kind as usize) {
            Some(&(_, FOREIGN)) => self.foreign_operator(min, left),
            Some(&(op, level)) if level >= min => Some((op, level)),
            _ => None,
        }
    }

    /// Operands and the binary operators of `min` and higher levels between them.
    fn binary(&mut self, min: u8) -> Parsed<Operand> {
        let mut left = self.unary()?;
        while let Some((op, level)) = self.operator(min, left) {
            left = self.chain(left, op, level)?;
        }
        Ok(left)
    }

    /// `left op rhs op rhs ..`, from the first operator on, as long as operators are of `level`.
    fn chain(&mut self, left: Operand, first_op: BinaryOp, level: u8) -> Parsed<Operand> {
        let base = self.open_links.len();
        let mut op = first_op;
        let (mut end, mut height) = (left.outer().end, left.height());
        loop {
            self.bump();
            // One level up: what binds tighter belongs to the right operand, and what binds as tightly is the next link.
            let rhs = self.binary(level + 1)?;
            end = rhs.outer().end.max(end);
            height = height.max(rhs.height());
            self.open_links.push(Link { op, rhs: rhs.id(), end });
            match self.operator(level, left) {
                Some((next, same)) if same == level => op = next,
                _ => break,
            }
        }
        let links = close_list(&mut self.open_links, base, &mut self.ast.links);
        let span = Span::new(left.outer().start, end);
        let id = self.node(ExprKind::Chain { first: left.id(), links }, span);
        Ok(Operand::new(id, span, height))
    }

    pub(super) fn unary(&mut self) -> Parsed<Operand> {
        if let Some(ahead) = self.ahead.take() {
            return self.postfix(ahead);
        }
        let op = match self.tok.kind {
            Tok::Bang => UnaryOp::Not,
            Tok::Minus => UnaryOp::Neg,
            _ => {
                let primary = self.primary()?;
                return self.postfix(primary);
            }
        };
        let start = self.bump().span;
        self.nest()?;
        let operand = self.unary()?;
        self.depth -= 1;
        let span = start.to(operand.outer());
        let id = self.node(ExprKind::Unary(op, operand.id()), span);
        Ok(Operand::new(id, span, operand.height().up()))
    }

    /// Fields, indices and calls after `base`.
    #[inline]
    fn postfix(&mut self, mut base: Operand) -> Parsed<Operand> {
        let mut after_field = false;
        loop {
            let (kind, inner) = match self.tok.kind {
                Tok::Dot => {
                    self.bump();
                    let (name, _) = self.name("a field")?;
                    (ExprKind::Field { base: base.id(), name }, Height::LEAF)
                }
                Tok::LBracket => {
                    self.bump();
                    self.nest()?;
                    let index = self.expression()?;
                    self.expect(Tok::RBracket)?;
                    self.depth -= 1;
                    (ExprKind::Index { base: base.id(), index: index.id() }, index.height())
                }
                Tok::LParen => {
                    self.bump();
                    let (args, height) = self.list(Tok::RParen)?;
                    (ExprKind::Call { callee: base.id(), args }, height)
                }
                _ => return Ok(base),
            };
            let span = Span::new(base.outer().start, self.last_end);
            // A field is no nesting, but a field of a field is: no program that types has one, and without this
            // `a.r.r..` would be a tower.
            let nests = !matches!(kind, ExprKind::Field { .. }) || after_field;
            after_field = matches!(kind, ExprKind::Field { .. });
            let height = base.height().max(inner);
            let height = if nests { height.up() } else { height };
            // `a[0][0]..` does not recurse here, but whoever walks the tree does.
            if self.depth + height.levels() > MAX_NESTING {
                return self.too_deep(span);
            }
            base = Operand::new(self.node(kind, span), span, height);
        }
    }

    fn primary(&mut self) -> Parsed<Operand> {
        let span = self.tok.span;
        let kind = match self.tok.kind {
            Tok::Ident => {
                self.bump();
                if self.tok.kind.starts_only_operand() {
                    return self.two_words(span);
                }
                ExprKind::Name(self.intern(span))
            }
            Tok::Number => {
                self.bump();
                ExprKind::Number(self.number(span))
            }
            Tok::Str => {
                self.bump();
                ExprKind::Text(self.text(span))
            }
            Tok::Did => {
                self.bump();
                ExprKind::Did
            }
            Tok::True | Tok::False => ExprKind::Bool(self.bump().kind == Tok::True),
            Tok::Null => {
                self.bump();
                ExprKind::Null
            }
            Tok::LParen => return self.parenthesised(),
            Tok::LBracket => {
                self.bump();
                let (items, height) = self.list(Tok::RBracket)?;
                let span = Span::new(span.start, self.last_end);
                return Ok(Operand::new(self.node(ExprKind::Array(items), span), span, height.up()));
            }
            Tok::Any => return self.quantifier(Quantifier::Any),
            Tok::All => return self.quantifier(Quantifier::All),
            Tok::Count => return self.quantifier(Quantifier::Count),
            _ => return self.no_expression(),
        };
        Ok(Operand::new(self.node(kind, span), span, Height::LEAF))
    }

    fn number(&mut self, span: Span) -> f64 {
        let value = literals::number_value(self.lexer.slice(span));
        if value.is_infinite() {
            let message = "this number is too large: the largest is about 1.8e308";
            self.lexer.sink.push(sink::error(codes::E0010, span, message));
        }
        value
    }

    fn parenthesised(&mut self) -> Parsed<Operand> {
        let open = self.tok.span;
        self.nest()?;
        self.bump();
        let inner = self.expression()?;
        self.close(Tok::RParen, open)?;
        self.depth -= 1;
        Ok(Operand::new(inner.id(), Span::new(open.start, self.last_end), inner.height()))
    }

    /// `any(x in xs, body)` and its kin.
    fn quantifier(&mut self, kind: Quantifier) -> Parsed<Operand> {
        let start = self.bump().span.start;
        let open = self.expect(Tok::LParen)?.span;
        self.nest()?;
        let (var, var_span) = self.name("a variable")?;
        self.expect(Tok::In)?;
        let over = self.expression()?;
        self.expect(Tok::Comma)?;
        let body = self.expression()?;
        self.eat(Tok::Comma);
        self.close(Tok::RParen, open)?;
        self.depth -= 1;
        let span = Span::new(start, self.last_end);
        let node = ExprKind::Quantifier { kind, var, var_span, over: over.id(), body: body.id() };
        Ok(Operand::new(self.node(node, span), span, over.height().max(body.height()).up()))
    }
}
