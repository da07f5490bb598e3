//! `crash --rounds 500 [--seed N] [--weakened]`: kills a process that commits to a durable store, again and again, and checks what it
//! left. Exit code 1 where an acknowledged commit is gone, or one is there by half.
//!
//! Each round kills two children with SIGKILL: one at any moment from its start, so that also making and opening a store is
//! interrupted, and one at any moment after its first commit. A child commits from several threads and writes a line to a
//! pipe for each commit that was acknowledged. Other threads run policies with the library, most of which write nothing and
//! wait for nothing, and write a line for what was flushed, or went along with a commit. The parent then opens the store
//! and checks that
//!
//! - each run is in the log once, in the order of its thread and without one missing, up to one that comes after the last
//!   acknowledged; what a run wrote stands right before its event, in the same version, and neither is there alone;
//! - each acknowledged commit is in the log, under its version and with its content;
//! - the log has no gaps, each commit in it is whole, and replaying it gives the world that was loaded;
//! - balances add up to what they were, and keys that are written in pairs are equal.
//!
//! With `--weakened` the children acknowledge before they write: commits go to a queue in memory and from there to the store,
//! and runs are acknowledged as they end.
//! Then acknowledged commits must be found to be gone, or the test could not see what it is for: exit code 1 where none
//! is, of commits or of runs. A kill takes no power away: what the operating system has been given stays, flushed or not, so that flushes left out
//! are not seen here but by `tests/durable`, on a disk that loses them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test support: a broken promise must stop the test that found it"
)]

use eclvm::Policy;
use eclvm::durable::{ErynoaHost, LoggedEvent, StoreError};
use eclvm::kernel::budget::BudgetLimits;
use eclvm::kernel::effects::StoreValue;
use eclvm::kernel::host::StoreValueRef;
use eclvm::kernel::value::{Value, ValueRef};
use eclvm::run::{EclvmStateContext, PolicyRunContext, PolicyType, run_policy_with_state_context_and};
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
const RUNNERS: u64 = 2;
/// Runners are writers from this number on in what is acknowledged; the number is how many of its runs are durable.
const RUNNER: u64 = 100;
/// One in so many runs writes.
const WRITES: u64 = 16;
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
        let weak = UnifiedState::with_world(world).with_journal(Arc::new(early));
        state = Arc::new(weak.with_durable_events(Duration::from_millis(100)));
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
    let mut known = Known::default();
    known.read(&host);
    thread::scope(|scope| {
        for runner in 0..RUNNERS {
            let (state, next) = (&state, known.runs[runner as usize]);
            scope.spawn(move || run(state, runner, next, weakened));
        }
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

fn run_id(runner: u64, number: u64) -> String {
    format!("run {runner} {number}")
}

/// Runs policies until it is killed, from number `next` on.
fn run(state: &Arc<UnifiedState>, runner: u64, next: u64, weakened: bool) {
    let reads = Policy::compile("policy p(n: number) { require n % 3 != 0; }").expect("it compiles");
    let source = format!("policy p(n: number) {{ store_put(\"{}\", n); }}", key("runs", runner));
    let writes = Policy::compile(&source).expect("it compiles");
    let limits = BudgetLimits::default();
    for number in next.. {
        let run = PolicyRunContext::new("did:x:0", "lab", limits);
        let run = run.of_policy(&run_id(runner, number), PolicyType::Api);
        let context = EclvmStateContext::new(state, run);
        let writing = number % WRITES == WRITES - 1;
        let policy = if writing { &writes } else { &reads };
        run_policy_with_state_context_and(policy, &[ValueRef::Number(number as f64)], &context)
            .expect("the transaction takes it");
        if writing {
            assert!(context.commit().is_success(), "nobody else writes this key");
        } else if number % WRITES == WRITES / 2 && !weakened {
            state.flush().expect("a flush");
        }
        if writing || weakened || number % WRITES == WRITES / 2 {
            acknowledge(0, RUNNER + runner, number + 1);
        }
    }
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
                if writer < RUNNER {
                    let _ = first.send(());
                }
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
    /// By runner, how many runs there are.
    runs: [u64; RUNNERS as usize],
    /// The last event, where it is what a run wrote: of which runner and run.
    wrote: Option<(u64, u64)>,
}

impl Known {
    /// Reads what came to the log since, and holds it against the world and against what was acknowledged. How many
    /// acknowledged commits were found, and how many are gone.
    fn verify(&mut self, directory: &Path, acknowledged: &[Acknowledged]) -> [u64; 4] {
        let host = match ErynoaHost::open_existing(directory) {
            Ok(host) => host,
            Err(StoreError::Missing) => {
                assert!(acknowledged.is_empty() && self.events == 0, "the store is gone");
                return [0; 4];
            }
            Err(error) => panic!("the store does not open: {error}"),
        };
        self.read(&host);
        assert_eq!(self.events, host.store().log_len());
        assert_eq!(self.wrote, None, "what a run wrote, without the run");
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
        // Commits and runs, and how many of them are gone.
        let mut found = [0; 4];
        for (version, writer, number) in acknowledged {
            let (kind, there) = match writer.checked_sub(RUNNER) {
                Some(runner) => (1, self.runs[runner as usize] >= *number),
                None => (0, self.commits.get(version) == Some(&(*writer, *number))),
            };
            found[if there { kind } else { kind + 2 }] += 1;
        }
        found
    }

    /// Reads what came to the log since.
    fn read(&mut self, host: &ErynoaHost) {
        let log = host.store().log(self.events, usize::MAX).expect("the log can be read");
        for logged in &log {
            self.take_run(&logged.event);
        }
        let runs = |logged: &LoggedEvent| matches!(logged.event, StateEvent::PolicyEvaluated { .. });
        let commits: Vec<LoggedEvent> = log.iter().filter(|logged| !runs(logged)).cloned().collect();
        for commit in commits.chunk_by(|a, b| a.version == b.version) {
            self.take(commit);
        }
        self.events += log.len() as u64;
    }

    /// An event of the log, as far as it is about a run.
    fn take_run(&mut self, event: &StateEvent) {
        let wrote = self.wrote.take();
        match event {
            StateEvent::PolicyEvaluated { policy_id: Some(id), .. } => {
                let mut words = id.strip_prefix("run ").expect("a run of a runner").split(' ');
                let mut word = || words.next().unwrap().parse::<u64>().unwrap();
                let (runner, number) = (word(), word());
                assert_eq!(number, self.runs[runner as usize], "a run is missing, or there twice");
                self.runs[runner as usize] += 1;
                let writes = number % WRITES == WRITES - 1;
                assert_eq!(wrote, writes.then_some((runner, number)), "a run, and what it wrote");
            }
            StateEvent::StoreWritten { key, value: Some(StoreValue::Number(n)), .. } => {
                assert_eq!(wrote, None, "what a run wrote, without the run");
                let runner = key.strip_prefix("runs").map(|runner| runner.parse().unwrap());
                self.wrote = runner.map(|runner| (runner, *n as u64));
            }
            _ => assert_eq!(wrote, None, "what a run wrote, without the run"),
        }
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
        let of_run = matches!(&events[..], [StateEvent::StoreWritten { key, .. }] if key.starts_with("runs"));
        assert!(of_run || version == 2, "a commit without its last event");
    }
}

fn parent(rounds: u64, seed: u64, weakened: bool) -> ExitCode {
    let mut rng = Rng(seed);
    let began = Instant::now();
    let root = std::env::temp_dir().join(format!("eclvm-crash-{}", std::process::id()));
    let mut known = Known::default();
    let mut total = [0; 4];
    for round in 0..rounds {
        let directory = root.join(format!("{}", round / ROUNDS_A_STORE));
        if round % ROUNDS_A_STORE == 0 {
            known = Known::default();
        }
        let mut all = [0; 4];
        for wait in [false, true] {
            let delay = Duration::from_micros(rng.below(if wait { 60_000 } else { 30_000 }));
            let acknowledged = kill_after(&directory, delay, wait, weakened);
            let found = known.verify(&directory, &acknowledged);
            all.iter_mut().zip(found).for_each(|(all, found)| *all += found);
        }
        let [commits, runs, gone, runs_gone] = all;
        println!(
            "round {round}: {commits} acknowledged commits verified, {gone} gone, {} in the store; {runs} acknowledgements of runs \
             verified, {runs_gone} gone, {} runs in the store",
            known.commits.len(),
            known.runs.iter().sum::<u64>(),
        );
        if commits + gone == 0 {
            println!("nothing was verified");
            return ExitCode::FAILURE;
        }
        total.iter_mut().zip(all).for_each(|(total, all)| *total += all);
        if gone + runs_gone > 0 && !weakened {
            println!("what was acknowledged is gone; the store is left in {}", directory.display());
            return ExitCode::FAILURE;
        }
        if round % ROUNDS_A_STORE == ROUNDS_A_STORE - 1 || round + 1 == rounds {
            // All that the store has ever held, from its first event on.
            let all: Vec<Acknowledged> = known.commits.iter().map(|(v, (w, n))| (*v, *w, *n)).collect();
            assert_eq!(Known::default().verify(&directory, &all), [all.len() as u64, 0, 0, 0]);
            let _ = std::fs::remove_dir_all(&directory);
        }
    }
    let _ = std::fs::remove_dir_all(&root);
    let seconds = began.elapsed().as_secs_f64();
    let [commits, runs, gone, runs_gone] = total;
    if weakened {
        println!(
            "weakened: {gone} of {} acknowledged commits and {runs_gone} of {} acknowledgements of runs are found to be gone, \
             {seconds:.0} s",
            commits + gone,
            runs + runs_gone,
        );
        return if gone > 0 && runs_gone > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    println!(
        "{rounds} rounds, {commits} acknowledged commits and {runs} acknowledgements of runs verified, {seconds:.0} s: none is gone, \
         none is half"
    );
    if commits == 0 || runs == 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
