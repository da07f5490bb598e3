//! The builtin functions by name. Their types and effects are the checker's table; their gas is the instruction's.

macro_rules! builtins {
    ($($variant:ident = $name:literal),+ $(,)?) => {
        /// A builtin function.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(u8)]
        #[allow(missing_docs, reason = "each variant is the builtin of the same name; docs/ecl.md describes them")]
        pub enum Builtin { $($variant),+ }
        impl Builtin {
            /// Every builtin.
            pub const ALL: &'static [Builtin] = &[$(Builtin::$variant),+];
            /// Its name in the language.
            pub fn name(self) -> &'static str {
                match self { $(Builtin::$variant => $name),+ }
            }
            /// The builtin of that name.
            pub fn from_name(name: &str) -> Option<Builtin> {
                match name { $($name => Some(Builtin::$variant),)+ _ => None }
            }
        }
    };
}

builtins! {
    LoadTrust = "load_trust",
    TrustNorm = "trust_norm",
    TrustWeighted = "trust_weighted",
    TrustCombine = "trust_combine",
    TrustCreate = "trust_create",
    TrustAboveThreshold = "trust_above_threshold",
    TrustDistance = "trust_distance",
    HasCredential = "has_credential",
    ResolveDid = "resolve_did",
    Did = "did",
    GetBalance = "get_balance",
    IsMember = "is_member",
    MemberCount = "member_count",
    TrustThreshold = "trust_threshold",
    GetMetric = "get_metric",
    StoreGet = "store_get",
    StoreGetNumber = "store_get_number",
    StoreGetBool = "store_get_bool",
    StorePut = "store_put",
    StoreDelete = "store_delete",
    UpdateTrust = "update_trust",
    CastVote = "cast_vote",
    CrossRealm = "cross_realm",
    GetTimestamp = "get_timestamp",
    TimeSince = "time_since",
    Abs = "abs",
    Sqrt = "sqrt",
    Floor = "floor",
    Ceil = "ceil",
    Round = "round",
    Min = "min",
    Max = "max",
    Clamp = "clamp",
    Lerp = "lerp",
    Surprisal = "surprisal",
    StrLen = "str_len",
    StrContains = "str_contains",
    StrStartsWith = "str_starts_with",
    StrEndsWith = "str_ends_with",
    StrEqIgnoreCase = "str_eq_ignore_case",
    ArrayLen = "array_len",
    ArrayGet = "array_get",
    Contains = "contains",
    Log = "log",
}
