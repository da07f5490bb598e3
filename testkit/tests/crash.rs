//! The crash test itself: it passes on the store, and sees the loss where commits are acknowledged before they are written.

use std::process::Command;

fn crash(args: &[&str]) -> (bool, String) {
    let ran = Command::new(env!("CARGO_BIN_EXE_crash")).args(args).output();
    ran.map_or((false, String::new()), |ran| {
        (ran.status.success(), String::from_utf8_lossy(&ran.stdout).into_owned())
    })
}

#[test]
fn no_acknowledged_commit_is_gone() {
    let (passed, said) = crash(&["--rounds", "2", "--seed", "7"]);
    assert!(passed, "{said}");
    assert!(said.contains("none is gone"), "{said}");
}

#[test]
fn commits_that_are_acknowledged_too_early_are_found_to_be_gone() {
    let (passed, said) = crash(&["--rounds", "4", "--seed", "7", "--weakened"]);
    assert!(passed, "{said}");
    assert!(!said.contains("weakened: 0 of") && !said.contains("and 0 of"), "{said}");
}

#[test]
fn no_rounds_verify_nothing() {
    let (passed, said) = crash(&["--rounds", "0"]);
    assert!(!passed, "{said}");
    assert!(!crash(&["--weakened"]).0);
}
