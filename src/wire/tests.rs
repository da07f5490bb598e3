//! Requests as texts, and what a machine would be given. `program` makes a program with inputs and no code: none of this
//! runs it.

#[cfg(feature = "cli")]
mod csv;
mod decode;
mod large;
mod random;
mod receipt;
mod schema;

use super::{Defaults, Schema, decode as decode_line};
use crate::kernel::gas::Schedule;
use crate::kernel::program::{EffectKind, Input, Program};
use crate::kernel::types::Ty;
use crate::kernel::value::{Did, ValueRef};
use bumpalo::Bump;

/// `"a: number, b: [string?]?"`
fn program(inputs: &str) -> Program {
    let inputs = inputs.split(',').map(str::trim).filter(|input| !input.is_empty());
    Program {
        name: "main".into(),
        expression: true,
        schedule: Schedule::V1,
        effect: EffectKind::Pure,
        mentions: 0,
        inputs: inputs
            .map(|input| {
                let (name, ty) = input.split_once(':').unwrap();
                Input { name: name.into(), ty: ty_of(ty.trim()) }
            })
            .collect(),
        constants: Vec::new(),
        functions: Vec::new(),
        code: Vec::new(),
        spans: Vec::new(),
    }
}

fn ty_of(text: &str) -> Ty {
    if let Some(inner) = text.strip_suffix('?') {
        return ty_of(inner).opt();
    }
    if let Some(inner) = text.strip_prefix('[') {
        return ty_of(inner.strip_suffix(']').unwrap()).array().unwrap();
    }
    match text {
        "number" => Ty::NUMBER,
        "bool" => Ty::BOOL,
        "string" => Ty::TEXT,
        "did" => Ty::DID,
        "trust" => Ty::TRUST,
        other => panic!("no type {other}"),
    }
}

/// One value, shortly: `12`, `true`, `null`, `"text"`, `did:a:b`, `<r i c p v omega>`, `[..]`, `!Fault`, `-` for missing.
fn show(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Missing => "-".into(),
        ValueRef::Invalid(fault) => format!("!{fault}"),
        ValueRef::Null => "null".into(),
        ValueRef::Number(x) => x.to_string(),
        ValueRef::Bool(x) => x.to_string(),
        ValueRef::Text(text) => format!("{text:?}"),
        ValueRef::Did(did) => did.to_string(),
        ValueRef::Trust(trust) => format!("<{}>", trust.0.map(|x| x.to_string()).join(" ")),
        ValueRef::Array(items) => {
            format!("[{}]", items.iter().map(|item| show(*item)).collect::<Vec<_>>().join(" "))
        }
    }
}

/// Inputs, then `@caller`, `@realm`, `@trust` where they are not missing, then `?` for unknown keys.
fn show_request(request: &crate::kernel::request::Request<'_>) -> String {
    let mut parts: Vec<String> = request.inputs.iter().map(|value| show(*value)).collect();
    for (name, value) in [("caller", request.caller), ("realm", request.realm), ("trust", request.trust)] {
        if value != ValueRef::Missing {
            parts.push(format!("@{name}={}", show(value)));
        }
    }
    if request.unknown_keys {
        parts.push("?".into());
    }
    parts.join(" ")
}

/// A line, with no flags.
fn decoded(inputs: &str, has_state: bool, json: &[u8]) -> String {
    let (bump, schema) = (Bump::new(), Schema::new(&program(inputs), has_state));
    match decode_line(&schema, json, &bump, Defaults::default()) {
        Ok(request) => show_request(&request),
        Err(fault) => format!("line !{fault}"),
    }
}

fn did(text: &str) -> Did<'_> {
    Did::new(text).unwrap()
}
