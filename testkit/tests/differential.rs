//! The engine against the reference on fixed cases: the same ones on every machine, quick enough for every build. The
//! binary `differential` does the same by the million.
#![allow(clippy::panic, clippy::expect_used, clippy::indexing_slicing, reason = "helpers of tests")]

use eclvm_testkit::reference::with_room;
use eclvm_testkit::runner::Worker;
use eclvm_testkit::shrink::shrink;

fn clean(first_seed: u64, cases: u64) {
    with_room(|| {
        let mut worker = Worker::default();
        let mut seed = first_seed;
        while worker.totals.cases < cases {
            if let Err(difference) = worker.run(seed) {
                panic!("{}", shrink(*difference));
            }
            seed += 1;
        }
        for how in ["allow", "deny", "fault", "exhausted"] {
            let share = worker.totals.ended(how) * 100 / cases;
            assert!(share >= 5, "only {share} % of the runs end with {how}: the cases say too little");
        }
        let [well_typed, ..] = worker.totals.sources;
        let [compiled, ..] = worker.totals.compiled;
        assert!(
            compiled * 100 >= well_typed * 95,
            "of {well_typed} well-typed sources only {compiled} compile"
        );
    });
}

#[test]
fn engine_and_reference_agree_on_a_first_lot() {
    clean(1 << 32, 5_000);
}

#[test]
fn engine_and_reference_agree_on_a_second_lot() {
    clean(2 << 32, 5_000);
}

#[test]
fn engine_and_reference_agree_on_a_third_lot() {
    clean(3 << 32, 5_000);
}

#[test]
fn engine_and_reference_agree_on_a_fourth_lot() {
    clean(4 << 32, 5_000);
}
