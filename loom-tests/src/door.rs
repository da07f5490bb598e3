//! The door itself: what loom by itself does not explore is explored (`eclvm_kernel::sync::tracked`), and nothing is ordered that
//! real memory does not order.

use crate::model::{Model, Twin};
use eclvm_kernel::sync::{AtomicU64, OnceLock, Ordering, fence};
use loom::sync::Arc;
use loom::thread;

const fn model(name: &'static str, holds: &'static str, run: fn(), twin: Twin) -> Model {
    Model { name, holds, threads: 2, bound: None, long_bound: None, run, twin }
}

/// The models of this file.
pub(crate) const MODELS: &[Model] = &[
    model(
        "door::a_load_is_not_hidden",
        "a swap is also tried before another thread's first load, though the swapping thread loads before it",
        load_then_swap,
        Twin::Body(load_then_swap_sees, "the other was first"),
    ),
    model(
        "door::fences_are_tried_in_every_order",
        "of two threads that write, fence (SeqCst) and read one sees the other's write; either may be first",
        store_buffer::<true>,
        Twin::Body(fences_sees, "the other was first"),
    ),
    model(
        "door::witnesses_order_nothing",
        "without the fence both read what was there before: the witnesses are no fences",
        store_buffer::<true>,
        Twin::Body(store_buffer::<false>, "neither saw the other"),
    ),
    model(
        "door::loads_order_nothing",
        "who reads a flag Relaxed knows nothing of what came before it",
        message::<true>,
        Twin::Body(message::<false>, "the flag without the message"),
    ),
    model(
        "door::either_thread_fills_a_cell",
        "both see what one of them put there; either may be it",
        fill,
        Twin::Body(fill_sees, "the other was first"),
    ),
];

/// One more, on a word; with the value found first.
fn increment(word: &AtomicU64) -> u64 {
    let first = word.load(Ordering::Acquire);
    let mut seen = first;
    while let Err(now) = word.compare_exchange(seen, seen + 1, Ordering::AcqRel, Ordering::Acquire) {
        seen = now;
    }
    first
}

fn both_increment() -> u64 {
    let word = Arc::new(AtomicU64::new(0));
    let other = {
        let word = word.clone();
        thread::spawn(move || increment(&word))
    };
    let first = increment(&word);
    other.join().unwrap();
    assert_eq!(word.load(Ordering::Acquire), 2, "an increment is lost");
    first
}

fn load_then_swap() {
    both_increment();
}

/// Fails where this thread's first load comes after the other's swap: an order that loom by itself does not try.
pub(crate) fn load_then_swap_sees() {
    assert_eq!(both_increment(), 0, "the other was first");
}

fn write_and_read<const FENCED: bool>() -> [u64; 2] {
    let words = Arc::new([AtomicU64::new(0), AtomicU64::new(0)]);
    let go = |words: &[AtomicU64; 2], own: usize| {
        words[own].store(1, Ordering::Relaxed);
        if FENCED {
            fence(Ordering::SeqCst);
        }
        words[1 - own].load(Ordering::Relaxed)
    };
    let other = {
        let words = words.clone();
        thread::spawn(move || go(&words, 1))
    };
    let here = go(&words, 0);
    [here, other.join().unwrap()]
}

fn store_buffer<const FENCED: bool>() {
    assert_ne!(write_and_read::<FENCED>(), [0, 0], "neither saw the other");
}

/// Fails where the other's fence is first and its load sees nothing yet.
fn fences_sees() {
    assert_ne!(write_and_read::<true>(), [1, 0], "the other was first");
}

fn message<const ACQUIRE: bool>() {
    let words = Arc::new([AtomicU64::new(0), AtomicU64::new(0)]);
    let other = {
        let words = words.clone();
        thread::spawn(move || {
            words[0].store(1, Ordering::Relaxed);
            words[1].store(1, Ordering::Release);
        })
    };
    let order = if ACQUIRE { Ordering::Acquire } else { Ordering::Relaxed };
    if words[1].load(order) == 1 {
        assert_eq!(words[0].load(Ordering::Relaxed), 1, "the flag without the message");
    }
    other.join().unwrap();
}

fn both_fill() -> u64 {
    let cell = Arc::new(OnceLock::new());
    let other = {
        let cell = cell.clone();
        thread::spawn(move || *cell.get_or_init(|| 2_u64))
    };
    let here = *cell.get_or_init(|| 1);
    assert_eq!(here, other.join().unwrap(), "two values");
    here
}

fn fill() {
    both_fill();
}

fn fill_sees() {
    assert_eq!(both_fill(), 1, "the other was first");
}

#[cfg(test)]
mod tests {
    use super::{fill_sees, load_then_swap_sees};
    use crate::model::explore;
    use eclvm_kernel::sync::tracked;

    /// What loom finds by itself, and with witnesses.
    fn found(body: fn()) -> [bool; 2] {
        [true, false].map(|forget| {
            tracked::forget_loads(forget);
            explore(2, None, "", 60, body).failure.is_some_and(|text| text.contains("the other was first"))
        })
    }

    #[test]
    fn loom_by_itself_misses_a_swap_before_an_earlier_load() {
        assert_eq!(found(load_then_swap_sees), [false, true]);
    }

    #[test]
    fn loom_by_itself_misses_who_fills_a_cell() {
        assert_eq!(found(fill_sees), [false, true]);
    }
}
