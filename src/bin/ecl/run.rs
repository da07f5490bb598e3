//! `ecl run`: one request, one receipt.

use crate::args::{Format, RunArgs};
use crate::exit::{Done, Exit};
use crate::source::Source;
use crate::{context, input, output, show, trace};
use bumpalo::Bump;
use eclvm::Policy;
use eclvm::clock::SystemClock;
use eclvm::kernel::budget::BudgetLimits;
use eclvm::kernel::host::HostInterface;
use eclvm::kernel::receipt::Receipt;
use eclvm::kernel::request::{Clock, Env, Request};
use eclvm::kernel::vm::Vm;
use eclvm::state::{MAX_UNKNOWN_BYTES, RecordedPolicy, RunRecord};
use eclvm::wire::{Schema, decode_or_faulty, unknown_members, write_receipt};
use std::sync::Arc;

/// Runs the command.
pub(crate) fn run(args: &RunArgs, format: Format) -> Done {
    let world = &args.world;
    let from_input = context::input_file(args.input.as_deref());
    input::one_stdin(&[Some(&args.file), from_input, world.state.as_deref()])?;
    let source = Source::load(&args.file)?;
    let policy = source.select(args.policy.as_deref())?;
    let store = context::store(world.db.as_deref(), true)?;
    let host = context::host(world.state.as_deref(), store.as_ref())?;
    let json = context::input_json(args.input.as_deref())?;

    let bump = Bump::new();
    let schema = Schema::new(policy.program(), host.is_some());
    let request = decode_or_faulty(&schema, &json, &bump, context::defaults(world));
    let env = Env {
        host: host.as_ref().map(|host| host as &dyn HostInterface),
        allow_writes: host.is_some(),
        now: context::now(&world.now),
        limits: limits(args),
        ..Env::default()
    };
    let (receipt, duration_us) = timed(policy, &request, env);
    if args.trace {
        trace::show(policy, &request, &env, &receipt, source.text.as_deref(), format);
    }
    if let Some(store) = &store {
        let mut transaction = store.state().begin();
        let record = args.record.then(|| {
            let recorded = Arc::new(RecordedPolicy::new(policy.executable()));
            let record = RunRecord::new(&recorded, &request, env.now, &receipt);
            let unknown = unknown_members(&schema, &json, MAX_UNKNOWN_BYTES).map(Into::into);
            RunRecord { limits: env.limits, unknown, ..record }
        });
        context::record(&mut transaction, policy, &request, &receipt, duration_us, record)?;
        context::commit(store, &transaction)?;
    }
    match format {
        Format::Json => output::data(&json_line(policy, &receipt, duration_us))?,
        Format::Text => {
            let text = source.text.as_deref().map(|text| (source.name.as_str(), text));
            output::styled(&show::receipt(policy.program(), &receipt, text, duration_us))?;
        }
    }
    Ok(Exit::of(receipt.outcome))
}

fn limits(args: &RunArgs) -> BudgetLimits {
    let usual = BudgetLimits::default();
    BudgetLimits {
        gas_limit: args.gas.unwrap_or(usual.gas_limit),
        mana_limit: args.mana.unwrap_or(usual.mana_limit),
        timeout_ms: args.timeout_ms.unwrap_or(usual.timeout_ms),
        ..usual
    }
}

/// Runs it, and says how long that took in microseconds.
pub(crate) fn timed(policy: &Policy, request: &Request<'_>, env: Env<'_>) -> (Receipt, f64) {
    let clock = SystemClock::new();
    let began = clock.now_ns();
    let receipt = Vm::new().run(policy.executable(), request, &Env { clock: &clock, ..env });
    let ns = clock.now_ns().saturating_sub(began);
    (receipt, ns as f64 / 1_000.0)
}

/// The receipt of a single run as a line of JSON.
pub(crate) fn json_line(policy: &Policy, receipt: &Receipt, duration_us: f64) -> Vec<u8> {
    let mut line = Vec::with_capacity(256);
    write_receipt(&mut line, policy.program(), receipt, None, Some(duration_us));
    line.push(b'\n');
    line
}
