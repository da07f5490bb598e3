//! Lines that are large on purpose: refused in bounded memory, and in time that follows their length.

use super::*;
use crate::kernel::fault::Fault;
use crate::kernel::limits::{MAX_ARRAY_ELEMENTS, MAX_TEXT_BYTES};

/// What the only input `a` becomes, shortly, and the bytes that the arena took.
fn decoded_large(ty: &str, value: &str) -> (String, usize) {
    let (bump, schema) = (Bump::new(), Schema::new(&program(&format!("a: {ty}")), false));
    let line = format!("{{\"a\":{value}}}");
    let request = decode_line(&schema, line.as_bytes(), &bump, Defaults::default()).unwrap();
    let shown = match request.inputs[0] {
        ValueRef::Array(items) => format!("array of {}", items.len()),
        ValueRef::Text(text) => format!("text of {}", text.len()),
        other => show(other),
    };
    (shown, bump.allocated_bytes())
}

fn array(element: &str, count: usize) -> String {
    format!("[{}]", vec![element; count].join(","))
}

#[test]
fn arrays_at_their_limit() {
    let max = MAX_ARRAY_ELEMENTS;
    let most = format!("array of {max}");
    let large = format!("!{}", Fault::ValueTooLarge);
    let wrong = format!("!{}", Fault::TypeMismatch);
    let with = |last: &str| format!("{},{last}]", array("1", max + 5).strip_suffix(']').unwrap());
    for (ty, value, want) in [
        ("[number]", array("1", max), most.as_str()),
        ("[number]", array("1", max + 1), &large),
        ("[number]", array("1", 20 * max), &large),
        ("[trust]", array("[0,0,0,0,0,0]", 3 * max), &large),
        (
            "[trust]",
            format!("{},[0,0,0,0,0,9]]", array("[0,0,0,0,0,0]", max).strip_suffix(']').unwrap()),
            "!DomainError",
        ),
        ("[did]", array("\"did:a:b\"", 2 * max), &large),
        // A wrong element is the fault before the size is, wherever it stands.
        ("[number]", with("null"), &wrong),
        ("[number]", with("\"x\""), &wrong),
        ("[number]", with("1e999"), &wrong),
        ("[number]", format!("[true,{}", array("1", max).trim_start_matches('[')), &wrong),
        ("[number?]", with("null"), &large),
        // Inner arrays count, and so do their elements.
        ("[[number]]", array("[1]", max / 2), &format!("array of {}", max / 2)),
        ("[[number]]", array("[1]", max / 2 + 1), &large),
        ("[[number]]", array("[]", max + 1), &large),
        ("[[number]]", format!("[{},[null]]", array("1", max + 1)), &large),
        ("[[number]]", format!("[{},[null]]", array("1", max)), &wrong),
        ("[[[number]]]", array("[[1,2],[3]]", max), &large),
    ] {
        let (shown, bytes) = decoded_large(ty, &value);
        assert_eq!(shown, want, "{ty} of {} bytes", value.len());
        assert!(bytes < 16 << 20, "{ty}: {bytes} bytes on the arena for {} of text", value.len());
    }
}

#[test]
fn texts_at_their_limit() {
    let max = MAX_TEXT_BYTES;
    for (ty, value, want) in [
        ("string", format!("\"{}\"", "x".repeat(max)), format!("text of {max}")),
        // Borrowed as it is; the machine refuses it.
        ("string", format!("\"{}\"", "x".repeat(max + 1)), format!("text of {}", max + 1)),
        ("string", format!("\"{}\"", "\\n".repeat(max)), format!("text of {max}")),
        ("string", format!("\"{}\"", "\\n".repeat(max + 1)), "!ValueTooLarge".into()),
        ("string", format!("\"{}\"", "\\n".repeat(50 * max)), "!ValueTooLarge".into()),
        ("string", format!("\"{}\\ud800\"", "\\n".repeat(max + 1)), "!TypeMismatch".into()),
        ("did", format!("\"did:a:{}\"", "x".repeat(max)), "!TypeMismatch".into()),
    ] {
        let (shown, bytes) = decoded_large(ty, &value);
        assert_eq!(shown, want, "{ty} of {} bytes", value.len());
        assert!(bytes < 1 << 20, "{bytes} bytes on the arena");
    }
}

/// A key given many times, with a large value each time, once made the arena as large as all of them together.
#[test]
fn a_key_given_again_costs_no_memory() {
    let (bump, schema) = (Bump::new(), Schema::new(&program("a: [number]"), false));
    let entry = format!("\"a\":{}", array("1", 50_000));
    let line = format!("{{{}}}", vec![entry.as_str(); 40].join(","));
    let request = decode_line(&schema, line.as_bytes(), &bump, Defaults::default()).unwrap();
    assert_eq!(show_request(&request), "!TypeMismatch");
    assert!(bump.allocated_bytes() < 8 << 20);
}

#[test]
fn deep_nesting_ends_no_stack() {
    let deep = 1_000_000;
    for (open, close) in [("[", "]"), ("{\"k\":", "}"), ("[{\"k\":", "}]")] {
        let value = format!("{}1{}", open.repeat(deep), close.repeat(deep));
        assert_eq!(decoded_large("number", &value).0, "!TypeMismatch");
        assert_eq!(decoded_large("trust", &value).0, "!TypeMismatch");
        let cut = format!("{{\"z\":{}", open.repeat(deep));
        assert_eq!(decoded("a: number", false, cut.as_bytes()), "line !TypeMismatch");
    }
    let mixed = format!("{}[[1]}}{}", "[{\"k\":".repeat(100), "}]".repeat(99));
    assert_eq!(decoded("", false, format!("{{\"z\":{mixed}}}").as_bytes()), "line !TypeMismatch");
    let ty = format!("{}number{}", "[".repeat(63), "]".repeat(63));
    let value = format!("{}1{}", "[".repeat(63), "]".repeat(63));
    assert_eq!(decoded_large(&ty, &value).0, "array of 1");
    let value = format!("{}1{}", "[".repeat(64), "]".repeat(64));
    assert!(
        decoded(&format!("a: {ty}"), false, format!("{{\"a\":{value}}}").as_bytes())
            .contains("!TypeMismatch")
    );
}
