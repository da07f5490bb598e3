//! Policies, ready to run: compiled from text or loaded from bytecode.

use crate::lang::{
    checker,
    diagnostic::{Diagnostic, Severity},
    lower, parser,
    room::{self, Room},
};
use eclvm_kernel::encode::{self, DecodeError};
use eclvm_kernel::gas::Prices;
use eclvm_kernel::lanes::{LanePlan, Unsupported};
use eclvm_kernel::program::{EffectKind, Input, Program};
use eclvm_kernel::verify::{GasBound, Verified, VerifyError};
use eclvm_kernel::vm::Executable;
use std::fmt;
use std::mem;
use std::sync::{Arc, OnceLock};

/// A compiled, verified, planned policy. Cheap to clone; share it between threads.
#[derive(Clone, Debug)]
pub struct Policy {
    exe: Arc<Executable>,
    lanes: Arc<OnceLock<Result<Arc<LanePlan>, Unsupported>>>,
}

impl Policy {
    /// Compiles a source with one policy (or one named `main`).
    ///
    /// ```
    /// let policy = eclvm::Policy::compile("amount <= 100 && trust.r >= 0.5").unwrap();
    /// assert_eq!(policy.inputs()[0].name.as_ref(), "amount");
    /// ```
    pub fn compile(source: &str) -> Result<Policy, CompileError> {
        let module = Module::compile(source)?;
        module.select(None).cloned().map_err(CompileError::Select)
    }
    /// The name in the source; `main` for a bare expression.
    pub fn name(&self) -> &str {
        &self.program().name
    }
    /// The inputs, in the order in which requests give them.
    pub fn inputs(&self) -> &[Input] {
        &self.program().inputs
    }
    /// What it may do to the world.
    pub fn effect(&self) -> EffectKind {
        self.program().effect
    }
    /// The portable program.
    pub fn program(&self) -> &Program {
        self.exe.program()
    }
    /// The worst-case gas per layer.
    pub fn bound(&self) -> &GasBound {
        self.exe.verified().bound()
    }
    /// The worst-case cost at default prices; None where it is unbounded.
    pub fn max_gas(&self) -> Option<u64> {
        self.bound().cost(&Prices::default())
    }
    /// What [`eclvm_kernel::vm::Vm`] runs.
    pub fn executable(&self) -> &Arc<Executable> {
        &self.exe
    }
    /// What the lanes engine runs, planned when it is first asked for; or why that engine cannot run the policy.
    pub fn lanes(&self) -> Result<&Arc<LanePlan>, Unsupported> {
        self.lanes.get_or_init(|| LanePlan::new(&self.exe).map(Arc::new)).as_ref().map_err(|why| *why)
    }
    fn of(verified: Verified) -> Policy {
        Policy { exe: Arc::new(Executable::new(verified)), lanes: Arc::default() }
    }
}

/// What was planned elsewhere, e.g. as a realm's policy.
impl From<Arc<Executable>> for Policy {
    fn from(executable: Arc<Executable>) -> Policy {
        Policy { exe: executable, lanes: Arc::default() }
    }
}

/// The policies of one file.
#[derive(Clone, Debug)]
pub struct Module {
    policies: Vec<Policy>,
    warnings: Vec<Diagnostic>,
}

/// Why a source did not become a policy.
#[derive(Clone, Debug)]
pub enum CompileError {
    /// The source is wrong; at least one of these is an error, the rest are warnings.
    Source(Vec<Diagnostic>),
    /// The source is fine, but which of its policies is meant?
    Select(SelectError),
}

/// Why no policy could be picked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SelectError {
    /// There are several, none is named `main`, and no name was given.
    Several(Vec<String>),
    /// There is none of that name.
    Unknown {
        /// The name that was asked for.
        name: String,
        /// The names that there are.
        known: Vec<String>,
    },
    /// There is none at all.
    Empty,
}

/// Why bytes did not become policies.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LoadError {
    /// They are no bytecode, or damaged.
    Decode(DecodeError),
    /// They are bytecode, but not of a sound program: which policy, and why.
    Verify(String, VerifyError),
}

impl fmt::Display for SelectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SelectError::Several(names) => {
                write!(f, "several policies and none is named `main`: choose one of {}", quoted(names))
            }
            SelectError::Unknown { name, known } => {
                write!(f, "no policy named `{name}`: there is {}", quoted(known))
            }
            SelectError::Empty => f.write_str("no policy in this file"),
        }
    }
}
impl std::error::Error for SelectError {}

fn quoted(names: &[String]) -> String {
    // Enough to choose from, whatever the file.
    let mut shown: Vec<String> = names.iter().take(20).map(|n| format!("`{n}`")).collect();
    if names.len() > shown.len() {
        shown.push(format!("{} more", names.len() - shown.len()));
    }
    shown.join(", ")
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CompileError::Source(all) => {
                let errors = all.iter().filter(|d| d.severity == Severity::Error);
                match errors.clone().next() {
                    Some(first) => {
                        write!(f, "{}: {} (at byte {})", first.code, first.message, first.span.start)?;
                        match errors.count() {
                            0 | 1 => Ok(()),
                            n => write!(f, ", and {} more", n - 1),
                        }
                    }
                    None => f.write_str("the source did not compile"),
                }
            }
            CompileError::Select(error) => error.fmt(f),
        }
    }
}
impl std::error::Error for CompileError {}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::Decode(error) => error.fmt(f),
            LoadError::Verify(name, error) => write!(f, "policy `{name}`: {error}"),
        }
    }
}
impl std::error::Error for LoadError {}

/// The programs of a source, and what is to be said of it.
fn programs(source: &str, room: &mut Room) -> (Vec<Program>, Vec<Diagnostic>) {
    let mut diagnostics = parser::parse_into(source, &mut room.ast);
    let sound = !diagnostics.iter().any(|d| d.severity == Severity::Error);
    let kept = mem::take(&mut room.checked);
    let checked = checker::check_in(kept, source, &room.ast, &mut diagnostics);
    let mut programs = Vec::new();
    if let Some(mut checked) = checked.filter(|_| sound) {
        programs = lower::lower(source, &room.ast, &mut checked, &mut diagnostics);
        room.checked = checked;
    }
    (programs, diagnostics)
}

impl Module {
    /// Compiles a source. A thread keeps the room that this takes, up to that for 32 KiB of source, for the next one.
    ///
    /// The error is the list of diagnostics, warnings included, in order of their places.
    pub fn compile(source: &str) -> Result<Module, CompileError> {
        let (programs, mut diagnostics) = room::within(source.len(), |room| programs(source, room));
        diagnostics.sort_by_key(|d| (d.span.start, d.span.end));
        if programs.is_empty() || diagnostics.iter().any(|d| d.severity == Severity::Error) {
            return Err(CompileError::Source(diagnostics));
        }
        let mut policies = Vec::with_capacity(programs.len());
        for (at, program) in programs.into_iter().enumerate() {
            match Verified::new(program) {
                Ok(verified) => policies.push(Policy::of(verified)),
                // The verifier holds the compiler to its promises too; the tests and fuzzers look for this.
                Err(error) => {
                    diagnostics.push(lower::internal(at, &error));
                    return Err(CompileError::Source(diagnostics));
                }
            }
        }
        Ok(Module { policies, warnings: diagnostics })
    }
    /// Loads `.eclb` bytecode and verifies it.
    pub fn load(bytes: &[u8]) -> Result<Module, LoadError> {
        let programs = encode::decode(bytes).map_err(LoadError::Decode)?;
        let mut policies = Vec::with_capacity(programs.len());
        for program in programs {
            let name = program.name.to_string();
            let verified = Verified::new(program).map_err(|error| LoadError::Verify(name, error))?;
            policies.push(Policy::of(verified));
        }
        Ok(Module { policies, warnings: Vec::new() })
    }
    /// As `.eclb` bytecode.
    pub fn encode(&self) -> Vec<u8> {
        let programs: Vec<&Program> = self.policies.iter().map(Policy::program).collect();
        encode::encode(&programs)
    }
    /// All policies, in source order.
    pub fn policies(&self) -> &[Policy] {
        &self.policies
    }
    /// What the compiler found worth saying.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }
    /// The policy of that name; without a name the only one, or the one named `main`.
    pub fn select(&self, name: Option<&str>) -> Result<&Policy, SelectError> {
        let names = || self.policies.iter().map(|p| p.name().to_owned()).collect();
        match (name, self.policies.as_slice()) {
            (None, []) => Err(SelectError::Empty),
            (None, [only]) => Ok(only),
            (None, all) => {
                all.iter().find(|p| p.name() == "main").ok_or_else(|| SelectError::Several(names()))
            }
            (Some(name), all) => all
                .iter()
                .find(|p| p.name() == name)
                .ok_or_else(|| SelectError::Unknown { name: name.to_owned(), known: names() }),
        }
    }
}
