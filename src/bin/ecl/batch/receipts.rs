//! Receipts on their way to a file: formatted on all threads, written in the order of their requests.

use crate::exit::Failure;
use eclvm::batch::Batch;
use eclvm::kernel::program::Program;
use eclvm::kernel::receipt::Receipt;
use eclvm::wire::write_receipt;
use rayon::prelude::*;
use std::fs::File;
use std::io::{self, Write};

/// Receipts formatted by one task: some 100 microseconds.
const CHUNK: usize = 512;

/// Where receipts go.
pub(super) struct ReceiptFile {
    name: String,
    file: Box<dyn Write>,
    is_stdout: bool,
    /// A buffer for each chunk of a portion, used again for the next portion.
    buffers: Vec<Vec<u8>>,
}

impl ReceiptFile {
    /// Creates the file, or takes standard output for `-`.
    pub(super) fn create(name: &str) -> Result<ReceiptFile, Failure> {
        let is_stdout = name == "-";
        let file: Box<dyn Write> = if is_stdout {
            // Chunks are large: a line buffer between them and the pipe would only cost.
            Box::new(io::stdout())
        } else {
            Box::new(File::create(name).map_err(|error| Failure::io("write", name, &error))?)
        };
        let name = if is_stdout { "standard output" } else { name }.to_owned();
        Ok(ReceiptFile { name, file, is_stdout, buffers: Vec::new() })
    }
    /// Whether it is standard output, so that nothing else may go there.
    pub(super) fn is_stdout(&self) -> bool {
        self.is_stdout
    }
    /// Writes a portion of so many receipts, whose first request has the index `from`; `each` hands one over.
    pub(super) fn write(
        &mut self,
        batch: &Batch<'_>,
        program: &Program,
        (from, count): (u64, usize),
        each: impl Fn(usize, &mut dyn FnMut(&Receipt)) + Sync,
    ) -> Result<(), Failure> {
        let chunks = count.div_ceil(CHUNK);
        if self.buffers.len() < chunks {
            self.buffers.resize_with(chunks, Vec::new);
        }
        let buffers = self.buffers.get_mut(..chunks).unwrap_or(&mut []);
        batch.install(|| {
            let jobs = buffers.par_iter_mut().enumerate();
            jobs.for_each(|(number, buffer)| {
                buffer.clear();
                let first = number * CHUNK;
                for at in first..count.min(first + CHUNK) {
                    each(at, &mut |receipt| {
                        write_receipt(buffer, program, receipt, Some(from + at as u64), None);
                        buffer.push(b'\n');
                    });
                }
            });
        });
        let written = buffers.iter().try_for_each(|buffer| self.file.write_all(buffer));
        written.and_then(|()| self.file.flush()).map_err(|error| Failure::io("write", &self.name, &error))
    }
}
