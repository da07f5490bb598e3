//! A blueprint: a named version of policies and realm defaults, and the hash of its content.
//!
//! # Canonical form
//!
//! What is hashed: a tag that names this form, then every field, each text and each list with its length in front (8 bytes,
//! little-endian), policies and store in ascending order of their names and keys, numbers by their bits, policies as
//! bytecode and, where they have one, source. So two blueprints have one hash where they are the same, and nowhere else,
//! as far as SHA-256 goes.

use super::blueprints::BlueprintError;
use super::policies::{PolicyError, check};
use crate::kernel::effects::StoreValue;
use crate::kernel::encode::encode;
use crate::kernel::gas::{GasLayer, GasUnits};
use crate::kernel::limits::{MAX_NAME_BYTES, MAX_PROGRAM_BYTES, MAX_TEXT_BYTES};
use crate::state::RealmPolicy;
use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::Arc;

/// What a realm begins with that is made of a blueprint. Its policies are the blueprint's.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct RealmDefaults {
    /// Its name, where it has one.
    pub name: Option<Arc<str>>,
    /// Its trust threshold; finite.
    pub trust_threshold: f64,
    /// Whether crossings into it are off at first.
    pub quarantined: bool,
    /// Its store; numbers are finite, and no key is there twice.
    pub store: Vec<(Box<str>, StoreValue)>,
    /// Its quota in raw units of each layer; None for none.
    pub quota: Option<GasUnits>,
}

/// Name, version and content of a blueprint: what `==` compares is the same blueprint.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlueprintId {
    /// Its name.
    pub name: Arc<str>,
    /// Its version, from 1.
    pub version: u64,
    /// SHA-256 of its canonical form.
    pub hash: [u8; 32],
}

impl fmt::Display for BlueprintId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.name, self.version)?;
        self.hash.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for BlueprintId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlueprintId({self})")
    }
}

/// A named, versioned bundle of compiled policies and realm defaults. It does not change.
#[derive(Clone, Debug)]
pub struct Blueprint {
    id: BlueprintId,
    policies: Arc<[RealmPolicy]>,
    defaults: RealmDefaults,
}

impl Blueprint {
    /// A blueprint of these compiled policies ([`compile_policy`](super::compile_policy)).
    ///
    /// # Errors
    ///
    /// An empty or long name, version 0, policies that no realm could have, defaults that no realm could begin with, or
    /// more than [`MAX_PROGRAM_BYTES`] in all.
    pub fn new(
        name: &str,
        version: u64,
        mut policies: Vec<RealmPolicy>,
        mut defaults: RealmDefaults,
    ) -> Result<Blueprint, BlueprintError> {
        if name.is_empty() || name.len() > MAX_NAME_BYTES {
            return Err(BlueprintError::NameLength);
        }
        if version == 0 {
            return Err(BlueprintError::VersionZero);
        }
        check(&policies).map_err(|error| match error {
            PolicyError::Change(failure) => BlueprintError::Change(failure),
            error => BlueprintError::Policies(error.to_string().into()),
        })?;
        policies.sort_by(|a, b| a.name.cmp(&b.name));
        defaults.store.sort_by(|a, b| a.0.cmp(&b.0));
        check_defaults(&defaults)?;
        let hash = hash(name, version, &policies, &defaults)?;
        let id = BlueprintId { name: name.into(), version, hash };
        Ok(Blueprint { id, policies: policies.into(), defaults })
    }
    /// What it is.
    pub fn id(&self) -> &BlueprintId {
        &self.id
    }
    /// Its policies, in ascending order of their names.
    pub fn policies(&self) -> &Arc<[RealmPolicy]> {
        &self.policies
    }
    /// What a realm that is made of it begins with.
    pub fn defaults(&self) -> &RealmDefaults {
        &self.defaults
    }
}

fn check_defaults(defaults: &RealmDefaults) -> Result<(), BlueprintError> {
    let twice = defaults.store.windows(2).any(|two| matches!(two, [(a, _), (b, _)] if a == b));
    let sound = |(key, value): &(Box<str>, StoreValue)| {
        let value = match value {
            StoreValue::Text(text) => text.len() <= MAX_TEXT_BYTES,
            StoreValue::Number(x) => x.is_finite(),
            StoreValue::Bool(_) => true,
        };
        value && key.len() <= MAX_TEXT_BYTES
    };
    let named = defaults.name.as_ref().is_none_or(|name| name.len() <= MAX_TEXT_BYTES);
    if twice || !named || !defaults.trust_threshold.is_finite() || !defaults.store.iter().all(sound) {
        return Err(BlueprintError::Defaults);
    }
    Ok(())
}

/// Hashes fields, each with its length in front, and counts their bytes.
struct Canonical {
    sha: Sha256,
    bytes: usize,
}

impl Canonical {
    fn raw(&mut self, bytes: &[u8]) {
        self.bytes = self.bytes.saturating_add(bytes.len());
        self.sha.update(bytes);
    }
    fn number(&mut self, n: u64) {
        self.raw(&n.to_le_bytes());
    }
    fn field(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.raw(bytes);
    }
    fn optional(&mut self, text: Option<&str>) {
        self.number(u64::from(text.is_some()));
        self.field(text.unwrap_or("").as_bytes());
    }
    fn room(&self) -> Result<(), BlueprintError> {
        if self.bytes > MAX_PROGRAM_BYTES { Err(BlueprintError::TooLarge) } else { Ok(()) }
    }
}

fn hash(
    name: &str,
    version: u64,
    policies: &[RealmPolicy],
    defaults: &RealmDefaults,
) -> Result<[u8; 32], BlueprintError> {
    let mut form = Canonical { sha: Sha256::new(), bytes: 0 };
    form.field(b"eclvm blueprint 1");
    form.field(name.as_bytes());
    form.number(version);
    form.number(policies.len() as u64);
    for policy in policies {
        form.field(policy.name.as_bytes());
        form.optional(policy.source.as_deref());
        form.field(&encode(&[policy.executable.program()]));
        form.room()?;
    }
    form.optional(defaults.name.as_deref());
    form.number(defaults.trust_threshold.to_bits());
    form.number(u64::from(defaults.quarantined));
    form.number(u64::from(defaults.quota.is_some()));
    for layer in GasLayer::ALL {
        form.number(defaults.quota.map_or(0, |quota| quota[layer]));
    }
    form.number(defaults.store.len() as u64);
    for (key, value) in &defaults.store {
        form.field(key.as_bytes());
        match value {
            StoreValue::Text(text) => {
                form.number(0);
                form.field(text.as_bytes());
            }
            StoreValue::Number(x) => {
                form.number(1);
                form.number(x.to_bits());
            }
            StoreValue::Bool(x) => {
                form.number(2);
                form.number(u64::from(*x));
            }
        }
        form.room()?;
    }
    Ok(form.sha.finalize().into())
}
