//! A line of JSON into a request.
//!
//! The declared types say how each value is read. A value that cannot be read so becomes [`ValueRef::Invalid`] in its own
//! slot and the rest of the line is read on, so that the order of faults is the machine's to decide. Text without escapes is
//! borrowed from the line; everything else goes to the bump arena, in memory linear in the line and, for arrays, bounded by
//! the language's limit on elements.

use super::json::{Cursor, NotJson, RawText};
use super::schema::Schema;
use crate::kernel::fault::Fault;
use crate::kernel::limits::{MAX_ARRAY_ELEMENTS, MAX_TEXT_BYTES};
use crate::kernel::request::Request;
use crate::kernel::types::{Base, Ty};
use crate::kernel::value::{Did, TrustVector, ValueRef};
use bumpalo::Bump;
use bumpalo::collections::{String as BumpString, Vec as BumpVec};

const WRONG: ValueRef<'static> = ValueRef::Invalid(Fault::TypeMismatch);
/// Stands for a sound trust vector that is not kept.
static UNKEPT: TrustVector = TrustVector([0.0; 6]);

/// What requests have that do not say it themselves: the `--caller` and `--realm` of a command line.
#[derive(Clone, Copy, Debug)]
pub struct Defaults<'a> {
    /// Missing, or a DID.
    pub caller: ValueRef<'a>,
    /// Missing, or text.
    pub realm: ValueRef<'a>,
}

impl<'a> Defaults<'a> {
    /// These two, where given.
    pub fn new(caller: Option<Did<'a>>, realm: Option<&'a str>) -> Defaults<'a> {
        Defaults {
            caller: caller.map_or(ValueRef::Missing, ValueRef::Did),
            realm: realm.map_or(ValueRef::Missing, ValueRef::Text),
        }
    }
}

impl Default for Defaults<'_> {
    fn default() -> Self {
        Defaults::new(None, None)
    }
}

/// Reads a request. Err where the line is no JSON object: that request's fault.
///
/// A key given twice is a TypeMismatch in its slot; keys that nobody knows only set [`Request::unknown_keys`].
pub fn decode<'a>(
    schema: &Schema,
    json: &'a [u8],
    bump: &'a Bump,
    defaults: Defaults<'a>,
) -> Result<Request<'a>, Fault> {
    let text = core::str::from_utf8(json).map_err(|_| Fault::TypeMismatch)?;
    let slots = bump.alloc_slice_fill_copy(schema.slots(), ValueRef::Missing);
    let unknown = object(schema, text, bump, slots).map_err(|NotJson| Fault::TypeMismatch)?;
    Ok(request(schema, slots, unknown, defaults))
}

/// What [`decode`] passed over: a JSON object with the members whose keys nobody knows, as they were written. None where there
/// are none, where that would be more than `most` bytes, or where the line is no JSON object.
pub fn unknown_members(schema: &Schema, json: &[u8], most: usize) -> Option<String> {
    let bump = Bump::new();
    let mut reader = Reader::new(core::str::from_utf8(json).ok()?, &bump);
    let found = members(schema, &mut reader, most);
    found.ok().flatten()
}

fn members(schema: &Schema, reader: &mut Reader<'_>, most: usize) -> Result<Option<String>, NotJson> {
    let mut found: Option<String> = None;
    reader.cursor.expect(b'{')?;
    let mut more = reader.cursor.any(b'}')?;
    while more {
        let start = reader.cursor.at()?;
        let key = reader.cursor.key()?;
        let known = reader.name(key).is_some_and(|name| schema.find(name.as_bytes(), 0).is_some());
        reader.cursor.skip()?;
        if !known {
            let member = reader.cursor.since(start);
            let all = found.get_or_insert_with(String::new);
            if all.len().saturating_add(member.len()).saturating_add(2) > most {
                return Ok(None);
            }
            all.push(if all.is_empty() { '{' } else { ',' });
            all.push_str(member);
        }
        more = reader.cursor.more(b'}')?;
    }
    reader.cursor.end()?;
    Ok(found.map(|all| all + "}"))
}

/// As [`decode`], but a line that is no JSON object becomes a request that any run faults with TypeMismatch. So the
/// machine decides here too: EffectNotAllowed comes before it, and the receipt names the version of the state.
pub fn decode_or_faulty<'a>(
    schema: &Schema,
    json: &'a [u8],
    bump: &'a Bump,
    defaults: Defaults<'a>,
) -> Request<'a> {
    decode(schema, json, bump, defaults).unwrap_or_else(|fault| faulty(schema, fault, bump))
}

/// A request whose every input is this fault.
pub fn faulty<'a>(schema: &Schema, fault: Fault, bump: &'a Bump) -> Request<'a> {
    let wrong = ValueRef::Invalid(fault);
    let inputs = bump.alloc_slice_fill_copy(schema.inputs(), wrong);
    Request { caller: wrong, ..Request::new(inputs) }
}

/// Puts the slots where they belong.
pub(super) fn request<'a>(
    schema: &Schema,
    slots: &'a [ValueRef<'a>],
    unknown_keys: bool,
    defaults: Defaults<'a>,
) -> Request<'a> {
    let (inputs, standard) = slots.split_at_checked(schema.inputs()).unwrap_or((slots, &[]));
    let standard = |index: usize, default| match standard.get(index) {
        None | Some(ValueRef::Missing) => default,
        Some(given) => *given,
    };
    Request {
        inputs,
        caller: standard(0, defaults.caller),
        realm: standard(1, defaults.realm),
        trust: standard(2, ValueRef::Missing),
        unknown_keys,
    }
}

/// Fills the slots; whether there was a key that nobody knows.
fn object<'a>(
    schema: &Schema,
    text: &'a str,
    bump: &'a Bump,
    slots: &mut [ValueRef<'a>],
) -> Result<bool, NotJson> {
    let mut reader = Reader::new(text, bump);
    let (mut unknown, mut hint) = (false, 0);
    reader.cursor.expect(b'{')?;
    let mut more = reader.cursor.any(b'}')?;
    while more {
        let key = reader.cursor.key()?;
        let found = match reader.name(key) {
            Some(name) => schema.find(name.as_bytes(), hint),
            None => None,
        };
        match found {
            Some((index, key)) => {
                hint = index + 1;
                match slots.get_mut(key.slot) {
                    Some(slot @ ValueRef::Missing) => *slot = reader.input(key.ty)?,
                    // Given twice. What it is no longer matters, and keeping it could be made to cost memory.
                    given => {
                        reader.cursor.skip()?;
                        if let Some(slot) = given {
                            *slot = WRONG;
                        }
                    }
                }
            }
            None => {
                unknown = true;
                reader.cursor.skip()?;
            }
        }
        more = reader.cursor.more(b'}')?;
    }
    reader.cursor.end()?;
    Ok(unknown)
}

/// Reads values of known types.
pub(super) struct Reader<'a> {
    cursor: Cursor<'a>,
    bump: &'a Bump,
    /// Array elements of the current input so far, nested ones counted.
    elements: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str, bump: &'a Bump) -> Reader<'a> {
        Reader { cursor: Cursor::new(text), bump, elements: 0 }
    }
    /// A text that is one value and nothing else (a cell of a CSV file).
    #[cfg(feature = "cli")]
    pub(super) fn whole(mut self, ty: Ty) -> ValueRef<'a> {
        match self.input(ty).and_then(|value| self.cursor.end().map(|()| value)) {
            Ok(value) => value,
            Err(NotJson) => WRONG,
        }
    }
    fn input(&mut self, ty: Ty) -> Result<ValueRef<'a>, NotJson> {
        self.elements = 0;
        self.value(ty)
    }
    /// Recurses as deeply as the type is nested, which is bounded.
    #[inline]
    fn value(&mut self, ty: Ty) -> Result<ValueRef<'a>, NotJson> {
        let first = self.cursor.peek()?;
        match (first, ty.elem(), ty.base()) {
            (b'n', ..) => self.cursor.word("null").map(|()| ValueRef::Null),
            (b'[', Some(elem), _) => self.array(elem),
            (b'-' | b'0'..=b'9', None, Base::Number) => self.cursor.number().map(ValueRef::Number),
            (b't', None, Base::Bool) => self.cursor.word("true").map(|()| ValueRef::Bool(true)),
            (b'f', None, Base::Bool) => self.cursor.word("false").map(|()| ValueRef::Bool(false)),
            (b'"', None, Base::Text) => {
                let raw = self.cursor.string()?;
                Ok(self.text(raw))
            }
            (b'"', None, Base::Did) => {
                let raw = self.cursor.string()?;
                Ok(match self.text(raw) {
                    ValueRef::Text(text) => Did::new(text).map_or(WRONG, ValueRef::Did),
                    // Too long for a string is too long for a DID.
                    _ => WRONG,
                })
            }
            (b'[', None, Base::Trust) => self.trust_numbers(),
            (b'{', None, Base::Trust) => self.trust_object(),
            _ => self.cursor.skip().map(|()| WRONG),
        }
    }
    /// Text without its escapes. What is too long is not copied; the machine judges what is borrowed.
    fn text(&self, text: RawText<'a>) -> ValueRef<'a> {
        if !text.escaped {
            return ValueRef::Text(text.raw);
        }
        match measure(text) {
            Some(bytes) if bytes > MAX_TEXT_BYTES => ValueRef::Invalid(Fault::ValueTooLarge),
            Some(bytes) => ValueRef::Text(self.unescape(text, bytes)),
            None => WRONG,
        }
    }
    /// A key without its escapes; None where it is no text.
    #[inline]
    fn name(&self, key: RawText<'a>) -> Option<&'a str> {
        if !key.escaped {
            return Some(key.raw);
        }
        measure(key).map(|bytes| self.unescape(key, bytes))
    }
    fn unescape(&self, text: RawText<'a>, bytes: usize) -> &'a str {
        let mut plain = BumpString::with_capacity_in(bytes, self.bump);
        plain.extend(text.chars().flatten());
        plain.into_bump_str()
    }

    fn array(&mut self, elem: Ty) -> Result<ValueRef<'a>, NotJson> {
        let before = self.elements;
        let mut items = BumpVec::new_in(self.bump);
        // Of the elements that are not kept, the first fault.
        let mut fault = None;
        self.cursor.expect(b'[')?;
        let mut more = self.cursor.any(b']')?;
        while more {
            self.elements += 1;
            let item = self.value(elem)?;
            if self.elements <= MAX_ARRAY_ELEMENTS {
                items.push(item);
            } else {
                // The input is too large already. The rest is read only because a wrong element is the fault before that.
                fault = fault.or_else(|| fault_of(item, elem));
            }
            more = self.cursor.more(b']')?;
        }
        if self.elements <= MAX_ARRAY_ELEMENTS {
            return Ok(ValueRef::Array(items.into_bump_slice()));
        }
        let fault = items.iter().find_map(|item| fault_of(*item, elem)).or(fault);
        let large = || (self.elements - before > MAX_ARRAY_ELEMENTS).then_some(Fault::ValueTooLarge);
        // Without a fault of its own this is an inner array, and one around it is too large.
        Ok(fault.or_else(large).map_or(ValueRef::Array(&[]), ValueRef::Invalid))
    }
    fn trust_numbers(&mut self) -> Result<ValueRef<'a>, NotJson> {
        let (mut vector, mut count, mut sound) = ([0.0; 6], 0, true);
        self.cursor.expect(b'[')?;
        let mut more = self.cursor.any(b']')?;
        while more {
            let component = self.component()?;
            match (component, vector.get_mut(count)) {
                (Some(x), Some(slot)) => *slot = x,
                _ => sound = false,
            }
            count = (count + 1).min(7);
            more = self.cursor.more(b']')?;
        }
        Ok(self.trust(vector, sound && count == 6))
    }
    fn trust_object(&mut self) -> Result<ValueRef<'a>, NotJson> {
        let (mut vector, mut seen, mut sound) = ([0.0; 6], 0u8, true);
        self.cursor.expect(b'{')?;
        let mut more = self.cursor.any(b'}')?;
        while more {
            let key = self.cursor.key()?;
            let name = self.name(key);
            let index = TrustVector::NAMES.iter().position(|known| Some(*known) == name);
            let component = self.component()?;
            match (component, index.and_then(|index| Some((index, vector.get_mut(index)?)))) {
                (Some(x), Some((index, slot))) if seen >> index & 1 == 0 => {
                    seen |= 1 << index;
                    *slot = x;
                }
                _ => sound = false,
            }
            more = self.cursor.more(b'}')?;
        }
        Ok(self.trust(vector, sound && seen == 0b11_1111))
    }
    fn component(&mut self) -> Result<Option<f64>, NotJson> {
        match self.cursor.peek()? {
            b'-' | b'0'..=b'9' => self.cursor.number().map(Some),
            _ => self.cursor.skip().map(|()| None),
        }
    }
    fn trust(&self, vector: [f64; 6], sound: bool) -> ValueRef<'a> {
        let vector = TrustVector(vector);
        if !sound {
            WRONG
        } else if self.elements <= MAX_ARRAY_ELEMENTS {
            ValueRef::Trust(self.bump.alloc(vector))
        } else {
            // An element that is only judged.
            fault_of(ValueRef::Trust(&vector), Ty::TRUST).map_or(ValueRef::Trust(&UNKEPT), ValueRef::Invalid)
        }
    }
}

/// Bytes of the text without its escapes; None where there is a lone surrogate.
fn measure(text: RawText<'_>) -> Option<usize> {
    text.chars().try_fold(0, |bytes, c| c.map(|c| bytes + c.len_utf8()))
}

/// What the machine will say of a value that was read as `ty` (`vm/input.rs` in the kernel); needed only for the elements of
/// arrays that are too large to be handed over.
pub(crate) fn fault_of(value: ValueRef<'_>, ty: Ty) -> Option<Fault> {
    match value {
        ValueRef::Invalid(fault) => Some(fault),
        ValueRef::Null if !ty.is_optional() => Some(Fault::TypeMismatch),
        ValueRef::Number(x) if !x.is_finite() => Some(Fault::TypeMismatch),
        ValueRef::Text(text) if text.len() > MAX_TEXT_BYTES => Some(Fault::ValueTooLarge),
        ValueRef::Trust(trust) if !trust.0.iter().all(|x| x.is_finite()) => Some(Fault::TypeMismatch),
        ValueRef::Trust(trust) if !trust.is_valid() => Some(Fault::DomainError),
        ValueRef::Array(items) => {
            let elem = ty.elem()?;
            items.iter().find_map(|item| fault_of(*item, elem))
        }
        _ => None,
    }
}
