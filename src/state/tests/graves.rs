//! Deletions, remembered exactly for long and never forgotten in the unsafe direction.

use crate::kernel::limits::MAX_TOMBSTONES;
use crate::state::StateKey;
use crate::state::graves::Graves;

fn key(n: u64) -> StateKey {
    StateKey::Store("r".into(), n.to_string().into())
}

#[test]
fn two_generations_are_exact_and_what_is_older_is_maybe() {
    let mut graves = Graves::default();
    assert!(!graves.maybe_since(&key(0), 0));
    let most = MAX_TOMBSTONES as u64;
    for n in 0..2 * most {
        graves.dig(&key(n), n + 2);
    }
    for n in [0, 1, most - 1, most, 2 * most - 1] {
        assert!(graves.maybe_since(&key(n), n + 1), "{n}");
        assert!(!graves.maybe_since(&key(n), n + 2), "{n}");
    }
    assert!(!graves.maybe_since(&key(u64::MAX), 1), "never there, and nothing forgotten");
    graves.dig(&key(2 * most), 2 * most + 2);
    // The first generation is gone: who began before its end is told "maybe", who began later is told the truth.
    assert!(graves.maybe_since(&key(0), 1));
    assert!(graves.maybe_since(&key(u64::MAX), most));
    assert!(!graves.maybe_since(&key(u64::MAX), most + 2));
    assert!(graves.maybe_since(&key(most), most + 1));
    // The same key again is the later deletion.
    graves.dig(&key(most), 9 * most);
    assert!(graves.maybe_since(&key(most), 8 * most));
}
