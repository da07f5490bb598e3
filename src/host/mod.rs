//! Hosts over a world in memory: [`World`] is one immutable version of it, [`StateHost`] lets policies read it, and
//! [`OverlayHost`] shows any host as earlier allowed requests have left it. Nothing here is durable.

pub mod overlay;
pub mod state_file;
pub mod state_host;
pub mod world;

mod balance;

pub use overlay::OverlayHost;
pub use state_file::StateFileError;
pub use state_host::StateHost;
pub use world::World;

#[cfg(test)]
mod tests;
