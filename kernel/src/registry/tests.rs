//! The registry against a plain map, at its cap, and raced.

use super::*;
use std::collections::HashMap;

#[test]
fn numbers_are_dense_and_names_come_back() {
    let registry = Registry::new(20_000);
    let mut model = HashMap::new();
    for n in 0..30_000u32 {
        // Every third name comes twice.
        let name = format!("realm-{}", n - n % 3 / 2);
        let next = model.len() as u32;
        let wanted = match model.get(&name) {
            Some(&number) => Some(number),
            None if next < 20_000 => {
                model.insert(name.clone(), next);
                Some(next)
            }
            None => None,
        };
        assert_eq!(registry.intern(&name), wanted, "{name}");
    }
    assert_eq!(registry.len(), 20_000);
    for (name, number) in &model {
        assert_eq!((registry.get(name), registry.name(*number)), (Some(*number), Some(name.as_str())));
    }
    assert_eq!((registry.get("nobody"), registry.name(20_000), registry.name(u32::MAX)), (None, None, None));
}

#[test]
fn the_largest_cap_for_realms_is_reached() {
    let registry = Registry::new(crate::limits::MAX_REALMS);
    for n in 0..crate::limits::MAX_REALMS {
        assert_eq!(registry.intern(&n.to_string()), Some(n));
    }
    assert_eq!(registry.intern("one more"), None);
    assert_eq!(registry.intern("65535"), Some(65_535));
}

#[test]
fn caps_and_lengths() {
    let none = Registry::new(0);
    assert_eq!((none.intern("a"), none.get("a"), none.len()), (None, None, 0));
    assert!(none.is_empty());
    let one = Registry::new(1);
    assert_eq!((one.intern(""), one.intern("b"), one.intern("")), (Some(0), None, Some(0)));
    assert_eq!(one.name(0), Some(""));
    let large = Registry::new(u32::MAX);
    assert_eq!(large.cap(), MAX_NAMES);
    let name = "x".repeat(MAX_NAME_BYTES);
    assert_eq!(large.intern(&name), Some(0));
    assert_eq!((large.intern(&(name.clone() + "x")), large.get(&(name + "x"))), (None, None));
}

/// Threads race over the same names in different orders: each name has one number, numbers are dense, all agree.
#[test]
fn racing_threads_agree() {
    for round in 0..20 {
        let registry = Registry::new(500);
        let seen: Vec<HashMap<u32, Option<u32>>> = std::thread::scope(|scope| {
            let threads: Vec<_> = [1u32, 7, 11, 599]
                .into_iter()
                .map(|step| {
                    let registry = &registry;
                    scope.spawn(move || {
                        let names = (0..600u32).map(|n| n * step % 600 + round);
                        names.map(|name| (name, registry.intern(&name.to_string()))).collect()
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(registry.len(), 500);
        let mut names = HashMap::new();
        for (name, number) in seen.iter().flatten() {
            if let Some(number) = number {
                assert_eq!(registry.name(*number), Some(name.to_string().as_str()));
                assert_eq!(*names.entry(*name).or_insert(*number), *number, "{name}");
            }
        }
        let mut numbers: Vec<u32> = names.into_values().collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..500).collect::<Vec<_>>());
    }
}
