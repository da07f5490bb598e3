//! The lexer: a stream of tokens over the source's bytes, one at a time, nothing allocated per token.
//!
//! It promises one pass, whatever the source holds: every byte is looked at a bounded number of times, and after
//! [`MAX_TOKENS`] tokens (or a call of [`Lexer::halt`]) there is only the end of the file. What it does not know it
//! reports itself; the parser then sees [`Tok::Error`], or nothing where skipping the character is the better guess.
//! Strings are only delimited here; the parser decodes those that it uses (see [`literals`]).

mod chars;
pub(crate) mod literals;
#[cfg(test)]
mod tests;

use super::codes;
use super::sink::{self, Sink};
use super::token::{Tok, Token, keyword, packed};
use eclvm_kernel::limits::MAX_TOKENS;
use eclvm_kernel::span::Span;

/// A source on its way into tokens.
pub(crate) struct Lexer<'s> {
    text: &'s str,
    /// The next byte to look at. Always at a character boundary when a token starts.
    at: usize,
    tokens: usize,
    /// Whether the end of the file is not the real one; no complaint about it is worth making.
    pub(crate) cut_short: bool,
    /// What is wrong so far; the parser adds to it.
    pub(crate) sink: Sink,
}

/// Whether a byte can stand in a name.
fn in_name(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_')
}

/// How many bytes of a chunk, from the lowest on, can stand in a name: all eight at once, because a loop over the bytes
/// of a name is left at a length that no processor can guess.
#[inline]
fn name_bytes(chunk: u64) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x80 * ONES;
    // Of seven-bit bytes: the high bit of each that is in `low..=high`. No sum carries into the next byte.
    let within = |bytes: u64, low: u8, high: u8| {
        (bytes + (0x80 - u64::from(low)) * ONES) & !(bytes + (0x7f - u64::from(high)) * ONES)
    };
    let seven = chunk & !HIGH;
    let letters = within(seven | (0x20 * ONES), b'a', b'z');
    let named = letters | within(seven, b'0', b'9') | within(seven, b'_', b'_');
    let strange = !(named & !chunk) & HIGH;
    strange.trailing_zeros() as usize / 8
}

/// `did`, as [`packed`] packs it.
const DID: u64 = u64::from_le_bytes(*b"did\0\0\0\0\0");

impl<'s> Lexer<'s> {
    /// A lexer at the start of `text`, which is at most 4 GiB long (the parser bounds it much lower).
    pub(crate) fn new(text: &'s str) -> Lexer<'s> {
        // A byte order mark is what some editors put first; it is no text.
        let at = if text.starts_with('\u{feff}') { 3 } else { 0 };
        Lexer { text, at, tokens: 0, cut_short: false, sink: Sink::default() }
    }

    /// The source's text at `span`; empty where that cuts a character.
    pub(crate) fn slice(&self, span: Span) -> &'s str {
        self.text.get(span.start as usize..span.end as usize).unwrap_or("")
    }

    /// The source from a byte on.
    pub(crate) fn rest(&self, start: u32) -> &'s str {
        self.text.get(start as usize..).unwrap_or("")
    }
    /// From here on, the file is over.
    pub(crate) fn halt(&mut self) {
        self.cut_short = true;
        self.at = self.text.len();
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    fn span_from(&self, start: usize) -> Span {
        Span::new(start as u32, self.at as u32)
    }

    /// The next token; after the last one, the end of the file for ever.
    #[inline(always)]
    pub(crate) fn token(&mut self) -> Token {
        let (kind, start) = self.next();
        Token { kind, span: Span::new(start, self.at as u32) }
    }

    /// Kind and start of the next token, which ends at `at`: the two fit into registers.
    fn next(&mut self) -> (Tok, u32) {
        loop {
            // White space first, in a loop of its own: it is half of what stands between tokens.
            let mut start = self.at;
            let byte = loop {
                match self.byte(start) {
                    Some(b' ' | b'\n' | b'\t' | b'\r') => start += 1,
                    Some(byte) => break byte,
                    None => {
                        self.at = start;
                        return (Tok::Eof, start as u32);
                    }
                }
            };
            self.at = start + 1;
            let kind = match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'_' => self.word(start),
                b'0'..=b'9' => self.number(start),
                b'"' => self.string(start),
                b'(' => Tok::LParen,
                b')' => Tok::RParen,
                b'[' => Tok::LBracket,
                b']' => Tok::RBracket,
                b'{' => Tok::LBrace,
                b'}' => Tok::RBrace,
                b',' => Tok::Comma,
                b';' => Tok::Semi,
                b':' => Tok::Colon,
                b'+' => Tok::Plus,
                b'*' => Tok::Star,
                b'%' => Tok::Percent,
                b'.' => self.one_or_two(b'.', Tok::Dot, Tok::DotDot),
                b'-' => self.one_or_two(b'>', Tok::Minus, Tok::Arrow),
                b'?' => self.one_or_two(b'?', Tok::Question, Tok::Coalesce),
                b'|' => self.one_or_two(b'|', Tok::Pipe, Tok::OrOr),
                b'&' => self.one_or_two(b'&', Tok::Amp, Tok::AndAnd),
                b'<' => self.one_or_two(b'=', Tok::Lt, Tok::Le),
                b'>' => self.one_or_two(b'=', Tok::Gt, Tok::Ge),
                b'=' => self.equality(start, Tok::Assign, Tok::EqEq),
                b'!' => self.equality(start, Tok::Bang, Tok::Ne),
                b'/' => match self.byte(self.at) {
                    Some(b'/') => {
                        self.line_comment(start);
                        continue;
                    }
                    Some(b'*') => {
                        self.block_comment(start);
                        continue;
                    }
                    _ => Tok::Slash,
                },
                _ => match self.stranger(start) {
                    Some(kind) => kind,
                    None => continue,
                },
            };
            self.tokens += 1;
            if self.tokens > MAX_TOKENS {
                return self.too_many_tokens(start);
            }
            return (kind, start as u32);
        }
    }

    /// `one`, or `two` where `second` follows.
    fn one_or_two(&mut self, second: u8, one: Tok, two: Tok) -> Tok {
        if self.byte(self.at) == Some(second) {
            self.at += 1;
            two
        } else {
            one
        }
    }

    /// `=` and `==`, `!` and `!=`; `===` and `!==` are taken for what they mean elsewhere.
    fn equality(&mut self, start: usize, one: Tok, two: Tok) -> Tok {
        let kind = self.one_or_two(b'=', one, two);
        if kind == two && self.byte(self.at) == Some(b'=') {
            self.at += 1;
            let (span, right) = (self.span_from(start), two.name().trim_matches('`'));
            let found = self.slice(span);
            let message = format!("`{found}` is not an operator of ECL");
            let hint = format!("write {}", two.name());
            self.sink.push(sink::error(codes::E0021, span, message).with_suggestion(span, right, hint));
        }
        kind
    }

    /// A name, a keyword or a DID, whose first byte is at `start`.
    #[inline(always)]
    fn word(&mut self, start: usize) -> Tok {
        let chunk = self.chunk(start);
        let len = name_bytes(chunk);
        let mut end = start + len;
        // No keyword is longer than eight bytes, which the ninth decides.
        let mut packed = if len < 8 { chunk & ((1 << (8 * len)) - 1) } else { chunk };
        if len == 8 {
            loop {
                let more = name_bytes(self.chunk(end));
                end += more;
                if more < 8 {
                    break;
                }
            }
            if end > start + 8 {
                packed = 0;
            }
        }
        self.at = end;
        match self.byte(end) {
            Some(b':') if packed == DID => self.perhaps_did(start),
            Some(0x80..) => self.foreign_name(start),
            _ => keyword(packed),
        }
    }

    /// Eight bytes from `at` on, the first one lowest; behind the end of the source, zeros.
    #[inline]
    fn chunk(&self, at: usize) -> u64 {
        let rest = self.text.as_bytes().get(at..).unwrap_or(&[]);
        match rest.first_chunk::<8>() {
            Some(chunk) => u64::from_le_bytes(*chunk),
            None => packed(rest),
        }
    }

    #[cold]
    fn too_many_tokens(&mut self, start: usize) -> (Tok, u32) {
        let span = self.span_from(start);
        let message = format!("the source has more than {MAX_TOKENS} tokens");
        self.sink.push(sink::error(codes::E0003, span, message));
        self.halt();
        (Tok::Eof, self.at as u32)
    }

    /// `// ..`: to the next line feed or the end of the file.
    #[inline(never)]
    fn line_comment(&mut self, start: usize) {
        let rest = self.text.as_bytes().get(start..).unwrap_or(&[]);
        self.at = start + memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        self.look_for_bidi(start);
    }

    /// `/* .. */`; they do not nest.
    #[inline(never)]
    fn block_comment(&mut self, start: usize) {
        let rest = self.text.as_bytes().get(start + 2..).unwrap_or(&[]);
        match memchr::memchr_iter(b'*', rest).find(|&star| rest.get(star + 1) == Some(&b'/')) {
            Some(star) => self.at = start + 2 + star + 2,
            None => {
                let span = Span::new(start as u32, start as u32 + 2);
                self.sink.push(
                    sink::error(codes::E0008, span, "this block comment does not end").with_suggestion(
                        Span::new(self.text.len() as u32, self.text.len() as u32),
                        "*/",
                        "close it with `*/`",
                    ),
                );
                self.halt();
            }
        }
        self.look_for_bidi(start);
    }
}
