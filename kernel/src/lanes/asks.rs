//! What a plan wants to know of an input. Of many a text and list it only asks how they compare with constants: then texts
//! that answer alike and are equally long (prices go by length) are one to it, and whoever makes columns of requests may
//! put any of them in the place of another.

use super::columns::Arg;
use super::plan::{Code, LaneOp};
use super::texts::Dictionary;

/// Most constants that are asked about.
const MOST: usize = 16;

/// All that is asked of an input.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Asks {
    /// Of a text: whether it is one of these, and whether it begins with one of those. Both are ids of the plan's texts.
    Text {
        /// The ones it may be.
        equals: Vec<u32>,
        /// The ones it may begin with.
        starts: Vec<u32>,
    },
    /// Of a list of texts: whether it holds one of these, ids of the plan's texts.
    List {
        /// The ones it may hold.
        holds: Vec<u32>,
    },
}

/// What is asked of the text, or list of texts, that comes into this column; None where it is more than that.
pub(super) fn of(
    ops: &[LaneOp],
    column: u32,
    (is_list, texts, lists): (bool, &Dictionary, &[Vec<u64>]),
) -> Option<Asks> {
    let mut same = vec![column];
    let (mut equals, mut starts, mut holds) = (Vec::new(), Vec::new(), Vec::new());
    let is_text = |k: u64| u32::try_from(k).ok().filter(|id| (*id as usize) < texts.len());
    // Copies first: one may stand behind what reads it.
    loop {
        let before = same.len();
        for op in ops.iter().filter(|op| op.code == Code::Copy) {
            if matches!(op.b, Arg::Word(b) if same.contains(&b)) && !same.contains(&op.a) {
                same.push(op.a);
            }
        }
        if same.len() == before {
            break;
        }
    }
    let is_it = |arg: Arg| matches!(arg, Arg::Word(at) if same.contains(&at));
    for op in ops {
        let mut reads = false;
        op.reads(|at| reads |= same.contains(&at));
        let writes = op.writes().is_some_and(|at| same.contains(&at));
        match (op.code, op.b, op.c) {
            (Code::Copy, b, _) if is_it(b) == writes => {}
            _ if writes => return None,
            _ if !reads => {}
            (Code::SameText, _, Arg::K(k)) | (Code::SameText, Arg::K(k), _) if !is_list => {
                equals.push(is_text(k)?);
            }
            (Code::TextStarts, b, Arg::K(k)) if !is_list && is_it(b) => starts.push(is_text(k)?),
            (Code::Contains, b, Arg::K(_)) if !is_list && is_it(b) => {
                let list = lists.get((op.x >> 8).checked_sub(1)? as usize)?;
                for item in list {
                    equals.push(is_text(*item)?);
                }
            }
            (Code::Contains, Arg::K(k), c) if is_list && is_it(c) => holds.push(is_text(k)?),
            _ => return None,
        }
    }
    for set in [&mut equals, &mut starts, &mut holds] {
        set.sort_unstable();
        set.dedup();
    }
    let few = equals.len() + starts.len() + holds.len() <= MOST;
    few.then_some(if is_list { Asks::List { holds } } else { Asks::Text { equals, starts } })
}
