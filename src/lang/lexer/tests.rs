//! Tokens, literals and strange characters, one by one.

use super::Lexer;
use super::literals::{decode, number_value};
use crate::lang::diagnostic::{Diagnostic, Severity};
use crate::lang::sink::Sink;
use crate::lang::token::Tok;
use eclvm_kernel::limits::{MAX_DIAGNOSTICS, MAX_TEXT_BYTES, MAX_TOKENS};

fn lex(source: &str) -> (Vec<(Tok, String)>, Vec<Diagnostic>) {
    let mut lexer = Lexer::new(source);
    let mut tokens = Vec::new();
    loop {
        let token = lexer.token();
        if token.kind == Tok::Eof {
            return (tokens, lexer.sink.finish());
        }
        tokens.push((token.kind, lexer.slice(token.span).to_owned()));
    }
}

/// The tokens of a source without findings, as `kind text` pairs.
fn sound(source: &str) -> Vec<(Tok, String)> {
    let (tokens, found) = lex(source);
    assert_eq!(found, [], "{source}");
    tokens
}

fn texts(source: &str) -> Vec<String> {
    sound(source).into_iter().map(|(_, text)| text).collect()
}

fn codes(source: &str) -> Vec<&'static str> {
    lex(source).1.iter().map(|d| d.code).collect()
}

#[test]
fn keywords_are_told_from_names() {
    let keywords = "policy fn const let require emit if else for in while break continue return true false null any \
                    all count";
    for word in keywords.split(' ') {
        let tokens = sound(word);
        assert!(tokens[0].0.is_keyword(), "{word}");
        assert_eq!(tokens[0].0.name(), format!("`{word}`"));
        for near in [format!("{word}s"), format!("_{word}"), word.to_uppercase(), format!("{word}0")] {
            assert_eq!(sound(&near)[0], (Tok::Ident, near.clone()));
        }
    }
    for name in
        ["a", "_", "A_1", "continued", "continue_this_long_one", "abcdefgh", "abcdefghi", "abcdefghabcdefgh"]
    {
        assert_eq!(sound(name), [(Tok::Ident, name.to_owned())]);
        assert_eq!(sound(&format!("{name} ;"))[0], (Tok::Ident, name.to_owned()));
        assert_eq!(texts(&format!("({name})+{name}")), ["(", name, ")", "+", name]);
    }
}

/// Names are scanned eight bytes at a time; every byte must be classified as it is alone.
#[test]
fn every_ascii_byte_ends_a_name_or_does_not() {
    for byte in 0u8..0x80 {
        let source = format!("ab{}cd", char::from(byte));
        let mut lexer = Lexer::new(&source);
        let first = lexer.token();
        let whole = byte.is_ascii_alphanumeric() || byte == b'_';
        assert_eq!(first.span.end, if whole { 5 } else { 2 }, "{byte:#x}");
    }
}

#[test]
fn signs() {
    let all = "( ) [ ] { } , ; : . .. -> ? ?? || && = == != < <= > >= + - * / % ! & |";
    let tokens = sound(all);
    assert_eq!(tokens.len(), all.split(' ').count());
    for (kind, text) in tokens {
        assert_eq!(kind.name(), format!("`{text}`"));
    }
    assert_eq!(texts("a??b?c"), ["a", "??", "b", "?", "c"]);
    assert_eq!(texts("a<=b->c--d"), ["a", "<=", "b", "->", "c", "-", "-", "d"]);
    assert_eq!(codes("a === b !== c"), ["E0021", "E0021"]);
}

#[test]
fn numbers() {
    for (text, value) in [
        ("0", 0.0),
        ("007", 7.0),
        ("86_400", 86_400.0),
        ("1_0.2_5e1_0", 10.25e10),
        ("1E5", 1e5),
        ("1e+5", 1e5),
        ("2.5E-3", 2.5e-3),
        ("123456789012345", 123_456_789_012_345.0),
        ("9007199254740993", 9_007_199_254_740_992.0),
        ("1e-999", 0.0),
        ("1e999", f64::INFINITY),
    ] {
        assert_eq!(sound(text), [(Tok::Number, text.to_owned())]);
        assert_eq!(number_value(text), value, "{text}");
    }
    assert_eq!(texts("1..2"), ["1", "..", "2"]);
    assert_eq!(texts("1.5..2.5"), ["1.5", "..", "2.5"]);
    assert_eq!(texts("1.r"), ["1", ".", "r"]);
    assert_eq!(texts("1.2.3"), ["1.2", ".", "3"]);
    for bad in [
        "1_", "1__0", "1_.5", "1.5_", "1e5_", "1e", "1e+", "1E_5", "12ab", "0x1F", "1e5x", "1é", "3in",
        "1_e5",
    ] {
        let (tokens, found) = lex(bad);
        assert_eq!(found[0].code, "E0009", "{bad}");
        assert_eq!(tokens[0].0, Tok::Error, "{bad}");
    }
}

#[test]
fn dids() {
    for text in ["did:erynoa:self:alice", "did:a:b", "did:m.e-t_h%0:x", "did:a::b", "did:a:b.c:d-e%20_f"] {
        assert_eq!(sound(text), [(Tok::Did, text.to_owned())]);
    }
    assert_eq!(texts("did:a:b==did:c:d"), ["did:a:b", "==", "did:c:d"]);
    assert_eq!(texts("did(x)"), ["did", "(", "x", ")"]);
    assert_eq!(texts("did : a"), ["did", ":", "a"]);
    assert_eq!(texts("did:a"), ["did", ":", "a"]);
    assert_eq!(texts("did::a"), ["did", ":", ":", "a"]);
    assert_eq!(texts("did:a(b:c"), ["did", ":", "a", "(", "b", ":", "c"]);
    assert_eq!(texts("dad:a:b")[0], "dad");
    assert_eq!(texts("xdid:a:b")[0], "xdid");
    for bad in ["did:a:", "did:a:b:", "did:a:b.", "did:a::", "did:a:."] {
        assert_eq!(codes(bad), ["E0011"], "{bad}");
    }
    let long = format!("did:a:{}", "x".repeat(MAX_TEXT_BYTES));
    assert_eq!(codes(&long), ["E0005"]);
    assert_eq!(codes(&long[..MAX_TEXT_BYTES]), [""; 0]);
}

#[test]
fn white_space_and_comments() {
    assert_eq!(texts("a\t\r\n b"), ["a", "b"]);
    assert_eq!(texts("\u{feff}a"), ["a"]);
    assert_eq!(texts("a // b\nc//"), ["a", "c"]);
    assert_eq!(texts("a // b\rc\nd"), ["a", "d"]);
    assert_eq!(texts("a /* b\n * ** / */ c /**/ d /***/ e /*/*/ f"), ["a", "c", "d", "e", "f"]);
    assert_eq!(texts("/* /* */ a"), ["a"]);
    assert_eq!(codes("a /* b"), ["E0008"]);
    assert_eq!(codes("a /*/"), ["E0008"]);
    assert_eq!(texts("a / b"), ["a", "/", "b"]);
}

fn decoded(raw: &str) -> (String, Vec<&'static str>) {
    let mut sink = Sink::default();
    let text = decode(raw, 0, &mut sink, str::to_owned);
    (text, sink.finish().iter().map(|d| d.code).collect())
}

#[test]
fn strings() {
    assert_eq!(
        texts(r#""" "a" "a\"b" "\\" "é😀" "\é" x"#),
        [r#""""#, r#""a""#, r#""a\"b""#, r#""\\""#, r#""é😀""#, r#""\é""#, "x"]
    );
    assert_eq!(texts("\"a\tb\""), ["\"a\tb\""]);
    for bad in ["\"", "\"a", "\"a\n\"", "\"a\r\"", "\"a\\", "\"a\\\n", "\"\\\"", "\"\\é"] {
        assert_eq!(codes(bad)[0], "E0006", "{bad:?}");
    }
    assert_eq!(decoded(r#"a\n\t\r\"\\\u{1F600}\u{41}\u{000041}b"#), ("a\n\t\r\"\\😀AAb".to_owned(), vec![]));
    for bad in [
        r"\u",
        r"\u{",
        r"\u{}",
        r"\u{110000}",
        r"\u{D800}",
        r"\u{123456789}",
        r"\u{41",
        r"\u41",
        r"\x41",
        r"\'",
        r"\0",
        r"\é",
    ] {
        assert_eq!(decoded(bad).1, ["E0007"], "{bad}");
    }
    assert_eq!(decoded(r"a\qb"), ("ab".to_owned(), vec!["E0007"]));
}

#[test]
fn long_strings() {
    assert_eq!(decoded(&"x".repeat(MAX_TEXT_BYTES)).1, [""; 0]);
    assert_eq!(decoded(&"x".repeat(MAX_TEXT_BYTES + 1)).1, ["E0005"]);
    // What counts is the length of the text, not of the literal.
    assert_eq!(decoded(&r"\u{78}".repeat(MAX_TEXT_BYTES)), ("x".repeat(MAX_TEXT_BYTES), vec![]));
}

#[test]
fn foreign_letters_and_signs() {
    let (tokens, found) = lex("naïve");
    assert_eq!(tokens, [(Tok::Ident, "naïve".to_owned())]);
    assert_eq!(found[0].code, "E0013");
    assert!(found[0].message.contains("`ï` (U+00EF)"), "{}", found[0].message);
    assert_eq!(found[0].suggestion.as_ref().unwrap().replacement, "naive");
    // All Cyrillic, and read as `соре` by everybody.
    assert_eq!(lex("соре").1[0].suggestion.as_ref().unwrap().replacement, "cope");
    assert_eq!(lex("日本").1[0].suggestion, None);
    for (bad, kind) in [("a ≤ b", Tok::Le), ("a ≠ b", Tok::Ne), ("a − b", Tok::Minus), ("a ∧ b", Tok::AndAnd)]
    {
        let (tokens, found) = lex(bad);
        assert_eq!((tokens[1].0, found[0].code), (kind, "E0012"), "{bad}");
    }
    assert_eq!(lex("if≤b").0[0].0, Tok::If);
    assert_eq!(lex("a\u{a0}b").0.len(), 2);
    for bad in
        ["a @ b", "a # b", "a $b", "a ^ b", "a ~ b", "`a`", "a\\b", "a“b”", "😀", "a\u{200b}b", "\u{202e}a"]
    {
        assert_eq!(lex(bad).1[0].code, "E0012", "{bad}");
        assert_eq!(lex(bad).1[0].severity, Severity::Error);
    }
    assert_eq!(lex("'abc'").0, [(Tok::Str, "'abc'".to_owned())]);
    assert_eq!(codes("'abc'"), ["E0012"]);
    assert_eq!(codes("'abc"), ["E0012"]);
}

#[test]
fn control_characters() {
    assert_eq!(codes("a\0b"), ["E0014"]);
    assert_eq!(codes(&"\0".repeat(100_000)), ["E0014"]);
    assert_eq!(codes("a\u{b}\u{c}b"), ["E0014"]);
    assert_eq!(codes("a\u{85}b"), ["E0014"]);
    assert_eq!(codes(&"\0 ".repeat(100_000)).len(), MAX_DIAGNOSTICS);
}

#[test]
fn deceptive_strings_and_comments_are_warned_of() {
    for (source, code) in [
        ("\"a\u{202e}b\"", "W0001"),
        ("// a\u{2066}b", "W0001"),
        ("/* a\u{200f}b */", "W0001"),
        ("\"аdmin\"", "W0002"),
        ("\"раур\"", "W0002"),
        ("\"ａdmin\"", "W0002"),
        ("\"a\u{200b}b\"", "W0003"),
        ("\"a\0b\"", "W0003"),
    ] {
        let (_, found) = lex(source);
        assert_eq!(found.iter().map(|d| d.code).collect::<Vec<_>>(), [code], "{source:?}");
        assert_eq!(found[0].severity, Severity::Warning);
    }
    assert!(lex("// \u{202e}").1[0].message.contains("U+202E"));
    for fine in [
        "\"Москва\"",
        "\"Ελλάδα\"",
        "\"naïve\"",
        "\"👩\u{200d}🚀\"",
        "// naïve",
        "\"日本 abc\"",
        "\"\\u{202e}\"",
    ] {
        sound(fine);
    }
}

/// Fifty warnings in front must not hide the one error behind them: a source with errors never looks clean.
#[test]
fn warnings_do_not_crowd_out_errors() {
    let source = format!("{} @", "/*\u{202e}*/ ".repeat(1000));
    let (_, found) = lex(&source);
    assert_eq!(found.len(), MAX_DIAGNOSTICS);
    assert_eq!(found.last().map(|d| d.severity), Some(Severity::Error));
}

#[test]
fn tokens_are_counted() {
    let most = ";".repeat(MAX_TOKENS);
    assert_eq!(sound(&most).len(), MAX_TOKENS);
    let (tokens, found) = lex(&format!("{most}// comments are free\n;"));
    assert_eq!(tokens.len(), MAX_TOKENS);
    assert_eq!(found.iter().map(|d| d.code).collect::<Vec<_>>(), ["E0003"]);
}

#[test]
fn the_tables_of_lookalikes_are_pairs() {
    for table in [super::chars::LOOKALIKES, super::chars::ACCENTED] {
        let chars: Vec<char> = table.chars().collect();
        assert_eq!(chars.len() % 2, 0);
        for pair in chars.chunks(2) {
            assert!(!pair[0].is_ascii() && pair[1].is_ascii_alphabetic(), "{pair:?}");
        }
    }
}

#[test]
fn plain_bytes_are_counted_as_one_by_one() {
    let plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    for round in 0..200_000u32 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        // Random bytes are rarely plain: most rounds have few that are not.
        let mut bytes = state.to_le_bytes();
        if round % 4 != 0 {
            for (at, byte) in bytes.iter_mut().enumerate() {
                if state >> (at * 3) & 7 != 0 {
                    *byte = b' ' + *byte % 95;
                }
            }
        }
        let wanted = bytes.iter().take_while(|byte| plain(**byte)).count();
        assert_eq!(super::literals::plain_bytes(u64::from_le_bytes(bytes)), wanted, "{bytes:?}");
    }
}
