//! Makes a difference smaller: takes lines, then tokens away for as long as something still differs.

use crate::case::Case;
use crate::compare::{Difference, Subject, check};
use crate::generate::broken::tokens;

/// Attempts before it is small enough.
const TRIES: usize = 4_000;
/// Gas above which a candidate might run for too long.
const MOST_GAS: u64 = 10_000_000;

/// The smallest difference found.
pub fn shrink(found: Difference) -> Difference {
    let mut best = found;
    let mut tries = TRIES;
    // Limits first: a run that still differs under the plainest ones is easier to read.
    for change in [
        |case: &mut Case| case.setting.prices = [1; 4],
        |case: &mut Case| {
            case.setting.gas_limit = case.setting.gas_limit.min(1_000_000);
        },
    ] {
        let mut case = best.case.clone();
        change(&mut case);
        if let Some(smaller) = differs(&case) {
            best = smaller;
        }
    }
    for cut in [
        |text: &str| text.split_inclusive('\n').map(str::to_owned).collect::<Vec<_>>(),
        |text: &str| tokens(text),
    ] {
        let mut again = true;
        while again && tries > 0 {
            again = false;
            let mut size = cut(&best.case.source).len() / 2;
            while size > 0 && tries > 0 {
                let mut start = 0;
                while start < cut(&best.case.source).len() && tries > 0 {
                    let mut parts = cut(&best.case.source);
                    parts.drain(start..(start + size).min(parts.len()));
                    tries -= 1;
                    let case = Case { source: parts.concat(), ..best.case.clone() };
                    match differs(&case) {
                        Some(smaller) => (best, again) = (smaller, true),
                        None => start += size,
                    }
                }
                size /= 2;
            }
        }
    }
    best
}

fn differs(case: &Case) -> Option<Difference> {
    if let Ok(Some(subject)) = Subject::compile(&case.source) {
        let endless = subject.module.policies().iter().any(|p| p.max_gas().is_none_or(|gas| gas > MOST_GAS));
        if endless && (case.setting.gas_limit > MOST_GAS || case.setting.prices[1] == 0) {
            return None;
        }
    }
    check(case).err().map(|difference| *difference)
}
