//! Bytes that somebody changed: an error with a place or other requests, and no panic, abort or flood of memory.

use super::generate::{Of, Rng, requests};
use super::meaning::{STRINGS, VERSIONS, compile, file_of, ipc_bytes, of_file, parquet_bytes, strings_as};
use eclvm::Policy;
use eclvm::arrow::ArrowSchema;
use eclvm::arrow::files::{FileError, IpcReader, ParquetReader};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Cursor;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The largest piece of memory that was asked for.
struct Watched;
static LARGEST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is handed on as it came.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LARGEST.fetch_max(layout.size(), Ordering::Relaxed);
        // SAFETY: as for this function.
        unsafe { System.alloc(layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        LARGEST.fetch_max(layout.size(), Ordering::Relaxed);
        // SAFETY: as for this function.
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        LARGEST.fetch_max(size, Ordering::Relaxed);
        // SAFETY: as for this function.
        unsafe { System.realloc(at, layout, size) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as for this function.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static WATCHED: Watched = Watched;

/// More than any of these small files may ask for: a page, or a body, that unpacks as far as its codec can.
const MOST: usize = 1 << 30;

const SOURCE: &str = "policy p(n: number, s: string?, d: did, t: trust, l: [string], x: [number?]?) {
    return n > 1 && t.r > 0.2 && array_len(l) > 0;
}";
const KEYS: &[(&str, Of, bool)] = &[
    ("n", Of::Number, false),
    ("s", Of::Text, true),
    ("d", Of::Did, false),
    ("t", Of::Trust, false),
    ("l", Of::List(&Of::Text), false),
    ("x", Of::List(&Of::Number), true),
];

/// Rounds; ECLVM_MUTATIONS asks for more.
fn rounds(usual: u64) -> u64 {
    std::env::var("ECLVM_MUTATIONS").ok().and_then(|n| n.parse().ok()).unwrap_or(usual)
}

fn mutate(bytes: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..1 + rng.below(4) {
        let at = rng.below(bytes.len());
        match rng.below(6) {
            0 => bytes[at] ^= 1 << rng.below(8),
            1 => bytes[at] = rng.next() as u8,
            2 => bytes[at] = 0xFF,
            3 => bytes.truncate(at.max(1)),
            4 => bytes.insert(at, rng.next() as u8),
            _ => {
                // A number that is larger than the file.
                let end = bytes.len().min(at + 4);
                bytes[at..end].fill([0x7F, 0xFF, 0x80][rng.below(3)]);
            }
        }
    }
    bytes
}

fn read_parquet(policy: &Policy, bytes: &[u8]) -> Result<usize, FileError> {
    let mut reader = ParquetReader::open(file_of(bytes), 64)?;
    let schema = ArrowSchema::new(policy, &reader.schema(), false);
    reader.select(&schema.used());
    // A run length may stand for very many sound requests: a few batches tell.
    of_file(policy, &schema, reader.take(8)).map(|receipts| receipts.len())
}

fn read_ipc(policy: &Policy, bytes: &[u8]) -> Result<usize, FileError> {
    let reader = IpcReader::open(Cursor::new(bytes.to_vec()), 64)?;
    let schema = ArrowSchema::new(policy, &reader.schema(), false);
    of_file(policy, &schema, reader.take(8)).map(|receipts| receipts.len())
}

#[test]
fn changed_parquet_is_an_error_or_other_requests() {
    let policy = compile(SOURCE);
    let (mut refused, mut read) = (0, 0);
    for seed in 1..=rounds(1_500) {
        let mut rng = Rng(seed.wrapping_mul(0x2545_F491_4F6C_DD1D) | 1);
        let codecs = [
            Compression::UNCOMPRESSED,
            Compression::SNAPPY,
            Compression::LZ4_RAW,
            Compression::ZSTD(ZstdLevel::default()),
        ];
        let batch = requests(KEYS, 50, seed % 16 + 1).batch;
        let how = WriterProperties::builder()
            .set_compression(codecs[rng.below(4)])
            .set_dictionary_enabled(rng.below(2) == 0)
            .set_writer_version(VERSIONS[rng.below(2)]);
        let sound = parquet_bytes(&batch, strings_as(how, &batch, STRINGS[rng.below(3)]).build());
        match read_parquet(&policy, &mutate(&sound, &mut rng)) {
            Ok(_) => read += 1,
            Err(error) => {
                assert!(!error.to_string().is_empty());
                refused += 1;
            }
        }
    }
    assert!(refused > 100 && read > 10, "{refused} refused, {read} read");
    assert!(LARGEST.load(Ordering::Relaxed) <= MOST, "{} bytes at once", LARGEST.load(Ordering::Relaxed));
}

#[test]
fn changed_arrow_is_an_error_or_other_requests() {
    use arrow_ipc::CompressionType as Codec;
    let policy = compile(SOURCE);
    let (mut refused, mut read) = (0, 0);
    for seed in 1..=rounds(1_500) {
        let mut rng = Rng(seed.wrapping_mul(0x2545_F491_4F6C_DD1D) | 1);
        let packed = [None, Some(Codec::LZ4_FRAME), Some(Codec::ZSTD)][rng.below(3)];
        let batch = requests(KEYS, 50, seed % 16 + 1).batch;
        let sound = ipc_bytes(&[batch.clone(), batch], rng.below(2) == 0, packed);
        match read_ipc(&policy, &mutate(&sound, &mut rng)) {
            Ok(_) => read += 1,
            Err(error) => {
                assert!(!error.to_string().is_empty());
                refused += 1;
            }
        }
    }
    assert!(refused > 100 && read > 10, "{refused} refused, {read} read");
    assert!(LARGEST.load(Ordering::Relaxed) <= MOST, "{} bytes at once", LARGEST.load(Ordering::Relaxed));
}

#[test]
fn a_file_that_is_cut_anywhere_is_an_error() {
    let policy = compile(SOURCE);
    let batch = requests(KEYS, 50, 3).batch;
    let parquet = parquet_bytes(&batch, WriterProperties::default());
    for end in 0..parquet.len() {
        let error = read_parquet(&policy, &parquet[..end]).expect_err("it is cut");
        assert!(matches!(error, FileError::Malformed { .. }), "{error}");
    }
    let file = ipc_bytes(std::slice::from_ref(&batch), true, None);
    for end in (0..file.len()).step_by(7) {
        let error = read_ipc(&policy, &file[..end]).expect_err("it is cut");
        assert!(matches!(error, FileError::Malformed { .. }), "{error}");
    }
    assert_eq!(read_ipc(&policy, &file).unwrap(), 50);
    assert_eq!(read_parquet(&policy, &parquet).unwrap(), 50);
}

/// A string that a few bits repeat would come to 1 GiB in one batch, from a file of a few KiB.
#[test]
fn a_long_string_that_is_repeated_by_delta_encoding_makes_smaller_batches() {
    use arrow_array::builder::{ListBuilder, StringBuilder};
    use arrow_array::{ArrayRef, RecordBatch, StringArray};
    use std::sync::Arc;
    const ROWS: usize = 64;
    let long = "a".repeat(16 << 20);
    let sound = |strings: ArrayRef| {
        let batch = RecordBatch::try_from_iter([("s", strings)]).unwrap();
        let how = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_dictionary_enabled(false)
            .set_statistics_enabled(EnabledStatistics::None)
            .set_data_page_size_limit(1 << 30);
        let bytes = parquet_bytes(&batch, strings_as(how, &batch, Encoding::DELTA_BYTE_ARRAY).build());
        assert!(bytes.len() < 100_000, "{}", bytes.len());
        bytes
    };
    let policy = compile("policy p(s: string) { return s == \"a\"; }");
    let strings = sound(Arc::new(StringArray::from(vec![long.as_str(); ROWS])));
    // Each is decided, though it is too long to be a text.
    assert_eq!(read_parquet(&policy, &strings).unwrap(), ROWS);

    let mut lists = ListBuilder::new(StringBuilder::new());
    (0..ROWS).for_each(|_| lists.append_value([Some(long.as_str())]));
    let error = read_parquet(
        &compile("policy p(s: [string]) { return \"a\" in s; }"),
        &sound(Arc::new(lists.finish())),
    );
    let said = error.expect_err("more than is read").to_string();
    assert!(said.contains("come to 1073741824 bytes (row group 0, column `s.list.item`"), "{said}");
    assert!(LARGEST.load(Ordering::Relaxed) <= MOST, "{} bytes at once", LARGEST.load(Ordering::Relaxed));
}
