//! Prints an alert for each policy that was denied, as it happens: once from a task and once from a thread.
//! `cargo run --example alert`

use eclvm::Policy;
use eclvm::kernel::budget::BudgetLimits;
use eclvm::kernel::fault::Outcome;
use eclvm::observe::{RecvError, StateComponent, StateDelta, Subscriber, UNKNOWN};
use eclvm::run::{EclvmStateContext, PolicyRunContext, PolicyType, run_policy_with_state_context};
use eclvm::state::{StateEvent, UnifiedState};
use std::error::Error;
use std::sync::Arc;
use std::thread;

/// The policy and the realm, where the delta is of a run that was denied.
pub(crate) fn denied(delta: &StateDelta) -> Option<String> {
    if delta.component != StateComponent::ECLVM {
        return None;
    }
    let event = serde_json::from_slice::<StateEvent>(&delta.data).ok()?;
    let StateEvent::PolicyEvaluated { policy_id, realm_id, outcome: Outcome::Deny, .. } = event else {
        return None;
    };
    let (policy, realm) = (policy_id.as_deref().unwrap_or(UNKNOWN), realm_id.as_deref().unwrap_or("none"));
    Some(format!("policy {policy} denied in realm {realm}"))
}

async fn alert_in_a_task(mut heard: Subscriber) {
    loop {
        match heard.recv().await {
            Ok(delta) => denied(&delta).into_iter().for_each(|alert| println!("task: {alert}")),
            Err(RecvError::Lagged(missed)) => println!("task: missed {missed} deltas"),
            Err(RecvError::Closed) => return,
        }
    }
}

fn alert_on_a_thread(mut heard: Subscriber) {
    loop {
        match heard.blocking_recv() {
            Ok(delta) => denied(&delta).into_iter().for_each(|alert| println!("thread: {alert}")),
            Err(RecvError::Lagged(missed)) => println!("thread: missed {missed} deltas"),
            Err(RecvError::Closed) => return,
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let state = Arc::new(UnifiedState::new());
    let (for_task, for_thread) = (state.broadcaster.subscribe(), state.broadcaster.subscribe());
    let listener = thread::spawn(move || alert_on_a_thread(for_thread));
    for (id, source) in [("open", "1 < 2"), ("closed", "1 > 2"), ("shut", "false")] {
        let run =
            PolicyRunContext::new("", "lab", BudgetLimits::default()).of_policy(id, PolicyType::Crossing);
        let policy = Policy::compile(source).map_err(|error| error.to_string())?;
        run_policy_with_state_context(&policy, &EclvmStateContext::new(&state, run))?;
    }
    // Both are told when the state is gone.
    drop(state);
    tokio::runtime::Builder::new_current_thread().build()?.block_on(alert_in_a_task(for_task));
    listener.join().map_err(|_| "the listener panicked")?;
    Ok(())
}
