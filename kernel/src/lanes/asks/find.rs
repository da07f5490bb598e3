//! What a plan's instructions ask of an input, and the instructions that ask it of words.

use super::words::operand;
use super::{Asks, MOST, Of};
use crate::lanes::columns::Arg;
use crate::lanes::masks;
use crate::lanes::plan::{Code, LaneOp, NEGATED};
use crate::lanes::texts::{Arrays, Dictionary};
use smallvec::SmallVec;

/// What is known of a plan when its inputs are looked at.
pub(in crate::lanes) struct Constants<'p> {
    pub(in crate::lanes) texts: &'p Dictionary,
    pub(in crate::lanes) arrays: &'p Arrays,
    pub(in crate::lanes) lists: &'p [Vec<u64>],
}

/// Questions as they are found.
struct Finder<'p> {
    constants: &'p Constants<'p>,
    touching: &'p Touching,
    /// Ids of constants, and whether texts are to begin with them.
    questions: Vec<(u32, bool)>,
    /// Bytes of what texts, and lists, are compared with.
    texts: Vec<u64>,
    lists: Vec<u64>,
    /// Instructions as they will be.
    changed: Vec<(usize, LaneOp)>,
    /// Which input it is.
    input: u32,
}

/// What is asked of the text, or list of texts, that comes into this column as the input of this number; None where it is
/// more than that. The instructions that ask are changed into ones on words.
pub(in crate::lanes) fn find(
    ops: &mut [LaneOp],
    touching: &Touching,
    (input, column, is_list): (usize, u32, bool),
    constants: &Constants<'_>,
) -> Option<Asks> {
    let (questions, texts, lists) = Default::default();
    let input = u32::try_from(input).ok().filter(|input| *input < 1 << 24)?;
    let mut finder = Finder { constants, touching, questions, texts, lists, changed: Vec::new(), input };
    let of = if is_list { finder.list(ops, column)? } else { finder.text(ops, column)? };
    let text = |(id, starts): &(u32, bool)| (constants.texts.text(*id as usize), *starts);
    let questions: Vec<(&str, bool)> = finder.questions.iter().map(text).collect();
    let asks = Asks::new(of, &questions, &finder.texts, &finder.lists)?;
    for (at, op) in finder.changed {
        *ops.get_mut(at)? = op;
    }
    Some(asks)
}

/// Which instructions read or write each word column. Made once for a plan: each input looks at few of them.
pub(in crate::lanes) struct Touching(Vec<SmallVec<[u32; 4]>>);

impl Touching {
    pub(in crate::lanes) fn new(ops: &[LaneOp], columns: u32) -> Touching {
        let mut by_column = vec![SmallVec::new(); columns as usize];
        for (at, op) in (0..).zip(ops) {
            let mut add = |column: u32| {
                if let Some(touching) = by_column.get_mut(column as usize)
                    && touching.last() != Some(&at)
                {
                    touching.push(at);
                }
            };
            op.reads(&mut add);
            op.writes().into_iter().for_each(add);
        }
        Touching(by_column)
    }
    fn of(&self, column: u32) -> &[u32] {
        self.0.get(column as usize).map_or(&[], |touching| touching)
    }
}

/// Columns that hold the same things.
struct Columns {
    set: Vec<u64>,
    /// The instructions that read or write one of them, in order.
    touching: Vec<u32>,
}

impl Columns {
    /// These columns, and all that are copies of them: a copy may stand behind what reads it.
    fn new(ops: &[LaneOp], touching: &Touching, mut open: Vec<u32>) -> Columns {
        let mut columns = Columns { set: vec![0; masks::words(touching.0.len())], touching: Vec::new() };
        while let Some(column) = open.pop() {
            if columns.has(column) {
                continue;
            }
            masks::insert(&mut columns.set, column as usize);
            for at in touching.of(column) {
                columns.touching.push(*at);
                if let Some(LaneOp { code: Code::Copy, b: Arg::Word(b), a, .. }) = ops.get(*at as usize)
                    && *b == column
                {
                    open.push(*a);
                }
            }
        }
        columns.touching.sort_unstable();
        columns.touching.dedup();
        columns
    }
    fn has(&self, column: u32) -> bool {
        masks::has(&self.set, column as usize)
    }
    fn is_it(&self, arg: Arg) -> bool {
        matches!(arg, Arg::Word(at) if self.has(at))
    }
    /// Each instruction, and whether it reads one of them, and whether it writes one.
    fn each<'p>(&self, ops: &'p [LaneOp]) -> impl Iterator<Item = (usize, &'p LaneOp, bool, bool)> {
        self.touching.iter().filter_map(|at| {
            let op = ops.get(*at as usize)?;
            let mut reads = false;
            op.reads(|at| reads |= self.has(at));
            Some((*at as usize, op, reads, op.writes().is_some_and(|at| self.has(at))))
        })
    }
}

impl Finder<'_> {
    /// The bit of a question.
    fn bit(&mut self, id: u64, starts: bool) -> Option<u16> {
        let id = u32::try_from(id).ok().filter(|id| (*id as usize) < self.constants.texts.len())?;
        let question = (id, starts);
        let bit = self.questions.iter().position(|known| *known == question).unwrap_or_else(|| {
            self.questions.push(question);
            self.questions.len() - 1
        });
        (bit < MOST).then(|| 1 << bit)
    }

    fn text(&mut self, ops: &[LaneOp], column: u32) -> Option<Of> {
        self.texts(ops, &Columns::new(ops, self.touching, vec![column]), |_| false)?;
        Some(Of::Text)
    }

    /// Takes the questions about texts in these columns, which come there from elsewhere by instructions that `come`.
    fn texts(&mut self, ops: &[LaneOp], columns: &Columns, come: impl Fn(&LaneOp) -> bool) -> Option<()> {
        let is_it = |arg: Arg| columns.is_it(arg);
        for (at, op, reads, writes) in columns.each(ops) {
            match (op.code, op.b, op.c) {
                (Code::Copy, b, _) if is_it(b) == writes => {}
                _ if writes && !reads && come(op) => {}
                _ if writes => return None,
                _ if !reads => {}
                (Code::SameText, b, Arg::K(k)) | (Code::SameText, Arg::K(k), b) if is_it(b) => {
                    let mask = self.bit(k, false)?;
                    self.compared((at, op), b, mask, (0, self.constants.texts.len_of(k)))?;
                }
                (Code::TextStarts, b, Arg::K(k)) if is_it(b) => {
                    let mask = self.bit(k, true)?;
                    self.compared((at, op), b, mask, (0, self.constants.texts.len_of(k)))?;
                }
                (Code::Contains, b, Arg::K(array)) if is_it(b) => {
                    let list = self.constants.lists.get((op.x >> 8).checked_sub(1)? as usize)?;
                    let mask = list.iter().try_fold(0, |mask, item| Some(mask | self.bit(*item, false)?))?;
                    let (elements, bytes) = self.constants.arrays.totals(array);
                    self.compared((at, op), b, mask, (elements.div_ceil(8), bytes))?;
                }
                _ => return None,
            }
        }
        Some(())
    }
    fn compared(
        &mut self,
        (at, op): (usize, &LaneOp),
        b: Arg,
        mask: u16,
        (units, bytes): (u64, u64),
    ) -> Option<()> {
        self.texts.push(bytes);
        let c = operand(mask, u16::try_from(units).ok()?, u32::try_from(bytes).ok()?);
        self.changed.push((at, LaneOp { code: Code::Asked, b, c, x: op.x & NEGATED, ..*op }));
        Some(())
    }

    fn list(&mut self, ops: &[LaneOp], column: u32) -> Option<Of> {
        let lists = Columns::new(ops, self.touching, vec![column]);
        let is_it = |arg: Arg| lists.is_it(arg);
        let is_element = |op: &LaneOp| matches!(op.code, Code::Elem | Code::Index) && is_it(op.b);
        let (mut elements, mut searches, mut others) = (Vec::new(), Vec::new(), Vec::new());
        for (at, op, reads, writes) in lists.each(ops) {
            match (op.code, op.b, op.c) {
                (Code::Copy, b, _) if is_it(b) == writes => {}
                _ if writes => return None,
                _ if !reads => {}
                (Code::Contains, Arg::K(k), c) if is_it(c) => {
                    let (mask, bytes) = (self.bit(k, false)?, self.constants.texts.len_of(k));
                    self.lists.push(bytes);
                    searches.push((at, LaneOp { b: c, ..*op }, mask, u32::try_from(bytes).ok()?));
                }
                (Code::LoopMore, b, c) if is_it(c) && !is_it(b) => {
                    others.push((at, LaneOp { code: Code::MoreTexts, ..*op }));
                }
                (Code::ArrayLen, ..) => others.push((at, LaneOp { code: Code::TextsLen, ..*op })),
                _ if is_element(op) && !is_it(op.c) => {
                    elements.push(op.writes()?);
                    others.push((at, LaneOp { code: Code::TextAt, x: self.input << 8, ..*op }));
                }
                _ => return None,
            }
        }
        let of = if others.is_empty() { Of::Any } else { Of::Elements };
        if of == Of::Elements {
            self.texts(ops, &Columns::new(ops, self.touching, elements), is_element)?;
        }
        let searches = searches.into_iter().map(|(at, op, mask, bytes)| {
            let class = mask.trailing_zeros() as u16 + 1;
            let (code, units) = if of == Of::Any { (Code::Asked, 0) } else { (Code::HasText, class) };
            (at, LaneOp { code, c: operand(mask, units, bytes), x: 0, ..op })
        });
        self.changed.extend(searches.chain(others));
        Some(of)
    }
}
