//! Tasks of a portion on all threads.
//!
//! The caller's thread takes tasks like all others, in order, as long as there are any; helpers of the pool join it when
//! they have woken. To wake a thread takes tens of microseconds, on a busy machine milliseconds, and a caller that sleeps
//! in the meantime would wait for that three times: for the first helper, whom that one wakes, and itself at the end. A
//! task takes a hundred microseconds, so that one lock to fetch it is nothing.

use super::Batch;
use std::sync::{Mutex, MutexGuard, PoisonError};

impl Batch<'_> {
    /// What all tasks come to, in their order. A task is told its number.
    pub(super) fn share<T: Send, R: Send>(
        &self,
        tasks: impl ExactSizeIterator<Item = T> + Send,
        run: impl Fn((usize, T)) -> R + Sync,
    ) -> Vec<R> {
        let n = tasks.len();
        let helpers = self.threads().min(n).saturating_sub(1);
        if helpers == 0 {
            return tasks.enumerate().map(run).collect();
        }
        let tasks = Mutex::new(tasks.enumerate());
        let done = Mutex::new(Vec::with_capacity(n));
        let work = || {
            loop {
                let Some((number, task)) = lock(&tasks).next() else { return };
                let result = run((number, task));
                lock(&done).push((number, result));
            }
        };
        match &self.pool {
            Some(pool) => pool.in_place_scope(|scope| on_all(scope, helpers, &work)),
            None => rayon::in_place_scope(|scope| on_all(scope, helpers, &work)),
        }
        let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        done.sort_unstable_by_key(|(number, _)| *number);
        done.into_iter().map(|(_, result)| result).collect()
    }
}

/// Works here and on so many helpers.
fn on_all<'s>(scope: &rayon::Scope<'s>, helpers: usize, work: &'s (impl Fn() + Sync)) {
    (0..helpers).for_each(|_| scope.spawn(|_| work()));
    work();
}

/// What a mutex guards, whether or not somebody panicked at it.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
