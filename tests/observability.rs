//! Spans: the plan's section 6. Alone in its process: whether a span is made at all is remembered for all threads, and
//! runs of other tests, where nobody listens, would have it forgotten.
#![cfg(feature = "state-host")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use eclvm::Policy;
use eclvm::batch::{Batch, BatchOptions};
use eclvm::kernel::budget::BudgetLimits;
use eclvm::kernel::request::Request;
use eclvm::kernel::value::ValueRef;
use eclvm::run::{
    EclvmStateContext, PolicyRunContext, PolicyType, run_policy, run_policy_with_state_context,
};
use eclvm::state::UnifiedState;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use tracing::field::{Field, Visit};
use tracing::span;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// Runs one policy in a realm that there is.
fn run_in(state: &Arc<UnifiedState>, realm: &str, source: &str, gas: u64) {
    let limits = BudgetLimits { gas_limit: gas, ..BudgetLimits::default() };
    let run = PolicyRunContext::new("", realm, limits).of_policy("door", PolicyType::Crossing);
    let context = EclvmStateContext::new(state, run);
    run_policy_with_state_context(&Policy::compile(source).unwrap(), &context).unwrap();
}

/// Writes down spans and events.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Vec<String>>>);

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Times differ from run to run.
        match field.name() {
            "duration_us" => self.0 += " duration_us",
            name => self.0 += &format!(" {name}={value:?}"),
        }
    }
}

impl<S: tracing::Subscriber> Layer<S> for Recorder {
    fn on_new_span(&self, span: &span::Attributes<'_>, _: &span::Id, _: Context<'_, S>) {
        let mut fields = Fields(span.metadata().name().to_owned());
        span.record(&mut fields);
        self.0.lock().unwrap().push(fields.0);
    }
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields(format!("event {}", event.metadata().level()));
        event.record(&mut fields);
        self.0.lock().unwrap().push(fields.0);
    }
}

#[test]
fn plan_observability_tracing_a_run_has_a_span_and_a_closing_event_and_a_batch_one_span() {
    let recorder = Recorder::default();
    let subscriber = tracing_subscriber::registry().with(recorder.clone());
    tracing::subscriber::with_default(subscriber, || {
        let state = Arc::new(UnifiedState::new());
        run_in(&state, "lab", "1 < 2", 100);
        let nameless = PolicyRunContext::with_gas_limit("", "", 7);
        run_policy(&Policy::compile("1 < 2").unwrap(), None, &nameless);
        let policy = Policy::compile("policy p(x: number) { require x < 5; }").unwrap();
        let rows: Vec<[ValueRef<'_>; 1]> = (0..100).map(|n| [ValueRef::Number(f64::from(n))]).collect();
        let requests: Vec<Request<'_>> = rows.iter().map(|row| Request::new(row)).collect();
        let mut batch = Batch::new(&policy, BatchOptions::default()).unwrap();
        batch.run(&requests[..50]).unwrap();
        batch.run(&requests[50..]).unwrap();
    });
    let told = recorder.0.lock().unwrap();
    assert_eq!(
        *told,
        [
            "eclvm_policy_run policy_id=\"door\" realm=\"lab\" gas_limit=100",
            "event INFO message=Policy execution completed gas_used=1 duration_us",
            "eclvm_policy_run policy_id=\"unknown\" realm=\"\" gas_limit=7",
            "event INFO message=Policy execution completed gas_used=1 duration_us",
            "eclvm_batch",
        ]
    );
}
