//! The reader thread: requests in blocks, one or two ahead of what is being decided.

#[cfg(feature = "parquet")]
use super::columns;
use super::lines::{LineReader, Lines};
use super::rows::{RowReader, Rows};
use crate::exit::Failure;
use crate::input;
use csv::ByteRecord;
use eclvm::Policy;
use eclvm::kernel::isa::Op;
use eclvm::kernel::program::Program;
use eclvm::kernel::types::{Base, Ty};
use eclvm::kernel::value::Value;
use std::io::{self, Read};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::time::Instant;

/// What a block holds, about.
pub(super) const BLOCK_BYTES: usize = 4 << 20;
/// Blocks that wait to be decided.
pub(super) const BLOCKS_AHEAD: usize = 2;
/// Most requests of a block. Stops: a file of tiny lines, whose receipts are much larger than they.
const MAX_REQUESTS: usize = 65_536;
/// The same where a receipt may hold long texts. Stops: 64 lines of 4 KiB for each request of a block.
const MAX_LARGE_RECEIPTS: usize = 4_096;
/// A message that makes receipts large.
const LARGE_TEXT_BYTES: usize = 1 << 10;

/// What a file of requests is written in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Ndjson,
    Csv,
    #[cfg(feature = "parquet")]
    Parquet,
    #[cfg(feature = "parquet")]
    Arrow,
}

impl Kind {
    /// By the file's name; what has no extension (standard input, a pipe) is NDJSON.
    pub(super) fn of(name: &str) -> Result<Kind, Failure> {
        let extension = Path::new(name).extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
        match extension.as_deref() {
            None | Some("ndjson" | "jsonl" | "json") => Ok(Kind::Ndjson),
            Some("csv") => Ok(Kind::Csv),
            #[cfg(feature = "parquet")]
            Some("parquet") => Ok(Kind::Parquet),
            #[cfg(feature = "parquet")]
            Some("arrow") => Ok(Kind::Arrow),
            #[cfg(not(feature = "parquet"))]
            Some("parquet" | "arrow") => Err(Failure::usage(format!(
                "this build of ecl does not read Parquet and Arrow, as `{name}` would need: build it with \
                 `--features parquet`"
            ))),
            Some(_) => Err(Failure::usage(format!(
                "what kind of requests does `{name}` hold? The name must end in .ndjson, .csv, .parquet or .arrow"
            ))),
        }
    }
}

/// Requests that were read together.
pub(super) enum Block {
    Lines(Lines),
    Rows(Rows),
    #[cfg(feature = "parquet")]
    Columns(eclvm::arrow::files::FileBatch),
}

impl Block {
    /// How many bytes of the file end with this block.
    pub(super) fn end(&self) -> u64 {
        match self {
            Block::Lines(lines) => lines.end,
            Block::Rows(rows) => rows.end,
            #[cfg(feature = "parquet")]
            Block::Columns(columns) => columns.read,
        }
    }
}

/// What the reader hands over.
pub(super) enum Event {
    /// The header of a CSV file; comes first.
    Header(ByteRecord),
    /// The columns of a Parquet or Arrow file, matched to the policy; comes first.
    #[cfg(feature = "parquet")]
    Matched(Box<eclvm::arrow::ArrowSchema>),
    Block(Block),
    End,
    Failed(Failure),
    Interrupted,
    /// The deadline has passed.
    Late,
}

/// The near end of the reader thread.
pub(super) struct Reader {
    events: Receiver<Event>,
    wake: SyncSender<Event>,
    used: Sender<Block>,
}

impl Reader {
    /// Opens the file and begins to read it: requests to a policy, which has state or not.
    pub(super) fn start(name: &str, kind: Kind, policy: &Policy, has_state: bool) -> Result<Reader, Failure> {
        let file = Opened::open(name, kind)?;
        let name = input::display_name(name).to_owned();
        let most = if has_large_receipts(policy.program()) { MAX_LARGE_RECEIPTS } else { MAX_REQUESTS };
        let (events_in, events) = sync_channel(BLOCKS_AHEAD);
        let (used, used_out) = channel();
        let wake = events_in.clone();
        let far = FarEnd {
            name,
            most,
            #[cfg(feature = "parquet")]
            policy: policy.clone(),
            #[cfg(feature = "parquet")]
            has_state,
            events: events_in,
            used: used_out,
        };
        #[cfg(not(feature = "parquet"))]
        let _ = has_state;
        std::thread::Builder::new()
            .name("requests".to_owned())
            .spawn(move || far.run(file))
            .map_err(|error| Failure::failed(format!("cannot start a thread: {error}")))?;
        Ok(Reader { events, wake, used })
    }
    /// What comes next, if it comes in time. A reader that ended is at its end.
    pub(super) fn next(&mut self, deadline: Option<Instant>) -> Event {
        let Some(deadline) = deadline else { return self.events.recv().unwrap_or(Event::End) };
        match self.events.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(event) => event,
            Err(RecvTimeoutError::Timeout) => Event::Late,
            Err(RecvTimeoutError::Disconnected) => Event::End,
        }
    }
    /// Gives a block's buffers back.
    pub(super) fn recycle(&mut self, block: Block) {
        // What a decoder has made cannot be filled again.
        #[cfg(feature = "parquet")]
        if matches!(block, Block::Columns(_)) {
            return;
        }
        // The reader may have ended; then nobody needs them.
        let _ = self.used.send(block);
    }
    /// Wakes `next` from another thread. Where it is not asleep there is no room, and no need.
    pub(super) fn waker(&self) -> impl Fn() + Send + 'static {
        let wake = self.wake.clone();
        move || {
            let _ = wake.try_send(Event::Interrupted);
        }
    }
}

/// An open file, by its kind.
enum Opened {
    Lines(Box<dyn Read + Send>),
    Rows(Box<dyn Read + Send>),
    #[cfg(feature = "parquet")]
    Parquet(std::fs::File),
    #[cfg(feature = "parquet")]
    Arrow(Box<dyn Read + Send>),
}

impl Opened {
    fn open(name: &str, kind: Kind) -> Result<Opened, Failure> {
        Ok(match kind {
            Kind::Ndjson => Opened::Lines(input::open(name)?),
            Kind::Csv => Opened::Rows(input::open(name)?),
            #[cfg(feature = "parquet")]
            Kind::Parquet => Opened::Parquet(input::open_file(name)?),
            #[cfg(feature = "parquet")]
            Kind::Arrow => Opened::Arrow(input::open(name)?),
        })
    }
}

/// The far end: what the thread owns.
struct FarEnd {
    name: String,
    most: usize,
    #[cfg(feature = "parquet")]
    policy: Policy,
    #[cfg(feature = "parquet")]
    has_state: bool,
    events: SyncSender<Event>,
    used: Receiver<Block>,
}

impl FarEnd {
    fn run(self, file: Opened) {
        let read = match file {
            Opened::Lines(file) => self.lines(file).map_err(|error| self.failure(&error)),
            Opened::Rows(file) => self.rows(file).map_err(|error| self.failure(&error)),
            #[cfg(feature = "parquet")]
            Opened::Parquet(file) => {
                let matched = (&self.policy, self.has_state);
                columns::parquet(file, self.most, matched, &self.events)
                    .map_err(|error| columns::failure(&self.name, error))
            }
            #[cfg(feature = "parquet")]
            Opened::Arrow(file) => {
                let matched = (&self.policy, self.has_state);
                columns::arrow(file, self.most, matched, &self.events)
                    .map_err(|error| columns::failure(&self.name, error))
            }
        };
        // Where the near end is gone, nobody wants to know.
        let _ = self.events.send(match read {
            Ok(()) => Event::End,
            Err(failure) => Event::Failed(failure),
        });
    }
    fn failure(&self, error: &io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::InvalidData => Failure::invalid(format!("`{}`: {error}", self.name)),
            _ => Failure::io("read", &self.name, error),
        }
    }
    fn lines(&self, file: Box<dyn Read + Send>) -> io::Result<()> {
        let mut reader = LineReader::new(file, self.most);
        loop {
            let mut lines = match self.used.try_recv() {
                Ok(Block::Lines(lines)) => lines,
                _ => Lines::default(),
            };
            let more = reader.fill(&mut lines)?;
            if self.events.send(Event::Block(Block::Lines(lines))).is_err() || !more {
                return Ok(());
            }
        }
    }
    fn rows(&self, file: Box<dyn Read + Send>) -> io::Result<()> {
        let mut reader = RowReader::new(file, self.most);
        if self.events.send(Event::Header(reader.header()?)).is_err() {
            return Ok(());
        }
        loop {
            let mut rows = match self.used.try_recv() {
                Ok(Block::Rows(rows)) => rows,
                _ => Rows::default(),
            };
            let more = reader.fill(&mut rows)?;
            if self.events.send(Event::Block(Block::Rows(rows))).is_err() || !more {
                return Ok(());
            }
        }
    }
}

/// Whether a receipt may hold more than a few numbers: a log, a text or array as value, a long message.
fn has_large_receipts(program: &Program) -> bool {
    let value = program.functions.first().map_or(Ty::BOOL, |f| f.result);
    let long = value.is_array() || matches!(value.base(), Base::Text | Base::Did);
    let message = |constant: &Value| matches!(constant, Value::Text(text) if text.len() > LARGE_TEXT_BYTES);
    (program.expression && long)
        || program.constants.iter().any(message)
        || program.code.iter().any(|instr| matches!(instr.op, Op::Log | Op::CrossRealm))
}
