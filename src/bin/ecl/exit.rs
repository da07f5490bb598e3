//! How a command ends: the exit codes, and what is said when it could not do what it was asked.

use crate::args::Format;
use crate::diagnostics::Rejected;
use crate::output;
use eclvm::kernel::fault::Outcome;
use serde::Serialize;
use std::io;

/// The exit codes of `ecl`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Allowed, or done.
    Done = 0,
    /// Could not do it: files, threads, an interrupt.
    Failed = 1,
    /// Wrong usage.
    Usage = 2,
    /// An invalid policy, input or bytecode.
    Invalid = 3,
    /// Denied.
    Denied = 4,
    /// A fault, or a limit.
    Stopped = 5,
}

impl From<Exit> for u8 {
    fn from(exit: Exit) -> u8 {
        exit as u8
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> std::process::ExitCode {
        std::process::ExitCode::from(u8::from(exit))
    }
}

impl Exit {
    /// The exit code of a run.
    pub(crate) fn of(outcome: Outcome) -> Exit {
        match outcome {
            Outcome::Allow => Exit::Done,
            Outcome::Deny => Exit::Denied,
            Outcome::Fault(_) | Outcome::Exhausted(_) => Exit::Stopped,
        }
    }
}

/// Why a command could not do what it was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A sentence, and the exit code.
    Message(Exit, String),
    /// A source that does not compile.
    Source(Box<Rejected>),
    /// All is said already, or nobody listens.
    Quiet(Exit),
}

/// What a command comes to.
pub(crate) type Done = Result<Exit, Failure>;

/// A failure as JSON.
#[derive(Serialize)]
struct ErrorJson<'a> {
    error: &'a str,
    exit: u8,
}

impl Failure {
    /// Files, threads and the like.
    pub(crate) fn failed(message: impl Into<String>) -> Failure {
        Failure::Message(Exit::Failed, message.into())
    }
    /// Wrong usage.
    pub(crate) fn usage(message: impl Into<String>) -> Failure {
        Failure::Message(Exit::Usage, message.into())
    }
    /// What was given is invalid.
    pub(crate) fn invalid(message: impl Into<String>) -> Failure {
        Failure::Message(Exit::Invalid, message.into())
    }
    /// An I/O error while doing something to a file: `cannot read x.ecl: no such file or directory`.
    pub(crate) fn io(doing: &str, name: &str, error: &io::Error) -> Failure {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Failure::Quiet(Exit::Failed);
        }
        Failure::failed(format!("cannot {doing} `{name}`: {}", plain_io(error)))
    }
    /// The exit code.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Failure::Message(exit, _) | Failure::Quiet(exit) => *exit,
            Failure::Source(_) => Exit::Invalid,
        }
    }
    /// Says it on stderr.
    pub(crate) fn report(self, format: Format) -> Exit {
        match (&self, format) {
            (Failure::Message(_, text), Format::Text) => output::complain(text),
            (Failure::Message(exit, text), Format::Json) => {
                output::talk_json(&ErrorJson { error: text, exit: u8::from(*exit) });
            }
            (Failure::Source(rejected), Format::Text) => output::talk(&rejected.text()),
            (Failure::Source(rejected), Format::Json) => {
                rejected.json().iter().for_each(output::talk_json);
            }
            (Failure::Quiet(_), _) => {}
        }
        self.exit()
    }
}

/// The system's words, without their number, in lower case.
pub(crate) fn plain_io(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::IsADirectory {
        return "it is a directory".to_owned();
    }
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}
