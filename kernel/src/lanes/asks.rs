//! What a plan wants to know of an input. Of many a text and list it only asks how texts compare with constants. Then the
//! answers and the sizes are all there is to a value, and whoever makes columns of requests works them out where the text
//! lies, and keeps no text.
//!
//! Such a text, and such a list of which nothing is asked but whether it holds constants, is one word ([`Of::Text`],
//! [`Of::Any`]):
//!
//! ```text
//!  bits 0..16   the answers to the questions, one bit each; of a list, whether one of its texts answers so
//!  bits 16..48  bytes of text
//!  bits 48..62  elements of a list, by eights
//! ```
//!
//! A list whose texts are asked one by one ([`Of::Elements`]) is one word too, where each of up to eight texts is either one of
//! the constants or plain, that is, none of them and of an ordinary length; else it is an array of its texts' words:
//!
//! ```text
//!  bits 0..40   the classes of the texts, five bits each, the first one's lowest
//!  bits 40..44  how many they are
//!  bits 44..62  bytes of text
//!  bit 63       none of these: bits 0..32 are the array's id
//! ```
//!
//! Prices go by sizes, in steps: bytes are rounded up to the most that cost as much with every constant they are compared
//! with, so that what costs alike looks alike.

mod find;
mod matcher;
mod words;

pub(super) use find::{Constants, Touching, find};
pub use words::Element;
pub(super) use words::{Asked, Packed, Texts, is_array};

use super::texts::ends;
use crate::limits::MAX_TEXT_BYTES;
use matcher::{Matcher, Start};
use smallvec::SmallVec;

/// Most constants that are asked about.
const MOST: usize = 16;
/// Bytes of text that cost one unit (`==`, searches).
const BYTES: u64 = 32;
/// Texts of a list that is one word, and the bits of their classes.
const PACKED: usize = 8;
const CLASS_BITS: u32 = 5;
/// The class of plain texts; those of constants are one more than their bits.
const PLAIN: u8 = 31;
/// Where count, bytes and the array's mark stand.
const COUNT: u32 = 40;
const PACKED_BYTES: u32 = 44;
const ARRAY: u64 = 1 << 63;
/// Lengths that are told apart when it is asked who could be a text: the last one is that length, and all beyond it.
const LENGTHS: usize = 64;

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Of {
    /// A text: the column has words.
    Text,
    /// Whether any text of a list answers: the column has words.
    Any,
    /// The texts of a list, one after the other: the column has words, some of which are arrays of words.
    Elements,
}

/// By how much bytes are rounded up, by what they leave beyond whole units; None where nobody asks for bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Rounding(Option<[u8; BYTES as usize]>);

/// All that is asked of an input.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asks {
    of: Of,
    is: Matcher,
    starts: Box<[Start]>,
    /// Lengths of texts to which an answer may be yes; the last bit: that length and all beyond it.
    lengths: u64,
    /// Of texts, and of all texts of a list together.
    texts: Rounding,
    lists: Rounding,
    /// A text of 1 to so many bytes that is no constant is like any other such text: they are plain.
    plain: u64,
    /// Whether no constant that texts may be, or begin with, has more bytes than their ends say.
    is_short: bool,
    /// The words of texts by their classes.
    words: [u64; 1 << CLASS_BITS],
}

impl Rounding {
    /// For comparisons with constants of so many bytes.
    fn new(constants: &[u64]) -> Rounding {
        if constants.is_empty() {
            return Rounding(None);
        }
        let up = |bytes: u64, constant: &u64| (bytes + constant).wrapping_neg() % BYTES;
        let least = |bytes: u64| constants.iter().map(|constant| up(bytes, constant)).min().unwrap_or(0);
        Rounding(Some(core::array::from_fn(|bytes| least(bytes as u64) as u8)))
    }
    #[inline(always)]
    fn up(&self, bytes: u64) -> u64 {
        let Rounding(Some(by)) = self else { return 0 };
        bytes + u64::from(by.get((bytes % BYTES) as usize).copied().unwrap_or(0))
    }
}

impl Asks {
    /// Questions in the order of their bits: constants, and whether texts may begin with them (or be them). `texts` and
    /// `lists`: bytes of what texts, and lists, are compared with. None where there are too many, or where they collide.
    fn new(of: Of, questions: &[(&str, bool)], texts: &[u64], lists: &[u64]) -> Option<Asks> {
        let bits = |bit: usize| 1u16.checked_shl(bit as u32).filter(|_| bit < MOST);
        let (mut is, mut starts, mut lengths) = (Vec::new(), Vec::new(), 0);
        for (bit, (text, begins)) in questions.iter().enumerate() {
            let length = text.len().min(LENGTHS - 1);
            if *begins {
                starts.push(Start::new(text, bits(bit)?));
                lengths |= u64::MAX << length;
            } else {
                is.push((*text, bits(bit)?, bit as u8 + 1));
                lengths |= 1 << length;
            }
        }
        let (texts, lists) = (Rounding::new(texts), Rounding::new(lists));
        let plain = match &texts {
            Rounding(None) => MAX_TEXT_BYTES as u64,
            some => some.up(1),
        };
        let mut words = [0; 1 << CLASS_BITS];
        let constants = is.iter().map(|(text, bits, class)| (*class, u64::from(*bits), text.len() as u64));
        for (class, bits, bytes) in constants.chain([(PLAIN, 0, 1)]) {
            if let Some(word) = words.get_mut(usize::from(class)) {
                *word = bits | texts.up(bytes) << 16;
            }
        }
        let (is, starts) = (Matcher::new(&is)?, starts.into_boxed_slice());
        let is_short = is.is_short() && starts.iter().all(Start::is_short);
        Some(Asks { of, is, starts, lengths, texts, lists, plain, is_short, words })
    }
    /// What is asked for.
    #[inline(always)]
    #[must_use]
    pub fn of(&self) -> Of {
        self.of
    }
    /// The answers of a text, one bit each.
    #[inline(always)]
    fn answers(&self, text: &str) -> u64 {
        let ends = ends(text);
        if !self.is_short {
            return u64::from(self.find(text, ends).0);
        }
        let (is, _) = self.is.find_short(ends, text.len() as u64);
        u64::from(self.starts.iter().fold(is, |answers, start| answers | start.find(text, ends)))
    }
    /// The answers of a text, and its class.
    #[inline(never)]
    fn find(&self, text: &str, ends: [u64; 2]) -> (u16, u8) {
        let (is, class) = self.is.find(text, ends);
        let answers = self.starts.iter().fold(is, |answers, start| answers | start.find(text, ends));
        // Where a constant begins with another one, its class does not say so.
        (answers, if answers == is { class } else { 0 })
    }
    /// The word of a text, of at most 64 KiB.
    #[inline(always)]
    #[must_use]
    pub fn text(&self, text: &str) -> u64 {
        self.answers(text) | self.texts.up(text.len() as u64) << 16
    }
    /// A text of at most 64 KiB as an element of a list of which this is asked: what is to be known of it there.
    #[inline(always)]
    #[must_use]
    pub fn element(&self, text: &str, of: Of) -> Element {
        let len = text.len() as u64;
        if of == Of::Any {
            // What a text says is not read where no text of its length is asked for.
            let open = self.lengths >> text.len().min(LENGTHS - 1) & 1 == 1;
            return Element { answers: if open { self.answers(text) } else { 0 }, len, class: 0 };
        }
        let ends = ends(text);
        let (answers, class) = match self.is_short && self.starts.is_empty() {
            true => self.is.find_short(ends, len),
            false => self.find(text, ends),
        };
        // Sign bits in place of comparisons, which would become jumps that nobody could foretell: no answer; and not empty, and
        // not too long.
        let others =
            u64::from(answers).wrapping_sub(1) & !len.wrapping_sub(1) & len.wrapping_sub(self.plain + 1);
        Element { answers: u64::from(answers), len, class: class | ((others >> 63) as u8 * PLAIN) }
    }
    /// The word of a list of these items, each of which is an element as `element` says; where it is not one word, `array` is
    /// asked for the id of an array of the words of its texts, with so many bytes. None where an item is no element, where
    /// there is more than words hold, or no array.
    #[inline(always)]
    pub fn list<T>(
        &self,
        items: &[T],
        element: impl Fn(&T, Of) -> Option<Element>,
        array: impl FnOnce(&mut dyn Iterator<Item = u64>, u64) -> Option<u64>,
    ) -> Option<u64> {
        match self.of {
            Of::Text => None,
            Of::Any => {
                let (mut answers, mut bytes) = (0, 0);
                for item in items {
                    let element = element(item, Of::Any)?;
                    answers |= element.answers;
                    bytes += element.len;
                }
                let (bytes, eights) = (self.lists.up(bytes), items.len().div_ceil(8) as u64);
                (bytes >> 32 | eights >> 14 == 0).then_some(answers | bytes << 16 | eights << 48)
            }
            Of::Elements => {
                if items.len() <= PACKED {
                    let (mut classes, mut bytes, mut at, mut all) = (0, 0, 0, true);
                    for item in items {
                        let element = element(item, Of::Elements)?;
                        classes |= u64::from(element.class) << at;
                        all &= element.class != 0;
                        bytes += element.len;
                        at += CLASS_BITS;
                    }
                    let bytes = self.lists.up(bytes);
                    if all && bytes >> 18 == 0 {
                        return Some(classes | (items.len() as u64) << COUNT | bytes << PACKED_BYTES);
                    }
                }
                self.array(&mut items.iter().map(|item| element(item, Of::Elements)), array)
            }
        }
    }
    #[inline(never)]
    fn array(
        &self,
        elements: &mut dyn Iterator<Item = Option<Element>>,
        array: impl FnOnce(&mut dyn Iterator<Item = u64>, u64) -> Option<u64>,
    ) -> Option<u64> {
        let (mut words, mut bytes) = (SmallVec::<[u64; 64]>::new(), 0);
        for element in elements {
            let element = element?;
            words.push(element.answers | self.texts.up(element.len) << 16);
            bytes += element.len;
        }
        Some(ARRAY | array(&mut words.into_iter(), self.lists.up(bytes))?)
    }
    /// The words of texts by their classes, which have five bits.
    pub(in crate::lanes) fn words(&self) -> &[u64; 1 << CLASS_BITS] {
        &self.words
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::words::operand;
    use super::*;
    use crate::lanes::columns::Arg;

    fn asks(of: Of, constants: &[(&str, bool)]) -> Asks {
        let bytes: Vec<u64> = constants.iter().map(|(text, _)| text.len() as u64).collect();
        Asks::new(of, constants, &bytes, &bytes).unwrap()
    }

    /// Also where bytes are zero, where texts are long, and where one is the beginning of another.
    #[test]
    fn answers_are_what_str_says() {
        let long = "abcdefgh-abcdefgh-abcdefgh";
        let texts = [
            "",
            "\0",
            "a",
            "a\0",
            "ab",
            "abcdefg",
            "abcdefgh",
            "abcdefg\0",
            "abcdefghi",
            "abcdefgh-abcdefg",
            long,
            "abcdefgh-abcdeXgh-abcdefgh",
            "abcdefgh-abcdeYgh-abcdefgh",
            "x",
        ];
        let longer: Vec<String> = [62, 63, 64, 200].map(|n| "y".repeat(n)).to_vec();
        let texts: Vec<&str> = texts.into_iter().chain(longer.iter().map(String::as_str)).collect();
        for constants in texts.chunks(8) {
            let both: Vec<(&str, bool)> =
                constants.iter().flat_map(|text| [(*text, false), (*text, true)]).collect();
            let asks = asks(Of::Text, &both);
            for text in &texts {
                let answers = asks.answers(text);
                for (bit, (constant, starts)) in both.iter().enumerate() {
                    let holds = if *starts { text.starts_with(constant) } else { text == constant };
                    assert_eq!(answers >> bit & 1 == 1, holds, "{text:?} {constant:?} {starts}");
                }
                assert_eq!(asks.element(text, Of::Any).answers, answers, "{text:?}");
            }
        }
    }

    /// Rounded bytes cost what the bytes cost, whatever they are compared with; and no more bytes would.
    #[test]
    fn bytes_are_rounded_up_to_the_most_that_cost_as_much() {
        for constants in [vec![0], vec![5], vec![31, 32], vec![6, 5, 90], (0..40).collect()] {
            let rounding = Rounding::new(&constants);
            let units =
                |bytes: u64| constants.iter().map(move |c| (bytes + c).div_ceil(BYTES)).collect::<Vec<_>>();
            for bytes in 0..200 {
                let up = rounding.up(bytes);
                assert!(
                    up >= bytes && units(up) == units(bytes) && units(up + 1) != units(bytes),
                    "{bytes} {up}"
                );
            }
        }
        assert_eq!(Rounding::new(&[]).up(77), 0);
    }

    /// The parts of a word do not run into each other, and what does not fit has none.
    #[test]
    fn words_hold_the_largest_list_and_nothing_larger() {
        let one = asks(Of::Any, &[("member", false)]);
        let asked = Asked::of(match operand(1, 7, 6) {
            Arg::K(k) => k,
            _ => 0,
        });
        let list = |answers: u64, elements: usize, bytes: u64| {
            let items: Vec<u64> = (0..elements as u64).collect();
            let element = |at: &u64, _: Of| {
                let (answers, len) = if *at == 0 { (answers, bytes) } else { (0, 0) };
                Some(Element { answers, len, class: 0 })
            };
            one.list(&items, element, |_, _| None)
        };
        for (elements, bytes) in [(0, 0), (1, 6), (9, 60), (65_536, 0xFFFF_0000)] {
            for answers in [0, 1, 0xFFFF] {
                let word = list(answers, elements, bytes).unwrap();
                let (answers, bytes) = if elements == 0 { (0, 0) } else { (answers, bytes) };
                assert_eq!(word & 0xFFFF, answers);
                assert_eq!(word & asked.mask != 0, answers & 1 == 1);
                assert_eq!(asked.units(word), 7 + elements.div_ceil(8) as u64 + (bytes + 6).div_ceil(32));
            }
        }
        assert_eq!(list(0, 1, 1 << 32), None);
        assert_eq!(list(0, 8 << 14, 0), None);
        let word = one.text("member");
        assert_eq!((word & 0xFFFF, asked.units(word)), (1, 7 + 1));
    }
}
