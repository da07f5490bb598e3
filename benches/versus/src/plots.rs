//! Pictures: how long a decision takes by batch size, by how many pass the first condition, by threads; what metering costs.
//!
//! Each point is the median of so many turns; the lines of a picture take turns at each point. Beside `NAME.svg` goes
//! `NAME.tsv` with the least, the median and the most of each point, in nanoseconds per decision.

mod chart;

use crate::data::{Rng, norm, square};
use crate::ours;
use chart::{Chart, Line, Point};
use eclvm::Policy;
use eclvm::batch::{Batch, BatchOptions, Column, Decisions, Engine, RequestColumns};
use eclvm::kernel::request::{Env, Request};
use eclvm::kernel::value::{TrustVector, ValueRef};
use eclvm::kernel::vm::Vm;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Instant;

pub fn draw(turns: usize, out: Option<PathBuf>) {
    let out = out.unwrap_or_else(|| PathBuf::from("docs/perf"));
    std::fs::create_dir_all(&out).unwrap_or_else(|e| panic!("{}: {e}", out.display()));
    batch_size(turns, &out);
    selectivity(turns, &out);
    scaling(turns, &out);
    metering(turns, &out);
}

/// Nanoseconds for each job, `turns` times in turn; a job is repeated until a turn takes long enough to be timed.
fn turns_of(turns: usize, jobs: &mut [Box<dyn FnMut() + '_>]) -> Vec<Vec<f64>> {
    const ENOUGH_NS: u128 = 300_000;
    let mut times = vec![Vec::with_capacity(turns); jobs.len()];
    let repeats: Vec<u32> = jobs
        .iter_mut()
        .map(|job| {
            job();
            let began = Instant::now();
            job();
            (ENOUGH_NS / began.elapsed().as_nanos().max(1)).clamp(1, 100_000) as u32
        })
        .collect();
    for _ in 0..turns {
        for ((job, times), repeats) in jobs.iter_mut().zip(&mut times).zip(&repeats) {
            let began = Instant::now();
            for _ in 0..*repeats {
                job();
            }
            times.push(began.elapsed().as_nanos() as f64 / f64::from(*repeats));
        }
    }
    times
}

/// Columns of the transfer policy.
struct Transfers {
    amount: Vec<f64>,
    balance: Vec<f64>,
    from: [Vec<f64>; 6],
    to: [Vec<f64>; 6],
    kyc: Vec<bool>,
}

const NONE: &[ValueRef<'static>] = &[];
const KYC: &[ValueRef<'static>] = &[ValueRef::Text("kyc")];

impl Transfers {
    /// So many, of which `share` have a positive amount: the policy's first condition.
    fn new(n: usize, share: f64) -> Transfers {
        let mut rng = Rng::new();
        let mut all = Transfers {
            amount: Vec::new(),
            balance: Vec::new(),
            from: Default::default(),
            to: Default::default(),
            kyc: Vec::new(),
        };
        for _ in 0..n {
            let positive = rng.below(1_000_000) < (share * 1e6) as usize;
            let amount = (1 + rng.below(9_000)) as f64;
            all.amount.push(if positive { amount } else { -amount });
            all.balance.push((1_000 + rng.below(20_000)) as f64);
            for (from, to) in all.from.iter_mut().zip(&mut all.to) {
                let x = rng.component(250, 900);
                from.push(x);
                to.push((x + rng.component(0, 300) - 0.15).clamp(0.0, 1.0));
            }
            all.kyc.push(rng.below(2) == 0);
        }
        all
    }
    fn lists(&self) -> Vec<ValueRef<'static>> {
        self.kyc.iter().map(|kyc| ValueRef::Array(if *kyc { KYC } else { NONE })).collect()
    }
    fn columns<'d>(&'d self, policy: &Policy, lists: &'d [ValueRef<'d>]) -> RequestColumns<'d> {
        let six = |c: &'d [Vec<f64>; 6]| Column::Trust(c.each_ref().map(Vec::as_slice));
        RequestColumns::new(policy, self.amount.len())
            .with("amount", Column::Numbers(&self.amount))
            .and_then(|c| c.with("balance", Column::Numbers(&self.balance)))
            .and_then(|c| c.with("from", six(&self.from)))
            .and_then(|c| c.with("to", six(&self.to)))
            .and_then(|c| c.with("credentials", Column::Values(lists)))
            .unwrap()
            .prepare(false)
    }
    fn by_hand(&self) -> usize {
        let vector = |c: &[Vec<f64>; 6], i: usize| TrustVector(c.each_ref().map(|c| c[i]));
        (0..self.amount.len())
            .filter(|i| {
                let (from, to) = (vector(&self.from, *i), vector(&self.to, *i));
                self.amount[*i] > 0.0
                    && self.amount[*i] <= self.balance[*i]
                    && norm(&from) >= 0.4
                    && norm(&to) >= 0.3
                    && (self.amount[*i] <= 5_000.0 || self.kyc[*i])
                    && square(&from, &to).sqrt() < 0.3
            })
            .count()
    }
}

fn options<'e>(threads: usize, engine: Engine) -> BatchOptions<'e> {
    BatchOptions { threads, engine, ..BatchOptions::default() }
}

fn passed(decisions: &Decisions) -> usize {
    decisions.passed_bits().iter().map(|w| w.count_ones() as usize).sum()
}

/// Lanes, scalar and by hand over the same columns: nanoseconds per decision.
fn three(turns: usize, transfers: &Transfers) -> [Vec<f64>; 3] {
    let policy = Policy::compile(ours::W3).unwrap();
    let lists = transfers.lists();
    let columns = transfers.columns(&policy, &lists);
    let mut lanes = Batch::new(&policy, options(1, Engine::Lanes)).unwrap();
    let mut scalar = Batch::new(&policy, options(1, Engine::Scalar)).unwrap();
    let (mut one, mut two) = (Decisions::default(), Decisions::default());
    lanes.decide_into(&columns, &mut one).unwrap();
    scalar.decide_into(&columns, &mut two).unwrap();
    assert_eq!(one.passed_bits(), two.passed_bits());
    assert_eq!(passed(&one), transfers.by_hand());
    let mut jobs: Vec<Box<dyn FnMut() + '_>> = vec![
        Box::new(|| lanes.decide_into(black_box(&columns), &mut one).unwrap()),
        Box::new(|| scalar.decide_into(black_box(&columns), &mut two).unwrap()),
        Box::new(|| {
            black_box(transfers.by_hand());
        }),
    ];
    let n = transfers.amount.len() as f64;
    let times = turns_of(turns, &mut jobs);
    let mut per: Vec<Vec<f64>> =
        times.into_iter().map(|times| times.into_iter().map(|t| t / n).collect()).collect();
    std::array::from_fn(|at| std::mem::take(&mut per[at]))
}

const THREE: [&str; 3] = ["lanes engine", "scalar engine", "by hand, over the same columns"];

fn batch_size(turns: usize, out: &Path) {
    let mut lines = THREE.map(Line::new);
    for exponent in 0..=17 {
        let n = 1usize << exponent;
        for (line, times) in lines.iter_mut().zip(three(turns, &Transfers::new(n, 0.9))) {
            line.points.push(Point::of(n as f64, times));
        }
    }
    Chart {
        title: "The transfer policy (W3) by batch size",
        x: "requests in a batch",
        y: "ns per decision",
        logarithmic: (true, true),
        lines: lines.into(),
    }
    .write(out, "batch-size");
}

fn selectivity(turns: usize, out: &Path) {
    let mut lines = THREE.map(Line::new);
    for percent in [0, 1, 5, 10, 25, 50, 75, 90, 95, 99, 100] {
        let transfers = Transfers::new(65_536, f64::from(percent) / 100.0);
        for (line, times) in lines.iter_mut().zip(three(turns, &transfers)) {
            line.points.push(Point::of(f64::from(percent), times));
        }
    }
    Chart {
        title: "The transfer policy (W3) by how many pass its first condition",
        x: "% of requests that pass the first condition",
        y: "ns per decision",
        logarithmic: (false, false),
        lines: lines.into(),
    }
    .write(out, "selectivity");
}

fn scaling(turns: usize, out: &Path) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let transfers = Transfers::new(1 << 18, 0.9);
    let (w3, w5) = (Policy::compile(ours::W3).unwrap(), Policy::compile(ours::W5).unwrap());
    let lists = transfers.lists();
    let columns = transfers.columns(&w3, &lists);
    let seeds: Vec<f64> = (0..131_072).map(|i| f64::from(i % 16_384) * 0.7).collect();
    let loops =
        RequestColumns::new(&w5, seeds.len()).with("seed", Column::Numbers(&seeds)).unwrap().prepare(false);
    let names = ["W3, lanes engine", "W3, scalar engine", "W5, lanes engine", "linear"];
    let mut lines = names.map(Line::new);
    let counts: Vec<usize> = (0..).map(|k| 1 << k).take_while(|n| *n <= cores).collect();
    // All numbers of threads of all lines take turns.
    let mut batches: Vec<(usize, Batch<'_>, &RequestColumns<'_>, Decisions)> = Vec::new();
    for threads in &counts {
        for (policy, engine, columns) in
            [(&w3, Engine::Lanes, &columns), (&w3, Engine::Scalar, &columns), (&w5, Engine::Lanes, &loops)]
        {
            let batch = Batch::new(policy, options(*threads, engine)).unwrap();
            batches.push((*threads, batch, columns, Decisions::default()));
        }
    }
    let mut jobs: Vec<Box<dyn FnMut() + '_>> = batches
        .iter_mut()
        .map(|(_, batch, columns, decisions)| -> Box<dyn FnMut() + '_> {
            Box::new(|| batch.decide_into(black_box(*columns), decisions).unwrap())
        })
        .collect();
    let times = turns_of(turns, &mut jobs);
    let median = |times: &[f64]| {
        let mut times = times.to_vec();
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    let ones: Vec<f64> = times.iter().take(3).map(|times| median(times)).collect();
    for (at, times) in times.iter().enumerate() {
        let threads = counts[at / 3] as f64;
        let speedups = times.iter().map(|t| ones[at % 3] / t).collect();
        lines[at % 3].points.push(Point::of(threads, speedups));
    }
    for threads in counts {
        lines[3].points.push(Point::of(threads as f64, vec![threads as f64]));
    }
    Chart {
        title: "Threads",
        x: "threads",
        y: "times as fast as one thread",
        logarithmic: (false, false),
        lines: lines.into(),
    }
    .write(out, "scaling");
}

/// Single runs with and without the meter, for policies of growing length: so many conditions, one after the other.
fn metering(turns: usize, out: &Path) {
    let mut lines = ["metered", "without meter"].map(Line::new);
    for conditions in [1, 2, 4, 8, 16, 32, 64, 128] {
        let body: String =
            (0..conditions).map(|k| format!("require a * 0.5 + {k} >= b, \"no\";\n")).collect();
        let policy = Policy::compile(&format!("policy p(a: number, b: number) {{ {body} }}")).unwrap();
        let inputs = [ValueRef::Number(20.0), ValueRef::Number(3.0)];
        let (request, env) = (Request::new(&inputs), Env::default());
        let (mut metered, mut unmetered) = (Vm::new(), Vm::new());
        assert!(metered.run(policy.executable(), &request, &env).passed());
        let mut jobs: Vec<Box<dyn FnMut() + '_>> = vec![
            Box::new(|| {
                black_box(metered.run(black_box(policy.executable()), black_box(&request), &env));
            }),
            Box::new(|| {
                black_box(unmetered.run_unmetered(black_box(policy.executable()), black_box(&request), &env));
            }),
        ];
        for (line, times) in lines.iter_mut().zip(turns_of(turns, &mut jobs)) {
            line.points.push(Point::of(f64::from(conditions), times));
        }
    }
    Chart {
        title: "Metering: a single run of so many conditions",
        x: "conditions (a multiplication, an addition, a comparison each)",
        y: "ns per run",
        logarithmic: (true, true),
        lines: lines.into(),
    }
    .write(out, "metering");
}
