//! Every rule of the language as a line of a table: a source, and either what its inputs are or which error it has and
//! which words the error points at.

mod folding;
mod hostile;
mod inference;
mod names;
mod narrowing;
mod statements;
mod typing;
mod warnings;

use crate::lang::checked::{BodyKind, Checked};
use crate::lang::diagnostic::{Diagnostic, Severity};
use crate::lang::parser;

fn check(source: &str) -> (Option<Checked>, Vec<Diagnostic>) {
    let (ast, mut diagnostics) = parser::parse(source);
    let parsed = !diagnostics.iter().any(|d| d.severity == Severity::Error);
    assert!(parsed, "the source is to parse: {source}\n{diagnostics:?}");
    let checked = super::check(source, &ast, &mut diagnostics);
    let errors = diagnostics.iter().any(|d| d.severity == Severity::Error);
    assert_eq!(
        checked.is_none(),
        errors,
        "there is a result, or there is an error: {source}\n{diagnostics:?}"
    );
    (checked, diagnostics)
}

/// The words that a diagnostic points at.
fn words<'s>(source: &'s str, diagnostic: &Diagnostic) -> &'s str {
    &source[diagnostic.span.start as usize..diagnostic.span.end as usize]
}

fn of(diagnostics: &[Diagnostic], severity: Severity) -> impl Iterator<Item = &Diagnostic> {
    diagnostics.iter().filter(move |d| d.severity == severity)
}

/// What is known of a source that is fine.
#[track_caller]
fn checked(source: &str) -> Checked {
    let (checked, diagnostics) = check(source);
    checked.unwrap_or_else(|| panic!("{source}\n{diagnostics:?}"))
}

/// The inputs of the last policy of a source that is fine, as `name: type` with commas.
#[track_caller]
fn inputs(source: &str) -> String {
    let checked = checked(source);
    let policy = checked.bodies.iter().rfind(|b| b.kind != BodyKind::Function).unwrap();
    let inputs: Vec<String> = policy.inputs.iter().map(|i| format!("{}: {}", i.name, i.ty)).collect();
    inputs.join(", ")
}

/// Fails with all lines of a table that are not as they should be.
#[track_caller]
fn none(wrong: Vec<String>) {
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Sources that are fine, with the inputs of their last policy.
#[track_caller]
fn fine(table: &[(&str, &str)]) {
    let mut wrong = Vec::new();
    for (source, want) in table {
        let found = match check(source) {
            (Some(_), _) => inputs(source),
            (None, diagnostics) => format!("{diagnostics:?}"),
        };
        if found != *want {
            wrong.push(format!("{source}\n    found {found}\n    want  {want}"));
        }
    }
    none(wrong);
}

/// Sources with one error: its code, and the words it points at.
#[track_caller]
fn wrong(table: &[(&str, &str, &str)]) {
    let mut wrong = Vec::new();
    for (source, code, at) in table {
        let (_, diagnostics) = check(source);
        let found: Vec<_> = of(&diagnostics, Severity::Error).map(|d| (d.code, words(source, d))).collect();
        if found != [(*code, *at)] {
            wrong.push(format!("{source}\n    found {found:?}\n    want  {:?}", (code, at)));
        }
    }
    none(wrong);
}

/// Sources that are fine but for warnings: their codes, and the words they point at.
#[track_caller]
fn warned(table: &[(&str, &[(&str, &str)])]) {
    let mut wrong = Vec::new();
    for (source, want) in table {
        let (_, diagnostics) = check(source);
        let found: Vec<_> = diagnostics.iter().map(|d| (d.code, words(source, d))).collect();
        if found != *want {
            wrong.push(format!("{source}\n    found {found:?}\n    want  {want:?}"));
        }
    }
    none(wrong);
}

/// A statement list in a policy without a parameter list.
fn policy(statements: &str) -> String {
    format!("policy p {{ {statements} }}")
}
