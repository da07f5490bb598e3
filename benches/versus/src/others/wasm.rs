//! WebAssembly (crate wasmi, which interprets), with fuel: the policies by hand in `policies.wat`, a call for each request. Ready
//! requests lie in the machine's memory; others are written there first.

use crate::data::{Access, Data, Entry, Loop, Reliable, Transfer};
use crate::race::{Contender, Given, bits};
use eclvm::kernel::value::TrustVector;
use wasmi::{Config, Engine, Linker, Memory, Module, Store, TypedFunc};

/// Where requests begin: behind the texts of the policies.
const FIRST: usize = 1_024;
/// What a run may burn.
const FUEL: u64 = 1_000_000;

/// Bytes of a record, and of what it points to behind it.
#[derive(Default)]
struct Record {
    base: usize,
    head: Vec<u8>,
    tail: Vec<u8>,
    size: usize,
}

impl Record {
    fn begin(&mut self, base: usize, size: usize) {
        self.base = base;
        self.size = size;
        self.head.clear();
        self.tail.clear();
    }
    fn number(&mut self, n: f64) {
        self.head.extend_from_slice(&n.to_le_bytes());
    }
    fn vector(&mut self, t: &TrustVector) {
        t.0.into_iter().for_each(|x| self.number(x));
    }
    fn text(&mut self, s: &str) {
        let at = (self.base + self.size + self.tail.len()) as u32;
        self.head.extend_from_slice(&at.to_le_bytes());
        self.head.extend_from_slice(&(s.len() as u32).to_le_bytes());
        self.tail.extend_from_slice(s.as_bytes());
    }
    fn list(&mut self, items: &[String]) {
        self.head.extend_from_slice(&(items.len() as u32).to_le_bytes());
        items.iter().for_each(|s| self.text(s));
    }
    fn write(&self, memory: &mut [u8]) -> usize {
        let (head, tail) = (self.base, self.base + self.size);
        memory[head..head + self.head.len()].copy_from_slice(&self.head);
        memory[tail..tail + self.tail.len()].copy_from_slice(&self.tail);
        (tail + self.tail.len()).next_multiple_of(8)
    }
}

/// What a request is in memory.
trait Laid {
    fn size(&self) -> usize;
    fn lay(&self, record: &mut Record);
}
impl Laid for Reliable {
    fn size(&self) -> usize {
        48
    }
    fn lay(&self, record: &mut Record) {
        record.vector(&self.trust);
    }
}
impl Laid for Entry {
    fn size(&self) -> usize {
        52 + 8 * self.credentials.len()
    }
    fn lay(&self, record: &mut Record) {
        record.vector(&self.of);
        record.list(&self.credentials);
    }
}
impl Laid for Transfer {
    fn size(&self) -> usize {
        116 + 8 * self.credentials.len()
    }
    fn lay(&self, record: &mut Record) {
        record.number(self.amount);
        record.number(self.balance);
        record.vector(&self.from);
        record.vector(&self.to);
        record.list(&self.credentials);
    }
}
impl Laid for Access {
    fn size(&self) -> usize {
        20 + 8 * self.roles.len()
    }
    fn lay(&self, record: &mut Record) {
        record.text(&self.action);
        record.text(&self.resource);
        record.list(&self.roles);
    }
}
impl Laid for Loop {
    fn size(&self) -> usize {
        8
    }
    fn lay(&self, record: &mut Record) {
        record.number(self.seed);
    }
}

struct Machine {
    store: Store<()>,
    memory: Memory,
    decide: TypedFunc<i32, i32>,
}

impl Machine {
    fn new(name: &str) -> Machine {
        let mut config = Config::default();
        config.consume_fuel(true);
        let engine = Engine::new(&config);
        let module = Module::new(&engine, wat::parse_str(include_str!("policies.wat")).unwrap()).unwrap();
        let mut store = Store::new(&engine, ());
        store.set_fuel(FUEL).unwrap();
        let instance = Linker::<()>::new(&engine).instantiate_and_start(&mut store, &module).unwrap();
        let memory = instance.get_memory(&store, "memory").unwrap();
        let decide = instance.get_typed_func::<i32, i32>(&store, name).unwrap();
        Machine { store, memory, decide }
    }
    /// Makes room for so many bytes.
    fn reserve(&mut self, bytes: usize) {
        let pages = (bytes >> 16) as u64 + 1;
        self.memory.grow(&mut self.store, pages).unwrap();
    }
    fn passes(&mut self, at: usize) -> bool {
        self.store.set_fuel(FUEL).unwrap();
        self.decide.call(&mut self.store, at as i32).unwrap() == 1
    }
}

fn pair<'d, T: Laid>(name: &str, requests: &'d [T], some: usize) -> Vec<Contender<'d>> {
    let (mut machine, mut other) = (Machine::new(name), Machine::new(name));
    let mut record = Record::default();
    machine.reserve(some * 256);
    other.reserve(4_096);
    let mut at = FIRST;
    let mut places = Vec::with_capacity(some);
    for request in requests.iter().take(some) {
        record.begin(at, request.size());
        request.lay(&mut record);
        places.push(at);
        at = record.write(machine.memory.data_mut(&mut machine.store));
    }
    vec![
        Contender {
            engine: "wasmi, fuel",
            given: Given::Ready,
            requests: some,
            decide: Box::new(move |out| bits(out, some, |i| machine.passes(places[i]))),
        },
        Contender {
            engine: "wasmi, fuel",
            given: Given::FromStruct,
            requests: some,
            decide: Box::new(move |out| {
                bits(out, some, |i| {
                    record.begin(FIRST, requests[i].size());
                    requests[i].lay(&mut record);
                    record.write(other.memory.data_mut(&mut other.store));
                    other.passes(FIRST)
                });
            }),
        },
    ]
}

pub fn contenders(w: usize, data: &Data) -> Vec<Contender<'_>> {
    match w {
        1 => pair("w1", &data.w1, 32_768),
        2 => pair("w2", &data.w2, 32_768),
        3 => pair("w3", &data.w3, 32_768),
        4 => pair("w4", &data.w4, 32_768),
        _ => pair("w5", &data.w5, 1_024),
    }
}
