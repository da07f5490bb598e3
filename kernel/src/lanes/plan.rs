//! The plan: a policy with its functions inlined, as blocks of column instructions. Made once, shared.

use super::asks::{self, Asks, Constants, Touching};
use super::columns::Arg;
use super::flatten::{self, Flat};
use super::flow;
use super::fuse;
use super::loaded;
use super::loops::{self, Loop};
use super::texts::{Arrays, Dictionary};
use crate::fault::Outcome;
use crate::gas::{GasUnits, Prices};
use crate::limits::{MADE_OVERHEAD_BYTES, MAX_RUN_BYTES};
use crate::program::{EffectKind, Program};
use crate::receipt::{Detail, Receipt};
use crate::span::Span;
use crate::types::{Base, Ty};
use crate::value::{TrustVector, Value};
use crate::verify::GasBound;
use crate::vm::Executable;
use core::fmt;
use std::sync::Arc;

/// Why a policy has no lane plan. The scalar engine runs it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unsupported {
    /// It writes: its requests run one after the other.
    Writes,
    /// It logs.
    Log,
    /// It asks other realms.
    CrossRealm,
    /// It makes texts, DIDs or arrays, or reads texts from a store.
    Makes,
    /// Arrays of arrays or of vectors, or arrays that are compared.
    Arrays,
    /// An operand that must be a constant here (weights, names of metrics).
    Operand,
    /// A bare expression whose value is a text, a DID or an array.
    Value,
    /// Functions that call themselves.
    Recursion,
    /// With its functions inlined it is too large.
    TooLarge,
    /// Code that the compiler does not make.
    Shape,
}

impl Unsupported {
    /// In a few words.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Unsupported::Writes => "it writes",
            Unsupported::Log => "it logs",
            Unsupported::CrossRealm => "it asks other realms",
            Unsupported::Makes => "it makes texts or arrays",
            Unsupported::Arrays => "it nests or compares arrays",
            Unsupported::Operand => "an operand is no constant",
            Unsupported::Value => "its value is a text or an array",
            Unsupported::Recursion => "it is recursive",
            Unsupported::TooLarge => "it is too large",
            Unsupported::Shape => "its code is of an unusual shape",
        }
    }
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

/// What a column instruction does. Names are those of the portable instructions where there is one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Code {
    Nop,
    Copy,
    CopySix,
    CopyTruth,
    /// A truth column as words of 0 or 1.
    Widen,
    Unwrap,
    UnwrapTruth,
    UnwrapSix,
    View,
    ViewSix,
    Now,
    Add,
    Sub,
    Mul,
    /// `b * c + d`, of a multiplication and an addition that nobody else sees; rounded twice, as they are.
    MulAdd,
    Div,
    Rem,
    Min,
    Max,
    Neg,
    Abs,
    Floor,
    Ceil,
    Round,
    Sqrt,
    Surprisal,
    TimeSince,
    Clamp,
    Lerp,
    Step,
    RangeCheck,
    Less,
    LessEq,
    Equal,
    NotEqual,
    /// Same bits.
    Same,
    /// Numbers of which one may be null.
    SameNumber,
    SameSix,
    SameTruth,
    SameText,
    Not,
    Field,
    Norm,
    Above,
    Distance,
    Combine,
    Create,
    Weighted,
    TextLen,
    TextContains,
    TextStarts,
    TextEnds,
    TextIgnoreCase,
    ArrayLen,
    Index,
    Elem,
    Contains,
    /// Of words of [`super::Asks`]: whether one has an answer that is wanted, whether a list has a text,
    Asked,
    HasText,
    /// and `ArrayLen`, and `Elem` and `Index`, of lists.
    TextsLen,
    TextAt,
    EntryTrust,
    LoadTrust,
    /// The same for those who take the vector from where answers stand.
    AskTrust,
    HasCredential,
    ResolveDid,
    GetBalance,
    IsMember,
    MemberCount,
    Threshold,
    Metric,
    StoreNumber,
    StoreTruth,
    /// A call: only its depth is left of it.
    Enter,
    Require,
    Jump,
    BranchTruth,
    BranchNull,
    LoopLess,
    LoopMore,
    /// `LoopMore` over a list that is a word of [`super::Asks`].
    MoreTexts,
    Return,
}

/// In `x`: the answer is turned round; a branch is taken where the test does not hold.
pub(crate) const NEGATED: u32 = 1;
/// In `x` of an instruction on words: its answer is a truth column.
pub(crate) const TO_TRUTH: u32 = 2;
/// In `x` of a comparison of texts: one of them may be null.
pub(crate) const NULLABLE: u32 = 2;
/// In `x` of a search: the elements are numbers.
pub(crate) const OF_NUMBERS: u32 = 1;
/// In `x` of a search: the elements are strings.
pub(crate) const OF_TEXTS: u32 = 2;

/// One column instruction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LaneOp {
    pub(crate) code: Code,
    /// The column that is written.
    pub(crate) a: u32,
    pub(crate) b: Arg,
    pub(crate) c: Arg,
    /// Of [`Code::MulAdd`] only.
    pub(crate) d: Arg,
    pub(crate) x: u32,
    /// The first of its exits.
    pub(crate) exit: u16,
    /// Whether lanes that do not run must keep what the column holds.
    pub(crate) keep: bool,
    pub(crate) layer: u8,
    pub(crate) units: u32,
}

/// Nowhere.
pub(crate) const NOWHERE: u32 = u32::MAX;

/// A way from one block to another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edge {
    pub(crate) to: u32,
    /// Units by which this way is dearer than the cheapest one to where it leads.
    pub(crate) add: [u64; 3],
}

/// Instructions that run one after the other; only the last may jump.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// Where it goes on, and where its jump goes.
    pub(crate) fall: Edge,
    pub(crate) taken: Edge,
    /// Units of the cheapest way to its first instruction.
    pub(crate) base: GasUnits,
}

/// How a run can end at one place.
#[derive(Clone, Copy, Debug)]
pub struct Exit {
    /// The outcome.
    pub outcome: Outcome,
    /// As in receipts.
    pub message: Option<u16>,
    /// As in receipts.
    pub span: Option<Span>,
    /// Units of the cheapest way here; what a request has on top stands in columns.
    pub gas: GasUnits,
    /// Whether there is a value to be kept.
    pub value: bool,
    pub(crate) op: u32,
    pub(crate) charged: bool,
}

/// A lane plan.
#[derive(Clone, Debug)]
pub struct LanePlan {
    exe: Arc<Executable>,
    pub(crate) ops: Vec<LaneOp>,
    pub(crate) blocks: Vec<Block>,
    pub(crate) exits: Vec<Exit>,
    pub(crate) columns: u32,
    pub(crate) truths: u32,
    pub(crate) memos: u32,
    pub(crate) texts: Dictionary,
    pub(crate) arrays: Arrays,
    pub(crate) lists: Vec<Vec<u64>>,
    pub(crate) inputs: Vec<Arg>,
    /// What is asked of each input, where it is little.
    asks: Vec<Option<Asks>>,
    /// Loops whose outcome is remembered.
    pub(crate) loops: Vec<Loop>,
    makes_in_loop: bool,
    extra: [bool; 3],
    value: Option<Ty>,
    lanes: usize,
}

impl LanePlan {
    /// Plans a policy, or says why it cannot be done.
    pub fn new(exe: &Arc<Executable>) -> Result<LanePlan, Unsupported> {
        let program = exe.program();
        if program.effect == EffectKind::Write {
            return Err(Unsupported::Writes);
        }
        let Flat { mut ops, mut exits, columns, truths, memos, texts, arrays, lists, inputs, targets, makes } =
            flatten::flatten(program)?;
        loaded::leave_in_place(&mut ops, columns, &inputs);
        let flow = flow::blocks(&mut ops, &targets, columns, &inputs)?;
        fuse::fuse(&mut ops, &flow.blocks);
        for exit in &mut exits {
            exit.gas = flow.gas_at(&ops, exit.op as usize, exit.charged);
        }
        let constants = Constants { texts: &texts, arrays: &arrays, lists: &lists };
        let touching = Touching::new(&ops, columns);
        let asks = program.inputs.iter().zip(&inputs).enumerate().map(|(at, (input, place))| match place {
            Arg::Word(column) if input.ty.base() == Base::Text && !input.ty.is_optional() => {
                let is_plain = !input.ty.elem().is_some_and(Ty::is_optional);
                is_plain.then(|| {
                    asks::find(&mut ops, &touching, (at, *column, input.ty.is_array()), &constants)
                })?
            }
            _ => None,
        });
        let asks = asks.collect();
        let sized = ops.iter().any(|op| op.is_sized());
        let extra = core::array::from_fn(|layer| {
            let dearer = |edge: &Edge| edge.add.get(layer).is_some_and(|n| *n > 0);
            (layer == super::gas::COMPUTE && sized)
                || flow.blocks.iter().any(|b| dearer(&b.fall) || dearer(&b.taken))
        });
        let lanes = lanes(&ops, columns);
        let loops = loops::find(&ops, &flow.blocks, columns, truths);
        let makes_in_loop = makes.iter().any(|op| flow.in_loop(*op as usize));
        let result = program.functions.first().map_or(Ty::BOOL, |f| f.result);
        let value = (program.expression && result != Ty::BOOL).then_some(result);
        Ok(LanePlan {
            exe: exe.clone(),
            ops,
            blocks: flow.blocks,
            exits,
            columns,
            truths,
            memos,
            texts,
            arrays,
            lists,
            inputs,
            asks,
            loops,
            makes_in_loop,
            extra,
            value,
            lanes,
        })
    }
    /// The policy.
    #[must_use]
    pub fn executable(&self) -> &Arc<Executable> {
        &self.exe
    }
    /// The program.
    #[must_use]
    pub fn program(&self) -> &Program {
        self.exe.program()
    }
    /// The worst-case gas.
    #[must_use]
    pub fn bound(&self) -> &GasBound {
        self.exe.verified().bound()
    }
    /// Where runs can end.
    #[must_use]
    pub fn exits(&self) -> &[Exit] {
        &self.exits
    }
    /// How many lanes a chunk does well with.
    #[must_use]
    pub fn lanes(&self) -> usize {
        self.lanes
    }
    /// Sets of lanes that say which exit each took ([`super::digits`]).
    #[must_use]
    pub fn digits(&self) -> usize {
        super::digits::digits(self.exits.len())
    }
    /// All that is asked of one of the policy's own inputs, where that is little: then its column has the words that [`Asks`]
    /// makes, and no ids. None where it may be anything.
    #[must_use]
    pub fn asks(&self, input: usize) -> Option<&Asks> {
        self.asks.get(input)?.as_ref()
    }
    /// The texts that the plan knows already: a batch's dictionary begins with them.
    #[must_use]
    pub fn texts(&self) -> &Dictionary {
        &self.texts
    }
    /// The arrays that the plan knows already: a batch's arrays begin with them.
    #[must_use]
    pub fn arrays(&self) -> &Arrays {
        &self.arrays
    }
    /// Which layers (Network, Compute, Storage) have units on top of those of the exit.
    #[must_use]
    pub fn extra(&self) -> [bool; 3] {
        self.extra
    }
    /// Units that every request has on top of its exit where `extra` has no column for them: those of loading `trust`, which
    /// cost by where it comes from.
    #[must_use]
    pub fn fixed(&self, on_host: bool) -> [u64; 3] {
        let [network, _, _] = self.extra;
        let loads = self.ops.first().is_some_and(|op| op.code == Code::EntryTrust);
        [if on_host && loads && !network { 5 } else { 0 }, 0, 0]
    }
    /// How many numbers the value of a run takes: 0 where the outcome says it all, 6 for a trust vector.
    #[must_use]
    pub fn value_width(&self) -> usize {
        match self.value {
            None => 0,
            Some(ty) if ty.base() == Base::Trust => 6,
            Some(_) => 1,
        }
    }
    /// Whether runs under these limits can make so much that memory might end them: then the scalar engine counts.
    #[must_use]
    pub fn may_fill_memory(&self, prices: &Prices, gas_limit: u64) -> bool {
        // A vector is made for at least 2 units and counts 48 bytes and the overhead.
        let per_unit = (48 + MADE_OVERHEAD_BYTES) / 2;
        let priced = prices.0.compute > 0 && prices.0.network > 0;
        self.makes_in_loop && !(priced && gas_limit < MAX_RUN_BYTES / per_unit)
    }
    /// The receipt of a request that ended at `exit`. `extra` are its units on top; `value` its numbers.
    #[must_use]
    pub fn receipt(
        &self,
        exit: &Exit,
        extra: [u64; 3],
        value: &[f64],
        prices: &Prices,
        version: u64,
    ) -> Receipt {
        let gas = exit.units(extra);
        let detail =
            exit.value.then(|| Box::new(Detail { value: self.value_of(value), ..Detail::default() }));
        Receipt {
            outcome: exit.outcome,
            message: exit.message,
            span: exit.span,
            gas,
            cost: prices.cost(&gas),
            mana: 0,
            version,
            detail,
        }
    }
    fn value_of(&self, words: &[f64]) -> Option<Value> {
        let ty = self.value?;
        let first = words.first().copied().unwrap_or(0.0);
        Some(match ty.base() {
            _ if first.to_bits() == super::columns::NULL => Value::Null,
            Base::Bool => Value::Bool(first.to_bits() != 0),
            Base::Trust => Value::Trust(TrustVector(words.try_into().unwrap_or([0.0; 6]))),
            _ => Value::Number(first),
        })
    }
}

/// As many lanes as the first cache holds of all columns that are stored, and one more; within bounds: what a chunk costs
/// besides is little among a thousand lanes, and nothing to speak of among four thousand.
fn lanes(ops: &[LaneOp], columns: u32) -> usize {
    const CACHE: usize = 32 << 10;
    let mut stored = vec![false; columns as usize];
    for op in ops {
        let is_view = matches!(op.code, Code::View | Code::ViewSix | Code::Field | Code::Now | Code::Step);
        if let (Some(at), false) = (op.writes(), is_view)
            && let Some(slot) = stored.get_mut(at as usize)
        {
            *slot = true;
        }
    }
    let stored = stored.iter().filter(|stored| **stored).count();
    let most = CACHE / 8 / (stored + 1);
    (most / 1_024 * 1_024).clamp(1_024, 4_096)
}

impl Exit {
    /// The units of a request that ended here, with what it had on top.
    #[must_use]
    pub fn units(&self, extra: [u64; 3]) -> GasUnits {
        let [network, compute, storage] = extra;
        GasUnits {
            network: self.gas.network.saturating_add(network),
            compute: self.gas.compute.saturating_add(compute),
            storage: self.gas.storage.saturating_add(storage),
            realm: 0,
        }
    }
}

impl LaneOp {
    pub(crate) fn is_sized(&self) -> bool {
        matches!(
            self.code,
            Code::SameText
                | Code::TextLen
                | Code::TextContains
                | Code::TextStarts
                | Code::TextEnds
                | Code::TextIgnoreCase
                | Code::Contains
                | Code::Asked
                | Code::HasText
        )
    }
    pub(crate) fn jumps(&self) -> bool {
        matches!(
            self.code,
            Code::Jump
                | Code::BranchTruth
                | Code::BranchNull
                | Code::LoopLess
                | Code::LoopMore
                | Code::MoreTexts
        )
    }
}
