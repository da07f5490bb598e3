//! `differential --cases 1000000 [--seed N] [--threads 2] [--keep-going]`: compares the engine with the reference on
//! generated cases. Exit code 1 where they differ.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "test support: a broken promise must stop the test that found it"
)]

use eclvm_testkit::reference::with_room;
use eclvm_testkit::runner::{Totals, Worker};
use eclvm_testkit::shrink::shrink;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

struct Flags {
    cases: u64,
    seed: u64,
    threads: u64,
    keep_going: bool,
}

fn flags() -> Result<Flags, String> {
    let mut flags = Flags { cases: 1_000_000, seed: 0, threads: 2, keep_going: false };
    let mut args = std::env::args().skip(1);
    while let Some(flag) = args.next() {
        if flag == "--keep-going" {
            flags.keep_going = true;
            continue;
        }
        let value = args.next().ok_or_else(|| format!("`{flag}` wants a number"))?;
        let value: u64 = value.replace('_', "").parse().map_err(|_| format!("`{value}` is no number"))?;
        match flag.as_str() {
            "--cases" => flags.cases = value,
            "--seed" => flags.seed = value,
            "--threads" => flags.threads = value.max(1),
            _ => return Err(format!("unknown flag `{flag}`")),
        }
    }
    Ok(flags)
}

fn main() -> ExitCode {
    let flags = match flags() {
        Ok(flags) => flags,
        Err(error) => {
            eprintln!("differential: {error}");
            return ExitCode::from(2);
        }
    };
    // A panic is reported as a difference; the default hook would print each one on the way.
    std::panic::set_hook(Box::new(|_| {}));
    let started = Instant::now();
    let done = AtomicU64::new(0);
    let stop = AtomicBool::new(false);
    let found = Mutex::new(0u64);
    let work = |thread: u64| {
        let mut worker = Worker::default();
        let mut seed = flags.seed + thread;
        while done.load(Ordering::Relaxed) < flags.cases && !stop.load(Ordering::Relaxed) {
            let before = worker.totals.cases;
            if let Err(difference) = worker.run(seed) {
                let mut count = found.lock().unwrap();
                *count += 1;
                if *count <= 20 {
                    println!("{}", shrink(*difference));
                }
                stop.fetch_or(!flags.keep_going, Ordering::Relaxed);
            }
            let now = done.fetch_add(worker.totals.cases - before, Ordering::Relaxed);
            if now / 100_000 != (now + worker.totals.cases - before) / 100_000 {
                let rate = now as f64 / started.elapsed().as_secs_f64();
                eprintln!("{now} cases, {rate:.0} per second");
            }
            seed += flags.threads;
        }
        worker.totals
    };
    let mut totals = Totals::default();
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..flags.threads).map(|t| scope.spawn(move || with_room(|| work(t)))).collect();
        for thread in threads {
            totals.add(&thread.join().unwrap());
        }
    });
    let differences = *found.lock().unwrap();
    print_totals(&totals, started.elapsed().as_secs_f64());
    println!("{} cases, {differences} differences", totals.cases);
    ExitCode::from(u8::from(differences > 0))
}

fn print_totals(totals: &Totals, seconds: f64) {
    let share = |n: u64, of: u64| 100.0 * n as f64 / of.max(1) as f64;
    for (i, kind) in ["well typed", "half typed", "malformed"].iter().enumerate() {
        let (made, compiled) = (totals.sources[i], totals.compiled[i]);
        println!("{kind}: {made} sources, {compiled} compiled ({:.1} %)", share(compiled, made));
    }
    let runs: u64 = totals.outcomes.values().sum();
    let list = |names: &std::collections::BTreeMap<String, u64>, of: u64| {
        let parts: Vec<String> =
            names.iter().map(|(name, n)| format!("{name} {:.2} %", share(*n, of))).collect();
        parts.join(", ")
    };
    for how in ["allow", "deny", "fault", "exhausted"] {
        print!("{how} {:.1} %  ", share(totals.ended(how), runs));
    }
    println!("of {runs} runs");
    println!("in detail: {}", list(&totals.outcomes, runs));
    println!(
        "crossed {:.2} %, wrote {:.2} % of runs",
        share(totals.crossed, runs),
        share(totals.wrote, runs)
    );
    let ([planned, unplanned], [lanes, left]) = (totals.planned, totals.lanes);
    println!(
        "lanes: {:.1} % of policies have a plan; {lanes} requests in lanes, {:.1} % left to the scalar engine",
        share(planned, planned + unplanned),
        share(left, lanes)
    );
    println!("in sources: {}", list(&totals.features, totals.compiled.iter().sum()));
    println!(
        "{seconds:.1} s, {:.0} cases per second, {:.1} units of Compute per run",
        totals.cases as f64 / seconds,
        totals.compute as f64 / runs.max(1) as f64
    );
}
