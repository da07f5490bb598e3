//! Every line of the plan has a test, and every test of the plan a line.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use eclvm_testkit::checklist::{Line, Report, Shown, lines};
use std::path::Path;

#[test]
fn every_line_of_the_plan_is_shown_by_a_test() {
    let report = Report::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).unwrap();
    assert!(report.holds(), "{report}");
    assert!(report.lines.len() > 40, "{report}");
}

#[test]
fn what_is_missing_or_stray_is_said() {
    let document = "# Plan\n- `e1_1` one\n  goes on\n- `e1_10` ten\n- plain\n- `Not an id` x\n";
    let all = lines(document);
    assert_eq!(all.iter().map(|line| &*line.id).collect::<Vec<_>>(), ["e1_1", "e1_10"]);
    assert_eq!(all[0], Line { id: "e1_1".into(), text: "one".into() });
    let test = |name: &str| Shown { name: name.into(), file: "tests/t.rs".into() };
    let report =
        Report::new(all.clone(), vec![test("plan_e1_10_x"), test("plan_e1_2_x"), test("plan_e1_10")]);
    assert_eq!(report.missing().map(|line| &*line.id).collect::<Vec<_>>(), ["e1_1"]);
    assert_eq!(report.stray, [test("plan_e1_2_x"), test("plan_e1_10")]);
    assert!(!report.holds());
    assert!(Report::new(all, vec![test("plan_e1_10_x"), test("plan_e1_1_y")]).holds());
    assert!(!Report::new(Vec::new(), Vec::new()).holds(), "a document that lost its lines");
}
