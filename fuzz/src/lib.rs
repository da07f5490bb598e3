//! Fuzz targets: what must hold of any input at all. Each is a plain function that panics where it does not hold, so that
//! libFuzzer, a seeded test and a replay of one file run the same code.
//!
//! - [`source`]: any text either compiles or is refused with sound diagnostics; what compiles verifies, comes back from
//!   bytecode as it was, and keeps the promises of a run.
//! - [`bytecode`]: any bytes either load or are refused; any program that verifies keeps the promises of a run.
//! - [`lanes`]: any program that verifies has the same receipts in lanes as by itself.
//! - [`differential`]: the reference interpreter and the engine give the same receipts.
//!
//! The promises of a run (`promises`): no panic, the same receipt every time and on every machine, no more gas than its
//! limits and than its static bound, the same receipt with exactly the gas that it took, exhausted with one unit less.

mod build;
mod bytes;
mod lanes;
mod promises;

use bytes::Bytes;
use eclvm::Module;
use eclvm::lang::diagnostic::{Diagnostic, Severity};
use eclvm::policy::CompileError;
use eclvm_kernel::encode;
use eclvm_kernel::limits::MAX_DIAGNOSTICS;
use eclvm_kernel::program::Program;
use eclvm_kernel::verify::Verified;
use eclvm_kernel::vm::Executable;
use eclvm_testkit::reference::with_room;
use eclvm_testkit::runner::Worker;
use eclvm_testkit::shrink::shrink;
use sha2::{Digest, Sha256};
use std::process::ExitCode;
use std::sync::Arc;

/// How far an input got. Tests look at it: inputs that are all refused at the door prove nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reached {
    /// Refused before anything ran.
    Refused,
    /// At least one policy ran.
    Ran,
}

/// Text in; policies that keep their promises, or diagnostics, out.
pub fn source(data: &[u8]) {
    source_reached(data);
}

/// As [`source`], and how far it got.
pub fn source_reached(data: &[u8]) -> Reached {
    let text = String::from_utf8_lossy(data);
    let module = match Module::compile(&text) {
        Ok(module) => module,
        Err(CompileError::Source(diagnostics)) => {
            assert!(diagnostics.iter().any(|d| d.severity == Severity::Error), "refused without an error");
            check_diagnostics(&text, &diagnostics);
            return Reached::Refused;
        }
        Err(CompileError::Select(error)) => panic!("a module was selected from: {error}"),
    };
    assert!(module.warnings().iter().all(|d| d.severity == Severity::Warning), "compiled with an error");
    check_diagnostics(&text, module.warnings());
    let encoded = module.encode();
    let loaded =
        Module::load(&encoded).unwrap_or_else(|error| panic!("what was compiled does not load: {error}"));
    // Bytes, not programs: a constant may be NaN, which no comparison finds equal.
    assert!(loaded.encode() == encoded, "bytecode changes on its way through a file");
    for (policy, again) in module.policies().iter().zip(loaded.policies()) {
        assert_eq!(policy.bound(), again.bound(), "a loaded policy has another bound");
        for span in &policy.program().spans {
            assert!(is_place(&text, span.start, span.end), "a span of the program is no place in the source");
        }
        promises::hold(policy.executable(), data);
    }
    Reached::Ran
}

fn is_place(text: &str, start: u32, end: u32) -> bool {
    start <= end && text.is_char_boundary(start as usize) && text.is_char_boundary(end as usize)
}

fn check_diagnostics(text: &str, diagnostics: &[Diagnostic]) {
    // One more says that there are more.
    assert!(diagnostics.len() <= MAX_DIAGNOSTICS + 1, "{} diagnostics", diagnostics.len());
    for diagnostic in diagnostics {
        assert_ne!(
            diagnostic.code, "E0201",
            "the compiler made what does not verify: {}",
            diagnostic.message
        );
        let labels = diagnostic.labels.iter().map(|label| label.span);
        let suggestion = diagnostic.suggestion.iter().map(|suggestion| suggestion.span);
        for span in std::iter::once(diagnostic.span).chain(labels).chain(suggestion) {
            assert!(is_place(text, span.start, span.end), "{} is at no place in the source", diagnostic.code);
        }
    }
}

/// Bytes in; programs that keep their promises, or a refusal, out. The first byte says how the rest is read: as a file,
/// as a file whose hash is mended first, as the choices of a program that is nearly sound, or as changes to a compiled one.
pub fn bytecode(data: &[u8]) {
    bytecode_reached(data);
}

/// As [`bytecode`], and how far it got.
pub fn bytecode_reached(data: &[u8]) -> Reached {
    let (Some(how), rest) = (data.first().copied(), data.get(1..).unwrap_or(&[])) else {
        return Reached::Refused;
    };
    match how % 8 {
        0 => file(rest, data),
        1 => file(&mended(rest), data),
        2..5 => program(build::program(&mut Bytes::new(rest)), data),
        _ => program(build::changed(&mut Bytes::new(rest)), data),
    }
}

/// A file's magic and version, and the hash that its payload has.
fn mended(payload: &[u8]) -> Vec<u8> {
    let mut file = encode::encode(&[]);
    // What `encode` writes ahead of the hash stays; the hash and the empty payload go.
    file.truncate(7);
    file.extend_from_slice(&Sha256::digest(payload));
    file.extend_from_slice(payload);
    file
}

fn file(bytes: &[u8], data: &[u8]) -> Reached {
    let Ok(programs) = encode::decode(bytes) else { return Reached::Refused };
    let all: Vec<&Program> = programs.iter().collect();
    assert!(encode::encode(&all) == bytes, "a file has two spellings");
    programs
        .into_iter()
        .map(|p| program(p, data))
        .fold(Reached::Refused, |a, b| if b == Reached::Ran { b } else { a })
}

fn program(program: Program, data: &[u8]) -> Reached {
    let bytes = encode::encode(&[&program]);
    match Verified::new(program) {
        Err(_) => Reached::Refused,
        Ok(verified) => {
            let again = encode::decode(&bytes)
                .unwrap_or_else(|error| panic!("a sound program does not decode: {error}"));
            assert!(
                encode::encode(&again.iter().collect::<Vec<_>>()) == bytes,
                "bytecode changes on its way"
            );
            promises::hold(&Executable::new(verified), data);
            Reached::Ran
        }
    }
}

/// Bytes in; programs that have the same receipts in lanes as one by one, or a refusal, out. The first byte says how the
/// rest is read: as text, as the choices of a program, or as changes to a compiled one.
pub fn lanes(data: &[u8]) {
    lanes_reached(data);
}

/// As [`lanes`], and how far it got: `Ran` where a program has a lane plan.
pub fn lanes_reached(data: &[u8]) -> Reached {
    let (Some(how), rest) = (data.first().copied(), data.get(1..).unwrap_or(&[])) else {
        return Reached::Refused;
    };
    let program = match how % 8 {
        0..4 => {
            let Ok(module) = Module::compile(&String::from_utf8_lossy(rest)) else { return Reached::Refused };
            let mut reached = Reached::Refused;
            for policy in module.policies() {
                if lanes::hold(policy.executable(), data) == Reached::Ran {
                    lanes::hold_in_batches(policy, data);
                    reached = Reached::Ran;
                }
            }
            return reached;
        }
        4..7 => build::program(&mut Bytes::new(rest)),
        _ => build::changed(&mut Bytes::new(rest)),
    };
    match Verified::new(program) {
        Ok(verified) => lanes::hold(&Arc::new(Executable::new(verified)), data),
        Err(_) => Reached::Refused,
    }
}

/// The bytes seed the generators; reference and engine must agree on every case that comes of it.
pub fn differential(data: &[u8]) {
    // The reference recurses with the policy, the engine does not.
    with_room(|| {
        if let Err(difference) = Worker::default().run(bytes::hash(data)) {
            panic!("{}", shrink(*difference));
        }
    });
}

/// Runs a target on the files named on the command line.
pub fn replay(target: fn(&[u8])) -> ExitCode {
    let mut files = std::env::args().skip(1).peekable();
    if files.peek().is_none() {
        eprintln!("name the files to replay; to fuzz, see fuzz/README.md");
        return ExitCode::from(2);
    }
    for file in files {
        match std::fs::read(&file) {
            Ok(data) => target(&data),
            Err(error) => {
                eprintln!("cannot read `{file}`: {error}");
                return ExitCode::from(2);
            }
        }
        println!("{file}: fine");
    }
    ExitCode::SUCCESS
}
