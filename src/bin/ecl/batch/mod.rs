//! `ecl batch`: many requests, streamed.
//!
//! ```text
//!  reader thread                       this thread, with the batch's pool            file
//!  read, cut into lines (or rows) ──►  decode + decide ──► format receipts ──► write in order
//!            ▲                                                        │
//!            └───────────── buffers go back to be filled again ◄──────┘
//! ```
//!
//! At most [`source::BLOCKS_AHEAD`] blocks wait, each of about [`source::BLOCK_BYTES`], so that memory stays flat however
//! long the file is. Ctrl-C cancels the budget that all runs share, which cuts the batch at an index.

#[cfg(feature = "parquet")]
mod columns;
mod journal;
mod lines;
mod receipts;
mod rows;
mod source;
mod summary;

use crate::args::{BatchArgs, Engine, Format};
use crate::exit::{Done, Exit, Failure};
use crate::source::Source;
use crate::{context, input, output};
#[cfg(feature = "parquet")]
use bumpalo::Bump;
use eclvm::Policy;
#[cfg(feature = "parquet")]
use eclvm::arrow::ArrowSchema;
#[cfg(feature = "parquet")]
use eclvm::batch::Decisions;
use eclvm::batch::{self, Batch, BatchOptions, Cut};
use eclvm::clock::SystemClock;
use eclvm::kernel::budget::{Budget, BudgetLimits};
use eclvm::kernel::fault::Exhaustion;
use eclvm::kernel::host::HostInterface;
use eclvm::kernel::receipt::Receipt;
use eclvm::kernel::request::Clock;
use eclvm::wire::Schema;
use eclvm::wire::csv::CsvSchema;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use journal::{Journal, Recordable, Surroundings};
use receipts::ReceiptFile;
use source::{Block, Event, Kind, Reader};
use std::sync::Arc;
use std::time::{Duration, Instant};
use summary::Report;

/// Runs the command.
pub(crate) fn run(args: &BatchArgs, format: Format) -> Done {
    let kind = usage(args)?;
    let source = Source::load(&args.file)?;
    let policy = source.select(args.policy.as_deref())?;
    let store = context::store(args.db.as_deref(), true)?;
    let host = context::host(args.state.as_deref(), store.as_ref())?;
    let schema = Schema::new(policy.program(), host.is_some());

    let budget = Arc::new(Budget::new(shared_limits(args)));
    let usual = BudgetLimits::default();
    let options = BatchOptions {
        host: host.as_ref().map(|host| host as &dyn HostInterface),
        allow_writes: host.is_some(),
        now: context::now(&args.now),
        limits: BudgetLimits { gas_limit: args.gas.unwrap_or(usual.gas_limit), ..usual },
        // Also where no flag asks for one: it is what Ctrl-C cancels.
        budget: Some(Arc::clone(&budget)),
        threads: args.threads.map_or_else(cores, usize::from),
        engine: match args.engine {
            Engine::Auto => batch::Engine::Auto,
            Engine::Scalar => batch::Engine::Scalar,
            Engine::Vector => batch::Engine::Lanes,
        },
        ..BatchOptions::default()
    };
    let surroundings = Surroundings { now: options.now, limits: options.limits };
    let mut journal = store.as_ref().map(|store| Journal::new(store, policy, args, &budget, surroundings));
    // From here on files are touched and time counts.
    let mut reader = Reader::start(&args.requests, kind, policy, host.is_some())?;
    let mut out = args.out.as_deref().map(ReceiptFile::create).transpose()?;
    on_interrupt(&budget, &reader);
    let clock = SystemClock::new();
    let deadline = args.timeout_ms.and_then(|ms| Instant::now().checked_add(Duration::from_millis(ms)));
    let mut batch = Batch::new(policy, options).map_err(|error| Failure::failed(error.to_string()))?;
    let progress = progress_bar(&args.requests);

    let mut columns: Option<CsvSchema> = None;
    let mut receipts: Vec<Receipt> = Vec::new();
    #[cfg(feature = "parquet")]
    let mut matched: Option<Box<ArrowSchema>> = None;
    #[cfg(feature = "parquet")]
    let mut by_column = Decisions::default();
    let mut cut: Option<Cut> = None;
    let mut trouble: Option<Failure> = None;
    while cut.is_none() && trouble.is_none() {
        match reader.next(deadline) {
            Event::End => break,
            Event::Failed(failure) => trouble = Some(failure),
            Event::Interrupted => {
                cut = Some(Cut { at: batch.summary().requests, reason: Exhaustion::Cancelled })
            }
            Event::Late => {
                let reason = budget.exhaust(Exhaustion::Timeout);
                cut = Some(Cut { at: batch.summary().requests, reason });
            }
            Event::Header(header) => columns = Some(CsvSchema::new(&schema, &header)),
            #[cfg(feature = "parquet")]
            Event::Matched(found) => {
                columns::warn(&args.requests, &found);
                matched = Some(found);
            }
            // Answers stay by column too, unless a store wants them one by one.
            #[cfg(feature = "parquet")]
            Event::Block(Block::Columns(block)) => {
                let from = batch.summary().requests;
                let bump = Bump::new();
                let Some(matched) = &matched else { break };
                let requests = match columns::requests(&block, matched, &bump) {
                    Ok(requests) => requests,
                    Err(failure) => {
                        trouble = Some(failure);
                        break;
                    }
                };
                if journal.is_none() {
                    cut = batch.decide_into(&requests, &mut by_column).err();
                    if let Some(out) = &mut out {
                        let portion = (from, by_column.len());
                        let each = |at, put: &mut dyn FnMut(&Receipt)| put(&by_column.receipt(at));
                        trouble = out.write(&batch, policy.program(), portion, each).err();
                    }
                } else {
                    (cut, trouble) = decide(&mut batch, journal.as_mut(), &requests, &mut receipts);
                    if let (Some(out), None) = (&mut out, &trouble) {
                        trouble = write(out, &batch, policy, from, &receipts).err();
                    }
                }
                progress.set_position(block.read);
            }
            Event::Block(block) => {
                let from = batch.summary().requests;
                (cut, trouble) = match (&block, &columns) {
                    (Block::Lines(lines), _) => {
                        decide(&mut batch, journal.as_mut(), &lines.requests(&schema), &mut receipts)
                    }
                    (Block::Rows(rows), Some(columns)) => {
                        decide(&mut batch, journal.as_mut(), &rows.requests(columns), &mut receipts)
                    }
                    (Block::Rows(_), None) => break,
                    #[cfg(feature = "parquet")]
                    (Block::Columns(_), _) => break,
                };
                if let (Some(out), None) = (&mut out, &trouble) {
                    trouble = write(out, &batch, policy, from, &receipts).err();
                }
                progress.set_position(block.end());
                reader.recycle(block);
            }
        }
    }
    progress.finish_and_clear();
    // What was decided before a cut is complete; of a batch that writes and went wrong nothing is kept.
    if let (Some(journal), None) = (&mut journal, &trouble) {
        trouble = journal.commit().err();
    }
    let seconds = clock.now_ns() as f64 / 1e9;
    let shown = has_budget(args).then(|| budget.snapshot());
    let report = Report::new(batch.summary(), batch.threads(), seconds, shown);
    report.print(format, out.as_ref().is_some_and(ReceiptFile::is_stdout))?;
    match (trouble, cut) {
        (Some(failure), _) => Err(failure),
        (None, Some(cut)) => Ok(say_cut(cut, args, format)),
        (None, None) => Ok(Exit::Done),
    }
}

/// Decides a portion, and takes it into the store where there is one. Says where the batch is cut.
fn decide(
    batch: &mut Batch<'_>,
    journal: Option<&mut Journal<'_>>,
    requests: &impl Recordable,
    receipts: &mut Vec<Receipt>,
) -> (Option<Cut>, Option<Failure>) {
    let cut = batch.run_into(requests, receipts).err();
    (cut, journal.and_then(|journal| journal.take(requests, receipts).err()))
}

/// Writes the receipts of a portion.
fn write(
    out: &mut ReceiptFile,
    batch: &Batch<'_>,
    policy: &Policy,
    from: u64,
    receipts: &[Receipt],
) -> Result<(), Failure> {
    out.write(batch, policy.program(), (from, receipts.len()), |at, put| {
        receipts.get(at).into_iter().for_each(put);
    })
}

/// What can be said about the flags before anything is read.
fn usage(args: &BatchArgs) -> Result<Kind, Failure> {
    input::one_stdin(&[Some(&args.file), Some(&args.requests), args.state.as_deref()])?;
    if let Some(out) = args.out.as_deref() {
        let read = [Some(args.file.as_str()), Some(args.requests.as_str()), args.state.as_deref()];
        input::distinct(out, &read.into_iter().flatten().collect::<Vec<_>>())?;
    }
    Kind::of(&args.requests)
}

fn has_budget(args: &BatchArgs) -> bool {
    args.budget_gas.is_some() || args.budget_mana.is_some() || args.timeout_ms.is_some()
}

fn shared_limits(args: &BatchArgs) -> BudgetLimits {
    let none = BudgetLimits::UNBOUNDED;
    BudgetLimits {
        gas_limit: args.budget_gas.unwrap_or(none.gas_limit),
        mana_limit: args.budget_mana.unwrap_or(none.mana_limit),
        timeout_ms: args.timeout_ms.unwrap_or(none.timeout_ms),
        ..none
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The first Ctrl-C cuts the batch; the second, while a run still winds down, ends the program as usual.
fn on_interrupt(budget: &Arc<Budget>, reader: &Reader) {
    let budget = Arc::clone(budget);
    let wake = reader.waker();
    // Without a handler Ctrl-C ends the program at once: less, but no reason not to start.
    let _ = ctrlc::set_handler(move || {
        if budget.exhausted() == Some(Exhaustion::Cancelled) {
            std::process::exit(i32::from(u8::from(Exit::Failed)));
        }
        budget.cancel();
        wake();
    });
}

/// How far the file is read; hidden where stderr is no terminal, and without a length for pipes.
fn progress_bar(requests: &str) -> ProgressBar {
    let length = std::fs::metadata(requests).ok().filter(std::fs::Metadata::is_file).map(|meta| meta.len());
    let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr());
    let template = match length {
        Some(_) => "{bar:40} {percent}% of {total_bytes}, {binary_bytes_per_sec}, {eta} left",
        None => "{bytes} read, {binary_bytes_per_sec}",
    };
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Where the batch ended early, why, and what is left of it.
fn say_cut(cut: Cut, args: &BatchArgs, format: Format) -> Exit {
    let (why, exit) = match cut.reason {
        Exhaustion::Timeout => ("time ran out", Exit::Stopped),
        _ => ("interrupted", Exit::Failed),
    };
    let kept = match &args.out {
        Some(out) if out != "-" => format!(", and their receipts are in `{out}`"),
        _ => String::new(),
    };
    let done = match cut.at {
        0 => "no request was decided".to_owned(),
        1 => format!("1 request was decided{kept}"),
        n => format!("the first {n} requests were decided{kept}"),
    };
    match format {
        Format::Text => output::warn(&format!("{why}: {done}")),
        Format::Json => output::talk_json(&summary::CutJson { cut: cut.at, reason: cut.reason.name() }),
    }
    exit
}
