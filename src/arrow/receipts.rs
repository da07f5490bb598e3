//! Receipts as a record batch.

use crate::batch::Decisions;
use crate::kernel::fault::Outcome;
use crate::kernel::gas::GasLayer;
use crate::kernel::receipt::Receipt;
use crate::kernel::types::{Base, Ty};
use crate::kernel::value::{TrustVector, Value};
use crate::policy::Policy;
use arrow_array::builder::{ListBuilder, StringBuilder, StringDictionaryBuilder};
use arrow_array::types::{Int8Type, Int32Type};
use arrow_array::{
    ArrayRef, BooleanArray, Float64Array, ListArray, RecordBatch, StringArray, StructArray, UInt32Array,
    UInt64Array,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{ArrowError, Field, Fields};
use std::borrow::Borrow;
use std::sync::Arc;

/// Receipts of a policy, a row for each, in their order:
///
/// | column | type | |
/// |---|---|---|
/// | `outcome` | dictionary of Utf8 | `allow`, `deny`, `fault`, `exhausted` |
/// | `reason` | dictionary of Utf8, nullable | the message of a denial, the kind of a fault or exhaustion |
/// | `value` | of the expression's type, nullable | bare expressions only: Float64, Boolean, Utf8, a struct of six, a list |
/// | `span_start`, `span_end` | UInt32, nullable | bytes of the source, the end not included |
/// | `gas_network`, `gas_compute`, `gas_storage`, `gas_realm` | UInt64 | units of each layer |
/// | `cost`, `mana`, `version` | UInt64 | the units priced; mana; the version of the state, 0 without one |
/// | `log` | list of Utf8 | lines of the log |
///
/// # Errors
/// Where the texts of a column take more than Arrow has room for in one batch (2 GiB).
pub fn receipts_batch(policy: &Policy, receipts: &[Receipt]) -> Result<RecordBatch, ArrowError> {
    batch(policy, receipts.iter(), receipts.len())
}

/// The same of decisions.
///
/// # Errors
/// As [`receipts_batch`].
pub fn decisions_batch(policy: &Policy, decisions: &Decisions) -> Result<RecordBatch, ArrowError> {
    batch(policy, decisions.receipts(), decisions.len())
}

fn batch<R: Borrow<Receipt>>(
    policy: &Policy,
    receipts: impl Iterator<Item = R>,
    rows: usize,
) -> Result<RecordBatch, ArrowError> {
    let program = policy.program();
    let mut outcomes = StringDictionaryBuilder::<Int8Type>::new();
    let mut reasons = StringDictionaryBuilder::<Int32Type>::new();
    let mut values: Vec<Option<Value>> = Vec::new();
    let mut spans: [Vec<Option<u32>>; 2] = Default::default();
    let mut gas: [Vec<u64>; 4] = std::array::from_fn(|_| Vec::with_capacity(rows));
    let mut sums: [Vec<u64>; 3] = std::array::from_fn(|_| Vec::with_capacity(rows));
    let mut log = ListBuilder::new(StringBuilder::new());
    for receipt in receipts {
        let receipt = receipt.borrow();
        outcomes.append(receipt.outcome.name())?;
        match receipt.outcome {
            Outcome::Allow => reasons.append_null(),
            Outcome::Deny => reasons.append_option(program.message(receipt.message)),
            Outcome::Fault(kind) => reasons.append_value(kind.name()),
            Outcome::Exhausted(kind) => reasons.append_value(kind.name()),
        }
        if program.expression {
            values.push(receipt.value(program));
        }
        let [starts, ends] = &mut spans;
        starts.push(receipt.span.map(|span| span.start));
        ends.push(receipt.span.map(|span| span.end));
        for (column, layer) in gas.iter_mut().zip(GasLayer::ALL) {
            column.push(receipt.gas[layer]);
        }
        for (column, x) in sums.iter_mut().zip([receipt.cost, receipt.mana, receipt.version]) {
            column.push(x);
        }
        for line in receipt.log() {
            log.values().append_value(line);
        }
        log.append(true);
    }
    let mut columns: Vec<(&str, ArrayRef, bool)> =
        vec![("outcome", Arc::new(outcomes.finish()), false), ("reason", Arc::new(reasons.finish()), true)];
    if program.expression {
        let ty = program.functions.first().map_or(Ty::BOOL, |f| f.result);
        let values: Vec<Option<&Value>> = values.iter().map(Option::as_ref).collect();
        columns.push(("value", array_of(ty, &values)?, true));
    }
    let [starts, ends] = spans;
    columns.push(("span_start", Arc::new(UInt32Array::from(starts)), true));
    columns.push(("span_end", Arc::new(UInt32Array::from(ends)), true));
    for (name, column) in ["gas_network", "gas_compute", "gas_storage", "gas_realm"].into_iter().zip(gas) {
        columns.push((name, Arc::new(UInt64Array::from(column)), false));
    }
    for (name, column) in ["cost", "mana", "version"].into_iter().zip(sums) {
        columns.push((name, Arc::new(UInt64Array::from(column)), false));
    }
    columns.push(("log", Arc::new(log.finish()), false));
    RecordBatch::try_from_iter_with_nullable(columns)
}

/// Values of a type as an array, null where there is none. Recurses as deeply as the type is nested.
fn array_of(ty: Ty, values: &[Option<&Value>]) -> Result<ArrayRef, ArrowError> {
    if let Some(elem) = ty.elem() {
        let mut items: Vec<Option<&Value>> = Vec::new();
        let mut lengths = Vec::with_capacity(values.len());
        let mut valid = Vec::with_capacity(values.len());
        for value in values {
            let list = match value {
                Some(Value::Array(list)) => Some(list),
                _ => None,
            };
            items.extend(list.into_iter().flatten().map(Some));
            lengths.push(list.map_or(0, |list| list.len()));
            valid.push(list.is_some());
        }
        if items.len() > i32::MAX as usize {
            return Err(ArrowError::OffsetOverflowError(items.len()));
        }
        let items = array_of(elem, &items)?;
        let field = Arc::new(Field::new_list_field(items.data_type().clone(), true));
        let offsets = OffsetBuffer::<i32>::from_lengths(lengths);
        let list = ListArray::try_new(field, offsets, items, Some(NullBuffer::from(valid)))?;
        return Ok(Arc::new(list));
    }
    Ok(match ty.base() {
        Base::Number => Arc::new(values.iter().map(|v| number(*v)).collect::<Float64Array>()),
        Base::Bool | Base::Unit => Arc::new(values.iter().map(|v| truth(*v)).collect::<BooleanArray>()),
        Base::Text | Base::Did => {
            let bytes = values.iter().filter_map(|v| text(*v)).map(str::len).sum::<usize>();
            if bytes > i32::MAX as usize {
                return Err(ArrowError::OffsetOverflowError(bytes));
            }
            Arc::new(values.iter().map(|v| text(*v)).collect::<StringArray>())
        }
        Base::Trust => {
            let vectors: Vec<Option<TrustVector>> = values.iter().map(|v| vector(*v)).collect();
            let mut six: [Vec<f64>; 6] = Default::default();
            for vector in &vectors {
                let vector = vector.unwrap_or_default().0;
                six.iter_mut().zip(vector).for_each(|(component, x)| component.push(x));
            }
            let columns = six.map(|component| Arc::new(Float64Array::from(component)) as ArrayRef);
            let fields = TrustVector::NAMES.iter().zip(&columns);
            let fields: Fields =
                fields.map(|(name, c)| Field::new(*name, c.data_type().clone(), false)).collect();
            let valid: Vec<bool> = vectors.iter().map(Option::is_some).collect();
            Arc::new(StructArray::try_new(fields, columns.into(), Some(NullBuffer::from(valid)))?)
        }
    })
}

fn number(value: Option<&Value>) -> Option<f64> {
    if let Some(Value::Number(x)) = value { Some(*x) } else { None }
}
fn truth(value: Option<&Value>) -> Option<bool> {
    if let Some(Value::Bool(x)) = value { Some(*x) } else { None }
}
fn text(value: Option<&Value>) -> Option<&str> {
    if let Some(Value::Text(x) | Value::Did(x)) = value { Some(x) } else { None }
}
fn vector(value: Option<&Value>) -> Option<TrustVector> {
    if let Some(Value::Trust(x)) = value { Some(*x) } else { None }
}
