//! Bytecode: damaged files, and programs that no compiler makes.

use super::{in_time, setting::*};
use eclvm::kernel::budget::BudgetLimits;
use eclvm::kernel::gas::Schedule;
use eclvm::kernel::isa::{CONST_C, Instr, NO_CONST, Op};
use eclvm::kernel::program::{EffectKind, Function, Input, Program};
use eclvm::kernel::request::{Env, Request};
use eclvm::kernel::span::Span;
use eclvm::kernel::types::Ty;
use eclvm::kernel::value::{Did, TrustVector, Value, ValueRef};
use eclvm::kernel::verify::{Verified, Violation};
use eclvm::kernel::vm::{Executable, Vm};
use eclvm::policy::{LoadError, Module};
use sha2::{Digest, Sha256};

const SMALL: &str = "const NAMES = [\"a\", \"b\"];
fn f(n: number, o: number?) -> number { if n <= 0 || o == null { return 0; } return f(n - 1, o) + o; }
policy p(who: did, xs: [number], o: number?) {
    let t = 0;
    for x in xs { if x > 3 { continue; } t = t + x / 2; }
    for i in 0..3 { t = t + i; log(\"x\" + \"y\"); }
    while t < 2 { t = t + 1; }
    require load_trust(who).r >= 0.1 && trust.omega < 2, \"no\";
    store_put(\"k\", t); emit \"e\", [t, o ?? 1];
    return any(x in xs, x in [1, 2]) || f(3, o) > 1 || realm in NAMES;
}";

/// Where the payload begins: magic, version, schedule, hash.
const HEADER: usize = 4 + 2 + 1 + 32;

#[test]
fn files_that_end_too_early() {
    let bytes = Module::compile(SMALL).unwrap().encode();
    assert!(Module::load(&bytes).is_ok());
    for n in 0..bytes.len() {
        assert!(matches!(Module::load(&bytes[..n]), Err(LoadError::Decode(_))), "{n} bytes");
        // With a hash that matches, too.
        if n > HEADER {
            assert!(Module::load(&with_hash(bytes[..n].to_vec())).is_err(), "{n} bytes");
        }
    }
    assert!(Module::load(&with_hash([&bytes[..], &[0]].concat())).is_err());
}

fn with_hash(mut bytes: Vec<u8>) -> Vec<u8> {
    let hash = Sha256::digest(&bytes[HEADER..]);
    bytes[7..HEADER].copy_from_slice(&hash);
    bytes
}

#[test]
fn every_bit_flipped() {
    let bytes = Module::compile(SMALL).unwrap().encode();
    let (mut refused, mut ran) = (0, 0);
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(Module::load(&flipped).is_err(), "bit {bit} is not missed by the hash");
        if bit / 8 < HEADER {
            continue;
        }
        // A forger fixes the hash; then it is the verifier's turn.
        match Module::load(&with_hash(flipped)) {
            Err(_) => refused += 1,
            Ok(module) => {
                ran += 1;
                for policy in module.policies() {
                    run(policy);
                }
            }
        }
    }
    assert!(refused > 1_000 && ran > 1_000, "{refused} refused, {ran} ran");
}

/// A few runs on all sorts of inputs. They end, whatever they do.
fn run(policy: &eclvm::Policy) {
    let number = [ValueRef::Number(1.0), ValueRef::Number(4.0)];
    let texts = [ValueRef::Text("a"), ValueRef::Text("")];
    let trust = TrustVector([0.5; 6]);
    let sets = [
        vec![ValueRef::Did(Did::new("did:x:bob").unwrap()), ValueRef::Array(&number), ValueRef::Number(2.0)],
        vec![ValueRef::Text("x"), ValueRef::Array(&texts), ValueRef::Null],
        vec![ValueRef::Trust(&trust), ValueRef::Array(&[]), ValueRef::Bool(true)],
        vec![],
    ];
    let limits = BudgetLimits { gas_limit: 2_000, ..BudgetLimits::default() };
    for inputs in sets {
        let setting = Setting { inputs, limits, ..on_state() };
        let receipt = setting.run(policy);
        assert!(receipt.cost <= 2_000);
    }
}

/// A policy of this code, with these registers, and the constants true, 1, "a" and [1].
fn program(registers: &[Ty], code: &[(Op, u8, u16, u16, u16)]) -> Program {
    Program {
        name: "p".into(),
        expression: false,
        schedule: Schedule::V1,
        effect: EffectKind::Pure,
        mentions: 0,
        inputs: Vec::new(),
        constants: vec![
            Value::Bool(true),
            Value::Number(1.0),
            Value::Text("a".into()),
            Value::Array([Value::Number(1.0)].into()),
        ],
        functions: vec![Function {
            name: "p".into(),
            params: 0,
            result: Ty::BOOL,
            registers: registers.to_vec(),
            start: 0,
            end: code.len() as u32,
        }],
        code: code.iter().map(|(op, x, a, b, c)| Instr::new(*op, *x, *a, *b, *c)).collect(),
        spans: vec![Span::default(); code.len()],
    }
}

#[track_caller]
fn refused(program: Program, violation: Violation) {
    match in_time(|| Verified::new(program)) {
        Ok(_) => panic!("not refused; expected {violation:?}"),
        Err(error) => assert_eq!(error.violation, violation),
    }
}

const B: Ty = Ty::BOOL;
const N: Ty = Ty::NUMBER;
const TRUE: (Op, u8, u16, u16, u16) = (Op::Const, 0, 0, 0, 0);
const END: (Op, u8, u16, u16, u16) = (Op::Return, 0, 0, 0, 0);

#[test]
fn programs_that_no_compiler_makes() {
    assert!(Verified::new(program(&[B], &[TRUE, END])).is_ok());
    // Jumps.
    refused(program(&[B], &[TRUE, (Op::Jump, 0, 0, 0, 9)]), Violation::Target);
    refused(program(&[B], &[TRUE, (Op::BrTrue, 0, 0, 0, 2), END][..2]), Violation::FallsThrough);
    refused(program(&[B], &[TRUE, (Op::Jump, 0, 0, 0, 1)]), Violation::FreeCycle);
    refused(program(&[B], &[TRUE, (Op::Move, 0, 0, 0, 0), (Op::Jump, 0, 0, 0, 1)]), Violation::FreeCycle);
    refused(program(&[B], &[TRUE, (Op::BrTrue, 0, 0, 0, 0), END]), Violation::FreeCycle);
    refused(program(&[B], &[TRUE, (Op::Jump, 0, 0, 0, 3), END, END]), Violation::Unreachable);
    refused(program(&[B], &[TRUE, END, END]), Violation::Unreachable);
    assert!(Verified::new(program(&[B], &[TRUE, (Op::Round, 0, 0, 0, 0), (Op::Jump, 0, 0, 0, 1)])).is_ok());
    // Registers.
    refused(program(&[B], &[END]), Violation::Uninitialised);
    refused(program(&[B], &[TRUE, (Op::Return, 0, 1, 0, 0)]), Violation::Register);
    let skips = [(Op::Const, 0, 1, 0, 0), (Op::JumpTrue, 0, 1, 0, 3), TRUE, END];
    refused(program(&[B, B], &skips), Violation::Uninitialised);
    // Types.
    refused(program(&[N], &[(Op::Const, 0, 0, 1, 0), END]), Violation::Type);
    refused(program(&[B], &[(Op::Const, 0, 0, 1, 0), END]), Violation::Type);
    refused(program(&[B, N], &[TRUE, (Op::Neg, 0, 1, 0, 0), END]), Violation::Type);
    refused(program(&[B], &[TRUE, (Op::Require, 0, 0, 1, 0), END]), Violation::Type);
    refused(program(&[B], &[TRUE, (Op::BrNull, 0, 0, 0, 2), END]), Violation::Type);
    refused(program(&[B, Ty::UNIT], &[TRUE, END]), Violation::Type);
    refused(program(&[B, N], &[TRUE, (Op::ArrayLen, 2, 1, 3, 0), END]), Violation::Operand);
    // Constants, functions, extra bytes.
    refused(program(&[B], &[(Op::Const, 0, 0, 9, 0), END]), Violation::Constant);
    refused(program(&[B], &[TRUE, (Op::Require, 0, 0, NO_CONST - 1, 0), END]), Violation::Constant);
    refused(program(&[B], &[(Op::Call, 0, 0, 0, 0), END]), Violation::Function);
    refused(program(&[B], &[(Op::Call, 0, 0, 1, 0), END]), Violation::Function);
    refused(program(&[B], &[(Op::Const, 1, 0, 0, 0), END]), Violation::Operand);
    refused(program(&[B], &[(Op::Const, 0, 0, 0, 1), END]), Violation::Operand);
    refused(program(&[B, N], &[TRUE, (Op::Field, 6, 1, 0, 0), END]), Violation::Operand);
    // The head.
    refused(program(&[B, N], &[TRUE, (Op::Std, 3, 1, 0, 0), END]), Violation::Mentions);
    refused(program(&[B, N], &[TRUE, (Op::MemberCount, 0, 1, 0, 0), END]), Violation::Effect);
    refused(program(&[B], &[(Op::EntryTrust, 0, 0, 0, 0), TRUE, END]), Violation::EntryTrust);
    refused(Program { mentions: 4, ..program(&[B], &[TRUE, END]) }, Violation::EntryTrust);
    refused(Program { mentions: 16, ..program(&[B], &[TRUE, END]) }, Violation::TooMany);
    refused(Program { spans: Vec::new(), ..program(&[B], &[TRUE, END]) }, Violation::SpanCount);
    refused(Program { functions: Vec::new(), ..program(&[B], &[TRUE, END]) }, Violation::Layout);
    let inputs = vec![Input { name: "x".into(), ty: N }];
    refused(Program { inputs, ..program(&[B], &[TRUE, END]) }, Violation::Layout);
    for value in [
        Value::Text("a".repeat(65_537).into()),
        Value::Did("x".into()),
        Value::Trust(TrustVector([f64::NAN; 6])),
        Value::Array(vec![Value::Null; 65_537].into()),
        Value::Array([Value::Did("did:".into())].into()),
    ] {
        refused(Program { constants: vec![value], ..program(&[B], &[TRUE, END]) }, Violation::ConstantValue);
    }
    let two = [(Op::Eq, CONST_C | 1, 0, 1, 1), END];
    refused(program(&[B], &two), Violation::Type);
}

#[test]
fn programs_that_are_dear_to_verify() {
    // Each instruction reads all registers of the largest frame.
    let elem = N.array().unwrap();
    let mut registers = vec![N; 4_094];
    registers.extend([elem, B]);
    let wide = |n: usize| {
        let mut code: Vec<_> = (0..4_094).map(|r| (Op::Const, 0, r, 1, 0)).collect();
        code.extend(std::iter::repeat_n((Op::ArrayLit, 0, 4_094, 0, 4_094), n));
        code.extend([(Op::Const, 0, 4_095, 0, 0), (Op::Return, 0, 4_095, 0, 0)]);
        program(&registers, &code)
    };
    assert!(in_time(|| Verified::new(wide(256))).is_ok());
    refused(wide(257), Violation::TooMany);
    refused(wide(61_000), Violation::TooMany);
    // Every second instruction is a jump to the next.
    let mut code = vec![TRUE];
    for i in 0..32_000u16 {
        code.push((Op::BrTrue, 0, 0, 0, i + 2));
    }
    code.push(END);
    let mut registers = vec![B];
    registers.extend(vec![N; 4_000]);
    assert!(in_time(|| Verified::new(program(&registers, &code))).is_ok());
}

/// No compiler lets an element take the place of its own index; the verifier does. A loop that was taken for a walk over all
/// elements ended elsewhere, at another price, or ended where it has no end.
#[test]
fn a_loop_whose_element_is_its_index() {
    let code = [
        (Op::Const, 0, 1, 1, 0),
        (Op::LoopMore, 0, 1, 0, 6),
        (Op::Round, 0, 0, 0, 0),
        (Op::Elem, 0, 1, 0, 1),
        (Op::Step, 0, 1, 0, 0),
        (Op::Jump, 0, 0, 0, 1),
        (Op::Eq, CONST_C, 2, 1, 2),
        (Op::Return, 0, 2, 0, 0),
    ];
    let list = Ty::NUMBER.array().unwrap();
    let mut looping = program(&[list, N, B], &code);
    looping.inputs = vec![Input { name: "l".into(), ty: list }];
    looping.constants = vec![Value::Bool(true), Value::Number(0.0), Value::Number(6.0)];
    for function in &mut looping.functions {
        function.params = 1;
    }
    let exe = Executable::new(Verified::new(looping).unwrap());
    let (mut one, mut other) = (Vm::new(), Vm::new());
    for list in [&[1.0, 9.0, 9.0][..], &[5.0], &[0.0], &[], &[7.0, 2.0]] {
        let list: Vec<ValueRef<'_>> = list.iter().map(|n| ValueRef::Number(*n)).collect();
        let inputs = [ValueRef::Array(&list)];
        let request = Request::new(&inputs);
        for gas_limit in [0, 1, 2, 3, 5, 60] {
            let limits = BudgetLimits { gas_limit, ..BudgetLimits::default() };
            let env = Env { limits, ..Env::default() };
            assert_eq!(
                one.run(&exe, &request, &env),
                other.run_fully(&exe, &request, &env),
                "{list:?} {gas_limit}"
            );
        }
    }
}
