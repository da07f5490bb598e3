//! A Parquet file, as its decoder may see it: reads within the file only, and a look at every head before it.

use super::delta::{self, Repeated};
use super::thrift::{self, Bad, PageHead};
use super::{
    LZ4_RATIO, MAX_HEAD_BYTES, MAX_PAGE_BYTES, MAX_PAGE_ELEMENTS, SNAPPY_RATIO, ZSTD_RATIO, most_unpacked,
};
use bytes::Bytes;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::{ChunkReader, Length};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

/// First and last four bytes of a file.
const MAGIC: &[u8; 4] = b"PAR1";
/// Longest head of a page. Stops: statistics that fill memory.
const MAX_PAGE_HEAD_BYTES: usize = 1 << 20;
/// What is read of a page's head at first.
const HEAD_STEP: usize = 512;

/// The file; nothing is asked of it beyond its end.
#[derive(Debug)]
pub(super) struct Guarded {
    file: File,
    len: u64,
}

impl Guarded {
    pub(super) fn new(file: File) -> io::Result<Guarded> {
        let len = file.metadata()?.len();
        Ok(Guarded { file, len })
    }
    fn read_at(&self, at: u64, bytes: &mut Vec<u8>, most: usize) -> io::Result<()> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(at))?;
        bytes.clear();
        file.take(most as u64).read_to_end(bytes)?;
        Ok(())
    }

    /// Looks at both ends of the file, and over its footer. Err(Ok(..)): what is wrong with it.
    pub(super) fn footer(&self) -> Result<(), Result<String, io::Error>> {
        let wrong = |what: &str| Err(Ok(what.to_owned()));
        let mut bytes = Vec::new();
        self.read_at(0, &mut bytes, MAGIC.len()).map_err(Err)?;
        if self.len < 12 || bytes != MAGIC {
            return wrong("it is no Parquet file");
        }
        self.read_at(self.len - 8, &mut bytes, 8).map_err(Err)?;
        let Some((len, magic)) = bytes.split_first_chunk::<4>() else { return wrong("it is cut short") };
        if magic != MAGIC {
            return wrong("it is cut short: a Parquet file ends in its footer");
        }
        let len = u32::from_le_bytes(*len) as usize;
        if len > MAX_HEAD_BYTES {
            return wrong("its footer is larger than 16 MiB");
        }
        let Some(at) = (self.len - 8).checked_sub(len as u64) else {
            return wrong("its footer is longer than it");
        };
        self.read_at(at, &mut bytes, len).map_err(Err)?;
        match thrift::footer(&bytes) {
            Ok(()) => Ok(()),
            Err(Bad::Short) => wrong("its footer ends too early"),
            Err(Bad::Wrong(what)) => wrong(&format!("its footer: {what}")),
        }
    }

    /// The same file once more.
    pub(super) fn again(&self) -> io::Result<Guarded> {
        Ok(Guarded { file: self.file.try_clone()?, len: self.len })
    }
    /// Looks at the heads of all pages of one column in a row group, and into those of strings that may repeat each other.
    pub(super) fn pages(
        &self,
        meta: &ParquetMetaData,
        group: usize,
        column: usize,
    ) -> Result<Repeated, String> {
        let io = |error: io::Error| error.to_string();
        let group = meta.row_groups().get(group);
        let Some((group, chunk)) = group.and_then(|group| Some((group, group.columns().get(column)?))) else {
            return Err("there is no such column".to_owned());
        };
        let (start, len) = chunk.byte_range();
        let end = start
            .checked_add(len)
            .filter(|end| *end <= self.len)
            .ok_or("it would be beyond the file's end")?;
        let ratio = match chunk.compression() {
            Compression::UNCOMPRESSED => 1,
            Compression::SNAPPY => SNAPPY_RATIO,
            Compression::LZ4 | Compression::LZ4_RAW => LZ4_RATIO,
            _ => ZSTD_RATIO,
        };
        let is_list = chunk.column_descr().max_rep_level() > 0;
        let (mut at, mut bytes, mut is_delta) = (start, Vec::new(), false);
        while at < end {
            let mut step = HEAD_STEP;
            let head = loop {
                let most = step.min((end - at) as usize);
                self.read_at(at, &mut bytes, most).map_err(io)?;
                match thrift::page_head(&bytes) {
                    Err(Bad::Short) if most == step && step < MAX_PAGE_HEAD_BYTES => step *= 8,
                    Err(Bad::Short) => {
                        return Err(format!("at offset {at}: the head of a page ends too early"));
                    }
                    Err(Bad::Wrong(what)) => return Err(format!("at offset {at}: {what}")),
                    Ok(head) => break head,
                }
            };
            let PageHead { len, unpacked, packed, values: count, is_dictionary, encoding } = head;
            let most = u64::try_from(packed).map_or(0, |packed| most_unpacked(packed, ratio));
            if packed < 0 || !(0..=MAX_PAGE_BYTES as i64).contains(&unpacked) || unpacked as u64 > most {
                return Err(format!("at offset {at}: a page of {packed} bytes that unpack to {unpacked}"));
            }
            is_delta |= encoding.is_some_and(delta::is_delta);
            // A value of a dictionary takes a byte at least.
            if is_dictionary && count > unpacked {
                return Err(format!("at offset {at}: a dictionary of {count} values in {unpacked} bytes"));
            }
            if count < 0 || (is_list && count > MAX_PAGE_ELEMENTS) {
                return Err(format!("at offset {at}: a page with {count} elements of lists"));
            }
            at = at.saturating_add(len as u64).saturating_add(packed as u64);
            if at > end {
                return Err(format!("a page ends at offset {at}, its column at {end}"));
            }
        }
        if !is_delta {
            return Ok(Repeated::default());
        }
        let rows = usize::try_from(group.num_rows()).unwrap_or(0);
        delta::look(self.again().map_err(io)?, chunk, rows)
    }
}

impl Length for Guarded {
    fn len(&self) -> u64 {
        self.len
    }
}

impl ChunkReader for Guarded {
    type T = BufReader<File>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        let mut file = self.file.try_clone()?;
        file.seek(SeekFrom::Start(start))?;
        Ok(BufReader::new(file))
    }
    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        if start.checked_add(length as u64).is_none_or(|end| end > self.len) {
            return Err(ParquetError::EOF(format!(
                "{length} bytes at offset {start} are beyond the file's end"
            )));
        }
        let mut bytes = Vec::with_capacity(length);
        self.read_at(start, &mut bytes, length)?;
        if bytes.len() != length {
            return Err(ParquetError::EOF("the file became shorter while it was read".to_owned()));
        }
        Ok(bytes.into())
    }
}
