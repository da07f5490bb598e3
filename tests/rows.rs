//! Rows of structs: receipts are those of the same requests one by one, whatever stands in the fields.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on should stop")]

mod rng;

use eclvm::Policy;
use eclvm::batch::{Batch, BatchOptions, ColumnError, Engine, Requests, Rows};
use eclvm::kernel::fault::{Fault, Outcome};
use eclvm::kernel::receipt::Receipt;
use eclvm::kernel::value::{Did, TrustVector};
use rng::Rng;

#[derive(Clone, Debug, Default)]
struct Entry {
    n: f64,
    small: i32,
    maybe: Option<f64>,
    flag: bool,
    text: String,
    note: Option<String>,
    from: TrustVector,
    to: Option<TrustVector>,
    tags: Vec<String>,
    roles: Vec<&'static str>,
    numbers: Vec<f64>,
    flags: Vec<bool>,
    friend: String,
    friends: Vec<String>,
    caller: Option<&'static str>,
}

const SOURCE: &str = "policy everything(n: number, small: number, maybe: number?, flag: bool, text: string, note: string?, from: trust,
        to: trust?, tags: [string], roles: [string], numbers: [number], flags: [bool], friend: did, friends: [did]) {
    require n > 0 || flag, \"n\";
    require small != 7, \"small\";
    require maybe == null || maybe < 50, \"maybe\";
    require !str_starts_with(text, \"system/\") || text == \"system/open\" || \"admin\" in tags, \"system\";
    require !(text in [\"closed\", \"a text of more than sixteen bytes\", \"\"]), \"closed\";
    require note != \"secret\", \"note\";
    require trust_norm(from) >= 0.1, \"norm\";
    require to == null || to.r >= 0.2, \"to\";
    require !(\"banned\" in tags) || \"kyc\" in tags, \"banned\";
    require any(role in roles, role == \"viewer\" || role == \"admin\"), \"roles\";
    require all(x in numbers, x >= 0 - 5) && !(3 in numbers), \"numbers\";
    require array_len(flags) < 3 || flags[0], \"flags\";
    require friend != did(\"did:x:enemy\") && caller != friend, \"friend\";
    require !(did(\"did:x:enemy\") in friends), \"friends\";
}";

impl Rng {
    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }
    fn text(&mut self) -> String {
        let n = self.below(70);
        match self.below(10) {
            0 => "system/open".to_owned(),
            1 => "system/".to_owned() + &"x".repeat(n),
            2 => "system".to_owned(),
            3 => self.pick(&["closed", "", "admin", "a text of more than sixteen bytes"]).to_owned(),
            4 => "a text of more than sixteen b\u{fc}tes".to_owned(),
            5 => "system/\0".to_owned(),
            _ => self.pick(&["x", "\u{e9}", "\0"]).repeat(n),
        }
    }
    fn tag(&mut self) -> String {
        match self.below(8) {
            0 => "admin".to_owned(),
            1 => "banned".to_owned(),
            2 => "kyc".to_owned(),
            3 => "kyd".to_owned(),
            4 => "banner".to_owned(),
            5 => "a".repeat(self.below(40)),
            _ => String::new(),
        }
    }
    fn number(&mut self) -> f64 {
        self.pick(&[1.0, -1.0, 0.0, -0.0, 2.5, 3.0, 60.0, 1e300])
    }
    fn vector(&mut self) -> TrustVector {
        TrustVector(std::array::from_fn(|_| self.below(101) as f64 / 100.0))
    }
    fn list<T>(&mut self, most: usize, mut item: impl FnMut(&mut Rng) -> T) -> Vec<T> {
        let n = if self.below(12) == 0 { self.below(40) } else { self.below(most + 1) };
        (0..n).map(|_| item(self)).collect()
    }
    fn did(&mut self) -> String {
        format!("did:x:{}", self.pick(&["enemy", "alice", "bob", "a-name-of-some-length"]))
    }
    /// Most often in order, now and then with a value that no input takes.
    fn entry(&mut self) -> Entry {
        let mut entry = Entry {
            n: self.number(),
            small: self.below(9) as i32,
            maybe: (self.below(3) > 0).then(|| self.number()),
            flag: self.below(2) == 0,
            text: self.text(),
            note: (self.below(3) > 0).then(|| self.pick(&["secret", "open", ""]).to_owned()),
            from: self.vector(),
            to: (self.below(3) > 0).then(|| self.vector()),
            tags: self.list(3, Rng::tag),
            roles: self.list(4, |rng| rng.pick(&["viewer", "editor", "admin", "guest"])),
            numbers: self.list(3, Rng::number),
            flags: self.list(4, |rng| rng.below(2) == 0),
            friend: self.did(),
            friends: self.list(2, Rng::did),
            caller: Some("did:x:alice"),
        };
        match self.below(120) {
            0 => entry.n = f64::NAN,
            1 => entry.maybe = Some(f64::INFINITY),
            2 => entry.from.0[self.below(6)] = -0.5,
            3 => entry.to = Some(TrustVector([0.5, 0.5, 0.5, 0.5, 0.5, f64::NAN])),
            4 => entry.text = "y".repeat(65_537),
            5 => entry.tags.push("y".repeat(65_537)),
            6 => entry.numbers.push(f64::NAN),
            7 => entry.friend = "nobody".to_owned(),
            8 => entry.friends.push("did:x:".to_owned()),
            9 => entry.flags = vec![true; 65_537],
            10 => entry.tags = vec![String::new(); 65_537],
            11 => entry.caller = None,
            12 => entry.note = Some("z".repeat(65_537)),
            _ => {}
        }
        entry
    }
}

fn fields<'d>(policy: &Policy, entries: &'d [Entry]) -> Result<Rows<'d, Entry>, ColumnError> {
    Rows::new(policy, entries)
        .with("n", |e| e.n)?
        .with("small", |e| e.small)?
        .with("maybe", |e| e.maybe)?
        .with("flag", |e| e.flag)?
        .with("text", |e| &e.text)?
        .with("note", |e| e.note.as_deref())?
        .with("from", |e| &e.from)?
        .with("to", |e| e.to)?
        .with("tags", |e| &e.tags)?
        .with("roles", |e| e.roles.as_slice())?
        .with("numbers", |e| &e.numbers)?
        .with("flags", |e| &e.flags)?
        .with("friend", |e| &e.friend)?
        .with("friends", |e| &e.friends)?
        .with("caller", |e| e.caller.and_then(Did::new))
}

/// The same requests, and nothing that says that they have fields.
struct Plain<'r, 'd, T>(&'r Rows<'d, T>);

impl<T: Sync> Requests for Plain<'_, '_, T> {
    fn len(&self) -> usize {
        self.0.len()
    }
    fn request<'a>(
        &'a self,
        index: usize,
        bump: &'a bumpalo::Bump,
    ) -> Result<eclvm::kernel::request::Request<'a>, Fault> {
        self.0.request(index, bump)
    }
}

fn run(policy: &Policy, requests: &(impl Requests + ?Sized), engine: Engine, threads: usize) -> Vec<Receipt> {
    let options = BatchOptions { engine, threads, ..BatchOptions::default() };
    Batch::new(policy, options).unwrap().run(requests).unwrap()
}

#[test]
fn rows_of_structs_have_the_receipts_of_single_requests() {
    let policy = Policy::compile(SOURCE).unwrap();
    assert!(policy.lanes().is_ok(), "{:?}", policy.lanes().err());
    let mut rng = Rng(0x9E37_79B9_7F4A_7C15);
    let entries: Vec<Entry> = (0..6_000).map(|_| rng.entry()).collect();
    let rows = fields(&policy, &entries).unwrap();
    let expected = run(&policy, &Plain(&rows), Engine::Scalar, 1);
    let count = |wanted: fn(&Receipt) -> bool| expected.iter().filter(|r| wanted(r)).count();
    assert!(count(Receipt::passed) > 100, "{}", count(Receipt::passed));
    assert!(count(|r| matches!(r.outcome, Outcome::Fault(_))) > 100);
    for (engine, threads) in [(Engine::Lanes, 1), (Engine::Lanes, 3), (Engine::Auto, 2)] {
        for receipts in [run(&policy, &rows, engine, threads), run(&policy, &Plain(&rows), engine, threads)] {
            for (at, (expected, receipt)) in expected.iter().zip(&receipts).enumerate() {
                assert_eq!(expected, receipt, "{engine:?} {threads} row {at}: {:?}", entries[at]);
            }
        }
        let mut batch =
            Batch::new(&policy, BatchOptions { engine, threads, ..BatchOptions::default() }).unwrap();
        // Twice, so that what is kept of the first time is met.
        for _ in 0..2 {
            let decisions = batch.decide(&rows).unwrap();
            assert!(decisions.receipts().eq(expected.iter().cloned()), "{engine:?} {threads}");
        }
    }
}

#[test]
fn rows_fill_columns_where_the_policy_has_a_plan() {
    let policy = Policy::compile(SOURCE).unwrap();
    let mut rng = Rng(77);
    let entries: Vec<Entry> = (0..2_000).map(|_| rng.entry()).collect();
    let rows = fields(&policy, &entries).unwrap();
    let mut batch = Batch::new(&policy, BatchOptions::default()).unwrap();
    batch.run(&rows).unwrap();
    let engines = &batch.summary().engines;
    assert!(engines.lanes > engines.scalar * 5, "{engines:?}");
}

#[test]
fn texts_of_which_little_is_asked_keep_their_prices() {
    // A price for each 32 bytes, so that all of a length are one, and no others.
    let source = "policy p(text: string, tags: [string]) {
        return (str_starts_with(text, \"aaaaaaaaaaaaaaaaaaaa\") || text == \"b\") != (\"c\" in tags);
    }";
    let policy = Policy::compile(source).unwrap();
    let words: Vec<String> = (0..3_000)
        .map(|n| ["a", "b", "c", "\u{fc}"][n % 4].repeat(n / 4 % 130) + if n % 3 == 0 { "a" } else { "" })
        .collect();
    struct Pair<'w>(&'w str, &'w [String]);
    let pairs: Vec<Pair<'_>> =
        (0..words.len()).map(|n| Pair(&words[n], &words[n..(n + n % 12).min(words.len())])).collect();
    let rows = Rows::new(&policy, &pairs).with("text", |p| p.0).unwrap().with("tags", |p| p.1).unwrap();
    let expected = run(&policy, &Plain(&rows), Engine::Scalar, 1);
    assert_eq!(run(&policy, &rows, Engine::Lanes, 1), expected);
    let costs: std::collections::BTreeSet<u64> = expected.iter().map(|r| r.cost).collect();
    assert!(costs.len() > 10, "{costs:?}");
}

/// A short text that came as a DID first is kept in mind as one; as a string it must still be measured, since strings are
/// priced by their bytes and the engine takes one price where all are alike.
#[test]
fn what_came_as_a_did_is_measured_when_it_comes_as_a_string() {
    struct Named {
        did: &'static str,
        text: String,
    }
    let policy =
        Policy::compile("policy p(d: did, s: string, t: string) { return s == t && d != caller; }").unwrap();
    let named: Vec<Named> = (0..300)
        .map(|n| Named {
            did: ["did:a:b", "did:x:abcdefghi"][n % 2],
            // Once the short one, and else texts that are all of another price.
            text: if n == 200 { "did:a:b".to_owned() } else { "s".repeat(60) },
        })
        .collect();
    let rows = Rows::new(&policy, &named)
        .with("d", |named| Did::new(named.did).unwrap())
        .unwrap()
        .with("s", |named| &named.text)
        .unwrap()
        .with("t", |named| named.text.as_str())
        .unwrap()
        .with("caller", |_| Did::new("did:x:me").unwrap())
        .unwrap();
    let scalar = run(&policy, &rows, Engine::Scalar, 1);
    assert_ne!(scalar[200].gas, scalar[199].gas);
    assert_eq!(run(&policy, &rows, Engine::Lanes, 1), scalar);
}

#[test]
fn a_field_must_be_an_input_and_of_its_type() {
    let policy = Policy::compile("policy p(n: number, tags: [string], who: did) { return n > 0; }").unwrap();
    let items = [(1.0, String::new())];
    let rows = || Rows::new(&policy, &items);
    assert_eq!(rows().with("m", |r| r.0).unwrap_err(), ColumnError::Unknown("m".to_owned()));
    assert!(matches!(rows().with("n", |r| &r.1).unwrap_err(), ColumnError::Type(name, _) if name == "n"));
    assert!(matches!(rows().with("tags", |r| &r.1).unwrap_err(), ColumnError::Type(..)));
    assert!(matches!(rows().with("tags", |_| -> &[f64] { &[] }).unwrap_err(), ColumnError::Type(..)));
    assert!(matches!(rows().with("caller", |r| r.0).unwrap_err(), ColumnError::Type(..)));
    assert!(rows().with("who", |r| r.1.as_str()).is_ok());
}

#[test]
fn an_input_without_a_field_is_missing() {
    let policy = Policy::compile("policy p(n: number, m: number?) { return n > 0 && m == null; }").unwrap();
    let numbers: Vec<f64> = (0..200).map(f64::from).collect();
    let without = run(&policy, &Rows::new(&policy, &numbers), Engine::Lanes, 1);
    assert!(without.iter().all(|r| r.outcome == Outcome::Fault(Fault::MissingInput)));
    let rows = Rows::new(&policy, &numbers).with("n", |n| *n).unwrap();
    let receipts = run(&policy, &rows, Engine::Lanes, 1);
    assert_eq!(receipts.iter().filter(|r| r.passed()).count(), 199);
}

#[test]
fn rows_for_one_policy_are_requests_to_another_by_their_places() {
    let first =
        Policy::compile("policy p(n: number, text: string) { return n > 100 && text != \"x\"; }").unwrap();
    let other =
        Policy::compile("policy q(text: string, n: number) { return text == \"x\" || n > 1; }").unwrap();
    let items: Vec<(f64, &str)> = (0..300).map(|n| (f64::from(n), "x")).collect();
    let rows = Rows::new(&first, &items).with("n", |i| i.0).unwrap().with("text", |i| i.1).unwrap();
    for policy in [&first, &other] {
        let expected = run(policy, &Plain(&rows), Engine::Scalar, 1);
        assert_eq!(run(policy, &rows, Engine::Lanes, 1), expected);
    }
}

#[test]
fn a_field_that_panics_is_a_fault_of_its_request() {
    let policy = Policy::compile("policy p(n: number) { return n > 0; }").unwrap();
    let numbers: Vec<f64> = (0..500).map(f64::from).collect();
    let rows = Rows::new(&policy, &numbers)
        .with("n", |n| {
            assert!(*n != 77.0, "no number");
            *n
        })
        .unwrap();
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let receipts = run(&policy, &rows, Engine::Lanes, 2);
    std::panic::set_hook(hook);
    assert_eq!(receipts[77].outcome, Outcome::Fault(Fault::HostError));
    assert_eq!(receipts.iter().filter(|r| r.passed()).count(), 498);
}

#[test]
fn rows_that_are_left_alone_are_decided_in_order_on_any_number_of_threads() {
    let policy = Policy::compile("policy p(n: number) { require n > 0, \"no\"; return n < 7_000; }").unwrap();
    let numbers: Vec<f64> = (0..9_000).map(|n| if n % 3 == 0 { f64::NAN } else { f64::from(n) }).collect();
    let rows = Rows::new(&policy, &numbers).with("n", |n| *n).unwrap();
    let expected = run(&policy, &Plain(&rows), Engine::Scalar, 1);
    for threads in [1, 2, 3, 8] {
        let options = BatchOptions { engine: Engine::Lanes, threads, ..BatchOptions::default() };
        let mut batch = Batch::new(&policy, options).unwrap();
        let decisions = batch.decide(&rows).unwrap();
        assert!(decisions.receipts().eq(expected.iter().cloned()), "{threads} threads");
        assert_eq!((batch.summary().engines.scalar, batch.summary().fault), (3_000, 3_000));
    }
}

#[test]
fn the_realm_of_a_row_can_be_told_without_its_request() {
    let policy = Policy::compile("policy p(n: number) { return n > 0; }").unwrap();
    let items = [(1.0, Some("market".to_owned())), (2.0, None)];
    let rows = Rows::new(&policy, &items)
        .with("n", |item| item.0)
        .unwrap()
        .with("realm", |item| item.1.as_deref())
        .unwrap();
    assert_eq!([rows.realm(0), rows.realm(1), rows.realm(2)], [Some("market"), None, None]);
    assert_eq!(Rows::new(&policy, &items).realm(0), None);
}
