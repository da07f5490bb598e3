//! Types of constant payloads.

use crate::types::Ty;
use crate::value::Value;

/// The types of constants that something emits or stores, each found out once: a constant may be an array of 65 536
/// elements that each of 65 536 instructions names.
#[derive(Default)]
pub(super) struct Payloads(Vec<Option<Ty>>);

impl Payloads {
    pub(super) fn ty(&mut self, constants: &[Value], at: u16) -> Ty {
        let Some(value) = constants.get(usize::from(at)) else { return Ty::UNIT };
        if !matches!(value, Value::Array(_)) {
            return of(value);
        }
        if self.0.is_empty() {
            self.0 = vec![None; constants.len()];
        }
        match self.0.get_mut(usize::from(at)) {
            Some(known) => *known.get_or_insert_with(|| of(value)),
            None => Ty::UNIT,
        }
    }
}

/// The type of a constant payload, as far as its bytes and its value on the way out need it.
fn of(value: &Value) -> Ty {
    match value {
        Value::Null => Ty::NUMBER.opt(),
        Value::Number(_) => Ty::NUMBER,
        Value::Bool(_) => Ty::BOOL,
        Value::Text(_) => Ty::TEXT,
        Value::Did(_) => Ty::DID,
        Value::Trust(_) => Ty::TRUST,
        Value::Array(items) => {
            let elem = items.iter().find(|v| **v != Value::Null).map_or(Ty::NUMBER, of);
            let optional = items.contains(&Value::Null);
            (if optional { elem.opt() } else { elem }).array().unwrap_or(Ty::UNIT)
        }
    }
}
