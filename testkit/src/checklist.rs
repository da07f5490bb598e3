//! The plan's checklist against the tests that name its lines.
//!
//! A line of docs/plan.md begins with its id, ``- `e1_1` ``. A test shows it by its name, `plan_e1_1_...`. Tests are found in the
//! source as the compiler finds them: from the roots of the test targets along their modules, by the attribute `test`. One
//! that is ignored shows nothing.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use syn::{Attribute, Item, Lit, Meta};

/// What a name must begin with to be of the plan.
const PREFIX: &str = "plan_";

/// One promise.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// Its id.
    pub id: String,
    /// What it says, the first line of it.
    pub text: String,
}

/// A test of the plan.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Shown {
    /// The name of its function.
    pub name: String,
    /// The file that it is in.
    pub file: PathBuf,
}

/// Lines with their tests.
#[derive(Debug)]
pub struct Report {
    /// Every line with what shows it, in the order of the document.
    pub lines: Vec<(Line, Vec<Shown>)>,
    /// Tests that name no line.
    pub stray: Vec<Shown>,
}

/// Lines of a document, in order.
pub fn lines(document: &str) -> Vec<Line> {
    let line = |text: &str| {
        let (id, text) = text.strip_prefix("- `")?.split_once('`')?;
        let named =
            !id.is_empty() && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        named.then(|| Line { id: id.to_owned(), text: text.trim().to_owned() })
    };
    document.lines().filter_map(line).collect()
}

/// Whether a test of this name shows the line of this id.
fn names(name: &str, id: &str) -> bool {
    name.strip_prefix(PREFIX).and_then(|name| name.strip_prefix(id)).is_some_and(|rest| rest.starts_with('_'))
}

impl Report {
    /// Tests by the line that they name; where two ids fit, the longer.
    pub fn new(lines: Vec<Line>, tests: Vec<Shown>) -> Report {
        let mut by_line: BTreeMap<usize, Vec<Shown>> = BTreeMap::new();
        let mut stray = Vec::new();
        for test in tests {
            let fitting = lines.iter().enumerate().filter(|(_, line)| names(&test.name, &line.id));
            match fitting.max_by_key(|(_, line)| line.id.len()) {
                Some((at, _)) => by_line.entry(at).or_default().push(test),
                None => stray.push(test),
            }
        }
        let shown = |(at, line)| (line, by_line.remove(&at).unwrap_or_default());
        Report { lines: lines.into_iter().enumerate().map(shown).collect(), stray }
    }
    /// The document and the tests below the root of the repository.
    ///
    /// # Errors
    ///
    /// A file that cannot be read or parsed.
    pub fn read(root: &Path) -> io::Result<Report> {
        let document = fs::read_to_string(root.join("docs/plan.md"))?;
        let mut tests = tests_below(&root.join("tests"))?;
        for test in &mut tests {
            test.file = test.file.strip_prefix(root).unwrap_or(&test.file).to_owned();
        }
        tests.sort();
        Ok(Report::new(lines(&document), tests))
    }
    /// Lines that nothing shows.
    pub fn missing(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|(_, tests)| tests.is_empty()).map(|(line, _)| line)
    }
    /// Whether every line is shown and every test names one.
    pub fn holds(&self) -> bool {
        !self.lines.is_empty() && self.missing().next().is_none() && self.stray.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (line, tests) in &self.lines {
            let mark = if tests.is_empty() { "RED" } else { "ok " };
            writeln!(f, "{mark} {}  {}", line.id, line.text)?;
            for Shown { name, file } in tests {
                writeln!(f, "      {name}  ({})", file.display())?;
            }
        }
        for Shown { name, file } in &self.stray {
            writeln!(f, "RED {name} names no line  ({})", file.display())?;
        }
        let tests: usize = self.lines.iter().map(|(_, tests)| tests.len()).sum();
        let (missing, stray) = (self.missing().count(), self.stray.len());
        writeln!(
            f,
            "{} lines, {tests} tests; {missing} lines without a test, {stray} tests without a line",
            self.lines.len()
        )
    }
}

/// Tests of the plan in all test targets of a folder: its files, and `main.rs` of its folders.
fn tests_below(folder: &Path) -> io::Result<Vec<Shown>> {
    let mut tests = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let main = path.join("main.rs");
        if path.extension().is_some_and(|ext| ext == "rs") {
            tests_in(&path, folder, &mut tests)?;
        } else if main.is_file() {
            tests_in(&main, &path, &mut tests)?;
        }
    }
    Ok(tests)
}

/// Tests of a file and of its modules, whose files are in `folder`.
fn tests_in(file: &Path, folder: &Path, tests: &mut Vec<Shown>) -> io::Result<()> {
    let parsed = syn::parse_file(&fs::read_to_string(file)?)
        .map_err(|error| io::Error::other(format!("{}: {error}", file.display())))?;
    tests_of(&parsed.items, file, folder, tests)
}

fn tests_of(items: &[Item], file: &Path, folder: &Path, tests: &mut Vec<Shown>) -> io::Result<()> {
    for item in items {
        match item {
            Item::Fn(function) => {
                let name = function.sig.ident.to_string();
                if name.starts_with(PREFIX) && is(&function.attrs, "test") && !is(&function.attrs, "ignore") {
                    tests.push(Shown { name, file: file.to_owned() });
                }
            }
            Item::Mod(module) => {
                let name = module.ident.to_string();
                match (&module.content, path_of(&module.attrs)) {
                    (Some((_, items)), _) => tests_of(items, file, &folder.join(name), tests)?,
                    (None, Some(path)) => {
                        let path = file.parent().unwrap_or(folder).join(path);
                        tests_in(&path, path.parent().unwrap_or(folder), tests)?;
                    }
                    (None, None) => {
                        let (plain, nested) =
                            (folder.join(format!("{name}.rs")), folder.join(&name).join("mod.rs"));
                        tests_in(if plain.is_file() { &plain } else { &nested }, &folder.join(&name), tests)?;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether there is an attribute whose path ends so: `test`, `tokio::test`.
fn is(attributes: &[Attribute], name: &str) -> bool {
    attributes.iter().any(|attribute| attribute.path().segments.last().is_some_and(|last| last.ident == name))
}

fn path_of(attributes: &[Attribute]) -> Option<String> {
    attributes.iter().find_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
            syn::Expr::Lit(literal) => match &literal.lit {
                Lit::Str(path) => Some(path.value()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    })
}
