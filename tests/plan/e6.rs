//! E6: every run is an event.

use crate::observing::{ENDS, limits, policy, run_in, state, sums_hold};
use eclvm::batch::{Batch, BatchOptions};
use eclvm::kernel::budget::Budget;
use eclvm::kernel::fault::Outcome;
use eclvm::kernel::request::Request;
use eclvm::kernel::value::ValueRef;
use eclvm::observe::{
    DeltaType, EventLog, Observation, RecvError, StateComponent, StateDelta, StateIntegrator, TryRecvError,
};
use eclvm::run::PolicyType;
use eclvm::state::{StateEvent, UnifiedState};
use std::sync::Arc;
use std::thread;

/// The example as it is shipped.
#[allow(dead_code, reason = "its main is not called")]
#[path = "../../examples/alert.rs"]
mod alert;

#[test]
fn plan_e6_1_every_run_of_any_outcome_yields_one_event() {
    let state = state();
    for (at, (source, gas, mana, wanted)) in ENDS.into_iter().enumerate() {
        let result = run_in(&state, source, gas, mana);
        let found = state.event_log.events_since(at as u64);
        assert_eq!((found.events.len(), found.next), (1, at as u64 + 1), "{source}");
        let event = (*found.events[0].event).clone();
        let same = StateEvent::PolicyEvaluated {
            policy_id: Some("door".into()),
            realm_id: Some("lab".into()),
            passed: wanted == Outcome::Allow,
            policy_type: PolicyType::Governance,
            gas_used: result.gas_used,
            mana_used: result.mana_used,
            duration_us: result.duration_us,
            outcome: wanted,
        };
        assert_eq!(event, same);
    }
    sums_hold(&state.snapshot());
}

#[test]
fn plan_e6_1_a_batch_yields_one_event_a_run_in_index_order() {
    let state = state();
    let source = policy("policy p(x: number) { require 6 / x >= 2; }");
    let rows: Vec<[ValueRef<'_>; 1]> = (0..5_000).map(|n| [ValueRef::Number(f64::from(n % 5))]).collect();
    let requests: Vec<Request<'_>> = rows
        .iter()
        .enumerate()
        .map(|(at, row)| Request {
            realm: ValueRef::Text(["lab", "other"][at / 100 % 2]),
            ..Request::new(row)
        })
        .collect();
    let mut heard = state.broadcaster.subscribe();
    let budget = Arc::new(Budget::new(limits(10_000, 10)));
    let options = BatchOptions { budget: Some(budget), ..BatchOptions::default() };
    let mut batch = Batch::new(&source, options).unwrap().observed(Observation {
        observer: Arc::new(StateIntegrator::new(&state)),
        policy_id: Some("p".into()),
        policy_type: PolicyType::Api,
        realm_id: None,
    });
    let receipts = batch.run(requests.as_slice()).unwrap();
    let logged = state.event_log.events_since(0);
    assert_eq!((logged.events.len(), logged.next, logged.missed), (5_000, 5_000, 0));
    for (at, (logged, receipt)) in logged.events.iter().zip(&receipts).enumerate() {
        let StateEvent::PolicyEvaluated { outcome, gas_used, realm_id, .. } = &*logged.event else {
            panic!()
        };
        assert_eq!((logged.seq, *outcome, *gas_used), (at as u64, receipt.outcome, receipt.cost));
        assert_eq!(realm_id.as_deref(), Some(["lab", "other"][at / 100 % 2]));
    }
    let snapshot = state.snapshot();
    sums_hold(&snapshot);
    let eclvm = &snapshot.eclvm;
    assert_eq!(
        (eclvm.policies_executed, eclvm.policies_faulted),
        (5_000, receipts.iter().filter(|r| r.outcome.name() == "fault").count() as u64)
    );
    assert!(eclvm.policies_exhausted > 0 && eclvm.policies_denied > 0 && eclvm.policies_passed > 0);
    // One delta for each chunk, and together all of the log.
    let mut next = 0;
    while let Ok(delta) = heard.try_recv() {
        assert_eq!(delta.events.start, next);
        next = delta.events.end;
    }
    assert_eq!(next, 5_000);
    // Or one for each event.
    let each = StateIntegrator::new(&state).with_delta_per_event();
    let mut batch = Batch::new(&source, BatchOptions::default()).unwrap().observed(Observation {
        observer: Arc::new(each),
        policy_id: None,
        policy_type: PolicyType::Api,
        realm_id: Some("lab".into()),
    });
    batch.run(&requests[..3]).unwrap();
    let deltas: Vec<StateDelta> = std::iter::from_fn(|| heard.try_recv().ok()).collect();
    assert_eq!(
        deltas.iter().map(|delta| delta.events.clone()).collect::<Vec<_>>(),
        [5_000..5_001, 5_001..5_002, 5_002..5_003]
    );
}

#[test]
fn plan_e6_2_the_event_log_is_bounded_counts_what_it_loses_and_has_no_gaps() {
    let state = Arc::new(UnifiedState::new().with_event_log(EventLog::new(8)));
    assert_eq!(UnifiedState::new().event_log.capacity(), 10_000);
    for _ in 0..20 {
        run_in(&state, "1 < 2", 100, 10);
    }
    let found = state.event_log.events_since(3);
    assert_eq!(
        found.events.iter().map(|logged| logged.seq).collect::<Vec<_>>(),
        (12..20).collect::<Vec<_>>()
    );
    assert_eq!((found.missed, found.dropped, found.next), (9, 0, 20));
    assert_eq!(state.event_log.stats().overwritten, 12);
    assert_eq!(state.event_log.events_since(u64::MAX).events, []);
    let event = |us: f64, passed: bool, name: &str| StateEvent::PolicyEvaluated {
        policy_id: Some(name.into()),
        realm_id: None,
        passed,
        policy_type: PolicyType::Ui,
        gas_used: u64::MAX,
        mana_used: u64::MAX,
        duration_us: us,
        outcome: Outcome::Allow,
    };
    // What five words cannot tell is told all the same.
    let long = "x".repeat(10_000);
    for event in
        [event(0.5, true, "p"), event(1e300, true, "p"), event(-0.0, false, "p"), event(1.0, true, &long)]
    {
        let seq = state.event_log.log(event.clone());
        assert_eq!(*state.event_log.events_since(seq).events[0].event, event);
    }
}

#[test]
fn plan_e6_3_a_delta_carries_the_event_as_json_and_comes_after_counters_and_log() {
    let state = state();
    run_in(&state, "1 < 2", 100, 10);
    let mut heard = state.broadcaster.subscribe();
    assert_eq!(heard.try_recv(), Err(TryRecvError::Empty), "what was before is not heard");
    let listener = {
        let state = state.clone();
        thread::spawn(move || {
            for n in 2..=50_u64 {
                let delta = heard.blocking_recv().unwrap();
                assert_eq!((delta.component, delta.delta_type), (StateComponent::ECLVM, DeltaType::Update));
                assert!(state.eclvm.snapshot().policies_executed >= n);
                assert!(
                    state.event_log.events_since(delta.events.start).events.len() as u64
                        > n - delta.events.end
                );
                let json: serde_json::Value = serde_json::from_slice(&delta.data).unwrap();
                let run = &json["PolicyEvaluated"];
                assert_eq!(run["outcome"], "exhausted");
                assert_eq!(run["reason"], "OutOfGas");
                assert_eq!(
                    (run["passed"].as_bool(), run["policy_type"].as_str()),
                    (Some(false), Some("Governance"))
                );
                assert_eq!(
                    (run["policy_id"].as_str(), run["realm_id"].as_str()),
                    (Some("door"), Some("lab"))
                );
                assert!(run["duration_us"].as_f64().unwrap() > 0.0 && run["mana_used"].as_u64() == Some(0));
            }
        })
    };
    for _ in 2..=50 {
        run_in(&state, "policy p { while true { } }", 100, 10);
    }
    listener.join().unwrap();
    assert_eq!(state.broadcaster.subscribers(), 0);
}

#[test]
fn plan_e6_4_subscribers_may_be_tasks_or_threads_and_slow_ones_are_told_what_they_missed() {
    let state = state();
    let (mut slow, mut quick) = (state.broadcaster.subscribe(), state.broadcaster.subscribe());
    let mut waiting = {
        let mut heard = state.broadcaster.subscribe();
        Some(thread::spawn(move || heard.blocking_recv().unwrap().events))
    };
    let runs = eclvm::kernel::limits::DELTA_QUEUE as u64 + 10;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        for n in 0..runs {
            run_in(&state, "1 > 2", 100, 10);
            assert_eq!(quick.recv().await.unwrap().events, n..n + 1);
            // The thread hears of the first before there are more than it could miss.
            if let Some(waiting) = waiting.take() {
                assert_eq!(waiting.join().unwrap(), 0..1);
            }
        }
        // On the thread of a runtime too, a wait only waits.
        assert_eq!(slow.blocking_recv(), Err(RecvError::Lagged(10)));
    });
    assert_eq!(slow.blocking_recv().unwrap().events.start, 10);
    // A state that is gone is heard of.
    drop(state);
    while slow.blocking_recv().is_ok() {}
    assert_eq!(slow.blocking_recv(), Err(RecvError::Closed));
}

#[test]
fn plan_e6_4_the_example_alerts_of_each_denied_policy_and_of_nothing_else() {
    let state = state();
    let mut heard = state.broadcaster.subscribe();
    let mut alerts = 0;
    for (source, gas, mana, outcome) in ENDS {
        run_in(&state, source, gas, mana);
        let alert = alert::denied(&heard.try_recv().unwrap());
        assert_eq!(alert.is_some(), outcome == Outcome::Deny, "{source}: {alert:?}");
        if let Some(alert) = alert {
            alerts += 1;
            assert_eq!(alert, "policy door denied in realm lab");
        }
    }
    assert_eq!(alerts, 1);
    let other = StateDelta::new(StateComponent::World, DeltaType::Update, b"{}".to_vec());
    assert_eq!(alert::denied(&other), None);
}
