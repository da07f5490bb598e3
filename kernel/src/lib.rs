//! The kernel of eclvm.

pub mod did_placeholder {}
