//! The mean of all trust, `trust.avg`.
//!
//! The norms are added in ascending byte order of the DIDs, to the bit, so no sum can be kept up to date from change to
//! change: a version in which trust changed adds them up anew when somebody asks, and later versions share the answer
//! until trust changes again. Sums of all norms before each are kept, so that a mean with some vectors changed is added
//! up from the first changed one on.

use super::identities::Identities;
use crate::kernel::ops::trust::norm;
use std::sync::{Arc, OnceLock};

/// What all versions share between two changes of the set of identities.
#[derive(Debug)]
struct Order {
    /// Rows in ascending byte order of their DIDs.
    rows: Box<[u32]>,
    /// The place of each row in that order.
    places: Box<[u32]>,
}

#[derive(Debug)]
struct Norms {
    /// In order.
    norms: Box<[f64]>,
    /// One longer than `norms`.
    sums: Box<[f64]>,
}

/// What has been worked out of the mean so far. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mean {
    order: Arc<OnceLock<Order>>,
    norms: Arc<OnceLock<Norms>>,
}

impl Mean {
    /// A trust vector changed.
    pub(crate) fn trust_changed(&mut self) {
        self.norms = Arc::default();
    }
    /// An identity came to be.
    pub(crate) fn identity_added(&mut self) {
        *self = Mean::default();
    }
    /// The mean norm, with the norms of `changed` (rows, ascending by DID) in place of those stored; None where there are
    /// no identities.
    pub(crate) fn get(
        &self,
        identities: &Identities,
        changed: impl Iterator<Item = (usize, f64)>,
    ) -> Option<f64> {
        let order = self.order.get_or_init(|| Order::new(identities));
        let norms = self.norms.get_or_init(|| Norms::new(identities, order));
        norms.mean(changed.filter_map(|(row, norm)| Some((*order.places.get(row)? as usize, norm))))
    }
}

impl Order {
    fn new(identities: &Identities) -> Order {
        let dids: Vec<&str> = identities.profiles.iter().map(|profile| &*profile.did).collect();
        let mut rows: Vec<u32> = (0..).take(dids.len()).collect();
        // Rows are made in order when a world is loaded, and a stable sort is quick where runs are in order.
        rows.sort_by_key(|row| dids.get(*row as usize).copied());
        let mut places = vec![0; rows.len()];
        for (place, row) in (0..).zip(&rows) {
            if let Some(slot) = places.get_mut(*row as usize) {
                *slot = place;
            }
        }
        Order { rows: rows.into(), places: places.into() }
    }
}

impl Norms {
    fn new(identities: &Identities, order: &Order) -> Norms {
        let rows = order.rows.iter().filter_map(|row| identities.trust.get(*row as usize));
        let norms: Box<[f64]> = rows.map(|row| norm(&row.value)).collect();
        let sums = [0.0].into_iter().chain(norms.iter().scan(0.0, |sum, norm| {
            *sum += norm;
            Some(*sum)
        }));
        Norms { sums: sums.collect(), norms }
    }
    /// `changed`: places and new norms, ascending.
    fn mean(&self, changed: impl Iterator<Item = (usize, f64)>) -> Option<f64> {
        let mut changed = changed.peekable();
        let mut at = changed.peek().map_or(self.norms.len(), |(place, _)| *place);
        let mut sum = self.sums.get(at).copied().unwrap_or(0.0);
        for (place, norm) in changed {
            // Between this one and the one before it.
            sum = self.norms.get(at..place).unwrap_or(&[]).iter().fold(sum, |sum, norm| sum + norm);
            sum += norm;
            at = place + 1;
        }
        sum = self.norms.get(at..).unwrap_or(&[]).iter().fold(sum, |sum, norm| sum + norm);
        (!self.norms.is_empty()).then(|| sum / self.norms.len() as f64)
    }
}
