//! Sources that are not quite programs: one change away from one, or nothing like one.

use super::pools::{NUMBERS, TEXTS, quote};
use super::program;
use super::rng::Rng;

const WORDS: &[&str] = &[
    "policy",
    "fn",
    "const",
    "let",
    "require",
    "emit",
    "if",
    "else",
    "for",
    "in",
    "while",
    "break",
    "continue",
    "return",
    "true",
    "false",
    "null",
    "any",
    "all",
    "count",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ";",
    ":",
    "?",
    "??",
    "..",
    "->",
    "=",
    "==",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "+",
    "-",
    "*",
    "/",
    "%",
    "!",
    "&&",
    "||",
    ".",
    "r",
    "omega",
    "x",
    "number",
    "bool",
    "string",
    "did",
    "trust",
    "caller",
    "now",
    "did:a:b",
    "load_trust",
    "min",
    "log",
    "store_put",
    "\"",
    "/*",
    "//",
    "&",
    "|",
    "@",
    "\u{202e}",
    "ä",
    "1.",
    ".5",
    "1e999",
    "0x1",
    "did:",
    "did:a:b:",
    "main",
    "1__0",
];

/// A well-typed program with one or two changes.
pub fn half_typed(mut rng: Rng) -> String {
    let text = program::well_typed(Rng::new(rng.word()));
    let mut tokens = tokens(&text);
    for _ in 0..1 + rng.below(2) {
        mutate(&mut rng, &mut tokens);
    }
    tokens.concat()
}

fn mutate(rng: &mut Rng, tokens: &mut Vec<String>) {
    if tokens.is_empty() {
        return;
    }
    let (a, b) = (rng.index(tokens.len()), rng.index(tokens.len()));
    match rng.below(7) {
        0 => tokens.swap(a, b),
        1 => {
            tokens.remove(a);
        }
        2 => {
            let copy = tokens[a].clone();
            tokens.insert(b, copy);
        }
        3 => tokens[a] = format!(" {} ", rng.pick(WORDS)),
        4 => tokens[a] = rng.pick(NUMBERS).to_owned(),
        5 => tokens[a] = quote(rng.pick(TEXTS)),
        // A token for another of the program's own.
        _ => tokens[a] = tokens[b].clone(),
    }
}

/// Cuts a text into words, numbers, strings, white space and single characters; joined they are the text again.
pub fn tokens(text: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let mut token = c.to_string();
        let word = |c: char| c.is_alphanumeric() || c == '_';
        if c == '"' {
            while let Some(next) = chars.next() {
                token.push(next);
                match next {
                    '\\' => token.extend(chars.next()),
                    '"' => break,
                    _ => {}
                }
            }
        } else if word(c) {
            while let Some(next) = chars.next_if(|c| word(*c)) {
                token.push(next);
            }
        } else if c.is_whitespace() {
            while let Some(next) = chars.next_if(|c| c.is_whitespace()) {
                token.push(next);
            }
        } else if let Some(next) = chars.next_if(|n| {
            matches!(
                (c, *n),
                ('=' | '!' | '<' | '>', '=') | ('&', '&') | ('|', '|') | ('?', '?') | ('.', '.') | ('-', '>')
            )
        }) {
            token.push(next);
        }
        out.push(token);
    }
    out
}

/// A text that is hardly a program.
pub fn malformed(mut rng: Rng) -> String {
    match rng.below(6) {
        0 => {
            let bytes: Vec<u8> = (0..rng.below(200)).map(|_| rng.word() as u8).collect();
            String::from_utf8_lossy(&bytes).into_owned()
        }
        1 => (0..rng.below(300)).map(|_| char::from(32 + rng.below(95) as u8)).collect(),
        2 | 3 => {
            let mut out = String::new();
            for _ in 0..rng.below(120) {
                out.push_str(rng.pick(WORDS));
                out.push_str(rng.pick(&["", " ", " ", "\n"]));
            }
            out
        }
        4 => {
            let open =
                rng.pick(&["(", "[", "{", "!", "-", "f(", "any(x in ", "a ? ", "if a {", "/*", "policy p {"]);
            let mut out = open.repeat(1 + rng.index(200));
            if rng.often(500) {
                out.push_str(&program::well_typed(Rng::new(rng.word())));
            }
            out
        }
        _ => {
            let text = program::well_typed(Rng::new(rng.word()));
            let cut = rng.index(text.len() + 1);
            String::from_utf8_lossy(&text.as_bytes()[..cut]).into_owned()
        }
    }
}
