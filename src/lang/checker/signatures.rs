//! Types and effects of the builtins.

use crate::lang::builtins::Builtin;
use eclvm_kernel::program::EffectKind;

/// A parameter's or result's type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Number,
    Bool,
    Text,
    Did,
    Trust,
    OptNumber,
    OptText,
    OptBool,
    Numbers,
    /// An array of anything; `Elem` is its element.
    Array,
    Elem,
    /// A string, number or bool.
    Storable,
    Unit,
}

/// What the checker knows of a builtin.
pub(super) struct Signature {
    pub(super) params: &'static [Kind],
    pub(super) result: Kind,
    pub(super) effect: EffectKind,
    /// Whether it folds when its arguments are constant.
    pub(super) folds: bool,
}

pub(super) fn signature(builtin: Builtin) -> Signature {
    use Kind::{
        Array, Bool, Did, Elem, Number, Numbers, OptBool, OptNumber, OptText, Storable, Text, Trust, Unit,
    };
    let pure = |params, result| Signature { params, result, effect: EffectKind::Pure, folds: true };
    let reads = |params, result| Signature { params, result, effect: EffectKind::Read, folds: false };
    let writes = |params, result| Signature { params, result, effect: EffectKind::Write, folds: false };
    match builtin {
        Builtin::LoadTrust => reads(&[Did], Trust),
        Builtin::TrustNorm => pure(&[Trust], Number),
        Builtin::TrustWeighted => pure(&[Trust, Numbers], Number),
        Builtin::TrustCombine => pure(&[Trust, Trust], Trust),
        Builtin::TrustCreate => pure(&[Number, Number, Number, Number, Number, Number], Trust),
        Builtin::TrustAboveThreshold => pure(&[Trust, Number], Bool),
        Builtin::TrustDistance => pure(&[Trust, Trust], Number),
        Builtin::HasCredential => reads(&[Did, Text], Bool),
        Builtin::ResolveDid | Builtin::IsMember => reads(&[Did], Bool),
        Builtin::Did => pure(&[Text], Did),
        Builtin::GetBalance => reads(&[Did], Number),
        Builtin::MemberCount | Builtin::TrustThreshold => reads(&[], Number),
        Builtin::GetMetric | Builtin::StoreGetNumber => reads(&[Text], OptNumber),
        Builtin::StoreGet => reads(&[Text], OptText),
        Builtin::StoreGetBool => reads(&[Text], OptBool),
        Builtin::StorePut => writes(&[Text, Storable], Bool),
        Builtin::StoreDelete => writes(&[Text], Bool),
        Builtin::UpdateTrust => writes(&[Did, Number], Bool),
        Builtin::CastVote => writes(&[Text, Bool], Bool),
        Builtin::CrossRealm => reads(&[Text], Bool),
        Builtin::GetTimestamp => Signature { folds: false, ..pure(&[], Number) },
        Builtin::TimeSince => Signature { folds: false, ..pure(&[Number], Number) },
        Builtin::Abs
        | Builtin::Sqrt
        | Builtin::Floor
        | Builtin::Ceil
        | Builtin::Round
        | Builtin::Surprisal => pure(&[Number], Number),
        Builtin::Min | Builtin::Max => pure(&[Number, Number], Number),
        Builtin::Clamp | Builtin::Lerp => pure(&[Number, Number, Number], Number),
        Builtin::StrLen => pure(&[Text], Number),
        Builtin::StrContains | Builtin::StrStartsWith | Builtin::StrEndsWith | Builtin::StrEqIgnoreCase => {
            pure(&[Text, Text], Bool)
        }
        Builtin::ArrayLen => pure(&[Array], Number),
        Builtin::ArrayGet => pure(&[Array, Number], Elem),
        Builtin::Contains => pure(&[Elem, Array], Bool),
        Builtin::Log => Signature { folds: false, ..pure(&[Text], Unit) },
    }
}
