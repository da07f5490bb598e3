//! Receipts and values as JSON. One fixed order of fields, no white space, numbers in the shortest form that reads back the
//! same.

use crate::kernel::fault::Outcome;
use crate::kernel::gas::GasLayer;
use crate::kernel::program::Program;
use crate::kernel::receipt::Receipt;
use crate::kernel::value::{TrustVector, Value};

/// Appends a receipt, without a line break. `index` in batches only; `duration_us` where it was measured. `program` is the
/// one that ran: it holds the messages, and says whether there is a value to show.
pub fn write_receipt(
    out: &mut Vec<u8>,
    program: &Program,
    receipt: &Receipt,
    index: Option<u64>,
    duration_us: Option<f64>,
) {
    match index {
        Some(index) => {
            put(out, "{\"i\":");
            whole(out, index);
            put(out, ",\"outcome\":\"");
        }
        None => put(out, "{\"outcome\":\""),
    }
    put(out, receipt.outcome.name());
    put(out, "\",\"reason\":");
    match receipt.outcome {
        Outcome::Allow => put(out, "null"),
        Outcome::Deny => match program.message(receipt.message) {
            Some(message) => write_text(out, message),
            None => put(out, "null"),
        },
        Outcome::Fault(kind) => quoted(out, kind.name()),
        Outcome::Exhausted(kind) => quoted(out, kind.name()),
    }
    if program.expression {
        put(out, ",\"value\":");
        // The value that stands in the receipt needs no copy; `value` would make one.
        match receipt.detail.as_ref().and_then(|detail| detail.value.as_ref()) {
            Some(reached) => write_value(out, reached),
            None => write_value(out, &receipt.value(program).unwrap_or(Value::Null)),
        }
    }
    put(out, ",\"span\":");
    match receipt.span {
        Some(span) => {
            put(out, "[");
            whole(out, u64::from(span.start));
            put(out, ",");
            whole(out, u64::from(span.end));
            put(out, "]");
        }
        None => put(out, "null"),
    }
    put(out, ",\"gas\":{");
    for layer in GasLayer::ALL {
        quoted(out, layer.name());
        put(out, ":");
        whole(out, receipt.gas[layer]);
        put(out, ",");
    }
    put(out, "\"cost\":");
    whole(out, receipt.cost);
    put(out, "},\"mana\":");
    whole(out, receipt.mana);
    put(out, ",\"duration_us\":");
    match duration_us {
        Some(duration) => write_number(out, duration),
        None => put(out, "null"),
    }
    put(out, ",\"log\":[");
    let mut mark = "";
    for line in receipt.log() {
        put(out, mark);
        write_text(out, line);
        mark = ",";
    }
    put(out, "],\"version\":");
    whole(out, receipt.version);
    put(out, "}");
}

/// A value as JSON: a trust vector as an object, a DID as a string, numbers as [`write_number`] has them.
pub fn value_json(given: &Value) -> String {
    let mut out = Vec::new();
    write_value(&mut out, given);
    // Made of texts and ASCII only.
    String::from_utf8(out).unwrap_or_default()
}

/// Appends a value as JSON.
pub fn write_value(out: &mut Vec<u8>, given: &Value) {
    match given {
        Value::Null => put(out, "null"),
        Value::Number(x) => write_number(out, *x),
        Value::Bool(true) => put(out, "true"),
        Value::Bool(false) => put(out, "false"),
        Value::Text(s) => write_text(out, s),
        // Well-formed: nothing in it needs an escape.
        Value::Did(s) => quoted(out, s),
        Value::Trust(trust) => {
            let mut mark = "{";
            for (name, x) in TrustVector::NAMES.iter().zip(trust.0) {
                put(out, mark);
                quoted(out, name);
                put(out, ":");
                write_number(out, x);
                mark = ",";
            }
            put(out, "}");
        }
        Value::Array(items) => {
            put(out, "[");
            let mut mark = "";
            for item in items {
                put(out, mark);
                write_value(out, item);
                mark = ",";
            }
            put(out, "]");
        }
    }
}

#[inline]
fn put(out: &mut Vec<u8>, plain: &str) {
    out.extend_from_slice(plain.as_bytes());
}

/// For text that is known to need no escape.
fn quoted(out: &mut Vec<u8>, plain: &str) {
    put(out, "\"");
    put(out, plain);
    put(out, "\"");
}

fn whole(out: &mut Vec<u8>, x: impl itoa::Integer) {
    put(out, itoa::Buffer::new().format(x));
}

/// Appends a number: whole ones without fraction, -0 as 0, the others in the shortest form that reads back the same, and
/// what JSON lacks as `"NaN"`, `"Infinity"`, `"-Infinity"`.
pub fn write_number(out: &mut Vec<u8>, x: f64) {
    // From here on doubles are printed with an exponent, as most readers of JSON print them too.
    const LARGE: f64 = 1e21;
    const SMALL: f64 = 9_007_199_254_740_992.0;
    if x.is_nan() {
        put(out, "\"NaN\"");
    } else if x.is_infinite() {
        put(out, if x > 0.0 { "\"Infinity\"" } else { "\"-Infinity\"" });
    } else if x.trunc() == x && x.abs() <= SMALL {
        whole(out, x as i64);
    } else if x.trunc() == x && x.abs() < LARGE {
        whole(out, x as i128);
    } else {
        put(out, zmij::Buffer::new().format_finite(x));
    }
}

/// Appends a text as a JSON string.
pub fn write_text(out: &mut Vec<u8>, given: &str) {
    put(out, "\"");
    let mut rest = given;
    while let Some(at) = rest.bytes().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)) {
        let (plain, from) = rest.split_at_checked(at).unwrap_or((rest, ""));
        put(out, plain);
        let mut chars = from.chars();
        match chars.next() {
            Some('"') => put(out, "\\\""),
            Some('\\') => put(out, "\\\\"),
            Some('\n') => put(out, "\\n"),
            Some('\r') => put(out, "\\r"),
            Some('\t') => put(out, "\\t"),
            Some(control) => {
                put(out, "\\u00");
                let code = u32::from(control);
                for nibble in [code >> 4, code & 15] {
                    out.push(char::from_digit(nibble, 16).map_or(b'0', |digit| digit as u8));
                }
            }
            None => {}
        }
        rest = chars.as_str();
    }
    put(out, rest);
    put(out, "\"");
}
