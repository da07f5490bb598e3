//! Registers as columns: what a register holds in every lane of a chunk.
//!
//! A word column is one of three things: the same bits in every lane, a view of what the caller gave (nothing is copied),
//! or lanes of the chunk's own. The 64 bits are those of the scalar engine's registers (`vm/memory.rs`): a number's bits,
//! 0 or 1, the null pattern, or the id of a text or an array. They are kept as `f64` so that columns of numbers need no
//! copy; whoever wants the bits asks for them, and no arithmetic touches what is no number. A trust vector is six columns.
//! A bool that is never null is a set of lanes.

use super::masks;
use crate::value::TrustVector;

/// null, as registers hold it (`vm/memory.rs`).
pub const NULL: u64 = 0x7FF4_6E75_6C6C_0001;

/// One input of a portion of requests, by column. All slices are as long as the portion.
#[derive(Clone, Copy, Debug)]
pub enum InputColumn<'a> {
    /// The same bits for every request.
    Uniform(u64),
    /// The same vector for every request.
    UniformTrust(&'a TrustVector),
    /// Bits of each: a finite number, [`NULL`], the id of a text, DID or array; where the plan asks little of the input
    /// ([`super::LanePlan::asks`]), the word of a text or list.
    Words(&'a [f64]),
    /// Truth values.
    Bools(&'a [bool]),
    /// Trust vectors, component by component; where one is null, its first component is [`NULL`].
    Trust([&'a [f64]; 6]),
}

/// The inputs of a portion: the policy's own in order, then `caller`, `realm`, `trust`.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// One for each.
    pub columns: &'a [InputColumn<'a>],
    /// The first request of the chunk.
    pub first: usize,
    /// How many requests the chunk has.
    pub lanes: usize,
}

/// What a word column is at the moment.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Col {
    /// The same bits in every lane.
    K(u64),
    /// Lanes of its own.
    Own,
    /// A column of an input: the input times 8, plus the component of a vector.
    View(u32),
}

/// A column to be read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operand<'s> {
    K(f64),
    S(&'s [f64]),
}

impl Operand<'_> {
    #[inline]
    pub(crate) fn get(self, lane: usize) -> f64 {
        match self {
            Operand::K(k) => k,
            Operand::S(s) => s.get(lane).copied().unwrap_or(0.0),
        }
    }
    #[inline]
    pub(crate) fn bits(self, lane: usize) -> u64 {
        self.get(lane).to_bits()
    }
    pub(crate) fn uniform(self) -> Option<u64> {
        match self {
            Operand::K(k) => Some(k.to_bits()),
            Operand::S(_) => None,
        }
    }
}

/// An operand of an instruction, as the plan has it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Arg {
    None,
    /// A word column.
    Word(u32),
    /// A truth column.
    Bits(u32),
    /// The first of six word columns.
    Six(u32),
    /// Constant bits.
    K(u64),
    /// A constant vector.
    KSix([f64; 6]),
    /// The vector that was loaded for the DID of this input.
    Loaded(u32),
    /// The input `trust`: on host state what was loaded for the caller.
    Trust,
}

/// All columns of a chunk. Room is made once and kept.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    cols: Vec<Col>,
    own: Vec<Vec<f64>>,
    bits: Vec<u64>,
    words: usize,
    lanes: usize,
    spare: Vec<Vec<f64>>,
}

impl Columns {
    /// Ready for a chunk: every column is undefined (and reads as zero).
    pub(crate) fn begin(&mut self, columns: usize, truths: usize, lanes: usize) {
        self.lanes = lanes;
        self.words = masks::words(lanes);
        self.cols.clear();
        self.cols.resize(columns, Col::K(0));
        self.own.resize_with(columns.max(self.own.len()), Vec::new);
        self.bits.resize((truths * self.words).max(self.bits.len()), 0);
    }
    #[inline]
    pub(crate) fn truth(&self, at: u32) -> &[u64] {
        let from = at as usize * self.words;
        self.bits.get(from..from + self.words).unwrap_or(&[])
    }
    #[inline]
    pub(crate) fn truth_mut(&mut self, at: u32) -> &mut [u64] {
        let from = at as usize * self.words;
        self.bits.get_mut(from..from + self.words).unwrap_or(&mut [])
    }
    #[inline]
    pub(crate) fn set(&mut self, at: u32, col: Col) {
        if let Some(slot) = self.cols.get_mut(at as usize) {
            *slot = col;
        }
    }
    /// The column `at`.
    #[inline]
    pub(crate) fn column<'s>(&'s self, inputs: &Inputs<'s>, at: u32) -> Operand<'s> {
        match self.cols.get(at as usize) {
            Some(Col::Own) => {
                Operand::S(self.own.get(at as usize).and_then(|own| own.get(..self.lanes)).unwrap_or(&[]))
            }
            Some(Col::View(view)) => inputs.view(*view),
            Some(Col::K(k)) => Operand::K(f64::from_bits(*k)),
            None => Operand::K(0.0),
        }
    }
    /// A word operand.
    #[inline]
    pub(crate) fn word<'s>(&'s self, inputs: &Inputs<'s>, arg: Arg) -> Operand<'s> {
        match arg {
            Arg::Word(at) | Arg::Six(at) => self.column(inputs, at),
            Arg::K(k) => Operand::K(f64::from_bits(k)),
            Arg::KSix([first, ..]) => Operand::K(first),
            _ => Operand::K(0.0),
        }
    }
    /// A vector operand, component by component.
    pub(crate) fn six<'s>(&'s self, inputs: &Inputs<'s>, arg: Arg) -> [Operand<'s>; 6] {
        match arg {
            Arg::Six(at) => core::array::from_fn(|k| self.column(inputs, at + k as u32)),
            Arg::KSix(six) => six.map(Operand::K),
            // Without a host everyone is a newcomer, and `trust` is given, as the last of the inputs.
            Arg::Loaded(_) => TrustVector::NEWCOMER.0.map(Operand::K),
            Arg::Trust => {
                let last = inputs.columns.len().saturating_sub(1) as u32;
                core::array::from_fn(|k| inputs.view(last << 3 | k as u32))
            }
            _ => [Operand::K(f64::from_bits(NULL)); 6],
        }
    }
    /// A column to compute into, with a place for each lane. Give it back with `put` or `give_back`.
    pub(crate) fn take_spare(&mut self) -> Vec<f64> {
        let mut spare = self.spare.pop().unwrap_or_default();
        if spare.len() != self.lanes {
            spare.resize(self.lanes, 0.0);
        }
        spare
    }
    /// The column `at`, to be computed in place, where it has lanes of its own. Give it back with `give_own`.
    pub(crate) fn take_own(&mut self, at: u32) -> Option<Vec<f64>> {
        match self.cols.get(at as usize) {
            Some(Col::Own) => self.own.get_mut(at as usize).map(core::mem::take),
            _ => None,
        }
    }
    pub(crate) fn give_own(&mut self, at: u32, column: Vec<f64>) {
        if let Some(own) = self.own.get_mut(at as usize) {
            *own = column;
        }
    }
    pub(crate) fn give_back(&mut self, spare: Vec<f64>) {
        self.spare.push(spare);
    }
    /// Makes `new` the column `at`; where `keep` names lanes, the others keep what they have.
    pub(crate) fn put(&mut self, inputs: &Inputs<'_>, at: u32, mut new: Vec<f64>, keep: Option<&[u64]>) {
        if let Some(set) = keep {
            match self.column(inputs, at) {
                Operand::S(old) => masks::keep(&mut new, set, old),
                Operand::K(old) => masks::keep_k(&mut new, set, old),
            }
        }
        if let Some(own) = self.own.get_mut(at as usize) {
            core::mem::swap(own, &mut new);
        }
        self.set(at, Col::Own);
        self.spare.push(new);
    }
    /// Makes the column `at` the same bits in every lane; where `keep` names lanes, the others keep what they have.
    pub(crate) fn put_k(&mut self, inputs: &Inputs<'_>, at: u32, k: u64, keep: Option<&[u64]>) {
        match (keep, self.cols.get(at as usize)) {
            (None, _) => self.set(at, Col::K(k)),
            (Some(_), Some(Col::K(old))) if *old == k => {}
            (Some(set), _) => {
                let mut new = self.take_spare();
                new.fill(f64::from_bits(k));
                self.put(inputs, at, new, Some(set));
            }
        }
    }
    /// Copies a column.
    pub(crate) fn copy(&mut self, inputs: &Inputs<'_>, to: u32, from: Arg, keep: Option<&[u64]>) {
        let view = match from {
            Arg::Word(at) | Arg::Six(at) => self.cols.get(at as usize).copied(),
            _ => None,
        };
        if let (Some(view @ Col::View(_)), None) = (view, keep) {
            return self.set(to, view);
        }
        match self.word(inputs, from) {
            Operand::K(k) => self.put_k(inputs, to, k.to_bits(), keep),
            Operand::S(_) => {
                let mut new = self.take_spare();
                if let Operand::S(old) = self.word(inputs, from) {
                    new.copy_from_slice(old);
                }
                self.put(inputs, to, new, keep);
            }
        }
    }
    /// Sets a truth column in the lanes of `set`.
    pub(crate) fn put_truth(&mut self, at: u32, new: &[u64], set: &[u64]) {
        for ((old, new), set) in self.truth_mut(at).iter_mut().zip(new).zip(set) {
            *old = (new & set) | (*old & !set);
        }
    }
}

impl<'a> Inputs<'a> {
    /// A view of the chunk's part of a column.
    #[inline]
    pub(crate) fn view(&self, view: u32) -> Operand<'a> {
        let cut =
            |column: &'a [f64]| Operand::S(column.get(self.first..self.first + self.lanes).unwrap_or(&[]));
        match self.columns.get((view >> 3) as usize) {
            Some(InputColumn::Words(words)) => cut(words),
            Some(InputColumn::Trust(six)) => six.get((view & 7) as usize).map_or(Operand::K(0.0), |c| cut(c)),
            Some(InputColumn::Uniform(k)) => Operand::K(f64::from_bits(*k)),
            Some(InputColumn::UniformTrust(t)) => {
                Operand::K(t.0.get((view & 7) as usize).copied().unwrap_or(0.0))
            }
            _ => Operand::K(0.0),
        }
    }
}

/// A number's bits; every NaN that comes in is the plain one, so that none is mistaken for null.
#[must_use]
pub fn number_bits(n: f64) -> u64 {
    if n.is_nan() { f64::NAN.to_bits() } else { n.to_bits() }
}
