//! Parquet and Arrow: requests by column, as they come out of the file.

use super::source::{Block, Event};
use crate::exit::Failure;
use crate::output;
use bumpalo::Bump;
use eclvm::Policy;
use eclvm::arrow::ArrowSchema;
use eclvm::arrow::files::{FileBatch, FileError, IpcReader, ParquetReader};
use eclvm::batch::RequestColumns;
use std::fs::File;
use std::io::Read;
use std::sync::mpsc::SyncSender;

/// Most columns that a warning names one by one.
const MAX_WARNINGS: usize = 5;

/// Reads a Parquet file: only the columns that are inputs.
pub(super) fn parquet(
    file: File,
    most: usize,
    (policy, has_state): (&Policy, bool),
    events: &SyncSender<Event>,
) -> Result<(), FileError> {
    let mut reader = ParquetReader::open(file, most)?;
    let matched = ArrowSchema::new(policy, &reader.schema(), has_state);
    reader.select(&matched.used());
    if events.send(Event::Matched(Box::new(matched))).is_ok() {
        hand_over(reader, events)?;
    }
    Ok(())
}

/// Reads an Arrow file or stream.
pub(super) fn arrow(
    file: Box<dyn Read + Send>,
    most: usize,
    (policy, has_state): (&Policy, bool),
    events: &SyncSender<Event>,
) -> Result<(), FileError> {
    let reader = IpcReader::open(file, most)?;
    let matched = ArrowSchema::new(policy, &reader.schema(), has_state);
    if events.send(Event::Matched(Box::new(matched))).is_ok() {
        hand_over(reader, events)?;
    }
    Ok(())
}

fn hand_over(
    batches: impl Iterator<Item = Result<FileBatch, FileError>>,
    events: &SyncSender<Event>,
) -> Result<(), FileError> {
    for batch in batches {
        if events.send(Event::Block(Block::Columns(batch?))).is_err() {
            break;
        }
    }
    Ok(())
}

/// What a file's error means for the command.
pub(super) fn failure(name: &str, error: FileError) -> Failure {
    match error {
        FileError::Io(error) => Failure::io("read", name, &error),
        malformed => Failure::invalid(format!("`{name}`: {malformed}")),
    }
}

/// Says which columns make requests faults: all of them, most often, so that it is good to know at once.
pub(super) fn warn(name: &str, matched: &ArrowSchema) {
    let problems = matched.problems();
    for problem in problems.iter().take(MAX_WARNINGS) {
        output::warn(&output::tame(&format!("`{name}`: {problem}")));
    }
    if let Some(more) = problems.len().checked_sub(MAX_WARNINGS).filter(|more| *more > 0) {
        output::warn(&format!("`{name}`: {more} more columns do not fit"));
    }
}

/// A block as requests.
pub(super) fn requests<'a>(
    block: &'a FileBatch,
    matched: &ArrowSchema,
    bump: &'a Bump,
) -> Result<RequestColumns<'a>, Failure> {
    block.requests(matched, bump).map_err(|error| Failure::invalid(error.to_string()))
}
