//! A run's values.
//!
//! A register is 64 bits: a number's bits, 0 or 1, or a **handle** of what is larger. Null is one bit pattern, a NaN
//! that no arithmetic makes (signalling, with a payload), so that `T` and `T?` look alike and widening costs nothing.
//!
//! ```text
//!  handle   bit 32   0: made in this run, an index of `texts` or `words`; a text may also stand in the request (`given`)
//!                    1: a constant, an index of the plan's tables
//!           bits 0..32  the index
//!           bits 33..   of a text or a DID its length in bytes, so that prices need not look it up
//! ```
//! In `words` a trust vector is six words; an array is a header of four words (length, elements with nested ones,
//! bytes of its strings, bytes as `emit` counts them) and then its elements. The totals make the price of an array known
//! without walking it, however deep it is shared.

use super::given;
use super::interner::Interner;
use super::texts::Texts;
use crate::fault::Fault;
use crate::limits::{MADE_OVERHEAD_BYTES, MAX_ARRAY_ELEMENTS, MAX_RUN_BYTES};
use crate::request::Request;
use crate::types::{Base, Ty};
use crate::value::{TrustVector, Value, ValueRef};
use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;

/// null
pub(crate) const NULL: u64 = 0x7FF4_6E75_6C6C_0001;
/// Marks a handle of a constant.
pub(crate) const CONSTANT: u64 = 1 << 32;
/// Where in a handle of a text its length begins.
pub(crate) const LENGTH_SHIFT: u32 = 33;

#[inline(always)]
pub(crate) fn text_slot(index: usize, text: &str) -> u64 {
    index as u64 | (text.len() as u64) << LENGTH_SHIFT
}

/// Bytes of the text or DID that a handle stands for.
#[inline(always)]
pub(crate) fn text_len(slot: u64) -> u64 {
    slot >> LENGTH_SHIFT
}

/// Words before an array's elements.
pub(crate) const ARRAY_HEADER: usize = 4;

/// The constants of a plan, in register form.
#[derive(Debug, Default, Clone)]
pub(crate) struct Constants {
    pub(crate) slots: Vec<u64>,
    pub(crate) words: Vec<u64>,
    /// Each once, where there is an interner.
    pub(crate) texts: Texts,
    pub(crate) interner: Option<Interner>,
}

/// How many texts and DIDs are in a value, and their bytes together.
fn texts_in(value: &Value) -> (usize, usize) {
    match value {
        Value::Text(s) | Value::Did(s) => (1, s.len()),
        Value::Array(items) => texts_of(items),
        _ => (0, 0),
    }
}
fn texts_of(values: &[Value]) -> (usize, usize) {
    values.iter().map(texts_in).fold((0, 0), |(texts, bytes), (t, b)| (texts + t, bytes + b))
}

impl Constants {
    pub(crate) fn of(values: &[Value]) -> Constants {
        let (texts, bytes) = texts_of(values);
        let mut out = Constants {
            slots: Vec::with_capacity(values.len()),
            texts: Texts::with_capacity(texts, bytes),
            words: Vec::new(),
            interner: if texts == 0 { None } else { Interner::with_room(texts) },
        };
        for value in values {
            let slot = out.slot(value);
            out.slots.push(slot);
        }
        out
    }
    fn slot(&mut self, value: &Value) -> u64 {
        match value {
            Value::Null => NULL,
            Value::Number(n) => number_slot(*n),
            Value::Bool(b) => u64::from(*b),
            Value::Text(s) | Value::Did(s) => self.text_slot(s),
            Value::Trust(t) => {
                let at = self.words.len() as u64;
                self.words.extend(t.0.map(f64::to_bits));
                CONSTANT | at
            }
            Value::Array(items) => {
                let elements: Vec<u64> = items.iter().map(|item| self.slot(item)).collect();
                let at = self.words.len() as u64;
                self.words.extend([items.len() as u64, value.elements(), value.text_bytes(), value.bytes()]);
                self.words.extend(elements);
                CONSTANT | at
            }
        }
    }
    fn text_slot(&mut self, text: &str) -> u64 {
        if let Some(interner) = &mut self.interner {
            if let Some(slot) = interner.add(&mut self.texts, text) {
                return slot;
            }
            // Texts are no longer there only once.
            self.interner = None;
        }
        CONSTANT | text_slot(self.texts.push(text), text)
    }
    /// The handle of a text that is a constant, where texts are interned.
    #[inline(never)]
    pub(crate) fn find(&self, text: &str) -> Option<u64> {
        self.interner.as_ref()?.find(&self.texts, text)
    }
    /// The vector that a handle stands for.
    #[cold]
    pub(crate) fn trust(&self, slot: u64) -> TrustVector {
        match self.words.get((slot & 0xFFFF_FFFF) as usize..) {
            Some([r, i, c, p, v, o, ..]) => TrustVector([*r, *i, *c, *p, *v, *o].map(f64::from_bits)),
            _ => TrustVector::default(),
        }
    }
    #[inline(always)]
    pub(crate) fn slot_of(&self, k: u16) -> u64 {
        self.slots.get(usize::from(k)).copied().unwrap_or(NULL)
    }
}

/// A number's bits; a NaN that a host or a constant brings is made the plain one, so that none is mistaken for null.
pub(crate) fn number_slot(n: f64) -> u64 {
    if n.is_nan() { f64::NAN.to_bits() } else { n.to_bits() }
}

/// The elements of the array that a handle stands for, in its table.
#[inline]
pub(crate) fn elements_at(table: &[u64], slot: u64) -> &[u64] {
    let words = table.get((slot & 0xFFFF_FFFF) as usize..).unwrap_or(&[]);
    let len = words.first().copied().unwrap_or(0) as usize;
    words.get(ARRAY_HEADER..ARRAY_HEADER + len).unwrap_or(&[])
}

/// What the array that a handle stands for amounts to.
#[inline]
pub(crate) fn totals_at(table: &[u64], slot: u64) -> Totals {
    match table.get((slot & 0xFFFF_FFFF) as usize..) {
        Some([_, elements, text, bytes, ..]) => Totals { elements: *elements, text: *text, bytes: *bytes },
        _ => Totals::default(),
    }
}

/// What one array amounts to.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Totals {
    pub(crate) elements: u64,
    pub(crate) text: u64,
    pub(crate) bytes: u64,
}

/// Values made in a run, on its arena.
pub(crate) struct Memory<'a> {
    pub(crate) bump: &'a Bump,
    pub(crate) words: &'a mut Vec<u64>,
    pub(crate) texts: BumpVec<'a, &'a str>,
    /// What texts that are given stand in, where they are not copied.
    given: Option<&'a Request<'a>>,
    /// Bytes made so far, as `MAX_RUN_BYTES` counts them.
    made: u64,
}

impl<'a> Memory<'a> {
    /// Memory of a new run; `words` keeps its room from run to run.
    #[inline]
    pub(crate) fn new(bump: &'a Bump, words: &'a mut Vec<u64>) -> Memory<'a> {
        words.clear();
        Memory { bump, words, texts: BumpVec::new_in(bump), given: None, made: 0 }
    }
    /// Memory of a run that has made so many bytes, and whose texts are those of the request.
    #[inline]
    pub(crate) fn resumed(
        bump: &'a Bump,
        words: &'a mut Vec<u64>,
        request: &'a Request<'a>,
        made: u64,
    ) -> Memory<'a> {
        Memory { bump, words, texts: BumpVec::new_in(bump), given: Some(request), made }
    }
    /// Bytes made so far.
    pub(crate) fn made(&self) -> u64 {
        self.made
    }
    /// Counts bytes that a run makes; ValueTooLarge beyond the limit of one run.
    pub(crate) fn make(&mut self, bytes: u64) -> Result<(), Fault> {
        self.made = self.made.saturating_add(bytes).saturating_add(MADE_OVERHEAD_BYTES);
        if self.made > MAX_RUN_BYTES { Err(Fault::ValueTooLarge) } else { Ok(()) }
    }
    #[inline]
    pub(crate) fn text<'t>(&self, constants: &'t Constants, slot: u64) -> &'t str
    where
        'a: 't,
    {
        let index = (slot & 0xFFFF_FFFF) as usize;
        if slot & CONSTANT == 0 {
            match (self.texts.get(index), self.given) {
                (Some(text), _) => text,
                (None, Some(request)) => given::text(request, index),
                (None, None) => "",
            }
        } else {
            constants.texts.get(index).unwrap_or("")
        }
    }
    #[inline]
    pub(crate) fn put_text(&mut self, text: &'a str) -> u64 {
        self.texts.push(text);
        text_slot(self.texts.len() - 1, text)
    }
    /// A copy of `text` on the arena.
    pub(crate) fn copy_text(&self, text: &str) -> &'a str {
        self.bump.alloc_str(text)
    }
    #[inline]
    fn words_at<'t>(&'t self, constants: &'t Constants, slot: u64) -> &'t [u64] {
        let index = (slot & 0xFFFF_FFFF) as usize;
        let table: &[u64] = if slot & CONSTANT == 0 { self.words } else { &constants.words };
        table.get(index..).unwrap_or(&[])
    }
    #[inline]
    pub(crate) fn trust(&self, constants: &Constants, slot: u64) -> TrustVector {
        match self.words_at(constants, slot) {
            [r, i, c, p, v, o, ..] => TrustVector([*r, *i, *c, *p, *v, *o].map(f64::from_bits)),
            _ => TrustVector::default(),
        }
    }
    #[inline]
    pub(crate) fn component(&self, constants: &Constants, slot: u64, x: u8) -> f64 {
        f64::from_bits(self.words_at(constants, slot).get(usize::from(x)).copied().unwrap_or(0))
    }
    #[inline]
    pub(crate) fn put_trust(&mut self, t: &TrustVector) -> u64 {
        let at = self.words.len() as u64;
        self.words.extend_from_slice(&t.0.map(f64::to_bits));
        at
    }
    #[inline]
    pub(crate) fn elements<'t>(&'t self, constants: &'t Constants, slot: u64) -> &'t [u64] {
        let table: &[u64] = if slot & CONSTANT == 0 { self.words } else { &constants.words };
        elements_at(table, slot)
    }
    #[inline]
    pub(crate) fn array_len(&self, constants: &Constants, slot: u64) -> usize {
        self.words_at(constants, slot).first().copied().unwrap_or(0) as usize
    }
    /// Totals of an array; of nothing for null.
    pub(crate) fn totals(&self, constants: &Constants, slot: u64) -> Totals {
        if slot == NULL {
            return Totals::default();
        }
        totals_at(if slot & CONSTANT == 0 { self.words } else { &constants.words }, slot)
    }
    /// What one value of type `ty` adds to the array that holds it.
    fn weight(&self, constants: &Constants, ty: Ty, slot: u64) -> Totals {
        if slot == NULL {
            return Totals { elements: 1, text: 0, bytes: 0 };
        }
        if ty.is_array() {
            let t = self.totals(constants, slot);
            return Totals { elements: 1 + t.elements, ..t };
        }
        let (text, bytes) = match ty.base() {
            Base::Number => (0, 8),
            Base::Bool => (0, 1),
            Base::Text => {
                let n = self.text(constants, slot).len() as u64;
                (n, n)
            }
            Base::Did => (0, self.text(constants, slot).len() as u64),
            Base::Trust => (0, 48),
            Base::Unit => (0, 0),
        };
        Totals { elements: 1, text, bytes }
    }
    /// Bytes of a value, as `emit` counts them.
    pub(crate) fn bytes(&self, constants: &Constants, ty: Ty, slot: u64) -> u64 {
        if slot == NULL {
            0
        } else if ty.is_array() {
            self.totals(constants, slot).bytes
        } else {
            self.weight(constants, ty, slot).bytes
        }
    }
    /// An array of these elements of type `elem`; ValueTooLarge over the limits.
    pub(crate) fn put_array(&mut self, constants: &Constants, elem: Ty, items: &[u64]) -> Result<u64, Fault> {
        let mut total = Totals::default();
        for item in items {
            let w = self.weight(constants, elem, *item);
            total.elements = total.elements.saturating_add(w.elements);
            total.text = total.text.saturating_add(w.text);
            total.bytes = total.bytes.saturating_add(w.bytes);
        }
        if total.elements > MAX_ARRAY_ELEMENTS as u64 {
            return Err(Fault::ValueTooLarge);
        }
        self.make(8 * items.len() as u64)?;
        let at = self.words.len() as u64;
        self.words.reserve(ARRAY_HEADER + items.len());
        self.words.extend_from_slice(&[items.len() as u64, total.elements, total.text, total.bytes]);
        self.words.extend_from_slice(items);
        Ok(at)
    }
    /// An input value that has been checked to be of its type.
    pub(crate) fn put_input(
        &mut self,
        constants: &Constants,
        value: ValueRef<'a>,
        ty: Ty,
    ) -> Result<u64, Fault> {
        Ok(match value {
            ValueRef::Missing | ValueRef::Null | ValueRef::Invalid(_) => NULL,
            ValueRef::Number(n) => number_slot(n),
            ValueRef::Bool(b) => u64::from(b),
            ValueRef::Text(s) => self.put_text(s),
            ValueRef::Did(d) => self.put_text(d.as_str()),
            ValueRef::Trust(t) => self.put_trust(t),
            ValueRef::Array(items) => {
                let elem = ty.elem().unwrap_or(Ty::UNIT);
                let mut slots = BumpVec::with_capacity_in(items.len(), self.bump);
                for item in items {
                    slots.push(self.put_input(constants, *item, elem)?);
                }
                let made = self.made;
                let slot = self.put_array(constants, elem, &slots);
                // Inputs are the caller's memory, not the run's.
                self.made = made;
                slot?
            }
        })
    }
    /// A value as it leaves the run.
    pub(crate) fn value(&self, constants: &Constants, ty: Ty, slot: u64) -> Value {
        if slot == NULL && ty.is_optional() {
            return Value::Null;
        }
        if let Some(elem) = ty.elem() {
            let items = self.elements(constants, slot);
            return Value::Array(items.iter().map(|item| self.value(constants, elem, *item)).collect());
        }
        match ty.base() {
            Base::Number => Value::Number(f64::from_bits(slot)),
            Base::Bool => Value::Bool(slot != 0),
            Base::Text => Value::Text(self.text(constants, slot).into()),
            Base::Did => Value::Did(self.text(constants, slot).into()),
            Base::Trust => Value::Trust(self.trust(constants, slot)),
            Base::Unit => Value::Null,
        }
    }
    /// `==` of two values of type `ty` (either may be null).
    pub(crate) fn equal(&self, constants: &Constants, ty: Ty, a: u64, b: u64) -> bool {
        if a == NULL || b == NULL {
            return a == b;
        }
        if let Some(elem) = ty.elem() {
            let (x, y) = (self.elements(constants, a), self.elements(constants, b));
            return x.len() == y.len() && x.iter().zip(y).all(|(a, b)| self.equal(constants, elem, *a, *b));
        }
        match ty.base() {
            Base::Number => f64::from_bits(a) == f64::from_bits(b),
            Base::Bool | Base::Unit => a == b,
            Base::Text | Base::Did => self.text(constants, a) == self.text(constants, b),
            Base::Trust => self.trust(constants, a).0 == self.trust(constants, b).0,
        }
    }
}
