//! The command line: commands, flags, help.

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use eclvm::kernel::value::Did;

const EXIT_CODES: &str = "\
Exit codes:
  0  allowed, or done
  1  could not do it (files, threads, an interrupt)
  2  wrong usage
  3  invalid policy, input or bytecode
  4  denied
  5  fault, or a limit was reached";

/// Compiles, checks and runs ECL policies.
#[derive(Parser, Debug)]
#[command(name = "ecl", version, arg_required_else_help = true, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    /// How results are written
    #[arg(long, global = true, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    pub(crate) format: Format,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// How results are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// For programs: one object, or one per line
    Json,
}

/// The commands.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    Check(CheckArgs),
    Eval(EvalArgs),
    Run(RunArgs),
    Batch(BatchArgs),
    Compile(CompileArgs),
    Disasm(DisasmArgs),
    Gas(GasArgs),
    Replay(ReplayArgs),
    #[command(subcommand)]
    Db(DbCommand),
    Completions(CompletionsArgs),
    Man(ManArgs),
}

/// Report everything that is wrong with policies, and what they take and cost
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ecl check transfer.ecl
  ecl check policies/*.ecl --max-gas 500
  ecl check transfer.ecl --format json | jq .policies[].inputs")]
pub(crate) struct CheckArgs {
    /// Policies: source or .eclb bytecode; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<String>,
    /// Fail (exit 3) where a policy could cost more than this, or where no bound is known
    #[arg(long, value_name = "N")]
    pub(crate) max_gas: Option<u64>,
}

/// Who asks, where and when, and in which world.
#[derive(Args, Debug)]
pub(crate) struct WorldArgs {
    /// The world: identities and realms, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<String>,
    /// A store on disk in place of a state file: what is written to it is durable
    #[arg(long, value_name = "DIR", conflicts_with = "state")]
    pub(crate) db: Option<String>,
    /// Who asks (the key `caller` of the input overrides it)
    #[arg(long, value_name = "DID", value_parser = did)]
    pub(crate) caller: Option<String>,
    /// In which realm (the key `realm` of the input overrides it)
    #[arg(long, value_name = "ID")]
    pub(crate) realm: Option<String>,
    #[command(flatten)]
    pub(crate) now: NowArgs,
}

/// What time it is.
#[derive(Args, Debug)]
pub(crate) struct NowArgs {
    /// The standard input `now`, in Unix seconds; the clock's where it is not given
    #[arg(long, value_name = "SECONDS", value_parser = seconds, allow_negative_numbers = true)]
    pub(crate) now: Option<f64>,
}

/// Evaluate an expression and print its value
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ecl eval '1 + 2 * 3'
  ecl eval 'amount <= 100 && trust.r >= 0.5' --input '{\"amount\": 20, \"trust\": [0.9,0.9,0.9,0.9,0.9,0.9]}'
  ecl eval 'trust_norm(load_trust(did:erynoa:self:alice))' --state world.json
  echo 'sqrt(2)' | ecl eval -

Inputs are the keys of a JSON object. `trust` is one of them only without --state and --db.
The exit code is 0 whenever a value is printed, also for `false`.")]
pub(crate) struct EvalArgs {
    /// The expression; `-` reads it from standard input
    #[arg(value_name = "EXPR", allow_hyphen_values = true)]
    pub(crate) expression: String,
    /// Inputs: a JSON object, or @FILE with one
    #[arg(long, value_name = "JSON")]
    pub(crate) input: Option<String>,
    #[command(flatten)]
    pub(crate) world: WorldArgs,
}

/// Decide one request and print the receipt
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ecl run transfer.ecl --input '{\"amount\": 20}' --caller did:erynoa:self:alice --state world.json
  ecl run transfer.ecl --policy refund --input @request.json --format json
  ecl run transfer.eclb --gas 500 --timeout-ms 10

The exit code is the decision: 0 allowed, 4 denied, 5 fault or exhausted.
With --state the policy may write, in memory only: the file is never changed. With --db what an allowed run
writes is on disk before the receipt is printed, and each run, whatever its outcome, is an event of the log.")]
pub(crate) struct RunArgs {
    /// The policy: source or .eclb bytecode; `-` is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: String,
    /// Which policy of the file; else the only one, or the one named `main`
    #[arg(long, value_name = "NAME")]
    pub(crate) policy: Option<String>,
    /// Inputs: a JSON object, or @FILE with one (@- is standard input)
    #[arg(long, value_name = "JSON")]
    pub(crate) input: Option<String>,
    #[command(flatten)]
    pub(crate) world: WorldArgs,
    /// Most gas [default: 1000000]
    #[arg(long, value_name = "N")]
    pub(crate) gas: Option<u64>,
    /// Most mana [default: 10000]
    #[arg(long, value_name = "N")]
    pub(crate) mana: Option<u64>,
    /// Longest time, in milliseconds [default: 5000]
    #[arg(long, value_name = "N")]
    pub(crate) timeout_ms: Option<u64>,
    /// With --db: keep the request with its event, so that `ecl replay` can decide it again
    #[arg(long, requires = "db")]
    pub(crate) record: bool,
    /// Show, on standard error, every instruction that is charged, in order
    #[arg(long)]
    pub(crate) trace: bool,
}

/// Decide many requests, in order, on all cores
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ecl batch transfer.ecl --requests requests.ndjson --out receipts.ndjson
  ecl batch transfer.ecl --requests requests.csv --state world.json --threads 4
  generate | ecl batch transfer.ecl --requests - --budget-gas 1000000 --format json

One request per line of NDJSON, or per row of CSV, Parquet or Arrow with the inputs' names as columns (`trust.r`
and so on for the components of a trust vector). Parquet and Arrow need a build with `--features parquet`. A request that is wrong is a fault of its own; the rest goes on.
Receipts are written only with --out, one per line, in the order of the requests; `--out -` writes them to
standard output, and the summary to standard error.
With --state an allowed request's writes are there for every later one, in memory only. With --db each request
is an event of the log: a batch that writes is committed as one at its end, another portion by portion.
A batch that was carried out exits 0 whatever its outcomes; one that --timeout-ms cut short exits 5, and one
that Ctrl-C cut short exits 1. What came before the cut is complete.")]
pub(crate) struct BatchArgs {
    /// The policy: source or .eclb bytecode; `-` is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: String,
    /// Requests: .ndjson, .csv, .parquet or .arrow; `-` is NDJSON on standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) requests: String,
    /// Which policy of the file; else the only one, or the one named `main`
    #[arg(long, value_name = "NAME")]
    pub(crate) policy: Option<String>,
    /// Where receipts go; without it only the summary is printed
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<String>,
    /// Threads to run on [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// Which engine decides
    #[arg(long, value_enum, default_value_t = Engine::Auto, value_name = "ENGINE")]
    pub(crate) engine: Engine,
    /// Most gas of each request [default: 1000000]
    #[arg(long, value_name = "N")]
    pub(crate) gas: Option<u64>,
    /// Most gas of all requests together: from where it is spent, later requests are exhausted
    #[arg(long, value_name = "N")]
    pub(crate) budget_gas: Option<u64>,
    /// Most mana of all requests together
    #[arg(long, value_name = "N")]
    pub(crate) budget_mana: Option<u64>,
    /// Longest time of the whole batch, in milliseconds: what is not decided by then is left out
    #[arg(long, value_name = "N")]
    pub(crate) timeout_ms: Option<u64>,
    /// The world: identities and realms, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<String>,
    /// A store on disk in place of a state file: what is written to it is durable
    #[arg(long, value_name = "DIR", conflicts_with = "state")]
    pub(crate) db: Option<String>,
    /// With --db: keep the request with its event, so that `ecl replay` can decide it again
    #[arg(long, requires = "db")]
    pub(crate) record: bool,
    #[command(flatten)]
    pub(crate) now: NowArgs,
}

/// The engines that `--engine` names.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Engine {
    /// Vector for requests that come by column, else scalar
    Auto,
    /// One request at a time on each thread
    Scalar,
    /// Many requests at once on each thread
    Vector,
}

/// Compile policies to .eclb bytecode
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ecl compile transfer.ecl -o transfer.eclb")]
pub(crate) struct CompileArgs {
    /// The policies; `-` is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: String,
    /// Where the bytecode goes
    #[arg(short = 'o', long = "output", value_name = "X.eclb")]
    pub(crate) output: String,
}

/// Show the instructions that policies compile to
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ecl disasm transfer.ecl
  ecl disasm transfer.eclb --policy main --format json")]
pub(crate) struct DisasmArgs {
    /// The policies: source or .eclb bytecode; `-` is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: String,
    /// Only this policy
    #[arg(long, value_name = "NAME")]
    pub(crate) policy: Option<String>,
}

/// Show where the cost of policies is, line by line, and their worst case
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ecl gas transfer.ecl
  ecl gas transfer.ecl --policy main --format json

Each line shows what its instructions cost when each runs once. A `+` marks costs that grow with the size of
values, `loop` lines that may run many times. The worst case counts all of it.")]
pub(crate) struct GasArgs {
    /// The policies: source or .eclb bytecode; `-` is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: String,
    /// Only this policy
    #[arg(long, value_name = "NAME")]
    pub(crate) policy: Option<String>,
}

/// Decide recorded runs of a store again, or judge them by another policy
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ecl batch visit.ecl --requests today.ndjson --db world.db --record
  ecl replay --db world.db
  ecl replay --db world.db stricter.ecl
  ecl replay --db world.db stricter.ecl --policy main --of visit --from 1000 --to 1999 --format json

Without FILE each recorded run is decided again by the policy that decided it, on the world as it was then, and the
receipts are compared bit for bit. With FILE its policy judges the recorded runs of the policy of its name (or
those of --of), and those that end otherwise are listed; inputs go to it by name, and the world stays the one of
the recorded runs.
Exits 0 where nothing differs, 4 where something does, 1 where there was nothing to decide.")]
pub(crate) struct ReplayArgs {
    /// The policy to judge by: source or .eclb bytecode; `-` is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<String>,
    /// The store
    #[arg(long, value_name = "DIR")]
    pub(crate) db: String,
    /// Which policy of FILE; else the only one, or the one named `main`
    #[arg(long, value_name = "NAME", requires = "file")]
    pub(crate) policy: Option<String>,
    /// Only recorded runs of the policy of this name
    #[arg(long, value_name = "NAME")]
    pub(crate) of: Option<String>,
    /// The first event, by the numbers that `ecl db log` prints
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) from: u64,
    /// The last event
    #[arg(long, value_name = "N")]
    pub(crate) to: Option<u64>,
    /// The standard input `now`, in Unix seconds, in place of the recorded one
    #[arg(long, value_name = "SECONDS", value_parser = seconds, allow_negative_numbers = true)]
    pub(crate) now: Option<f64>,
}

/// Keep a state on disk: make a store, fill it, read it
#[derive(Subcommand, Debug)]
pub(crate) enum DbCommand {
    /// Make an empty store in a directory
    #[command(after_help = "Examples:\n  ecl db init world.db")]
    Init(DbArgs),
    /// Bring a state file into a store, all of it or nothing
    #[command(
        after_help = "Examples:\n  ecl db import world.db world.json\n  ecl db export a.db | ecl db import b.db -"
    )]
    Import(DbImportArgs),
    /// Print what a store holds as a state file
    #[command(after_help = "Examples:\n  ecl db export world.db > world.json")]
    Export(DbArgs),
    /// Print the events of a store, one a line
    #[command(
        after_help = "Examples:\n  ecl db log world.db\n  ecl db log world.db --since 1000 --format json"
    )]
    Log(DbLogArgs),
    /// Drop the oldest events of a store's log, and the requests recorded with them
    #[command(
        after_help = "Examples:\n  ecl db prune world.db --keep-events 100000\n  ecl db prune world.db --keep-bytes 1000000000 --compact\n\n\
            The world stays as it is, and events keep their numbers. The room is used again for what comes;\n\
            --compact gives it back to the file system."
    )]
    Prune(DbPruneArgs),
}

/// Which store.
#[derive(Args, Debug)]
pub(crate) struct DbArgs {
    /// The directory of the store
    #[arg(value_name = "DIR")]
    pub(crate) directory: String,
}

/// Which store, and what comes in.
#[derive(Args, Debug)]
pub(crate) struct DbImportArgs {
    #[command(flatten)]
    pub(crate) db: DbArgs,
    /// The state file; `-` is standard input
    #[arg(value_name = "STATE.json")]
    pub(crate) state: String,
}

/// Which store, and from where on.
#[derive(Args, Debug)]
pub(crate) struct DbLogArgs {
    #[command(flatten)]
    pub(crate) db: DbArgs,
    /// The number of the first event that is printed [default: the first there is]
    #[arg(long, value_name = "N")]
    pub(crate) since: Option<u64>,
}

/// Which store, and what stays.
#[derive(Args, Debug)]
pub(crate) struct DbPruneArgs {
    #[command(flatten)]
    pub(crate) db: DbArgs,
    /// Keep at most so many events
    #[arg(long, value_name = "N", required_unless_present = "keep_bytes")]
    pub(crate) keep_events: Option<u64>,
    /// Keep at most so many bytes of events and recorded requests
    #[arg(long, value_name = "N")]
    pub(crate) keep_bytes: Option<u64>,
    /// Give free room back to the file system, which takes time by the size of the store
    #[arg(long)]
    pub(crate) compact: bool,
}

/// Print completions for a shell
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ecl completions bash > ~/.local/share/bash-completion/completions/ecl
  ecl completions zsh > ~/.zfunc/_ecl
  ecl completions fish > ~/.config/fish/completions/ecl.fish")]
pub(crate) struct CompletionsArgs {
    /// Which shell
    #[arg(value_enum, value_name = "SHELL")]
    pub(crate) shell: Shell,
}

/// Print the man page, of `ecl` or of one command
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ecl man > ~/.local/share/man/man1/ecl.1
  ecl man batch | man -l -")]
pub(crate) struct ManArgs {
    /// A command; all of `ecl` where it is not given
    #[arg(value_name = "COMMAND")]
    pub(crate) command: Option<String>,
}

fn did(text: &str) -> Result<String, String> {
    match Did::new(text) {
        Some(did) => Ok(did.as_str().to_owned()),
        None => Err("not a DID, which looks like did:method:id".to_owned()),
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds.is_finite() => Ok(seconds),
        _ => Err("not a number of seconds".to_owned()),
    }
}
