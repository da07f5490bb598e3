//! A row of CSV into a request: columns are keys, and an empty cell is a missing one.
//!
//! A trust vector stands in six columns `name.r` to `name.omega`, or as JSON in one; arrays are JSON. So a text that is
//! empty cannot be given in CSV, and a text or a DID is taken as it stands, without quotes of JSON.

use super::decode::{Defaults, Reader, faulty, request};
use super::schema::Schema;
use crate::kernel::fault::Fault;
use crate::kernel::request::Request;
use crate::kernel::types::{Base, Ty};
use crate::kernel::value::{Did, TrustVector, ValueRef};
use bumpalo::Bump;
use csv::ByteRecord;

const WRONG: ValueRef<'static> = ValueRef::Invalid(Fault::TypeMismatch);

/// The columns of a file, matched to the keys of a program. Its reader must be `flexible`, so that a row of a wrong length
/// is a fault of its own and not the end of the file.
#[derive(Clone, Debug)]
pub struct CsvSchema {
    schema: Schema,
    width: usize,
    /// Columns that are a whole value.
    values: Vec<Column>,
    /// Trust vectors in columns of components.
    vectors: Vec<Vector>,
    /// Slots that two columns claim: a key given twice, in every row.
    claimed_twice: Vec<usize>,
    unknown: bool,
}

#[derive(Clone, Debug)]
struct Column {
    index: usize,
    slot: usize,
    ty: Ty,
}

#[derive(Clone, Debug)]
struct Vector {
    slot: usize,
    columns: [Option<usize>; 6],
}

impl CsvSchema {
    /// Matches a header row to a program's keys. A column that nobody knows is an unknown key of every row.
    pub fn new(schema: &Schema, header: &ByteRecord) -> CsvSchema {
        let mut csv = CsvSchema {
            schema: schema.clone(),
            width: header.len(),
            values: Vec::new(),
            vectors: Vec::new(),
            claimed_twice: Vec::new(),
            unknown: false,
        };
        for (index, name) in header.iter().enumerate() {
            csv.claim(index, name);
        }
        csv
    }
    fn claim(&mut self, index: usize, name: &[u8]) {
        if let Some((_, key)) = self.schema.find(name, index) {
            if self.values.iter().any(|column| column.slot == key.slot) {
                self.claimed_twice.push(key.slot);
            } else {
                self.values.push(Column { index, slot: key.slot, ty: key.ty });
            }
            return;
        }
        let Some((slot, component)) = self.component(name) else {
            self.unknown = true;
            return;
        };
        let vector = match self.vectors.iter_mut().position(|vector| vector.slot == slot) {
            Some(at) => self.vectors.get_mut(at),
            None => {
                self.vectors.push(Vector { slot, columns: [None; 6] });
                self.vectors.last_mut()
            }
        };
        match vector.and_then(|vector| vector.columns.get_mut(component)) {
            Some(column @ None) => *column = Some(index),
            _ => self.claimed_twice.push(slot),
        }
    }
    /// `name.r` and so on, where `name` is a trust vector.
    fn component(&self, name: &[u8]) -> Option<(usize, usize)> {
        let dot = name.iter().rposition(|byte| *byte == b'.')?;
        let (name, component) = (name.get(..dot)?, name.get(dot + 1..)?);
        let component = TrustVector::NAMES.iter().position(|known| known.as_bytes() == component)?;
        let (_, key) = self.schema.find(name, 0)?;
        (!key.ty.is_array() && key.ty.base() == Base::Trust).then_some((key.slot, component))
    }

    /// Reads a row. Err where it is not as long as the header.
    pub fn request<'a>(
        &self,
        record: &'a ByteRecord,
        bump: &'a Bump,
        defaults: Defaults<'a>,
    ) -> Result<Request<'a>, Fault> {
        if record.len() != self.width {
            return Err(Fault::TypeMismatch);
        }
        let slots = bump.alloc_slice_fill_copy(self.schema.slots(), ValueRef::Missing);
        for column in &self.values {
            if let Some(slot) = slots.get_mut(column.slot) {
                *slot = cell(record.get(column.index).unwrap_or(&[]), column.ty, bump);
            }
        }
        for vector in &self.vectors {
            let value = components(record, &vector.columns, bump);
            match (slots.get_mut(vector.slot), value) {
                (None, _) | (_, ValueRef::Missing) => {}
                (Some(slot @ ValueRef::Missing), value) => *slot = value,
                (Some(slot), _) => *slot = WRONG,
            }
        }
        for slot in &self.claimed_twice {
            if let Some(slot) = slots.get_mut(*slot) {
                *slot = WRONG;
            }
        }
        Ok(request(&self.schema, slots, self.unknown, defaults))
    }
    /// As [`CsvSchema::request`], but a row of a wrong length becomes a request that any run faults with TypeMismatch.
    pub fn request_or_faulty<'a>(
        &self,
        record: &'a ByteRecord,
        bump: &'a Bump,
        defaults: Defaults<'a>,
    ) -> Request<'a> {
        self.request(record, bump, defaults).unwrap_or_else(|fault| faulty(&self.schema, fault, bump))
    }
}

fn cell<'a>(bytes: &'a [u8], ty: Ty, bump: &'a Bump) -> ValueRef<'a> {
    if bytes.is_empty() {
        return ValueRef::Missing;
    }
    let Ok(text) = core::str::from_utf8(bytes) else { return WRONG };
    match (ty.is_array(), ty.base()) {
        (false, Base::Text) => ValueRef::Text(text),
        (false, Base::Did) => Did::new(text).map_or(WRONG, ValueRef::Did),
        // `null` is how JSON says what an empty cell says here.
        _ => match Reader::new(text, bump).whole(ty) {
            ValueRef::Null => WRONG,
            value => value,
        },
    }
}

/// Six cells. All empty: missing; some empty: no vector.
fn components<'a>(record: &ByteRecord, columns: &[Option<usize>; 6], bump: &'a Bump) -> ValueRef<'a> {
    let (mut vector, mut given, mut sound) = ([0.0; 6], false, true);
    for (slot, column) in vector.iter_mut().zip(columns) {
        let bytes = column.and_then(|index| record.get(index)).unwrap_or(&[]);
        given |= !bytes.is_empty();
        match cell(bytes, Ty::NUMBER, bump) {
            ValueRef::Number(x) => *slot = x,
            _ => sound = false,
        }
    }
    match (given, sound) {
        (false, _) => ValueRef::Missing,
        (true, false) => WRONG,
        (true, true) => ValueRef::Trust(bump.alloc(TrustVector(vector))),
    }
}
