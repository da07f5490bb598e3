//! Columns of strings: one for each request, or a dictionary and keys into it.

/// Strings of a column: texts where the input is a text, DIDs where it is a DID. What is no well-formed DID then is a
/// TypeMismatch of its own request.
#[derive(Clone, Copy, Debug)]
pub struct Strings<'a> {
    texts: Texts<'a>,
    keys: Option<&'a [u32]>,
}

#[derive(Clone, Copy, Debug)]
enum Texts<'a> {
    Borrowed(&'a [&'a str]),
    Owned(&'a [Box<str>]),
}

impl<'a> Strings<'a> {
    /// One string for each request.
    #[must_use]
    pub fn new(texts: &'a [&'a str]) -> Strings<'a> {
        Strings { texts: Texts::Borrowed(texts), keys: None }
    }
    /// For each request the place of its string in a dictionary, which is looked at once for each of its strings however
    /// many requests name it. A key beyond the dictionary is a TypeMismatch of its request.
    #[must_use]
    pub fn interned(keys: &'a [u32], dictionary: &'a [&'a str]) -> Strings<'a> {
        Strings { texts: Texts::Borrowed(dictionary), keys: Some(keys) }
    }
    pub(super) fn owned(keys: &'a [u32], dictionary: &'a [Box<str>]) -> Strings<'a> {
        Strings { texts: Texts::Owned(dictionary), keys: Some(keys) }
    }
    /// How many requests it is for.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.map_or_else(|| self.distinct(), <[u32]>::len)
    }
    /// Whether it is for none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The string of a request; None where there is none.
    #[inline]
    #[must_use]
    pub fn get(&self, row: usize) -> Option<&'a str> {
        match self.keys {
            Some(keys) => self.text(*keys.get(row)? as usize),
            None => self.text(row),
        }
    }
    /// The keys, where there is a dictionary.
    pub(super) fn keys(&self) -> Option<&'a [u32]> {
        self.keys
    }
    /// How many strings the dictionary has.
    pub(super) fn distinct(&self) -> usize {
        match self.texts {
            Texts::Borrowed(texts) => texts.len(),
            Texts::Owned(texts) => texts.len(),
        }
    }
    /// A string of the dictionary.
    #[inline]
    pub(super) fn text(&self, at: usize) -> Option<&'a str> {
        match self.texts {
            Texts::Borrowed(texts) => texts.get(at).copied(),
            Texts::Owned(texts) => texts.get(at).map(|text| &**text),
        }
    }
}
