//! A compiled source as the reference sees it: the tree, what the checker says its names mean, and what folds.

use super::fold::{Folds, fold};
use eclvm::lang::ast::Ast;
use eclvm::lang::checked::{BodyId, BodyKind, Checked, StdMask};
use eclvm::lang::diagnostic::Severity;
use eclvm::lang::{checker, parser};
use eclvm_kernel::program::EffectKind;

/// A source without errors.
#[derive(Debug)]
pub struct Source {
    /// The text.
    pub text: String,
    /// Its tree.
    pub ast: Ast,
    /// Types and names.
    pub checked: Checked,
    /// What is constant.
    pub folds: Folds,
    /// Its policies, in order.
    pub policies: Vec<PolicyFacts>,
}

/// What is known of a policy with all functions that it can reach.
#[derive(Clone, Debug)]
pub struct PolicyFacts {
    /// Its body.
    pub body: BodyId,
    /// The strongest effect.
    pub effect: EffectKind,
    /// Standard inputs mentioned, also in dead code.
    pub mentions: StdMask,
    /// Whether it is a bare expression.
    pub expression: bool,
}

impl Source {
    /// Parses and checks a text; None where it has errors.
    pub fn compile(text: &str) -> Option<Source> {
        let (ast, mut diagnostics) = parser::parse(text);
        let parsed = !diagnostics.iter().any(|d| d.severity == Severity::Error);
        let checked = checker::check(text, &ast, &mut diagnostics).filter(|_| parsed)?;
        if diagnostics.iter().any(|d| d.severity == Severity::Error) {
            return None;
        }
        let folds = fold(text, &ast, &checked);
        let policies = (0..checked.bodies.len())
            .filter(|i| checked.bodies[*i].kind != BodyKind::Function)
            .map(|i| reach(&checked, BodyId(i as u32)))
            .collect();
        Some(Source { text: text.to_owned(), ast, checked, folds, policies })
    }
}

fn reach(checked: &Checked, start: BodyId) -> PolicyFacts {
    let mut seen = vec![false; checked.bodies.len()];
    let mut todo = vec![start];
    let own = &checked.bodies[start.0 as usize];
    let mut facts = PolicyFacts {
        body: start,
        effect: own.effect,
        mentions: own.mentions,
        expression: own.kind == BodyKind::Expression,
    };
    while let Some(id) = todo.pop() {
        if !std::mem::replace(&mut seen[id.0 as usize], true) {
            let body = &checked.bodies[id.0 as usize];
            facts.effect = facts.effect.max(body.effect);
            facts.mentions = facts.mentions.union(body.mentions);
            todo.extend(&body.calls);
        }
    }
    facts
}
