//! Characters that are not ECL's: those that deceive the eye, those that are slips of the keyboard, and those of other
//! languages. Everything here is off the fast path.

use super::Lexer;
use crate::lang::codes;
use crate::lang::sink::{error, warning};
use crate::lang::token::{Tok, keyword, packed};
use eclvm_kernel::span::Span;

impl Lexer<'_> {
    /// What starts with a byte that starts no token; `at` is one behind it. None where it is best passed over.
    #[cold]
    pub(super) fn stranger(&mut self, start: usize) -> Option<Tok> {
        let rest = self.text.get(start..).unwrap_or("");
        let char = rest.chars().next()?;
        self.at = start + char.len_utf8();
        if char.is_control() {
            // A binary file is one finding, not thousands.
            let run = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r');
            self.at = start + rest.find(|c| !run(c)).unwrap_or(rest.len());
            let message = format!("the control character {} cannot stand in a source", code_point(char));
            self.sink.push(error(codes::E0014, self.span_from(start), message));
            return None;
        }
        if char == '\'' {
            return Some(self.single_quoted(start));
        }
        if char == '#' {
            let message = "`#` starts no comment in ECL";
            let span = self.span_from(start);
            let error = error(codes::E0012, span, message);
            self.sink.push(error.with_suggestion(span, "//", "comments start with `//`"));
            match rest.find('\n') {
                Some(end) => self.at = start + end,
                // Whatever is missing now stands in it.
                None => self.halt(),
            }
            return None;
        }
        if unicode_ident::is_xid_start(char) {
            return Some(self.foreign_name(start));
        }
        let span = self.span_from(start);
        let mut error = error(codes::E0012, span, format!("{} has no place here", named(char)));
        let (kind, meant) = meant(char);
        if let Some(meant) = meant {
            let words = if meant == " " { "write a space".to_owned() } else { format!("write `{meant}`") };
            error = error.with_suggestion(span, meant, words);
        }
        self.sink.push(error);
        kind
    }

    /// `'text'`, taken for `"text"` where it ends on its line.
    fn single_quoted(&mut self, start: usize) -> Tok {
        let rest = self.text.get(start + 1..).unwrap_or("");
        let end = rest.find(['\'', '"', '\n', '\r']).filter(|&at| rest.as_bytes().get(at) == Some(&b'\''));
        let Some(len) = end else {
            self.sink.push(error(codes::E0012, self.span_from(start), "`'` has no place here"));
            return Tok::Error;
        };
        self.at = start + 1 + len + 1;
        let span = self.span_from(start);
        let text = rest.get(..len).unwrap_or("");
        let error = error(codes::E0012, span, "strings stand between double quotes");
        self.sink.push(error.with_suggestion(span, format!("\"{text}\""), "use `\"`"));
        Tok::Str
    }

    /// A word at `start` with a byte that is not ASCII in or behind its ASCII part.
    #[cold]
    pub(super) fn foreign_name(&mut self, start: usize) -> Tok {
        let rest = self.text.get(start..).unwrap_or("");
        let len = rest.find(|c| !unicode_ident::is_xid_continue(c)).unwrap_or(rest.len());
        let name = rest.get(..len).unwrap_or("");
        self.at = start + len;
        let Some((at, char)) = name.char_indices().find(|(_, c)| !c.is_ascii()) else {
            return if len > 8 { Tok::Ident } else { keyword(packed(name.as_bytes())) };
        };
        let span = self.span_from(start);
        let place = Span::new((start + at) as u32, (start + at + char.len_utf8()) as u32);
        let message = format!("{} cannot stand in a name; names are made of `A-Z a-z 0-9 _`", named(char));
        let mut error = error(codes::E0013, span, message).with_label(place, "this character");
        let ascii: Option<String> = name
            .chars()
            .map(|c| if c.is_ascii() { Some(c) } else { looks_like(c).or(without_accent(c)) })
            .collect();
        if let Some(ascii) = ascii {
            let words = format!("did you mean `{}`?", super::literals::excerpt(&ascii));
            error = error.with_suggestion(span, ascii, words);
        }
        self.sink.push(error);
        Tok::Ident
    }

    /// Warns of what a reader of the string that starts at `start` and ends at `at` would not see.
    #[cold]
    pub(super) fn inspect_string(&mut self, start: usize) {
        self.look_for_bidi(start);
        let text = self.text.get(start..self.at).unwrap_or("");
        let unseen = |c: char| c.is_control() && c != '\t' || is_invisible(c);
        if let Some((at, char)) = text.char_indices().find(|&(_, c)| unseen(c)) {
            let place = char_span(start + at, char);
            let message = format!("this string holds the invisible character {}", code_point(char));
            let escape = format!("\\u{{{:X}}}", char as u32);
            let words = format!("if it is meant, write `{escape}`");
            self.sink.push(warning(codes::W0003, place, message).with_suggestion(place, escape, words));
        }
        if let Some((at, char, ascii)) = confusable_in(text) {
            let place = char_span(start + at, char);
            let message = format!("{} in this string looks like the letter `{ascii}`", named(char));
            let words = format!("if the letter is meant, write `{ascii}`");
            let warning = warning(codes::W0002, place, message);
            self.sink.push(warning.with_suggestion(place, ascii, words));
        }
    }

    /// Warns of the first character in `start..at` that changes the direction in which text is shown.
    pub(super) fn look_for_bidi(&mut self, start: usize) {
        let text = self.text.get(start..self.at).unwrap_or("");
        if text.is_ascii() {
            return;
        }
        if let Some((at, char)) = text.char_indices().find(|&(_, c)| is_bidi(c)) {
            let message = format!(
                "the bidirectional control character {} makes text look different from what it is",
                code_point(char)
            );
            self.sink.push(warning(codes::W0001, char_span(start + at, char), message));
        }
    }
}

fn char_span(at: usize, char: char) -> Span {
    Span::new(at as u32, (at + char.len_utf8()) as u32)
}

fn code_point(char: char) -> String {
    format!("U+{:04X}", char as u32)
}

/// A character for a message: itself where it can be seen, and its code point where it is not ASCII.
fn named(char: char) -> String {
    match char {
        ' '..='~' => format!("`{char}`"),
        _ if is_bidi(char) || is_invisible(char) || char.is_whitespace() => {
            format!("the character {}", code_point(char))
        }
        _ => format!("`{char}` ({})", code_point(char)),
    }
}

fn is_bidi(char: char) -> bool {
    matches!(char, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Characters of no width that text does without. The joiners U+200C and U+200D are not among them: scripts and
/// emoji need them.
fn is_invisible(char: char) -> bool {
    matches!(
        char,
        '\u{ad}' | '\u{180e}' | '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{3164}' | '\u{ffa0}'
    )
}

/// The first letter of `text` that looks like an ASCII letter and stands where one would pass for it: in a word that
/// has ASCII letters too, or in a word of two or more letters that all do. Text in other scripts is no cause to warn.
fn confusable_in(text: &str) -> Option<(usize, char, char)> {
    let mut found = None;
    let (mut ascii, mut alike, mut other) = (0, 0, 0);
    let ends = [(text.len(), ' ')];
    for (at, char) in text.char_indices().chain(ends) {
        if char.is_ascii_alphabetic() {
            ascii += 1;
        } else if let Some(letter) = looks_like(char) {
            alike += 1;
            found = found.or(Some((at, char, letter)));
        } else if char.is_alphabetic() {
            other += 1;
        } else if !char.is_alphanumeric() && char != '_' {
            if found.is_some() && (ascii > 0 || (other == 0 && alike > 1)) {
                return found;
            }
            (found, ascii, alike, other) = (None, 0, 0, 0);
        }
    }
    None
}

/// Letters that most fonts draw like an ASCII letter: pairs of both.
pub(super) const LOOKALIKES: &str = "аaеeоoрpсcуyхxіiјjѕsһhԁdԛqԝwАAВBЕEКKМMНHОOРPСCТTУYХXІIЈJЅSοoνvρpιiκkυuαa\
ΑAΒBΕEΖZΗHΙIΚKΜMΝNΟOΡPΤTΥYΧXıiɑaɡgℓlⅰiⅼlⅽcⅾdⅿm\u{212a}K";
/// Accented letters and the letter without the accent.
pub(super) const ACCENTED: &str = "áaàaâaäaãaåaçcéeèeêeëeíiìiîiïiñnóoòoôoöoõoøoúuùuûuüuýyÿyßsÁAÀAÂAÄAÃAÅAÇCÉEÈEÊEËEÑNÓOÖOÕOÜUšsžzčcćcłlşsğg";

fn in_pairs(pairs: &str, char: char) -> Option<char> {
    let mut pairs = pairs.chars();
    while let (Some(from), Some(to)) = (pairs.next(), pairs.next()) {
        if from == char {
            return Some(to);
        }
    }
    None
}

/// The ASCII letter or digit that `char` looks like.
fn looks_like(char: char) -> Option<char> {
    match char {
        '\0'..='\x7f' => None,
        // The full-width forms of ASCII, in the same order.
        '\u{ff10}'..='\u{ff19}' | '\u{ff21}'..='\u{ff3a}' | '\u{ff41}'..='\u{ff5a}' => {
            char::from_u32(char as u32 - 0xfee0)
        }
        _ => in_pairs(LOOKALIKES, char),
    }
}

fn without_accent(char: char) -> Option<char> {
    in_pairs(ACCENTED, char)
}

/// What the author of a sign that is not ECL's meant: the token to go on with (None to pass over it) and its text.
fn meant(char: char) -> (Option<Tok>, Option<&'static str>) {
    let (kind, text) = match char {
        '“' | '”' | '„' | '‟' | '‘' | '’' | '‚' | '«' | '»' | '＂' => (Tok::Error, "\""),
        '‐' | '‑' | '‒' | '–' | '—' | '−' | '－' => (Tok::Minus, "-"),
        '×' | '∗' | '⋅' | '·' | '＊' => (Tok::Star, "*"),
        '÷' | '∕' | '／' => (Tok::Slash, "/"),
        '＋' => (Tok::Plus, "+"),
        '≤' | '⩽' => (Tok::Le, "<="),
        '≥' | '⩾' => (Tok::Ge, ">="),
        '≠' => (Tok::Ne, "!="),
        '＜' => (Tok::Lt, "<"),
        '＞' => (Tok::Gt, ">"),
        '＝' => (Tok::Assign, "="),
        '→' => (Tok::Arrow, "->"),
        '…' => (Tok::DotDot, ".."),
        '∧' => (Tok::AndAnd, "&&"),
        '∨' => (Tok::OrOr, "||"),
        '¬' | '！' => (Tok::Bang, "!"),
        '∈' => (Tok::In, "in"),
        '；' | '\u{37e}' => (Tok::Semi, ";"),
        '，' => (Tok::Comma, ","),
        '：' => (Tok::Colon, ":"),
        '？' => (Tok::Question, "?"),
        '（' => (Tok::LParen, "("),
        '）' => (Tok::RParen, ")"),
        '［' => (Tok::LBracket, "["),
        '］' => (Tok::RBracket, "]"),
        '｛' => (Tok::LBrace, "{"),
        '｝' => (Tok::RBrace, "}"),
        _ if char.is_whitespace() => return (None, Some(" ")),
        _ if is_bidi(char) || is_invisible(char) => return (None, None),
        _ => return (Some(Tok::Error), None),
    };
    (Some(kind), Some(text))
}
