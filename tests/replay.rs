//! The log makes counters and world again after histories of everything that this crate does to a state: runs, batches that
//! write, crossings, sagas, blueprints, and the embedder's own commits.
#![cfg(feature = "state-host")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod rng;

use eclvm::Policy;
use eclvm::batch::{BatchOptions, run_on_state_observed};
use eclvm::gateway::{
    Blueprint, Blueprints, ProgrammableGateway, RealmDefaults, Saga, SagaRunner, SagaWrite, Step,
    compile_policy,
};
use eclvm::kernel::budget::{Budget, BudgetLimits};
use eclvm::kernel::mana::ManaTable;
use eclvm::kernel::request::Request;
use eclvm::kernel::value::{Did, Value, ValueRef};
use eclvm::observe::{Checkpoint, Observation, Replay, StateIntegrator};
use eclvm::run::{EclvmStateContext, PolicyRunContext, PolicyType, run_policy_with_state_context};
use eclvm::state::{RealmChange, StateEvent, UnifiedState, World, same_content};
use rng::Rng;
use std::collections::BTreeMap;
use std::sync::Arc;

const FILE: &[u8] = br#"{
  "identities": {"did:x:a": {"trust": [0.9, 0.8, 0.7, 0.6, 0.5, 0.4], "balance": 100}, "did:x:b": {"balance": 50}},
  "realms": {"lab": {"store": {"k": 1}}, "other": {}, "shut": {"quarantined": true}}
}"#;
const DIDS: [&str; 3] = ["did:x:a", "did:x:b", "did:x:nobody"];
const REALMS: [&str; 4] = ["lab", "other", "shut", "nowhere"];

struct Setting {
    state: Arc<UnifiedState>,
    gateway: ProgrammableGateway,
    blueprints: Blueprints,
    sagas: SagaRunner,
    writer: Policy,
    runs: Vec<Policy>,
    made: usize,
    tried: BTreeMap<&'static str, usize>,
}

impl Setting {
    fn new() -> Setting {
        Setting::on(Arc::new(UnifiedState::with_world(World::from_json(FILE).unwrap())))
    }
    fn on(state: Arc<UnifiedState>) -> Setting {
        let integrator = Arc::new(StateIntegrator::new(&state));
        Setting {
            gateway: ProgrammableGateway::new(state.clone(), Arc::new(ManaTable::new(0))),
            blueprints: Blueprints::with_observer(integrator),
            sagas: SagaRunner::new(state.clone()),
            writer: Policy::compile(
                "policy w(x: number) { require x < 20; require 1 / (x - 3) < 9; store_put(\"k\", (store_get_number(\"k\") ?? 0) + x); }",
            )
            .unwrap(),
            runs: [
                "trust.r >= 0.5",
                "policy p { update_trust(caller, 0.01); emit \"seen\", now; }",
                "policy p { require cross_realm(\"other\"), \"not there\"; }",
                "policy p { while true { } }",
            ]
            .map(|source| Policy::compile(source).unwrap())
            .into(),
            made: 0,
            tried: BTreeMap::new(),
            state,
        }
    }

    fn happen(&mut self, rng: &mut Rng) {
        let (did, realm) = (DIDS[rng.below(3)], REALMS[rng.below(4)]);
        let what = ["run", "batch", "crossing", "saga", "blueprint", "policies", "commit"][rng.below(7)];
        *self.tried.entry(what).or_default() += 1;
        match what {
            "run" => {
                let run = PolicyRunContext::new(
                    did,
                    realm,
                    BudgetLimits { gas_limit: 500, ..BudgetLimits::default() },
                );
                let policy = &self.runs[rng.below(self.runs.len())];
                let context =
                    EclvmStateContext::new(&self.state, run.of_policy("run", PolicyType::ALL[rng.below(10)]));
                run_policy_with_state_context(policy, &context).unwrap();
                if rng.below(4) == 0 { context.rollback() } else { drop(context.commit()) }
            }
            "batch" => {
                let rows: Vec<[ValueRef<'_>; 1]> =
                    (0..rng.below(30)).map(|_| [ValueRef::Number(rng.below(25) as f64)]).collect();
                let caller = ValueRef::Did(Did::new(did).unwrap());
                let request = |row| Request { caller, realm: ValueRef::Text(realm), ..Request::new(row) };
                let requests: Vec<Request<'_>> = rows.iter().map(|row| request(row)).collect();
                let options =
                    BatchOptions { threads: 1 + rng.below(2), allow_writes: true, ..BatchOptions::default() };
                let observation = Observation {
                    observer: Arc::new(StateIntegrator::new(&self.state)),
                    policy_id: Some("batch".into()),
                    policy_type: PolicyType::Transaction,
                    realm_id: Some(realm.into()),
                };
                let before = self.state.snapshot().eclvm.policies_executed;
                let requests = requests.as_slice();
                run_on_state_observed(&self.writer, &self.state, requests, &options, Some(&observation))
                    .unwrap();
                let told = self.state.snapshot().eclvm.policies_executed - before;
                assert_eq!(told, rows.len() as u64, "each once");
            }
            "crossing" => {
                self.gateway.validate_crossing(did, (rng.below(2) == 0).then_some("lab"), realm);
            }
            "saga" => {
                let pay = |from: &str, to: &str, amount| SagaWrite::Transfer {
                    from: from.into(),
                    to: to.into(),
                    amount,
                };
                let step = |rng: &mut Rng| {
                    let amount = rng.below(60) as i128 + 1;
                    let put = SagaWrite::StorePut { key: "s".into(), value: 1.0.into() };
                    let writes = vec![pay("did:x:a", "did:x:b", amount), put];
                    let undo = vec![pay("did:x:b", "did:x:a", amount)];
                    let step = Step::new(["lab", "other", "shut"][rng.below(3)], writes, undo);
                    match rng.below(3) {
                        0 => step.allowed_by(self.writer.clone(), vec![Value::Number(rng.below(30) as f64)]),
                        _ => step,
                    }
                };
                let steps = (0..=rng.below(3)).map(|_| step(rng)).collect();
                if let Ok(saga) = Saga::new("trip", "did:x:a", steps) {
                    self.sagas.run(&saga);
                }
            }
            "blueprint" => {
                self.made += 1;
                let (name, version) = ("shop", self.made as u64);
                let policies =
                    vec![compile_policy("entry", &format!("trust.r >= 0.{}", rng.below(9))).unwrap()];
                let blueprint = Blueprint::new(name, version, policies, RealmDefaults::default()).unwrap();
                self.blueprints.publish(blueprint).unwrap();
                let _ = self.blueprints.deploy(&self.state, name, version, realm);
                let made = format!("made{}", rng.below(6));
                let _ = self.blueprints.instantiate(&self.state, name, version, &made, Some("did:x:a"));
                if rng.below(2) == 0 {
                    self.blueprints.deprecate(name, version).unwrap();
                }
            }
            "policies" => {
                let _ = self
                    .gateway
                    .replace_policies(realm, &[("entry", "from_realm == \"lab\" || trust.i > 0.7")]);
            }
            _ => {
                let handle =
                    self.state.handle(realm, Some(did), Arc::new(Budget::new(BudgetLimits::default())));
                let _ = handle.store_put("k", rng.below(100) as f64);
                let _ = handle.submit_proposal(&format!("p{}", rng.below(9)), "text");
                let _ = handle.cast_vote("p1", rng.below(2) == 0);
                let _ = handle.commit();
                let mut own = self.state.begin();
                let change = RealmChange::Quarantined(rng.below(3) == 0);
                own.push(StateEvent::RealmChanged { realm_id: "other".into(), change }).unwrap();
                let _ = self.state.commit(&own);
            }
        }
    }

    /// A replay stands where the state stands.
    fn check(&self, replay: &mut Replay, seed: u64) {
        replay.advance(&self.state.event_log).unwrap();
        assert_eq!(replay.snapshot(), self.state.snapshot(), "seed {seed}");
        assert_eq!(replay.world().version(), self.state.view().version(), "seed {seed}");
        assert!(same_content(replay.world(), &self.state.view()), "seed {seed}");
    }
}

#[test]
fn plan_e6_2_the_log_makes_again_what_batches_crossings_sagas_and_blueprints_did() {
    let mut tried: BTreeMap<&str, usize> = BTreeMap::new();
    for seed in 1..=10_u64 {
        let mut rng = Rng(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mut setting = Setting::new();
        let start = Checkpoint::start(World::from_json(FILE).unwrap(), 0);
        let (mut running, mut checkpoint) = (Replay::from(&start), start.clone());
        for _ in 0..60 {
            setting.happen(&mut rng);
            if rng.below(8) == 0 {
                setting.check(&mut running, seed);
                checkpoint = running.checkpoint();
            }
        }
        for mut replay in [Replay::from(&start), running, Replay::from(&checkpoint)] {
            setting.check(&mut replay, seed);
        }
        let eclvm = setting.state.snapshot().eclvm;
        assert!(eclvm.policies_passed > 0 && eclvm.policies_denied > 0, "{eclvm:?}");
        setting.tried.iter().for_each(|(what, n)| *tried.entry(what).or_default() += n);
    }
    assert_eq!(tried.len(), 7);
    assert!(tried.values().all(|n| *n > 20), "{tried:?}");
}

/// The same happens on durable states, which are closed and opened again; their log alone makes everything again.
#[cfg(feature = "durable")]
#[test]
fn plan_e6_2_the_durable_log_makes_again_what_runs_batches_crossings_sagas_and_blueprints_did() {
    use eclvm::durable::{ErynoaHost, HostOptions, Keep};
    for seed in 0..8 {
        let directory = std::env::temp_dir().join(format!("eclvm-replay-{}-{seed}", std::process::id()));
        let mut rng = Rng(1_000 + seed);
        // Now and then the ring is too small for what is logged at once.
        let options = HostOptions { events_in_memory: [16, 10_000][rng.below(2)], ..HostOptions::default() };
        let host = ErynoaHost::open_with(&directory, options).unwrap();
        let import = host.import(&World::from_json(FILE).unwrap()).unwrap();
        assert!(host.state().commit(&import).is_success());
        let mut setting = Setting::on(host.state().clone());
        for round in 0..60 {
            setting.happen(&mut rng);
            if round % 20 == 19 {
                host.flush().unwrap();
                if rng.below(2) == 0 {
                    host.store().prune(Keep { events: 50, ..Keep::default() }).unwrap();
                }
                let replay = host.store().rebuild().unwrap();
                assert_eq!(replay.snapshot(), setting.state.snapshot(), "seed {seed}");
            }
        }
        let (counted, world) = (setting.state.snapshot(), setting.state.view());
        assert!(counted.eclvm.policies_executed > 0);
        drop((setting, host));
        let host = ErynoaHost::open(&directory).unwrap();
        let replay = host.store().rebuild().unwrap();
        assert_eq!(replay.snapshot(), counted, "seed {seed}");
        assert_eq!(replay.world().version(), world.version(), "seed {seed}");
        assert!(same_content(replay.world(), &world), "seed {seed}");
        assert_eq!(replay.next(), host.store().log_len());
        drop(host);
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
