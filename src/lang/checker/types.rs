//! Types that may not be known yet, and unification.

use eclvm_kernel::limits::MAX_TYPE_DEPTH;
use eclvm_kernel::types::{Base, Ty};

/// What stands under the layers of a type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Root {
    Known(Base),
    /// To be found out: an index of [`Unifier::bound`].
    Var(u32),
    /// Something is wrong with it and has been said; it goes with everything.
    Error,
}

/// A type with layers as in [`Ty`], over a root that may be unknown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct It {
    root: Root,
    depth: u8,
    optional: u64,
}

impl From<Ty> for It {
    fn from(ty: Ty) -> It {
        It { root: Root::Known(ty.base()), depth: ty.depth(), optional: ty.optional_bits() }
    }
}

impl It {
    pub(super) const ERROR: It = It { root: Root::Error, depth: 0, optional: 0 };
    pub(super) fn is_error(self) -> bool {
        self.root == Root::Error
    }
    pub(super) fn is_optional(self) -> bool {
        self.optional >> self.depth & 1 == 1
    }
    pub(super) fn is_array(self) -> bool {
        self.depth > 0
    }
    /// Whether nothing at all is known of it.
    pub(super) fn is_unknown(self) -> bool {
        matches!(self.root, Root::Var(_)) && self.depth == 0 && self.optional == 0
    }
    pub(super) fn opt(self) -> It {
        It { optional: self.optional | 1 << self.depth, ..self }
    }
    pub(super) fn required(self) -> It {
        It { optional: self.optional & !(1 << self.depth), ..self }
    }
    /// `[self]`; too deep is an error type.
    pub(super) fn array(self) -> It {
        if self.depth >= MAX_TYPE_DEPTH { It::ERROR } else { It { depth: self.depth + 1, ..self } }
    }
    pub(super) fn elem(self) -> Option<It> {
        let depth = self.depth.checked_sub(1)?;
        Some(It { depth, optional: self.optional & !(1 << self.depth), ..self })
    }
    /// Whether it is the type of what has no value.
    #[inline]
    pub(super) fn is_unit(self) -> bool {
        self.root == Root::Known(Base::Unit)
    }
    /// The type, where all of it is known.
    #[inline]
    pub(super) fn known(self) -> Option<Ty> {
        match self.root {
            Root::Known(base) if self.depth == 0 && self.optional == 0 => Some(Ty::of(base)),
            Root::Known(base) => Ty::from_parts(base as u8, self.depth, self.optional),
            _ => None,
        }
    }
}

/// What unknown types have turned out to be.
#[derive(Default)]
pub(super) struct Unifier {
    bound: Vec<Option<It>>,
}

impl Unifier {
    pub(super) fn fresh(&mut self) -> It {
        self.bound.push(None);
        It { root: Root::Var(self.bound.len() as u32 - 1), depth: 0, optional: 0 }
    }
    /// The type with what is known of it filled in.
    #[inline]
    pub(super) fn resolve(&mut self, it: It) -> It {
        if let Root::Var(_) = it.root { self.follow(it) } else { it }
    }
    /// Shortens the chains that it follows, which may be as long as the source: a list, not a recursion.
    fn follow(&mut self, it: It) -> It {
        let mut way: Vec<(u32, It)> = Vec::new();
        let mut end = it;
        while let Root::Var(var) = end.root
            && let Some(next) = self.bound.get(var as usize).copied().flatten()
        {
            way.push((var, end));
            end = next;
        }
        // What is known at the end is known all the way back.
        let mut known = end;
        for (var, outer) in way.into_iter().rev() {
            if let Some(slot) = self.bound.get_mut(var as usize) {
                *slot = Some(known);
            }
            known = stack(known, outer);
        }
        known
    }
    /// Makes two types equal, or says that they cannot be.
    pub(super) fn unify(&mut self, a: It, b: It) -> bool {
        if a == b {
            return true;
        }
        let (mut a, mut b) = (self.resolve(a), self.resolve(b));
        loop {
            if a == b || a.is_error() || b.is_error() {
                return true;
            }
            if a.is_unknown() {
                return self.bind(a, b);
            }
            if b.is_unknown() {
                return self.bind(b, a);
            }
            if a.is_optional() != b.is_optional() {
                return false;
            }
            if a.is_optional() {
                (a, b) = (a.required(), b.required());
                continue;
            }
            match (a.elem(), b.elem()) {
                (Some(x), Some(y)) => (a, b) = (x, y),
                _ => return false,
            }
        }
    }
    /// The layers of `it`, which is resolved, over another root.
    pub(super) fn with_root(&self, it: It, root: It) -> It {
        It { root: root.root, ..it }
    }
    /// Something is wrong with a type: whatever hangs on it goes with everything from now on.
    pub(super) fn poison(&mut self, it: It) {
        if let Root::Var(v) = self.resolve(it).root
            && let Some(slot) = self.bound.get_mut(v as usize)
        {
            *slot = Some(It::ERROR);
        }
    }
    fn bind(&mut self, var: It, to: It) -> bool {
        let Root::Var(v) = var.root else { return false };
        // A type cannot be an array of itself.
        if to.root == var.root {
            return false;
        }
        if let Some(slot) = self.bound.get_mut(v as usize) {
            *slot = Some(to);
        }
        true
    }
}

/// The layers of `outer` put on `inner`.
fn stack(inner: It, outer: It) -> It {
    let depth = inner.depth.saturating_add(outer.depth);
    if depth > MAX_TYPE_DEPTH {
        return It::ERROR;
    }
    It { root: inner.root, depth, optional: inner.optional | outer.optional << inner.depth }
}
