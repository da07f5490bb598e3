//! Texts and lists of which a plan asks little ([`Asks`]): those that answer alike are one to it. So texts that are all different
//! need no place in the dictionary each, and of a list nothing is looked at but lengths and what has the length of a
//! constant.

use super::intern::{Interner, fold};
use eclvm_kernel::lanes::{Asks, ends};

/// Answers that are kept in mind, each in its place or nowhere.
const PLACES: usize = 1_024;

/// One for all that answer like this.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    /// The answers, one bit each, and the input.
    answers: u64,
    /// Bytes of text.
    bytes: u64,
    /// Elements of a list.
    elements: u64,
    /// The id of the text or list; 0 where there is none, else one more.
    id: u64,
}

/// What stands for what.
#[derive(Debug, Default)]
pub(super) struct Asked {
    known: Vec<Known>,
}

impl Asked {
    pub(super) fn clear(&mut self) {
        self.known.clear();
    }
    #[inline(always)]
    fn at(&mut self, (answers, bytes, elements): (u64, u64, u64), seed: u64) -> Option<&mut Known> {
        if self.known.is_empty() {
            self.known.resize(PLACES, Known::default());
        }
        let at = fold(answers ^ seed, bytes ^ elements << 32 ^ seed.rotate_left(32)) as usize % PLACES;
        self.known.get_mut(at)
    }
    /// The id that is known for these answers.
    #[inline(always)]
    fn find(&mut self, key: (u64, u64, u64), seed: u64) -> Option<u64> {
        let known = *self.at(key, seed)?;
        let same = (known.answers ^ key.0) | (known.bytes ^ key.1) | (known.elements ^ key.2) == 0;
        (same && known.id > 0).then(|| known.id - 1)
    }
    fn keep(&mut self, key: (u64, u64, u64), seed: u64, id: u64) {
        if let Some(slot) = self.at(key, seed) {
            *slot = Known { answers: key.0, bytes: key.1, elements: key.2, id: id + 1 };
        }
    }
}

impl Interner {
    /// The bits of a text of an input of which no more is asked than this.
    #[inline]
    pub(super) fn asked_text(&mut self, (input, asks): (usize, &Asks), text: &str) -> Option<u64> {
        let Asks::Text { equals, starts } = asks else { return self.text(text) };
        let ends = ends(text);
        for id in equals {
            if self.texts.is(*id, text, ends) {
                return Some(u64::from(*id));
            }
        }
        let mut answers = (input as u64) << 32;
        for (bit, id) in starts.iter().enumerate() {
            answers |= u64::from(self.texts.begins(*id, text, ends)) << bit;
        }
        let key = (answers, text.len() as u64, 0);
        let seed = self.seed();
        if let Some(id) = self.asked.find(key, seed) {
            return Some(id);
        }
        let id = self.text(text)?;
        self.asked.keep(key, seed, id);
        Some(id)
    }

    /// The bits of a list of an input of which no more is asked than this. None where an element has no text.
    #[inline]
    pub(super) fn asked_list<'t>(
        &mut self,
        (input, holds): (usize, &[u32]),
        items: impl ExactSizeIterator<Item = Option<&'t str>>,
    ) -> Option<u64> {
        let elements = items.len() as u64;
        let (mut answers, mut bytes) = (0u64, 0u64);
        for item in items {
            let text = item?;
            bytes += text.len() as u64;
            for (bit, id) in holds.iter().enumerate() {
                if self.texts.bytes_of(*id) == text.len() && self.texts.is(*id, text, ends(text)) {
                    answers |= 1 << bit;
                }
            }
        }
        let key = (answers | (input as u64) << 32 | 1 << 63, bytes, elements);
        let seed = self.seed();
        if let Some(id) = self.asked.find(key, seed) {
            return Some(id);
        }
        if self.is_bounded_and_full() {
            return None;
        }
        let held = holds.iter().enumerate().filter(|(bit, _)| answers >> bit & 1 == 1);
        let held = held.map(|(_, id)| u64::from(*id));
        let id = self.arrays.push_some(held, elements, bytes)?;
        self.asked.keep(key, seed, u64::from(id));
        Some(u64::from(id))
    }
}
