//! Policies of realms, compiled and checked before they are needed.

use super::commit::ChangeFailure;
use crate::kernel::limits::{MAX_NAME_BYTES, MAX_POLICIES};
use crate::policy::{CompileError, Module};
use crate::state::RealmPolicy;
use eclvm_kernel::program::EffectKind;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// Why a realm keeps the policies it has.
#[derive(Clone, Debug)]
pub enum PolicyError {
    /// The policy of this name does not compile.
    Compile(Arc<str>, CompileError),
    /// Two policies have this name.
    SameName(Arc<str>),
    /// A name longer than [`MAX_NAME_BYTES`].
    NameTooLong,
    /// More than [`MAX_POLICIES`].
    TooMany,
    /// The policy `entry` writes, which no entry policy is granted: it would let nobody in.
    EntryWrites,
    /// The state did not take it.
    Change(ChangeFailure),
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PolicyError::Compile(name, error) => write!(f, "policy `{name}`: {error}"),
            PolicyError::SameName(name) => write!(f, "two policies are named `{name}`"),
            PolicyError::NameTooLong => f.write_str("a policy's name is too long"),
            PolicyError::TooMany => f.write_str("too many policies"),
            PolicyError::EntryWrites => f.write_str("policy `entry` writes, which entry policies must not"),
            PolicyError::Change(error) => error.fmt(f),
        }
    }
}
impl std::error::Error for PolicyError {}

/// Compiles a realm's policy. Of several policies in the source the one named `entry` runs, else `main`.
///
/// # Errors
///
/// The source is wrong, or holds several policies and none of these names.
pub fn compile_policy(name: &str, source: &str) -> Result<RealmPolicy, PolicyError> {
    let wrong = |error| PolicyError::Compile(name.into(), error);
    let module = Module::compile(source).map_err(wrong)?;
    let policy = module
        .select(Some("entry"))
        .or_else(|_| module.select(None))
        .map_err(|error| wrong(CompileError::Select(error)))?;
    Ok(RealmPolicy {
        name: name.into(),
        source: Some(source.into()),
        executable: policy.executable().clone(),
    })
}

/// What must hold of all policies of a realm together.
pub(super) fn check(policies: &[RealmPolicy]) -> Result<(), PolicyError> {
    if policies.len() > MAX_POLICIES {
        return Err(PolicyError::TooMany);
    }
    let mut names = BTreeSet::new();
    for policy in policies {
        if policy.name.len() > MAX_NAME_BYTES {
            return Err(PolicyError::NameTooLong);
        }
        if !names.insert(&policy.name) {
            return Err(PolicyError::SameName(policy.name.clone()));
        }
        if &*policy.name == "entry" && policy.executable.program().effect == EffectKind::Write {
            return Err(PolicyError::EntryWrites);
        }
    }
    Ok(())
}
