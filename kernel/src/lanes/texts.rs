//! Texts, DIDs and arrays of a batch, as dense ids.
//!
//! Equal texts have one id, so `==` and lists of constants compare words. The plan's own texts and arrays come first, with
//! ids that are known before the first request is read; the batch adds its own behind them.

use super::simd::wide;
use crate::types::{Base, Ty};

/// Texts by id. Whoever fills it sees to it that no two are equal.
#[derive(Clone, Debug, Default)]
pub struct Dictionary {
    bytes: String,
    ends: Vec<u32>,
    lens: Vec<u32>,
    /// The first eight bytes of each, the first of them lowest; 0 where there are fewer.
    heads: Vec<u64>,
    /// The last eight bytes of each; 0 where there are fewer than eight.
    tails: Vec<u64>,
    /// Fewest and most bytes of the texts that were measured.
    range: Option<(u32, u32)>,
}

impl Dictionary {
    /// Adds a text and gives its id; None where there is no room for more (4 GiB). Where it is a string (and no DID), it
    /// must be measured too.
    pub fn push(&mut self, text: &str) -> Option<u32> {
        let id = u32::try_from(self.ends.len()).ok().filter(|id| *id < u32::MAX)?;
        let end = u32::try_from(self.bytes.len().checked_add(text.len())?).ok()?;
        let len = u32::try_from(text.len()).ok()?;
        self.bytes.push_str(text);
        self.ends.push(end);
        self.lens.push(len);
        let [head, tail] = ends(text);
        self.heads.push(head);
        self.tails.push(tail);
        Some(id)
    }
    /// Whether the text of an id is `text`, which has these [`ends`]: of up to sixteen bytes these say it.
    #[inline(always)]
    #[must_use]
    pub fn is(&self, id: u32, text: &str, ends: [u64; 2]) -> bool {
        let ([head, tail], at) = (ends, id as usize);
        let (Some(h), Some(t), Some(l)) = (self.heads.get(at), self.tails.get(at), self.lens.get(at)) else {
            return false;
        };
        let same = (h ^ head) | (t ^ tail) | (u64::from(*l) ^ text.len() as u64) == 0;
        same && (text.len() <= 16 || self.text(at) == text)
    }
    /// Says that the text of an id is used as a string: prices depend on its size.
    #[inline]
    pub fn measure(&mut self, id: u32) {
        let len = self.lens.get(id as usize).copied().unwrap_or(0);
        let (least, most) = self.range.unwrap_or((len, len));
        self.range = Some((least.min(len), most.max(len)));
    }
    /// Says that strings are used none of which has fewer bytes than `least`, or more than `most`.
    pub fn measured(&mut self, least: usize, most: usize) {
        let cut = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let (least, most) = (cut(least), cut(most));
        let (l, m) = self.range.unwrap_or((least, most));
        self.range = Some((l.min(least), m.max(most)));
    }
    /// The text of an id; empty where there is none.
    #[inline]
    #[must_use]
    pub fn text(&self, id: usize) -> &str {
        let (Some(end), Some(len)) = (self.ends.get(id), self.lens.get(id)) else { return "" };
        self.bytes.get((*end - *len) as usize..*end as usize).unwrap_or("")
    }
    /// How many texts there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
    /// How many bytes they have.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }
    /// Becomes a copy of `first`, in the room that it has.
    pub fn begin(&mut self, first: &Dictionary) {
        self.bytes.clear();
        self.bytes.push_str(&first.bytes);
        self.ends.clone_from(&first.ends);
        self.lens.clone_from(&first.lens);
        self.heads.clone_from(&first.heads);
        self.tails.clone_from(&first.tails);
        self.range = first.range;
    }
    /// Bytes of the text that register bits stand for.
    #[inline(always)]
    pub(crate) fn len_of(&self, bits: u64) -> u64 {
        u64::from(self.lens.get(bits as usize).copied().unwrap_or(0))
    }
    /// First bytes of the texts that register bits stand for.
    pub(crate) fn heads_of(&self, ids: &[f64], out: &mut [f64]) {
        let heads = self.heads.as_slice();
        wide(
            #[inline(always)]
            move || {
                for (out, id) in out.iter_mut().zip(ids) {
                    *out = f64::from_bits(heads.get(id.to_bits() as usize).copied().unwrap_or(0));
                }
            },
        );
    }
    /// The text that register bits stand for.
    #[inline]
    pub(crate) fn of(&self, bits: u64) -> &str {
        self.text(bits as usize)
    }
    /// No string has fewer bytes than the first, none more than the second.
    pub(crate) fn range(&self) -> (u64, u64) {
        self.range.map_or((0, 0), |(least, most)| (u64::from(least), u64::from(most)))
    }
}

/// The first eight bytes of a text, the first of them lowest; 0 where there are fewer.
pub(crate) fn head(text: &str) -> u64 {
    ends(text)[0]
}

/// The first eight bytes of a text, the first of them lowest, 0 where there are fewer; and its last eight, 0 where it has
/// fewer than eight. Texts of one length up to sixteen bytes that have the same ends are the same.
#[inline(always)]
#[must_use]
pub fn ends(text: &str) -> [u64; 2] {
    let bytes = text.as_bytes();
    if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        return [u64::from_le_bytes(*first), u64::from_le_bytes(*last)];
    }
    // Parts that overlap agree where they do.
    let n = bytes.len();
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        let last = u64::from(u32::from_le_bytes(*last));
        return [u64::from(u32::from_le_bytes(*first)) | last << (8 * (n - 4)), 0];
    }
    let byte = |at: usize| bytes.get(at).map_or(0, |byte| u64::from(*byte) << (8 * at));
    [byte(0) | byte(1) | byte(2), 0]
}

/// One array.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Span {
    start: u32,
    len: u32,
    text: u32,
    /// Bits that an element has: of words of texts, the answers of one of them.
    any: u32,
}

/// Arrays by id. Elements are register bits: numbers, 0 or 1, null, ids of texts. Arrays that hold arrays or vectors
/// have no place here.
#[derive(Clone, Debug, Default)]
pub struct Arrays {
    spans: Vec<Span>,
    words: Vec<u64>,
    /// No array has more elements, nor more bytes of texts.
    largest: (u32, u32),
    /// No array has fewer.
    smallest: Option<(u32, u32)>,
}

impl Arrays {
    /// Whether arrays of this type have a place here.
    #[must_use]
    pub fn suits(ty: Ty) -> bool {
        ty.elem().is_some_and(|elem| !elem.is_array() && elem.base() != Base::Trust)
    }
    /// Adds an array of these elements, whose texts (DIDs are none) have so many bytes, and gives its id.
    pub fn push(&mut self, items: impl ExactSizeIterator<Item = u64>, text_bytes: u64) -> Option<u32> {
        let len = u32::try_from(items.len()).ok()?;
        let id = u32::try_from(self.spans.len()).ok().filter(|id| *id < u32::MAX)?;
        let start = u32::try_from(self.words.len()).ok()?;
        let text = u32::try_from(text_bytes).ok()?;
        self.words.extend(items);
        u32::try_from(self.words.len()).ok()?;
        let own = self.words.get(start as usize..).unwrap_or(&[]);
        let any = own.iter().fold(0, |any, word| any | *word as u32);
        self.spans.push(Span { start, len, text, any });
        self.largest = (self.largest.0.max(len), self.largest.1.max(text));
        let (least, bytes) = self.smallest.unwrap_or((len, text));
        self.smallest = Some((least.min(len), bytes.min(text)));
        Some(id)
    }
    /// Whether the array of an id is of these elements, with so many bytes of texts.
    #[must_use]
    pub fn is(&self, id: u32, items: &[u64], text_bytes: u64) -> bool {
        let bytes = self.spans.get(id as usize).map(|span| u64::from(span.text));
        bytes == Some(text_bytes) && self.items(u64::from(id)) == items
    }
    /// How many arrays there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.spans.len()
    }
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }
    /// How many elements they have.
    #[must_use]
    pub fn words(&self) -> usize {
        self.words.len()
    }
    /// Becomes a copy of `first`, in the room that it has.
    pub fn begin(&mut self, first: &Arrays) {
        self.spans.clone_from(&first.spans);
        self.words.clone_from(&first.words);
        self.largest = first.largest;
        self.smallest = first.smallest;
    }
    #[inline(always)]
    pub(crate) fn items(&self, bits: u64) -> &[u64] {
        let Some(span) = self.spans.get(bits as usize) else { return &[] };
        self.words.get(span.start as usize..(span.start + span.len) as usize).unwrap_or(&[])
    }
    #[inline(always)]
    pub(crate) fn len_of(&self, bits: u64) -> usize {
        self.spans.get(bits as usize).map_or(0, |s| s.len as usize)
    }
    /// No array has more elements, nor more bytes of texts.
    pub(crate) fn largest(&self) -> (u64, u64) {
        (u64::from(self.largest.0), u64::from(self.largest.1))
    }
    /// No array has fewer elements, nor fewer bytes of texts.
    pub(crate) fn smallest(&self) -> (u64, u64) {
        self.smallest.map_or((0, 0), |(least, bytes)| (u64::from(least), u64::from(bytes)))
    }
    /// The element of an array at an index, and whether there is one. Without jumps: in a loop over lists of different
    /// lengths nobody can foretell them.
    #[inline(always)]
    pub(crate) fn item(&self, bits: u64, index: u32) -> (u64, bool) {
        let span = self.spans.get(bits as usize).copied().unwrap_or_default();
        let there = index < span.len;
        let at = span.start.wrapping_add(index) & u32::from(there).wrapping_neg();
        (self.words.get(at as usize).copied().unwrap_or(0), there)
    }
    /// The lowest bits that any element has.
    #[inline(always)]
    pub(crate) fn any(&self, bits: u64) -> u64 {
        self.spans.get(bits as usize).map_or(0, |s| u64::from(s.any))
    }
    /// Elements, and bytes of the texts among them.
    #[inline(always)]
    pub(crate) fn totals(&self, bits: u64) -> (u64, u64) {
        self.spans.get(bits as usize).map_or((0, 0), |s| (u64::from(s.len), u64::from(s.text)))
    }
}

#[cfg(test)]
mod tests {
    use super::{Dictionary, ends, head};

    #[test]
    fn ends_are_the_first_and_last_bytes() {
        let text = "abcdefghijklmnopqrstuvwxyz";
        for n in 0..text.len() {
            let text = &text[..n];
            let slow = text
                .bytes()
                .take(8)
                .enumerate()
                .fold(0, |head, (at, byte)| head | u64::from(byte) << (8 * at));
            assert_eq!(head(text), slow, "{text}");
            let last = text.as_bytes().last_chunk::<8>().map_or(0, |last| u64::from_le_bytes(*last));
            assert_eq!(ends(text), [slow, last], "{text}");
        }
    }

    #[test]
    fn a_text_is_what_str_says_also_where_bytes_are_zero() {
        let texts = ["", "\0", "a", "a\0", "ab", "abcdefgh", "abcdefg\0", "abcdefghi", "a\0bcdefghijklmnopq"];
        let mut dictionary = Dictionary::default();
        for text in texts {
            dictionary.push(text);
        }
        for text in texts {
            for (id, other) in texts.iter().enumerate() {
                assert_eq!(dictionary.is(id as u32, text, ends(text)), text == *other, "{text:?} {other:?}");
            }
        }
    }
}
