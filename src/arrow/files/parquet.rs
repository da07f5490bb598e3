//! Parquet: row group after row group, only the columns that are inputs.

use super::delta::Repeated;
use super::guard::Guarded;
use super::{FileBatch, FileError, MAX_REPEATED_BYTES, contained};
use arrow_schema::{DataType, Field, FieldRef, Schema, SchemaRef};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::basic::{Encoding, PageType};
use parquet::file::metadata::ParquetMetaData;
use std::fs::File;
use std::sync::Arc;

/// Elements of lists that a batch has about, at most.
const BATCH_ELEMENTS: usize = 1 << 22;

/// Reads a Parquet file.
pub struct ParquetReader {
    file: Guarded,
    len: u64,
    meta: ArrowReaderMetadata,
    /// The columns of the schema that are read, ascending; None: all.
    used: Option<Vec<usize>>,
    /// For each column of the schema its place among those.
    places: Arc<[Option<usize>]>,
    rows: usize,
    /// The row group that is read next, or at the moment.
    group: usize,
    current: Option<ParquetRecordBatchReader>,
    /// Rows that were read, of the group and of all.
    here: u64,
    done: u64,
    failed: bool,
}

impl std::fmt::Debug for ParquetReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ParquetReader")
            .field("group", &self.group)
            .field("done", &self.done)
            .finish_non_exhaustive()
    }
}

impl ParquetReader {
    /// Reads the footer. Batches will have at most `rows` rows.
    ///
    /// # Errors
    /// Where the file cannot be read, or is no sound Parquet file.
    pub fn open(file: File, rows: usize) -> Result<ParquetReader, FileError> {
        let file = Guarded::new(file)?;
        let bad = |what| FileError::Malformed { row: 0, place: "footer".to_owned(), what };
        match file.footer() {
            Ok(()) => {}
            Err(Ok(what)) => return Err(bad(what)),
            Err(Err(error)) => return Err(FileError::Io(error)),
        }
        let meta = contained(|| {
            let options = ArrowReaderOptions::new().with_encoding_stats_as_mask(false);
            let meta = ArrowReaderMetadata::load(&file, options)?;
            // Strings of a dictionary page are shared, not copied row by row, which a few bytes could make very many; those
            // of columns that are written by dictionary stay one.
            let leaves = meta.metadata().file_metadata().schema_descr();
            let by_dictionary = |root: usize| {
                let leaf = (0..leaves.num_columns()).find(|leaf| leaves.get_column_root_idx(*leaf) == root);
                leaf.is_some_and(|leaf| is_by_dictionary(meta.metadata(), leaf))
            };
            let fields =
                meta.schema().fields().iter().enumerate().map(|(root, field)| match field.data_type() {
                    DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View if by_dictionary(root) => {
                        let ty = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
                        Arc::new(Field::clone(field).with_data_type(ty))
                    }
                    _ => shared_strings(field),
                });
            let fields: Vec<FieldRef> = fields.collect();
            let schema = Schema::new_with_metadata(fields, meta.schema().metadata().clone());
            let options = ArrowReaderOptions::new().with_schema(Arc::new(schema));
            ArrowReaderMetadata::try_new(Arc::clone(meta.metadata()), options)
        });
        let meta = meta.map_err(bad)?;
        let len = parquet::file::reader::Length::len(&file);
        Ok(ParquetReader {
            file,
            len,
            meta,
            used: None,
            places: Arc::new([]),
            rows: rows.max(1),
            group: 0,
            current: None,
            here: 0,
            done: 0,
            failed: false,
        })
    }
    /// The columns of the file.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(self.meta.schema())
    }
    /// Reads these columns only.
    pub fn select(&mut self, used: &[usize]) {
        let width = self.meta.schema().fields().len();
        let mut used: Vec<usize> = used.iter().copied().filter(|column| *column < width).collect();
        used.sort_unstable();
        used.dedup();
        let mut places = vec![None; width];
        for (place, column) in used.iter().enumerate() {
            if let Some(slot) = places.get_mut(*column) {
                *slot = Some(place);
            }
        }
        self.places = places.into();
        self.used = Some(used);
    }
    /// Requests in the file, as its footer says.
    #[must_use]
    pub fn rows(&self) -> u64 {
        u64::try_from(self.meta.metadata().file_metadata().num_rows()).unwrap_or(0)
    }

    fn malformed(&mut self, column: Option<&str>, what: String) -> FileError {
        self.failed = true;
        let place = match column {
            Some(column) => format!("row group {}, column `{column}`", self.group),
            None => format!("row group {}", self.group),
        };
        FileError::Malformed { row: self.done, place, what }
    }

    /// Begins a row group, after a look at all its pages.
    fn begin(&mut self) -> Result<ParquetRecordBatchReader, FileError> {
        let meta = Arc::clone(self.meta.metadata());
        let leaves = meta.file_metadata().schema_descr_ptr();
        let used = self.used.clone();
        let mut rows = self.rows;
        for leaf in 0..leaves.num_columns() {
            let root = leaves.get_column_root_idx(leaf);
            if used.as_ref().is_some_and(|used| used.binary_search(&root).is_err()) {
                continue;
            }
            let looked = contained(|| {
                let repeated = self.file.pages(&meta, self.group, leaf)?;
                Ok::<_, String>((meta.row_group(self.group).column(leaf).num_values(), repeated))
            });
            let column = leaves.column(leaf);
            match looked {
                Err(what) => return Err(self.malformed(Some(&column.path().string()), what)),
                Ok((_, repeated)) if column.max_rep_level() > 0 && repeated.bytes > MAX_REPEATED_BYTES => {
                    let what =
                        format!("delta-encoded strings of lists that come to {} bytes", repeated.bytes);
                    return Err(self.malformed(Some(&column.path().string()), what));
                }
                Ok((values, _)) if column.max_rep_level() > 0 => {
                    let per_row = values / meta.row_group(self.group).num_rows().max(1);
                    let per_row = usize::try_from(per_row).unwrap_or(1).max(1);
                    rows = rows.min((BATCH_ELEMENTS / per_row).max(1));
                }
                Ok((_, Repeated { longest, .. })) => {
                    let fit = MAX_REPEATED_BYTES / longest.max(1);
                    rows = rows.min(usize::try_from(fit).unwrap_or(usize::MAX).max(1));
                }
            }
        }
        let file = self.file.again()?;
        let (group, meta) = (self.group, self.meta.clone());
        let reader = contained(move || {
            let mask = match used {
                Some(used) => ProjectionMask::roots(&leaves, used),
                None => ProjectionMask::all(),
            };
            ParquetRecordBatchReaderBuilder::new_with_metadata(file, meta)
                .with_row_groups(vec![group])
                .with_projection(mask)
                .with_batch_size(rows)
                .build()
        });
        reader.map_err(|what| self.malformed(None, what))
    }

    fn step(&mut self) -> Result<Option<FileBatch>, FileError> {
        loop {
            let Some(current) = &mut self.current else {
                if self.group >= self.meta.metadata().num_row_groups() {
                    return Ok(None);
                }
                self.here = 0;
                self.current = Some(self.begin()?);
                continue;
            };
            match contained(|| current.next().transpose()) {
                Err(what) => return Err(self.malformed(None, what)),
                Ok(Some(rows)) => {
                    self.here += rows.num_rows() as u64;
                    self.done += rows.num_rows() as u64;
                    let part = self.done as f64 / self.rows().max(1) as f64;
                    let read = (self.len as f64 * part.min(1.0)) as u64;
                    return Ok(Some(FileBatch { rows, places: Arc::clone(&self.places), read }));
                }
                Ok(None) => {
                    let said = self.meta.metadata().row_group(self.group).num_rows();
                    if i64::try_from(self.here) != Ok(said) {
                        let what = format!("{said} rows are said to be in it, {} are", self.here);
                        return Err(self.malformed(None, what));
                    }
                    self.current = None;
                    self.group += 1;
                }
            }
        }
    }
}

impl Iterator for ParquetReader {
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

/// Whether all pages of a column are of keys into dictionaries, as the footer says.
fn is_by_dictionary(meta: &ParquetMetaData, leaf: usize) -> bool {
    let keys =
        |encoding: &Encoding| matches!(encoding, Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY);
    !meta.row_groups().is_empty()
        && meta.row_groups().iter().all(|group| {
            group.columns().get(leaf).is_some_and(|chunk| {
                chunk.page_encoding_stats().is_some_and(|stats| {
                    stats
                        .iter()
                        .filter(|page| page.page_type != PageType::DICTIONARY_PAGE)
                        .all(|page| keys(&page.encoding))
                })
            })
        })
}

/// The same field, with strings that may be shared. Recurses as deeply as the schema is nested, which was looked at.
fn shared_strings(field: &FieldRef) -> FieldRef {
    let ty = match field.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
        DataType::List(item) => DataType::List(shared_strings(item)),
        DataType::LargeList(item) => DataType::LargeList(shared_strings(item)),
        DataType::FixedSizeList(item, n) => DataType::FixedSizeList(shared_strings(item), *n),
        _ => return Arc::clone(field),
    };
    Arc::new(Field::clone(field).with_data_type(ty))
}
