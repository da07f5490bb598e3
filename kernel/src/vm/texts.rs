//! The texts of a plan's constants: one allocation for all of them.

/// Texts by number.
#[derive(Clone, Debug, Default)]
pub(crate) struct Texts {
    /// One behind the other.
    bytes: String,
    /// Where each begins and ends.
    places: Vec<(usize, usize)>,
}

impl Texts {
    /// With room for so many texts of so many bytes together.
    pub(crate) fn with_capacity(texts: usize, bytes: usize) -> Texts {
        Texts { bytes: String::with_capacity(bytes), places: Vec::with_capacity(texts) }
    }
    /// Adds a text and gives its number.
    pub(crate) fn push(&mut self, text: &str) -> usize {
        let start = self.bytes.len();
        self.bytes.push_str(text);
        self.places.push((start, self.bytes.len()));
        self.places.len() - 1
    }
    /// The text of a number.
    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<&str> {
        let (start, end) = self.places.get(index)?;
        self.bytes.get(*start..*end)
    }
    /// How many there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }
}
