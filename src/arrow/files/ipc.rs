//! Arrow's own format: a stream of messages, or a file, which is a stream between a head and a footer. Both are read from
//! front to back, so that a pipe will do.

use super::{
    FileBatch, FileError, LZ4_RATIO, MAX_BODY_BYTES, MAX_HEAD_BYTES, ZSTD_RATIO, contained, most_unpacked,
};
use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::reader::StreamDecoder;
use arrow_ipc::{CompressionType, Message, root_as_message};
use arrow_schema::SchemaRef;
use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::Arc;

/// What a file begins and ends with.
const MAGIC: &[u8] = b"ARROW1";
/// Most bytes from the start of a file to its first message.
const MAX_PADDING: u64 = 4_096;
/// What stands before the length of a message, and the length at the end of a stream.
const CONTINUATION: [u8; 4] = [0xFF; 4];
const END: [u8; 8] = [0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0];

/// Reads an Arrow file or stream.
pub struct IpcReader {
    input: Box<dyn Read + Send>,
    decoder: StreamDecoder,
    schema: SchemaRef,
    is_file: bool,
    rows: usize,
    /// Batches that were decoded.
    ready: VecDeque<RecordBatch>,
    /// Bytes that were read, and the row that comes next.
    read: u64,
    done: u64,
    ended: bool,
    failed: bool,
}

impl std::fmt::Debug for IpcReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IpcReader")
            .field("read", &self.read)
            .field("done", &self.done)
            .finish_non_exhaustive()
    }
}

/// What stands at a place of the stream.
enum Next {
    Message(Vec<u8>),
    End,
}

impl IpcReader {
    /// Reads the schema. Batches will have at most `rows` rows.
    ///
    /// # Errors
    /// Where the input cannot be read, or does not begin with a schema.
    pub fn open(mut input: impl Read + Send + 'static, rows: usize) -> Result<IpcReader, FileError> {
        let mut head = Vec::new();
        input.by_ref().take(8).read_to_end(&mut head)?;
        let (is_file, mut read) = (head.starts_with(MAGIC), 0);
        if is_file {
            // Writers align the first message to eight bytes, or to more.
            while read < MAX_PADDING && (read == 0 || head == [0; 8]) {
                head.clear();
                read += 8;
                input.by_ref().take(8).read_to_end(&mut head)?;
            }
        }
        let input: Box<dyn Read + Send> = Box::new(io::Cursor::new(head).chain(input));
        let mut reader = IpcReader {
            input,
            decoder: StreamDecoder::new(),
            schema: Arc::new(arrow_schema::Schema::empty()),
            is_file,
            rows: rows.max(1),
            ready: VecDeque::new(),
            read,
            done: 0,
            ended: false,
            failed: false,
        };
        let Next::Message(message) = reader.message()? else {
            return Err(reader.malformed("it is empty: there is no schema".to_owned()));
        };
        let schema = contained(|| {
            let head = root_as_message(head_of(&message)).map_err(|error| error.to_string())?;
            let schema = head.header_as_schema().ok_or("it does not begin with a schema")?;
            arrow_ipc::convert::try_fb_to_schema(schema).map_err(|error| error.to_string())
        });
        reader.schema = Arc::new(schema.map_err(|what| reader.malformed(what))?);
        reader.feed(message)?;
        Ok(reader)
    }
    /// The columns.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn malformed(&self, what: String) -> FileError {
        FileError::Malformed { row: self.done, place: format!("offset {}", self.read), what }
    }
    fn cut_short(&self) -> FileError {
        self.malformed("it is cut short".to_owned())
    }
    /// Adds `n` bytes of the input; false where there are fewer.
    fn take(&mut self, n: usize, bytes: &mut Vec<u8>) -> io::Result<bool> {
        let got = self.input.by_ref().take(n as u64).read_to_end(bytes)?;
        self.read += got as u64;
        Ok(got == n)
    }

    /// The next message, head and body, after a look at what it would have decoded.
    fn message(&mut self) -> Result<Next, FileError> {
        let mut bytes = Vec::new();
        if !self.take(4, &mut bytes)? {
            // A stream may end without saying so.
            return if bytes.is_empty() && !self.is_file { Ok(Next::End) } else { Err(self.cut_short()) };
        }
        // Before version 0.15 the length stood alone; the decoder is told in the way of today.
        if bytes != CONTINUATION {
            bytes.splice(0..0, CONTINUATION);
        } else if !self.take(4, &mut bytes)? {
            return Err(self.cut_short());
        }
        let len = bytes.last_chunk::<4>().map_or(0, |len| u32::from_le_bytes(*len)) as usize;
        if len == 0 {
            return Ok(Next::End);
        }
        if len > MAX_HEAD_BYTES {
            return Err(
                self.malformed("the head of a message is larger than 16 MiB, or this is no Arrow".to_owned())
            );
        }
        if !self.take(len, &mut bytes)? {
            return Err(self.cut_short());
        }
        let body = contained(|| body_len(head_of(&bytes))).map_err(|what| self.malformed(what))?;
        let from = bytes.len();
        if !self.take(body, &mut bytes)? {
            return Err(self.cut_short());
        }
        let looked = contained(|| {
            let message = root_as_message(head_of(&bytes)).map_err(|error| error.to_string())?;
            unpacked(&message, bytes.get(from..).unwrap_or(&[]))
        });
        looked.map_err(|what| self.malformed(what))?;
        Ok(Next::Message(bytes))
    }

    fn feed(&mut self, bytes: Vec<u8>) -> Result<(), FileError> {
        let mut buffer = Buffer::from_vec(bytes);
        while !buffer.is_empty() {
            let decoder = &mut self.decoder;
            match contained(|| decoder.decode(&mut buffer)) {
                Ok(Some(batch)) => self.ready.push_back(batch),
                Ok(None) => {}
                Err(what) => return Err(self.malformed(what)),
            }
        }
        Ok(())
    }

    /// What follows the stream in a file: its footer, which nobody needs, and its last word.
    fn footer(&mut self) -> Result<(), FileError> {
        let mut last = Vec::new();
        self.take(MAX_HEAD_BYTES, &mut last)?;
        if last.ends_with(MAGIC) { Ok(()) } else { Err(self.cut_short()) }
    }

    fn step(&mut self) -> Result<Option<FileBatch>, FileError> {
        loop {
            if let Some(batch) = self.ready.front_mut() {
                let whole = batch.num_rows();
                let rows = batch.slice(0, whole.min(self.rows));
                if rows.num_rows() < whole {
                    *batch = batch.slice(rows.num_rows(), whole - rows.num_rows());
                } else {
                    self.ready.pop_front();
                }
                if rows.num_rows() == 0 {
                    continue;
                }
                self.done += rows.num_rows() as u64;
                return Ok(Some(FileBatch { rows, places: Arc::new([]), read: self.read }));
            }
            if self.ended {
                return Ok(None);
            }
            match self.message()? {
                Next::Message(bytes) => self.feed(bytes)?,
                Next::End => {
                    self.ended = true;
                    if self.is_file {
                        self.footer()?;
                    }
                    // A message without a body is decoded when something follows it.
                    self.feed(END.to_vec())?;
                }
            }
        }
    }
}

impl Iterator for IpcReader {
    type Item = Result<FileBatch, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let next = self.step();
        self.failed = next.is_err();
        next.transpose()
    }
}

/// The head of a message, without what stands before it and its body.
fn head_of(bytes: &[u8]) -> &[u8] {
    let len = bytes.get(4..8).and_then(|len| len.try_into().ok()).map_or(0, u32::from_le_bytes) as usize;
    bytes.get(8..8 + len).unwrap_or(&[])
}

fn body_len(head: &[u8]) -> Result<usize, String> {
    let message = root_as_message(head).map_err(|error| error.to_string())?;
    usize::try_from(message.bodyLength())
        .ok()
        .filter(|len| *len <= MAX_BODY_BYTES)
        .ok_or_else(|| format!("a message with {} bytes; write smaller batches", message.bodyLength()))
}

/// Whether the buffers of a message are within its body, and not too large when unpacked.
fn unpacked(message: &Message<'_>, body: &[u8]) -> Result<(), String> {
    let dictionary = message.header_as_dictionary_batch();
    let Some(batch) = message.header_as_record_batch().or_else(|| dictionary.and_then(|d| d.data())) else {
        return Ok(());
    };
    let packed = batch.compression();
    let ratio = match packed.map(|how| how.codec()) {
        Some(CompressionType::ZSTD) => ZSTD_RATIO,
        _ => LZ4_RATIO,
    };
    let mut sum = 0u64;
    for buffer in batch.buffers().into_iter().flatten() {
        let range = usize::try_from(buffer.offset()).ok().zip(usize::try_from(buffer.length()).ok());
        let bytes = range.and_then(|(at, len)| body.get(at..at.checked_add(len)?));
        let Some(bytes) = bytes else { return Err("a buffer is beyond its message".to_owned()) };
        if let (Some(_), Some(len)) = (packed, bytes.first_chunk::<8>()) {
            // -1: it is not packed after all.
            let len = u64::try_from(i64::from_le_bytes(*len)).unwrap_or(0);
            if len > most_unpacked(bytes.len() as u64, ratio) {
                return Err(format!("a buffer of {} bytes cannot unpack to {len}", bytes.len()));
            }
            sum = sum.saturating_add(len);
        }
    }
    if sum > MAX_BODY_BYTES as u64 {
        return Err(format!("a message with {sum} bytes when unpacked; write smaller batches"));
    }
    Ok(())
}
