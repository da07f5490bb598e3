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

use super::columns::Arg;
use super::plan::{Code, LaneOp, NEGATED};
use super::texts::{Arrays, Dictionary, ends};
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

/// A constant that texts may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Slot {
    /// Its ends and its length, which say it where it has up to sixteen bytes.
    head: u64,
    tail: u64,
    len: u64,
    /// The bit of its question.
    bits: u16,
    /// What it is among elements.
    class: u8,
    /// One more than where all constants of these ends stand; 0 where there is one and the above says it.
    long: u8,
}

const EMPTY: Slot = Slot { head: 0, tail: 0, len: u64::MAX, bits: 0, class: 0, long: 0 };

/// The constants that texts may be, each in a place of its own: a text can only be the one in its place.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Matcher {
    slots: Box<[Slot]>,
    factor: u64,
    shift: u32,
    /// Constants of more than sixteen bytes that have the same ends and lengths, with their bits and classes.
    long: Box<[Vec<(Box<str>, u16, u8)>]>,
}

/// A constant that texts may begin with.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Start {
    head: u64,
    heads: u64,
    text: Box<str>,
    bits: u16,
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

/// Most places of a matcher, and how many factors are tried for each number of them.
const MOST_PLACES: usize = 1_024;
const FACTORS: u64 = 64;

impl Matcher {
    /// None where no factor gives each constant a place of its own.
    fn new(constants: &[(&str, u16, u8)]) -> Option<Matcher> {
        let mut slots: Vec<Slot> = Vec::new();
        let mut long: Vec<Vec<(Box<str>, u16, u8)>> = Vec::new();
        for (text, bits, class) in constants {
            let ([head, tail], len) = (ends(text), text.len() as u64);
            let slot = Slot { head, tail, len, bits: *bits, class: *class, long: 0 };
            if len <= 16 {
                slots.push(slot);
                continue;
            }
            let alike = slots.iter().find(|known| (known.head, known.tail, known.len) == (head, tail, len));
            let at = alike.map_or(long.len(), |known| usize::from(known.long) - 1);
            if at == long.len() {
                long.push(Vec::new());
                slots.push(Slot { long: long.len() as u8, ..slot });
            }
            long.get_mut(at)?.push(((*text).into(), *bits, *class));
        }
        let mut places = (4 * slots.len()).next_power_of_two().max(8);
        while places <= MOST_PLACES {
            for n in 0..FACTORS {
                let mut matcher = Matcher {
                    slots: vec![EMPTY; places].into_boxed_slice(),
                    factor: (2 * n + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
                    shift: 64 - places.trailing_zeros(),
                    long: Box::default(),
                };
                if slots.iter().all(|slot| matcher.put(*slot)) {
                    matcher.long = long.into_boxed_slice();
                    return Some(matcher);
                }
            }
            places *= 2;
        }
        None
    }
    fn put(&mut self, slot: Slot) -> bool {
        let at = self.place([slot.head, slot.tail], slot.len);
        self.slots.get_mut(at).is_some_and(|place| *place == EMPTY && {
            *place = slot;
            true
        })
    }
    #[inline(always)]
    fn place(&self, [head, tail]: [u64; 2], len: u64) -> usize {
        ((head ^ tail.rotate_left(32) ^ len).wrapping_mul(self.factor) >> self.shift) as usize
    }
    /// The bit of the constant that a text is, and its class, where none has more than sixteen bytes; none is 0. No choice is
    /// made on what texts say: nobody could foretell it.
    #[inline(always)]
    fn find_short(&self, ends: [u64; 2], len: u64) -> (u16, u8) {
        let [head, tail] = ends;
        let slot = self.slots.get(self.place(ends, len)).unwrap_or(&EMPTY);
        let same = (head ^ slot.head) | (tail ^ slot.tail) | (len ^ slot.len) == 0;
        let kept = u16::from(same).wrapping_neg();
        (slot.bits & kept, slot.class & kept as u8)
    }
    /// The same, whatever constants there are.
    fn find(&self, text: &str, ends: [u64; 2]) -> (u16, u8) {
        let ([head, tail], len) = (ends, text.len() as u64);
        if len <= 16 {
            return self.find_short(ends, len);
        }
        let slot = self.slots.get(self.place(ends, len)).unwrap_or(&EMPTY);
        if (slot.head, slot.tail, slot.len) != (head, tail, len) {
            return (0, 0);
        }
        let alike = self.long.get(usize::from(slot.long).wrapping_sub(1));
        let found = alike.and_then(|alike| alike.iter().find(|(long, ..)| **long == *text));
        found.map_or((0, 0), |(_, bits, class)| (*bits, *class))
    }
}

impl Start {
    fn new(text: &str, bits: u16) -> Start {
        let heads = if text.len() < 8 { (1u64 << (8 * text.len())) - 1 } else { u64::MAX };
        Start { head: ends(text)[0], heads, text: text.into(), bits }
    }
    #[inline(always)]
    fn find(&self, text: &str, [head, _]: [u64; 2]) -> u16 {
        let same = (head ^ self.head) & self.heads == 0 && text.len() >= self.text.len();
        let same = if self.text.len() <= 8 { same } else { same && text.starts_with(&*self.text) };
        self.bits & u16::from(same).wrapping_neg()
    }
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
            Rounding(None) => u64::MAX,
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
        let is_short = is.long.is_empty() && starts.iter().all(|start| start.text.len() <= 8);
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
        let is_plain = (answers == 0) & (len.wrapping_sub(1) < self.plain);
        let plain = u8::from(is_plain).wrapping_neg() & PLAIN;
        Element { answers: u64::from(answers), len, class: class | plain }
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
    pub(super) fn words(&self) -> &[u64; 1 << CLASS_BITS] {
        &self.words
    }
}

/// What is to be known of a text that is an element of a list.
#[derive(Clone, Copy, Debug)]
pub struct Element {
    /// Its answers, one bit each.
    answers: u64,
    /// Its bytes.
    len: u64,
    /// Its class; 0 where that would not say all.
    class: u8,
}

impl Element {
    /// In one word.
    #[inline]
    #[must_use]
    pub fn to_bits(self) -> u64 {
        self.answers | self.len << 16 | u64::from(self.class) << 48
    }
    /// And back.
    #[inline]
    #[must_use]
    pub fn of_bits(bits: u64) -> Element {
        Element { answers: bits & 0xFFFF, len: bits >> 16 & 0xFFFF_FFFF, class: (bits >> 48) as u8 }
    }
}

/// The list that a word of [`Of::Elements`] is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Texts {
    /// The array of this id.
    Array(u64),
    /// Its word.
    Packed(Packed),
}

/// A list that is one word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Packed(pub(super) u64);

impl Texts {
    #[inline(always)]
    pub(super) fn of(word: u64) -> Texts {
        if is_array(word) { Texts::Array(word & 0xFFFF_FFFF) } else { Texts::Packed(Packed(word)) }
    }
}

/// Whether the list that a word is stands among the arrays.
#[inline(always)]
pub(super) fn is_array(word: u64) -> bool {
    word & ARRAY != 0
}

impl Packed {
    #[inline(always)]
    pub(super) fn len(self) -> u64 {
        self.0 >> COUNT & 15
    }
    /// The class of an element; 0 behind the last one.
    #[inline(always)]
    pub(super) fn class(self, index: u32) -> usize {
        let classes = self.0 & ((1 << COUNT) - 1);
        (classes >> (CLASS_BITS * index.min(PACKED as u32)) & ((1 << CLASS_BITS) - 1)) as usize
    }
    /// Whether one of the elements has this class.
    #[inline(always)]
    pub(super) fn has(self, class: u64) -> bool {
        // The lowest bits of all fields: what differs from the class in none of its bits borrows from the bit above.
        const ONES: u64 = 0x08_4210_8421;
        const HIGH: u64 = ONES << (CLASS_BITS - 1);
        let differ = (self.0 & ((1 << COUNT) - 1)) ^ class * ONES;
        differ.wrapping_sub(ONES) & !differ & HIGH != 0
    }
    #[inline(always)]
    pub(super) fn bytes(self) -> u64 {
        self.0 >> PACKED_BYTES & 0x3_FFFF
    }
}

/// The operand of [`Code::Asked`]: the answers one of which must be yes, units, and the bytes of the constants. Of
/// [`Code::HasText`] it has a class in place of units.
pub(super) fn operand(mask: u16, units: u16, bytes: u32) -> Arg {
    Arg::K(u64::from(mask) | u64::from(units) << 16 | u64::from(bytes) << 32)
}

/// What [`Code::Asked`] makes of a word.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) mask: u64,
    pub(super) units: u64,
    bytes: u64,
}

impl Asked {
    pub(super) fn of(operand: u64) -> Asked {
        Asked { mask: operand & 0xFFFF, units: operand >> 16 & 0xFFFF, bytes: operand >> 32 }
    }
    /// Units, beyond the first, of looking for a constant in a list of so many elements and bytes.
    #[inline(always)]
    pub(super) fn search_units(self, elements: u64, bytes: u64) -> u64 {
        elements.div_ceil(8) + (bytes + self.bytes).div_ceil(BYTES)
    }
    /// Units beyond the first.
    #[inline(always)]
    pub(super) fn units(self, word: u64) -> u64 {
        let bytes = (word >> 16 & 0xFFFF_FFFF) + self.bytes;
        self.units + (word >> 48 & 0x3FFF) + bytes.div_ceil(BYTES)
    }
}

/// What is known of a plan when its inputs are looked at.
pub(super) struct Constants<'p> {
    pub(super) texts: &'p Dictionary,
    pub(super) arrays: &'p Arrays,
    pub(super) lists: &'p [Vec<u64>],
}

/// Questions as they are found.
struct Finder<'p> {
    constants: &'p Constants<'p>,
    /// Ids of constants, and whether texts are to begin with them.
    questions: Vec<(u32, bool)>,
    /// Bytes of what texts, and lists, are compared with.
    texts: Vec<u64>,
    lists: Vec<u64>,
    /// Instructions as they will be.
    changed: Vec<(usize, LaneOp)>,
    /// Which input it is.
    input: u32,
}

/// What is asked of the text, or list of texts, that comes into this column as the input of this number; None where it is
/// more than that. The instructions that ask are changed into ones on words.
pub(super) fn find(
    ops: &mut [LaneOp],
    (input, column, is_list): (usize, u32, bool),
    constants: &Constants<'_>,
) -> Option<Asks> {
    let (questions, texts, lists) = Default::default();
    let input = u32::try_from(input).ok().filter(|input| *input < 1 << 24)?;
    let mut finder = Finder { constants, questions, texts, lists, changed: Vec::new(), input };
    let of = if is_list { finder.list(ops, column)? } else { finder.text(ops, column)? };
    let text = |(id, starts): &(u32, bool)| (constants.texts.text(*id as usize), *starts);
    let questions: Vec<(&str, bool)> = finder.questions.iter().map(text).collect();
    let asks = Asks::new(of, &questions, &finder.texts, &finder.lists)?;
    for (at, op) in finder.changed {
        *ops.get_mut(at)? = op;
    }
    Some(asks)
}

/// The column, and all that are copies of it.
fn copies(ops: &[LaneOp], mut same: Vec<u32>) -> Vec<u32> {
    // A copy may stand behind what reads it.
    loop {
        let before = same.len();
        for op in ops.iter().filter(|op| op.code == Code::Copy) {
            if matches!(op.b, Arg::Word(b) if same.contains(&b)) && !same.contains(&op.a) {
                same.push(op.a);
            }
        }
        if same.len() == before {
            return same;
        }
    }
}

/// Whether an instruction reads one of these columns, and whether it writes one.
fn touches(op: &LaneOp, columns: &[u32]) -> (bool, bool) {
    let mut reads = false;
    op.reads(|at| reads |= columns.contains(&at));
    (reads, op.writes().is_some_and(|at| columns.contains(&at)))
}

impl Finder<'_> {
    /// The bit of a question.
    fn bit(&mut self, id: u64, starts: bool) -> Option<u16> {
        let id = u32::try_from(id).ok().filter(|id| (*id as usize) < self.constants.texts.len())?;
        let question = (id, starts);
        let bit = self.questions.iter().position(|known| *known == question).unwrap_or_else(|| {
            self.questions.push(question);
            self.questions.len() - 1
        });
        (bit < MOST).then(|| 1 << bit)
    }

    fn text(&mut self, ops: &[LaneOp], column: u32) -> Option<Of> {
        self.texts(ops, &copies(ops, vec![column]), |_| false)?;
        Some(Of::Text)
    }

    /// Takes the questions about texts in these columns, which come there from elsewhere by instructions that `come`.
    fn texts(&mut self, ops: &[LaneOp], columns: &[u32], come: impl Fn(&LaneOp) -> bool) -> Option<()> {
        let is_it = |arg: Arg| matches!(arg, Arg::Word(at) if columns.contains(&at));
        for (at, op) in ops.iter().enumerate() {
            let (reads, writes) = touches(op, columns);
            match (op.code, op.b, op.c) {
                (Code::Copy, b, _) if is_it(b) == writes => {}
                _ if writes && !reads && come(op) => {}
                _ if writes => return None,
                _ if !reads => {}
                (Code::SameText, b, Arg::K(k)) | (Code::SameText, Arg::K(k), b) if is_it(b) => {
                    let mask = self.bit(k, false)?;
                    self.compared((at, op), b, mask, (0, self.constants.texts.len_of(k)))?;
                }
                (Code::TextStarts, b, Arg::K(k)) if is_it(b) => {
                    let mask = self.bit(k, true)?;
                    self.compared((at, op), b, mask, (0, self.constants.texts.len_of(k)))?;
                }
                (Code::Contains, b, Arg::K(array)) if is_it(b) => {
                    let list = self.constants.lists.get((op.x >> 8).checked_sub(1)? as usize)?;
                    let mask = list.iter().try_fold(0, |mask, item| Some(mask | self.bit(*item, false)?))?;
                    let (elements, bytes) = self.constants.arrays.totals(array);
                    self.compared((at, op), b, mask, (elements.div_ceil(8), bytes))?;
                }
                _ => return None,
            }
        }
        Some(())
    }
    fn compared(
        &mut self,
        (at, op): (usize, &LaneOp),
        b: Arg,
        mask: u16,
        (units, bytes): (u64, u64),
    ) -> Option<()> {
        self.texts.push(bytes);
        let c = operand(mask, u16::try_from(units).ok()?, u32::try_from(bytes).ok()?);
        self.changed.push((at, LaneOp { code: Code::Asked, b, c, x: op.x & NEGATED, ..*op }));
        Some(())
    }

    fn list(&mut self, ops: &[LaneOp], column: u32) -> Option<Of> {
        let lists = copies(ops, vec![column]);
        let is_it = |arg: Arg| matches!(arg, Arg::Word(at) if lists.contains(&at));
        let is_element = |op: &LaneOp| matches!(op.code, Code::Elem | Code::Index) && is_it(op.b);
        let (mut elements, mut searches, mut others) = (Vec::new(), Vec::new(), Vec::new());
        for (at, op) in ops.iter().enumerate() {
            let (reads, writes) = touches(op, &lists);
            match (op.code, op.b, op.c) {
                (Code::Copy, b, _) if is_it(b) == writes => {}
                _ if writes => return None,
                _ if !reads => {}
                (Code::Contains, Arg::K(k), c) if is_it(c) => {
                    let (mask, bytes) = (self.bit(k, false)?, self.constants.texts.len_of(k));
                    self.lists.push(bytes);
                    searches.push((at, LaneOp { b: c, ..*op }, mask, u32::try_from(bytes).ok()?));
                }
                (Code::LoopMore, b, c) if is_it(c) && !is_it(b) => {
                    others.push((at, LaneOp { code: Code::MoreTexts, ..*op }));
                }
                (Code::ArrayLen, ..) => others.push((at, LaneOp { code: Code::TextsLen, ..*op })),
                _ if is_element(op) && !is_it(op.c) => {
                    elements.push(op.writes()?);
                    others.push((at, LaneOp { code: Code::TextAt, x: self.input << 8, ..*op }));
                }
                _ => return None,
            }
        }
        let of = if others.is_empty() { Of::Any } else { Of::Elements };
        if of == Of::Elements {
            self.texts(ops, &copies(ops, elements), is_element)?;
        }
        let searches = searches.into_iter().map(|(at, op, mask, bytes)| {
            let class = mask.trailing_zeros() as u16 + 1;
            let (code, units) = if of == Of::Any { (Code::Asked, 0) } else { (Code::HasText, class) };
            (at, LaneOp { code, c: operand(mask, units, bytes), x: 0, ..op })
        });
        self.changed.extend(searches.chain(others));
        Some(of)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn asks(of: Of, constants: &[(&str, bool)]) -> Asks {
        let bytes: Vec<u64> = constants.iter().map(|(text, _)| text.len() as u64).collect();
        Asks::new(of, constants, &bytes, &bytes).unwrap()
    }

    /// Also where bytes are zero, where texts are long, and where one is the beginning of another.
    #[test]
    fn answers_are_what_str_says() {
        let long = "abcdefgh-abcdefgh-abcdefgh";
        let texts = [
            "", "\0", "a", "a\0", "ab", "abcdefg", "abcdefgh", "abcdefg\0", "abcdefghi", "abcdefgh-abcdefg",
            long, "abcdefgh-abcdeXgh-abcdefgh", "abcdefgh-abcdeYgh-abcdefgh", "x",
        ];
        let longer: Vec<String> = [62, 63, 64, 200].map(|n| "y".repeat(n)).to_vec();
        let texts: Vec<&str> = texts.into_iter().chain(longer.iter().map(String::as_str)).collect();
        for constants in texts.chunks(8) {
            let both: Vec<(&str, bool)> = constants.iter().flat_map(|text| [(*text, false), (*text, true)]).collect();
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
            let units = |bytes: u64| constants.iter().map(move |c| (bytes + c).div_ceil(BYTES)).collect::<Vec<_>>();
            for bytes in 0..200 {
                let up = rounding.up(bytes);
                assert!(up >= bytes && units(up) == units(bytes) && units(up + 1) != units(bytes), "{bytes} {up}");
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
