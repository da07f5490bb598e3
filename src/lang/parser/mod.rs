//! The parser: recursive descent over the lexer's stream, one token ahead, into the flat tables of [`Ast`].
//!
//! It promises time and space linear in the source, at most [`MAX_DIAGNOSTICS`] findings, no panic, and a bounded
//! stack: every construct that nests passes `Parser::nest`, operator chains and `else if` are loops. A statement that
//! does not parse is skipped to its end and reported once, so that the next one is looked at too.
//!
//! The parser knows the grammar only. Names, types and arities are the checker's.
//!
//! [`MAX_DIAGNOSTICS`]: eclvm_kernel::limits::MAX_DIAGNOSTICS

mod expr;
mod hints;
mod interner;
mod item;
mod list;
mod recover;
mod stmt;
#[cfg(test)]
mod tests;
mod types;

use super::ast::{Arm, Ast, Expr, ExprId, ExprKind, Link, Range, StmtId, Symbol, TextId};
use super::codes;
use super::diagnostic::Diagnostic;
use super::lexer::{Lexer, literals};
use super::sink;
use super::token::{Tok, Token};
use eclvm_kernel::limits::{MAX_NESTING, MAX_SOURCE_BYTES, MAX_TOKENS};
use eclvm_kernel::span::Span;
use interner::Interner;
use smallvec::SmallVec;
use std::num::{NonZeroU8, NonZeroU64};

/// Parses a source file. Where there are errors among the diagnostics, the tree is what could be understood: it holds
/// `Error` nodes or lacks statements, but all its indices are good.
pub fn parse(source: &str) -> (Ast, Vec<Diagnostic>) {
    // The tree grows where the caller wants it: it is too large to be handed from one to the other.
    let mut parsed = (Ast::default(), Vec::new());
    parsed.1 = parse_into(source, &mut parsed.0);
    parsed
}

/// The same into a tree that may have been another source's, whose room it takes over.
pub(crate) fn parse_into(source: &str, ast: &mut Ast) -> Vec<Diagnostic> {
    ast.clear();
    if source.len() > MAX_SOURCE_BYTES {
        let message =
            format!("the source has {} bytes; the most that is allowed are {MAX_SOURCE_BYTES}", source.len());
        return vec![sink::error(codes::E0002, Span::default(), message)];
    }
    let mut parser = Parser::new(source, ast);
    parser.program();
    parser.lexer.sink.finish()
}

/// The parser stopped somewhere inside a construct; a diagnostic says why. Whoever catches this finds the next place
/// to go on from.
struct Failed;

type Parsed<T> = Result<T, Failed>;

/// An expression in its surroundings: its node, its place with the parentheses around it, and its height. Packed, so
/// that results of the expression parser travel in two registers: with a plain struct (and tokens returned through memory
/// too) a policy of 1 KiB took 5.7 us instead of 4.5.
#[derive(Clone, Copy)]
struct Operand {
    /// `start << 32 | end`
    outer: u64,
    /// `id << 8 | height`, which is never zero because the height is not.
    node: NonZeroU64,
}

const _: () = assert!(size_of::<Parsed<Operand>>() == 16);

impl Operand {
    #[inline]
    fn new(id: ExprId, outer: Span, height: Height) -> Operand {
        let node = NonZeroU64::from(height.0) | u64::from(id.0) << 8;
        Operand { outer: u64::from(outer.start) << 32 | u64::from(outer.end), node }
    }
    #[inline]
    fn id(self) -> ExprId {
        ExprId((self.node.get() >> 8) as u32)
    }
    #[inline]
    fn outer(self) -> Span {
        Span::new((self.outer >> 32) as u32, self.outer as u32)
    }
    #[inline]
    fn height(self) -> Height {
        Height(NonZeroU8::new(self.node.get() as u8).unwrap_or(NonZeroU8::MAX))
    }
}

/// How deep passes over a tree nest in it: counted as nesting is, but without parentheses. One more than that, so that
/// zero is free to stand for `Failed`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Height(NonZeroU8);

impl Height {
    /// Of what has no operands.
    const LEAF: Height = Height(NonZeroU8::MIN);
    /// Of what is one level higher than the highest of its operands.
    fn up(self) -> Height {
        Height(self.0.saturating_add(1))
    }
    /// The number of levels.
    fn levels(self) -> usize {
        usize::from(self.0.get()) - 1
    }
}

/// A list under construction; most are short.
type Open<T> = SmallVec<[T; 8]>;

/// How far a declaration has been parsed. Where it fails, nothing is to be said of uses of its name.
#[derive(Clone, Copy)]
enum Declaring {
    /// There is none, or all of it has been.
    Nothing,
    /// Not beyond its head, which begins behind the keyword at this byte: any word in it may be the name that is meant.
    Head(u32),
    /// Its name is known.
    Named(Symbol),
}

struct Parser<'s, 'a> {
    lexer: Lexer<'s>,
    ast: &'a mut Ast,
    names: Interner,
    /// The token to look at.
    tok: Token,
    /// One past the last byte of the token before it.
    last_end: u32,
    /// How deep the parser is in nesting constructs.
    depth: usize,
    /// Where an expression that may be the left of an assignment starts, so that `a[0] = 1` gets the right message.
    statement_start: u32,
    /// An operand that was read ahead, for the next call of `unary`.
    ahead: Option<Operand>,
    /// Where the last error was reported: one place is good for one error.
    complained_at: Option<u32>,
    /// The declaration that is being parsed.
    declaring: Declaring,
    /// Whether the last item at the top had errors: what follows may be a piece of it.
    item_had_errors: bool,
    /// Lists under construction; the entries of one list become contiguous in the tree when it is complete.
    open_links: Open<Link>,
    open_exprs: Open<ExprId>,
    open_stmts: Open<StmtId>,
    open_arms: Open<Arm>,
}

impl<'s, 'a> Parser<'s, 'a> {
    /// Always inlined: a parser is large, and is to be made where it stays.
    #[inline(always)]
    fn new(source: &'s str, ast: &'a mut Ast) -> Parser<'s, 'a> {
        // Guesses that fit ordinary sources, so that tables rarely grow; a bound keeps hostile ones from paying off.
        let len = source.len().min(MAX_TOKENS);
        ast.exprs.reserve(len / 12 + 8);
        ast.stmts.reserve(len / 32 + 4);
        ast.expr_lists.reserve(len / 32 + 4);
        ast.stmt_lists.reserve(len / 32 + 4);
        ast.links.reserve(len / 24 + 4);
        ast.symbols.reserve(len / 64 + 4, len / 8 + 32);
        ast.texts.reserve(len / 64 + 4, len / 4 + 32);
        let mut lexer = Lexer::new(source);
        let tok = lexer.token();
        Parser {
            lexer,
            ast,
            names: Interner::new(len / 24),
            tok,
            last_end: 0,
            depth: 0,
            statement_start: u32::MAX,
            ahead: None,
            complained_at: None,
            declaring: Declaring::Nothing,
            item_had_errors: false,
            open_links: SmallVec::new(),
            open_exprs: SmallVec::new(),
            open_stmts: SmallVec::new(),
            open_arms: SmallVec::new(),
        }
    }

    /// Moves to the next token; gives the one it was at.
    #[inline]
    fn bump(&mut self) -> Token {
        let token = self.tok;
        self.last_end = token.span.end;
        self.tok = self.lexer.token();
        token
    }

    fn at(&self, kind: Tok) -> bool {
        self.tok.kind == kind
    }

    /// Passes over a token of that kind, if it is the next one.
    #[inline]
    fn eat(&mut self, kind: Tok) -> bool {
        let there = self.at(kind);
        if there {
            self.bump();
        }
        there
    }

    /// Passes over a token that has to be there.
    #[inline]
    fn expect(&mut self, kind: Tok) -> Parsed<Token> {
        if self.at(kind) { Ok(self.bump()) } else { self.unexpected(kind.name()) }
    }

    /// One step deeper; the caller takes it back with `self.depth -= 1` (after a failure, recovery does).
    #[inline]
    fn nest(&mut self) -> Parsed<()> {
        if self.depth >= MAX_NESTING {
            return self.too_deep(self.tok.span);
        }
        self.depth += 1;
        Ok(())
    }

    /// A node that covers `span`.
    #[inline]
    fn node(&mut self, kind: ExprKind, span: Span) -> ExprId {
        let id = ExprId(self.ast.exprs.len() as u32);
        self.ast.exprs.push(Expr { kind, span });
        id
    }

    fn intern(&mut self, span: Span) -> Symbol {
        self.names.intern(self.lexer.slice(span), &mut self.ast.symbols)
    }

    /// A name that has to be there; `what` it is the name of.
    fn name(&mut self, what: &str) -> Parsed<(Symbol, Span)> {
        if self.at(Tok::Ident) {
            let span = self.bump().span;
            Ok((self.intern(span), span))
        } else {
            self.no_name(what)
        }
    }

    /// A string that has to be there; `what` it is.
    fn string(&mut self, what: &str) -> Parsed<TextId> {
        if self.at(Tok::Str) {
            let span = self.bump().span;
            Ok(self.text(span))
        } else {
            self.no_string(what)
        }
    }

    /// Decodes the string at `span`, quotes included.
    fn text(&mut self, span: Span) -> TextId {
        let raw = self.lexer.slice(Span::new(span.start + 1, span.end - 1));
        let texts = &mut self.ast.texts;
        literals::decode(raw, span.start + 1, &mut self.lexer.sink, |text| TextId(texts.push(text)))
    }
}

/// Moves what was pushed on `open` since `base` to the end of `table`.
fn close_list<T: Copy>(open: &mut Open<T>, base: usize, table: &mut Vec<T>) -> Range {
    let start = table.len() as u32;
    table.extend_from_slice(open.get(base..).unwrap_or(&[]));
    open.truncate(base);
    Range { start, len: table.len() as u32 - start }
}
