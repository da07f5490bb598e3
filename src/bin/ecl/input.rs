//! Files and standard input, read whole up to a limit.

use crate::exit::Failure;
use eclvm::kernel::limits::MAX_PROGRAM_BYTES;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Largest policy file, source or bytecode. Stops: a device or an endless pipe given as a policy.
pub(crate) const MAX_POLICY_FILE_BYTES: usize = MAX_PROGRAM_BYTES;
/// Largest `--input`, and longest line of a request file. Stops: one endless line filling memory.
pub(crate) const MAX_REQUEST_BYTES: usize = 128 << 20;
/// Largest state file. Stops: the same, given as a state.
pub(crate) const MAX_STATE_FILE_BYTES: usize = 1 << 30;

/// Whether a file argument means standard input.
pub(crate) fn is_stdin(name: &str) -> bool {
    name == "-"
}

/// What messages call a file.
pub(crate) fn display_name(name: &str) -> &str {
    if is_stdin(name) { "standard input" } else { name }
}

/// Opens a file, or standard input for `-`.
pub(crate) fn open(name: &str) -> Result<Box<dyn Read + Send>, Failure> {
    if is_stdin(name) {
        return Ok(Box::new(io::stdin()));
    }
    let failed = |error: &io::Error| Failure::io("read", name, error);
    let file = File::open(name).map_err(|error| failed(&error))?;
    // Opening a directory works; reading it does not, and says so less plainly.
    if file.metadata().is_ok_and(|meta| meta.is_dir()) {
        return Err(failed(&io::ErrorKind::IsADirectory.into()));
    }
    Ok(Box::new(file))
}

/// Opens a file that must be one: it is not read from front to back.
#[cfg(feature = "parquet")]
pub(crate) fn open_file(name: &str) -> Result<File, Failure> {
    let failed = |error: &io::Error| Failure::io("read", name, error);
    let file = File::open(name).map_err(|error| failed(&error))?;
    let meta = file.metadata().map_err(|error| failed(&error))?;
    if meta.is_dir() {
        return Err(failed(&io::ErrorKind::IsADirectory.into()));
    }
    if !meta.is_file() {
        return Err(Failure::usage(format!(
            "`{name}` is a pipe or a device: Parquet is read from files only"
        )));
    }
    Ok(file)
}

/// Reads a file whole, at most `limit` bytes of it.
pub(crate) fn read(name: &str, limit: usize) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    open(name)?
        .take(most)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::io("read", display_name(name), &error))?;
    if bytes.len() > limit {
        return Err(Failure::invalid(format!("`{}` is larger than {} MiB", display_name(name), limit >> 20)));
    }
    Ok(bytes)
}

/// The text of bytes that must be UTF-8.
pub(crate) fn text(name: &str, bytes: Vec<u8>) -> Result<String, Failure> {
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Failure::invalid(format!(
            "`{}` is not UTF-8: the byte at offset {at} does not belong",
            display_name(name)
        ))
    })
}

/// Standard input can be read once: at most one of these may be `-`.
pub(crate) fn one_stdin(names: &[Option<&str>]) -> Result<(), Failure> {
    match names.iter().flatten().filter(|name| is_stdin(name)).count() {
        0 | 1 => Ok(()),
        _ => Err(Failure::usage("`-` stands for standard input, and can be given once only")),
    }
}

/// Writing `out` must not destroy what is being read.
pub(crate) fn distinct(out: &str, inputs: &[&str]) -> Result<(), Failure> {
    let Ok(target) = Path::new(out).canonicalize() else { return Ok(()) };
    // Devices and pipes lose nothing.
    if !target.is_file() {
        return Ok(());
    }
    match inputs
        .iter()
        .find(|name| !is_stdin(name) && Path::new(name).canonicalize().is_ok_and(|p| p == target))
    {
        Some(name) => Err(Failure::usage(format!("`{out}` would overwrite `{name}`, which is read"))),
        None => Ok(()),
    }
}
