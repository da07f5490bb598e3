//! One version of the world, kept.

use super::identities::Profile;
use super::realm::Realm;
use super::world::World;
use crate::kernel::value::TrustVector;
use std::ops::Deref;
use std::sync::Arc;

/// One version of the world, kept for as long as this is. Cheap to clone. All reads of [`World`] are its own.
#[derive(Clone, Debug)]
pub struct StateView {
    world: Arc<World>,
}

impl StateView {
    /// A view of a world that nobody changes.
    pub fn new(world: Arc<World>) -> StateView {
        StateView { world }
    }
    /// The world.
    pub fn world(&self) -> &Arc<World> {
        &self.world
    }
    /// The trust vector of a DID, all six dimensions of it; None where it is unknown.
    pub fn get_trust(&self, did: &str) -> Option<TrustVector> {
        self.trust(did)
    }
    /// The identity of a DID; None where it is unknown.
    pub fn get_identity(&self, did: &str) -> Option<Identity<'_>> {
        self.profile(did).map(|profile| Identity { did: &profile.did, profile, world: &self.world })
    }
    /// The realm of an id; None where it is unknown.
    pub fn get_realm(&self, id: &str) -> Option<&Realm> {
        self.realm(id)
    }
}

impl Deref for StateView {
    type Target = World;
    fn deref(&self) -> &World {
        &self.world
    }
}

impl From<Arc<World>> for StateView {
    fn from(world: Arc<World>) -> StateView {
        StateView::new(world)
    }
}

/// An identity of a view: what is known of it, in one place.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'v> {
    /// Its DID.
    pub did: &'v Arc<str>,
    /// What is known of it besides trust, balance and credentials.
    pub profile: &'v Profile,
    world: &'v World,
}

impl Identity<'_> {
    /// Its trust vector.
    pub fn trust(&self) -> TrustVector {
        self.world.trust(self.did).unwrap_or(TrustVector::NEWCOMER)
    }
    /// Its balance.
    pub fn balance(&self) -> i128 {
        self.world.balance(self.did).unwrap_or(0)
    }
    /// Whether it holds a credential of exactly this schema name.
    pub fn has_credential(&self, schema: &str) -> bool {
        self.world.has_credential(self.did, schema)
    }
}
