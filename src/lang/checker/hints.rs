//! What was probably meant: names and habits of other languages. All of it runs only where something is wrong.

use eclvm_kernel::types::{Base, Ty};

/// What ECL calls a word of other languages.
pub(super) fn word(name: &str) -> Option<&'static str> {
    Some(match name {
        "True" | "TRUE" => "true",
        "False" | "FALSE" => "false",
        "None" | "nil" | "NULL" | "Null" | "undefined" => "null",
        _ => return None,
    })
}

/// What ECL calls who is asking.
pub(super) fn identity(name: &str) -> Option<&'static str> {
    matches!(name, "principal" | "sender" | "user" | "subject" | "actor").then_some("caller")
}

/// The builtin for a function or method of other languages; of what it is asked decides between texts and arrays.
pub(super) fn function(name: &str, of: Option<Ty>) -> Option<&'static str> {
    let array = of.is_some_and(Ty::is_array);
    let text = of.is_some_and(|ty| ty == Ty::TEXT);
    Some(match name {
        "len" | "length" | "size" | "count" if array => "array_len",
        "len" | "length" | "size" | "count" if text => "str_len",
        "len" | "length" | "size" => "array_len",
        "contains" | "includes" | "has" if text => "str_contains",
        "contains" | "includes" | "has" if array => "contains",
        "startsWith" | "starts_with" | "startswith" => "str_starts_with",
        "endsWith" | "ends_with" | "endswith" => "str_ends_with",
        "exists" | "some" => "any",
        "every" | "forall" => "all",
        "time" | "timestamp" => "get_timestamp",
        _ => return None,
    })
}

/// What to write for `x.name`, where that is no component of a trust vector.
pub(super) fn member(name: &str, of: Option<Ty>) -> Option<String> {
    let function = function(name, of)?;
    Some(format!("only trust vectors have components; write `{function}(..)`"))
}

/// What to write for `x.name(..)`.
pub(super) fn method(name: &str, of: Option<Ty>) -> String {
    match function(name, of) {
        Some(quantifier @ ("any" | "all")) => {
            format!("ECL has no methods; write `{quantifier}(x in .., ..)`")
        }
        Some(function) => format!("ECL has no methods; write `{function}(..)`"),
        None => "ECL has no methods; only functions can be called, by their names".to_owned(),
    }
}

/// What to do with a `found` where a `wanted` has to be.
pub(super) fn instead(found: Option<Ty>, wanted: Option<Ty>) -> &'static str {
    match (found, wanted) {
        (Some(Ty::TRUST), Some(Ty::NUMBER)) => {
            ": take a component, as in `trust.r`, or the mean, `trust_norm(..)`"
        }
        (Some(Ty::TEXT), Some(Ty::DID)) => ": write a DID without quotes, or use `did(..)`",
        _ => "",
    }
}

/// What to do where two types cannot be compared.
pub(super) fn compared(a: Option<Ty>, b: Option<Ty>) -> &'static str {
    let base = |ty: Option<Ty>| ty.filter(|ty| !ty.is_array()).map(Ty::base);
    match (base(a), base(b)) {
        (Some(Base::Did), Some(Base::Text)) | (Some(Base::Text), Some(Base::Did)) => {
            ": write a DID without quotes, or use `did(..)`"
        }
        _ => "",
    }
}
