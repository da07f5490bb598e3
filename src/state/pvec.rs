//! A persistent array: clones share everything, and a change copies one path.
//!
//! Leaves of 32 elements under 32-way branches. A table column of a million rows has three levels of branches; setting a
//! row of a shared column copies at most those three and one leaf. Rows are dense, so a batch can gather them by number.

use std::sync::Arc;

const BITS: u32 = 5;
const WAYS: usize = 1 << BITS;

#[derive(Clone, Debug)]
pub(crate) struct PVec<T> {
    root: Node<T>,
    len: usize,
    /// Bits of an index below the root's own.
    shift: u32,
}

#[derive(Debug)]
enum Node<T> {
    Branch(Arc<[Node<T>]>),
    Leaf(Arc<[T]>),
}

impl<T> Clone for Node<T> {
    fn clone(&self) -> Self {
        match self {
            Node::Branch(ways) => Node::Branch(ways.clone()),
            Node::Leaf(rows) => Node::Leaf(rows.clone()),
        }
    }
}

impl<T> Default for PVec<T> {
    fn default() -> Self {
        PVec { root: Node::Leaf(Arc::from([])), len: 0, shift: 0 }
    }
}

impl<T: Clone> PVec<T> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }
    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        // Without this an index beyond the end would wrap into the first rows.
        if index >= self.len {
            return None;
        }
        let mut node = &self.root;
        let mut shift = self.shift;
        loop {
            match node {
                Node::Branch(ways) => {
                    node = ways.get((index >> shift) & (WAYS - 1))?;
                    shift -= BITS;
                }
                Node::Leaf(rows) => return rows.get(index & (WAYS - 1)),
            }
        }
    }
    /// The row, to be changed. The path to it is copied where it is shared.
    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        if index >= self.len {
            return None;
        }
        let mut node = &mut self.root;
        let mut shift = self.shift;
        loop {
            match node {
                Node::Branch(ways) => {
                    node = Arc::make_mut(ways).get_mut((index >> shift) & (WAYS - 1))?;
                    shift -= BITS;
                }
                Node::Leaf(rows) => return Arc::make_mut(rows).get_mut(index & (WAYS - 1)),
            }
        }
    }
    pub(crate) fn push(&mut self, row: T) {
        if self.len == WAYS << self.shift {
            self.root = Node::Branch(Arc::from([self.root.clone()]));
            self.shift += BITS;
        }
        push(&mut self.root, self.shift, self.len, row);
        self.len += 1;
    }
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        let mut open = vec![&self.root];
        let mut leaf: std::slice::Iter<'_, T> = [].iter();
        std::iter::from_fn(move || {
            loop {
                if let Some(row) = leaf.next() {
                    return Some(row);
                }
                match open.pop()? {
                    Node::Branch(ways) => open.extend(ways.iter().rev()),
                    Node::Leaf(rows) => leaf = rows.iter(),
                }
            }
        })
    }
}

impl<T: Clone> FromIterator<T> for PVec<T> {
    fn from_iter<I: IntoIterator<Item = T>>(rows: I) -> Self {
        let mut rows = rows.into_iter().peekable();
        let (mut len, mut shift) = (0, 0);
        let mut level: Vec<Node<T>> = Vec::new();
        while rows.peek().is_some() {
            let leaf: Vec<T> = rows.by_ref().take(WAYS).collect();
            len += leaf.len();
            level.push(Node::Leaf(leaf.into()));
        }
        while level.len() > 1 {
            level = level.chunks(WAYS).map(|ways| Node::Branch(ways.to_vec().into())).collect();
            shift += BITS;
        }
        level.pop().map_or_else(PVec::default, |root| PVec { root, len, shift })
    }
}

/// Puts a row at the first free place, which there is.
fn push<T: Clone>(node: &mut Node<T>, shift: u32, index: usize, row: T) {
    match node {
        Node::Leaf(rows) => *node = Node::Leaf(rows.iter().cloned().chain([row]).collect()),
        Node::Branch(ways) => {
            let at = (index >> shift) & (WAYS - 1);
            if at == ways.len() {
                let below = shift - BITS;
                let mut fresh =
                    if below == 0 { Node::Leaf(Arc::from([])) } else { Node::Branch(Arc::from([])) };
                push(&mut fresh, below, index, row);
                *node = Node::Branch(ways.iter().cloned().chain([fresh]).collect());
            } else if let Some(next) = Arc::make_mut(ways).get_mut(at) {
                push(next, shift - BITS, index, row);
            }
        }
    }
}
