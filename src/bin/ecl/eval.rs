//! `ecl eval`: the value of an expression.

use crate::args::{EvalArgs, Format};
use crate::exit::{Done, Exit, Failure};
use crate::input::{self, MAX_POLICY_FILE_BYTES};
use crate::run::{json_line, timed};
use crate::source::Source;
use crate::{context, output, show};
use bumpalo::Bump;
use eclvm::kernel::host::HostInterface;
use eclvm::kernel::program::Program;
use eclvm::kernel::receipt::Receipt;
use eclvm::kernel::request::Env;
use eclvm::wire::{Schema, decode_or_faulty};

/// What messages call the expression.
const NAME: &str = "expression";

/// Runs the command.
pub(crate) fn run(args: &EvalArgs, format: Format) -> Done {
    let world = &args.world;
    let from_input = context::input_file(args.input.as_deref());
    input::one_stdin(&[Some(&args.expression), from_input, world.state.as_deref()])?;
    let source = Source::compile(NAME.to_owned(), expression(&args.expression)?)?;
    let policy = source.select(None)?;
    if !policy.program().expression {
        return Err(Failure::usage("`eval` takes an expression; policies are run with `ecl run FILE`"));
    }
    let store = context::store(world.db.as_deref(), false)?;
    let host = context::host(world.state.as_deref(), store.as_ref())?;
    let json = context::input_json(args.input.as_deref())?;

    let bump = Bump::new();
    let schema = Schema::new(policy.program(), host.is_some());
    let request = decode_or_faulty(&schema, &json, &bump, context::defaults(world));
    let env = Env {
        host: host.as_ref().map(|host| host as &dyn HostInterface),
        now: context::now(&world.now),
        ..Env::default()
    };
    let (receipt, duration_us) = timed(policy, &request, env);
    match format {
        Format::Json => output::data(&json_line(policy, &receipt, duration_us))?,
        Format::Text => print(policy.program(), &receipt, source.text.as_deref().unwrap_or(""))?,
    }
    Ok(if receipt.value(policy.program()).is_some() { Exit::Done } else { Exit::of(receipt.outcome) })
}

fn expression(argument: &str) -> Result<String, Failure> {
    if !input::is_stdin(argument) {
        return Ok(argument.to_owned());
    }
    input::text(argument, input::read(argument, MAX_POLICY_FILE_BYTES)?)
}

fn print(program: &Program, receipt: &Receipt, text: &str) -> Result<(), Failure> {
    for line in receipt.log() {
        output::talk(&format!("log: {}\n", output::tame(line)));
    }
    if let Some(value) = receipt.value(program) {
        return output::data(format!("{}\n", show::value(&value)).as_bytes());
    }
    let mut words = show::decision(program, receipt);
    if let Some(span) = receipt.span {
        let places = crate::place::Places::new(text);
        let (line, column) = places.of(span.start);
        words += &format!("\n  at {line}:{column}: {}", output::tame(&places.excerpt(span, 80)));
    }
    output::talk(&format!("{words}\n"));
    Ok(())
}
