//! An array that takes memory as it is used: segments of equal size, allocated when first needed, never moved, never
//! freed before the array is.
//!
//! A segment is published through a [`OnceLock`], so a reader gets it whole or not at all, without waiting. Threads that
//! need the same segment first at the same moment wait for the one that allocates it; that happens once a segment.

use crate::sync::OnceLock;

/// `cap` elements, in segments of `size`.
#[derive(Debug)]
pub(crate) struct Segments<T> {
    segments: Box<[OnceLock<Box<[T]>>]>,
    size: usize,
    cap: usize,
    make: fn() -> T,
}

impl<T> Segments<T> {
    /// An array of at most `cap` elements, each made by `make`. A size of 0 counts as 1.
    pub(crate) fn new(cap: usize, size: usize, make: fn() -> T) -> Segments<T> {
        let size = size.max(1);
        let segments = (0..cap.div_ceil(size)).map(|_| OnceLock::new()).collect();
        Segments { segments, size, cap, make }
    }
    /// Most elements.
    pub(crate) fn cap(&self) -> usize {
        self.cap
    }
    /// The element, where its segment is there.
    #[inline]
    pub(crate) fn get(&self, at: usize) -> Option<&T> {
        self.segments.get(at / self.size)?.get()?.get(at % self.size)
    }
    /// The element; allocates its segment. None at `cap` and beyond.
    #[inline]
    pub(crate) fn ensure(&self, at: usize) -> Option<&T> {
        match self.get(at) {
            Some(element) => Some(element),
            None => self.allocate(at),
        }
    }
    /// All segments that are there, each with the index of its first element.
    pub(crate) fn allocated(&self) -> impl Iterator<Item = (usize, &[T])> {
        self.segments
            .iter()
            .enumerate()
            .filter_map(|(n, segment)| segment.get().map(|elements| (n * self.size, &**elements)))
    }

    #[cold]
    fn allocate(&self, at: usize) -> Option<&T> {
        let segment = self.segments.get(at / self.size)?;
        let len = self.size.min(self.cap - at / self.size * self.size);
        segment.get_or_init(|| (0..len).map(|_| (self.make)()).collect()).get(at % self.size)
    }
}
