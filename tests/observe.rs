//! Observation of runs, over random histories and under threads. By name: tests/plan/.
#![cfg(feature = "state-host")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod observing;

use eclvm::Policy;
use eclvm::batch::{Batch, BatchOptions};
use eclvm::kernel::budget::{Budget, BudgetLimits};
use eclvm::kernel::host::HostInterface;
use eclvm::kernel::request::Request;
use eclvm::kernel::value::{Did, ValueRef};
use eclvm::observe::{
    Checkpoint, EclvmObserver, EventLog, Observation, Replay, ReplayError, StateComponent, StateIntegrator,
};
use eclvm::run::{
    EclvmStateContext, PolicyRunContext, PolicyType, run_policy, run_policy_with_state_context,
};
use eclvm::state::{SagaStep, StateEvent, UnifiedState, World, same_content};
use observing::*;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

fn chance(seed: &mut u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed
}

/// One random thing that can happen to a state.
fn happen(state: &Arc<UnifiedState>, policies: &[Policy], seed: &mut u64) {
    let integrator = StateIntegrator::new(state);
    let realm = ["lab", "other", ""][chance(seed) as usize % 3];
    match chance(seed) % 8 {
        0 => {
            let rows: Vec<[ValueRef<'_>; 1]> =
                (0..chance(seed) % 40).map(|n| [ValueRef::Number(n as f64)]).collect();
            let requests: Vec<Request<'_>> = rows
                .iter()
                .map(|row| Request {
                    caller: ValueRef::Did(Did::new("did:x:a").unwrap()),
                    ..Request::new(row)
                })
                .collect();
            let mut batch =
                Batch::new(&policy("policy p(x: number) { require x < 20; }"), BatchOptions::default())
                    .unwrap()
                    .observed(Observation {
                        observer: Arc::new(integrator),
                        policy_id: Some("batch".into()),
                        policy_type: PolicyType::ALL[chance(seed) as usize % 10],
                        realm_id: Some(realm.into()),
                    });
            batch.run(requests.as_slice()).unwrap();
        }
        1 => {
            let handle = state.handle("lab", Some("did:x:a"), Arc::new(Budget::new(BudgetLimits::default())));
            handle.store_put(&format!("key {}", chance(seed) % 5), chance(seed) as f64).unwrap();
            handle.update_trust("did:x:b", (chance(seed) % 100) as f64 / 1_000.0).unwrap();
            handle.emit_event("told", eclvm::kernel::value::Value::Number(1.0)).unwrap();
            if chance(seed).is_multiple_of(4) {
                handle.rollback();
            } else {
                let _ = handle.commit();
            }
        }
        2 => EclvmObserver::on_crossing_policy_evaluated(
            &integrator,
            "did:x:a",
            None,
            realm,
            chance(seed).is_multiple_of(2),
            chance(seed) % 60,
        ),
        3 => {
            let state = [SagaStep::Done, SagaStep::Failed, SagaStep::Compensated, SagaStep::Completed]
                [chance(seed) as usize % 4];
            integrator.record(StateEvent::SagaProgress {
                saga: "s".into(),
                step: 1,
                state,
                realm_id: Some(realm.into()),
            });
        }
        _ => {
            let (source, gas, mana, _) = ENDS[chance(seed) as usize % ENDS.len()];
            let run = PolicyRunContext::new(
                "did:x:a",
                if source.contains("store") { "lab" } else { realm },
                limits(gas, mana),
            );
            let context = EclvmStateContext::new(
                state,
                run.of_policy(source, PolicyType::ALL[chance(seed) as usize % 10]),
            );
            let policy = &policies[ENDS.iter().position(|end| end.0 == source).unwrap()];
            run_policy_with_state_context(policy, &context).unwrap();
            let _ = context.commit();
        }
    }
}

#[test]
fn plan_e6_2_replaying_the_log_makes_counters_and_world_again() {
    let policies: Vec<Policy> = ENDS.iter().map(|end| policy(end.0)).collect();
    let mut seed = 0x9E37_79B9_7F4A_7C15;
    for round in 0..12 {
        let state = state();
        let mut running = Replay::from(&Checkpoint::start((**state.view().world()).clone(), 0));
        let mut checkpoint = running.checkpoint();
        for step in 0..60 {
            happen(&state, &policies, &mut seed);
            if chance(&mut seed).is_multiple_of(10) {
                running.advance(&state.event_log).unwrap();
                assert_eq!(running.snapshot(), state.snapshot(), "round {round}, step {step}");
                checkpoint = running.checkpoint();
            }
        }
        // From the start, from where it stood, and from the last checkpoint.
        let start = Checkpoint::start(World::from_json(FILE).unwrap(), 0);
        for mut replay in [Replay::from(&start), running, Replay::from(&checkpoint)] {
            replay.advance(&state.event_log).unwrap();
            assert_eq!(replay.snapshot(), state.snapshot(), "round {round}");
            assert_eq!(replay.world().version(), state.view().version());
            assert!(same_content(replay.world(), &state.view()));
            assert_eq!(replay.next(), state.event_log.next_seq());
        }
    }
}

#[test]
fn a_replay_stops_at_what_is_no_longer_there() {
    let state = Arc::new(UnifiedState::new().with_event_log(EventLog::new(4)));
    for _ in 0..9 {
        run_in(&state, "1 < 2", 100, 10);
    }
    let mut replay = Replay::from(&Checkpoint::start(World::default(), 0));
    assert_eq!(replay.advance(&state.event_log), Err(ReplayError::Gap { missing: 5 }));
    assert_eq!(replay.snapshot().eclvm.policies_executed, 0);
}

#[test]
fn sums_hold_in_every_snapshot_while_threads_run_policies() {
    let state = state();
    let policies: Vec<Policy> = ENDS.iter().map(|end| policy(end.0)).collect();
    let (stop, last) = (AtomicBool::new(false), Mutex::new(0));
    thread::scope(|scope| {
        let workers: Vec<_> = (1..=3_u64)
            .map(|thread| {
                let (state, policies) = (&state, &policies);
                scope.spawn(move || {
                    let mut seed = thread * 0x2545_F491_4F6C_DD1D;
                    (0..300).for_each(|_| happen(state, policies, &mut seed));
                })
            })
            .collect();
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let snapshot = state.snapshot();
                sums_hold(&snapshot);
                assert!(snapshot.eclvm.policies_executed >= *last.lock().unwrap(), "counters only grow");
                *last.lock().unwrap() = snapshot.eclvm.policies_executed;
            }
        });
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        stop.store(true, Ordering::Relaxed);
    });
    let snapshot = state.snapshot();
    sums_hold(&snapshot);
    assert_eq!(snapshot.execution.executions.active, 0);
    // Whoever ran with whom: the log says the same, if it still has it all.
    let mut replay = Replay::from(&Checkpoint::start(World::from_json(FILE).unwrap(), 0));
    replay.advance(&state.event_log).unwrap();
    assert_eq!(replay.snapshot(), snapshot);
    assert!(same_content(replay.world(), &state.view()));
}

/// Being told of a run may panic too; a second panic while one is under way would end the process.
#[test]
fn an_observer_that_panics_ends_nothing_but_its_run() {
    struct Bad;
    impl EclvmObserver for Bad {
        fn on_policy_executed(&self, _: &str, _: &str, _: bool, _: u64, _: u64, _: u64, _: Option<&str>) {
            panic!("on purpose");
        }
    }
    let context = PolicyRunContext::new("did:x:a", "lab", BudgetLimits::default()).observed_by(Arc::new(Bad));
    let run = |host: Option<&dyn HostInterface>| {
        catch_unwind(AssertUnwindSafe(|| run_policy(&policy("trust.r > 0"), host, &context)))
    };
    assert!(run(None).is_err());
    assert!(run(Some(&Loud(|| ()))).is_err());
}

/// A world's commit is logged as a whole and in order, and a subscriber may commit when it hears of one.
#[test]
fn commits_are_events_of_the_log() {
    let state = state();
    let mut heard = state.broadcaster.subscribe();
    let handle = state.handle("lab", None, Arc::new(Budget::new(BudgetLimits::default())));
    handle.store_put("a", 1.0).unwrap();
    handle.store_put("b", 2.0).unwrap();
    assert!(handle.commit().is_success());
    let logged = state.event_log.events_since(0).events;
    let places: Vec<_> = logged.iter().map(|logged| (logged.seq, logged.version, logged.more)).collect();
    assert_eq!(places, [(0, Some(2), 1), (1, Some(2), 0)]);
    let delta = heard.try_recv().unwrap();
    assert_eq!((delta.component, delta.events), (StateComponent::World, 0..2));
    let text = String::from_utf8(delta.data.to_vec()).unwrap();
    assert_eq!(text, "{\"Events\":{\"first\":0,\"next\":2}}");
}
