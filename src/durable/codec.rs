//! Bytes of stored rows: whole numbers in as many groups of seven bits as they need, the lowest first; balances and numbers
//! as their bits; texts with their length in front. A reader
//! answers None to what no writer wrote; it never reserves more memory than there are bytes to fill it.

use crate::kernel::effects::StoreValue;
use crate::kernel::gas::GasUnits;
use crate::kernel::limits::MAX_TYPE_DEPTH;
use crate::kernel::value::{TrustVector, Value};
use crate::policy::Module;
use crate::state::{RealmPolicy, RealmRecord};
use eclvm_kernel::encode;
use std::sync::Arc;

#[derive(Default)]
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    pub(super) fn u8(&mut self, x: u8) {
        self.0.push(x);
    }
    pub(super) fn bool(&mut self, x: bool) {
        self.u8(u8::from(x));
    }
    pub(super) fn u64(&mut self, mut x: u64) {
        while x >= 0x80 {
            self.u8(x as u8 | 0x80);
            x >>= 7;
        }
        self.u8(x as u8);
    }
    pub(super) fn i128(&mut self, x: i128) {
        self.0.extend_from_slice(&x.to_le_bytes());
    }
    pub(super) fn f64(&mut self, x: f64) {
        self.0.extend_from_slice(&x.to_bits().to_le_bytes());
    }
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.u64(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }
    pub(super) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }
    pub(super) fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Writer, T)) {
        self.bool(value.is_some());
        if let Some(value) = value {
            write(self, value);
        }
    }
    pub(super) fn maybe_text(&mut self, text: Option<&str>) {
        self.option(text, Writer::text);
    }
    pub(super) fn list<T>(&mut self, items: &[T], mut write: impl FnMut(&mut Writer, &T)) {
        self.u64(items.len() as u64);
        items.iter().for_each(|item| write(self, item));
    }
    pub(super) fn trust(&mut self, trust: &TrustVector) {
        trust.0.iter().for_each(|x| self.f64(*x));
    }
    pub(super) fn stored(&mut self, value: &StoreValue) {
        match value {
            StoreValue::Text(text) => {
                self.u8(0);
                self.text(text);
            }
            StoreValue::Number(x) => {
                self.u8(1);
                self.f64(*x);
            }
            StoreValue::Bool(x) => {
                self.u8(2);
                self.bool(*x);
            }
        }
    }
    pub(super) fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.u8(0),
            Value::Number(x) => {
                self.u8(1);
                self.f64(*x);
            }
            Value::Bool(x) => {
                self.u8(2);
                self.bool(*x);
            }
            Value::Text(text) => {
                self.u8(3);
                self.text(text);
            }
            Value::Did(did) => {
                self.u8(4);
                self.text(did);
            }
            Value::Trust(trust) => {
                self.u8(5);
                self.trust(trust);
            }
            Value::Array(items) => {
                self.u8(6);
                self.list(items, Writer::value);
            }
        }
    }
    pub(super) fn quota(&mut self, quota: Option<GasUnits>) {
        self.option(quota, |w, units| {
            [units.network, units.compute, units.storage, units.realm].into_iter().for_each(|n| w.u64(n));
        });
    }
    pub(super) fn policies(&mut self, policies: &[RealmPolicy]) {
        self.list(policies, |w, policy| {
            w.text(&policy.name);
            w.maybe_text(policy.source.as_deref());
            w.bytes(&encode::encode(&[policy.executable.program()]));
        });
    }
    /// A realm's own facts, without its id, members and store.
    pub(super) fn realm_facts(&mut self, realm: &RealmFacts<'_>) {
        self.maybe_text(realm.name);
        self.maybe_text(realm.owner);
        self.f64(realm.trust_threshold);
        self.bool(realm.quarantined);
        self.policies(realm.policies);
        self.quota(realm.quota);
        self.u64(realm.created_at);
    }
}

/// What one row holds of a realm.
pub(super) struct RealmFacts<'a> {
    pub(super) name: Option<&'a str>,
    pub(super) owner: Option<&'a str>,
    pub(super) trust_threshold: f64,
    pub(super) quarantined: bool,
    pub(super) policies: &'a [RealmPolicy],
    pub(super) quota: Option<GasUnits>,
    pub(super) created_at: u64,
}

#[derive(Clone, Copy)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    /// What `read` makes of these bytes, if it takes all of them.
    pub(super) fn all<T>(bytes: &'a [u8], read: impl FnOnce(&mut Reader<'a>) -> Option<T>) -> Option<T> {
        let mut reader = Reader(bytes);
        read(&mut reader).filter(|_| reader.0.is_empty())
    }
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }
    pub(super) fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }
    pub(super) fn bool(&mut self) -> Option<bool> {
        match self.u8()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
    pub(super) fn u64(&mut self) -> Option<u64> {
        let mut x = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let group = u64::from(byte & 0x7F);
            if group << shift >> shift != group {
                return None;
            }
            x |= group << shift;
            if byte < 0x80 {
                // Only one way to write a number.
                return (group > 0 || shift == 0).then_some(x);
            }
        }
        None
    }
    pub(super) fn i128(&mut self) -> Option<i128> {
        Some(i128::from_le_bytes(self.take(16)?.try_into().ok()?))
    }
    pub(super) fn f64(&mut self) -> Option<f64> {
        Some(f64::from_bits(u64::from_le_bytes(self.take(8)?.try_into().ok()?)))
    }
    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = self.u64()?;
        self.take(usize::try_from(len).ok()?)
    }
    pub(super) fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }
    pub(super) fn shared(&mut self) -> Option<Arc<str>> {
        self.text().map(Arc::from)
    }
    pub(super) fn option<T>(&mut self, read: impl FnOnce(&mut Reader<'a>) -> Option<T>) -> Option<Option<T>> {
        if self.bool()? { read(self).map(Some) } else { Some(None) }
    }
    pub(super) fn maybe_text(&mut self) -> Option<Option<Arc<str>>> {
        self.option(Reader::shared)
    }
    pub(super) fn list<T>(&mut self, mut read: impl FnMut(&mut Reader<'a>) -> Option<T>) -> Option<Vec<T>> {
        let len = self.u64()?;
        // Every item takes a byte or more.
        if len > self.0.len() as u64 {
            return None;
        }
        (0..len).map(|_| read(self)).collect()
    }
    pub(super) fn trust(&mut self) -> Option<TrustVector> {
        let mut trust = TrustVector::default();
        for x in &mut trust.0 {
            *x = self.f64()?;
        }
        Some(trust)
    }
    pub(super) fn stored(&mut self) -> Option<StoreValue> {
        match self.u8()? {
            0 => self.text().map(|text| StoreValue::Text(text.into())),
            1 => self.f64().map(StoreValue::Number),
            2 => self.bool().map(StoreValue::Bool),
            _ => None,
        }
    }
    pub(super) fn value(&mut self, depth: u8) -> Option<Value> {
        match self.u8()? {
            0 => Some(Value::Null),
            1 => self.f64().map(Value::Number),
            2 => self.bool().map(Value::Bool),
            3 => self.text().map(|text| Value::Text(text.into())),
            4 => self.text().map(|did| Value::Did(did.into())),
            5 => self.trust().map(Value::Trust),
            6 if depth < MAX_TYPE_DEPTH => {
                self.list(|r| r.value(depth + 1)).map(|items| Value::Array(items.into()))
            }
            _ => None,
        }
    }
    pub(super) fn quota(&mut self) -> Option<Option<GasUnits>> {
        self.option(|r| {
            Some(GasUnits { network: r.u64()?, compute: r.u64()?, storage: r.u64()?, realm: r.u64()? })
        })
    }
    pub(super) fn policies(&mut self) -> Option<Arc<[RealmPolicy]>> {
        let policies = self.list(|r| {
            let (name, source) = (r.shared()?, r.maybe_text()?);
            let module = Module::load(r.bytes()?).ok()?;
            let executable = module.policies().first()?.executable().clone();
            Some(RealmPolicy { name, source, executable })
        });
        policies.map(Arc::from)
    }
    /// A realm's own facts, into a record that has none.
    pub(super) fn realm_facts(&mut self, id: Arc<str>) -> Option<RealmRecord> {
        Some(RealmRecord {
            id,
            name: self.maybe_text()?,
            owner: self.maybe_text()?,
            trust_threshold: self.f64().filter(|x| x.is_finite())?,
            quarantined: self.bool()?,
            policies: self.policies()?,
            quota: self.quota()?,
            created_at: self.u64()?,
            ..RealmRecord::default()
        })
    }
}
