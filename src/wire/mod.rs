//! Requests in, receipts out: JSON and CSV as the command line speaks them.
//!
//! A [`Schema`] is made once of a program; [`decode`](decode::decode) then turns a line into a
//! [`Request`](crate::kernel::request::Request) whose text is borrowed from the line where it can be. What is wrong with an
//! input stays in that input's slot, so that the machine alone decides which fault comes first.

#[cfg(feature = "cli")]
pub mod csv;
pub mod decode;
mod json;
mod number;
pub mod receipt;
pub mod schema;

pub use decode::{Defaults, decode, decode_or_faulty, unknown_members};
pub use receipt::{value_json, write_receipt};
pub use schema::Schema;

#[cfg(test)]
mod tests;
