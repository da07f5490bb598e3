//! Threads that begin together and meet at the end, numbers that look like chance, and panics on purpose.

use std::panic::{AssertUnwindSafe, catch_unwind, panic_any, resume_unwind};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a round is to do.
pub(crate) struct Load {
    pub(crate) threads: usize,
    pub(crate) seed: u64,
    /// Operations, over all threads.
    pub(crate) ops: u64,
}

impl Load {
    /// Operations of one thread.
    pub(crate) fn each(&self) -> u64 {
        self.ops / self.threads as u64
    }
    /// Runs `work` on every thread, with its number and its own chance, and meanwhile `look`, again and again, on one more.
    /// What the threads came to.
    pub(crate) fn go<T: Send>(
        &self,
        work: impl Fn(usize, &mut Chance) -> T + Sync,
        mut look: impl FnMut() + Send,
    ) -> Vec<T> {
        let (start, over) = (Barrier::new(self.threads + 1), AtomicBool::new(false));
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..self.threads)
                .map(|number| {
                    let (start, work) = (&start, &work);
                    let mut chance = Chance(self.seed ^ (number as u64 + 1) << 40);
                    scope.spawn(move || {
                        start.wait();
                        work(number, &mut chance)
                    })
                })
                .collect();
            let looker = scope.spawn(|| {
                start.wait();
                while !over.load(Ordering::Acquire) {
                    look();
                    std::thread::yield_now();
                }
                look();
            });
            let came: Vec<_> = workers.into_iter().map(|worker| worker.join()).collect();
            over.store(true, Ordering::Release);
            let looked = looker.join();
            let came =
                came.into_iter().map(|came| came.unwrap_or_else(|panic| resume_unwind(panic))).collect();
            looked.unwrap_or_else(|panic| resume_unwind(panic));
            came
        })
    }
}

/// splitmix64.
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Chance {
        Chance(seed)
    }
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(n)) >> 64) as u64
    }
    /// Once in so many times.
    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// A panic on purpose.
pub(crate) struct Injected;

impl Injected {
    /// Says nothing of panics on purpose.
    pub(crate) fn keep_quiet() {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !info.payload().is::<Injected>() {
                usual(info);
            }
        }));
    }
    /// Runs `work`, which panics where it calls [`Injected::now`]; any other panic goes on.
    pub(crate) fn within(work: impl FnOnce()) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(work))
            && !panic.is::<Injected>()
        {
            resume_unwind(panic);
        }
    }
    pub(crate) fn now() -> ! {
        panic_any(Injected)
    }
}
