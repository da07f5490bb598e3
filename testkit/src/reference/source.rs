//! A compiled source as the reference sees it: the tree, what the checker says its names mean, and what folds.

use super::fold::{Folds, fold};
use eclvm::lang::ast::{Ast, Expr};
use eclvm::lang::checked::{BodyId, BodyKind, Checked, Meaning, StdMask};
use eclvm::lang::diagnostic::Severity;
use eclvm::lang::{checker, parser};
use eclvm_kernel::program::{EffectKind, StdInput};
use eclvm_kernel::span::Span;

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
    /// What the load of `trust` points at: the first mention in the policy, or else in the functions that it can reach.
    pub trust_at: Span,
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
            .map(|i| reach(&ast, &checked, BodyId(i as u32)))
            .collect();
        Some(Source { text: text.to_owned(), ast, checked, folds, policies })
    }
}

fn reach(ast: &Ast, checked: &Checked, start: BodyId) -> PolicyFacts {
    let mut seen = vec![false; checked.bodies.len()];
    let mut todo = vec![start];
    let own = &checked.bodies[start.0 as usize];
    let mut facts = PolicyFacts {
        body: start,
        effect: own.effect,
        mentions: own.mentions,
        expression: own.kind == BodyKind::Expression,
        trust_at: Span::default(),
    };
    let (mut own_mention, mut other_mention) = (None, None);
    while let Some(id) = todo.pop() {
        if !std::mem::replace(&mut seen[id.0 as usize], true) {
            let body = &checked.bodies[id.0 as usize];
            facts.effect = facts.effect.max(body.effect);
            facts.mentions = facts.mentions.union(body.mentions);
            todo.extend(&body.calls);
            let mention = first_trust(ast, checked, ast.items[body.item as usize].span);
            let of = if id == start { &mut own_mention } else { &mut other_mention };
            *of = [*of, mention].into_iter().flatten().min();
        }
    }
    facts.trust_at = own_mention.or(other_mention).unwrap_or_default();
    facts
}

/// The first mention of the standard input `trust` within an item.
fn first_trust(ast: &Ast, checked: &Checked, item: Span) -> Option<Span> {
    let trust = Meaning::Std(StdInput::Trust);
    let here = |(at, _): &(usize, &Expr)| checked.exprs[*at].meaning == trust;
    let spans = ast.exprs.iter().enumerate().filter(here).map(|(_, expr)| expr.span);
    spans.filter(|span| item.start <= span.start && span.end <= item.end).min()
}
