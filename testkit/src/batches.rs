//! Batches against one request after the other: the same receipts, to the byte, and the same budgets afterwards.
//!
//! What is expected is worked out by a loop that knows nothing of settling in parallel. It runs each request under its own
//! limits, looks whether every level of the shared budget has that much left, and subtracts. The first request that a
//! level cannot pay runs again on fresh budgets of just what is left; from then on every request is exhausted, except
//! those whose inputs are wrong (gas.md, section 3). A second loop draws on real shared budgets, one request after the
//! other, and must agree too.

use crate::case::{Ask, Setting};
use crate::generate::pools::{DIDS, KEYS, REALMS, TEXTS};
use crate::generate::rng::Rng;
use crate::generate::{given, setting, writing};
use crate::runner::{shared_worlds, source};
use bumpalo::Bump;
use eclvm::batch::{Batch, BatchOptions, Engine};
use eclvm::host::OverlayHost;
use eclvm::{Module, Policy};
use eclvm_kernel::budget::{Budget, BudgetLimits};
use eclvm_kernel::fault::{Exhaustion, Fault, Outcome};
use eclvm_kernel::gas::Prices;
use eclvm_kernel::host::HostInterface;
use eclvm_kernel::program::EffectKind;
use eclvm_kernel::receipt::Receipt;
use eclvm_kernel::request::{Env, NoClock, Request};
use eclvm_kernel::types::Ty;
use eclvm_kernel::vm::Vm;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

/// Threads that each batch runs on, in turn.
pub const THREADS: [usize; 4] = [1, 2, 3, 8];
/// Different requests of one batch; longer batches repeat them.
const DIFFERENT: u64 = 24;
/// Cost up to which runs may be given all the gas there is.
const SMALL_BOUND: u64 = 5_000;

/// One level of a shared budget, as plain numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Level {
    /// Gas and mana limits.
    pub limits: (u64, u64),
    /// Gas and mana spent.
    pub used: (u64, u64),
    /// Why nothing more is granted.
    pub reason: Option<Exhaustion>,
}

impl Level {
    fn left(&self) -> (u64, u64) {
        (self.limits.0 - self.used.0, self.limits.1 - self.used.1)
    }
}

/// A batch to be decided.
#[derive(Clone, Debug)]
pub struct Lot {
    /// What it was made of.
    pub seed: u64,
    /// The policy's text.
    pub text: String,
    /// The requests.
    pub asks: Vec<Ask>,
    /// The order in which they are asked, with repetitions.
    pub order: Vec<usize>,
    /// Surroundings and limits of each run.
    pub setting: Setting,
    /// Shared budgets, innermost first; none for a batch of its own.
    pub levels: Vec<Level>,
    /// Lengths of portions.
    pub portions: Vec<usize>,
    /// Requests per chunk, and which width of lanes.
    pub grain: (usize, usize),
}

/// What has been seen.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Batches.
    pub batches: u64,
    /// Requests, over all batches.
    pub requests: u64,
    /// How they ended, by name.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// Batches whose shared budget ran out after the first request and before the last.
    pub ran_out_inside: u64,
    /// Batches of policies that write.
    pub wrote: u64,
    /// Batches under more than one level of budgets.
    pub nested: u64,
    /// Requests that were speculated on, and those of them that others had overtaken, over all numbers of threads.
    pub guessed: [u64; 2],
}

/// Runs lots; its thread pools are made once.
pub struct Batches {
    pools: Vec<ThreadPool>,
    vm: Vm,
    /// What it has seen.
    pub seen: Seen,
}

impl Default for Batches {
    fn default() -> Batches {
        let pool = |n| ThreadPoolBuilder::new().num_threads(n).build().expect("threads");
        Batches { pools: THREADS.map(pool).into_iter().collect(), vm: Vm::new(), seen: Seen::default() }
    }
}

fn kind(policy: &Policy, setting: &Setting) -> bool {
    policy.effect() == EffectKind::Write && setting.allow_writes
}

/// What a lot comes to: receipts in order, the levels afterwards, and what can be read of the world then.
type Came = (Vec<Receipt>, Vec<Level>, Vec<String>);

impl Batches {
    /// Makes the lot of a seed and decides it in every way. None where the seed's source does not compile.
    pub fn run(&mut self, seed: u64) -> Option<Result<(), String>> {
        let (text, _) = source(seed);
        let module = Module::compile(&text).ok()?;
        let mut rng = Rng::split(seed, 21);
        let policy = module.policies()[rng.index(module.policies().len())].clone();
        let lot = self.lot(seed, text, &policy, false, &mut rng);
        Some(self.check(&policy, &lot).map_err(|what| format!("{}\n--- what\n{what}", describe(&lot))))
    }

    /// The same for a policy that writes what others of its batch read.
    pub fn run_writing(&mut self, seed: u64) -> Option<Result<(), String>> {
        let mut rng = Rng::split(seed, 22);
        let text = writing::policy(&mut rng);
        let policy = match Policy::compile(&text) {
            Ok(policy) => policy,
            Err(error) => return Some(Err(format!("{text}\n{error:?}"))),
        };
        let lot = self.lot(seed, text, &policy, true, &mut rng);
        Some(self.check(&policy, &lot).map_err(|what| format!("{}\n--- what\n{what}", describe(&lot))))
    }

    fn lot(&mut self, seed: u64, text: String, policy: &Policy, meets: bool, rng: &mut Rng) -> Lot {
        let inputs: Vec<Ty> = policy.inputs().iter().map(|input| input.ty).collect();
        let cost = policy.bound().cost(&Prices::default());
        let bounded = cost.is_some_and(|cost| cost <= SMALL_BOUND) && !text.contains("cross_realm");
        let worlds = shared_worlds();
        let world = rng.often(850).then(|| worlds[rng.index(worlds.len())].clone());
        let count = match rng.below(10) {
            0 => 1 + rng.index(3),
            1 => 1 + rng.index(400),
            _ => 1 + rng.index(60),
        };
        let different = 1 + rng.below(DIFFERENT.min(count as u64)) as usize;
        let mut asks: Vec<Ask> = (0..different).map(|_| given::ask(rng, &inputs, world.is_some())).collect();
        if meets {
            writing::meet(rng, &mut asks);
        }
        // Those that write meet at few keys more often than at others.
        let skewed = |rng: &mut Rng| {
            let among = if meets { 1 + rng.index(different) } else { different };
            rng.index(among)
        };
        let order = (0..count).map(|_| skewed(rng)).collect();
        let mut setting = Setting { world, ..setting::roomy(rng, bounded) };
        setting.allow_writes |= meets;
        let mut lot = Lot {
            seed,
            text,
            asks,
            order,
            setting,
            levels: Vec::new(),
            portions: portions(rng, count),
            grain: (rng.pick(&[1, 2, 3, 7, 16, 64, 1_024]), rng.pick(&[1, 2, 3, 5, 16, 100, 4_096])),
        };
        if rng.often(if meets { 250 } else { 600 }) {
            // Tightened around what one of them takes, so that some end by their own limits and some do not.
            let (receipts, ..) = self.by_own_rule(policy, &lot);
            let one = &receipts[rng.index(receipts.len())];
            lot.setting = setting::tight(rng, &lot.setting, one.cost, one.mana, bounded);
        }
        lot.setting.shared = None;
        let (receipts, ..) = self.by_own_rule(policy, &lot);
        let sum = |of: fn(&Receipt) -> u64| receipts.iter().fold(0u64, |sum, r| sum.saturating_add(of(r)));
        let (gas, mana) = (sum(|r| r.cost), sum(|r| r.mana));
        let levels = if meets { [0, 0, 0, 0, 1, 1, 2] } else { [0, 1, 1, 1, 2, 2, 3] };
        for _ in 0..levels[rng.index(7)] {
            lot.levels.push(level(rng, gas, mana));
        }
        lot
    }

    /// Decides a lot in every way and compares.
    pub fn check(&mut self, policy: &Policy, lot: &Lot) -> Result<(), String> {
        let expected = self.by_own_rule(policy, lot);
        self.count(policy, lot, &expected.0, &expected.1);
        compare("one after the other", lot, &expected, &self.in_turn(policy, lot))?;
        for (at, threads) in THREADS.into_iter().enumerate() {
            let came = self.together(policy, lot, at)?;
            compare(&format!("on {threads} threads"), lot, &expected, &came)?;
        }
        Ok(())
    }

    /// The plain rule.
    fn by_own_rule(&mut self, policy: &Policy, lot: &Lot) -> Came {
        let bump = Bump::new();
        let requests: Vec<Request<'_>> = lot.asks.iter().map(|ask| ask.lend(&bump)).collect();
        let writes = kind(policy, &lot.setting);
        let mut overlay = lot.setting.world.as_deref().map(|world| OverlayHost::new(world));
        let mut levels = lot.levels.clone();
        let mut receipts = Vec::with_capacity(lot.order.len());
        for &which in &lot.order {
            let host = match &overlay {
                Some(overlay) if writes => Some(overlay as &dyn HostInterface),
                _ => lot.setting.world.as_deref().map(|world| world as _),
            };
            let env = Env { host, ..env(&lot.setting) };
            let request = &requests[which];
            let mut receipt = self.vm.run_fully(policy.executable(), request, &env);
            let wrong_inputs = matches!(receipt.outcome, Outcome::Fault(_)) && receipt.span.is_none();
            let ended = levels.iter().find_map(|level| level.reason);
            if let (Some(reason), false) = (ended, wrong_inputs) {
                receipt = Receipt {
                    outcome: Outcome::Exhausted(reason),
                    ..Receipt::unstarted(Fault::HostError, receipt.version)
                };
            } else if !wrong_inputs {
                let enough = |level: &Level| receipt.cost <= level.left().0 && receipt.mana <= level.left().1;
                if !levels.iter().all(enough) {
                    let left: Vec<(u64, u64)> = levels.iter().map(Level::left).collect();
                    let fresh = budgets(&left);
                    let shared = fresh.first().map(|budget| &**budget);
                    receipt = self.vm.run_fully(policy.executable(), request, &Env { shared, ..env });
                    // A level's answer is its own reason or an outer one's: the outermost that has one said no.
                    let outermost = fresh.iter().rposition(|budget| budget.exhausted().is_some());
                    let at = outermost.expect("what cannot be paid exhausts a level");
                    levels[at].reason = fresh[at].exhausted();
                }
                for level in &mut levels {
                    level.used.0 += receipt.cost;
                    level.used.1 += receipt.mana;
                }
            }
            if let (Some(overlay), true) = (&mut overlay, writes) {
                overlay.apply(receipt.effects());
            }
            receipts.push(receipt);
        }
        (receipts, levels, readable(overlay.as_ref()))
    }

    /// Each run draws on the shared budgets itself.
    fn in_turn(&mut self, policy: &Policy, lot: &Lot) -> Came {
        let bump = Bump::new();
        let requests: Vec<Request<'_>> = lot.asks.iter().map(|ask| ask.lend(&bump)).collect();
        let writes = kind(policy, &lot.setting);
        let mut overlay = lot.setting.world.as_deref().map(|world| OverlayHost::new(world));
        let shared = begun(lot);
        let mut receipts = Vec::with_capacity(lot.order.len());
        for &which in &lot.order {
            let host = match &overlay {
                Some(overlay) if writes => Some(overlay as &dyn HostInterface),
                _ => lot.setting.world.as_deref().map(|world| world as _),
            };
            let env = Env { host, shared: shared.first().map(|budget| &**budget), ..env(&lot.setting) };
            let receipt = self.vm.run(policy.executable(), &requests[which], &env);
            if let (Some(overlay), true) = (&mut overlay, writes) {
                overlay.apply(receipt.effects());
            }
            receipts.push(receipt);
        }
        (receipts, ended(&shared), readable(overlay.as_ref()))
    }

    /// As a batch.
    fn together(&mut self, policy: &Policy, lot: &Lot, pool: usize) -> Result<Came, String> {
        let bump = Bump::new();
        let different: Vec<Request<'_>> = lot.asks.iter().map(|ask| ask.lend(&bump)).collect();
        let requests: Vec<Request<'_>> = lot.order.iter().map(|which| different[*which]).collect();
        let shared = begun(lot);
        let options = BatchOptions {
            host: lot.setting.world.as_deref().map(|world| world as _),
            allow_writes: lot.setting.allow_writes,
            now: lot.setting.now,
            limits: lot.setting.limits(),
            prices: lot.setting.price_table(),
            budget: shared.first().cloned(),
            threads: 0,
            engine: [Engine::Auto, Engine::Scalar, Engine::Lanes][lot.grain.0 % 3],
            lanes: [0, 64, 128][lot.grain.1 % 3],
        };
        let mut batch = Batch::new(policy, options).map_err(|error| error.to_string())?;
        batch.set_grain(lot.grain.0);
        let mut receipts = Vec::with_capacity(requests.len());
        let mut from = 0;
        // One room for all portions, as a loop over a file has it: what an earlier one has left must not show.
        let mut room = Vec::new();
        for len in &lot.portions {
            let portion = &requests[from..from + len];
            let came = self.pools[pool].install(|| batch.run_into(portion, &mut room));
            came.map_err(|cut| format!("cut: {cut:?}"))?;
            receipts.extend_from_slice(&room);
            from += len;
        }
        let [guessed, overtaken] = batch.guessed();
        self.seen.guessed = [self.seen.guessed[0] + guessed, self.seen.guessed[1] + overtaken];
        Ok((receipts, ended(&shared), readable(batch.host())))
    }

    fn count(&mut self, policy: &Policy, lot: &Lot, receipts: &[Receipt], levels: &[Level]) {
        let seen = &mut self.seen;
        seen.batches += 1;
        seen.requests += receipts.len() as u64;
        seen.wrote += u64::from(kind(policy, &lot.setting));
        seen.nested += u64::from(levels.len() > 1);
        let began = lot.levels.iter().all(|level| level.reason.is_none());
        let paid = receipts.first().is_some_and(|r| !matches!(r.outcome, Outcome::Exhausted(_)));
        let over = receipts.last().is_some_and(|r| matches!(r.outcome, Outcome::Exhausted(_)));
        let ended = levels.iter().any(|level| level.reason.is_some());
        seen.ran_out_inside += u64::from(began && paid && over && ended);
        for receipt in receipts {
            let name = match receipt.outcome {
                Outcome::Allow => "allow",
                Outcome::Deny => "deny",
                Outcome::Fault(_) if receipt.span.is_none() => "wrong inputs",
                Outcome::Fault(_) => "fault",
                Outcome::Exhausted(reason) => reason.name(),
            };
            *seen.outcomes.entry(name).or_default() += 1;
        }
    }
}

/// A run's surroundings, without a host and shared budgets.
fn env(setting: &Setting) -> Env<'_> {
    Env {
        allow_writes: setting.allow_writes,
        now: setting.now,
        limits: setting.limits(),
        prices: setting.price_table(),
        clock: &NoClock,
        ..Env::default()
    }
}

/// Nested budgets of these limits, innermost first.
fn budgets(limits: &[(u64, u64)]) -> Vec<Arc<Budget>> {
    let mut all: Vec<Arc<Budget>> = Vec::new();
    for (gas_limit, mana_limit) in limits.iter().rev() {
        let limits =
            BudgetLimits { gas_limit: *gas_limit, mana_limit: *mana_limit, ..BudgetLimits::UNBOUNDED };
        all.push(Arc::new(match all.last() {
            None => Budget::new(limits),
            Some(parent) => Budget::within(limits, parent.clone()),
        }));
    }
    all.reverse();
    all
}

/// The shared budgets as they are before the batch.
fn begun(lot: &Lot) -> Vec<Arc<Budget>> {
    let limits: Vec<(u64, u64)> = lot.levels.iter().map(|level| level.limits).collect();
    let all = budgets(&limits);
    for (level, budget) in lot.levels.iter().zip(&all) {
        if let Some(reason) = level.reason {
            budget.exhaust(reason);
        }
    }
    all
}

fn ended(shared: &[Arc<Budget>]) -> Vec<Level> {
    let reasons: Vec<Option<Exhaustion>> = shared.iter().map(|budget| budget.exhausted()).collect();
    let level = |(at, budget): (usize, &Arc<Budget>)| {
        let end = budget.snapshot();
        let limits = (end.limits.gas_limit, end.limits.mana_limit);
        // Left must be the rest, or the numbers are made to differ.
        let whole = (end.gas_used + end.gas_left, end.mana_used + end.mana_left) == limits;
        let used = if whole { (end.gas_used, end.mana_used) } else { (u64::MAX, u64::MAX) };
        Level { limits, used, reason: reasons[at] }
    };
    shared.iter().enumerate().map(level).collect()
}

fn level(rng: &mut Rng, gas: u64, mana: u64) -> Level {
    let limit = |rng: &mut Rng, whole: u64| match rng.below(12) {
        0..=5 => rng.below(whole.saturating_add(2)),
        6 => whole,
        7 => whole.saturating_sub(1),
        8 => rng.below(40),
        9 => 0,
        _ => u64::MAX,
    };
    let reason = rng
        .often(30)
        .then(|| rng.pick(&[Exhaustion::OutOfGas, Exhaustion::OutOfMana, Exhaustion::StackOverflow]));
    let gas_limit = if rng.often(800) { limit(rng, gas) } else { u64::MAX };
    let mana_limit = if rng.often(400) { limit(rng, mana) } else { u64::MAX };
    Level { limits: (gas_limit, mana_limit), used: (0, 0), reason }
}

fn portions(rng: &mut Rng, count: usize) -> Vec<usize> {
    let mut left = count;
    let mut all = Vec::new();
    while left > 0 {
        let len = match rng.below(4) {
            0 => left,
            1 => rng.index(left.min(8) + 1),
            _ => rng.index(left + 1),
        };
        all.push(len);
        left -= len;
    }
    all
}

/// Whether two receipts are the same to the bit. Equality takes 0.0 for -0.0 and a NaN for nothing, so whatever holds
/// values is compared as it prints.
fn same(a: &Receipt, b: &Receipt) -> bool {
    if a.detail.is_none() && b.detail.is_none() { a == b } else { format!("{a:?}") == format!("{b:?}") }
}

fn compare(how: &str, lot: &Lot, expected: &Came, came: &Came) -> Result<(), String> {
    if expected.0.len() != came.0.len() {
        return Err(format!("{how}: {} receipts of {}", came.0.len(), expected.0.len()));
    }
    if let Some(at) = (0..came.0.len()).find(|at| !same(&expected.0[*at], &came.0[*at])) {
        return Err(format!(
            "{how}: request {at} of {} ({:?})\nexpected {:#?}\ncame {:#?}",
            came.0.len(),
            lot.asks[lot.order[at]],
            expected.0[at],
            came.0[at]
        ));
    }
    // A level that has no reason of its own tells an outer one's.
    if let Some((expected, came)) = expected.2.iter().zip(&came.2).find(|(expected, came)| expected != came) {
        return Err(format!("{how}: the world\nexpected {expected}\ncame {came}"));
    }
    let mut levels = expected.1.clone();
    for at in (1..levels.len()).rev() {
        levels[at - 1].reason = levels[at - 1].reason.or(levels[at].reason);
    }
    if levels != came.1 {
        return Err(format!("{how}: budgets\nexpected {levels:?}\ncame {:?}", came.1));
    }
    Ok(())
}

/// All that a policy could write and another read.
fn readable(host: Option<&OverlayHost<'_>>) -> Vec<String> {
    let Some(host) = host else { return Vec::new() };
    let mut all = vec![format!("version {}, mean {:?}", host.version(), host.mean_trust(&[]))];
    all.extend(DIDS.iter().map(|did| format!("{did} {:?}", host.trust(did))));
    for realm in REALMS {
        all.extend(
            KEYS.iter().chain(TEXTS).map(|key| format!("{realm}/{key} {:?}", host.store_get(realm, key))),
        );
    }
    all
}

fn describe(lot: &Lot) -> String {
    let mut text = format!("batch of seed {}\n--- source\n{}\n--- setting\n", lot.seed, lot.text);
    let Setting { world, allow_writes, now, gas_limit, mana_limit, max_depth, prices, .. } = &lot.setting;
    let world = world.as_ref().map(|world| world.version);
    let _ = writeln!(
        text,
        "world {world:?}, writes {allow_writes}, now {now:?}, gas {gas_limit}, mana {mana_limit}, depth {max_depth}, prices \
         {prices:?}"
    );
    let _ = write!(text, "levels {:?}\nportions {:?}, grain {:?}", lot.levels, lot.portions, lot.grain);
    text
}
