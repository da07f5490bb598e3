//! Blueprints that were published, and what becomes of them: deployed, instantiated, deprecated.
//!
//! The table of blueprints is one published value; a deployment is one commit of the state that it goes to. A realm keeps
//! the policies it was given: nothing that becomes of a blueprint later changes it.

use super::blueprint::{Blueprint, BlueprintId};
use super::commit::{ChangeFailure, commit};
use crate::kernel::limits::{MAX_BLUEPRINTS, MAX_NAME_BYTES};
use crate::kernel::publish::Published;
use crate::observe::{EclvmObserver, NoObserver};
use crate::state::{ApplyError, BlueprintStep, RealmChange, RealmRecord, StateEvent, StateKey, UnifiedState};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Characters of an unknown name that an error shows.
const SHOWN: usize = 80;

/// Why nothing became of a blueprint.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BlueprintError {
    /// The name of a blueprint or realm is empty or longer than [`MAX_NAME_BYTES`].
    NameLength,
    /// Versions begin at 1.
    VersionZero,
    /// Its policies cannot be a realm's, with the reason.
    Policies(Box<str>),
    /// Its defaults cannot be a realm's: a number that is not finite, a key that is there twice, a text that is too long.
    Defaults,
    /// It is too large.
    TooLarge,
    /// There are [`MAX_BLUEPRINTS`].
    TooMany,
    /// Nothing was published under this name.
    UnknownName(Arc<str>),
    /// The name is known, this version is not.
    UnknownVersion {
        /// The name.
        name: Arc<str>,
        /// The version that was asked for.
        version: u64,
        /// The newest that there is.
        newest: u64,
    },
    /// A new version must be above the newest one.
    VersionNotNewer {
        /// The version that was to be published.
        version: u64,
        /// The newest that there is.
        newest: u64,
    },
    /// This name and version stand for other content.
    OtherContent(BlueprintId),
    /// It is deprecated: it can no longer be deployed or instantiated.
    Deprecated(BlueprintId),
    /// There is no such realm to deploy to.
    UnknownRealm(Arc<str>),
    /// There is a realm of this id already.
    RealmExists(Arc<str>),
    /// The state did not take the change.
    Change(ChangeFailure),
}

impl fmt::Display for BlueprintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BlueprintError::NameLength => f.write_str("a name is empty or too long"),
            BlueprintError::VersionZero => f.write_str("versions begin at 1"),
            BlueprintError::Policies(error) => f.write_str(error),
            BlueprintError::Defaults => f.write_str("no realm could begin with these defaults"),
            BlueprintError::TooLarge => f.write_str("the blueprint is too large"),
            BlueprintError::TooMany => f.write_str("too many blueprints"),
            BlueprintError::UnknownName(name) => write!(f, "no blueprint `{name}`"),
            BlueprintError::UnknownVersion { name, version, newest } => {
                write!(f, "no version {version} of blueprint `{name}`: the newest is {newest}")
            }
            BlueprintError::VersionNotNewer { version, newest } => {
                write!(f, "version {version} is not above the newest, {newest}")
            }
            BlueprintError::OtherContent(id) => write!(f, "already published with other content: {id}"),
            BlueprintError::Deprecated(id) => write!(f, "deprecated: {id}"),
            BlueprintError::UnknownRealm(id) => write!(f, "no realm `{id}`"),
            BlueprintError::RealmExists(id) => write!(f, "there is already a realm `{id}`"),
            BlueprintError::Change(error) => error.fmt(f),
        }
    }
}
impl std::error::Error for BlueprintError {}

/// What came of a publish.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Publication {
    /// It is there from now on.
    New,
    /// The very same was there already. Nobody is told again.
    Unchanged,
}

#[derive(Clone, Debug)]
struct Kept {
    blueprint: Arc<Blueprint>,
    deprecated: bool,
}

#[derive(Clone, Debug, Default)]
struct Table {
    by_name: BTreeMap<Arc<str>, BTreeMap<u64, Kept>>,
    count: usize,
}

impl Table {
    fn find(&self, name: &str, version: u64) -> Result<&Kept, BlueprintError> {
        let newest = |versions: &BTreeMap<u64, Kept>| versions.keys().next_back().copied().unwrap_or(0);
        let shown = || Arc::from(name.chars().take(SHOWN).collect::<String>());
        let versions = self.by_name.get(name).ok_or_else(|| BlueprintError::UnknownName(shown()))?;
        let unknown = || BlueprintError::UnknownVersion { name: shown(), version, newest: newest(versions) };
        versions.get(&version).ok_or_else(unknown)
    }
    fn publish(&mut self, blueprint: &Arc<Blueprint>) -> Result<Publication, BlueprintError> {
        let id = blueprint.id();
        if let Some(versions) = self.by_name.get(&id.name) {
            if let Some(there) = versions.get(&id.version) {
                return match there.blueprint.id() {
                    there if there == id => Ok(Publication::Unchanged),
                    there => Err(BlueprintError::OtherContent(there.clone())),
                };
            }
            let newest = versions.keys().next_back().copied().unwrap_or(0);
            if id.version < newest {
                return Err(BlueprintError::VersionNotNewer { version: id.version, newest });
            }
        }
        if self.count >= MAX_BLUEPRINTS {
            return Err(BlueprintError::TooMany);
        }
        self.count += 1;
        let kept = Kept { blueprint: blueprint.clone(), deprecated: false };
        self.by_name.entry(id.name.clone()).or_default().insert(id.version, kept);
        Ok(Publication::New)
    }
}

/// The blueprints of a process. Share it (`Arc`).
pub struct Blueprints {
    table: Published<Table>,
    observer: Arc<dyn EclvmObserver>,
}

impl Blueprints {
    /// None yet, and nobody told.
    pub fn new() -> Blueprints {
        Blueprints::with_observer(Arc::new(NoObserver))
    }
    /// None yet; this observer is told what becomes of them.
    pub fn with_observer(observer: Arc<dyn EclvmObserver>) -> Blueprints {
        Blueprints { table: Published::new(Table::default()), observer }
    }

    /// Publishes a blueprint: it can be deployed and instantiated from now on. To publish the same again changes nothing, and
    /// does not bring back a deprecated one.
    ///
    /// # Errors
    ///
    /// OtherContent, VersionNotNewer, TooMany.
    pub fn publish(&self, blueprint: Blueprint) -> Result<Publication, BlueprintError> {
        let blueprint = Arc::new(blueprint);
        let publication = self.change(|table| table.publish(&blueprint))?;
        if publication == Publication::New {
            self.tell(blueprint.id(), BlueprintStep::Published, None);
        }
        Ok(publication)
    }
    /// A blueprint, deprecated or not.
    ///
    /// # Errors
    ///
    /// UnknownName, UnknownVersion.
    pub fn get(&self, name: &str, version: u64) -> Result<Arc<Blueprint>, BlueprintError> {
        Ok(self.table.pin().find(name, version)?.blueprint.clone())
    }
    /// The newest version of a name that is not deprecated.
    pub fn newest(&self, name: &str) -> Option<Arc<Blueprint>> {
        let table = self.table.pin();
        let kept = table.by_name.get(name)?.values().rev().find(|kept| !kept.deprecated)?;
        Some(kept.blueprint.clone())
    }
    /// All blueprints, by name and version, and whether each is deprecated.
    pub fn list(&self) -> Vec<(BlueprintId, bool)> {
        let table = self.table.load();
        let all = table.by_name.values().flat_map(BTreeMap::values);
        all.map(|kept| (kept.blueprint.id().clone(), kept.deprecated)).collect()
    }
    /// Gives a realm the blueprint's policies in place of all that it has; the version of the world from which on they hold.
    /// Until then the old ones serve, and who has begun with them ends with them. Defaults are for new realms: members,
    /// store, threshold and quota stay.
    ///
    /// # Errors
    ///
    /// UnknownName, UnknownVersion, Deprecated, UnknownRealm, Change. The realm keeps what it has.
    pub fn deploy(
        &self,
        state: &UnifiedState,
        name: &str,
        version: u64,
        realm: &str,
    ) -> Result<u64, BlueprintError> {
        let blueprint = self.in_use(name, version)?;
        let change = RealmChange::Policies(blueprint.policies().clone());
        let made = commit(state, &StateEvent::RealmChanged { realm_id: realm.into(), change });
        let made = made.map_err(failure)?;
        self.tell(blueprint.id(), BlueprintStep::Deployed, Some(realm));
        Ok(made)
    }
    /// Creates a realm of the blueprint's policies and defaults; the version of the world from which on it is there.
    ///
    /// # Errors
    ///
    /// UnknownName, UnknownVersion, Deprecated, RealmExists, Change; NameLength for the realm's id. There is no realm then.
    pub fn instantiate(
        &self,
        state: &UnifiedState,
        name: &str,
        version: u64,
        realm: &str,
        owner: Option<&str>,
    ) -> Result<u64, BlueprintError> {
        if realm.is_empty() || realm.len() > MAX_NAME_BYTES {
            return Err(BlueprintError::NameLength);
        }
        let blueprint = self.in_use(name, version)?;
        let defaults = blueprint.defaults();
        let record = RealmRecord {
            id: realm.into(),
            name: defaults.name.clone(),
            owner: owner.map(Arc::from),
            trust_threshold: defaults.trust_threshold,
            quarantined: defaults.quarantined,
            store: defaults.store.clone(),
            policies: blueprint.policies().clone(),
            quota: defaults.quota,
            ..RealmRecord::default()
        };
        let made = commit(state, &StateEvent::RealmCreated(Arc::new(record))).map_err(failure)?;
        self.tell(blueprint.id(), BlueprintStep::Instantiated, Some(realm));
        Ok(made)
    }
    /// Takes a version out of use: it is neither deployed nor instantiated any more. Realms that have it keep it. Whether it
    /// was in use until now.
    ///
    /// # Errors
    ///
    /// UnknownName, UnknownVersion.
    pub fn deprecate(&self, name: &str, version: u64) -> Result<bool, BlueprintError> {
        let blueprint = self.get(name, version)?;
        let changed = self.change(|table| {
            let versions = table.by_name.get_mut(name);
            let kept = versions.and_then(|versions| versions.get_mut(&version));
            Ok(kept.is_some_and(|kept| !std::mem::replace(&mut kept.deprecated, true)))
        })?;
        if changed {
            self.tell(blueprint.id(), BlueprintStep::Deprecated, None);
        }
        Ok(changed)
    }

    fn in_use(&self, name: &str, version: u64) -> Result<Arc<Blueprint>, BlueprintError> {
        let table = self.table.pin();
        let kept = table.find(name, version)?;
        if kept.deprecated {
            return Err(BlueprintError::Deprecated(kept.blueprint.id().clone()));
        }
        Ok(kept.blueprint.clone())
    }
    /// Publishes what `change` makes of the table; again where another writer was faster.
    fn change<T>(
        &self,
        change: impl Fn(&mut Table) -> Result<T, BlueprintError>,
    ) -> Result<T, BlueprintError> {
        loop {
            let seen = self.table.load();
            let mut next = (*seen).clone();
            let answer = change(&mut next)?;
            if self.table.publish_if(seen.version(), next).is_ok() {
                return Ok(answer);
            }
        }
    }
    fn tell(&self, id: &BlueprintId, action: BlueprintStep, realm: Option<&str>) {
        self.observer.on_event(&StateEvent::BlueprintAction {
            blueprint: id.name.clone(),
            version: id.version,
            action,
            realm_id: realm.map(Arc::from),
        });
    }
}

fn failure(failure: ChangeFailure) -> BlueprintError {
    match failure {
        ChangeFailure::Refused(ApplyError::UnknownRealm(id)) => BlueprintError::UnknownRealm(id),
        ChangeFailure::Refused(ApplyError::Exists(StateKey::Realm(id))) => BlueprintError::RealmExists(id),
        failure => BlueprintError::Change(failure),
    }
}

impl Default for Blueprints {
    fn default() -> Self {
        Blueprints::new()
    }
}

impl fmt::Debug for Blueprints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blueprints").field("count", &self.table.pin().count).finish_non_exhaustive()
    }
}
