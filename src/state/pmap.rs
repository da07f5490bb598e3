//! A persistent hash map: clones share everything, and a change copies one path.
//!
//! A tree of sixteen-way branches over four bits of the hash at a time; its leaves are short arrays of entries, in one
//! allocation with their count. A look-up of one in a million follows four branches, which stay in the cache, and then
//! touches a leaf. A change of a shared map copies the branches on the way and one leaf; what nobody else holds is changed
//! in place. Hashes are seeded for each map, so that nobody who chooses keys can choose collisions; keys whose 64 bits of
//! hash are equal share a leaf of any length. The order of iteration means nothing.

use foldhash::fast::RandomState;
use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

const BITS: u32 = 4;
const WAYS: usize = 1 << BITS;
/// Most entries of a leaf, and half as many again where a branch is folded back into one. Small under test, so that deep
/// trees are common.
const LEAF: usize = if cfg!(test) { 3 } else { 8 };

#[derive(Clone, Debug)]
pub(crate) struct PMap<K, V> {
    root: Node<K, V>,
    len: usize,
    hasher: RandomState,
}

#[derive(Debug)]
enum Node<K, V> {
    Branch(Arc<[Node<K, V>; WAYS]>),
    Leaf(Arc<[Entry<K, V>]>),
}

#[derive(Clone, Debug)]
struct Entry<K, V> {
    hash: u64,
    key: K,
    value: V,
}

impl<K, V> Clone for Node<K, V> {
    fn clone(&self) -> Self {
        match self {
            Node::Branch(ways) => Node::Branch(ways.clone()),
            Node::Leaf(entries) => Node::Leaf(entries.clone()),
        }
    }
}

impl<K, V> Default for PMap<K, V> {
    fn default() -> Self {
        PMap { root: Node::Leaf(Arc::from([])), len: 0, hasher: RandomState::default() }
    }
}

fn way(hash: u64, shift: u32) -> usize {
    (hash >> shift) as usize & (WAYS - 1)
}

impl<K: Hash + Eq + Clone, V: Clone> PMap<K, V> {
    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }
    /// The value under a key.
    #[inline]
    pub(crate) fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let hash = self.hasher.hash_one(key);
        let mut node = &self.root;
        let mut rest = hash;
        loop {
            match node {
                Node::Branch(ways) => {
                    node = ways.get(rest as usize & (WAYS - 1))?;
                    rest >>= BITS;
                }
                Node::Leaf(entries) => {
                    let found = entries.iter().find(|e| e.hash == hash && e.key.borrow() == key)?;
                    return Some(&found.value);
                }
            }
        }
    }
    /// Puts a value under a key. Returns whether the key is new.
    pub(crate) fn insert(&mut self, key: K, value: V) -> bool {
        let entry = Entry { hash: self.hasher.hash_one(&key), key, value };
        let new = insert(&mut self.root, entry, 0);
        self.len += usize::from(new);
        new
    }
    /// The value under a key, to be changed. The path to it is copied where it is shared.
    pub(crate) fn get_mut<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        // Asked first, so that a miss copies nothing.
        self.get(key)?;
        let hash = self.hasher.hash_one(key);
        let mut node = &mut self.root;
        let mut rest = hash;
        loop {
            match node {
                Node::Branch(ways) => {
                    node = Arc::make_mut(ways).get_mut(rest as usize & (WAYS - 1))?;
                    rest >>= BITS;
                }
                Node::Leaf(entries) => {
                    let mut all = Arc::make_mut(entries).iter_mut();
                    return all.find(|e| e.hash == hash && e.key.borrow() == key).map(|e| &mut e.value);
                }
            }
        }
    }
    /// Takes a key out. Returns whether it was there.
    pub(crate) fn remove<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        if self.get(key).is_none() {
            return false;
        }
        let hash = self.hasher.hash_one(key);
        remove(&mut self.root, hash, key, 0);
        self.len -= 1;
        true
    }
    /// All entries, in no order that means anything.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let mut open = vec![&self.root];
        let mut leaf: std::slice::Iter<'_, Entry<K, V>> = [].iter();
        std::iter::from_fn(move || {
            loop {
                if let Some(entry) = leaf.next() {
                    return Some((&entry.key, &entry.value));
                }
                match open.pop()? {
                    Node::Branch(ways) => open.extend(ways.iter()),
                    Node::Leaf(entries) => leaf = entries.iter(),
                }
            }
        })
    }
}

impl<K: Hash + Eq + Clone, V: Clone> FromIterator<(K, V)> for PMap<K, V> {
    /// Of two entries with one key the later counts.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let hasher = RandomState::default();
        let all: Vec<Entry<K, V>> = entries
            .into_iter()
            .map(|(key, value)| Entry { hash: hasher.hash_one(&key), key, value })
            .collect();
        let (root, len) = build(all, 0);
        PMap { root, len, hasher }
    }
}

/// A tree of many entries at once, and how many they are.
fn build<K: Eq + Clone, V: Clone>(all: Vec<Entry<K, V>>, shift: u32) -> (Node<K, V>, usize) {
    if all.len() <= LEAF || shift >= u64::BITS {
        let mut distinct: Vec<Entry<K, V>> = Vec::with_capacity(all.len());
        for entry in all {
            match distinct.iter_mut().find(|e| e.hash == entry.hash && e.key == entry.key) {
                Some(earlier) => *earlier = entry,
                None => distinct.push(entry),
            }
        }
        let len = distinct.len();
        return (Node::Leaf(distinct.into()), len);
    }
    let mut parts: [Vec<Entry<K, V>>; WAYS] = std::array::from_fn(|_| Vec::new());
    for entry in all {
        if let Some(part) = parts.get_mut(way(entry.hash, shift)) {
            part.push(entry);
        }
    }
    let mut len = 0;
    let ways = parts.map(|part| {
        let (node, n) = build(part, shift + BITS);
        len += n;
        node
    });
    (Node::Branch(Arc::new(ways)), len)
}

fn insert<K: Eq + Clone, V: Clone>(node: &mut Node<K, V>, entry: Entry<K, V>, shift: u32) -> bool {
    match node {
        Node::Branch(ways) => match Arc::make_mut(ways).get_mut(way(entry.hash, shift)) {
            Some(next) => insert(next, entry, shift + BITS),
            None => false,
        },
        Node::Leaf(entries) => {
            let same = |e: &Entry<K, V>| e.hash == entry.hash && e.key == entry.key;
            if let Some(at) = entries.iter().position(same) {
                if let Some(slot) = Arc::make_mut(entries).get_mut(at) {
                    *slot = entry;
                }
                return false;
            }
            let mut all = Vec::with_capacity(entries.len() + 1);
            all.extend(entries.iter().cloned());
            all.push(entry);
            *node = build(all, shift).0;
            true
        }
    }
}

fn remove<K, V, Q>(node: &mut Node<K, V>, hash: u64, key: &Q, shift: u32)
where
    K: Eq + Clone + Borrow<Q>,
    V: Clone,
    Q: Eq + ?Sized,
{
    match node {
        Node::Branch(ways) => {
            let ways = Arc::make_mut(ways);
            if let Some(next) = ways.get_mut(way(hash, shift)) {
                remove(next, hash, key, shift + BITS);
            }
            let sizes = ways.iter().map(|way| match way {
                Node::Leaf(entries) => Some(entries.len()),
                Node::Branch(_) => None,
            });
            // Folded back at half a leaf, so that a key that comes and goes does not fold and split each time.
            if sizes.sum::<Option<usize>>().is_some_and(|n| n <= LEAF / 2) {
                let all = ways.iter().flat_map(|way| match way {
                    Node::Leaf(entries) => entries.iter().cloned(),
                    Node::Branch(_) => [].iter().cloned(),
                });
                *node = Node::Leaf(all.collect::<Vec<_>>().into());
            }
        }
        Node::Leaf(entries) => {
            let rest = entries.iter().filter(|e| e.hash != hash || e.key.borrow() != key);
            let rest: Vec<Entry<K, V>> = rest.cloned().collect();
            *node = Node::Leaf(rest.into());
        }
    }
}
