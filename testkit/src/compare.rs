//! Holds the engine to the reference: the same case in both, and everything that a receipt says side by side.

use crate::case::{Ask, Case, Setting};
use crate::lanes;
use crate::reference::source::Source;
use crate::reference::{self, RefReceipt};
use bumpalo::Bump;
use eclvm::batch::LaneWorker;
use eclvm::lang::codes;
use eclvm::policy::CompileError;
use eclvm::{Module, Policy};
use eclvm_kernel::budget::Budget;
use eclvm_kernel::effects::{Effect, StoreValue};
use eclvm_kernel::gas::GasLayer;
use eclvm_kernel::program::Program;
use eclvm_kernel::receipt::Receipt;
use eclvm_kernel::request::{Env, NoClock};
use eclvm_kernel::value::Value;
use eclvm_kernel::verify::Bound;
use eclvm_kernel::vm::Vm;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A case on which two do not agree.
#[derive(Clone, Debug)]
pub struct Difference {
    /// The case.
    pub case: Case,
    /// What does not agree, in words.
    pub what: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Case { seed, source, ask, beside, setting } = &self.case;
        let world = setting.world.as_ref().map(|world| world.version);
        let short = format!("{ask:?}, beside {beside:?}");
        let short: String = short.chars().take(4000).collect();
        writeln!(f, "difference at seed {seed}\n--- source\n{source}\n--- request\n{short}")?;
        let Setting { allow_writes, now, gas_limit, mana_limit, max_depth, prices, shared, .. } = setting;
        writeln!(
            f,
            "--- setting\nworld {world:?}, writes {allow_writes}, now {now:?}, gas {gas_limit}, mana {mana_limit}, depth \
             {max_depth}, prices {prices:?}, shared {shared:?}\n--- what\n{}",
            self.what
        )
    }
}

/// A source, compiled for both.
pub struct Subject {
    /// For the reference.
    pub source: Source,
    /// For the engine.
    pub module: Module,
    /// The same, through bytecode.
    pub loaded: Module,
}

impl Subject {
    /// Compiles a source for both; None where both refuse it.
    pub fn compile(text: &str) -> Result<Option<Subject>, String> {
        catch(|| match (Source::compile(text), Module::compile(text)) {
            (None, Err(_)) => Ok(None),
            // Lowering has limits that checking does not know.
            (Some(_), Err(CompileError::Source(all))) if all.iter().any(|d| d.code == codes::E0200) => {
                Ok(None)
            }
            (None, Ok(_)) => Err("the reference's checker refuses what the engine's takes".to_owned()),
            (Some(_), Err(error)) => Err(format!("only the engine's compiler refuses it: {error}")),
            (Some(source), Ok(module)) => {
                let bytes = module.encode();
                let loaded = Module::load(&bytes)
                    .map_err(|error| format!("what was encoded does not load: {error}"))?;
                if loaded.policies().len() != source.policies.len()
                    || module.policies().len() != source.policies.len()
                {
                    return Err("not the same number of policies".to_owned());
                }
                Ok(Some(Subject { source, module, loaded }))
            }
        })
        .unwrap_or_else(Err)
    }
}

pub(crate) fn catch<T>(job: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(job)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()));
        format!("panic: {}", text.unwrap_or_default())
    })
}

/// Runs one policy in the reference and in the engine, and the loaded copy too where `loaded` says so.
pub fn compare(
    subject: &Subject,
    policy: usize,
    ask: &Ask,
    setting: &Setting,
    vm: &mut Vm,
    loaded: bool,
) -> Result<RefReceipt, String> {
    let expected = catch(|| reference::run(&subject.source, policy, ask, setting))
        .map_err(|panic| format!("the reference stops: {panic}"))?;
    let engine = &subject.module.policies()[policy];
    side_by_side(engine, &expected, ask, setting, vm).map_err(|what| format!("policy {policy}: {what}"))?;
    if loaded {
        side_by_side(&subject.loaded.policies()[policy], &expected, ask, setting, vm)
            .map_err(|what| format!("policy {policy}, through bytecode: {what}"))?;
    }
    if !expected.crossed {
        for layer in GasLayer::ALL {
            match engine.bound().layer(layer) {
                Bound::Finite(most) if expected.gas[layer] > most => {
                    return Err(format!(
                        "the bound of {} is {most}, but a run took {}",
                        layer.name(),
                        expected.gas[layer]
                    ));
                }
                _ => {}
            }
        }
    }
    Ok(expected)
}

fn side_by_side(
    policy: &Policy,
    expected: &RefReceipt,
    ask: &Ask,
    setting: &Setting,
    vm: &mut Vm,
) -> Result<(), String> {
    let bump = Bump::new();
    let request = ask.lend(&bump);
    let shared = setting.shared.map(|(gas_limit, mana_limit)| {
        Budget::new(eclvm_kernel::budget::BudgetLimits { gas_limit, mana_limit, ..setting.limits() })
    });
    let env = Env {
        host: setting.world.as_deref().map(|world| world as _),
        allow_writes: setting.allow_writes,
        now: setting.now,
        limits: setting.limits(),
        prices: setting.price_table(),
        shared: shared.as_ref(),
        clock: &NoClock,
        ..Env::default()
    };
    let actual = catch(|| vm.run(policy.executable(), &request, &env))
        .map_err(|panic| format!("the engine stops: {panic}"))?;
    if let Some(budget) = &shared {
        let (used, mana) = (budget.gas_used(), budget.mana_used());
        if (used, mana) != (expected.cost, expected.mana) {
            return Err(format!(
                "the shared budget was charged {used} and {mana} mana, not {} and {}",
                expected.cost, expected.mana
            ));
        }
    }
    if shared.is_none() {
        // Policies that need no machinery run without it; the full machine must say the same.
        let full = catch(|| vm.run_fully(policy.executable(), &request, &env))
            .map_err(|panic| format!("the full machine stops: {panic}"))?;
        let wrong = fields(policy.program(), expected, &full);
        if !wrong.is_empty() {
            return Err(format!(
                "full machine: {}\nreference {expected:#?}\nengine {full:#?}",
                wrong.join(", ")
            ));
        }
    }
    let wrong = fields(policy.program(), expected, &actual);
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(format!("{}\nreference {expected:#?}\nengine {actual:#?}", wrong.join(", ")))
    }
}

/// The names of the fields that are not the same.
pub(crate) fn fields(program: &Program, expected: &RefReceipt, actual: &Receipt) -> Vec<&'static str> {
    let same_value = match (&expected.value, &actual.value(program)) {
        (Some(a), Some(b)) => a.same(b),
        (a, b) => a.is_none() && b.is_none(),
    };
    let effects = actual.effects();
    let same_effects = effects.len() == expected.effects.len()
        && effects.iter().zip(&expected.effects).all(|(a, b)| same_effect(a, b));
    [
        ("outcome", expected.outcome == actual.outcome),
        ("message", expected.message.as_deref() == program.message(actual.message)),
        ("span", expected.span == actual.span),
        ("gas", expected.gas == actual.gas),
        ("cost", expected.cost == actual.cost),
        ("mana", expected.mana == actual.mana),
        ("version", expected.version == actual.version),
        ("log", expected.log.iter().map(String::as_str).eq(actual.log().iter().map(|line| &**line))),
        ("value", same_value),
        ("effects", same_effects),
    ]
    .into_iter()
    .filter(|(_, same)| !same)
    .map(|(name, _)| name)
    .collect()
}

fn same_number(a: f64, b: f64) -> bool {
    Value::Number(a).same(&Value::Number(b))
}

fn same_effect(a: &Effect, b: &Effect) -> bool {
    match (a, b) {
        (
            Effect::StorePut { realm: r1, key: k1, value: StoreValue::Number(n1) },
            Effect::StorePut { realm: r2, key: k2, value: StoreValue::Number(n2) },
        ) => r1 == r2 && k1 == k2 && same_number(*n1, *n2),
        (
            Effect::TrustUpdate { did: d1, delta: e1, new: t1 },
            Effect::TrustUpdate { did: d2, delta: e2, new: t2 },
        ) => d1 == d2 && same_number(*e1, *e2) && Value::Trust(*t1).same(&Value::Trust(*t2)),
        (Effect::Emit { name: n1, payload: p1 }, Effect::Emit { name: n2, payload: p2 }) => {
            n1 == n2 && p1.same(p2)
        }
        _ => a == b,
    }
}

/// Compiles and runs a case; all its policies.
pub fn check(case: &Case) -> Result<Vec<RefReceipt>, Box<Difference>> {
    let difference = |what| Box::new(Difference { case: case.clone(), what });
    let Some(subject) = Subject::compile(&case.source).map_err(difference)? else { return Ok(Vec::new()) };
    let mut vm = Vm::new();
    let mut receipts = Vec::new();
    let asks: Vec<Ask> = std::iter::once(&case.ask).chain(&case.beside).cloned().collect();
    for policy in 0..subject.source.policies.len() {
        let receipt =
            compare(&subject, policy, &case.ask, &case.setting, &mut vm, true).map_err(difference)?;
        receipts.push(receipt);
        let mut worker = LaneWorker::new();
        lanes::compare(&subject, policy, &asks, &case.setting, &mut worker, true).map_err(difference)?;
    }
    Ok(receipts)
}
