//! The room that compiling a file takes besides its programs: each thread keeps it for the next file, since asking the
//! allocator for a dozen tables and giving them back is a good part of what compiling a small file takes.

use super::ast::Ast;
use super::checked::Checked;
use std::cell::Cell;

/// Tables of a file on its way to programs. Whoever fills one clears it first.
#[derive(Default)]
pub(crate) struct Room {
    pub(crate) ast: Ast,
    pub(crate) checked: Checked,
}

/// Longest source, in bytes, whose room is kept: tables of 3 MiB at the very most. Stops: one large file for whose tables a
/// thread holds memory for ever.
const MOST_KEPT: usize = 32 << 10;

thread_local! {
    static KEPT: Cell<Option<Box<Room>>> = const { Cell::new(None) };
}

/// Does `work` on a source of so many bytes in the room that this thread has, or in a new one. Work within work, and on a
/// thread that is ending, finds none and gets a new one.
pub(crate) fn within<T>(source_len: usize, work: impl FnOnce(&mut Room) -> T) -> T {
    let mut room = KEPT.try_with(Cell::take).ok().flatten().unwrap_or_default();
    let done = work(&mut room);
    if source_len <= MOST_KEPT {
        // Folded values may be far larger than the source.
        room.checked.clear();
        let _ = KEPT.try_with(|kept| kept.set(Some(room)));
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Room for so many expressions, after whose taking so many are left.
    fn taken(source_len: usize, exprs: usize) -> usize {
        within(source_len, |room| {
            let found = room.ast.exprs.capacity();
            room.ast.exprs.reserve(exprs);
            found
        })
    }

    #[test]
    fn room_is_kept_but_that_of_large_sources() {
        assert_eq!(taken(10, 5), 0);
        assert!(taken(10, 5) >= 5);
        within(10, |_| assert_eq!(taken(10, 5), 0, "the room is taken"));
        assert!(taken(MOST_KEPT + 1, 5) >= 5);
        assert_eq!(taken(10, 0), 0);
    }
}
