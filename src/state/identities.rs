//! What is known of identities: one row each in four dense columns, so that a change of trust copies no names and no
//! balances, and a batch can gather one column. Each row knows the version that last changed it.

use super::names::Names;
use super::pmap::PMap;
use super::pvec::PVec;
use crate::event::IdentityRecord;
use crate::kernel::value::TrustVector;
use std::sync::Arc;

/// A value and the version that last changed it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamped<T> {
    pub(crate) value: T,
    pub(crate) changed: u64,
}

/// What is known of an identity besides trust, balance and credentials.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Its DID.
    pub did: Arc<str>,
    /// The name to show, where it has one.
    pub display_name: Option<Arc<str>>,
    /// Ids of the realms it says it is a member of, ascending.
    pub realms: Arc<[Arc<str>]>,
    /// When it came to be, in Unix seconds; 0 where nobody said.
    pub created_at: u64,
    /// The version in which it came to be.
    pub(crate) since: u64,
}

/// Credentials by the numbers of their schemas: a bit each for the first 64, the others listed, ascending.
#[derive(Clone, Debug, Default)]
pub(crate) struct Credentials {
    bits: u64,
    more: Option<Arc<[u32]>>,
}

impl Credentials {
    #[inline]
    pub(crate) fn holds(&self, schema: u32) -> bool {
        match 1u64.checked_shl(schema) {
            Some(bit) => self.bits & bit != 0,
            None => self.more.as_ref().is_some_and(|more| more.binary_search(&schema).is_ok()),
        }
    }
    fn set(&mut self, schema: u32, holds: bool) {
        match 1u64.checked_shl(schema) {
            Some(bit) if holds => self.bits |= bit,
            Some(bit) => self.bits &= !bit,
            None => {
                let mut more = self.more.as_deref().unwrap_or(&[]).to_vec();
                match (more.binary_search(&schema), holds) {
                    (Err(at), true) => more.insert(at, schema),
                    (Ok(at), false) => drop(more.remove(at)),
                    _ => return,
                }
                self.more = (!more.is_empty()).then(|| more.into());
            }
        }
    }
    fn numbers(&self) -> impl Iterator<Item = u32> {
        let low = (0..u64::BITS).filter(|n| self.bits >> n & 1 != 0);
        low.chain(self.more.as_deref().unwrap_or(&[]).iter().copied())
    }
}

/// All identities of a world.
#[derive(Clone, Debug, Default)]
pub(crate) struct Identities {
    pub(crate) names: Names,
    pub(crate) trust: PVec<Stamped<TrustVector>>,
    pub(crate) balances: PVec<Stamped<i128>>,
    credentials: PVec<Stamped<Credentials>>,
    pub(crate) profiles: PVec<Profile>,
    schemas: PMap<Arc<str>, u32>,
    schema_names: PVec<Arc<str>>,
}

impl Identities {
    /// A table of these, all of them different, in ascending byte order of their DIDs: row numbers are in that order too.
    pub(crate) fn new(records: &[IdentityRecord], version: u64) -> Identities {
        let mut all = Identities {
            names: records.iter().zip(0..).map(|(record, number)| (record.did.clone(), number)).collect(),
            trust: records.iter().map(|r| Stamped { value: r.trust, changed: version }).collect(),
            balances: records.iter().map(|r| Stamped { value: r.balance, changed: version }).collect(),
            profiles: records.iter().map(|r| profile(r, version)).collect(),
            ..Identities::default()
        };
        let credentials: Vec<Stamped<Credentials>> =
            records.iter().map(|r| Stamped { value: all.numbered(r), changed: version }).collect();
        all.credentials = credentials.into_iter().collect();
        all
    }
    pub(crate) fn len(&self) -> usize {
        self.profiles.len()
    }
    /// Adds one that is not there yet.
    pub(crate) fn add(&mut self, record: &IdentityRecord, version: u64) {
        let Ok(number) = u32::try_from(self.len()) else { return };
        let credentials = self.numbered(record);
        self.names.add(record.did.clone(), number);
        self.trust.push(Stamped { value: record.trust, changed: version });
        self.balances.push(Stamped { value: record.balance, changed: version });
        self.credentials.push(Stamped { value: credentials, changed: version });
        self.profiles.push(profile(record, version));
    }
    fn numbered(&mut self, record: &IdentityRecord) -> Credentials {
        let mut credentials = Credentials::default();
        for name in &record.credentials {
            let number = self.number_of(name);
            credentials.set(number, true);
        }
        credentials
    }
    fn number_of(&mut self, schema: &str) -> u32 {
        if let Some(number) = self.schema(schema) {
            return number;
        }
        let number = u32::try_from(self.schemas.len()).unwrap_or(u32::MAX);
        let name: Arc<str> = schema.into();
        self.schemas.insert(name.clone(), number);
        self.schema_names.push(name);
        number
    }
    /// The number of a credential schema that somebody holds or has held.
    #[inline]
    pub(crate) fn schema(&self, name: &str) -> Option<u32> {
        self.schemas.get(name).copied()
    }
    #[inline]
    pub(crate) fn holds(&self, row: usize, schema: u32) -> bool {
        self.credentials.get(row).is_some_and(|row| row.value.holds(schema))
    }
    pub(crate) fn credentials_changed(&self, row: usize) -> u64 {
        self.credentials.get(row).map_or(0, |row| row.changed)
    }
    /// Names of the schemas, in ascending order.
    pub(crate) fn credential_names(&self, row: usize) -> Vec<&str> {
        let Some(row) = self.credentials.get(row) else { return Vec::new() };
        let mut names: Vec<&str> = row
            .value
            .numbers()
            .filter_map(|number| self.schema_names.get(number as usize).map(|name| &**name))
            .collect();
        names.sort_unstable();
        names
    }
    pub(crate) fn set_credential(&mut self, row: usize, schema: &str, holds: bool, version: u64) {
        let number = self.number_of(schema);
        if let Some(row) = self.credentials.get_mut(row) {
            row.value.set(number, holds);
            row.changed = version;
        }
    }
    /// Adds a realm to those it names, or takes it out.
    pub(crate) fn set_membership(&mut self, row: usize, realm: &Arc<str>, member: bool) {
        let Some(named) = self.profiles.get(row).map(|p| p.realms.clone()) else { return };
        let named = match (named.binary_search(realm), member) {
            (Err(at), true) => {
                let (before, after) = named.split_at(at);
                before.iter().chain([realm]).chain(after).cloned().collect()
            }
            (Ok(_), false) => named.iter().filter(|id| *id != realm).cloned().collect(),
            _ => return,
        };
        if let Some(row) = self.profiles.get_mut(row) {
            row.realms = named;
        }
    }
}

fn profile(record: &IdentityRecord, version: u64) -> Profile {
    let mut realms: Vec<Arc<str>> = record.realms.iter().map(|id| id.as_ref().into()).collect();
    realms.sort_unstable();
    realms.dedup();
    Profile {
        did: record.did.clone(),
        display_name: record.display_name.clone(),
        realms: realms.into(),
        created_at: record.created_at,
        since: version,
    }
}
