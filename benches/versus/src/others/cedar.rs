//! Cedar (crate cedar-policy): one permit, over a context of whole numbers, texts and sets. Components are thousandths.

use crate::data::{Access, Data, Entry, Reliable, Transfer};
use crate::race::{Contender, Given, bits};
use cedar_policy::{
    Authorizer, Context, Decision, Entities, EntityUid, PolicySet, Request, RestrictedExpression,
};
use eclvm::kernel::value::TrustVector;

/// Requests that are decided in a turn.
const SOME: usize = 2_048;

fn vector(t: &TrustVector) -> RestrictedExpression {
    let names = ["r", "i", "c", "p", "v", "omega"];
    let thousandths = |x: f64| RestrictedExpression::new_long((x * 1_000.0).round() as i64);
    RestrictedExpression::new_record(
        names.into_iter().zip(t.0).map(|(name, x)| (name.to_string(), thousandths(x))),
    )
    .unwrap()
}
fn whole(n: f64) -> RestrictedExpression {
    RestrictedExpression::new_long(n as i64)
}
fn text(s: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(s.to_string())
}
fn set(items: &[String]) -> RestrictedExpression {
    RestrictedExpression::new_set(items.iter().map(|s| text(s)))
}

/// What a request is in Cedar.
trait Named {
    fn pairs(&self) -> Vec<(String, RestrictedExpression)>;
}
impl Named for Reliable {
    fn pairs(&self) -> Vec<(String, RestrictedExpression)> {
        vec![("trust".to_string(), vector(&self.trust))]
    }
}
impl Named for Entry {
    fn pairs(&self) -> Vec<(String, RestrictedExpression)> {
        vec![("of".to_string(), vector(&self.of)), ("credentials".to_string(), set(&self.credentials))]
    }
}
impl Named for Transfer {
    fn pairs(&self) -> Vec<(String, RestrictedExpression)> {
        vec![
            ("amount".to_string(), whole(self.amount)),
            ("balance".to_string(), whole(self.balance)),
            ("from".to_string(), vector(&self.from)),
            ("to".to_string(), vector(&self.to)),
            ("credentials".to_string(), set(&self.credentials)),
        ]
    }
}
impl Named for Access {
    fn pairs(&self) -> Vec<(String, RestrictedExpression)> {
        vec![
            ("roles".to_string(), set(&self.roles)),
            ("action".to_string(), text(&self.action)),
            ("resource".to_string(), text(&self.resource)),
        ]
    }
}

fn pair<'d, T: Named>(condition: &str, requests: &'d [T]) -> Vec<Contender<'d>> {
    let policies: PolicySet =
        format!("permit(principal, action, resource) when {{ {condition} }};").parse().unwrap();
    let uids: [EntityUid; 3] =
        [r#"User::"alice""#, r#"Action::"ask""#, r#"Thing::"it""#].map(|uid| uid.parse().unwrap());
    let request = move |asked: &T| {
        let [principal, action, resource] = uids.clone();
        let context = Context::from_pairs(asked.pairs()).unwrap();
        Request::new(principal, action, resource, context, None).unwrap()
    };
    let ready: Vec<Request> = requests.iter().take(SOME).map(&request).collect();
    let (authorizer, other) = (Authorizer::new(), Authorizer::new());
    let same = policies.clone();
    let entities = Entities::empty();
    let none = Entities::empty();
    vec![
        Contender {
            engine: "cedar",
            given: Given::Ready,
            requests: SOME,
            decide: Box::new(move |out| {
                bits(out, SOME, |i| {
                    authorizer.is_authorized(&ready[i], &policies, &entities).decision() == Decision::Allow
                });
            }),
        },
        Contender {
            engine: "cedar",
            given: Given::FromStruct,
            requests: SOME,
            decide: Box::new(move |out| {
                bits(out, SOME, |i| {
                    other.is_authorized(&request(&requests[i]), &same, &none).decision() == Decision::Allow
                });
            }),
        },
    ]
}

fn sum(of: &str) -> String {
    "(T.r + T.i + T.c + T.p + T.v + T.omega)".replace('T', &format!("context.{of}"))
}

pub fn contenders(w: usize, data: &Data) -> Vec<Contender<'_>> {
    match w {
        1 => pair("context.trust.r >= 500", &data.w1),
        2 => pair(
            &format!(
                "context.of.r >= 300 && context.of.omega >= 200 && {} >= 1500 \
                 && context.credentials.contains(\"member\")",
                sum("of")
            ),
            &data.w2,
        ),
        3 => {
            let squares: Vec<String> = ["r", "i", "c", "p", "v", "omega"]
                .iter()
                .map(|k| format!("(context.from.{k} - context.to.{k}) * (context.from.{k} - context.to.{k})"))
                .collect();
            pair(
                &format!(
                    "context.amount > 0 && context.amount <= context.balance && {} >= 2400 && {} >= 1800 \
                     && (context.amount <= 5000 || context.credentials.contains(\"kyc\")) && {} < 90000",
                    sum("from"),
                    sum("to"),
                    squares.join(" + ")
                ),
                &data.w3,
            )
        }
        4 => pair(
            "(!(context.resource like \"system/*\") || context.roles.contains(\"admin\")) && \
             (if context.action == \"read\" then context.roles.containsAny([\"viewer\", \"editor\", \"admin\"]) \
              else if context.action == \"write\" then context.roles.containsAny([\"editor\", \"admin\"]) \
              else context.roles.contains(\"admin\"))",
            &data.w4,
        ),
        _ => Vec::new(),
    }
}
