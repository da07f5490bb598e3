//! eclvm: columns through the lanes engine, structs through a batch, and single runs. Metered, all of it, with a receipt to be
//! had for each decision.

use crate::data::{Access, Data, Entry, Loop, N, Reliable, Transfer};
use crate::race::{Contender, Given, bits};
use bumpalo::Bump;
use eclvm::Policy;
use eclvm::batch::{Batch, BatchOptions, Column, ColumnError, Decisions, Engine, RequestColumns, Rows};
use eclvm::kernel::request::{Env, Request};
use eclvm::kernel::value::{TrustVector, ValueRef};
use eclvm::kernel::vm::Vm;

pub const W1: &str = "trust.r >= 0.5";
pub const W2: &str = "policy entry(of: trust, credentials: [string]) {
    require of.r >= 0.3, \"reliability is too low\";
    require of.omega >= 0.2, \"too little standing\";
    require trust_norm(of) >= 0.25, \"trust is too low\";
    require \"member\" in credentials, \"members only\";
}";
pub const W3: &str = include_str!("../../common/transfer_given.ecl");
pub const W4: &str = include_str!("../../../examples/policies/roles.ecl");
pub const W5: &str = "policy loop(seed: number) {
    let x = seed;
    for i in 0..1000 { x = x * 0.5 + i * 0.25; if x > 100 { x = x - 50; } }
    return x > 10;
}";

/// Something that is a request to one policy.
trait Asks: Sync {
    fn ask<'a>(&'a self, bump: &'a Bump) -> Request<'a>;
}

fn list<'a>(texts: &'a [String], bump: &'a Bump) -> ValueRef<'a> {
    ValueRef::Array(bump.alloc_slice_fill_iter(texts.iter().map(|s| ValueRef::Text(s))))
}

impl Asks for Reliable {
    fn ask<'a>(&'a self, _: &'a Bump) -> Request<'a> {
        Request { trust: ValueRef::Trust(&self.trust), ..Request::new(&[]) }
    }
}
impl Asks for Entry {
    fn ask<'a>(&'a self, bump: &'a Bump) -> Request<'a> {
        Request::new(bump.alloc([ValueRef::Trust(&self.of), list(&self.credentials, bump)]))
    }
}
impl Asks for Transfer {
    fn ask<'a>(&'a self, bump: &'a Bump) -> Request<'a> {
        Request::new(bump.alloc([
            ValueRef::Number(self.amount),
            ValueRef::Number(self.balance),
            ValueRef::Trust(&self.from),
            ValueRef::Trust(&self.to),
            list(&self.credentials, bump),
        ]))
    }
}
impl Asks for Access {
    fn ask<'a>(&'a self, bump: &'a Bump) -> Request<'a> {
        Request::new(bump.alloc([
            list(&self.roles, bump),
            ValueRef::Text(&self.action),
            ValueRef::Text(&self.resource),
        ]))
    }
}
impl Asks for Loop {
    fn ask<'a>(&'a self, bump: &'a Bump) -> Request<'a> {
        Request::new(bump.alloc([ValueRef::Number(self.seed)]))
    }
}

fn options<'e>(engine: Engine) -> BatchOptions<'e> {
    BatchOptions { threads: 1, engine, ..BatchOptions::default() }
}

/// The four ways to decide structs, and the columns that are made of them. `single` is how many requests single runs take.
fn contenders<'d, T: Asks>(
    source: &str,
    requests: &'d [T],
    columns: RequestColumns<'d>,
    rows: impl Fn(Rows<'d, T>) -> Result<Rows<'d, T>, ColumnError>,
    single: usize,
) -> Vec<Contender<'d>> {
    let policy = Policy::compile(source).unwrap();
    let columns = columns.prepare(false);
    let mut by_column = Batch::new(&policy, options(Engine::Lanes)).unwrap();
    let mut decisions = Decisions::default();
    let mut by_struct = Batch::new(&policy, options(Engine::Auto)).unwrap();
    let mut from_structs = Decisions::default();
    let rows = rows(Rows::new(&policy, requests)).unwrap();
    let bump: &'d Bump = Box::leak(Box::new(Bump::new()));
    let ready: Vec<Request<'d>> = requests.iter().take(single).map(|r| r.ask(bump)).collect();
    let (first, second) = (policy.clone(), policy);
    let (mut vm, mut other) = (Vm::new(), Vm::new());
    let mut scratch = Bump::new();
    vec![
        Contender {
            engine: "eclvm, batch",
            given: Given::Ready,
            requests: N,
            decide: Box::new(move |out| {
                by_column.decide_into(&columns, &mut decisions).unwrap();
                out.copy_from_slice(decisions.passed_bits());
            }),
        },
        Contender {
            engine: "eclvm, batch",
            given: Given::FromStruct,
            requests: N,
            decide: Box::new(move |out| {
                by_struct.decide_into(&rows, &mut from_structs).unwrap();
                out.copy_from_slice(from_structs.passed_bits());
            }),
        },
        Contender {
            engine: "eclvm, single",
            given: Given::Ready,
            requests: single,
            decide: Box::new(move |out| {
                let env = Env::default();
                bits(out, single, |i| vm.run(first.executable(), &ready[i], &env).passed());
            }),
        },
        Contender {
            engine: "eclvm, single",
            given: Given::FromStruct,
            requests: single,
            decide: Box::new(move |out| {
                let env = Env::default();
                bits(out, single, |i| {
                    scratch.reset();
                    other.run(second.executable(), &requests[i].ask(&scratch), &env).passed()
                });
            }),
        },
    ]
}

/// What outlives a race: columns borrow it.
fn keep<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}
fn six<T>(requests: &[T], vector: impl Fn(&T) -> &TrustVector) -> Column<'static> {
    Column::Trust(std::array::from_fn(|k| {
        keep(requests.iter().map(|r| vector(r).0[k]).collect::<Vec<f64>>()).as_slice()
    }))
}
fn numbers<T>(requests: &[T], number: impl Fn(&T) -> f64) -> Column<'static> {
    Column::Numbers(keep(requests.iter().map(number).collect::<Vec<f64>>()))
}
fn texts<'d, T>(requests: &'d [T], text: impl Fn(&'d T) -> &'d str) -> Column<'d> {
    Column::Texts(keep_of(requests.iter().map(text).collect::<Vec<&'d str>>()))
}
fn lists<'d, T>(requests: &'d [T], items: impl Fn(&'d T) -> &'d [String]) -> Column<'d> {
    let bump: &'d Bump = keep_of(Bump::new());
    Column::Values(keep_of(requests.iter().map(|r| list(items(r), bump)).collect::<Vec<ValueRef<'d>>>()))
}
fn keep_of<'d, T: 'd>(value: T) -> &'d T {
    Box::leak(Box::new(value))
}
fn columns<'d>(source: &str, given: Vec<(&str, Column<'d>)>) -> RequestColumns<'d> {
    let policy = Policy::compile(source).unwrap();
    given
        .into_iter()
        .fold(RequestColumns::new(&policy, N), |columns, (name, column)| columns.with(name, column).unwrap())
}

pub fn w1(data: &Data) -> Vec<Contender<'_>> {
    let given = vec![("trust", six(&data.w1, |w| &w.trust))];
    contenders(W1, &data.w1, columns(W1, given), |rows| rows.with("trust", |w| &w.trust), N)
}
pub fn w2(data: &Data) -> Vec<Contender<'_>> {
    let given = vec![("of", six(&data.w2, |w| &w.of)), ("credentials", lists(&data.w2, |w| &w.credentials))];
    contenders(
        W2,
        &data.w2,
        columns(W2, given),
        |rows| rows.with("of", |w| &w.of)?.with("credentials", |w| &w.credentials),
        N,
    )
}
pub fn w3(data: &Data) -> Vec<Contender<'_>> {
    let given = vec![
        ("amount", numbers(&data.w3, |w| w.amount)),
        ("balance", numbers(&data.w3, |w| w.balance)),
        ("from", six(&data.w3, |w| &w.from)),
        ("to", six(&data.w3, |w| &w.to)),
        ("credentials", lists(&data.w3, |w| &w.credentials)),
    ];
    contenders(
        W3,
        &data.w3,
        columns(W3, given),
        |rows| {
            rows.with("amount", |w| w.amount)?
                .with("balance", |w| w.balance)?
                .with("from", |w| &w.from)?
                .with("to", |w| &w.to)?
                .with("credentials", |w| &w.credentials)
        },
        N,
    )
}
pub fn w4(data: &Data) -> Vec<Contender<'_>> {
    let given = vec![
        ("roles", lists(&data.w4, |w| &w.roles)),
        ("action", texts(&data.w4, |w| &w.action)),
        ("resource", texts(&data.w4, |w| &w.resource)),
    ];
    contenders(
        W4,
        &data.w4,
        columns(W4, given),
        |rows| {
            rows.with("roles", |w| &w.roles)?.with("action", |w| &w.action)?.with("resource", |w| &w.resource)
        },
        N,
    )
}
pub fn w5(data: &Data) -> Vec<Contender<'_>> {
    let given = vec![("seed", numbers(&data.w5, |w| w.seed))];
    contenders(W5, &data.w5, columns(W5, given), |rows| rows.with("seed", |w| w.seed), 2_048)
}
