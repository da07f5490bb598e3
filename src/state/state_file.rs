//! State files: a world as JSON.
//!
//! Strict: what is unknown, given twice, malformed or out of range is an error that says where it stands. What may be left
//! out: every field. An identity then has the newcomer's trust (0.1 throughout), balance 0, no credentials and no realms; a
//! realm has no members, trust threshold 0, an empty store, the default entry policy, and is not quarantined. Balances are
//! whole numbers. Of a realm's policies `entry` is the one that runs; the others must compile too. An identity may name
//! realms that are not there, and a realm members that are not known.

use super::balance;
use super::world::World;
use crate::event::{IdentityRecord, RealmPolicy, RealmRecord};
use crate::kernel::effects::StoreValue;
use crate::kernel::limits::MAX_TEXT_BYTES;
use crate::kernel::value::{Did, TrustVector};
use crate::lang::diagnostic::Diagnostic;
use crate::policy::{CompileError, Module};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// What is wrong with a state file.
#[derive(Clone, Debug)]
pub struct StateFileError {
    /// Where, e.g. `realms.lab.policies.entry`; empty where it is the file as a whole.
    pub path: String,
    /// What, in plain words.
    pub message: String,
    /// Of a policy that does not compile: its source and what the compiler says.
    pub policy: Option<Box<(String, Vec<Diagnostic>)>>,
}

impl fmt::Display for StateFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.path, self.message)
        }
    }
}
impl std::error::Error for StateFileError {}

type Result<T> = std::result::Result<T, StateFileError>;

fn wrong<T>(path: impl Into<String>, message: impl Into<String>) -> Result<T> {
    Err(StateFileError { path: path.into(), message: message.into(), policy: None })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StateFile<'a> {
    #[serde(default, borrow)]
    identities: Object<Record<IdentityFile<'a>>>,
    #[serde(default)]
    realms: Object<Record<RealmFile>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IdentityFile<'a> {
    trust: Option<[f64; 6]>,
    #[serde(borrow)]
    balance: Option<&'a RawValue>,
    #[serde(default)]
    credentials: Vec<Box<str>>,
    #[serde(default)]
    realms: Vec<Box<str>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RealmFile {
    name: Option<Box<str>>,
    owner: Option<Box<str>>,
    #[serde(default)]
    members: Vec<Box<str>>,
    #[serde(default)]
    trust_threshold: f64,
    #[serde(default)]
    quarantined: bool,
    #[serde(default)]
    store: Object<Stored>,
    #[serde(default)]
    policies: Object<String>,
}

/// A struct as an object only: serde would take its fields as an array too.
struct Record<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Record<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Record<T>, D::Error> {
        struct RecordVisitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for RecordVisitor<T> {
            type Value = Record<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> std::result::Result<Record<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Record)
            }
        }
        deserializer.deserialize_map(RecordVisitor(PhantomData))
    }
}

struct Stored(StoreValue);

impl<'de> Deserialize<'de> for Stored {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Stored, D::Error> {
        struct StoredVisitor;
        impl Visitor<'_> for StoredVisitor {
            type Value = Stored;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, a number or a bool")
            }
            fn visit_str<E>(self, text: &str) -> std::result::Result<Stored, E> {
                Ok(Stored(StoreValue::Text(text.into())))
            }
            fn visit_bool<E>(self, x: bool) -> std::result::Result<Stored, E> {
                Ok(Stored(StoreValue::Bool(x)))
            }
            fn visit_f64<E>(self, x: f64) -> std::result::Result<Stored, E> {
                Ok(Stored(StoreValue::Number(x)))
            }
            fn visit_u64<E>(self, x: u64) -> std::result::Result<Stored, E> {
                Ok(Stored(StoreValue::Number(x as f64)))
            }
            fn visit_i64<E>(self, x: i64) -> std::result::Result<Stored, E> {
                Ok(Stored(StoreValue::Number(x as f64)))
            }
        }
        deserializer.deserialize_any(StoredVisitor)
    }
}

/// An object's entries in the order of the file, the ones given twice too, so that they can be refused by name.
struct Object<T>(Vec<(String, T)>);

impl<T> Default for Object<T> {
    fn default() -> Self {
        Object(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Object<T>, D::Error> {
        struct ObjectVisitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
            type Value = Object<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Object<T>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Object(entries))
            }
        }
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

impl<T> Object<T> {
    /// The entries in ascending order of their keys, all different.
    fn distinct(mut self, path: &str) -> Result<Vec<(String, T)>> {
        self.0.sort_by(|a, b| a.0.cmp(&b.0));
        match self.0.windows(2).find_map(|pair| match pair {
            [(a, _), (b, _)] if a == b => Some(a),
            _ => None,
        }) {
            Some(key) => wrong(path, format!("`{key}` is given twice")),
            None => Ok(self.0),
        }
    }
}

impl World {
    /// Reads a state file.
    pub fn from_json(json: &[u8]) -> Result<World> {
        let mut reader = serde_json::Deserializer::from_slice(json);
        let Record::<StateFile<'_>>(file) =
            serde_path_to_error::deserialize(&mut reader).map_err(|error| {
                let path = error.path().to_string();
                StateFileError {
                    path: if path == "." { String::new() } else { path },
                    message: error.into_inner().to_string(),
                    policy: None,
                }
            })?;
        reader.end().or_else(|error| wrong("", error.to_string()))?;
        let mut identities = Vec::with_capacity(file.identities.0.len());
        for (did, Record(identity)) in file.identities.distinct("identities")? {
            identities.push(identity_record(did, identity)?);
        }
        let mut realms = Vec::with_capacity(file.realms.0.len());
        for (id, Record(realm)) in file.realms.distinct("realms")? {
            realms.push(realm_record(id, realm)?);
        }
        Ok(World::new(identities, realms))
    }
}

fn identity_record(did: String, file: IdentityFile<'_>) -> Result<IdentityRecord> {
    let path = format!("identities.{did}");
    check_did(&did, || path.clone())?;
    let trust = file.trust.map_or(TrustVector::NEWCOMER, TrustVector);
    if !trust.is_valid() {
        return wrong(format!("{path}.trust"), "every component must be a number from 0 to 1");
    }
    let balance = match file.balance.map(RawValue::get) {
        None => 0,
        Some(text) if text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) => {
            match balance::parse(text) {
                Some(balance) => balance,
                None => return wrong(format!("{path}.balance"), "a balance must be a whole number"),
            }
        }
        Some(_) => return wrong(format!("{path}.balance"), "a balance must be a number"),
    };
    Ok(IdentityRecord {
        trust,
        balance,
        credentials: file.credentials,
        realms: file.realms,
        ..IdentityRecord::new(did)
    })
}

fn realm_record(id: String, file: RealmFile) -> Result<RealmRecord> {
    let path = format!("realms.{id}");
    if id.len() > MAX_TEXT_BYTES {
        return wrong("realms", "the id of a realm must not be longer than 64 KiB");
    }
    if let Some(owner) = &file.owner {
        check_did(owner, || format!("{path}.owner"))?;
    }
    for (index, member) in file.members.iter().enumerate() {
        check_did(member, || format!("{path}.members[{index}]"))?;
    }
    let mut store = Vec::with_capacity(file.store.0.len());
    for (key, Stored(value)) in file.store.distinct(&format!("{path}.store"))? {
        if matches!(&value, StoreValue::Text(text) if text.len() > MAX_TEXT_BYTES) {
            return wrong(format!("{path}.store.{key}"), "a text must not be longer than 64 KiB");
        }
        store.push((key.into(), value));
    }
    let mut policies = Vec::new();
    for (name, source) in file.policies.distinct(&format!("{path}.policies"))? {
        let at = format!("{path}.policies.{name}");
        policies.push(realm_policy(name, source, at)?);
    }
    Ok(RealmRecord {
        id: id.into(),
        name: file.name.map(Arc::from),
        owner: file.owner.map(Arc::from),
        members: file.members.into_iter().map(Arc::from).collect(),
        trust_threshold: file.trust_threshold,
        quarantined: file.quarantined,
        store,
        policies: policies.into(),
        ..RealmRecord::default()
    })
}

/// Of several policies in a source the one named `entry` runs, else `main`.
fn realm_policy(name: String, source: String, path: String) -> Result<RealmPolicy> {
    let module = match Module::compile(&source) {
        Ok(module) => module,
        Err(error) => {
            let message = format!("the policy does not compile: {error}");
            let policy = match error {
                CompileError::Source(diagnostics) => Some(Box::new((source, diagnostics))),
                CompileError::Select(_) => None,
            };
            return Err(StateFileError { path, message, policy });
        }
    };
    match module.select(Some("entry")).or_else(|_| module.select(None)) {
        Ok(policy) => Ok(RealmPolicy {
            name: name.into(),
            source: Some(source.into()),
            executable: policy.executable().clone(),
        }),
        Err(error) => wrong(path, error.to_string()),
    }
}

fn check_did(did: &str, path: impl Fn() -> String) -> Result<()> {
    match Did::new(did) {
        Some(_) => Ok(()),
        None => wrong(path(), format!("`{}` is not a DID", did.chars().take(80).collect::<String>())),
    }
}
