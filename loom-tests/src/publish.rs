//! `Published`: readers see whole, living versions; of two writers one wins; nothing leaks.
//!
//! The epoch is the kernel's stand-in (`sync/epoch.rs`): its contract, its destructors run. Loom itself fails an execution
//! that leaks a version (they are counted by loom's `Arc`).

use crate::model::{Model, Twin};
use eclvm_kernel::publish::Published;
use eclvm_kernel::sync::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use loom::sync::Arc;
use loom::thread;

/// The models of this file.
pub(crate) const MODELS: &[Model] = &[
    Model {
        name: "publish::reader_never_sees_freed_version",
        holds: "what a pinned reader points at lives until it leaves",
        threads: 2,
        bound: None,
        long_bound: None,
        run: reader_never_sees_freed_version,
        twin: Twin::Without("publish: wait for readers", "freed while pinned"),
    },
    Model {
        name: "publish::two_writers_one_wins_none_leak",
        holds: "of two writers that start from one version one publishes, and every value is dropped once",
        threads: 2,
        bound: None,
        long_bound: None,
        run: two_writers_one_wins_none_leak,
        twin: Twin::Without("publish: compare and swap", "both won"),
    },
    Model {
        name: "publish::version_is_visible_whole",
        holds: "who sees a version sees all that was written before it was published",
        threads: 2,
        bound: None,
        long_bound: None,
        run: version_is_visible_whole,
        // Loom's own words for a version that is read before what made it can be seen.
        twin: Twin::Without("publish: swap", "Causality violation"),
    },
    Model {
        name: "publish::update_loses_nothing",
        holds: "an update counts, whoever publishes meanwhile",
        threads: 2,
        bound: None,
        long_bound: None,
        run: update_loses_nothing,
        twin: Twin::Without("publish: compare and swap", "an update was lost"),
    },
];

/// A value that says when it is dropped.
struct Probe {
    dropped: Arc<AtomicBool>,
}

impl Drop for Probe {
    fn drop(&mut self) {
        assert!(!self.dropped.swap(true, Ordering::AcqRel), "dropped twice");
    }
}

/// One thread reads while the other publishes and moves the epoch on as far as it goes.
fn reader_never_sees_freed_version() {
    let dropped = Arc::new(AtomicBool::new(false));
    let published = Arc::new(Published::new(Some(Probe { dropped: dropped.clone() })));
    let writer = {
        let published = published.clone();
        thread::spawn(move || {
            let _ = published.publish_if(1, None);
        })
    };
    {
        let pinned = published.pin();
        if pinned.version() == 1 {
            assert!(!dropped.load(Ordering::Acquire), "freed while pinned");
        }
    }
    writer.join().unwrap();
}

/// Both publish from version 1.
fn two_writers_one_wins_none_leak() {
    let drops = Arc::new(AtomicUsize::new(0));
    struct Counted(u64, Arc<AtomicUsize>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.1.fetch_add(1, Ordering::Relaxed);
        }
    }
    let published = Arc::new(Published::new(Counted(0, drops.clone())));
    let other = {
        let (published, drops) = (published.clone(), drops.clone());
        thread::spawn(move || published.publish_if(1, Counted(1, drops)).is_ok())
    };
    let here = match published.publish_if(1, Counted(2, drops.clone())) {
        Ok(_) => true,
        Err(stale) => {
            assert_eq!((stale.value.0, stale.current), (2, 2), "the loser has its value back");
            false
        }
    };
    let there = other.join().unwrap();
    assert!(here != there, "both won, or none");
    assert_eq!(published.pin().0, if here { 2 } else { 1 });
}

/// What a version points at was written Relaxed before it was published, and the last word of the version itself after
/// everything else the writer does.
fn version_is_visible_whole() {
    let part = Arc::new(AtomicU64::new(0));
    let published = Arc::new(Published::new(()));
    let writer = {
        let (published, part) = (published.clone(), part.clone());
        thread::spawn(move || {
            part.store(1, Ordering::Relaxed);
            let _ = published.publish_if(1, ());
        })
    };
    let pinned = published.pin();
    assert!(pinned.is_whole(), "half a version");
    if pinned.version() == 2 {
        assert_eq!(part.load(Ordering::Relaxed), 1, "half a version");
    }
    drop(pinned);
    writer.join().unwrap();
}

/// One thread adds one while the other publishes 10 of version 1.
fn update_loses_nothing() {
    let published = Arc::new(Published::new(0_u64));
    let other = {
        let published = published.clone();
        thread::spawn(move || published.update(|n| n + 1))
    };
    let won = published.publish_if(1, 10).is_ok();
    other.join().unwrap();
    assert_eq!(*published.pin(), if won { 11 } else { 1 }, "an update was lost");
}
