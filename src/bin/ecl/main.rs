//! `ecl`, the command line of eclvm. Parse, resolve, run; one file per command.
//!
//! Data goes to stdout, talk to stderr. What a command could not do comes back as a [`Failure`](exit::Failure) and is
//! reported here, once; the exit codes stand in `exit`.

mod args;
mod batch;
mod check;
mod compile;
mod context;
mod db;
mod diagnostics;
mod disasm;
mod eval;
mod event_json;
mod exit;
mod gas;
mod input;
mod manual;
mod output;
mod place;
mod replay;
mod run;
mod show;
mod source;
mod trace;

use args::{Cli, Command};
use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Cli { format, command } = Cli::parse();
    let done = match command {
        Command::Check(args) => check::run(&args, format),
        Command::Eval(args) => eval::run(&args, format),
        Command::Run(args) => run::run(&args, format),
        Command::Batch(args) => batch::run(&args, format),
        Command::Compile(args) => compile::run(&args, format),
        Command::Disasm(args) => disasm::run(&args, format),
        Command::Gas(args) => gas::run(&args, format),
        Command::Replay(args) => replay::run(&args, format),
        Command::Db(command) => db::run(&command, format),
        Command::Completions(args) => manual::completions(&args),
        Command::Man(args) => manual::man(&args),
    };
    done.unwrap_or_else(|failure| failure.report(format)).into()
}
