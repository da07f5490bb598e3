//! The table. A line is: opcode, mnemonic, operands a, b, c, the extra byte x, gas (schedule V1), meaning.

use crate::gas::GasLayer;

/// What type an operand must have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sig {
    /// number
    N,
    /// bool
    B,
    /// string
    S,
    /// did
    D,
    /// trust
    T,
    /// number?
    OptN,
    /// string?
    OptS,
    /// bool?
    OptB,
    /// `[number]`
    Nums,
    /// Any array that is not optional.
    Array,
    /// Anything; the verifier has a rule of its own for the opcode.
    Any,
}

/// What an operand is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Not used; must be 0.
    None,
    /// A register that is written.
    W(Sig),
    /// A register that is read.
    R(Sig),
    /// A register that is read and written.
    RW(Sig),
    /// A register that is read, or a constant where the flag for this operand is set in x.
    V(Sig),
    /// The first of that many consecutive registers, all of this type.
    Args(u8, Sig),
    /// A constant.
    K,
    /// A constant text, or [`super::NO_CONST`].
    OptText,
    /// A jump target: an instruction of the same function.
    Target,
    /// A function.
    Func,
    /// The first of `c` consecutive registers.
    Elements,
    /// A plain number.
    Count,
    /// The first argument register of a call.
    CallArgs,
}

/// What the extra byte is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum X {
    /// Not used; must be 0.
    Zero,
    /// [`super::CONST_B`] and [`super::CONST_C`].
    Flags,
    /// A component of a trust vector, 0 to 5.
    Component,
    /// A standard input, 0 to 3.
    Std,
}

/// What an instruction costs under schedule V1 (gas.md, section 2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GasRule {
    /// Nothing.
    Free,
    /// So many units of a layer.
    Fixed(GasLayer, u32),
    /// Compute 1 per element of the literal.
    PerElement,
    /// Compute 1 + ceil(bytes of all string operands / 32).
    Text,
    /// `==` and `!=`: strings as `Text`, arrays as `Search`, all else, and where one side is null, Compute 1.
    Equal,
    /// Compute 1 + ceil(elements of all array operands / 8) + ceil(bytes of their strings and of a string looked for / 32).
    Search,
    /// Storage 10 + ceil(bytes of key and value / 64); mana 1 + ceil(bytes of value / 1 024).
    Put,
    /// Storage 2 + ceil(bytes of name and payload / 64); `emit` also mana 1 + ceil(bytes of payload / 1 024).
    Event,
    /// Network 5 on host state, nothing where trust is an input.
    EntryTrust,
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct OpInfo {
    /// The opcode.
    pub op: Op,
    /// Its name in a disassembly.
    pub mnemonic: &'static str,
    /// Operands a, b, c.
    pub operands: [Role; 3],
    /// The extra byte.
    pub x: X,
    /// What it costs.
    pub gas: GasRule,
    /// What it does.
    pub doc: &'static str,
}

use GasRule::{EntryTrust as GasEntryTrust, Equal, Event, Fixed, Free, PerElement, Put, Search, Text};
use Role::{Args, Count, Elements, Func, K, None as No, OptText, R, RW, Target, V, W};
use Sig::{Any, Array, B, D, N, Nums, OptB, OptN, OptS, S, T};
use X::{Component, Flags, Std as StdByte, Zero};

const C1: GasRule = Fixed(GasLayer::Compute, 1);
const C2: GasRule = Fixed(GasLayer::Compute, 2);
const N5: GasRule = Fixed(GasLayer::Network, 5);
const S10: GasRule = Fixed(GasLayer::Storage, 10);

macro_rules! table {
    ($($op:ident $mnemonic:literal [$a:expr, $b:expr, $c:expr] $x:ident $gas:expr, $doc:literal;)+) => {
        /// The opcodes.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Op { $(#[doc = $doc] $op),+ }
        impl Op {
            /// Every opcode, in order of its byte.
            pub const ALL: &'static [Op] = &[$(Op::$op),+];
            pub(crate) const TABLE: &'static [OpInfo] = &[$(OpInfo {
                op: Op::$op, mnemonic: $mnemonic, operands: [$a, $b, $c], x: $x, gas: $gas, doc: $doc,
            }),+];
            const FIRST: OpInfo = OpInfo {
                op: Op::EntryTrust, mnemonic: "entry_trust", operands: [No, No, No], x: Zero, gas: GasEntryTrust, doc: "",
            };
        }
    };
}

impl Op {
    /// The opcode of a byte.
    pub fn from_byte(byte: u8) -> Option<Op> {
        Op::ALL.get(usize::from(byte)).copied()
    }
    /// The opcode's line of the table.
    #[inline]
    pub fn info(self) -> &'static OpInfo {
        // The table has a line for every opcode, in order (asserted in the tests); the first line stands in for none.
        match Op::TABLE.get(self as usize) {
            Some(info) => info,
            None => &Op::FIRST,
        }
    }
    /// The plan's promise E5-2: layer and units of an instruction, for what has fixed units; the units that do not
    /// depend on sizes for the rest.
    pub fn gas_layer_cost(self) -> (GasLayer, u64) {
        match self.info().gas {
            Free | PerElement => (GasLayer::Compute, 0),
            Fixed(layer, units) => (layer, u64::from(units)),
            Text | Equal | Search => (GasLayer::Compute, 1),
            Put => (GasLayer::Storage, 10),
            Event => (GasLayer::Storage, 2),
            GasEntryTrust => (GasLayer::Network, 5),
        }
    }
    /// The units of [`Op::gas_layer_cost`].
    pub fn gas_cost(self) -> u64 {
        self.gas_layer_cost().1
    }
}

table! {
    EntryTrust "entry_trust" [No, No, No] Zero GasEntryTrust, "loads the standard input `trust`; the first instruction of a policy that mentions it";
    Const "const" [W(Any), K, No] Zero Free, "a = constant b";
    Move "move" [W(Any), R(Any), No] Zero Free, "a = b";
    Unwrap "unwrap" [W(Any), R(Any), No] Zero Free, "a = b, which is not null (TypeMismatch if it is)";
    Std "std" [W(Any), No, No] StdByte Free, "a = standard input x";
    Jump "jump" [No, No, Target] Zero Free, "go to c";
    JumpTrue "jump_true" [R(B), No, Target] Zero Free, "if a go to c";
    JumpFalse "jump_false" [R(B), No, Target] Zero Free, "if not a go to c";
    LoopLess "loop_less" [R(N), R(N), Target] Zero Free, "unless a < b go to c";
    LoopMore "loop_more" [R(N), R(Array), Target] Zero Free, "unless a < length of b go to c";
    Step "step" [RW(N), No, No] Zero Free, "a = a + 1";
    Elem "elem" [W(Any), R(Array), R(N)] Zero Free, "a = element c of b, within a loop over b";
    RangeCheck "range_check" [R(N), R(N), No] Zero Free, "DomainError unless a and b are whole numbers of at most 2^53 in size";
    Round "round" [No, No, No] Zero C1, "a round of a loop begins";
    BrTrue "br_true" [R(B), No, Target] Zero C1, "if a go to c";
    BrFalse "br_false" [R(B), No, Target] Zero C1, "if not a go to c";
    BrNull "br_null" [R(Any), No, Target] Zero C1, "if a is null go to c";
    BrSome "br_some" [R(Any), No, Target] Zero C1, "if a is not null go to c";
    Require "require" [R(B), OptText, No] Zero C1, "deny with message b unless a";
    Return "return" [R(Any), No, No] Zero C1, "return a";
    Call "call" [W(Any), Func, Role::CallArgs] Zero C2, "a = function b of the registers from c";
    Add "add" [W(N), V(N), V(N)] Flags C1, "a = b + c";
    Sub "sub" [W(N), V(N), V(N)] Flags C1, "a = b - c";
    Mul "mul" [W(N), V(N), V(N)] Flags C1, "a = b * c";
    Div "div" [W(N), V(N), V(N)] Flags C1, "a = b / c; DivisionByZero";
    Rem "rem" [W(N), V(N), V(N)] Flags C1, "a = b % c; DivisionByZero";
    Neg "neg" [W(N), R(N), No] Zero C1, "a = -b";
    Not "not" [W(B), R(B), No] Zero C1, "a = !b";
    Lt "lt" [W(B), V(N), V(N)] Flags C1, "a = b < c";
    Le "le" [W(B), V(N), V(N)] Flags C1, "a = b <= c";
    Gt "gt" [W(B), V(N), V(N)] Flags C1, "a = b > c";
    Ge "ge" [W(B), V(N), V(N)] Flags C1, "a = b >= c";
    Eq "eq" [W(B), V(Any), V(Any)] Flags Equal, "a = b == c";
    Ne "ne" [W(B), V(Any), V(Any)] Flags Equal, "a = b != c";
    Field "field" [W(N), R(T), No] Component C1, "a = component x of b";
    Index "index" [W(Any), V(Array), V(N)] Flags C1, "a = element c of b; IndexOutOfRange";
    ArrayLit "array" [W(Any), Elements, Count] Zero PerElement, "a = array of the c registers from b; ValueTooLarge";
    Concat "concat" [W(S), V(S), V(S)] Flags Text, "a = b joined with c; ValueTooLarge";
    TrustNorm "trust_norm" [W(N), V(T), No] Flags C2, "a = mean of the six components of b";
    TrustWeighted "trust_weighted" [W(N), V(T), V(Nums)] Flags C2, "a = weighted mean of b; DomainError";
    TrustCombine "trust_combine" [W(T), V(T), V(T)] Flags C2, "a = 1-(1-b)(1-c) per component";
    TrustCreate "trust_create" [W(T), Args(6, N), No] Zero C2, "a = vector of the six registers from b; DomainError";
    TrustAbove "trust_above_threshold" [W(B), V(T), V(N)] Flags C2, "a = all components of b are >= c";
    TrustDistance "trust_distance" [W(N), V(T), V(T)] Flags C2, "a = Euclidean distance of b and c";
    Now "get_timestamp" [W(N), No, No] Zero C1, "a = now";
    TimeSince "time_since" [W(N), V(N), No] Flags C1, "a = max(0, now - b)";
    Abs "abs" [W(N), R(N), No] Zero C1, "a = |b|";
    Sqrt "sqrt" [W(N), R(N), No] Zero C1, "a = square root of b; DomainError";
    Floor "floor" [W(N), R(N), No] Zero C1, "a = b rounded down";
    Ceil "ceil" [W(N), R(N), No] Zero C1, "a = b rounded up";
    RoundNumber "round_number" [W(N), R(N), No] Zero C1, "a = b rounded, halves away from zero";
    Min "min" [W(N), V(N), V(N)] Flags C1, "a = the smaller of b and c";
    Max "max" [W(N), V(N), V(N)] Flags C1, "a = the larger of b and c";
    Clamp "clamp" [W(N), Args(3, N), No] Zero C1, "a = b, no less than b+1 and no more than b+2; DomainError";
    Lerp "lerp" [W(N), Args(3, N), No] Zero C1, "a = b + (b+1 - b) * b+2";
    Surprisal "surprisal" [W(N), R(N), No] Zero C1, "a = -log2 b; DomainError";
    StrLen "str_len" [W(N), V(S), No] Flags Text, "a = characters of b";
    StrContains "str_contains" [W(B), V(S), V(S)] Flags Text, "a = c stands in b";
    StrStartsWith "str_starts_with" [W(B), V(S), V(S)] Flags Text, "a = b begins with c";
    StrEndsWith "str_ends_with" [W(B), V(S), V(S)] Flags Text, "a = b ends with c";
    StrEqIgnoreCase "str_eq_ignore_case" [W(B), V(S), V(S)] Flags Text, "a = b equals c but for the case of ASCII letters";
    MakeDid "did" [W(D), V(S), No] Flags Text, "a = the DID written in b; InvalidDid";
    ArrayLen "array_len" [W(N), V(Array), No] Flags C1, "a = elements of b";
    Contains "contains" [W(B), V(Any), V(Array)] Flags Search, "a = b stands in c";
    LoadTrust "load_trust" [W(T), V(D), No] Flags N5, "a = trust vector of b";
    HasCredential "has_credential" [W(B), V(D), V(S)] Flags N5, "a = b holds credential c";
    ResolveDid "resolve_did" [W(B), V(D), No] Flags N5, "a = b is known";
    GetBalance "get_balance" [W(N), V(D), No] Flags N5, "a = balance of b; NumberOutOfRange";
    IsMember "is_member" [W(B), V(D), No] Flags N5, "a = b is a member of the realm";
    GetMetric "get_metric" [W(OptN), V(S), No] Flags N5, "a = metric b";
    MemberCount "member_count" [W(N), No, No] Zero C1, "a = members of the realm";
    RealmThreshold "trust_threshold" [W(N), No, No] Zero C1, "a = trust threshold of the realm";
    StoreGetText "store_get" [W(OptS), V(S), No] Flags S10, "a = text stored under b";
    StoreGetNumber "store_get_number" [W(OptN), V(S), No] Flags S10, "a = number stored under b";
    StoreGetBool "store_get_bool" [W(OptB), V(S), No] Flags S10, "a = truth value stored under b";
    StorePut "store_put" [W(B), V(S), V(Any)] Flags Put, "stores c under b; a = true";
    StoreDelete "store_delete" [W(B), V(S), No] Flags S10, "forgets b; a = whether it was there";
    UpdateTrust "update_trust" [W(B), V(D), V(N)] Flags Fixed(GasLayer::Storage, 50), "adds c to the trust of b; a = whether b is known; DomainError";
    CastVote "cast_vote" [W(B), V(S), V(B)] Flags Fixed(GasLayer::Storage, 100), "votes c on proposal b; a = true";
    CrossRealm "cross_realm" [W(B), V(S), No] Flags Fixed(GasLayer::Realm, 20), "a = realm b would let the caller in";
    Emit "emit" [No, K, V(Any)] Flags Event, "emits event b with payload c";
    Log "log" [No, V(S), No] Flags Event, "adds b to the run's log";
}
