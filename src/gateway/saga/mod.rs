//! Sagas: an intent carried out as ordered steps in one or more realms.
//!
//! # What is promised
//!
//! - *Steps.* Each step is one transaction of its realm: its policy decides and may write, its writes follow, and all of it
//!   commits or nothing does. A step that loses to another commit runs again on the new version. The next step begins when
//!   the one before is true. Others see what is between two steps: a saga is not isolated as a whole.
//! - *All or none.* Where a step fails, the compensations of the completed ones run in reverse order, each a transaction of its
//!   own. One that cannot be carried out does not stop the others; the report says which steps are left undone, and why.
//! - *One budget.* 30 mana for each step that begins, and 20 units of Realm gas where it is in another realm than the step
//!   before; policies and writes pay as they always do. A step that runs again pays again for its policy and writes.
//! - *The reserve.* What all compensations cost is known beforehand, for they are writes and no policies. It is taken from
//!   the budget before the first step, and paid from there: a budget that the steps have exhausted, a timeout or a
//!   cancellation does not keep anything from being undone. A saga whose reserve cannot be had does not begin. What
//!   was not needed of it goes back at the end. Compensations that run again, because of other commits, pay once.
//! - *Panics.* One of the observer waits until the saga is at its end. One of a commit's sink does not: the saga stops where it
//!   is, as when the process ends. What has been done is in the state's log.
//! - *Quarantine.* No step begins in a quarantined realm; compensations do not ask. The entry policies of realms are not
//!   asked either: that is the gateway's, or a step's own policy's by `cross_realm`.

mod parts;
mod plan;
mod report;
mod runner;
mod writes;

pub use plan::{Saga, SagaError, Step};
pub use report::{SagaEnd, SagaReport, StepFailure, Undone};
pub use runner::{CROSSING_GAS, SAGA_STEP_MANA, SagaRunner};
pub use writes::SagaWrite;
