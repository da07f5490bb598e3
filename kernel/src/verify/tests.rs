//! What the verifier does by short ways, against the plain ones: types and sizes of constants, operands of instructions,
//! cycles that cost something.

use super::constants::Facts;
use super::plain::{Bases, Plain, of_constants};
use super::{Verified, Violation, operands};
use crate::gas::Schedule;
use crate::isa::{CONST_B, CONST_C, Instr, NO_CONST, Op, Role, Sig};
use crate::limits::{MAX_ARRAY_ELEMENTS, MAX_TEXT_BYTES};
use crate::program::{EffectKind, Function, Program};
use crate::span::Span;
use crate::types::{Base, Ty};
use crate::value::{TrustVector, Value};

/// xorshift
struct Rng(u64);

impl Rng {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

fn value(rng: &mut Rng, depth: u32) -> Value {
    match rng.below(if depth == 0 { 7 } else { 10 }) {
        0 | 1 => Value::Null,
        2 => Value::Number(rng.below(5) as f64),
        3 => Value::Bool(rng.below(2) == 0),
        4 => Value::Text("text".get(..rng.below(5) as usize).unwrap_or("").into()),
        5 => Value::Did("did:x:y".into()),
        6 => Value::Trust(TrustVector([0.5; 6])),
        _ => {
            // Mostly alike, so that types that fit are not rare.
            let like = value(rng, depth - 1);
            let n = rng.below(4);
            (0..n).map(|_| if rng.below(4) == 0 { value(rng, depth - 1) } else { like.clone() }).collect()
        }
    }
}

impl FromIterator<Value> for Value {
    fn from_iter<I: IntoIterator<Item = Value>>(items: I) -> Value {
        Value::Array(items.into_iter().collect())
    }
}

#[test]
fn types_and_sizes_of_constants_are_those_of_the_plain_walks() {
    let mut rng = Rng(7);
    let (mut fit, mut misfit) = (0, 0);
    for _ in 0..20_000 {
        let value = value(&mut rng, 4);
        let facts = Facts::of(&value).expect("all of these are sound");
        assert_eq!(facts.size(&value).text, value.text_bytes());
        assert_eq!(facts.size(&value).elements, value.elements());
        assert_eq!(facts.size(&value).bytes, value.bytes());
        for base in [Base::Number, Base::Bool, Base::Text, Base::Did, Base::Trust] {
            for depth in 0..5u8 {
                let optional = rng.below(1 << (depth + 1));
                let ty = Ty::from_parts(base as u8, depth, optional).expect("a type");
                assert_eq!(facts.is_of(ty), value.is_of(ty), "{value:?} of {ty}");
                *(if facts.is_of(ty) { &mut fit } else { &mut misfit }) += 1;
            }
        }
    }
    assert!(fit > 10_000 && misfit > 10_000, "{fit} {misfit}");
}

#[test]
fn types_as_deep_as_types_are() {
    let mut value = Value::Null;
    for depth in 0..=64u8 {
        let facts = Facts::of(&value).expect("sound");
        for deep in [depth.saturating_sub(1), depth, depth + 1] {
            for optional in [0, 1, u64::MAX >> (63 - deep.min(63)), 1 << deep.min(63)] {
                if let Some(ty) = Ty::from_parts(0, deep, optional) {
                    assert_eq!(facts.is_of(ty), value.is_of(ty), "{depth} of {ty}");
                }
            }
        }
        value = [value].into_iter().collect();
    }
}

#[test]
fn what_no_run_could_have_made_is_refused() {
    let text = |n: usize| Value::Text("x".repeat(n).into());
    let nulls = |n: usize| -> Value { vec![Value::Null; n].into_iter().collect() };
    assert!(Facts::of(&text(MAX_TEXT_BYTES)).is_some());
    assert!(Facts::of(&text(MAX_TEXT_BYTES + 1)).is_none());
    assert!(Facts::of(&nulls(MAX_ARRAY_ELEMENTS)).is_some());
    assert!(Facts::of(&nulls(MAX_ARRAY_ELEMENTS + 1)).is_none());
    let pair = |n: usize| -> Value { [nulls(n), nulls(n)].into_iter().collect() };
    assert!(Facts::of(&pair(MAX_ARRAY_ELEMENTS / 2 - 1)).is_some());
    assert!(Facts::of(&pair(MAX_ARRAY_ELEMENTS / 2)).is_none());
    assert!(Facts::of(&Value::Did("did:".into())).is_none());
    assert!(Facts::of(&Value::Trust(TrustVector([f64::NAN; 6]))).is_none());
}

/// Registers and constants of every kind, plain and not.
fn all_kinds(rng: &mut Rng) -> Program {
    let bases = [Ty::NUMBER, Ty::BOOL, Ty::TEXT, Ty::DID, Ty::TRUST, Ty::UNIT];
    let array = |ty: Ty| ty.array().expect("not too deep");
    let types: Vec<Ty> =
        bases.into_iter().flat_map(|ty| [ty, ty, ty.opt(), array(ty), array(ty.opt()).opt()]).collect();
    let function = |rng: &mut Rng, start, end| Function {
        name: "f".into(),
        params: rng.below(4) as u16,
        result: types.get(rng.below(types.len() as u64) as usize).copied().expect("one of them"),
        registers: types.clone(),
        start,
        end,
    };
    Program {
        name: "p".into(),
        expression: true,
        schedule: Schedule::V1,
        effect: [EffectKind::Pure, EffectKind::Read, EffectKind::Write][rng.below(3) as usize],
        mentions: rng.below(16) as u8,
        inputs: Vec::new(),
        constants: vec![
            Value::Number(1.0),
            Value::Bool(true),
            Value::Text("t".into()),
            Value::Did("did:x:y".into()),
            Value::Trust(TrustVector([0.5; 6])),
            Value::Null,
            [Value::Number(1.0)].into_iter().collect(),
            [].into_iter().collect(),
        ],
        functions: vec![function(rng, 0, 8), function(rng, 8, 12), function(rng, 12, 16)],
        code: vec![Instr::new(Op::Round, 0, 0, 0, 0); 16],
        spans: vec![Span::default(); 16],
    }
}

/// Whatever the short way through V2 and V3 lets pass, the table lets pass.
#[test]
fn what_the_short_way_lets_pass_is_sound() {
    let mut rng = Rng(11);
    let mut passed = vec![0u32; Op::ALL.len()];
    for _ in 0..2_000 {
        let p = all_kinds(&mut rng);
        let facts: Vec<Facts> = p.constants.iter().map(|v| Facts::of(v).expect("sound")).collect();
        let constants = of_constants(&facts);
        let f = &p.functions[rng.below(3) as usize];
        let mut registers = Bases::new();
        let plain = Plain::new(&p, f, &mut registers, &constants);
        let (count, start, end) = (f.registers.len() as u64, u64::from(f.start), u64::from(f.end));
        let anything = |rng: &mut Rng| match rng.below(4) {
            0 => [0, NO_CONST, NO_CONST - 1, count as u16, 8, 256, 0x8000][rng.below(7) as usize],
            1 => (start + rng.below(end - start + 2)).saturating_sub(1) as u16,
            2 => rng.below(1 << 16) as u16,
            _ => rng.below(count + 1) as u16,
        };
        // What suits a role, mostly: the kinds of all_kinds stand in the order of bases.
        let operand = |rng: &mut Rng, role: Role, constant: bool| {
            let base = match role {
                Role::W(sig) | Role::R(sig) | Role::RW(sig) | Role::V(sig) => match sig {
                    Sig::N => 0,
                    Sig::B => 1,
                    Sig::S => 2,
                    Sig::D => 3,
                    Sig::T => 4,
                    _ => rng.below(6),
                },
                _ => rng.below(6),
            };
            match role {
                _ if rng.below(8) == 0 => anything(rng),
                Role::None => 0,
                Role::Target => (start + rng.below(end - start)) as u16,
                Role::OptText if rng.below(2) == 0 => NO_CONST,
                Role::OptText => 2,
                Role::K => rng.below(8) as u16,
                Role::V(_) if constant => base as u16,
                Role::W(_) | Role::R(_) | Role::RW(_) | Role::V(_) => (5 * base + rng.below(3)) as u16,
                _ => anything(rng),
            }
        };
        for _ in 0..500 {
            let op = Op::ALL[rng.below(Op::ALL.len() as u64) as usize];
            let x = match rng.below(8) {
                0 => rng.below(256) as u8,
                1..=3 => 0,
                _ => rng.below(4) as u8,
            };
            let [a, b, c] = op.info().operands;
            let (b_constant, c_constant) = (x & CONST_B != 0, x & CONST_C != 0);
            let abc = [(a, false), (b, b_constant), (c, c_constant)];
            let [a, b, c] = abc.map(|(role, constant)| operand(&mut rng, role, constant));
            let instr = Instr::new(op, x, a, b, c);
            if plain.is_sound(instr) {
                assert_eq!(operands::check(&p, &facts, f, instr), Ok(()), "{instr:?} in {f:?} of {p:?}");
                passed[op as usize] += 1;
            }
        }
    }
    // It does let pass what it is for.
    let some = Op::ALL.iter().filter(|op| passed[**op as usize] > 0).count();
    let all: u32 = passed.iter().sum();
    assert!(some >= 56 && all > 100_000, "{some} opcodes, {all} instructions: {passed:?}");
}

/// A program of one function with a bool and a number in registers, for what follows.
fn loops(mentions: u8, code: &[(Op, u8, u16, u16, u16)]) -> Result<(), Violation> {
    let code: Vec<Instr> = code.iter().map(|(op, x, a, b, c)| Instr::new(*op, *x, *a, *b, *c)).collect();
    let function = Function {
        name: "p".into(),
        params: 0,
        result: Ty::BOOL,
        registers: vec![Ty::BOOL, Ty::NUMBER, Ty::NUMBER],
        start: 0,
        end: code.len() as u32,
    };
    let program = Program {
        name: "p".into(),
        expression: false,
        schedule: Schedule::V1,
        effect: EffectKind::Read,
        mentions,
        inputs: Vec::new(),
        constants: vec![Value::Bool(true), Value::Number(3.0)],
        functions: vec![function],
        spans: vec![Span::default(); code.len()],
        code,
    };
    Verified::new(program).map(|_| ()).map_err(|error| error.violation)
}

/// V5 is mostly seen on the way; what is not certain then is walked.
#[test]
fn cycles_that_cost_nothing_are_refused() {
    use Op::{Const, EntryTrust, Jump, LoopLess, Move, Return, Round};
    const TRUE: (Op, u8, u16, u16, u16) = (Const, 0, 0, 0, 0);
    const END: (Op, u8, u16, u16, u16) = (Return, 0, 0, 0, 0);
    const NUMBERS: [(Op, u8, u16, u16, u16); 3] = [TRUE, (Const, 0, 1, 1, 0), (Const, 0, 2, 1, 0)];
    let [one, two, three] = NUMBERS;
    let free = Err(Violation::FreeCycle);
    // Loading trust costs nothing where it is an input, and it may stand in a cycle.
    assert_eq!(loops(4, &[(EntryTrust, 0, 0, 0, 0), (Jump, 0, 0, 0, 0)]), free);
    assert_eq!(loops(0, &[TRUE, (Jump, 0, 0, 0, 1)]), free);
    assert_eq!(loops(0, &[TRUE, (Round, 0, 0, 0, 0), (Jump, 0, 0, 0, 1)]), Ok(()));
    let head = (LoopLess, 0, 1, 2, 6);
    assert_eq!(loops(0, &[one, two, three, head, (Round, 0, 0, 0, 0), (Jump, 0, 0, 0, 3), END]), Ok(()));
    assert_eq!(loops(0, &[one, two, three, head, (Move, 0, 1, 2, 0), (Jump, 0, 0, 0, 3), END]), free);
    // Two ways round, of which one is free; and one that is free only through both jumps.
    let ways = [one, two, three, (LoopLess, 0, 1, 2, 8), (LoopLess, 0, 1, 2, 6)];
    let rest = [(Round, 0, 0, 0, 0), (Move, 0, 1, 2, 0), (Jump, 0, 0, 0, 3), END];
    assert_eq!(loops(0, &[&ways[..], &rest[..]].concat()), free);
    let crossing = [
        one,
        two,
        three,
        (LoopLess, 0, 1, 2, 6),
        (Round, 0, 0, 0, 0),
        (Jump, 0, 0, 0, 3),
        (LoopLess, 0, 1, 2, 8),
    ];
    let rest = [(Jump, 0, 0, 0, 6), END];
    assert_eq!(loops(0, &[&crossing[..], &rest[..]].concat()), free);
    // What costs is walked only where it cannot be seen on the way: a free way from a head that another way round pays.
    let inner = [
        one,
        two,
        three,
        (LoopLess, 0, 1, 2, 8),
        (LoopLess, 0, 1, 2, 7),
        (Round, 0, 0, 0, 0),
        (Jump, 0, 0, 0, 4),
    ];
    let rest = [(Jump, 0, 0, 0, 3), END];
    assert_eq!(loops(0, &[&inner[..], &rest[..]].concat()), free);
    let rest = [(Jump, 0, 0, 0, 5), END];
    assert_eq!(loops(0, &[&inner[..], &rest[..]].concat()), Ok(()));
}
