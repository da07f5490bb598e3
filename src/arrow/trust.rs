//! Trust vectors, in the shapes that Arrow has for them, as six columns of components. A component that is null, or of no
//! number, becomes NaN, which is a TypeMismatch of its request.

use super::convert::{numbers, optional, pieces};
use crate::batch::Column;
use crate::kernel::value::TrustVector;
use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_buffer::NullBuffer;
use bumpalo::Bump;
use std::ops::Range;

/// A struct of six components, or a list of six numbers.
pub(super) fn vectors<'a>(
    array: &'a dyn Array,
    rows: &Range<usize>,
    bump: &'a Bump,
) -> Option<[&'a [f64]; 6]> {
    if let Some(of) = array.as_struct_opt() {
        if of.num_columns() != TrustVector::NAMES.len() {
            return None;
        }
        let mut six = [[].as_slice(); 6];
        for (slot, name) in six.iter_mut().zip(TrustVector::NAMES) {
            *slot = component(of.column_by_name(name)?.as_ref(), rows, bump)?;
        }
        return Some(six);
    }
    let (offsets, items, range) = pieces(array, rows, bump)?;
    let items = component(items, &range, bump)?;
    let offset = |row: usize| match offsets {
        crate::batch::Offsets::Small(x) => x.get(row).map_or(0, |x| i64::from(*x)),
        crate::batch::Offsets::Large(x) => x.get(row).copied().unwrap_or(0),
    };
    let first = offset(0);
    let mut six = [[].as_slice(); 6];
    for (k, slot) in six.iter_mut().enumerate() {
        *slot = bump.alloc_slice_fill_iter((0..rows.len()).map(|row| {
            let (start, end) = (offset(row) - first, offset(row + 1) - first);
            let at = usize::try_from(start).ok().filter(|_| end - start == 6);
            at.and_then(|at| items.get(at + k)).copied().unwrap_or(f64::NAN)
        }));
    }
    Some(six)
}

/// Numbers, null as NaN.
fn component<'a>(array: &'a dyn Array, rows: &Range<usize>, bump: &'a Bump) -> Option<&'a [f64]> {
    let numbers = numbers(array, rows, bump)?;
    Some(match array.logical_nulls().map(|nulls| nulls.slice(rows.start, rows.len())) {
        Some(nulls) if nulls.null_count() > 0 => {
            let with = numbers.iter().enumerate();
            bump.alloc_slice_fill_iter(with.map(|(row, x)| if nulls.is_valid(row) { *x } else { f64::NAN }))
        }
        _ => numbers,
    })
}

/// Six columns of components, some of which may be missing: null where all that there are are null.
pub(super) fn of_columns<'a>(columns: [Option<&'a dyn Array>; 6], rows: usize, bump: &'a Bump) -> Column<'a> {
    let mut six = [[].as_slice(); 6];
    // Rows where some component has a value; None: all have.
    let mut given: Option<NullBuffer> = Some(NullBuffer::new_null(rows));
    for (slot, column) in six.iter_mut().zip(columns) {
        let numbers = column.and_then(|array| component(array, &(0..rows), bump));
        *slot = numbers.unwrap_or_else(|| bump.alloc_slice_fill_copy(rows, f64::NAN));
        given = match (given, column.map(|array| array.logical_nulls())) {
            (given, None) => given,
            (None, _) | (_, Some(None)) => None,
            (Some(given), Some(Some(nulls))) => Some(NullBuffer::new(given.inner() | nulls.inner())),
        };
    }
    let column = Column::Trust(six);
    match given {
        Some(given) if given.null_count() > 0 => optional(column, &given, bump),
        _ => column,
    }
}
