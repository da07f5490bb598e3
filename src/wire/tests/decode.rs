//! Lines of JSON, each with what comes of it.

use super::*;
use crate::kernel::fault::Fault;
use crate::wire::decode_or_faulty;

fn check(inputs: &str, cases: &[(&str, &str)]) {
    for (json, want) in cases {
        assert_eq!(decoded(inputs, false, json.as_bytes()), *want, "{inputs} <- {json}");
    }
}

#[test]
fn scalars_by_their_types() {
    let cases = [
        (r#"{"n":1,"b":true,"s":"x","d":"did:a:b"}"#, r#"1 true "x" did:a:b"#),
        (" { \"d\" :\t\"did:a:b\" , \"s\":\"\", \"b\":false,\"n\":-2.5e3 }\r\n", r#"-2500 false "" did:a:b"#),
        ("{}", "- - - -"),
        (r#"{"n":null,"b":null,"s":null,"d":null}"#, "null null null null"),
        (r#"{"n":"1","b":0,"s":1,"d":"alice"}"#, "!TypeMismatch !TypeMismatch !TypeMismatch !TypeMismatch"),
        (
            r#"{"n":[1],"b":{},"s":["x"],"d":{"did":"did:a:b"}}"#,
            "!TypeMismatch !TypeMismatch !TypeMismatch !TypeMismatch",
        ),
        (r#"{"n":true,"b":1,"s":false,"d":true}"#, "!TypeMismatch !TypeMismatch !TypeMismatch !TypeMismatch"),
        // Not finite: the machine's to refuse, as from Rust.
        (r#"{"n":1e999,"b":true}"#, "inf true - -"),
        (r#"{"n":-1e999}"#, "-inf - - -"),
        (r#"{"n":-0}"#, "-0 - - -"),
        (r#"{"n":9007199254740993}"#, "9007199254740992 - - -"),
        (r#"{"n":0.1}"#, "0.1 - - -"),
        (r#"{"n":5e-324}"#, &5e-324f64.to_string()),
    ]
    .map(|(json, want)| {
        (json, if json.contains("5e-324") { format!("{want} - - -") } else { want.to_owned() })
    });
    for (json, want) in &cases {
        assert_eq!(decoded("n: number, b: bool, s: string, d: did", false, json.as_bytes()), *want, "{json}");
    }
}

#[test]
fn what_is_no_json_object_is_no_request() {
    let lines: &[&[u8]] = &[
        b"",
        b" ",
        b"null",
        b"1",
        b"\"x\"",
        b"[]",
        b"[{}]",
        b"{",
        b"}",
        b"{}}",
        b"{} {}",
        b"{}x",
        b"{,}",
        b"{\"n\"}",
        b"{\"n\":}",
        b"{\"n\":1,}",
        b"{\"n\" 1}",
        b"{n:1}",
        b"{'n':1}",
        b"{\"n\":1 \"b\":true}",
        b"{\"n\":01}",
        b"{\"n\":1.}",
        b"{\"n\":.5}",
        b"{\"n\":+1}",
        b"{\"n\":1e}",
        b"{\"n\":1e+}",
        b"{\"n\":-}",
        b"{\"n\":0x1}",
        b"{\"n\":NaN}",
        b"{\"n\":Infinity}",
        b"{\"n\":-Infinity}",
        b"{\"n\":truex}",
        b"{\"n\":nul}",
        b"{\"s\":\"a\nb\"}",
        b"{\"s\":\"\\x\"}",
        b"{\"s\":\"\\u12g4\"}",
        b"{\"s\":\"\\u12\"}",
        b"{\"s\":\"",
        b"{\"s\":\"\\",
        b"{\"z\":[1,2}",
        b"{\"z\":{\"a\":1]}",
        b"{\"z\":[,]}",
        b"{\"z\":[1,]}",
        b"{\"z\":{\"a\":1,}}",
        b"{\"s\":\"\xff\"}",
        b"\xef\xbb\xbf{}",
        b"{\"n\":1/**/}",
        b"{\"n\":1}//",
        b"{\"\x01\":1}",
        b"{\"t\":[0,0,0,0,0,0}",
        b"{\"a\":[1",
        b"{\"a\":[1,",
        b"{\"t\":{\"r\":}}",
    ];
    for line in lines {
        let shown = String::from_utf8_lossy(line);
        assert_eq!(
            decoded("n: number, s: string, t: trust, a: [number]", false, line),
            "line !TypeMismatch",
            "{shown}"
        );
    }
}

#[test]
fn texts() {
    check(
        "s: string",
        &[
            (r#"{"s":"a\"b\\c\/d\b\f\n\r\t"}"#, r#""a\"b\\c/d\u{8}\u{c}\n\r\t""#),
            (r#"{"s":"\u0041\u00e4\u20AC\ud83d\uDE00"}"#, "\"Aä€😀\""),
            ("{\"s\":\"ä€😀\u{7f}\"}", "\"ä€😀\\u{7f}\""),
            (r#"{"s":"\u0000"}"#, r#""\0""#),
            // Half a pair is JSON, but no text.
            (r#"{"s":"\ud83d"}"#, "!TypeMismatch"),
            (r#"{"s":"\ude00\ud83d"}"#, "!TypeMismatch"),
            (r#"{"s":"\ud83d\ud83d\ude00"}"#, "!TypeMismatch"),
            (r#"{"s":"\ud83dx"}"#, "!TypeMismatch"),
            (r#"{"s":"\ud83d\n"}"#, "!TypeMismatch"),
            (r#"{"\u0073":"x"}"#, "\"x\""),
            (r#"{"\ud83d":"x"}"#, "- ?"),
        ],
    );
}

#[test]
fn trust_vectors() {
    let t = "<0 0.1 0.2 0.3 0.4 1>";
    check(
        "t: trust",
        &[
            (r#"{"t":[0,0.1,0.2,0.3,0.4,1]}"#, t),
            (r#"{"t":{"r":0,"i":0.1,"c":0.2,"p":0.3,"v":0.4,"omega":1}}"#, t),
            (r#"{"t":{"omega":1,"v":0.4,"p":0.3,"c":0.2,"i":0.1,"\u0072":0}}"#, t),
            // Out of range is the machine's to refuse; with a wrong type it is a wrong type.
            (r#"{"t":[0,0,0,0,0,2]}"#, "<0 0 0 0 0 2>"),
            (r#"{"t":[0,0,0,0,0,1e999]}"#, "<0 0 0 0 0 inf>"),
            (r#"{"t":[2,0,0,0,0,"1"]}"#, "!TypeMismatch"),
            (r#"{"t":[0,0,0,0,0]}"#, "!TypeMismatch"),
            (r#"{"t":[0,0,0,0,0,0,0]}"#, "!TypeMismatch"),
            (r#"{"t":[0,0,0,0,0,0,0,0,0]}"#, "!TypeMismatch"),
            (r#"{"t":[]}"#, "!TypeMismatch"),
            (r#"{"t":{}}"#, "!TypeMismatch"),
            (r#"{"t":[0,0,0,0,0,null]}"#, "!TypeMismatch"),
            (r#"{"t":[[0],0,0,0,0,{}]}"#, "!TypeMismatch"),
            (r#"{"t":{"r":0,"i":0,"c":0,"p":0,"v":0}}"#, "!TypeMismatch"),
            (r#"{"t":{"r":0,"i":0,"c":0,"p":0,"v":0,"omega":0,"x":0}}"#, "!TypeMismatch"),
            (r#"{"t":{"r":0,"r":0,"i":0,"c":0,"p":0,"v":0,"omega":0}}"#, "!TypeMismatch"),
            (r#"{"t":{"r":0,"i":0,"c":0,"p":0,"v":0,"Omega":0}}"#, "!TypeMismatch"),
            (r#"{"t":{"r":null,"i":0,"c":0,"p":0,"v":0,"omega":0}}"#, "!TypeMismatch"),
            (r#"{"t":0.5}"#, "!TypeMismatch"),
        ],
    );
}

#[test]
fn arrays_and_optionals() {
    check(
        "a: [number?]?, b: [[string]], c: [trust], d: [did]?",
        &[
            (
                r#"{"a":[1,null,2],"b":[["x"],[],["y","z"]],"c":[[0,0,0,0,0,0]],"d":["did:a:b"]}"#,
                r#"[1 null 2] [["x"] [] ["y" "z"]] [<0 0 0 0 0 0>] [did:a:b]"#,
            ),
            (r#"{"a":[],"b":[],"c":[],"d":[]}"#, "[] [] [] []"),
            (r#"{"a":null,"b":null,"c":null,"d":null}"#, "null null null null"),
            (
                r#"{"a":1,"b":{},"c":"x","d":"did:a:b"}"#,
                "!TypeMismatch !TypeMismatch !TypeMismatch !TypeMismatch",
            ),
            // A wrong element stays where it stands.
            (
                r#"{"a":[1,"x"],"b":[["x",1]],"c":[null],"d":["d"]}"#,
                r#"[1 !TypeMismatch] [["x" !TypeMismatch]] [null] [!TypeMismatch]"#,
            ),
            (r#"{"a":[[1]],"b":["x"]}"#, "[!TypeMismatch] [!TypeMismatch] - -"),
        ],
    );
}

#[test]
fn keys_given_twice_are_wrong_where_they_stand() {
    check(
        "a: number, b: number",
        &[
            (r#"{"a":1,"a":1}"#, "!TypeMismatch -"),
            (r#"{"b":1,"a":1,"b":[{"x":[]}],"b":3}"#, "1 !TypeMismatch"),
            (r#"{"a":1,"\u0061":1}"#, "!TypeMismatch -"),
            (r#"{"a":null,"a":null}"#, "!TypeMismatch -"),
            (r#"{"caller":"did:a:b","caller":"did:a:b"}"#, "- - @caller=!TypeMismatch"),
            (r#"{"realm":"x","realm":"x"}"#, "- - @realm=!TypeMismatch"),
            (r#"{"trust":[0,0,0,0,0,0],"trust":0}"#, "- - @trust=!TypeMismatch"),
            (r#"{"z":1,"z":1}"#, "- - ?"),
        ],
    );
}

#[test]
fn standard_inputs() {
    check(
        "a: number",
        &[
            (
                r#"{"caller":"did:a:b","realm":"lab","trust":[0,0,0,0,0,0]}"#,
                r#"- @caller=did:a:b @realm="lab" @trust=<0 0 0 0 0 0>"#,
            ),
            (r#"{"caller":null,"realm":null,"trust":null}"#, "- @caller=null @realm=null @trust=null"),
            (
                r#"{"caller":"x","realm":1,"trust":true}"#,
                "- @caller=!TypeMismatch @realm=!TypeMismatch @trust=!TypeMismatch",
            ),
            (r#"{"now":1}"#, "- ?"),
            (r#"{"requester":"did:a:b"}"#, "- ?"),
            (r#"{"A":1}"#, "- ?"),
            (r#"{"":1}"#, "- ?"),
        ],
    );
    assert_eq!(decoded("", true, br#"{"trust":[0,0,0,0,0,0]}"#), "?", "the host's is the truth");
    assert_eq!(decoded("", true, br#"{"trust":[0,0}"#), "line !TypeMismatch", "unknown, but it must be JSON");
    // A parameter hides the standard input of its name.
    check(
        "trust: number, caller: bool, now: number, realm: did",
        &[(r#"{"trust":1,"caller":true,"now":2,"realm":"did:a:b"}"#, "1 true 2 did:a:b")],
    );
    assert_eq!(decoded("trust: number", true, br#"{"trust":1}"#), "1");
}

#[test]
fn keys_override_flags() {
    let (bump, schema) = (Bump::new(), Schema::new(&program(""), true));
    let flags = Defaults::new(Some(did("did:flag:c")), Some("flag"));
    for (json, want) in [
        ("{}", r#"@caller=did:flag:c @realm="flag""#),
        (r#"{"caller":"did:a:b"}"#, r#"@caller=did:a:b @realm="flag""#),
        (r#"{"realm":""}"#, r#"@caller=did:flag:c @realm="""#),
        (r#"{"caller":"x","realm":null}"#, "@caller=!TypeMismatch @realm=null"),
    ] {
        let request = decode_line(&schema, json.as_bytes(), &bump, flags).unwrap();
        assert_eq!(show_request(&request), want, "{json}");
    }
}

#[test]
fn a_line_that_is_no_json_faults_in_every_input() {
    let bump = Bump::new();
    for (inputs, want) in
        [("", "@caller=!TypeMismatch"), ("a: number?", "!TypeMismatch @caller=!TypeMismatch")]
    {
        let schema = Schema::new(&program(inputs), false);
        let request = decode_or_faulty(&schema, b"{", &bump, Defaults::default());
        assert_eq!(show_request(&request), want);
    }
    assert_eq!(
        decode_line(&Schema::new(&program(""), false), b"{", &bump, Defaults::default()).err(),
        Some(Fault::TypeMismatch)
    );
}
