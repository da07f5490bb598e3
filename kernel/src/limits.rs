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
