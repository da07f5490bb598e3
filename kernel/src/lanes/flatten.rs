//! From portable code to one list of column instructions: functions inlined, registers placed in columns, constants put
//! in register form. What each instruction costs comes from the instruction table and stays with it.

mod instruction;

use super::columns::{Arg, NULL};
use super::plan::{Code, Exit, LaneOp, Unsupported};
use super::texts::{Arrays, Dictionary};
use crate::fault::{Exhaustion, Fault, Outcome};
use crate::gas::GasUnits;
use crate::isa::Op;
use crate::limits::{MAX_LANE_COLUMNS, MAX_LANE_INLINING, MAX_LANE_OPS};
use crate::program::{Function, Program};
use crate::types::{Base, Ty};
use crate::value::Value;
use std::collections::HashMap;

/// A policy laid flat.
pub(super) struct Flat {
    pub(super) ops: Vec<LaneOp>,
    pub(super) exits: Vec<Exit>,
    pub(super) columns: u32,
    pub(super) truths: u32,
    pub(super) memos: u32,
    pub(super) texts: Dictionary,
    pub(super) arrays: Arrays,
    /// Words of constant arrays, ascending, for looking up.
    pub(super) lists: Vec<Vec<u64>>,
    /// Where the inputs go.
    pub(super) inputs: Vec<Arg>,
    /// For each instruction, the one it jumps to.
    pub(super) targets: Vec<Option<u32>>,
    /// Instructions that make vectors.
    pub(super) makes: Vec<u32>,
}

/// Lays a policy flat.
pub(super) fn flatten(p: &Program) -> Result<Flat, Unsupported> {
    let body = p.functions.first().ok_or(Unsupported::Shape)?;
    let texty = |ty: Ty| ty.is_array() || matches!(ty.base(), Base::Text | Base::Did);
    if p.expression && texty(body.result) {
        return Err(Unsupported::Value);
    }
    let mut flattener = Flattener {
        p,
        flat: Flat {
            ops: Vec::new(),
            exits: Vec::new(),
            columns: 0,
            truths: 0,
            memos: 0,
            texts: Dictionary::default(),
            arrays: Arrays::default(),
            lists: Vec::new(),
            inputs: Vec::new(),
            targets: Vec::new(),
            makes: Vec::new(),
        },
        ids: HashMap::new(),
        memos: Vec::new(),
        open: Vec::new(),
        pc: 0,
        cost: (1, 0),
    };
    let places = flattener.places(body)?;
    flattener.flat.inputs = places.iter().take(p.inputs.len()).copied().collect();
    if p.inputs.iter().any(|input| input.ty.is_array() && !Arrays::suits(input.ty)) {
        return Err(Unsupported::Arrays);
    }
    flattener.function(0, body, &places, None)?;
    flattener.flat.memos = flattener.memos.len() as u32;
    Ok(flattener.flat)
}

struct Flattener<'p> {
    p: &'p Program,
    flat: Flat,
    ids: HashMap<&'p str, u32>,
    memos: Vec<(Op, u8, u64)>,
    /// Functions that are being inlined.
    open: Vec<u16>,
    pc: u32,
    /// Layer and units that the next instruction carries.
    cost: (u8, u32),
}

impl<'p> Flattener<'p> {
    /// A column, or several, for each register.
    fn places(&mut self, f: &Function) -> Result<Vec<Arg>, Unsupported> {
        let mut places = Vec::with_capacity(f.registers.len());
        for ty in &f.registers {
            let flat = &mut self.flat;
            places.push(match ty.base() {
                Base::Bool if !ty.is_optional() && !ty.is_array() => {
                    flat.truths += 1;
                    Arg::Bits(flat.truths - 1)
                }
                Base::Trust if !ty.is_array() => {
                    flat.columns += 6;
                    Arg::Six(flat.columns - 6)
                }
                _ => {
                    flat.columns += 1;
                    Arg::Word(flat.columns - 1)
                }
            });
        }
        let too_many = self.flat.columns > MAX_LANE_COLUMNS || self.flat.truths > MAX_LANE_COLUMNS;
        if too_many { Err(Unsupported::TooLarge) } else { Ok(places) }
    }

    fn push(&mut self, code: Code, a: Arg, b: Arg, c: Arg, x: u32) -> usize {
        let a = match a {
            Arg::Word(at) | Arg::Bits(at) | Arg::Six(at) => at,
            _ => 0,
        };
        let (layer, units) = core::mem::take(&mut self.cost);
        self.flat.ops.push(LaneOp { code, a, b, c, d: Arg::None, x, exit: 0, keep: false, layer, units });
        self.flat.targets.push(None);
        self.flat.ops.len() - 1
    }
    /// Gives the instruction pushed last an exit; the first one is the one it names.
    fn exit(&mut self, outcome: Outcome, message: Option<u16>, value: bool) -> Result<(), Unsupported> {
        let op = self.flat.ops.len() - 1;
        let span = match outcome {
            Outcome::Allow => None,
            _ => Some(self.p.spans.get(self.pc as usize).copied().unwrap_or_default()),
        };
        let id = u16::try_from(self.flat.exits.len()).ok().filter(|id| *id < u16::MAX);
        let id = id.ok_or(Unsupported::TooLarge)?;
        let first = self.flat.exits.iter().rev().take_while(|e| e.op == op as u32).count();
        let gas = GasUnits::ZERO;
        // A call that would be too deep is not charged.
        let charged = outcome != Outcome::Exhausted(Exhaustion::StackOverflow);
        self.flat.exits.push(Exit { outcome, message, span, gas, value, op: op as u32, charged });
        if let (Some(op), 0) = (self.flat.ops.get_mut(op), first) {
            op.exit = id;
        }
        Ok(())
    }
    fn fault(&mut self, fault: Fault) -> Result<(), Unsupported> {
        self.exit(Outcome::Fault(fault), None, false)
    }

    fn text(&mut self, text: &'p str) -> Result<u64, Unsupported> {
        if let Some(id) = self.ids.get(text) {
            return Ok(u64::from(*id));
        }
        let id = self.flat.texts.push(text).ok_or(Unsupported::TooLarge)?;
        self.ids.insert(text, id);
        Ok(u64::from(id))
    }
    fn word_of(&mut self, value: &'p Value) -> Result<u64, Unsupported> {
        Ok(match value {
            Value::Null => NULL,
            Value::Number(n) => super::columns::number_bits(*n),
            Value::Bool(b) => u64::from(*b),
            Value::Text(s) => {
                let id = self.text(s)?;
                self.flat.texts.measure(id as u32);
                id
            }
            Value::Did(s) => self.text(s)?,
            Value::Trust(_) => return Err(Unsupported::Arrays),
            Value::Array(items) => {
                if items.iter().any(|item| matches!(item, Value::Array(_) | Value::Trust(_))) {
                    return Err(Unsupported::Arrays);
                }
                let mut words = Vec::with_capacity(items.len());
                for item in items {
                    words.push(self.word_of(item)?);
                }
                let id = self.flat.arrays.push(words.into_iter(), value.text_bytes());
                u64::from(id.ok_or(Unsupported::TooLarge)?)
            }
        })
    }
    fn constant(&mut self, k: u16) -> Result<Arg, Unsupported> {
        let p = self.p;
        match p.constants.get(usize::from(k)).ok_or(Unsupported::Shape)? {
            Value::Trust(t) => Ok(Arg::KSix(t.0)),
            value => Ok(Arg::K(self.word_of(value)?)),
        }
    }
    /// The number of a table of answers for this question; equal questions share one.
    fn memo(&mut self, op: Op, side: u8, k: u64) -> u32 {
        let key = (op, side, k);
        let at = self.memos.iter().position(|memo| *memo == key).unwrap_or_else(|| {
            self.memos.push(key);
            self.memos.len() - 1
        });
        (at as u32 + 1) << 8
    }

    /// Lays one function flat; `result` is where its result goes, None for the body.
    fn function(
        &mut self,
        id: u16,
        f: &'p Function,
        places: &[Arg],
        result: Option<Arg>,
    ) -> Result<(), Unsupported> {
        if self.open.contains(&id) {
            return Err(Unsupported::Recursion);
        }
        if self.open.len() >= MAX_LANE_INLINING {
            return Err(Unsupported::TooLarge);
        }
        self.open.push(id);
        let (start, end) = (f.start as usize, f.end as usize);
        let first = self.flat.ops.len();
        let mut at = Vec::with_capacity(end - start);
        // Jumps by portable target; returns by None.
        let mut jumps: Vec<(usize, Option<u16>)> = Vec::new();
        for pc in start..end {
            let instr = self.p.code.get(pc).copied().ok_or(Unsupported::Shape)?;
            self.pc = pc as u32;
            at.push(self.flat.ops.len() as u32);
            self.instruction(f, places, instr, result, &mut jumps)?;
            if self.flat.ops.len() > MAX_LANE_OPS {
                return Err(Unsupported::TooLarge);
            }
        }
        let behind = self.flat.ops.len() as u32;
        for (op, target) in jumps {
            let to = match target {
                Some(pc) => at.get(usize::from(pc).wrapping_sub(start)).copied().ok_or(Unsupported::Shape)?,
                None => behind,
            };
            if let Some(slot) = self.flat.targets.get_mut(op) {
                *slot = Some(to);
            }
        }
        debug_assert!(first <= self.flat.ops.len());
        self.open.pop();
        Ok(())
    }

    /// `to = from`, whatever columns they are.
    fn copy(&mut self, to: Arg, from: Arg) {
        match (to, from) {
            (Arg::Bits(_), _) => self.push(Code::CopyTruth, to, from, Arg::None, 0),
            (Arg::Six(_), _) => self.push(Code::CopySix, to, from, Arg::None, 0),
            (_, Arg::Bits(_)) => self.push(Code::Widen, to, from, Arg::None, 0),
            _ => self.push(Code::Copy, to, from, Arg::None, 0),
        };
    }
}
