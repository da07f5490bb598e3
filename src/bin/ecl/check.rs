//! `ecl check`: what is wrong with policies, what they take, what they do and cost at most.

use crate::args::{CheckArgs, Format};
use crate::diagnostics;
use crate::exit::{Done, Exit, Failure};
use crate::output::{BOLD, DIM, GREEN, RED, RESET};
use crate::show::{self, BoundJson};
use crate::source::Source;
use crate::{input, output};
use eclvm::Policy;
use eclvm::kernel::program::StdInput;
use serde::Serialize;
use std::fmt::Write;

/// What is said about a file.
#[derive(Serialize)]
struct FileJson {
    file: String,
    ok: bool,
    /// What is wrong where no place in a source can be pointed at.
    error: Option<String>,
    diagnostics: Vec<serde_json::Value>,
    policies: Vec<PolicyJson>,
}

#[derive(Serialize)]
struct PolicyJson {
    name: String,
    inputs: Vec<InputJson>,
    /// Standard inputs that it mentions.
    standard_inputs: Vec<&'static str>,
    effect: &'static str,
    gas_bound: BoundJson,
}

#[derive(Serialize)]
struct InputJson {
    name: String,
    #[serde(rename = "type")]
    ty: String,
}

/// Runs the command.
pub(crate) fn run(args: &CheckArgs, format: Format) -> Done {
    let names: Vec<Option<&str>> = args.files.iter().map(|file| Some(file.as_str())).collect();
    input::one_stdin(&names)?;
    let mut worst = Exit::Done;
    for file in &args.files {
        let exit = match Source::load(file) {
            Ok(source) => good(&source, args.max_gas, format)?,
            Err(failure) => bad(file, failure, format)?,
        };
        // What could not be read at all weighs more than what is wrong.
        worst = match (worst, exit) {
            (Exit::Failed, _) | (_, Exit::Failed) => Exit::Failed,
            (worst, exit) => worst.max(exit),
        };
    }
    Ok(worst)
}

fn good(source: &Source, max_gas: Option<u64>, format: Format) -> Done {
    let too_dear: Vec<String> = match max_gas {
        Some(most) => source.module.policies().iter().filter_map(|policy| too_dear(policy, most)).collect(),
        None => Vec::new(),
    };
    let text = source.text.as_deref().unwrap_or("");
    match format {
        Format::Json => output::json(&FileJson {
            file: source.name.clone(),
            ok: too_dear.is_empty(),
            error: (!too_dear.is_empty()).then(|| too_dear.join("; ")),
            diagnostics: diagnostics::json(&source.name, text, source.module.warnings()),
            policies: source.module.policies().iter().map(policy_json).collect(),
        })?,
        Format::Text => {
            let mut out = diagnostics::text(&source.name, text, source.module.warnings());
            let verdict = if too_dear.is_empty() {
                format!("{GREEN}ok{RESET}")
            } else {
                format!("{RED}too dear{RESET}")
            };
            let _ = writeln!(out, "{BOLD}{}{RESET}: {verdict}", output::tame(&source.name));
            for policy in source.module.policies() {
                policy_text(&mut out, source, policy);
            }
            for sentence in &too_dear {
                let _ = writeln!(out, "{RED}{BOLD}error{RESET}: {sentence}");
            }
            output::styled(&out)?;
        }
    }
    Ok(if too_dear.is_empty() { Exit::Done } else { Exit::Invalid })
}

fn bad(file: &str, failure: Failure, format: Format) -> Done {
    let exit = failure.exit();
    let name = input::display_name(file);
    let (error, rejected) = match failure {
        Failure::Message(_, text) => (Some(text), None),
        Failure::Source(rejected) => (None, Some(rejected)),
        quiet @ Failure::Quiet(_) => return Err(quiet),
    };
    match (format, error, rejected) {
        (Format::Json, error, rejected) => output::json(&FileJson {
            file: name.to_owned(),
            ok: false,
            error,
            diagnostics: rejected.map_or_else(Vec::new, |rejected| rejected.json()),
            policies: Vec::new(),
        })?,
        (Format::Text, Some(text), _) => output::complain(&text),
        (Format::Text, None, Some(rejected)) => output::styled(&rejected.text())?,
        (Format::Text, None, None) => {}
    }
    Ok(exit)
}

fn too_dear(policy: &Policy, most: u64) -> Option<String> {
    let name = policy.name();
    match policy.max_gas() {
        Some(cost) if cost <= most => None,
        Some(cost) => Some(format!("policy `{name}` can cost {cost} gas, which is more than {most}")),
        None => {
            Some(format!("policy `{name}` has no bound on its gas, so {most} is not certain to be enough"))
        }
    }
}

fn standard_inputs(policy: &Policy) -> impl Iterator<Item = StdInput> + '_ {
    StdInput::ALL.into_iter().filter(|input| policy.program().mentions(*input))
}

fn policy_json(policy: &Policy) -> PolicyJson {
    PolicyJson {
        name: policy.name().to_owned(),
        inputs: policy
            .inputs()
            .iter()
            .map(|i| InputJson { name: i.name.to_string(), ty: i.ty.to_string() })
            .collect(),
        standard_inputs: standard_inputs(policy).map(StdInput::name).collect(),
        effect: policy.effect().name(),
        gas_bound: show::bound_json(policy.bound(), policy.max_gas()),
    }
}

fn policy_text(out: &mut String, source: &Source, policy: &Policy) {
    let list = |items: Vec<String>| if items.is_empty() { "none".to_owned() } else { items.join(", ") };
    let inputs = list(policy.inputs().iter().map(|input| format!("{}: {}", input.name, input.ty)).collect());
    let standard = list(standard_inputs(policy).map(|input| input.name().to_owned()).collect());
    let place = source.text.as_deref().map(|text| (source.name.as_str(), text));
    let bound = show::bound(policy.bound(), policy.max_gas(), place);
    let _ = writeln!(out, "  policy {BOLD}{}{RESET}", output::tame(policy.name()));
    let _ = writeln!(out, "    {DIM}inputs  {RESET} {inputs}");
    let _ = writeln!(out, "    {DIM}standard{RESET} {standard}");
    let _ = writeln!(out, "    {DIM}effect  {RESET} {}", policy.effect().name());
    let _ = writeln!(out, "    {DIM}gas     {RESET} {bound}");
}
