//! Where words and data go: data to stdout as it is, talk to stderr, colours only where a terminal shows them.

use crate::exit::Failure;
use serde::Serialize;
use std::io::{self, Write};

/// Style of what went well.
pub(crate) const GREEN: &str = "\x1b[32m";
/// Style of what did not.
pub(crate) const RED: &str = "\x1b[31m";
/// Style of what is to be noticed.
pub(crate) const YELLOW: &str = "\x1b[33m";
/// Style of what matters less.
pub(crate) const DIM: &str = "\x1b[2m";
/// Style of headings.
pub(crate) const BOLD: &str = "\x1b[1m";
/// Ends a style.
pub(crate) const RESET: &str = "\x1b[0m";

fn stdout_failed(error: &io::Error) -> Failure {
    Failure::io("write to", "standard output", error)
}

/// Data, byte for byte.
pub(crate) fn data(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|error| stdout_failed(&error))
}

/// One object, on a line of its own.
pub(crate) fn json<T: Serialize>(value: &T) -> Result<(), Failure> {
    let mut line = serde_json::to_vec(value).map_err(|error| Failure::failed(error.to_string()))?;
    line.push(b'\n');
    data(&line)
}

/// Text that may hold styles; they are left out where stdout is no terminal or `NO_COLOR` is set.
pub(crate) fn styled(text: &str) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| stdout_failed(&error))
}

/// Talk on stderr, styles as in [`styled`]. Where stderr is closed there is nobody to tell.
pub(crate) fn talk(text: &str) {
    let mut err = anstream::stderr().lock();
    let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
}

/// One object on stderr.
pub(crate) fn talk_json<T: Serialize>(value: &T) {
    if let Ok(mut line) = serde_json::to_vec(value) {
        line.push(b'\n');
        let _ = io::stderr().lock().write_all(&line);
    }
}

/// An error on stderr.
pub(crate) fn complain(message: &str) {
    talk(&format!("{RED}{BOLD}error{RESET}: {}\n", tame(message)));
}

/// A warning on stderr.
pub(crate) fn warn(message: &str) {
    talk(&format!("{YELLOW}{BOLD}warning{RESET}: {}\n", tame(message)));
}

/// Text from outside for a terminal: control characters become escapes, so that no policy can steer the terminal.
pub(crate) fn tame(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => out.push(c),
            c if c.is_control() => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}
