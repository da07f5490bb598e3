//! `batches --cases 100000 [--seed N] [--writing] [--keep-going]`: decides generated batches on 1, 2, 3 and 8 threads and one request
//! after the other, and compares receipts, budgets and the world that is left. With `--writing`, of policies that write what others
//! read. Exit code 1 where they differ.

use eclvm_testkit::batches::Batches;
use std::process::ExitCode;
use std::time::Instant;

struct Flags {
    cases: u64,
    seed: u64,
    keep_going: bool,
    writing: bool,
}

fn flags() -> Result<Flags, String> {
    let mut flags = Flags { cases: 100_000, seed: 0, keep_going: false, writing: false };
    let mut args = std::env::args().skip(1);
    while let Some(flag) = args.next() {
        if flag == "--keep-going" {
            flags.keep_going = true;
            continue;
        }
        if flag == "--writing" {
            flags.writing = true;
            continue;
        }
        let value = args.next().ok_or_else(|| format!("`{flag}` wants a number"))?;
        let value: u64 = value.replace('_', "").parse().map_err(|_| format!("`{value}` is no number"))?;
        match flag.as_str() {
            "--cases" => flags.cases = value,
            "--seed" => flags.seed = value,
            _ => return Err(format!("unknown flag `{flag}`")),
        }
    }
    Ok(flags)
}

fn main() -> ExitCode {
    let flags = match flags() {
        Ok(flags) => flags,
        Err(error) => {
            eprintln!("batches: {error}");
            return ExitCode::from(2);
        }
    };
    let started = Instant::now();
    let mut batches = Batches::default();
    let (mut seed, mut differences, mut told) = (flags.seed, 0u64, 0);
    while batches.seen.batches < flags.cases {
        let came = if flags.writing { batches.run_writing(seed) } else { batches.run(seed) };
        if let Some(Err(what)) = came {
            differences += 1;
            if differences <= 10 {
                println!("{what}\n");
            }
            if !flags.keep_going {
                break;
            }
        }
        seed = seed.wrapping_add(1);
        let done = batches.seen.batches;
        if done / 10_000 > told {
            told = done / 10_000;
            eprintln!("{done} batches, {:.0} per second", done as f64 / started.elapsed().as_secs_f64());
        }
    }
    let seen = &batches.seen;
    println!("{} requests: {:?}", seen.requests, seen.outcomes);
    println!(
        "budgets ran out inside {} batches; {} of policies that write, {} under nested budgets",
        seen.ran_out_inside, seen.wrote, seen.nested
    );
    println!("{} requests were speculated on, {} of them overtaken", seen.guessed[0], seen.guessed[1]);
    println!("{} batches, {differences} differences, {:.1} s", seen.batches, started.elapsed().as_secs_f64());
    ExitCode::from(u8::from(differences > 0))
}
