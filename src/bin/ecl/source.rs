//! Policies from files: source text or `.eclb` bytecode, told apart by their first bytes.

use crate::diagnostics::Rejected;
use crate::exit::Failure;
use crate::input::{self, MAX_POLICY_FILE_BYTES};
use eclvm::kernel::encode::is_bytecode;
use eclvm::lang::diagnostic::Severity;
use eclvm::policy::{CompileError, SelectError};
use eclvm::{Module, Policy};

/// A file of policies, compiled or loaded.
pub(crate) struct Source {
    /// The file, as it is called in messages.
    pub(crate) name: String,
    /// Its text; None for bytecode.
    pub(crate) text: Option<String>,
    /// Its policies.
    pub(crate) module: Module,
}

impl Source {
    /// Reads, then compiles or verifies.
    pub(crate) fn load(file: &str) -> Result<Source, Failure> {
        let bytes = input::read(file, MAX_POLICY_FILE_BYTES)?;
        let name = input::display_name(file).to_owned();
        if !is_bytecode(&bytes) {
            return Source::compile(name, input::text(file, bytes)?);
        }
        match Module::load(&bytes) {
            Ok(module) if module.policies().is_empty() => Err(no_policy(&name)),
            Ok(module) => Ok(Source { name, text: None, module }),
            Err(error) => Err(Failure::invalid(format!("`{name}`: {error}"))),
        }
    }
    /// Compiles a text.
    pub(crate) fn compile(name: String, text: String) -> Result<Source, Failure> {
        match Module::compile(&text) {
            Ok(module) => Ok(Source { name, text: Some(text), module }),
            Err(CompileError::Source(diagnostics)) => {
                if !diagnostics.iter().any(|d| d.severity == Severity::Error) {
                    return Err(no_policy(&name));
                }
                Err(Failure::Source(Box::new(Rejected { name, source: text, diagnostics })))
            }
            Err(CompileError::Select(error)) => Err(refused(&name, &error)),
        }
    }
    /// The policy of that name; without one the only one, or `main`.
    pub(crate) fn select(&self, policy: Option<&str>) -> Result<&Policy, Failure> {
        self.module.select(policy).map_err(|error| refused(&self.name, &error))
    }
    /// The policy of that name, or all.
    pub(crate) fn those(&self, policy: Option<&str>) -> Result<Vec<&Policy>, Failure> {
        match policy {
            Some(_) => Ok(vec![self.select(policy)?]),
            None => Ok(self.module.policies().iter().collect()),
        }
    }
}

fn no_policy(name: &str) -> Failure {
    Failure::invalid(format!("no policy in `{name}`"))
}

fn refused(name: &str, error: &SelectError) -> Failure {
    match error {
        SelectError::Empty => no_policy(name),
        SelectError::Several(_) => Failure::usage(format!("`{name}`: {error} with --policy")),
        SelectError::Unknown { .. } => Failure::usage(format!("`{name}`: {error}")),
    }
}
