//! What requests give: mostly what the policy wants, sometimes not.

use super::pools::{DIDS, FLOATS, REALMS, TEXTS};
use super::rng::Rng;
use super::worlds::trust;
use crate::case::{Ask, Given};
use eclvm_kernel::fault::Fault;
use eclvm_kernel::types::{Base, Ty};

/// A request for a policy with these inputs.
pub fn ask(rng: &mut Rng, inputs: &[Ty], has_world: bool) -> Ask {
    let spoilt = rng.often(70);
    let mut ask = Ask { inputs: inputs.iter().map(|ty| right(rng, *ty)).collect(), ..Ask::default() };
    if rng.often(970) {
        ask.caller = Given::Did(rng.pick(DIDS).to_owned());
    }
    if rng.often(970) {
        let known = if rng.often(850) { 4 } else { REALMS.len() };
        ask.realm = Given::Text(rng.pick(&REALMS[..known]).to_owned());
    }
    if if has_world { rng.often(10) } else { rng.often(950) } {
        ask.trust = Given::Trust(trust(rng));
    }
    if spoilt {
        spoil(rng, inputs, &mut ask);
    }
    ask
}

/// A value of a type.
fn right(rng: &mut Rng, ty: Ty) -> Given {
    if ty.is_optional() && rng.often(350) {
        return if rng.often(500) { Given::Null } else { Given::Missing }.whole(ty);
    }
    if let Some(elem) = ty.elem() {
        let len = rng.below(5);
        return Given::Array((0..len).map(|_| right(rng, elem).filled()).collect());
    }
    match ty.base() {
        Base::Number if rng.often(300) => Given::Number(rng.unit() * 4.0),
        Base::Number => Given::Number(rng.pick(FLOATS)),
        Base::Bool => Given::Bool(rng.often(600)),
        Base::Text => Given::Text(rng.pick(TEXTS).to_owned()),
        Base::Did => Given::Did(rng.pick(DIDS).to_owned()),
        Base::Trust => Given::Trust(trust(rng)),
        Base::Unit => Given::Null,
    }
}

impl Given {
    fn whole(self, ty: Ty) -> Given {
        if ty.is_optional() { self } else { Given::Null }
    }
    /// Arrays have no holes.
    fn filled(self) -> Given {
        if self == Given::Missing { Given::Null } else { self }
    }
}

fn spoil(rng: &mut Rng, inputs: &[Ty], ask: &mut Ask) {
    let target = rng.index(inputs.len() + 5);
    if let (Some(ty), Some(slot)) = (inputs.get(target), ask.inputs.get_mut(target)) {
        *slot = wrong(rng, *ty);
        return;
    }
    match target - inputs.len() {
        0 => ask.caller = wrong(rng, Ty::DID),
        1 => ask.realm = wrong(rng, Ty::TEXT),
        2 => ask.trust = wrong(rng, Ty::TRUST),
        3 => ask.unknown_keys = true,
        _ if rng.often(500) => ask.inputs.push(Given::Number(1.0)),
        _ => ask.inputs.truncate(inputs.len() / 2),
    }
}

/// A value that is not of a type, or too large, or just within.
fn wrong(rng: &mut Rng, ty: Ty) -> Given {
    match rng.below(12) {
        0 => Given::Missing,
        1 => Given::Null,
        2 => Given::Invalid(rng.pick(Fault::ALL)),
        3 => Given::Number(rng.pick(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY])),
        4 => {
            let mut t = trust(rng);
            t[rng.index(6)] = rng.pick(&[1.0000001, -0.5, f64::NAN, f64::INFINITY, -0.0]);
            if rng.often(300) {
                t[rng.index(6)] = rng.pick(&[1.5, f64::NAN]);
            }
            Given::Trust(t)
        }
        5 => Given::Text("x".repeat(65_535 + rng.index(3))),
        6 if ty.is_array() => {
            let elem = right(rng, ty.elem().unwrap_or(ty)).filled();
            Given::Array(vec![elem; 65_534 + rng.index(4)])
        }
        7 => Given::Array(vec![Given::Number(1.0), Given::Missing]),
        8 => Given::Array(vec![Given::Number(1.0), Given::Text("a".to_owned())]),
        9 => Given::Did(DIDS[0].to_owned()),
        10 => Given::Bool(true),
        _ => Given::Array(Vec::new()),
    }
}
