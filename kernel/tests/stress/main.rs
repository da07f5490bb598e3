//! The kernel's shared protocols under load, where loom ends: several threads, real time, real memory, and every sum
//! checked to the unit each time they meet.
//!
//! `cargo test -p eclvm-kernel --test stress` is a short run. `cargo test --release -p eclvm-kernel --test stress -- --ops
//! 1000000000` makes so many operations in all; `--threads N` (4), `--seed N`, `--only NAME` for one protocol.
//!
//! Rings of 4, registers of 2 slots, leases of 2 and tables of 4 accounts make rare paths common. Built with
//! `RUSTFLAGS="--cfg eclvm_weakened"`, `--without STEP` leaves out one step of a protocol (`eclvm_kernel::sync::weakened`):
//! then the run must fail.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod accounts;
mod budget;
mod crew;
mod records;
mod ring;
mod words;

use crew::{Injected, Load};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Instant;

/// A protocol, its share of all operations in hundredths, and a round of it: about so many operations, on threads that meet
/// at its end. A round says how many operations it made.
struct Protocol {
    name: &'static str,
    share: u64,
    round: fn(&Load) -> u64,
}

const PROTOCOLS: &[Protocol] = &[
    Protocol { name: "budget: nested leases, refunds, panics", share: 6, round: budget::nested },
    Protocol { name: "budget: exactly enough", share: 3, round: budget::exactly_enough },
    Protocol { name: "budget: the first reason", share: 4, round: budget::first_reason },
    Protocol { name: "wide register", share: 20, round: words::wide },
    Protocol { name: "ledger", share: 14, round: records::ledger },
    Protocol { name: "multigas: totals and realms", share: 14, round: records::multigas },
    Protocol { name: "multigas: prices", share: 10, round: words::prices },
    Protocol { name: "multigas: quotas", share: 5, round: accounts::quotas },
    Protocol { name: "mana account", share: 10, round: accounts::account },
    Protocol { name: "mana table", share: 4, round: accounts::table },
    Protocol { name: "published versions", share: 2, round: words::published },
    Protocol { name: "event ring", share: 6, round: ring::ring },
    Protocol { name: "telemetry", share: 2, round: records::telemetry },
];

struct Flags {
    ops: u64,
    threads: usize,
    seed: u64,
    only: String,
    without: String,
}

fn flags() -> Result<Flags, String> {
    let mut flags =
        Flags { ops: 2_000_000, threads: 4, seed: 1, only: String::new(), without: String::new() };
    let mut args = std::env::args().skip(1);
    while let Some(flag) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("`{flag}` wants a value"));
        let number =
            |text: String| text.replace('_', "").parse::<u64>().map_err(|_| format!("`{text}` is no number"));
        match flag.as_str() {
            "--ops" => flags.ops = number(value()?)?,
            "--threads" => flags.threads = (number(value()?)? as usize).clamp(2, 64),
            "--seed" => flags.seed = number(value()?)?,
            "--only" => flags.only = value()?,
            "--without" => flags.without = value()?,
            // What runners of tests say to all of them.
            _ => {}
        }
    }
    Ok(flags)
}

fn weaken(step: &str) -> Result<(), String> {
    #[cfg(eclvm_weakened)]
    eclvm_kernel::sync::weaken(step.to_owned().leak());
    if cfg!(eclvm_weakened) || step.is_empty() {
        return Ok(());
    }
    Err("`--without` wants a build with RUSTFLAGS=\"--cfg eclvm_weakened\"".to_owned())
}

fn main() -> ExitCode {
    if std::env::args().any(|arg| arg == "--list") {
        return ExitCode::SUCCESS;
    }
    let flags = match flags().and_then(|flags| weaken(&flags.without).map(|()| flags)) {
        Ok(flags) => flags,
        Err(error) => {
            eprintln!("stress: {error}");
            return ExitCode::from(2);
        }
    };
    Injected::keep_quiet();
    let began = Instant::now();
    let (mut all, mut red) = (0, 0);
    for protocol in PROTOCOLS.iter().filter(|protocol| protocol.name.contains(&flags.only)) {
        let wanted = if flags.only.is_empty() { flags.ops / 100 * protocol.share } else { flags.ops };
        // Long enough that threads which begin one after the other still meet.
        let ops = (wanted / 4).clamp(100_000, 4_000_000);
        let (started, mut done, mut rounds) = (Instant::now(), 0, 0u64);
        let ended = catch_unwind(AssertUnwindSafe(|| {
            while done < wanted {
                let seed = flags.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(rounds);
                done += (protocol.round)(&Load { threads: flags.threads, seed, ops });
                rounds += 1;
            }
        }));
        let (word, seconds) = (if ended.is_ok() { "ok  " } else { "RED " }, started.elapsed().as_secs_f64());
        println!("{word} {:<42} {done:>11} operations, {rounds:>6} rounds, {seconds:.1} s", protocol.name);
        red += usize::from(ended.is_err());
        all += done;
    }
    println!(
        "{all} operations on {} threads, {red} protocols red, {:.1} s",
        flags.threads,
        began.elapsed().as_secs_f64()
    );
    ExitCode::from(u8::from(red > 0))
}
