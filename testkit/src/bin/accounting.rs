//! `accounting [--requests N] [--rounds N] [--portion N]`: what a shared budget costs a batch, and what a second thread brings.
//!
//! In each round the same requests are decided on one thread and on two, with a budget and without, in an order that changes;
//! least and median of each, per request, of the whole batch in portions that share their room, and of one large portion.
//!
//! `--only NAME` takes one policy. `accounting --count budget|none [--threads N] [--requests N]` does one of them once and nothing else, to be counted:
//! the difference of two runs' instructions under `valgrind --tool=callgrind`, divided by the requests, is free of noise.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a measurement that cannot start should stop"
)]

use eclvm::Policy;
use eclvm::batch::{Batch, BatchOptions, Column, Engine, RequestColumns};
use eclvm_kernel::budget::{Budget, BudgetLimits};
use eclvm_kernel::request::Request;
use eclvm_kernel::value::{TrustVector, ValueRef};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

struct Flags {
    requests: usize,
    portion: usize,
    rounds: usize,
    threads: usize,
    count: Option<bool>,
    only: String,
}

fn flags() -> Result<Flags, String> {
    let mut flags = Flags {
        requests: 1 << 20,
        portion: 1 << 16,
        rounds: 31,
        threads: 1,
        count: None,
        only: String::new(),
    };
    let mut args = std::env::args().skip(1);
    while let Some(flag) = args.next() {
        let value = args.next().ok_or_else(|| format!("`{flag}` wants a value"))?;
        let number =
            || value.replace('_', "").parse::<usize>().map_err(|_| format!("`{value}` is no number"));
        match flag.as_str() {
            "--requests" => flags.requests = number()?.max(1),
            "--portion" => flags.portion = number()?.max(1),
            "--rounds" => flags.rounds = number()?.max(1),
            "--threads" => flags.threads = number()?,
            "--only" => flags.only.clone_from(&value),
            "--count" => flags.count = Some(value == "budget"),
            _ => return Err(format!("unknown flag `{flag}`")),
        }
    }
    Ok(flags)
}

/// A policy and its requests, by row for the scalar engine or by column for the lanes engine.
struct Work {
    name: &'static str,
    text: &'static str,
    columns: bool,
}

const WORK: [Work; 3] = [
    Work { name: "trust.r >= 0.5, rows", text: "trust.r >= 0.5", columns: false },
    Work {
        name: "five rules, rows",
        text: "policy p(amount: number) {
            require amount >= 0; require amount <= 1000; require trust.r >= 0.1;
            require trust_norm(trust) >= 0.5; require floor(amount) == amount; }",
        columns: false,
    },
    Work { name: "amount <= 100, columns", text: "amount <= 100", columns: true },
];

fn budget() -> Arc<Budget> {
    Arc::new(Budget::new(BudgetLimits { gas_limit: u64::MAX / 2, ..BudgetLimits::UNBOUNDED }))
}

/// Nanoseconds that a request takes.
fn time(policy: &Policy, work: &Work, flags: &Flags, threads: usize, shared: bool, portion: usize) -> f64 {
    let trust = TrustVector([0.8, 0.7, 0.6, 0.5, 0.4, 0.3]);
    let amounts: Vec<f64> = (0..portion).map(|n| (n % 200) as f64).collect();
    let rows: Vec<[ValueRef<'_>; 1]> = amounts.iter().map(|amount| [ValueRef::Number(*amount)]).collect();
    let inputs = policy.inputs().len();
    let requests: Vec<Request<'_>> = rows
        .iter()
        .map(|row| Request {
            trust: ValueRef::Trust(&trust),
            ..Request::new(row.get(..inputs).unwrap_or(&[]))
        })
        .collect();
    let engine = if work.columns { Engine::Lanes } else { Engine::Scalar };
    let options = BatchOptions { budget: shared.then(budget), threads, engine, ..BatchOptions::default() };
    let mut batch = Batch::new(policy, options).expect("threads");
    let mut room = Vec::new();
    let columns = RequestColumns::new(policy, portion);
    let columns = if work.columns {
        columns.with("amount", Column::Numbers(&amounts)).expect("a column")
    } else {
        columns
    };
    let mut decide = |batch: &mut Batch<'_>| {
        let done = if work.columns {
            batch.run_into(&columns, &mut room)
        } else {
            batch.run_into(requests.as_slice(), &mut room)
        };
        done.expect("no cut");
    };
    let portions = flags.requests.div_ceil(portion);
    // Portions that share their room: the first has it made.
    if portions > 1 {
        decide(&mut batch);
    }
    let began = Instant::now();
    (0..portions).for_each(|_| decide(&mut batch));
    began.elapsed().as_nanos() as f64 / (portions * portion) as f64
}

fn quantile(times: &mut [f64], part: f64) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(((times.len() - 1) as f64 * part) as usize).copied().unwrap_or(f64::NAN)
}

fn main() -> ExitCode {
    let flags = match flags() {
        Ok(flags) => flags,
        Err(error) => {
            eprintln!("accounting: {error}");
            return ExitCode::from(2);
        }
    };
    for work in WORK.iter().filter(|work| work.name.contains(&flags.only)) {
        let policy = Policy::compile(work.text).expect("it compiles");
        if let Some(shared) = flags.count {
            time(&policy, work, &flags, flags.threads, shared, flags.portion);
            continue;
        }
        println!("{}: ns per request, least / median of {} rounds", work.name, flags.rounds);
        for (how, portion) in
            [("portions that share their room", flags.portion), ("one portion", flags.requests)]
        {
            let mut times = [const { Vec::new() }; 4];
            let (mut adds, mut gains) = ([const { Vec::new() }; 2], [const { Vec::new() }; 2]);
            for round in 0..flags.rounds {
                let mut here = [0.0; 4];
                for step in 0..4 {
                    // Who goes first changes: 0 and 1 on one thread, 2 and 3 on two; odd ones with a budget.
                    let which = (step + round) % 4;
                    here[which] = time(&policy, work, &flags, 1 + which / 2, which % 2 == 1, portion);
                }
                for which in 0..4 {
                    times[which].push(here[which]);
                }
                for at in 0..2 {
                    adds[at].push(here[2 * at + 1] - here[2 * at]);
                    gains[at].push(here[at] / here[2 + at]);
                }
            }
            let [a, b, c, d] = times.each_mut().map(|times| (quantile(times, 0.0), quantile(times, 0.5)));
            println!("  {how}");
            println!(
                "    1 thread : {:6.2} / {:6.2} without, {:6.2} / {:6.2} with a budget",
                a.0, a.1, b.0, b.1
            );
            println!(
                "    2 threads: {:6.2} / {:6.2} without, {:6.2} / {:6.2} with a budget",
                c.0, c.1, d.0, d.1
            );
            for (at, threads) in [(0, "1 thread "), (1, "2 threads")] {
                let least = if at == 0 { b.0 - a.0 } else { d.0 - c.0 };
                let [q1, q2, q3] = [0.25, 0.5, 0.75].map(|part| quantile(&mut adds[at], part));
                println!(
                    "    the budget adds on {threads}: {least:.2} of the least, [{q1:.2} {q2:.2} {q3:.2}] of pairs"
                );
            }
            for (at, what) in [(0, "without"), (1, "with")] {
                let least = if at == 0 { a.0 / c.0 } else { b.0 / d.0 };
                let [q1, q2, q3] = [0.25, 0.5, 0.75].map(|part| quantile(&mut gains[at], part));
                println!(
                    "    two threads are, {what}: {least:.2} times one of the least, [{q1:.2} {q2:.2} {q3:.2}] of pairs"
                );
            }
        }
    }
    ExitCode::SUCCESS
}
