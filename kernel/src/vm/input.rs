//! Checks what a run was given, before anything is charged: the declared inputs in order, then caller, realm, trust, then
//! keys that nobody knows. The first that is wrong is the fault.

use crate::fault::Fault;
use crate::limits::{MAX_ARRAY_ELEMENTS, MAX_TEXT_BYTES};
use crate::program::{EffectKind, Program, StdInput};
use crate::request::{Env, Request};
use crate::types::{Base, Ty};
use crate::value::ValueRef;

#[inline]
pub(crate) fn check(program: &Program, request: &Request<'_>, env: &Env<'_>) -> Result<(), Fault> {
    if program.effect == EffectKind::Write && !env.allow_writes {
        return Err(Fault::EffectNotAllowed);
    }
    for (index, input) in program.inputs.iter().enumerate() {
        value(request.inputs.get(index).copied().unwrap_or(ValueRef::Missing), input.ty)?;
    }
    standard(request.caller, Ty::DID, program.mentions(StdInput::Caller))?;
    standard(request.realm, Ty::TEXT, program.mentions(StdInput::Realm))?;
    let mut unknown = request.unknown_keys || request.inputs.len() > program.inputs.len();
    if env.host.is_none() {
        standard(request.trust, Ty::TRUST, program.mentions(StdInput::Trust))?;
    } else {
        if program.mentions(StdInput::Trust) && matches!(request.caller, ValueRef::Missing) {
            return Err(Fault::MissingInput);
        }
        unknown |= !matches!(request.trust, ValueRef::Missing);
    }
    if unknown || !env.now.is_finite() { Err(Fault::TypeMismatch) } else { Ok(()) }
}

#[inline]
fn standard(given: ValueRef<'_>, ty: Ty, mentioned: bool) -> Result<(), Fault> {
    match given {
        ValueRef::Missing if mentioned => Err(Fault::MissingInput),
        ValueRef::Missing => Ok(()),
        given => value(given, ty),
    }
}

#[inline]
fn value(given: ValueRef<'_>, ty: Ty) -> Result<(), Fault> {
    match given {
        ValueRef::Missing if ty.is_optional() => Ok(()),
        ValueRef::Missing => Err(Fault::MissingInput),
        ValueRef::Invalid(fault) => Err(fault),
        ValueRef::Null if ty.is_optional() => Ok(()),
        ValueRef::Array(items) => array(items, ty),
        _ if ty.is_array() => Err(Fault::TypeMismatch),
        ValueRef::Number(n) if ty.base() == Base::Number && n.is_finite() => Ok(()),
        ValueRef::Bool(_) if ty.base() == Base::Bool => Ok(()),
        ValueRef::Text(s) if ty.base() == Base::Text => {
            if s.len() > MAX_TEXT_BYTES {
                Err(Fault::ValueTooLarge)
            } else {
                Ok(())
            }
        }
        ValueRef::Did(_) if ty.base() == Base::Did => Ok(()),
        ValueRef::Trust(t) if ty.base() == Base::Trust => {
            if t.is_valid() {
                Ok(())
            } else if t.0.iter().all(|x| x.is_finite()) {
                Err(Fault::DomainError)
            } else {
                Err(Fault::TypeMismatch)
            }
        }
        _ => Err(Fault::TypeMismatch),
    }
}

fn array(items: &[ValueRef<'_>], ty: Ty) -> Result<(), Fault> {
    let elem = ty.elem().ok_or(Fault::TypeMismatch)?;
    for item in items {
        match item {
            // Null belongs in an array of optionals; a hole does not.
            ValueRef::Missing => return Err(Fault::TypeMismatch),
            item => value(*item, elem)?,
        }
    }
    if elements(items) > MAX_ARRAY_ELEMENTS { Err(Fault::ValueTooLarge) } else { Ok(()) }
}

/// Elements, nested ones counted.
fn elements(items: &[ValueRef<'_>]) -> usize {
    items.iter().fold(0, |n, item| match item {
        ValueRef::Array(inner) => n + 1 + elements(inner),
        _ => n + 1,
    })
}
