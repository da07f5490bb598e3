//! A world as the events that make it from nothing: realms, identities, proposals, votes, each kind in ascending order.

use super::realm::Realm;
use super::transaction::owned;
use super::world::World;
use crate::event::{IdentityRecord, RealmRecord, StateEvent};
use std::sync::Arc;

impl World {
    /// Events that make this world of an empty one: the default world after them has the same content, under its own
    /// version.
    pub fn creation(&self) -> impl Iterator<Item = StateEvent> + '_ {
        let realms = self.realms();
        let proposals: Vec<StateEvent> = realms.iter().flat_map(|realm| proposals(realm)).collect();
        let realms: Vec<StateEvent> =
            realms.into_iter().map(|realm| StateEvent::RealmCreated(Arc::new(record(realm)))).collect();
        let identities = self.profiles().filter_map(|profile| {
            let did = &profile.did;
            Some(StateEvent::IdentityCreated(Arc::new(IdentityRecord {
                did: did.clone(),
                display_name: profile.display_name.clone(),
                trust: self.trust(did)?,
                balance: self.balance(did)?,
                credentials: self.credentials(did)?.into_iter().map(Box::from).collect(),
                realms: profile.realms.iter().map(|id| Box::from(&**id)).collect(),
                created_at: profile.created_at,
            })))
        });
        realms.into_iter().chain(identities).chain(proposals)
    }
}

fn record(realm: &Realm) -> RealmRecord {
    RealmRecord {
        id: realm.id.clone(),
        name: realm.name.clone(),
        owner: realm.owner.clone(),
        members: realm.members().into_iter().map(Arc::from).collect(),
        trust_threshold: realm.trust_threshold,
        quarantined: realm.quarantined,
        store: realm.store().into_iter().map(|(key, value)| (key.into(), owned(value))).collect(),
        policies: realm.policies.clone(),
        quota: realm.quota,
        created_at: realm.created_at,
    }
}

/// A realm's proposals, and then the votes on these and others.
fn proposals(realm: &Realm) -> Vec<StateEvent> {
    let mut proposals: Vec<_> = realm.proposals.iter().collect();
    proposals.sort_unstable_by_key(|(id, _)| *id);
    let submitted = proposals.into_iter().map(|(id, entry)| StateEvent::ProposalCreated {
        realm_id: realm.id.clone(),
        proposal: id.clone(),
        proposer: entry.value.proposer.clone(),
        text: entry.value.text.clone(),
    });
    let mut votes: Vec<(&Arc<str>, &Arc<str>, bool)> = Vec::new();
    for (id, ballot) in realm.ballots.iter() {
        votes.extend(ballot.value.by.iter().map(|(voter, vote)| (id, voter, vote.value)));
    }
    votes.sort_unstable();
    let votes = votes.into_iter().map(|(id, voter, yes)| StateEvent::VoteCast {
        realm_id: realm.id.clone(),
        proposal: id.clone(),
        voter: voter.clone(),
        yes,
    });
    submitted.chain(votes).collect()
}
