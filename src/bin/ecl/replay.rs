//! `ecl replay`: recorded runs of a store, decided again, or judged by another policy.

use crate::args::{Format, ReplayArgs};
use crate::exit::{Done, Exit, Failure};
use crate::place::Places;
use crate::source::Source;
use crate::{context, output, show};
use eclvm::Policy;
use eclvm::durable::{ErynoaHost, ReplayOptions, ReplayTotals, ReplayedRun};
use eclvm::kernel::receipt::Receipt;
use eclvm::wire::write_receipt;
use serde::Serialize;
use serde_json::value::RawValue;

/// A run that does not end as it did.
#[derive(Serialize)]
struct DifferenceJson<'r> {
    n: u64,
    policy: &'r str,
    flips: bool,
    old: Box<RawValue>,
    new: Box<RawValue>,
}

#[derive(Serialize)]
struct SummaryJson {
    decided: u64,
    same: u64,
    flips: u64,
    unrecorded: u64,
    pruned: u64,
    timed: u64,
}

/// Runs the command.
pub(crate) fn run(args: &ReplayArgs, format: Format) -> Done {
    let source = args.file.as_deref().map(Source::load).transpose()?;
    let judge = source.as_ref().map(|source| source.select(args.policy.as_deref())).transpose()?;
    let of = args.of.as_deref().or(judge.map(Policy::name));
    let host = ErynoaHost::open_existing(&args.db).map_err(|error| context::no_store(&args.db, &error))?;
    let options = ReplayOptions {
        policy: judge,
        of,
        events: args.from..args.to.map_or(u64::MAX, |last| last.saturating_add(1)),
        now: args.now,
    };
    let text = source.as_ref().and_then(|source| Some((source.name.as_str(), source.text.as_deref()?)));
    let mut differ = 0u64;
    let mut failed = None;
    let totals = host.store().replay(&options, |run| {
        // Another policy is free to spend other gas: what counts is whether it decides otherwise.
        let differs = if judge.is_some() { run.flips() } else { !run.same };
        if differs && failed.is_none() {
            differ += 1;
            failed = tell(&run, judge, text, format).err();
        }
    });
    let totals = totals.map_err(|error| context::no_store(&args.db, &error))?;
    if let Some(failure) = failed {
        return Err(failure);
    }
    summary(&totals, differ, judge.is_some(), format)?;
    if totals.decided == 0 {
        let whose = of.map_or_else(String::new, |name| format!(" of a policy named `{name}`"));
        return Err(Failure::failed(format!(
            "there is no run{whose} to decide again; `run` and `batch` keep requests with --record"
        )));
    }
    Ok(if differ > 0 { Exit::Denied } else { Exit::Done })
}

fn tell(
    run: &ReplayedRun,
    judge: Option<&Policy>,
    source: Option<(&str, &str)>,
    format: Format,
) -> Result<(), Failure> {
    let (then, now) = (run.policy.program(), judge.unwrap_or(&run.policy).program());
    if format == Format::Json {
        let json = |program, receipt: &Receipt| {
            let mut out = Vec::with_capacity(256);
            write_receipt(&mut out, program, receipt, None, None);
            RawValue::from_string(String::from_utf8(out).unwrap_or_default())
                .map_err(|error| Failure::failed(error.to_string()))
        };
        return output::json(&DifferenceJson {
            n: run.number,
            policy: run.policy.name(),
            flips: run.flips(),
            old: json(then, &run.record.receipt)?,
            new: json(now, &run.receipt)?,
        });
    }
    let old = show::decision(then, &run.record.receipt);
    let new = show::decision(now, &run.receipt);
    let mut words = format!("event {}: was {old}, is {new}", run.number);
    if !run.flips() {
        words += " (the receipt differs)";
    }
    words.push('\n');
    if let Some(span) = run.record.receipt.span {
        words += &format!("  was decided at bytes {}..{} of the recorded source\n", span.start, span.end);
    }
    match (run.receipt.span, source) {
        (Some(span), Some((name, text))) => {
            let places = Places::new(text);
            let (line, column) = places.of(span.start);
            let excerpt = output::tame(&places.excerpt(span, 80));
            words += &format!("  is decided at {}:{line}:{column}: {excerpt}\n", output::tame(name));
        }
        (Some(span), None) => words += &format!("  is decided at bytes {}..{}\n", span.start, span.end),
        (None, _) => {}
    }
    output::styled(&words)
}

fn summary(totals: &ReplayTotals, differ: u64, judged: bool, format: Format) -> Result<(), Failure> {
    let ReplayTotals { decided, same, flips, unrecorded, pruned, timed } = *totals;
    if format == Format::Json {
        return output::json(&SummaryJson { decided, same, flips, unrecorded, pruned, timed });
    }
    let runs = if decided == 1 { "run" } else { "runs" };
    let mut words = match judged {
        true => format!("{decided} {runs} judged: {differ} end otherwise\n"),
        false => format!("{decided} {runs} decided again: {same} the same to the bit, {differ} differ\n"),
    };
    for (n, why) in [
        (unrecorded, "were not recorded"),
        (pruned, "saw a world that is no longer in the log"),
        (timed, "were ended by the clock or by somebody"),
    ] {
        if n > 0 {
            words += &format!("  {n} more {why}\n");
        }
    }
    output::styled(&words)
}
