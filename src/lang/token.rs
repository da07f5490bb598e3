//! Tokens: what kinds there are, which words are keywords, and how a message names them.

use eclvm_kernel::span::Span;

/// A token: its kind and its place. Its text is the source's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Token {
    /// What it is.
    pub(crate) kind: Tok,
    /// Where it stands.
    pub(crate) span: Span,
}

macro_rules! tokens {
    ($($(#[$doc:meta])* $kind:ident $text:literal)+) => {
        /// What a token is.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u8)]
        pub(crate) enum Tok { $($(#[$doc])* #[doc = $text] $kind),+ }

        impl Tok {
            /// How a message names it: keywords and signs in backticks, the others in words.
            pub(crate) fn name(self) -> &'static str {
                match self { $(Tok::$kind => $text),+ }
            }
        }
    };
}

tokens! {
    Eof "the end of the file"
    /// What the lexer has already complained about:
    Error "what is no token"
    Ident "a name"
    Number "a number"
    /// With quotes around it, not yet decoded:
    Str "a string"
    Did "a DID"

    Policy "`policy`"
    Fn "`fn`"
    Const "`const`"
    Let "`let`"
    Require "`require`"
    Emit "`emit`"
    If "`if`"
    Else "`else`"
    For "`for`"
    In "`in`"
    While "`while`"
    Break "`break`"
    Continue "`continue`"
    Return "`return`"
    True "`true`"
    False "`false`"
    Null "`null`"
    Any "`any`"
    All "`all`"
    Count "`count`"

    LParen "`(`"
    RParen "`)`"
    LBracket "`[`"
    RBracket "`]`"
    LBrace "`{`"
    RBrace "`}`"
    Comma "`,`"
    Semi "`;`"
    Colon "`:`"
    Dot "`.`"
    DotDot "`..`"
    Arrow "`->`"
    Question "`?`"
    Coalesce "`??`"
    OrOr "`||`"
    AndAnd "`&&`"
    Assign "`=`"
    EqEq "`==`"
    Ne "`!=`"
    Lt "`<`"
    Le "`<=`"
    Gt "`>`"
    Ge "`>=`"
    Plus "`+`"
    Minus "`-`"
    Star "`*`"
    Slash "`/`"
    Percent "`%`"
    Bang "`!`"
    /// No operator of ECL; the parser says which one is meant:
    Amp "`&`"
    /// No operator of ECL; the parser says which one is meant:
    Pipe "`|`"
}

impl Tok {
    /// Whether the token is a word with a meaning of its own.
    pub(crate) fn is_keyword(self) -> bool {
        (Tok::Policy as u8..=Tok::Count as u8).contains(&(self as u8))
    }
    /// Whether an operand can start with the token and no operator can: after an operand, something is missing.
    pub(crate) fn starts_only_operand(self) -> bool {
        (Tok::Ident as u8..=Tok::Did as u8).contains(&(self as u8))
            || (Tok::True as u8..=Tok::Count as u8).contains(&(self as u8))
    }
    /// Whether a statement starts with the token and no expression does.
    pub(crate) fn starts_only_statement(self) -> bool {
        (Tok::Const as u8..=Tok::If as u8).contains(&(self as u8))
            || matches!(self, Tok::For | Tok::While | Tok::Break | Tok::Continue | Tok::Return)
    }
}

const KEYWORDS: [(&str, Tok); 20] = [
    ("policy", Tok::Policy),
    ("fn", Tok::Fn),
    ("const", Tok::Const),
    ("let", Tok::Let),
    ("require", Tok::Require),
    ("emit", Tok::Emit),
    ("if", Tok::If),
    ("else", Tok::Else),
    ("for", Tok::For),
    ("in", Tok::In),
    ("while", Tok::While),
    ("break", Tok::Break),
    ("continue", Tok::Continue),
    ("return", Tok::Return),
    ("true", Tok::True),
    ("false", Tok::False),
    ("null", Tok::Null),
    ("any", Tok::Any),
    ("all", Tok::All),
    ("count", Tok::Count),
];

/// A word of at most eight bytes in one number: its first byte lowest, zeros behind it.
pub(crate) fn packed(word: &[u8]) -> u64 {
    word.iter().take(8).rev().fold(0, |packed, &byte| packed << 8 | u64::from(byte))
}

/// Sends the packed keywords to different slots; found by trying random numbers.
const SPREAD: u64 = 0x4270_763a_8c5e_d06d;

const fn slot(packed: u64) -> usize {
    (packed.wrapping_mul(SPREAD) >> 59) as usize
}

/// The keywords by their slots. A word is looked up without a branch that depends on its text, which matters: names and
/// keywords come in no order that a processor could guess.
static SLOTS: [(u64, Tok); 32] = {
    let mut slots = [(0, Tok::Ident); 32];
    let mut keywords = KEYWORDS.as_slice();
    while let Some(((word, kind), rest)) = keywords.split_first() {
        let mut packed = 0;
        let mut bytes = word.as_bytes();
        while let Some((byte, before)) = bytes.split_last() {
            packed = packed << 8 | *byte as u64;
            bytes = before;
        }
        if let Some((free, _)) = slots.split_at_mut(slot(packed)).1.split_first_mut() {
            assert!(free.0 == 0, "two keywords share a slot");
            *free = (packed, *kind);
        }
        keywords = rest;
    }
    slots
};

/// The keyword that a packed word is, or a name.
#[inline]
pub(crate) fn keyword(packed: u64) -> Tok {
    match SLOTS.get(slot(packed)) {
        Some(&(word, kind)) if word == packed => kind,
        _ => Tok::Ident,
    }
}
