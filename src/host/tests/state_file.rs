//! Files that are wrong, with what is said of them; files that say little.

use super::*;
use crate::kernel::host::{EntryPolicy, HostInterface};

#[test]
fn what_may_be_left_out() {
    for file in
        ["{}", r#"{"identities":{}}"#, r#"{"realms":{}}"#, " { \"identities\" : { } , \"realms\" : { } } \n"]
    {
        assert_eq!(World::from_json(file.as_bytes()).unwrap().identity_count(), 0, "{file}");
    }
    let world = World::from_json(FILE.as_bytes()).unwrap();
    assert_eq!(world.identity_count(), 3);
    assert_eq!(world.realm("lab").and_then(|lab| lab.name.as_deref()), Some("The lab"));
    assert_eq!(world.realm("lab").and_then(|lab| lab.owner.as_deref()), Some("did:x:alice"));
}

#[test]
fn what_is_wrong_is_named() {
    let identity = |inner: &str| format!(r#"{{"identities":{{"did:x:a":{inner}}}}}"#);
    let realm = |inner: &str| format!(r#"{{"realms":{{"lab":{inner}}}}}"#);
    for (file, path, message) in [
        (String::new(), "", "EOF"),
        ("[]".into(), "", "expected an object"),
        ("[{},{}]".into(), "", "expected an object"),
        ("{} {}".into(), "", "trailing"),
        (r#"{"identity":{}}"#.into(), "identity", "unknown field `identity`"),
        (r#"{"identities":{},"identities":{}}"#.into(), "", "duplicate field `identities`"),
        (r#"{"identities":[]}"#.into(), "identities", "an object"),
        (r#"{"identities":{"alice":{}}}"#.into(), "identities.alice", "`alice` is not a DID"),
        (r#"{"identities":{"did:x:a":{},"did:x:a":{}}}"#.into(), "identities", "`did:x:a` is given twice"),
        (identity("[]"), "identities.did:x:a", "expected an object"),
        (identity(r#"{"name":"A"}"#), "identities.did:x:a.name", "unknown field `name`"),
        (identity(r#"{"trust":[0,0,0,0,0]}"#), "identities.did:x:a.trust", "invalid length 5"),
        (identity(r#"{"trust":[0,0,0,0,0,0,0]}"#), "identities.did:x:a.trust", "trailing"),
        (identity(r#"{"trust":[0,0,0,0,0,"0"]}"#), "identities.did:x:a.trust[5]", "expected f64"),
        (identity(r#"{"trust":[0,0,0,0,0,1.01]}"#), "identities.did:x:a.trust", "from 0 to 1"),
        (identity(r#"{"trust":[0,0,0,0,0,-0.01]}"#), "identities.did:x:a.trust", "from 0 to 1"),
        (identity(r#"{"trust":[0,0,0,0,0,1e999]}"#), "identities.did:x:a.trust[5]", "out of range"),
        (identity(r#"{"balance":"1"}"#), "identities.did:x:a.balance", "must be a number"),
        (identity(r#"{"balance":1.5}"#), "identities.did:x:a.balance", "whole number"),
        (identity(r#"{"balance":1e-1}"#), "identities.did:x:a.balance", "whole number"),
        (identity(r#"{"credentials":["x",1]}"#), "identities.did:x:a.credentials[1]", "string"),
        (
            identity(r#"{"trust":[0,0,0,0,0,0],"trust":[0,0,0,0,0,0]}"#),
            "identities.did:x:a",
            "duplicate field `trust`",
        ),
        (realm(r#"{"members":["did:x:a","bob"]}"#), "realms.lab.members[1]", "`bob` is not a DID"),
        (realm(r#"{"owner":"bob"}"#), "realms.lab.owner", "`bob` is not a DID"),
        (realm(r#"{"trust_threshold":null}"#), "realms.lab.trust_threshold", "expected f64"),
        (realm(r#"{"trust_threshold":-1e999}"#), "realms.lab.trust_threshold", "out of range"),
        (realm(r#"{"quarantined":1}"#), "realms.lab.quarantined", "boolean"),
        (realm(r#"{"store":{"k":null}}"#), "realms.lab.store.k", "a string, a number or a bool"),
        (realm(r#"{"store":{"k":[1]}}"#), "realms.lab.store.k", "a string, a number or a bool"),
        (realm(r#"{"store":{"k":1,"k":2}}"#), "realms.lab.store", "`k` is given twice"),
        (realm(&format!(r#"{{"store":{{"k":"{}"}}}}"#, "x".repeat(65_537))), "realms.lab.store.k", "64 KiB"),
        (realm(r#"{"policies":{"entry":1}}"#), "realms.lab.policies.entry", "string"),
        (realm(r#"{"policies":{"entry":"1 +"}}"#), "realms.lab.policies.entry", "does not compile"),
        (
            realm(r#"{"policies":{"entry":"true","other":"1 +"}}"#),
            "realms.lab.policies.other",
            "does not compile",
        ),
        (r#"{"realms":{"a":{},"a":{}}}"#.into(), "realms", "`a` is given twice"),
    ] {
        let error = World::from_json(file.as_bytes()).unwrap_err();
        assert_eq!(error.path, path, "{file}: {error}");
        assert!(error.message.contains(message), "{file}: {error}");
        assert_eq!(error.policy.is_some(), message.contains("compile"), "{file}");
    }
    let invalid = World::from_json(b"{\"realms\":{\"\xff\":{}}}").unwrap_err();
    assert!(invalid.to_string().contains("unicode"), "{invalid}");
}

#[test]
fn of_several_policies_entry_runs_else_main() {
    for (source, want) in [
        ("policy door { require true; }", Ok("door")),
        ("policy main { require true; } policy entry { require true; }", Ok("entry")),
        ("policy main { require true; } policy other { require true; }", Ok("main")),
        ("policy one { require true; } policy other { require true; }", Err("several policies")),
    ] {
        let file = format!(r#"{{"realms":{{"lab":{{"policies":{{"entry":"{source}","later":"true"}}}}}}}}"#);
        match (World::from_json(file.as_bytes()), want) {
            (Ok(world), Ok(name)) => match StateHost::new(Arc::new(world)).entry_policy("lab").unwrap() {
                EntryPolicy::Program(program) => {
                    assert_eq!(program.program().name.as_ref(), name, "{source}")
                }
                _ => panic!("no entry policy: {source}"),
            },
            (Err(error), Err(message)) => {
                assert_eq!(error.path, "realms.lab.policies.entry");
                assert!(error.message.contains(message), "{error}");
            }
            (got, _) => panic!("{source}: {got:?}"),
        }
    }
}

#[test]
fn nesting_without_end_is_an_error() {
    for open in ["[", "{\"a\":", "{\"identities\":", "{\"realms\":{\"a\":{\"store\":{\"a\":["] {
        assert!(World::from_json(open.repeat(100_000).as_bytes()).is_err());
    }
}

#[test]
fn balances_are_exact() {
    for (written, want) in [
        ("0", 0),
        ("-0", 0),
        ("0.0e5", 0),
        ("7", 7),
        ("-7", -7),
        ("1e3", 1_000),
        ("1.5e1", 15),
        ("1500e-2", 15),
        ("100.000", 100),
        ("9007199254740993", 9_007_199_254_740_993),
        ("123456789012345678901234567890", 123_456_789_012_345_678_901_234_567_890),
        ("-170141183460469231731687303715884105728", i128::MIN),
        // Whole and beyond: as large as can be, which faults all the same when it is read.
        ("1e400", i128::MAX),
        ("-1e400", i128::MIN),
        ("1e99999999999999999999", i128::MAX),
        ("999999999999999999999999999999999999999999", i128::MAX),
    ] {
        let file = format!(r#"{{"identities":{{"did:x:a":{{"balance": {written} }}}}}}"#);
        let world = World::from_json(file.as_bytes()).unwrap();
        assert_eq!(StateHost::new(Arc::new(world)).balance("did:x:a").unwrap(), want, "{written}");
    }
    for fraction in ["0.5", "1e-1", "15e-1", "1.05e1", "1e-99999999999999999999"] {
        let file = format!(r#"{{"identities":{{"did:x:a":{{"balance":{fraction}}}}}}}"#);
        assert!(World::from_json(file.as_bytes()).is_err(), "{fraction}");
    }
}
