//! Files of requests: Parquet, and Arrow's own format as a file or a stream, record batch by record batch.
//!
//! Whatever is in a file, reading it ends in batches or a [`FileError`]. What the decoders would take on trust is looked at
//! before they see it: `guard` bounds what a Parquet file may make them allocate, `ipc` what a message may. A decoder that
//! panics nonetheless is an error of its file.

mod delta;
mod guard;
mod ipc;
mod parquet;
mod thrift;

pub use self::ipc::IpcReader;
pub use self::parquet::ParquetReader;

use super::mapping::ArrowSchema;
use crate::batch::{ColumnError, RequestColumns};
use arrow_array::RecordBatch;
use bumpalo::Bump;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Longest footer of a Parquet file, and longest head of an Arrow message. Stops: a head that decodes into gigabytes.
pub const MAX_HEAD_BYTES: usize = 16 << 20;
/// Largest page of a Parquet file, unpacked. Stops: a few packed bytes that fill memory.
pub const MAX_PAGE_BYTES: usize = 256 << 20;
/// Largest body of an Arrow message, a whole batch, unpacked. Stops: the same.
pub const MAX_BODY_BYTES: usize = 1 << 30;
/// Most elements of lists in one page of a Parquet file. Stops: a run length that stands for 2^31 elements.
pub const MAX_PAGE_ELEMENTS: i64 = 1 << 24;
/// Most strings in one page of a Parquet file that are delta-encoded. Stops: a few bytes that say that 2^31 follow.
pub const MAX_PAGE_STRINGS: usize = 1 << 24;
/// Most bytes of a batch, and of lists in a row group, that strings come to which repeat beginnings of each other. Stops: one
/// long string that a few bits repeat.
pub const MAX_REPEATED_BYTES: u64 = 256 << 20;
/// Deepest nesting of a schema. Stops: recursion of decoders.
pub const MAX_DEPTH: usize = 64;

/// Why a file cannot be read, or not further.
#[derive(Debug)]
pub enum FileError {
    /// The file itself: what the system says.
    Io(io::Error),
    /// What is in it: the row of the first request that cannot be had, where in the file, and what is wrong.
    Malformed {
        /// Counted from 0.
        row: u64,
        /// A row group and column, or an offset.
        place: String,
        /// What is wrong.
        what: String,
    },
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FileError::Io(error) => write!(f, "{error}"),
            FileError::Malformed { row, place, what } => {
                write!(f, "{what} ({place}; requests from {row} on are lost)")
            }
        }
    }
}
impl std::error::Error for FileError {}
impl From<io::Error> for FileError {
    fn from(error: io::Error) -> FileError {
        FileError::Io(error)
    }
}

/// Some requests of a file.
#[derive(Clone, Debug)]
pub struct FileBatch {
    rows: RecordBatch,
    /// The place of each column of the file's schema among those that were read; empty: all of them, in order.
    places: std::sync::Arc<[Option<usize>]>,
    /// How many bytes of the file are read with it, about.
    pub read: u64,
}

impl FileBatch {
    /// How many requests.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.num_rows()
    }
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// What was read. Of a Parquet file only the columns that are inputs.
    #[must_use]
    pub fn record_batch(&self) -> &RecordBatch {
        &self.rows
    }
    /// As requests. What is not borrowed is put on `bump`.
    ///
    /// # Errors
    /// Where `schema` is that of another file.
    pub fn requests<'a>(
        &'a self,
        schema: &ArrowSchema,
        bump: &'a Bump,
    ) -> Result<RequestColumns<'a>, ColumnError> {
        schema.columns_of(&self.rows, bump, |column| match self.places.is_empty() {
            true => Some(column),
            false => self.places.get(column).copied().flatten(),
        })
    }
}

/// Most bytes that this many may become when unpacked, by a codec that makes at most `ratio` of one. Stops: room that is
/// made for a size that is only said.
fn most_unpacked(packed: u64, ratio: u64) -> u64 {
    packed.saturating_mul(ratio).saturating_add(1 << 10)
}
/// Snappy copies at most 64 bytes for three; with room for other writers.
const SNAPPY_RATIO: u64 = 64;
/// LZ4 adds at most 255 for a byte.
const LZ4_RATIO: u64 = 256;
/// Zstandard repeats a byte 128 KiB times in four bytes.
const ZSTD_RATIO: u64 = 32_768;

/// Runs what others wrote; its panic is a text.
fn contained<T, E: fmt::Display>(work: impl FnOnce() -> Result<T, E>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => done.map_err(|error| error.to_string()),
        Err(panic) => {
            let said = panic.downcast_ref::<String>().map(String::as_str);
            let said = said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given");
            Err(format!("the decoder gave up: {said}"))
        }
    }
}
