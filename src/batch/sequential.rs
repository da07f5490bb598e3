//! Policies that write, one request after the other: what an allowed request wrote is there for every later one.

use super::parallel::Worker;
use super::{Batch, Engines, Portion, Requests};
use eclvm_kernel::fault::{Exhaustion, Outcome};
use eclvm_kernel::host::HostInterface;
use eclvm_kernel::lanes::Unsupported;
use eclvm_kernel::request::{Clock, Env};

impl Batch<'_> {
    pub(super) fn run_in_order<R: Requests + ?Sized>(&mut self, requests: &R) -> Portion {
        let mut worker = Worker::new();
        let mut portion = Portion {
            receipts: Vec::with_capacity(requests.len()),
            samples: Vec::new(),
            cut: None,
            engines: Engines::default(),
        };
        let mut overlay = self.overlay.take();
        for index in 0..requests.len() {
            if let Some(reason) = self.stop() {
                portion.cut = Some(reason);
                break;
            }
            let began = self.clock.now_ns();
            let receipt = {
                let host = overlay.as_ref().map(|host| host as &dyn HostInterface);
                let env = Env { host, shared: self.options.budget.as_deref(), ..self.env() };
                worker.run(self.policy.executable(), requests, index, &env)
            };
            portion.samples.push(self.clock.now_ns().saturating_sub(began));
            let timed =
                matches!(receipt.outcome, Outcome::Exhausted(Exhaustion::Timeout | Exhaustion::Cancelled));
            if let (true, Some(reason)) = (timed, self.stop()) {
                portion.cut = Some(reason);
                break;
            }
            if let Some(overlay) = &mut overlay {
                overlay.apply(receipt.effects());
            }
            portion.receipts.push(receipt);
        }
        self.overlay = overlay;
        portion.engines = Engines::scalar(portion.receipts.len(), Some(Unsupported::Writes.reason()));
        portion
    }
}
