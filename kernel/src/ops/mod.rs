//! What the pure operations of ECL mean, as functions of plain values. The engines and the compiler's constant folding
//! both call these, so that a folded constant is what the run would have computed, to the bit.

pub mod math;
pub mod text;
pub mod trust;
