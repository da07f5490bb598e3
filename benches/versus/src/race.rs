//! Contenders take turns, so that whatever else the machine does falls on all of them alike.

use std::time::Instant;

/// The workloads, as they are named in tables.
pub const WORKLOADS: [&str; 5] = ["W1", "W2", "W3", "W4", "W5"];

/// How an engine comes by its inputs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Given {
    /// They are there before the clock starts, as the engine likes them best.
    Ready,
    /// They are made from a request's struct within the time.
    FromStruct,
}

impl Given {
    pub fn name(self) -> &'static str {
        match self {
            Given::Ready => "ready",
            Given::FromStruct => "from structs",
        }
    }
}

/// Somebody who decides.
pub struct Contender<'d> {
    pub engine: &'static str,
    pub given: Given,
    /// How many requests a round decides, from the first one on; the slow ones decide fewer.
    pub requests: usize,
    /// Sets the bits of those that pass.
    pub decide: Box<dyn FnMut(&mut [u64]) + 'd>,
}

/// What was measured: nanoseconds per decision (of W5, per round of its loop), one for each turn.
pub struct Lane {
    pub engine: &'static str,
    pub given: Given,
    pub workload: &'static str,
    pub turns: Vec<f64>,
}

impl Lane {
    pub fn least(&self) -> f64 {
        self.turns.first().copied().unwrap_or(f64::NAN)
    }
    pub fn median(&self) -> f64 {
        self.turns.get(self.turns.len() / 2).copied().unwrap_or(f64::NAN)
    }
    pub fn most(&self) -> f64 {
        self.turns.last().copied().unwrap_or(f64::NAN)
    }
}

/// Sets the bits of those of `n` for which `pass` holds.
pub fn bits(out: &mut [u64], n: usize, mut pass: impl FnMut(usize) -> bool) {
    for (at, word) in out.iter_mut().enumerate().take(n.div_ceil(64)) {
        let last = n.min(at * 64 + 64);
        *word = (at * 64..last).fold(0, |w, i| w | u64::from(pass(i)) << (i % 64));
    }
}

/// Lets all decide once and compares, then lets them take turns. `units` is what a decision counts as.
pub fn race(workload: &'static str, mut all: Vec<Contender<'_>>, turns: usize, units: f64) -> Vec<Lane> {
    let most = all.iter().map(|c| c.requests).max().unwrap_or(0);
    let mut reference = vec![0u64; most.div_ceil(64)];
    if let Some(first) = all.first_mut() {
        assert_eq!(first.requests, most, "the first contender decides all requests");
        (first.decide)(&mut reference);
    }
    let share = reference.iter().map(|w| w.count_ones()).sum::<u32>();
    eprintln!("{workload}: {:.1} % of {most} pass", f64::from(share) * 100.0 / most as f64);
    let mut out = vec![0u64; reference.len()];
    for c in &mut all {
        assert!(c.requests.is_multiple_of(64));
        out.fill(0);
        (c.decide)(&mut out);
        let words = c.requests / 64;
        assert!(
            out[..words] == reference[..words],
            "{workload}: {} ({}) decides otherwise",
            c.engine,
            c.given.name()
        );
    }
    let mut lanes: Vec<Lane> = all
        .iter()
        .map(|c| Lane { engine: c.engine, given: c.given, workload, turns: Vec::with_capacity(turns) })
        .collect();
    for _ in 0..turns {
        for (c, lane) in all.iter_mut().zip(&mut lanes) {
            let began = Instant::now();
            (c.decide)(std::hint::black_box(&mut out));
            lane.turns.push(began.elapsed().as_nanos() as f64 / c.requests as f64 / units);
        }
    }
    for lane in &mut lanes {
        lane.turns.sort_by(f64::total_cmp);
        eprintln!(
            "  {:<12} {:<13} {:>9.2} {:>9.2} {:>9.2} ns",
            lane.engine,
            lane.given.name(),
            lane.least(),
            lane.median(),
            lane.most()
        );
    }
    lanes
}
