//! Drawings and JSON, also of what does not fit its source.

use super::{position, render, to_json};
use crate::lang::diagnostic::Diagnostic;
use crate::lang::parser::parse;
use crate::lang::sink::error;
use eclvm_kernel::span::Span;
use serde_json::json;

fn at(start: u32, end: u32) -> Diagnostic {
    error("E0001", Span::new(start, end), "something is wrong")
}

#[test]
fn positions_count_lines_and_characters() {
    let source = "aé\n\n  x\r\ny";
    for (offset, place) in
        [(0, (1, 1)), (1, (1, 2)), (2, (1, 2)), (3, (1, 3)), (4, (2, 1)), (7, (3, 3)), (10, (4, 1))]
    {
        assert_eq!(position(source, offset), place, "{offset}");
    }
    assert_eq!(position(source, 11), (4, 2));
    assert_eq!(position(source, u32::MAX), (4, 2));
    assert_eq!(position("", 0), (1, 1));
}

#[test]
fn json_has_all_parts() {
    let source = "policy p {\n  require é = 1;\n}";
    let found = parse(source).1;
    assert_eq!(found.len(), 2);
    assert_eq!(
        to_json(source, &found[0]),
        json!({
            "code": "E0013",
            "severity": "error",
            "message": "`é` (U+00E9) cannot stand in a name; names are made of `A-Z a-z 0-9 _`",
            "span": [21, 23],
            "line": 2,
            "column": 11,
            "labels": [{ "span": [21, 23], "line": 2, "column": 11, "message": "this character" }],
            "suggestion": { "span": [21, 23], "replacement": "e", "message": "did you mean `e`?" },
        })
    );
    assert_eq!(to_json(source, &found[1])["column"], 13);
    assert_eq!(to_json(source, &at(0, 1))["suggestion"], json!(null));
}

#[test]
fn a_drawing_shows_place_and_change() {
    let source = "policy p {\n    require a = 1;\n}";
    let drawn = render(source, "x.ecl", &parse(source).1, false);
    let expected = "\
error[E0021]: `=` assigns; an expression compares with `==`
 --> x.ecl:2:15
  |
2 |     require a = 1;
  |               ^
  |
help: write `==`
  |
2 |     require a == 1;
  |                +
";
    assert_eq!(drawn, expected);
    assert!(render(source, "x.ecl", &parse(source).1, true).contains("\u{1b}["));
    assert_eq!(render(source, "x.ecl", &[], false), "");
}

/// A source of one megabyte on one line, and places at its two ends, make a drawing of a few lines.
#[test]
fn long_lines_are_cut() {
    let source = "é + ".repeat(200_000);
    let len = source.len() as u32;
    for (start, end) in [(0, len), (len / 2, len / 2 + 1), (len - 1, len), (len, len), (0, 1)] {
        let far = at(start, end).with_label(Span::new(5, 6), "here").with_suggestion(
            Span::new(start, end),
            "x",
            "do",
        );
        let drawn = render(&source, "x.ecl", &[far], false);
        assert!(drawn.len() < 4_000, "{}", drawn.len());
        assert!(drawn.contains("something is wrong") && drawn.contains("here"));
    }
    let lines = "a\n".repeat(100_000);
    assert!(render(&lines, "x.ecl", &[at(0, 200_000), at(199_999, 200_000)], false).len() < 4_000);
}

#[test]
fn what_does_not_fit_is_moved() {
    for source in ["", "é", "a\r\n", "\n\n", "\0\u{202e}\t\u{1b}[31m"] {
        for start in 0..8 {
            for end in [0, 1, 2, 5, u32::MAX] {
                let strange = at(start, end).with_label(Span::new(end, start), "b").with_suggestion(
                    Span::new(end, start),
                    "c",
                    "d",
                );
                let drawn = render(source, "x\u{1b}.ecl", std::slice::from_ref(&strange), false);
                assert!(drawn.contains("E0001"));
                assert!(!drawn.contains('\u{1b}') && !drawn.contains('\u{202e}'), "{drawn:?}");
                to_json(source, &strange);
            }
        }
    }
}
