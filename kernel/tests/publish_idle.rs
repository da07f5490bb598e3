//! Old versions really go away in a process that has nothing else to do. Alone in its process: the epoch is one for all threads,
//! and any other that the system suspends at the wrong moment (while it ends, say) would hold versions up.

use eclvm_kernel::publish::Published;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

struct Counted(Arc<AtomicI64>);

impl Counted {
    fn new(alive: &Arc<AtomicI64>) -> Counted {
        alive.fetch_add(1, Ordering::Relaxed);
        Counted(alive.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[test]
fn one_thread_that_publishes_and_idles_holds_no_old_version() {
    let alive = Arc::new(AtomicI64::new(0));
    let published = Published::new(Counted::new(&alive));
    for n in 1..=100_000 {
        assert_eq!(published.publish_if(n, Counted::new(&alive)).ok(), Some(n + 1));
        // No reader was pinned, so each publish has freed what it replaced.
        assert_eq!(alive.load(Ordering::Relaxed), 1, "after publish {n}");
    }
    // While this thread itself is pinned they wait, and the first publish after that begins to free them.
    let pinned = published.pin();
    for n in 100_001..=101_000 {
        assert!(published.publish_if(n, Counted::new(&alive)).is_ok());
    }
    assert_eq!((alive.load(Ordering::Relaxed), published.stats().retired_waiting), (1_001, 1_000));
    drop(pinned);
    published.reclaim();
    assert_eq!((alive.load(Ordering::Relaxed), published.stats().retired_waiting), (1, 0));
    drop(published);
    assert_eq!(alive.load(Ordering::Relaxed), 0);
}
