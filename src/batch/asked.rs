//! Texts and lists of which a plan asks little ([`Asks`]): those that answer alike are one to it. So texts that are all different
//! need no place in the dictionary each, and of a list nothing is looked at but lengths and what has the length of a
//! constant.

use super::intern::{Interner, fold};
use eclvm_kernel::lanes::{Asks, ends};

/// Answers that are kept in mind, each in its place or nowhere.
const PLACES: usize = 4_096;

/// The answers to all that is asked of a value, and its size, in one word, so that they are compared at once:
///
/// ```text
///  bits 0..16   the answers, one bit each
///  bits 16..40  bytes of text
///  bits 40..57  elements of a list
///  bits 57..62  which input it is
///  bit 62       a list
///  bit 63       set
/// ```
///
/// None where something is too large for its place: such a value is not kept in mind.
#[inline(always)]
fn key(input: usize, is_list: bool, answers: u64, (elements, bytes): (u64, u64)) -> Option<u64> {
    let fits = answers >> 16 | bytes >> 24 | elements >> 17 | input as u64 >> 5 == 0;
    let place = (input as u64) << 57 | u64::from(is_list) << 62 | 1 << 63;
    fits.then_some(answers | bytes << 16 | elements << 40 | place)
}

/// What stands for all that have a key.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    key: u64,
    /// The id of a text or list, of this round of the interner's.
    id: u32,
    round: u32,
}

/// What stands for what.
#[derive(Debug, Default)]
pub(super) struct Asked {
    known: Vec<Known>,
}

impl Asked {
    /// Nothing is known of a round that has not been before.
    pub(super) fn begin(&mut self) {
        self.known.resize(PLACES, Known::default());
    }
    /// Rounds begin anew.
    pub(super) fn forget(&mut self) {
        self.known.clear();
    }
    #[inline(always)]
    fn place(key: u64, [s, t]: [u64; 2]) -> usize {
        fold(key ^ s, t) as usize % PLACES
    }
    #[inline(always)]
    fn find(&self, key: Option<u64>, seeds: [u64; 2], round: u32) -> Option<u64> {
        let key = key?;
        let known = *self.known.get(Self::place(key, seeds))?;
        (known.key == key && known.round == round).then_some(u64::from(known.id))
    }
    fn keep(&mut self, key: Option<u64>, seeds: [u64; 2], round: u32, id: u64) {
        let (Some(key), Ok(id)) = (key, u32::try_from(id)) else { return };
        if let Some(slot) = self.known.get_mut(Self::place(key, seeds)) {
            *slot = Known { key, id, round };
        }
    }
}

impl Interner {
    /// The bits of a text of an input of which no more is asked than this.
    #[inline(always)]
    pub(super) fn asked_text(&mut self, (input, asks): (usize, &Asks), text: &str) -> Option<u64> {
        let Asks::Text { equals, starts } = asks else { return self.text(text) };
        let ends = ends(text);
        for id in equals {
            if self.texts.is(*id, text, ends) {
                return Some(u64::from(*id));
            }
        }
        let mut answers = 0;
        for (bit, id) in starts.iter().enumerate() {
            answers |= u64::from(self.texts.begins(*id, text, ends)) << bit;
        }
        let key = key(input, false, answers, (0, text.len() as u64));
        match self.asked.find(key, self.seeds(), self.round()) {
            Some(id) => Some(id),
            None => self.first_text(key, text),
        }
    }
    #[inline(never)]
    fn first_text(&mut self, key: Option<u64>, text: &str) -> Option<u64> {
        let id = self.text(text)?;
        self.asked.keep(key, self.seeds(), self.round(), id);
        Some(id)
    }

    /// The bits of a list of an input of which no more is asked than this. None where an element has no text.
    #[inline(always)]
    pub(super) fn asked_list<'t>(
        &mut self,
        (input, holds): (usize, &[u32]),
        items: impl ExactSizeIterator<Item = Option<&'t str>>,
    ) -> Option<u64> {
        let elements = items.len() as u64;
        let (mut answers, mut bytes) = (0u64, 0u64);
        if let [id] = holds {
            let (wanted, len) = self.texts.key(*id);
            for item in items {
                let text = item?;
                bytes += text.len() as u64;
                if text.len() == len {
                    let same = ends(text) == wanted && (len <= 16 || self.texts.text(*id as usize) == text);
                    answers |= u64::from(same);
                }
            }
        } else {
            for item in items {
                let text = item?;
                bytes += text.len() as u64;
                for (bit, id) in holds.iter().enumerate() {
                    if self.texts.bytes_of(*id) == text.len() && self.texts.is(*id, text, ends(text)) {
                        answers |= 1 << bit;
                    }
                }
            }
        }
        self.answered_list((input, holds), answers, (elements, bytes))
    }
    /// The same of a list whose texts, which have so many bytes, are ids already.
    pub(super) fn asked_ids(
        &mut self,
        (input, holds): (usize, &[u32]),
        ids: &[u64],
        bytes: u64,
    ) -> Option<u64> {
        let mut answers = 0u64;
        for (bit, id) in holds.iter().enumerate() {
            answers |= u64::from(ids.contains(&u64::from(*id))) << bit;
        }
        self.answered_list((input, holds), answers, (ids.len() as u64, bytes))
    }
    #[inline(always)]
    fn answered_list(
        &mut self,
        (input, holds): (usize, &[u32]),
        answers: u64,
        size: (u64, u64),
    ) -> Option<u64> {
        let key = key(input, true, answers, size);
        match self.asked.find(key, self.seeds(), self.round()) {
            Some(id) => Some(id),
            None => self.first_list(key, holds, answers, size),
        }
    }
    #[inline(never)]
    fn first_list(
        &mut self,
        key: Option<u64>,
        holds: &[u32],
        answers: u64,
        (elements, bytes): (u64, u64),
    ) -> Option<u64> {
        if self.is_bounded_and_full() {
            return None;
        }
        let held = holds.iter().enumerate().filter(|(bit, _)| answers >> bit & 1 == 1);
        let held = held.map(|(_, id)| u64::from(*id));
        let id = u64::from(self.arrays.push_some(held, elements, bytes)?);
        self.asked.keep(key, self.seeds(), self.round(), id);
        Some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::key;

    /// What stands for a value has its price: sizes must not run into each other, nor into answers and inputs.
    #[test]
    fn keys_tell_all_parts_apart_and_none_is_made_of_what_does_not_fit() {
        let size = (3, 40);
        let one = key(2, true, 0b101, size);
        assert!(one.is_some());
        for other in [
            key(3, true, 0b101, size),
            key(2, false, 0b101, size),
            key(2, true, 0b100, size),
            key(2, true, 0b101, (4, 40)),
            key(2, true, 0b101, (3, 41)),
        ] {
            assert!(other.is_some() && other != one);
        }
        let largest = key(31, true, 0xFFFF, ((1 << 17) - 1, (1 << 24) - 1));
        assert_eq!(largest, Some(u64::MAX));
        for none in [
            key(32, true, 0, size),
            key(0, true, 1 << 16, size),
            key(0, true, 0, (1 << 17, 0)),
            key(0, true, 0, (0, 1 << 24)),
        ] {
            assert_eq!(none, None);
        }
    }
}
