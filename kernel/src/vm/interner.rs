//! The texts of a plan's constants, each once, and the quickest way to tell whether a text that comes in is one of them.
//!
//! Where it is, it gets the constant's handle, so that comparing it with constants is comparing handles. A table of twice as
//! many slots as texts is probed [`MOST_PROBES`] times at most: whoever writes policies could choose constants that
//! collide, and looking up an input is not charged for. Constants that need more probes are not interned at all.

use super::memory::{CONSTANT, LENGTH_SHIFT, text_slot};
use super::texts::Texts;

/// Most slots that a look-up compares.
const MOST_PROBES: usize = 8;
/// Most texts that are interned: the table is not to be larger than what it is for.
const MOST_TEXTS: usize = 4_096;

/// A text in short: exact up to 16 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Short {
    head: u64,
    tail: u64,
    len: u32,
}

/// Bytes that `Short` holds all of.
const WHOLE: u32 = 16;

/// The first eight bytes, or as many as there are and zeros.
#[inline(always)]
pub(crate) fn first_word(bytes: &[u8]) -> u64 {
    if let Some(eight) = bytes.first_chunk::<8>() {
        return u64::from_le_bytes(*eight);
    }
    if let (Some(head), Some(tail)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        let (head, tail) = (u64::from(u32::from_le_bytes(*head)), u64::from(u32::from_le_bytes(*tail)));
        return head | tail << (8 * (bytes.len() as u32 & 3));
    }
    match *bytes {
        [a, b, c] => u64::from(a) | u64::from(b) << 8 | u64::from(c) << 16,
        [a, b] => u64::from(a) | u64::from(b) << 8,
        [a] => u64::from(a),
        _ => 0,
    }
}

impl Short {
    #[inline(always)]
    fn of(text: &str) -> Short {
        let bytes = text.as_bytes();
        let head = first_word(bytes);
        let tail = bytes.last_chunk::<8>().map_or(0, |tail| u64::from_le_bytes(*tail));
        // Texts are 64 KiB at most.
        Short { head, tail, len: bytes.len() as u32 }
    }
    /// Where to begin, of `1 << bits` slots.
    #[inline(always)]
    fn place(&self, bits: u32) -> usize {
        let word = self.head ^ self.tail.rotate_left(29) ^ u64::from(self.len) << 56;
        (word.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - bits)) as usize
    }
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    head: u64,
    tail: u64,
    /// The text's handle, which has its length; none: an empty slot.
    handle: u64,
}

impl Slot {
    #[inline(always)]
    fn is(&self, short: &Short) -> bool {
        let len = (self.handle >> LENGTH_SHIFT) as u32;
        self.head == short.head && self.tail == short.tail && len == short.len && self.handle != NONE
    }
}

const NONE: u64 = 0;
const EMPTY: Slot = Slot { head: 0, tail: 0, handle: NONE };

/// Texts by what they say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interner {
    slots: Box<[Slot]>,
    bits: u32,
}

impl Interner {
    /// With room for `n` texts; None for more than [`MOST_TEXTS`].
    pub(crate) fn with_room(n: usize) -> Option<Interner> {
        if n > MOST_TEXTS {
            return None;
        }
        let bits = (n.max(2) * 2).next_power_of_two().trailing_zeros();
        Some(Interner { slots: vec![EMPTY; 1 << bits].into_boxed_slice(), bits })
    }

    /// The handle of a text, which is added to `texts` if it is new; None, and nothing done, where too many collide with it.
    pub(crate) fn add(&mut self, texts: &mut Texts, text: &str) -> Option<u64> {
        if let Some(handle) = self.find(texts, text) {
            return Some(handle);
        }
        let Short { head, tail, .. } = Short::of(text);
        let mut at = Short::of(text).place(self.bits);
        for _ in 0..MOST_PROBES {
            let slot = self.slots.get_mut(at)?;
            if slot.handle == NONE {
                let handle = CONSTANT | text_slot(texts.push(text), text);
                *slot = Slot { head, tail, handle };
                return Some(handle);
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
        None
    }

    /// The handle of a text that says the same.
    #[inline(always)]
    pub(crate) fn find(&self, texts: &Texts, text: &str) -> Option<u64> {
        let short = Short::of(text);
        let slot = self.slots.get(short.place(self.bits))?;
        if short.len <= WHOLE && slot.is(&short) {
            return Some(slot.handle);
        }
        if slot.handle == NONE { None } else { self.find_from(texts, text) }
    }

    #[cold]
    #[inline(never)]
    fn find_from(&self, texts: &Texts, text: &str) -> Option<u64> {
        let short = Short::of(text);
        let mut at = short.place(self.bits);
        let mask = self.slots.len().wrapping_sub(1);
        for _ in 0..MOST_PROBES {
            let slot = self.slots.get(at)?;
            if slot.handle == NONE {
                return None;
            }
            if slot.is(&short) && (short.len <= WHOLE || texts.get(slot.handle as u32 as usize) == Some(text))
            {
                return Some(slot.handle);
            }
            at = (at + 1) & mask;
        }
        None
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn interned<'t>(given: impl IntoIterator<Item = &'t str>) -> (Option<Interner>, Texts) {
        let given: Vec<&str> = given.into_iter().collect();
        let (mut interner, mut texts) = (Interner::with_room(given.len()).unwrap(), Texts::default());
        let all = given.iter().all(|text| interner.add(&mut texts, text).is_some());
        (all.then_some(interner), texts)
    }

    #[test]
    fn finds_what_it_was_given_and_nothing_else() {
        let lengths = [0usize, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 40];
        let given: Vec<String> =
            lengths.iter().map(|n| "abcdefghij".chars().cycle().take(*n).collect()).collect();
        let (interner, texts) = interned(given.iter().map(String::as_str));
        let interner = interner.unwrap();
        for (index, text) in given.iter().enumerate() {
            let handle = interner.find(&texts, text).unwrap();
            assert_eq!(handle, CONSTANT | text_slot(index, text));
            for at in 0..text.len() {
                let mut other = text.clone();
                other.replace_range(at..=at, "X");
                assert_eq!(interner.find(&texts, &other), None, "{other}");
            }
            assert_eq!(interner.find(&texts, &format!("{text}\0")), None);
            assert_eq!(interner.find(&texts, &format!("\0{text}")), None);
        }
    }

    #[test]
    fn equal_texts_have_one_index_and_what_collides_too_often_none() {
        let (interner, texts) = interned(["a", "b", "a"]);
        assert_eq!(
            (interner.unwrap().find(&texts, "a"), texts.len()),
            (Some(CONSTANT | text_slot(0, "a")), 2)
        );
        // Equal ends and equal lengths: all collide.
        let alike: Vec<String> = (100..120).map(|n| format!("12345678{n}12345678")).collect();
        assert!(interned(alike.iter().map(String::as_str)).0.is_none());
    }
}
