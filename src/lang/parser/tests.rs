//! The grammar as a table of sources and trees; spans; recovery; limits; hostile sources.

use super::interner::Interner;
use super::parse;
use crate::lang::ast::*;
use crate::lang::diagnostic::{Diagnostic, Severity};
use eclvm_kernel::limits::{MAX_DIAGNOSTICS, MAX_NESTING, MAX_SOURCE_BYTES, MAX_TEXT_BYTES, MAX_TOKENS};
use eclvm_kernel::span::Span;
use std::hash::RandomState;

/// Writes trees as nested lists.
struct Shape<'a>(&'a Ast, &'a str);

impl Shape<'_> {
    fn expr(&self, id: ExprId) -> String {
        let expr = self.0.expr(id);
        match expr.kind {
            ExprKind::Number(x) => format!("{x}"),
            ExprKind::Bool(x) => format!("{x}"),
            ExprKind::Null => "null".into(),
            ExprKind::Text(id) => format!("{:?}", self.0.text(id)),
            ExprKind::Did => self.text(expr.span).into(),
            ExprKind::Name(name) => self.0.symbol(name).into(),
            ExprKind::Unary(op, x) => format!("({op:?} {})", self.expr(x)),
            ExprKind::Chain { first, links } => {
                let mut out = format!("({}", self.expr(first));
                for link in self.0.links(links) {
                    out += &format!(" {:?} {}", link.op, self.expr(link.rhs));
                }
                out + ")"
            }
            ExprKind::Ternary { cond, then, other } => {
                format!("(? {} {} {})", self.expr(cond), self.expr(then), self.expr(other))
            }
            ExprKind::Field { base, name } => format!("{}.{}", self.expr(base), self.0.symbol(name)),
            ExprKind::Index { base, index } => format!("{}[{}]", self.expr(base), self.expr(index)),
            ExprKind::Call { callee, args } => format!("{}({})", self.expr(callee), self.list(args)),
            ExprKind::Array(items) => format!("[{}]", self.list(items)),
            ExprKind::Quantifier { kind, var, over, body, .. } => {
                format!("({kind:?} {} {} {})", self.0.symbol(var), self.expr(over), self.expr(body))
            }
            ExprKind::Error => "ERROR".into(),
        }
    }
    fn text(&self, span: Span) -> &str {
        &self.1[span.start as usize..span.end as usize]
    }
    fn list(&self, range: Range) -> String {
        let items: Vec<String> = self.0.expr_list(range).iter().map(|&id| self.expr(id)).collect();
        items.join(", ")
    }
    fn block(&self, block: Block) -> String {
        let stmts: Vec<String> = self.0.block(block).iter().map(|&id| self.stmt(id)).collect();
        format!("{{{}}}", stmts.join(" "))
    }
    fn stmt(&self, id: StmtId) -> String {
        let name = |symbol| self.0.symbol(symbol);
        match self.0.stmt(id).kind {
            StmtKind::Const { name: n, value, .. } => format!("const {}={};", name(n), self.expr(value)),
            StmtKind::Let { name: n, ty, value, .. } => {
                let ty = ty.map_or(String::new(), |ty| format!(":{ty}"));
                format!("let {}{ty}={};", name(n), self.expr(value))
            }
            StmtKind::Assign { name: n, value, .. } => format!("{}={};", name(n), self.expr(value)),
            StmtKind::Require { cond, message } => {
                let message = message.map_or(String::new(), |id| format!(", {:?}", self.0.text(id)));
                format!("require {}{message};", self.expr(cond))
            }
            StmtKind::Emit { name, payload } => {
                let payload = payload.map_or(String::new(), |id| format!(", {}", self.expr(id)));
                format!("emit {:?}{payload};", self.0.text(name))
            }
            StmtKind::If { arms, otherwise } => {
                let mut out = String::new();
                for arm in self.0.arms(arms) {
                    out += &format!("if {} {} ", self.expr(arm.cond), self.block(arm.body));
                }
                out + &otherwise.map_or("-".into(), |block| self.block(block))
            }
            StmtKind::ForEach { var, over, body, .. } => {
                format!("for {} {} {}", name(var), self.expr(over), self.block(body))
            }
            StmtKind::ForRange { var, lo, hi, body, .. } => {
                format!("for {} {}..{} {}", name(var), self.expr(lo), self.expr(hi), self.block(body))
            }
            StmtKind::While { cond, body } => format!("while {} {}", self.expr(cond), self.block(body)),
            StmtKind::Break => "break;".into(),
            StmtKind::Continue => "continue;".into(),
            StmtKind::Return(value) => format!("return {};", value.map_or("-".into(), |id| self.expr(id))),
            StmtKind::Expr(value) => format!("{};", self.expr(value)),
            StmtKind::Error => "ERROR;".into(),
        }
    }
    fn item(&self, item: &Item) -> String {
        let params = |range| {
            let written: Vec<String> =
                self.0.params(range).iter().map(|p| format!("{}:{}", self.0.symbol(p.name), p.ty)).collect();
            format!("({})", written.join(", "))
        };
        let name = self.0.symbol(item.name);
        match item.kind {
            ItemKind::Const(value) => format!("const {name}={}", self.expr(value)),
            ItemKind::Fn { params: p, result, body } => {
                format!("fn {name}{}->{result}{}", params(p), self.block(body))
            }
            ItemKind::Policy { params: p, body } => {
                format!("policy {name:?}{}{}", p.map_or(String::new(), params), self.block(body))
            }
            ItemKind::Expression(value) => format!("{name} {}", self.expr(value)),
        }
    }
}

fn shape(source: &str) -> String {
    let (ast, _) = parse(source);
    let shape = Shape(&ast, source);
    let items: Vec<String> = ast.items.iter().map(|item| shape.item(item)).collect();
    items.join(" ")
}

#[track_caller]
fn sound(source: &str) -> Ast {
    let (ast, found) = parse(source);
    assert_eq!(found, [], "{}", source.get(..source.len().min(200)).unwrap_or(""));
    ast
}

#[track_caller]
fn expr(source: &str, tree: &str) {
    sound(source);
    assert_eq!(shape(source), format!("main {tree}"), "{source}");
}

#[track_caller]
fn body(source: &str, tree: &str) {
    let source = format!("policy p {{ {source} }}");
    sound(&source);
    assert_eq!(shape(&source), format!("policy \"p\"{{{tree}}}"), "{source}");
}

fn found(source: &str) -> Vec<Diagnostic> {
    parse(source).1
}

/// Codes and the text at the primary spans.
fn errors(source: &str) -> Vec<(&'static str, String)> {
    found(source)
        .iter()
        .map(|d| (d.code, source[d.span.start as usize..d.span.end as usize].to_owned()))
        .collect()
}

#[track_caller]
fn one_error(source: &str, code: &str, at: &str) {
    assert_eq!(
        errors(source),
        [(code, at.to_owned())] as [(&str, String); 1],
        "{source}: {:?}",
        found(source)
    );
}

#[track_caller]
fn in_body(source: &str, code: &str, at: &str) {
    one_error(&format!("policy p {{ {source} }}"), code, at);
}

#[test]
fn expressions() {
    expr("1", "1");
    expr("((a))", "a");
    expr("\"a\\n\"", "\"a\\n\"");
    expr("did:a:b == did(x)", "(did:a:b Eq did(x))");
    expr("[]", "[]");
    expr("[1, [2, 3,],]", "[1, [2, 3]]");
    expr("f()", "f()");
    expr("f(1, g(2,), a.r[0](x))", "f(1, g(2), a.r[0](x))");
    expr("!!-a", "(Not (Not (Neg a)))");
    expr("-a.r", "(Neg a.r)");
    expr("any(x in xs, x > 1) && all(y in ys, true,)", "((Any x xs (x Gt 1)) And (All y ys true))");
    expr("count(x in a ?? [], x == null)", "(Count x (a Coalesce []) (x Eq null))");
    expr("any(x in a in b, x)", "(Any x (a In b) x)");
}

#[test]
fn one_chain_per_level() {
    expr("a ?? b ?? c", "(a Coalesce b Coalesce c)");
    expr("a || b && c || d", "(a Or (b And c) Or d)");
    expr("a == b != c", "(a Eq b Ne c)");
    expr("a < b <= c > d >= e in f", "(a Lt b Le c Gt d Ge e In f)");
    expr("a == b < c", "(a Eq (b Lt c))");
    expr("a + b - c * d / e % f + g", "(a Add b Sub (c Mul d Div e Rem f) Add g)");
    expr("a - (b - c)", "(a Sub (b Sub c))");
    expr(
        "a ?? b || c && d == e < f + g * -h",
        "(a Coalesce (b Or (c And (d Eq (e Lt (f Add (g Mul (Neg h))))))))",
    );
    expr("a * b + c < d == e && f || g ?? h", "(((((((a Mul b) Add c) Lt d) Eq e) And f) Or g) Coalesce h)");
}

#[test]
fn ternaries_are_right_associative() {
    expr("a ? b : c ? d : e", "(? a b (? c d e))");
    expr("a ? b ? c : d : e", "(? a (? b c d) e)");
    expr("a ?? b ? c : d", "(? (a Coalesce b) c d)");
    expr("a ? did : b", "(? a did b)");
    expr("a ? b : did:x:y", "(? a b did:x:y)");
    expr("a?b:c", "(? a b c)");
    expr("a ? -1 : [2][0]", "(? a (Neg 1) [2][0])");
}

#[test]
fn statements() {
    body("", "");
    body("const a = 1; let b = a; let c: [number?]? = null;", "const a=1; let b=a; let c:[number?]?=null;");
    body("a = b == c; a == b; a; f(a); (a); 1; -a;", "a=(b Eq c); (a Eq b); a; f(a); a; 1; (Neg a);");
    body("a.r; a[0]; a + b; a ? b : c; a ?? b;", "a.r; a[0]; (a Add b); (? a b c); (a Coalesce b);");
    body("require a; require a, \"m\";", "require a; require a, \"m\";");
    body("emit \"e\"; emit \"e\", [a];", "emit \"e\"; emit \"e\", [a];");
    body("return; return a;", "return -; return a;");
    body("if a {} if (a) { b; } else { c; }", "if a {} - if a {b;} {c;}");
    body("if a {} else if b {} else if c {} else { d; }", "if a {} if b {} if c {} {d;}");
    body("if a { if b {} else {} } else { if c {} }", "if a {if b {} {}} {if c {} -}");
    body("for x in xs { break; } for i in 0..n { continue; }", "for x xs {break;} for i 0..n {continue;}");
    body("for i in (a + 1)..f(b) - 1 {}", "for i (a Add 1)..(f(b) Sub 1) {}");
    body("while a < b { a = a + 1; }", "while (a Lt b) {a=(a Add 1);}");
    body(
        "let t: trust? = x; let d: did = y; let s: string = z; let b: [[bool]] = w;",
        "let t:trust?=x; let d:did=y; let s:string=z; let b:[[bool]]=w;",
    );
}

#[test]
fn items() {
    sound("policy p { }");
    let source = "const A = 1; fn f(x: number, y: [did?],) -> bool? { return null; } policy p {} policy \"a b\\n\" (x: trust?) { return; } policy q() {}";
    sound(source);
    assert_eq!(
        shape(source),
        "const A=1 fn f(x:number, y:[did?])->bool?{return null;} policy \"p\"{} \
         policy \"a b\\n\"(x:trust?){return -;} policy \"q\"(){}"
    );
}

#[test]
fn equal_names_are_one_symbol() {
    let ast = sound("policy p { a; b; a; } policy \"a\" {}");
    assert_eq!(ast.symbols.iter().collect::<Vec<_>>(), ["p", "a", "b"]);
}

/// All spans of expressions of a kind, as text.
fn spans(source: &str, wanted: fn(&ExprKind) -> bool) -> Vec<String> {
    let ast = sound(source);
    let shape = Shape(&ast, source);
    ast.exprs.iter().filter(|e| wanted(&e.kind)).map(|e| shape.text(e.span).to_owned()).collect()
}

#[test]
fn spans_leave_out_parentheses_around_but_not_inside() {
    assert_eq!(spans("((a+b)/0)", |k| matches!(k, ExprKind::Chain { .. })), ["a+b", "(a+b)/0"]);
    assert_eq!(spans("( a )", |k| matches!(k, ExprKind::Name(_))), ["a"]);
    assert_eq!(spans("(-(a))", |k| matches!(k, ExprKind::Unary(..))), ["-(a)"]);
    assert_eq!(spans("((a)) ? b : (c) // d", |k| matches!(k, ExprKind::Ternary { .. })), ["((a)) ? b : (c)"]);
    assert_eq!(spans("(f)(a, b ) .r [ 0 ]", |k| matches!(k, ExprKind::Call { .. })), ["(f)(a, b )"]);
    assert_eq!(
        spans("(f)(a, b ) .r [ 0 ]", |k| matches!(k, ExprKind::Index { .. })),
        ["(f)(a, b ) .r [ 0 ]"]
    );
    assert_eq!(
        spans("( any ( x in y, z ) )", |k| matches!(k, ExprKind::Quantifier { .. })),
        ["any ( x in y, z )"]
    );
    assert_eq!(spans("[ 1, ]", |k| matches!(k, ExprKind::Array(_))), ["[ 1, ]"]);
}

#[test]
fn links_end_behind_their_operand() {
    let source = "(a) + (b) - c * (d)";
    let ast = sound(source);
    let ends: Vec<&str> = ast.links.iter().map(|link| &source[..link.end as usize]).collect();
    assert_eq!(ends, ["(a) + (b) - c * (d)", "(a) + (b)", "(a) + (b) - c * (d)"]);
}

#[test]
fn spans_of_statements_and_items() {
    let source = "policy p { for i in (a)..(b) { } if c { } else { } x = 1 ; }";
    let ast = sound(source);
    let shape = Shape(&ast, source);
    let texts: Vec<&str> = ast.stmts.iter().map(|s| shape.text(s.span)).collect();
    assert_eq!(texts, ["for i in (a)..(b) { }", "if c { } else { }", "x = 1 ;"]);
    assert!(ast.stmts.iter().any(
        |s| matches!(s.kind, StmtKind::ForRange { range_span, .. } if shape.text(range_span) == "(a)..(b)")
    ));
    assert_eq!(shape.text(ast.items[0].span), source);
    assert_eq!(shape.text(ast.items[0].name_span), "p");
    let bare = sound(" (a + b) ");
    assert_eq!((bare.items[0].span, bare.items[0].name_span), (Span::new(2, 7), Span::new(2, 7)));
}

#[test]
fn what_was_meant() {
    in_body("require a = b;", "E0021", "=");
    in_body("if a = b { c; }", "E0021", "=");
    in_body("require a and b;", "E0021", "and");
    in_body("require a or not_b;", "E0021", "or");
    in_body("require not a;", "E0021", "not");
    in_body("require a & b;", "E0021", "&");
    in_body("require a | b;", "E0021", "|");
    in_body("require a === b;", "E0021", "===");
    in_body("x += 1;", "E0021", "+=");
    in_body("x++;", "E0021", "++");
    in_body("x = +1;", "E0021", "+");
    in_body("x = 2 ** 3;", "E0021", "**");
    in_body("x = .5;", "E0009", ".");
    in_body("if a {} elif b {} else {}", "E0021", "elif");
    in_body("a[0] = 1;", "E0018", "a[0]");
    in_body("(a) = 1;", "E0018", "(a)");
    in_body("let x = 'a';", "E0012", "'a'");
    in_body("let x = did:a;", "E0011", "did:");
    in_body("let x = if a { }", "E0023", "if");
    in_body("var x = 1;", "E0001", "var");
    in_body("else { a; }", "E0023", "else");
    in_body("a;;", "E0023", ";");
    in_body("let count = 1;", "E0019", "count");
    in_body("let x: int = 1;", "E0020", "int");
    in_body("let x: number?? = 1;", "E0020", "??");
    in_body("require a, b;", "E0001", "b");
    in_body("const x: number = 1;", "E0001", ":");
    in_body("if (a) return true;", "E0001", "return");
    one_error("a;", "E0022", ";");
    one_error("a b", "E0001", "b");
    one_error("a policy p {}", "E0022", "policy");
    one_error("policy p {};", "E0023", ";");
    one_error("let x = 1; policy p {}", "E0023", "let");
    one_error("policy p {} }", "E0017", "}");
    one_error("fn f() { } policy p {}", "E0001", "{");
    one_error("policy p(a) {}", "E0001", "a");
    one_error("policy {}", "E0001", "{");
    one_error("policy p { require a;", "E0016", "");
    one_error("policy p { f(a; }", "E0016", ";");
    one_error("policy p { require a; policy q {}", "E0016", "policy");
}

#[test]
fn suggestions_replace_what_is_wrong() {
    for (source, mended) in [
        ("a = b", "a == b"),
        ("a and b", "a && b"),
        ("not a", "! a"),
        ("policy p { a }", "policy p { a; }"),
        ("policy p { a\n b; }", "policy p { a;\n b; }"),
        ("'x'", "\"x\""),
        (".5", "0.5"),
        ("policy p { let x: str = y; }", "policy p { let x: string = y; }"),
    ] {
        let suggestion = found(source)[0].suggestion.clone().unwrap();
        let mut text = source.to_owned();
        text.replace_range(
            suggestion.span.start as usize..suggestion.span.end as usize,
            &suggestion.replacement,
        );
        assert_eq!(text, mended);
        sound(&text);
    }
}

#[test]
fn files_without_a_policy() {
    for source in ["", " // nothing\n", "const A = 1;", "fn f() -> number { return 1; }"] {
        assert_eq!(found(source).iter().map(|d| d.code).collect::<Vec<_>>(), ["E0015"], "{source}");
    }
}

#[test]
fn several_errors_in_one_go() {
    let source = "policy a { require ; let x = ; if { b } while c = d { e f; } }\nfn (x: number) -> bool { x +; }\npolicy b { g( }";
    let codes: Vec<_> = found(source).iter().map(|d| d.code).collect();
    assert_eq!(
        codes,
        ["E0001", "E0001", "E0001", "E0024", "E0021", "E0001", "E0001", "E0001", "E0001"],
        "{:#?}",
        errors(source)
    );
}

#[test]
fn at_most_fifty_diagnostics() {
    let source = format!("policy p {{ {} }}", "require ;".repeat(1000));
    assert_eq!(found(&source).len(), MAX_DIAGNOSTICS);
}

fn nested(levels: usize, open: &str, inner: &str, close: &str) -> String {
    format!("{}{inner}{}", open.repeat(levels), close.repeat(levels))
}

#[test]
fn nesting_is_bounded() {
    for (open, inner, close) in [
        ("(", "a", ")"),
        ("[", "a", "]"),
        ("f(", "a", ")"),
        ("a[", "0", "]"),
        ("-", "a", ""),
        ("!", "a", ""),
        ("a ? b : ", "c", ""),
        ("a ? ", "b", " : c"),
        ("any(x in xs, ", "x", ")"),
        ("any(x in ", "xs", ", x)"),
        ("", "a", "[0]"),
    ] {
        sound(&nested(MAX_NESTING, open, inner, close));
        for levels in [MAX_NESTING + 1, 20_000] {
            let found = found(&nested(levels, open, inner, close));
            assert_eq!(found.iter().map(|d| d.code).collect::<Vec<_>>(), ["E0004"], "{open} {levels}");
        }
    }
    let blocks = |levels| format!("policy p {{ {} }}", nested(levels, "if a {", "", "}"));
    sound(&blocks(MAX_NESTING - 1));
    assert_eq!(found(&blocks(MAX_NESTING))[0].code, "E0004");
    let types = |levels| format!("policy p(x: {}) {{}}", nested(levels, "[", "bool", "]"));
    sound(&types(MAX_NESTING - 1));
    assert_eq!(found(&types(MAX_NESTING))[0].code, "E0004");
    let result = |levels| format!("fn f() -> {} {{}} policy p {{}}", nested(levels, "[", "bool", "]"));
    sound(&result(MAX_NESTING - 1));
    assert_eq!(found(&result(MAX_NESTING))[0].code, "E0004");
    // A field is no nesting; a field of a field of a field never types and is a tower.
    sound(&nested(MAX_NESTING, "(", "a.r", ")"));
    assert_eq!(found(&format!("a{}", ".r".repeat(100_000)))[0].code, "E0004");
}

#[test]
fn a_million_parentheses_are_one_error() {
    assert_eq!(errors(&"(".repeat(1_000_000)), [("E0004", "(".to_owned())]);
    assert_eq!(found(&"policy p {".repeat(100_000)).len(), MAX_DIAGNOSTICS);
    assert_eq!(found(&"{".repeat(1_000_000)).len(), 1);
    assert_eq!(found(&")".repeat(1_000_000)).len(), 1);
    // Failing in a block must not unwind into as many complaints as there are blocks.
    assert_eq!(found(&format!("policy p {{ {} (((", "if a {".repeat(60))).len(), 1);
}

#[test]
fn chains_are_no_nesting() {
    let ast = sound(&vec!["a"; 100_000].join(" || "));
    assert_eq!(ast.links.len(), 99_999);
    sound(&vec!["a == b"; 60_000].join("&&"));
    let mixed: String = "a + b * c < d && ".repeat(20_000) + "e";
    sound(&mixed);
}

#[test]
fn else_if_is_no_nesting() {
    let source = format!("policy p {{ if a {{}} {} }}", "else if a {}".repeat(43_000));
    assert_eq!(sound(&source).arms.len(), 43_001);
    let many = format!("policy p {{ if a {{}} {} }}", "else if a{}".repeat(90_000));
    assert_eq!(found(&many).iter().map(|d| d.code).collect::<Vec<_>>(), ["E0003"]);
}

#[test]
fn size_limits() {
    let pad = |size: usize| format!("a{}", " ".repeat(size - 1));
    sound(&pad(MAX_SOURCE_BYTES));
    assert_eq!(found(&pad(MAX_SOURCE_BYTES + 1)).iter().map(|d| d.code).collect::<Vec<_>>(), ["E0002"]);
    let tokens = |count: usize| format!("a{}", "+a".repeat(count / 2));
    sound(&tokens(MAX_TOKENS - 1));
    assert_eq!(found(&tokens(MAX_TOKENS + 1))[0].code, "E0003");
    sound(&format!("\"{}\"", "x".repeat(MAX_TEXT_BYTES)));
    assert_eq!(found(&format!("\"{}\"", "x".repeat(MAX_TEXT_BYTES + 1)))[0].code, "E0005");
    one_error("1e999 + 1", "E0010", "1e999");
}

#[test]
fn many_names() {
    let equal = "a;".repeat(100_000);
    assert_eq!(sound(&format!("policy p {{ {equal} }}")).symbols.len(), 2);
    let different: String = (0..60_000).map(|i| format!("a{i};")).collect();
    assert_eq!(sound(&format!("policy p {{ {different} }}")).symbols.len(), 60_001);
}

/// A secret of zero sends all names to one slot, as an attacker's names would if he knew the secret.
#[test]
fn colliding_names_change_the_hash() {
    let mut interner = Interner::with_secret(16, RandomState::new(), 0);
    let mut names = TextTable::default();
    let all: Vec<String> = (0..50_000).map(|i| format!("name{i}")).collect();
    for (number, name) in all.iter().enumerate() {
        assert_eq!(interner.intern(name, &mut names), Symbol(number as u32));
    }
    assert!(interner.is_under_attack());
    for (number, name) in all.iter().enumerate() {
        assert_eq!(interner.intern(name, &mut names), Symbol(number as u32));
    }
    let mut honest = Interner::new(16);
    let mut names = TextTable::default();
    for name in &all {
        honest.intern(name, &mut names);
    }
    assert!(!honest.is_under_attack());
}

const SAMPLE: &str = r#"// A sample of everything.
const A = 1_000; /* b */
fn f(x: number, y: [string?]?) -> number { return x > 0 ? -x : A * 2.5e-3; }
policy "p q"(amount: number, to: did) {
    const B = A + 1;
    let t: [number?] = [1, null,];
    require !(amount == 0) && caller != did:a:b:c, "no \u{e9}\n";
    emit "event", amount;
    for i in 0..(B) { if i in [1, 2] { continue; } else if any(z in t, z != null) { break; } else { t = []; } }
    for x in y ?? [] { while false { log("é" + x); } }
    return load_trust(to).r >= t[0] ?? 0.5 || count(k in t, k == 1) < 3;
}
"#;

/// Whatever comes out, the diagnostics are few, in order and inside the source.
fn check_any(source: &str) {
    let (ast, found) = parse(source);
    assert!(found.len() <= MAX_DIAGNOSTICS);
    let failed = found.iter().any(|d| d.severity == Severity::Error);
    assert!(failed || !ast.items.is_empty(), "{source}");
    for d in &found {
        let spans =
            d.labels.iter().map(|l| l.span).chain(d.suggestion.iter().map(|s| s.span)).chain([d.span]);
        for span in spans {
            assert!(source.get(span.start as usize..span.end as usize).is_some(), "{d:?} in {source}");
        }
    }
    if !failed {
        shape(source);
    }
}

#[test]
fn prefixes_do_not_panic() {
    sound(SAMPLE);
    for end in (0..=SAMPLE.len()).filter(|&end| SAMPLE.is_char_boundary(end)) {
        check_any(&SAMPLE[..end]);
        check_any(&SAMPLE[end..]);
    }
}

#[test]
fn mutations_do_not_panic() {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (state >> 33) as usize % below
    };
    let pieces = [
        "{", "}", "(", ")", "[", "]", ";", "\"", "\\", "did:", ":", "..", "?", "??", "=", "é", "\0",
        "\u{202e}", "/*", "*/", "//", "\n", "if ", "else ", "policy ", "fn ", "1e", "_", "'", "->", "any(",
        "🦀",
    ];
    for _ in 0..4_000 {
        let mut bytes = SAMPLE.as_bytes().to_vec();
        for _ in 0..=random(6) {
            let at = random(bytes.len());
            match random(4) {
                0 => bytes[at] = random(256) as u8,
                1 => drop(bytes.drain(at..(at + random(12)).min(bytes.len()))),
                _ => drop(bytes.splice(at..at, pieces[random(pieces.len())].bytes())),
            }
        }
        check_any(&String::from_utf8_lossy(&bytes));
    }
}
