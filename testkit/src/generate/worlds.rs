//! Worlds: a few identities and realms under the names that programs use.

use super::pools::{DIDS, FLOATS, KEYS, REALMS, SCHEMAS, TEXTS};
use super::program;
use super::rng::Rng;
use crate::world::{Entry, RefIdentity, RefRealm, RefWorld};
use eclvm_kernel::effects::StoreValue;

/// A world.
pub fn world(seed: u64) -> RefWorld {
    let mut rng = Rng::split(seed, 11);
    let mut world = RefWorld { version: rng.below(1000), ..RefWorld::default() };
    for did in DIDS {
        if did.ends_with("nobody") || rng.often(100) {
            continue;
        }
        if did.ends_with("broken") {
            world.broken.insert((*did).to_owned());
        }
        world.identities.insert((*did).to_owned(), identity(&mut rng));
    }
    for realm in REALMS {
        if *realm == "void" || rng.often(120) {
            continue;
        }
        if *realm == "crash" {
            world.broken.insert((*realm).to_owned());
        }
        let facts = self::realm(&mut rng, seed);
        world.realms.insert((*realm).to_owned(), facts);
    }
    world.broken.insert("jam".to_owned());
    if rng.often(30) {
        world.broken.insert("trust.avg".to_owned());
    }
    world
}

/// A trust vector; often of round numbers, so that thresholds are met exactly.
pub fn trust(rng: &mut Rng) -> [f64; 6] {
    std::array::from_fn(|_| match rng.below(4) {
        0 => rng.pick(&[0.0, 1.0, 0.5, 0.1, 0.3, 0.25]),
        _ => rng.unit(),
    })
}

fn identity(rng: &mut Rng) -> RefIdentity {
    let balance = match rng.below(12) {
        0 => 1 << 53,
        1 => (1 << 53) + 1,
        2 => -(1 << 60),
        3 => -5,
        _ => i128::from(rng.below(500)),
    };
    let some =
        |rng: &mut Rng, of: &[&str]| of.iter().filter(|_| rng.often(500)).map(|s| (*s).to_owned()).collect();
    RefIdentity {
        trust: trust(rng),
        balance,
        credentials: some(rng, SCHEMAS),
        memberships: some(rng, REALMS),
    }
}

fn realm(rng: &mut Rng, seed: u64) -> RefRealm {
    let entry = match rng.below(10) {
        0..=4 => None,
        5 => Entry::new("caller == did:erynoa:self:alice || trust.r > 0.5"),
        6 => {
            Entry::new("policy entry { log(realm); require cross_realm(\"gate\") || trust.r > 0.2, \"no\"; }")
        }
        _ => {
            let text = program::entry(Rng::split(seed, rng.word()));
            // One of more than one policy is picked by a state file, not here.
            Entry::new(&text).filter(|entry| entry.source.policies.len() == 1)
        }
    };
    let mut realm = RefRealm {
        members: DIDS.iter().filter(|_| rng.often(500)).map(|s| (*s).to_owned()).collect(),
        claimed_members: rng.often(40).then_some((1 << 53) + 1),
        threshold: rng.pick(&[0.5, 0.3, 0.75, 0.0]),
        quarantined: rng.often(120),
        entry,
        ..RefRealm::default()
    };
    for key in KEYS {
        let value = match rng.below(5) {
            0 => StoreValue::Text(rng.pick(TEXTS).into()),
            1 | 2 => StoreValue::Number(rng.pick(FLOATS)),
            3 => StoreValue::Bool(rng.often(500)),
            _ => continue,
        };
        realm.store.insert((*key).to_owned(), value);
    }
    realm
}
