//! Texts and lists of which a plan asks little ([`Asks`]): answers and sizes are all there is to them, and no text of theirs
//! needs a place in the dictionary. Where the texts of a list are asked one by one, those that answer alike and cost alike have
//! one id, so that there are few lists, and few outcomes of loops over them.

use super::intern::{Interner, fold};
use eclvm_kernel::lanes::{Asks, Of};
use eclvm_kernel::limits::MAX_TEXT_BYTES;

/// Texts that are kept in mind, each in its place or nowhere, and lists.
const PLACES: usize = 256;
const LISTS: usize = 4_096;
/// Elements of a list that is kept in mind.
const SHORT: usize = 8;

/// What stands for all elements of an input's lists that have a word.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    /// The word, and above it the input and a bit that is set.
    key: u64,
    /// The id of a text, of this round of the interner's.
    id: u32,
    round: u32,
}

/// A list of a few elements whose classes say all that is asked of them.
#[derive(Clone, Copy, Debug, Default)]
struct KnownList {
    /// The classes, the last one lowest; none is 0.
    classes: u64,
    /// Bytes that are to be paid for, and above them the input.
    bytes: u64,
    id: u32,
    round: u32,
}

impl KnownList {
    #[inline(always)]
    fn is(&self, classes: u64, bytes: u64, round: u32) -> bool {
        (self.classes ^ classes) | (self.bytes ^ bytes) | u64::from(self.round ^ round) == 0
    }
}

/// What stands for what.
#[derive(Debug, Default)]
pub(super) struct Asked {
    known: Vec<Known>,
    lists: Vec<KnownList>,
}

/// Words of texts have 48 bits.
fn key(input: usize, word: u64) -> Option<u64> {
    (input < 1 << 15).then_some(word | (input as u64) << 48 | 1 << 63)
}

impl Asked {
    /// Nothing is known of a round that has not been before.
    pub(super) fn begin(&mut self) {
        self.known.resize(PLACES, Known::default());
    }
    /// Rounds begin anew.
    pub(super) fn forget(&mut self) {
        self.known.clear();
        self.lists.clear();
    }
}

impl Interner {
    /// The bits of a text that is an element of a list of an input of which no more is asked than this.
    #[inline(always)]
    pub(super) fn asked_element(&mut self, (input, asks): (usize, &Asks), text: &str) -> Option<u64> {
        let word = asks.text(text);
        let Some(key) = key(input, word) else { return self.text(text) };
        let [seed, other] = self.seeds();
        let at = fold(key ^ seed, other) as usize % PLACES;
        match self.asked.known.get(at) {
            Some(known) if known.key == key && known.round == self.round() => Some(u64::from(known.id)),
            _ => self.first_element(at, key, text),
        }
    }
    #[inline(never)]
    fn first_element(&mut self, at: usize, key: u64, text: &str) -> Option<u64> {
        let bits = self.text(text)?;
        let (id, round) = (u32::try_from(bits).ok()?, self.round());
        if let Some(slot) = self.asked.known.get_mut(at) {
            *slot = Known { key, id, round };
        }
        Some(bits)
    }

    /// The bits of a list of an input of which no more is asked than this. None where one of its elements has no text,
    /// there is no room, or no list is wanted.
    #[inline(always)]
    pub(super) fn asked_list<'t, T>(
        &mut self,
        (input, asks): (usize, &Asks),
        items: &'t [T],
        text: impl Fn(&'t T) -> Option<&'t str>,
    ) -> Option<u64> {
        if asks.of() == Of::Any {
            let (mut answers, mut bytes) = (0, 0);
            for item in items {
                let text = text(item)?;
                answers |= asks.answers_by_length(text);
                bytes += text.len() as u64;
            }
            return asks.list(answers, items.len(), bytes);
        }
        if asks.of() != Of::Elements {
            return None;
        }
        if items.len() > SHORT {
            return self.elements((input, asks), items, text);
        }
        let (mut classes, mut bytes, mut all) = (0, 0, true);
        for item in items {
            let text = text(item)?;
            let class = asks.class(text);
            classes = classes << 8 | u64::from(class);
            all &= class != 0;
            bytes += text.len() as u64;
        }
        if !all {
            return self.elements((input, asks), items, text);
        }
        let bytes = asks.list_bytes(bytes) | (input as u64) << 32;
        let [seed, other] = self.seeds();
        let at = fold(classes ^ seed, bytes ^ other) as usize % LISTS;
        match self.asked.lists.get(at) {
            Some(known) if known.is(classes, bytes, self.round()) => Some(u64::from(known.id)),
            _ => {
                let bits = self.elements((input, asks), items, text)?;
                let (id, round) = (u32::try_from(bits).ok()?, self.round());
                self.asked.lists.resize(LISTS, KnownList::default());
                if let Some(slot) = self.asked.lists.get_mut(at) {
                    *slot = KnownList { classes, bytes, id, round };
                }
                Some(bits)
            }
        }
    }
    /// The same, element by element.
    #[inline(never)]
    fn elements<'t, T>(
        &mut self,
        (input, asks): (usize, &Asks),
        items: &'t [T],
        text: impl Fn(&'t T) -> Option<&'t str>,
    ) -> Option<u64> {
        self.array_of(
            items,
            |item| text(item).map_or(0, str::len),
            |bytes| asks.list_bytes(bytes),
            |this, item| this.asked_element((input, asks), text(item)?),
        )
    }
}

/// The bits of a text of an input of which no more is asked than this; None where it is too long, or no text is wanted.
#[inline(always)]
pub(super) fn asked_text(asks: &Asks, text: &str) -> Option<u64> {
    (asks.of() == Of::Text && text.len() <= MAX_TEXT_BYTES).then(|| asks.text(text))
}
