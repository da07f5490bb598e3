//! NDJSON: a reader cut at line ends, in blocks that are filled again and again.

use super::journal::Recordable;
use super::source::BLOCK_BYTES;
use crate::input::MAX_REQUEST_BYTES;
use bumpalo::Bump;
use eclvm::batch::Requests;
use eclvm::kernel::fault::Fault;
use eclvm::kernel::request::Request;
use eclvm::state::MAX_UNKNOWN_BYTES;
use eclvm::wire::{Defaults, Schema, decode_or_faulty, unknown_members};
use memchr::memchr;
use std::io::{self, Read};
use std::ops::Range;

/// Bytes asked of the file at a time.
const STEP_BYTES: usize = 256 << 10;
/// A buffer that one very long line has made larger than this is not kept.
const KEPT_BYTES: usize = 4 * BLOCK_BYTES;
/// The byte order mark that some editors put first.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// A block of lines.
#[derive(Default)]
pub(super) struct Lines {
    data: Vec<u8>,
    /// Where in `data` the requests are. An empty one stands for a line that was too long to be kept: no blank line is a
    /// request, so that nothing else is empty, and no empty text is JSON.
    lines: Vec<Range<usize>>,
    /// How many bytes of the file end with this block.
    pub(super) end: u64,
}

impl Lines {
    /// As requests to a policy.
    pub(super) fn requests<'b>(&'b self, schema: &'b Schema) -> LineRequests<'b> {
        LineRequests { lines: self, schema }
    }
}

/// A block of lines as requests: decoded where they are decided, on every thread.
pub(super) struct LineRequests<'b> {
    lines: &'b Lines,
    schema: &'b Schema,
}

impl Requests for LineRequests<'_> {
    fn len(&self) -> usize {
        self.lines.lines.len()
    }
    fn request<'a>(&'a self, index: usize, bump: &'a Bump) -> Result<Request<'a>, Fault> {
        let line = self.lines.lines.get(index).and_then(|range| self.lines.data.get(range.clone()));
        Ok(decode_or_faulty(self.schema, line.unwrap_or(b""), bump, Defaults::default()))
    }
}

impl Recordable for LineRequests<'_> {
    fn unknown(&self, index: usize) -> Option<String> {
        let line = self.lines.lines.get(index).and_then(|range| self.lines.data.get(range.clone()));
        unknown_members(self.schema, line?, MAX_UNKNOWN_BYTES)
    }
}

/// Cuts a file into blocks of lines.
pub(super) struct LineReader<R> {
    file: R,
    /// The beginning of a line whose end was not read yet.
    rest: Vec<u8>,
    /// Within a line that is too long: its bytes are dropped up to its end.
    skipping: bool,
    ended: bool,
    read: u64,
    most: usize,
    longest: usize,
}

impl<R: Read> LineReader<R> {
    /// Blocks of at most `most` lines.
    pub(super) fn new(file: R, most: usize) -> LineReader<R> {
        LineReader::with_longest(file, most, MAX_REQUEST_BYTES)
    }
    fn with_longest(file: R, most: usize, longest: usize) -> LineReader<R> {
        LineReader { file, rest: Vec::new(), skipping: false, ended: false, read: 0, most, longest }
    }

    /// Fills a block. Ok(false): it is the last.
    pub(super) fn fill(&mut self, block: &mut Lines) -> io::Result<bool> {
        if block.data.capacity() > KEPT_BYTES {
            block.data = Vec::new();
        }
        block.data.clear();
        block.lines.clear();
        block.data.append(&mut self.rest);
        // Where the line begins that is looked at, and up to where it was looked at.
        let (mut start, mut seen) = (0, 0);
        loop {
            while let Some(at) = memchr(b'\n', block.data.get(seen..).unwrap_or(&[])) {
                let end = seen + at;
                self.line(block, start..end);
                start = end + 1;
                seen = start;
                if block.lines.len() >= self.most || start >= BLOCK_BYTES {
                    return Ok(self.finish(block, start));
                }
            }
            seen = block.data.len();
            if self.ended {
                // The last line may lack its end.
                if self.skipping || seen > start {
                    self.line(block, start..seen);
                }
                block.end = self.read;
                return Ok(false);
            }
            if self.skipping || seen - start > self.longest {
                self.skipping = true;
                block.data.truncate(start);
                seen = start;
            }
            if start > 0 && seen >= BLOCK_BYTES {
                return Ok(self.finish(block, start));
            }
            self.step(&mut block.data)?;
        }
    }

    /// Takes a line's bytes as a request, unless it is blank.
    fn line(&mut self, block: &mut Lines, range: Range<usize>) {
        if std::mem::take(&mut self.skipping) {
            block.lines.push(range.start..range.start);
        } else if !block.data.get(range.clone()).unwrap_or(&[]).trim_ascii().is_empty() {
            block.lines.push(range);
        }
    }

    /// What follows `start` goes into the next block.
    fn finish(&mut self, block: &mut Lines, start: usize) -> bool {
        self.rest.extend_from_slice(block.data.get(start..).unwrap_or(&[]));
        block.data.truncate(start);
        block.end = self.read.saturating_sub(self.rest.len() as u64);
        true
    }

    /// Reads a little more.
    fn step(&mut self, data: &mut Vec<u8>) -> io::Result<()> {
        let from = data.len();
        data.resize(from + STEP_BYTES, 0);
        let n = loop {
            match self.file.read(data.get_mut(from..).unwrap_or(&mut [])) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        data.truncate(from + n.as_ref().map_or(0, |n| *n));
        let n = n?;
        self.ended = n == 0;
        if self.read == 0 && data.starts_with(BYTE_ORDER_MARK) {
            data.drain(..BYTE_ORDER_MARK.len());
        }
        self.read += n as u64;
        Ok(())
    }
}

#[cfg(test)]
#[path = "lines_tests.rs"]
mod tests;
