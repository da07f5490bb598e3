//! The summary of a batch, in words and as JSON.

use crate::args::Format;
use crate::exit::Failure;
use crate::output::{self, BOLD, DIM, RESET};
use crate::show;
use eclvm::batch::Summary;
use eclvm::kernel::budget::BudgetSnapshot;
use serde::Serialize;
use std::fmt::Write;

/// A summary, ready to be printed. Its order of keys is that of the JSON.
#[derive(Serialize)]
pub(super) struct Report {
    requests: u64,
    allow: u64,
    deny: u64,
    fault: u64,
    exhausted: u64,
    gas: GasJson,
    mana: u64,
    seconds: f64,
    decisions_per_second: f64,
    /// By the names that `--engine` has for them; `both` where each decided some.
    engine: &'static str,
    threads: usize,
    latency_ns: LatencyJson,
    budget: Option<BudgetJson>,
    /// Why the scalar engine decided any, where it was not asked for. In words only: the JSON's keys are promised.
    #[serde(skip)]
    why_scalar: Option<&'static str>,
}

#[derive(Serialize)]
struct GasJson {
    network: u64,
    compute: u64,
    storage: u64,
    realm: u64,
    cost: u64,
}

#[derive(Serialize)]
struct LatencyJson {
    p50: u64,
    p90: u64,
    p99: u64,
    p999: u64,
    max: u64,
}

/// The shared budget at the end; null where there is no limit.
#[derive(Serialize)]
struct BudgetJson {
    gas_limit: Option<u64>,
    gas_used: u64,
    gas_reserved: u64,
    gas_left: Option<u64>,
    mana_limit: Option<u64>,
    mana_used: u64,
    mana_reserved: u64,
    mana_left: Option<u64>,
    timeout_ms: Option<u64>,
    reason: Option<&'static str>,
}

/// Where a batch was cut, on stderr.
#[derive(Serialize)]
pub(super) struct CutJson {
    pub(super) cut: u64,
    pub(super) reason: &'static str,
}

impl Report {
    pub(super) fn new(
        summary: &Summary,
        threads: usize,
        seconds: f64,
        budget: Option<BudgetSnapshot>,
    ) -> Report {
        let latency = summary.latency();
        let gas = summary.gas;
        Report {
            requests: summary.requests,
            allow: summary.allow,
            deny: summary.deny,
            fault: summary.fault,
            exhausted: summary.exhausted,
            gas: GasJson {
                network: gas.network,
                compute: gas.compute,
                storage: gas.storage,
                realm: gas.realm,
                cost: summary.cost,
            },
            mana: summary.mana,
            seconds,
            decisions_per_second: if seconds > 0.0 { summary.requests as f64 / seconds } else { 0.0 },
            engine: match summary.engines.name() {
                "lanes" => "vector",
                name => name,
            },
            why_scalar: summary.engines.why_scalar,
            threads,
            latency_ns: LatencyJson {
                p50: latency.p50,
                p90: latency.p90,
                p99: latency.p99,
                p999: latency.p999,
                max: latency.max,
            },
            budget: budget.map(budget_json),
        }
    }

    /// Prints it: on stdout, unless the receipts have that.
    pub(super) fn print(&self, format: Format, to_stderr: bool) -> Result<(), Failure> {
        match (format, to_stderr) {
            (Format::Json, false) => output::json(self),
            (Format::Text, false) => output::styled(&self.text()),
            (Format::Json, true) => {
                output::talk_json(self);
                Ok(())
            }
            (Format::Text, true) => {
                output::talk(&self.text());
                Ok(())
            }
        }
    }

    fn text(&self) -> String {
        let mut out = String::new();
        let time = show::time(self.seconds * 1e9);
        let (rate, engine, threads) = (self.decisions_per_second, self.engine, self.threads);
        let word = if threads == 1 { "thread" } else { "threads" };
        let _ = writeln!(
            out,
            "{BOLD}{} requests{RESET} in {time}: {rate:.0} per second {DIM}({engine} engine, {threads} {word}){RESET}",
            self.requests
        );
        if let Some(why) = self.why_scalar {
            let _ = writeln!(out, "  {DIM}one by one, because {why}{RESET}");
        }
        for (name, count) in
            [("allow", self.allow), ("deny", self.deny), ("fault", self.fault), ("exhausted", self.exhausted)]
        {
            let percent = if self.requests > 0 { count as f64 * 100.0 / self.requests as f64 } else { 0.0 };
            let _ = writeln!(out, "  {name:<10} {count:>12}  {DIM}{percent:>5.1} %{RESET}");
        }
        let gas = &self.gas;
        let _ = writeln!(
            out,
            "  {:<10} {:>12}  {DIM}network {}, compute {}, storage {}, realm {}{RESET}",
            "gas", gas.cost, gas.network, gas.compute, gas.storage, gas.realm
        );
        let _ = writeln!(out, "  {:<10} {:>12}", "mana", self.mana);
        if self.requests > 0 {
            let l = &self.latency_ns;
            let [p50, p90, p99, p999, max] =
                [l.p50, l.p90, l.p99, l.p999, l.max].map(|ns| show::time(ns as f64));
            let _ = writeln!(
                out,
                "  {:<10} {p50:>12}  {DIM}half are faster; p90 {p90}, p99 {p99}, p99.9 {p999}, max {max}{RESET}",
                "latency"
            );
        }
        if let Some(budget) = &self.budget {
            let _ = writeln!(out, "  {:<10} {}", "budget", budget.text());
        }
        out
    }
}

impl BudgetJson {
    fn text(&self) -> String {
        let mut parts = Vec::new();
        for (what, used, limit) in
            [("gas", self.gas_used, self.gas_limit), ("mana", self.mana_used, self.mana_limit)]
        {
            if let Some(limit) = limit {
                parts.push(format!("{what} {used} of {limit} used"));
            }
        }
        if let Some(ms) = self.timeout_ms {
            parts.push(format!("at most {ms} ms"));
        }
        if let Some(reason) = self.reason {
            parts.push(format!("ended by {reason}"));
        }
        parts.join(", ")
    }
}

fn budget_json(snapshot: BudgetSnapshot) -> BudgetJson {
    let limited = |n: u64, limit: u64| (limit != u64::MAX).then_some(n);
    let limits = snapshot.limits;
    BudgetJson {
        gas_limit: limited(limits.gas_limit, limits.gas_limit),
        gas_used: snapshot.gas_used,
        gas_reserved: snapshot.gas_reserved,
        gas_left: limited(snapshot.gas_left, limits.gas_limit),
        mana_limit: limited(limits.mana_limit, limits.mana_limit),
        mana_used: snapshot.mana_used,
        mana_reserved: snapshot.mana_reserved,
        mana_left: limited(snapshot.mana_left, limits.mana_limit),
        timeout_ms: limited(limits.timeout_ms, limits.timeout_ms),
        reason: snapshot.reason.map(|reason| reason.name()),
    }
}
