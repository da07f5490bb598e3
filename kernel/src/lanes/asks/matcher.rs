//! Whether a text is one of a few constants, or begins with one: a look at one place of a table and two at what stands there.

use crate::lanes::texts::ends;

/// Most places of a matcher, and how many factors are tried for each number of them.
const MOST_PLACES: usize = 1_024;
const FACTORS: u64 = 64;

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

/// A constant of more than sixteen bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Long {
    text: Box<str>,
    bits: u16,
    class: u8,
}

/// The constants that texts may be, each in a place of its own: a text can only be the one in its place.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Matcher {
    slots: Box<[Slot]>,
    factor: u64,
    shift: u32,
    /// Those of more than sixteen bytes that have the same ends and lengths.
    long: Box<[Vec<Long>]>,
}

/// A constant that texts may begin with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Start {
    head: u64,
    heads: u64,
    text: Box<str>,
    bits: u16,
}

impl Matcher {
    /// Whether the ends of all constants say all of them.
    pub(super) fn is_short(&self) -> bool {
        self.long.is_empty()
    }
    /// None where no factor gives each constant a place of its own.
    pub(super) fn new(constants: &[(&str, u16, u8)]) -> Option<Matcher> {
        let mut slots: Vec<Slot> = Vec::new();
        let mut long: Vec<Vec<Long>> = Vec::new();
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
            long.get_mut(at)?.push(Long { text: (*text).into(), bits: *bits, class: *class });
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
        self.slots.get_mut(at).is_some_and(|place| {
            *place == EMPTY && {
                *place = slot;
                true
            }
        })
    }
    #[inline(always)]
    fn place(&self, [head, tail]: [u64; 2], len: u64) -> usize {
        ((head ^ tail.rotate_left(32) ^ len).wrapping_mul(self.factor) >> self.shift) as usize
    }
    /// The bit of the constant that a text is, and its class, where none has more than sixteen bytes; none is 0. No choice is
    /// made on what texts say: nobody could foretell it.
    #[inline(always)]
    pub(super) fn find_short(&self, ends: [u64; 2], len: u64) -> (u16, u8) {
        let [head, tail] = ends;
        let slot = self.slots.get(self.place(ends, len)).unwrap_or(&EMPTY);
        let differ = (head ^ slot.head) | (tail ^ slot.tail) | (len ^ slot.len);
        // All bits where nothing differs. (A comparison would become a jump.)
        let kept = ((differ | differ.wrapping_neg()) >> 63).wrapping_sub(1);
        (slot.bits & kept as u16, slot.class & kept as u8)
    }
    /// The same, whatever constants there are.
    pub(super) fn find(&self, text: &str, ends: [u64; 2]) -> (u16, u8) {
        let ([head, tail], len) = (ends, text.len() as u64);
        if len <= 16 {
            return self.find_short(ends, len);
        }
        let slot = self.slots.get(self.place(ends, len)).unwrap_or(&EMPTY);
        if (slot.head, slot.tail, slot.len) != (head, tail, len) {
            return (0, 0);
        }
        let alike = self.long.get(usize::from(slot.long).wrapping_sub(1));
        let found = alike.and_then(|alike| alike.iter().find(|long| *long.text == *text));
        found.map_or((0, 0), |long| (long.bits, long.class))
    }
}

impl Start {
    /// Whether its head says all of it.
    pub(super) fn is_short(&self) -> bool {
        self.text.len() <= 8
    }
    pub(super) fn new(text: &str, bits: u16) -> Start {
        let heads = if text.len() < 8 { (1u64 << (8 * text.len())) - 1 } else { u64::MAX };
        Start { head: ends(text)[0], heads, text: text.into(), bits }
    }
    #[inline(always)]
    pub(super) fn find(&self, text: &str, [head, _]: [u64; 2]) -> u16 {
        let same = (head ^ self.head) & self.heads == 0 && text.len() >= self.text.len();
        let same = if self.is_short() { same } else { same && text.starts_with(&*self.text) };
        self.bits & u16::from(same).wrapping_neg()
    }
}
