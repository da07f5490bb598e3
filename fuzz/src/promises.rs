//! What a run of any verified program promises, on requests that are sound, half sound and wrong.

use crate::bytes::hash;
use bumpalo::Bump;
use eclvm::host::{StateHost, World};
use eclvm_kernel::budget::BudgetLimits;
use eclvm_kernel::fault::{Exhaustion, Outcome};
use eclvm_kernel::gas::{GasLayer, GasUnits, Prices};
use eclvm_kernel::host::HostInterface;
use eclvm_kernel::isa::Op;
use eclvm_kernel::receipt::Receipt;
use eclvm_kernel::request::{Env, Request};
use eclvm_kernel::types::{Base, Ty};
use eclvm_kernel::value::{Did, TrustVector, ValueRef};
use eclvm_kernel::verify::Bound;
use eclvm_kernel::vm::{Executable, Vm};
use eclvm_testkit::generate::rng::Rng;
use std::sync::{Arc, OnceLock};

const REQUESTS: usize = 3;
/// Small enough that a loop without an end is quick, large enough to get through what ends.
pub(crate) const LIMITS: BudgetLimits =
    BudgetLimits { gas_limit: 3_000, mana_limit: 60, max_stack_depth: 24, timeout_ms: u64::MAX };

const WORLD: &str = r#"{
  "identities": {
    "did:erynoa:self:alice": {"trust": [0.8, 0.7, 0.9, 0.6, 0.7, 0.8], "balance": 12000, "credentials": ["kyc"], "realms": ["market"]},
    "did:erynoa:self:bob": {"trust": [0.25, 0.5, 0, 1, 0.7, 0.3], "balance": -4},
    "did:erynoa:self:rich": {"trust": [1, 1, 1, 1, 1, 1], "balance": 9007199254740993}
  },
  "realms": {
    "market": {"members": ["did:erynoa:self:bob"], "trust_threshold": 0.4,
      "store": {"open": true, "limit": 10000, "a": "text", "k": "v"}, "policies": {"entry": "trust.r >= trust_threshold()"}},
    "loop": {"policies": {"entry": "cross_realm(\"loop\")"}},
    "sum": {"policies": {"entry": "policy entry { let s = 0; for i in 0..9 { s = s + i; } log(realm); require s > 3 && cross_realm(\"market\"), \"no\"; }"}},
    "plain": {},
    "jail": {"quarantined": true}
  }
}"#;

pub(crate) fn world() -> &'static StateHost {
    static HOST: OnceLock<StateHost> = OnceLock::new();
    HOST.get_or_init(|| StateHost::new(Arc::new(World::from_json(WORLD.as_bytes()).expect("a sound world"))))
}

/// Runs a program on requests made from the input, and holds every run to what it promises.
pub(crate) fn hold(exe: &Executable, data: &[u8]) {
    let mut rng = Rng::split(hash(data), 5);
    let mut vm = Vm::new();
    for _ in 0..REQUESTS {
        let bump = Bump::new();
        let host = rng.often(700).then(|| world() as &dyn HostInterface);
        let request = request(exe, host.is_some(), &mut rng, &bump);
        let prices = if rng.often(700) {
            Prices::default()
        } else {
            let mut price = || rng.pick(&[0, 1, 1, 2, 7, 1_000]);
            Prices(GasUnits { network: price(), compute: price(), storage: price(), realm: price() })
        };
        // Free gas would let a loop without an end run forever: the limit is the only thing that stops it here.
        let prices = if prices.0.compute == 0 { Prices::default() } else { prices };
        let env = Env {
            host,
            allow_writes: rng.often(900),
            now: rng.pick(&[0.0, 1_700_000_000.0, -1.5, f64::NAN]),
            limits: LIMITS,
            prices,
            ..Env::default()
        };
        one(exe, &request, &env, &mut vm);
    }
}

fn one(exe: &Executable, request: &Request<'_>, env: &Env<'_>, vm: &mut Vm) {
    let first = vm.run(exe, request, env);
    check(exe, &first, env);
    // A machine that has run something else, and one that has not, run alike.
    assert_same(&first, &vm.run(exe, request, env), "the second run differs");
    assert_same(&first, &Vm::new().run(exe, request, env), "a fresh machine's run differs");
    assert_same(&first, &vm.run_fully(exe, request, env), "the full machine's run differs");
    if first.cost == 0 || matches!(first.outcome, Outcome::Exhausted(_)) {
        return;
    }
    let with = |gas_limit| Env { limits: BudgetLimits { gas_limit, ..LIMITS }, ..*env };
    assert_same(&first, &vm.run(exe, request, &with(first.cost)), "with exactly its gas the run differs");
    let short = vm.run(exe, request, &with(first.cost - 1));
    assert_same(
        &short,
        &vm.run_fully(exe, request, &with(first.cost - 1)),
        "the full machine's short run differs",
    );
    assert_eq!(
        short.outcome,
        Outcome::Exhausted(Exhaustion::OutOfGas),
        "one unit short, and yet it ends: {first:?}"
    );
    check(exe, &short, &with(first.cost - 1));
}

fn check(exe: &Executable, receipt: &Receipt, env: &Env<'_>) {
    let program = exe.program();
    assert!(receipt.cost <= env.limits.gas_limit, "more gas than its limit: {receipt:?}");
    assert!(receipt.mana <= env.limits.mana_limit, "more mana than its limit: {receipt:?}");
    assert_eq!(receipt.cost, env.prices.cost(&receipt.gas), "the cost is not that of the units: {receipt:?}");
    assert!(
        receipt.passed() || receipt.effects().is_empty(),
        "effects of a run that was not allowed: {receipt:?}"
    );
    assert!(receipt.effects().is_empty() || env.allow_writes, "effects that were not granted: {receipt:?}");
    // The bound of a policy that asks another realm is its own part only where it is finite at all.
    let crosses = program.code.iter().any(|instr| instr.op == Op::CrossRealm);
    for layer in GasLayer::ALL.into_iter().filter(|_| !crosses) {
        if let Bound::Finite(most) = exe.verified().bound().layer(layer) {
            let took = receipt.gas[layer];
            assert!(took <= most, "the bound of {} is {most}, but a run took {took}", layer.name());
        }
    }
}

pub(crate) fn assert_same(a: &Receipt, b: &Receipt, what: &str) {
    // As text: a value may be NaN.
    let (a, b) = (format!("{a:?}"), format!("{b:?}"));
    assert!(a == b, "{what}:\n{a}\n{b}");
}

const DIDS: &[&str] =
    &["did:erynoa:self:alice", "did:erynoa:self:bob", "did:erynoa:self:rich", "did:erynoa:self:nobody"];
const TEXTS: &[&str] =
    &["", "a", "kyc", "market", "loop", "sum", "plain", "jail", "ä€😀", "did:erynoa:self:bob", "k"];

pub(crate) fn request<'a>(exe: &Executable, has_host: bool, rng: &mut Rng, bump: &'a Bump) -> Request<'a> {
    let program = exe.program();
    let inputs: Vec<ValueRef<'a>> =
        program.inputs.iter().map(|input| value(input.ty, rng, bump, 0)).collect();
    let maybe = |rng: &mut Rng, ty| if rng.often(950) { value(ty, rng, bump, 0) } else { ValueRef::Missing };
    Request {
        inputs: bump.alloc_slice_copy(&inputs),
        caller: maybe(rng, Ty::DID),
        realm: maybe(rng, Ty::TEXT),
        trust: if has_host { ValueRef::Missing } else { maybe(rng, Ty::TRUST) },
        unknown_keys: rng.often(5),
    }
}

fn value<'a>(ty: Ty, rng: &mut Rng, bump: &'a Bump, depth: u8) -> ValueRef<'a> {
    if rng.often(3) {
        // Of the wrong type, most often.
        return rng.pick(&[
            ValueRef::Missing,
            ValueRef::Null,
            ValueRef::Number(f64::NAN),
            ValueRef::Text("x"),
        ]);
    }
    if ty.is_optional() && rng.often(300) {
        return ValueRef::Null;
    }
    if let Some(elem) = ty.elem() {
        let most = if depth == 0 { rng.pick(&[0, 1, 2, 5, 40]) } else { 2 };
        let items: Vec<ValueRef<'a>> = (0..most).map(|_| value(elem, rng, bump, depth + 1)).collect();
        return ValueRef::Array(bump.alloc_slice_copy(&items));
    }
    match ty.base() {
        Base::Number => ValueRef::Number(rng.pick(&[
            0.0,
            -0.0,
            1.0,
            2.0,
            0.5,
            -3.0,
            7.25,
            100.0,
            1e300,
            9_007_199_254_740_993.0,
        ])),
        Base::Bool => ValueRef::Bool(rng.often(600)),
        Base::Text => ValueRef::Text(if rng.often(20) {
            bump.alloc_str(&"x".repeat(rng.pick(&[1_000, 40_000])))
        } else {
            rng.pick(TEXTS)
        }),
        Base::Did => Did::new(rng.pick(DIDS)).map_or(ValueRef::Missing, ValueRef::Did),
        Base::Trust => {
            let vector = std::array::from_fn(|_| if rng.often(3) { 1.5 } else { rng.unit() });
            ValueRef::Trust(bump.alloc(TrustVector(vector)))
        }
        Base::Unit => ValueRef::Missing,
    }
}
