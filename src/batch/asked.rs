//! Texts and lists of which a plan asks little ([`Asks`]): what there is to know of them is worked out where they lie, and most
//! of them need no place among the texts and arrays of a batch.

use super::intern::Interner;
use eclvm_kernel::lanes::{Asks, Element, Of};
use eclvm_kernel::limits::MAX_TEXT_BYTES;

/// The bits of a text of an input of which no more is asked than this; None where it is too long, or no text is wanted.
#[inline(always)]
pub(super) fn asked_text(asks: &Asks, text: &str) -> Option<u64> {
    (asks.of() == Of::Text && text.len() <= MAX_TEXT_BYTES).then(|| asks.text(text))
}

/// The bits of a list of an input of which no more is asked than this. None where one of its elements is none, where there is
/// no room, or no list is wanted.
#[inline(always)]
pub(super) fn asked_list<T>(
    interner: &mut Interner,
    asks: &Asks,
    items: &[T],
    element: impl Fn(&T, Of) -> Option<Element>,
) -> Option<u64> {
    asks.list(items, element, |words, bytes| interner.words(words, bytes))
}
