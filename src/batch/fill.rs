//! Requests, row by row, into columns. Only the ordinary is taken: a request with anything unusual about its inputs is left
//! out, and the scalar engine says what that means.

use super::asked::{asked_list, asked_text};
use super::intern::Interner;
use super::{Requests, TypedRows};
use bumpalo::Bump;
use eclvm_kernel::lanes::{Asks, InputColumn, LanePlan, NULL, masks};
use eclvm_kernel::limits::{MAX_ARRAY_ELEMENTS, MAX_TEXT_BYTES};
use eclvm_kernel::program::{Program, StdInput};
use eclvm_kernel::request::Request;
use eclvm_kernel::types::{Base, Ty};
use eclvm_kernel::value::{TrustVector, ValueRef};

/// What one input holds in each lane.
#[derive(Debug)]
enum Lanes {
    Words(Vec<f64>),
    Six(Box<[Vec<f64>; 6]>),
}

/// A piece of a column that is being filled: 64 places at most.
pub struct Filling<'f> {
    pub(super) ty: Ty,
    /// Of elements, where it is of lists.
    pub(super) elem: Ty,
    nullable: bool,
    pub(super) interner: &'f mut Interner,
    /// What is asked of it, where that is little.
    pub(super) asks: Option<&'f Asks>,
    /// Of vectors six columns, else the first.
    columns: [&'f mut [f64]; 6],
}

impl Filling<'_> {
    /// Puts a word; None is none, and false.
    #[inline(always)]
    pub(super) fn put(&mut self, at: usize, word: Option<u64>) -> bool {
        let [column, ..] = &mut self.columns;
        if let Some(slot) = column.get_mut(at) {
            *slot = f64::from_bits(word.unwrap_or(NULL));
        }
        word.is_some()
    }
    #[inline(always)]
    pub(super) fn put_null(&mut self, at: usize) -> bool {
        self.put(at, None);
        self.nullable
    }
    #[inline(always)]
    pub(super) fn put_vector(&mut self, at: usize, vector: &TrustVector) -> bool {
        for (column, x) in self.columns.iter_mut().zip(vector.0) {
            if let Some(slot) = column.get_mut(at) {
                *slot = x;
            }
        }
        vector.is_valid()
    }
}

impl Filling<'_> {
    /// Puts vectors, at most 64. The bits of those that are unusual.
    #[inline(always)]
    pub(super) fn put_vectors(self, vectors: impl Iterator<Item = TrustVector>) -> u64 {
        let [r, i, c, p, v, o] = self.columns;
        let places = r.iter_mut().zip(i).zip(c).zip(p).zip(v).zip(o);
        let mut odd = 0;
        for (at, ((((((r, i), c), p), v), o), vector)) in places.zip(vectors).enumerate() {
            [*r, *i, *c, *p, *v, *o] = vector.0;
            odd |= u64::from(!vector.is_valid()) << (at % 64);
        }
        odd
    }
}

/// One input, as each request is asked for it.
#[derive(Clone, Copy, Debug)]
struct Input {
    ty: Ty,
    /// A request must have it.
    required: bool,
    /// It may be null.
    nullable: bool,
}

/// Columns that are filled anew for each chunk.
#[derive(Debug, Default)]
pub(super) struct Fill {
    inputs: Vec<Input>,
    lanes: Vec<Lanes>,
    /// Lanes with ordinary requests.
    pub(super) active: Vec<u64>,
}

impl Fill {
    /// For requests of this program, with host state or without.
    pub(super) fn begin(&mut self, program: &Program, on_host: bool) {
        let mentions = |input| program.mentions(input);
        let trust = mentions(StdInput::Trust);
        // What is standard is not null, but may be missing.
        let standard = [
            (StdInput::Caller, mentions(StdInput::Caller) || (on_host && trust)),
            (StdInput::Realm, mentions(StdInput::Realm)),
            (StdInput::Trust, trust && !on_host),
        ]
        .map(|(std, required)| Input { ty: std.ty(), required, nullable: false });
        let declared = program.inputs.iter().map(|input| {
            let nullable = input.ty.is_optional();
            Input { ty: input.ty, required: !nullable, nullable }
        });
        self.inputs.clear();
        self.inputs.extend(declared.chain(standard));
        let is_vector = |ty: Ty| !ty.is_array() && ty.base() == Base::Trust;
        let lanes = |input: &Input| match is_vector(input.ty) {
            true => Lanes::Six(Box::default()),
            false => Lanes::Words(Vec::new()),
        };
        self.lanes = self.inputs.iter().map(lanes).collect();
    }

    /// Takes requests from `from` on, at most `most`; fewer where the interner is full. Says how many.
    pub(super) fn fill<R: Requests + ?Sized>(
        &mut self,
        plan: &LanePlan,
        interner: &mut Interner,
        requests: &R,
        (from, most): (usize, usize),
        on_host: bool,
        bump: &mut Bump,
    ) -> usize {
        let n = plan.program().inputs.len();
        self.active.clear();
        self.active.resize(masks::words(most), 0);
        for lanes in &mut self.lanes {
            // What no request gives is null.
            let clear = |words: &mut Vec<f64>| {
                words.clear();
                words.resize(most, f64::from_bits(NULL));
            };
            match lanes {
                Lanes::Words(words) => clear(words),
                Lanes::Six(six) => six.iter_mut().for_each(clear),
            }
        }
        for lane in 0..most {
            if lane > 0 && interner.is_full() {
                return lane;
            }
            bump.reset();
            let ordinary = match requests.request(from + lane, bump) {
                Ok(request) => self.row((lane, n), plan, interner, &request, on_host),
                Err(_) => false,
            };
            if ordinary {
                masks::insert(&mut self.active, lane);
            }
        }
        most
    }

    /// Takes rows with typed fields from `from` on, `most` of them.
    pub(super) fn fill_typed(
        &mut self,
        plan: &LanePlan,
        interner: &mut Interner,
        rows: &dyn TypedRows,
        (from, most): (usize, usize),
        on_host: bool,
    ) {
        self.active.clear();
        self.active.resize(masks::words(most), 0);
        let given_trust = on_host && rows.has(self.inputs.len() - 1);
        if given_trust || self.inputs.iter().enumerate().any(|(at, input)| input.required && !rows.has(at)) {
            // All are unusual.
            return;
        }
        masks::first(&mut self.active, most);
        for (at, lanes) in self.lanes.iter_mut().enumerate() {
            let room = |words: &mut Vec<f64>| {
                if !rows.has(at) {
                    words.clear();
                }
                words.resize(most, f64::from_bits(NULL));
            };
            match lanes {
                Lanes::Words(words) => room(words),
                Lanes::Six(six) => six.iter_mut().for_each(room),
            }
        }
        for (block, active) in self.active.iter_mut().enumerate() {
            let (first, end) = (block * 64, most.min(block * 64 + 64));
            for (at, (lanes, input)) in self.lanes.iter_mut().zip(&self.inputs).enumerate() {
                if !rows.has(at) {
                    continue;
                }
                let mut columns: [&mut [f64]; 6] = Default::default();
                match lanes {
                    Lanes::Words(words) => {
                        let [column, ..] = &mut columns;
                        *column = words.get_mut(first..end).unwrap_or(&mut []);
                    }
                    Lanes::Six(six) => {
                        for (column, words) in columns.iter_mut().zip(six.iter_mut()) {
                            *column = words.get_mut(first..end).unwrap_or(&mut []);
                        }
                    }
                }
                let elem = input.ty.elem().unwrap_or(Ty::UNIT);
                let asks = plan.asks(at);
                let filling =
                    Filling { ty: input.ty, elem, nullable: input.nullable, interner, asks, columns };
                *active &= !rows.fill(at, from + first, end - first, filling);
            }
        }
    }

    /// Puts a request to a program of `n` inputs into a lane; false where it is unusual, and then some columns may have it
    /// and some not.
    #[inline]
    fn row(
        &mut self,
        (lane, n): (usize, usize),
        plan: &LanePlan,
        interner: &mut Interner,
        request: &Request<'_>,
        on_host: bool,
    ) -> bool {
        if request.unknown_keys || request.inputs.len() > n {
            return false;
        }
        if on_host && request.trust != ValueRef::Missing {
            return false;
        }
        let missing = core::iter::repeat_n(ValueRef::Missing, n - request.inputs.len());
        let standard = [request.caller, request.realm, request.trust];
        let given = request.inputs.iter().copied().chain(missing).chain(standard);
        for (at, ((lanes, input), given)) in self.lanes.iter_mut().zip(&self.inputs).zip(given).enumerate() {
            match given {
                ValueRef::Missing if !input.required => continue,
                ValueRef::Null if input.nullable => continue,
                _ => {}
            }
            match (lanes, given) {
                (Lanes::Six(six), ValueRef::Trust(t)) if t.is_valid() => {
                    for (column, x) in six.iter_mut().zip(t.0) {
                        if let Some(slot) = column.get_mut(lane) {
                            *slot = x;
                        }
                    }
                }
                (Lanes::Words(words), given) => {
                    let asks = plan.asks(at);
                    match (word(interner, asks, given, input.ty), words.get_mut(lane)) {
                        (Some(bits), Some(slot)) => *slot = f64::from_bits(bits),
                        _ => return false,
                    }
                }
                _ => return false,
            }
        }
        true
    }

    /// The columns.
    pub(super) fn columns<'a>(&'a self, bump: &'a Bump) -> &'a [InputColumn<'a>] {
        bump.alloc_slice_fill_iter(self.lanes.iter().map(|lanes| match lanes {
            Lanes::Words(words) => InputColumn::Words(words),
            Lanes::Six(six) => InputColumn::Trust(six.each_ref().map(Vec::as_slice)),
        }))
    }
}

/// The bits of a text, or a list of texts, of which little is asked.
#[inline]
fn asked(interner: &mut Interner, asks: &Asks, given: ValueRef<'_>) -> Option<u64> {
    match given {
        ValueRef::Text(s) => asked_text(asks, s),
        ValueRef::Array(items) if items.len() <= MAX_ARRAY_ELEMENTS => {
            asked_list(interner, asks, items, |item, of| match item {
                ValueRef::Text(s) if s.len() <= MAX_TEXT_BYTES => Some(asks.element(s, of)),
                _ => None,
            })
        }
        _ => None,
    }
}

/// The bits of a value that is an ordinary one of its type, null aside; where little is asked of the input, its answers.
#[inline]
pub(super) fn word(interner: &mut Interner, asks: Option<&Asks>, given: ValueRef<'_>, ty: Ty) -> Option<u64> {
    if let Some(asks) = asks {
        return asked(interner, asks, given);
    }
    match given {
        ValueRef::Array(items) if ty.is_array() => {
            let elem = ty.elem()?;
            let sound = items.len() <= MAX_ARRAY_ELEMENTS && items.iter().all(|item| is_element(*item, elem));
            if sound { interner.array(items) } else { None }
        }
        _ if ty.is_array() => None,
        ValueRef::Number(n) if ty.base() == Base::Number && n.is_finite() => Some(n.to_bits()),
        ValueRef::Bool(b) if ty.base() == Base::Bool => Some(u64::from(b)),
        ValueRef::Text(s) if ty.base() == Base::Text && s.len() <= MAX_TEXT_BYTES => interner.text(s),
        ValueRef::Did(d) if ty.base() == Base::Did => interner.did(d.as_str()),
        _ => None,
    }
}

fn is_element(item: ValueRef<'_>, elem: Ty) -> bool {
    match item {
        ValueRef::Null => elem.is_optional(),
        ValueRef::Number(n) => elem.base() == Base::Number && n.is_finite(),
        ValueRef::Bool(_) => elem.base() == Base::Bool,
        ValueRef::Text(s) => elem.base() == Base::Text && s.len() <= MAX_TEXT_BYTES,
        ValueRef::Did(_) => elem.base() == Base::Did,
        _ => false,
    }
}
