//! Requests from Arrow record batches, receipts as one; with the feature `parquet` also from Parquet files and from Arrow
//! files and streams.
//!
//! [`ArrowSchema`] matches the columns of an Arrow schema to the keys of a policy, once; then each record batch becomes
//! [`RequestColumns`](crate::batch::RequestColumns) that borrow from it. A column is an input of its name:
//!
//! | input | Arrow |
//! |---|---|
//! | number | Float64 as it stands; other floats and integers, rounded to the nearest double as numbers in JSON are |
//! | bool | Boolean |
//! | string, did | Utf8, LargeUtf8, Utf8View, or a dictionary of these |
//! | trust | six columns `name.r` to `name.omega`; or a struct of `r`, `i`, `c`, `p`, `v`, `omega`; or a list of six numbers |
//! | array | List, LargeList or FixedSizeList of what its elements are |
//! | any | Null; a dictionary of numbers or truth values too |
//!
//! A null is `null`: no value for an optional input, a TypeMismatch of its request for any other. A column that no input has
//! the name of is a key that nobody knows, and one that two columns claim is given twice, in every request. A column of
//! another type is a TypeMismatch of every request that has a value there; [`ArrowSchema::problems`] says so beforehand.
//!
//! ```
//! use eclvm::arrow::{ArrowSchema, receipts_batch};
//! use eclvm::batch::{Batch, BatchOptions};
//! use arrow_array::{Array, Float64Array, RecordBatch};
//! use std::sync::Arc;
//!
//! let policy = eclvm::Policy::compile("amount <= 20").unwrap();
//! let amounts = Arc::new(Float64Array::from(vec![Some(10.0), Some(30.0), None]));
//! let batch = RecordBatch::try_from_iter([("amount", amounts as _)]).unwrap();
//!
//! let schema = ArrowSchema::new(&policy, &batch.schema(), false);
//! let bump = bumpalo::Bump::new();
//! let columns = schema.columns(&batch, &bump).unwrap();
//! let receipts = Batch::new(&policy, BatchOptions::default()).unwrap().run(&columns).unwrap();
//! assert!(receipts[0].passed() && !receipts[1].passed());
//!
//! let out = receipts_batch(&policy, &receipts).unwrap();
//! assert_eq!(out.column_by_name("reason").unwrap().null_count(), 2);
//! ```

mod convert;
#[cfg(feature = "parquet")]
pub mod files;
mod mapping;
mod receipts;
mod trust;

pub use mapping::{ArrowSchema, ColumnProblem};
pub use receipts::{decisions_batch, receipts_batch};

#[cfg(test)]
mod tests;
