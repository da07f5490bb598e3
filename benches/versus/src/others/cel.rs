//! CEL (crate cel): expressions that are walked, over a context of named values.

use crate::data::{Access, Data, Entry, Reliable, Transfer};
use crate::race::{Contender, Given, bits};
use ::cel::common::types::{CelDouble, CelList, CelMap, CelMapKey, CelString};
use ::cel::common::value::Val;
use ::cel::objects::Value;
use ::cel::{Context, Env, Program};
use eclvm::kernel::value::TrustVector;
use std::collections::HashMap;
use std::sync::Arc;

/// Requests that are decided in a turn.
const SOME: usize = 8_192;

const SUM: &str = "(T.r + T.i + T.c + T.p + T.v + T.omega) / 6.0";
const SQUARE: &str = "(from.r - to.r) * (from.r - to.r) + (from.i - to.i) * (from.i - to.i) \
    + (from.c - to.c) * (from.c - to.c) + (from.p - to.p) * (from.p - to.p) \
    + (from.v - to.v) * (from.v - to.v) + (from.omega - to.omega) * (from.omega - to.omega)";

fn norm(of: &str) -> String {
    SUM.replace('T', of)
}

fn vector<'d>(t: &TrustVector) -> Box<dyn Val + 'd> {
    let names = ["r", "i", "c", "p", "v", "omega"];
    let map: HashMap<CelMapKey<'d>, Box<dyn Val + 'd>> = names
        .into_iter()
        .zip(t.0)
        .map(|(name, x)| (CelMapKey::from(name), Box::new(CelDouble::from(x)) as Box<dyn Val + 'd>))
        .collect();
    Box::new(CelMap::from(map))
}
fn number<'d>(n: f64) -> Box<dyn Val + 'd> {
    Box::new(CelDouble::from(n))
}
fn text<'d>(s: &'d str) -> Box<dyn Val + 'd> {
    Box::new(CelString::from(s))
}
fn list<'d>(items: &'d [String]) -> Box<dyn Val + 'd> {
    let items: Vec<Box<dyn Val + 'd>> = items.iter().map(|s| text(s)).collect();
    Box::new(CelList::from(items))
}

/// What a request is in CEL.
trait Named {
    fn put<'d>(&'d self, context: &mut Context<'_, 'd>);
}
impl Named for Reliable {
    fn put<'d>(&'d self, context: &mut Context<'_, 'd>) {
        context.add_variable_as_val("trust", vector(&self.trust));
    }
}
impl Named for Entry {
    fn put<'d>(&'d self, context: &mut Context<'_, 'd>) {
        context.add_variable_as_val("of", vector(&self.of));
        context.add_variable_as_val("credentials", list(&self.credentials));
    }
}
impl Named for Transfer {
    fn put<'d>(&'d self, context: &mut Context<'_, 'd>) {
        context.add_variable_as_val("amount", number(self.amount));
        context.add_variable_as_val("balance", number(self.balance));
        context.add_variable_as_val("from", vector(&self.from));
        context.add_variable_as_val("to", vector(&self.to));
        context.add_variable_as_val("credentials", list(&self.credentials));
    }
}
impl Named for Access {
    fn put<'d>(&'d self, context: &mut Context<'_, 'd>) {
        context.add_variable_as_val("roles", list(&self.roles));
        context.add_variable_as_val("action", text(&self.action));
        context.add_variable_as_val("resource", text(&self.resource));
    }
}

fn pair<'d, T: Named>(source: &str, requests: &'d [T]) -> Vec<Contender<'d>> {
    let env = Arc::new(Env::stdlib());
    let program: Arc<Program> = Arc::new(env.compile(source).unwrap());
    let other = program.clone();
    let passes = |program: &Program, context: &Context<'_, '_>| {
        let answer: Value = Value::resolve(program.expression(), context).unwrap();
        matches!(answer, Value::Bool(true))
    };
    let ready: Vec<Context<'d, 'd>> = requests
        .iter()
        .take(SOME)
        .map(|request| {
            let mut context = Context::with_env(env.clone());
            request.put(&mut context);
            context
        })
        .collect();
    vec![
        Contender {
            engine: "cel",
            given: Given::Ready,
            requests: SOME,
            decide: Box::new(move |out| bits(out, SOME, |i| passes(&program, &ready[i]))),
        },
        Contender {
            engine: "cel",
            given: Given::FromStruct,
            requests: SOME,
            decide: Box::new(move |out| {
                bits(out, SOME, |i| {
                    let mut context = Context::with_env(env.clone());
                    requests[i].put(&mut context);
                    passes(&other, &context)
                });
            }),
        },
    ]
}

pub fn contenders(w: usize, data: &Data) -> Vec<Contender<'_>> {
    match w {
        1 => pair("trust.r >= 0.5", &data.w1),
        2 => pair(
            &format!("of.r >= 0.3 && of.omega >= 0.2 && {} >= 0.25 && 'member' in credentials", norm("of")),
            &data.w2,
        ),
        3 => pair(
            &format!(
                "amount > 0.0 && amount <= balance && {} >= 0.4 && {} >= 0.3 \
                 && (amount <= 5000.0 || 'kyc' in credentials) && {SQUARE} < 0.09",
                norm("from"),
                norm("to")
            ),
            &data.w3,
        ),
        4 => pair(
            "(!resource.startsWith('system/') || 'admin' in roles) && roles.exists(role, \
             action == 'read' ? role in ['viewer', 'editor', 'admin'] \
             : action == 'write' ? role in ['editor', 'admin'] : role == 'admin')",
            &data.w4,
        ),
        _ => Vec::new(),
    }
}
