//! What columns mean: the same as lines of JSON, whatever the layout, engine and file.

use super::generate::{Made, Of, requests};
use arrow_array::{Array, ArrayRef, Float64Array, RecordBatch, StringArray, StructArray};
use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use bumpalo::Bump;
use eclvm::Policy;
use eclvm::arrow::files::{FileBatch, FileError, IpcReader, ParquetReader};
use eclvm::arrow::{ArrowSchema, ColumnProblem, decisions_batch, receipts_batch};
use eclvm::batch::{Batch, BatchOptions, Engine, Requests};
use eclvm::kernel::receipt::Receipt;
use eclvm::kernel::request::Request;
use eclvm::wire::{Defaults, Schema, decode_or_faulty, write_receipt};
use parquet::arrow::{ArrowSchemaConverter, ArrowWriter};
use parquet::basic::{Compression, Encoding, Type, ZstdLevel};
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder, WriterVersion};
use std::io::Cursor;
use std::sync::Arc;

/// A policy and the keys of its requests.
type Case = (&'static str, &'static [(&'static str, Of, bool)]);

/// All types that the lanes engine takes, and those that it does not.
const CASES: &[Case] = &[
    (
        "policy p(n: number, on: number?, b: bool, ob: bool?, s: string, os: string?, d: did, od: did?) {
            require n >= 0, \"negative\";
            require b || (on ?? 1) > 2, \"neither\";
            require ob == null || s != \"a\", \"a\";
            require os == null || str_len(s) <= str_len(os), \"long\";
            return d != caller && od != d && realm == \"EUR\";
        }",
        &[
            ("n", Of::Number, false),
            ("on", Of::Number, true),
            ("b", Of::Bool, false),
            ("ob", Of::Bool, true),
            ("s", Of::Text, false),
            ("os", Of::Text, true),
            ("d", Of::Did, false),
            ("od", Of::Did, true),
            ("caller", Of::Did, false),
            ("realm", Of::Text, true),
        ],
    ),
    (
        "policy p(t: trust, ot: trust?, ns: [number], ons: [number?]?, ss: [string], ds: [did]?, bs: [bool]) {
            require trust_norm(t) >= 0.4, \"low\";
            require ot == null || trust_norm(ot) > 0.2, \"other low\";
            require array_len(ns) >= 1, \"none\";
            require ons == null || array_len(ons) < 3, \"many\";
            require ns[0] > 3 || \"EUR\" in ss, \"nothing\";
            return ds == null || array_len(ds) > array_len(bs) || trust.r > 0.5;
        }",
        &[
            ("t", Of::Trust, false),
            ("ot", Of::Trust, true),
            ("ns", Of::List(&Of::Number), false),
            ("ons", Of::List(&Of::Number), true),
            ("ss", Of::List(&Of::Text), false),
            ("ds", Of::List(&Of::Did), false),
            ("bs", Of::List(&Of::Bool), false),
            ("trust", Of::Trust, false),
        ],
    ),
    (
        "policy p(nn: [[number]], ts: [trust?], deep: [[string?]?]?) {
            require array_len(nn) >= array_len(ts), \"few\";
            return deep == null || array_len(deep) > 1;
        }",
        &[
            ("nn", Of::List(&Of::List(&Of::Number)), false),
            ("ts", Of::List(&Of::Trust), true),
            ("deep", Of::List(&Of::List(&Of::Text)), true),
        ],
    ),
    // Nulls where none belong, for every type.
    (
        "policy p(n: number, b: bool, s: string, d: did, t: trust, l: [number]) {
            return n > 1 && b && s != \"\" && d != caller && t.r > 0 && array_len(l) > 0;
        }",
        &[
            ("n", Of::Number, true),
            ("b", Of::Bool, true),
            ("s", Of::Text, true),
            ("d", Of::Did, true),
            ("t", Of::Trust, true),
            ("l", Of::List(&Of::Number), true),
            ("caller", Of::Did, true),
        ],
    ),
];

pub(crate) fn compile(source: &str) -> Policy {
    Policy::compile(source).unwrap_or_else(|e| panic!("{e:?}\n{source}"))
}

fn options(engine: Engine) -> BatchOptions<'static> {
    BatchOptions { engine, threads: 2, lanes: 64, ..BatchOptions::default() }
}

fn print(policy: &Policy, receipts: &[Receipt]) -> Vec<String> {
    let print = |(i, receipt): (usize, &Receipt)| {
        let mut out = Vec::new();
        write_receipt(&mut out, policy.program(), receipt, Some(i as u64), None);
        String::from_utf8(out).unwrap()
    };
    receipts.iter().enumerate().map(print).collect()
}

/// The receipts of lines of JSON, one by one.
pub(crate) fn of_lines(policy: &Policy, lines: &[String]) -> Vec<String> {
    let (bump, schema) = (Bump::new(), Schema::new(policy.program(), false));
    let rows: Vec<Request<'_>> = lines
        .iter()
        .map(|line| decode_or_faulty(&schema, line.as_bytes(), &bump, Defaults::default()))
        .collect();
    let mut batch = Batch::new(policy, options(Engine::Scalar)).unwrap();
    print(policy, &batch.run(rows.as_slice()).unwrap())
}

/// The receipts of columns, on every engine and in both forms; they must not differ.
fn of_columns(policy: &Policy, requests: &(impl Requests + ?Sized)) -> Vec<String> {
    let mut batch = Batch::new(policy, options(Engine::Scalar)).unwrap();
    let receipts = print(policy, &batch.run(requests).unwrap());
    let mut batch = Batch::new(policy, options(Engine::Lanes)).unwrap();
    assert_eq!(receipts, print(policy, &batch.run(requests).unwrap()));
    let mut batch = Batch::new(policy, options(Engine::Auto)).unwrap();
    let decisions = batch.decide(requests).unwrap();
    let decided: Vec<Receipt> = decisions.receipts().collect();
    assert_eq!(receipts, print(policy, &decided));
    assert_eq!(decisions_batch(policy, &decisions).unwrap(), receipts_batch(policy, &decided).unwrap());
    receipts
}

fn of_batch(policy: &Policy, batch: &RecordBatch) -> Vec<String> {
    let (schema, bump) = (ArrowSchema::new(policy, &batch.schema(), false), Bump::new());
    assert_eq!(schema.problems(), []);
    of_columns(policy, &schema.columns(batch, &bump).unwrap())
}

/// All requests of a file, in one engine.
pub(crate) fn of_file(
    policy: &Policy,
    schema: &ArrowSchema,
    batches: impl Iterator<Item = Result<FileBatch, FileError>>,
) -> Result<Vec<String>, FileError> {
    let mut run = Batch::new(policy, options(Engine::Auto)).unwrap();
    let mut receipts = Vec::new();
    for batch in batches {
        let (batch, bump) = (batch?, Bump::new());
        receipts.extend(run.run(&batch.requests(schema, &bump).unwrap()).unwrap());
    }
    Ok(print(policy, &receipts))
}

pub(crate) fn parquet_bytes(batch: &RecordBatch, how: WriterProperties) -> Vec<u8> {
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(how)).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

pub(crate) const VERSIONS: [WriterVersion; 2] = [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0];
pub(crate) const STRINGS: [Encoding; 3] =
    [Encoding::PLAIN, Encoding::DELTA_LENGTH_BYTE_ARRAY, Encoding::DELTA_BYTE_ARRAY];

/// Strings of all columns, where there is no dictionary, are to be written so.
pub(crate) fn strings_as(
    how: WriterPropertiesBuilder,
    batch: &RecordBatch,
    encoding: Encoding,
) -> WriterPropertiesBuilder {
    let schema = ArrowSchemaConverter::new().convert(&batch.schema()).unwrap();
    let strings = schema.columns().iter().filter(|column| column.physical_type() == Type::BYTE_ARRAY);
    strings.fold(how, |how, column| how.set_column_encoding(column.path().clone(), encoding))
}

pub(crate) fn file_of(bytes: &[u8]) -> std::fs::File {
    use std::io::Write;
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let name = format!("columns-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let mut file =
        std::fs::File::options().create(true).truncate(true).read(true).write(true).open(&path).unwrap();
    file.write_all(bytes).unwrap();
    std::fs::remove_file(path).unwrap();
    file
}

fn of_parquet(policy: &Policy, batch: &RecordBatch, seed: u64) -> Vec<String> {
    let how = WriterProperties::builder()
        .set_compression(
            [
                Compression::UNCOMPRESSED,
                Compression::SNAPPY,
                Compression::LZ4_RAW,
                Compression::ZSTD(ZstdLevel::default()),
            ][seed as usize % 4],
        )
        .set_max_row_group_row_count(Some(37))
        .set_data_page_row_count_limit(10)
        .set_dictionary_enabled(!seed.is_multiple_of(3))
        .set_writer_version(VERSIONS[seed as usize / 3 % 2]);
    let how = strings_as(how, batch, STRINGS[seed as usize % 3]).build();
    let file = file_of(&parquet_bytes(batch, how));
    let mut reader = ParquetReader::open(file, 25).unwrap();
    assert_eq!(reader.rows(), batch.num_rows() as u64);
    let schema = ArrowSchema::new(policy, &reader.schema(), false);
    assert_eq!(schema.problems(), []);
    reader.select(&schema.used());
    of_file(policy, &schema, reader).unwrap()
}

pub(crate) fn ipc_bytes(
    batches: &[RecordBatch],
    is_file: bool,
    packed: Option<arrow_ipc::CompressionType>,
) -> Vec<u8> {
    let how = IpcWriteOptions::default().try_with_compression(packed).unwrap();
    let schema = batches[0].schema();
    let mut out = Cursor::new(Vec::new());
    if is_file {
        let mut writer = FileWriter::try_new_with_options(&mut out, &schema, how).unwrap();
        batches.iter().for_each(|batch| writer.write(batch).unwrap());
        writer.finish().unwrap();
    } else {
        let mut writer = StreamWriter::try_new_with_options(&mut out, &schema, how).unwrap();
        batches.iter().for_each(|batch| writer.write(batch).unwrap());
        writer.finish().unwrap();
    }
    out.into_inner()
}

fn of_ipc(policy: &Policy, batch: &RecordBatch, seed: u64) -> Vec<String> {
    use arrow_ipc::CompressionType as Codec;
    let packed = [None, Some(Codec::LZ4_FRAME), Some(Codec::ZSTD)][seed as usize % 3];
    let bytes = ipc_bytes(std::slice::from_ref(batch), seed.is_multiple_of(2), packed);
    let reader = IpcReader::open(Cursor::new(bytes), 25).unwrap();
    let schema = ArrowSchema::new(policy, &reader.schema(), false);
    of_file(policy, &schema, reader).unwrap()
}

#[test]
fn receipts_are_those_of_the_same_lines() {
    for (source, keys) in CASES {
        let policy = compile(source);
        let mut passed = 0;
        for seed in 1..=12 {
            let Made { lines, batch } = requests(keys, 130, seed);
            let expected = of_lines(&policy, &lines);
            passed += expected.iter().filter(|r| r.contains("\"allow\"")).count();
            assert_eq!(expected, of_batch(&policy, &batch), "{source} {seed}");
            assert_eq!(expected, of_ipc(&policy, &batch, seed), "{source} {seed}");
            assert_eq!(expected, of_parquet(&policy, &batch, seed), "{source} {seed}");
        }
        assert!(passed > 0, "nothing passes: {source}");
    }
}

fn numbers(values: Vec<Option<f64>>) -> ArrayRef {
    Arc::new(Float64Array::from(values))
}

#[test]
fn keys_that_are_unknown_missing_twice_or_of_another_type() {
    let policy = compile("policy p(a: number, b: number?) { return a > 1; }");
    let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("x"), None]));
    let reasons = |batch: &RecordBatch| -> (Vec<String>, Vec<ColumnProblem>) {
        let (schema, bump) = (ArrowSchema::new(&policy, &batch.schema(), false), Bump::new());
        let receipts = of_columns(&policy, &schema.columns(batch, &bump).unwrap());
        let reason = |r: &String| serde_json::from_str::<serde_json::Value>(r).unwrap()["reason"].to_string();
        (receipts.iter().map(reason).collect(), schema.problems().to_vec())
    };
    let two = || numbers(vec![Some(2.0), Some(3.0)]);
    let batch = RecordBatch::try_from_iter([("b", two())]).unwrap();
    assert_eq!(reasons(&batch).0, ["\"MissingInput\"", "\"MissingInput\""]);
    let batch = RecordBatch::try_from_iter([("a", two()), ("c", two())]).unwrap();
    let (said, problems) = reasons(&batch);
    assert_eq!(said, ["\"TypeMismatch\"", "\"TypeMismatch\""]);
    assert_eq!(problems, [ColumnProblem::Unknown("c".to_owned())]);
    let batch = RecordBatch::try_from_iter_with_nullable([("a", two(), true), ("b", texts, true)]).unwrap();
    let (said, problems) = reasons(&batch);
    assert_eq!(said, ["\"TypeMismatch\"", "null"]);
    assert!(problems[0].to_string().contains("column `b` is Utf8, the input a number?"), "{problems:?}");
    let batch = RecordBatch::try_from_iter([("a", two()), ("a", two())]).unwrap();
    let (said, problems) = reasons(&batch);
    assert_eq!(said, ["\"TypeMismatch\"", "\"TypeMismatch\""]);
    assert_eq!(problems, [ColumnProblem::Twice("a".to_owned())]);
}

#[test]
fn trust_in_columns_that_are_not_whole() {
    let policy = compile("policy p(t: trust?) { return t == null || t.r >= 0; }");
    let some = || numbers(vec![Some(0.5), None, None]);
    let names = ["t.r", "t.i", "t.c", "t.p", "t.v"];
    let mut columns: Vec<(&str, ArrayRef)> = names.iter().map(|name| (*name, some())).collect();
    let outcomes = |columns: &[(&str, ArrayRef)]| -> Vec<bool> {
        let batch = columns.iter().map(|(n, c)| (*n, Arc::clone(c), true));
        let batch = RecordBatch::try_from_iter_with_nullable(batch).unwrap();
        let (schema, bump) = (ArrowSchema::new(&policy, &batch.schema(), false), Bump::new());
        let receipts = of_columns(&policy, &schema.columns(&batch, &bump).unwrap());
        receipts.iter().map(|r| r.contains("\"allow\"")).collect()
    };
    // One is missing: only where all are null there is no vector.
    assert_eq!(outcomes(&columns), [false, true, true]);
    columns.push(("t.omega", numbers(vec![Some(0.5), None, Some(0.1)])));
    assert_eq!(outcomes(&columns), [true, true, false]);
    // A struct with a null inside.
    let inner = super::generate::NAMES.iter().map(|name| {
        (Arc::new(arrow_schema::Field::new(*name, arrow_schema::DataType::Float64, true)), some())
    });
    let vectors: ArrayRef = Arc::new(StructArray::from(inner.collect::<Vec<_>>()));
    assert_eq!(outcomes(&[("t", vectors)]), [true, false, false]);
}

#[test]
fn whole_numbers_are_rounded_as_those_of_json() {
    let big = [i64::MAX, i64::MIN, 9_007_199_254_740_993, -9_007_199_254_740_993, 7];
    let lines: Vec<String> = big.iter().map(|n| format!("{{\"n\":{n}}}")).collect();
    let batch = RecordBatch::try_from_iter([(
        "n",
        Arc::new(arrow_array::Int64Array::from(big.to_vec())) as ArrayRef,
    )]);
    let policy = compile(
        "policy p(n: number) { require n > 9007199254740991, \"small\"; return n == 9007199254740992; }",
    );
    assert_eq!(of_lines(&policy, &lines), of_batch(&policy, &batch.unwrap()));
}

#[test]
fn values_of_expressions_come_as_arrays_of_their_type() {
    for (source, ty) in [("n + 1", "Float64"), ("n > 1", "Boolean"), ("n > 1 ? \"a\" : \"b\"", "Utf8")] {
        let policy = compile(source);
        let batch = RecordBatch::try_from_iter([("n", numbers(vec![Some(1.0), Some(2.0)]))]).unwrap();
        let (schema, bump) = (ArrowSchema::new(&policy, &batch.schema(), false), Bump::new());
        let columns = schema.columns(&batch, &bump).unwrap();
        let receipts = Batch::new(&policy, options(Engine::Auto)).unwrap().run(&columns).unwrap();
        let out = receipts_batch(&policy, &receipts).unwrap();
        let value = out.column_by_name("value").unwrap();
        assert_eq!(value.data_type().to_string(), ty, "{source}");
        assert_eq!(value.null_count(), 0, "{source}");
        assert_eq!(out.num_rows(), 2);
    }
}
