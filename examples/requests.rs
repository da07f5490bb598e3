//! `cargo run --release --features parquet --example requests -- KIND ROWS FILE`: writes a file of random requests, the same
//! ones every time, for measuring `ecl batch`. KIND is `w1` (a trust vector: `trust.r >= 0.5`) or `w3` (a transfer, as
//! examples/transfer has them); FILE ends in `.parquet`, `.arrow` or `.ndjson`. For w3 a state of 4 096 identities goes
//! to `FILE.state.json`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "an example that cannot write should stop")]

use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use arrow_ipc::writer::{FileWriter, IpcWriteOptions};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::sync::Arc;

/// Requests of a record batch.
const BATCH: usize = 65_536;
/// Identities of the state.
const KNOWN: u64 = 4_096;

/// A small generator of numbers (xorshift).
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
    fn did(&mut self) -> String {
        did(self.next() % KNOWN)
    }
}

fn did(number: u64) -> String {
    format!("did:erynoa:self:user-{number:05}")
}

fn batch(kind: &str, rows: usize, rng: &mut Rng) -> RecordBatch {
    let numbers = |rng: &mut Rng, most: f64| -> ArrayRef {
        Arc::new(Float64Array::from_iter_values((0..rows).map(|_| (rng.unit() * most * 1e4).round() / 1e4)))
    };
    let dids =
        |rng: &mut Rng| -> ArrayRef { Arc::new(StringArray::from_iter_values((0..rows).map(|_| rng.did()))) };
    let columns: Vec<(String, ArrayRef)> = match kind {
        "w1" => {
            ["r", "i", "c", "p", "v", "omega"].map(|name| (format!("trust.{name}"), numbers(rng, 1.0))).into()
        }
        _ => vec![
            ("caller".to_owned(), dids(rng)),
            ("to".to_owned(), dids(rng)),
            ("amount".to_owned(), numbers(rng, 12_000.0)),
        ],
    };
    RecordBatch::try_from_iter(columns).unwrap()
}

/// The batch as lines of JSON.
fn lines(batch: &RecordBatch, out: &mut impl Write) {
    let schema = batch.schema();
    for row in 0..batch.num_rows() {
        let mut object = serde_json::Map::new();
        let mut trust = Vec::new();
        for (field, column) in schema.fields().iter().zip(batch.columns()) {
            if let Some(numbers) = column.as_any().downcast_ref::<Float64Array>() {
                if field.name().starts_with("trust.") {
                    trust.push(numbers.value(row));
                } else {
                    object.insert(field.name().clone(), numbers.value(row).into());
                }
            } else if let Some(texts) = column.as_any().downcast_ref::<StringArray>() {
                object.insert(field.name().clone(), texts.value(row).into());
            }
        }
        if !trust.is_empty() {
            object.insert("trust".to_owned(), trust.into());
        }
        serde_json::to_writer(&mut *out, &object).unwrap();
        out.write_all(b"\n").unwrap();
    }
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [kind, rows, name] = args.as_slice() else {
        eprintln!("usage: requests w1|w3 ROWS FILE.parquet|FILE.arrow|FILE.ndjson");
        std::process::exit(2);
    };
    let rows: usize = rows.replace('_', "").parse().unwrap();
    let mut rng = Rng(0x9E37_79B9_7F4A_7C15);
    let mut sizes = (0..rows).step_by(BATCH).map(|from| BATCH.min(rows - from));
    let mut next = || sizes.next().map(|rows| batch(kind, rows, &mut rng));
    let file = BufWriter::new(File::create(name).unwrap());
    let schema = batch(kind, 0, &mut Rng(1)).schema();
    match name.rsplit('.').next() {
        Some("parquet") => {
            let how = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
            let mut writer = ArrowWriter::try_new(file, schema, Some(how)).unwrap();
            while let Some(batch) = next() {
                writer.write(&batch).unwrap();
            }
            writer.close().unwrap();
        }
        Some("arrow") => {
            let mut writer =
                FileWriter::try_new_with_options(file, &schema, IpcWriteOptions::default()).unwrap();
            while let Some(batch) = next() {
                writer.write(&batch).unwrap();
            }
            writer.finish().unwrap();
        }
        _ => {
            let mut file = file;
            while let Some(batch) = next() {
                lines(&batch, &mut file);
            }
            file.flush().unwrap();
        }
    }
    if kind == "w3" {
        let identities = (0..KNOWN).map(|number| {
            let trust: Vec<f64> = (0..6).map(|_| 0.3 + 0.6 * rng.unit()).collect();
            let credentials: Vec<&str> =
                if rng.unit() < 0.8 { vec!["member", "kyc"] } else { vec!["member"] };
            let balance = 100 + rng.next() % 20_000;
            let record = serde_json::json!({"trust": trust, "credentials": credentials, "balance": balance});
            (did(number), record)
        });
        let identities: serde_json::Map<String, serde_json::Value> = identities.collect();
        let state = serde_json::json!({"identities": identities, "realms": {}});
        std::fs::write(format!("{name}.state.json"), state.to_string()).unwrap();
    }
}
