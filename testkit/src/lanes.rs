//! Holds the lanes engine to the reference: several requests to one policy, side by side in lanes, so that they go
//! different ways; at several widths, by rows and by columns. Whole receipts are compared.

use crate::case::{Ask, Setting};
use crate::compare::{Subject, catch, fields as differing};
use crate::generate::given;
use crate::generate::rng::Rng;
use crate::reference::{self, RefReceipt};
use crate::typed;
use bumpalo::Bump;
use eclvm::Policy;
use eclvm::batch::{
    Batch, BatchOptions, Column, ColumnValue, Engine, LaneWorker, OwnedColumn, RequestColumns,
};
use eclvm::kernel::host::HostInterface;
use eclvm::kernel::lanes::simd::{self, Level};
use eclvm::kernel::program::StdInput;
use eclvm::kernel::receipt::Receipt;
use eclvm::kernel::request::{Env, NoClock, Request};
use eclvm::kernel::types::{Base, Ty};
use eclvm::kernel::value::{Did, ValueRef};

const LEVELS: [Level; 3] = [Level::Base, Level::Avx2, Level::Avx512];

/// What was run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ran {
    /// Requests in lanes, over all widths.
    pub lanes: u64,
    /// Of these, those left to the scalar engine.
    pub left: u64,
}

/// Other requests to the same policy: some quite different, most like the first but for one input.
pub fn variants(rng: &mut Rng, first: &Ask, inputs: &[Ty], has_world: bool) -> Vec<Ask> {
    (0..4)
        .map(|n| {
            let fresh = given::ask(rng, inputs, has_world);
            if n == 0 || inputs.is_empty() {
                return fresh;
            }
            let mut ask = first.clone();
            let at = rng.index(inputs.len() + 1);
            match (ask.inputs.get_mut(at), fresh.inputs.get(at)) {
                (Some(slot), Some(given)) => *slot = given.clone(),
                _ => (ask.caller, ask.trust) = (fresh.caller, fresh.trust),
            }
            ask
        })
        .collect()
}

/// Runs these requests to a policy in lanes of several widths, and compares each receipt with the reference's. None where
/// the policy has no lane plan. `large` adds the widths and ways that take longer.
pub fn compare(
    subject: &Subject,
    policy: usize,
    asks: &[Ask],
    setting: &Setting,
    worker: &mut LaneWorker,
    large: bool,
) -> Result<Option<Ran>, String> {
    let engine = &subject.module.policies()[policy];
    let Ok(plan) = engine.lanes() else { return Ok(None) };
    let setting = Setting { shared: None, ..setting.clone() };
    let alone = |ask| reference::run(&subject.source, policy, ask, &setting);
    let expected: Vec<RefReceipt> = asks.iter().map(alone).collect();
    let bump = Bump::new();
    let requests: Vec<Request<'_>> = asks.iter().map(|ask| ask.lend(&bump)).collect();
    let env = Env {
        host: setting.world.as_deref().map(|world| world as &dyn HostInterface),
        allow_writes: setting.allow_writes,
        now: setting.now,
        limits: setting.limits(),
        prices: setting.price_table(),
        clock: &NoClock,
        ..Env::default()
    };
    let mut ran = Ran::default();
    let mut out = Vec::new();
    let widths: &[(usize, usize)] =
        if large { &[(1, 5), (2, 7), (7, 16), (64, 70), (1_024, 1_030)] } else { &[(7, 9), (64, 67)] };
    for (width, n) in widths {
        let rows: Vec<Request<'_>> = (0..*n).map(|i| requests[which(i, requests.len())]).collect();
        // Whole words and a rest, on every set of registers that the machine has.
        let levels = if *width == 64 { &LEVELS } else { &LEVELS[2..] };
        for level in levels {
            simd::at_most(*level);
            let left = catch(|| worker.run(plan, rows.as_slice(), *width, &env, &mut out))
                .map_err(|panic| format!("lanes stop: {panic}"))?;
            if env.now.is_finite() {
                ran.lanes += *n as u64;
                ran.left += left as u64;
            }
            same(engine, &expected, &out).map_err(|what| format!("{width} lanes, {level:?}: {what}"))?;
        }
    }
    if large {
        batches(engine, &requests, &expected, &setting)?;
    }
    Ok(Some(ran))
}

/// Which of `n` requests stands in a place: mixed, so that neighbours differ and whole words now and then do not.
fn which(place: usize, n: usize) -> usize {
    if place / 64 % 3 == 1 { place / 64 % n } else { (place * 7 + place / 5) % n }
}

fn same(policy: &Policy, expected: &[RefReceipt], out: &[Receipt]) -> Result<(), String> {
    for (place, receipt) in out.iter().enumerate() {
        let expected = &expected[which(place, expected.len())];
        let wrong = differing(policy.program(), expected, receipt);
        if !wrong.is_empty() {
            let wrong = wrong.join(", ");
            return Err(format!("lane {place}: {wrong}\nreference {expected:#?}\nlanes {receipt:#?}"));
        }
    }
    Ok(())
}

/// The same through batches: rows and columns, receipts and decisions.
fn batches(
    policy: &Policy,
    requests: &[Request<'_>],
    expected: &[RefReceipt],
    setting: &Setting,
) -> Result<(), String> {
    const ROWS: usize = 200;
    let options = BatchOptions {
        host: setting.world.as_deref().map(|world| world as &dyn HostInterface),
        allow_writes: setting.allow_writes,
        now: setting.now,
        limits: setting.limits(),
        prices: setting.price_table(),
        engine: Engine::Lanes,
        lanes: 64,
        ..BatchOptions::default()
    };
    let rows: Vec<Request<'_>> = (0..ROWS).map(|i| requests[which(i, requests.len())]).collect();
    let mut batch = Batch::new(policy, options.clone()).unwrap();
    let receipts = catch(|| batch.run(rows.as_slice()))?.map_err(|_| "the batch is cut".to_owned())?;
    same(policy, expected, &receipts).map_err(|what| format!("batch of rows: {what}"))?;
    structs(policy, &rows, expected, &options)?;
    // What columns cannot say: keys that nobody knows.
    let n = policy.inputs().len();
    if rows.iter().any(|row| row.unknown_keys || row.inputs.len() > n) {
        return Ok(());
    }
    let column = |at: usize| -> Vec<ValueRef<'_>> {
        rows.iter().map(|row| row.inputs.get(at).copied().unwrap_or(ValueRef::Missing)).collect()
    };
    let values: Vec<Vec<ValueRef<'_>>> = (0..n).map(column).collect();
    let standard = [
        rows.iter().map(|row| row.caller).collect::<Vec<_>>(),
        rows.iter().map(|row| row.realm).collect::<Vec<_>>(),
        rows.iter().map(|row| row.trust).collect::<Vec<_>>(),
    ];
    let typed: Vec<Typed<'_>> =
        policy.inputs().iter().zip(&values).map(|(input, values)| Typed::new(input.ty, values)).collect();
    let mut columns = RequestColumns::new(policy, ROWS);
    for (input, typed) in policy.inputs().iter().zip(&typed) {
        columns = columns.with(&input.name, typed.column()).map_err(|error| error.to_string())?;
    }
    for (std, values) in [StdInput::Caller, StdInput::Realm, StdInput::Trust].iter().zip(&standard) {
        if policy.inputs().iter().any(|input| &*input.name == std.name()) {
            return Ok(());
        }
        columns = columns.with(std.name(), Column::Values(values)).map_err(|error| error.to_string())?;
    }
    let mut batch = Batch::new(policy, options.clone()).unwrap();
    let receipts = catch(|| batch.run(&columns))?.map_err(|_| "the batch is cut".to_owned())?;
    same(policy, expected, &receipts).map_err(|what| format!("batch of columns: {what}"))?;
    let mut by_column = Batch::new(policy, options).unwrap();
    let decisions = catch(|| by_column.decide(&columns))?.map_err(|_| "the batch is cut".to_owned())?;
    let receipts: Vec<Receipt> = decisions.receipts().collect();
    same(policy, expected, &receipts).map_err(|what| format!("decisions: {what}"))?;
    for (place, receipt) in receipts.iter().enumerate() {
        let said = (decisions.passed(place), decisions.outcome(place), decisions.cost(place));
        if said != (receipt.passed(), receipt.outcome, receipt.cost) {
            return Err(format!("decision {place} says {said:?}, its receipt {receipt:#?}"));
        }
    }
    let (a, b) = (batch.summary(), by_column.summary());
    let sums =
        |s: &eclvm::batch::Summary| (s.requests, s.allow, s.deny, s.fault, s.exhausted, s.cost, s.mana);
    if sums(a) != sums(b) || a.gas != b.gas {
        return Err(format!("summaries differ: {:?} {:?}, {:?} {:?}", sums(a), a.gas, sums(b), b.gas));
    }
    Ok(())
}

/// The same as rows of structs, as far as these can say it.
fn structs(
    policy: &Policy,
    requests: &[Request<'_>],
    expected: &[RefReceipt],
    options: &BatchOptions<'_>,
) -> Result<(), String> {
    let (rows, places) = typed::rows(policy, requests);
    let names = policy.inputs().iter().map(|input| &*input.name);
    if names.clone().any(|name| ["caller", "realm", "trust"].contains(&name)) {
        return Ok(());
    }
    let Some(fields) = typed::fields(policy, &rows) else { return Ok(()) };
    let mut batch = Batch::new(policy, options.clone()).unwrap();
    let receipts = catch(|| batch.run(&fields))?.map_err(|_| "the batch is cut".to_owned())?;
    let decisions = catch(|| batch.decide(&fields))?.map_err(|_| "the batch is cut".to_owned())?;
    for (how, receipts) in [("batch", receipts), ("decisions", decisions.receipts().collect())] {
        for (place, receipt) in places.iter().zip(&receipts) {
            let expected = &expected[which(*place, expected.len())];
            let wrong = differing(policy.program(), expected, receipt);
            if !wrong.is_empty() {
                let wrong = wrong.join(", ");
                return Err(format!(
                    "{how} of structs, row {place}: {wrong}\nreference {expected:#?}\nlanes {receipt:#?}"
                ));
            }
        }
    }
    Ok(())
}

/// A column, typed where every value is of one type.
enum Typed<'v> {
    Numbers(Vec<f64>),
    Bools(Vec<bool>),
    Texts(Vec<&'v str>),
    Dids(Vec<Did<'v>>),
    Trust([Vec<f64>; 6]),
    Owned(OwnedColumn),
    Values(&'v [ValueRef<'v>]),
}

/// With nulls, or of lists, where every value is null or of the one type.
fn owned(ty: Ty, values: &[ValueRef<'_>]) -> Option<OwnedColumn> {
    fn nullable<'v, T: ColumnValue>(
        values: &[ValueRef<'v>],
        of: &dyn Fn(ValueRef<'v>) -> Option<T>,
    ) -> Option<Vec<Option<T>>> {
        values
            .iter()
            .map(|value| if *value == ValueRef::Null { Some(None) } else { of(*value).map(Some) })
            .collect()
    }
    fn column<'v, T: ColumnValue>(
        ty: Ty,
        values: &[ValueRef<'v>],
        of: &dyn Fn(ValueRef<'v>) -> Option<T>,
    ) -> Option<OwnedColumn>
    where
        Option<T>: ColumnValue,
        Option<Vec<Option<T>>>: ColumnValue,
    {
        match ty.elem() {
            None => Some(nullable(values, of)?.into_iter().collect()),
            Some(elem) if elem.is_array() => None,
            Some(_) => {
                let lists = values.iter().map(|value| match value {
                    ValueRef::Null => Some(None),
                    ValueRef::Array(items) => nullable(items, of).map(Some),
                    _ => None,
                });
                Some(lists.collect::<Option<Vec<_>>>()?.into_iter().collect())
            }
        }
    }
    match ty.base() {
        Base::Number => column(ty, values, &|v| if let ValueRef::Number(x) = v { Some(x) } else { None }),
        Base::Bool => column(ty, values, &|v| if let ValueRef::Bool(x) = v { Some(x) } else { None }),
        Base::Text => column(ty, values, &|v| if let ValueRef::Text(x) = v { Some(x) } else { None }),
        Base::Did => column(ty, values, &|v| if let ValueRef::Did(x) = v { Some(x) } else { None }),
        Base::Trust => column(ty, values, &|v| if let ValueRef::Trust(x) = v { Some(*x) } else { None }),
        Base::Unit => None,
    }
}

impl<'v> Typed<'v> {
    fn new(ty: Ty, values: &'v [ValueRef<'v>]) -> Typed<'v> {
        let typed = match ty.base() {
            _ if ty.is_array() => None,
            Base::Number => {
                all(values, |v| if let ValueRef::Number(n) = v { Some(n) } else { None }).map(Typed::Numbers)
            }
            Base::Bool => {
                all(values, |v| if let ValueRef::Bool(b) = v { Some(b) } else { None }).map(Typed::Bools)
            }
            Base::Text => {
                all(values, |v| if let ValueRef::Text(s) = v { Some(s) } else { None }).map(Typed::Texts)
            }
            Base::Did => {
                all(values, |v| if let ValueRef::Did(d) = v { Some(d) } else { None }).map(Typed::Dids)
            }
            Base::Trust => all(values, |v| if let ValueRef::Trust(t) = v { Some(t.0) } else { None })
                .map(|t| Typed::Trust(std::array::from_fn(|k| t.iter().map(|t| t[k]).collect()))),
            Base::Unit => None,
        };
        typed.or_else(|| owned(ty, values).map(Typed::Owned)).unwrap_or(Typed::Values(values))
    }
    fn column(&self) -> Column<'_> {
        match self {
            Typed::Numbers(v) => Column::Numbers(v),
            Typed::Bools(v) => Column::Bools(v),
            Typed::Texts(v) => Column::Texts(v),
            Typed::Dids(v) => Column::Dids(v),
            Typed::Trust(v) => Column::Trust(v.each_ref().map(Vec::as_slice)),
            Typed::Owned(v) => v.column(),
            Typed::Values(v) => Column::Values(v),
        }
    }
}

fn all<'v, T>(values: &[ValueRef<'v>], of: impl Fn(ValueRef<'v>) -> Option<T>) -> Option<Vec<T>> {
    values.iter().map(|value| of(*value)).collect()
}
