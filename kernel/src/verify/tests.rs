//! What the verifier knows of constants without walking them, against the plain walks of [`Value`].

use super::constants::Facts;
use crate::limits::{MAX_ARRAY_ELEMENTS, MAX_TEXT_BYTES};
use crate::types::{Base, Ty};
use crate::value::{TrustVector, Value};

/// xorshift
struct Rng(u64);

impl Rng {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

fn value(rng: &mut Rng, depth: u32) -> Value {
    match rng.below(if depth == 0 { 7 } else { 10 }) {
        0 | 1 => Value::Null,
        2 => Value::Number(rng.below(5) as f64),
        3 => Value::Bool(rng.below(2) == 0),
        4 => Value::Text("text".get(..rng.below(5) as usize).unwrap_or("").into()),
        5 => Value::Did("did:x:y".into()),
        6 => Value::Trust(TrustVector([0.5; 6])),
        _ => {
            // Mostly alike, so that types that fit are not rare.
            let like = value(rng, depth - 1);
            let n = rng.below(4);
            (0..n).map(|_| if rng.below(4) == 0 { value(rng, depth - 1) } else { like.clone() }).collect()
        }
    }
}

impl FromIterator<Value> for Value {
    fn from_iter<I: IntoIterator<Item = Value>>(items: I) -> Value {
        Value::Array(items.into_iter().collect())
    }
}

#[test]
fn types_and_sizes_of_constants_are_those_of_the_plain_walks() {
    let mut rng = Rng(7);
    let (mut fit, mut misfit) = (0, 0);
    for _ in 0..20_000 {
        let value = value(&mut rng, 4);
        let facts = Facts::of(&value).expect("all of these are sound");
        assert_eq!(facts.size(&value).text, value.text_bytes());
        assert_eq!(facts.size(&value).elements, value.elements());
        assert_eq!(facts.size(&value).bytes, value.bytes());
        for base in [Base::Number, Base::Bool, Base::Text, Base::Did, Base::Trust] {
            for depth in 0..5u8 {
                let optional = rng.below(1 << (depth + 1));
                let ty = Ty::from_parts(base as u8, depth, optional).expect("a type");
                assert_eq!(facts.is_of(ty), value.is_of(ty), "{value:?} of {ty}");
                *(if facts.is_of(ty) { &mut fit } else { &mut misfit }) += 1;
            }
        }
    }
    assert!(fit > 10_000 && misfit > 10_000, "{fit} {misfit}");
}

#[test]
fn types_as_deep_as_types_are() {
    let mut value = Value::Null;
    for depth in 0..=64u8 {
        let facts = Facts::of(&value).expect("sound");
        for deep in [depth.saturating_sub(1), depth, depth + 1] {
            for optional in [0, 1, u64::MAX >> (63 - deep.min(63)), 1 << deep.min(63)] {
                if let Some(ty) = Ty::from_parts(0, deep, optional) {
                    assert_eq!(facts.is_of(ty), value.is_of(ty), "{depth} of {ty}");
                }
            }
        }
        value = [value].into_iter().collect();
    }
}

#[test]
fn what_no_run_could_have_made_is_refused() {
    let text = |n: usize| Value::Text("x".repeat(n).into());
    let nulls = |n: usize| -> Value { vec![Value::Null; n].into_iter().collect() };
    assert!(Facts::of(&text(MAX_TEXT_BYTES)).is_some());
    assert!(Facts::of(&text(MAX_TEXT_BYTES + 1)).is_none());
    assert!(Facts::of(&nulls(MAX_ARRAY_ELEMENTS)).is_some());
    assert!(Facts::of(&nulls(MAX_ARRAY_ELEMENTS + 1)).is_none());
    let pair = |n: usize| -> Value { [nulls(n), nulls(n)].into_iter().collect() };
    assert!(Facts::of(&pair(MAX_ARRAY_ELEMENTS / 2 - 1)).is_some());
    assert!(Facts::of(&pair(MAX_ARRAY_ELEMENTS / 2)).is_none());
    assert!(Facts::of(&Value::Did("did:".into())).is_none());
    assert!(Facts::of(&Value::Trust(TrustVector([f64::NAN; 6]))).is_none());
}
