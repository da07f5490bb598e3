//! Rows, each with what comes of it.

use super::*;
use crate::wire::csv::CsvSchema;
use ::csv::ByteRecord;

fn row(inputs: &str, has_state: bool, header: &[&str], cells: &[&str]) -> String {
    let (bump, schema) = (Bump::new(), Schema::new(&program(inputs), has_state));
    let csv = CsvSchema::new(&schema, &ByteRecord::from(header));
    let record = ByteRecord::from(cells);
    let flags = Defaults::new(Some(did("did:flag:c")), None);
    match csv.request(&record, &bump, flags) {
        Ok(request) => show_request(&request).replace(" @caller=did:flag:c", ""),
        Err(fault) => format!("row !{fault}"),
    }
}

#[test]
fn cells_by_their_types() {
    let inputs = "n: number, b: bool, s: string, d: did, a: [number], o: number?";
    let header = ["n", "b", "s", "d", "a", "o"];
    for (cells, want) in [
        (["1", "true", "x", "did:a:b", "[1,2]", "3"], r#"1 true "x" did:a:b [1 2] 3"#),
        (["", "", "", "", "", ""], "- - - - - -"),
        (["-1.5e3", "false", "null", "did:a:b", "[]", ""], r#"-1500 false "null" did:a:b [] -"#),
        ([" 1 ", " true", " x ", "did:a:b", " [ 1 ] ", "1e999"], r#"1 true " x " did:a:b [1] inf"#),
        (
            ["x", "1", "\"x\"", " did:a:b", "1", "null"],
            r#"!TypeMismatch !TypeMismatch "\"x\"" !TypeMismatch !TypeMismatch !TypeMismatch"#,
        ),
        (
            ["1 2", "TRUE", "1", "x", "[1", "+1"],
            r#"!TypeMismatch !TypeMismatch "1" !TypeMismatch !TypeMismatch !TypeMismatch"#,
        ),
    ] {
        assert_eq!(row(inputs, false, &header, &cells), want, "{cells:?}");
    }
}

#[test]
fn trust_in_columns() {
    let header = ["t.r", "t.i", "t.c", "t.p", "t.v", "t.omega"];
    for (cells, want) in [
        (["0", "0.1", "0.2", "0.3", "0.4", "1"], "<0 0.1 0.2 0.3 0.4 1>"),
        (["", "", "", "", "", ""], "-"),
        (["0", "0", "0", "0", "0", ""], "!TypeMismatch"),
        (["0", "0", "0", "0", "0", "x"], "!TypeMismatch"),
        (["0", "0", "0", "0", "0", "2"], "<0 0 0 0 0 2>"),
    ] {
        assert_eq!(row("t: trust?", false, &header, &cells), want, "{cells:?}");
    }
    assert_eq!(row("t: trust", false, &header[..5], &["0"; 5]), "!TypeMismatch", "a component has no column");
    assert_eq!(row("t: trust", false, &["t"], &["[0,0,0,0,0,1]"]), "<0 0 0 0 0 1>");
    assert_eq!(row("t: trust", false, &["t", "t.r"], &["[0,0,0,0,0,1]", ""]), "<0 0 0 0 0 1>");
    assert_eq!(row("t: trust", false, &["t", "t.r"], &["[0,0,0,0,0,1]", "0"]), "!TypeMismatch");
    let standard = ["trust.r", "trust.i", "trust.c", "trust.p", "trust.v", "trust.omega"];
    assert_eq!(row("n: number", false, &standard, &["0"; 6]), "- @trust=<0 0 0 0 0 0>");
    assert_eq!(row("n: number", true, &standard, &["0"; 6]), "- ?");
}

#[test]
fn columns() {
    let check = |header: &[&str], cells: &[&str], want: &str| {
        assert_eq!(row("n: number, s: string", false, header, cells), want, "{header:?} {cells:?}");
    };
    check(&["s", "n"], &["x", "1"], "1 \"x\"");
    check(&["n"], &["1"], "1 -");
    check(&["n", "z"], &["1", ""], "1 - ?");
    check(&["n", "now"], &["1", "2"], "1 - ?");
    check(&["n", "n.r"], &["1", "2"], "1 - ?");
    check(&["n", "n"], &["1", ""], "!TypeMismatch -");
    check(&["n", "n"], &["", ""], "!TypeMismatch -");
    check(&["n", "s"], &["1"], "row !TypeMismatch");
    check(&["n"], &["1", "2"], "row !TypeMismatch");
    check(&["caller", "realm"], &["did:a:b", "lab"], "- - @caller=did:a:b @realm=\"lab\"");
    check(&["caller", "realm"], &["", ""], "- -");
}

#[test]
fn bytes_that_are_no_text() {
    let (bump, schema) = (Bump::new(), Schema::new(&program("s: string, n: number"), false));
    let csv = CsvSchema::new(&schema, &ByteRecord::from(vec!["s", "n"]));
    let record = ByteRecord::from(vec![&b"\xff"[..], b"1"]);
    let request = csv.request(&record, &bump, Defaults::default()).unwrap();
    assert_eq!(show_request(&request), "!TypeMismatch 1");
    let short = ByteRecord::from(vec!["x"]);
    let request = csv.request_or_faulty(&short, &bump, Defaults::default());
    assert_eq!(show_request(&request), "!TypeMismatch !TypeMismatch @caller=!TypeMismatch");
}
