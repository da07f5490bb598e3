//! Numbers, DIDs and strings: where they end (the lexer asks), and what they mean (the parser asks).

use super::{Lexer, in_name};
use crate::lang::codes;
use crate::lang::sink::{self, Sink};
use crate::lang::token::Tok;
use eclvm_kernel::limits::MAX_TEXT_BYTES;
use eclvm_kernel::span::Span;

impl Lexer<'_> {
    /// A number whose first digit is at `start`: `digits [. digits] [e [+-] digits]`.
    #[inline(never)]
    pub(super) fn number(&mut self, start: usize) -> Tok {
        let mut sound = self.digits(start);
        // `1..2` is a range and `1.r` a field: a point belongs to the number only before a digit.
        if self.byte(self.at) == Some(b'.') && self.digit_at(self.at + 1) {
            sound &= self.digits(self.at + 1);
        }
        if let Some(b'e' | b'E') = self.byte(self.at) {
            let sign = usize::from(matches!(self.byte(self.at + 1), Some(b'+' | b'-')));
            if self.digit_at(self.at + 1 + sign) {
                sound &= self.digits(self.at + 1 + sign);
            }
        }
        if sound && !self.byte(self.at).is_some_and(|b| in_name(b) || b >= 0x80) {
            return Tok::Number;
        }
        self.malformed_number(start)
    }

    fn digit_at(&self, at: usize) -> bool {
        self.byte(at).is_some_and(|b| b.is_ascii_digit())
    }

    /// Moves behind the digits at `from`; false where a `_` is not between two of them.
    fn digits(&mut self, from: usize) -> bool {
        let rest = self.text.as_bytes().get(from..).unwrap_or(&[]);
        let len = rest.iter().position(|b| !matches!(b, b'0'..=b'9' | b'_')).unwrap_or(rest.len());
        self.at = from + len;
        let digits = rest.get(..len).unwrap_or(&[]);
        let mut before = b'_';
        for &byte in digits {
            if byte == b'_' && before == b'_' {
                return false;
            }
            before = byte;
        }
        before != b'_'
    }

    #[cold]
    fn malformed_number(&mut self, start: usize) -> Tok {
        let text = self.text;
        let rest = text.get(self.at..).unwrap_or("");
        let tail = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        self.at += tail;
        let span = self.span_from(start);
        let found = self.slice(span);
        let (message, hint) = if found.starts_with("0x") || found.starts_with("0b") || found.starts_with("0o")
        {
            ("numbers are written in decimal digits".to_owned(), None)
        } else if let Some(letter) = rest.chars().next().filter(|c| c.is_alphabetic()) {
            let message = match letter {
                'e' | 'E' => "the exponent of this number has no digits".to_owned(),
                _ => format!("a number cannot be followed directly by `{letter}`"),
            };
            (message, None)
        } else {
            let clean: String = found.chars().filter(|&c| c != '_').collect();
            let hint = clean.bytes().all(|b| b.is_ascii_digit() || b == b'.').then_some(clean);
            ("`_` in a number stands only between two digits".to_owned(), hint)
        };
        let mut error = sink::error(codes::E0009, span, message);
        if let Some(clean) = hint {
            let words = format!("write `{}`", excerpt(&clean));
            error = error.with_suggestion(span, clean, words);
        }
        self.sink.push(error);
        Tok::Error
    }

    /// The word `did` at `start` and a `:` behind it: a DID if a method and a second `:` follow, else a name.
    #[inline(never)]
    pub(super) fn perhaps_did(&mut self, start: usize) -> Tok {
        let plain = |b: u8| in_name(b) || matches!(b, b'.' | b'-' | b'%');
        let rest = self.text.as_bytes().get(start + 4..).unwrap_or(&[]);
        let method = rest.iter().position(|&b| !plain(b)).unwrap_or(rest.len());
        if method == 0 || rest.get(method) != Some(&b':') {
            return Tok::Ident;
        }
        let id = rest.get(method + 1..).unwrap_or(&[]);
        let len = id.iter().position(|&b| !plain(b) && b != b':').unwrap_or(id.len());
        self.at = start + 4 + method + 1 + len;
        let span = self.span_from(start);
        if self.at - start > MAX_TEXT_BYTES {
            let message = format!("a DID is at most {MAX_TEXT_BYTES} bytes long");
            self.sink.push(sink::error(codes::E0005, span, message));
        } else if let Some(&last @ (b':' | b'.')) = self.text.as_bytes().get(self.at - 1) {
            let last = char::from(last);
            let message = match len {
                0 => "this DID has no id after its method".to_owned(),
                _ => format!("a DID cannot end in `{last}`"),
            };
            let mut error = sink::error(codes::E0011, span, message);
            if len > 1 {
                let end = Span::new(span.end - 1, span.end);
                let hint = format!("put a space before the `{last}` if it is not part of the DID");
                error = error.with_suggestion(end, format!(" {last}"), hint);
            }
            self.sink.push(error);
        }
        Tok::Did
    }

    /// A string whose opening quote is at `start`.
    #[inline(never)]
    pub(super) fn string(&mut self, start: usize) -> Tok {
        let mut foreign = false;
        loop {
            let plain = plain_bytes(self.chunk(self.at));
            self.at += plain;
            if plain == 8 {
                continue;
            }
            let Some(byte) = self.byte(self.at) else { return self.unended(start) };
            match byte {
                b'"' => {
                    self.at += 1;
                    if foreign {
                        self.inspect_string(start);
                    }
                    return Tok::Str;
                }
                // Whatever is escaped does not end the string; whether it may be escaped is for `decode` to say.
                b'\\' if !matches!(self.byte(self.at + 1), Some(b'\n' | b'\r') | None) => self.at += 1,
                b'\n' | b'\r' => return self.unended(start),
                b' '..=b'~' | b'\t' => {}
                _ => foreign = true,
            }
            self.at += 1;
        }
    }

    #[cold]
    fn unended(&mut self, start: usize) -> Tok {
        let span = self.span_from(start);
        let message = match self.byte(self.at) {
            Some(_) => "a string ends on the line on which it starts",
            None => "this string does not end",
        };
        let mut error = sink::error(codes::E0006, span, message);
        if self.byte(self.at).is_some() {
            error = error.with_suggestion(
                Span::new(span.end, span.end),
                "\"",
                "close it with `\"`; a line break in a string is written `\\n`",
            );
        }
        self.sink.push(error);
        Tok::Error
    }
}

/// How many bytes of a chunk, from the lowest on, are printable ASCII other than `"` and `\`: all eight at once.
#[inline]
pub(super) fn plain_bytes(chunk: u64) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x80 * ONES;
    // Exact up to the first byte that is the one looked for; what lies behind it does not count.
    let is = |byte: u8| {
        let difference = chunk ^ (u64::from(byte) * ONES);
        difference.wrapping_sub(ONES) & !difference
    };
    let control = !((chunk & !HIGH) + (0x80 - u64::from(b' ')) * ONES);
    let strange = (chunk | control | is(b'"') | is(b'\\') | is(0x7f)) & HIGH;
    strange.trailing_zeros() as usize / 8
}

/// At most 40 characters of a text, for messages.
pub(crate) fn excerpt(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((cut, _)) => format!("{}..", text.get(..cut).unwrap_or("")),
        None => text.to_owned(),
    }
}

/// The value of a number as the lexer delimits it. An infinity means that it overflows.
pub(crate) fn number_value(text: &str) -> f64 {
    if let Some(value) = short_value(text) {
        return value;
    }
    let parsed = if text.contains('_') { text.replace('_', "").parse() } else { text.parse() };
    // The lexer lets through only what the standard library reads as well.
    parsed.unwrap_or(f64::INFINITY)
}

/// The value of a number of at most 15 digits without an exponent, which most numbers are. Both its digits and the power
/// of ten that they are divided by are exact in an f64, so that the division rounds once, to what is nearest.
fn short_value(text: &str) -> Option<f64> {
    let (mut digits, mut value, mut scale) = (0, 0u64, 1u64);
    let mut behind_point = false;
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' => {
                digits += 1;
                value = value * 10 + u64::from(byte - b'0');
                scale *= if behind_point { 10 } else { 1 };
            }
            b'_' => continue,
            b'.' => behind_point = true,
            _ => return None,
        }
        if digits > 15 {
            return None;
        }
    }
    Some(value as f64 / scale as f64)
}

/// Decodes what stands between a string's quotes, whose first byte is at `start` of the source, and hands the text to
/// `take`. Errors go to the sink; what is malformed is left out of the text.
pub(crate) fn decode<R>(raw: &str, start: u32, sink: &mut Sink, take: impl FnOnce(&str) -> R) -> R {
    let mut decoded = String::new();
    let text = match memchr::memchr(b'\\', raw.as_bytes()) {
        None => raw,
        Some(_) => {
            unescape(raw, start, sink, &mut decoded);
            &decoded
        }
    };
    if text.len() > MAX_TEXT_BYTES {
        let message = format!("a string is at most {MAX_TEXT_BYTES} bytes long; this one has {}", text.len());
        sink.push(sink::error(codes::E0005, Span::new(start, start + raw.len() as u32), message));
        return take("");
    }
    take(text)
}

fn unescape(raw: &str, start: u32, sink: &mut Sink, into: &mut String) {
    into.reserve(raw.len());
    let mut rest = raw;
    while let Some((plain, escape)) = rest.split_once('\\') {
        into.push_str(plain);
        let mut chars = escape.chars();
        let simple = match chars.next() {
            Some('n') => Some('\n'),
            Some('t') => Some('\t'),
            Some('r') => Some('\r'),
            Some(same @ ('"' | '\\')) => Some(same),
            _ => None,
        };
        rest = match simple {
            Some(char) => {
                into.push(char);
                chars.as_str()
            }
            None => {
                let at = start + (raw.len() - escape.len()) as u32 - 1;
                unicode_escape(escape, at, sink, into)
            }
        };
    }
    into.push_str(rest);
}

/// An escape that is none of the simple ones: `u{1F600}`, or an error. `at` is the backslash. Gives what follows.
#[inline(never)]
fn unicode_escape<'t>(escape: &'t str, at: u32, sink: &mut Sink, into: &mut String) -> &'t str {
    // More than eight digits are never a character; without the bound, many `\\u{` would each look far for a `}`.
    let body = escape.strip_prefix("u{").unwrap_or("");
    let digits = body.bytes().take(8).take_while(u8::is_ascii_hexdigit).count();
    let (digits, after) = body.split_at_checked(digits).unwrap_or(("", ""));
    if let Some(after) = after.strip_prefix('}').filter(|_| !digits.is_empty()) {
        match u32::from_str_radix(digits, 16).ok().and_then(char::from_u32) {
            Some(char) => into.push(char),
            None => {
                let span = Span::new(at, at + 4 + digits.len() as u32);
                let message = format!(
                    "`\\u{{{digits}}}` is not a character: characters are 0 to D7FF and E000 to 10FFFF"
                );
                sink.push(sink::error(codes::E0007, span, message));
            }
        }
        return after;
    }
    let mut chars = escape.chars();
    let name = chars.next();
    let after = chars.as_str();
    let message = match name {
        Some('u') => {
            "a character by its number is written `\\u{..}` with one to six hexadecimal digits".to_owned()
        }
        Some('\'') => "`\\'` is not an escape; write `'`".to_owned(),
        Some(other) => format!("`\\{other}` is not an escape; there are `\\n \\t \\r \\\" \\\\ \\u{{..}}`"),
        None => "a `\\` at the end of a string escapes nothing".to_owned(),
    };
    let end = at + 1 + name.map_or(0, char::len_utf8) as u32;
    let mut error = sink::error(codes::E0007, Span::new(at, end), message);
    if !matches!(name, Some('u')) {
        error = error.with_suggestion(Span::new(at, at + 1), "\\\\", "for a backslash itself write `\\\\`");
    }
    sink.push(error);
    after
}
