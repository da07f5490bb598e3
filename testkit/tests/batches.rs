//! Batches against one request after the other, a fixed few of them. The binary `batches` does the same by the 100 000.
#![allow(clippy::panic, reason = "a test fails by panicking")]

use eclvm_testkit::batches::Batches;

#[test]
fn batches_are_as_if_sequential() {
    let mut batches = Batches::default();
    let mut seed = 7 << 32;
    while batches.seen.batches < 300 {
        if let Some(Err(what)) = batches.run(seed) {
            panic!("{what}");
        }
        seed += 1;
    }
    let seen = &batches.seen;
    // Few policies cost mana, and a batch that runs out of it gives many such receipts at once: a low floor for those.
    let least = |how| if how == "OutOfMana" { 20 } else { 100 };
    for how in ["allow", "deny", "fault", "wrong inputs", "OutOfGas", "OutOfMana"] {
        assert!(seen.outcomes.get(how).is_some_and(|n| *n >= least(how)), "too few: {how} in {seen:?}");
    }
    assert!(
        seen.ran_out_inside >= 50 && seen.wrote >= 20 && seen.nested >= 50,
        "they say too little: {seen:?}"
    );
}

#[test]
fn batches_that_write_are_as_if_sequential() {
    let mut batches = Batches::default();
    for seed in (9 << 32)..(9 << 32) + 400 {
        if let Some(Err(what)) = batches.run_writing(seed) {
            panic!("{what}");
        }
    }
    let seen = &batches.seen;
    for how in ["allow", "deny", "fault", "wrong inputs", "OutOfGas", "OutOfMana"] {
        assert!(seen.outcomes.get(how).is_some_and(|n| *n >= 100), "too few: {how} in {seen:?}");
    }
    let [guessed, overtaken] = seen.guessed;
    assert!(seen.wrote == 400 && seen.ran_out_inside >= 50, "they say too little: {seen:?}");
    assert!(overtaken >= 1_000 && guessed >= 4 * overtaken, "they say too little: {seen:?}");
}
