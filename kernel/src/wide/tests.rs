use super::Wide;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn an_update_is_seen_whole_and_a_refusal_changes_nothing() {
    let wide = Wide::<3, 2>::new([1, 2, 3]);
    for n in 0..100u64 {
        let old = wide.read();
        let new = [n, u64::MAX - n, n ^ 7];
        assert_eq!(wide.update(|_| Some(new)), Ok((old, new)));
        assert_eq!(wide.update(|_| None), Err(new));
        assert_eq!(wide.read(), new);
    }
    assert_eq!(format!("{wide:?}"), format!("Wide({:?})", wide.read()));
}

/// A computation that panics after another update got in between holds a slot by then.
#[test]
fn a_panic_gives_the_slot_back() {
    let wide = Wide::<1, 3>::new([0]);
    for round in 0..10u64 {
        let mut calls = 0;
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wide.update(|&[n]| {
                calls += 1;
                assert!(calls < 2, "the second time");
                // Another thread's update.
                std::thread::scope(|s| s.spawn(|| wide.update(|&[n]| Some([n + 1])).is_ok()).join()).unwrap();
                Some([n + 100])
            })
        }));
        assert!(result.is_err());
        // With a slot lost in each round, this would wait for ever from the second on.
        assert_eq!(wide.read(), [round + 1]);
    }
}

/// The size that budgets rest on: a head and one line for each slot.
#[test]
fn sixteen_slots_of_five_words_are_little_more_than_a_kibibyte() {
    assert!(size_of::<Wide<5>>() <= 1024 + 128, "{}", size_of::<Wide<5>>());
}

/// More writers than slots, and readers: each word counts every update, and no reader sees two words of different ones.
#[test]
fn many_threads_on_few_slots() {
    const WRITERS: u64 = 6;
    let rounds: u64 = std::env::var("WIDE_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(20_000);
    let wide = Arc::new(Wide::<4, 3>::new([0, 0, 0, u64::MAX]));
    let done = Arc::new(AtomicBool::new(false));
    let consistent = |w: [u64; 4]| w[0] == w[1] && w[1] == w[2] && w[3] == u64::MAX - w[0];
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut last = 0;
            while !done.load(Ordering::Relaxed) {
                let now = wide.read();
                assert!(consistent(now) && now[0] >= last, "{now:?} after {last}");
                last = now[0];
            }
        });
        let writers: Vec<_> = (0..WRITERS)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..rounds {
                        let update = wide.update(|w| {
                            assert!(consistent(*w), "{w:?}");
                            Some([w[0] + 1, w[1] + 1, w[2] + 1, w[3] - 1])
                        });
                        assert!(update.is_ok());
                    }
                })
            })
            .collect();
        let panicked = writers.into_iter().filter_map(|w| w.join().err()).count();
        done.store(true, Ordering::Relaxed);
        assert!(panicked == 0 && reader.join().is_ok());
    });
    assert_eq!(wide.read()[0], WRITERS * rounds);
}
