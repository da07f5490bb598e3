//! What quick runs execute: planned code, with calls unfolded and constants in place.

use crate::vm::plan::Cmp;

/// What an instruction does. Suffix `K`: the right operand is the constant in `k`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Quick {
    /// Adds its units and does nothing else.
    Nothing,
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
    CompareJump,
    CompareJumpK,
    CompareRequire,
    CompareRequireK,
    CompareReturn,
    CompareReturnK,
    // The most frequent of these with the comparison in the code; `Not`: where it does not hold.
    JumpLtK,
    JumpLeK,
    JumpGtK,
    JumpGeK,
    JumpNotLtK,
    JumpNotLeK,
    JumpNotGtK,
    JumpNotGeK,
    RequireLtK,
    RequireLeK,
    RequireGtK,
    RequireGeK,
    FieldRequireGeK,
    FieldJumpK,
    FieldRequireK,
    FieldReturnK,
    /// `EqTextK`, and a jump where the answer is that of bit `JUMP_TRUE` of x.
    EqTextJumpK,
    /// `LoopMore`, and where it goes on the element goes to register x.
    NextElem,
    /// `Inc`, and back.
    IncBack,
    /// The norm of the vector in b, which goes to a as well, compared with `k`.
    NormRequireK,
    Const,
    Move,
    Unwrap,
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
    /// b times `k`, which goes to register x as well, and c added to it.
    MulKAdd,
    /// `MulK` and `MulKAdd`: b times `k` goes to register `to`, c times the `k` of the instruction behind, which is passed
    /// over, to x, their sum to a.
    MulKMulKAdd,
    Div,
    DivK,
    DivKr,
    Neg,
    Not,
    Compare,
    CompareK,
    FieldCompareK,
    EqBits,
    NeBits,
    Field,
    TrustNorm,
    TrustDistance,
    TimeSince,
    /// All other straight instructions: `step::straight` knows them.
    Straight,
    // Texts and arrays; see `reads::sized`.
    /// `==` of DIDs, which costs no more than other instructions; bit `DIFFERS` of x: `!=`.
    EqDid,
    /// `==` of texts, priced by size; x as above.
    EqText,
    /// `==` of DIDs or texts with the constant `k`, where those that come in are interned; x as above.
    EqDidK,
    EqTextK,
    /// Whether b is one of the texts or DIDs whose indexes are bits of `k`; c is the bytes that count, to the units of their
    /// number.
    InSetK,
    /// Whether b stands in the constant list `k` of interned texts or DIDs.
    InListK,
    /// Whether the interned constant `k` stands in list c.
    HasK,
    /// Whether b stands in an array of texts or DIDs.
    ContainsText,
    /// Whether b stands in any other array.
    Contains,
    StartsWith,
    EndsWith,
    // Questions to the host; see `reads::ask`.
    LoadTrust,
    HasCredential,
    ResolveDid,
    Balance,
    IsMember,
}

/// One instruction: 16 bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct QuickOp {
    pub(super) code: Quick,
    pub(super) x: u8,
    pub(super) a: u8,
    pub(super) b: u8,
    /// A register. Of a jump: the Compute units that it adds where it is taken, which may be negative (see `units`).
    pub(super) c: i16,
    /// A target, a message, or an index in the plan's types.
    pub(super) to: u16,
    /// A constant in register form.
    pub(super) k: u64,
}

const _: () = assert!(core::mem::size_of::<QuickOp>() == 16);

/// The answers of two numbers' comparison for which `cmp` holds. A comparison needs no branch then, and a jump where it
/// does not hold is a jump where the complement does:
///
/// ```text
///  bit 0: unordered (one of them is NaN)   bit 1: less   bit 2: greater   bit 3: equal
/// ```
pub(super) fn mask(cmp: Cmp) -> u8 {
    match cmp {
        Cmp::Lt => 0b0010,
        Cmp::Le => 0b1010,
        Cmp::Gt => 0b0100,
        Cmp::Ge => 0b1100,
        Cmp::Eq => 0b1000,
        Cmp::Ne => 0b0111,
    }
}

/// The code for a comparison whose mask is known.
pub(super) fn specialised(code: Quick, x: u8) -> Quick {
    match (code, x & ANY) {
        (Quick::CompareJumpK, 0b0010) => Quick::JumpLtK,
        (Quick::CompareJumpK, 0b1010) => Quick::JumpLeK,
        (Quick::CompareJumpK, 0b0100) => Quick::JumpGtK,
        (Quick::CompareJumpK, 0b1100) => Quick::JumpGeK,
        (Quick::CompareJumpK, 0b1101) => Quick::JumpNotLtK,
        (Quick::CompareJumpK, 0b0101) => Quick::JumpNotLeK,
        (Quick::CompareJumpK, 0b1011) => Quick::JumpNotGtK,
        (Quick::CompareJumpK, 0b0011) => Quick::JumpNotGeK,
        (Quick::CompareRequireK, 0b0010) => Quick::RequireLtK,
        (Quick::CompareRequireK, 0b1010) => Quick::RequireLeK,
        (Quick::CompareRequireK, 0b0100) => Quick::RequireGtK,
        (Quick::CompareRequireK, 0b1100) => Quick::RequireGeK,
        (Quick::FieldRequireK, 0b1100) => Quick::FieldRequireGeK,
        _ => code,
    }
}

/// All answers.
pub(super) const ANY: u8 = 0b1111;
/// In `x`: bits 0..4 the mask, bits 4..7 the component of a trust vector.
pub(super) const COMPONENT_SHIFT: u8 = 4;

/// In `x` of an instruction on texts, besides `CONST_B` and `CONST_C`: b is a DID, whose bytes cost nothing.
pub(super) const FREE_BYTES: u8 = 4;
/// The answer is turned round.
pub(super) const DIFFERS: u8 = 8;

/// A jump where the answer is true; else, where it is false.
pub(super) const JUMP_TRUE: u8 = 16;

/// Whether the comparison of these is one of `mask`.
#[inline(always)]
pub(super) fn holds(mask: u8, l: f64, r: f64) -> bool {
    let answer = u32::from(l <= r) | u32::from(l >= r) << 1;
    u32::from(mask) >> answer & 1 == 1
}

/// Whether it goes to `to` where it is taken.
pub(super) fn is_jump(code: Quick) -> bool {
    use Quick::*;
    matches!(
        code,
        Jump | JumpBack
            | JumpTrue
            | JumpFalse
            | JumpNull
            | JumpSome
            | LoopLess
            | LoopMore
            | ForNext
            | CompareJump
            | CompareJumpK
            | FieldJumpK
            | JumpLtK
            | JumpLeK
            | JumpGtK
            | JumpGeK
            | JumpNotLtK
            | JumpNotLeK
            | JumpNotGtK
            | JumpNotGeK
            | EqTextJumpK
            | NextElem
            | IncBack
    )
}
