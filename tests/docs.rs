//! The documents are held to the code: tables that stand in both are made from the code, examples are run.
//! `UPDATE_DOCS=1 cargo test --test docs` rewrites the generated parts, which stand between `<!-- name:begin -->` and
//! `<!-- name:end -->`.
#![cfg(feature = "state-host")]
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use bumpalo::Bump;
use eclvm::host::{StateHost, World};
use eclvm::kernel::gas::GasUnits;
use eclvm::kernel::limits;
use eclvm::kernel::program::EffectKind;
use eclvm::kernel::receipt::Receipt;
use eclvm::kernel::request::Env;
use eclvm::kernel::value::Did;
use eclvm::kernel::vm::Vm;
use eclvm::lang::builtins::Builtin;
use eclvm::lang::codes;
use eclvm::wire::{Defaults, Schema, decode_or_faulty};
use eclvm::{Module, Policy};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{env, fs};

const LIMITS: &str = include_str!("../kernel/src/limits.rs");
const STATE: &[u8] = include_bytes!("../examples/transfer/state.json");

fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}
fn read(file: &str) -> String {
    fs::read_to_string(path(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Where a generated part stands in a document.
fn part<'d>(file: &str, document: &'d str, name: &str) -> (usize, &'d str) {
    let marked = |end: &str| format!("<!-- {name}:{end} -->\n");
    let begin = marked("begin");
    let from = document.find(&begin).unwrap_or_else(|| panic!("{file} has no {begin}")) + begin.len();
    let rest = document.get(from..).unwrap_or("");
    let len = rest.find(&marked("end")).unwrap_or_else(|| panic!("{file} does not end the part {name}"));
    (from, rest.get(..len).unwrap_or(""))
}

/// Compares a generated part with what it must be, or rewrites it.
fn check_part(file: &str, name: &str, wanted: &str) {
    let mut document = read(file);
    let (from, found) = part(file, &document, name);
    if found == wanted {
        return;
    }
    assert!(
        env::var_os("UPDATE_DOCS").is_some(),
        "{file}: `{name}` has drifted; run with UPDATE_DOCS=1\n{wanted}"
    );
    let to = from + found.len();
    document.replace_range(from..to, wanted);
    fs::write(path(file), document).unwrap_or_else(|error| panic!("{file}: {error}"));
}

/// One test writes all parts of `docs/ecl.md`, so that two never write it at once.
#[test]
fn the_language_reference_has_every_code_limit_and_builtin() {
    let mut table = String::from("| code | what |\n|---|---|\n");
    for (code, title) in codes::ALL {
        let _ = writeln!(table, "| `{code}` | {title} |");
    }
    check_part("docs/ecl.md", "codes", &table);
    check_part("docs/ecl.md", "limits", &limits_table());

    let document = read("docs/ecl.md");
    for (code, title) in codes::ALL {
        assert!(document.contains(&format!("| `{code}` | {title} |")), "{code} is missing");
    }
    let described =
        |name: &str| document.contains(&format!("`{name}(")) || document.contains(&format!(" {name}("));
    for builtin in Builtin::ALL {
        assert!(described(builtin.name()), "docs/ecl.md does not describe `{}`", builtin.name());
    }
}

macro_rules! limits {
    ($($name:ident)+) => { &[$((stringify!($name), limits::$name as u64)),+] };
}

/// Every constant of `kernel/src/limits.rs`, with the words that stand there.
fn limits_table() -> String {
    let values: &[(&str, u64)] = limits! {
        MAX_SOURCE_BYTES MAX_TOKENS MAX_NESTING MAX_TEXT_BYTES MAX_ARRAY_ELEMENTS MAX_DIAGNOSTICS MAX_INSTRUCTIONS
        MAX_REGISTERS MAX_CONSTANTS MAX_FUNCTIONS MAX_INPUTS MAX_POLICIES MAX_TYPE_DEPTH MAX_FOLDED_BYTES
        MAX_RANGE_READS MAX_COMPILED_BYTES MADE_OVERHEAD_BYTES MAX_MANA_ACCOUNTS STALLED_READER_NS
        MAX_LANE_OPS MAX_LANE_COLUMNS MAX_LANE_INLINING MAX_INTERNED_TEXTS MAX_INTERNED_BYTES
        MAX_PROGRAM_BYTES MAX_STACK_DEPTH MAX_RUN_BYTES MAX_LOG_LINES MAX_LOG_LINE_BYTES MAX_SAFE_INTEGER TICKS_PER_LOOK
        MAX_BUDGET_LEVELS MAX_LEASE_YIELDS
        MAX_REALMS MAX_NAMES MAX_COUNTERS MAX_NAME_BYTES MAX_QUOTA_PERIODS
        EVENT_RING MAX_EVENT_RING MAX_EVENT_RESERVATION
        MAX_OBSERVED_REALMS MAX_EVENT_NAMES DELTA_QUEUE MAX_METRIC_REALMS
        MAX_CROSSING_RULES MAX_BLOCKED_CALLERS MAX_ROUTES MAX_BLUEPRINTS MAX_SAGA_STEPS MAX_SAGA_WRITES
        MAX_CONFLICT_RETRIES MAX_COMPENSATION_RETRIES
        MAX_TRANSACTION_BYTES MAX_TRANSACTION_READS MAX_NOTED_READS MAX_GUESS_MS
        MAX_BATCH_ATTEMPTS MAX_TOMBSTONES
    };
    let mut table = String::from("| constant | value | what, and what it stops |\n|---|---|---|\n");
    let mut words = String::new();
    let mut rows = 0;
    for line in LIMITS.lines() {
        if let Some(text) = line.strip_prefix("///") {
            words += text;
        } else if let Some(rest) = line.strip_prefix("pub const ") {
            let name = rest.split(':').next().unwrap_or("");
            let (_, value) = values
                .iter()
                .find(|(known, _)| *known == name)
                .unwrap_or_else(|| panic!("`{name}` is missing in the list above"));
            let _ = writeln!(
                table,
                "| `{name}` | {} | {} |",
                figure(name, *value),
                words.trim().replace('|', "\\|")
            );
            words.clear();
            rows += 1;
        }
    }
    assert_eq!(rows, values.len());
    table
}

fn figure(name: &str, n: u64) -> String {
    match n {
        n if name.ends_with("_BYTES") && n % (1 << 20) == 0 => format!("{} MiB", n >> 20),
        n if name.ends_with("_BYTES") && n % (1 << 10) == 0 => format!("{} KiB", n >> 10),
        n => {
            let digits = n.to_string();
            let mut out = String::new();
            for (at, digit) in digits.chars().enumerate() {
                if at > 0 && (digits.len() - at) % 3 == 0 {
                    out.push(' ');
                }
                out.push(digit);
            }
            out
        }
    }
}

/// Code blocks of a document that are marked with this language.
fn blocks(document: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}");
    let mut found = Vec::new();
    let mut open: Option<String> = None;
    for line in document.lines() {
        match &mut open {
            Some(block) if line.starts_with("```") => {
                found.push(std::mem::take(block));
                open = None;
            }
            Some(block) => {
                block.push_str(line);
                block.push('\n');
            }
            None if line == fence => open = Some(String::new()),
            None => {}
        }
    }
    found
}

#[test]
fn examples_of_policies_compile() {
    for file in ["README.md", "docs/ecl.md", "docs/gas.md", "docs/embedding.md", "docs/operations.md"] {
        let document = read(file);
        for source in blocks(&document, "ecl") {
            if let Err(error) = Module::compile(&source) {
                panic!("{file}: {error}\n{source}");
            }
        }
    }
    assert!(blocks(&read("docs/ecl.md"), "ecl").len() > 3);
}

/// The transfer example as it is shown is the one that is there.
#[test]
fn the_readme_shows_the_policy_of_the_example() {
    let policy = read("examples/transfer/transfer.ecl");
    assert!(
        read("README.md").contains(policy.trim()),
        "README.md shows another examples/transfer/transfer.ecl"
    );
}

/// Runs a source as the table of bills has it: on the example's state (`state`), or without state on these inputs.
fn bill(source: &str, given: &str) -> Receipt {
    let policy = Policy::compile(source).unwrap_or_else(|error| panic!("{source}: {error}"));
    let world = World::from_json(STATE).expect("the example's state");
    let host = StateHost::new(Arc::new(world));
    let on_state = given == "state";
    let bump = Bump::new();
    let schema = Schema::new(policy.program(), on_state);
    let json = if on_state { "{}" } else { given };
    let caller = Did::new("did:erynoa:self:alice");
    let request = decode_or_faulty(&schema, json.as_bytes(), &bump, Defaults::new(caller, Some("market")));
    let env = Env { allow_writes: true, now: 1_700_000_000.0, ..Env::default() };
    let env = if on_state { Env { host: Some(&host), ..env } } else { env };
    Vm::new().run(policy.executable(), &request, &env)
}

fn row_of_bill(source: &str, given: &str, receipt: &Receipt) -> String {
    let GasUnits { network, compute, storage, realm } = receipt.gas;
    let reason = match receipt.outcome {
        eclvm::kernel::fault::Outcome::Fault(fault) => format!(": {fault}"),
        _ => String::new(),
    };
    let outcome = format!("{}{reason}", receipt.outcome.name());
    format!(
        "| `{}` | `{given}` | {outcome} | {network} | {compute} | {storage} | {realm} | {} |\n",
        source.replace('|', "\\|"),
        receipt.mana
    )
}

#[test]
fn bills_are_real() {
    let document = read("docs/gas.md");
    let (_, found) = part("docs/gas.md", &document, "bills");
    let mut lines = found.lines();
    let heading: String = lines.by_ref().take(2).map(|line| format!("{line}\n")).collect();
    let mut wanted = heading;
    let mut rows = 0;
    for line in lines {
        let line = line.replace("\\|", "\u{0}");
        let mut cells = line.split('|').skip(1).map(|cell| cell.trim().replace('\u{0}', "|"));
        let (source, given) = (cells.next().unwrap_or_default(), cells.next().unwrap_or_default());
        let (source, given) = (source.trim_matches('`'), given.trim_matches('`'));
        wanted += &row_of_bill(source, given, &bill(source, given));
        rows += 1;
    }
    assert!(rows > 10, "a table of {rows} rows");
    check_part("docs/gas.md", "bills", &wanted);
}

/// What the documents say of effects.
#[test]
fn effects_are_as_documented() {
    let effect = |source: &str| Policy::compile(source).map(|policy| policy.effect()).ok();
    assert_eq!(effect("amount > 0"), Some(EffectKind::Pure));
    assert_eq!(effect("trust.r > 0"), Some(EffectKind::Read));
    assert_eq!(effect("policy p { log(\"x\"); }"), Some(EffectKind::Pure));
    assert_eq!(effect("policy p { emit \"x\"; }"), Some(EffectKind::Write));
}

/// What can be compared of an output: lines that show a time are left out, and so is `duration_us`.
#[cfg(all(feature = "cli", unix))]
fn comparable(output: &str) -> Vec<String> {
    let timed = |line: &&str| ![" ns", " us", " ms"].iter().any(|unit| line.contains(unit));
    let untimed = |line: &str| match line.split_once("\"duration_us\":") {
        Some((before, after)) => format!("{before}{}", after.split_once(',').map_or("", |(_, rest)| rest)),
        None => line.trim_end().to_owned(),
    };
    output.trim_end().lines().filter(timed).map(untimed).collect()
}

/// Every console example with `ecl` is run, and its output compared.
#[cfg(all(feature = "cli", unix))]
#[test]
fn console_examples_are_real() {
    let bin = Path::new(env!("CARGO_BIN_EXE_ecl")).parent().map(Path::to_path_buf).unwrap_or_default();
    let path = format!("{}:{}", bin.display(), env::var("PATH").unwrap_or_default());
    let bytecode = Path::new(env!("CARGO_TARGET_TMPDIR")).join("transfer.eclb");
    let mut examples = 0;
    for file in ["README.md", "docs/gas.md", "docs/operations.md"] {
        for block in blocks(&read(file), "console") {
            let (mut script, mut shown, mut goes_on) = (String::new(), String::new(), false);
            for line in block.lines() {
                let command = line.strip_prefix("$ ");
                if command.is_some() || goes_on {
                    let _ = writeln!(script, "{}", command.unwrap_or(line));
                    goes_on = line.ends_with('\\');
                } else {
                    let _ = writeln!(shown, "{line}");
                }
            }
            if script.contains("cargo ") {
                continue;
            }
            let script = script.replace(" transfer.eclb", &format!(" '{}'", bytecode.display()));
            let ran = std::process::Command::new("sh")
                .args(["-c", &script])
                .current_dir(env!("CARGO_MANIFEST_DIR"))
                .env("PATH", &path)
                .output()
                .unwrap_or_else(|error| panic!("sh: {error}"));
            let printed = String::from_utf8_lossy(&ran.stdout);
            assert_eq!(comparable(&printed), comparable(&shown), "{file}:\n{script}\n{printed}");
            examples += 1;
        }
    }
    assert!(examples > 8, "{examples} examples");
}

/// The walk-through of `docs/embedding.md`, as a new user follows it: its manifest, its programs in turn, what they print. It
/// builds the crate anew, so it runs when asked for: `cargo test --test docs -- --ignored`.
#[test]
#[ignore = "builds the crate anew"]
fn the_walk_through_can_be_followed_from_an_empty_directory() {
    let document = read("docs/embedding.md");
    let (_, section) = document.split_once("## From an empty directory").expect("the section");
    let section = section.split("\n## ").next().unwrap_or("");
    let programs: Vec<String> =
        ["rust", "rust,no_run"].iter().flat_map(|language| blocks(section, language)).collect();
    let (manifests, printed) = (blocks(section, "toml"), blocks(section, "text"));
    assert_eq!((manifests.len(), programs.len(), printed.len()), (1, 2, 2));
    // Outside of this workspace: a package that is made inside becomes a member.
    let home = env::temp_dir().join(format!("eclvm-walk-{}", std::process::id()));
    let club = home.join("club");
    fs::create_dir_all(&home).expect("a directory");
    let cargo = |arguments: &[&str], at: &Path| {
        let ran = std::process::Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(arguments)
            .current_dir(at)
            .env("CARGO_TARGET_DIR", home.join("target"))
            .output()
            .expect("cargo");
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(ran.status.success(), "{arguments:?}: {said}");
        String::from_utf8_lossy(&ran.stdout).into_owned()
    };
    cargo(&["new", "club", "--vcs", "none"], &home);
    let made = fs::read_to_string(club.join("Cargo.toml")).expect("a manifest");
    let manifest = manifests[0].replace("../eclvm", env!("CARGO_MANIFEST_DIR"));
    let manifest = made.replace("[dependencies]\n", &manifest);
    fs::write(club.join("Cargo.toml"), manifest).expect("written");
    // The versions that this crate is tested with.
    fs::copy(path("Cargo.lock"), club.join("Cargo.lock")).expect("copied");
    for (program, printed) in programs.iter().zip(&printed) {
        fs::write(club.join("src/main.rs"), program).expect("written");
        assert_eq!(cargo(&["run", "--quiet", "--offline"], &club), *printed);
    }
    let again = cargo(&["run", "--quiet", "--offline"], &club);
    assert!(again.contains("visits: Some(Number(2.0))"), "{again}");
    fs::remove_dir_all(&home).expect("removed");
}
