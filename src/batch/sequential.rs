//! Requests that write, one after the other: what an allowed request wrote is there for every later one. This is what
//! `writing` must come to, and what it falls back to.

use super::parallel::Worker;
use super::summary::Counts;
use super::{Batch, Engines, Portion, Requests, is_timed};
use crate::host::OverlayHost;
use eclvm_kernel::fault::Exhaustion;
use eclvm_kernel::host::HostInterface;
use eclvm_kernel::lanes::Unsupported;
use eclvm_kernel::receipt::Receipt;
use eclvm_kernel::request::{Clock, Env};

/// A portion that is decided in index order.
pub(super) struct InOrder<'b, 'e, R: Requests + ?Sized> {
    batch: &'b Batch<'e>,
    requests: &'b R,
    worker: Worker,
    /// The host as those before have left it.
    pub(super) overlay: Option<OverlayHost<'e>>,
    /// Nanoseconds of its runs.
    pub(super) samples: Vec<u64>,
}

impl<'b, 'e, R: Requests + ?Sized> InOrder<'b, 'e, R> {
    pub(super) fn new(batch: &'b Batch<'e>, requests: &'b R, overlay: Option<OverlayHost<'e>>) -> Self {
        InOrder { batch, requests, worker: Worker::new(), overlay, samples: Vec::new() }
    }
    /// Decides the next request and commits what it wrote. Err where the batch must end instead.
    pub(super) fn decide(&mut self, index: usize) -> Result<Receipt, Exhaustion> {
        let batch = self.batch;
        if let Some(reason) = batch.stop() {
            return Err(reason);
        }
        let began = batch.clock.now_ns();
        let host = self.overlay.as_ref().map(|host| host as &dyn HostInterface);
        let env = Env { host, shared: batch.options.budget.as_deref(), ..batch.env() };
        let receipt = self.worker.run(batch.policy.executable(), self.requests, index, &env);
        self.samples.push(batch.clock.now_ns().saturating_sub(began));
        if is_timed(&receipt)
            && let Some(reason) = batch.stop()
        {
            return Err(reason);
        }
        self.commit(&receipt);
        Ok(receipt)
    }
    /// Commits what a request wrote.
    pub(super) fn commit(&mut self, receipt: &Receipt) {
        if let Some(overlay) = &mut self.overlay {
            overlay.apply(receipt.effects());
        }
    }
    /// What came of it.
    pub(super) fn portion(
        self,
        receipts: &[Receipt],
        cut: Option<Exhaustion>,
    ) -> (Portion, Option<OverlayHost<'e>>) {
        let engines = Engines::scalar(receipts.len(), Some(Unsupported::Writes.reason()));
        (Portion { counts: Counts::of(receipts), samples: self.samples, cut, engines }, self.overlay)
    }
}
