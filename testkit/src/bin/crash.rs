//! `crash --rounds 500 [--seed N] [--weakened]`: kills a process that commits to a durable store, again and again, and checks what it
//! left. Exit code 1 where an acknowledged commit is gone, or one is there by half.
//!
//! Each round kills two children with SIGKILL: one at any moment from its start, so that also making and opening a store is
//! interrupted, and one at any moment after its first commit. A child commits from several threads and writes a line to a
//! pipe for each commit that was acknowledged. The parent then opens the store and checks that
//!
//! - each acknowledged commit is in the log, under its version and with its content;
//! - the log has no gaps, each commit in it is whole, and replaying it gives the world that was loaded;
//! - balances add up to what they were, and keys that are written in pairs are equal.
//!
//! With `--weakened` the children acknowledge before they write: commits go to a queue in memory and from there to the store.
//! Then acknowledged commits must be found to be gone, or the test could not see what it is for: exit code 1 where none
//! is. A kill takes no power away: what the operating system has been given stays, flushed or not, so that flushes left out
//! are not seen here but by `tests/durable`, on a disk that loses them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test support: a broken promise must stop the test that found it"
)]

use eclvm::durable::{ErynoaHost, LoggedEvent, StoreError};
use eclvm::kernel::effects::StoreValue;
use eclvm::kernel::host::StoreValueRef;
use eclvm::kernel::value::Value;
use eclvm::state::{
    CommitResult, IdentityRecord, Journal, JournalEntry, JournalError, RealmRecord, StateEvent, Transaction,
    UnifiedState, World, same_content,
};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const WRITERS: u64 = 4;
const ACCOUNTS: u64 = 6;
const EACH: i128 = 1_000;
/// Rounds after which a new store is begun.
const ROUNDS_A_STORE: u64 = 25;

fn account(n: u64) -> Arc<str> {
    format!("did:x:{}", n % ACCOUNTS).into()
}
fn key(side: &str, writer: u64) -> Arc<str> {
    format!("{side}{writer}").into()
}

struct Rng(u64);

impl Rng {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (x ^ (x >> 31)) % n
    }
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    if let [child @ ("child" | "weak"), directory] = args.as_slice() {
        return self::child(Path::new(directory), *child == "weak");
    }
    let (mut rounds, mut seed, mut weakened) = (None, 1, false);
    let mut rest = args.iter();
    while let Some(flag) = rest.next() {
        match (*flag, rest.as_slice().first().and_then(|n| n.parse::<u64>().ok())) {
            ("--weakened", _) => weakened = true,
            ("--rounds", Some(n)) => (rounds, _) = (Some(n), rest.next()),
            ("--seed", Some(n)) => (seed, _) = (n, rest.next()),
            _ => {
                rounds = None;
                break;
            }
        }
    }
    match rounds {
        Some(rounds) => parent(rounds, seed, weakened),
        None => {
            eprintln!("crash --rounds N [--seed N] [--weakened]");
            ExitCode::from(2)
        }
    }
}

/// A journal that acknowledges what it has not written.
struct Early(Mutex<Sender<Vec<JournalEntry>>>);

impl Early {
    fn before(journal: Arc<dyn Journal>) -> Early {
        let (queue, later) = channel::<Vec<JournalEntry>>();
        thread::spawn(move || later.into_iter().for_each(|group| journal.append(&group).expect("a write")));
        Early(Mutex::new(queue))
    }
}

impl Journal for Early {
    fn append(&self, commits: &[JournalEntry]) -> Result<(), JournalError> {
        self.0.lock().unwrap().send(commits.to_vec()).map_err(|_| JournalError::Broken)
    }
}

fn acknowledge(version: u64, writer: u64, number: u64) {
    // One write, so that no line is cut unless the pipe is.
    let line = format!("{version} {writer} {number}\n");
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(line.as_bytes()).and_then(|()| out.flush());
}

/// Commits until it is killed.
fn child(directory: &Path, weakened: bool) -> ExitCode {
    let host = ErynoaHost::open(directory).expect("the store opens");
    let mut state = Arc::clone(host.state());
    if weakened {
        let early = Early::before(host.store().clone());
        let world = World::clone(host.view().world());
        state = Arc::new(UnifiedState::with_world(world).with_journal(Arc::new(early)));
    }
    if state.view().identity_count() == 0 {
        let mut begin = state.begin();
        let lab = RealmRecord { id: "lab".into(), ..RealmRecord::default() };
        begin.push(StateEvent::RealmCreated(Arc::new(lab))).unwrap();
        for n in 0..ACCOUNTS {
            let account = IdentityRecord { balance: EACH, ..IdentityRecord::new(account(n)) };
            begin.push(StateEvent::IdentityCreated(Arc::new(account))).unwrap();
        }
        assert!(state.commit(&begin).is_success());
    }
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let state = &state;
            scope.spawn(move || {
                let mut number = stored(state.view().world(), &key("left", writer));
                loop {
                    number += 1;
                    let version = loop {
                        match state.commit(&work(state, writer, number)) {
                            CommitResult::Success { version, .. } => break version,
                            CommitResult::Conflict { .. } => {}
                            other => panic!("{other:?}"),
                        }
                    };
                    acknowledge(version, writer, number);
                }
            });
        }
    });
    ExitCode::SUCCESS
}

/// What one commit does: a pair of keys, a transfer where there is money, a vote, and an event that says whose it is.
fn work(state: &UnifiedState, writer: u64, number: u64) -> Transaction {
    let mut work = state.begin();
    let put = |side: &str| StateEvent::StoreWritten {
        realm_id: "lab".into(),
        key: key(side, writer),
        value: Some(StoreValue::Number(number as f64)),
    };
    work.push(put("left")).unwrap();
    let (from, to) = (account(number.wrapping_mul(7) + writer), account(number.wrapping_mul(3) + 1));
    let amount = i128::from(number % 40) + 1;
    if work.balance(&from).unwrap() >= amount {
        work.push(StateEvent::Transferred { from, to: to.clone(), amount }).unwrap();
    }
    let (realm_id, proposal) = ("lab".into(), key("proposal", writer));
    work.push(StateEvent::VoteCast { realm_id, proposal, voter: to, yes: number.is_multiple_of(2) }).unwrap();
    work.push(put("right")).unwrap();
    let payload = Value::Array(Box::new([Value::Number(writer as f64), Value::Number(number as f64)]));
    work.push(StateEvent::UserEvent { realm_id: "lab".into(), name: "done".into(), payload }).unwrap();
    work
}

fn stored(world: &World, key: &str) -> u64 {
    match world.realm("lab").and_then(|lab| lab.stored(key)) {
        Some(StoreValueRef::Number(x)) => x as u64,
        _ => 0,
    }
}

type Acknowledged = (u64, u64, u64);

/// Starts a child and kills it after `delay`, counted from its first acknowledged commit where `wait` says so. What it
/// acknowledged.
fn kill_after(directory: &Path, delay: Duration, wait: bool, weakened: bool) -> Vec<Acknowledged> {
    let program = std::env::current_exe().expect("this program has a path");
    let mut child: Child = Command::new(program)
        .arg(if weakened { "weak" } else { "child" })
        .arg(directory)
        .stdout(Stdio::piped())
        .spawn()
        .expect("a child starts");
    let lines = BufReader::new(child.stdout.take().expect("a pipe"));
    let (first, begun) = channel();
    let reader = thread::spawn(move || {
        let mut all = Vec::new();
        for line in lines.lines() {
            let Ok(line) = line else { break };
            let numbers: Vec<u64> = line.split(' ').filter_map(|n| n.parse().ok()).collect();
            if let [version, writer, number] = numbers[..] {
                all.push((version, writer, number));
                let _ = first.send(());
            }
        }
        all
    });
    if wait {
        begun.recv_timeout(Duration::from_secs(120)).expect("a child commits within two minutes");
    }
    thread::sleep(delay);
    child.kill().expect("a child can be killed");
    child.wait().expect("a child ends");
    reader.join().unwrap()
}

/// What is known of a store from earlier rounds.
#[derive(Default)]
struct Known {
    world: World,
    events: u64,
    /// By version, whose commit it is.
    commits: BTreeMap<u64, (u64, u64)>,
}

impl Known {
    /// Reads what came to the log since, and holds it against the world and against what was acknowledged. How many
    /// acknowledged commits were found, and how many are gone.
    fn verify(&mut self, directory: &Path, acknowledged: &[Acknowledged]) -> [u64; 2] {
        let host = match ErynoaHost::open_existing(directory) {
            Ok(host) => host,
            Err(StoreError::Missing) => {
                assert!(acknowledged.is_empty() && self.events == 0, "the store is gone");
                return [0, 0];
            }
            Err(error) => panic!("the store does not open: {error}"),
        };
        let log = host.store().log(self.events, usize::MAX).expect("the log can be read");
        for commit in log.chunk_by(|a, b| a.version == b.version) {
            self.take(commit);
        }
        self.events += log.len() as u64;
        assert_eq!(self.events, host.store().log_len());
        let world = host.view().world();
        assert_eq!(world.version(), self.world.version(), "log and world are out of step");
        assert!(same_content(world, &self.world), "the log replays to another world");
        if world.identity_count() > 0 {
            let sum: i128 = (0..ACCOUNTS).map(|n| world.balance(&account(n)).unwrap()).sum();
            assert_eq!(sum, EACH * i128::from(ACCOUNTS), "balances");
        }
        for writer in 0..WRITERS {
            assert_eq!(stored(world, &key("left", writer)), stored(world, &key("right", writer)), "a pair");
        }
        let mut gone = 0;
        for (version, writer, number) in acknowledged {
            if self.commits.get(version) != Some(&(*writer, *number)) {
                gone += 1;
            }
        }
        [acknowledged.len() as u64 - gone, gone]
    }

    fn take(&mut self, commit: &[LoggedEvent]) {
        let version = commit[0].version;
        assert_eq!(version, self.world.version() + 1, "a version is missing");
        let events: Vec<StateEvent> = commit.iter().map(|logged| logged.event.clone()).collect();
        self.world = self.world.after(&events).expect("the log fits the world");
        if let Some(StateEvent::UserEvent { payload: Value::Array(whose), .. }) = events.last()
            && let [Value::Number(writer), Value::Number(number)] = whose[..]
        {
            self.commits.insert(version, (writer as u64, number as u64));
            return;
        }
        assert_eq!(version, 2, "a commit without its last event");
    }
}

fn parent(rounds: u64, seed: u64, weakened: bool) -> ExitCode {
    let mut rng = Rng(seed);
    let began = Instant::now();
    let root = std::env::temp_dir().join(format!("eclvm-crash-{}", std::process::id()));
    let mut known = Known::default();
    let (mut total, mut lost) = (0, 0);
    for round in 0..rounds {
        let directory = root.join(format!("{}", round / ROUNDS_A_STORE));
        if round % ROUNDS_A_STORE == 0 {
            known = Known::default();
        }
        let (mut found, mut gone) = (0, 0);
        for wait in [false, true] {
            let delay = Duration::from_micros(rng.below(if wait { 60_000 } else { 30_000 }));
            let acknowledged = kill_after(&directory, delay, wait, weakened);
            let [there, missing] = known.verify(&directory, &acknowledged);
            (found, gone) = (found + there, gone + missing);
        }
        println!(
            "round {round}: {found} acknowledged commits verified, {gone} gone, {} in the store",
            known.commits.len()
        );
        if found + gone == 0 {
            println!("nothing was verified");
            return ExitCode::FAILURE;
        }
        (total, lost) = (total + found, lost + gone);
        if lost > 0 && !weakened {
            println!("acknowledged commits are gone; the store is left in {}", directory.display());
            return ExitCode::FAILURE;
        }
        if round % ROUNDS_A_STORE == ROUNDS_A_STORE - 1 || round + 1 == rounds {
            // All that the store has ever held, from its first event on.
            let all: Vec<Acknowledged> = known.commits.iter().map(|(v, (w, n))| (*v, *w, *n)).collect();
            assert_eq!(Known::default().verify(&directory, &all), [all.len() as u64, 0]);
            let _ = std::fs::remove_dir_all(&directory);
        }
    }
    let _ = std::fs::remove_dir_all(&root);
    let seconds = began.elapsed().as_secs_f64();
    if weakened {
        println!(
            "weakened: {lost} of {} acknowledged commits are found to be gone, {seconds:.0} s",
            total + lost
        );
        return if lost > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    println!(
        "{rounds} rounds, {total} acknowledged commits verified, {seconds:.0} s: none is gone, none is half"
    );
    if total == 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
