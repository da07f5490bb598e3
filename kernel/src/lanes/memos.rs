//! What hosts, and looks into texts, have answered so far: tables by the ids of texts, so that a lane's answer is one look.
//!
//! Each distinct DID is asked for once, and up to 64 in one call. Answers are kept until `forget`: one value of a host is one
//! version of the world (`HostInterface`), which gives the same answer to the same question.
//!
//! Truth values stand in bytes, numbers (and the norms of vectors) in columns. What is not known yet, or no number, has a
//! mark in their place. Gathering looks at all lanes, those that do not run too, which takes no choices; most often no mark
//! is met, and that is all. Only where one is, lanes that run are looked at one by one.

use super::columns::Operand;
use super::masks;
use super::ops;
use super::simd::wide;
use crate::host::{HostResult, RealmFacts};
use crate::ops::trust;
use crate::value::TrustVector;

/// A truth value: the answer is no.
pub(super) const NO: u8 = 1;
/// The answer is yes.
pub(super) const YES: u8 = 2;
/// There is none yet.
pub(super) const UNKNOWN: u8 = 4;
/// Asked for, and not answered.
const ASKED: u8 = 8;

/// In place of a number: none yet. A signalling NaN, which no arithmetic makes, and no input is.
const MARK: u64 = 0x7FF4_756E_6B6E_0000;
/// In place of a number: one beyond 2^53.
pub(super) const LARGE: f64 = f64::from_bits(MARK | 1);
/// In place of a number: asked for, and not answered.
const MARK_ASKED: u64 = MARK | 2;
/// Asks for these ids, and puts their answers into the table.
type Ask<'a, T> = dyn FnMut(&[usize], &mut [T]) -> HostResult<()> + 'a;

/// DIDs in one call.
pub(super) const TOGETHER: usize = 64;

/// What is known for each text: truth values or numbers.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) state: Vec<u8>,
    pub(super) numbers: Vec<f64>,
    /// What else the answers are about, where the plan does not know it.
    pub(super) about: Option<u64>,
}

/// A vector that shares no cache line with another.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
pub(super) struct Row(pub(super) [f64; 6]);

/// Vectors of DIDs, and their norms, which depend on nothing else.
#[derive(Debug, Default)]
pub(super) struct Vectors {
    pub(super) rows: Vec<Row>,
    pub(super) norms: Vec<f64>,
}

/// All answers.
#[derive(Debug, Default)]
pub(super) struct Memos {
    tables: Vec<Table>,
    pub(super) vectors: Vectors,
    /// The norms of the vectors of an input's DIDs, by lane: of this chunk.
    pub(super) by_lane: Vec<Vec<f64>>,
    /// The mean of all trust; the inner None where there is nobody.
    pub(super) mean: Option<Option<f64>>,
    /// The realm asked for last.
    pub(super) realm: Option<(u64, Option<RealmFacts>)>,
}

/// A place for each text.
pub(super) fn cover(numbers: &mut Vec<f64>, texts: usize) {
    numbers.resize(texts, f64::from_bits(MARK));
}

impl Vectors {
    pub(super) fn cover(&mut self, texts: usize) {
        self.rows.resize(texts.max(self.rows.len()), Row::default());
        cover(&mut self.norms, texts);
    }
    #[inline(always)]
    pub(super) fn six(&self, id: f64) -> [f64; 6] {
        self.rows.get(id.to_bits() as usize).map_or([0.0; 6], |row| row.0)
    }
}

/// Puts a vector and its norm into the place of an id.
pub(super) fn put_vector(rows: &mut [Row], norms: &mut [f64], id: usize, six: [f64; 6]) {
    if let (Some(row), Some(norm)) = (rows.get_mut(id), norms.get_mut(id)) {
        *row = Row(six);
        *norm = trust::norm(&TrustVector(six));
    }
}

impl Memos {
    pub(super) fn clear(&mut self) {
        for table in &mut self.tables {
            table.state.clear();
            table.numbers.clear();
            table.about = None;
        }
        self.vectors.norms.clear();
        self.mean = None;
        self.realm = None;
    }
    pub(super) fn begin(&mut self, tables: usize) {
        self.tables.resize_with(tables.max(self.tables.len()), Table::default);
    }
    /// The table of a question; questions count from 1.
    #[inline]
    pub(super) fn table(&mut self, question: u32) -> Option<&mut Table> {
        self.tables.get_mut((question as usize).checked_sub(1)?)
    }
}

/// Makes `yes` the lanes of `mask` whose answer is yes; says whether one of them may have none yet.
pub(super) fn truths(state: &[u8], ids: Operand<'_>, mask: &[u64], yes: &mut [u64]) -> bool {
    let of = |id: f64| state.get(id.to_bits() as usize).copied().unwrap_or(NO);
    let mut seen = 0;
    match ids {
        Operand::K(id) => {
            seen = of(id);
            yes.iter_mut().zip(mask).for_each(|(yes, mask)| *yes = if seen == YES { *mask } else { 0 });
        }
        Operand::S(ids) => {
            for ((yes, mask), ids) in yes.iter_mut().zip(mask).zip(ids.chunks(64)) {
                let mut word = 0u64;
                // Of few lanes one by one, else of all without a choice.
                if mask.count_ones() > 40 {
                    for id in ids.iter().rev() {
                        let state = of(*id);
                        seen |= state;
                        word = word << 1 | u64::from(state >> 1 & 1);
                    }
                } else {
                    masks::each(&[*mask], |lane| {
                        let state = ids.get(lane).map_or(NO, |id| of(*id));
                        seen |= state;
                        word |= u64::from(state >> 1 & 1) << lane;
                    });
                }
                *yes = word & mask;
            }
        }
    }
    seen & UNKNOWN != 0
}

/// The byte of each id; says which bits occur.
pub(super) fn gather_bytes(state: &[u8], ids: &[f64], out: &mut [u8]) -> u8 {
    let mut seen = 0;
    for (out, id) in out.iter_mut().zip(ids) {
        *out = state.get(id.to_bits() as usize).copied().unwrap_or(NO);
        seen |= *out;
    }
    seen
}

/// The lanes of `mask` that have no answer, into `set`.
pub(super) fn unanswered(state: &[u8], ids: Operand<'_>, mask: &[u64], set: &mut [u64]) {
    set.fill(0);
    masks::each(mask, |lane| {
        if state.get(ids.bits(lane) as usize) == Some(&UNKNOWN) {
            masks::insert(set, lane);
        }
    });
}

/// The numbers of these ids; says whether there is a mark among them.
pub(super) fn gather(numbers: &[f64], ids: Operand<'_>, out: &mut [f64]) -> bool {
    let of = move |id: f64| numbers.get(id.to_bits() as usize).copied().unwrap_or(0.0);
    match ids {
        Operand::K(id) => {
            out.fill(of(id));
            is_mark(of(id))
        }
        Operand::S(ids) => {
            // Not for the machine's width: eight loads of one instruction take longer than eight instructions.
            for (out, id) in out.iter_mut().zip(ids) {
                *out = of(*id);
            }
            let out = &*out;
            wide(
                #[inline(always)]
                move || out.iter().fold(false, |any, n| any | is_mark(*n)),
            )
        }
    }
}

#[inline(always)]
fn is_mark(n: f64) -> bool {
    n.to_bits() & !3 == MARK
}

/// The lanes of `mask` whose number is not known, into `set`; says whether there are any.
pub(super) fn unknown(numbers: &[f64], mask: &[u64], set: &mut [u64]) -> bool {
    ops::test(set, Operand::S(numbers), |n| n.to_bits() == MARK);
    masks::and(set, mask);
    masks::any(set)
}

/// Asks for the ids in the lanes of `set`, each once: `claim` says whether an id is still to be asked for and marks it,
/// `ask` takes up to 64 and puts in their answers, `free` takes back the mark of those that got none. Err where the host
/// errs.
fn ask_each<T>(
    table: &mut [T],
    set: &[u64],
    ids: Operand<'_>,
    claim: impl Fn(&mut T) -> bool,
    free: impl Fn(&mut T),
    ask: &mut Ask<'_, T>,
) -> HostResult<()> {
    let mut wanted = [0usize; TOGETHER];
    let mut n = 0;
    let mut result = Ok(());
    let mut flush = |wanted: &[usize], table: &mut [T]| {
        if result.is_ok() && !wanted.is_empty() {
            result = ask(wanted, table);
        }
        wanted.iter().for_each(|id| table.get_mut(*id).into_iter().for_each(&free));
    };
    masks::each(set, |lane| {
        let id = ids.bits(lane) as usize;
        if !table.get_mut(id).is_some_and(&claim) {
            return;
        }
        if let Some(slot) = wanted.get_mut(n) {
            *slot = id;
            n += 1;
        }
        if n == TOGETHER {
            flush(&wanted, table);
            n = 0;
        }
    });
    flush(wanted.get(..n).unwrap_or(&[]), table);
    result
}

/// Asks for truth values.
#[inline(never)]
pub(super) fn ask_truths(
    state: &mut [u8],
    set: &[u64],
    ids: Operand<'_>,
    ask: &mut Ask<'_, u8>,
) -> HostResult<()> {
    let claim = |state: &mut u8| *state == UNKNOWN && core::mem::replace(state, ASKED) == UNKNOWN;
    let free = |state: &mut u8| *state = if *state == ASKED { UNKNOWN } else { *state };
    ask_each(state, set, ids, claim, free, ask)
}

/// Asks for numbers.
#[inline(never)]
pub(super) fn ask_numbers(
    numbers: &mut [f64],
    set: &[u64],
    ids: Operand<'_>,
    ask: &mut Ask<'_, f64>,
) -> HostResult<()> {
    let swap = |n: &mut f64, from: u64, to: u64| {
        let is = n.to_bits() == from;
        *n = if is { f64::from_bits(to) } else { *n };
        is
    };
    ask_each(numbers, set, ids, |n| swap(n, MARK, MARK_ASKED), |n| _ = swap(n, MARK_ASKED, MARK), ask)
}

/// Distances of the vectors of these ids, in lanes of `mask` at least.
pub(super) fn distances(vectors: &Vectors, b: Operand<'_>, c: Operand<'_>, mask: &[u64], out: &mut [f64]) {
    let rows = vectors.rows.as_slice();
    match (b, c) {
        (Operand::S(b), Operand::S(c)) => wide(
            #[inline(always)]
            move || distance_loop(rows, (b, c), mask, out),
        ),
        _ => masks::each(mask, |lane| {
            if let Some(out) = out.get_mut(lane) {
                *out = distance(rows, b.get(lane), c.get(lane));
            }
        }),
    }
}
#[inline(always)]
fn distance_loop(rows: &[Row], (b, c): (&[f64], &[f64]), mask: &[u64], out: &mut [f64]) {
    for (((out, b), c), word) in out.chunks_mut(64).zip(b.chunks(64)).zip(c.chunks(64)).zip(mask) {
        let mut left = *word;
        while left != 0 {
            let lane = left.trailing_zeros() as usize;
            left &= left - 1;
            if let (Some(out), Some(b), Some(c)) = (out.get_mut(lane), b.get(lane), c.get(lane)) {
                *out = distance(rows, *b, *c);
            }
        }
    }
}
/// Component by component, added in the order in which the scalar engine adds them.
#[inline(always)]
fn distance(rows: &[Row], b: f64, c: f64) -> f64 {
    let (Some(Row(b)), Some(Row(c))) = (rows.get(b.to_bits() as usize), rows.get(c.to_bits() as usize))
    else {
        return 0.0;
    };
    let ([r, i, c, p, v, o], [r2, i2, c2, p2, v2, o2]) = (*b, *c);
    let (r, i, c, p, v, o) = (r - r2, i - i2, c - c2, p - p2, v - v2, o - o2);
    (r * r + i * i + c * c + p * p + v * v + o * o).sqrt()
}
