//! `ecl` given what nobody should give it: it says what is wrong, with the right exit code, and never panics.

#![cfg(feature = "cli")]
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
use common::{Folder, Ran};
use std::io::Write;

const POLICY: &str =
    "policy main(amount: number) { require amount <= 100, \"too much\"; return amount > 0; }";

fn folder(test: &str) -> Folder {
    let folder = Folder::new(test);
    folder.file("p.ecl", POLICY);
    folder
}

/// Every command that takes a file of policies.
fn each_command(folder: &Folder, file: &str, check: impl Fn(Ran)) {
    folder.file("none.ndjson", "");
    for args in [
        &["check", file][..],
        &["run", file],
        &["batch", file, "--requests", "none.ndjson"],
        &["compile", file, "-o", "out.eclb"],
        &["disasm", file],
        &["gas", file],
    ] {
        for format in ["text", "json"] {
            let ran = folder.ecl(&[args, &["--format", format]].concat());
            assert!(!ran.stderr.contains("panicked"), "{args:?}: {}", ran.stderr);
            check(ran);
        }
    }
}

#[test]
fn files_that_are_no_policies() {
    let folder = folder("no-policies");
    std::fs::create_dir(folder.path("dir")).unwrap();
    folder.file("latin1.ecl", b"policy a { // caf\xe9\n }");
    folder.file("empty.ecl", "");
    folder.file("blank.ecl", " \n// nothing\n");
    folder.file("functions.ecl", "fn f() -> number { return 1; }");
    folder.file("zeros.ecl", [0u8; 100]);
    folder.file("deep.ecl", "(".repeat(100_000));
    folder.file("long.ecl", format!("// {}\ntrue", "x".repeat(1 << 20)));
    for file in ["latin1.ecl", "empty.ecl", "blank.ecl", "functions.ecl", "zeros.ecl", "deep.ecl", "long.ecl"]
    {
        each_command(&folder, file, |ran| drop(ran.exits(3)));
    }
    each_command(&folder, "dir", |ran| {
        let ran = ran.exits(1);
        assert!(format!("{}{}", ran.stdout, ran.stderr).contains("it is a directory"));
    });
    folder.ecl(&["run", "latin1.ecl"]).exits(3).says("`latin1.ecl` is not UTF-8").says("17");
    folder.ecl(&["eval", ""]).exits(3);
    folder.ecl_with(&["eval", "-"], b"\xff").exits(3).says("not UTF-8");
    folder.ecl(&["run", "empty.ecl"]).exits(3).says("no policy");
}

#[test]
fn damaged_bytecode() {
    let folder = folder("damaged");
    folder.ecl(&["compile", "p.ecl", "-o", "good.eclb"]).exits(0);
    let good = std::fs::read(folder.path("good.eclb")).unwrap();
    folder.file("short.eclb", &good[..good.len() - 3]);
    folder.file("header.eclb", &good[..4]);
    let mut flipped = good.clone();
    flipped[60] ^= 4;
    folder.file("flipped.eclb", &flipped);
    let mut version = good.clone();
    version[4] = 99;
    folder.file("version.eclb", &version);
    for file in ["short.eclb", "header.eclb", "flipped.eclb", "version.eclb"] {
        each_command(&folder, file, |ran| drop(ran.exits(3)));
    }
    folder.ecl(&["run", "flipped.eclb"]).exits(3).says("damaged");
    folder.ecl(&["run", "version.eclb"]).exits(3).says("version 99");
}

#[test]
fn state_files_that_are_none() {
    let folder = folder("bad-state");
    for (name, text) in [
        ("a.json", "not json"),
        ("b.json", "[]"),
        ("c.json", r#"{"identities":{"bob":{"trust":[0,0,0,0,0,0]}}}"#),
        ("d.json", r#"{"identities":{"did:a:b":{"trust":[0,0,0,0,0,7]}}}"#),
        ("e.json", r#"{"realms":{"lab":{"policies":{"entry":"1 +"}}}}"#),
    ] {
        folder.file(name, text);
        for format in ["text", "json"] {
            let ran = folder.ecl(&["eval", "1", "--state", name, "--format", format]).exits(3);
            assert!(ran.stderr.contains("error") && ran.stderr.contains(name), "{}", ran.stderr);
        }
    }
    folder.ecl(&["eval", "1", "--state", "nope.json"]).exits(1).says("`nope.json`");
    folder.ecl(&["run", "-", "--state", "-"]).exits(2).says("once");
}

#[test]
fn request_files_that_are_none() {
    let folder = folder("bad-requests");
    let batch = |file: &str| folder.ecl(&["batch", "p.ecl", "--requests", file, "--format", "json"]);
    folder.file("empty.ndjson", "");
    assert_eq!(batch("empty.ndjson").exits(0).json()["requests"], 0);
    folder.file("blank.ndjson", "\n \r\n\t\n");
    assert_eq!(batch("blank.ndjson").exits(0).json()["requests"], 0);
    folder.file("binary.ndjson", b"\xff\xfe\x00\n{\"amount\":1}\n\x00\n");
    let summary = batch("binary.ndjson").exits(0).json();
    assert_eq!((summary["fault"].as_u64(), summary["allow"].as_u64()), (Some(2), Some(1)));
    folder.file("deep.ndjson", format!("{}\n{{\"amount\":1}}", "[".repeat(100_000)));
    let summary = batch("deep.ndjson").exits(0).json();
    assert_eq!((summary["fault"].as_u64(), summary["allow"].as_u64()), (Some(1), Some(1)));
    folder.file("empty.csv", "");
    assert_eq!(batch("empty.csv").exits(0).json()["requests"], 0);
    folder.file("header.csv", "amount\n");
    assert_eq!(batch("header.csv").exits(0).json()["requests"], 0);
    folder.file("odd.csv", b"amount,amount\n1,2\n\"open quote,1\n2,2\n\xff,\n");
    let summary = batch("odd.csv").exits(0).json();
    assert_eq!(summary["requests"], summary["fault"]);
    folder.file("unknown.csv", "amount,colour\n1,red\n");
    assert_eq!(batch("unknown.csv").exits(0).json()["fault"], 1);
    std::fs::create_dir(folder.path("dir.ndjson")).unwrap();
    batch("dir.ndjson").exits(1).says("it is a directory");
}

/// A line larger than every buffer: one request among others, not the end of the batch.
#[test]
fn a_line_of_a_hundred_megabytes() {
    let folder = folder("long-line");
    let mut file = std::fs::File::create(folder.path("long.ndjson")).unwrap();
    let megabyte = vec![b' '; 1 << 20];
    file.write_all(b"{\"amount\":1}\n{\"amount\":").unwrap();
    for _ in 0..100 {
        file.write_all(&megabyte).unwrap();
    }
    file.write_all(b"2}\n{\"amount\":3}\n").unwrap();
    // Beyond the limit a line is passed over, and is a fault.
    for _ in 0..130 {
        file.write_all(&megabyte).unwrap();
    }
    file.write_all(b"{\"amount\":4}\n{\"amount\":500}\n").unwrap();
    drop(file);
    folder.ecl(&["batch", "p.ecl", "--requests", "long.ndjson", "--out", "out"]).exits(0);
    let outcomes: Vec<String> = folder
        .read("out")
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["outcome"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(outcomes, ["allow", "allow", "allow", "fault", "deny"]);
}

/// What a policy says must not steer the terminal of who runs it.
#[test]
fn control_characters_are_shown_not_sent() {
    let folder = Folder::new("control");
    folder.file("p.ecl", r#"policy main { log("a\u{1b}[2Jb"); require 1 > 2, "c\u{7}d"; }"#);
    let ran = folder.ecl(&["run", "p.ecl"]).exits(4).prints("\\u{1b}[2Jb").prints("c\\u{7}d");
    assert!(!ran.stdout.contains(['\x1b', '\x07']));
}

/// Nobody reads on: the batch ends, and does not complain.
#[test]
#[cfg(unix)]
fn a_closed_pipe_ends_it_quietly() {
    let folder = folder("closed-pipe");
    folder.file("r.ndjson", "{\"amount\":1}\n".repeat(50_000));
    let mut child = folder.start(&["batch", "p.ecl", "--requests", "r.ndjson", "--out", "-"]);
    drop(child.stdout.take());
    let ran = common::done(child).exits(1);
    assert!(!ran.stderr.contains("panicked") && !ran.stderr.contains("error"), "{}", ran.stderr);
}
