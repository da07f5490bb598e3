//! Receipts to the byte.

use super::*;
use crate::kernel::fault::{Exhaustion, Fault, Outcome};
use crate::kernel::gas::GasUnits;
use crate::kernel::receipt::{Detail, Receipt};
use crate::kernel::span::Span;
use crate::kernel::value::{TrustVector, Value};
use crate::wire::{value_json, write_receipt};

fn receipt(outcome: Outcome) -> Receipt {
    Receipt {
        outcome,
        gas: GasUnits { network: 1, compute: 2, storage: 3, realm: 4 },
        cost: 10,
        mana: 5,
        ..Receipt::unstarted(Fault::HostError, 7)
    }
}

fn written(program: &Program, receipt: &Receipt, index: Option<u64>, duration: Option<f64>) -> String {
    let mut out = b"before".to_vec();
    write_receipt(&mut out, program, receipt, index, duration);
    let text = String::from_utf8(out).unwrap().strip_prefix("before").unwrap().to_owned();
    serde_json::from_str::<serde::de::IgnoredAny>(&text).unwrap();
    text
}

#[test]
fn every_field_in_its_place() {
    let mut program = program("");
    program.constants = vec![Value::Text("say \"no\"\n".into())];
    let gas = r#""gas":{"network":1,"compute":2,"storage":3,"realm":4,"cost":10},"mana":5"#;
    assert_eq!(
        written(&program, &receipt(Outcome::Allow), None, None),
        format!(
            r#"{{"outcome":"allow","reason":null,"value":true,"span":null,{gas},"duration_us":null,"log":[],"version":7}}"#
        ),
    );
    program.expression = false;
    let denied = Receipt {
        message: Some(0),
        span: Some(Span::new(3, 17)),
        detail: Some(Box::new(Detail { log: vec!["a".into(), "\u{1}b".into()], ..Detail::default() })),
        ..receipt(Outcome::Deny)
    };
    assert_eq!(
        written(&program, &denied, Some(12), Some(0.25)),
        format!(
            r#"{{"i":12,"outcome":"deny","reason":"say \"no\"\n","span":[3,17],{gas},"duration_us":0.25,"log":["a","\u0001b"],"version":7}}"#
        ),
    );
    assert_eq!(
        written(&program, &Receipt { message: None, ..denied }, Some(0), Some(3.0)),
        format!(
            r#"{{"i":0,"outcome":"deny","reason":null,"span":[3,17],{gas},"duration_us":3,"log":["a","\u0001b"],"version":7}}"#
        ),
    );
    for fault in Fault::ALL {
        let text = written(&program, &receipt(Outcome::Fault(*fault)), None, None);
        assert!(
            text.starts_with(&format!(r#"{{"outcome":"fault","reason":"{fault}","span":null,"#)),
            "{text}"
        );
    }
    program.expression = true;
    for reason in Exhaustion::ALL {
        let text = written(&program, &receipt(Outcome::Exhausted(*reason)), None, None);
        let want = format!(r#"{{"outcome":"exhausted","reason":"{reason}","value":null,"span":null,"#);
        assert!(text.starts_with(&want), "{text}");
    }
    let detail = Detail { value: Some(Value::Number(-0.0)), ..Detail::default() };
    let text =
        written(&program, &Receipt { detail: Some(Box::new(detail)), ..receipt(Outcome::Deny) }, None, None);
    assert!(text.starts_with(r#"{"outcome":"deny","reason":null,"value":0,"span":null,"#), "{text}");
}

#[test]
fn values() {
    let number = Value::Number;
    for (value, want) in [
        (Value::Null, "null"),
        (Value::Bool(false), "false"),
        (number(0.0), "0"),
        (number(-0.0), "0"),
        (number(100.0), "100"),
        (number(-3.0), "-3"),
        (number(0.1), "0.1"),
        (number(0.1 + 0.2), "0.30000000000000004"),
        (number(-1.5), "-1.5"),
        (number(1e-7), "1e-7"),
        (number(5e-324), "5e-324"),
        (number(1e15), "1000000000000000"),
        (number(9_007_199_254_740_992.0), "9007199254740992"),
        (number(-9_007_199_254_740_994.0), "-9007199254740994"),
        (number(1e20), "100000000000000000000"),
        (number(2f64.powi(64)), "18446744073709551616"),
        (number(-1e20), "-100000000000000000000"),
        (number(1e21), "1e+21"),
        (number(1.5e300), "1.5e+300"),
        (number(f64::MAX), "1.7976931348623157e+308"),
        (number(f64::NAN), "\"NaN\""),
        (number(-f64::NAN), "\"NaN\""),
        (number(f64::INFINITY), "\"Infinity\""),
        (number(f64::NEG_INFINITY), "\"-Infinity\""),
        (
            Value::Text("a\"b\\c/\u{7f}é😀\u{8}\u{1f}\r\t\u{0}".into()),
            "\"a\\\"b\\\\c/\u{7f}é😀\\u0008\\u001f\\r\\t\\u0000\"",
        ),
        (Value::Text("".into()), "\"\""),
        (Value::Did("did:a:b".into()), "\"did:a:b\""),
        (
            Value::Trust(TrustVector([0.0, 1.0, 0.5, 0.25, 0.1, -0.0])),
            r#"{"r":0,"i":1,"c":0.5,"p":0.25,"v":0.1,"omega":0}"#,
        ),
        (Value::Array(Box::new([])), "[]"),
        (
            Value::Array(Box::new([
                Value::Array(Box::new([number(1.0), Value::Null])),
                Value::Array(Box::new([])),
            ])),
            "[[1,null],[]]",
        ),
    ] {
        assert_eq!(value_json(&value), want);
        serde_json::from_str::<serde::de::IgnoredAny>(want).unwrap();
    }
}

#[test]
fn numbers_read_back_the_same() {
    let mut bits: u64 = 1;
    for _ in 0..200_000 {
        bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        for x in [f64::from_bits(bits), (bits >> 20) as f64, (bits % 1_000) as f64 / 8.0] {
            let text = value_json(&Value::Number(x));
            if x.is_finite() {
                assert_eq!(text.parse::<f64>().unwrap(), x, "{text}");
                assert_eq!(serde_json::from_str::<f64>(&text).unwrap(), x, "{text}");
            }
        }
    }
}
