//! A strict JSON reader over one text (RFC 8259): never recurses, allocates nothing for what is not nested deeply, and
//! takes time linear in the text. It reads what the caller asks for next; what nobody wants it can [`Cursor::skip`].

use super::number;

/// The text is not JSON.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct NotJson;

/// What stands between the quotes of a string, checked, its escapes still in place.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawText<'a> {
    pub(super) raw: &'a str,
    pub(super) escaped: bool,
}

/// A place in a text.
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Cursor<'a> {
        Cursor { text, at: 0 }
    }
    #[inline]
    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or(&[])
    }
    /// The next byte that is no white space, which is passed over.
    #[inline]
    pub(super) fn peek(&mut self) -> Result<u8, NotJson> {
        let bytes = self.text.as_bytes();
        loop {
            match bytes.get(self.at) {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                Some(byte) => return Ok(*byte),
                None => return Err(NotJson),
            }
        }
    }
    /// As [`Cursor::peek`], and goes past it.
    #[inline]
    pub(super) fn take(&mut self) -> Result<u8, NotJson> {
        let byte = self.peek()?;
        self.at += 1;
        Ok(byte)
    }
    /// The next byte must be `want`.
    #[inline]
    pub(super) fn expect(&mut self, want: u8) -> Result<(), NotJson> {
        if self.take()? == want { Ok(()) } else { Err(NotJson) }
    }
    /// Nothing but white space may follow.
    pub(super) fn end(&mut self) -> Result<(), NotJson> {
        if self.peek().is_err() { Ok(()) } else { Err(NotJson) }
    }
    /// `true`, `false` or `null`, at its first letter.
    #[inline]
    pub(super) fn word(&mut self, word: &str) -> Result<(), NotJson> {
        if self.rest().starts_with(word.as_bytes()) {
            self.at += word.len();
            Ok(())
        } else {
            Err(NotJson)
        }
    }
    /// A number, at its first byte. One too large for a double is an infinity.
    #[inline]
    pub(super) fn number(&mut self) -> Result<f64, NotJson> {
        let (value, length) = number::read(self.rest()).ok_or(NotJson)?;
        self.at += length;
        Ok(value)
    }
    /// A string, at its opening quote.
    #[inline]
    pub(super) fn string(&mut self) -> Result<RawText<'a>, NotJson> {
        self.expect(b'"')?;
        let start = self.at;
        let mut escaped = false;
        loop {
            self.at += plain_run(self.rest());
            match self.rest().first() {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.at += escape_length(self.rest())?;
                }
                // A raw control character, or no closing quote.
                _ => return Err(NotJson),
            }
        }
        let raw = self.text.get(start..self.at).ok_or(NotJson)?;
        self.at += 1;
        Ok(RawText { raw, escaped })
    }
    /// Where it stands, after white space.
    pub(super) fn at(&mut self) -> Result<usize, NotJson> {
        self.peek()?;
        Ok(self.at)
    }
    /// What was read since it stood there.
    pub(super) fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or("")
    }
    /// A key and its colon.
    #[inline]
    pub(super) fn key(&mut self) -> Result<RawText<'a>, NotJson> {
        if self.peek()? != b'"' {
            return Err(NotJson);
        }
        let key = self.string()?;
        self.expect(b':')?;
        Ok(key)
    }
    /// After an element: whether another one follows (else `close` was passed).
    #[inline]
    pub(super) fn more(&mut self, close: u8) -> Result<bool, NotJson> {
        match self.take()? {
            b',' => Ok(true),
            byte if byte == close => Ok(false),
            _ => Err(NotJson),
        }
    }
    /// After an opening bracket: whether there is an element at all (else `close` was passed).
    #[inline]
    pub(super) fn any(&mut self, close: u8) -> Result<bool, NotJson> {
        if self.peek()? == close {
            self.at += 1;
            return Ok(false);
        }
        Ok(true)
    }
    /// Passes over a value of any kind, however deeply nested.
    pub(super) fn skip(&mut self) -> Result<(), NotJson> {
        let mut open = Nesting::default();
        loop {
            match self.peek()? {
                b'{' => {
                    self.at += 1;
                    if self.any(b'}')? {
                        open.push(true);
                        self.key()?;
                        continue;
                    }
                }
                b'[' => {
                    self.at += 1;
                    if self.any(b']')? {
                        open.push(false);
                        continue;
                    }
                }
                b'"' => self.string().map(drop)?,
                b't' => self.word("true")?,
                b'f' => self.word("false")?,
                b'n' => self.word("null")?,
                _ => self.number().map(drop)?,
            }
            loop {
                let Some(object) = open.innermost() else { return Ok(()) };
                if self.more(if object { b'}' } else { b']' })? {
                    if object {
                        self.key()?;
                    }
                    break;
                }
                open.pop();
            }
        }
    }
}

/// Open brackets, a bit each: 1 for an object. The innermost 64 stand in a word; more of them go to the heap, at an
/// eighth of a byte per byte of text.
#[derive(Default)]
struct Nesting {
    word: u64,
    depth: usize,
    outer: Vec<u64>,
}

impl Nesting {
    fn push(&mut self, object: bool) {
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.outer.push(self.word);
        }
        self.word = self.word << 1 | u64::from(object);
        self.depth += 1;
    }
    fn pop(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.word >>= 1;
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.word = self.outer.pop().unwrap_or(0);
        }
    }
    fn innermost(&self) -> Option<bool> {
        (self.depth > 0).then_some(self.word & 1 == 1)
    }
}

/// Bytes up to the first quote, backslash or control character, eight at a time.
#[inline]
fn plain_run(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 255;
    let (chunks, tail) = bytes.as_chunks::<8>();
    let mut run = 0;
    for chunk in chunks {
        let word = u64::from_le_bytes(*chunk);
        let (quote, slash) = (word ^ (ONES * 0x22), word ^ (ONES * 0x5c));
        // The high bit of each byte that is zero (quote, slash) or below 0x20 (word). A borrow can set bits above the
        // first hit, never below it.
        let hits = (quote.wrapping_sub(ONES) & !quote)
            | (slash.wrapping_sub(ONES) & !slash)
            | (word.wrapping_sub(ONES * 0x20) & !word);
        let hits = hits & (ONES * 0x80);
        if hits != 0 {
            return run + (hits.trailing_zeros() / 8) as usize;
        }
        run += 8;
    }
    run + tail.iter().take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..0x20)).count()
}

/// Bytes of the escape at the start; lone surrogates are JSON, if no text.
fn escape_length(bytes: &[u8]) -> Result<usize, NotJson> {
    match bytes {
        [_, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => Ok(2),
        [_, b'u', hex @ ..] if hex.len() >= 4 && hex.iter().take(4).all(u8::is_ascii_hexdigit) => Ok(6),
        _ => Err(NotJson),
    }
}

impl<'a> RawText<'a> {
    /// Its characters; None in the place of a surrogate that is no half of a pair.
    pub(super) fn chars(self) -> impl Iterator<Item = Option<char>> + 'a {
        let mut rest = self.raw.chars();
        core::iter::from_fn(move || {
            let first = rest.next()?;
            if first != '\\' {
                return Some(Some(first));
            }
            Some(match rest.next()? {
                'b' => Some('\u{8}'),
                'f' => Some('\u{c}'),
                'n' => Some('\n'),
                'r' => Some('\r'),
                't' => Some('\t'),
                'u' => match hex4(&mut rest) {
                    high @ 0xd800..0xdc00 if rest.as_str().starts_with("\\u") => {
                        rest.next();
                        rest.next();
                        let low = hex4(&mut rest);
                        (0xdc00..0xe000)
                            .contains(&low)
                            .then(|| 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00))
                            .and_then(char::from_u32)
                    }
                    unit => char::from_u32(unit),
                },
                same => Some(same),
            })
        })
    }
}

fn hex4(chars: &mut core::str::Chars<'_>) -> u32 {
    chars.by_ref().take(4).fold(0, |unit, digit| unit << 4 | digit.to_digit(16).unwrap_or(0))
}
