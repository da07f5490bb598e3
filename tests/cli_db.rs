//! `ecl db` and `--db`: a state on disk from the command line.

#![cfg(feature = "cli")]
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
use common::Folder;
use serde_json::{Value, json};

const STATE: &str = r#"{"identities":{"did:erynoa:self:alice":{"trust":[0.9,0.8,0.7,0.6,0.5,0.4],"balance":250,"credentials":["kyc"],"realms":["lab"]}},"realms":{"lab":{"members":[],"trust_threshold":0.4,"quarantined":false,"store":{"open":true},"policies":{"entry":"trust.r >= 0.5"}}}}"#;
const POLICY: &str =
    "policy visit(amount: number) { require amount <= 100, \"too much\"; store_put(\"last\", amount); }";

fn folder(test: &str) -> Folder {
    let folder = Folder::new(test);
    folder.file("state.json", STATE);
    folder.file("visit.ecl", POLICY);
    folder
}

fn visit(folder: &Folder, amount: u32, code: i32) {
    let input = format!("{{\"amount\":{amount}}}");
    let args = ["run", "visit.ecl", "--input", &input, "--db", "db", "--realm", "lab"];
    folder.ecl(&[&args[..], &["--caller", "did:erynoa:self:alice"]].concat()).exits(code);
}

fn log(folder: &Folder, since: &str) -> Vec<Value> {
    let ran = folder.ecl(&["db", "log", "db", "--since", since, "--format", "json"]).exits(0);
    ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn what_is_imported_is_exported_again() {
    let folder = folder("db-import");
    folder.ecl(&["db", "import", "db", "state.json", "--format", "json"]).exits(0).prints("\"identities\":1");
    let exported = folder.ecl(&["db", "export", "db"]).exits(0);
    let (mut out, state) = (exported.json(), serde_json::from_str::<Value>(STATE).unwrap());
    // The realm lists whom the identity says is a member.
    assert_eq!(out["realms"]["lab"]["members"], json!(["did:erynoa:self:alice"]));
    out["realms"]["lab"]["members"] = json!([]);
    assert_eq!(out, state);
    folder.ecl(&["db", "import", "db", "state.json"]).exits(1).says("there is already");
    assert_eq!(log(&folder, "0").len(), 2);
}

#[test]
fn an_allowed_run_writes_for_good_and_a_denied_one_only_to_the_log() {
    let folder = folder("db-run");
    folder.ecl(&["db", "import", "db", "state.json"]).exits(0);
    visit(&folder, 20, 0);
    visit(&folder, 200, 4);
    let state = folder.ecl(&["db", "export", "db"]).exits(0).json();
    assert_eq!(state["realms"]["lab"]["store"], json!({"last": 20.0, "open": true}));
    let events = log(&folder, "2");
    let names: Vec<_> =
        events.iter().map(|e| (e["event"].as_str().unwrap(), e["version"].as_u64().unwrap())).collect();
    assert_eq!(names, [("StoreWritten", 3), ("PolicyEvaluated", 3), ("PolicyEvaluated", 3)]);
    assert_eq!(events[1]["data"]["outcome"], "allow");
    assert_eq!(events[2]["data"]["outcome"], "deny");
    assert_eq!(events[2]["n"], 4);
    let read = ["eval", "store_get_number(\"last\")", "--db", "db", "--realm", "lab"];
    assert_eq!(folder.ecl(&read).exits(0).stdout, "20\n");
}

#[test]
fn a_batch_commits_as_one() {
    let folder = folder("db-batch");
    folder.ecl(&["db", "import", "db", "state.json"]).exits(0);
    folder.file("r.ndjson", "{\"amount\":1,\"realm\":\"lab\"}\n{\"amount\":500,\"realm\":\"lab\"}\n{\"amount\":3,\"realm\":\"lab\"}\n");
    folder.ecl(&["batch", "visit.ecl", "--requests", "r.ndjson", "--db", "db"]).exits(0);
    let events = log(&folder, "2");
    assert!(events.iter().all(|event| event["version"] == 3), "{events:?}");
    let outcomes: Vec<_> = events.iter().filter_map(|event| event["data"]["outcome"].as_str()).collect();
    assert_eq!(outcomes, ["allow", "deny", "allow"]);
    let state = folder.ecl(&["db", "export", "db"]).exits(0).json();
    assert_eq!(state["realms"]["lab"]["store"]["last"], 3.0);
}

#[test]
fn a_batch_of_csv_commits_with_the_realm_of_each_row() {
    let folder = folder("db-batch-csv");
    folder.ecl(&["db", "import", "db", "state.json"]).exits(0);
    folder.file("r.csv", "amount,realm\n7,lab\n8,lab\n");
    folder.ecl(&["batch", "visit.ecl", "--requests", "r.csv", "--db", "db"]).exits(0);
    let events = log(&folder, "2");
    assert_eq!(events.len(), 4);
    assert!(events.iter().all(|event| event["data"]["realm_id"] == "lab"));
}

#[test]
fn stores_that_are_missing_in_the_way_or_damaged_are_exit_1() {
    let folder = folder("db-errors");
    for args in [
        &["db", "export", "none"][..],
        &["db", "log", "none"],
        &["eval", "1", "--db", "none"],
        &["run", "visit.ecl", "--db", "state.json"],
    ] {
        folder.ecl(args).exits(1);
    }
    assert!(!folder.path("none").exists());
    folder.ecl(&["db", "init", "db"]).exits(0);
    folder.ecl(&["db", "init", "db"]).exits(1).says("there is a store already");
    assert_eq!(log(&folder, "0"), Vec::<Value>::new());
    folder.file("db/state.redb", "no store");
    folder.ecl(&["db", "export", "db"]).exits(1).says("damaged");
    folder.file("wrong.json", "{\"identities\": 1}");
    folder.ecl(&["db", "import", "new", "wrong.json"]).exits(3);
    assert!(!folder.path("new").exists());
    folder.ecl(&["run", "visit.ecl", "--db", "db", "--state", "state.json"]).exits(2);
    folder.ecl(&["db"]).exits(2);
}

#[test]
fn a_run_begins_with_an_empty_store_by_itself() {
    let folder = folder("db-fresh");
    folder.ecl(&["run", "visit.ecl", "--input", "{\"amount\":500}", "--db", "db"]).exits(4);
    assert_eq!(log(&folder, "0").len(), 1);
}
