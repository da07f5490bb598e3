//! What is known of each name of the file outside of any scope, by symbol.

use super::types::It;
use crate::lang::ast::{Ast, ExprId, Symbol};
use crate::lang::builtins::Builtin;
use crate::lang::checked::{BodyId, ConstId};
use eclvm_kernel::span::Span;

/// A named constant at the top of the file.
#[derive(Clone, Copy)]
pub(super) enum Global {
    /// Not looked at yet: its value, where its name stands, whether its own value is on the way.
    Unknown {
        value: ExprId,
        at: Span,
        open: bool,
    },
    Known(ConstId, It),
    Bad,
}

#[derive(Clone, Copy)]
struct Named {
    builtin: Option<Builtin>,
    function: Option<BodyId>,
    global: Option<Global>,
    /// An input of the policy that is being checked.
    input: Option<u16>,
    /// How many bindings hide it while a loop's body is looked through.
    hidden: i32,
    /// Whether the constant or the function of that name is mentioned anywhere.
    used: bool,
    /// Whether a declaration of that name did not parse, which has been said: nothing more is said of the name.
    broken: bool,
}

/// One table, since a file has many names of which most are one thing only.
pub(super) struct Names(Vec<Named>);

impl Names {
    pub(super) fn new(ast: &Ast) -> Names {
        let named = |name| Named {
            builtin: Builtin::from_name(name),
            function: None,
            global: None,
            input: None,
            hidden: 0,
            used: false,
            broken: false,
        };
        let mut names = Names(ast.symbols.iter().map(named).collect());
        for name in &ast.broken {
            if let Some(named) = names.at(*name) {
                named.broken = true;
            }
        }
        names
    }
    fn get(&self, name: Symbol) -> Option<&Named> {
        self.0.get(name.0 as usize)
    }
    fn at(&mut self, name: Symbol) -> Option<&mut Named> {
        self.0.get_mut(name.0 as usize)
    }
    pub(super) fn builtin(&self, name: Symbol) -> Option<Builtin> {
        self.get(name)?.builtin
    }
    pub(super) fn function(&self, name: Symbol) -> Option<BodyId> {
        self.get(name)?.function
    }
    pub(super) fn set_function(&mut self, name: Symbol, id: BodyId) {
        if let Some(named) = self.at(name) {
            named.function = Some(id);
        }
    }
    pub(super) fn global(&self, name: Symbol) -> Option<Global> {
        self.get(name)?.global
    }
    pub(super) fn set_global(&mut self, name: Symbol, global: Global) {
        if let Some(named) = self.at(name) {
            named.global = Some(global);
        }
    }
    pub(super) fn input(&self, name: Symbol) -> Option<u16> {
        self.get(name)?.input
    }
    pub(super) fn set_input(&mut self, name: Symbol, input: Option<u16>) {
        if let Some(named) = self.at(name) {
            named.input = input;
        }
    }
    pub(super) fn hide(&mut self, name: Symbol, by: i32) {
        if let Some(named) = self.at(name) {
            named.hidden += by;
        }
    }
    pub(super) fn is_hidden(&self, name: Symbol) -> bool {
        self.get(name).is_some_and(|named| named.hidden > 0)
    }
    pub(super) fn mark_used(&mut self, name: Symbol) {
        if let Some(named) = self.at(name) {
            named.used = true;
        }
    }
    pub(super) fn is_used(&self, name: Symbol) -> bool {
        self.get(name).is_none_or(|named| named.used)
    }
    pub(super) fn is_broken(&self, name: Symbol) -> bool {
        self.get(name).is_some_and(|named| named.broken)
    }
    /// The symbols of constants at the top.
    pub(super) fn globals(&self) -> impl Iterator<Item = Symbol> + '_ {
        (0u32..).zip(&self.0).filter(|(_, named)| named.global.is_some()).map(|(at, _)| Symbol(at))
    }
}
