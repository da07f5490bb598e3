//! Persistent tables against the standard library's: after every step the new version holds what it should, and versions
//! kept from before hold what they held.

use super::Rng;
use crate::state::pmap::PMap;
use crate::state::pvec::PVec;
use std::collections::BTreeMap;

fn listed(map: &PMap<u64, u64>) -> BTreeMap<u64, u64> {
    let all: Vec<(u64, u64)> = map.iter().map(|(k, v)| (*k, *v)).collect();
    assert_eq!(all.len(), map.len());
    all.into_iter().collect()
}

#[test]
fn maps_are_what_a_plain_map_is_and_old_versions_stay() {
    for seed in 0..40 {
        let mut rng = Rng::new(seed);
        let keys = 1 + rng.below(300);
        let start: Vec<(u64, u64)> = (0..rng.below(200)).map(|n| (rng.below(keys), n)).collect();
        let mut map: PMap<u64, u64> = start.iter().copied().collect();
        let mut plain: BTreeMap<u64, u64> = start.into_iter().collect();
        let mut kept = vec![(map.clone(), plain.clone())];
        for step in 0..400 {
            let key = rng.below(keys);
            assert_eq!(map.get(&key), plain.get(&key), "seed {seed} step {step}");
            match rng.below(4) {
                0 => assert_eq!(map.remove(&key), plain.remove(&key).is_some()),
                1 => assert_eq!(map.get_mut(&key).map(|v| *v = step), plain.get_mut(&key).map(|v| *v = step)),
                _ => assert_eq!(map.insert(key, step), plain.insert(key, step).is_none()),
            }
            if rng.below(20) == 0 {
                kept.push((map.clone(), plain.clone()));
            }
        }
        kept.push((map, plain));
        for (map, plain) in &kept {
            assert_eq!(listed(map), *plain, "seed {seed}");
        }
    }
}

#[test]
fn an_emptied_map_folds_back_and_fills_again() {
    let mut map: PMap<u64, u64> = (0..1_000).map(|n| (n, n)).collect();
    for n in 0..1_000 {
        assert!(map.remove(&n));
        assert!(!map.remove(&n));
    }
    assert_eq!((map.len(), map.iter().count()), (0, 0));
    for n in 0..1_000 {
        assert!(map.insert(n, n));
    }
    assert_eq!(listed(&map).len(), 1_000);
}

#[test]
fn arrays_are_what_a_plain_array_is_and_old_versions_stay() {
    for len in [0, 1, 31, 32, 33, 1_023, 1_024, 1_025, 33_000] {
        let mut plain: Vec<u64> = (0..len).collect();
        let mut array: PVec<u64> = plain.iter().copied().collect();
        let before = (array.clone(), plain.clone());
        let mut rng = Rng::new(len);
        for step in 0..200 {
            if rng.below(2) == 0 {
                array.push(step);
                plain.push(step);
            }
            let at = rng.below(plain.len() as u64 + 2) as usize;
            assert_eq!(array.get(at), plain.get(at));
            assert_eq!(array.get_mut(at).map(|x| *x += 7), plain.get_mut(at).map(|x| *x += 7));
        }
        for (array, plain) in [before, (array, plain)] {
            assert_eq!(array.len(), plain.len());
            assert!(array.iter().eq(plain.iter()), "{len}");
            assert!((0..plain.len() + 40).all(|at| array.get(at) == plain.get(at)), "{len}");
            assert_eq!(array.get(usize::MAX), None);
        }
    }
    // Pushed one by one from nothing, through every change of depth.
    let mut array = PVec::default();
    for n in 0..40_000u64 {
        array.push(n);
    }
    assert!(array.iter().copied().eq(0..40_000));
}
