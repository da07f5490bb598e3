//! One Arrow array, or some rows of it, as a column.

use super::trust;
use crate::batch::{Column, Lists, Offsets, Optional, Strings, Validity};
use crate::kernel::types::{Base, Ty};
use crate::kernel::value::ValueRef;
use arrow_array::cast::AsArray;
use arrow_array::{Array, types};
use arrow_buffer::NullBuffer;
use arrow_schema::DataType;
use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;
use std::ops::Range;

/// `rows` of an array as a column of `ty`; None where its type is another. What it borrows is not copied; the rest goes to
/// the arena. Recurses as deeply as the type is nested.
pub(super) fn convert<'a>(
    array: &'a dyn Array,
    rows: Range<usize>,
    ty: Ty,
    bump: &'a Bump,
) -> Option<Column<'a>> {
    let values = match (array.data_type(), ty.elem(), ty.base()) {
        // Every row of it is null, whatever the input.
        (DataType::Null, ..) => return Some(Column::Uniform(ValueRef::Null)),
        (DataType::Dictionary(..), None, Base::Number | Base::Bool) => looked_up(array, &rows, ty, bump)?,
        (_, Some(elem), _) => lists(array, &rows, elem, bump)?,
        (_, None, Base::Number) => Column::Numbers(numbers(array, &rows, bump)?),
        (_, None, Base::Bool) => {
            let bools = array.as_boolean_opt()?;
            Column::Bools(bump.alloc_slice_fill_iter(rows.clone().map(|row| bools.value(row))))
        }
        (_, None, Base::Text | Base::Did) => Column::Strings(strings(array, &rows, bump)?),
        (_, None, Base::Trust) => Column::Trust(trust::vectors(array, &rows, bump)?),
        (_, None, Base::Unit) => return None,
    };
    Some(with_nulls(values, array, &rows, bump))
}

/// The column, with the nulls that the array has among these rows.
pub(super) fn with_nulls<'a>(
    column: Column<'a>,
    array: &dyn Array,
    rows: &Range<usize>,
    bump: &'a Bump,
) -> Column<'a> {
    match array.logical_nulls().map(|nulls| nulls.slice(rows.start, rows.len())) {
        Some(nulls) if nulls.null_count() > 0 => optional(column, &nulls, bump),
        _ => column,
    }
}

pub(super) fn optional<'a>(column: Column<'a>, nulls: &NullBuffer, bump: &'a Bump) -> Column<'a> {
    let chunks = nulls.inner().bit_chunks();
    let words = BumpVec::from_iter_in(chunks.iter_padded(), bump).into_bump_slice();
    let with = Validity::new(words, nulls.len())
        .and_then(|validity| Optional::new(bump.alloc(column), validity).ok());
    with.map_or(column, Column::Optional)
}

/// Numbers as doubles: Float64 as they stand, the others to the nearest.
pub(super) fn numbers<'a>(array: &'a dyn Array, rows: &Range<usize>, bump: &'a Bump) -> Option<&'a [f64]> {
    macro_rules! widened {
        ($ty:ty, $widen:expr) => {{
            let values = array.as_primitive_opt::<$ty>()?.values().get(rows.clone())?;
            bump.alloc_slice_fill_iter(values.iter().map($widen))
        }};
    }
    Some(match array.data_type() {
        DataType::Float64 => array.as_primitive_opt::<types::Float64Type>()?.values().get(rows.clone())?,
        DataType::Float32 => widened!(types::Float32Type, |x| f64::from(*x)),
        DataType::Float16 => widened!(types::Float16Type, |x| f64::from(*x)),
        DataType::Int8 => widened!(types::Int8Type, |x| f64::from(*x)),
        DataType::Int16 => widened!(types::Int16Type, |x| f64::from(*x)),
        DataType::Int32 => widened!(types::Int32Type, |x| f64::from(*x)),
        DataType::Int64 => widened!(types::Int64Type, |x| *x as f64),
        DataType::UInt8 => widened!(types::UInt8Type, |x| f64::from(*x)),
        DataType::UInt16 => widened!(types::UInt16Type, |x| f64::from(*x)),
        DataType::UInt32 => widened!(types::UInt32Type, |x| f64::from(*x)),
        DataType::UInt64 => widened!(types::UInt64Type, |x| *x as f64),
        _ => return None,
    })
}

/// Strings, borrowed from the array; a dictionary stays one.
fn strings<'a>(array: &'a dyn Array, rows: &Range<usize>, bump: &'a Bump) -> Option<Strings<'a>> {
    if let Some(dictionary) = array.as_any_dictionary_opt() {
        let values: &'a dyn Array = dictionary.values().as_ref();
        let texts = texts(values, &(0..values.len()), bump)?;
        return Some(Strings::interned(keys(dictionary.keys(), rows, bump)?, texts));
    }
    Some(Strings::new(texts(array, rows, bump)?))
}

fn texts<'a>(array: &'a dyn Array, rows: &Range<usize>, bump: &'a Bump) -> Option<&'a [&'a str]> {
    let rows = rows.clone();
    Some(match array.data_type() {
        DataType::Utf8 => {
            let texts = array.as_string_opt::<i32>()?;
            bump.alloc_slice_fill_iter(rows.map(|row| texts.value(row)))
        }
        DataType::LargeUtf8 => {
            let texts = array.as_string_opt::<i64>()?;
            bump.alloc_slice_fill_iter(rows.map(|row| texts.value(row)))
        }
        DataType::Utf8View => {
            let texts = array.as_string_view_opt()?;
            bump.alloc_slice_fill_iter(rows.map(|row| texts.value(row)))
        }
        _ => return None,
    })
}

/// Keys of a dictionary. Under a null anything may stand; what is no key there becomes one that no dictionary has.
fn keys<'a>(array: &'a dyn Array, rows: &Range<usize>, bump: &'a Bump) -> Option<&'a [u32]> {
    macro_rules! keys {
        ($ty:ty) => {{
            let values = array.as_primitive_opt::<$ty>()?.values().get(rows.clone())?;
            bump.alloc_slice_fill_iter(values.iter().map(|x| u32::try_from(*x).unwrap_or(u32::MAX)))
        }};
    }
    Some(match array.data_type() {
        DataType::UInt32 => array.as_primitive_opt::<types::UInt32Type>()?.values().get(rows.clone())?,
        DataType::Int8 => keys!(types::Int8Type),
        DataType::Int16 => keys!(types::Int16Type),
        DataType::Int32 => keys!(types::Int32Type),
        DataType::Int64 => keys!(types::Int64Type),
        DataType::UInt8 => keys!(types::UInt8Type),
        DataType::UInt16 => keys!(types::UInt16Type),
        DataType::UInt64 => keys!(types::UInt64Type),
        _ => return None,
    })
}

/// Numbers and truth values that stand in a dictionary.
fn looked_up<'a>(array: &'a dyn Array, rows: &Range<usize>, ty: Ty, bump: &'a Bump) -> Option<Column<'a>> {
    let dictionary = array.as_any_dictionary_opt()?;
    let values: &'a dyn Array = dictionary.values().as_ref();
    let keys = keys(dictionary.keys(), rows, bump)?;
    // A null of the dictionary is one of the whole array's, which is looked at outside.
    match convert(values, 0..values.len(), ty.required(), bump)?.plain() {
        Column::Numbers(numbers) => {
            let of = |key: &u32| numbers.get(*key as usize).copied().unwrap_or(f64::NAN);
            Some(Column::Numbers(bump.alloc_slice_fill_iter(keys.iter().map(of))))
        }
        Column::Bools(bools) => {
            let of = |key: &u32| bools.get(*key as usize).copied().unwrap_or(false);
            Some(Column::Bools(bump.alloc_slice_fill_iter(keys.iter().map(of))))
        }
        _ => None,
    }
}

/// Where lists end, and their elements: those of these rows only.
pub(super) type Pieces<'a> = (Offsets<'a>, &'a dyn Array, Range<usize>);

pub(super) fn pieces<'a>(array: &'a dyn Array, rows: &Range<usize>, bump: &'a Bump) -> Option<Pieces<'a>> {
    let (start, end) = (rows.start, rows.end);
    Some(match array.data_type() {
        DataType::List(_) => {
            let list = array.as_list_opt::<i32>()?;
            let offsets = list.value_offsets().get(start..=end)?;
            let first = usize::try_from(*offsets.first()?).ok()?;
            let last = usize::try_from(*offsets.last()?).ok()?;
            (Offsets::Small(offsets), list.values().as_ref(), first..last)
        }
        DataType::LargeList(_) => {
            let list = array.as_list_opt::<i64>()?;
            let offsets = list.value_offsets().get(start..=end)?;
            let first = usize::try_from(*offsets.first()?).ok()?;
            let last = usize::try_from(*offsets.last()?).ok()?;
            (Offsets::Large(offsets), list.values().as_ref(), first..last)
        }
        DataType::FixedSizeList(_, size) => {
            let list = array.as_fixed_size_list_opt()?;
            let size = usize::try_from(*size).ok()?;
            let ends = (start..=end).map(|row| i64::try_from(row.saturating_mul(size)).unwrap_or(i64::MAX));
            let offsets = BumpVec::from_iter_in(ends, bump).into_bump_slice();
            let items = start.checked_mul(size)?..end.checked_mul(size)?;
            (Offsets::Large(offsets), list.values().as_ref(), items)
        }
        _ => return None,
    })
}

fn lists<'a>(array: &'a dyn Array, rows: &Range<usize>, elem: Ty, bump: &'a Bump) -> Option<Column<'a>> {
    let (offsets, items, range) = pieces(array, rows, bump)?;
    if range.end > items.len() {
        return None;
    }
    let items = bump.alloc(convert(items, range, elem, bump)?);
    Lists::new(offsets, items).ok().map(Column::Lists)
}
