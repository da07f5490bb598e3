//! Rego (crate regorus), compiled for its register machine, with its limit on instructions.

use crate::data::{Access, Data, Entry, Reliable, Transfer};
use crate::race::{Contender, Given, bits};
use eclvm::kernel::value::TrustVector;
use regorus::languages::rego::compiler::Compiler;
use regorus::rvm::RegoVM;
use regorus::{Engine, Rc, Value};
use std::collections::BTreeMap;

/// Requests that are decided in a turn.
const SOME: usize = 4_096;

fn object(pairs: Vec<(&str, Value)>) -> Value {
    Value::from(pairs.into_iter().map(|(name, value)| (Value::from(name), value)).collect::<BTreeMap<_, _>>())
}
fn vector(t: &TrustVector) -> Value {
    let names = ["r", "i", "c", "p", "v", "omega"];
    object(names.into_iter().zip(t.0).map(|(name, x)| (name, Value::from(x))).collect())
}
fn list(items: &[String]) -> Value {
    Value::from(items.iter().map(|s| Value::from(s.as_str())).collect::<Vec<_>>())
}

/// What a request is in Rego.
trait Named {
    fn input(&self) -> Value;
}
impl Named for Reliable {
    fn input(&self) -> Value {
        object(vec![("trust", vector(&self.trust))])
    }
}
impl Named for Entry {
    fn input(&self) -> Value {
        object(vec![("of", vector(&self.of)), ("credentials", list(&self.credentials))])
    }
}
impl Named for Transfer {
    fn input(&self) -> Value {
        object(vec![
            ("amount", Value::from(self.amount)),
            ("balance", Value::from(self.balance)),
            ("from", vector(&self.from)),
            ("to", vector(&self.to)),
            ("credentials", list(&self.credentials)),
        ])
    }
}
impl Named for Access {
    fn input(&self) -> Value {
        object(vec![
            ("roles", list(&self.roles)),
            ("action", Value::from(self.action.as_str())),
            ("resource", Value::from(self.resource.as_str())),
        ])
    }
}

fn machine(rules: &str) -> RegoVM {
    let mut engine = Engine::new();
    engine
        .add_policy(
            "p.rego".to_string(),
            format!("package p\nimport rego.v1\ndefault allow := false\n{rules}"),
        )
        .unwrap();
    let entry: Rc<str> = "data.p.allow".into();
    let compiled = engine.compile_with_entrypoint(&entry).unwrap();
    let program = Compiler::compile_from_policy(&compiled, &["data.p.allow"]).unwrap();
    let mut vm = RegoVM::new_with_policy(compiled);
    vm.load_program(program);
    vm
}

fn pair<'d, T: Named>(rules: &str, requests: &'d [T]) -> Vec<Contender<'d>> {
    let (mut vm, mut other) = (machine(rules), machine(rules));
    let ready: Vec<Value> = requests.iter().take(SOME).map(Named::input).collect();
    let passes = |vm: &mut RegoVM, input: Value| {
        vm.set_input(input);
        vm.execute().unwrap() == Value::from(true)
    };
    vec![
        Contender {
            engine: "regorus",
            given: Given::Ready,
            requests: SOME,
            decide: Box::new(move |out| bits(out, SOME, |i| passes(&mut vm, ready[i].clone()))),
        },
        Contender {
            engine: "regorus",
            given: Given::FromStruct,
            requests: SOME,
            decide: Box::new(move |out| bits(out, SOME, |i| passes(&mut other, requests[i].input()))),
        },
    ]
}

fn sum(of: &str) -> String {
    "(T.r + T.i + T.c + T.p + T.v + T.omega) / 6".replace('T', &format!("input.{of}"))
}

pub fn contenders(w: usize, data: &Data) -> Vec<Contender<'_>> {
    match w {
        1 => pair("allow if input.trust.r >= 0.5", &data.w1),
        2 => pair(
            &format!(
                "allow if {{ input.of.r >= 0.3; input.of.omega >= 0.2; {} >= 0.25; \"member\" in input.credentials }}",
                sum("of")
            ),
            &data.w2,
        ),
        3 => {
            let squares: Vec<String> = ["r", "i", "c", "p", "v", "omega"]
                .iter()
                .map(|k| format!("(input.from.{k} - input.to.{k}) * (input.from.{k} - input.to.{k})"))
                .collect();
            pair(
                &format!(
                    "small if input.amount <= 5000\nsmall if \"kyc\" in input.credentials\n\
                     allow if {{ input.amount > 0; input.amount <= input.balance; {} >= 0.4; {} >= 0.3; small; {} < 0.09 }}",
                    sum("from"),
                    sum("to"),
                    squares.join(" + ")
                ),
                &data.w3,
            )
        }
        4 => pair(
            "may(role, action) if { action == \"read\"; role in [\"viewer\", \"editor\", \"admin\"] }\n\
             may(role, action) if { action == \"write\"; role in [\"editor\", \"admin\"] }\n\
             may(role, action) if { not action in [\"read\", \"write\"]; role == \"admin\" }\n\
             open if not startswith(input.resource, \"system/\")\n\
             open if \"admin\" in input.roles\n\
             allow if { open; some role in input.roles; may(role, input.action) }",
            &data.w4,
        ),
        _ => Vec::new(),
    }
}
