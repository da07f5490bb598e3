//! A disk in memory that runs full, fails to flush, and loses power.

use eclvm::durable::StorageBackend;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

#[derive(Debug)]
struct Inner {
    /// What reads see.
    now: Vec<u8>,
    /// What was flushed.
    flushed: Vec<u8>,
    /// Writes since the last flush.
    unflushed: Vec<(u64, Vec<u8>)>,
    capacity: u64,
    /// Flushes that still succeed.
    flushes: u64,
    error: io::ErrorKind,
}

#[derive(Clone, Debug)]
pub(crate) struct Disk(Arc<Mutex<Inner>>);

impl Disk {
    pub(crate) fn new() -> Disk {
        Disk::with(Vec::new())
    }
    pub(crate) fn with(bytes: Vec<u8>) -> Disk {
        Disk(Arc::new(Mutex::new(Inner {
            flushed: bytes.clone(),
            now: bytes,
            unflushed: Vec::new(),
            capacity: u64::MAX,
            flushes: u64::MAX,
            error: io::ErrorKind::Other,
        })))
    }
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }
    pub(crate) fn len(&self) -> u64 {
        self.inner().now.len() as u64
    }
    pub(crate) fn set_capacity(&self, bytes: u64) {
        self.inner().capacity = bytes;
    }
    /// After so many more flushes each fails, with this error.
    pub(crate) fn fail_flushes_after(&self, flushes: u64, error: io::ErrorKind) {
        let mut inner = self.inner();
        (inner.flushes, inner.error) = (flushes, error);
    }
    /// What reads see now, as a killed process leaves it.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.inner().now.clone()
    }
    /// What is there after a loss of power: what was flushed, and of the rest whatever `luck` says, pages torn.
    pub(crate) fn after_power_loss(&self, mut luck: impl FnMut() -> u64) -> Vec<u8> {
        let inner = self.inner();
        let mut bytes = inner.flushed.clone();
        for (offset, data) in &inner.unflushed {
            let kept = match luck() % 4 {
                0 => 0,
                1 => (luck() as usize) % (data.len() + 1),
                _ => data.len(),
            };
            place(&mut bytes, *offset, &data[..kept]);
        }
        bytes
    }
}

fn place(bytes: &mut Vec<u8>, offset: u64, data: &[u8]) {
    let (from, to) = (offset as usize, offset as usize + data.len());
    if bytes.len() < to {
        bytes.resize(to, 0);
    }
    bytes[from..to].copy_from_slice(data);
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(Disk::len(self))
    }
    fn read(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let inner = self.inner();
        let bytes = inner.now.get(offset as usize..).and_then(|rest| rest.get(..len));
        bytes.map(<[u8]>::to_vec).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut inner = self.inner();
        if len > inner.capacity {
            return Err(io::ErrorKind::StorageFull.into());
        }
        inner.now.resize(len as usize, 0);
        // The length is kept at once; what it cuts off is not of interest here.
        inner.flushed.resize(len as usize, 0);
        Ok(())
    }
    fn sync_data(&self, _eventual: bool) -> io::Result<()> {
        let mut inner = self.inner();
        if inner.flushes == 0 {
            return Err(inner.error.into());
        }
        inner.flushes = inner.flushes.saturating_sub(1);
        inner.flushed = inner.now.clone();
        inner.unflushed.clear();
        Ok(())
    }
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut inner = self.inner();
        if offset + data.len() as u64 > inner.capacity {
            return Err(io::ErrorKind::StorageFull.into());
        }
        place(&mut inner.now, offset, data);
        inner.unflushed.push((offset, data.to_vec()));
        Ok(())
    }
}
