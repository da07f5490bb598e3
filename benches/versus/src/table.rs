//! W1 to W5 across engines, as a table.

use crate::data::{Data, data};
use crate::race::{Contender, Given, Lane, WORKLOADS, race};
use crate::{by_hand, ours};
use std::fmt::Write as _;
use std::path::PathBuf;

/// Rounds of W5's loop: its figures are per round.
const ROUNDS: f64 = 1_000.0;

fn contenders(w: usize, data: &Data) -> Vec<Contender<'_>> {
    let mut all = match w {
        1 => by_hand::w1(data),
        2 => by_hand::w2(data),
        3 => by_hand::w3(data),
        4 => by_hand::w4(data),
        _ => by_hand::w5(data),
    };
    all.extend(match w {
        1 => ours::w1(data),
        2 => ours::w2(data),
        3 => ours::w3(data),
        4 => ours::w4(data),
        _ => ours::w5(data),
    });
    #[cfg(feature = "others")]
    all.extend(crate::others::contenders(w, data));
    all
}

pub fn write(turns: usize, out: Option<PathBuf>) {
    let data = data();
    let mut lanes = Vec::new();
    for (at, name) in WORKLOADS.into_iter().enumerate() {
        let units = if name == "W5" { ROUNDS } else { 1.0 };
        let turns = if name == "W5" { turns.div_ceil(3) } else { turns };
        lanes.extend(race(name, contenders(at + 1, &data), turns, units));
    }
    let text = table(&lanes, turns);
    match out {
        Some(path) => std::fs::write(&path, text).unwrap_or_else(|e| panic!("{}: {e}", path.display())),
        None => print!("{text}"),
    }
}

fn figure(x: f64) -> String {
    if x < 10.0 {
        format!("{x:.2}")
    } else if x < 100.0 {
        format!("{x:.1}")
    } else {
        format!("{x:.0}")
    }
}

fn table(lanes: &[Lane], turns: usize) -> String {
    let mut text = String::from("# Side by side\n\n");
    let _ = writeln!(
        text,
        "Nanoseconds per decision (W5: per round of its loop), one thread: the median of {turns} turns (W5: a third of that), in \
         brackets the least. All take turns in one process, and all decisions were compared before. Machine: {}.\n",
        machine()
    );
    text.push_str("| engine | inputs | W1 | W2 | W3 | W4 | W5 |\n|---|---|---|---|---|---|---|\n");
    let mut seen: Vec<(&str, Given)> = Vec::new();
    for lane in lanes {
        if !seen.contains(&(lane.engine, lane.given)) {
            seen.push((lane.engine, lane.given));
        }
    }
    for (engine, given) in seen {
        let _ = write!(text, "| {engine} | {} |", given.name());
        for name in WORKLOADS {
            let lane = lanes.iter().find(|l| (l.engine, l.given, l.workload) == (engine, given, name));
            let _ = match lane {
                Some(lane) => write!(text, " {} ({}) |", figure(lane.median()), figure(lane.least())),
                None => write!(text, " - |"),
            };
        }
        text.push('\n');
    }
    text.push_str(
        "\n\"ready\": inputs are there before the clock starts, as each engine likes them best (columns with texts as ids; contexts; \
         records in memory). \"from structs\": they are made of a struct per request within the time. The policies are in \
         `benches/versus/src`.\n",
    );
    text
}

/// Processor, as the system names it.
fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split(':').nth(1));
    let wide =
        ["avx512f", "avx2"].into_iter().find(|flag| info.contains(flag)).unwrap_or("no wide registers");
    format!("{}, {wide}", model.map_or("unknown", str::trim))
}
