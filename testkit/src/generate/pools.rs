//! The names, texts and numbers that programs, requests and worlds share, so that they meet.

/// DIDs: known ones, an unknown one, and one about which the host fails.
pub const DIDS: &[&str] = &[
    "did:erynoa:self:alice",
    "did:erynoa:self:bob",
    "did:erynoa:org:carol-1",
    "did:key:z6Mk.x",
    "did:erynoa:self:nobody",
    "did:erynoa:self:broken",
];
/// Realms, likewise.
pub const REALMS: &[&str] = &["lab", "home", "gate", "café", "void", "crash"];
/// Store keys, likewise.
pub const KEYS: &[&str] = &["k", "count", "name", "flag", "", "jam"];
/// Schemas of credentials.
pub const SCHEMAS: &[&str] = &["kyc", "admin", "a b"];
/// Metrics.
pub const METRICS: &[&str] = &["trust.avg", "realm.member_count", "realm.trust_threshold", "other"];
/// String literals as a source writes them, and what they mean.
pub const TEXTS: &[&str] = &[
    "",
    "a",
    "b",
    "abc",
    "A",
    "aBc",
    "lab",
    "did:erynoa:self:bob",
    "did:bad:",
    "did:erynoa:self:alice",
    "k",
    "count",
    "kyc",
    "trust.avg",
    "ä€😀",
    "line\nbreak\t\"quoted\" \\",
    "exactly thirty-two bytes, really",
    "exactly thirty-three bytes, truly",
    "sixty-four bytes are what one more unit of storage pays for, ok?",
    "a long text that goes on for a while, so that its bytes make more than one piece of any size that prices know",
];
/// Numbers as a source writes them.
pub const NUMBERS: &[&str] = &[
    "0",
    "0",
    "1",
    "1",
    "1",
    "2",
    "2",
    "3",
    "4",
    "5",
    "6",
    "7",
    "0.5",
    "0.5",
    "0.1",
    "0.2",
    "0.3",
    "0.25",
    "0.75",
    "1.5",
    "2.5",
    "10",
    "100",
    "1_000",
    "1e3",
    "1E-3",
    "1e308",
    "5e-324",
    "9007199254740992",
    "9007199254740993",
    "4294967296",
    "65536",
    "3.999999999999999",
    "0.49999999999999994",
    "1700000000",
    "0.9999999999999999",
];
/// Numbers that requests and stores hold.
pub const FLOATS: &[f64] = &[
    0.0,
    -0.0,
    1.0,
    1.0,
    2.0,
    3.0,
    -1.0,
    0.5,
    0.1,
    0.3,
    0.7,
    1.5,
    2.5,
    -2.5,
    10.0,
    100.0,
    1e9,
    1e16,
    9007199254740992.0,
    -9007199254740993.0,
    1e308,
    -1e308,
    5e-324,
    0.1 + 0.2,
    1700000000.0,
    4.0,
    5.0,
];

/// A text as a string literal.
pub fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '😀' => out.push_str("\\u{1F600}"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
