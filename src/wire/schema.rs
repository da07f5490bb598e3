//! Which key of a request is what.

use crate::kernel::program::{Program, StdInput};
use crate::kernel::types::Ty;
use foldhash::{HashMap, HashMapExt};

/// Up to this many keys a walk over lengths and bytes beats a hash.
const FEW: usize = 12;

/// The keys of a program's requests. Every known key has a slot: first the declared inputs, in order, then `caller`, `realm`
/// and `trust`.
#[derive(Clone, Debug)]
pub struct Schema {
    keys: Vec<Key>,
    /// Filled only where the keys are many. Requests choose what is looked up, never what is in it.
    table: HashMap<Box<[u8]>, usize>,
    inputs: usize,
}

/// A key that requests may have.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    name: Box<[u8]>,
    pub(crate) slot: usize,
    pub(crate) ty: Ty,
}

impl Schema {
    /// The keys of a program. `has_state`: whether there is host state, whose truth the standard input `trust` is; then
    /// `trust` is no key. A declared input hides the standard one of its name.
    pub fn new(program: &Program, has_state: bool) -> Schema {
        let inputs = program.inputs.len();
        let mut keys = Vec::with_capacity(inputs + 3);
        for (slot, input) in program.inputs.iter().enumerate() {
            keys.push(Key { name: input.name.as_bytes().into(), slot, ty: input.ty });
        }
        for (offset, standard) in [StdInput::Caller, StdInput::Realm, StdInput::Trust].into_iter().enumerate()
        {
            let hidden = program.inputs.iter().any(|input| input.name.as_ref() == standard.name());
            let known_to_host = has_state && standard == StdInput::Trust;
            if !hidden && !known_to_host {
                keys.push(Key {
                    name: standard.name().as_bytes().into(),
                    slot: inputs + offset,
                    ty: standard.ty(),
                });
            }
        }
        let mut table = HashMap::new();
        if keys.len() > FEW {
            for (index, key) in keys.iter().enumerate() {
                table.entry(key.name.clone()).or_insert(index);
            }
        }
        Schema { keys, table, inputs }
    }
    /// The number of declared inputs.
    pub fn inputs(&self) -> usize {
        self.inputs
    }
    /// Slots of a request: the inputs and the three standard ones, known here or not.
    pub(crate) fn slots(&self) -> usize {
        self.inputs + 3
    }
    /// The key of that name, looked for first at `hint`: requests of one source have their keys in one order.
    #[inline]
    pub(crate) fn find(&self, name: &[u8], hint: usize) -> Option<(usize, &Key)> {
        if let Some(key) = self.keys.get(hint).filter(|key| *key.name == *name) {
            return Some((hint, key));
        }
        if self.table.is_empty() {
            return self.keys.iter().enumerate().find(|(_, key)| *key.name == *name);
        }
        let index = *self.table.get(name)?;
        self.keys.get(index).map(|key| (index, key))
    }
}
