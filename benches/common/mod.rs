//! Cases measured in turns: each once a round, in an order that changes, so that whatever else the machine does meets all of
//! them. What is told of each is the least, which other work can only raise, and the median.

use std::sync::Barrier;
use std::time::{Duration, Instant};

/// The time from when the first of `threads` has begun its `work` until the last is done. Threads that were not at work at the
/// same time take longer together for it: the least of many measurements is one in which they were.
pub(crate) fn together(threads: usize, work: impl Fn(usize) + Sync) -> Duration {
    let start = Barrier::new(threads);
    let times: Vec<(Instant, Instant)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|thread| {
                let (start, work) = (&start, &work);
                scope.spawn(move || {
                    start.wait();
                    let began = Instant::now();
                    work(thread);
                    (began, Instant::now())
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    let began = times.iter().map(|(began, _)| *began).min();
    let ended = times.iter().map(|(_, ended)| *ended).max();
    began.zip(ended).map_or(Duration::ZERO, |(began, ended)| ended - began)
}

/// Something to measure, and how: it answers with nanoseconds for one.
pub(crate) type Case<'c> = (String, Box<dyn FnMut() -> f64 + 'c>);

/// Measures the cases in turns and prints a line for each. Once each under `-- --test`; not at all where only benchmarks of
/// another name are asked for.
pub(crate) fn in_turns(title: &str, rounds: usize, mut cases: Vec<Case<'_>>) {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let named = args.iter().filter(|arg| !arg.starts_with('-')).any(|arg| !"turns".contains(arg.as_str()));
    if named {
        return;
    }
    let rounds = if args.iter().any(|arg| arg == "--test") { 1 } else { rounds };
    let mut times = vec![Vec::with_capacity(rounds); cases.len()];
    for round in 0..rounds {
        for step in 0..cases.len() {
            let which = (step + round) % cases.len();
            times[which].push(cases[which].1());
        }
    }
    println!("{title}, in turns, ns each: least, median, third quartile of {rounds} rounds");
    for ((name, _), times) in cases.iter().zip(&mut times) {
        times.sort_by(f64::total_cmp);
        let at = |part: usize| times[(times.len() - 1) * part / 4];
        println!("  {name:<48} {:8.2} {:8.2} {:8.2}", at(0), at(2), at(3));
    }
}
