//! The border of a chunk: what it is given, and where its answers go.

use super::columns::Inputs;
use super::texts::{Arrays, Dictionary};

/// What a chunk is given.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// The inputs.
    pub inputs: Inputs<'a>,
    /// Lanes to run; the others are nobody's.
    pub active: &'a [u64],
    /// Texts by id.
    pub texts: &'a Dictionary,
    /// Arrays by id.
    pub arrays: &'a Arrays,
}

/// Where a chunk's answers go. Columns are as long as the chunk, or empty where the plan does not need them.
#[derive(Debug)]
pub struct Answers<'a> {
    /// The exit of each lane, as [`super::digits`] has it: [`super::LanePlan::digits`] sets of lanes; zeroed before.
    pub taken: &'a mut [u64],
    /// Lanes that were allowed; zeroed before.
    pub passed: &'a mut [u64],
    /// Units on top of the exit's: Network, Compute, Storage.
    pub extra: [&'a mut [u64]; 3],
    /// Values, [`super::LanePlan::value_width`] numbers for each lane.
    pub values: &'a mut [f64],
    /// What the lanes that left amount to; added to.
    pub tally: &'a mut Tally,
}

/// How many lanes ended where, and what they owe on top of their exits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Lanes by exit.
    pub exits: Vec<u64>,
    /// Units on top: Network, Compute, Storage.
    pub extra: [u64; 3],
}

impl Tally {
    /// Adds another.
    pub fn add(&mut self, other: &Tally) {
        if self.exits.len() < other.exits.len() {
            self.exits.resize(other.exits.len(), 0);
        }
        self.exits.iter_mut().zip(&other.exits).for_each(|(n, more)| *n += more);
        self.extra.iter_mut().zip(other.extra).for_each(|(n, more)| *n = n.saturating_add(more));
    }
    /// Of nothing.
    pub fn clear(&mut self) {
        self.exits.fill(0);
        self.extra = [0; 3];
    }
}
