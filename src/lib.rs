//! eclvm: ECL policies compiled to verified bytecode and run under hard limits, one at a time or in parallel batches.
//!
//! A policy is compiled once and run often. A [`Policy`] is cheap to clone and shared between threads; a
//! [`Vm`](kernel::vm::Vm) runs requests one at a time and keeps its memory, so there is one per thread.
//!
//! ```
//! use eclvm::Policy;
//! use eclvm::kernel::request::{Env, Request};
//! use eclvm::kernel::value::ValueRef;
//! use eclvm::kernel::vm::Vm;
//!
//! let policy = Policy::compile("policy p(amount: number) { require amount <= 100, \"too much\"; }")?;
//! let mut vm = Vm::new();
//! let receipt = vm.run(policy.executable(), &Request::new(&[ValueRef::Number(250.0)]), &Env::default());
//! assert_eq!(receipt.outcome.name(), "deny");
//! assert_eq!(policy.program().message(receipt.message), Some("too much"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - [`policy`]: compile, load bytecode, choose one of several.
//! - [`batch`]: many requests on all cores, with the receipts of running them one after the other.
//! - `arrow`: requests from Arrow record batches and Parquet files, receipts as a record batch.
//! - [`host`]: state in memory; [`kernel::host::HostInterface`] for hosts of your own.
//! - [`observe`]: counters, events, deltas, metrics and spans of runs.
//! - `durable`: the state kept in a directory, crash-safe; `durable::ErynoaHost` is the host of production.
//! - [`gateway`]: who may cross into a realm; entry points, blueprints, sagas.
//! - [`plan`]: the names of the plan that the crate carries out.
//! - [`wire`]: JSON and CSV in, receipts out.
//! - [`lang`]: from text to a program, and its diagnostics.
//! - [`kernel`]: bytecode, verifier, machine, budgets.
//!
//! Only [`passed`](kernel::receipt::Receipt::passed) is a permit: a fault and an exhausted run are none. The language, gas
//! and a walk through this API are described in `docs/` of the repository.

pub use eclvm_kernel as kernel;

#[cfg(feature = "arrow")]
pub mod arrow;
pub mod batch;
pub mod clock;
#[cfg(feature = "durable")]
pub mod durable;
#[cfg(feature = "state-host")]
mod event;
#[cfg(feature = "legacy-gas")]
mod gas_meter;
#[cfg(feature = "state-host")]
pub mod gateway;
pub mod host;
pub mod lang;
pub mod observe;
pub mod plan;
pub mod policy;
mod policy_type;
pub mod run;
#[cfg(feature = "state-host")]
pub mod state;
mod telemetry;
pub mod wire;

#[cfg(feature = "legacy-gas")]
pub use gas_meter::GasMeter;
pub use policy::{Module, Policy};

/// The Rust examples of the documents are doctests.
#[cfg(doctest)]
mod documents {
    #[doc = include_str!("../README.md")]
    struct Readme;
    #[doc = include_str!("../docs/embedding.md")]
    struct Embedding;
}
