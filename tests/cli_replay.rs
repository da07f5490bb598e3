//! `ecl replay`, `--record` and `ecl db prune` from the command line.

#![cfg(feature = "cli")]
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
use common::{Folder, Ran};
use serde_json::Value;

const STATE: &str =
    r#"{"identities":{"did:x:alice":{"realms":["lab"]}},"realms":{"lab":{"store":{"sum":0}}}}"#;
const POLICY: &str = "policy visit(amount: number) {
    require amount <= 100, \"too much\";
    let sum = store_get_number(\"sum\") ?? 0;
    require 1 / amount < 1000;
    require sum + amount <= 200, \"enough for today\";
    store_put(\"sum\", sum + amount);
}";
const STRICTER: &str = "policy visit(amount: number) { require amount <= 50, \"far too much\"; }";

fn folder(test: &str) -> Folder {
    let folder = Folder::new(test);
    folder.file("state.json", STATE);
    folder.file("visit.ecl", POLICY);
    folder.file("stricter.ecl", STRICTER);
    let amounts = [20, 500, 60, 0, 90, 70];
    let lines = amounts.map(|amount| format!("{{\"amount\":{amount},\"realm\":\"lab\"}}\n")).concat();
    folder.file("r.ndjson", lines + "no json\n{\"amount\":1,\"unknown\":2}\n");
    folder.ecl(&["db", "import", "db", "state.json"]).exits(0);
    folder
}
fn batch(folder: &Folder, more: &[&str]) -> Ran {
    let args = ["batch", "visit.ecl", "--requests", "r.ndjson", "--db", "db"];
    folder.ecl(&[&args[..], more].concat()).exits(0)
}
fn lines(ran: &Ran) -> Vec<Value> {
    ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn runs_of_every_outcome_are_decided_again_to_the_bit() {
    let folder = folder("replay-all");
    batch(&folder, &["--record"]);
    // One that a shared budget ends in the middle, so that later ones are exhausted too.
    batch(&folder, &["--record", "--budget-gas", "60"]);
    for (gas, code) in [("1000", 4), ("12", 5)] {
        let args = ["run", "visit.ecl", "--input", "{\"amount\":99}", "--realm", "lab", "--db", "db"];
        folder.ecl(&[&args[..], &["--record", "--gas", gas]].concat()).exits(code);
    }
    let ran = folder.ecl(&["replay", "--db", "db", "--format", "json"]).exits(0);
    let summary = ran.json();
    assert_eq!(summary["decided"], 18);
    assert_eq!(summary["same"], 18);
    assert_eq!(
        (&summary["unrecorded"], &summary["pruned"], &summary["timed"]),
        (&0.into(), &0.into(), &0.into())
    );
    let log = folder.ecl(&["db", "log", "db", "--format", "json"]).exits(0);
    let outcomes: std::collections::BTreeSet<String> =
        lines(&log).iter().filter_map(|event| event["data"]["outcome"].as_str().map(str::to_owned)).collect();
    assert_eq!(outcomes.len(), 4, "{outcomes:?}");
}

#[test]
fn another_policy_flips_some_and_they_are_listed() {
    let folder = folder("replay-flips");
    batch(&folder, &["--record"]);
    batch(&folder, &[]);
    let ran = folder.ecl(&["replay", "--db", "db", "stricter.ecl", "--format", "json"]).exits(4);
    let all = lines(&ran);
    let (summary, flips) = all.split_last().unwrap();
    let ends = |side: &str| -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
        flips.iter().map(|flip| (text(&flip[side]["outcome"]), text(&flip[side]["reason"]))).collect()
    };
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(ends("old"), [pair("allow", ""), pair("fault", "DivisionByZero"), pair("allow", "")]);
    assert_eq!(ends("new"), [pair("deny", "far too much"), pair("allow", ""), pair("deny", "far too much")]);
    assert_eq!(flips[0]["new"]["span"], serde_json::json!([39, 51]));
    assert_eq!(
        (&summary["decided"], &summary["flips"], &summary["unrecorded"]),
        (&8.into(), &3.into(), &8.into())
    );
    // By the numbers of the log.
    let n = flips[1]["n"].to_string();
    let one = folder.ecl(&["replay", "--db", "db", "stricter.ecl", "--from", &n, "--to", &n]).exits(4);
    one.prints("1 run judged: 1 end otherwise").prints("was fault: DivisionByZero, is allow");
    folder.ecl(&["replay", "--db", "db", "visit.ecl"]).exits(0).prints("8 runs judged: 0 end otherwise");
}

#[test]
fn where_nothing_was_recorded_nothing_is_claimed() {
    let folder = folder("replay-none");
    folder.ecl(&["replay", "--db", "db"]).exits(1).says("no run to decide again");
    batch(&folder, &[]);
    folder.ecl(&["replay", "--db", "db"]).exits(1).prints("8 more were not recorded");
    batch(&folder, &["--record"]);
    folder.ecl(&["replay", "--db", "db", "--of", "nobody"]).exits(1).says("named `nobody`");
    folder.ecl(&["replay", "--db", "none"]).exits(1).says("there is no store");
    folder.ecl(&["replay"]).exits(2);
    folder.ecl(&["replay", "--db", "db", "--policy", "x"]).exits(2);
    folder.ecl(&["run", "visit.ecl", "--record"]).exits(2);
    folder.file("broken.ecl", "policy {");
    folder.ecl(&["replay", "--db", "db", "broken.ecl"]).exits(3);
}

#[test]
fn a_pruned_log_says_where_it_begins() {
    let folder = folder("replay-prune");
    batch(&folder, &["--record"]);
    batch(&folder, &["--record"]);
    folder.ecl(&["db", "prune", "db"]).exits(2);
    let pruned = folder.ecl(&["db", "prune", "db", "--keep-events", "9", "--compact", "--format", "json"]);
    let pruned = pruned.exits(0).json();
    let first = pruned["first"].as_u64().unwrap();
    let log = lines(&folder.ecl(&["db", "log", "db", "--format", "json"]).exits(0));
    assert_eq!(log[0]["n"], first);
    assert!(log.len() <= 9);
    folder.ecl(&["db", "log", "db", "--since", "0"]).exits(1).says("the log was pruned");
    let summary = folder.ecl(&["replay", "--db", "db", "--format", "json"]).exits(0).json();
    let decided = summary["decided"].as_u64().unwrap() + summary["pruned"].as_u64().unwrap();
    assert_eq!(decided + pruned["runs"].as_u64().unwrap(), 16);
}

/// A batch that does not write is told of as well: each request once, in order, and the world keeps its version.
#[test]
fn a_batch_that_only_reads_is_in_the_log() {
    let folder = folder("replay-reads");
    folder.file("read.ecl", "policy read(amount: number) { require amount <= 50 && is_member(caller); }");
    let lines_of = |n: u32| format!("{{\"amount\":{n},\"realm\":\"lab\",\"caller\":\"did:x:alice\"}}\n");
    folder.file("reads.ndjson", (0..100).map(lines_of).collect::<String>());
    folder.ecl(&["batch", "read.ecl", "--requests", "reads.ndjson", "--db", "db", "--record"]).exits(0);
    let log = lines(&folder.ecl(&["db", "log", "db", "--since", "2", "--format", "json"]).exits(0));
    assert_eq!(log.len(), 100);
    assert!(log.iter().all(|event| event["event"] == "PolicyEvaluated" && event["version"] == 2));
    let passed = log.iter().take_while(|event| event["data"]["passed"] == true).count();
    assert_eq!((passed, log.iter().filter(|event| event["data"]["passed"] == true).count()), (51, 51));
    folder.ecl(&["replay", "--db", "db"]).exits(0).prints("100 the same to the bit");
}

/// A policy that takes one more input is tried on what was asked while the old one was in force.
#[test]
fn keys_that_the_policy_of_then_did_not_know_are_there_for_another_one() {
    let folder = folder("replay-unknown");
    folder.file("old.ecl", "policy visit(amount: number) { require amount <= 50; }");
    folder.file(
        "new.ecl",
        "policy visit(amount: number, urgent: bool, by: did?) { require urgent || amount <= 50; }",
    );
    let long = format!("{{\"amount\":1,\"urgent\":true,\"by\":\"{}\"}}", "x".repeat(100_000));
    let requests = [
        r#"{"amount":90,"urgent":true}"#,
        r#"{ "urgent" : true , "amount":90, "by": "did:x:\u0061" }"#,
        r#"{"amount":90,"urgent":false}"#,
        // Nobody knows `note`, a key given twice is wrong, and one of the wrong type is too.
        r#"{"amount":90,"urgent":true,"note":{"a":[1,{"b":null}]}}"#,
        r#"{"amount":90,"urgent":true,"urgent":true}"#,
        r#"{"amount":90,"urgent":1}"#,
        // Too much to be kept.
        &long,
    ];
    folder.file("r.ndjson", requests.join("\n"));
    let args = ["batch", "old.ecl", "--requests", "r.ndjson", "--db", "db", "--record"];
    folder.ecl(&args).exits(0);
    let args = ["run", "old.ecl", "--input", requests[0], "--db", "db", "--record"];
    folder.ecl(&args).exits(5);
    // They were what they were, and are again.
    let ran = folder.ecl(&["replay", "--db", "db", "--format", "json"]).exits(0);
    assert_eq!((&ran.json()["decided"], &ran.json()["same"]), (&8.into(), &8.into()));
    let ran = folder.ecl(&["replay", "--db", "db", "new.ecl", "--format", "json"]).exits(4);
    let all = lines(&ran);
    let (summary, flips) = all.split_last().unwrap();
    assert_eq!((&summary["decided"], &summary["flips"]), (&8.into(), &4.into()));
    let new: Vec<&str> = flips.iter().map(|flip| flip["new"]["outcome"].as_str().unwrap()).collect();
    assert_eq!(new, ["allow", "allow", "deny", "allow"]);
}
