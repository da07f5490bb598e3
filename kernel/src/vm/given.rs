//! Handles of texts that stay where the request has them: nothing is copied, and no table is kept of them.
//!
//! ```text
//!  bit 31       set, and bit 32 (a constant) not
//!  bits 17..31  the input, or the caller or the realm
//!  bits 0..17   0: the input itself; else one more than the index of the element that is meant
//!  bits 33..    as in other handles of texts, the length in bytes
//! ```

use super::memory::LENGTH_SHIFT;
use crate::limits::MAX_ARRAY_ELEMENTS;
use crate::request::Request;
use crate::value::ValueRef;

const GIVEN: u64 = 1 << 31;
const INPUT_SHIFT: u32 = 17;
const MOST_INPUTS: u64 = 1 << (31 - INPUT_SHIFT);
const ELEMENT_MASK: usize = (1 << INPUT_SHIFT) - 1;
/// Stand in place of an input's index.
pub(crate) const CALLER: u64 = MOST_INPUTS - 1;
pub(crate) const REALM: u64 = MOST_INPUTS - 2;

const _: () = assert!(MAX_ARRAY_ELEMENTS <= ELEMENT_MASK);

/// The handle of a text that is input `index`, or the caller or the realm.
#[inline(always)]
pub(crate) fn handle(index: u64, text: &str) -> u64 {
    GIVEN | index << INPUT_SHIFT | (text.len() as u64) << LENGTH_SHIFT
}

/// The handle of a text that is element `element` of input `index`.
#[inline(always)]
pub(crate) fn element(index: u64, element: u64, text: &str) -> u64 {
    handle(index, text) + element + 1
}

/// What the low 32 bits of a handle stand for; nothing where they are none of this kind.
#[inline]
pub(crate) fn text<'a>(request: &Request<'a>, low: usize) -> &'a str {
    let one = |value: Option<&ValueRef<'a>>| match value {
        Some(ValueRef::Text(text)) => *text,
        Some(ValueRef::Did(did)) => did.as_str(),
        _ => "",
    };
    let index = low.wrapping_sub(GIVEN as usize) >> INPUT_SHIFT;
    match request.inputs.get(index) {
        Some(ValueRef::Array(items)) => one(items.get((low & ELEMENT_MASK).wrapping_sub(1))),
        None if index as u64 == CALLER => one(Some(&request.caller)),
        None if index as u64 == REALM => one(Some(&request.realm)),
        input => one(input),
    }
}
