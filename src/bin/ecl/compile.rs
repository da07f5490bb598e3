//! `ecl compile`: policies as `.eclb` bytecode.

use crate::args::{CompileArgs, Format};
use crate::exit::{Done, Exit, Failure};
use crate::source::Source;
use crate::{diagnostics, input, output};
use serde::Serialize;
use std::io::IsTerminal;

#[derive(Serialize)]
struct CompiledJson<'a> {
    file: &'a str,
    output: &'a str,
    policies: Vec<&'a str>,
    bytes: usize,
}

/// Runs the command.
pub(crate) fn run(args: &CompileArgs, format: Format) -> Done {
    let to_stdout = args.output == "-";
    if to_stdout && std::io::stdout().is_terminal() {
        return Err(Failure::usage("bytecode is not for terminals: name a file with -o, or use a pipe"));
    }
    input::distinct(&args.output, &[&args.file])?;
    let source = Source::load(&args.file)?;
    let (name, text, warnings) =
        (&source.name, source.text.as_deref().unwrap_or(""), source.module.warnings());
    match format {
        Format::Text => output::talk(&diagnostics::text(name, text, warnings)),
        Format::Json => diagnostics::json(name, text, warnings).iter().for_each(output::talk_json),
    }
    let bytes = source.module.encode();
    if to_stdout {
        output::data(&bytes)?;
        return Ok(Exit::Done);
    }
    std::fs::write(&args.output, &bytes).map_err(|error| Failure::io("write", &args.output, &error))?;
    let policies: Vec<&str> = source.module.policies().iter().map(eclvm::Policy::name).collect();
    match format {
        Format::Json => {
            output::json(&CompiledJson { file: name, output: &args.output, policies, bytes: bytes.len() })?;
        }
        Format::Text => {
            let count = match policies.len() {
                1 => "1 policy".to_owned(),
                n => format!("{n} policies"),
            };
            output::talk(&format!("wrote {}: {count}, {} bytes\n", output::tame(&args.output), bytes.len()));
        }
    }
    Ok(Exit::Done)
}
