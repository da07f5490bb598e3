//! Side by side: the same decisions by eclvm, by hand and by other engines, in one run, taking turns.
//!
//! ```sh
//! cargo run --release --manifest-path benches/versus/Cargo.toml -- table [--turns N] [--out docs/perf/versus.md]
//! cargo run --release --manifest-path benches/versus/Cargo.toml --no-default-features -- plots [--turns N] [--out docs/perf]
//! ```
//!
//! `table` compares W1 to W5 across engines; all decisions are compared before any clock starts. `plots` draws how long a
//! decision takes by batch size, by how many pass the first condition, by threads, and what metering costs; beside each
//! picture goes a file with its numbers.

mod by_hand;
mod data;
#[cfg(feature = "others")]
mod others;
mod ours;
mod plots;
mod race;
mod table;

use std::path::PathBuf;

fn main() {
    let mut args = std::env::args().skip(1);
    let what = args.next().unwrap_or_default();
    let (mut turns, mut out) = (None, None);
    while let Some(flag) = args.next() {
        let value = args.next();
        match (flag.as_str(), value) {
            ("--turns", Some(n)) => turns = n.parse::<usize>().ok().filter(|n| *n > 0),
            ("--out", Some(path)) => out = Some(PathBuf::from(path)),
            _ => usage(),
        }
    }
    match what.as_str() {
        "table" => table::write(turns.unwrap_or(15), out),
        "plots" => plots::draw(turns.unwrap_or(15), out),
        _ => usage(),
    }
}

fn usage() -> ! {
    eprintln!("usage: eclvm-versus table|plots [--turns N] [--out PATH]");
    std::process::exit(2);
}
