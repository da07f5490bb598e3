//! Policies whose requests meet: what one writes, others of its batch read.

use super::pools::{KEYS, METRICS, quote};
use super::rng::Rng;
use crate::case::{Ask, Given};

/// A policy that writes, over inputs `key`, `other`, `n` and `who`.
pub fn policy(rng: &mut Rng) -> String {
    let mut text = String::from("policy p(key: string, other: string, n: number, who: did) {\n");
    let count = 1 + rng.index(5);
    let writes = rng.index(count);
    for at in 0..count {
        let line = if at == writes { write(rng) } else { any(rng) };
        text += &format!("    {line}\n");
    }
    text.push_str("}\n");
    text
}

/// Makes requests meet: texts become one of few keys.
pub fn meet(rng: &mut Rng, asks: &mut [Ask]) {
    for input in asks.iter_mut().flat_map(|ask| &mut ask.inputs) {
        if let Given::Text(text) = input
            && text.len() < 1_000
        {
            *text = rng.pick(&KEYS[..4]).to_owned();
        }
    }
}

fn key(rng: &mut Rng) -> String {
    match rng.below(6) {
        0..=2 => "key".to_owned(),
        3 | 4 => "other".to_owned(),
        _ => quote(rng.pick(&KEYS[..5])),
    }
}

fn number(rng: &mut Rng) -> String {
    match rng.below(9) {
        0 => format!("(get_metric({}) ?? 0.5)", quote(rng.pick(METRICS))),
        3 => "(get_metric(\"trust.avg\") ?? 0.5)".to_owned(),
        1 => "load_trust(who).r".to_owned(),
        2 => "n".to_owned(),
        _ => format!("(store_get_number({}) ?? 1)", key(rng)),
    }
}

fn write(rng: &mut Rng) -> String {
    let (key, number) = (key(rng), number(rng));
    match rng.below(10) {
        0 => format!("store_put({key}, n);"),
        1 | 2 => format!("store_put({key}, (store_get_number({key}) ?? 0) + 1);"),
        3 => format!("store_put({key}, {number} / 2);"),
        4 => format!("store_delete({key});"),
        5 => format!("update_trust(who, {});", rng.pick(&["0.1", "-0.1", "0.5"])),
        6 => format!("store_put({key}, store_get({key}) ?? \"new\");"),
        7 => format!("cast_vote({key}, {number} > 1);"),
        8 => format!("update_trust(who, {number} > 0.5 ? 0.1 : -0.1);"),
        _ => format!("emit \"seen\", {number};"),
    }
}

fn any(rng: &mut Rng) -> String {
    let number = number(rng);
    match rng.below(12) {
        0..=3 => write(rng),
        4 => format!("require {number} < 5, \"full\";"),
        5 => format!("require {number} >= 0.3;"),
        6 => "require trust.r > 0.2, \"distrust\";".to_owned(),
        7 => format!("if {number} > 0.6 {{ {} }} else {{ {} }}", write(rng), write(rng)),
        8 => format!("for i in 0..({number} > 3 ? 4 : 2) {{ {} }}", write(rng)),
        9 => format!("if cross_realm(\"{}\") {{ {} }}", rng.pick(&["lab", "gate"]), write(rng)),
        10 => format!("require 10 / {number} < 1000;"),
        _ => format!("log(\"n\"); if store_get_bool({}) ?? true {{ {} }}", key(rng), write(rng)),
    }
}
