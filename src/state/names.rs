//! DIDs to dense numbers.
//!
//! What was known when the world was built (or [frozen](Names::freeze) anew) is in a plain hash table that all later
//! versions share; what came since is in a persistent one, which is asked only for what the first does not know. The
//! plain one is what makes reads about as fast as a `HashMap` (`benches/state.rs` measures both): a look-up in the
//! persistent one alone took two to three times as long when the shapes were compared. Numbers are never reused, and the
//! rows of all tables of identities stand under them.

use super::pmap::PMap;
use foldhash::HashMap;
use std::sync::Arc;

#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    frozen: Arc<HashMap<Arc<str>, u32>>,
    recent: PMap<Arc<str>, u32>,
}

impl Names {
    #[inline]
    pub(crate) fn get(&self, name: &str) -> Option<usize> {
        match self.frozen.get(name) {
            Some(number) => Some(*number as usize),
            None if self.recent.len() == 0 => None,
            None => self.recent.get(name).map(|number| *number as usize),
        }
    }
    /// Gives a new name its number.
    pub(crate) fn add(&mut self, name: Arc<str>, number: u32) {
        self.recent.insert(name, number);
    }
    /// The same names, all in the plain table.
    pub(crate) fn freeze(&self) -> Names {
        let frozen = self.frozen.iter().map(|(name, number)| (name.clone(), *number));
        frozen.chain(self.recent.iter().map(|(name, number)| (name.clone(), *number))).collect()
    }
    /// How many are not in the plain table.
    pub(crate) fn recent(&self) -> usize {
        self.recent.len()
    }
}

impl FromIterator<(Arc<str>, u32)> for Names {
    fn from_iter<I: IntoIterator<Item = (Arc<str>, u32)>>(names: I) -> Names {
        Names { frozen: Arc::new(names.into_iter().collect()), recent: PMap::default() }
    }
}
