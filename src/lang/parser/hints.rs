//! What was probably meant: operators and keywords of other languages, slips, half-known rules. All of it runs only
//! where the source is not in the grammar.

use super::expr::{AND, EQUALITY, OR};
use super::{Declaring, Failed, Height, Operand, Parsed, Parser};
use crate::lang::ast::{BinaryOp, ExprKind, UnaryOp};
use crate::lang::codes;
use crate::lang::diagnostic::Diagnostic;
use crate::lang::lexer::literals::excerpt;
use crate::lang::sink::error;
use crate::lang::token::Tok;
use eclvm_kernel::span::Span;

/// What other languages write for a keyword of ECL.
fn known_word(word: &str) -> Option<&'static str> {
    Some(match word {
        "function" | "func" | "def" | "fun" => "fn",
        "var" | "val" | "mut" | "auto" => "let",
        "rule" | "contract" => "policy",
        "assert" | "ensure" | "check" | "requires" => "require",
        "foreach" => "for",
        "elif" | "elsif" | "elseif" => "else if",
        "static" | "define" => "const",
        "event" | "raise" => "emit",
        _ => return None,
    })
}

impl Parser<'_, '_> {
    /// An operator of another language after `left`, if it binds at `min` or tighter and stands for one of ECL's.
    #[cold]
    pub(super) fn foreign_operator(&mut self, min: u8, left: Operand) -> Option<(BinaryOp, u8)> {
        let span = self.tok.span;
        let found = self.lexer.slice(span);
        let (op, level, right) = match found {
            "and" | "&" => (BinaryOp::And, AND, "&&"),
            "or" | "|" => (BinaryOp::Or, OR, "||"),
            "=" => (BinaryOp::Eq, EQUALITY, "=="),
            _ => return None,
        };
        if level < min {
            return None;
        }
        if op == BinaryOp::Eq && left.outer().start == self.statement_start {
            let message = "only a name can be assigned to";
            self.report(error(codes::E0018, left.outer(), message));
        } else {
            let message = match op {
                BinaryOp::Eq => "`=` assigns; an expression compares with `==`".to_owned(),
                _ => format!("`{found}` is not an operator of ECL"),
            };
            self.report(error(codes::E0021, span, message).with_suggestion(
                span,
                right,
                format!("write `{right}`"),
            ));
        }
        Some((op, level))
    }

    /// A name, at `name`, with the start of another operand right behind it.
    #[cold]
    pub(super) fn two_words(&mut self, name: Span) -> Parsed<Operand> {
        let word = self.lexer.slice(name);
        if word == "not" {
            return self.not(name);
        }
        let operator = self.at(Tok::Ident) && matches!(self.lexer.slice(self.tok.span), "and" | "or");
        let known = known_word(word);
        if operator || (known.is_none() && self.on_later_line()) {
            // The operator, or the missing `;`, is dealt with where it belongs.
            let id = self.intern(name);
            return Ok(Operand::new(self.node(ExprKind::Name(id), name), name, Height::LEAF));
        }
        if let Some(right) = known {
            let message = format!("`{word}` is not a keyword of ECL");
            let hint = format!("did you mean `{right}`?");
            if matches!(right, "let" | "const" | "fn") && self.at(Tok::Ident) {
                self.declaring = Declaring::Named(self.intern(self.tok.span));
            }
            return self.fail(error(codes::E0001, name, message).with_suggestion(name, right, hint));
        }
        if self.at(Tok::Ident) && self.assigns_next() {
            // As other languages declare: a type and a name.
            self.declaring = Declaring::Named(self.intern(self.tok.span));
        }
        let message =
            format!("expected an operator or `;` after `{}`, found {}", excerpt(word), self.found());
        self.fail(error(codes::E0001, self.tok.span, message))
    }

    /// Whether a `=` follows the token at hand.
    fn assigns_next(&self) -> bool {
        let rest = self.lexer.rest(self.tok.span.end).trim_start();
        rest.starts_with('=') && !rest.starts_with("==")
    }

    /// `not x`
    fn not(&mut self, span: Span) -> Parsed<Operand> {
        let message = "`not` is not an operator of ECL";
        self.report(error(codes::E0021, span, message).with_suggestion(span, "!", "write `!`"));
        self.nest()?;
        let operand = self.unary()?;
        self.depth -= 1;
        let outer = span.to(operand.outer());
        let id = self.node(ExprKind::Unary(UnaryOp::Not, operand.id()), outer);
        Ok(Operand::new(id, outer, operand.height().up()))
    }

    /// Whether an `else if` of another language follows; it is passed over up to its `if`, so to speak.
    pub(super) fn foreign_else_if(&mut self) -> bool {
        if !self.at(Tok::Ident) || known_word(self.lexer.slice(self.tok.span)) != Some("else if") {
            return false;
        }
        let span = self.tok.span;
        let message = format!("`{}` is not a keyword of ECL", self.lexer.slice(span));
        self.report(error(codes::E0021, span, message).with_suggestion(span, "else if", "write `else if`"));
        true
    }

    /// No operand where one has to be.
    #[cold]
    pub(super) fn no_expression(&mut self) -> Parsed<Operand> {
        if self.at(Tok::Error) {
            return Err(Failed);
        }
        match self.operand_hint() {
            Some(error) => self.fail(error),
            None => self.unexpected("an expression"),
        }
    }

    fn operand_hint(&mut self) -> Option<Diagnostic> {
        let span = self.tok.span;
        let before =
            self.last_end.checked_sub(1).map_or("", |at| self.lexer.slice(Span::new(at, self.last_end)));
        let joined = span.start == self.last_end;
        let after = self.lexer.slice(Span::new(span.end, span.end + 1));
        match self.tok.kind {
            Tok::Assign if joined && matches!(before, "+" | "-" | "*" | "/" | "%") => {
                let message = format!("ECL has no `{before}=`; write `x = x {before} ..;`");
                Some(error(codes::E0021, Span::new(span.start - 1, span.end), message))
            }
            Tok::Plus if joined && before == "+" => {
                let message = "ECL has no `++`; write `x = x + 1;`";
                Some(error(codes::E0021, Span::new(span.start - 1, span.end), message))
            }
            Tok::Plus => {
                let error = error(codes::E0021, span, "ECL has no unary `+`");
                Some(error.with_suggestion(span, "", "leave it out"))
            }
            Tok::Star if joined && before == "*" => {
                let message = "ECL has no `**`; multiply as often as needed";
                Some(error(codes::E0021, Span::new(span.start - 1, span.end), message))
            }
            Tok::Dot if after.bytes().all(|b| b.is_ascii_digit()) && !after.is_empty() => {
                let error = error(codes::E0009, span, "a number starts with a digit");
                Some(error.with_suggestion(
                    Span::new(span.start, span.start),
                    "0",
                    "write a `0` before the point",
                ))
            }
            Tok::If => {
                let message = "`if` is a statement; an expression chooses with `c ? a : b`";
                Some(error(codes::E0023, span, message))
            }
            _ => None,
        }
    }

    /// A parameter without a type.
    #[cold]
    pub(super) fn no_type_after<T>(&mut self, name: Span) -> Parsed<T> {
        if self.at(Tok::Error) {
            return Err(Failed);
        }
        let written = excerpt(self.lexer.slice(name));
        let message = format!("the parameter `{written}` needs a type, as in `{written}: number`");
        self.fail(error(codes::E0001, name, message))
    }

    /// A function without a result.
    #[cold]
    pub(super) fn no_result<T>(&mut self) -> Parsed<T> {
        if self.at(Tok::Error) {
            return Err(Failed);
        }
        let message =
            format!("a function says what it returns: expected `->` and a type, found {}", self.found());
        self.fail(error(codes::E0001, self.tok.span, message))
    }
}
