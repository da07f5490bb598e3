//! Lists between brackets: elements, arguments, parameters. All may end in a comma.

use super::{Height, Parsed, Parser, close_list};
use crate::lang::ast::{Param, Range};
use crate::lang::token::Tok;
use eclvm_kernel::span::Span;

impl Parser<'_, '_> {
    /// Expressions up to `close`, from behind the opening bracket on; and the height of the highest.
    pub(super) fn list(&mut self, close: Tok) -> Parsed<(Range, Height)> {
        let open = Span::new(self.last_end - 1, self.last_end);
        self.nest()?;
        let base = self.open_exprs.len();
        let mut height = Height::LEAF;
        while !self.at(close) {
            let item = self.expression()?;
            height = item.height().max(height);
            self.open_exprs.push(item.id());
            if !self.eat(Tok::Comma) {
                break;
            }
        }
        self.close(close, open)?;
        self.depth -= 1;
        Ok((close_list(&mut self.open_exprs, base, &mut self.ast.expr_lists), height))
    }

    /// `name: type, ..` up to the parenthesis, from behind the opening one on.
    pub(super) fn params(&mut self) -> Parsed<Range> {
        let open = Span::new(self.last_end - 1, self.last_end);
        let start = self.ast.params.len() as u32;
        self.nest()?;
        while !self.at(Tok::RParen) {
            let (name, span) = self.name("a parameter")?;
            if !self.eat(Tok::Colon) {
                return self.no_type_after(span);
            }
            let ty = self.ty()?;
            self.ast.params.push(Param { name, span, ty });
            if !self.eat(Tok::Comma) {
                break;
            }
        }
        self.close(Tok::RParen, open)?;
        self.depth -= 1;
        Ok(Range { start, len: self.ast.params.len() as u32 - start })
    }
}
