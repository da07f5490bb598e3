//! What a model is, and how one is explored.

use eclvm_kernel::sync::{epoch, tracked, weaken};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// With the seconds that a run may take: the executions after which a model is red, whatever the machine.
const EXECUTIONS_A_SECOND: u64 = 1_600;

/// Models that are explored as loom does by itself, without the door's witnesses, because with them they are not explored to the end
/// in minutes: some orders, where a thread loads a word before it writes it, are not tried. The table says so.
const WITHOUT_WITNESSES: &[&str] = &[
    "publish::update_loses_nothing",
    "mana::forget_races_spend",
    "registry::realm_registered_once_by_racing_threads",
    "registry::two_names_two_numbers",
    "registry::cap_holds_for_racing_threads",
];

/// A protocol under every interleaving, and its twin that must fail.
pub(crate) struct Model {
    /// `protocol::what_must_hold`.
    pub(crate) name: &'static str,
    /// What must hold, in one sentence.
    pub(crate) holds: &'static str,
    /// Threads, the first one included.
    pub(crate) threads: usize,
    /// Preemptions explored; None for all of them. Two threads must be explored completely, three at 3 or more.
    pub(crate) bound: Option<usize>,
    /// The same for the long run.
    pub(crate) long_bound: Option<usize>,
    /// The body: makes its data, spawns, joins, asserts.
    pub(crate) run: fn(),
    /// What shows that the model can fail.
    pub(crate) twin: Twin,
}

/// How a model is shown to be able to fail.
pub(crate) enum Twin {
    /// The same body on the kernel's own code with this step left out (see `eclvm_kernel::sync::weakened`); it must
    /// panic with a message that contains the second text.
    Without(&'static str, &'static str),
    /// Another body, with one step left out, that must panic with this message.
    Body(fn(), &'static str),
    /// Why loom cannot see the weakened form fail.
    Unseen(&'static str),
}

/// What became of a model or a twin.
pub(crate) struct Explored {
    pub(crate) executions: u64,
    pub(crate) seconds: f64,
    /// None where every execution held.
    pub(crate) failure: Option<String>,
}

std::thread_local! {
    static FAILURE: Cell<Option<&'static str>> = const { Cell::new(None) };
}

/// Fails the model once this execution has ended. For bodies that pin the epoch: loom cannot unwind out of an execution
/// whose collector it has still to drop, so they must not panic.
pub(crate) fn check_at_end(holds: bool, text: &'static str) {
    if !holds {
        FAILURE.set(Some(text));
    }
}

fn fail_if_checked() {
    if let Some(text) = FAILURE.take() {
        panic!("{text}");
    }
}

/// Explores one body.
pub(crate) fn explore(
    threads: usize,
    bound: Option<usize>,
    without: &'static str,
    seconds: u64,
    body: fn(),
) -> Explored {
    let began = Instant::now();
    let executions = Arc::new(AtomicU64::new(0));
    let counted = executions.clone();
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = bound;
    builder.max_threads = threads.max(2);
    builder.max_branches = 20_000;
    let limit = Duration::from_secs(seconds);
    let result = catch_unwind(AssertUnwindSafe(|| {
        builder.check(move || {
            weaken(without);
            tracked::begin();
            epoch::begin();
            fail_if_checked();
            let n = counted.fetch_add(1, Ordering::Relaxed) + 1;
            assert!(n <= seconds * EXECUTIONS_A_SECOND, "cap of executions reached: not explored to the end");
            assert!(
                !n.is_multiple_of(1_024) || began.elapsed() < limit,
                "cap of time reached: not explored to the end"
            );
            body();
        });
        fail_if_checked();
    }));
    weaken("");
    let failure = result.err().map(|panic| match panic.downcast_ref::<String>() {
        Some(text) => text.clone(),
        None => panic.downcast_ref::<&str>().unwrap_or(&"a panic without text").to_string(),
    });
    Explored {
        executions: executions.load(Ordering::Relaxed),
        seconds: began.elapsed().as_secs_f64(),
        failure,
    }
}

impl Model {
    /// Whether loads that loom by itself forgets are remembered.
    pub(crate) fn has_witnesses(&self) -> bool {
        !WITHOUT_WITNESSES.contains(&self.name)
    }

    /// Explores the model; the error is what is wrong with it.
    pub(crate) fn check(&self, long: bool, seconds: u64) -> Explored {
        tracked::forget_loads(!self.has_witnesses());
        explore(self.threads, if long { self.long_bound } else { self.bound }, "", seconds, self.run)
    }

    /// Runs the twin. Ok with what it failed with, in how many executions.
    pub(crate) fn check_twin(&self, seconds: u64) -> Result<String, String> {
        tracked::forget_loads(!self.has_witnesses());
        let (explored, wanted) = match self.twin {
            Twin::Unseen(why) => return Ok(format!("no twin: {why}")),
            Twin::Without(step, wanted) => {
                (explore(self.threads, self.bound, step, seconds, self.run), wanted)
            }
            Twin::Body(body, wanted) => (explore(self.threads, self.bound, "", seconds, body), wanted),
        };
        match explored.failure {
            Some(text) if text.contains(wanted) => {
                Ok(format!("fails after {} with \"{wanted}\"", explored.executions))
            }
            Some(text) => Err(format!("the twin fails with {text:?}, not with {wanted:?}")),
            None => Err(format!("the twin holds in all {} executions", explored.executions)),
        }
    }
}
