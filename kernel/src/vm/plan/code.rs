//! What the scalar engine runs: planned instructions.

/// What a planned instruction does. Suffixes: `K`, operand c is a constant (in `c`); `Kr`, operand b is.
#[allow(
    missing_docs,
    reason = "each is the portable instruction of the same name, or a fusion of those it names"
)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Code {
    // Settling.
    Charge,
    Jump,
    JumpBack,
    JumpTrue,
    JumpFalse,
    JumpNull,
    JumpSome,
    LoopLess,
    LoopMore,
    ForNext,
    Require,
    Return,
    Call,
    CmpJump,
    CmpJumpK,
    CmpRequire,
    CmpRequireK,
    CmpReturn,
    CmpReturnK,
    FieldCmpJumpK,
    FieldCmpRequireK,
    FieldCmpReturnK,
    EntryTrust,
    /// Everything that settles and then charges for itself: `step` knows them by their portable opcode.
    Step,
    // Straight.
    Const,
    Move,
    Unwrap,
    Std,
    Inc,
    Elem,
    RangeCheck,
    Add,
    AddK,
    Sub,
    SubK,
    SubKr,
    Mul,
    MulK,
    Div,
    DivK,
    DivKr,
    Rem,
    RemK,
    RemKr,
    Neg,
    Not,
    Cmp,
    CmpK,
    EqBits,
    NeBits,
    Field,
    Index,
    TrustNorm,
    /// Straight instructions that are rare: `step::straight` knows them by their portable opcode.
    Straight,
}

/// A comparison of numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Cmp {
    Lt = 0,
    Le = 1,
    Gt = 2,
    Ge = 3,
    Eq = 4,
    Ne = 5,
}

impl Cmp {
    #[inline(always)]
    pub(crate) fn of_bits(bits: u8) -> Cmp {
        match bits {
            0 => Cmp::Lt,
            1 => Cmp::Le,
            2 => Cmp::Gt,
            3 => Cmp::Ge,
            4 => Cmp::Eq,
            _ => Cmp::Ne,
        }
    }
    /// The comparison with its sides exchanged.
    pub(super) fn flipped(self) -> Cmp {
        match self {
            Cmp::Lt => Cmp::Gt,
            Cmp::Le => Cmp::Ge,
            Cmp::Gt => Cmp::Lt,
            Cmp::Ge => Cmp::Le,
            same => same,
        }
    }
}

/// In `x` of a fused comparison: bits 0..3 the [`Cmp`], bit 3 jump where true (else where false), bits 4..7 component.
pub(crate) const CMP_MASK: u8 = 7;
pub(crate) const JUMP_IF: u8 = 8;
pub(crate) const COMPONENT_SHIFT: u8 = 4;

/// In `x` of a call: nobody reads its arguments' registers afterwards.
pub(crate) const DEAD_ARGUMENTS: u8 = 1;

/// In `x` of a `move`, a `not`, a branch on a register and a `require`: nobody reads the register that it reads afterwards.
pub(crate) const DEAD: u8 = 1;
/// In `x` of a branch on a register: nobody reads that register where the branch is not taken.
pub(crate) const DEAD_BEHIND: u8 = 2;

/// One planned instruction: 16 bytes.
#[derive(Clone, Copy, Debug)]
pub struct PlanOp {
    pub(crate) code: Code,
    pub(crate) x: u8,
    pub(crate) a: u16,
    pub(crate) b: u16,
    pub(crate) c: u16,
    /// Compute units that are settled here.
    pub(crate) cost: u32,
    /// A target in the plan, or an index in the plan's types.
    pub(crate) k: u32,
}

const _: () = assert!(core::mem::size_of::<PlanOp>() == 16);

/// A function in the plan.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlanFunction {
    pub(crate) entry: u32,
    pub(crate) registers: u16,
    pub(crate) params: u16,
}
