//! What happens where the source is not in the grammar: one error for one place, and where to go on.

use super::{Declaring, Failed, Parsed, Parser};
use crate::lang::ast::{ExprId, ExprKind, Symbol, TextId};
use crate::lang::codes;
use crate::lang::diagnostic::Diagnostic;
use crate::lang::lexer::literals::excerpt;
use crate::lang::sink::error;
use crate::lang::token::Tok;
use eclvm_kernel::limits::MAX_NESTING;
use eclvm_kernel::span::Span;

/// How much of the head of a declaration that did not parse is looked at, in bytes.
const LONGEST_HEAD: usize = 256;

impl Parser<'_, '_> {
    /// Adds an error, unless there is already one for the same place. After fifty it gives up.
    #[cold]
    pub(super) fn report(&mut self, error: Diagnostic) {
        if self.lexer.cut_short || self.complained_at == Some(error.span.start) {
            return;
        }
        self.complained_at = Some(error.span.start);
        self.lexer.sink.push(error);
        if self.lexer.sink.is_full() {
            self.give_up();
        }
    }

    #[cold]
    pub(super) fn fail<T>(&mut self, error: Diagnostic) -> Parsed<T> {
        self.report(error);
        Err(Failed)
    }

    /// Ends parsing: from here on there is only the end of the file, and nobody complains about it.
    fn give_up(&mut self) {
        self.lexer.halt();
        self.tok = self.lexer.token();
    }

    /// Nesting beyond the limit. What follows is not worth reading: it would be one more error per bracket.
    #[cold]
    pub(super) fn too_deep<T>(&mut self, span: Span) -> Parsed<T> {
        let message = format!("this is nested too deeply; at most {MAX_NESTING} levels are allowed");
        self.report(error(codes::E0004, span, message));
        self.give_up();
        Err(Failed)
    }

    /// The token at hand, for a message.
    pub(super) fn found(&self) -> String {
        match self.tok.kind {
            Tok::Ident | Tok::Number => format!("`{}`", excerpt(self.lexer.slice(self.tok.span))),
            kind if kind.is_keyword() => format!("the keyword {}", kind.name()),
            kind => kind.name().to_owned(),
        }
    }

    /// An error for the token at hand. The lexer has already reported what is no token.
    #[cold]
    pub(super) fn unexpected<T>(&mut self, expected: &str) -> Parsed<T> {
        if self.at(Tok::Error) {
            return Err(Failed);
        }
        if let Some(error) = self.half_a_did() {
            return self.fail(error);
        }
        let message = match self.tok.kind {
            Tok::Colon if self.lexer.slice(Span::new(self.tok.span.end, self.tok.span.end + 1)) == "=" => {
                "ECL has no `:=`; `let x = ..;` makes a binding, `x = ..;` assigns".to_owned()
            }
            Tok::DotDot => "a range stands in `for` only; elsewhere write `a <= x && x < b`".to_owned(),
            _ => format!("expected {expected}, found {}", self.found()),
        };
        self.fail(error(codes::E0001, self.tok.span, message))
    }

    /// A `:` behind the name `did`: the start of a DID that is none.
    fn half_a_did(&self) -> Option<Diagnostic> {
        let start = self.last_end.checked_sub(3)?;
        let before = Span::new(start, self.last_end);
        let is_it =
            self.at(Tok::Colon) && self.tok.span.start == self.last_end && self.lexer.slice(before) == "did";
        is_it.then(|| {
            let span = before.to(self.tok.span);
            error(codes::E0011, span, "a DID is written `did:` method `:` id, as in `did:erynoa:self:alice`")
        })
    }

    /// The bracket that closes the one at `open`.
    #[inline]
    pub(super) fn close(&mut self, kind: Tok, open: Span) -> Parsed<()> {
        if self.eat(kind) { Ok(()) } else { self.not_closed(kind, open) }
    }

    #[cold]
    fn not_closed(&mut self, kind: Tok, open: Span) -> Parsed<()> {
        if self.at(Tok::Error) {
            return Err(Failed);
        }
        let message = format!("expected {}, found {}", kind.name(), self.found());
        let code = match self.tok.kind {
            Tok::Eof | Tok::Semi | Tok::LBrace | Tok::RBrace => codes::E0016,
            _ => codes::E0001,
        };
        self.fail(error(code, self.tok.span, message).with_label(open, "to close this"))
    }

    /// A block whose `}` is missing, unless errors inside it (there were `errors` before it) explain that.
    #[cold]
    pub(super) fn block_not_closed(&mut self, open: Span, errors: usize) {
        if self.lexer.sink.errors() == errors {
            let message = format!("expected `}}`, found {}", self.found());
            self.report(
                error(codes::E0016, self.tok.span, message).with_label(open, "this block is not closed"),
            );
        }
    }

    /// Something else where a name has to be. A keyword is taken for the name that it cannot be.
    #[cold]
    pub(super) fn no_name(&mut self, what: &str) -> Parsed<(Symbol, Span)> {
        if self.tok.kind.is_keyword() && !self.at(Tok::In) {
            let span = self.tok.span;
            let message = format!("{} is a keyword and cannot be the name of {what}", self.tok.kind.name());
            let name = format!("{}_", self.lexer.slice(span));
            let hint = format!("choose another name, such as `{name}`");
            self.report(error(codes::E0019, span, message).with_suggestion(span, name, hint));
            self.bump();
            return Ok((self.intern(span), span));
        }
        self.unexpected(&format!("the name of {what}"))
    }

    #[cold]
    pub(super) fn no_string(&mut self, what: &str) -> Parsed<TextId> {
        if matches!(self.tok.kind, Tok::Ident | Tok::Number | Tok::LParen) {
            let message = format!("{what} is a string literal, found {}", self.found());
            return self.fail(error(codes::E0001, self.tok.span, message));
        }
        self.unexpected(&format!("{what}, a string"))
    }

    /// The `;` at the end of a statement. One that is just forgotten is reported and taken as written.
    #[inline]
    pub(super) fn semicolon(&mut self) -> Parsed<()> {
        if self.eat(Tok::Semi) { Ok(()) } else { self.no_semicolon() }
    }

    #[cold]
    fn no_semicolon(&mut self) -> Parsed<()> {
        let kind = self.tok.kind;
        let forgotten = matches!(kind, Tok::RBrace | Tok::Eof | Tok::Policy | Tok::Fn)
            || kind.starts_only_statement()
            || (kind != Tok::Error && self.on_later_line());
        if !forgotten {
            return self.unexpected("`;`");
        }
        let end = Span::new(self.last_end, self.last_end);
        let message = "a `;` is missing at the end of this statement";
        self.report(error(codes::E0024, end, message).with_suggestion(end, ";", "add `;`"));
        Ok(())
    }

    /// Whether the token at hand stands on a later line than the one before it.
    pub(super) fn on_later_line(&self) -> bool {
        self.lexer.slice(Span::new(self.last_end, self.tok.span.start)).contains('\n')
    }

    /// After a failure: if it was a declaration's, its name is not to be complained about wherever it is used.
    pub(super) fn declaration_failed(&mut self) {
        match std::mem::replace(&mut self.declaring, Declaring::Nothing) {
            Declaring::Nothing => {}
            Declaring::Named(name) => self.ast.broken.push(name),
            Declaring::Head(start) => self.break_words(start),
        }
    }

    /// Every word of a head that begins at a byte may be a name that is used later on: of `let 9b = 1;`, it is `b`.
    #[cold]
    fn break_words(&mut self, start: u32) {
        let rest = self.lexer.rest(start).as_bytes();
        let rest = rest.get(..LONGEST_HEAD).unwrap_or(rest);
        let ends = |(at, byte): (usize, u8)| match byte {
            b'=' | b';' | b'{' | b'}' => true,
            // What stands in parentheses behind a name are parameters.
            b'(' => rest.get(..at).is_some_and(|before| !before.trim_ascii().is_empty()),
            _ => false,
        };
        let end = rest.iter().copied().enumerate().position(ends).unwrap_or(rest.len());
        let head = rest.get(..end).unwrap_or(rest);
        for word in head.split(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_') {
            let digits = word.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let name = word.get(digits..).and_then(|name| std::str::from_utf8(name).ok());
            if let Some(name) = name.filter(|name| !name.is_empty()) {
                let name = self.names.intern(name, &mut self.ast.symbols);
                self.ast.broken.push(name);
            }
        }
    }

    /// After a failure in the statement that began at nesting `depth`: to the start of the next one.
    pub(super) fn recover(&mut self, depth: usize) {
        self.reset_expressions(depth);
        let mut braces = 0usize;
        loop {
            match self.tok.kind {
                Tok::Eof | Tok::Policy | Tok::Fn => return,
                Tok::Semi if braces == 0 => {
                    self.bump();
                    return;
                }
                Tok::RBrace if braces == 0 => return,
                Tok::RBrace if braces == 1 => {
                    self.bump();
                    self.eat(Tok::Semi);
                    return;
                }
                Tok::RBrace => braces -= 1,
                Tok::LBrace => braces += 1,
                kind if braces == 0 && kind.starts_only_statement() => return,
                _ => {}
            }
            self.bump();
        }
    }

    /// After a failure in what stands before a block: to its `{`, so that what is in the block is looked at.
    pub(super) fn recover_to_block(&mut self, depth: usize) -> Parsed<ExprId> {
        self.reset_expressions(depth);
        loop {
            match self.tok.kind {
                Tok::LBrace => return Ok(self.node(ExprKind::Error, self.tok.span)),
                Tok::Eof | Tok::Semi | Tok::RBrace | Tok::Policy | Tok::Fn => return Err(Failed),
                kind if kind.starts_only_statement() => return Err(Failed),
                _ => self.bump(),
            };
        }
    }

    /// Statements do not stand in expressions: between them, no expression is under construction.
    fn reset_expressions(&mut self, depth: usize) {
        self.depth = depth;
        self.ahead = None;
        self.open_links.clear();
        self.open_exprs.clear();
    }
}
