//! `ecl batch` on Parquet and Arrow files.

use super::common::Folder;
use super::generate::{Made, Of, requests};
use super::meaning::{ipc_bytes, parquet_bytes};
use parquet::file::properties::WriterProperties;

const SOURCE: &str = "policy p(n: number, s: string?, t: trust) {
    require n >= 1, \"small\";
    return s == null || s != \"a\" && t.r > 0.3;
}";
const KEYS: &[(&str, Of, bool)] = &[("n", Of::Number, true), ("s", Of::Text, true), ("t", Of::Trust, false)];

fn folder(test: &str) -> (Folder, Made) {
    let (folder, made) = (Folder::new(test), requests(KEYS, 3_000, 5));
    folder.file("p.ecl", SOURCE);
    folder.file("r.ndjson", made.lines.join("\n"));
    folder.file("r.parquet", parquet_bytes(&made.batch, WriterProperties::default()));
    folder.file("r.arrow", ipc_bytes(std::slice::from_ref(&made.batch), true, None));
    (folder, made)
}

fn batch(requests: &str, out: &str) -> Vec<String> {
    ["batch", "p.ecl", "--requests", requests, "--out", out, "--format", "json"].map(str::to_owned).into()
}

fn run(folder: &Folder, requests: &str, out: &str) -> super::common::Ran {
    let args = batch(requests, out);
    folder.ecl(&args.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn receipts_and_summary_are_those_of_ndjson() {
    let (folder, _) = folder("columns-same");
    let mut lines = run(&folder, "r.ndjson", "lines.ndjson").exits(0).json();
    for file in ["r.parquet", "r.arrow"] {
        let mut columns = run(&folder, file, "columns.ndjson").exits(0).json();
        assert_eq!(folder.read("lines.ndjson"), folder.read("columns.ndjson"), "{file}");
        for summary in [&mut lines, &mut columns] {
            for measured in ["seconds", "decisions_per_second", "latency_ns", "engine"] {
                summary[measured].take();
            }
        }
        assert_eq!(lines, columns, "{file}");
    }
}

#[test]
fn columns_go_to_the_lanes_engine() {
    let (folder, _) = folder("columns-lanes");
    let plain = requests(&[("n", Of::Number, false), ("t", Of::Trust, false)], 3_000, 5).batch;
    folder.file("plain.parquet", parquet_bytes(&plain, WriterProperties::default()));
    folder.file("q.ecl", "policy q(n: number, t: trust) { return n > 1; }");
    let args = ["batch", "q.ecl", "--requests", "plain.parquet", "--format", "json"];
    let engine = folder.ecl(&args).exits(0).json()["engine"].clone();
    assert!(engine == "vector" || engine == "both", "{engine}");
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_its_place() {
    let (folder, made) = folder("columns-wrong");
    let parquet = parquet_bytes(&made.batch, WriterProperties::default());
    let arrow = ipc_bytes(&[made.batch.slice(0, 1_000), made.batch.slice(1_000, 2_000)], true, None);
    folder.file("cut.parquet", &parquet[..parquet.len() / 2]);
    folder.file("cut.arrow", &arrow[..arrow.len() * 3 / 4]);
    folder.file("empty.parquet", b"");
    folder.file("empty.arrow", b"");
    folder.file("text.parquet", "{\"n\":1}");
    run(&folder, "cut.parquet", "o.ndjson").exits(3).says("cut.parquet").says("cut short");
    let cut = run(&folder, "cut.arrow", "o.ndjson")
        .exits(3)
        .says("cut short")
        .says("requests from 1000 on are lost");
    // What came before is decided.
    assert_eq!(cut.json()["requests"], 1_000);
    run(&folder, "empty.parquet", "o.ndjson").exits(3).says("no Parquet file");
    run(&folder, "empty.arrow", "o.ndjson").exits(3).says("it is empty");
    run(&folder, "text.parquet", "o.ndjson").exits(3).says("no Parquet file");
    run(&folder, "not-there.parquet", "o.ndjson").exits(1);
}

#[test]
fn no_rows_are_no_requests() {
    let (folder, made) = folder("columns-none");
    folder.file("none.parquet", parquet_bytes(&made.batch.slice(0, 0), WriterProperties::default()));
    folder.file("none.arrow", ipc_bytes(&[made.batch.slice(0, 0)], true, None));
    for file in ["none.parquet", "none.arrow"] {
        let ran = run(&folder, file, "o.ndjson").exits(0);
        assert_eq!(ran.json()["requests"], 0, "{file}");
    }
}

#[test]
fn columns_that_do_not_fit_are_named() {
    let (folder, _) = folder("columns-named");
    folder.file("q.ecl", "policy q(n: string, s: string?) { return n == \"\"; }");
    let args = ["batch", "q.ecl", "--requests", "r.parquet", "--format", "json"];
    let ran = folder
        .ecl(&args)
        .exits(0)
        .says("column `n` is Float64, the input a string")
        .says("no input of this name");
    assert_eq!(ran.json()["fault"], 3_000);
}
