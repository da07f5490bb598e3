//! `Registry`: one number for a name, and the name with the number.

use crate::model::{Model, Twin};
use eclvm_kernel::registry::Registry;
use loom::sync::Arc;
use loom::thread;

/// The models of this file.
pub(crate) const MODELS: &[Model] = &[
    Model {
        name: "registry::realm_registered_once_by_racing_threads",
        holds: "two threads with one name get one number, and one number is given",
        threads: 2,
        bound: None,
        long_bound: None,
        run: one_name_once,
        twin: Twin::Without("registry: read the tail first", "a number without a name"),
    },
    Model {
        name: "registry::two_names_two_numbers",
        holds: "racing names get the numbers 0 and 1",
        threads: 2,
        bound: None,
        long_bound: None,
        run: two_names,
        twin: Twin::Body(two_names_weakened, "one number"),
    },
    Model {
        name: "registry::name_is_visible_with_length",
        holds: "whoever sees a length can read all names below it",
        threads: 2,
        bound: None,
        long_bound: None,
        run: name_is_visible_with_length,
        twin: Twin::Without("registry: the name goes with the length", "a number without a name"),
    },
    Model {
        name: "registry::name_is_visible_with_id",
        holds: "whoever finds the number of a name can read the name",
        threads: 2,
        bound: None,
        long_bound: None,
        run: name_is_visible_with_id,
        twin: Twin::Without("registry: the name goes with the number", "a number without a name"),
    },
    Model {
        name: "registry::cap_holds_for_racing_threads",
        holds: "of two new names one gets the last number",
        threads: 2,
        bound: None,
        long_bound: None,
        run: cap_holds,
        twin: Twin::Body(cap_holds_weakened, "beyond the cap"),
    },
];

fn race(cap: u32, names: [&'static str; 2]) -> (Arc<Registry>, Option<u32>, Option<u32>) {
    let registry = Arc::new(Registry::new(cap));
    let other = {
        let registry = registry.clone();
        thread::spawn(move || registry.intern(names[1]))
    };
    let here = registry.intern(names[0]);
    (registry, here, other.join().unwrap())
}

fn one_name_once() {
    let (registry, here, there) = race(2, ["a", "a"]);
    assert_eq!((here, there), (Some(0), Some(0)));
    assert_eq!((registry.len(), registry.name(0)), (1, Some("a")), "a number without a name");
}

fn two_names() {
    let (registry, here, there) = race(2, ["a", "b"]);
    let (Some(here), Some(there)) = (here, there) else { panic!("there is room") };
    assert_eq!(here + there, 1, "one number");
    assert_eq!((registry.name(here), registry.name(there)), (Some("a"), Some("b")));
    assert_eq!(registry.len(), 2);
}

/// The twin: a number is read and then raised.
fn two_names_weakened() {
    use eclvm_kernel::sync::{AtomicU32, Ordering};
    let tail = Arc::new(AtomicU32::new(0));
    let take = |tail: &AtomicU32| {
        let number = tail.load(Ordering::Acquire);
        tail.store(number + 1, Ordering::Release);
        number
    };
    let other = {
        let tail = tail.clone();
        thread::spawn(move || take(&tail))
    };
    let here = take(&tail);
    assert_eq!(here + other.join().unwrap(), 1, "one number");
}

/// The reader is the thread that is spawned: loom notices a store after another thread's load only where the storing
/// thread has not loaded that word itself in between.
fn name_is_visible_with_length() {
    let registry = Arc::new(Registry::new(1));
    let reader = {
        let registry = registry.clone();
        thread::spawn(move || {
            if !registry.is_empty() {
                assert_eq!(registry.name(0), Some("a"), "a number without a name");
            }
        })
    };
    registry.intern("a");
    reader.join().unwrap();
}

fn name_is_visible_with_id() {
    let registry = Arc::new(Registry::new(1));
    let reader = {
        let registry = registry.clone();
        thread::spawn(move || {
            if let Some(number) = registry.get("a") {
                assert_eq!(registry.name(number), Some("a"), "a number without a name");
            }
        })
    };
    registry.intern("a");
    reader.join().unwrap();
}

fn cap_holds() {
    let (registry, here, there) = race(1, ["a", "b"]);
    assert_eq!(usize::from(here.is_some()) + usize::from(there.is_some()), 1);
    assert_eq!((registry.len(), registry.intern("c")), (1, None));
    assert_eq!(registry.intern("a").is_some(), here.is_some());
}

/// The twin: the cap is compared before the number is taken by an addition.
fn cap_holds_weakened() {
    use eclvm_kernel::sync::{AtomicU32, Ordering};
    let tail = Arc::new(AtomicU32::new(0));
    let take = |tail: &AtomicU32| {
        if tail.load(Ordering::Acquire) < 1 {
            tail.fetch_add(1, Ordering::AcqRel);
        }
    };
    let other = {
        let tail = tail.clone();
        thread::spawn(move || take(&tail))
    };
    take(&tail);
    other.join().unwrap();
    assert!(tail.load(Ordering::Acquire) <= 1, "beyond the cap");
}
