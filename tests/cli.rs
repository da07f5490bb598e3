//! `ecl`, command by command: exit codes, what is printed where, JSON to the letter.

#![cfg(feature = "cli")]
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
use common::{Folder, ecl};
use serde_json::json;

const TRANSFER: &str = "\
policy transfer(amount: number, limit: number?) {
    require amount > 0, \"nothing to send\";
    require amount <= (limit ?? 100), \"too much\";
    return trust.r >= 0.5;
}
";

const TRUSTED: &str = r#""trust":[0.9,0.9,0.9,0.9,0.9,0.9]"#;

const STATE: &str = r#"{
  "identities": {
    "did:erynoa:self:alice": {"trust": [0.9,0.8,0.7,0.6,0.5,0.4], "credentials": ["kyc"], "balance": 250, "realms": ["lab"]},
    "did:erynoa:self:bob": {"trust": [0.1,0.1,0.1,0.1,0.1,0.1], "credentials": [], "balance": 0, "realms": []}
  },
  "realms": {
    "lab": {"name": "Lab", "owner": "did:erynoa:self:alice", "members": ["did:erynoa:self:alice"],
            "trust_threshold": 0.4, "quarantined": false, "store": {"open": true}, "policies": {}}
  }
}"#;

fn folder(test: &str) -> Folder {
    let folder = Folder::new(test);
    folder.file("transfer.ecl", TRANSFER);
    folder.file("state.json", STATE);
    folder
}

fn input(amount: f64) -> String {
    format!("{{\"amount\":{amount},{TRUSTED}}}")
}

#[test]
fn eval_prints_plain_values() {
    for (expression, value) in [
        ("1 + 2 * 3", "7"),
        ("0.1 + 0.2", "0.30000000000000004"),
        ("-1", "-1"),
        ("-2 * 3", "-6"),
        ("-abs(1)", "-1"),
        ("\"plain \" + \"text\"", "plain text"),
        ("1 < 2", "true"),
        ("1 > 2", "false"),
        ("[1, 2]", "[1,2]"),
        ("[\"a\", \"b\"]", "[\"a\",\"b\"]"),
        ("did:erynoa:self:alice", "did:erynoa:self:alice"),
        ("1e308 * 10", "Infinity"),
        ("get_timestamp() - now", "0"),
    ] {
        let ran = ecl(&["eval", expression]).exits(0);
        assert_eq!(ran.stdout, format!("{value}\n"), "{expression}");
        assert_eq!(ran.stderr, "", "{expression}");
    }
}

#[test]
fn eval_takes_inputs_state_and_time() {
    let folder = folder("eval-inputs");
    assert_eq!(folder.ecl(&["eval", "a * 2 + b", "--input", r#"{"a":1,"b":2}"#]).exits(0).stdout, "4\n");
    assert_eq!(folder.ecl(&["eval", "now", "--now", "1700000000.5"]).exits(0).stdout, "1700000000.5\n");
    assert_eq!(folder.ecl(&["eval", "now", "--now", "-1"]).exits(0).stdout, "-1\n");
    let clock: f64 = folder.ecl(&["eval", "now"]).exits(0).stdout.trim().parse().unwrap();
    assert!(clock > 1.7e9);
    let balance =
        ["eval", "get_balance(caller)", "--state", "state.json", "--caller", "did:erynoa:self:alice"];
    assert_eq!(folder.ecl(&balance).exits(0).stdout, "250\n");
    let with_realm = ["eval", "member_count()", "--state", "state.json", "--realm", "lab"];
    assert_eq!(folder.ecl(&with_realm).exits(0).stdout, "1\n");
    // The key overrides the flag.
    let both = ["eval", "realm", "--realm", "a", "--input", r#"{"realm":"b"}"#];
    assert_eq!(folder.ecl(&both).exits(0).stdout, "b\n");
    // `trust` is a key without --state, and unknown with it.
    let trust = format!("{{{TRUSTED}}}");
    assert_eq!(folder.ecl(&["eval", "trust.r", "--input", &trust]).exits(0).stdout, "0.9\n");
    folder.ecl(&["eval", "1", "--state", "state.json", "--input", &trust]).exits(5).says("TypeMismatch");
    assert_eq!(folder.ecl_with(&["eval", "-"], b"sqrt(16)").exits(0).stdout, "4\n");
    folder.file("in.json", r#"{"a":5}"#);
    assert_eq!(folder.ecl(&["eval", "a * 2", "--input", "@in.json"]).exits(0).stdout, "10\n");
    assert_eq!(folder.ecl_with(&["eval", "a * 2", "--input", "@-"], br#"{"a":4}"#).exits(0).stdout, "8\n");
}

#[test]
fn eval_exits_by_whether_there_is_a_value() {
    ecl(&["eval", "false"]).exits(0).prints("false");
    ecl(&["eval", "1"]).exits(0);
    let fault = ecl(&["eval", "1 + 1 / x", "--input", r#"{"x":0}"#])
        .exits(5)
        .says("fault: DivisionByZero")
        .says("1:5");
    assert_eq!(fault.stdout, "");
    ecl(&["eval", "x"]).exits(3).says("error");
    ecl(&["eval", "x + 1"]).exits(5).says("MissingInput");
    ecl(&["eval", "1 +"]).exits(3).says("E0");
    ecl(&["eval", "x + 1", "--input", "{oops"]).exits(3).says("--input is not JSON");
    ecl(&["eval", "x + 1", "--input", "[1]"]).exits(3).says("not a JSON object");
    ecl(&["eval", "policy p { }"]).exits(2).says("ecl run");
    ecl(&["eval", "1", "--caller", "alice"]).exits(2).says("DID");
    ecl(&["eval", "1", "--now", "soon"]).exits(2);
    ecl(&["eval", "1", "--now", "inf"]).exits(2);
    // Only `run` and `batch` grant writes.
    let folder = folder("eval-writes");
    let write = ["eval", "store_put(\"a\", 1)", "--state", "state.json", "--realm", "lab"];
    folder.ecl(&write).exits(5).says("EffectNotAllowed");
}

#[test]
fn the_receipt_of_eval_as_json() {
    let receipt =
        ecl(&["eval", "amount * 2", "--input", r#"{"amount":21}"#, "--format", "json"]).exits(0).json();
    assert_eq!(receipt["value"], json!(42));
    assert_eq!(receipt["outcome"], "deny");
    assert!(receipt["duration_us"].as_f64().unwrap() > 0.0);
    let fault = ecl(&["eval", "1 / x", "--input", r#"{"x":0}"#, "--format", "json"]).exits(5).json();
    assert_eq!(fault["outcome"], "fault");
    assert_eq!(fault["reason"], "DivisionByZero");
    assert_eq!(fault["value"], json!(null));
    assert_eq!(fault["span"], json!([0, 5]));
    let trust =
        ecl(&["eval", "trust", "--input", &format!("{{{TRUSTED}}}"), "--format", "json"]).exits(0).json();
    assert_eq!(trust["value"], json!({"r":0.9,"i":0.9,"c":0.9,"p":0.9,"v":0.9,"omega":0.9}));
    assert_eq!(ecl(&["eval", "1e308 * 10", "--format", "json"]).exits(0).json()["value"], "Infinity");
}

#[test]
fn run_exits_with_the_decision() {
    let folder = folder("run");
    let run = |amount| folder.ecl(&["run", "transfer.ecl", "--input", &input(amount)]);
    run(20.0).exits(0).prints("allow").prints("gas ");
    run(200.0).exits(4).prints("deny: too much").prints("transfer.ecl:3:13: amount <= (limit ?? 100)");
    folder.ecl(&["run", "transfer.ecl"]).exits(5).prints("fault: MissingInput");
    folder
        .ecl(&["run", "transfer.ecl", "--gas", "2", "--input", &input(1.0)])
        .exits(5)
        .prints("exhausted: OutOfGas");
    folder.ecl(&["run", "missing.ecl"]).exits(1).says("cannot read `missing.ecl`: no such file or directory");
    folder.ecl(&["run"]).exits(2);
    folder.ecl(&["run", "transfer.ecl", "--policy", "nope"]).exits(2).says("`nope`").says("`transfer`");
    folder.ecl(&["run", "transfer.ecl", "--input", "nope"]).exits(3).says("--input is not JSON");
    folder.ecl(&["run", "transfer.ecl", "--input", "@nope"]).exits(1).says("`nope`");
    folder.ecl(&["run", "transfer.ecl", "--caller", "bob"]).exits(2);
    folder.ecl(&["run", "-", "--input", "@-"]).exits(2).says("once");
}

#[test]
fn the_receipt_of_run_to_the_letter() {
    let folder = folder("run-json");
    let args = ["run", "transfer.ecl", "--format", "json", "--input", &input(200.0)];
    let ran = folder.ecl(&args).exits(4);
    let receipt = ran.json();
    let duration = receipt["duration_us"].clone();
    assert!(duration.as_f64().unwrap() > 0.0);
    let condition = TRANSFER.find("amount <=").unwrap();
    let expected = format!(
        "{{\"outcome\":\"deny\",\"reason\":\"too much\",\"span\":[{condition},{}],\"gas\":{{\"network\":0,\"compute\":5,\
         \"storage\":0,\"realm\":0,\"cost\":5}},\"mana\":0,\"duration_us\":{duration},\"log\":[],\"version\":0}}\n",
        condition + "amount <= (limit ?? 100)".len()
    );
    assert_eq!(ran.stdout, expected);
    let allow =
        folder.ecl(&["run", "transfer.ecl", "--format", "json", "--input", &input(20.0)]).exits(0).json();
    assert_eq!(allow["outcome"], "allow");
    assert_eq!(allow["reason"], json!(null));
    assert_eq!(allow["span"], json!(null));
    assert_eq!(allow.as_object().unwrap().get("value"), None);
    assert_eq!(allow.as_object().unwrap().get("i"), None);
}

#[test]
fn run_writes_in_memory_only() {
    let folder = folder("run-writes");
    let source = "policy main { store_put(\"seen\", 1); log(\"hello\"); emit \"ping\", 2; return true; }";
    folder.file("write.ecl", source);
    let args =
        ["run", "write.ecl", "--state", "state.json", "--realm", "lab", "--caller", "did:erynoa:self:alice"];
    folder
        .ecl(&args)
        .exits(0)
        .prints("store `seen` = 1 in realm `lab`")
        .prints("log hello")
        .prints("emit `ping` 2");
    assert_eq!(folder.read("state.json"), STATE);
    folder.ecl(&["run", "write.ecl"]).exits(5).prints("EffectNotAllowed");
    let receipt = folder.ecl(&[&args[..], &["--format", "json"]].concat()).exits(0).json();
    assert_eq!(receipt["log"], json!(["hello"]));
    assert_eq!(receipt["mana"], 4);
}

#[test]
fn which_policy_of_several() {
    let folder = Folder::new("select");
    folder.file("two.ecl", "policy a { return true; } policy b { return false; }");
    folder.file("main.ecl", "policy a { return false; } policy main { return true; }");
    folder.ecl(&["run", "two.ecl"]).exits(2).says("`a`").says("--policy");
    folder.ecl(&["run", "two.ecl", "--policy", "a"]).exits(0);
    folder.ecl(&["run", "two.ecl", "--policy", "b"]).exits(4);
    folder.ecl(&["run", "main.ecl"]).exits(0);
    folder.ecl(&["check", "two.ecl"]).exits(0).prints("policy a").prints("policy b");
}

#[test]
fn check_tells_everything() {
    let folder = folder("check");
    let text = folder.ecl(&["check", "transfer.ecl"]).exits(0);
    let text = text.prints("amount: number, limit: number?").prints("trust").prints("at most ");
    assert_eq!(text.stderr, "");
    let file = folder.ecl(&["check", "transfer.ecl", "--format", "json"]).exits(0).json();
    assert_eq!(file["ok"], true);
    assert_eq!(file["file"], "transfer.ecl");
    assert_eq!(file["diagnostics"], json!([]));
    let policy = &file["policies"][0];
    assert_eq!(policy["name"], "transfer");
    assert_eq!(
        policy["inputs"],
        json!([{"name":"amount","type":"number"},{"name":"limit","type":"number?"}])
    );
    assert_eq!(policy["standard_inputs"], json!(["trust"]));
    assert_eq!(policy["effect"], "read");
    let cost = policy["gas_bound"]["cost"].as_u64().unwrap();
    assert_eq!(policy["gas_bound"]["unbounded"], json!(null));
    folder.ecl(&["check", "transfer.ecl", "--max-gas", &cost.to_string()]).exits(0);
    folder.ecl(&["check", "transfer.ecl", "--max-gas", &(cost - 1).to_string()]).exits(3).prints("more than");
}

#[test]
fn check_goes_through_all_files() {
    let folder = folder("check-many");
    folder.file("bad.ecl", "policy a { require b; }\npolicy c { return 1 + true; }");
    folder.file("loop.ecl", "policy main(n: number) { while n > 0 { } return true; }");
    let text = folder.ecl(&["check", "bad.ecl", "transfer.ecl"]).exits(3);
    text.prints("error").prints("bad.ecl").prints("policy transfer");
    let ran = folder.ecl(&["check", "bad.ecl", "transfer.ecl", "nope.ecl", "--format", "json"]).exits(1);
    let files: Vec<serde_json::Value> =
        ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(files.len(), 3);
    let found = &files[0]["diagnostics"];
    assert!(found.as_array().is_some_and(|all| !all.is_empty()));
    assert_eq!(found[0]["file"], "bad.ecl");
    assert_eq!(found[0]["severity"], "error");
    assert!(found[0]["code"].as_str().unwrap().starts_with("E0"));
    assert!(found[0]["line"].as_u64().unwrap() >= 1);
    assert_eq!(files[1]["ok"], true);
    assert_eq!(files[2]["error"], "cannot read `nope.ecl`: no such file or directory");
    let unbounded = folder.ecl(&["check", "loop.ecl"]).exits(0).prints("unbounded (compute)");
    unbounded.prints("loop.ecl:1:");
    folder.ecl(&["check", "loop.ecl", "--max-gas", "1000000000"]).exits(3).prints("no bound");
}

#[test]
fn errors_as_json() {
    let folder = folder("json-errors");
    folder.file("bad.ecl", "policy a { return 1 +; }");
    let ran = folder.ecl(&["run", "bad.ecl", "--format", "json"]).exits(3);
    assert_eq!(ran.stdout, "");
    let first: serde_json::Value = serde_json::from_str(ran.stderr.lines().next().unwrap()).unwrap();
    assert_eq!(first["severity"], "error");
    let ran = folder.ecl(&["run", "nope.ecl", "--format", "json"]).exits(1);
    let error: serde_json::Value = serde_json::from_str(&ran.stderr).unwrap();
    assert_eq!(error, json!({"error": "cannot read `nope.ecl`: no such file or directory", "exit": 1}));
}

#[test]
fn bytecode_is_taken_wherever_source_is() {
    let folder = folder("bytecode");
    folder.ecl(&["compile", "transfer.ecl", "-o", "t.eclb"]).exits(0).says("wrote t.eclb: 1 policy");
    let compiled =
        folder.ecl(&["compile", "transfer.ecl", "-o", "t2.eclb", "--format", "json"]).exits(0).json();
    assert_eq!(compiled["policies"], json!(["transfer"]));
    assert_eq!(std::fs::read(folder.path("t.eclb")).unwrap(), std::fs::read(folder.path("t2.eclb")).unwrap());
    folder.ecl(&["run", "t.eclb", "--input", &input(20.0)]).exits(0);
    folder.ecl(&["run", "t.eclb", "--input", &input(200.0)]).exits(4).prints("too much");
    folder.ecl(&["check", "t.eclb"]).exits(0).prints("amount: number");
    folder.ecl(&["gas", "t.eclb"]).exits(0).prints("policy transfer");
    folder.ecl(&["disasm", "t.eclb"]).exits(0).prints("require");
    folder.ecl(&["compile", "t.eclb", "-o", "t3.eclb"]).exits(0);
    assert_eq!(std::fs::read(folder.path("t.eclb")).unwrap(), std::fs::read(folder.path("t3.eclb")).unwrap());
    let bytes = std::fs::read(folder.path("t.eclb")).unwrap();
    folder.ecl_with(&["run", "-", "--input", &input(20.0)], &bytes).exits(0);
    folder.ecl(&["compile", "transfer.ecl", "-o", "transfer.ecl"]).exits(2).says("overwrite");
    folder.ecl(&["compile", "transfer.ecl", "-o", "no/such/folder.eclb"]).exits(1).says("cannot write");
    folder.ecl(&["compile", "transfer.ecl"]).exits(2);
}

#[test]
fn disassembly_and_costs() {
    let folder = folder("disasm");
    folder
        .ecl(&["disasm", "transfer.ecl"])
        .exits(0)
        .prints("policy transfer")
        .prints("return")
        .prints("compute 1");
    let program = folder.ecl(&["disasm", "transfer.ecl", "--format", "json"]).exits(0).json();
    assert_eq!(program["policy"], "transfer");
    assert_eq!(program["functions"][0]["code"][0]["op"], "entry_trust");
    let text = folder.ecl(&["gas", "transfer.ecl"]).exits(0).prints("at most").prints("require amount > 0");
    assert!(text.stdout.lines().any(|line| line.trim_start().starts_with("2 ")));
    let gas = folder.ecl(&["gas", "transfer.ecl", "--format", "json"]).exits(0).json();
    let line = gas["lines"].as_array().unwrap().iter().find(|line| line["line"] == 2).unwrap();
    assert_eq!(line["compute"], 2);
    assert_eq!(line["repeats"], false);
    folder.ecl(&["gas", "transfer.ecl", "--policy", "nope"]).exits(2);
    folder.file(
        "loop.ecl",
        "policy main(list: [string]) {\n    for x in list {\n        require str_len(x) < 9;\n    }\n}\n",
    );
    let gas = folder.ecl(&["gas", "loop.ecl", "--format", "json"]).exits(0).json();
    let line = gas["lines"].as_array().unwrap().iter().find(|line| line["line"] == 3).unwrap();
    assert_eq!((&line["repeats"], &line["grows"]), (&json!(true), &json!(true)));
}

#[test]
fn help_completions_and_man_pages() {
    ecl(&["--version"]).exits(0).prints("ecl ");
    ecl(&["--help"]).exits(0).prints("Exit codes");
    for command in ["check", "eval", "run", "batch", "compile", "disasm", "gas", "completions", "man"] {
        ecl(&[command, "--help"]).exits(0).prints("Examples:");
    }
    for shell in ["bash", "zsh", "fish"] {
        ecl(&["completions", shell]).exits(0).prints("batch");
    }
    ecl(&["man"]).exits(0).prints(".TH ecl 1");
    ecl(&["man", "batch"]).exits(0).prints("requests");
    ecl(&["man", "nope"]).exits(2).says("`nope`");
    ecl(&[]).exits(2);
    ecl(&["nope"]).exits(2);
    ecl(&["eval", "1", "--nope"]).exits(2);
}

#[test]
fn no_colours_where_no_terminal_is() {
    let folder = folder("colours");
    folder.file("bad.ecl", "policy a { return 1 +; }");
    for args in [&["check", "bad.ecl"][..], &["run", "bad.ecl"], &["check", "transfer.ecl"]] {
        let ran = folder.ecl(args);
        assert!(!ran.stdout.contains('\x1b') && !ran.stderr.contains('\x1b'), "{args:?}");
    }
    let mut forced = folder.command(&["check", "transfer.ecl"]);
    let colourful = common::done(forced.env("CLICOLOR_FORCE", "1").spawn().unwrap());
    assert!(colourful.stdout.contains('\x1b'));
    let mut refused = folder.command(&["check", "transfer.ecl"]);
    let plain = common::done(refused.env("NO_COLOR", "1").spawn().unwrap());
    assert!(!plain.stdout.contains('\x1b'));
}

#[test]
fn a_trace_is_the_bill_item_by_item() {
    let folder = folder("trace");
    let run = folder.ecl(&["run", "transfer.ecl", "--input", &input(20.0), "--trace", "--format", "json"]);
    let receipt = run.json();
    let steps: Vec<serde_json::Value> =
        run.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut so_far = 0;
    for step in &steps {
        assert_eq!(step["before"].as_u64().unwrap(), so_far);
        so_far += step["units"].as_u64().unwrap();
    }
    assert_eq!(receipt["gas"]["cost"].as_u64().unwrap(), so_far);
    let first = &steps[0]["span"];
    let (start, end) = (first[0].as_u64().unwrap() as usize, first[1].as_u64().unwrap() as usize);
    assert_eq!(&TRANSFER[start..end], "amount > 0");
}
