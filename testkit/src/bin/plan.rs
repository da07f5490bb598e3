//! Prints each line of the plan's checklist (docs/plan.md) with the tests that show it: `cargo run -p eclvm-testkit --bin
//! plan`. Fails where a line has none, or a test names no line.

use eclvm_testkit::checklist::Report;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    match Report::read(&root) {
        Ok(report) => {
            print!("{report}");
            if report.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
