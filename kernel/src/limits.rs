//! Every bound of the language and the kernel: its value and the attack it stops.

/// Longest source text, in bytes. Stops: unbounded compile memory.
pub const MAX_SOURCE_BYTES: usize = 1 << 20;
/// Most tokens of one source. Stops: token floods that are cheap to send and dear to parse.
pub const MAX_TOKENS: usize = 262_144;
/// Deepest nesting of parentheses, brackets, arguments, blocks, unary operators and arms of `? :`.
/// Stops: exhausting the thread's stack in the recursive passes.
pub const MAX_NESTING: usize = 64;
/// Longest string, in bytes, as a literal, as an input and as a result. Stops: memory floods by repeated joining.
pub const MAX_TEXT_BYTES: usize = 64 << 10;
/// Most elements of an array, elements of inner arrays counted too. Stops: exponential sharing (an array of arrays
/// of arrays is cheap to build and dear to walk).
pub const MAX_ARRAY_ELEMENTS: usize = 65_536;
/// Most diagnostics reported for one file. Stops: output floods.
pub const MAX_DIAGNOSTICS: usize = 50;
/// Most instructions of one policy, its functions included. Stops: programs that are large to verify and to plan.
pub const MAX_INSTRUCTIONS: usize = 65_536;
/// Most registers of one frame. Stops: frames that are large to clear.
pub const MAX_REGISTERS: usize = 4_096;
/// Most registers that array literals and calls of one policy name in all. The compiler needs an instruction to fill each
/// of them, hence never comes near. Stops: a small program in which every instruction reads a whole frame.
pub const MAX_RANGE_READS: usize = 1 << 20;
/// Most constants of one policy (operands are 16 bits wide).
pub const MAX_CONSTANTS: usize = 65_535;
/// Most functions of one policy.
pub const MAX_FUNCTIONS: usize = 16_384;
/// Most inputs of one policy.
pub const MAX_INPUTS: usize = 1_024;
/// Most policies in one file.
pub const MAX_POLICIES: usize = 4_096;
/// Deepest array type: `[[..]]`. The optional marks of the layers are bits of one word.
pub const MAX_TYPE_DEPTH: u8 = 63;
/// Most bytes of folded constants of a source, on top of 16 bytes for each byte of source. Stops: `const B = A + "";`
/// repeated with a long A, which would make the compiler copy A each time.
pub const MAX_FOLDED_BYTES: usize = 1 << 20;
/// Most bytes that all programs of one source come to, on top of 32 bytes for each byte of source: 64 for an instruction
/// and for a value, and the bytes of texts. Stops: thousands of small policies that each carry one large function or
/// constant.
pub const MAX_COMPILED_BYTES: usize = 16 << 20;
/// Largest serialised program, in bytes. Stops: hostile `.eclb` files.
pub const MAX_PROGRAM_BYTES: usize = 64 << 20;
/// Deepest call stack that a budget can allow, whatever it asks for. Stops: 4 096 registers times unbounded frames.
pub const MAX_STACK_DEPTH: u32 = 4_096;
/// Bytes of values that one run may make (joined strings, arrays, trust vectors, buffered writes and events); beyond it
/// the run faults with ValueTooLarge. Each counts [`MADE_OVERHEAD_BYTES`] on top. Stops: memory that grows with a very
/// large gas limit.
pub const MAX_RUN_BYTES: u64 = 64 << 20;
/// What each value that a run makes counts besides its own bytes. Stops: endless empty values.
pub const MADE_OVERHEAD_BYTES: u64 = 64;
/// Log lines kept for one run; later ones are dropped.
pub const MAX_LOG_LINES: usize = 64;
/// Longest log line kept, in bytes; longer ones are cut at a character.
pub const MAX_LOG_LINE_BYTES: usize = 4 << 10;
/// Largest whole number a host may answer and a `for` bound may have: 2^53, beyond which f64 skips whole numbers.
pub const MAX_SAFE_INTEGER: f64 = 9_007_199_254_740_992.0;
/// Work, in instructions, between two looks at clock and cancel flag. Instructions priced by size count twice their price.
pub const TICKS_PER_LOOK: u64 = 32_768;
/// Most budgets within one another; one that is nested deeper grants nothing. Stops: chains that are walked, and dropped,
/// by recursion.
pub const MAX_BUDGET_LEVELS: u32 = 64;
/// Times that a run, or a charge, yields while what it needs is out on leases of others; then it ends as exhausted.
/// Stops: waiting for ever for a lease that does not come back.
pub const MAX_LEASE_YIELDS: u32 = 16_384;
/// Most realms that MultiGas counts one by one; what later ones use goes to the overflow bucket. Stops: memory that grows
/// with the number of names that strangers make up.
pub const MAX_REALMS: u32 = 65_536;
/// Most names of any registry. Stops: a cap that is a mistake.
pub const MAX_NAMES: u32 = 1 << 24;
/// Most counters of any ledger. Stops: a number of counters that is a mistake.
pub const MAX_COUNTERS: usize = 1 << 20;
/// Longest name that a registry keeps, in bytes. Stops: names that are kept for good and large.
pub const MAX_NAME_BYTES: usize = 512;
/// Most lengths of period that one realm's quotas can have had, in all. Stops: memory that grows with each change.
pub const MAX_QUOTA_PERIODS: usize = 4;
/// Most mana accounts that a table remembers, unless it is made with another number. Each costs about 64 bytes, however
/// long its DID is. Stops: identities made up by the million, each spending once, for the memory they leave behind.
pub const MAX_MANA_ACCOUNTS: usize = 1 << 20;
/// Nanoseconds after which a version that still waits for its readers means a stalled reader (one second; a pinned read
/// takes microseconds). Stops: one forgotten pin that quietly keeps every later version of everything in memory.
pub const STALLED_READER_NS: u64 = 1_000_000_000;
/// Events that a log keeps in memory where nobody says otherwise. Stops: memory that grows with time.
pub const EVENT_RING: usize = 10_000;
/// Most events that a log can be told to keep in memory. Stops: a configured number that no memory holds.
pub const MAX_EVENT_RING: usize = 1 << 22;
/// Most events that one batch may reserve room for at once; a longer one reserves in parts. Stops: using up the numbers of
/// events, 2^62, by reserving room and never using it.
pub const MAX_EVENT_RESERVATION: usize = 1 << 24;
/// Bytes of texts and values that the events of one transaction may hold, each event counted 64 on top. Stops: memory that
/// grows with a very large budget.
pub const MAX_TRANSACTION_BYTES: u64 = 256 << 20;
/// Different keys that a transaction's reads are told apart by; one that reads more conflicts with every other commit.
/// Stops: memory that grows with what a transaction reads.
pub const MAX_TRANSACTION_READS: usize = 1 << 20;
/// Reads that are told apart of each request of a batch that writes, while it is not yet its turn; one that reads more has
/// read everything. Stops: memory that grows with the number of requests times what each reads.
pub const MAX_NOTED_READS: usize = 256;
/// Milliseconds that a request of a batch that writes may take while it is not yet its turn; one that takes longer is decided
/// at its turn, within its own limits. Stops: a run without limits that never ends on what is no longer true.
pub const MAX_GUESS_MS: u64 = 1_000;
/// How often a batch is decided on a state that others change meanwhile. Stops: a batch that never ends, since somebody
/// is always first.
pub const MAX_BATCH_ATTEMPTS: u32 = 8;
/// Deletions that a world remembers for conflicts, in each of two generations. A transaction on a version older than both
/// conflicts wherever it looked for a key that is not there. Stops: memory that grows with keys that come and go.
pub const MAX_TOMBSTONES: usize = 65_536;
/// Most realms that a state counts one by one; what later ones use goes to the overflow bucket. Stops: memory that grows with
/// the number of names that strangers make up.
pub const MAX_OBSERVED_REALMS: u32 = 32_768;
/// Names of policies and realms that an event log keeps once; an event with a name beyond carries it itself, and is gone
/// with it. Stops: memory that grows with the number of names that strangers make up.
pub const MAX_EVENT_NAMES: u32 = 65_536;
/// Deltas that wait for a slow subscriber; one that is further behind is told how many it missed. Stops: memory that grows
/// with how slow a subscriber is.
pub const DELTA_QUEUE: usize = 1_024;
/// Most realms that one scrape of metrics names, whatever it is told; the rest are `other`. Stops: as many time series as
/// strangers make up names.
pub const MAX_METRIC_REALMS: usize = 1_000;
/// Most column instructions of a lane plan, its functions inlined. Stops: small functions that call each other twice, and
/// grow without bound when inlined.
pub const MAX_LANE_OPS: usize = 8_192;
/// Most columns, and most truth columns, of a lane plan: 16 MiB of numbers in chunks of 1 024. Stops: the same, in memory.
pub const MAX_LANE_COLUMNS: u32 = 2_048;
/// Deepest inlining of functions in a lane plan. Stops: exhausting the thread's stack while planning.
pub const MAX_LANE_INLINING: usize = 32;
/// Distinct texts, and their bytes, that a worker of a batch keeps interned from one chunk of rows to the next. Stops: memory
/// that grows with the length of a batch.
pub const MAX_INTERNED_TEXTS: usize = 65_536;
/// See [`MAX_INTERNED_TEXTS`]; elements of arrays count eight.
pub const MAX_INTERNED_BYTES: usize = 4 << 20;
/// Most rules of a gateway; each crossing walks them. Stops: crossings that cost a walk of any length before anybody pays.
pub const MAX_CROSSING_RULES: usize = 1_024;
/// Most callers that a gateway's list of blocked ones holds. Stops: memory that grows with identities made up to be blocked.
pub const MAX_BLOCKED_CALLERS: usize = 1 << 20;
/// Most routes of one kind of entry point. Stops: memory that grows with routes that strangers may register.
pub const MAX_ROUTES: usize = 65_536;
/// Most blueprints that are kept, versions counted one by one. Stops: memory that grows with every publish.
pub const MAX_BLUEPRINTS: usize = 65_536;
/// Most steps of a saga. Stops: a saga whose compensations alone run for minutes.
pub const MAX_SAGA_STEPS: usize = 1_024;
/// Most writes of a saga, compensations counted. Stops: memory that grows with one intent.
pub const MAX_SAGA_WRITES: usize = 65_536;
/// Times that a change which lost to another commit is made again on the new version; then it is a conflict. Stops: work
/// without end for one caller while others keep committing to the same keys.
pub const MAX_CONFLICT_RETRIES: usize = 64;
/// As [`MAX_CONFLICT_RETRIES`], of a compensation, which matters more to whoever waits for it.
pub const MAX_COMPENSATION_RETRIES: usize = 4_096;
