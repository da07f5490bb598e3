//! The targets on seeded inputs: the same on every machine, quick enough for every build. `FUZZ_SECONDS` and `FUZZ_SEED`
//! make it longer and other.

use eclvm_fuzz::{Reached, bytecode_reached, differential, lanes_reached, source_reached};
use eclvm_testkit::generate::rng::Rng;
use eclvm_testkit::runner;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

/// Runs `target` on inputs number 0, 1, .. of a seed, at most `most` of them, until time is up. Returns how many ran a
/// policy, and how many there were.
fn inputs(most: u64, make: impl Fn(&mut Rng) -> Vec<u8>, target: impl Fn(&[u8]) -> Reached) -> (u64, u64) {
    let env = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let seed = env("FUZZ_SEED").unwrap_or(0);
    let (seconds, most) = env("FUZZ_SECONDS").map_or((4, most), |seconds| (seconds, u64::MAX));
    let until = Instant::now() + Duration::from_secs(seconds);
    let (mut ran, mut made) = (0, 0);
    while made < most && Instant::now() < until {
        let data = make(&mut Rng::split(seed, made + 1));
        let reached = catch_unwind(AssertUnwindSafe(|| target(&data))).unwrap_or_else(|panic| {
            // The input, so that it can become a file and a test.
            eprintln!("input {made} of seed {seed}: {:?}", data.escape_ascii().to_string());
            let find = std::env::temp_dir().join(format!("eclvm-fuzz-{seed}-{made}"));
            match fs::write(&find, &data) {
                Ok(()) => eprintln!("kept in {}", find.display()),
                Err(error) => eprintln!("not kept: {error}"),
            }
            std::panic::resume_unwind(panic)
        });
        ran += u64::from(reached == Reached::Ran);
        made += 1;
    }
    (ran, made)
}

fn seeds() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds/source");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

const WORDS: &[&str] = &[
    "policy p(a: number) {",
    "fn f(x: number?) -> number {",
    "const K = ",
    "let x = ",
    "require ",
    "emit \"e\", ",
    "if ",
    " else ",
    "for i in 0..3 {",
    "while ",
    "break;",
    "continue;",
    "return ",
    "any(x in ",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    ";",
    ",",
    ".",
    "..",
    " ?? ",
    " ? ",
    " : ",
    " && ",
    " || ",
    "!",
    "-",
    " == ",
    " != ",
    " in ",
    " + ",
    " * ",
    " % ",
    " / ",
    "null",
    "true",
    "did:a:b",
    "\"t\"",
    "1e308",
    "0.1",
    "trust",
    "now",
    "caller",
    "realm",
    "trust.omega",
    "number",
    "[[did?]]",
    "store_put(\"k\", ",
    "load_trust(",
    "log(\"",
    "array_len(",
    "cross_realm(\"market\")",
    "//",
    "/*",
    "*/",
    "\\u{",
    "\u{202e}",
    "é",
];

fn mutate(mut text: Vec<u8>, others: &[Vec<u8>], rng: &mut Rng) -> Vec<u8> {
    for _ in 0..rng.below(5) {
        let at = rng.index(text.len() + 1);
        let end = (at + 1 + rng.index(12)).min(text.len());
        match rng.below(7) {
            0 => {
                text.drain(at..end);
            }
            1 => {
                let again = text[at..end].to_vec();
                text.splice(at..at, again);
            }
            2 | 3 => {
                text.splice(at..at, rng.pick(WORDS).bytes());
            }
            4 => {
                text.splice(at..end, rng.pick(WORDS).bytes());
            }
            5 => {
                let other = &others[rng.index(others.len())];
                let from = rng.index(other.len() + 1);
                let to = (from + rng.index(60)).min(other.len());
                text.splice(at..at, other[from..to].iter().copied());
            }
            _ => {
                if let Some(byte) = text.get_mut(at) {
                    *byte = rng.word() as u8;
                }
            }
        }
    }
    text
}

#[test]
fn seeds_compile_and_keep_their_promises() {
    for seed in seeds() {
        assert_eq!(source_reached(&seed), Reached::Ran, "{}", String::from_utf8_lossy(&seed));
    }
}

#[test]
fn any_text_compiles_or_is_refused() {
    let seeds = seeds();
    let make = |rng: &mut Rng| match rng.below(10) {
        0..=3 => mutate(seeds[rng.index(seeds.len())].clone(), &seeds, rng),
        4 => (0..rng.below(60)).flat_map(|_| rng.pick(WORDS).bytes()).collect(),
        5 => (0..rng.below(200)).map(|_| rng.word() as u8).collect(),
        _ => mutate(runner::source(rng.word()).0.into_bytes(), &seeds, rng),
    };
    let (ran, made) = inputs(15_000, make, source_reached);
    println!("{made} sources, {ran} compiled");
    assert!(ran * 10 >= made, "of {made} sources only {ran} compile: the rest of the way is hardly tested");
}

#[test]
fn any_bytes_load_or_are_refused() {
    let files: Vec<Vec<u8>> = seeds()
        .iter()
        .map(|seed| eclvm::Module::compile(std::str::from_utf8(seed).unwrap()).unwrap().encode())
        .collect();
    let make = |rng: &mut Rng| match rng.below(10) {
        // Whole files and payloads behind a mended hash, with changes.
        0 => {
            let file = mutate(files[rng.index(files.len())].clone(), &files, rng);
            std::iter::once(0).chain(file).collect()
        }
        1 => {
            let file = &files[rng.index(files.len())];
            std::iter::once(1).chain(mutate(file[39..].to_vec(), &files, rng)).collect()
        }
        _ => (0..rng.below(300)).map(|_| rng.word() as u8).collect(),
    };
    let (ran, made) = inputs(60_000, make, bytecode_reached);
    println!("{made} inputs, {ran} verified");
    assert!(ran * 4 >= made, "of {made} inputs only {ran} verify: running is hardly tested");
}

#[test]
fn engine_and_reference_agree() {
    let make = |rng: &mut Rng| rng.word().to_le_bytes().to_vec();
    inputs(3_000, make, |data| {
        differential(data);
        Reached::Ran
    });
}

#[test]
fn lanes_and_single_runs_agree() {
    let seeds = seeds();
    let make = |rng: &mut Rng| {
        let text = match rng.below(8) {
            0 | 1 => mutate(seeds[rng.index(seeds.len())].clone(), &seeds, rng),
            2..4 => runner::source(rng.word()).0.into_bytes(),
            _ => {
                let how = 4 + rng.below(4) as u8;
                return std::iter::once(how).chain((0..rng.below(300)).map(|_| rng.word() as u8)).collect();
            }
        };
        std::iter::once(0).chain(text).collect()
    };
    let (ran, made) = inputs(20_000, make, lanes_reached);
    println!("{made} inputs, {ran} ran in lanes");
    assert!(ran * 10 >= made, "of {made} inputs only {ran} have a plan: lanes are hardly tested");
}
