//! Types as they are written: `number`, `[did]`, `string?`.

use super::{Parsed, Parser};
use crate::lang::codes;
use crate::lang::lexer::literals::excerpt;
use crate::lang::sink;
use crate::lang::token::Tok;
use eclvm_kernel::types::Ty;

impl Parser<'_, '_> {
    /// A type that has to be there.
    pub(super) fn ty(&mut self) -> Parsed<Ty> {
        let start = self.tok.span;
        let plain = if self.at(Tok::LBracket) {
            self.nest()?;
            self.bump();
            let elem = self.ty()?;
            self.close(Tok::RBracket, start)?;
            self.depth -= 1;
            match elem.array() {
                Some(array) => array,
                None => return self.too_deep(start),
            }
        } else {
            self.base_type()?
        };
        if self.at(Tok::Coalesce) {
            let span = self.bump().span;
            let error =
                sink::error(codes::E0020, span, "one `?` makes a type optional; there is no more optional");
            self.lexer.sink.push(error.with_suggestion(span, "?", "write `?`"));
            return Ok(plain.opt());
        }
        Ok(if self.eat(Tok::Question) { plain.opt() } else { plain })
    }

    fn base_type(&mut self) -> Parsed<Ty> {
        if !self.at(Tok::Ident) {
            return self.unexpected("a type");
        }
        let span = self.bump().span;
        let name = self.lexer.slice(span);
        Ok(match name {
            "number" => Ty::NUMBER,
            "bool" => Ty::BOOL,
            "string" => Ty::TEXT,
            "did" => Ty::DID,
            "trust" => Ty::TRUST,
            _ => {
                let message = format!(
                    "`{}` is not a type; types are number, bool, string, did, trust, [T] and T?",
                    excerpt(name)
                );
                let mut error = sink::error(codes::E0020, span, message);
                let near = near_type(name);
                if let Some(near) = near {
                    error = error.with_suggestion(span, near.to_string(), format!("did you mean `{near}`?"));
                }
                self.lexer.sink.push(error);
                // The error stands; any type lets the rest be parsed.
                near.unwrap_or(Ty::NUMBER)
            }
        })
    }
}

/// What other languages call a type, or a slip of the keyboard in its name.
fn near_type(name: &str) -> Option<Ty> {
    let lower = name.get(..name.len().min(16))?.to_ascii_lowercase();
    Some(match lower.as_str() {
        "int" | "integer" | "float" | "double" | "f64" | "i64" | "u64" | "i32" | "u32" | "num"
        | "numbers" | "number" | "decimal" | "nummber" | "nubmer" | "numer" | "timestamp" => Ty::NUMBER,
        "boolean" | "bool" | "bol" | "boool" => Ty::BOOL,
        "str" | "text" | "string" | "char" | "sting" | "strng" | "stirng" => Ty::TEXT,
        "address" | "did" | "identity" | "principal" => Ty::DID,
        "trust" | "trustvector" | "trust_vector" | "vector" | "tust" => Ty::TRUST,
        _ => return None,
    })
}
