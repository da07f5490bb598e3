//! What stands at the top of a file: constants, functions and policies, or one bare expression.

use super::{Declaring, Parsed, Parser};
use crate::lang::ast::{Item, ItemKind, Symbol};
use crate::lang::codes;
use crate::lang::sink::error;
use crate::lang::token::Tok;
use eclvm_kernel::span::Span;

impl Parser<'_, '_> {
    /// The whole file. Its first token decides whether it holds items or an expression.
    pub(super) fn program(&mut self) {
        match self.tok.kind {
            Tok::Eof | Tok::Const | Tok::Fn | Tok::Policy | Tok::RBrace => self.items(),
            kind if kind.starts_only_statement() => self.items(),
            _ => self.bare_expression(),
        }
    }

    fn items(&mut self) {
        while !self.at(Tok::Eof) {
            let start = self.tok.span.start;
            let errors = self.lexer.sink.errors();
            let parsed = match self.tok.kind {
                Tok::Const => self.const_().map(|(name, span, value)| (ItemKind::Const(value), name, span)),
                Tok::Fn => self.function(),
                Tok::Policy => self.policy(),
                _ => {
                    self.misplaced();
                    continue;
                }
            };
            match parsed {
                Ok((kind, name, name_span)) => {
                    let span = Span::new(start, self.last_end);
                    self.ast.items.push(Item { kind, name, name_span, span });
                }
                // What is wrong before a body is no reason not to look at the body.
                Err(_) => {
                    self.declaration_failed();
                    match self.recover_to_block(0).and_then(|_| self.block()) {
                        Ok(_) => {}
                        Err(_) => self.recover(0),
                    }
                }
            }
            self.item_had_errors = self.lexer.sink.errors() > errors;
        }
        let has_policy = self.ast.items.iter().any(|item| matches!(item.kind, ItemKind::Policy { .. }));
        if !has_policy && self.lexer.sink.errors() == 0 {
            let (span, message) = match self.ast.items.last() {
                Some(item) => {
                    (item.name_span, "there is no policy in this file, only constants and functions")
                }
                None => (Span::default(), "there is no policy in this file"),
            };
            self.report(error(codes::E0015, span, message));
        }
    }

    fn function(&mut self) -> Parsed<(ItemKind, Symbol, Span)> {
        self.declaring = Declaring::Head(self.bump().span.end);
        let (name, span) = self.name("a function")?;
        self.declaring = Declaring::Named(name);
        self.expect(Tok::LParen)?;
        let params = self.params()?;
        if !self.eat(Tok::Arrow) {
            return self.no_result();
        }
        let result = self.ty()?;
        self.declaring = Declaring::Nothing;
        let body = self.block()?;
        Ok((ItemKind::Fn { params, result, body }, name, span))
    }

    fn policy(&mut self) -> Parsed<(ItemKind, Symbol, Span)> {
        self.bump();
        let (name, span) = if self.at(Tok::Str) { self.quoted_name() } else { self.name("a policy")? };
        let params = if self.eat(Tok::LParen) { Some(self.params()?) } else { None };
        let body = self.block()?;
        Ok((ItemKind::Policy { params, body }, name, span))
    }

    /// `"name"`: a name like any other once it is decoded.
    fn quoted_name(&mut self) -> (Symbol, Span) {
        let span = self.bump().span;
        let raw = self.lexer.slice(Span::new(span.start + 1, span.end - 1));
        let (names, symbols) = (&mut self.names, &mut self.ast.symbols);
        let sink = &mut self.lexer.sink;
        let name = super::literals::decode(raw, span.start + 1, sink, |text| names.intern(text, symbols));
        (name, span)
    }

    fn bare_expression(&mut self) {
        let Ok(value) = self.expression() else { return };
        if !self.at(Tok::Eof) {
            return self.after_expression();
        }
        let span = self.ast.expr(value.id()).span;
        let name = self.names.intern("main", &mut self.ast.symbols);
        self.ast.items.push(Item { kind: ItemKind::Expression(value.id()), name, name_span: span, span });
    }

    /// Something behind the expression that is the whole file.
    #[cold]
    fn after_expression(&mut self) {
        let span = self.tok.span;
        match self.tok.kind {
            Tok::Error => {}
            Tok::Semi => {
                let message = "a bare expression ends without `;`";
                self.report(error(codes::E0022, span, message).with_suggestion(span, "", "leave it out"));
            }
            Tok::Colon => {
                let _ = self.unexpected::<()>("the end of the file after a bare expression");
            }
            kind if kind.starts_only_statement() || matches!(kind, Tok::Policy | Tok::Fn) => {
                let message = format!(
                    "a file with a bare expression holds nothing else, found {}; put the expression into a policy",
                    self.found()
                );
                self.report(error(codes::E0022, span, message));
            }
            _ => {
                let message = format!("expected an operator or the end of the file, found {}", self.found());
                self.report(error(codes::E0022, span, message));
            }
        }
    }

    /// What is no item where one has to be.
    #[cold]
    fn misplaced(&mut self) {
        let span = self.tok.span;
        // After a broken item this is most likely the rest of it.
        if !self.item_had_errors && !self.at(Tok::Error) {
            let kind = self.tok.kind;
            let error = match kind {
                Tok::RBrace => error(codes::E0017, span, "this `}` closes nothing"),
                Tok::Semi => error(codes::E0023, span, "no `;` stands after a block").with_suggestion(
                    span,
                    "",
                    "leave it out",
                ),
                Tok::Let => {
                    error(codes::E0023, span, "`let` stands inside a policy or a function; here, use `const`")
                        .with_suggestion(span, "const", "write `const`")
                }
                _ if kind.starts_only_statement() => {
                    let message = format!("{} stands inside a policy or a function", kind.name());
                    error(codes::E0023, span, message)
                }
                _ => {
                    let message = format!("expected `policy`, `fn` or `const`, found {}", self.found());
                    error(codes::E0001, span, message)
                }
            };
            self.report(error);
            self.item_had_errors = true;
        }
        let lone = matches!(self.tok.kind, Tok::Semi | Tok::RBrace);
        self.bump();
        if !lone {
            self.recover(0);
        }
    }
}
