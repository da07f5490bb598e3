//! Policies that ask little of texts and lists: then columns hold answers and sizes, and no text (`kernel/src/lanes/asks.rs`).
//! Whatever the texts are, and whichever way requests come, receipts are those of the scalar engine.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on should stop")]

mod rng;

use bumpalo::Bump;
use eclvm::Policy;
use eclvm::batch::{
    Batch, BatchOptions, Column, Engine, Lists, Offsets, RequestColumns, Requests, Rows, Strings,
};
use eclvm::kernel::budget::BudgetLimits;
use eclvm::kernel::fault::{Fault, Outcome};
use eclvm::kernel::lanes::Of;
use eclvm::kernel::receipt::Receipt;
use eclvm::kernel::request::Request;
use eclvm::kernel::value::{Did, ValueRef};
use rng::Rng;
use std::collections::HashSet;

#[derive(Clone, Debug, Default)]
struct Ask {
    text: String,
    held: Vec<String>,
    each: Vec<String>,
}

impl Rng {
    fn pick<'t>(&mut self, of: &[&'t str]) -> &'t str {
        of[self.below(of.len())]
    }
    /// A constant: short, as long as its ends say, longer, alike but in the middle, one the beginning of another.
    fn constant(&mut self) -> &'static str {
        const CONSTANTS: [&str; 18] = [
            "",
            "a",
            "admin",
            "admix",
            "editor",
            "viewer",
            "system/",
            "eight888",
            "nine99999",
            "sixteen-bytes-16",
            "seventeen-bytes17",
            "https://schema.example/kyc-basic/v1",
            "https://schema.example/kyc-elite/v1",
            "https://",
            "https://schema",
            "thirty-one bytes of it, exactly",
            "thirty-two bytes of it, not more",
            "a text of sixty-four bytes, at which lengths are told no further",
        ];
        self.pick(&CONSTANTS)
    }
    /// What is compared with constants: one of them, nearly one, one and more, or any of any length, around prices' steps.
    fn text(&mut self) -> String {
        let mut text = self.constant().to_owned();
        match self.below(8) {
            0..=3 => text,
            4 => {
                text.pop();
                text
            }
            5 => text + self.pick(&["x", "\0", "/v2", "\u{e9}"]),
            6 => "plain".to_owned(),
            _ => {
                let n = self.below(140);
                self.pick(&["z", "\u{e9}", "\0"]).repeat(n)
            }
        }
    }
    fn list(&mut self) -> Vec<String> {
        let n = match self.below(20) {
            0 => 9 + self.below(30),
            1 => 8,
            n => n % 6,
        };
        let all_plain = self.below(3) == 0;
        let plain = |rng: &mut Rng| rng.pick(&["admin", "viewer", "editor", "guest", "other"]).to_owned();
        (0..n).map(|_| if all_plain { plain(self) } else { self.text() }).collect()
    }
    fn ask(&mut self) -> Ask {
        let mut ask = Ask { text: self.text(), held: self.list(), each: self.list() };
        match self.below(150) {
            0 => ask.text = "t".repeat(65_537),
            1 => ask.held.push("t".repeat(65_537)),
            2 => ask.each.push("t".repeat(65_537)),
            3 => ask.each = vec![String::new(); 65_537],
            4 => ask.held = vec![String::new(); 65_537],
            5 => ask.held = vec!["t".repeat(60_000); 9],
            6 => ask.each = vec!["t".repeat(60_000); 5],
            _ => {}
        }
        ask
    }
    fn quoted(&mut self) -> String {
        format!("{:?}", self.constant())
    }
    fn constants(&mut self) -> String {
        let n = 1 + self.below(4);
        (0..n).map(|_| self.quoted()).collect::<Vec<_>>().join(", ")
    }
    /// A question about the text of that name.
    fn about(&mut self, name: &str) -> String {
        match self.below(5) {
            0 => format!("{name} == {}", self.quoted()),
            1 => format!("{} != {name}", self.quoted()),
            2 => format!("str_starts_with({name}, {})", self.quoted()),
            3 => format!("{name} in [{}]", self.constants()),
            _ => format!("!({name} in [{}])", self.constants()),
        }
    }
    /// One about the three inputs.
    fn question(&mut self) -> String {
        match self.below(9) {
            0 | 1 => self.about("text"),
            2 | 3 => format!("{} in held", self.quoted()),
            4 => format!("any(x in each, {})", self.about("x")),
            5 => format!("all(x in each, {} || {})", self.about("x"), self.about("x")),
            6 => format!("count(x in each, {}) < {}", self.about("x"), 1 + self.below(3)),
            7 => format!("{} in each", self.quoted()),
            _ => match self.below(3) {
                0 => format!("array_len(each) < {}", self.below(5)),
                1 => format!("(array_len(each) == 0 || {})", self.about("each[0]")),
                _ => format!("any(x in each, {} && {})", self.about("x"), self.about("text")),
            },
        }
    }
    fn policy(&mut self) -> String {
        let mut source =
            String::from("fn known(t: string) -> bool { return t == \"admin\" || t == \"viewer\"; }\n");
        source += "policy asked(text: string, held: [string], each: [string]) {\n";
        for _ in 0..1 + self.below(3) {
            match self.below(5) {
                0 => source += &format!("  if {} {{ require {}; }}\n", self.question(), self.question()),
                1 => source += &format!("  require known(text) || {};\n", self.about("text")),
                2 => source += &format!("  require {} || {}, \"m\";\n", self.question(), self.question()),
                3 => {
                    source += &format!(
                        "  for x in each {{ if {} {{ return {}; }} }}\n",
                        self.about("x"),
                        self.question()
                    )
                }
                _ => source += &format!("  require {};\n", self.question()),
            }
        }
        source + &format!("  return {};\n}}\n", self.question())
    }
}

struct Asks(Vec<Ask>);

impl Requests for Asks {
    fn len(&self) -> usize {
        self.0.len()
    }
    fn request<'a>(&'a self, index: usize, bump: &'a Bump) -> Result<Request<'a>, Fault> {
        let ask = &self.0[index];
        let list = |items: &'a [String]| {
            ValueRef::Array(bump.alloc_slice_fill_iter(items.iter().map(|item| ValueRef::Text(item))))
        };
        Ok(Request::new(bump.alloc([ValueRef::Text(&ask.text), list(&ask.held), list(&ask.each)])))
    }
}

fn run<R: Requests + ?Sized>(policy: &Policy, requests: &R, options: BatchOptions<'_>) -> Vec<Receipt> {
    Batch::new(policy, options).unwrap().run(requests).unwrap()
}

/// Each way that requests can come to the lanes engine.
fn ways(policy: &Policy, requests: &Asks, options: &BatchOptions<'_>) -> Vec<(&'static str, Vec<Receipt>)> {
    let asks = requests.0.as_slice();
    let rows = Rows::new(policy, asks)
        .with("text", |ask: &Ask| &ask.text)
        .unwrap()
        .with("held", |ask| &ask.held)
        .unwrap()
        .with("each", |ask| ask.each.as_slice())
        .unwrap();
    let mut all = vec![
        ("structs", run(policy, &rows, options.clone())),
        ("requests", run(policy, requests, options.clone())),
    ];
    let texts: Vec<&str> = asks.iter().map(|ask| ask.text.as_str()).collect();
    let bump = Bump::new();
    let list = |items: &'_ [String]| -> ValueRef<'_> {
        ValueRef::Array(
            bump.alloc_slice_fill_iter(items.iter().map(|item| ValueRef::Text(bump.alloc_str(item)))),
        )
    };
    let held: Vec<ValueRef<'_>> = asks.iter().map(|ask| list(&ask.held)).collect();
    let each: Vec<ValueRef<'_>> = asks.iter().map(|ask| list(&ask.each)).collect();
    let columns = |text, held, each| {
        let columns = RequestColumns::new(policy, asks.len()).with("text", text).unwrap();
        columns.with("held", held).unwrap().with("each", each).unwrap()
    };
    let values = columns(Column::Texts(&texts), Column::Values(&held), Column::Values(&each));
    all.push(("columns of values", Batch::new(policy, options.clone()).unwrap().run(&values).unwrap()));

    // A dictionary, and lists that are pieces of one column of it.
    let mut dictionary: Vec<&str> = Vec::new();
    let mut key = |text: &'_ str| -> u32 {
        let at = dictionary.iter().position(|known| *known == text).unwrap_or_else(|| {
            dictionary.push(bump.alloc_str(text));
            dictionary.len() - 1
        });
        at as u32
    };
    let keys: Vec<u32> = asks.iter().map(|ask| key(&ask.text)).collect();
    let mut pieces = |of: fn(&Ask) -> &Vec<String>| {
        let (mut offsets, mut keys) = (vec![0], Vec::new());
        for ask in asks {
            keys.extend(of(ask).iter().map(|text| key(text)));
            offsets.push(keys.len() as i64);
        }
        (offsets, keys)
    };
    let (held, each) = (pieces(|ask| &ask.held), pieces(|ask| &ask.each));
    let items = [&held.1, &each.1].map(|keys| Column::Strings(Strings::interned(keys, &dictionary)));
    let lists = [(&held.0, &items[0]), (&each.0, &items[1])]
        .map(|(offsets, items)| Column::Lists(Lists::new(Offsets::Large(offsets), items).unwrap()));
    let interned = columns(Column::Strings(Strings::interned(&keys, &dictionary)), lists[0], lists[1]);
    all.push(("columns of keys", Batch::new(policy, options.clone()).unwrap().run(&interned).unwrap()));
    all
}

/// Policies of random questions, requests whose texts are constants, nearly constants and others, limits that some of them
/// reach. `ECLVM_POLICIES` says how many.
#[test]
fn answers_and_prices_are_those_of_texts() {
    let wanted = std::env::var("ECLVM_POLICIES").ok().and_then(|n| n.parse().ok()).unwrap_or(150);
    let mut rng = Rng(0x2545_F491_4F6C_DD1D);
    let (mut outcomes, mut kinds, mut planned) = (HashSet::new(), HashSet::new(), 0);
    for _ in 0..wanted {
        let source = rng.policy();
        let policy = Policy::compile(&source).unwrap_or_else(|error| panic!("{error}\n{source}"));
        let plan = policy.lanes().unwrap();
        let asked: Vec<Option<Of>> = (0..3).map(|at| plan.asks(at).map(|asks| asks.of())).collect();
        planned += asked.iter().flatten().count();
        kinds.extend(asked.into_iter().flatten().map(|of| format!("{of:?}")));
        let n = 1 + rng.below(260);
        let asks = Asks((0..n).map(|_| rng.ask()).collect());
        let gas_limit = [u64::MAX, 8, 20, 60][rng.below(4)];
        let limits = BudgetLimits { gas_limit, ..BudgetLimits::default() };
        let scalar = BatchOptions { engine: Engine::Scalar, threads: 1, limits, ..BatchOptions::default() };
        let expected = run(&policy, &asks, scalar.clone());
        outcomes.extend(expected.iter().map(|receipt| format!("{:?}", receipt.outcome)));
        let lanes = BatchOptions { engine: Engine::Lanes, lanes: 64 * rng.below(5), ..scalar };
        for (way, receipts) in ways(&policy, &asks, &lanes) {
            for ((ask, expected), receipt) in asks.0.iter().zip(&expected).zip(&receipts) {
                assert_eq!(receipt, expected, "{way}\n{ask:?}\n{source}");
            }
            assert_eq!(receipts.len(), n, "{way}");
        }
    }
    assert!(planned > wanted * 2, "{planned} of {}", wanted * 3);
    assert_eq!(kinds.len(), 3, "{kinds:?}");
    for outcome in [Outcome::Allow, Outcome::Deny, Outcome::Fault(Fault::ValueTooLarge)] {
        assert!(outcomes.contains(&format!("{outcome:?}")), "{outcomes:?}");
    }
    assert!(outcomes.iter().any(|outcome| outcome.contains("Exhausted")), "{outcomes:?}");
}

/// Lists whose elements are no texts are no lists of texts, however their column says so: the elements of lists of lists
/// were once taken for texts that answer as the inner list does.
#[test]
fn elements_that_are_no_texts_are_for_the_scalar_engine() {
    let admin = [ValueRef::Text("admin")];
    let items = [
        ValueRef::Text("admin"),
        ValueRef::Array(&admin),
        ValueRef::Number(1.0),
        ValueRef::Null,
        ValueRef::Missing,
        ValueRef::Bool(true),
        ValueRef::Did(Did::new("did:x:admin").unwrap()),
    ];
    let n = items.len();
    let offsets: Vec<i64> = (0..=n as i64).collect();
    for source in [
        "policy p(roles: [string]) { return \"admin\" in roles; }",
        "policy p(roles: [string]) { return any(role in roles, role == \"admin\"); }",
    ] {
        let policy = Policy::compile(source).unwrap();
        let values = Column::Values(&items);
        let column = Column::Lists(Lists::new(Offsets::Large(&offsets), &values).unwrap());
        let columns = RequestColumns::new(&policy, n).with("roles", column).unwrap();
        let run = |engine| {
            let options = BatchOptions { engine, threads: 1, ..BatchOptions::default() };
            Batch::new(&policy, options).unwrap().run(&columns).unwrap()
        };
        let (lanes, scalar) = (run(Engine::Lanes), run(Engine::Scalar));
        assert_eq!(lanes, scalar);
        assert!(lanes[0].passed() && lanes[1..].iter().all(|receipt| receipt.outcome != Outcome::Allow));
        assert_eq!(lanes[1].outcome, Outcome::Fault(Fault::TypeMismatch));
    }
}
