//! Blocks and statements.

use super::{Declaring, Height, Operand, Parsed, Parser, close_list};
use crate::lang::ast::{Arm, Block, ExprId, ExprKind, Stmt, StmtId, StmtKind, Symbol};
use crate::lang::codes;
use crate::lang::sink::error;
use crate::lang::token::Tok;
use eclvm_kernel::span::Span;

impl Parser<'_, '_> {
    /// `{ .. }`. A block that is opened always comes out, with the statements that could be parsed.
    pub(super) fn block(&mut self) -> Parsed<Block> {
        if !self.at(Tok::LBrace) {
            self.no_block()?;
        }
        let open = self.tok.span;
        self.nest()?;
        self.bump();
        let (depth, base, errors) = (self.depth, self.open_stmts.len(), self.lexer.sink.errors());
        while !matches!(self.tok.kind, Tok::RBrace | Tok::Eof | Tok::Policy | Tok::Fn) {
            let (stmts, arms) = (self.open_stmts.len(), self.open_arms.len());
            match self.statement() {
                Ok(id) => self.open_stmts.push(id),
                Err(_) => {
                    self.declaration_failed();
                    self.open_stmts.truncate(stmts);
                    self.open_arms.truncate(arms);
                    self.recover(depth);
                }
            }
        }
        if !self.eat(Tok::RBrace) {
            self.block_not_closed(open, errors);
        }
        self.depth = depth - 1;
        let stmts = close_list(&mut self.open_stmts, base, &mut self.ast.stmt_lists);
        Ok(Block { stmts, span: Span::new(open.start, self.last_end) })
    }

    /// Something else where a `{` has to be; if there is one further on, it is taken.
    #[cold]
    fn no_block(&mut self) -> Parsed<()> {
        let depth = self.depth;
        let _ = self.unexpected::<()>("`{`");
        self.recover_to_block(depth).map(|_| ())
    }

    fn statement(&mut self) -> Parsed<StmtId> {
        let start = self.tok.span.start;
        let kind = match self.tok.kind {
            Tok::Ident => self.name_first()?,
            Tok::Require => self.require()?,
            Tok::Let => self.let_()?,
            Tok::If => self.if_()?,
            Tok::Return => self.return_()?,
            Tok::For => self.for_()?,
            Tok::While => self.while_()?,
            Tok::Emit => self.emit()?,
            Tok::Const => {
                let (name, name_span, value) = self.const_()?;
                StmtKind::Const { name, name_span, value }
            }
            Tok::Break => self.bare(StmtKind::Break)?,
            Tok::Continue => self.bare(StmtKind::Continue)?,
            Tok::Else => {
                return self.fail(error(codes::E0023, self.tok.span, "this `else` belongs to no `if`"));
            }
            Tok::Semi => {
                let span = self.tok.span;
                let error = error(codes::E0023, span, "this `;` ends no statement");
                return self.fail(error.with_suggestion(span, "", "leave it out"));
            }
            _ => self.expression_statement()?,
        };
        let id = StmtId(self.ast.stmts.len() as u32);
        self.ast.stmts.push(Stmt { kind, span: Span::new(start, self.last_end) });
        Ok(id)
    }

    /// `break;`, `continue;`
    fn bare(&mut self, kind: StmtKind) -> Parsed<StmtKind> {
        self.bump();
        self.semicolon()?;
        Ok(kind)
    }

    /// `name = value;`, or an expression that starts with a name.
    fn name_first(&mut self) -> Parsed<StmtKind> {
        let name_span = self.bump().span;
        if self.at(Tok::Assign) {
            let name = self.intern(name_span);
            self.bump();
            let value = self.expression()?.id();
            self.semicolon()?;
            return Ok(StmtKind::Assign { name, name_span, value });
        }
        if self.at(Tok::Colon) {
            // No statement begins like this: it was to be a declaration.
            self.declaring = Declaring::Head(name_span.start);
        }
        let first = if self.tok.kind.starts_only_operand() {
            self.two_words(name_span)?
        } else {
            let name = self.intern(name_span);
            Operand::new(self.node(ExprKind::Name(name), name_span), name_span, Height::LEAF)
        };
        self.ahead = Some(first);
        self.statement_start = name_span.start;
        let value = self.expression()?.id();
        self.semicolon()?;
        Ok(StmtKind::Expr(value))
    }

    fn expression_statement(&mut self) -> Parsed<StmtKind> {
        self.statement_start = self.tok.span.start;
        let value = self.expression()?.id();
        self.semicolon()?;
        Ok(StmtKind::Expr(value))
    }

    /// `const name = value;`, here and at the top of a file.
    pub(super) fn const_(&mut self) -> Parsed<(Symbol, Span, ExprId)> {
        self.declaring = Declaring::Head(self.bump().span.end);
        let (name, name_span) = self.name("a constant")?;
        if self.at(Tok::Colon) {
            let message = "a constant is written without a type: it has its value's";
            return self.fail(error(codes::E0001, self.tok.span, message));
        }
        self.expect(Tok::Assign)?;
        self.declaring = Declaring::Named(name);
        let value = self.expression()?.id();
        self.semicolon()?;
        self.declaring = Declaring::Nothing;
        Ok((name, name_span, value))
    }

    fn let_(&mut self) -> Parsed<StmtKind> {
        self.declaring = Declaring::Head(self.bump().span.end);
        let (name, name_span) = self.name("a binding")?;
        let ty = if self.eat(Tok::Colon) { Some(self.ty()?) } else { None };
        self.expect(Tok::Assign)?;
        self.declaring = Declaring::Named(name);
        let value = self.expression()?.id();
        self.semicolon()?;
        self.declaring = Declaring::Nothing;
        Ok(StmtKind::Let { name, name_span, ty, value })
    }

    fn require(&mut self) -> Parsed<StmtKind> {
        self.bump();
        let cond = self.expression()?.id();
        if self.at(Tok::Str) {
            let at = Span::new(self.last_end, self.last_end);
            let error = error(codes::E0001, self.tok.span, "a `,` is missing before the message");
            self.report(error.with_suggestion(at, ",", "add `,`"));
        }
        let comma = self.at(Tok::Str) || self.eat(Tok::Comma);
        let message = if comma { Some(self.string("the message")?) } else { None };
        self.semicolon()?;
        Ok(StmtKind::Require { cond, message })
    }

    fn emit(&mut self) -> Parsed<StmtKind> {
        self.bump();
        let name = self.string("the name of the event")?;
        let payload = if self.eat(Tok::Comma) { Some(self.expression()?.id()) } else { None };
        self.semicolon()?;
        Ok(StmtKind::Emit { name, payload })
    }

    fn return_(&mut self) -> Parsed<StmtKind> {
        self.bump();
        let ends = matches!(self.tok.kind, Tok::Semi | Tok::RBrace);
        let value = if ends { None } else { Some(self.expression()?.id()) };
        self.semicolon()?;
        Ok(StmtKind::Return(value))
    }

    /// An expression before a block. One that does not parse is an `Error` node, and the block is parsed all the same.
    fn head(&mut self) -> Parsed<Operand> {
        let depth = self.depth;
        match self.expression() {
            Ok(operand) => Ok(operand),
            Err(_) => {
                let id = self.recover_to_block(depth)?;
                Ok(Operand::new(id, self.tok.span, Height::LEAF))
            }
        }
    }

    /// `if .. {..} else if .. {..} else {..}`, the arms in a loop.
    fn if_(&mut self) -> Parsed<StmtKind> {
        let base = self.open_arms.len();
        let otherwise = loop {
            self.bump();
            let cond = self.head()?.id();
            let body = self.block()?;
            self.open_arms.push(Arm { cond, body });
            if self.foreign_else_if() {
                continue;
            }
            if !self.eat(Tok::Else) {
                break None;
            }
            if !self.at(Tok::If) {
                break Some(self.block()?);
            }
        };
        let arms = close_list(&mut self.open_arms, base, &mut self.ast.arms);
        Ok(StmtKind::If { arms, otherwise })
    }

    fn while_(&mut self) -> Parsed<StmtKind> {
        self.bump();
        let cond = self.head()?.id();
        let body = self.block()?;
        Ok(StmtKind::While { cond, body })
    }

    fn for_(&mut self) -> Parsed<StmtKind> {
        self.bump();
        let (var, var_span) = self.name("a loop variable")?;
        self.declaring = Declaring::Named(var);
        self.expect(Tok::In)?;
        let first = self.head()?;
        if !self.eat(Tok::DotDot) {
            self.declaring = Declaring::Nothing;
            let body = self.block()?;
            return Ok(StmtKind::ForEach { var, var_span, over: first.id(), body });
        }
        let last = self.head()?;
        let range_span = first.outer().to(last.outer());
        self.declaring = Declaring::Nothing;
        let body = self.block()?;
        Ok(StmtKind::ForRange { var, var_span, lo: first.id(), hi: last.id(), range_span, body })
    }
}
