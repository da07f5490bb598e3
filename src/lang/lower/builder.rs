//! Puts one function together: registers, constants, instructions, jumps.

use super::Shared;
use crate::lang::ast::ExprId;
use crate::lang::checked::{Body, BodyId, BodyKind, Checked, ConstId, LocalId, StdMask};
use eclvm_kernel::isa::{Instr, Op};
use eclvm_kernel::limits::{MAX_CONSTANTS, MAX_INSTRUCTIONS, MAX_REGISTERS};
use eclvm_kernel::program::StdInput;
use eclvm_kernel::span::Span;
use eclvm_kernel::types::Ty;
use eclvm_kernel::value::Value;
use smallvec::SmallVec;

/// A limit that a policy is over.
#[derive(Clone, Copy, Debug)]
pub(super) enum Overflow {
    Instructions,
    Registers,
    Constants,
    Functions,
    Inputs,
}

/// Where a value is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// In a register of somebody else's: a local, an input.
    Kept(u16),
    /// In a register that is free after its use.
    Temp(u16),
    /// In the constants.
    Const(u16),
}

impl Place {
    /// The register, or a constant's index.
    pub(super) fn operand(self) -> u16 {
        match self {
            Place::Kept(r) | Place::Temp(r) => r,
            Place::Const(k) => k,
        }
    }
    /// The register; callers have made sure that it is one.
    pub(super) fn register(self) -> u16 {
        self.operand()
    }
    pub(super) fn is_const(self) -> bool {
        matches!(self, Place::Const(_))
    }
}

/// The constants of a program, each folded value at most once.
pub(super) struct Constants {
    values: Vec<Value>,
    /// By [`ConstId`]: the program that last asked for it, and where it has it.
    known: SmallVec<[(u32, u16); 32]>,
    /// The number of the program, from 1 on: what the last one left in `known` needs no clearing.
    program: u32,
}

/// How far back numbers and truth values are compared, to share equal ones.
const SHARE_WINDOW: usize = 16;

impl Constants {
    pub(super) fn new(checked: &Checked) -> Constants {
        let mut constants = Constants { values: Vec::new(), known: SmallVec::new(), program: 0 };
        constants.known.resize(checked.constants.len(), (0, 0));
        constants
    }
    /// From here on, the constants are another program's.
    pub(super) fn begin(&mut self) {
        self.values.clear();
        self.values.reserve(16);
        self.program += 1;
    }
    pub(super) fn value(&mut self, value: Value) -> Result<u16, Overflow> {
        match self.shared(&value) {
            Some(at) => u16::try_from(at).map_err(|_| Overflow::Constants),
            None => self.add(value),
        }
    }
    /// Where a value stands already that is the same; looked for among the last ones only.
    fn shared(&self, value: &Value) -> Option<usize> {
        let window = self.values.len().saturating_sub(SHARE_WINDOW);
        let recent = self.values.get(window..).unwrap_or(&[]);
        Some(window + recent.iter().position(|v| same(v, value))?)
    }
    fn add(&mut self, value: Value) -> Result<u16, Overflow> {
        if self.values.len() >= MAX_CONSTANTS {
            return Err(Overflow::Constants);
        }
        self.values.push(value);
        u16::try_from(self.values.len() - 1).map_err(|_| Overflow::Constants)
    }
    pub(super) fn folded(&mut self, checked: &Checked, id: ConstId) -> Result<u16, Overflow> {
        if let Some((program, k)) = self.known.get(id.0 as usize)
            && *program == self.program
        {
            return Ok(*k);
        }
        let value = checked.constant(id).unwrap_or(&Value::Null);
        let k = match self.shared(value) {
            Some(at) => u16::try_from(at).map_err(|_| Overflow::Constants)?,
            None => self.add(value.clone())?,
        };
        if let Some(slot) = self.known.get_mut(id.0 as usize) {
            *slot = (self.program, k);
        }
        Ok(k)
    }
    pub(super) fn take(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.values)
    }
}

/// Whether a value need not be kept twice; arrays are, since comparing them would cost more than it saves.
#[inline]
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Text(a), Value::Text(b)) => a.len() == b.len() && a == b,
        (Value::Number(a), Value::Number(b)) if !a.is_nan() => a.to_bits() == b.to_bits(),
        (_, Value::Array(_)) => false,
        _ => std::mem::discriminant(a) == std::mem::discriminant(b) && a.same(b),
    }
}

/// A place in the code that jumps may go to before it is known.
#[derive(Clone, Copy)]
pub(super) struct Label(usize);

/// Where a label is; before that, the last jump to it. Each of these jumps has the one before it for a target, the
/// first one itself.
#[derive(Clone, Copy)]
enum LabelState {
    Nobody,
    Waiting(u16),
    At(u16),
}

/// A binding of the function.
#[derive(Clone, Copy, Default)]
struct Local {
    register: Option<u16>,
    /// Whether some statement assigns to it.
    assigned: bool,
}

/// The loops around a statement: where `continue` and `break` go.
#[derive(Clone, Copy)]
pub(super) struct Loop {
    pub(super) next: Label,
    pub(super) exit: Label,
}

pub(super) struct Builder<'s, 'a> {
    pub(super) shared: &'s mut Shared<'a>,
    pub(super) body: Option<&'a Body>,
    code: &'s mut Vec<Instr>,
    spans: &'s mut Vec<Span>,
    registers: Vec<Ty>,
    /// For each type, the register of it that became free last.
    free: SmallVec<[(Ty, Option<u16>); 8]>,
    /// For each register up to the highest one that was ever free: which of its type became free before it.
    freed_before: SmallVec<[Option<u16>; 32]>,
    /// Runs of registers for arguments that are free: first, count.
    free_runs: Vec<(u16, u16)>,
    locals: SmallVec<[Local; 16]>,
    standard: [Option<u16>; 4],
    labels: SmallVec<[LabelState; 16]>,
    pub(super) loops: Vec<Loop>,
    /// Whether control can get to the next instruction.
    pub(super) reachable: bool,
}

impl<'s, 'a> Builder<'s, 'a> {
    /// Always inlined: a builder is large, and is to be made where it stays.
    #[inline(always)]
    pub(super) fn new(
        shared: &'s mut Shared<'a>,
        id: BodyId,
        code: &'s mut Vec<Instr>,
        spans: &'s mut Vec<Span>,
    ) -> Builder<'s, 'a> {
        let body = shared.checked.body(id);
        let locals = body.map_or(0, |b| b.locals.len());
        let mut builder = Builder {
            shared,
            body,
            code,
            spans,
            registers: Vec::with_capacity(16),
            free: SmallVec::new(),
            freed_before: SmallVec::new(),
            free_runs: Vec::new(),
            locals: SmallVec::new(),
            standard: [None; 4],
            labels: SmallVec::new(),
            loops: Vec::new(),
            reachable: true,
        };
        builder.locals.resize(locals, Local::default());
        if let Some(body) = body {
            if body.kind == BodyKind::Function {
                let params = body.params.len as usize;
                builder.registers.extend(body.locals.iter().take(params));
                for (slot, register) in builder.locals.iter_mut().take(params).zip(0u16..) {
                    slot.register = Some(register);
                }
            } else {
                builder.registers.extend(builder.shared.inputs.iter().map(|i| i.ty));
            }
        }
        builder
    }
    /// Types of the registers, the name, the number of parameters and the result's type.
    pub(super) fn finish(&mut self) -> (Vec<Ty>, Box<str>, u16, Ty) {
        let registers = std::mem::take(&mut self.registers);
        let Some(body) = self.body else { return (registers, "".into(), 0, Ty::BOOL) };
        let params =
            if body.kind == BodyKind::Function { body.params.len as usize } else { self.shared.inputs.len() };
        let item = self.shared.ast.items.get(body.item as usize);
        let name = item.map_or("", |item| self.shared.ast.symbol(item.name));
        (registers, name.into(), u16::try_from(params).unwrap_or(u16::MAX), body.result)
    }

    pub(super) fn emit(&mut self, op: Op, x: u8, [a, b, c]: [u16; 3], span: Span) -> Result<(), Overflow> {
        if self.code.len() >= MAX_INSTRUCTIONS {
            return Err(Overflow::Instructions);
        }
        let instr = Instr::new(op, x, a, b, c);
        self.reachable = !instr.is_end();
        self.code.push(instr);
        self.spans.push(span);
        Ok(())
    }
    pub(super) fn expr_span(&self, id: ExprId) -> Span {
        self.shared.ast.expr(id).span
    }

    // Registers.

    /// A register of type `ty` that nobody uses.
    pub(super) fn allocate(&mut self, ty: Ty) -> Result<u16, Overflow> {
        if let Some((_, last)) = self.free.iter_mut().find(|(t, _)| *t == ty)
            && let Some(r) = *last
        {
            *last = self.freed_before.get(usize::from(r)).copied().flatten();
            return Ok(r);
        }
        self.fresh(ty)
    }
    fn fresh(&mut self, ty: Ty) -> Result<u16, Overflow> {
        if self.registers.len() >= MAX_REGISTERS {
            return Err(Overflow::Registers);
        }
        self.registers.push(ty);
        u16::try_from(self.registers.len() - 1).map_err(|_| Overflow::Registers)
    }
    pub(super) fn release(&mut self, register: u16) {
        let Some(ty) = self.registers.get(usize::from(register)).copied() else { return };
        let before = match self.free.iter_mut().find(|(t, _)| *t == ty) {
            Some((_, last)) => last.replace(register),
            None => {
                self.free.push((ty, Some(register)));
                None
            }
        };
        let at = usize::from(register);
        if self.freed_before.len() <= at {
            self.freed_before.resize(self.registers.len(), None);
        }
        if let Some(slot) = self.freed_before.get_mut(at) {
            *slot = before;
        }
    }
    /// Gives a temporary back.
    pub(super) fn done(&mut self, place: Place) {
        if let Place::Temp(r) = place {
            self.release(r);
        }
    }
    /// Consecutive registers of these types.
    pub(super) fn allocate_run(&mut self, types: &[Ty]) -> Result<(u16, u16), Overflow> {
        let count = u16::try_from(types.len()).map_err(|_| Overflow::Registers)?;
        let registers = &self.registers;
        let suits = |(first, n): &(u16, u16)| {
            let first = usize::from(*first);
            *n == count && registers.get(first..first + types.len()) == Some(types)
        };
        if let Some(at) = self.free_runs.iter().rposition(suits) {
            return Ok(self.free_runs.swap_remove(at));
        }
        let first = u16::try_from(self.registers.len()).map_err(|_| Overflow::Registers)?;
        for ty in types {
            self.fresh(*ty)?;
        }
        Ok((first, count))
    }
    pub(super) fn release_run(&mut self, run: (u16, u16)) {
        if run.1 > 0 {
            self.free_runs.push(run);
        }
    }
    pub(super) fn register_ty(&self, register: u16) -> Ty {
        self.registers.get(usize::from(register)).copied().unwrap_or(Ty::UNIT)
    }

    // Bindings and standard inputs.

    pub(super) fn local_ty(&self, local: LocalId) -> Ty {
        self.body.and_then(|b| b.locals.get(local.0 as usize)).copied().unwrap_or(Ty::UNIT)
    }
    pub(super) fn local(&self, local: LocalId) -> u16 {
        self.locals.get(local.0 as usize).and_then(|l| l.register).unwrap_or(0)
    }
    pub(super) fn bind(&mut self, local: LocalId, register: u16) {
        if let Some(slot) = self.locals.get_mut(local.0 as usize) {
            slot.register = Some(register);
        }
    }
    pub(super) fn mark_assigned(&mut self, local: LocalId) {
        if let Some(slot) = self.locals.get_mut(local.0 as usize) {
            slot.assigned = true;
        }
    }
    pub(super) fn is_assigned(&self, local: LocalId) -> bool {
        self.locals.get(local.0 as usize).is_none_or(|l| l.assigned)
    }
    /// Loads the standard inputs that the body mentions, once.
    pub(super) fn standard_inputs(&mut self, mentions: StdMask) -> Result<(), Overflow> {
        for std in StdInput::ALL.into_iter().filter(|std| mentions.has(*std)) {
            let register = self.fresh(std.ty())?;
            self.emit(Op::Std, std as u8, [register, 0, 0], Span::default())?;
            if let Some(slot) = self.standard.get_mut(std as usize) {
                *slot = Some(register);
            }
        }
        Ok(())
    }
    pub(super) fn standard(&self, std: StdInput) -> u16 {
        self.standard.get(std as usize).copied().flatten().unwrap_or(0)
    }

    // Jumps.

    pub(super) fn label(&mut self) -> Label {
        self.labels.push(LabelState::Nobody);
        Label(self.labels.len() - 1)
    }
    /// The label is here. Whoever waits for it gets here.
    pub(super) fn place(&mut self, label: Label) -> Result<(), Overflow> {
        let here = u16::try_from(self.code.len()).map_err(|_| Overflow::Instructions)?;
        let Some(state) = self.labels.get_mut(label.0) else { return Ok(()) };
        let mut waiting = match std::mem::replace(state, LabelState::At(here)) {
            LabelState::Waiting(last) => Some(last),
            _ => None,
        };
        self.reachable |= waiting.is_some();
        while let Some(pc) = waiting {
            let Some(instr) = self.code.get_mut(usize::from(pc)) else { break };
            let before = std::mem::replace(&mut instr.c, here);
            waiting = (before != pc).then_some(before);
        }
        Ok(())
    }
    /// A jump to a label, placed or not.
    pub(super) fn jump(&mut self, op: Op, a: u16, b: u16, to: Label, span: Span) -> Result<(), Overflow> {
        let here = u16::try_from(self.code.len()).map_err(|_| Overflow::Instructions)?;
        let target = match self.labels.get_mut(to.0) {
            Some(LabelState::At(at)) => *at,
            Some(state) => match std::mem::replace(state, LabelState::Waiting(here)) {
                LabelState::Waiting(before) => before,
                _ => here,
            },
            None => 0,
        };
        self.emit(op, 0, [a, b, target], span)
    }
}
