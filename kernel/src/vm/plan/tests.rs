//! Sources of programs that are dear to plan.

use super::Executable;
use crate::gas::Schedule;
use crate::isa::{CONST_C, Instr, Op};
use crate::program::{EffectKind, Function, Program};
use crate::span::Span;
use crate::types::Ty;
use crate::value::Value;
use crate::verify::Verified;
use std::time::{Duration, Instant};

/// A policy of these instructions, which write register 0.
fn program(constants: Vec<Value>, registers: Vec<Ty>, code: Vec<Instr>) -> Program {
    let end = code.len() as u32;
    let function = Function { name: "p".into(), params: 0, result: Ty::BOOL, registers, start: 0, end };
    Program {
        name: "p".into(),
        expression: false,
        schedule: Schedule::V1,
        effect: EffectKind::Write,
        mentions: 0,
        inputs: Vec::new(),
        constants,
        functions: vec![function],
        spans: vec![Span::default(); code.len()],
        code,
    }
}

#[test]
fn a_large_constant_that_every_emit_names_is_walked_once() {
    let array = Value::Array(vec![Value::Null; 60_000].into());
    let constants = vec![array, Value::Text("event".into()), Value::Bool(true)];
    let mut code = vec![Instr::new(Op::Emit, CONST_C, 0, 1, 0); 65_000];
    code.extend([Instr::new(Op::Const, 0, 0, 2, 0), Instr::new(Op::Return, 0, 0, 0, 0)]);
    let verified = Verified::new(program(constants, vec![Ty::BOOL], code)).unwrap();
    let started = Instant::now();
    let plan = Executable::new(verified);
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert_eq!(plan.types, [Ty::NUMBER.opt().array().unwrap()]);
}

#[test]
fn many_types_that_many_instructions_name_are_planned_in_linear_time() {
    // Types of twelve layers that differ in which of them are optional.
    let ty = |n: usize| {
        (0..12).fold(Ty::NUMBER, |ty, layer| {
            let array = ty.array().unwrap();
            if n >> layer & 1 == 1 { array.opt() } else { array }
        })
    };
    let last = crate::limits::MAX_REGISTERS - 1;
    let registers: Vec<Ty> = std::iter::once(Ty::BOOL).chain((1..=last).map(ty)).collect();
    let optional: Vec<u16> = (1..=last as u16).filter(|r| registers[usize::from(*r)].is_optional()).collect();
    let mut code: Vec<Instr> = optional.iter().map(|r| Instr::new(Op::Const, 0, *r, 0, 0)).collect();
    code.extend(optional.iter().cycle().take(60_000).map(|r| Instr::new(Op::Eq, 0, 0, *r, *r)));
    code.push(Instr::new(Op::Return, 0, 0, 0, 0));
    let verified = Verified::new(program(vec![Value::Null], registers, code)).unwrap();
    let started = Instant::now();
    let plan = Executable::new(verified);
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert_eq!(plan.types.len(), 60_000);
}
