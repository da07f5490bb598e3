//! From text to a program: lexer, parser, checker, lowering. Each stage is a function from the last one's result; none
//! keeps state (but `room` keeps empty tables), panics, or recurses deeper than the source nests.

pub mod ast;
pub mod builtins;
pub mod checked;
pub mod checker;
pub mod codes;
pub mod diagnostic;
mod lexer;
pub(crate) mod lower;
pub mod parser;
#[cfg(feature = "cli")]
pub mod render;
pub(crate) mod room;
mod sink;
mod token;
