//! What the ways through an `if` have learnt and lost where they meet again.
//!
//! A name is known not to be null behind an `if` where every way that goes on knows it. Each way looks at what it has
//! changed itself, and at what the last condition has added for all ways to come; nobody walks what went before, so that
//! many names in many arms stay linear (but for a search by halves). It rests on this: what conditions add by being
//! false stays added for the arms that follow, and an arm's own changes are undone before the next.

use super::scope::{Key, Mark, Scopes};

/// A name that the first way has learnt.
struct Candidate {
    key: Key,
    /// How many ways have learnt it by themselves.
    ways: usize,
    /// Whether all ways so far know it, and all to come know it from a condition.
    always: bool,
}

pub(super) struct Ways {
    before: Mark,
    /// How far the conditions' changes have been looked at.
    seen: Mark,
    /// How many ways go on.
    count: usize,
    /// Sorted by key; filled by the first way.
    learnt: Vec<Candidate>,
    lost: Vec<Key>,
}

impl Ways {
    /// The ways of an `if` that begins at the mark.
    pub(super) fn new(before: Mark) -> Ways {
        Ways { before, seen: before, count: 0, learnt: Vec::new(), lost: Vec::new() }
    }
    fn find(&mut self, key: Key) -> Option<&mut Candidate> {
        let at = self.learnt.binary_search_by_key(&key, |candidate| candidate.key).ok()?;
        self.learnt.get_mut(at)
    }
    /// One more way goes on: it began at `here`, and ends now.
    pub(super) fn out(&mut self, scopes: &Scopes, here: Mark) {
        let first = self.count == 0;
        if first {
            let known = scopes.since(self.before).into_iter().filter(|(_, now)| *now);
            self.learnt = known.map(|(key, _)| Candidate { key, ways: 1, always: false }).collect();
            self.count = 1;
        }
        // Ways before this one must have learnt by themselves what conditions say from here on.
        for key in scopes.between(self.seen, here) {
            let count = self.count;
            if let Some(candidate) = self.find(key) {
                candidate.always = candidate.ways == count;
            }
        }
        self.seen = here;
        for (key, narrowed) in scopes.since(here) {
            if !narrowed {
                self.lost.push(key);
            }
            match self.find(key) {
                // It has taken back what a condition has said.
                Some(candidate) if !narrowed => (candidate.ways, candidate.always) = (0, false),
                Some(candidate) if !first => candidate.ways += 1,
                _ => {}
            }
        }
        if !first {
            self.count += 1;
        }
    }
    /// Says behind the `if` what all ways have in common; gives whether there is one that goes on.
    pub(super) fn apply(self, scopes: &mut Scopes) -> bool {
        for key in self.lost {
            scopes.narrow(key, false);
        }
        for candidate in self.learnt {
            if candidate.always || candidate.ways == self.count {
                scopes.narrow(candidate.key, true);
            }
        }
        self.count > 0
    }
}
