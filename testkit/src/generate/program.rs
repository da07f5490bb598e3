//! Writes whole programs that are well typed.

use super::rng::Rng;
use super::scope::{Fun, Gen, Kind, Style};
use super::stmt::Within;
use eclvm_kernel::types::Ty;

const STANDARD: [(&str, Ty); 5] = [
    ("caller", Ty::DID),
    ("requester", Ty::DID),
    ("realm", Ty::TEXT),
    ("trust", Ty::TRUST),
    ("now", Ty::NUMBER),
];

/// A program that compiles.
pub fn well_typed(rng: Rng) -> String {
    let mut g = Gen::new(rng);
    g.style = [Style::All, Style::Plain, Style::Stateful][g.rng.weighted(&[68, 16, 16])];
    g.writes = g.style == Style::Stateful || (g.style == Style::All && g.rng.often(450));
    g.crossings = g.style != Style::Plain && g.rng.often(500);
    for (name, ty) in STANDARD {
        g.bind(name, ty, Kind::Fixed);
    }
    if g.rng.often(200) {
        return bare(&mut g);
    }
    whole(&mut g, None)
}

/// An entry policy: one policy that mostly needs nothing but a caller.
pub fn entry(rng: Rng) -> String {
    let mut g = Gen::new(rng);
    g.writes = g.rng.often(60);
    g.crossings = g.rng.often(500);
    for (name, ty) in STANDARD {
        g.bind(name, ty, Kind::Fixed);
    }
    let params = if g.rng.often(900) { "" } else { "p1: number?" };
    whole(&mut g, Some(params))
}

fn bare(g: &mut Gen) -> String {
    g.inferring = true;
    g.free_names = 60;
    g.fuel = 4 + g.rng.below(40) as i32;
    let ty = if g.rng.often(600) { Ty::BOOL } else { g.ty(2) };
    let text = g.exact(ty, 5).0;
    // A lone free name has no type.
    if text.trim_matches(['(', ')', '[', ']']).starts_with("in") {
        "now > 1 && realm == in0".to_owned()
    } else {
        text
    }
}

fn whole(g: &mut Gen, params: Option<&str>) -> String {
    let mut out = String::new();
    for _ in 0..g.rng.below(3) {
        let ty = g.constant_ty();
        g.fuel = 6;
        let value = g.constant_of(ty);
        g.count += 1;
        let name = format!("K{}", g.count);
        out.push_str(&format!("const {name} = {value};\n"));
        g.bind(&name, ty, Kind::Const);
    }
    let globals = g.vars.len();
    let funs = if g.style == Style::Plain { 0 } else { g.rng.below(4) as usize };
    for i in 0..funs {
        let countdown = g.rng.often(400);
        let mut types: Vec<Ty> = if countdown { vec![Ty::NUMBER] } else { Vec::new() };
        for _ in 0..g.rng.below(3) {
            types.push(g.ty(1));
        }
        let result = if g.rng.often(350) { Ty::BOOL } else { g.ty(1) };
        g.funs.push(Fun { name: format!("f{i}"), params: types, result, countdown });
    }
    // Functions call later ones, and themselves; so what does not count down ends.
    let mut texts = Vec::new();
    for i in 0..funs {
        g.fuel = 6 + g.rng.below(24) as i32;
        g.callable_from = i + 1;
        g.myself = g.funs[i].countdown.then_some(i);
        texts.push(function(g, i));
        g.vars.truncate(globals);
    }
    (g.myself, g.callable_from) = (None, 0);
    g.fuel = 12 + g.rng.below(70) as i32;
    let policy = policy(g, params);
    // They may stand before or after the policy.
    let split = g.rng.index(funs + 1);
    for text in &texts[..split] {
        out.push_str(text);
    }
    out.push_str(&policy);
    for text in &texts[split..] {
        out.push_str(text);
    }
    out
}

fn function(g: &mut Gen, i: usize) -> String {
    let Fun { name, params, result, countdown } = g.funs[i].clone();
    let mut list = Vec::new();
    for (k, ty) in params.iter().enumerate() {
        let param = if countdown && k == 0 { "n".to_owned() } else { format!("a{k}") };
        list.push(format!("{param}: {ty}"));
        // The count is left alone, or the recursion would not end.
        g.bind(&param, *ty, if param == "n" { Kind::Fixed } else { Kind::Assignable });
    }
    let within = Within::Function(result);
    let first = if countdown {
        let me = g.myself.take();
        let end = g.fit(result, 1).0;
        g.myself = me;
        format!("  if n <= 0 {{\n    return {end};\n  }}\n")
    } else {
        String::new()
    };
    let body = g.lines(within, 1, 1);
    let last = if countdown && g.rng.often(700) && g.funs[i].result == Ty::NUMBER {
        format!("return {} + 1;", g.call(i, 1).0)
    } else {
        g.return_(within)
    };
    format!("fn {name}({}) -> {result} {{\n{first}{body}  {last}\n}}\n", list.join(", "))
}

fn policy(g: &mut Gen, params: Option<&str>) -> String {
    let name = if g.rng.often(800) { "main".to_owned() } else { "\"a policy\"".to_owned() };
    let mut head = format!("policy {name}");
    match params {
        Some(list) => {
            head.push_str(&format!("({list})"));
            if !list.is_empty() {
                g.bind("p1", Ty::NUMBER.opt(), Kind::Fixed);
            }
        }
        None if g.rng.often(550) => {
            let mut list = Vec::new();
            for k in 0..g.rng.below(5) {
                let ty = g.ty(2);
                // Sometimes a parameter hides a standard input.
                let name = if k == 0 && g.rng.often(60) {
                    g.rng.pick(&["now", "trust", "realm", "caller"]).to_owned()
                } else {
                    format!("p{k}")
                };
                list.push(format!("{name}: {ty}"));
                g.bind(&name, ty, Kind::Fixed);
            }
            head.push_str(&format!("({})", list.join(", ")));
        }
        None => g.inferring = true,
    }
    let known = g.vars.len();
    let mut body = g.lines(Within::Policy, 0, 1);
    if g.rng.often(550) {
        g.fuel = g.fuel.max(6);
        let last = g.return_(Within::Policy);
        body.push_str(&format!("  {last}\n"));
    }
    g.vars.truncate(known);
    g.inferring = false;
    let mut pins = String::new();
    for (name, ty) in &g.inferred {
        pins.push_str(&format!("  let t_{name}: {ty} = {name};\n"));
    }
    format!("{head} {{\n{pins}{body}}}\n")
}
