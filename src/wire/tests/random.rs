//! Texts that nobody wrote: nothing panics, and what is JSON here is JSON to serde_json too.

use super::*;
use crate::wire::json::Cursor;
use crate::wire::number;

/// SplitMix64: a seed makes a sequence, so that a failure can be had again.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }
    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
    fn pick<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.below(all.len())]
    }
}

const SCALARS: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "-0",
    "1.5",
    "1e999",
    "-1E-7",
    "12345678901234567890",
    "\"x\"",
    "\"did:a:b\"",
    "\"\\u0041\"",
    "\"\\ud83d\\ude00\"",
    "\"\\ud800\"",
    "\"ä€\"",
    "[0,0,0,0,0,0]",
    "{\"r\":0,\"i\":0,\"c\":0,\"p\":0,\"v\":0,\"omega\":1}",
];
const KEYS: &[&str] =
    &["n", "b", "s", "d", "t", "a", "m", "caller", "realm", "trust", "now", "z", "\\u006e", ""];
const PIECES: &[&str] = &[
    "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u", "0", "1", ".", "e", "-", "+", "true", "nul", " ", "\n",
    "\u{1}", "é",
];

fn value(random: &mut Random, depth: usize) -> String {
    let list = |random: &mut Random, item: fn(&mut Random, usize) -> String| {
        (0..random.below(4)).map(|_| item(random, depth - 1)).collect::<Vec<_>>().join(",")
    };
    match random.below(if depth == 0 { 1 } else { 4 }) {
        0 | 1 => random.pick(SCALARS).into(),
        2 => format!("[{}]", list(random, value)),
        _ => format!(
            "{{{}}}",
            list(random, |random, depth| format!("\"{}\": {}", random.pick(KEYS), value(random, depth)))
        ),
    }
}

fn object(random: &mut Random) -> String {
    let entries: Vec<String> =
        (0..random.below(8)).map(|_| format!("\"{}\":{}", random.pick(KEYS), value(random, 3))).collect();
    format!("{{{}}}", entries.join(", "))
}

/// Cuts, doubles, puts in pieces and bytes.
fn mutate(random: &mut Random, text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..random.below(3) {
        let at = random.below(bytes.len() + 1);
        match random.below(4) {
            0 => bytes.truncate(at),
            1 => drop(bytes.splice(at..at, random.pick(PIECES).bytes())),
            2 if at < bytes.len() => drop(bytes.remove(at)),
            _ if at < bytes.len() => bytes[at] = random.next() as u8,
            _ => {}
        }
    }
    bytes
}

fn is_json_object(bytes: &[u8]) -> bool {
    let starts = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    starts
        && core::str::from_utf8(bytes).is_ok()
        && serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok()
}

#[test]
fn any_line_is_judged_as_serde_json_judges_it() {
    let mut random = Random(1);
    let schema = Schema::new(
        &program("n: number, b: bool?, s: string, d: did, t: trust?, a: [number?], m: [[string]]"),
        false,
    );
    let (mut bump, mut accepted) = (Bump::new(), 0);
    for _ in 0..100_000 {
        let text = object(&mut random);
        let line = mutate(&mut random, &text);
        let sound = decode_line(&schema, &line, &bump, Defaults::default()).is_ok();
        assert_eq!(sound, is_json_object(&line), "{}", String::from_utf8_lossy(&line));
        accepted += usize::from(sound);
        bump.reset();
    }
    assert!((20_000..90_000).contains(&accepted), "{accepted} of 100 000: the generator has gone stale");
}

#[test]
fn bytes_never_panic() {
    let (mut random, schema) = (Random(2), Schema::new(&program("n: number, a: [[trust]]"), false));
    let mut bump = Bump::new();
    for _ in 0..20_000 {
        let line: Vec<u8> = (0..random.below(40)).map(|_| random.next() as u8).collect();
        let _ = decode_line(&schema, &line, &bump, Defaults::default());
        let pieces: String = (0..random.below(30)).map(|_| random.pick(PIECES)).collect();
        let _ = decode_line(&schema, pieces.as_bytes(), &bump, Defaults::default());
        bump.reset();
    }
}

#[test]
fn texts_are_what_serde_json_reads() {
    let mut random = Random(3);
    for _ in 0..20_000 {
        let inner: String = (0..random.below(20))
            .map(|_| {
                random.pick(&[
                    "a",
                    "long plain run ",
                    "é",
                    "😀",
                    "\\n",
                    "\\\"",
                    "\\\\",
                    "\\u00e9",
                    "\\ud83d",
                    "\\ude00",
                    "\\/",
                ])
            })
            .collect();
        let text = format!("\"{inner}\"");
        let raw = Cursor::new(&text).string().unwrap();
        let ours: Option<String> = raw.chars().collect();
        assert_eq!(ours, serde_json::from_str::<String>(&text).ok(), "{text}");
        assert!(raw.escaped || ours.as_deref() == Some(raw.raw));
    }
}

#[test]
fn numbers_are_correctly_rounded() {
    let mut random = Random(4);
    for round in 0..200_000 {
        let text = match round % 4 {
            0 => f64::from_bits(random.next()).to_string(),
            1 => format!("{:e}", f64::from_bits(random.next())),
            2 => format!(
                "{}.{:0width$}",
                random.below(100_000),
                random.below(1_000_000),
                width = 1 + random.below(12)
            ),
            _ => format!("-{}", random.next() >> random.below(64)),
        };
        let wanted = text.parse::<f64>().ok().filter(|_| text.ends_with(|c: char| c.is_ascii_digit()));
        let read = number::read(text.as_bytes());
        assert_eq!(read.map(|(x, n)| (x.to_bits(), n)), wanted.map(|x| (x.to_bits(), text.len())), "{text}");
    }
    // Whatever follows is not its concern.
    assert_eq!(number::read(b"12.5,"), Some((12.5, 4)));
    assert_eq!(number::read(b"12e"), None);
    assert_eq!(number::read(b"00"), None);
    assert_eq!(number::read(b"0"), Some((0.0, 1)));
}
