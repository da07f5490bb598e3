//! CSV: rows in blocks, their buffers filled again and again.

use super::journal::Recordable;
use super::source::BLOCK_BYTES;
use crate::input::MAX_REQUEST_BYTES;
use bumpalo::Bump;
use csv::ByteRecord;
use eclvm::batch::Requests;
use eclvm::kernel::fault::Fault;
use eclvm::kernel::request::Request;
use eclvm::wire::Defaults;
use eclvm::wire::csv::CsvSchema;
use std::io::{self, Read};

/// Most rows of a block: each has a buffer of its own.
const MAX_ROWS: usize = 16_384;

/// A block of rows.
#[derive(Default)]
pub(super) struct Rows {
    /// The first `used` are this block's; the rest are buffers of earlier ones.
    records: Vec<ByteRecord>,
    used: usize,
    /// How many bytes of the file end with this block.
    pub(super) end: u64,
}

impl Rows {
    /// As requests to a policy.
    pub(super) fn requests<'b>(&'b self, columns: &'b CsvSchema) -> RowRequests<'b> {
        RowRequests { rows: self, columns }
    }
}

/// A block of rows as requests: read into values where they are decided.
pub(super) struct RowRequests<'b> {
    rows: &'b Rows,
    columns: &'b CsvSchema,
}

impl Requests for RowRequests<'_> {
    fn len(&self) -> usize {
        self.rows.used
    }
    fn request<'a>(&'a self, index: usize, bump: &'a Bump) -> Result<Request<'a>, Fault> {
        let row = self.rows.records.get(index).ok_or(Fault::TypeMismatch)?;
        Ok(self.columns.request_or_faulty(row, bump, Defaults::default()))
    }
}

/// A cell without a column of a known type says nothing that another policy could be given.
impl Recordable for RowRequests<'_> {}

/// Reads a CSV file in blocks of rows.
pub(super) struct RowReader<R> {
    csv: csv::Reader<Bounded<R>>,
    columns: usize,
    most: usize,
}

impl<R: Read> RowReader<R> {
    /// Blocks of at most `most` rows.
    pub(super) fn new(file: R, most: usize) -> RowReader<R> {
        let bounded = Bounded { file, since: 0 };
        // Rows of a wrong length are faults of their own, found where they are decided.
        let csv = csv::ReaderBuilder::new().flexible(true).buffer_capacity(256 << 10).from_reader(bounded);
        RowReader { csv, columns: 0, most: most.min(MAX_ROWS) }
    }
    /// The names of the columns; none where the file is empty.
    pub(super) fn header(&mut self) -> io::Result<ByteRecord> {
        let header = self.csv.byte_headers().map_err(io_error)?.clone();
        self.columns = header.len();
        self.csv.get_mut().since = 0;
        Ok(header)
    }
    /// Fills a block. Ok(false): it is the last.
    pub(super) fn fill(&mut self, block: &mut Rows) -> io::Result<bool> {
        block.used = 0;
        let mut bytes = 0;
        while block.used < self.most && bytes < BLOCK_BYTES {
            if block.used == block.records.len() {
                block.records.push(ByteRecord::new());
            }
            let Some(record) = block.records.get_mut(block.used) else { break };
            if !self.csv.read_byte_record(record).map_err(io_error)? {
                block.end = self.csv.position().byte();
                return Ok(false);
            }
            self.csv.get_mut().since = 0;
            if self.is_blank(record) {
                continue;
            }
            bytes += record.as_slice().len();
            block.used += 1;
        }
        block.end = self.csv.position().byte();
        Ok(true)
    }
    /// A line of only white space. Where there is but one column, that may be its value.
    fn is_blank(&self, record: &ByteRecord) -> bool {
        self.columns != 1 && record.len() == 1 && record.as_slice().trim_ascii().is_empty()
    }
}

/// The only errors of a flexible reader of bytes are those of the file.
fn io_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::new(io::ErrorKind::InvalidData, format!("not CSV: {other:?}")),
    }
}

/// A file whose rows are bounded: a quote that is never closed would make one row of all the rest.
struct Bounded<R> {
    file: R,
    /// Bytes read since the last row was complete.
    since: usize,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.since > MAX_REQUEST_BYTES {
            let limit = MAX_REQUEST_BYTES >> 20;
            let text = format!("a row is longer than {limit} MiB; is a quote not closed?");
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        let n = self.file.read(out)?;
        self.since += n;
        Ok(n)
    }
}
