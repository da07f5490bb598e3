//! Sources that are made to cost the checker time, memory or stack.

use super::*;
use std::fmt::Write;
use std::time::{Duration, Instant};

/// Checks a source within the time that any source may take.
fn in_time(source: &str) -> Vec<Diagnostic> {
    let start = Instant::now();
    let (_, found) = check(source);
    let took = start.elapsed();
    assert!(took < Duration::from_secs(2), "took {took:?}");
    found
}

fn codes(found: &[Diagnostic]) -> Vec<&str> {
    found.iter().map(|d| d.code).collect()
}

#[test]
fn a_long_way_of_unknown_types_needs_no_stack() {
    let mut source = String::from("a");
    for i in 0..60_000 {
        write!(source, " ?? a{i}").unwrap();
    }
    // All are of one type, and the last says which.
    in_time(&format!("({source} ?? 1) > 0"));
    let mut source = String::from("policy p { let x0 = a;");
    for i in 1..20_000 {
        write!(source, "let x{i} = x{} ?? b{i};", i - 1).unwrap();
    }
    in_time(&(source + "}"));
}

#[test]
fn copies_of_large_constants_are_paid_for() {
    // 2^15 elements from a few lines.
    let mut large = String::from("const A0 = [1];");
    for i in 1..14 {
        write!(large, "const A{i} = [A{}, A{}];", i - 1, i - 1).unwrap();
    }
    for repeated in
        ["array_len(A13);", "A13[0];", "A13 == A13;", "[A13];", "A13[0][0] in A13[1];", "array_get(A13, 0);"]
    {
        let statements = repeated.repeat(15_000);
        let found = in_time(&format!("{large} policy p {{ {statements} }}"));
        assert_eq!(codes(&found), ["E0103"], "{repeated}");
    }
}

#[test]
fn copies_of_long_texts_are_paid_for() {
    let did = format!("did:x:{}", "a".repeat(65_000));
    let head = format!("const T = \"{did}\"; const D = {did}; policy p {{ ");
    for repeated in ["did(T);", "[T, T];", "[D, D];", "[T][0];", "T + \"\";"] {
        let found = in_time(&format!("{head}{}}}", repeated.repeat(30_000)));
        assert_eq!(codes(&found), ["E0103"], "{repeated}");
    }
}

#[test]
fn facts_common_to_many_arms() {
    let mut names = String::new();
    let mut params = String::new();
    for i in 0..18_000 {
        write!(names, "{}x{i}==null", if i > 0 { "||" } else { "" }).unwrap();
        write!(params, "x{i}:bool?,").unwrap();
    }
    let arms = "else if c{}".repeat(15_000);
    in_time(&format!("policy p(c:bool,{params}){{if {names}{{return;}}{arms}return true;}}"));
}

#[test]
fn suggestions_do_not_compare_everything_with_everything() {
    let mut source = String::new();
    for i in 0..3_000 {
        write!(source, "const a_very_long_name_of_a_constant_with_number_{i:03} = 1;").unwrap();
    }
    source += "policy p() {";
    for i in 0..5_000 {
        write!(source, "require b_vary_lang_nome_if_i_canstont_wath_nimbor_{i:03} > 1;").unwrap();
    }
    assert_eq!(in_time(&(source + "}")).len(), 50);
}

#[test]
fn circles_and_long_ways_of_constants() {
    let n = 20_000;
    let mut way = String::new();
    let mut circle = String::new();
    for i in 0..n {
        write!(way, "const A{i} = A{} + 1;", i + 1).unwrap();
        write!(circle, "const A{i} = A{};", (i + 1) % n).unwrap();
    }
    assert!(in_time(&format!("{way} const A{n} = 1; policy p {{ return A0 > 1; }}")).is_empty());
    assert_eq!(codes(&in_time(&format!("{circle} policy p {{ return A0 > 1; }}"))), ["E0104"]);
}
