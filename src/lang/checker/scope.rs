//! What names mean where, and which of them a null test has ruled null out for.
//!
//! Both are tables by symbol or binding with an undo log: opening a scope notes the log's length, closing it rolls back.
//! Every operation takes constant time, whatever the file.

use crate::lang::ast::Symbol;
use crate::lang::checked::LocalId;
use eclvm_kernel::span::Span;
use smallvec::SmallVec;

/// What a name in scope stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Binding {
    Local(LocalId),
    /// An index of the constants of blocks.
    Const(u32),
    /// A constant that did not fold; its error has been reported.
    BadConst,
}

/// Something that a null test can speak of.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord, Hash)]
pub(super) enum Key {
    Local(u32),
    Input(u32),
}

#[derive(Default)]
pub(super) struct Scopes {
    current: SmallVec<[Option<Binding>; 32]>,
    undo: SmallVec<[(Symbol, Option<Binding>); 8]>,
    narrowed_locals: Vec<bool>,
    narrowed_inputs: Vec<bool>,
    changes: Vec<(Key, bool)>,
}

/// How far the logs were when a scope was opened.
#[derive(Clone, Copy)]
pub(super) struct Mark(usize);

impl Scopes {
    #[inline(always)]
    pub(super) fn new(symbols: usize) -> Scopes {
        let mut scopes = Scopes::default();
        scopes.current.resize(symbols, None);
        scopes
    }
    /// A new body: nothing is narrowed, nothing is bound.
    pub(super) fn begin_body(&mut self) {
        self.close(Mark(0));
        self.narrowed_locals.clear();
        self.narrowed_inputs.clear();
        self.changes.clear();
    }
    pub(super) fn open(&self) -> Mark {
        Mark(self.undo.len())
    }
    pub(super) fn close(&mut self, mark: Mark) {
        while self.undo.len() > mark.0 {
            let Some((symbol, before)) = self.undo.pop() else { break };
            if let Some(slot) = self.current.get_mut(symbol.0 as usize) {
                *slot = before;
            }
        }
    }
    pub(super) fn bind(&mut self, symbol: Symbol, binding: Binding) {
        if let Some(slot) = self.current.get_mut(symbol.0 as usize) {
            self.undo.push((symbol, *slot));
            *slot = Some(binding);
        }
    }
    pub(super) fn get(&self, symbol: Symbol) -> Option<Binding> {
        self.current.get(symbol.0 as usize).copied().flatten()
    }
    /// Names in scope, innermost first, for suggestions.
    pub(super) fn visible(&self) -> impl Iterator<Item = Symbol> + '_ {
        self.undo.iter().rev().map(|(symbol, _)| *symbol)
    }

    fn flag(&mut self, key: Key) -> Option<&mut bool> {
        let (table, at) = match key {
            Key::Local(at) => (&mut self.narrowed_locals, at as usize),
            Key::Input(at) => (&mut self.narrowed_inputs, at as usize),
        };
        if table.len() <= at {
            table.resize(at + 1, false);
        }
        table.get_mut(at)
    }
    pub(super) fn is_narrowed(&self, key: Key) -> bool {
        match key {
            Key::Local(at) => self.narrowed_locals.get(at as usize).copied().unwrap_or(false),
            Key::Input(at) => self.narrowed_inputs.get(at as usize).copied().unwrap_or(false),
        }
    }
    pub(super) fn narrow(&mut self, key: Key, to: bool) {
        if self.is_narrowed(key) != to {
            if let Some(flag) = self.flag(key) {
                *flag = to;
            }
            self.changes.push((key, !to));
        }
    }
    pub(super) fn facts(&self) -> Mark {
        Mark(self.changes.len())
    }
    /// Forgets what has been learnt since the mark.
    pub(super) fn forget(&mut self, mark: Mark) {
        while self.changes.len() > mark.0 {
            let Some((key, before)) = self.changes.pop() else { break };
            if let Some(flag) = self.flag(key) {
                *flag = before;
            }
        }
    }
    /// The names that were narrowed, or no longer are, from one mark to another.
    pub(super) fn between(&self, from: Mark, to: Mark) -> impl Iterator<Item = Key> + '_ {
        self.changes.get(from.0..to.0).unwrap_or(&[]).iter().map(|(key, _)| *key)
    }
    /// What differs from the time of the mark: keys with their state now, sorted.
    pub(super) fn since(&self, mark: Mark) -> Vec<(Key, bool)> {
        let mut changed: Vec<Key> =
            self.changes.get(mark.0..).unwrap_or(&[]).iter().map(|(key, _)| *key).collect();
        changed.sort_unstable();
        changed.dedup();
        // A flag has two states: an even number of changes is none.
        let log = self.changes.get(mark.0..).unwrap_or(&[]);
        let mut counts: Vec<(Key, bool)> = log.iter().map(|(key, _)| (*key, true)).collect();
        counts.sort_unstable_by_key(|(key, _)| *key);
        let mut out = Vec::with_capacity(changed.len());
        let mut rest = counts.as_slice();
        for key in changed {
            let n = rest.iter().take_while(|(k, _)| *k == key).count();
            rest = rest.get(n..).unwrap_or(&[]);
            if n % 2 == 1 {
                out.push((key, self.is_narrowed(key)));
            }
        }
        out
    }
}

/// A `let`, a loop variable or a constant of a block, for the warning that nobody uses it.
#[derive(Clone, Copy)]
pub(super) struct Declared {
    pub(super) what: Binding,
    pub(super) name: Symbol,
    pub(super) span: Span,
}
