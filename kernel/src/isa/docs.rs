//! `docs/isa.md`, made from the table.

use super::table::{GasRule, Op, Role, Sig, X};
use core::fmt::Write;

/// The instruction set as a Markdown table. A test holds `docs/isa.md` to it.
pub fn isa_markdown() -> String {
    let mut out = String::from(
        "# Instruction set\n\nMade from the table in `kernel/src/isa/table.rs` (`cargo test -p eclvm-kernel` compares, \
         `UPDATE_DOCS=1` rewrites).\n\nAn instruction is 8 bytes: opcode, extra byte x, operands a, b, c (16 bits each, \
         little-endian).\nrN is a register, kN a constant. Gas is schedule V1.\n\n| byte | name | a | b | c | x | gas | \
         meaning |\n|---|---|---|---|---|---|---|---|\n",
    );
    for op in Op::ALL {
        let info = op.info();
        let [a, b, c] = info.operands.map(role);
        let x = match info.x {
            X::Zero => "",
            X::Flags => "which of b, c are constants",
            X::Component => "component",
            X::Std => "standard input",
        };
        let gas = gas(info.gas);
        let doc = info.doc.replace('|', "\\|");
        let _ =
            writeln!(out, "| {} | `{}` | {a} | {b} | {c} | {x} | {gas} | {doc} |", *op as u8, info.mnemonic);
    }
    out
}

fn role(role: Role) -> String {
    match role {
        Role::None => String::new(),
        Role::W(sig) => format!("writes {}", ty(sig)),
        Role::R(sig) => format!("reads {}", ty(sig)),
        Role::RW(sig) => format!("reads, writes {}", ty(sig)),
        Role::V(sig) => format!("reads {} or constant", ty(sig)),
        Role::Args(n, sig) => format!("first of {n} {}", ty(sig)),
        Role::K => "constant".into(),
        Role::OptText => "text constant or none".into(),
        Role::Target => "target".into(),
        Role::Func => "function".into(),
        Role::Elements => "first element".into(),
        Role::Count => "count".into(),
        Role::CallArgs => "first argument".into(),
    }
}

/// A type as policies write it.
fn ty(sig: Sig) -> &'static str {
    match sig {
        Sig::N => "number",
        Sig::B => "bool",
        Sig::S => "string",
        Sig::D => "did",
        Sig::T => "trust",
        Sig::OptN => "number?",
        Sig::OptS => "string?",
        Sig::OptB => "bool?",
        Sig::Nums => "[number]",
        Sig::Array => "array",
        Sig::Any => "any",
    }
}

fn gas(rule: GasRule) -> String {
    match rule {
        GasRule::Free => "0".into(),
        GasRule::Fixed(layer, units) => format!("{} {units}", layer.name()),
        GasRule::PerElement => "compute 1 per element".into(),
        GasRule::Text => "compute 1 + ceil(bytes / 32)".into(),
        GasRule::Equal => "compute 1, or as text, or as search".into(),
        GasRule::Search => "compute 1 + ceil(elements / 8) + ceil(bytes / 32)".into(),
        GasRule::Put => "storage 10 + ceil(bytes / 64)".into(),
        GasRule::Event => "storage 2 + ceil(bytes / 64)".into(),
        GasRule::EntryTrust => "network 5 on host state".into(),
    }
}
