//! What is wrong with what a run was given, before anything is charged (ecl.md, sections 4 and 7).

use super::source::{PolicyFacts, Source};
use crate::case::{Ask, Given, Setting};
use eclvm::kernel::program::Input;
use eclvm_kernel::fault::Fault;
use eclvm_kernel::program::{EffectKind, StdInput};
use eclvm_kernel::types::{Base, Ty};

/// The first thing that is wrong, in the order: effect, declared inputs, caller, realm, trust, unknown keys.
pub fn check(source: &Source, facts: &PolicyFacts, ask: &Ask, setting: &Setting) -> Result<(), Fault> {
    if facts.effect == EffectKind::Write && !setting.allow_writes {
        return Err(Fault::EffectNotAllowed);
    }
    let inputs: &[Input] = &source.checked.bodies[facts.body.0 as usize].inputs;
    for (i, input) in inputs.iter().enumerate() {
        match ask.inputs.get(i).unwrap_or(&Given::Missing) {
            Given::Missing if input.ty.is_optional() => {}
            given => belongs(given, input.ty)?,
        }
    }
    let mut unknown = ask.unknown_keys || ask.inputs.len() > inputs.len();
    let standard = |given: &Given, ty: Ty, input: StdInput| match given {
        Given::Missing if !facts.mentions.has(input) => Ok(()),
        given => belongs(given, ty),
    };
    standard(&ask.caller, Ty::DID, StdInput::Caller)?;
    standard(&ask.realm, Ty::TEXT, StdInput::Realm)?;
    match setting.world {
        None => standard(&ask.trust, Ty::TRUST, StdInput::Trust)?,
        Some(_) => {
            if facts.mentions.has(StdInput::Trust) && ask.caller == Given::Missing {
                return Err(Fault::MissingInput);
            }
            unknown |= ask.trust != Given::Missing;
        }
    }
    if unknown || !setting.now.is_finite() { Err(Fault::TypeMismatch) } else { Ok(()) }
}

fn belongs(given: &Given, ty: Ty) -> Result<(), Fault> {
    let is = |base: Base| !ty.is_array() && ty.base() == base;
    let ok = match given {
        Given::Missing => return Err(Fault::MissingInput),
        Given::Invalid(fault) => return Err(*fault),
        Given::Null => ty.is_optional(),
        Given::Number(n) => is(Base::Number) && n.is_finite(),
        Given::Bool(_) => is(Base::Bool),
        Given::Text(s) if is(Base::Text) && s.len() > 65_536 => return Err(Fault::ValueTooLarge),
        Given::Text(_) => is(Base::Text),
        Given::Did(_) => is(Base::Did),
        Given::Trust(t) => {
            let finite = is(Base::Trust) && t.iter().all(|x| x.is_finite());
            if finite && t.iter().any(|x| *x < 0.0 || *x > 1.0) {
                return Err(Fault::DomainError);
            }
            finite
        }
        Given::Array(items) => {
            let Some(elem) = ty.elem() else { return Err(Fault::TypeMismatch) };
            for item in items {
                match item {
                    Given::Missing => return Err(Fault::TypeMismatch),
                    item => belongs(item, elem)?,
                }
            }
            if elements(items) > super::ops::MOST_ELEMENTS {
                return Err(Fault::ValueTooLarge);
            }
            true
        }
    };
    if ok { Ok(()) } else { Err(Fault::TypeMismatch) }
}

fn elements(items: &[Given]) -> u64 {
    let inner = |item: &Given| if let Given::Array(items) = item { elements(items) } else { 0 };
    items.iter().map(|item| 1 + inner(item)).sum()
}
