//! Random requests, as lines of JSON and as Arrow columns in whichever layout a seed chooses.

use arrow_array::builder::StringDictionaryBuilder;
use arrow_array::types::{Int32Type, UInt16Type};
use arrow_array::{
    Array, ArrayRef, BooleanArray, DictionaryArray, FixedSizeListArray, Float32Array, Float64Array,
    Int8Array, Int64Array, LargeListArray, LargeStringArray, ListArray, NullArray, RecordBatch, StringArray,
    StringViewArray, StructArray,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::Field;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// A small generator of numbers (xorshift).
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

/// What an input is.
#[derive(Clone, Copy)]
pub(crate) enum Of {
    Number,
    Bool,
    Text,
    Did,
    Trust,
    List(&'static Of),
}

/// A value of a kind; now and then null, or one that is a fault.
pub(crate) fn value(of: Of, rng: &mut Rng, nulls: bool) -> Value {
    if nulls && rng.below(5) == 0 {
        return Value::Null;
    }
    match of {
        Of::Number => json!([0.0, -1.5, 3.0, 42.0, 9007199254740992.0, 0.25, 100.0][rng.below(7)]),
        Of::Bool => json!(rng.below(2) == 1),
        Of::Text => json!(["", "a", "EUR", "a longer text than a view holds inline", "ü"][rng.below(5)]),
        Of::Did => {
            let last = if rng.below(30) == 0 { "no did" } else { "did:a:b" };
            json!(["did:erynoa:self:alice", "did:erynoa:self:bob", "did:x:1", last][rng.below(4)])
        }
        Of::Trust => {
            let most = if rng.below(20) == 0 { 16 } else { 9 };
            Value::Array((0..6).map(|_| json!(rng.below(most) as f64 / 8.0)).collect())
        }
        Of::List(of) => Value::Array((0..rng.below(4)).map(|_| value(*of, rng, nulls)).collect()),
    }
}

fn valid(values: &[Value]) -> Option<NullBuffer> {
    values.iter().any(Value::is_null).then(|| NullBuffer::from_iter(values.iter().map(|v| !v.is_null())))
}

fn floats(values: &[Value]) -> Vec<Option<f64>> {
    values.iter().map(Value::as_f64).collect()
}

/// Values as an array, in a layout that the seed chooses.
pub(crate) fn array(of: Of, values: &[Value], rng: &mut Rng) -> ArrayRef {
    if values.iter().all(Value::is_null) && rng.below(2) == 0 {
        return Arc::new(NullArray::new(values.len()));
    }
    match of {
        Of::Number => {
            let numbers = floats(values);
            match rng.below(4) {
                0 if numbers.iter().flatten().all(|x| x.fract() == 0.0) => {
                    Arc::new(numbers.iter().map(|x| x.map(|x| x as i64)).collect::<Int64Array>())
                }
                1 if numbers.iter().flatten().all(|x| f64::from(*x as f32) == *x) => {
                    Arc::new(numbers.iter().map(|x| x.map(|x| x as f32)).collect::<Float32Array>())
                }
                2 => {
                    let mut distinct: Vec<f64> = Vec::new();
                    let keys = numbers.iter().map(|x| {
                        let x = (*x)?;
                        let at = distinct.iter().position(|y| *y == x).unwrap_or_else(|| {
                            distinct.push(x);
                            distinct.len() - 1
                        });
                        i8::try_from(at).ok()
                    });
                    let keys: Int8Array = keys.collect();
                    Arc::new(DictionaryArray::new(keys, Arc::new(Float64Array::from(distinct))))
                }
                _ => Arc::new(Float64Array::from(numbers)),
            }
        }
        Of::Bool => Arc::new(values.iter().map(Value::as_bool).collect::<BooleanArray>()),
        Of::Text | Of::Did => {
            let texts = values.iter().map(Value::as_str);
            match rng.below(5) {
                0 => Arc::new(texts.collect::<LargeStringArray>()),
                1 => Arc::new(texts.collect::<StringViewArray>()),
                2 => {
                    let mut builder = StringDictionaryBuilder::<Int32Type>::new();
                    texts.for_each(|text| builder.append_option(text));
                    Arc::new(builder.finish())
                }
                3 => {
                    // A dictionary with strings that nobody names, one of which is a null.
                    let dictionary = StringArray::from(vec![
                        Some("nobody"),
                        None,
                        Some(""),
                        Some("a"),
                        Some("EUR"),
                        Some("a longer text than a view holds inline"),
                        Some("ü"),
                        Some("did:erynoa:self:alice"),
                        Some("did:erynoa:self:bob"),
                        Some("did:x:1"),
                        Some("did:a:b"),
                        Some("no did"),
                    ]);
                    let keys = texts.map(|text| match text {
                        // Null by its key, or by the dictionary's null.
                        None => (rng.below(2) == 0).then_some(1u16),
                        text => dictionary.iter().position(|known| known == text).map(|at| at as u16),
                    });
                    let keys = keys.collect::<arrow_array::PrimitiveArray<UInt16Type>>();
                    Arc::new(DictionaryArray::new(keys, Arc::new(dictionary)))
                }
                _ => Arc::new(texts.collect::<StringArray>()),
            }
        }
        Of::Trust => {
            let component =
                |k: usize| -> Vec<f64> { values.iter().map(|v| v[k].as_f64().unwrap_or(7.0)).collect() };
            if rng.below(2) == 0 {
                let columns: Vec<(Arc<Field>, ArrayRef)> = NAMES
                    .iter()
                    .enumerate()
                    .map(|(k, name)| {
                        let column = Float64Array::from(component(k));
                        (
                            Arc::new(Field::new(*name, column.data_type().clone(), false)),
                            Arc::new(column) as ArrayRef,
                        )
                    })
                    .collect();
                let (fields, columns): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
                return Arc::new(StructArray::new(fields.into(), columns, valid(values)));
            }
            let six: Vec<Vec<f64>> = (0..6).map(component).collect();
            let flat: Vec<f64> = (0..values.len()).flat_map(|row| six.iter().map(move |c| c[row])).collect();
            let field = Arc::new(Field::new_list_field(arrow_schema::DataType::Float64, false));
            Arc::new(FixedSizeListArray::new(field, 6, Arc::new(Float64Array::from(flat)), valid(values)))
        }
        Of::List(of) => {
            let lists = values.iter().map(|v| v.as_array().map_or(&[][..], Vec::as_slice));
            let items: Vec<Value> = lists.clone().flatten().cloned().collect();
            let items = array(*of, &items, rng);
            let field = Arc::new(Field::new_list_field(items.data_type().clone(), true));
            if rng.below(2) == 0 {
                let offsets = OffsetBuffer::<i32>::from_lengths(lists.map(<[Value]>::len));
                return Arc::new(ListArray::new(field, offsets, items, valid(values)));
            }
            let offsets = OffsetBuffer::<i64>::from_lengths(lists.map(<[Value]>::len));
            Arc::new(LargeListArray::new(field, offsets, items, valid(values)))
        }
    }
}

pub(crate) const NAMES: [&str; 6] = ["r", "i", "c", "p", "v", "omega"];

/// Requests in both forms.
pub(crate) struct Made {
    pub(crate) lines: Vec<String>,
    pub(crate) batch: RecordBatch,
}

/// Requests with these keys; `true` where nulls are among them.
pub(crate) fn requests(keys: &[(&str, Of, bool)], rows: usize, seed: u64) -> Made {
    let mut rng = Rng(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut objects = vec![Map::new(); rows];
    let mut columns: Vec<(String, ArrayRef)> = Vec::new();
    // What stands before and behind is cut off, so that offsets are not 0.
    let (before, behind) = (rng.below(3), rng.below(2));
    for (name, of, nulls) in keys {
        let all: Vec<Value> = (0..before + rows + behind).map(|_| value(*of, &mut rng, *nulls)).collect();
        for (object, value) in objects.iter_mut().zip(&all[before..]) {
            object.insert((*name).to_owned(), value.clone());
        }
        if matches!(of, Of::Trust) && rng.below(3) == 0 {
            for (k, component) in NAMES.iter().enumerate() {
                let column: Float64Array = all.iter().map(|v| v[k].as_f64()).collect();
                columns.push((format!("{name}.{component}"), Arc::new(column)));
            }
        } else {
            columns.push(((*name).to_owned(), array(*of, &all, &mut rng)));
        }
    }
    let batch =
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true))).unwrap();
    let lines = objects.into_iter().map(|object| Value::Object(object).to_string()).collect();
    Made { lines, batch: batch.slice(before, rows) }
}
