//! `cargo bench --bench scalar`: single runs through the public API (`Vm::run`), beside the same without metering and the
//! same by hand; nanoseconds, least and median of alternating samples, so that all see the same noise.
//!
//! - `-- --counts [NAME]`: instructions per run instead, by valgrind's callgrind; exact, and what gates changes.
//! - `-- --test`: each once.
//!
//! "Given" means that everything is in the request and no host is asked. By hand there is no gas, no message and no limit;
//! the request is the same, and what it holds is matched in the same way.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot start should stop"
)]

use eclvm::Policy;
use eclvm::host::{StateHost, World};
use eclvm::kernel::fault::Outcome;
use eclvm::kernel::host::HostInterface;
use eclvm::kernel::request::{Env, Request};
use eclvm::kernel::value::{Did, TrustVector, ValueRef};
use eclvm::kernel::vm::Vm;
use std::hint::black_box;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

const WORLD: &str = include_str!("../examples/transfer/state.json");
const ENTRY: &str = include_str!("../examples/policies/entry.ecl");
const SESSION: &str = include_str!("../examples/policies/session.ecl");
const VERIFIED: &str = include_str!("../examples/policies/verified.ecl");
const ROLES: &str = include_str!("../examples/policies/roles.ecl");
const TRANSFER: &str = include_str!("../examples/transfer/transfer.ecl");
/// Two thresholds, the mean of six, a credential.
const ENTRY_GIVEN: &str = "policy entry(member: bool) {
    require trust.r >= 0.3, \"reliability is too low\";
    require trust.omega >= 0.2, \"too little standing\";
    require trust_norm(trust) >= 0.25, \"trust is too low\";
    require member, \"members only\";
}";
/// The transfer policy with what the host says among its inputs.
const TRANSFER_GIVEN: &str = "const LARGE = 5_000;
policy transfer(to: did, amount: number, balance: number, receiver: trust, kyc: bool) {
    require amount > 0, \"the amount must be positive\";
    require caller != to, \"sender and receiver are the same\";
    require amount <= balance, \"not enough balance\";
    require trust_norm(trust) >= 0.4, \"the sender is not trusted enough\";
    require trust_norm(receiver) >= 0.3, \"the receiver is not trusted enough\";
    require amount <= LARGE || kyc, \"large transfers need KYC\";
    require trust_distance(trust, receiver) < 0.6, \"sender and receiver are too far apart\";
}";
const LOOP: &str = "policy loop(seed: number) {
    let x = seed;
    for i in 0..1000 { x = x * 0.5 + i * 0.25; if x > 100 { x = x - 50; } }
    return x > 10;
}";
const NOW: f64 = 1_700_000_000.0;

type ByHand = fn(&Request<'_>, &Env<'_>) -> bool;

/// What is measured: a policy, its request, and the same by hand where somebody wrote it.
struct Work<'d> {
    name: &'static str,
    policy: Policy,
    request: Request<'d>,
    env: Env<'d>,
    by_hand: Option<fn(&Request<'_>, &Env<'_>) -> bool>,
    /// What one run is divided by: rounds of a loop.
    rounds: u32,
}

/// How it is run.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Metered,
    Unmetered,
    ByHand,
}

impl Work<'_> {
    fn go(&self, vm: &mut Vm, way: Way, times: u32) {
        match way {
            Way::Metered => {
                for _ in 0..times {
                    black_box(vm.run(
                        black_box(self.policy.executable()),
                        black_box(&self.request),
                        black_box(&self.env),
                    ));
                }
            }
            Way::Unmetered => {
                for _ in 0..times {
                    black_box(vm.run_unmetered(
                        black_box(self.policy.executable()),
                        black_box(&self.request),
                        black_box(&self.env),
                    ));
                }
            }
            Way::ByHand => {
                if let Some(by_hand) = self.by_hand {
                    for _ in 0..times {
                        black_box(by_hand(black_box(&self.request), black_box(&self.env)));
                    }
                }
            }
        }
    }
}

fn norm(t: &TrustVector) -> f64 {
    let [r, i, c, p, v, o] = t.0;
    (r + i + c + p + v + o) / 6.0
}

fn distance(a: &TrustVector, b: &TrustVector) -> f64 {
    a.0.iter().zip(&b.0).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
}

fn trust_by_hand(request: &Request<'_>, _: &Env<'_>) -> bool {
    matches!(request.trust, ValueRef::Trust(t) if t.is_valid() && t.0[0] >= 0.5)
}

fn entry_by_hand(request: &Request<'_>, _: &Env<'_>) -> bool {
    match (request.trust, request.inputs) {
        (ValueRef::Trust(t), [ValueRef::Bool(member)]) if t.is_valid() => {
            t.0[0] >= 0.3 && t.0[5] >= 0.2 && norm(t) >= 0.25 && *member
        }
        _ => false,
    }
}

fn transfer_given_by_hand(request: &Request<'_>, _: &Env<'_>) -> bool {
    match (request.caller, request.trust, request.inputs) {
        (
            ValueRef::Did(caller),
            ValueRef::Trust(t),
            [
                ValueRef::Did(to),
                ValueRef::Number(amount),
                ValueRef::Number(balance),
                ValueRef::Trust(receiver),
                ValueRef::Bool(kyc),
            ],
        ) if t.is_valid() && receiver.is_valid() && amount.is_finite() && balance.is_finite() => {
            *amount > 0.0
                && caller.as_str() != to.as_str()
                && amount <= balance
                && norm(t) >= 0.4
                && norm(receiver) >= 0.3
                && (*amount <= 5_000.0 || *kyc)
                && distance(t, receiver) < 0.6
        }
        _ => false,
    }
}

/// The same questions to the same host, in the same order.
fn transfer_by_hand(request: &Request<'_>, env: &Env<'_>) -> bool {
    let (ValueRef::Did(caller), [ValueRef::Did(to), ValueRef::Number(amount)], Some(host)) =
        (request.caller, request.inputs, env.host)
    else {
        return false;
    };
    let (caller, to, amount) = (caller.as_str(), to.as_str(), *amount);
    let load = |did: &str| host.trust(did).unwrap().unwrap_or(TrustVector::NEWCOMER);
    let sender = load(caller);
    if !amount.is_finite() || amount <= 0.0 || caller == to || amount > host.balance(caller).unwrap() as f64 {
        return false;
    }
    let receiver = load(to);
    norm(&sender) >= 0.4
        && norm(&receiver) >= 0.3
        && (amount <= 5_000.0 || host.has_credential(caller, "kyc").unwrap())
        && distance(&sender, &receiver) < 0.6
}

fn roles_by_hand(request: &Request<'_>, _: &Env<'_>) -> bool {
    let [ValueRef::Array(roles), ValueRef::Text(action), ValueRef::Text(resource)] = request.inputs else {
        return false;
    };
    let is = |role: &ValueRef<'_>, name: &str| matches!(role, ValueRef::Text(role) if *role == name);
    let one_of = |role: &ValueRef<'_>, names: &[&str]| names.iter().any(|name| is(role, name));
    (!resource.starts_with("system/") || roles.iter().any(|role| is(role, "admin")))
        && roles.iter().any(|role| match *action {
            "read" => one_of(role, &["viewer", "editor", "admin"]),
            "write" => one_of(role, &["editor", "admin"]),
            _ => is(role, "admin"),
        })
}

fn loop_by_hand(request: &Request<'_>, _: &Env<'_>) -> bool {
    let [ValueRef::Number(seed)] = request.inputs else { return false };
    let mut x = *seed;
    for i in 0..1000 {
        x = x * 0.5 + f64::from(i) * 0.25;
        if x > 100.0 {
            x -= 50.0;
        }
    }
    seed.is_finite() && x > 10.0
}

fn with_works(job: impl FnOnce(&[Work<'_>])) {
    let host = StateHost::new(Arc::new(World::from_json(WORLD.as_bytes()).unwrap()));
    let did = |text: &'static str| ValueRef::Did(Did::new(text).unwrap());
    let (alice, bob) = (did("did:erynoa:self:alice"), did("did:erynoa:self:bob"));
    let trust = TrustVector([0.8, 0.7, 0.9, 0.6, 0.7, 0.8]);
    let receiver = TrustVector([0.7, 0.6, 0.8, 0.5, 0.6, 0.7]);
    let roles = [ValueRef::Text("viewer"), ValueRef::Text("editor")];
    let given = [
        bob,
        ValueRef::Number(7_500.0),
        ValueRef::Number(9_000.0),
        ValueRef::Trust(&receiver),
        ValueRef::Bool(true),
    ];
    let asked = [bob, ValueRef::Number(7_500.0)];
    let for_roles = [ValueRef::Array(&roles), ValueRef::Text("write"), ValueRef::Text("files/a")];
    let times = [ValueRef::Number(NOW - 600.0), ValueRef::Number(NOW - 60.0)];
    let member = [ValueRef::Bool(true)];
    let seed = [ValueRef::Number(7.0)];
    let pair = [ValueRef::Number(20.0), ValueRef::Number(3.0)];
    let alone = Env { now: NOW, ..Env::default() };
    let on_host = Env { host: Some(&host as &dyn HostInterface), ..alone };
    let policy = |source: &str| Policy::compile(source).unwrap();
    let trusted = |inputs| Request { trust: ValueRef::Trust(&trust), ..Request::new(inputs) };
    let called = |inputs| Request { caller: alice, ..Request::new(inputs) };
    let work = |name, source, request, env, by_hand| Work {
        name,
        policy: policy(source),
        request,
        env,
        by_hand,
        rounds: 1,
    };
    let mut works = vec![
        work("W1 trust.r given", "trust.r >= 0.5", trusted(&[]), alone, Some(trust_by_hand as ByHand)),
        work("W2 entry given", ENTRY_GIVEN, trusted(&member), alone, Some(entry_by_hand)),
        work(
            "W3 transfer given",
            TRANSFER_GIVEN,
            Request { caller: alice, ..trusted(&given) },
            alone,
            Some(transfer_given_by_hand),
        ),
        work("W3 transfer host", TRANSFER, called(&asked), on_host, Some(transfer_by_hand)),
        work("W4 roles given", ROLES, Request::new(&for_roles), alone, Some(roles_by_hand)),
        work("W5 loop, a round", LOOP, Request::new(&seed), alone, Some(loop_by_hand)),
        work("trust.r host", "trust.r >= 0.5", called(&[]), on_host, None),
        work("entry host", ENTRY, called(&[]), on_host, None),
        work("session given", SESSION, trusted(&times), alone, None),
        work("session host", SESSION, called(&times), on_host, None),
        work("verified host", VERIFIED, called(&[]), on_host, None),
        work("roles host", ROLES, called(&for_roles), on_host, None),
    ];
    works[5].rounds = 1_000;
    // Straight code and nothing else: what the meter costs where it has nothing to do.
    let conditions: String = (0..128).map(|k| format!("require a * 0.5 + {k} >= b, \"no\";\n")).collect();
    let conditions = format!("policy p(a: number, b: number) {{ {conditions} }}");
    let work = work("conditions, each", &conditions, Request::new(&pair), alone, None);
    works.push(Work { rounds: 128, ..work });
    let mut vm = Vm::new();
    for work in &works {
        let receipt = vm.run(work.policy.executable(), &work.request, &work.env);
        assert_eq!(receipt.outcome, Outcome::Allow, "{}", work.name);
        assert!(work.by_hand.is_none_or(|by_hand| by_hand(&work.request, &work.env)), "{}", work.name);
    }
    job(&works);
}

const WAYS: [(Way, &str); 3] =
    [(Way::Metered, "metered"), (Way::Unmetered, "unmetered"), (Way::ByHand, "by hand")];

fn times(work: &Work<'_>, rounds: usize) -> [(f64, f64); 3] {
    let mut vm = Vm::new();
    let clock = |vm: &mut Vm, way, times: u32| -> Duration {
        let start = Instant::now();
        work.go(vm, way, times);
        start.elapsed()
    };
    // As many as take about 200 microseconds: often enough between two interruptions.
    let each = WAYS.map(|(way, _)| {
        let once = clock(&mut vm, way, 20_000 / work.rounds).as_nanos().max(1) as u64;
        (200_000 * u64::from(20_000 / work.rounds) / once).clamp(1, 1 << 20) as u32
    });
    let mut samples = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..rounds {
        for (at, (way, _)) in WAYS.iter().enumerate() {
            let per_run = clock(&mut vm, *way, each[at]).as_nanos() as f64 / f64::from(each[at]);
            samples[at].push(per_run / f64::from(work.rounds));
        }
    }
    samples.map(|mut s| {
        s.sort_by(f64::total_cmp);
        (s[0], s[s.len() / 2])
    })
}

/// Instructions of this very program under callgrind with so many runs.
fn instructions(name: &str, way: &str, runs: u32) -> i64 {
    let done = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe().unwrap())
        .args(["--run", name, way, &runs.to_string()])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&done.stderr);
    let line = text.lines().find(|line| line.contains("Collected")).unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let after = |flag: &str| args.iter().position(|arg| arg == flag).map(|at| &args[at + 1..]);
    with_works(|works| {
        if let Some([name, way, runs, ..]) = after("--run") {
            let way = WAYS.iter().find(|(_, known)| known == way).unwrap().0;
            for work in works.iter().filter(|work| work.name == name) {
                work.go(&mut Vm::new(), way, runs.parse().unwrap());
            }
            return;
        }
        let counts = after("--counts");
        let only = counts.and_then(<[String]>::first).filter(|name| !name.starts_with("--"));
        let rounds = if args.iter().any(|arg| arg == "--test") { 1 } else { 200 };
        println!("{:20} {:>17} {:>17} {:>17}", "", "metered", "unmetered", "by hand");
        for work in works.iter().filter(|work| only.is_none_or(|only| work.name.starts_with(only.as_str()))) {
            print!("{:20}", work.name);
            if counts.is_some() {
                for (way, name) in WAYS {
                    let runs = (2_000 / work.rounds).max(10);
                    let (few, many) =
                        (instructions(work.name, name, runs), instructions(work.name, name, 3 * runs));
                    let one = (many - few) as f64 / f64::from(2 * runs) / f64::from(work.rounds);
                    if way != Way::ByHand || work.by_hand.is_some() {
                        print!(" {one:17.1}");
                    }
                }
            } else {
                for ((least, median), (way, _)) in times(work, rounds).iter().zip(WAYS) {
                    if way != Way::ByHand || work.by_hand.is_some() {
                        print!(" {least:8.2} {median:8.2}");
                    }
                }
            }
            println!();
        }
    });
}
