//! Types that may not be known yet, and unification.

use eclvm_kernel::limits::MAX_TYPE_DEPTH;
use eclvm_kernel::types::{Base, Ty};
use smallvec::SmallVec;

/// What stands under the layers of a type: a base, unknown [`VARS`] and above, or [`ERROR`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Root(u32);

/// Something is wrong with it and has been said; it goes with everything.
const ERROR: Root = Root(VARS - 1);
/// To be found out: so far from here is its index of [`Unifier::bound`].
const VARS: u32 = 16;

impl Root {
    #[inline]
    const fn of(base: Base) -> Root {
        Root(base as u32)
    }
    /// The number of what is to be found out.
    #[inline]
    fn var(self) -> Option<u32> {
        self.0.checked_sub(VARS)
    }
}

/// A type with layers as in [`Ty`], over a root that may be unknown. Two fields, and not three, because two travel in
/// registers: types go in and out of every expression.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct It {
    /// The root, and the depth above it.
    head: u64,
    optional: u64,
}

/// One layer, in `head`.
const LAYER: u64 = 1 << 32;

impl From<Ty> for It {
    #[inline]
    fn from(ty: Ty) -> It {
        It::new(Root::of(ty.base()), ty.depth(), ty.optional_bits())
    }
}

impl It {
    pub(super) const ERROR: It = It::new(ERROR, 0, 0);

    #[inline]
    const fn new(root: Root, depth: u8, optional: u64) -> It {
        It { head: root.0 as u64 | (depth as u64 * LAYER), optional }
    }
    #[inline]
    fn root(self) -> Root {
        Root(self.head as u32)
    }
    #[inline]
    fn depth(self) -> u8 {
        (self.head / LAYER) as u8
    }
    #[inline]
    pub(super) fn is_error(self) -> bool {
        self.root() == ERROR
    }
    #[inline]
    pub(super) fn is_optional(self) -> bool {
        self.optional >> self.depth() & 1 == 1
    }
    pub(super) fn is_array(self) -> bool {
        self.depth() > 0
    }
    /// Whether nothing at all is known of it.
    pub(super) fn is_unknown(self) -> bool {
        self.root().var().is_some() && self.depth() == 0 && self.optional == 0
    }
    pub(super) fn opt(self) -> It {
        It { optional: self.optional | 1 << self.depth(), ..self }
    }
    pub(super) fn required(self) -> It {
        It { optional: self.optional & !(1 << self.depth()), ..self }
    }
    /// `[self]`; too deep is an error type.
    pub(super) fn array(self) -> It {
        if self.depth() >= MAX_TYPE_DEPTH { It::ERROR } else { It { head: self.head + LAYER, ..self } }
    }
    pub(super) fn elem(self) -> Option<It> {
        let head = self.head.checked_sub(LAYER)?;
        Some(It { head, optional: self.optional & !(1 << self.depth()) })
    }
    /// Whether it is the type of what has no value.
    #[inline]
    pub(super) fn is_unit(self) -> bool {
        self.root() == Root::of(Base::Unit)
    }
    /// The type, where all of it is known.
    #[inline]
    pub(super) fn known(self) -> Option<Ty> {
        if self.root().0 >= ERROR.0 {
            return None;
        }
        Ty::from_parts(self.root().0 as u8, self.depth(), self.optional)
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
        It::new(Root(VARS + self.bound.len() as u32 - 1), 0, 0)
    }
    /// The type with what is known of it filled in.
    #[inline]
    pub(super) fn resolve(&mut self, it: It) -> It {
        if it.root().0 >= VARS { self.follow(it) } else { it }
    }
    /// Shortens the chains that it follows, which may be as long as the source: a list, not a recursion.
    fn follow(&mut self, it: It) -> It {
        let mut way: SmallVec<[(u32, It); 4]> = SmallVec::new();
        let mut end = it;
        while let Some(var) = end.root().var()
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
    #[inline]
    pub(super) fn unify(&mut self, a: It, b: It) -> bool {
        a == b || self.make_equal(a, b)
    }
    fn make_equal(&mut self, a: It, b: It) -> bool {
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
        It::new(root.root(), it.depth(), it.optional)
    }
    /// Something is wrong with a type: whatever hangs on it goes with everything from now on.
    pub(super) fn poison(&mut self, it: It) {
        if let Some(v) = self.resolve(it).root().var()
            && let Some(slot) = self.bound.get_mut(v as usize)
        {
            *slot = Some(It::ERROR);
        }
    }
    fn bind(&mut self, var: It, to: It) -> bool {
        let Some(v) = var.root().var() else { return false };
        // A type cannot be an array of itself.
        if to.root() == var.root() {
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
    let depth = inner.depth().saturating_add(outer.depth());
    if depth > MAX_TYPE_DEPTH {
        return It::ERROR;
    }
    It::new(inner.root(), depth, inner.optional | outer.optional << inner.depth())
}
