//! Makes cases by the million and compares the engines on them.
//!
//! A seed makes a source; a source that compiles is run with two requests under four settings each: one roomy, three
//! tightened around what the roomy run took. A source that does not compile is one case by itself.

use crate::case::{Case, Setting};
use crate::compare::{Difference, Subject, compare};
use crate::generate::rng::Rng;
use crate::generate::{broken, given, program, setting, worlds};
use crate::lanes::{self, Ran};
use crate::reference::RefReceipt;
use crate::world::RefWorld;
use eclvm::batch::LaneWorker;
use eclvm::lang::builtins::Builtin;
use eclvm_kernel::fault::{Exhaustion, Fault, Outcome};
use eclvm_kernel::gas::Prices;
use eclvm_kernel::types::Ty;
use eclvm_kernel::vm::Vm;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

const WORLDS: u64 = 48;
const REQUESTS: u64 = 2;
const TIGHT: u64 = 3;
/// Gas up to which a run may be given all the gas there is.
const SMALL_BOUND: u64 = 50_000;

/// What has been seen.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// Cases in all.
    pub cases: u64,
    /// Sources made, by kind: well typed, half typed, malformed.
    pub sources: [u64; 3],
    /// Sources that compiled, by kind.
    pub compiled: [u64; 3],
    /// Runs by outcome; faults and exhaustions by kind.
    pub outcomes: BTreeMap<String, u64>,
    /// Sources that compiled and hold a word or operator of the language.
    pub features: BTreeMap<String, u64>,
    /// Runs that asked another realm, wrote, logged, ran under a shared budget.
    pub crossed: u64,
    /// Runs with effects.
    pub wrote: u64,
    /// Gas of all runs, in units of Compute.
    pub compute: u64,
    /// Policies, with a request, that were run in lanes too, and those that have no lane plan.
    pub planned: [u64; 2],
    /// Requests in lanes, and those of them that were left to the scalar engine.
    pub lanes: [u64; 2],
}

impl Totals {
    /// Adds what somebody else has seen.
    pub fn add(&mut self, other: &Totals) {
        self.cases += other.cases;
        for i in 0..3 {
            self.sources[i] += other.sources[i];
            self.compiled[i] += other.compiled[i];
        }
        for (name, n) in &other.outcomes {
            *self.outcomes.entry(name.clone()).or_default() += n;
        }
        for (name, n) in &other.features {
            *self.features.entry(name.clone()).or_default() += n;
        }
        self.crossed += other.crossed;
        self.wrote += other.wrote;
        self.compute += other.compute;
        for i in 0..2 {
            self.planned[i] += other.planned[i];
            self.lanes[i] += other.lanes[i];
        }
    }

    fn saw_lanes(&mut self, ran: Option<Ran>) {
        match ran {
            Some(Ran { lanes, left }) => {
                self.planned[0] += 1;
                self.lanes[0] += lanes;
                self.lanes[1] += left;
            }
            None => self.planned[1] += 1,
        }
    }

    fn saw(&mut self, receipt: &RefReceipt) {
        self.cases += 1;
        let name = match receipt.outcome {
            Outcome::Allow => "allow",
            Outcome::Deny => "deny",
            Outcome::Fault(fault) => fault.name(),
            Outcome::Exhausted(reason) => reason.name(),
        };
        match self.outcomes.get_mut(name) {
            Some(n) => *n += 1,
            None => {
                self.outcomes.insert(name.to_owned(), 1);
            }
        }
        self.crossed += u64::from(receipt.crossed);
        self.wrote += u64::from(!receipt.effects.is_empty());
        self.compute += receipt.gas.compute;
    }

    fn look_for_features(&mut self, source: &str) {
        const MARKS: &[&str] = &[
            "fn ",
            "const ",
            "let ",
            "require ",
            "emit ",
            "if ",
            "else",
            "for ",
            "..",
            "while ",
            "break;",
            "continue;",
            "return;",
            "any(",
            "all(",
            "count(",
            "??",
            " ? ",
            "||",
            "&&",
            "==",
            "!=",
            "<=",
            ">=",
            " < ",
            " > ",
            " in ",
            " + ",
            " - ",
            " * ",
            " / ",
            " % ",
            "!",
            "-",
            "null",
            "[[",
            "]?",
            "number?",
            "string?",
            "bool?",
            "did?",
            "trust?",
            "caller",
            "requester",
            "realm",
            "trust",
            "now",
            "in0",
            ".omega",
        ];
        let marks = MARKS.iter().copied().chain(Builtin::ALL.iter().map(|b| b.name()));
        for mark in marks.filter(|mark| source.contains(mark)) {
            match self.features.get_mut(mark) {
                Some(n) => *n += 1,
                None => {
                    self.features.insert(mark.to_owned(), 1);
                }
            }
        }
    }
    /// How many runs ended so: `allow`, `deny`, `fault`, `exhausted`.
    pub fn ended(&self, how: &str) -> u64 {
        let of =
            |names: &mut dyn Iterator<Item = &str>| names.filter_map(|name| self.outcomes.get(name)).sum();
        match how {
            "fault" => of(&mut Fault::ALL.iter().map(|f| f.name())),
            "exhausted" => of(&mut Exhaustion::ALL.iter().map(|e| e.name())),
            name => of(&mut std::iter::once(name)),
        }
    }
}

/// The worlds that all cases share.
pub fn shared_worlds() -> &'static [Arc<RefWorld>] {
    static ALL: OnceLock<Vec<Arc<RefWorld>>> = OnceLock::new();
    ALL.get_or_init(|| (0..WORLDS).map(|seed| Arc::new(worlds::world(seed))).collect())
}

/// One worker: an engine, and what it has seen.
pub struct Worker {
    vm: Vm,
    lanes: LaneWorker,
    /// What it has seen.
    pub totals: Totals,
}

impl Default for Worker {
    fn default() -> Worker {
        Worker { vm: Vm::new(), lanes: LaneWorker::new(), totals: Totals::default() }
    }
}

/// The source of a seed, and its kind: 0 well typed, 1 half typed, 2 malformed.
pub fn source(seed: u64) -> (String, usize) {
    let mut rng = Rng::split(seed, 1);
    let kind = rng.weighted(&[84, 12, 4]);
    let rng = Rng::split(seed, 2);
    let text = match kind {
        0 => program::well_typed(rng),
        1 => broken::half_typed(rng),
        _ => broken::malformed(rng),
    };
    (text, kind)
}

impl Worker {
    /// All cases of a seed.
    pub fn run(&mut self, seed: u64) -> Result<(), Box<Difference>> {
        let (text, kind) = source(seed);
        self.totals.sources[kind] += 1;
        let nothing = |what| {
            let case = Case {
                seed,
                source: text.clone(),
                ask: Default::default(),
                beside: Vec::new(),
                setting: Default::default(),
            };
            Box::new(Difference { case, what })
        };
        let Some(subject) = Subject::compile(&text).map_err(nothing)? else {
            self.totals.cases += 1;
            return Ok(());
        };
        self.totals.compiled[kind] += 1;
        self.totals.look_for_features(&text);
        let mut rng = Rng::split(seed, 3);
        for policy in 0..subject.source.policies.len() {
            for request in 0..REQUESTS {
                self.request(seed, &subject, policy, &mut rng, request == 0)?;
            }
        }
        Ok(())
    }

    fn request(
        &mut self,
        seed: u64,
        subject: &Subject,
        policy: usize,
        rng: &mut Rng,
        loaded: bool,
    ) -> Result<(), Box<Difference>> {
        let engine = &subject.module.policies()[policy];
        let inputs: Vec<Ty> = engine.inputs().iter().map(|input| input.ty).collect();
        let cost = engine.bound().cost(&Prices::default());
        let bounded =
            cost.is_some_and(|cost| cost <= SMALL_BOUND) && !subject.source.text.contains("cross_realm");
        let world = rng.often(850).then(|| shared_worlds()[rng.index(WORLDS as usize)].clone());
        let ask = given::ask(rng, &inputs, world.is_some());
        let roomy = Setting { world, ..setting::roomy(rng, bounded) };
        let one = |vm: &mut Vm, setting: &Setting, loaded| {
            compare(subject, policy, &ask, setting, vm, loaded).map_err(|what| {
                let case = Case {
                    seed,
                    source: subject.source.text.clone(),
                    ask: ask.clone(),
                    beside: Vec::new(),
                    setting: setting.clone(),
                };
                Box::new(Difference { case, what })
            })
        };
        let first = one(&mut self.vm, &roomy, loaded)?;
        self.totals.saw(&first);
        let in_lanes = rng.below(TIGHT + 1);
        let mut chosen = roomy.clone();
        for n in 0..TIGHT {
            let tight = setting::tight(rng, &roomy, first.cost, first.mana, bounded);
            let receipt = one(&mut self.vm, &tight, false)?;
            self.totals.saw(&receipt);
            if n == in_lanes {
                chosen = tight;
            }
        }
        let mut asks = lanes::variants(rng, &ask, &inputs, chosen.world.is_some());
        asks.insert(0, ask);
        let large = rng.often(60);
        let ran =
            lanes::compare(subject, policy, &asks, &chosen, &mut self.lanes, large).map_err(|what| {
                let ask = asks.remove(0);
                let source = subject.source.text.clone();
                Box::new(Difference { case: Case { seed, source, ask, beside: asks, setting: chosen }, what })
            })?;
        self.totals.saw_lanes(ran);
        Ok(())
    }
}
