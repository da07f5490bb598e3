//! `ecl batch`: order, streams, formats, budgets, cuts.

#![cfg(feature = "cli")]
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
use common::{Folder, Ran, done};
use serde_json::{Value, json};
use std::io::Write;

const POLICY: &str =
    "policy main(amount: number) { require amount <= 100, \"too much\"; return amount > 0; }";

fn folder(test: &str) -> Folder {
    let folder = Folder::new(test);
    folder.file("p.ecl", POLICY);
    folder
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn outcomes(receipts: &[Value]) -> Vec<&str> {
    receipts.iter().map(|receipt| receipt["outcome"].as_str().unwrap()).collect()
}

/// Runs a batch over these requests; its receipts, and what the command said.
fn batch(folder: &Folder, requests: &str, more: &[&str]) -> (Vec<Value>, Ran) {
    folder.file("requests.ndjson", requests);
    let args = ["batch", "p.ecl", "--requests", "requests.ndjson", "--out", "out.ndjson", "--format", "json"];
    let ran = folder.ecl(&[&args, more].concat());
    let receipts = lines(&folder.read("out.ndjson"));
    (receipts, ran)
}

#[test]
fn receipts_come_in_order_and_to_the_letter() {
    let folder = folder("batch-order");
    let requests =
        "{\"amount\":1}\n\n{\"amount\":200}\n  \nnot json\n{\"amount\":\"1\"}\n{}\n{\"amount\":-1}";
    let (receipts, ran) = batch(&folder, requests, &[]);
    ran.exits(0);
    assert_eq!(outcomes(&receipts), ["allow", "deny", "fault", "fault", "fault", "deny"]);
    for (i, receipt) in receipts.iter().enumerate() {
        assert_eq!(receipt["i"], i);
    }
    let reasons: Vec<&Value> = receipts.iter().map(|receipt| &receipt["reason"]).collect();
    let expected = [
        json!(null),
        json!("too much"),
        json!("TypeMismatch"),
        json!("TypeMismatch"),
        json!("MissingInput"),
        json!(null),
    ];
    assert_eq!(reasons, expected.iter().collect::<Vec<_>>());
    assert_eq!(
        folder.read("out.ndjson").lines().next().unwrap(),
        "{\"i\":0,\"outcome\":\"allow\",\"reason\":null,\"span\":null,\"gas\":{\"network\":0,\"compute\":4,\"storage\":0,\
         \"realm\":0,\"cost\":4},\"mana\":0,\"duration_us\":null,\"log\":[],\"version\":0}"
    );
}

#[test]
fn the_summary_to_the_letter() {
    let folder = folder("batch-summary");
    let (_, ran) = batch(&folder, "{\"amount\":1}\n{\"amount\":0}\n[]\n", &["--threads", "2"]);
    let ran = ran.exits(0);
    let summary = ran.json();
    let keys = [
        "requests",
        "allow",
        "deny",
        "fault",
        "exhausted",
        "gas",
        "mana",
        "seconds",
        "decisions_per_second",
        "engine",
        "threads",
        "latency_ns",
        "budget",
    ];
    let places: Vec<usize> =
        keys.iter().map(|key| ran.stdout.find(&format!("\"{key}\":")).unwrap()).collect();
    assert!(places.is_sorted(), "{}", ran.stdout);
    assert_eq!(summary.as_object().unwrap().len(), keys.len());
    assert_eq!([&summary["requests"], &summary["allow"], &summary["deny"], &summary["fault"]], [3, 1, 1, 1]);
    assert_eq!(summary["gas"], json!({"network":0,"compute":8,"storage":0,"realm":0,"cost":8}));
    assert_eq!((&summary["engine"], &summary["threads"]), (&json!("scalar"), &json!(2)));
    assert_eq!(summary["budget"], json!(null));
    for percentile in ["p50", "p90", "p99", "p999", "max"] {
        assert!(summary["latency_ns"][percentile].is_u64());
    }
    let text = folder.ecl(&["batch", "p.ecl", "--requests", "requests.ndjson"]).exits(0);
    text.prints("3 requests").prints("allow").prints("scalar");
}

#[test]
fn many_requests_in_many_blocks() {
    let folder = folder("batch-many");
    let n = 150_000;
    let requests: String = (0..n).map(|i| format!("{{\"amount\":{}}}\n", i % 150)).collect();
    let (receipts, ran) = batch(&folder, &requests, &["--threads", "3"]);
    assert_eq!(ran.exits(0).json()["requests"], n);
    assert_eq!(receipts.len(), n);
    for (i, receipt) in receipts.iter().enumerate() {
        let expected = if (1..=100).contains(&(i % 150)) { "allow" } else { "deny" };
        assert_eq!((&receipt["i"], &receipt["outcome"]), (&json!(i), &json!(expected)));
    }
}

#[test]
fn standard_input_and_output() {
    let folder = folder("batch-streams");
    let args = ["batch", "p.ecl", "--requests", "-", "--out", "-"];
    let ran = folder.ecl_with(&args, b"{\"amount\":1}\n{\"amount\":2}\n").exits(0).says("2 requests");
    assert_eq!(outcomes(&lines(&ran.stdout)), ["allow", "allow"]);
    let ran = folder.ecl_with(&["batch", "p.ecl", "--requests", "-"], b"").exits(0).prints("0 requests");
    assert_eq!(ran.stderr, "");
    folder.ecl_with(&["batch", "-", "--requests", "-"], b"").exits(2).says("once");
}

#[test]
fn csv_requests() {
    let folder = Folder::new("batch-csv");
    folder.file("p.ecl", "policy main(name: string, amount: number, vip: bool?) {\n require trust.r >= 0.5; return amount < 10 || (vip ?? false); }");
    let rows = "name,amount,vip,trust.r,trust.i,trust.c,trust.p,trust.v,trust.omega\n\
                ann,5,,0.9,0.9,0.9,0.9,0.9,0.9\n\
                \n\
                \"b, c\",50,true,0.9,0.9,0.9,0.9,0.9,0.9\n\
                dan,50,,0.9,0.9,0.9,0.9,0.9,0.9\n\
                eve,5,,0.1,0.9,0.9,0.9,0.9,0.9\n\
                fay,many,,0.9,0.9,0.9,0.9,0.9,0.9\n\
                short,row\n";
    folder.file("r.csv", rows);
    folder.ecl(&["batch", "p.ecl", "--requests", "r.csv", "--out", "out"]).exits(0);
    let receipts = lines(&folder.read("out"));
    assert_eq!(outcomes(&receipts), ["allow", "allow", "deny", "deny", "fault", "fault"]);
    assert_eq!(receipts[4]["reason"], "TypeMismatch");
    assert_eq!(receipts[5]["i"], 5);
}

#[test]
fn shared_budgets_end_later_requests() {
    let folder = folder("batch-budget");
    let (receipts, ran) = batch(&folder, &"{\"amount\":1}\n".repeat(5), &["--budget-gas", "10"]);
    let summary = ran.exits(0).json();
    assert_eq!(outcomes(&receipts), ["allow", "allow", "exhausted", "exhausted", "exhausted"]);
    assert_eq!(receipts[2]["reason"], "OutOfGas");
    assert_eq!((&receipts[2]["gas"]["cost"], &receipts[3]["gas"]["cost"]), (&json!(2), &json!(0)));
    let expected = json!({
        "gas_limit": 10, "gas_used": 10, "gas_reserved": 0, "gas_left": 0, "mana_limit": null, "mana_used": 0,
        "mana_reserved": 0, "mana_left": null, "timeout_ms": null, "reason": "OutOfGas"
    });
    assert_eq!(summary["budget"], expected);
    let (receipts, ran) = batch(&folder, "{\"amount\":1}\n", &["--gas", "3"]);
    assert_eq!(ran.exits(0).json()["budget"], json!(null));
    assert_eq!(receipts[0]["reason"], "OutOfGas");
    let (_, ran) = batch(&folder, "{\"amount\":1}\n", &["--budget-mana", "3", "--timeout-ms", "60000"]);
    let budget = ran.exits(0).json()["budget"].clone();
    assert_eq!(
        (&budget["mana_left"], &budget["timeout_ms"], &budget["reason"]),
        (&json!(3), &json!(60000), &json!(null))
    );
}

#[test]
fn a_timeout_cuts_the_batch() {
    let folder = folder("batch-timeout");
    // Standard input stays open, and says nothing more.
    let mut child = folder.start(&["batch", "p.ecl", "--requests", "-", "--timeout-ms", "50"]);
    let pipe = child.stdin.take();
    let ran = done(child).exits(5).says("time ran out: no request was decided");
    drop(pipe);
    ran.prints("0 requests").prints("ended by Timeout");
}

#[test]
#[cfg(unix)]
fn an_interrupt_cuts_the_batch() {
    let folder = folder("batch-interrupt");
    let mut child = folder.start(&["batch", "p.ecl", "--requests", "-", "--out", "out", "--format", "json"]);
    let mut pipe = child.stdin.take().unwrap();
    let line = b"{\"amount\":1}\n";
    // Three full blocks of lines go in; the rest of the stream never comes.
    pipe.write_all(&line.repeat(4 * 65_536)).unwrap();
    while std::fs::metadata(folder.path("out")).map_or(0, |meta| meta.len()) == 0 {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let killed = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(killed.unwrap().success());
    let ran = done(child).exits(1).says("\"reason\":\"Cancelled\"");
    drop(pipe);
    let decided = usize::try_from(ran.json()["requests"].as_u64().unwrap()).unwrap();
    assert_eq!(ran.json()["budget"], json!(null));
    let receipts = lines(&folder.read("out"));
    assert_eq!(receipts.len(), decided);
    assert!(receipts.iter().enumerate().all(|(i, receipt)| receipt["i"] == i));
}

#[test]
fn writes_are_there_for_later_requests() {
    let folder = Folder::new("batch-writes");
    folder.file(
        "p.ecl",
        "policy main { let n = store_get_number(\"n\") ?? 0; store_put(\"n\", n + 1); return n < 2; }",
    );
    let state =
        r#"{"identities":{},"realms":{"lab":{"members":[],"trust_threshold":0.4,"store":{},"policies":{}}}}"#;
    folder.file("state.json", state);
    let (receipts, ran) = batch(&folder, &"{\"realm\":\"lab\"}\n".repeat(4), &["--state", "state.json"]);
    ran.exits(0);
    // What is denied leaves no writes, so that n stays 2.
    assert_eq!(outcomes(&receipts), ["allow", "allow", "deny", "deny"]);
    assert_eq!(folder.read("state.json"), state);
    let (receipts, _) = batch(&folder, "{\"realm\":\"lab\"}\n", &[]);
    assert_eq!(receipts[0]["reason"], "EffectNotAllowed");
}

#[test]
fn wrong_usage() {
    let folder = folder("batch-usage");
    folder.file("r.ndjson", "");
    let run = |args: &[&str]| folder.ecl(&[&["batch", "p.ecl"], args].concat());
    run(&[]).exits(2);
    run(&["--requests", "r.ndjson", "--engine", "scalar"]).exits(0);
    run(&["--requests", "r.ndjson", "--engine", "auto"]).exits(0);
    run(&["--requests", "r.ndjson", "--engine", "vector"]).exits(0);
    run(&["--requests", "r.ndjson", "--engine", "warp"]).exits(2);
    run(&["--requests", "r.ndjson", "--threads", "0"]).exits(2);
    if cfg!(not(feature = "parquet")) {
        run(&["--requests", "r.parquet"]).exits(2).says("--features parquet");
        run(&["--requests", "r.arrow"]).exits(2).says("--features parquet");
    }
    run(&["--requests", "r.xlsx"]).exits(2).says(".ndjson, .csv, .parquet or .arrow");
    run(&["--requests", "r.ndjson", "--out", "r.ndjson"]).exits(2).says("overwrite");
    run(&["--requests", "r.ndjson", "--out", "p.ecl"]).exits(2).says("overwrite");
    run(&["--requests", "nope.ndjson"]).exits(1).says("cannot read `nope.ndjson`");
    run(&["--requests", "r.ndjson", "--policy", "nope"]).exits(2).says("`nope`");
    run(&["--requests", "r.ndjson", "--out", "no/such/folder"])
        .exits(1)
        .says("cannot write `no/such/folder`");
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_said() {
    let folder = folder("batch-full");
    folder.file("r.ndjson", "{\"amount\":1}\n");
    let args = ["batch", "p.ecl", "--requests", "r.ndjson", "--out", "/dev/full"];
    folder.ecl(&args).exits(1).says("cannot write `/dev/full`: no space left on device");
}
