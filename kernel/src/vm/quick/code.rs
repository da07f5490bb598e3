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
    RequireLt,
    RequireLe,
    FieldJumpK,
    FieldRequireK,
    FieldReturnK,
    /// `Const` and `Return`.
    ReturnK,
    /// `LoopMore`, and where it goes on the element goes to register x.
    NextElem,
    /// `NextElem`, and elements that the scan of number `k` knows are done with it (see `scan`).
    Scan,
    /// `Inc`, and back.
    IncBack,
    /// `IncBack` and the `NextElem` at the head: `to` is behind it, `k` the head's units, which are paid where there is no
    /// further element.
    ElemNext,
    /// The norm of the vector in b, or the distance of those in b and c, which goes to a as well, compared with `k`.
    NormRequireK,
    DistanceRequireK,
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
    // The same of vectors whose six numbers stand in registers, b (and c) the first (see `spread`).
    NormOfSix,
    NormOfSixRequireK,
    NormOfSixRequireGeK,
    DistanceOfSix,
    DistanceOfSixRequireK,
    DistanceOfSixRequireLtK,
    TimeSince,
    /// All other straight instructions: `step::straight` knows them.
    Straight,
    // Texts that come in are interned for these: whether b is the constant `k`, or one of the texts or DIDs whose indexes are
    // bits of `k`. Bit `TURNED` of x turns the answer round; a jump is taken, and a `require` holds, where it is true. What
    // texts cost (see `units`) is fixed up to the length in the other bits of x.
    TextIs,
    TextIsJump,
    TextIsRequire,
    TextIn,
    TextInJump,
    TextInRequire,
    DidIs,
    DidIn,
    /// Whether text b begins with the bytes of `k`, whose number is in the other bits of x; the rest as above.
    StartsWithK,
    StartsWithJumpK,
    StartsWithRequireK,
    // Texts and arrays; see `reads::sized`.
    /// `==` of DIDs, which costs no more than other instructions; bit `DIFFERS` of x: `!=`.
    EqDid,
    EqDidRequire,
    /// `==` of texts, priced by size; x as above.
    EqText,
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
    /// `LoadTrust` to six registers.
    LoadSix,
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
    /// A register. Of a jump: the Compute units that it adds where it is taken, which may be negative (see `units`). Of an
    /// instruction on interned texts, until sums are made: its units for short ones.
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

/// An instruction whose comparison is known, with the comparison in its code.
pub(super) fn specialised(op: QuickOp) -> QuickOp {
    let turned = QuickOp { a: op.c as u8, c: i16::from(op.a), ..op };
    match (op.code, op.x & ANY) {
        (Quick::CompareRequire, 0b0010) => QuickOp { code: Quick::RequireLt, ..op },
        (Quick::CompareRequire, 0b1010) => QuickOp { code: Quick::RequireLe, ..op },
        (Quick::CompareRequire, 0b0100) => QuickOp { code: Quick::RequireLt, ..turned },
        (Quick::CompareRequire, 0b1100) => QuickOp { code: Quick::RequireLe, ..turned },
        (code, x) => QuickOp { code: specialised_code(code, x), ..op },
    }
}

fn specialised_code(code: Quick, x: u8) -> Quick {
    match (code, x) {
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
        (Quick::NormOfSixRequireK, 0b1100) => Quick::NormOfSixRequireGeK,
        (Quick::DistanceOfSixRequireK, 0b0010) => Quick::DistanceOfSixRequireLtK,
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

/// In `x` of an instruction on interned texts.
pub(super) const TURNED: u8 = 1;
/// Where the other bits of such an `x` begin.
pub(super) const LENGTH_SHIFT: u8 = 1;

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
            | TextIsJump
            | TextInJump
            | StartsWithJumpK
            | NextElem
            | Scan
            | IncBack
            | ElemNext
    )
}
