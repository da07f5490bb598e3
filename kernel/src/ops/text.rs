//! Strings.

use crate::fault::Fault;
use crate::limits::MAX_TEXT_BYTES;

/// Whether two strings of these lengths may be joined: at most 64 KiB, else ValueTooLarge.
pub fn joined_len(a: usize, b: usize) -> Result<usize, Fault> {
    let len = a.saturating_add(b);
    if len > MAX_TEXT_BYTES { Err(Fault::ValueTooLarge) } else { Ok(len) }
}
/// Length in characters (Unicode scalar values).
pub fn chars(s: &str) -> f64 {
    s.chars().count() as f64
}
/// Whether `needle` stands in `hay`. Two-way search: linear in both.
pub fn contains(hay: &str, needle: &str) -> bool {
    hay.contains(needle)
}
/// Equal but for the case of ASCII letters.
pub fn eq_ignore_ascii_case(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}
/// A log line as it is kept: cut to 4 KiB at a character.
pub fn log_line(s: &str) -> &str {
    let mut end = s.len().min(crate::limits::MAX_LOG_LINE_BYTES);
    while !s.is_char_boundary(end) {
        end -= 1;
    }
    s.get(..end).unwrap_or("")
}
