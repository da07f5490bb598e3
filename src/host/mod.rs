//! Hosts: what policies can see of a state. [`StateHost`] lets them read one version of the world, for tests and
//! state-only use; [`TrackedHost`] also notes what was read, for transactions; [`OverlayHost`] shows any host as earlier
//! allowed requests have left it. Nothing here is durable.

pub mod overlay;
#[cfg(feature = "state-host")]
pub mod state_host;
#[cfg(feature = "state-host")]
pub mod tracked;

pub use overlay::OverlayHost;
#[cfg(feature = "state-host")]
pub use state_host::StateHost;
#[cfg(feature = "state-host")]
pub use tracked::TrackedHost;

#[cfg(feature = "state-host")]
pub use crate::state::{StateFileError, World};

#[cfg(test)]
#[cfg(feature = "state-host")]
mod tests;
