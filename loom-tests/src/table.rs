//! Explores the models on all cores, prints how it went, and keeps MODELS.md.

use crate::model::{Model, Twin};
use std::fmt::Write as _;
use std::process::ExitCode;
use std::sync::Mutex;

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/MODELS.md");
/// Seconds that one model may take: short runs, long runs.
const SECONDS: (u64, u64) = (240, 7_200);

fn models() -> Vec<&'static Model> {
    let protocols: &[&'static [Model]] = &[
        crate::door::MODELS,
        crate::wide::MODELS,
        crate::budget::MODELS,
        crate::publish::MODELS,
        crate::mana::MODELS,
        crate::registry::MODELS,
        crate::ledger::MODELS,
        crate::multigas::MODELS,
        crate::event::MODELS,
    ];
    protocols.iter().copied().flatten().collect()
}

struct Row {
    model: &'static Model,
    executions: u64,
    seconds: f64,
    red: Option<String>,
    twin: String,
}

fn explore(model: &'static Model, long: bool) -> Row {
    let seconds = if long { SECONDS.1 } else { SECONDS.0 };
    let explored = model.check(long, seconds);
    let twin = model.check_twin(seconds);
    let bound = if long { model.long_bound } else { model.bound };
    let too_small = match (model.threads, bound) {
        (2, Some(_)) => Some("two threads must be explored completely".to_owned()),
        (3.., Some(bound)) if bound < 3 => Some("three threads need a bound of 3 or more".to_owned()),
        _ => None,
    };
    let red = explored.failure.or(twin.as_ref().err().cloned()).or(too_small);
    Row {
        model,
        executions: explored.executions,
        seconds: explored.seconds,
        red,
        twin: twin.unwrap_or_default(),
    }
}

/// Explores what the arguments ask for.
pub(crate) fn run() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|a| a == flag);
    let (long, write) = (has("--long"), has("--write"));
    let wanted: Vec<&String> = arguments.iter().filter(|a| !a.starts_with("--")).collect();
    let chosen: Vec<&'static Model> = models()
        .into_iter()
        .filter(|model| wanted.is_empty() || wanted.iter().any(|part| model.name.contains(part.as_str())))
        .collect();
    // Panics of twins are expected; what they say is caught.
    std::panic::set_hook(Box::new(|_| {}));
    let rows = Mutex::new(Vec::new());
    let next = Mutex::new(chosen.iter().copied());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, |n| n.get()) {
            scope.spawn(|| {
                loop {
                    let model = next.lock().ok().and_then(|mut models| models.next());
                    let Some(model) = model else { return };
                    let row = explore(model, long);
                    match &row.red {
                        None => println!(
                            "ok   {} ({} executions, {:.1} s; twin {})",
                            model.name, row.executions, row.seconds, row.twin
                        ),
                        Some(why) => println!("RED  {}: {why}", model.name),
                    }
                    if let Ok(mut rows) = rows.lock() {
                        rows.push(row);
                    }
                }
            });
        }
    });
    let mut rows = rows.into_inner().unwrap_or_default();
    rows.sort_by_key(|row| chosen.iter().position(|m| m.name == row.model.name));
    let red = rows.iter().filter(|row| row.red.is_some()).count();
    println!("{} models, {red} red", rows.len());
    if write && red == 0 && wanted.is_empty() {
        if let Err(error) = std::fs::write(TABLE, render(&rows, long)) {
            println!("cannot write {TABLE}: {error}");
            return ExitCode::FAILURE;
        }
    } else if wanted.is_empty() && !names_stand_in_table(&rows) {
        println!("MODELS.md does not list these models: run again with --write");
        return ExitCode::FAILURE;
    }
    if red == 0 && !rows.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn names_stand_in_table(rows: &[Row]) -> bool {
    let text = std::fs::read_to_string(TABLE).unwrap_or_default();
    let listed = text.lines().filter(|line| line.starts_with("| `")).count();
    listed == rows.len() && rows.iter().all(|row| text.contains(&format!("| `{}` |", row.model.name)))
}

fn render(rows: &[Row], long: bool) -> String {
    let mut text = String::from(
        "# Models\n\nMade by `RUSTFLAGS=\"--cfg loom --cfg crossbeam_loom\" cargo run -p eclvm-loom-tests --release --target-dir target/loom -- --write`; do not edit.\n\
         \"complete\" means that loom explored every execution within the bound on preemptions (\"all\": no bound).\n\
         \"witnesses\": whether loads that loom forgets are remembered (README.md); without them some orders are not tried.\n\n\
         | model | what must hold | threads | bound | executions | complete | witnesses | seconds | twin |\n|---|---|---|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let model = row.model;
        let bound = if long { model.long_bound } else { model.bound };
        let bound = bound.map_or_else(|| "all".to_owned(), |n| n.to_string());
        let witnesses = if model.has_witnesses() { "yes" } else { "no" };
        let twin = match model.twin {
            Twin::Without(step, _) => format!("without \"{step}\": {}", row.twin),
            _ => row.twin.clone(),
        };
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {bound} | {} | yes | {witnesses} | {:.1} | {twin} |",
            model.name, model.holds, model.threads, row.executions, row.seconds
        );
    }
    text
}
