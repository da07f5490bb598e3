//! Wrong policies as people write them who know Rego, Cedar, CEL, JavaScript or Python, or who slip; and what the compiler
//! says of each: `tests/messages.txt`, which `UPDATE_DOCS=1 cargo test -p eclvm --test messages` rewrites. It is read by
//! people: whoever changes a message looks at all of them.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a test")]

use eclvm::Module;
use eclvm::lang::diagnostic::Diagnostic;
use eclvm::policy::CompileError;
use std::fmt::Write;
use std::path::Path;

#[rustfmt::skip]
const SOURCES: &[&str] = &[
    r#"package authz

default allow = false

allow {
  input.user == "alice"
}"#,
    r#"policy p { allow := true; return allow; }"#,
    r#"policy p(roles: [string]) { return roles[_] == "admin"; }"#,
    r#"policy p { not is_member(caller) }"#,
    r#"policy p(user: string) { return input.user == user; }"#,
    r#"policy p(roles: [string]) { return "admin" in roles and now > 5; }"#,
    r#"permit(principal, action, resource);"#,
    r#"permit (principal == User::"alice", action, resource) when { resource.owner == principal };"#,
    r#"policy p(role: string) { return role like "adm*"; }"#,
    r#"policy p(tags: [string]) { return tags.contains("x"); }"#,
    r#"forbid unless { trust.r > 0.5 }"#,
    r#"has(caller.name) && size(roles) > 0"#,
    r#"roles.exists(r, r == "admin")"#,
    r#"timestamp(now) > 5"#,
    r#"'admin' in roles"#,
    r#"name.startsWith("a")"#,
    r#"name.matches("^a.*")"#,
    r#"policy p(x: number) { if (x === 5) return true; return false; }"#,
    r#"policy p(xs: [number]) { return xs.length > 3; }"#,
    r#"policy p(xs: [number]) { for (let i = 0; i < 3; i++) { require xs[i] > 0; } }"#,
    r#"const limit = 5
policy p(x: number) { return x < limit; }"#,
    r#"function f(x) { return x > 1; }
policy p { return f(now); }"#,
    r#"policy p(x: number) { let y = x > 5 ? 'big' : 'small'; return y == "big"; }"#,
    r#"policy p(x: number) { var y = x; y += 1; return y > 2; }"#,
    r#"policy p(x: number) { return x != undefined; }"#,
    r#"policy p(x: number) { let y = x++; return y > 1; }"#,
    r#"policy p(name: string) { return `hi ${name}` == "hi"; }"#,
    r#"policy p(x: number?) { return x?.r > 1; }"#,
    r#"policy p(xs: [number]) { return xs.some(x => x > 1); }"#,
    r#"policy p(x: number) { try { return x > 1; } catch (e) { return false; } }"#,
    r#"policy p(x: number) { return !!x; }"#,
    r#"policy p(x: number) { return x == "5"; }"#,
    r#"def p(x):
    return x > 5"#,
    r#"policy p(x: int) { return x > 5; }"#,
    r#"policy p(x: number) { if x > 5: return True }"#,
    r#"policy p(x: number) { return x > 5 or x is None; }"#,
    r#"policy p(xs: [number]) { return len(xs) > 3; }"#,
    r#"policy p(xs: [number]) { return all(x > 1 for x in xs); }"#,
    r#"policy p(x: number) { # comment
 return x > 5; }"#,
    r#"policy p(x: number) { return 1 < x < 5; }"#,
    r#"policy p(x: string) { return x == 'a'; }"#,
    r#"policy p(x: str, y: List[int]) { return y[0] > 1; }"#,
    r#"policy p(x: number) { return x > 5 if now > 3 else false; }"#,
    r#"policy p(x: number) { while (x < 5) { x = x + 1; } return true; }"#,
    r#"policy p(amount: number) { let rate = ; return rate > 1 && rate < 5 && amount > rate; }"#,
    r#"policy p(amount: number) { let big = amount > ; require big; return big; }"#,
    r#"const LIMIT = ;
policy p(x: number) { return x < LIMIT || x > LIMIT; }"#,
    r#"fn ok(x: number) -> { return x > 1; }
policy p { return ok(1) || ok(2); }"#,
    r#"policy p { require trust.reliability > 0.5; }"#,
    r#"policy p { require trust > 0.5; }"#,
    r#"policy p(x: number) { require x > 5 "too small"; }"#,
    r#"policy p { return has_credential("kyc"); }"#,
    r#"policy p { return has_credential(caller, kyc); }"#,
    r#"policy p { return caller == "did:erynoa:self:alice"; }"#,
    r#"policy p { return get_balance(caller) > 1,000; }"#,
    r#"policy p { allow; }"#,
    r#"policy p { return allow }"#,
    r#"policy p(x: number) { return x in 1..5; }"#,
    r#"policy p(x: number) { return x > 5; };"#,
    r#"policy p(x: number) { let y: number = null; return y > x; }"#,
    r#"policy p { return store_get("k") == "v" && store_get_number("n") > 5; }"#,
    r#"policy transfer(amount: number, to: did) { require amout > 0; return amout < 10; }"#,
    r#"policy p(x: number) { if x > 5 { return true } else { return false } }"#,
    r#"policy p(xs: [number]) { for x in xs do { } }"#,
    r#"policy p(x: number) { return x ** 2 > 5; }"#,
    r#"policy p(x: number) { return x > 5 && ; }"#,
    r#"policy p(s: string) { return s.len() > 3; }"#,
    r#"policy p(s: string) { return s[0] == "a"; }"#,
    r#"policy p(s: string) { return s + 1 == "a1"; }"#,
    r#"policy p(s: string) { return s > "a"; }"#,
    r#"policy p { return is_member(True); }"#,
    r#"policy p(a: bool) { return a == True; }"#,
    r#"policy p() { return principal == caller; }"#,
    r#"policy p { let x = 1; const A = 1; const A = 2; return A == x; }"#,
    r#"policy p(s: string) { return s.length > 3 && s.contains("x"); }"#,
    r#"policy p(to: did) { return has_credential("did:erynoa:self:a", "kyc") && to == caller; }"#,
];

fn diagnostics(source: &str) -> Vec<Diagnostic> {
    match Module::compile(source) {
        Ok(module) => module.warnings().to_vec(),
        Err(CompileError::Source(diagnostics)) => diagnostics,
        Err(error) => panic!("{source}: {error}"),
    }
}

#[test]
fn messages_for_wrong_policies() {
    let mut found = String::new();
    for source in SOURCES {
        for line in source.lines() {
            writeln!(found, "    {line}").unwrap();
        }
        for d in diagnostics(source) {
            let words = source.get(d.span.start as usize..d.span.end as usize).unwrap().replace('\n', " ");
            writeln!(found, "{} `{words}`: {}", d.code, d.message).unwrap();
            if let Some(suggestion) = d.suggestion {
                writeln!(found, "      {}", suggestion.message).unwrap();
            }
        }
        found.push('\n');
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/messages.txt");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &found).unwrap();
    }
    let wanted = std::fs::read_to_string(&path).unwrap_or_default();
    for (found, wanted) in found.split("\n\n").zip(wanted.split("\n\n")) {
        assert_eq!(found, wanted);
    }
    assert_eq!(found, wanted);
}

/// Each use of a name whose declaration did not parse was one more error.
#[test]
fn a_broken_declaration_is_one_error() {
    for source in [
        "policy p(a: number) { let rate = ; return rate > 1 && rate < 5 && a > rate; }",
        "policy p { let rate = 1 +; return rate > 1 && rate < 5; }",
        "policy p { let rate: = 1; return rate > 1 && rate == \"a\"; }",
        "const LIMIT = ; policy p(x: number) { return x < LIMIT || x > LIMIT; }",
        "policy p() { const LIMIT = ; return LIMIT > 1 || LIMIT == \"a\"; }",
        "fn ok(x: number) -> { return x > 1; } policy p { return ok(1) || ok(2) == 3; }",
        "policy p(x: number) { var y = x; return y > 2 && y < 5; }",
        // What stands in the place of the name is the mistake.
        "policy p() { let 9b = 3; let c = b + 1; return c > b; }",
        "policy p() { let 1_b = 3; return _b > 2; }",
        "policy p() { let 9 b = 3; return b > 2; }",
        "policy p() { let \"b\" = 3; return b > 2; }",
        "policy p() { let $b = 3; return b > 2; }",
        "policy p() { let b$ = 3; return b > 2; }",
        "policy p() { let b@c = 3; return b > 2 && c > 1; }",
        "policy p() { let a-b = 3; return a > b; }",
        "policy p() { let b.c = 3; return b > c; }",
        "policy p() { let b c = 3; return b > 2 && c > 1; }",
        "policy p() { let b, c = 3; return b > c; }",
        "policy p() { let (b, c) = 3; return b > c; }",
        "policy p() { let mut b = 3; return b > 2; }",
        "policy p() { let b[0] = 3; return b > 2; }",
        "policy p() { let b == 3; return b > 2; }",
        "policy p() { let b: 9n = 3; return b > 2; }",
        "policy p() { let 9b = 3; b = 4; return b > 2; }",
        "policy p() { const 9b = 3; return b > 2; }",
        "const 9b = 3; policy p() { return b > 2; }",
        "policy p() { number b = 3; return b > 2; }",
        "policy p() { b := 3; return b > 2; }",
        "policy p() { b: number = 3; return b > 2; }",
        "policy p() { let rate = ; rate = 3; return rate > 1; }",
        "const 9b = 3; const C = b + 1; policy p(x: number) { return x > C; }",
        "const B = ; const C = B + 1; policy p(x: number) { return x > C; }",
        "fn 9f(x: number) -> number { return x; } const C = f(1); policy p(x: number) { return x > C; }",
        // What is declared is a function, a parameter, a loop's variable.
        "fn 9f(x: number) -> bool { return x > 1; } policy p() { return f(2) || f(3); }",
        "fn f(9x: number) -> bool { return x > 1; } policy p() { return f(2); }",
        "policy p(9x: number) { return x > 2; }",
        "policy p() { for 9i in 0..3 { if i > 2 { return false; } } }",
        "policy p() { return any(9x in [1, 2], x > 1); }",
        // Calls that do not parse.
        "policy p() { let x = f(9b); return x > 2; }",
        "policy p() { let x = did(\"a\"; return x == caller; }",
        "policy p() { let x = is_member(caller,; return x; }",
        "policy p() { let x = is_member caller; return x; }",
        "policy p() { # nothing",
    ] {
        let errors: Vec<_> = diagnostics(source).into_iter().filter(|d| d.code.starts_with('E')).collect();
        assert_eq!(errors.len(), 1, "{source}: {errors:?}");
    }
}

/// Only what may be the name of the broken declaration goes without a word; all else is still looked at.
#[test]
fn a_broken_declaration_hides_no_other_mistake() {
    for (source, codes) in [
        ("policy p() { let 9b = 3; return c > b; }", &["E0009", "E0121"][..]),
        ("policy p() { let 9b = c; return b > d; }", &["E0009", "E0121"]),
        ("policy p() { let 9b = 3; let b = true; return b > 1; }", &["E0009", "E0107"]),
        ("fn 9f(x: number) -> bool { return x >; } policy p() { return f(2); }", &["E0009", "E0001"]),
        ("policy p() { let a-b = 3; return a > q; }", &["E0001", "E0121"]),
    ] {
        let found = diagnostics(source);
        let found: Vec<_> = found.iter().map(|d| d.code).filter(|code| code.starts_with('E')).collect();
        assert_eq!(found, codes, "{source}");
    }
}

/// A thread compiles in the room that the last source left: nothing of that one shows.
#[test]
fn what_one_source_leaves_behind_does_not_show_in_the_next() {
    let told = |source: &str| match Module::compile(source) {
        Ok(module) => format!("{:?} {:?}", module.encode(), module.warnings()),
        Err(error) => format!("{error:?}"),
    };
    let sound = [
        "policy p(x: number) { return x > 1; }",
        "const A = [\"a\"]; policy q(s: string) { return s in A; }",
    ];
    let sources: Vec<&str> = SOURCES.iter().flat_map(|wrong| [*wrong, sound[0], sound[1]]).collect();
    for source in sources {
        let here = told(source);
        let alone = std::thread::scope(|scope| scope.spawn(|| told(source)).join().unwrap());
        assert_eq!(here, alone, "{source}");
    }
}
