//! Trust decisions over a real web of trust, replayed rating by rating.
//!
//! ```text
//! cargo run --release --example ratings -- RATINGS.csv
//! ```
//! `RATINGS.csv` has lines `source,target,weight,time`: who rated whom, how (a whole number from -10 to 10, never 0), and
//! when (Unix seconds), sorted by time. The Bitcoin OTC web of trust has this form
//! (<https://snap.stanford.edu/data/soc-sign-bitcoin-otc.html>).
//!
//! Each rating becomes a question, asked a moment before it was given: should `source` deal with `target` now? The policy in
//! `ratings.ecl` answers all of them as one batch, and what it said is held against the rating that followed. Its
//! thresholds were set by hand with this data in view, so the table describes; it does not forecast. Nor is every bad
//! rating news: once a fraud is known, many say so, and the later ones are easy to foresee.
//!
//! # The target's trust vector
//!
//! Made of the `n` ratings that the target had received before, of which `good` were positive:
//!
//! | component | what it says | formula |
//! |---|---|---|
//! | `r` | reliability: how likely a rating is good | `(good + 1) / (n + 2)`, the mean under a uniform Beta prior |
//! | `i` | integrity: how few call it a fraud | `1 - (ratings of -5 or less) / (n + 1)` |
//! | `c` | contentment: how well it is rated | mean weight, -10 to 10 mapped to 0 to 1; 0.5 without any |
//! | `p` | prominence: how many know it | `ln(1 + raters) / ln(1 + 100)`, at most 1 |
//! | `v` | of late: as `r`, with ratings that fade | each counts `2^(-age / 180 days)` in place of 1 |
//! | `omega` | weight of the witnesses | mean of the raters' own `r` when they rated; 0.5 without any |
//!
//! Requests also say how many ratings there were (`ratings`), how many members that the asker had rated well had rated the
//! target well (`vouched`) or badly (`warned`), and what the target had said of the asker (`answer`).

use eclvm::Policy;
use eclvm::batch::{Batch, BatchOptions, Column, RequestColumns, Summary};
use eclvm::kernel::budget::BudgetLimits;
use eclvm::kernel::receipt::Receipt;
use eclvm::kernel::value::ValueRef;
use std::collections::HashMap;
use std::fmt;
use std::process::ExitCode;
use std::time::Instant;

const POLICY: &str = include_str!("ratings.ecl");
/// Seconds after which a rating counts half.
const HALF_LIFE: f64 = 180.0 * 86_400.0;
/// Raters from which on a member could not be more prominent.
const PROMINENT: f64 = 100.0;
/// A warning this strong says fraud, not disappointment.
const STRONG_WARNING: f64 = -5.0;

/// One line of the file.
#[derive(Clone, Copy, Debug)]
struct Rating {
    source: u32,
    target: u32,
    weight: f64,
    time: f64,
}

/// What is wrong with a line.
struct BadLine {
    line: usize,
    what: String,
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

fn parse(text: &str) -> Result<Vec<Rating>, BadLine> {
    let mut ratings: Vec<Rating> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || (index == 0 && line.eq_ignore_ascii_case("source,target,weight,time")) {
            continue;
        }
        let bad = |what: String| BadLine { line: index + 1, what };
        let rating = rating(line).map_err(bad)?;
        if ratings.last().is_some_and(|last| last.time > rating.time) {
            return Err(bad("earlier than the line before; the file must be sorted by time".to_owned()));
        }
        ratings.push(rating);
    }
    Ok(ratings)
}

fn rating(line: &str) -> Result<Rating, String> {
    let mut fields = line.split(',').map(str::trim);
    let [Some(source), Some(target), Some(weight), Some(time), None] = std::array::from_fn(|_| fields.next())
    else {
        return Err("not of the form `source,target,weight,time`".to_owned());
    };
    let member = |text: &str| text.parse::<u32>().map_err(|_| format!("`{text}` is no member's number"));
    let number = |text: &str| match text.parse::<f64>() {
        Ok(x) if x.is_finite() => Ok(x),
        _ => Err(format!("`{text}` is no number")),
    };
    let rating = Rating {
        source: member(source)?,
        target: member(target)?,
        weight: number(weight)?,
        time: number(time)?,
    };
    if rating.weight == 0.0 || rating.weight.fract() != 0.0 || rating.weight.abs() > 10.0 {
        return Err(format!("`{weight}` is no weight: a whole number from -10 to 10, and not 0"));
    }
    Ok(rating)
}

/// What is known of a member from the ratings so far.
#[derive(Clone, Debug, Default)]
struct Member {
    /// Ratings received, and what they add up to.
    received: f64,
    good: f64,
    strong_warnings: f64,
    weights: f64,
    /// Ratings that fade, as of `faded_at`.
    faded: f64,
    faded_good: f64,
    faded_at: f64,
    /// The raters' own `r`, added up.
    witnesses: f64,
    /// The last weight of each rater.
    raters: HashMap<u32, f64>,
}

impl Member {
    fn r(&self) -> f64 {
        (self.good + 1.0) / (self.received + 2.0)
    }
    /// How much of the faded sums is left at `now`.
    fn left(&self, now: f64) -> f64 {
        (-(now - self.faded_at) / HALF_LIFE).exp2()
    }
    /// r, i, c, p, v, omega, as the module's text defines them.
    fn trust(&self, now: f64) -> [f64; 6] {
        let left = self.left(now);
        let mean = |sum: f64| if self.received > 0.0 { sum / self.received } else { 0.5 };
        [
            self.r(),
            1.0 - self.strong_warnings / (self.received + 1.0),
            if self.received > 0.0 { (mean(self.weights) + 10.0) / 20.0 } else { 0.5 },
            ((self.raters.len() as f64).ln_1p() / PROMINENT.ln_1p()).min(1.0),
            (self.faded_good * left + 1.0) / (self.faded * left + 2.0),
            mean(self.witnesses),
        ]
    }
    fn receive(&mut self, rating: &Rating, witness: f64) {
        let good = f64::from(u8::from(rating.weight > 0.0));
        let left = self.left(rating.time);
        self.faded = self.faded * left + 1.0;
        self.faded_good = self.faded_good * left + good;
        self.faded_at = rating.time;
        self.received += 1.0;
        self.good += good;
        self.strong_warnings += f64::from(u8::from(rating.weight <= STRONG_WARNING));
        self.weights += rating.weight;
        self.witnesses += witness;
        self.raters.insert(rating.source, rating.weight);
    }
}

/// Requests, one a rating, by column.
#[derive(Default)]
struct Questions {
    trust: [Vec<f64>; 6],
    ratings: Vec<f64>,
    vouched: Vec<f64>,
    warned: Vec<f64>,
    answer: Vec<ValueRef<'static>>,
}

impl Questions {
    /// Replays the ratings: each question is asked before its own rating counts.
    fn of(ratings: &[Rating]) -> Questions {
        let mut members: HashMap<u32, Member> = HashMap::new();
        // Whom a member has rated well.
        let mut trusted: HashMap<u32, Vec<u32>> = HashMap::new();
        let mut questions = Questions::default();
        let nobody = Member::default();
        for rating in ratings {
            let target = members.get(&rating.target).unwrap_or(&nobody);
            let asker = members.get(&rating.source).unwrap_or(&nobody);
            for (column, component) in questions.trust.iter_mut().zip(target.trust(rating.time)) {
                column.push(component);
            }
            let known = trusted.get(&rating.source).map_or(&[][..], Vec::as_slice);
            let said = || known.iter().filter_map(|member| target.raters.get(member));
            questions.ratings.push(target.received);
            questions.vouched.push(said().filter(|weight| **weight > 0.0).count() as f64);
            questions.warned.push(said().filter(|weight| **weight < 0.0).count() as f64);
            questions
                .answer
                .push(asker.raters.get(&rating.target).map_or(ValueRef::Null, |w| ValueRef::Number(*w)));

            let witness = asker.r();
            let again = target.raters.contains_key(&rating.source);
            members.entry(rating.target).or_default().receive(rating, witness);
            if rating.weight > 0.0 && !again {
                trusted.entry(rating.source).or_default().push(rating.target);
            }
        }
        questions
    }
    fn columns<'a>(&'a self, policy: &Policy) -> Result<RequestColumns<'a>, eclvm::batch::ColumnError> {
        RequestColumns::new(policy, self.ratings.len())
            .with("target", Column::Trust(self.trust.each_ref().map(Vec::as_slice)))?
            .with("ratings", Column::Numbers(&self.ratings))?
            .with("vouched", Column::Numbers(&self.vouched))?
            .with("warned", Column::Numbers(&self.warned))?
            .with("answer", Column::Values(&self.answer))
    }
}

/// Decisions against the ratings that followed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Table {
    allowed_good: u64,
    allowed_bad: u64,
    denied_good: u64,
    denied_bad: u64,
}

impl Table {
    fn of(ratings: &[Rating], receipts: &[Receipt]) -> Table {
        let mut table = Table::default();
        for (rating, receipt) in ratings.iter().zip(receipts) {
            // What is not allowed is denied, whatever the reason.
            *match (receipt.passed(), rating.weight > 0.0) {
                (true, true) => &mut table.allowed_good,
                (true, false) => &mut table.allowed_bad,
                (false, true) => &mut table.denied_good,
                (false, false) => &mut table.denied_bad,
            } += 1;
        }
        table
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Table { allowed_good, allowed_bad, denied_good, denied_bad } = *self;
        let percent = |part: u64, of: u64| 100.0 * part as f64 / of.max(1) as f64;
        let (good, bad) = (allowed_good + denied_good, allowed_bad + denied_bad);
        let (allowed, denied) = (allowed_good + allowed_bad, denied_good + denied_bad);
        writeln!(f, "            rated well  rated badly")?;
        writeln!(f, "allowed     {allowed_good:>10}  {allowed_bad:>11}")?;
        writeln!(f, "denied      {denied_good:>10}  {denied_bad:>11}")?;
        writeln!(f, "base rate   {:>6.2} % of all ratings are bad", percent(bad, good + bad))?;
        writeln!(f, "allowed     {:>6.2} % of these were rated badly", percent(allowed_bad, allowed))?;
        writeln!(f, "precision   {:>6.2} % of the denied were rated badly", percent(denied_bad, denied))?;
        writeln!(f, "recall      {:>6.2} % of the bad ratings were denied", percent(denied_bad, bad))?;
        write!(f, "cost        {:>6.2} % of the good ratings were denied", percent(denied_good, good))
    }
}

/// Decides all of them as one batch.
fn decide(ratings: &[Rating]) -> Result<(Table, Summary), String> {
    let policy = Policy::compile(POLICY).map_err(|error| error.to_string())?;
    let questions = Questions::of(ratings);
    let columns = questions.columns(&policy).map_err(|error| error.to_string())?;
    let options = BatchOptions { limits: BudgetLimits::MINIMAL, ..BatchOptions::default() };
    let mut batch = Batch::new(&policy, options).map_err(|error| error.to_string())?;
    let receipts =
        batch.run(&columns).map_err(|(_, cut)| format!("the batch ended at request {}", cut.at))?;
    Ok((Table::of(ratings, &receipts), batch.summary().clone()))
}

fn run() -> Result<(), String> {
    let mut args = std::env::args_os().skip(1);
    let (Some(file), None) = (args.next(), args.next()) else {
        return Err(
            "usage: ratings RATINGS.csv   (lines `source,target,weight,time`, sorted by time)".to_owned()
        );
    };
    let name = file.to_string_lossy().into_owned();
    let text = std::fs::read_to_string(&file).map_err(|error| {
        format!(
            "cannot read `{name}`: {error}\nit should hold lines `source,target,weight,time`, such as those of the \
             Bitcoin OTC web of trust: https://snap.stanford.edu/data/soc-sign-bitcoin-otc.html"
        )
    })?;
    let ratings = parse(&text).map_err(|bad| format!("`{name}`, {bad}"))?;
    let began = Instant::now();
    let (table, summary) = decide(&ratings)?;
    let took = began.elapsed();
    let Summary { requests, allow, deny, fault, exhausted, cost, busy_ns, .. } = summary;
    println!(
        "{requests} requests: {allow} allow, {deny} deny, {fault} fault, {exhausted} exhausted; gas {cost}"
    );
    println!("{table}");
    // Times differ from run to run, all else does not.
    let rate = requests as f64 / (busy_ns.max(1) as f64 / 1e9);
    eprintln!("{rate:.0} decisions per second; {:.1} ms with the trust vectors", took.as_secs_f64() * 1e3);
    Ok(())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ratings: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str =
        "source,target,weight,time\n1,2,5,100.5\n3,2,-10,200\n1,3,2,300\n2,3,-1,400\n4,2,1,500\n1,2,3,600\n";

    #[test]
    fn questions_know_only_what_was_said_before() {
        let ratings = parse(SMALL).unwrap_or_default();
        let questions = Questions::of(&ratings);
        assert_eq!(questions.ratings, [0.0, 1.0, 0.0, 1.0, 2.0, 3.0]);
        // Nobody has said anything of 2 before the first rating.
        let first = questions.trust.each_ref().map(|column| column[0]);
        assert_eq!(first, [0.5, 1.0, 0.5, 0.0, 0.5, 0.5]);
        // Before the fifth: +5 and -10 of two raters, who had not been rated when they rated.
        let fifth = questions.trust.each_ref().map(|column| column[4]);
        let near = |a: f64, b: f64| (a - b).abs() < 1e-6;
        assert!(near(fifth[0], 0.5) && near(fifth[1], 1.0 - 1.0 / 3.0) && near(fifth[2], 0.375));
        assert!(near(fifth[3], 3f64.ln() / 101f64.ln()) && near(fifth[4], 0.5) && near(fifth[5], 0.5));
        // 1 has rated 3 well, and 3 warns of 2; 3 has rated 2 badly before 2 rates 3.
        assert_eq!(questions.warned, [0.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
        assert_eq!(questions.vouched, [0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(questions.answer[3], ValueRef::Number(-10.0));
        assert_eq!(questions.answer[0], ValueRef::Null);
        assert!(questions.trust.iter().flatten().all(|x| (0.0..=1.0).contains(x)));
    }

    #[test]
    fn every_rating_is_decided_and_counted_once() {
        let ratings = parse(SMALL).unwrap_or_default();
        let (table, summary) = decide(&ratings).expect("decided");
        assert_eq!((summary.allow, summary.deny, summary.fault, summary.exhausted), (4, 2, 0, 0));
        assert_eq!(table, Table { allowed_good: 3, allowed_bad: 1, denied_good: 1, denied_bad: 1 });
    }

    #[test]
    fn bad_lines_are_named() {
        let message = |text: &str| parse(text).err().map(|bad| bad.to_string()).unwrap_or_default();
        assert!(message("1,2,5,100\n1,2,0,200\n").starts_with("line 2: `0` is no weight"));
        assert!(message("1,2,5,100\n1,2,5,99\n").starts_with("line 2: earlier"));
        assert!(message("1,2,5\n").starts_with("line 1: not of the form"));
        assert!(message("1,2,5,inf\n").starts_with("line 1: `inf` is no number"));
        assert!(message("x,2,5,1\n").starts_with("line 1: `x` is no member's number"));
    }
}
