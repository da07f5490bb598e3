//! `Wide`: several words read and changed as one.

use crate::model::{Model, Twin};
use eclvm_kernel::wide::Wide;
use loom::sync::Arc;
use loom::thread;

const fn model(name: &'static str, holds: &'static str, run: fn(), twin: Twin) -> Model {
    Model { name, holds, threads: 2, bound: None, long_bound: None, run, twin }
}

/// The models of this file.
pub(crate) const MODELS: &[Model] = &[
    model(
        "wide::wide_read_is_one_cut",
        "a reader sees the words of one update, never of two",
        reader_races_two_updates::<2>,
        Twin::Without("wide: look again", "two updates in one value"),
    ),
    model(
        "wide::wide_publish_shows_the_words",
        "who sees an update's head sees its words",
        reader_races_two_updates::<3>,
        Twin::Without("wide: publish", "two updates in one value"),
    ),
    model(
        "wide::wide_read_sees_what_was_published",
        "the same, from the reader's side",
        reader_races_two_updates::<3>,
        Twin::Without("wide: read what was published", "two updates in one value"),
    ),
    model(
        "wide::wide_slot_reuse_is_noticed",
        "a reader whose slot is given back and filled anew does not take what it copied",
        reader_races_two_updates::<2>,
        Twin::Without("wide: fence of the writer", "two updates in one value"),
    ),
    model(
        "wide::wide_reader_has_a_fence",
        "the same, from the reader's side",
        reader_races_two_updates::<2>,
        Twin::Without("wide: fence of the reader", "two updates in one value"),
    ),
    Model {
        name: "wide::wide_give_back_comes_after_the_swap",
        holds: "a slot that is filled anew was given back after head had moved away from it",
        threads: 3,
        bound: Some(3),
        long_bound: Some(4),
        run: three_share_two_slots,
        twin: Twin::Without("wide: give back after the swap", "two updates in one value"),
    },
    Model {
        name: "wide::wide_claim_sees_the_give_back",
        holds: "the same, from the next writer's side",
        threads: 3,
        bound: Some(3),
        long_bound: Some(4),
        run: three_share_two_slots,
        twin: Twin::Without("wide: claim sees the give-back", "two updates in one value"),
    },
    model(
        "wide::wide_claims_are_exclusive",
        "two writers never fill the same slot",
        two_writers_meet,
        Twin::Without("wide: claim in one step", "two updates in one value"),
    ),
    model(
        "wide::wide_update_never_lost",
        "each update is made on the value that the one before it left",
        two_writers_meet,
        Twin::Without("wide: swap if unchanged", "an update is lost"),
    ),
];

fn step<const SLOTS: usize>(wide: &Wide<2, SLOTS>) {
    let _ = wide.update(|&[a, b]| {
        assert_eq!(a, b, "two updates in one value");
        Some([a + 1, b + 1])
    });
}

fn consistent<const SLOTS: usize>(wide: &Wide<2, SLOTS>) -> u64 {
    let [a, b] = wide.read();
    assert_eq!(a, b, "two updates in one value");
    a
}

/// One writer makes two updates, so that with two slots the first one is filled again while it may be being read.
fn reader_races_two_updates<const SLOTS: usize>() {
    let wide = Arc::new(Wide::<2, SLOTS>::new([0, 0]));
    let writer = {
        let wide = wide.clone();
        thread::spawn(move || {
            step(&wide);
            step(&wide);
        })
    };
    consistent(&wide);
    writer.join().unwrap();
    assert_eq!(consistent(&wide), 2);
}

/// Two writers and one free slot, so that what one gives back the other fills, while a third thread reads: it must know
/// of the first only through the second.
fn three_share_two_slots() {
    let wide = Arc::new(Wide::<2, 2>::new([0, 0]));
    let writers = [(); 2].map(|()| {
        let wide = wide.clone();
        thread::spawn(move || step(&wide))
    });
    consistent(&wide);
    for writer in writers {
        writer.join().unwrap();
    }
}

/// Two writers at once, with a slot for each.
fn two_writers_meet() {
    let wide = Arc::new(Wide::<2, 3>::new([0, 0]));
    let other = {
        let wide = wide.clone();
        thread::spawn(move || step(&wide))
    };
    step(&wide);
    consistent(&wide);
    other.join().unwrap();
    assert_eq!(consistent(&wide), 2, "an update is lost");
}
