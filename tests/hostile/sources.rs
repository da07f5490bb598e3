//! Sources.

use super::{in_time, setting::*};
use eclvm::kernel::budget::BudgetLimits;
use eclvm::kernel::fault::Outcome;
use eclvm::kernel::value::ValueRef;
use eclvm::policy::{CompileError, Module, Policy};
use std::fmt::Write;

/// The codes of what the compiler says of a source, warnings too.
#[track_caller]
fn codes(source: &str) -> Vec<&'static str> {
    let diagnostics = match in_time(|| Module::compile(source)) {
        Ok(module) => module.warnings().to_vec(),
        Err(CompileError::Source(diagnostics)) => diagnostics,
        Err(error) => panic!("{error}"),
    };
    assert!(diagnostics.len() <= 50);
    diagnostics.iter().map(|d| d.code).collect()
}

#[test]
fn a_million_open_parentheses() {
    assert_eq!(codes(&"(".repeat(1_000_000)), ["E0004"]);
    for open in ["[", "!", "-", "f(", "a[", "a ? ", "{", "any(x in "] {
        let found = codes(&open.repeat(1_000_000 / open.len()));
        assert!(!found.is_empty(), "{open}");
    }
}

#[test]
fn a_hundred_thousand_terms() {
    let unbounded = BudgetLimits { gas_limit: u64::MAX, ..BudgetLimits::default() };
    // As many as fit into 65 536 instructions.
    let ors = vec!["b"; 20_000].join("||");
    let policy = in_time(|| compile(&format!("policy p(b: bool) {{ return {ors}; }}")));
    let setting = Setting { limits: unbounded, inputs: vec![ValueRef::Bool(false)], ..alone() };
    let receipt = in_time(|| setting.run(&policy));
    assert_eq!((receipt.outcome, receipt.cost), (Outcome::Deny, 20_000));
    let sum = vec!["x"; 60_000].join("+");
    let policy = in_time(|| compile(&format!("policy p(x: number) {{ return {sum} == 60000; }}")));
    let setting = Setting { limits: unbounded, inputs: vec![ValueRef::Number(1.0)], ..alone() };
    let receipt = in_time(|| setting.run(&policy));
    assert_eq!((receipt.outcome, receipt.cost), (Outcome::Allow, 60_001));
    // More than that is a diagnostic.
    for op in ["||", "&&"] {
        assert_eq!(codes(&vec!["b"; 100_000].join(op)), ["E0200"]);
    }
    assert_eq!(codes(&format!("{} == 1", vec!["x"; 100_000].join("+"))), ["E0200"]);
    // Constants fold, however many there are.
    assert!(codes(&format!("{} == 1", vec!["1"; 100_000].join("+"))).is_empty());
    assert!(codes(&vec!["true"; 100_000].join("||")).is_empty());
}

/// Each instruction that named a constant made the verifier walk it: 60 000 elements named 4 000 times took 4.7 s.
#[test]
fn a_long_constant_that_is_named_often() {
    let list = vec!["1"; 60_000].join(",");
    let uses = vec!["x in A"; 20_000].join("||");
    let source = format!("const A = [{list}]; policy p(x: number) {{ return {uses}; }}");
    assert!(codes(&source).is_empty());
}

/// A refusal says what to do instead.
#[test]
fn what_is_too_large_says_what_to_do() {
    let terms: Vec<String> = (0..30_000).map(|i| format!("trust.r>0.{i}")).collect();
    let Err(error) = in_time(|| Module::compile(&terms.join("||"))) else { panic!("it is too large") };
    let text = error.to_string();
    assert!(text.starts_with("E0200") && text.contains("split it into several policies"), "{text}");
}

#[test]
fn sources_and_literals_that_are_too_long() {
    assert_eq!(codes(&" ".repeat(100_000_000)), ["E0002"]);
    assert_eq!(codes(&format!("\"{}\"", "a".repeat(100_000_000))), ["E0002"]);
    assert_eq!(codes(&format!("\"{}\" == realm", "a".repeat(65_537))), ["E0005"]);
    assert!(codes(&format!("\"{}\" == realm", "a".repeat(65_536))).is_empty());
    assert_eq!(codes(&"a ".repeat(300_000)), ["E0022"].map(|_| codes(&"a ".repeat(300_000))[0]));
    assert!(!codes(&"1+".repeat(300_000)).is_empty());
}

#[test]
fn strange_characters() {
    for source in [
        "a\0b",
        "\0",
        "\u{202e}true",
        "tr\u{200b}ue",
        "\u{feff}true",
        "\u{fffd}",
        "did:x:\u{202e}",
        "\"",
        "/*",
        "\u{1}",
    ] {
        codes(source);
    }
    assert!(!codes("\"a\u{202e}b\" == realm").is_empty(), "text that runs backwards is worth a word");
    assert!(codes("\"a\0b\" == realm").iter().all(|c| c.starts_with('W') || c.starts_with('E')));
}

#[test]
fn very_many_names() {
    let same: String = "let a = 1; ".repeat(50_000);
    assert!(codes(&format!("policy p {{ {same} }}")).contains(&"E0200"));
    let mut distinct = String::new();
    for i in 0..50_000 {
        write!(distinct, "let a{i}=1;").unwrap();
    }
    assert!(codes(&format!("policy p {{ {distinct} }}")).contains(&"E0200"));
    let inputs: Vec<String> = (0..100_000).map(|i| format!("a{i}")).collect();
    assert_eq!(codes(&inputs.join("||")), ["E0200"]);
    let params: Vec<String> = (0..50_000).map(|i| format!("a{i}:bool")).collect();
    assert_eq!(codes(&format!("policy p({}) {{ }}", params.join(","))), ["E0200"]);
    let functions: String =
        (0..10_000).fold(String::new(), |s, i| s + &format!("fn f{i}()->bool{{return f{}();}}", i + 1));
    codes(&format!("{functions} fn f10000()->bool{{return f0();}} policy p {{ return f0(); }}"));
}

#[test]
fn a_very_long_chain_of_else_if() {
    let arms = "else if x > 1 { } ".repeat(30_000);
    codes(&format!("policy p(x: number) {{ if x > 1 {{ }} {arms} }}"));
    let arms = "else if b { } ".repeat(40_000);
    assert_eq!(codes(&format!("policy p(b: bool) {{ if b {{ }} {arms} }}")), ["E0200"]);
}

#[test]
fn nesting_up_to_the_limit_and_beyond() {
    let kinds: &[(&str, &str, &str, &str, &str)] = &[
        ("policy p(b: bool) { return ", "(", "b", ")", "; }"),
        ("policy p(b: bool) { return ", "!", "b", "", "; }"),
        ("policy p(x: number) { return 1 < ", "abs(", "x", ")", "; }"),
        ("policy p(x: number) { return 1 < ", "-", "x", "", "; }"),
        ("policy p(x: number) { return 1 < ", "[", "x", "][0]", "; }"),
        ("policy p(b: bool) { return ", "b ? ", "b", " : b", "; }"),
        ("policy p(b: bool) { return ", "any(x in [b], ", "b", ")", "; }"),
        ("policy p(b: bool) { ", "if b {", "", "}", " }"),
        ("policy p(b: bool) { ", "while b {", "", "}", " }"),
        ("policy p(b: bool) { ", "for i in 0..2 {", "", "}", " }"),
    ];
    for (head, open, inner, close, tail) in kinds {
        for n in [30, 62, 63, 64, 65, 66, 200] {
            let source = format!("{head}{}{inner}{}{tail}", open.repeat(n), close.repeat(n));
            let found = codes(&source);
            let errors: Vec<_> = found.iter().filter(|c| c.starts_with('E')).collect();
            match n {
                ..=30 => assert!(errors.is_empty(), "{open} {n}: {found:?}"),
                66.. => assert_eq!(errors, [&"E0004"], "{open} {n}"),
                _ => assert!(errors.iter().all(|c| ["E0004", "E0132"].contains(*c)), "{open} {n}: {found:?}"),
            }
        }
    }
}

#[test]
fn constants_that_grow() {
    let long = "x".repeat(60_000);
    let mut joins = format!("const A0 = \"{long}\";");
    for i in 1..20_000 {
        write!(joins, "const A{i} = A{} + \"\";", i - 1).unwrap();
    }
    assert_eq!(codes(&format!("{joins} policy p {{ }}")), ["E0103"]);
    let mut doubles = String::from("const A0 = [1];");
    for i in 1..40 {
        write!(doubles, "const A{i} = [A{}, A{}];", i - 1, i - 1).unwrap();
    }
    assert!(!codes(&format!("{doubles} policy p {{ }}")).is_empty());
}

/// What is asked of an input is found by following its copies. Here each copy stands before the one it takes from, a thousand
/// deep, for hundreds of inputs: it took a pass over all of the code for each of them.
#[test]
fn copies_of_copies_in_the_wrong_order() {
    let names = |n: usize, of: fn(usize) -> String| (0..n).map(of).collect::<Vec<_>>();
    let inputs = names(900, |i| format!("i{i}: string")).join(", ");
    let lets = names(900, |i| format!("let r{i} = \"c\";")).join("\n");
    let shifts = names(899, |i| format!("r{} = r{};", 899 - i, 898 - i)).join("\n");
    let takes = names(900, |i| format!("r0 = i{i};")).join("\n");
    let source = format!(
        "policy p({inputs}) {{ {lets}\n{shifts}\n{shifts}\n{shifts}\n{takes}\n return r899 == \"c\"; }}"
    );
    let policy = Policy::compile(&source).unwrap();
    assert!(in_time(|| policy.lanes().is_ok()));
}
