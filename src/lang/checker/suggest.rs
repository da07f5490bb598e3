//! "Did you mean ..?": the nearest of the names that would have done.

/// Names compared at most: enough for any file that people write.
const CANDIDATES: usize = 500;
/// Longest name that is compared.
const LONGEST: usize = 48;

/// The candidate nearest to `name`, if it is near: at most a third of its letters differ.
pub(super) fn nearest<'c>(name: &str, candidates: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    if name.len() > LONGEST {
        return None;
    }
    let allowed = (name.len() / 3).max(1);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates.take(CANDIDATES) {
        if candidate == name || candidate.len() > LONGEST || candidate.len().abs_diff(name.len()) > allowed {
            continue;
        }
        let distance = distance(name.as_bytes(), candidate.as_bytes(), allowed);
        if distance <= allowed && best.is_none_or(|(d, _)| distance < d) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Edit distance in which exchanging two neighbours counts as one (optimal string alignment); more than `allowed` where
/// it is certain to be that. Names are ASCII and at most [`LONGEST`] long.
fn distance(a: &[u8], b: &[u8], allowed: usize) -> usize {
    type Row = [usize; LONGEST + 1];
    let at = |row: &Row, j: usize| row.get(j).copied().unwrap_or(LONGEST);
    let mut before: Row = [0; LONGEST + 1];
    let mut last: Row = std::array::from_fn(|j| j);
    let mut previous = None;
    for (i, x) in (1..).zip(a) {
        let mut row: Row = [i; LONGEST + 1];
        let mut least = i;
        for (j, y) in (1..).zip(b) {
            let substitute = at(&last, j - 1) + usize::from(x != y);
            let mut cost = substitute.min(at(&last, j) + 1).min(at(&row, j - 1) + 1);
            let swapped = previous == Some(y) && j > 1 && b.get(j - 2) == Some(x);
            if swapped {
                cost = cost.min(at(&before, j - 2) + 1);
            }
            least = least.min(cost);
            if let Some(slot) = row.get_mut(j) {
                *slot = cost;
            }
        }
        // Rows never get cheaper, but for a swap by one.
        if least > allowed + 1 {
            return least;
        }
        before = std::mem::replace(&mut last, row);
        previous = Some(x);
    }
    at(&last, b.len())
}
