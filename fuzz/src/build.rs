//! Programs out of bytes: nearly sound ones from nothing, and compiled ones with a few places changed.
//!
//! Most of what is built verifies, which is the point: random bytes almost never do. Operands are picked by the types that
//! the instruction table asks for, all registers are set first, and loops are made whole; a wild operand now and then
//! keeps the verifier honest.

use crate::bytes::Bytes;
use eclvm::Module;
use eclvm_kernel::gas::Schedule;
use eclvm_kernel::isa::{CONST_B, CONST_C, Instr, NO_CONST, Op, Role, Sig, X};
use eclvm_kernel::program::{EffectKind, Function, Input, Program, StdInput};
use eclvm_kernel::span::Span;
use eclvm_kernel::types::Ty;
use eclvm_kernel::value::{TrustVector, Value};
use std::sync::OnceLock;

const NUMBERS: usize = 7;
const MOST_STEPS: usize = 40;

fn array(ty: Ty) -> Ty {
    ty.array().expect("not so deep")
}

/// Types of the registers behind the parameters where a program is to be small: scalars, and few of them, which is what
/// engines have short ways for.
fn scalars() -> &'static [Ty] {
    static SCALARS: OnceLock<Vec<Ty>> = OnceLock::new();
    SCALARS.get_or_init(|| {
        let mut all = vec![Ty::NUMBER; NUMBERS];
        let (number, bool, trust) = (Ty::NUMBER.opt(), Ty::BOOL.opt(), Ty::TRUST.opt());
        all.extend([Ty::BOOL, Ty::BOOL, Ty::TRUST, number, number, bool, trust]);
        all
    })
}

/// Types of the registers behind the parameters: numbers first, in a row, then two of each other type.
fn layout() -> &'static [Ty] {
    static LAYOUT: OnceLock<Vec<Ty>> = OnceLock::new();
    LAYOUT.get_or_init(|| {
        let mut all = vec![Ty::NUMBER; NUMBERS];
        for ty in [
            Ty::BOOL,
            Ty::TEXT,
            Ty::DID,
            Ty::TRUST,
            Ty::NUMBER.opt(),
            Ty::BOOL.opt(),
            Ty::TEXT.opt(),
            Ty::DID.opt(),
            Ty::TRUST.opt(),
            array(Ty::NUMBER),
            array(Ty::TEXT),
            array(Ty::NUMBER.opt()),
            array(array(Ty::NUMBER)),
            array(Ty::TRUST),
            array(Ty::NUMBER).opt(),
        ] {
            all.extend([ty, ty]);
        }
        all
    })
}

fn constant(ty: Ty, bytes: &mut Bytes<'_>, depth: usize) -> Value {
    if ty.is_optional() && bytes.byte().is_multiple_of(2) {
        return Value::Null;
    }
    if let Some(elem) = ty.elem() {
        let n = if depth > 1 { 1 } else { bytes.below(5) };
        return Value::Array((0..n).map(|_| constant(elem, bytes, depth + 1)).collect());
    }
    // The last is a signalling NaN: such bits may stand for something else in a machine's registers.
    const SIGNALLING: f64 = f64::from_bits(0x7FF4_6E75_6C6C_0001);
    const NUMBERS: &[f64] = &[
        0.0,
        1.0,
        2.0,
        3.0,
        -1.0,
        0.5,
        1e9,
        f64::NAN,
        f64::INFINITY,
        -0.0,
        9_007_199_254_740_992.0,
        SIGNALLING,
    ];
    const TEXTS: &[&str] =
        &["", "a", "kyc", "market", "loop", "sum", "k", "did:erynoa:self:bob", "a text of some length"];
    match ty.required() {
        Ty::BOOL => Value::Bool(bytes.byte().is_multiple_of(2)),
        Ty::TEXT => Value::Text(bytes.pick(TEXTS).into()),
        Ty::DID => Value::Did(bytes.pick(&["did:erynoa:self:bob", "did:erynoa:self:rich", "did:x:y"]).into()),
        Ty::TRUST => Value::Trust(TrustVector(std::array::from_fn(|_| f64::from(bytes.byte()) / 255.0))),
        _ => Value::Number(bytes.pick(NUMBERS)),
    }
}

/// A loop that is open: its head, the jump that leaves it, and its counter.
struct Open {
    head: usize,
    leave: usize,
    counter: u16,
}

struct Builder<'b, 'd> {
    bytes: &'b mut Bytes<'d>,
    constants: Vec<Value>,
    /// The type that each constant was made for.
    constant_types: Vec<Ty>,
    mentions: u8,
    /// Parameters and result of each function.
    signatures: Vec<(Vec<Ty>, Ty)>,
    registers: Vec<Ty>,
    /// Registers behind the parameters.
    layout: &'static [Ty],
    /// Nothing suited an operand of the instruction at hand.
    lost: bool,
    code: Vec<Instr>,
}

/// A program, which need not verify but mostly does.
pub(crate) fn program(bytes: &mut Bytes<'_>) -> Program {
    let small = bytes.byte().is_multiple_of(3);
    let layout = if small { scalars() } else { layout() };
    let expression = bytes.byte().is_multiple_of(4);
    let mentions = bytes.byte() & 15;
    let effect = bytes.pick(&[EffectKind::Write, EffectKind::Write, EffectKind::Read, EffectKind::Pure]);
    let body = if expression { bytes.pick(layout) } else { Ty::BOOL };
    let mut signatures = vec![((0..bytes.below(4)).map(|_| bytes.pick(layout)).collect(), body)];
    for _ in 0..if small { 0 } else { bytes.below(3) } {
        signatures.push((vec![Ty::NUMBER; bytes.below(4)], bytes.pick(layout)));
    }
    let mut b = Builder {
        bytes,
        constants: Vec::new(),
        constant_types: Vec::new(),
        mentions,
        signatures,
        registers: Vec::new(),
        layout,
        lost: false,
        code: Vec::new(),
    };
    // A parameter needs no constant, but every other register is set from one.
    for ty in layout.iter().skip(NUMBERS - 3).copied() {
        b.constants.push(constant(ty, b.bytes, 0));
        b.constant_types.push(ty);
    }
    let mut functions = Vec::new();
    for index in 0..b.signatures.len() {
        let start = b.code.len();
        let (params, result) = b.signatures[index].clone();
        b.registers = params.iter().chain(layout).copied().collect();
        b.function(index, params.len(), result);
        functions.push(Function {
            name: format!("f{index}").into(),
            params: params.len() as u16,
            result,
            registers: b.registers.clone(),
            start: start as u32,
            end: b.code.len() as u32,
        });
    }
    let inputs = b.signatures[0].0.iter().enumerate();
    let inputs = inputs.map(|(i, ty)| Input { name: format!("in{i}").into(), ty: *ty }).collect();
    let spans = vec![Span::new(0, 1); b.code.len()];
    let (constants, code) = (b.constants, b.code);
    let (name, schedule) = ("main".into(), Schedule::V1);
    Program { name, expression, schedule, effect, mentions, inputs, constants, functions, code, spans }
}

impl Builder<'_, '_> {
    fn emit(&mut self, op: Op, x: u8, [a, b, c]: [u16; 3]) {
        self.code.push(Instr::new(op, x, a, b, c));
    }
    /// One of the indices for which `suits`; where there is none, 0, and the instruction is lost.
    fn one_of(&mut self, of: usize, suits: impl Fn(&Self, usize) -> bool) -> u16 {
        let all: Vec<usize> = (0..of).filter(|i| suits(self, *i)).collect();
        self.lost |= all.is_empty();
        if all.is_empty() { 0 } else { self.bytes.pick(&all) as u16 }
    }
    fn register(&mut self, suits: impl Fn(Ty) -> bool) -> u16 {
        self.one_of(self.registers.len(), |b, i| suits(b.registers[i]))
    }
    fn register_of(&mut self, ty: Ty) -> u16 {
        self.register(|t| t == ty)
    }
    fn constant_of(&mut self, ty: Ty) -> u16 {
        self.one_of(self.constants.len(), |b, i| b.constant_types[i] == ty)
    }
    fn ty(&self, register: u16) -> Ty {
        self.registers[usize::from(register)]
    }

    fn function(&mut self, index: usize, params: usize, result: Ty) {
        if index == 0 && self.mentions >> StdInput::Trust as u8 & 1 == 1 {
            self.emit(Op::EntryTrust, 0, [0, 0, 0]);
        }
        for r in params..self.registers.len() {
            let k = self.constant_of(self.registers[r]);
            self.emit(Op::Const, 0, [r as u16, k, 0]);
        }
        let mut open: Vec<Open> = Vec::new();
        let mut forward: Vec<usize> = Vec::new();
        let mut steps = 0;
        while steps < MOST_STEPS && !self.bytes.is_empty() {
            steps += 1;
            match self.bytes.byte() {
                0..=19 => self.open_loop(&mut open),
                20..=39 if !open.is_empty() => self.close_loop(&mut open),
                // The end of the function, for now: where it leads is settled further on.
                40..=79 => {
                    let op = self.bytes.pick(&[
                        Op::BrTrue,
                        Op::BrFalse,
                        Op::JumpTrue,
                        Op::JumpFalse,
                        Op::BrNull,
                        Op::BrSome,
                    ]);
                    let a = match op {
                        Op::BrNull | Op::BrSome => self.register(Ty::is_optional),
                        _ => self.register_of(Ty::BOOL),
                    };
                    forward.push(self.code.len());
                    self.emit(op, 0, [a, 0, 0]);
                }
                80..=84 => {
                    let at = self.register_of(result);
                    let condition = self.register_of(Ty::BOOL);
                    let over = self.code.len() + 2;
                    self.emit(Op::JumpTrue, 0, [condition, 0, over as u16]);
                    self.emit(Op::Return, 0, [at, 0, 0]);
                }
                85..=128 => self.settle_jump(&mut forward),
                _ => self.instruction(),
            }
        }
        while !open.is_empty() {
            self.close_loop(&mut open);
        }
        while !forward.is_empty() {
            self.settle_jump(&mut forward);
        }
        let at = self.register_of(result);
        self.emit(Op::Return, 0, [at, 0, 0]);
    }

    fn settle_jump(&mut self, forward: &mut Vec<usize>) {
        let here = self.code.len() as u16;
        if let Some(from) = forward.pop() {
            self.code[from].c = here;
        }
    }
    fn open_loop(&mut self, open: &mut Vec<Open>) {
        let counter = self.register_of(Ty::NUMBER);
        if self.bytes.byte().is_multiple_of(2) {
            let k = self.constant_of(Ty::NUMBER);
            self.emit(Op::Const, 0, [counter, k, 0]);
        }
        let head = self.code.len();
        let leave = if self.bytes.byte().is_multiple_of(2) {
            let end = self.register_of(Ty::NUMBER);
            if self.bytes.byte().is_multiple_of(2) {
                self.emit(Op::RangeCheck, 0, [counter, end, 0]);
            }
            self.code.len()
        } else {
            head
        };
        if self.bytes.byte().is_multiple_of(2) || self.layout.len() == scalars().len() {
            let end = self.register_of(Ty::NUMBER);
            self.emit(Op::LoopLess, 0, [counter, end, 0]);
        } else {
            let over = self.register(|ty| ty.is_array() && !ty.is_optional());
            self.emit(Op::LoopMore, 0, [counter, over, 0]);
            self.emit(Op::Round, 0, [0, 0, 0]);
            let elem = self.ty(over).elem();
            let to = self.register(|ty| Some(ty) == elem);
            if Some(self.ty(to)) == elem {
                self.emit(Op::Elem, 0, [to, over, counter]);
            }
        }
        if !self.bytes.byte().is_multiple_of(8) {
            self.emit(Op::Round, 0, [0, 0, 0]);
        }
        open.push(Open { head, leave, counter });
    }
    fn close_loop(&mut self, open: &mut Vec<Open>) {
        let Some(Open { head, leave, counter }) = open.pop() else { return };
        if self.bytes.byte() % 8 != 1 {
            self.emit(Op::Step, 0, [counter, 0, 0]);
        }
        self.emit(Op::Jump, 0, [0, 0, head as u16]);
        self.code[leave].c = self.code.len() as u16;
    }

    fn instruction(&mut self) {
        let op = self.bytes.pick(Op::ALL);
        let info = op.info();
        self.lost = false;
        let jumps = info.operands.contains(&Role::Target);
        if jumps || matches!(op, Op::EntryTrust | Op::Return) {
            return;
        }
        let mut x = match info.x {
            X::Zero => 0,
            X::Component => self.bytes.byte() % 6,
            X::Flags => self.bytes.byte() & 3,
            X::Std => self.one_of(4, |b, i| b.mentions >> i & 1 == 1) as u8,
        };
        let mut operands = [0u16; 3];
        for (i, role) in info.operands.iter().enumerate() {
            let flag = if i == 1 { CONST_B } else { CONST_C };
            operands[i] = match role {
                Role::W(sig) | Role::R(sig) | Role::RW(sig) => self.register(|ty| suits(ty, *sig)),
                Role::V(sig) if x & flag != 0 => {
                    self.one_of(self.constants.len(), |b, i| suits(b.constant_types[i], *sig))
                }
                Role::V(sig) => self.register(|ty| suits(ty, *sig)),
                Role::Args(n, _) => {
                    let first = self.registers.len() - self.layout.len();
                    (first + self.bytes.below(NUMBERS + 1 - usize::from(*n))) as u16
                }
                Role::OptText
                    if self.bytes.byte().is_multiple_of(2) || self.layout.len() == scalars().len() =>
                {
                    NO_CONST
                }
                Role::K | Role::OptText if op == Op::Emit || op == Op::Require => self.constant_of(Ty::TEXT),
                _ => 0,
            };
            if matches!(role, Role::None | Role::W(_) | Role::R(_)) {
                x &= !flag_of(i);
            }
        }
        self.by_rule(op, &mut x, &mut operands);
        if self.lost {
            return;
        }
        if self.bytes.byte() == 255 {
            operands[self.bytes.below(3)] = self.bytes.word();
        }
        self.emit(op, x, operands);
    }

    /// Operands that depend on each other.
    fn by_rule(&mut self, op: Op, x: &mut u8, [a, b, c]: &mut [u16; 3]) {
        match op {
            Op::Const => *b = self.constant_of(self.ty(*a)),
            Op::Move => {
                let to = self.ty(*a);
                *b = self.register(|ty| ty.fits(to));
            }
            Op::Unwrap => {
                *b = self.register(Ty::is_optional);
                *a = self.register_of(self.ty(*b).required());
            }
            Op::Std => {
                let ty = StdInput::ALL[usize::from(*x)].ty();
                *a = self.register_of(ty);
            }
            Op::Elem | Op::Index => {
                let over = if op == Op::Index && *x & CONST_B != 0 {
                    self.constant_types[usize::from(*b)]
                } else {
                    self.ty(*b)
                };
                let elem = over.elem();
                *a = self.register(|ty| Some(ty) == elem);
            }
            Op::ArrayLit => {
                *a = self.register(|ty| ty.is_array() && !ty.is_optional());
                let Some(elem) = self.ty(*a).elem() else { return };
                *b = self.register(|ty| ty.fits(elem));
                let from = usize::from(*b);
                let run = self.registers[from..].iter().take_while(|ty| ty.fits(elem)).count();
                *c = self.bytes.below(run + 1) as u16;
            }
            Op::Eq | Op::Ne => {
                *x &= CONST_C;
                *b = self.register(|_| true);
                let ty = self.ty(*b);
                *c = if *x == 0 {
                    self.register(|t| t.required() == ty.required())
                } else {
                    self.constant_of(ty)
                };
            }
            Op::Contains => {
                *x &= CONST_C;
                let over = if *x == 0 { self.ty(*c) } else { self.constant_types[usize::from(*c)] };
                *b = self.register(|ty| over.elem().is_some_and(|elem| ty.fits(elem)));
            }
            Op::StorePut => {
                let ty = self.bytes.pick(&[Ty::NUMBER, Ty::TEXT, Ty::BOOL]);
                *c = if *x & CONST_C == 0 { self.register_of(ty) } else { self.constant_of(ty) };
            }
            Op::Call => {
                *b = 1 + self.bytes.below(self.signatures.len().saturating_sub(1).max(1)) as u16;
                let Some((params, result)) = self.signatures.get(usize::from(*b)).cloned() else { return };
                *a = self.register(|ty| result.fits(ty));
                let first = self.registers.len() - self.layout.len();
                *c = (first + self.bytes.below(NUMBERS + 1 - params.len())) as u16;
            }
            _ => {}
        }
    }
}

fn flag_of(index: usize) -> u8 {
    match index {
        1 => CONST_B,
        2 => CONST_C,
        _ => 0,
    }
}

fn suits(ty: Ty, sig: Sig) -> bool {
    match sig {
        Sig::N => ty == Ty::NUMBER,
        Sig::B => ty == Ty::BOOL,
        Sig::S => ty == Ty::TEXT,
        Sig::D => ty == Ty::DID,
        Sig::T => ty == Ty::TRUST,
        Sig::OptN => ty == Ty::NUMBER.opt(),
        Sig::OptS => ty == Ty::TEXT.opt(),
        Sig::OptB => ty == Ty::BOOL.opt(),
        Sig::Nums => ty == array(Ty::NUMBER),
        Sig::Array => ty.is_array() && !ty.is_optional(),
        Sig::Any => true,
    }
}

const SEEDS: &[&str] = &[
    include_str!("../seeds/source/bare.ecl"),
    include_str!("../seeds/source/loops.ecl"),
    include_str!("../seeds/source/writes.ecl"),
    include_str!("../seeds/source/multisig.ecl"),
    include_str!("../seeds/source/transfer.ecl"),
    include_str!("../seeds/source/roles.ecl"),
];

/// A compiled program with a few places changed.
pub(crate) fn changed(bytes: &mut Bytes<'_>) -> Program {
    static COMPILED: OnceLock<Vec<Program>> = OnceLock::new();
    let compiled = COMPILED.get_or_init(|| {
        let modules = SEEDS.iter().map(|seed| Module::compile(seed).expect("a seed compiles"));
        modules.flat_map(|m| m.policies().iter().map(|p| p.program().clone()).collect::<Vec<_>>()).collect()
    });
    let mut program = compiled[bytes.below(compiled.len())].clone();
    for _ in 0..1 + bytes.below(4) {
        change(&mut program, bytes);
    }
    program
}

fn change(program: &mut Program, bytes: &mut Bytes<'_>) {
    let at = bytes.below(program.code.len());
    let function = bytes.below(program.functions.len());
    let other = program.code[bytes.below(program.code.len())];
    let instr = &mut program.code[at];
    let near = |operand: u16, byte: u8| operand.wrapping_add(u16::from(byte % 9)).wrapping_sub(4);
    match bytes.byte() % 16 {
        0 => instr.op = bytes.pick(Op::ALL),
        1 => instr.x = bytes.byte() % 8,
        2..=4 => instr.a = near(instr.a, bytes.byte()),
        5..=7 => instr.b = near(instr.b, bytes.byte()),
        8..=10 => instr.c = near(instr.c, bytes.byte()),
        11 => *instr = other,
        12 => {
            *instr = Instr::new(bytes.pick(Op::ALL), bytes.byte(), bytes.word(), bytes.word(), bytes.word())
        }
        13 => {
            let registers = &mut program.functions[function].registers;
            let r = bytes.below(registers.len().max(1));
            if let Some(ty) = registers.get_mut(r) {
                *ty = bytes.pick(layout());
            }
        }
        14 if !program.constants.is_empty() => {
            let k = bytes.below(program.constants.len());
            let ty = bytes.pick(layout());
            program.constants[k] = constant(ty, bytes, 0);
        }
        _ => {
            let f = &mut program.functions[function];
            match bytes.byte() % 4 {
                0 => f.params = f.params.wrapping_add(1),
                1 => f.result = bytes.pick(layout()),
                2 => f.end = f.end.wrapping_sub(1),
                _ => program.mentions ^= 1 << bytes.below(8),
            }
        }
    }
}
