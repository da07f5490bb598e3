//! `.eclb`: programs as bytes.
//!
//! ```text
//! "ECLB"  version u16  schedule u8  SHA-256 of the rest  | number of policies u32, then each policy
//! ```
//! Integers are little-endian; lists and texts carry a u32 length first. The hash finds damage, not forgery: what is
//! read is verified before it runs, whatever its hash says.

use crate::gas::Schedule;
use crate::isa::Instr;
use crate::limits::{
    MAX_ARRAY_ELEMENTS, MAX_CONSTANTS, MAX_FUNCTIONS, MAX_INPUTS, MAX_INSTRUCTIONS, MAX_NESTING,
    MAX_POLICIES, MAX_PROGRAM_BYTES, MAX_REGISTERS, MAX_TEXT_BYTES,
};
use crate::program::{EffectKind, Function, Input, Program};
use crate::span::Span;
use crate::types::Ty;
use crate::value::{Did, TrustVector, Value};
use core::fmt;
use sha2::{Digest, Sha256};

/// The first four bytes of every file.
pub const MAGIC: [u8; 4] = *b"ECLB";
/// The version this code reads and writes.
pub const VERSION: u16 = 1;
const HEADER: usize = 4 + 2 + 1 + 32;

/// Why bytes are no program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DecodeErrorKind {
    /// The file does not begin with `ECLB`.
    NotBytecode,
    /// A version this code does not know.
    UnknownVersion(u16),
    /// A gas schedule this code does not know.
    UnknownSchedule(u8),
    /// The hash does not match: the file is damaged.
    Damaged,
    /// The file ends too early.
    Truncated,
    /// Bytes are left over at the end.
    TrailingBytes,
    /// Something is more than its limit: what, and the limit.
    TooLarge(&'static str, usize),
    /// A byte that means nothing here: what was expected.
    Malformed(&'static str),
}

/// Why bytes are no program, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DecodeError {
    /// Offset of the byte at which reading stopped.
    pub offset: usize,
    /// What is wrong.
    pub kind: DecodeErrorKind,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            DecodeErrorKind::NotBytecode => f.write_str("not ECL bytecode: it does not begin with `ECLB`"),
            DecodeErrorKind::UnknownVersion(v) => {
                write!(f, "bytecode version {v} is not known (this build reads {VERSION})")
            }
            DecodeErrorKind::UnknownSchedule(s) => write!(f, "gas schedule {s} is not known"),
            DecodeErrorKind::Damaged => f.write_str("the bytecode is damaged: its hash does not match"),
            DecodeErrorKind::Truncated => write!(f, "the bytecode ends too early, at byte {}", self.offset),
            DecodeErrorKind::TrailingBytes => write!(f, "bytes are left over at byte {}", self.offset),
            DecodeErrorKind::TooLarge(what, limit) => {
                write!(f, "too many {what} at byte {}: at most {limit}", self.offset)
            }
            DecodeErrorKind::Malformed(what) => write!(f, "malformed {what} at byte {}", self.offset),
        }
    }
}
impl std::error::Error for DecodeError {}

/// Programs as the bytes of an `.eclb` file.
pub fn encode(programs: &[&Program]) -> Vec<u8> {
    let mut w = Writer(Vec::with_capacity(256));
    w.len(programs.len());
    for program in programs {
        w.program(program);
    }
    let payload = w.0;
    let mut out = Vec::with_capacity(HEADER + payload.len());
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.push(Schedule::V1 as u8);
    out.extend_from_slice(&Sha256::digest(&payload));
    out.extend_from_slice(&payload);
    out
}

/// Whether bytes look like an `.eclb` file.
pub fn is_bytecode(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

/// The programs of an `.eclb` file, not verified yet. Memory stays within a small multiple of the file's size.
pub fn decode(bytes: &[u8]) -> Result<Vec<Program>, DecodeError> {
    let mut r = Reader { bytes, at: 0 };
    if bytes.len() > MAX_PROGRAM_BYTES {
        return Err(r.fail(DecodeErrorKind::TooLarge("bytes", MAX_PROGRAM_BYTES)));
    }
    if !is_bytecode(bytes) {
        return Err(r.fail(DecodeErrorKind::NotBytecode));
    }
    r.at = MAGIC.len();
    let version = u16::from_le_bytes(r.array()?);
    if version != VERSION {
        return Err(r.fail(DecodeErrorKind::UnknownVersion(version)));
    }
    let schedule = r.u8()?;
    if schedule != Schedule::V1 as u8 {
        return Err(r.fail(DecodeErrorKind::UnknownSchedule(schedule)));
    }
    let hash: [u8; 32] = r.array()?;
    let payload = bytes.get(r.at..).unwrap_or(&[]);
    if Sha256::digest(payload).as_slice() != hash.as_slice() {
        return Err(r.fail(DecodeErrorKind::Damaged));
    }
    let count = r.len("policies", MAX_POLICIES, 16)?;
    let programs = (0..count).map(|_| r.program()).collect::<Result<Vec<_>, _>>()?;
    if r.at != bytes.len() {
        return Err(r.fail(DecodeErrorKind::TrailingBytes));
    }
    Ok(programs)
}

struct Writer(Vec<u8>);

impl Writer {
    fn len(&mut self, n: usize) {
        self.u32(u32::try_from(n).unwrap_or(u32::MAX));
    }
    fn u32(&mut self, n: u32) {
        self.0.extend_from_slice(&n.to_le_bytes());
    }
    fn text(&mut self, s: &str) {
        self.len(s.len());
        self.0.extend_from_slice(s.as_bytes());
    }
    fn ty(&mut self, ty: Ty) {
        self.0.extend_from_slice(&[ty.base() as u8, ty.depth()]);
        self.0.extend_from_slice(&ty.optional_bits().to_le_bytes());
    }
    fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.0.push(0),
            Value::Number(n) => {
                self.0.push(1);
                self.0.extend_from_slice(&n.to_bits().to_le_bytes());
            }
            Value::Bool(b) => self.0.extend_from_slice(&[2, u8::from(*b)]),
            Value::Text(s) => {
                self.0.push(3);
                self.text(s);
            }
            Value::Did(s) => {
                self.0.push(4);
                self.text(s);
            }
            Value::Trust(t) => {
                self.0.push(5);
                for x in t.0 {
                    self.0.extend_from_slice(&x.to_bits().to_le_bytes());
                }
            }
            Value::Array(items) => {
                self.0.push(6);
                self.len(items.len());
                for item in items {
                    self.value(item);
                }
            }
        }
    }
    fn program(&mut self, p: &Program) {
        self.text(&p.name);
        self.0.extend_from_slice(&[u8::from(p.expression), p.effect as u8, p.mentions]);
        self.len(p.inputs.len());
        for input in &p.inputs {
            self.text(&input.name);
            self.ty(input.ty);
        }
        self.len(p.constants.len());
        for constant in &p.constants {
            self.value(constant);
        }
        self.len(p.functions.len());
        for f in &p.functions {
            self.text(&f.name);
            self.0.extend_from_slice(&f.params.to_le_bytes());
            self.ty(f.result);
            self.len(f.registers.len());
            for ty in &f.registers {
                self.ty(*ty);
            }
            self.u32(f.start);
            self.u32(f.end);
        }
        self.len(p.code.len());
        for instr in &p.code {
            self.0.extend_from_slice(&instr.to_bytes());
        }
        for span in &p.spans {
            self.u32(span.start);
            self.u32(span.end);
        }
    }
}

struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Reader<'b> {
    fn fail(&self, kind: DecodeErrorKind) -> DecodeError {
        DecodeError { offset: self.at, kind }
    }
    fn take(&mut self, n: usize) -> Result<&'b [u8], DecodeError> {
        let slice = self.at.checked_add(n).and_then(|end| self.bytes.get(self.at..end));
        let slice = slice.ok_or(self.fail(DecodeErrorKind::Truncated))?;
        self.at += n;
        Ok(slice)
    }
    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let slice = self.take(N)?;
        slice.try_into().map_err(|_| self.fail(DecodeErrorKind::Truncated))
    }
    fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array::<1>().map(|[b]| b)
    }
    fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_le_bytes)
    }
    fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_le_bytes)
    }
    fn f64(&mut self) -> Result<f64, DecodeError> {
        self.array().map(|b| f64::from_bits(u64::from_le_bytes(b)))
    }
    /// A list's length: at most `limit`, and no more than the bytes that are left can hold at `least` bytes each.
    fn len(&mut self, what: &'static str, limit: usize, least: usize) -> Result<usize, DecodeError> {
        let n = self.u32()? as usize;
        if n > limit {
            return Err(self.fail(DecodeErrorKind::TooLarge(what, limit)));
        }
        if n.saturating_mul(least) > self.bytes.len() - self.at {
            return Err(self.fail(DecodeErrorKind::Truncated));
        }
        Ok(n)
    }
    fn text(&mut self) -> Result<Box<str>, DecodeError> {
        let n = self.len("bytes of a text", MAX_TEXT_BYTES, 1)?;
        let bytes = self.take(n)?;
        core::str::from_utf8(bytes).map(Box::from).map_err(|_| self.fail(DecodeErrorKind::Malformed("text")))
    }
    fn ty(&mut self) -> Result<Ty, DecodeError> {
        let [base, depth] = self.array()?;
        let optional = u64::from_le_bytes(self.array()?);
        Ty::from_parts(base, depth, optional).ok_or(self.fail(DecodeErrorKind::Malformed("type")))
    }
    fn flag(&mut self) -> Result<bool, DecodeError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.fail(DecodeErrorKind::Malformed("truth value"))),
        }
    }
    fn value(&mut self, depth: usize) -> Result<Value, DecodeError> {
        Ok(match self.u8()? {
            0 => Value::Null,
            1 => Value::Number(self.f64()?),
            2 => Value::Bool(self.flag()?),
            3 => Value::Text(self.text()?),
            4 => {
                let text = self.text()?;
                if Did::new(&text).is_none() {
                    return Err(self.fail(DecodeErrorKind::Malformed("DID")));
                }
                Value::Did(text)
            }
            5 => {
                let mut components = [0.0; 6];
                for x in &mut components {
                    *x = self.f64()?;
                }
                let trust = TrustVector(components);
                if !trust.is_valid() {
                    return Err(self.fail(DecodeErrorKind::Malformed("trust vector")));
                }
                Value::Trust(trust)
            }
            6 if depth < MAX_NESTING => {
                let n = self.len("elements", MAX_ARRAY_ELEMENTS, 1)?;
                Value::Array((0..n).map(|_| self.value(depth + 1)).collect::<Result<_, _>>()?)
            }
            _ => return Err(self.fail(DecodeErrorKind::Malformed("constant"))),
        })
    }
    fn program(&mut self) -> Result<Program, DecodeError> {
        let name = self.text()?;
        let expression = self.flag()?;
        let effect = match self.u8()? {
            0 => EffectKind::Pure,
            1 => EffectKind::Read,
            2 => EffectKind::Write,
            _ => return Err(self.fail(DecodeErrorKind::Malformed("effect"))),
        };
        let mentions = self.u8()?;
        let n = self.len("inputs", MAX_INPUTS, 14)?;
        let mut inputs = Vec::with_capacity(n);
        for _ in 0..n {
            inputs.push(Input { name: self.text()?, ty: self.ty()? });
        }
        let n = self.len("constants", MAX_CONSTANTS, 1)?;
        let constants = (0..n).map(|_| self.value(0)).collect::<Result<_, _>>()?;
        let n = self.len("functions", MAX_FUNCTIONS, 28)?;
        let mut functions = Vec::with_capacity(n);
        for _ in 0..n {
            let name = self.text()?;
            let params = self.u16()?;
            let result = self.ty()?;
            let n = self.len("registers", MAX_REGISTERS, 10)?;
            let registers = (0..n).map(|_| self.ty()).collect::<Result<_, _>>()?;
            functions.push(Function {
                name,
                params,
                result,
                registers,
                start: self.u32()?,
                end: self.u32()?,
            });
        }
        let n = self.len("instructions", MAX_INSTRUCTIONS, 16)?;
        let mut code = Vec::with_capacity(n);
        for _ in 0..n {
            let bytes = self.array()?;
            code.push(Instr::from_bytes(bytes).ok_or(self.fail(DecodeErrorKind::Malformed("opcode")))?);
        }
        let mut spans = Vec::with_capacity(n);
        for _ in 0..n {
            spans.push(Span::new(self.u32()?, self.u32()?));
        }
        let schedule = Schedule::V1;
        Ok(Program {
            name,
            expression,
            schedule,
            effect,
            mentions,
            inputs,
            constants,
            functions,
            code,
            spans,
        })
    }
}
