//! Durable commits per second by the number of writers, against plain redb doing the same writes; reads of `ErynoaHost`
//! against those of `StateHost`; what a run costs on a durable state, and how many the log takes for good. `cargo bench --bench durable`; the store is in the directory for temporary files, so
//! `TMPDIR` says on which device.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark stops where its setting is wrong"
)]

use eclvm::Policy;
use eclvm::durable::{ErynoaHost, HostOptions};
use eclvm::host::StateHost;
use eclvm::kernel::budget::BudgetLimits;
use eclvm::kernel::effects::StoreValue;
use eclvm::kernel::host::HostInterface;
use eclvm::run::{EclvmStateContext, PolicyRunContext, PolicyType, run_policy_with_state_context};
use eclvm::state::{IdentityRecord, RealmRecord, StateEvent, UnifiedState};
use redb::{Database, Durability, TableDefinition};
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const REPEATS: usize = 5;

struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Scratch {
        let path = std::env::temp_dir().join(format!("eclvm-bench-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Commits per second of so many writers, each of which calls `commit(writer, number)` again and again.
fn rate(writers: u64, time: Duration, commit: impl Fn(u64, u64) + Sync) -> f64 {
    let (stop, done) = (AtomicBool::new(false), AtomicU64::new(0));
    let began = Instant::now();
    thread::scope(|scope| {
        for writer in 0..writers {
            let (stop, done, commit) = (&stop, &done, &commit);
            scope.spawn(move || {
                let mut number = 0;
                while !stop.load(Ordering::Relaxed) {
                    number += 1;
                    commit(writer, number);
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        thread::sleep(time);
        stop.store(true, Ordering::Relaxed);
    });
    done.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64()
}

fn report(what: &str, unit: &str, mut measure: impl FnMut() -> f64) {
    let mut all: Vec<f64> = (0..REPEATS).map(|_| measure()).collect();
    all.sort_unstable_by(f64::total_cmp);
    println!(
        "{what:<56} {:>10.1} {unit} (of {REPEATS}: {:.1} to {:.1})",
        all[REPEATS / 2],
        all[0],
        all[REPEATS - 1]
    );
}

fn store_written(writer: u64, number: u64) -> StateEvent {
    StateEvent::StoreWritten {
        realm_id: "lab".into(),
        key: format!("key{writer}").into(),
        value: Some(StoreValue::Number(number as f64)),
    }
}

fn commits(directory: &Path, time: Duration) {
    for writers in [1, 2, 8] {
        let host = ErynoaHost::open(directory.join(format!("host{writers}"))).unwrap();
        let mut begin = host.state().begin();
        let lab = RealmRecord { id: "lab".into(), ..RealmRecord::default() };
        begin.push(StateEvent::RealmCreated(Arc::new(lab))).unwrap();
        assert!(host.state().commit(&begin).is_success());
        report(&format!("ErynoaHost, {writers} writers"), "commits/s", || {
            rate(writers, time, |writer, number| {
                let mut transaction = host.state().begin();
                transaction.push(store_written(writer, number)).unwrap();
                assert!(host.state().commit(&transaction).is_success());
            })
        });
        for two_phase in [true, false] {
            let file = Database::create(directory.join(format!("plain{writers}{two_phase}"))).unwrap();
            let numbers = AtomicU64::new(0);
            let phases = if two_phase { "two-phase" } else { "one-phase" };
            report(&format!("plain redb, {phases}, {writers} writers"), "commits/s", || {
                rate(writers, time, |writer, number| plain(&file, two_phase, writer, number, &numbers))
            });
        }
    }
}

/// The rows of such a commit: a value, an event of the log, the version.
fn plain(file: &Database, two_phase: bool, writer: u64, number: u64, next: &AtomicU64) {
    const STORES: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("stores");
    const LOG: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("log");
    const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
    let mut transaction = file.begin_write().unwrap();
    transaction.set_durability(Durability::Immediate);
    transaction.set_two_phase_commit(two_phase);
    {
        let mut value = vec![1u8];
        value.extend_from_slice(&(number as f64).to_le_bytes());
        let key = format!("key{writer}");
        transaction.open_table(STORES).unwrap().insert(("lab", key.as_str()), value.as_slice()).unwrap();
        let next = next.fetch_add(1, Ordering::Relaxed);
        let event = [0u8; 48];
        transaction.open_table(LOG).unwrap().insert(next, event.as_slice()).unwrap();
        transaction.open_table(META).unwrap().insert("version", next).unwrap();
    }
    transaction.commit().unwrap();
}

fn reads(directory: &Path, count: usize) {
    let host = ErynoaHost::open(directory.join("reads")).unwrap();
    let mut begin = host.state().begin();
    let did = |n: usize| format!("did:erynoa:self:user{n:07}");
    for n in 0..count {
        let record = IdentityRecord { balance: n as i128, ..IdentityRecord::new(did(n)) };
        begin.push(StateEvent::IdentityCreated(Arc::new(record))).unwrap();
    }
    assert!(host.state().commit(&begin).is_success());
    host.state().compact();
    let (durable, plain) = (host.latest(), StateHost::from(host.state().view()));
    let asked: Vec<String> = (0..count).map(|n| did(n.wrapping_mul(7_919) % count)).collect();
    let hosts: [(&str, &dyn HostInterface); 2] = [("ErynoaHost", &durable), ("StateHost", &plain)];
    for (name, host) in hosts {
        report(&format!("{name}, trust of one of {count}"), "ns", || {
            let began = Instant::now();
            for did in &asked {
                black_box(host.trust(black_box(did)).unwrap());
            }
            began.elapsed().as_nanos() as f64 / count as f64
        });
    }
}

/// Runs on a state in memory and on a durable one: as long as its log has room, and beyond that as the disk takes them.
fn runs(directory: &Path, count: u32) {
    let policy = Policy::compile("trust.r >= 0.05").unwrap();
    let limits = BudgetLimits { gas_limit: u64::MAX, timeout_ms: u64::MAX, ..BudgetLimits::default() };
    let run = PolicyRunContext::new("did:x:a", "", limits).of_policy("door", PolicyType::Crossing);
    let a_run = |state: &Arc<UnifiedState>, count: u32, flush: bool| {
        let context = EclvmStateContext::new(state, run.clone());
        let began = Instant::now();
        for _ in 0..count {
            black_box(run_policy_with_state_context(&policy, &context).unwrap());
        }
        if flush {
            state.flush().unwrap();
        }
        began.elapsed().as_nanos() as f64 / f64::from(count)
    };
    let memory = Arc::new(UnifiedState::new());
    // Nothing is written while the log has room.
    let within = Some(Duration::from_secs(3_600));
    let options = HostOptions { events_durable_within: within, ..HostOptions::default() };
    let host = ErynoaHost::open_with(directory.join("runs"), options).unwrap();
    let few = count.min(4_000);
    report("a run, logged in memory", "ns", || a_run(&memory, few, false));
    report("a run on a durable state, its log has room", "ns", || {
        host.flush().unwrap();
        a_run(host.state(), few, false)
    });
    report("a run, logged and flushed, many at once", "ns", || a_run(host.state(), count, true));
}

fn main() {
    let test = std::env::args().any(|arg| arg == "--test");
    let (time, count) =
        if test { (Duration::from_millis(5), 100) } else { (Duration::from_millis(1_500), 100_000) };
    let scratch = Scratch::new();
    commits(&scratch.0, time);
    reads(&scratch.0, count);
    runs(&scratch.0, if test { 100 } else { 200_000 });
}
