//! Loops over lists of texts whose body does nothing but compare, as tables.
//!
//! What such a body does for an element follows from which of the constants in it the element is, and from answers that are
//! the same for all elements (what the action is, say). So the plan walks through the body once for each of these cases, and
//! notes what it costs and whether the loop goes on or where it is left; a run then looks up one note for each element.
//! Whatever a note does not cover (a text so long that it costs more, a body that does more) is left to the body, which is
//! still there: the run goes on at the instruction where the note ends, with the registers that the loop has there.

use super::REGISTERS;
use super::code::{LENGTH_SHIFT, Quick, QuickOp, TURNED};
use super::reads::set;
use crate::vm::memory::{CONSTANT, text_len};
use crate::vm::plan::DEAD;
use smallvec::SmallVec;

/// Most questions that do not depend on the element, and most constants that an element is compared with.
const QUESTIONS: usize = 3;
const CONSTANTS: usize = 7;
/// Most instructions of one way through a body.
const STEPS: usize = 64;
/// Indexes of constants that have a place in the table: `TextIn` asks about no others either.
const PLACES: u64 = 64;
/// In place of an instruction, of which there are fewer: a note's way leads to the next element.
const GO_ON: u16 = u16::MAX;
/// The same of a scan's: to the whole body, or behind the last element.
pub(super) const BODY: u16 = u16::MAX;
pub(super) const THROUGH: u16 = u16::MAX - 1;

/// What is done for an element.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Note {
    /// Units that jumps on the way add.
    units: i32,
    to: u16,
}

/// What an instruction asks: of a text whether it is a constant, or one of several; of a register whether it is true.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Is,
    In,
    Truth,
}

/// A question that does not depend on the element.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Question {
    kind: Kind,
    register: u8,
    /// See [`short`].
    short: u32,
    /// The constant, or the bits of several.
    k: u64,
}

/// A loop.
#[derive(Clone, Debug)]
pub(super) struct Scan {
    /// By the indexes of constants, where the notes of elements that are this constant stand in a row; 0 of any other.
    kinds: [u8; PLACES as usize],
    /// What has the same answer for all elements.
    questions: SmallVec<[Question; QUESTIONS]>,
    /// For each combination of their answers a row of notes.
    notes: Box<[Note]>,
    width: usize,
    /// Of elements, see [`short`]. What costs more, or is no text at all, the body is asked about.
    short: u32,
    /// Units of the loop's head, which are paid where there is no further element.
    head: u32,
}

fn kind(code: Quick) -> Option<Kind> {
    Some(match code {
        Quick::TextIs | Quick::TextIsJump | Quick::TextIsRequire | Quick::DidIs => Kind::Is,
        Quick::TextIn | Quick::TextInJump | Quick::TextInRequire | Quick::DidIn => Kind::In,
        Quick::JumpTrue | Quick::JumpFalse => Kind::Truth,
        _ => return None,
    })
}

/// One less than the most bytes of a text that costs what the code says.
fn short(op: &QuickOp) -> u32 {
    match op.code {
        Quick::DidIs | Quick::DidIn | Quick::JumpTrue | Quick::JumpFalse => u32::MAX,
        _ => u32::from(op.x >> LENGTH_SHIFT).saturating_sub(1),
    }
}

/// Whether a text is empty or none, or has more bytes than that.
#[inline(always)]
fn is_long(slot: u64, short: u32) -> bool {
    (text_len(slot) as u32).wrapping_sub(1) > short
}

/// Turns heads of loops that can be scanned into scans.
pub(super) fn find(ops: &mut [QuickOp]) -> Vec<Scan> {
    let mut scans = Vec::new();
    for head in 0..ops.len() {
        let is_head = ops.get(head).is_some_and(|op| op.code == Quick::NextElem);
        if let (true, Some(scan)) = (is_head, Scan::new(ops, head)) {
            if let Some(op) = ops.get_mut(head) {
                *op = QuickOp { code: Quick::Scan, k: scans.len() as u64, ..*op };
            }
            scans.push(scan);
        }
    }
    scans
}

impl Scan {
    fn new(ops: &[QuickOp], head: usize) -> Option<Scan> {
        let op = ops.get(head)?;
        // The index is the loop's alone: an element that takes its place says where the loop goes on.
        if op.x == op.a || op.x == op.b || op.a == op.b {
            return None;
        }
        let back = |other: &&QuickOp| {
            other.code == Quick::ElemNext
                && usize::from(other.to) == head + 1
                && (other.a, other.b, other.x) == (op.a, op.b, op.x)
        };
        let back = ops.iter().find(back)?;
        let (constants, questions) = Default::default();
        let mut walk = Walk { ops, head, element: op.x, constants, questions, short: u32::MAX };
        let notes = walk.notes()?;
        // Where no other text goes on by itself, there is nothing to win.
        let width = walk.constants.len() + 1;
        if !notes.iter().step_by(width).any(|note| note.to == GO_ON) {
            return None;
        }
        let mut kinds = [0; PLACES as usize];
        for (kind, index) in (1..).zip(&walk.constants) {
            *kinds.get_mut(*index as usize)? = kind;
        }
        let Walk { questions, short, .. } = walk;
        let head = u32::try_from(back.k).ok()?;
        Some(Scan { kinds, questions, notes: notes.into(), width, short, head })
    }

    /// Goes through the elements of a list where the loop has not begun yet: says what those that are done owe, and where to
    /// go on; the registers are as the loop has them there. As long as there is a next element they owe no more than `left`:
    /// where it would be more, the body has to look at the clock.
    #[inline(never)]
    pub(super) fn run(
        &self,
        op: &QuickOp,
        registers: &mut [u64; REGISTERS],
        items: &[u64],
        left: i64,
    ) -> (i64, u16) {
        let (mut index, mut units) = (0, 0i64);
        // Where nothing is noted for these registers, the first element is one for the body.
        let row = self.row(registers).and_then(|row| self.notes.get(row * self.width..));
        let (notes, mut to) = row.map_or((&[] as &[Note], BODY), |notes| (notes, THROUGH));
        for slot in if notes.is_empty() { &[] } else { items } {
            let place = (slot & 0xFFFF_FFFF) as usize;
            let kind = if slot & CONSTANT == 0 { None } else { self.kinds.get(place) };
            let Some(note) = notes.get(usize::from(kind.copied().unwrap_or(0))) else {
                to = BODY;
                break;
            };
            let next = units + i64::from(note.units);
            if note.to != GO_ON || is_long(*slot, self.short) || next > left {
                let known = note.to != GO_ON && !is_long(*slot, self.short);
                (units, to) = if known { (next, note.to) } else { (units, BODY) };
                break;
            }
            units = next;
            index += 1;
        }
        let is_through = to == THROUGH;
        let at = index - usize::from(is_through && index > 0);
        set(registers, op.x, items.get(at).copied().unwrap_or(0));
        set(registers, op.a, (index as f64).to_bits());
        (units + if is_through { i64::from(self.head) } else { 0 }, to)
    }

    /// The row of notes for these registers; None where an answer costs more than it is noted for.
    #[inline(always)]
    fn row(&self, registers: &[u64; REGISTERS]) -> Option<usize> {
        let mut row = 0;
        for (bit, question) in self.questions.iter().enumerate() {
            let slot = registers.get(usize::from(question.register)).copied().unwrap_or(0);
            if is_long(slot, question.short) {
                return None;
            }
            let holds = match question.kind {
                Kind::Is => slot == question.k,
                Kind::Truth => slot != 0,
                Kind::In => {
                    let place = slot & 0xFFFF_FFFF;
                    slot & CONSTANT != 0 && place < PLACES && question.k >> place & 1 == 1
                }
            };
            row |= usize::from(holds) << bit;
        }
        Some(row)
    }
}

/// The body of a loop, walked through.
struct Walk<'p> {
    ops: &'p [QuickOp],
    head: usize,
    /// The register of the element.
    element: u8,
    /// Indexes of the constants that it is compared with.
    constants: SmallVec<[u64; CONSTANTS]>,
    questions: SmallVec<[Question; QUESTIONS]>,
    short: u32,
}

/// Why there is no note.
enum Stop {
    /// Something was found that belongs to each note.
    Again,
    /// There is too much of it.
    Never,
}

impl Walk<'_> {
    /// All notes, row by row.
    fn notes(&mut self) -> Option<Vec<Note>> {
        'again: loop {
            let mut notes = Vec::new();
            for answers in 0..1 << self.questions.len() {
                for kind in 0..=self.constants.len() {
                    let constant = kind.checked_sub(1).and_then(|at| self.constants.get(at)).copied();
                    match self.note(constant, answers) {
                        Ok(note) => notes.push(note),
                        Err(Stop::Again) => continue 'again,
                        Err(Stop::Never) => return None,
                    }
                }
            }
            return Some(notes);
        }
    }

    /// The note of an element that is the constant of this index, or none of them, where questions are answered by these bits.
    fn note(&mut self, constant: Option<u64>, answers: usize) -> Result<Note, Stop> {
        let (mut pc, mut units) = (self.head + 1, 0i64);
        // What the way has put into registers, and where it stood before it did so.
        let mut known: SmallVec<[(u8, bool); 4]> = SmallVec::new();
        let mut before = None;
        let note =
            |units: i64, to: u16| Ok(Note { units: i32::try_from(units).map_err(|_| Stop::Never)?, to });
        for _ in 0..STEPS {
            let Some(op) = self.ops.get(pc).copied() else { break };
            let goes_on = op.code == Quick::ElemNext && usize::from(op.to) == self.head + 1;
            if goes_on && known.is_empty() {
                return note(units + i64::from(op.c), GO_ON);
            }
            let taken = match op.code {
                Quick::Nothing => false,
                Quick::Jump => true,
                code => {
                    let Some(truth) = self.truth(&op, constant, answers, &known)? else { break };
                    let turned = truth != (op.x & TURNED != 0);
                    match code {
                        Quick::JumpTrue => truth,
                        Quick::JumpFalse => !truth,
                        Quick::TextIsJump | Quick::TextInJump => turned,
                        Quick::TextIsRequire | Quick::TextInRequire if turned => false,
                        Quick::TextIsRequire | Quick::TextInRequire => break,
                        _ => {
                            before.get_or_insert((pc, units));
                            known.retain(|(register, _)| *register != op.a);
                            known.push((op.a, turned));
                            false
                        }
                    }
                }
            };
            if matches!(op.code, Quick::JumpTrue | Quick::JumpFalse) && op.x & DEAD != 0 {
                known.retain(|(register, _)| *register != op.a);
                before = before.filter(|_| !known.is_empty());
            }
            if taken && usize::from(op.to) <= pc {
                break;
            }
            units += if taken { i64::from(op.c) } else { 0 };
            pc = if taken { usize::from(op.to) } else { pc + 1 };
        }
        let (pc, units) = before.unwrap_or((pc, units));
        note(units, u16::try_from(pc).ok().filter(|to| *to < THROUGH).ok_or(Stop::Never)?)
    }

    /// The answer to a question, before it is turned round; None of what asks nothing of this kind.
    fn truth(
        &mut self,
        op: &QuickOp,
        constant: Option<u64>,
        answers: usize,
        known: &[(u8, bool)],
    ) -> Result<Option<bool>, Stop> {
        let Some(kind) = kind(op.code) else { return Ok(None) };
        let (register, k) = if kind == Kind::Truth { (op.a, 0) } else { (op.b, op.k) };
        if let Some((_, truth)) = known.iter().find(|(known, _)| *known == register) {
            return Ok((kind == Kind::Truth).then_some(*truth));
        }
        if register != self.element {
            let same = |other: &Question| (other.kind, other.register, other.k) == (kind, register, k);
            if let Some(at) = self.questions.iter().position(same) {
                // The same constants may stand in lists of different lengths.
                let question = self.questions.get_mut(at).ok_or(Stop::Never)?;
                question.short = question.short.min(short(op));
                return Ok(Some(answers >> at & 1 == 1));
            }
            if self.questions.len() == QUESTIONS {
                return Err(Stop::Never);
            }
            self.questions.push(Question { kind, register, short: short(op), k });
            return Err(Stop::Again);
        }
        self.short = self.short.min(short(op));
        let wanted = match kind {
            Kind::Is if k & 0xFFFF_FFFF < PLACES => 1 << (k & 0xFFFF_FFFF),
            Kind::In => k,
            _ => return Ok(None),
        };
        for index in (0..PLACES).filter(|index| wanted >> index & 1 == 1) {
            if self.constants.contains(&index) {
                continue;
            }
            if self.constants.len() == CONSTANTS {
                return Err(Stop::Never);
            }
            self.constants.push(index);
            return Err(Stop::Again);
        }
        Ok(Some(constant.is_some_and(|index| wanted >> index & 1 == 1)))
    }
}
