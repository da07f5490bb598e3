//! Imports run one way: no module of the crate needs one that needs it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

type Graph = BTreeMap<String, BTreeSet<String>>;

/// Names of modules after `crate::` and within `crate::{..}` in what is neither a comment nor a test.
fn needed(source: &str) -> BTreeSet<String> {
    let code: String = source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| [line, "\n"])
        .collect();
    let mut found = BTreeSet::new();
    for after in code.split("crate::").skip(1) {
        let mut depth = 0;
        let mut first = true;
        let mut name = String::new();
        for c in after.chars() {
            match c {
                c if c.is_alphanumeric() || c == '_' => {
                    if first {
                        name.push(c);
                    }
                    continue;
                }
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            if !name.is_empty() {
                found.insert(std::mem::take(&mut name));
            }
            // The next name of a list counts; what is below one does not.
            first = depth == 1 && (c == ',' || c == '{' || (first && c.is_whitespace()));
            if depth <= 0 {
                break;
            }
        }
    }
    found
}

fn read(folder: &Path, module: Option<&str>, graph: &mut Graph) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let module = module.unwrap_or(&stem);
        if path.is_dir() {
            if !["bin", "tests"].contains(&&*stem) {
                read(&path, Some(module), graph);
            }
        } else if !["lib", "tests"].contains(&&*stem) {
            let all = needed(&fs::read_to_string(&path).unwrap());
            graph
                .entry(module.to_owned())
                .or_default()
                .extend(all.into_iter().filter(|other| other != module));
        }
    }
}

/// Modules that are on a circle.
fn circle(graph: &Graph) -> Vec<String> {
    let mut left = graph.clone();
    loop {
        // What needs nothing that is left is on no circle.
        let names: BTreeSet<String> = left.keys().cloned().collect();
        let free = left.iter().find(|(_, needs)| needs.is_disjoint(&names)).map(|(name, _)| name.clone());
        match free {
            Some(name) => drop(left.remove(&name)),
            None => return left.into_keys().collect(),
        }
    }
}

#[test]
fn modules_form_no_circle() {
    let mut graph = Graph::new();
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), None, &mut graph);
    // It looks at what it should.
    assert!(graph["observe"].contains("state") && graph["state"].contains("telemetry"), "{graph:?}");
    assert_eq!(circle(&graph), [""; 0], "{graph:#?}");
}

#[test]
fn a_circle_is_found() {
    let needs = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let mut graph: Graph = [("a".into(), needs(&["b"])), ("b".into(), needs(&["kernel"]))].into();
    assert!(circle(&graph).is_empty());
    graph.insert("b".into(), needs(&["a"]));
    assert_eq!(circle(&graph), ["a", "b"]);
    let list = "// crate::not\nuse crate::{\n    one::{x, y},\n    two::z,\n};\nuse crate::three::{p, q};";
    assert_eq!(needed(list), ["one".to_owned(), "two".into(), "three".into()].into());
}
